//! The JSON of one request: a small tree that keeps the order of fields and borrows their text.
//!
//! Signatures cover the bytes as received, so no tree is written back; only a request that is carried inside another
//! one is.

use std::{borrow::Cow, cell::Cell, collections::BTreeMap, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deep lists and objects may lie in each other; the outermost object is the first level.
///
/// The deepest message of the protocol has three levels, and the `data` envelope adds one.
pub const LEVELS_MAX: usize = 8;

/// A JSON value of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without sign, fraction and exponent that fits into 64 bits.
    Integer(u64),
    /// Any other number. No field of the protocol can hold it, so its value is not kept.
    OtherNumber,
    /// A string, with escapes resolved.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// A JSON object: its fields in the order in which they were written, no name twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Bytes are not the one JSON object that a request has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// The bytes are not UTF-8.
    Encoding {
        /// How many bytes are.
        byte: usize,
    },
    /// The text is not JSON, or has a number that is too large even for a fraction, or half a
    /// surrogate pair.
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// The column in bytes, counted from 1.
        column: usize,
    },
    /// The text ends too early.
    CutShort,
    /// Something follows the object.
    Trailing {
        /// The line, counted from 1.
        line: usize,
        /// The column in bytes, counted from 1.
        column: usize,
    },
    /// Lists and objects lie in each other deeper than [`LEVELS_MAX`].
    TooDeep,
    /// An object has a field twice, so that two readers may see two requests.
    Duplicate {
        /// The field's name.
        name: String,
    },
    /// The text is JSON but not an object.
    NotAnObject,
}

impl<'a> Object<'a> {
    /// Reads the one JSON object that `bytes` hold.
    ///
    /// # Errors
    /// Says what keeps the bytes from being one object, and where.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotJson> {
        match Json::parse(bytes)? {
            Json::Object(object) => Ok(object),
            _ => Err(NotJson::NotAnObject),
        }
    }

    /// Reads the one JSON object that `bytes` hold, and beside it the text of each field's value as it was
    /// written, for signatures that cover fields one by one.
    ///
    /// # Errors
    /// As [`Object::parse`].
    pub fn parse_written(bytes: &'a [u8]) -> Result<(Self, BTreeMap<String, &'a str>), NotJson> {
        let object = Self::parse(bytes)?;
        let written: BTreeMap<String, &RawValue> =
            serde_json::from_slice(bytes).map_err(|_| NotJson::NotAnObject)?;
        Ok((object, written.into_iter().map(|(name, value)| (name, value.get())).collect()))
    }

    /// An object of texts, as flags on a command line or parameters of a notice give it.
    ///
    /// # Errors
    /// Refuses a name that comes twice.
    pub fn of_texts(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, NotJson> {
        let json = |(name, text)| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(text)));
        Self::of_unique(pairs.into_iter().map(json).collect())
    }

    /// What the object has under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, json)| json)
    }

    /// Whether the object has something under a name: `null` and a blank text are nothing.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self.get(name) {
            None | Some(Json::Null) => false,
            Some(Json::Text(text)) => !text.trim().is_empty(),
            Some(_) => true,
        }
    }

    /// The fields in the order in which they were written.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, json)| (name.as_ref(), json))
    }

    fn of_unique(fields: Vec<(Cow<'a, str>, Json<'a>)>) -> Result<Self, NotJson> {
        // Sorted rather than compared pair by pair: a hostile body can have very many fields.
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        let twice = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next);
        if let Some((name, _)) = twice {
            return Err(NotJson::Duplicate { name: (*name).to_owned() });
        }
        Ok(Self(fields))
    }
}

