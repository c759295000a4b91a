//! What one field of a message may hold.

use std::fmt;

use base64::Engine as _;
use holdfast_domain::{
    Amount, AuthCode, BillNo, CodeId, Day, Malformed, Mid, Moment, OrderId, Text, Tid,
};
use zeroize::Zeroizing;

mod nested;

pub use nested::{Carried, Count, Many};

use crate::{
    auth::{AppId, HexDigest, Nonce, Stamp},
    json::{Json, write_text},
    message::{Bilingual, FieldFault, FieldSpec, Message},
    secret::{Personal, Token},
    time,
};

/// A value that fits into one field of a message.
///
/// A value that exists is valid: `read` is the only way in from outside.
pub trait Field: Sized {
    /// What the field may hold, for the reference and the error texts.
    const RULE: Rule;

    /// Which JSON values it is read from and written as, where the rule does not say.
    const FORM: Form = Form::of(Self::RULE);

    /// The fields inside it, when it is an object or a list of them.
    const FIELDS: &'static [FieldSpec] = &[];

    /// Reads the field. It is never given `null` or a blank text: those count as absent.
    ///
    /// # Errors
    /// The value breaks the field's rule.
    fn read(json: &Json<'_>) -> Result<Self, Unfit>;

    /// Writes the field's JSON value in the official form.
    fn write(&self, out: &mut Vec<u8>);
}

/// Why a value does not fit into its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It breaks the field's rule.
    Value,
    /// It is an object, or a list of objects, with faults inside. Their paths begin inside it.
    Inside(Vec<FieldFault>),
}

/// What a field may hold, in a form fit for documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An id of so many characters: letters, digits, `-`, `_`, `.`.
    Id {
        /// The shortest.
        least: usize,
        /// The longest.
        most: usize,
    },
    /// Text that is not blank, of at most so many characters.
    Text {
        /// The longest.
        most: usize,
    },
    /// A whole number of fen; as JSON number or as a string of digits.
    Fen {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A whole number; as JSON number or as a string of digits.
    Number {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A date.
    Day,
    /// A time in Beijing.
    Time,
    /// A time in Beijing as 14 digits.
    Stamp,
    /// `true` or `false`; as JSON value or as text.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An `http` or `https` address of at most so many characters.
    Url {
        /// The longest.
        most: usize,
    },
    /// Base64 text of at most so many characters.
    Base64 {
        /// The longest.
        most: usize,
    },
    /// Base64 of a text that has a rule of its own.
    Base64Of(Bilingual),
    /// The digits of a SHA-1 or SHA-256 digest.
    Hex,
    /// An object with fields of its own.
    Object,
    /// A list of at most so many objects, also as JSON text.
    List {
        /// The longest.
        most: usize,
    },
}

/// Which JSON values a field is read from, and which one it is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A string, both ways.
    Text,
    /// A number; read from a string of digits too.
    Number,
    /// A string; read from a whole number too.
    Figure,
    /// `true` or `false`; read from such a string too.
    Flag,
    /// The string `"true"` or `"false"`; read from the JSON value too.
    TextFlag,
    /// An object; read from its JSON text in a string too.
    Object,
    /// A list of objects; read from its JSON text in a string too.
    List,
}

impl Form {
    /// The form that goes with a rule unless a field says otherwise.
    #[must_use]
    pub const fn of(rule: Rule) -> Self {
        match rule {
            Rule::Fen { .. } | Rule::Number { .. } => Self::Number,
            Rule::Flag => Self::Flag,
            Rule::Object => Self::Object,
            Rule::List { .. } => Self::List,
            _ => Self::Text,
        }
    }
}

/// The most objects that a list in a message has (`protocol.md` section 3.4).
pub const LIST_MAX: usize = 20;

/// The longest text of digits that is read as a number.
pub(crate) const DIGITS_MAX: usize = 12;

