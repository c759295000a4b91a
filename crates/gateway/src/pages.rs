//! What all pages have in common: two languages, one look, one policy.
//!
//! A page is an [`askama`] template. It shows texts with `page.t("English", "中文")` and `page.f(…)`: neither compiles
//! without both languages, and a test refuses bare words in a template. Everything it loads is in the binary, under
//! `/assets/`. It works without scripts; [`LIVE`] only spares the reader reloading.

use std::{convert::Infallible, fmt::Display};

use askama::Template;
use axum::{
    Router,
    extract::FromRequestParts,
    response::{IntoResponse as _, Response},
    routing::get,
};
use holdfast_domain::{Moment, yuan};
use holdfast_wire::time;
use hyper::{HeaderMap, StatusCode, header, http::request::Parts};

pub(crate) mod qr;
#[cfg(test)]
mod tests;

/// Only what is ours is loaded, nothing is written into the page by others, nobody frames it, forms go nowhere else.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How every page looks, in the light and in the dark.
const STYLE: &str = include_str!("pages/style.css");
/// Keeps parts of a page fresh, for those who have scripts.
const LIVE: &str = include_str!("pages/live.js");
/// The sign in the tab of the browser.
const ICON: &str = include_str!("pages/icon.svg");

/// The cookie that remembers which language somebody chose.
const LANGUAGE: &str = "lang";

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// As the protocols of the web name it (BCP 47).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Its name, in itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "中文",
        }
    }

    /// The one that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    /// The text in this language.
    #[must_use]
    pub fn t<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::English => en,
            Self::Chinese => zh,
        }
    }

    /// The text in this language, with `{0}`, `{1}`, … replaced.
    #[must_use]
    pub fn f(self, en: &str, zh: &str, given: &[&dyn Display]) -> String {
        let mut left = self.t(en, zh);
        let mut text = String::new();
        // What is given is never looked through for places, whatever it says.
        while let Some((before, rest)) = left.split_once('{') {
            text.push_str(before);
            let place = rest.split_once('}').and_then(|(number, after)| {
                Some((given.get(number.parse::<usize>().ok()?)?, after))
            });
            match place {
                Some((value, after)) => {
                    text.push_str(&value.to_string());
                    left = after;
                }
                None => {
                    text.push('{');
                    left = rest;
                }
            }
        }
        text + left
    }

    fn parse(text: &str) -> Option<Self> {
        match text.trim().get(..2)?.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// The language that a browser wants most of those there are (RFC 9110, section 12.5.4).
    fn accepted(accept: &str) -> Option<Self> {
        let wish = |part: &str| {
            let (name, weight) = part.split_once(";q=").unwrap_or((part, "1"));
            let mut digits = weight.trim().chars().filter(char::is_ascii_digit).take(4);
            let whole = digits.next().and_then(|digit| digit.to_digit(10)).unwrap_or(1);
            let rest: String = digits.chain("000".chars()).take(3).collect();
            let thousandths = whole.saturating_mul(1_000).saturating_add(rest.parse().unwrap_or(0));
            Some((thousandths, Self::parse(name)?)).filter(|(weight, _)| *weight > 0)
        };
        // The first of equals wins.
        let wishes = accept.split(',').take(32).filter_map(wish);
        wishes.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|wish| wish.1)
    }
}

/// What every page knows of whoever looks at it.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// In which language it is.
    pub language: Language,
    /// The same page in the other language.
    pub switch: String,
    /// What leads from it to where assets are.
    pub root: &'static str,
    /// Whether the language was chosen just now, and is to be remembered.
    chosen: bool,
}

impl Sheet {
    /// A page that nobody has asked for.
    #[cfg(test)]
    pub(crate) fn plain(language: Language) -> Self {
        Self { language, switch: String::new(), root: "", chosen: false }
    }

    /// The text in the page's language.
    #[must_use]
    pub fn t<'a>(&self, en: &'a str, zh: &'a str) -> &'a str {
        self.language.t(en, zh)
    }

    /// The text in the page's language, with `{0}`, `{1}`, … replaced.
    #[must_use]
    pub fn f(&self, en: &str, zh: &str, given: &[&dyn Display]) -> String {
        self.language.f(en, zh, given)
    }

