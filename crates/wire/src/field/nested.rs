//! What only Holdfast's own messages hold: a whole request inside another one, lists longer than the
//! protocol's, and counts.

use super::{Field, Rule, Unfit, read_items, whole, write_number};
use crate::{
    json::{Json, Object},
    message::{FieldSpec, Message},
};

/// A JSON object that is carried inside a message and read later, as compact JSON.
///
/// A number that no field of the protocol can hold is kept as another one that no field can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried(Box<str>);

impl Carried {
    /// The object as compact JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The object itself.
    #[must_use]
    pub fn object(&self) -> Object<'_> {
        // It was written from an object, so it is one.
        Object::parse(self.0.as_bytes()).unwrap_or_default()
    }
}

impl Field for Carried {
    const RULE: Rule = Rule::Object;

    /// Takes an object, also as JSON text in a string.
    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let written = |object: &Json<'_>| String::from_utf8(object.written()).ok();
        let written = match json {
            Json::Object(_) => written(json),
            Json::Text(text) => match Json::parse(text.as_bytes()) {
                Ok(object @ Json::Object(_)) => written(&object),
                _ => None,
            },
            _ => None,
        };
        written.map(|text| Self(text.into())).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

/// A list of at most `MOST` objects, also as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Many<M, const MOST: usize>(Vec<M>);

impl<M, const MOST: usize> Many<M, MOST> {
    /// The first `MOST` items, in their order.
    #[must_use]
    pub fn new(items: impl IntoIterator<Item = M>) -> Self {
        Self(items.into_iter().take(MOST).collect())
    }

    /// The items.
    #[must_use]
    pub fn items(&self) -> &[M] {
        &self.0
    }
}

impl<M: Message + Field, const MOST: usize> Field for Many<M, MOST> {
    const RULE: Rule = Rule::List { most: MOST };
    const FIELDS: &'static [FieldSpec] = <M as Message>::FIELDS;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        read_items(json, MOST).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

/// How many there are of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u32);

impl Count {
    /// So many, or as many as can be told.
    #[must_use]
    pub fn of(many: usize) -> Self {
        Self(u32::try_from(many).unwrap_or(u32::MAX))
    }
}

impl Field for Count {
    const RULE: Rule = Rule::Number { least: 0, most: 4_294_967_295 };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let count = whole(json).and_then(|count| count.try_into().ok());
        count.map(Self).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.0));
    }
}
