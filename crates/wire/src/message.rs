//! Messages: one declaration gives the Rust type, the check of what was received, the JSON, and the
//! documentation.

use std::fmt;

use holdfast_domain::Fingerprint;
use sha2::{Digest as _, Sha256};

use crate::{
    field::{Field, Form, Rule, Unfit},
    json::{Json, NotJson, Object},
    messages::{Caller, Failure},
};

/// The same text in both languages of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bilingual {
    /// In English.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
}

/// One field of a message, as the documentation shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// The field's name on the wire.
    pub name: &'static str,
    /// Another name under which it is read, never written.
    pub alias: Option<&'static str>,
    /// What the field means.
    pub doc: Bilingual,
    /// Whether a message without it is refused.
    pub required: bool,
    /// What it may hold.
    pub rule: Rule,
    /// Which JSON values it is read from, and which one it is written as.
    pub form: Form,
    /// A value as it may occur.
    pub example: Option<&'static str>,
    /// The fields inside it, when it is an object or a list of objects.
    pub fields: &'static [FieldSpec],
}

/// One thing wrong with one field of a received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field, as the caller named it: `billNo`, `goods[2].price`.
    pub path: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is required, and absent or blank.
    Missing(Rule),
    /// Its value breaks its rule.
    Invalid(Rule),
}

/// A message that can be read, written and explained.
pub trait Message: Sized {
    /// What the message is for.
    const DOC: Bilingual;
    /// Its fields, in the order in which they are written.
    const FIELDS: &'static [FieldSpec];

    /// Reads a received message. Fields that it does not have are ignored; `null` and blank texts
    /// count as absent.
    ///
    /// What we receive as an answer is read generously: an optional field that breaks its rule is left
    /// out, so that an odd date does not cost a client the news that money moved.
    ///
    /// # Errors
    /// All fields that are missing or break their rule.
    fn decode(object: &Object<'_>) -> Result<Self, Vec<FieldFault>>;

    /// Writes the fields.
    fn write_fields(&self, to: &mut Writer<'_>);

    /// The message as compact JSON, its fields in declared order, without those that are absent.
    #[must_use]
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        write_object(self, &mut out);
        out
    }
}

/// A message that the gateway answers.
pub trait Endpoint: Message {
    /// What the endpoint is called in our own words, and on the command line.
    const NAME: &'static str;
    /// The path to which it is posted.
    const PATH: &'static str;
    /// Other paths under which it is served.
    const ALIASES: &'static [&'static str];
    /// What the predecessor protocol calls it (`msgType`), where it has it ([`crate::legacy`]).
    const MSG_TYPE: Option<&'static str> = None;
    /// What the endpoint does, in a few words.
    const TITLE: Bilingual;
    /// What the gateway answers with when it did what was asked.
    type Response: Message;
}

/// A request of the bills family: what all of them have.
pub trait BillsRequest: Endpoint {
    /// Who asks, and when.
    fn caller(&self) -> Caller<'_>;

    /// A digest of what is asked, however it was spelled: of everything but the time, the echoed
    /// fields and the hold's code.
    ///
    /// The code is left out because it proves rather than asks: a repeat with another code is to be
    /// told so, not taken for another order.
    #[must_use]
    fn fingerprint(&self) -> Fingerprint {
        let mut out = Vec::with_capacity(512);
        self.write_fields(&mut Writer { out: Out::Object(&mut out), leave_out: NOT_ASKED });
        let digest = Sha256::digest(&out);
        let mut short = [0; 16];
        for (byte, of_digest) in short.iter_mut().zip(digest) {
            *byte = of_digest;
        }
        Fingerprint(short)
    }
}

/// The fields that do not change what a request asks for.
const NOT_ASKED: &[&str] = &["requestTimestamp", "msgId", "srcReserve", "authIdRespCd"];

