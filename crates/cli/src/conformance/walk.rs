//! Walks as they are written in `conformance/walks.json`: who does what, and what must come of it.

use std::collections::BTreeSet;

use holdfast_wire::{message::EndpointSpec, messages::ENDPOINTS};
use serde_json::{Map, Value};

/// The longest file of walks that is read, in bytes.
pub(super) const FILE_MAX: u64 = 4 * 1024 * 1024;

/// The most walks in a file, and the most steps in a walk.
const MOST: usize = 1_000;

/// The walks that come with the program.
pub(super) const OURS: &str = include_str!("../../../../conformance/walks.json");

/// A script with a name: steps that are done one after the other.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// What it is about: `core`, `auth`…
    pub(super) group: String,
    /// What it is called.
    pub(super) name: String,
    /// What it shows, in English and in Chinese.
    pub(super) title: [String; 2],
    /// What is decided by whom in this walk, unless a step says otherwise.
    pub(super) basis: Basis,
    /// What the runner must have been given.
    pub(super) needs: Vec<Need>,
    /// Fields that every call of the walk has.
    pub(super) with: Map<String, Value>,
    /// What is done.
    pub(super) steps: Vec<Step>,
}

/// One thing that is done, and what must come of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Under what name later steps mean it.
    pub(super) id: Option<String>,
    /// What is done.
    pub(super) deed: Deed,
    /// What the protocol demands of the answer.
    pub(super) expect: Map<String, Value>,
    /// What Holdfast answers where the protocol is silent.
    pub(super) holdfast: Map<String, Value>,
    /// What is kept of the answer: under which name, and where it stands.
    pub(super) save: Vec<(String, String)>,
    /// What is waited for: it is done again until this path is as expected, or patience is over.
    pub(super) until: Option<String>,
    /// Why it must be so, in English and in Chinese.
    pub(super) why: [String; 2],
}

/// What a step does.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Calls an endpoint.
    Call(Call),
    /// Asks for the same as an earlier step did, in a new request, with these fields instead.
    Repeat(String, Map<String, Value>),
    /// Sends the very bytes of an earlier step, signature included.
    Resend(String),
    /// The payer pays the code.
    Pay(String),
    /// The payer tries to pay the code, and must not succeed.
    PayRefused(String),
    /// The payer declines.
    Decline(String),
    /// A notice about the walk's bill is waited for.
    Notice,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The endpoint that is meant; none for a path that nobody serves.
    pub(super) endpoint: Option<&'static EndpointSpec>,
    /// The path to which it is posted.
    pub(super) path: String,
    /// Its fields beside those that every request has. `null` takes one away.
    pub(super) fields: Map<String, Value>,
    /// The body as it is, instead of fields.
    pub(super) body: Option<String>,
    /// Whether the request is wrapped in a `data` envelope.
    pub(super) wrap: bool,
    /// How it is proved who asks.
    pub(super) auth: Auth,
}

/// Who decides what a right answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Basis {
    /// The documents of the protocol: another answer is wrong.
    Protocol,
    /// Holdfast, where the documents are silent: another answer is another decision.
    Holdfast,
}

/// Declares an enumeration that is written as words in a walk.
macro_rules! words {
    ($( $(#[doc = $doc:literal])+ enum $name:ident { $( $(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal, )+ } )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $( $(#[doc = $variant_doc])+ $variant, )+ }

        impl $name {
            const WORDS: &'static [(&'static str, Self)] = &[$( ($word, Self::$variant) ),+];
        }
    )+ };
}

words! {
    /// What a walk cannot do without.
    enum Need {
        /// Somebody who pays.
        Payer = "payer",
        /// A place to receive notices, and the key to check them.
        Notices = "notices",
        /// A second merchant, who gets a share.
        SubMid = "sub-mid",
        /// The name of the app in the predecessor protocol, and the communication key.
        MsgSrc = "msg-src",
    }
    /// How a request proves who asks, or fails to.
    enum Auth {
        /// As the command line says.
        Right = "right",
        /// Not at all.
        None = "none",
        /// `OPEN-BODY-SIG`, spelled as on the official page.
        BodySig = "body-sig",
        /// The same with a space after each comma.
        Spaced = "spaced",
        /// The same, its keys beginning with small letters.
        SmallLetters = "small-letters",
        /// Signed with another key.
        WrongKey = "wrong-key",
        /// Signed by an app that does not exist.
        UnknownApp = "unknown-app",
        /// Signed rightly, and a space was added to the body afterwards.
        ChangedBody = "changed-body",
        /// Signed rightly, a day ago.
        DayOld = "day-old",
        /// Signed rightly, a day ahead of time.
        DayAhead = "day-ahead",
        /// Signed over a time that is not 14 digits.
        UnreadableTime = "unreadable-time",
        /// With the token that was saved as `token`, bare.
        Token = "token",
        /// With that token in quotes, and the app beside it.
        TokenQuoted = "token-quoted",
        /// With that token, one character changed.
        TokenChanged = "token-changed",
        /// With a token that nobody issued.
        TokenMadeUp = "token-made-up",
        /// A request for a token, signed with SHA-256.
        Sha256 = "sha256",
        /// A request for a token, signed with SHA-1.
        Sha1 = "sha1",
        /// A request for a token, signed with another key.
        Sha256WrongKey = "sha256-wrong-key",
        /// `OPEN-FORM-PARAM` in the query.
        FormParam = "form-param",
        /// The same as a form in the body.
        FormBody = "form-body",
        /// `OPEN-FORM-PARAM` signed with another key.
        FormParamWrongKey = "form-param-wrong-key",
        /// The predecessor's `sign`, by MD5.
        Legacy = "legacy",
        /// The predecessor's `sign`, by SHA-256.
        LegacySha256 = "legacy-sha256",
        /// The predecessor's `sign`, with another key.
        LegacyWrongKey = "legacy-wrong-key",
    }
}

