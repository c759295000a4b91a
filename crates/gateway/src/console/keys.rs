//! Keys of apps and of merchants: how they are told without being shown, replaced with overlap, and ended; and the one
//! page that shows a new one.

use askama::Template;
use axum::response::Response;
use holdfast_domain::Moment;
use hyper::StatusCode;

use super::{
    Seat,
    draft::Draft,
    seat::{Administrators, Frame},
};
use crate::{accounts::Key, config::duration_ms, limits};

/// A key as pages tell of it.
pub(super) struct KeyRow {
    pub(super) number: u32,
    pub(super) ends_at: Option<Moment>,
    pub(super) good: bool,
}

/// All keys, the newest first, at that moment of the wall clock.
pub(super) fn rows<S>(keys: &[Key<S>], wall: Moment) -> Vec<KeyRow> {
    let row =
        |key: &Key<S>| KeyRow { number: key.number, ends_at: key.ends_at, good: key.is_good(wall) };
    keys.iter().map(row).collect()
}

/// How long the old key stays good, as the form says; `at_once` is what has to be ticked where it does not. Without a
/// good key there is nothing to break.
pub(super) fn overlap(draft: &mut Draft, page: &Frame, has_key: bool) -> Option<i64> {
    let rule = page.t(
        "A number and s, m, h or d, such as 30m, 48h or 14d; at most 366d.",
        "数字加 s、m、h 或 d，例如 30m、48h、14d；最长 366d。",
    );
    let read = |text: &str| duration_ms(text).filter(|ms| *ms <= limits::KEY_OVERLAP_MS);
    let chosen = draft.text("overlap").to_owned();
    let overlap = match chosen.as_str() {
        "other" => draft.read("other", rule, read),
        fixed => {
            let rule = page.t("Choose how long.", "请选择过渡期。");
            draft.read("overlap", rule, |_| read(fixed))
        }
    };
    if has_key && overlap == Some(0) && !draft.ticked("sure") {
        draft.refuse(
            "sure",
            page.t(
                "Whoever still uses the old key is refused at once: tick this if that is wanted.",
                "仍使用旧密钥的调用方将立即被拒绝，如确需如此请勾选。",
            ),
        );
    }
    overlap
}

/// A secret that is shown this once.
pub(super) struct Secret {
    /// What it is.
    pub(super) label: String,
    /// The name under which programs look for it.
    pub(super) variable: &'static str,
    pub(super) value: String,
}

#[derive(Template)]
#[template(path = "console/made.html")]
struct Made<'a> {
    page: &'a Frame,
    title: &'a str,
    text: &'a str,
    secrets: &'a [Secret],
    back: &'a str,
}

impl Seat<Administrators> {
    /// The only page that shows a secret: the answer to the form that made it. It is not kept by browsers, and sending
    /// the form again makes none.
    pub(super) fn made(
        &self,
        (title, text): (&str, &str),
        secrets: &[Secret],
        back: &str,
    ) -> Response {
        self.page.answer(StatusCode::OK, &Made { page: &self.page, title, text, secrets, back })
    }
}

/// What ending a key means, before it is ended.
#[derive(Template)]
#[template(path = "console/revoke.html")]
pub(super) struct Revoke<'a> {
    pub(super) page: &'a Frame,
    pub(super) draft: &'a Draft,
    /// Whose key it is.
    pub(super) owner: String,
    pub(super) number: u32,
    /// What happens then.
    pub(super) text: String,
    /// Whether nothing good is left, which has to be ticked.
    pub(super) last: bool,
    pub(super) mark: String,
    /// Where the form goes.
    pub(super) to: String,
}
