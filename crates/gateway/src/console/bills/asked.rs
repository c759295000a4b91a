//! Which bills are asked for: as typed, and as understood. What cannot be understood is kept and told beside its field.

use std::collections::BTreeMap;

use holdfast_domain::{Day, Kind, Mid, Tid};
use holdfast_wire::field::BillStatus;

use crate::{
    finder::{Cursor, PHASES, Place, Span, Wanted, What},
    pages::in_address,
};

/// The fields of the question, as they stand in an address.
const FIELDS: [&str; 9] = ["q", "as", "mid", "tid", "kind", "phase", "status", "from", "until"];
/// Where the page lies, likewise.
const PLACES: [&str; 2] = ["after", "before"];
/// The longest text that is looked at: longer than any that means something.
const TEXT: usize = 256;

/// The kinds of bills that can be asked for.
pub(super) const KINDS: [Kind; 3] = [Kind::Hold, Kind::Payment, Kind::Guarantee];
/// The states, as merchants see them, that can be asked for.
pub(super) const STATUSES: [BillStatus; 4] =
    [BillStatus::Unpaid, BillStatus::Paid, BillStatus::Refund, BillStatus::Closed];

/// A question.
#[derive(Default)]
pub(super) struct Asked {
    typed: BTreeMap<&'static str, String>,
    wrong: Vec<&'static str>,
    /// What the text may mean, the likeliest first.
    pub(super) readings: Vec<What>,
    /// Everything but the text.
    pub(super) wanted: Wanted,
}

impl Asked {
    /// Reads the query of an address.
    pub(super) fn of(query: &BTreeMap<String, String>) -> Self {
        let mut asked = Self::default();
        for name in FIELDS.into_iter().chain(PLACES) {
            let text = query.get(name).map(|text| text.trim()).unwrap_or_default();
            asked.typed.insert(name, text.chars().take(TEXT).collect());
        }
        asked.readings = What::readings(asked.typed("q"));
        if !asked.typed("q").is_empty() && asked.readings.is_empty() {
            asked.wrong.push("q");
        }
        asked.read("as", |text| What::NAMES.contains(&text).then_some(()));
        let mid = asked.read("mid", |text| Mid::parse(text).ok());
        let tid = asked.read("tid", |text| Tid::parse(text).ok());
        let kind = asked.read("kind", |text| KINDS.into_iter().find(|kind| kind.name() == text));
        let phase = asked.read("phase", |text| PHASES.into_iter().find(|phase| *phase == text));
        let status = asked
            .read("status", |text| STATUSES.into_iter().find(|status| status.as_str() == text));
        let from = asked.read("from", Day::parse);
        // The last day is meant to the end.
        let until = asked.read("until", Day::parse).map(|day| Day(day.0.saturating_add(1)));
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            asked.wrong.push("until");
        }
        let after = asked.read("after", Cursor::parse).map(Place::After);
        let before = asked.read("before", Cursor::parse).map(Place::Before);
        asked.wanted = Wanted {
            mid,
            tid,
            kind,
            phases: phase.into_iter().collect(),
            status,
            made: Span { from: from.map(Day::starts_at), until: until.map(Day::starts_at) },
            place: after.or(before).unwrap_or_default(),
            ..Wanted::default()
        };
        asked
    }

    /// What a field says, if it says anything; noted as wrong when it cannot be understood.
    fn read<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.typed(name);
        if text.is_empty() {
            return None;
        }
        let read = parse(text);
        if read.is_none() {
            self.wrong.push(name);
        }
        read
    }

    /// What was typed into a field.
    pub(super) fn typed(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }

    /// Whether that was typed into a field.
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.typed(name) == value
    }

    /// Whether a field cannot be understood.
    pub(super) fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains(&name)
    }

    /// Whether anything cannot be understood.
    pub(super) fn is_any_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// Whether nothing was asked: all bills are meant.
    pub(super) fn is_everything(&self) -> bool {
        FIELDS.iter().all(|name| self.typed(name).is_empty())
    }

    /// Whether the filters beside the text say anything.
    pub(super) fn is_filtered(&self) -> bool {
        FIELDS.iter().skip(2).any(|name| !self.typed(name).is_empty())
    }

    /// Whether it is the first page.
    pub(super) fn is_first(&self) -> bool {
        self.wanted.place == Place::First
    }

    /// The readings that may be meant: the one that was chosen, or all.
    pub(super) fn candidates(&self) -> Vec<What> {
        let chosen = self.readings.iter().find(|what| what.name() == self.typed("as"));
        chosen.map_or_else(|| self.readings.clone(), |chosen| vec![chosen.clone()])
    }

    /// The question as the query of an address, with its text read so; for more to follow.
    pub(super) fn query(&self, what: Option<&What>) -> String {
        let pairs = self.fields(what).into_iter();
        pairs.map(|(name, value)| format!("{name}={}&", in_address(value))).collect()
    }

    /// The same as fields of a form.
    pub(super) fn fields<'a>(&'a self, what: Option<&What>) -> Vec<(&'static str, &'a str)> {
        let value = |name| match (name, what) {
            ("as", Some(what)) => what.name(),
            _ => self.typed(name),
        };
        let pairs = FIELDS.into_iter().map(|name| (name, value(name)));
        pairs.filter(|(_, value)| !value.is_empty()).collect()
    }
}
