//! A JSON document that keeps the order in which it is written, so that people can read it.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::json::Json;

/// A part of a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doc {
    Null,
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Doc>),
    Object(Vec<(String, Doc)>),
}

/// Writes an object: `object! { "type" => "string", "maxLength" => 32 }`.
macro_rules! object {
    ($( $name:expr => $value:expr ),* $(,)?) => {
        $crate::openapi::doc::Doc::Object(vec![
            $( ($name.to_string(), $crate::openapi::doc::Doc::from($value)) ),*
        ])
    };
}
pub(super) use object;

/// Writes a list of anything that a document can hold.
macro_rules! list {
    ($( $value:expr ),* $(,)?) => {
        $crate::openapi::doc::Doc::List(vec![ $( $crate::openapi::doc::Doc::from($value) ),* ])
    };
}
pub(super) use list;

impl Doc {
    /// The same object with one more field, unless it has one of that name.
    pub(super) fn with(mut self, name: &str, value: impl Into<Self>) -> Self {
        if let Self::Object(fields) = &mut self
            && fields.iter().all(|(known, _)| known != name)
        {
            fields.push((name.to_owned(), value.into()));
        }
        self
    }

    /// The same object with the fields of another one behind its own.
    pub(super) fn and(self, other: Self) -> Self {
        match other {
            Self::Object(fields) => {
                fields.into_iter().fold(self, |all, (name, value)| all.with(&name, value))
            }
            _ => self,
        }
    }

    /// The same object with another value in one of its fields.
    pub(super) fn replacing(self, name: &str, value: impl Into<Self>) -> Self {
        match self {
            Self::Object(fields) => {
                let mut value = Some(value.into());
                let put = |(known, old): (String, Self)| match known == name {
                    true => (known, value.take().unwrap_or(old)),
                    false => (known, old),
                };
                Self::Object(fields.into_iter().map(put).collect())
            }
            other => other,
        }
    }

    /// What an object has under a name.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => {
                fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// A reference to a component.
    pub(super) fn component(kind: &str, name: &str) -> Self {
        object! { "$ref" => format!("#/components/{kind}/{name}") }
    }

    /// A reference to a schema.
    pub(super) fn schema(name: &str) -> Self {
        Self::component("schemas", name)
    }
}

impl From<&str> for Doc {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Doc {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Doc {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Doc {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Doc {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl<T: Into<Self>> From<Vec<T>> for Doc {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<&Json<'_>> for Doc {
    fn from(json: &Json<'_>) -> Self {
        match json {
            Json::Null | Json::OtherNumber => Self::Null,
            Json::Bool(flag) => Self::Flag(*flag),
            Json::Integer(number) => Self::Number(*number),
            Json::Text(text) => Self::Text(text.clone().into_owned()),
            Json::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Json::Object(object) => Self::Object(
                object.fields().map(|(name, json)| (name.to_owned(), Self::from(json))).collect(),
            ),
        }
    }
}

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Flag(flag) => to.serialize_bool(*flag),
            Self::Number(number) => to.serialize_u64(*number),
            Self::Text(text) => to.serialize_str(text),
            Self::List(items) => to.collect_seq(items),
            Self::Object(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}
