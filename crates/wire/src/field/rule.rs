//! What a field may hold, and which JSON values it is read from and written as: for the reference, the error texts and
//! the OpenAPI document.

use std::fmt;

use crate::message::Bilingual;

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
