//! The enumerations of the protocol: a type each, and the word for each value.

use std::fmt;

use holdfast_domain::{Malformed, Text};

use super::{Field, Rule, Unfit};
use crate::json::{Json, write_text};

/// Defines enumerations of the protocol: a type, and the word for each value.
///
/// A `closed` one is sent by callers and refuses any other word. An `open` one is in answers: a client
/// keeps a word it does not know, rather than lose the answer.
macro_rules! words {
    ($( #[doc = $doc:literal] $kind:ident $name:ident {
        $( #[doc = $value_doc:literal] $value:ident = $word:literal, )+
    } )+) => { $(
        words!(@enum $kind $name #[doc = $doc] { $( #[doc = $value_doc] $value = $word, )+ });

        impl $name {
            /// The words of the protocol.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl Field for $name {
            const RULE: Rule = Rule::OneOf(Self::WORDS);

            fn read(json: &Json<'_>) -> Result<Self, Unfit> {
                match json {
                    Json::Text(text) => Self::parse(text).map_err(|Malformed| Unfit::Value),
                    _ => Err(Unfit::Value),
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                write_text(out, self.as_str());
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+ };
    (@enum closed $name:ident #[doc = $doc:literal] {
        $( #[doc = $value_doc:literal] $value:ident = $word:literal, )+
    }) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( #[doc = $value_doc] $value, )+ }

        impl $name {
            /// Reads a word.
            ///
            /// # Errors
            /// Refuses a word that the protocol does not have.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                match text {
                    $( $word => Ok(Self::$value), )+
                    _ => Err(Malformed),
                }
            }

            /// The word.
            #[must_use]
            pub fn as_str(&self) -> &'static str {
                match self { $( Self::$value => $word, )+ }
            }
        }
    };
    (@enum open $name:ident #[doc = $doc:literal] {
        $( #[doc = $value_doc:literal] $value:ident = $word:literal, )+
    }) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( #[doc = $value_doc] $value, )+
            /// A word that no source tells of.
            Other(Text<64>),
        }

        impl $name {
            /// Reads a word.
            ///
            /// # Errors
            /// Refuses what is not a word at all: blank, or more than 64 characters.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                match text {
                    $( $word => Ok(Self::$value), )+
                    _ => Text::parse(text).map(Self::Other),
                }
            }

            /// The word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$value => $word, )+
                    Self::Other(text) => text.as_str(),
                }
            }
        }
    };
}