/// An endpoint as the reference and the command line see it.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSpec {
    /// What the endpoint is called in our own words, and on the command line.
    pub name: &'static str,
    /// What it does, in a few words.
    pub title: Bilingual,
    /// What it is for.
    pub doc: Bilingual,
    /// The path to which it is posted.
    pub path: &'static str,
    /// Other paths under which it is served.
    pub aliases: &'static [&'static str],
    /// What the predecessor protocol calls it (`msgType`), where it has it.
    pub msg_type: Option<&'static str>,
    /// The fields of the request.
    pub request: &'static [FieldSpec],
    /// What the answer tells.
    pub response_doc: Bilingual,
    /// The fields of the answer when all went well.
    pub response: &'static [FieldSpec],
}

impl EndpointSpec {
    /// Describes an endpoint.
    #[must_use]
    pub const fn of<E: Endpoint>() -> Self {
        Self {
            name: E::NAME,
            title: E::TITLE,
            doc: E::DOC,
            path: E::PATH,
            aliases: E::ALIASES,
            msg_type: E::MSG_TYPE,
            request: E::FIELDS,
            response_doc: E::Response::DOC,
            response: E::Response::FIELDS,
        }
    }

    /// Whether it is Holdfast's own, beside the protocol: no other gateway has it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.path.starts_with("/v1/holdfast/")
    }

    /// Whether the endpoint is served under a path.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.path == path || self.aliases.contains(&path)
    }
}

/// Writes the fields of one message.
#[derive(Debug)]
pub struct Writer<'o> {
    out: Out<'o>,
    leave_out: &'static [&'static str],
}

/// What a message is written as.
#[derive(Debug)]
enum Out<'o> {
    /// The inside of a JSON object.
    Object(&'o mut Vec<u8>),
    /// Pairs of a form.
    Pairs(&'o mut Vec<(String, String)>),
}

impl Writer<'_> {
    /// Writes a field.
    pub fn field(&mut self, name: &str, value: &impl Field) {
        if self.leave_out.contains(&name) {
            return;
        }
        match &mut self.out {
            Out::Object(out) => {
                // No value ends in `{`, so this is the object's first field.
                if out.last().is_some_and(|byte| *byte != b'{') {
                    out.push(b',');
                }
                out.push(b'"');
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                value.write(out);
            }
            Out::Pairs(pairs) => {
                let mut json = Vec::new();
                value.write(&mut json);
                let text = match Json::parse(&json) {
                    Ok(Json::Text(text)) => text.into_owned(),
                    _ => String::from_utf8_lossy(&json).into_owned(),
                };
                pairs.push((name.to_owned(), text));
            }
        }
    }
}

/// Writes a message as a JSON object.
pub(crate) fn write_object(message: &impl Message, out: &mut Vec<u8>) {
    out.push(b'{');
    message.write_fields(&mut Writer { out: Out::Object(out), leave_out: &[] });
    out.push(b'}');
}

/// A message as pairs of a form: texts as they are, everything else as its compact JSON.
pub(crate) fn pairs(message: &impl Message) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    message.write_fields(&mut Writer { out: Out::Pairs(&mut pairs), leave_out: &[] });
    pairs
}

/// Whether an `errCode` says that it was done: `SUCCESS`, or `0000` from the exchange for a token.
#[must_use]
pub fn says_done(err_code: &str) -> bool {
    matches!(err_code, "SUCCESS" | "0000")
}

/// Why an answer did not bring what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The gateway says no, or that it does not know.
    Refused(Box<Failure>),
    /// The body is not one JSON object.
    NotJson(NotJson),
    /// The body says that all went well but lacks what the endpoint answers.
    Incomplete(Vec<FieldFault>),
    /// The body says one thing in its `errCode`, and another in that of its `data`.
    Contradictory,
}

/// Reads the answer to a request, wrapped in `data` or not. Anybody can answer anything, so no answer
/// but a well-formed one is a success.
///
/// # Errors
/// The refusal, or what is wrong with the answer.
pub fn read_answer<E: Endpoint>(body: &[u8]) -> Result<E::Response, NoAnswer> {
    let whole = Object::parse(body).map_err(NoAnswer::NotJson)?;
    let answer = match whole.get("data") {
        Some(Json::Object(data)) if data.get("errCode").is_some() => data,
        _ => &whole,
    };
    if !agree(whole.get("errCode"), answer.get("errCode")) {
        return Err(NoAnswer::Contradictory);
    }
    match answer.get("errCode") {
        Some(Json::Text(code)) if says_done(code) => {
            E::Response::decode(answer).map_err(NoAnswer::Incomplete)
        }
        _ => Err(match Failure::decode(answer) {
            Ok(failure) => NoAnswer::Refused(Box::new(failure)),
            Err(faults) => NoAnswer::Incomplete(faults),
        }),
    }
}