impl Rule {
    /// The rule in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Id { least, most } => {
                format!("{least} 到 {most} 个字符：字母、数字、- _ .")
            }
            Self::Text { most } => format!("不超过 {most} 个字符的文本"),
            Self::Fen { least, most } => format!("以分为单位的整数，{least} 到 {most}"),
            Self::Number { least, most } => format!("{least} 到 {most} 的整数"),
            Self::Day => "日期，格式 yyyy-MM-dd".to_owned(),
            Self::Time => "北京时间，格式 yyyy-MM-dd HH:mm:ss".to_owned(),
            Self::Stamp => "北京时间，格式 yyyyMMddHHmmss".to_owned(),
            Self::Flag => "true 或 false".to_owned(),
            Self::OneOf([word]) => (*word).to_owned(),
            Self::OneOf(words) => format!("以下之一：{}", words.join("、")),
            Self::Url { most } => format!("不超过 {most} 个字符的 http 或 https 地址"),
            Self::Base64 { most } => format!("不超过 {most} 个字符的 Base64 文本"),
            Self::Base64Of(rule) => format!("以下内容的 Base64 编码：{}", rule.zh),
            Self::Hex => "40 或 64 位十六进制数字".to_owned(),
            Self::Object => "JSON 对象".to_owned(),
            Self::List { most } => format!("不超过 {most} 个 JSON 对象的列表"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id { least, most } => {
                write!(f, "{least} to {most} characters: letters, digits, - _ .")
            }
            Self::Text { most } => write!(f, "text of up to {most} characters"),
            Self::Fen { least, most } => {
                write!(f, "a whole number of fen from {least} to {most}")
            }
            Self::Number { least, most } => write!(f, "a whole number from {least} to {most}"),
            Self::Day => f.write_str("a date as yyyy-MM-dd"),
            Self::Time => f.write_str("a Beijing time as yyyy-MM-dd HH:mm:ss"),
            Self::Stamp => f.write_str("a Beijing time as yyyyMMddHHmmss"),
            Self::Flag => f.write_str("true or false"),
            Self::OneOf([word]) => f.write_str(word),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::Url { most } => {
                write!(f, "an http or https address of up to {most} characters")
            }
            Self::Base64 { most } => write!(f, "Base64 text of up to {most} characters"),
            Self::Base64Of(rule) => write!(f, "Base64 of {}", rule.en),
            Self::Hex => f.write_str("40 or 64 hexadecimal digits"),
            Self::Object => f.write_str("a JSON object"),
            Self::List { most } => write!(f, "a list of up to {most} JSON objects"),
        }
    }
}

/// The code of a hold or the number of an order as a request names it: `LEAST` to `MOST` characters.
///
/// The official tables bound the same thing differently from page to page (`protocol.md` sections 3.11 and 10,
/// question 11). Only an [`AuthCode`] can belong to a hold, and only an [`OrderId`] be an order's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<const LEAST: usize, const MOST: usize>(Box<str>);

impl<const LEAST: usize, const MOST: usize> Named<LEAST, MOST> {
    /// Reads a name.
    ///
    /// # Errors
    /// Refuses a text that is too short, too long, or not made of letters, digits, `-`, `_`, `.`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fits = (LEAST..=MOST).contains(&text.len());
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        if fits && text.bytes().all(plain) { Ok(Self(text.into())) } else { Err(Malformed) }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as an order can have it; `None` for one that no order has.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        OrderId::parse(&self.0).ok()
    }

    /// The code as a hold can have it; `None` for one that is longer than any hold's.
    #[must_use]
    pub fn code(&self) -> Option<AuthCode> {
        AuthCode::parse(&self.0).ok()
    }
}

/// A place in a gateway's journal, as the gateway told it: opaque to everybody else.
pub type Cursor = Named<1, 32>;

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Whole<LEAST, MOST> {
    /// Takes a number; `None` when it lies outside.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        (LEAST..=MOST).contains(&number).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// An `http` or `https` address of at most 1024 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(Text<1024>);

impl Url {
    /// Reads an address. Only its outside is checked: whether anybody may be called there is for the
    /// caller of the address to decide.
    ///
    /// # Errors
    /// Refuses other schemes, a missing host, white space, and more than 1024 characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once("://").ok_or(Malformed)?;
        let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let host = rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty());
        if !known || !host || text.chars().any(char::is_whitespace) {
            return Err(Malformed);
        }
        Text::parse(text).map(Self)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address as plain text.
    #[must_use]
    pub fn into_text(self) -> Text<1024> {
        self.0
    }
}

/// Base64 text about a person, of at most `MAX` characters. It is checked, and does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Private<const MAX: usize>(Box<str>);

impl<const MAX: usize> Private<MAX> {
    /// Reads Base64 text.
    ///
    /// # Errors
    /// Refuses what is not Base64, and more than `MAX` characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX || base64::prelude::BASE64_STANDARD.decode(text).is_err() {
            return Err(Malformed);
        }
        Ok(Self(text.into()))
    }

    /// The text, still in Base64.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself; `None` when it is not UTF-8, is blank or has control characters.
    #[must_use]
    pub fn open(&self) -> Option<Personal> {
        let bytes = base64::prelude::BASE64_STANDARD.decode(&*self.0).ok()?;
        Personal::parse(&Zeroizing::new(String::from_utf8(bytes).ok()?)).ok()
    }
}