words! {
    /// The kind of business (业务类型, `protocol.md` section 4.10). Bills have one.
    closed InstMid {
        /// Bills paid by QR code.
        QrPay = "QRPAYDEFAULT",
    }
    /// The `errCode` of everything that was done.
    closed Done {
        /// It was done.
        Success = "SUCCESS",
    }
    /// Which wallets may pay a one-off code (钱包选项, `protocol.md` section 4.8).
    closed WalletOption {
        /// One.
        Single = "SINGLE",
        /// Several.
        Multiple = "MULTIPLE",
    }
    /// What proves who a payer is (`protocol.md` section 4.7).
    closed CertType {
        /// 身份证
        IdentityCard = "IDENTITY_CARD",
        /// 护照
        Passport = "PASSPORT",
        /// 军官证
        OfficerCard = "OFFICER_CARD",
        /// 士兵证
        SoldierCard = "SOLDIER_CARD",
        /// 户口本
        Hokou = "HOKOU",
        /// 港澳居民来往内地通行证
        HongKongMacao = "HM_EXIT",
        /// 台湾居民来往大陆通行证
        Taiwan = "TW_EXIT",
        /// 警官证
        Police = "POLICE_CERTIFICATE",
        /// 其他
        Other = "OTHER",
    }
    /// The digest under a notice (`protocol.md` section 6). A notice that does not say has MD5.
    closed SignType {
        /// MD5
        Md5 = "MD5",
        /// SHA-256
        Sha256 = "SHA256",
    }
    /// What merchants are told of, in our own words. A test of the gateway says that these are all.
    closed EventName {
        /// 支付成功
        BillPaid = "bill.paid",
        /// 担保支付成功
        GuaranteePaid = "guarantee.paid",
        /// 预授权成功
        HoldAuthorized = "hold.authorized",
        /// 预授权完成
        HoldCaptured = "hold.captured",
        /// 预授权完成撤销
        HoldReversed = "hold.reversed",
        /// 预授权撤销或到期解冻
        HoldReleased = "hold.released",
        /// 预授权即将到期
        HoldExpiring = "hold.expiring",
        /// 担保完成
        GuaranteeCompleted = "guarantee.completed",
        /// 担保撤销或到期
        GuaranteeCancelled = "guarantee.cancelled",
        /// 担保即将到期
        GuaranteeExpiring = "guarantee.expiring",
        /// 退款成功
        RefundDone = "refund.done",
        /// 异步分账完成
        BillDivided = "bill.divided",
        /// 账单关闭
        BillClosed = "bill.closed",
        /// 账单过期未付
        BillLapsed = "bill.lapsed",
    }
    /// The digest under a token request (`protocol.md` section 2.2). Absent means SHA-1.
    closed SignMethod {
        /// SHA-256
        Sha256 = "SHA256",
    }
    /// How a bill stands (账单状态, `protocol.md` section 4.1).
    open BillStatus {
        /// 已支付
        Paid = "PAID",
        /// 未支付
        Unpaid = "UNPAID",
        /// 已退款
        Refund = "REFUND",
        /// 已关闭
        Closed = "CLOSED",
        /// 未知
        Unknown = "UNKNOWN",
    }
    /// How one movement of money stands (交易状态, `protocol.md` section 4.2).
    open TradeStatus {
        /// 新订单
        NewOrder = "NEW_ORDER",
        /// 不明确的交易状态
        Unknown = "UNKNOWN",
        /// 超时未支付、全额退款或失败；不可再做任何操作
        TradeClosed = "TRADE_CLOSED",
        /// 等待买家付款
        WaitBuyerPay = "WAIT_BUYER_PAY",
        /// 支付成功
        TradeSuccess = "TRADE_SUCCESS",
        /// 部分或全部退款
        TradeRefund = "TRADE_REFUND",
    }
    /// What became of a refund (退款结果, `protocol.md` section 4.6).
    open RefundStatus {
        /// 成功
        Success = "SUCCESS",
        /// 失败
        Fail = "FAIL",
        /// 处理中
        Processing = "PROCESSING",
        /// 异常
        Unknown = "UNKNOWN",
    }
    /// How a guaranteed payment stands (担保状态, `protocol.md` section 4.3).
    open SecureStatus {
        /// 未完成
        Uncompleted = "UNCOMPLETED",
        /// 部分完成
        PartlyCompleted = "PARTLY_COMPLETED",
        /// 全部完成
        AllCompleted = "ALL_COMPLETED",
        /// 已撤销
        Canceled = "CANCELED",
    }
    /// What became of a division after the payment (异步分账状态, `protocol.md` section 4.9).
    open AsynDivisionStatus {
        /// 成功
        Success = "success",
        /// 失败
        Fail = "fail",
    }
    /// What kind of card paid (借贷记标识, `protocol.md` section 4.5).
    open CardAttr {
        /// 借记卡
        Debit = "DEBIT_CARD",
        /// 贷记卡
        Credit = "CREDIT_CARD",
        /// 余额
        Balance = "BALANCE",
    }
    /// What would become of a request, as a preview tells it.
    open Verdict {
        /// 将会执行
        Done = "done",
        /// 重复请求，答复与首次相同
        Repeat = "repeat",
        /// 将被拒绝
        Refused = "refused",
    }
    /// When the entries of a preview would be written.
    open Once {
        /// 立即
        AtOnce = "at-once",
        /// 渠道同意之后
        Channel = "channel-agrees",
        /// 付款人付款之后
        Payer = "payer-pays",
    }
    /// Who asked for what happened to a bill.
    open Who {
        /// 商户的应用
        App = "app",
        /// 付款人
        Payer = "payer",
        /// 渠道
        Channel = "channel",
        /// 网关自身（到期）
        Gateway = "gateway",
        /// 管理台操作员
        Operator = "operator",
    }
    /// Whose money it is.
    open Party {
        /// 付款人
        Payer = "payer",
        /// 冻结
        Held = "held",
        /// 账单所属商户
        Merchant = "merchant",
        /// 待分账
        Undivided = "undivided",
        /// 分账子商户
        Sub = "sub",
    }
    /// The system that moved the money (目标系统, `protocol.md` section 4.4).
    open TargetSys {
        /// 支付宝 1.0
        Alipay1 = "Alipay 1.0",
        /// 支付宝 2.0
        Alipay2 = "Alipay 2.0",
        /// 微信支付
        WxPay = "WXPay",
        /// 银联
        Acp = "ACP",
        /// 银联聚合码
        Uac = "UAC",
        /// 银联
        UnionPay = "UnionPay",
        /// 壹钱包
        Yqb = "YQB",
        /// 全民付
        Qmf = "QMF",
        /// 百度钱包
        BaiDu = "BaiDu",
        /// 京东钱包
        Jd = "JD",
        /// 顺丰
        Sf = "SF",
        /// 交通银行
        Comm = "COMM",
        /// 翼支付
        BestPay = "BestPay",
        /// 全民付账单
        NetPayBills = "NetPayBills",
        /// 全民付网关
        NetPayGtwy = "NetPayGtwy",
        /// 全民付网页支付
        QmfWebPay = "QmfWebPay",
    }
}