/// Whether the envelope and what is in it say the same. An envelope that says nothing does not object.
fn agree(outside: Option<&Json<'_>>, inside: Option<&Json<'_>>) -> bool {
    match (outside, inside) {
        (None, _) => true,
        (Some(Json::Text(outside)), Some(Json::Text(inside))) => {
            outside == inside || (says_done(outside) && says_done(inside))
        }
        (outside, inside) => outside == inside,
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(failure) => {
                match failure.err_msg.as_ref().or(failure.err_info.as_ref()) {
                    Some(text) => write!(f, "{}: {text}", failure.err_code),
                    None => write!(f, "{}", failure.err_code),
                }
            }
            Self::NotJson(fault) => write!(f, "the answer is {fault}"),
            Self::Incomplete(faults) => write!(f, "the answer is incomplete: {}", list(faults)),
            Self::Contradictory => f.write_str("the answer says something else in `data`"),
        }
    }
}

impl std::error::Error for NoAnswer {}

impl FieldFault {
    /// What is wrong, in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self.problem {
            Problem::Missing(rule) => format!("缺少 {}（{}）", self.path, rule.zh()),
            Problem::Invalid(rule) => format!("{} 应为{}", self.path, rule.zh()),
        }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Missing(rule) => write!(f, "{} is missing ({rule})", self.path),
            Problem::Invalid(rule) => write!(f, "{} must be {rule}", self.path),
        }
    }
}

impl std::error::Error for FieldFault {}

/// All faults in one line of English.
#[must_use]
pub fn list(faults: &[FieldFault]) -> String {
    fit(faults, "; ", |fault| fault.to_string())
}

/// All faults in one line of Chinese.
#[must_use]
pub fn list_zh(faults: &[FieldFault]) -> String {
    fit(faults, "；", FieldFault::zh)
}

/// The longest list of faults in one language, in characters: both and a heading fit a note.
const LIST_MAX: usize = (crate::field::Note::MAX - 40) / 2;

/// As many faults in full as an `errMsg` takes in two languages, and the rest by name.
fn fit(faults: &[FieldFault], between: &str, tell: impl Fn(&FieldFault) -> String) -> String {
    let full: Vec<String> = faults.iter().map(tell).collect();
    let names: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    // From all in full down to none, so that every field is at least named.
    for told in (0..=faults.len()).rev() {
        let told = full.iter().map(String::as_str).take(told);
        let named = names.iter().copied().skip(told.len());
        let line = told.chain(named).collect::<Vec<_>>().join(between);
        if line.chars().count() <= LIST_MAX {
            return line;
        }
    }
    names.join(between)
}

impl Unfit {
    /// Adds what is wrong to the faults of the message that has the field.
    pub(crate) fn report(self, name: &str, rule: Rule, faults: &mut Vec<FieldFault>) {
        match self {
            Self::Value => {
                faults.push(FieldFault { path: name.to_owned(), problem: Problem::Invalid(rule) });
            }
            Self::Inside(inside) => faults.extend(inside.into_iter().map(|mut fault| {
                let dot = if fault.path.starts_with('[') { "" } else { "." };
                fault.path.insert_str(0, dot);
                fault.path.insert_str(0, name);
                fault
            })),
        }
    }
}

/// What an object has under a name or its alias, and the name that was used. `null` and blank texts
/// count as absent.
fn find<'o, 'a>(
    object: &'o Object<'a>,
    name: &'static str,
    alias: Option<&'static str>,
) -> Option<(&'static str, &'o Json<'a>)> {
    let name = [Some(name), alias].into_iter().flatten().find(|name| object.has(name))?;
    Some((name, object.get(name)?))
}