impl<'a> Json<'a> {
    /// The value as compact JSON that reads the same.
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut out = vec![];
        self.write(&mut out);
        out
    }

    /// It is never deeper than [`LEVELS_MAX`].
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            Self::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            // Its value is not kept; it reads as what it is, a number that no field can hold.
            Self::OtherNumber => out.extend_from_slice(b"0.5"),
            Self::Text(text) => write_text(out, text),
            Self::List(items) => {
                out.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(object) => {
                out.push(b'{');
                for (place, (name, json)) in object.fields().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    write_text(out, name);
                    out.push(b':');
                    json.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Reads one JSON value of any kind; a list that travels as text inside a field is one.
    ///
    /// # Errors
    /// Says what keeps the bytes from being one value, and where.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotJson> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| NotJson::Encoding { byte: error.valid_up_to() })?;
        let fault = Cell::new(None);
        let mut reader = serde_json::Deserializer::from_str(text);
        let json = Tree { level: 0, fault: &fault }.deserialize(&mut reader).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            fault.take().unwrap_or(if error.is_eof() {
                NotJson::CutShort
            } else {
                NotJson::Syntax { line, column }
            })
        })?;
        reader
            .end()
            .map_err(|error| NotJson::Trailing { line: error.line(), column: error.column() })?;
        Ok(json)
    }
}

/// Reads a tree so many levels down. What serde's own error cannot carry is left in `fault`.
#[derive(Clone, Copy)]
struct Tree<'f> {
    level: usize,
    fault: &'f Cell<Option<NotJson>>,
}

impl Tree<'_> {
    fn refuse<E: serde::de::Error>(self, fault: NotJson) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let level = self.level.saturating_add(1);
        if level > LEVELS_MAX {
            return Err(self.refuse(NotJson::TooDeep));
        }
        Ok(Self { level, ..self })
    }
}

impl<'a> DeserializeSeed<'a> for Tree<'_> {
    type Value = Json<'a>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Json<'a>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Tree<'_> {
    type Value = Json<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'a>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'a>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'a>, E> {
        Ok(Json::Integer(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'a>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'a>, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Json<'a>, A::Error> {
        let inside = self.inside()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Json<'a>, A::Error> {
        let inside = self.inside()?;
        let mut fields = Vec::new();
        // A name is read like any other text, so that it is borrowed when it can be.
        while let Some(name) = map.next_key_seed(inside)? {
            let Json::Text(name) = name else {
                return Err(A::Error::custom("a name that is not text"));
            };
            fields.push((name, map.next_value_seed(inside)?));
        }
        let object = Object::of_unique(fields).map_err(|fault| self.refuse(fault))?;
        Ok(Json::Object(object))
    }
}

impl NotJson {
    /// What is wrong, in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Encoding { byte } => format!("报文不是 UTF-8：第 {byte} 字节之后无法解码"),
            Self::Syntax { line, column } => {
                format!("报文不是合法的 JSON：第 {line} 行第 {column} 列")
            }
            Self::CutShort => "报文不是合法的 JSON：内容不完整".to_owned(),
            Self::Trailing { line, column } => {
                format!("JSON 对象之后还有内容：第 {line} 行第 {column} 列")
            }
            Self::TooDeep => format!("JSON 嵌套超过 {LEVELS_MAX} 层"),
            Self::Duplicate { name } => format!("字段 {name} 重复出现"),
            Self::NotAnObject => "报文应为一个 JSON 对象".to_owned(),
        }
    }
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding { byte } => write!(f, "not UTF-8 after byte {byte}"),
            Self::Syntax { line, column } => {
                write!(f, "not JSON at line {line}, column {column}")
            }
            Self::CutShort => f.write_str("not JSON: the text ends too early"),
            Self::Trailing { line, column } => {
                write!(f, "something follows the JSON object at line {line}, column {column}")
            }
            Self::TooDeep => write!(f, "JSON nested deeper than {LEVELS_MAX} levels"),
            Self::Duplicate { name } => write!(f, "field `{name}` is there twice"),
            Self::NotAnObject => f.write_str("not a JSON object"),
        }
    }
}

impl std::error::Error for NotJson {}

/// Writes a text as a JSON string.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