    /// A sum of fen as `¥1,234.50`.
    #[must_use]
    pub fn yuan(&self, fen: impl Into<i128>) -> String {
        money(fen.into())
    }

    /// A moment as people in Beijing write it: `2026-11-23 14:05:09`.
    #[must_use]
    pub fn time(&self, at: &Moment) -> String {
        time::show(*at)
    }

    fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = || query.split('&').filter(|pair| !pair.is_empty());
        let named = |pair: &&str| pair.strip_prefix("lang=").and_then(Language::parse);
        let asked = pairs().rev().find_map(|pair| named(&pair));
        let remembered = || cookie(&parts.headers, LANGUAGE).and_then(Language::parse);
        let wanted = || {
            let accept = parts.headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
            Language::accepted(accept)
        };
        let language = asked.or_else(remembered).or_else(wanted).unwrap_or(Language::Chinese);
        let other = match language {
            Language::English => "lang=zh",
            Language::Chinese => "lang=en",
        };
        // An answer to a form has no address that can be read again; the way back to it is its path.
        let rest = pairs().filter(|pair| !pair.starts_with("lang="));
        let rest: String = rest.flat_map(|pair| [pair, "&"]).collect();
        // Behind two slashes a browser looks for another host.
        let path = parts.uri.path().trim_start_matches(['/', '\\']);
        let switch = format!("/{path}?{rest}{other}");
        Self { language, switch, root: "", chosen: asked.is_some() }
    }

    /// The same page in a folder whose links are relative, so that it works whatever its public address begins with.
    pub(crate) fn in_folder(self) -> Self {
        let switch = self.switch.find('?').and_then(|start| self.switch.get(start..));
        Self { switch: switch.unwrap_or_default().to_owned(), root: "..", ..self }
    }

    /// Writes a page.
    pub fn answer(&self, status: StatusCode, page: &impl Template) -> Response {
        let text = match page.render() {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "a page cannot be written");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let mut response =
            (status, [(header::CONTENT_TYPE, "text/html;charset=utf-8")], text).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // To others nothing is told; to ourselves, or browsers would not say where a form comes from.
            (header::REFERRER_POLICY, "same-origin"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "Accept-Language, Cookie"),
            (header::CONTENT_LANGUAGE, self.language.code()),
            (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
            (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        ] {
            headers.insert(name, header::HeaderValue::from_static(value));
        }
        if self.chosen {
            let cookie = match self.language {
                Language::English => "lang=en; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
                Language::Chinese => "lang=zh; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
            };
            headers.append(header::SET_COOKIE, header::HeaderValue::from_static(cookie));
        }
        response
    }
}

const CROSS_ORIGIN_OPENER_POLICY: header::HeaderName =
    header::HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: header::HeaderName =
    header::HeaderName::from_static("cross-origin-resource-policy");

impl<S: Sync> FromRequestParts<S> for Sheet {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// The value of a cookie.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// Whether a form comes from a page that is not ours, as browsers say.
#[must_use]
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text("sec-fetch-site") {
        return site != "same-origin";
    }
    // An older browser, or a program. What a session or a code guards, it still has to know.
    text("origin").is_some_and(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_none() || host != text("host")
    })
}

/// A text as part of an address, after a `?`.
#[must_use]
pub fn in_address(text: &str) -> String {
    let mut all = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                all.push(char::from(byte));
            }
            _ => all.push_str(&format!("%{byte:02X}")),
        }
    }
    all
}

/// A sum of fen as `¥1,234.50`.
#[must_use]
pub fn money(fen: i128) -> String {
    let plain = yuan(fen);
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, rest) = plain.split_once('.').unwrap_or((plain, "00"));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && whole.len().saturating_sub(place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}¥{grouped}.{rest}")
}

/// What pages load.
pub fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let serve = |kind: &'static str, text: &'static str| {
        get(async move || {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CACHE_CONTROL, "no-cache"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
            ];
            (headers, text).into_response()
        })
    };
    Router::new()
        .route("/assets/style.css", serve("text/css;charset=utf-8", STYLE))
        .route("/assets/live.js", serve("text/javascript;charset=utf-8", LIVE))
        .route("/assets/icon.svg", serve("image/svg+xml", ICON))
}
