//! Error codes: what each means, whose fault it is, and what to do next.

use std::fmt;

use holdfast_domain::Text;

use crate::message::Bilingual;

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever wrote the request: its program or its settings.
    Caller,
    /// The merchant: its contract, or what it asked for at that moment.
    Merchant,
    /// The bank or wallet behind the gateway.
    Channel,
    /// The gateway and those who run it.
    Gateway,
    /// Nobody: it is how things are.
    Nobody,
}

/// Whether the same request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing was done, or it is done once only: send it again, a moment later.
    Safe,
    /// It is not known what was done: ask with `query` first, then send it again unchanged if need be.
    AfterQuery,
    /// It will be answered the same until something else changes.
    Pointless,
}

/// What there is to know about an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeSpec {
    /// The code on the wire.
    pub name: &'static str,
    /// The HTTP status with which it is answered.
    pub status: u16,
    /// Who can do something about it.
    pub fault: Fault,
    /// Whether the same request may be sent again.
    pub repeat: Repeat,
    /// What it means.
    pub text: Bilingual,
    /// What to do next.
    pub advice: Bilingual,
}

/// Defines the error codes, one line of the table each.
macro_rules! codes {
    ($(
        $code:ident = $name:literal, $status:literal, $fault:ident, $repeat:ident:
            $en:literal, $zh:literal => $advice_en:literal, $advice_zh:literal;
    )+) => {
        /// An error code of the protocol (`protocol.md` section 7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(
            #[doc = concat!("`", $name, "`: ", $en, ".")]
            $code,
        )+ }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &'static [Self] = &[$( Self::$code ),+];

            /// What there is to know about it.
            #[must_use]
            pub const fn spec(self) -> &'static CodeSpec {
                match self { $(
                    Self::$code => &CodeSpec {
                        name: $name,
                        status: $status,
                        fault: Fault::$fault,
                        repeat: Repeat::$repeat,
                        text: Bilingual { en: $en, zh: $zh },
                        advice: Bilingual { en: $advice_en, zh: $advice_zh },
                    },
                )+ }
            }
        }
    };
}