/// Reads a file of walks.
///
/// # Errors
/// Says where it is not one.
pub(super) fn read(text: &str) -> Result<Vec<Walk>, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let mut file = Part::new(file, "the file")?;
    if file.take("format") != Some(Value::from(1)) {
        return Err("the file's format is not 1".to_owned());
    }
    file.take("about");
    let walks = file.list("walks")?;
    file.end()?;
    let mut read = Vec::with_capacity(walks.len());
    let mut names = BTreeSet::new();
    for (number, walk) in walks.into_iter().enumerate() {
        let walk = read_walk(walk, &format!("walk {}", number.saturating_add(1)))?;
        if !names.insert(walk.name.clone()) {
            return Err(format!("walk {} is there twice", walk.name));
        }
        read.push(walk);
    }
    Ok(read)
}

fn read_walk(walk: Value, place: &str) -> Result<Walk, String> {
    let mut walk = Part::new(walk, place)?;
    let name = walk.text("name")?;
    walk.place = format!("walk {name}");
    let group = walk.text("group")?;
    let title = [walk.text("en")?, walk.text("zh")?];
    let basis = match walk.text_or("basis", "protocol")?.as_str() {
        "protocol" => Basis::Protocol,
        "holdfast" => Basis::Holdfast,
        other => return Err(format!("{}: {other:?} is no basis", walk.place)),
    };
    let needs = walk.list_or_none("needs")?;
    let needs = needs.iter().map(|need| word(Need::WORDS, need, &walk.place));
    let needs = needs.collect::<Result<_, _>>()?;
    let with = walk.object("with")?;
    let steps = walk.list("steps")?;
    walk.end()?;
    let mut known = BTreeSet::new();
    let mut read = Vec::with_capacity(steps.len());
    for (number, step) in steps.into_iter().enumerate() {
        let place = format!("walk {name}, step {}", number.saturating_add(1));
        let step = read_step(step, &place)?;
        let refers = [&step.expect, &step.holdfast]
            .into_iter()
            .filter_map(|expect| expect.get(SAME_AS).and_then(Value::as_str))
            .chain(match &step.deed {
                Deed::Repeat(of, _) | Deed::Resend(of) => Some(of.as_str()),
                _ => None,
            });
        for earlier in refers {
            if !known.contains(earlier) {
                return Err(format!("{place}: no earlier step has the id {earlier:?}"));
            }
        }
        known.extend(step.id.clone());
        read.push(step);
    }
    Ok(Walk { group, name, title, basis, needs, with, steps: read })
}

/// The expectation that an answer says the same as that of an earlier step.
pub(super) const SAME_AS: &str = "$sameAs";

/// The expectation about the HTTP status.
pub(super) const STATUS: &str = "$status";

fn read_step(step: Value, place: &str) -> Result<Step, String> {
    let mut step = Part::new(step, place)?;
    let id = step.text_or_none("id")?;
    let why = [step.text_or("en", "")?, step.text_or("zh", "")?];
    let until = step.text_or_none("until")?;
    let (expect, holdfast) = (step.object("expect")?, step.object("holdfast")?);
    let save = step.object("save")?.into_iter().map(|(name, at)| match at {
        Value::String(at) => Ok((name, at)),
        _ => Err(format!("{place}: what is saved as {name} is not a path")),
    });
    let save = save.collect::<Result<_, _>>()?;
    let endpoint = step.text_or_none("call")?;
    let [repeat, resend, pay, refused, decline] =
        ["repeat", "resend", "pay", "payRefused", "decline"].map(|name| step.text_or_none(name));
    let notice = step.take("notice") == Some(Value::Bool(true));
    let deeds = [
        endpoint.map(|endpoint| read_call(&mut step, &endpoint)).transpose()?.map(Deed::Call),
        repeat?.map(|of| Ok::<_, String>(Deed::Repeat(of, step.object("fields")?))).transpose()?,
        resend?.map(Deed::Resend),
        pay?.map(Deed::Pay),
        refused?.map(Deed::PayRefused),
        decline?.map(Deed::Decline),
        notice.then_some(Deed::Notice),
    ];
    step.end()?;
    let mut deeds = deeds.into_iter().flatten();
    let (Some(deed), None) = (deeds.next(), deeds.next()) else {
        return Err(format!("{place}: a step does exactly one thing"));
    };
    let asks = matches!(deed, Deed::Call(_) | Deed::Repeat(..) | Deed::Resend(_));
    for (at, wanted) in expect.iter().chain(&holdfast) {
        if !super::judge::is_understood(wanted) {
            return Err(format!(
                "{place}: what is expected of {at} cannot be understood: {wanted}"
            ));
        }
    }
    if asks && !expect.contains_key("errCode") && !expect.contains_key(SAME_AS) {
        return Err(format!("{place}: it does not say which errCode is expected"));
    }
    Ok(Step { id, deed, expect, holdfast, save, until, why })
}