/// Reads a field that has to be there.
pub(crate) fn read_required<F: Field>(
    object: &Object<'_>,
    name: &'static str,
    alias: Option<&'static str>,
    faults: &mut Vec<FieldFault>,
) -> Option<F> {
    let Some((name, json)) = find(object, name, alias) else {
        faults.push(FieldFault { path: name.to_owned(), problem: Problem::Missing(F::RULE) });
        return None;
    };
    F::read(json).map_err(|unfit| unfit.report(name, F::RULE, faults)).ok()
}

/// Reads a field that may be absent.
pub(crate) fn read_optional<F: Field>(
    object: &Object<'_>,
    name: &'static str,
    alias: Option<&'static str>,
    faults: &mut Vec<FieldFault>,
) -> Option<F> {
    let (name, json) = find(object, name, alias)?;
    F::read(json).map_err(|unfit| unfit.report(name, F::RULE, faults)).ok()
}

/// Reads a field that may be absent, and that we would rather miss than refuse the message.
pub(crate) fn read_generously<F: Field>(
    object: &Object<'_>,
    name: &'static str,
    alias: Option<&'static str>,
) -> Option<F> {
    let (_, json) = find(object, name, alias)?;
    F::read(json).ok()
}

/// Reads the part of a message whose fields lie among its own.
pub(crate) fn read_part<M: Message>(
    object: &Object<'_>,
    faults: &mut Vec<FieldFault>,
) -> Option<M> {
    M::decode(object).map_err(|inside| faults.extend(inside)).ok()
}

/// How many fields the parts of a message have together.
pub(crate) const fn count(parts: &[&[FieldSpec]]) -> usize {
    let (mut rest, mut count) = (parts, 0);
    while let [part, more @ ..] = rest {
        count += part.len();
        rest = more;
    }
    count
}

/// The fields of all parts of a message in one table.
#[expect(clippy::indexing_slicing, reason = "runs when it is compiled, so it cannot fail later")]
pub(crate) const fn concat<const COUNT: usize>(parts: &[&[FieldSpec]]) -> [FieldSpec; COUNT] {
    const BLANK: FieldSpec = FieldSpec {
        name: "",
        alias: None,
        doc: Bilingual { en: "", zh: "" },
        required: false,
        rule: Rule::Object,
        form: Form::Object,
        example: None,
        fields: &[],
    };
    let mut all = [BLANK; COUNT];
    let (mut rest, mut place) = (parts, 0);
    while let [part, more @ ..] = rest {
        let mut fields = *part;
        while let [field, more @ ..] = fields {
            all[place] = *field;
            place += 1;
            fields = more;
        }
        rest = more;
    }
    all
}