codes! {
    Success = "SUCCESS", 200, Nobody, Safe:
        "it was done",
        "成功"
        => "nothing; a repeat gets the same answer",
        "无需处理；重复请求得到相同的答复";
    BadRequest = "BAD_REQUEST", 200, Caller, Pointless:
        "the request cannot be read, or fields are missing or malformed",
        "请求报文有错"
        => "correct every field that the text names",
        "按错误说明逐项更正字段";
    BadSign = "BAD_SIGN", 401, Caller, Pointless:
        "the caller could not prove who it is",
        "认证失败：签名错误"
        => "check AppId and AppKey, or mid and its communication key, and sign exactly what is sent",
        "检查 AppId 与 AppKey，或商户号与其通讯密钥，并对实际发送的内容签名";
    UnreadableTimestamp = "1000", 412, Caller, Pointless:
        "the timestamp of the authentication cannot be read",
        "Timestamp解析失败"
        => "send it as yyyyMMddHHmmss in Beijing time",
        "按 yyyyMMddHHmmss（北京时间）发送";
    AbnormalRequestTime = "ABNORMAL_REQUEST_TIME", 401, Caller, Pointless:
        "the request is too old, or from the future",
        "请求时间异常"
        => "set the clock, and use Beijing time",
        "校准时钟，并使用北京时间";
    DeniedIp = "DENIED_IP", 403, Caller, Pointless:
        "the app may not call from this address",
        "IP 不在白名单内"
        => "call from a listed address, or have this one listed",
        "从白名单内的地址调用，或申请加入该地址";
    InvalidMsgsrc = "INVALID_MSGSRC", 200, Caller, Pointless:
        "the message source is wrong",
        "消息来源错误"
        => "use the msgSrc that belongs to the app",
        "使用与应用对应的 msgSrc";
    NoService = "NO_SERVICE", 404, Caller, Pointless:
        "nothing is served under this path or msgType",
        "没有对应的服务"
        => "correct the path or msgType, and use POST",
        "更正请求路径或 msgType，并使用 POST";
    NoMerchant = "NO_MERCHANT", 200, Merchant, Pointless:
        "the merchant is not set up, or not for this app",
        "商户未配置，或不属于该应用"
        => "check mid and tid, or have the merchant added to the app",
        "检查商户号与终端号，或为应用开通该商户";
    InactiveMerchant = "INACTIVE_MERCHANT", 200, Merchant, Pointless:
        "the merchant is frozen",
        "商户已冻结"
        => "ask those who run the gateway why",
        "联系平台运营方了解原因";
    InvalidMerchantConfig = "INVLID_MERCHANT_CONFIG", 200, Gateway, Pointless:
        "the merchant is set up wrongly",
        "商户配置错误"
        => "have those who run the gateway correct the merchant",
        "联系平台运营方更正商户配置";
    NoOrder = "NO_ORDER", 200, Caller, Pointless:
        "there is no such bill or order at this merchant",
        "无法找到指定的订单"
        => "check mid, billNo, billDate and the order number that the text names",
        "检查商户号、账单号、账单日期及错误说明所指的订单号";
    DupOrder = "DUP_ORDER", 200, Caller, Pointless:
        "the number was used before with other content",
        "订单号重复，且内容不同"
        => "use a new number, or repeat the first request unchanged",
        "使用新的订单号，或原样重发第一次的请求";
    OrderProcessing = "ORDER_PROCESSING", 200, Nobody, AfterQuery:
        "an earlier request about the bill is still running",
        "订单正在处理中"
        => "wait a minute, query, then repeat",
        "等待一分钟，查询后再重试";
    OperationNotAllowed = "OPERATION_NOT_ALLOWED", 200, Merchant, Pointless:
        "the bill, as it stands now, does not allow it",
        "当前状态不允许该操作"
        => "query the bill and do what it allows",
        "查询账单，按其当前状态操作";
    NoCrossDayTrading = "NO_CROSS_DAY_TRADING", 200, Merchant, Pointless:
        "a capture can be reversed only on its own business day",
        "不允许隔日撤销"
        => "refund instead",
        "请改用退款";
    HasCancelled = "HAS_CANCELLED", 200, Nobody, Pointless:
        "it was cancelled before",
        "该笔交易已撤销"
        => "nothing; it is as you want it",
        "无需处理，已是撤销状态";
    InvalidOrder = "INVALID_ORDER", 200, Caller, AfterQuery:
        "the order lacks what is needed to go on",
        "订单缺少关键信息"
        => "query the bill first, then repeat",
        "先查询账单，再重试";
    TargetFail = "TARGET_FAIL", 200, Channel, Pointless:
        "the bank or wallet refused",
        "目标系统拒绝"
        => "read its reason in the text; a new order needs a new number",
        "查看错误说明中的原因；重新发起须使用新的订单号";
    InvalidResponse = "INVALID_RESPONSE", 200, Channel, AfterQuery:
        "the bank or wallet gave an answer that cannot be understood; the outcome is not known yet",
        "目标系统响应无效，结果尚不明确"
        => "query until the outcome is known",
        "持续查询，直到结果明确";
    NetError = "NET_ERROR", 200, Channel, AfterQuery:
        "the bank or wallet could not be reached; the outcome is not known yet",
        "与目标系统通讯异常，结果尚不明确"
        => "query until the outcome is known",
        "持续查询，直到结果明确";
    Timeout = "TIMEOUT", 200, Channel, AfterQuery:
        "the bank or wallet has not answered yet; the outcome is not known, and nothing is lost",
        "处理超时，结果尚不明确，请求没有丢失"
        => "query until the outcome is known; the gateway goes on asking by itself",
        "持续查询，直到结果明确；网关会自行继续查询";
    TxnDiscarded = "TXN_DISCARDED", 503, Gateway, Safe:
        "the gateway has too much to do and did not begin",
        "系统繁忙，请求未被处理"
        => "repeat it unchanged after a few seconds",
        "几秒后原样重发";
    InternalError = "INTERNAL_ERROR", 500, Gateway, AfterQuery:
        "something broke in the gateway",
        "内部错误"
        => "query, and tell those who run the gateway the time of the request",
        "先查询，并将请求时间告知平台运营方";
}

impl Code {
    /// The code of this name on the wire, in its exact spelling.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The code on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The HTTP status with which it is answered. A body over the bound is a [`Code::BadRequest`] too,
    /// which the gateway answers with 413.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.spec().status
    }

    /// The code as a field holds it.
    #[expect(clippy::expect_used, reason = "names are short words; a test reads all of them")]
    pub(crate) fn as_text(self) -> Text<64> {
        Text::parse(self.name()).expect("a name is a short word")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Fault {
    /// Whose fault it is, in both languages.
    #[must_use]
    pub const fn text(self) -> Bilingual {
        match self {
            Self::Caller => Bilingual { en: "caller", zh: "调用方" },
            Self::Merchant => Bilingual { en: "merchant", zh: "商户" },
            Self::Channel => Bilingual { en: "channel", zh: "渠道" },
            Self::Gateway => Bilingual { en: "gateway", zh: "网关" },
            Self::Nobody => Bilingual { en: "nobody", zh: "无" },
        }
    }
}

impl Repeat {
    /// Whether to send it again, in both languages.
    #[must_use]
    pub const fn text(self) -> Bilingual {
        match self {
            Self::Safe => Bilingual { en: "safe", zh: "可以" },
            Self::AfterQuery => Bilingual { en: "after a query", zh: "先查询" },
            Self::Pointless => Bilingual { en: "pointless", zh: "无益" },
        }
    }
}