impl<const MAX: usize> fmt::Debug for Private<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(…)")
    }
}

/// One line for a person to read. A longer text is cut rather than refused.
///
/// The official tables say 255 characters. No known caller holds anybody to it, and a request with many
/// faults needs more room to be told every one of them with its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(Box<str>);

impl Note {
    /// The longest one, in characters.
    pub const MAX: usize = 2_000;

    /// Takes a text; line breaks become spaces, and what is too long ends in `…`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let line = |c: char| if c.is_control() { ' ' } else { c };
        let mut note: String = text.chars().map(line).take(Self::MAX).collect();
        if text.chars().nth(Self::MAX).is_some() {
            note.pop();
            note.push('…');
        }
        Self(note.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A figure that is only stored and shown: text of at most 32 characters. Callers also send it as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure(pub Text<32>);

/// A whole number of fen that may be nothing: a discount, a platform's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fen(u64);

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Takes a number of fen; `None` above [`Amount::MAX_FEN`].
    #[must_use]
    pub fn new(fen: u64) -> Option<Self> {
        (fen <= Amount::MAX_FEN).then_some(Self(fen))
    }

    /// The number of fen.
    #[must_use]
    pub fn fen(self) -> u64 {
        self.0
    }
}

impl From<Amount> for Fen {
    fn from(amount: Amount) -> Self {
        Self(amount.fen())
    }
}

/// How long something lasts, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u32);

/// How many events made a bill what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32);

/// Yes or no that travels as the text `"true"` or `"false"`; read from a JSON `true` or `false` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextFlag(pub bool);

/// In how many monthly parts a payer pays (花呗分期).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installments {
    /// Three months.
    Three,
    /// Six months.
    Six,
    /// Twelve months.
    Twelve,
}

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

/// Makes fields of types that have `parse` and `as_str`: they take JSON strings and nothing else.
macro_rules! text_fields {
    ($( [$($generics:tt)*] $field:ty = $rule:expr; )+) => { $(
        impl<$($generics)*> Field for $field {
            const RULE: Rule = $rule;

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
    )+ };
}

text_fields! {
    [] Mid = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] Tid = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] BillNo = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] OrderId = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] AuthCode = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] CodeId = Rule::Id { least: Self::MIN, most: Self::MAX };
    [const LEAST: usize, const MOST: usize] Named<LEAST, MOST> = Rule::Id { least: LEAST, most: MOST };
    [const MAX: usize] Text<MAX> = Rule::Text { most: MAX };
    [const MAX: usize] Private<MAX> = Rule::Base64 { most: MAX };
    [] Url = Rule::Url { most: 1024 };
    [] AppId = Rule::Text { most: Self::MAX };
    [] Nonce = Rule::Text { most: Self::MAX };
    [] Stamp = Rule::Stamp;
    [] HexDigest = Rule::Hex;
}

impl Field for Token {
    const RULE: Rule = Rule::Text { most: Self::MAX };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => Self::parse(text).map_err(|Malformed| Unfit::Value),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self.expose());
    }
}

impl Field for Note {
    const RULE: Rule = Rule::Text { most: Self::MAX };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => Ok(Self::new(text)),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self.as_str());
    }
}

impl Field for Figure {
    const RULE: Rule = Rule::Text { most: 32 };
    const FORM: Form = Form::Figure;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => Text::parse(text),
            Json::Integer(number) => Text::parse(&number.to_string()),
            _ => Err(Malformed),
        }
        .map_or(Err(Unfit::Value), |text| Ok(Self(text)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self.0.as_str());
    }
}

impl Field for Amount {
    const RULE: Rule = Rule::Fen { least: 1, most: Self::MAX_FEN };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        whole(json).and_then(|fen| Self::from_fen(fen).ok()).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, self.fen());
    }
}

impl Field for Fen {
    const RULE: Rule = Rule::Fen { least: 0, most: Amount::MAX_FEN };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        whole(json).and_then(Self::new).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, self.0);
    }
}

impl Field for Seconds {
    const RULE: Rule = Rule::Number { least: 0, most: 4_294_967_295 };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let seconds = whole(json).and_then(|seconds| seconds.try_into().ok());
        seconds.map(Self).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.0));
    }
}

impl Field for Version {
    const RULE: Rule = Rule::Number { least: 1, most: 4_294_967_295 };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let version = whole(json).and_then(|version| version.try_into().ok());
        version.filter(|version| *version > 0).map(Self).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.0));
    }
}