/// Defines a message once: its Rust type, its check, its JSON, and its documentation.
///
/// Every message and every field has two doc lines, the first in English, the second in Chinese. The
/// word before the name says what the message is:
///
/// * `request`: what a caller posts to an endpoint; it begins with the part `common: Common`;
/// * `input`: what else a caller sends, also to endpoints that ask for less than `Common`; `report`: what
///   else the gateway sends;
/// * `response`: what the gateway answers.
///
/// A field is `required`, `optional`, or a `part`: a message whose fields lie among this one's.
macro_rules! message {
    (
        #[doc = $en:literal]
        #[doc = $zh:literal]
        $kind:ident $name:ident {
            $(
                #[doc = $field_en:literal]
                #[doc = $field_zh:literal]
                $need:ident $field:ident: $ty:ty
                    $(= $wire:literal $(or $alias:literal)? $(example $example:literal)?)?,
            )+
        }
    ) => {
        #[doc = $en]
        #[doc = ""]
        #[doc = $zh]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $(
                #[doc = $field_en]
                #[doc = ""]
                #[doc = $field_zh]
                pub $field: message!(@type $need $ty),
            )+
        }

        impl $crate::message::Message for $name {
            const DOC: $crate::message::Bilingual =
                $crate::message::Bilingual { en: $en.trim_ascii(), zh: $zh.trim_ascii() };

            const FIELDS: &'static [$crate::message::FieldSpec] = {
                const PARTS: &[&[$crate::message::FieldSpec]] = &[$(
                    message!(@spec $need $ty, $field_en, $field_zh,
                        $($wire $(or $alias)? $(example $example)?)?),
                )+];
                &$crate::message::concat::<{ $crate::message::count(PARTS) }>(PARTS)
            };

            fn decode(
                object: &$crate::json::Object<'_>,
            ) -> Result<Self, Vec<$crate::message::FieldFault>> {
                #[allow(unused_mut, reason = "nothing is amiss where all is read generously")]
                let mut faults = Vec::new();
                $(
                    let $field = message!(@read $kind $need object, faults,
                        $($wire $(or $alias)? $(example $example)?)?);
                )+
                match ($( message!(@some $need $field), )+) {
                    ($( Some($field), )+) if faults.is_empty() => Ok(Self { $($field),+ }),
                    _ => Err(faults),
                }
            }

            fn write_fields(&self, to: &mut $crate::message::Writer<'_>) {
                $( message!(@write $need to, self.$field, $($wire)?); )+
            }
        }

        message!(@also $kind $name);
    };

    (@type optional $ty:ty) => { Option<$ty> };
    (@type $need:ident $ty:ty) => { $ty };

    (@spec part $ty:ty, $en:literal, $zh:literal, ) => {
        <$ty as $crate::message::Message>::FIELDS
    };
    (@spec $need:ident $ty:ty, $en:literal, $zh:literal,
        $wire:literal $(or $alias:literal)? $(example $example:literal)?) => {
        &[$crate::message::FieldSpec {
            name: $wire,
            alias: message!(@option $($alias)?),
            doc: $crate::message::Bilingual { en: $en.trim_ascii(), zh: $zh.trim_ascii() },
            required: message!(@required $need),
            rule: <$ty as $crate::field::Field>::RULE,
            form: <$ty as $crate::field::Field>::FORM,
            example: message!(@option $($example)?),
            fields: <$ty as $crate::field::Field>::FIELDS,
        }]
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
    (@required required) => { true };
    (@required optional) => { false };

    (@read $kind:ident part $object:ident, $faults:ident, ) => {
        $crate::message::read_part($object, &mut $faults)
    };
    (@read $kind:ident required $object:ident, $faults:ident,
        $wire:literal $(or $alias:literal)? $(example $example:literal)?) => {
        $crate::message::read_required(
            $object, $wire, message!(@option $($alias)?), &mut $faults)
    };
    (@read response optional $object:ident, $faults:ident, $($wire:tt)+) => {
        message!(@generously $object, $($wire)+)
    };
    (@read report optional $object:ident, $faults:ident, $($wire:tt)+) => {
        message!(@generously $object, $($wire)+)
    };
    (@read $kind:ident optional $object:ident, $faults:ident,
        $wire:literal $(or $alias:literal)? $(example $example:literal)?) => {
        $crate::message::read_optional(
            $object, $wire, message!(@option $($alias)?), &mut $faults)
    };
    (@generously $object:ident,
        $wire:literal $(or $alias:literal)? $(example $example:literal)?) => {
        $crate::message::read_generously($object, $wire, message!(@option $($alias)?))
    };

    (@some optional $field:ident) => { Some($field) };
    (@some $need:ident $field:ident) => { $field };

    (@write part $to:ident, $value:expr, ) => { $crate::message::Message::write_fields(&$value, $to) };
    (@write required $to:ident, $value:expr, $wire:literal) => { $to.field($wire, &$value) };
    (@write optional $to:ident, $value:expr, $wire:literal) => {
        if let Some(value) = &$value {
            $to.field($wire, value);
        }
    };

    (@also request $name:ident) => {
        impl $crate::message::BillsRequest for $name {
            fn caller(&self) -> $crate::messages::Caller<'_> {
                self.common.caller()
            }
        }
    };
    (@also response $name:ident) => {};
    (@also $kind:ident $name:ident) => {
        impl $crate::field::Field for $name {
            const RULE: $crate::field::Rule = $crate::field::Rule::Object;
            const FIELDS: &'static [$crate::message::FieldSpec] =
                <Self as $crate::message::Message>::FIELDS;

            fn read(json: &$crate::json::Json<'_>) -> Result<Self, $crate::field::Unfit> {
                $crate::field::read_object(json)
            }

            fn write(&self, out: &mut Vec<u8>) {
                $crate::message::write_object(self, out);
            }
        }
    };
}

