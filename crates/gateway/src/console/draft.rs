//! What somebody typed into a form: kept as it was typed, with every wrong field and its rule beside it.

use std::collections::BTreeMap;

use askama::{Template, filters::HtmlSafe};

/// A form as it was sent: names of fields, and what was typed. A page may have several forms; the field `form` says
/// which one it is.
pub(super) type Typed = BTreeMap<String, String>;

/// A form that was sent, or one that is still blank.
#[derive(Default)]
pub(super) struct Draft {
    typed: Typed,
    wrong: Vec<(&'static str, String)>,
}

/// What a form carries besides what somebody typed: which form it is, and how the record looked that it was made from.
const CARRIED: [&str; 2] = ["form", "mark"];

impl Draft {
    /// A form that was sent.
    pub(super) fn of(typed: Typed) -> Self {
        Self { typed, wrong: vec![] }
    }

    /// What was typed into a field, without blanks around it.
    pub(super) fn text(&self, name: &str) -> &str {
        self.typed.get(name).map(|text| text.trim()).unwrap_or_default()
    }

    /// Whether a box was ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.typed.contains_key(name)
    }

    /// Notes that a field is wrong, and by which rule.
    pub(super) fn refuse(&mut self, name: &'static str, rule: impl Into<String>) {
        self.wrong.push((name, rule.into()));
    }

    /// Reads a field that has to be there.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        rule: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.text(name));
        if value.is_none() {
            self.refuse(name, rule);
        }
        value
    }

    /// Reads a field that may be left empty.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        rule: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if self.text(name).is_empty() { None } else { self.read(name, rule, read) }
    }

    /// Whether any field is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// Whether it is what was typed into that form of its page.
    pub(super) fn is_of(&self, form: &str) -> bool {
        self.text("form") == form
    }

    /// What was typed, field by field. Boxes that are ticked say so.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let typed = self.typed.iter().map(|(name, text)| (name.as_str(), text.trim()));
        typed.filter(|(name, text)| !CARRIED.contains(name) && !text.is_empty())
    }

    /// What was typed, for the audit. Forms have no field for a secret.
    pub(super) fn told(&self) -> String {
        let pairs = self.pairs().map(|(name, text)| format!("{name}={text}"));
        [self.text("form").to_owned()].into_iter().chain(pairs).collect::<Vec<_>>().join(" ")
    }

    /// What is wrong with a field.
    pub(super) fn wrong(&self, form: &str, name: &str) -> Option<&str> {
        let mut wrong = self.wrong.iter().filter(|_| self.is_of(form));
        wrong.find(|(known, _)| *known == name).map(|(_, rule)| rule.as_str())
    }

    /// A field of one line: what was typed, or what there is now.
    pub(super) fn line(&self, form: &str, name: &str, label: &str, now: &str, hint: &str) -> Field {
        let value = if self.is_of(form) { self.text(name) } else { now };
        Field {
            id: format!("{form}-{name}"),
            name: name.to_owned(),
            label: label.to_owned(),
            value: value.to_owned(),
            hint: hint.to_owned(),
            wrong: self.wrong(form, name).map(str::to_owned),
            lines: false,
        }
    }

    /// A field of several lines.
    pub(super) fn lines(
        &self,
        form: &str,
        name: &str,
        label: &str,
        now: &str,
        hint: &str,
    ) -> Field {
        Field { lines: true, ..self.line(form, name, label, now, hint) }
    }

    /// Whether a box is ticked: as it was sent, or as it is now.
    pub(super) fn on(&self, form: &str, name: &str, now: &bool) -> bool {
        if self.is_of(form) { self.ticked(name) } else { *now }
    }

    /// Which of several values is chosen: the one that was sent, or the one there is now.
    pub(super) fn chosen<'a>(&'a self, form: &str, name: &str, now: &'a str) -> &'a str {
        if self.is_of(form) { self.text(name) } else { now }
    }
}

/// A field to type into, with its label, its hint, and its rule when it is wrong. It is written into pages as it is: it
/// escapes what it shows.
#[derive(Template)]
#[template(path = "console/field.html")]
pub(super) struct Field {
    id: String,
    name: String,
    label: String,
    value: String,
    hint: String,
    wrong: Option<String>,
    lines: bool,
}

impl HtmlSafe for Field {}

impl Field {
    /// What describes it to those who do not see the page.
    fn described(&self) -> String {
        let wrong = self.wrong.as_ref().map(|_| format!("{}-wrong", self.id));
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.id));
        wrong.into_iter().chain(hint).collect::<Vec<_>>().join(" ")
    }
}