impl<const LEAST: u64, const MOST: u64> Field for Whole<LEAST, MOST> {
    const RULE: Rule = Rule::Number { least: LEAST, most: MOST };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        whole(json).and_then(Self::new).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, self.0);
    }
}

impl Installments {
    /// So many months; `None` when nobody can pay in so many.
    #[must_use]
    pub fn of_months(months: u8) -> Option<Self> {
        [Self::Three, Self::Six, Self::Twelve].into_iter().find(|one| one.months() == months)
    }

    /// How many months.
    #[must_use]
    pub fn months(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Six => 6,
            Self::Twelve => 12,
        }
    }
}

impl Field for Installments {
    const RULE: Rule = Rule::OneOf(&["3", "6", "12"]);
    const FORM: Form = Form::Number;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match whole(json) {
            Some(3) => Ok(Self::Three),
            Some(6) => Ok(Self::Six),
            Some(12) => Ok(Self::Twelve),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.months()));
    }
}

impl Field for bool {
    const RULE: Rule = Rule::Flag;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Bool(flag) => Ok(*flag),
            Json::Text(text) if text == "true" => Ok(true),
            Json::Text(text) if text == "false" => Ok(false),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Field for TextFlag {
    const RULE: Rule = Rule::Flag;
    const FORM: Form = Form::TextFlag;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        bool::read(json).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, if self.0 { "true" } else { "false" });
    }
}

impl Field for Day {
    const RULE: Rule = Rule::Day;

    /// Takes `yyyy-MM-dd`, the same with a time behind it, and `yyyyMMdd` (`protocol.md` section 9).
    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let Json::Text(text) = json else { return Err(Unfit::Value) };
        let day = match text.split_once(' ') {
            Some((day, _)) if time::parse(text).is_some() => Self::parse(day),
            Some(_) => None,
            None if text.len() == 8 => time::parse_day(text),
            None => Self::parse(text),
        };
        day.ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, &self.to_string());
    }
}

impl Field for Moment {
    const RULE: Rule = Rule::Time;

    /// Takes `yyyy-MM-dd HH:mm:ss` and `yyyyMMddHHmmss` (`protocol.md` section 9).
    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => time::parse(text).ok_or(Unfit::Value),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, &time::show(*self));
    }
}

/// A list of objects, also as JSON text in a string (`protocol.md` section 9).
impl<M: Message + Field> Field for Vec<M> {
    const RULE: Rule = Rule::List { most: LIST_MAX };
    const FIELDS: &'static [FieldSpec] = <M as Message>::FIELDS;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        read_items(json, LIST_MAX)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (place, item) in self.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.push(b']');
    }
}

/// Reads a list of at most `most` objects, also as JSON text in a string.
fn read_items<M: Message + Field>(json: &Json<'_>, most: usize) -> Result<Vec<M>, Unfit> {
    match json {
        Json::List(items) => read_list(items, most),
        Json::Text(text) => match Json::parse(text.as_bytes()) {
            Ok(Json::List(items)) => read_list(&items, most),
            _ => Err(Unfit::Value),
        },
        _ => Err(Unfit::Value),
    }
}

fn read_list<M: Message + Field>(items: &[Json<'_>], most: usize) -> Result<Vec<M>, Unfit> {
    if items.len() > most {
        return Err(Unfit::Value);
    }
    let (mut read, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
    for (place, item) in items.iter().enumerate() {
        match M::read(item) {
            Ok(item) => read.push(item),
            Err(unfit) => unfit.report(&format!("[{place}]"), M::RULE, &mut faults),
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(Unfit::Inside(faults)) }
}

/// Reads an object, also as JSON text in a string.
pub(crate) fn read_object<M: Message>(json: &Json<'_>) -> Result<M, Unfit> {
    match json {
        Json::Object(object) => M::decode(object).map_err(Unfit::Inside),
        Json::Text(text) => match Json::parse(text.as_bytes()) {
            Ok(Json::Object(object)) => M::decode(&object).map_err(Unfit::Inside),
            _ => Err(Unfit::Value),
        },
        _ => Err(Unfit::Value),
    }
}

/// A whole number, given as a JSON number or as a string of digits.
fn whole(json: &Json<'_>) -> Option<u64> {
    match json {
        Json::Integer(number) => Some(*number),
        Json::Text(text) => {
            let digits = text.len() <= DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
            if digits { text.parse().ok() } else { None }
        }
        _ => None,
    }
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(number.to_string().as_bytes());
}
