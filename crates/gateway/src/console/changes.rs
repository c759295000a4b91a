//! How forms change merchants and apps: based on what their reader saw, and written into the audit with what changed.

use std::{collections::BTreeMap, sync::Arc};

use axum::response::Response;
use holdfast_domain::{Amount, Mid, Text, yuan};
use holdfast_wire::{field::Url, time};
use hyper::StatusCode;

use super::{
    Console, Seat,
    draft::Draft,
    seat::{Administrators, Frame},
};
use crate::{
    accounts::{AccountError, App, Book, DayTotal, Frozen, Key, Mark, Merchant},
    operators::{About, Act, Entry, Outcome},
    store::Kind,
};

/// A record that forms change.
pub(super) trait Record: Sized {
    /// Of what kind it is.
    const KIND: Kind;
    /// The one of that id, if there is one.
    fn find(book: &Book, id: &str) -> Option<Arc<Self>>;
    /// What it is for the audit.
    fn about(id: &str) -> About;
    /// How it looks in the store.
    fn mark(&self) -> Mark;
    /// Everything that can be set, by name: never a secret.
    fn settings(&self) -> BTreeMap<String, String>;
}

/// Why nothing was changed.
pub(super) enum Unchanged {
    /// A field is wrong, and the draft says which.
    Wrong,
    /// There is no such record.
    Gone,
    /// It was changed by somebody else since the form was made.
    Stale,
    /// A rule said no.
    Refused(String),
    /// This page says what broke.
    Broken(Response),
}

/// A sentence above a page whose form was not carried out.
pub(super) struct Trouble {
    pub(super) text: String,
    /// What was typed, where the fields show what there is now instead.
    pub(super) typed: Vec<(String, String)>,
}

impl Record for Merchant {
    const KIND: Kind = Kind::Merchant;

    fn find(book: &Book, id: &str) -> Option<Arc<Self>> {
        book.merchants.get(&Mid::parse(id).ok()?).cloned()
    }

    fn about(id: &str) -> About {
        Mid::parse(id).map_or(About::Nothing, About::Merchant)
    }

    fn mark(&self) -> Mark {
        self.mark
    }

    fn settings(&self) -> BTreeMap<String, String> {
        let notices = &self.notices;
        let topics: Vec<&str> = notices.notify_on.iter().map(|topic| topic.word()).collect();
        let sum = |fen: Option<u64>| fen.map(|fen| yuan(fen.into())).unwrap_or_default();
        let mut all = BTreeMap::from([
            ("name".to_owned(), self.name.to_string()),
            ("frozen".to_owned(), frozen(self.frozen.as_ref())),
            ("most per bill".to_owned(), sum(self.limits.bill.map(Amount::fen))),
            ("most per day".to_owned(), sum(self.limits.day.map(DayTotal::fen))),
            ("only registered terminals".to_owned(), on(self.only_terminals)),
            (
                "notices to".to_owned(),
                notices.url.as_ref().map(Url::as_str).unwrap_or_default().to_owned(),
            ),
            ("notices on".to_owned(), topics.join(",")),
            ("digest".to_owned(), notices.sign_type.to_string()),
            ("webhooks".to_owned(), on(notices.webhooks.is_some())),
            ("versions".to_owned(), on(notices.versions)),
        ]);
        for (tid, label) in &self.terminals {
            let label = label.as_ref().map_or("registered", Text::as_str);
            all.insert(format!("terminal {tid}"), label.to_owned());
        }
        all.extend(notices.keys.iter().map(|key| told(key, "communication key")));
        all
    }
}

impl Record for App {
    const KIND: Kind = Kind::App;

    fn find(book: &Book, id: &str) -> Option<Arc<Self>> {
        book.apps.get(id).cloned()
    }

    fn about(id: &str) -> About {
        About::App(id.to_owned())
    }

    fn mark(&self) -> Mark {
        self.mark
    }

    fn settings(&self) -> BTreeMap<String, String> {
        let mids: Vec<&str> = self.merchants.iter().map(Mid::as_str).collect();
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        let mut all = BTreeMap::from([
            ("merchants".to_owned(), mids.join(",")),
            ("networks".to_owned(), networks.join(",")),
            ("msgSrc".to_owned(), self.msg_src.as_ref().map(Text::to_string).unwrap_or_default()),
            ("frozen".to_owned(), frozen(self.frozen.as_ref())),
        ]);
        all.extend(self.keys.iter().map(|key| told(key, "key")));
        all
    }
}

fn on(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn frozen(frozen: Option<&Frozen>) -> String {
    match frozen {
        None => "no".to_owned(),
        Some(Frozen { why }) => why.as_ref().map_or("yes".to_owned(), Text::to_string),
    }
}

/// A key without its secret.
fn told<S>(key: &Key<S>, kind: &str) -> (String, String) {
    let until = key.ends_at.map_or("good".to_owned(), |at| format!("until {}", time::show(at)));
    (format!("{kind} {}", key.number), until)
}

/// What is different between two states: `name: before -> after`.
fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    let gone = gone.map(|(name, old)| format!("{name}: {old} -> none"));
    let changed = after.iter().filter(|(name, new)| before.get(*name) != Some(*new));
    let changed = changed.map(|(name, new)| {
        let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let old = before.get(name).map(String::as_str).unwrap_or_default();
        format!("{name}: {} -> {}", shown(old), shown(new))
    });
    gone.chain(changed).collect::<Vec<_>>().join("; ")
}