fn read_call(step: &mut Part, name: &str) -> Result<Call, String> {
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.name == name);
    let path = match endpoint {
        Some(endpoint) => step.text_or("path", endpoint.path)?,
        None if name.starts_with('/') => name.to_owned(),
        None => return Err(format!("{}: there is no endpoint {name:?}", step.place)),
    };
    let auth = Value::String(step.text_or("auth", "right")?);
    Ok(Call {
        endpoint,
        path,
        fields: step.object("fields")?,
        body: step.text_or_none("body")?,
        wrap: step.take("wrap") == Some(Value::Bool(true)),
        auth: word(Auth::WORDS, &auth, &step.place)?,
    })
}

fn word<T: Copy>(words: &[(&str, T)], given: &Value, place: &str) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| given.as_str() == Some(*word));
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{place}: {given} is none of {}", all.join(", "))
    })
}

/// An object that is being read: what is not taken out of it is a mistake.
struct Part {
    fields: Map<String, Value>,
    place: String,
}

impl Part {
    fn new(value: Value, place: &str) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Self { fields, place: place.to_owned() }),
            _ => Err(format!("{place} is not an object")),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    fn text_or_none(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{}: {name} is not a text", self.place)),
        }
    }

    fn text_or(&mut self, name: &str, otherwise: &str) -> Result<String, String> {
        Ok(self.text_or_none(name)?.unwrap_or_else(|| otherwise.to_owned()))
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        self.text_or_none(name)?.ok_or_else(|| format!("{}: {name} is missing", self.place))
    }

    fn list_or_none(&mut self, name: &str) -> Result<Vec<Value>, String> {
        match self.take(name) {
            None => Ok(vec![]),
            Some(Value::Array(items)) if items.len() <= MOST => Ok(items),
            Some(_) => Err(format!("{}: {name} is not a list of at most {MOST}", self.place)),
        }
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value>, String> {
        let items = self.list_or_none(name)?;
        if items.is_empty() {
            return Err(format!("{}: {name} is missing", self.place));
        }
        Ok(items)
    }

    /// The object under a name; an empty one when there is none.
    fn object(&mut self, name: &str) -> Result<Map<String, Value>, String> {
        match self.take(name) {
            None => Ok(Map::new()),
            Some(Value::Object(fields)) => Ok(fields),
            Some(_) => Err(format!("{}: {name} is not an object", self.place)),
        }
    }

    fn end(self) -> Result<(), String> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("{}: nobody knows what {name:?} means", self.place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one walk of one step.
    fn file(step: &str) -> String {
        format!(
            r#"{{"format":1,"walks":[{{"group":"core","name":"one","en":"a","zh":"b","steps":[{step}]}}]}}"#
        )
    }

    #[test]
    fn our_own_walks_can_be_read() {
        let walks = read(OURS).unwrap();
        assert!(walks.len() > 20, "{}", walks.len());
        for group in ["core", "auth", "input", "guarantee", "split", "codes", "legacy", "notices"] {
            assert!(walks.iter().any(|walk| walk.group == group), "{group}");
        }
    }

    #[test]
    fn a_mistake_in_a_walk_is_named_with_its_place() {
        for (step, told) in [
            (
                r#"{"call":"query","expect":{"errCode":"X"},"exepct":{}}"#,
                "nobody knows what \"exepct\"",
            ),
            (r#"{"call":"qeury","expect":{"errCode":"X"}}"#, "there is no endpoint \"qeury\""),
            (r#"{"call":"query"}"#, "which errCode is expected"),
            (
                r#"{"call":"query","auth":"x","expect":{"errCode":"X"}}"#,
                "\"x\" is none of right, none,",
            ),
            (r#"{"call":"query","pay":"1","expect":{"errCode":"X"}}"#, "exactly one thing"),
            (r#"{"repeat":"a","expect":{"errCode":"X"}}"#, "no earlier step has the id \"a\""),
            (r#"{"call":"query","expect":{"$sameAs":"a"}}"#, "no earlier step has the id \"a\""),
            (r#"{"call":"query","fields":1,"expect":{"errCode":"X"}}"#, "fields is not an object"),
            (r#"7"#, "walk one, step 1 is not an object"),
        ] {
            let error = read(&file(step)).unwrap_err();
            assert!(error.contains(told) && error.contains("walk one, step 1"), "{step}: {error}");
        }
        assert!(read("[]").is_err() && read("{").is_err() && read(r#"{"format":2}"#).is_err());
    }
}