/// Lists all endpoints once: the request that a server matches on, and the table of all of them.
///
/// `requests` are those of the bills family; `others` lie beside it. The two doc lines are the title
/// in English and in Chinese. `legacy` is what the predecessor protocol calls it, where it has it.
macro_rules! endpoints {
    (
        requests { $(
            #[doc = $en:literal]
            #[doc = $zh:literal]
            $request:ident = $name:literal at $path:literal $(or $alias:literal)*
                $(legacy $msg_type:literal)? => $response:ident,
        )+ }
        others { $(
            #[doc = $other_en:literal]
            #[doc = $other_zh:literal]
            $other:ident = $other_name:literal at $other_path:literal $(or $other_alias:literal)*
                => $other_response:ident,
        )* }
    ) => {
        /// A request of the bills family. A server that matches on it cannot forget an endpoint.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Request { $(
            #[doc = $en]
            #[doc = ""]
            #[doc = $zh]
            $request($request),
        )+ }

        impl Request {
            /// Reads the request that is posted to a path; `None` for a path that nobody serves.
            ///
            /// # Errors
            /// All fields that are missing or break their rule.
            #[must_use]
            pub fn decode(
                path: &str,
                object: &$crate::json::Object<'_>,
            ) -> Option<Result<Self, Vec<$crate::message::FieldFault>>> {
                use $crate::message::{EndpointSpec, Message as _};
                $( if EndpointSpec::of::<$request>().serves(path) {
                    return Some($request::decode(object).map(Self::$request));
                } )+
                None
            }

            /// Who asks, and when.
            #[must_use]
            pub fn caller(&self) -> Caller<'_> {
                use $crate::message::BillsRequest as _;
                match self { $( Self::$request(request) => request.caller(), )+ }
            }

            /// A digest of what is asked ([`BillsRequest::fingerprint`]).
            ///
            /// [`BillsRequest::fingerprint`]: crate::message::BillsRequest::fingerprint
            #[must_use]
            pub fn fingerprint(&self) -> holdfast_domain::Fingerprint {
                use $crate::message::BillsRequest as _;
                match self { $( Self::$request(request) => request.fingerprint(), )+ }
            }

            /// The endpoint it is posted to.
            #[must_use]
            pub fn endpoint(&self) -> $crate::message::EndpointSpec {
                match self { $(
                    Self::$request(_) => $crate::message::EndpointSpec::of::<$request>(),
                )+ }
            }

            /// The request as compact JSON.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                use $crate::message::Message as _;
                match self { $( Self::$request(request) => request.encode(), )+ }
            }
        }

        $( endpoints!(@endpoint $en, $zh, $request, $name, $path, [$($alias),*],
            [$($msg_type)?], $response); )+
        $( endpoints!(@endpoint $other_en, $other_zh, $other, $other_name, $other_path,
            [$($other_alias),*], [], $other_response); )*

        /// Every endpoint, in the order of the reference.
        pub const ENDPOINTS: &[$crate::message::EndpointSpec] = &[
            $( $crate::message::EndpointSpec::of::<$request>(), )+
            $( $crate::message::EndpointSpec::of::<$other>(), )*
        ];
    };
    (@endpoint $en:literal, $zh:literal, $request:ident, $name:literal, $path:literal,
        [$($alias:literal),*], [$($msg_type:literal)?], $response:ident) => {
        impl $crate::message::Endpoint for $request {
            const NAME: &'static str = $name;
            const PATH: &'static str = $path;
            const ALIASES: &'static [&'static str] = &[$($alias),*];
            const MSG_TYPE: Option<&'static str> = message!(@option $($msg_type)?);
            const TITLE: $crate::message::Bilingual =
                $crate::message::Bilingual { en: $en.trim_ascii(), zh: $zh.trim_ascii() };
            type Response = $response;
        }
    };
}