impl Console {
    /// Does what a form asks if its fields are right and the record still looks as it did when the form was made, and
    /// writes both what was asked and what became of it into the audit. So a form that is sent twice does nothing the
    /// second time.
    pub(super) async fn change<R: Record, T>(
        &self,
        seat: &Seat<Administrators>,
        (id, draft): (&str, &Draft),
        act: Act,
        deed: impl Future<Output = Result<T, AccountError>>,
    ) -> Result<T, Unchanged> {
        // Another process may have changed it a moment ago.
        self.accounts.refresh().await.map_err(|error| seat.account_broken(&error))?;
        let before = R::find(&self.accounts.book(), id).ok_or(Unchanged::Gone)?;
        let mark = before.mark().to_string();
        if mark != draft.text("mark") {
            return Err(Unchanged::Stale);
        }
        if draft.is_wrong() {
            return Err(Unchanged::Wrong);
        }
        let entry = |detail, outcome| Entry { act, about: R::about(id), detail, outcome };
        let asked = self.audit(seat, entry(draft.told(), Outcome::Asked)).await;
        asked.map_err(Unchanged::Broken)?;
        let done = self.accounts.based_on(R::KIND, id, &mark, deed).await;
        let (detail, outcome) = match &done {
            Ok(_) => {
                let after = R::find(&self.accounts.book(), id);
                let after = after.map(|after| after.settings()).unwrap_or_default();
                (difference(&before.settings(), &after), Outcome::Done)
            }
            Err(error) => (error.to_string(), outcome_of(error)),
        };
        self.audit(seat, entry(detail, outcome)).await.map_err(Unchanged::Broken)?;
        done.map_err(|error| seat.unchanged(&error))
    }
}

/// How the audit calls it that nothing was done.
pub(super) fn outcome_of(error: &AccountError) -> Outcome {
    match error {
        AccountError::Missing { .. } | AccountError::Conflict { .. } | AccountError::Stale => {
            Outcome::Refused
        }
        AccountError::Store(_) | AccountError::Vault(_) | AccountError::Damaged { .. } => {
            Outcome::Failed
        }
    }
}

impl Seat<Administrators> {
    /// Why an account was not changed.
    pub(super) fn unchanged(&self, error: &AccountError) -> Unchanged {
        match error {
            AccountError::Stale => Unchanged::Stale,
            AccountError::Missing { what, zh, .. } | AccountError::Conflict { what, zh, .. } => {
                Unchanged::Refused(self.page.sentence(what, zh))
            }
            AccountError::Store(_) | AccountError::Vault(_) | AccountError::Damaged { .. } => {
                self.account_broken(error)
            }
        }
    }

    fn account_broken(&self, error: &AccountError) -> Unchanged {
        tracing::error!(%error, "an account cannot be changed at the console");
        Unchanged::Broken(self.told(
            StatusCode::INTERNAL_SERVER_ERROR,
            self.page.t("This could not be done", "操作失败"),
            self.page.t("The store broke; see the log.", "存储故障，请查看日志。"),
        ))
    }

    /// What its reader is told of a form that was not carried out: the status, the sentence, and the form's fields as
    /// the page is to show them now. `Err` is a page of its own.
    #[expect(clippy::result_large_err, reason = "the page is the answer, at once")]
    pub(super) fn troubled(
        &self,
        unchanged: Unchanged,
        draft: Draft,
    ) -> Result<(StatusCode, Trouble, Draft), Response> {
        let page = &self.page;
        let (status, text) = match unchanged {
            Unchanged::Broken(response) => return Err(response),
            Unchanged::Gone => {
                return Err(self.told(
                    StatusCode::NOT_FOUND,
                    page.t("It is no longer there", "记录不存在"),
                    page.t("Nothing was changed.", "未作任何更改。"),
                ));
            }
            Unchanged::Stale => {
                let text = page.t(
                    "Nothing was changed: somebody changed this meanwhile, or this form was sent already. Below it is as it is now; look at it and send the form again if it still applies.",
                    "未作任何更改：此记录已被他人修改，或该表单已提交过。下方为当前内容，请核对后再提交。",
                );
                let typed = draft.pairs().map(|(name, text)| (name.to_owned(), text.to_owned()));
                let trouble = Trouble { text: text.to_owned(), typed: typed.collect() };
                return Ok((StatusCode::CONFLICT, trouble, Draft::default()));
            }
            Unchanged::Wrong => (
                StatusCode::BAD_REQUEST,
                page.t(
                    "Nothing was changed: correct the marked fields.",
                    "未作任何更改：请更正标出的字段。",
                )
                .to_owned(),
            ),
            Unchanged::Refused(why) => (
                StatusCode::CONFLICT,
                page.f("Nothing was changed. {0}", "未作任何更改：{0}", &[&why]),
            ),
        };
        Ok((status, Trouble { text, typed: vec![] }, draft))
    }
}

impl Frame {
    /// What went wrong as a sentence: errors begin in lower case and end without a full stop.
    fn sentence(&self, en: &str, zh: &str) -> String {
        let mut letters = en.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        let en = format!("{}{}.", first.unwrap_or_default(), letters.as_str());
        self.t(&en, &format!("{zh}。")).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_what_came_what_went_and_what_is_another() {
        let state = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let before = state(&[("key 1", "good"), ("limit", ""), ("name", "a"), ("url", "x")]);
        let after = state(&[("key 2", "good"), ("limit", "5.00"), ("name", "a"), ("url", "")]);
        let told = "key 1: good -> none; key 2: none -> good; limit: none -> 5.00; url: x -> none";
        assert_eq!(difference(&before, &after), told);
        assert_eq!(difference(&after, &after), "");
    }
}
