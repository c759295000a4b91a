//! What error codes mean, for whoever follows the address in an error answer: small pages in both languages.
//!
//! Absent on purpose: scripts, pictures, fonts, anything from elsewhere. Nothing of a request is shown but the name that
//! was asked for.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse as _, Response},
    routing::get,
};
use holdfast_wire::{
    code::Code,
    explain::{self, escaped},
};
use hyper::{HeaderMap, StatusCode, header};

use super::{Api, only_read};

/// Nothing is loaded but our own style sheet, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Readable on a phone and in the dark.
const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h1 small { font-size: 1rem; font-weight: normal; opacity: .7; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
span:lang(zh) { display: block; }
h1 span:lang(zh), h2 span:lang(zh), dt span:lang(zh), nav span:lang(zh) { display: inline; }
.meaning { font-size: 1.15rem; }
dt { font-weight: bold; margin-top: .8rem; } dd { margin-left: 0; } li { margin-bottom: .6rem; }
pre { white-space: pre-wrap; padding: .8rem; border: 1px solid; border-radius: .3rem; }
nav { margin-bottom: 1.5rem; }
";

/// How a page is written.
#[derive(Clone, Copy)]
enum Form {
    Html,
    Markdown,
    Text,
}

/// The pages, in both environments: they say nothing of the gateway that serves them.
pub(super) fn routes() -> Router<Arc<Api>> {
    let style = async || ([(header::CONTENT_TYPE, "text/css;charset=utf-8")], STYLE);
    Router::new()
        .route(explain::PATH, get(all).fallback(only_read))
        .route(&format!("{}/style.css", explain::PATH), get(style).fallback(only_read))
        .route(&format!("{}/{{code}}", explain::PATH), get(one).fallback(only_read))
}

async fn all(headers: HeaderMap) -> Response {
    let form = Form::wanted(&headers);
    let folder = "errors/";
    let page = match form {
        Form::Html => html("Holdfast", folder, "", &explain::list_html(folder)),
        Form::Markdown => explain::list_markdown(folder),
        Form::Text => explain::list_text(Code::ALL),
    };
    form.answer(StatusCode::OK, page)
}

async fn one(Path(asked): Path<String>, headers: HeaderMap) -> Response {
    let form = Form::wanted(&headers);
    let meant = meant(&asked);
    let Some(code) = meant.first().copied().filter(|code| code.name() == asked) else {
        return form.answer(StatusCode::NOT_FOUND, form.unknown(&asked, &meant));
    };
    let page = explain::page(code);
    let page = match form {
        Form::Html => html(code.name(), "", BACK, &page.html()),
        Form::Markdown => page.markdown(1),
        Form::Text => page.text(),
    };
    form.answer(StatusCode::OK, page)
}

impl Form {
    /// What whoever asks can read best. How much it likes each is not weighed: browsers name HTML, and nothing else
    /// that asks does so without wanting it.
    fn wanted(headers: &HeaderMap) -> Self {
        let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        match accepts.unwrap_or_default() {
            accepts if accepts.contains("text/html") => Self::Html,
            accepts if accepts.contains("text/markdown") => Self::Markdown,
            _ => Self::Text,
        }
    }

    fn answer(self, status: StatusCode, page: String) -> Response {
        let kind = match self {
            Self::Html => "text/html;charset=utf-8",
            Self::Markdown => "text/markdown;charset=utf-8",
            Self::Text => "text/plain;charset=utf-8",
        };
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::VARY, "Accept"),
        ];
        (status, headers, page).into_response()
    }

    /// The page of a code that does not exist: perhaps it is spelled otherwise.
    fn unknown(self, asked: &str, near: &[Code]) -> String {
        // As much of it as a person recognises.
        let asked: String =
            asked.chars().map(|c| if c.is_control() { ' ' } else { c }).take(64).collect();
        match self {
            Self::Html => {
                let link = |code: &Code| format!("<li><a href=\"{code}\">{code}</a></li>\n");
                let near: String = near.iter().map(link).collect();
                let text = format!(
                    "<h1><span>No such code</span> <span lang=\"zh-CN\">没有这个错误代码</span></h1>\n<p><code>{}</code></p>\n<ul>\n{near}</ul>\n",
                    escaped(&asked)
                );
                html("404", "", BACK, &text)
            }
            Self::Markdown | Self::Text => {
                let near: String = near.iter().map(|code| format!("  {code}\n")).collect();
                let near = match near.as_str() {
                    "" => String::new(),
                    near => format!("did you mean 您要找的是:\n{near}"),
                };
                format!(
                    "no error code is called {asked:?} (没有这个错误代码)\n{near}all of them 全部: {}\n",
                    explain::PATH
                )
            }
        }
    }
}

/// Leads from the page of one code to the list of all.
const BACK: &str = "<nav><a href=\"../errors\"><span>All codes</span> <span lang=\"zh-CN\">全部错误代码</span></a></nav>\n";

/// A whole page; `folder` leads from it to the style sheet.
fn html(title: &str, folder: &str, nav: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"stylesheet\" href=\"{folder}style.css\">\n</head>\n<body>\n{nav}<main>\n{content}</main>\n</body>\n</html>\n"
    )
}

/// The codes that somebody probably means: that very code, whatever its case; else those that begin so; else those
/// that are spelled almost so, the nearest first. None when nothing is near.
#[must_use]
pub fn meant(asked: &str) -> Vec<Code> {
    let like_ours = |c: char| match c {
        '-' | ' ' => '_',
        c => c.to_ascii_uppercase(),
    };
    let asked: String = asked.trim().chars().map(like_ours).collect();
    // What is longer than any code is near to none.
    if asked.is_empty() || asked.len() > 64 {
        return vec![];
    }
    if let Some(code) = Code::named(&asked) {
        return vec![code];
    }
    let begin = Code::ALL.iter().copied().filter(|code| code.name().starts_with(&asked));
    let begin: Vec<Code> = begin.collect();
    if !begin.is_empty() {
        return begin;
    }
    let steps = |code: &Code| strsim::damerau_levenshtein(code.name(), &asked);
    // A third of the letters may be others.
    let near = |code: &&Code| steps(code).saturating_mul(3) <= code.name().len();
    let mut near: Vec<Code> = Code::ALL.iter().filter(near).copied().collect();
    near.sort_by_key(steps);
    near.truncate(3);
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &str, expected: &[Code]) {
        assert_eq!(meant(asked), expected, "{asked:?}");
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for code in Code::ALL {
            check(code.name(), &[*code]);
            check(&code.name().to_lowercase().replace('_', "-"), &[*code]);
        }
        check(" bad sign\n", &[Code::BadSign]);
        check("BAD_", &[Code::BadRequest, Code::BadSign]);
        check("no_o", &[Code::NoOrder]);
        check("BAD_SING", &[Code::BadSign]);
        check("INVALID_MERCHANT_CONFIG", &[Code::InvalidMerchantConfig]);
        check("TIME_OUT", &[Code::Timeout]);
        check("", &[]);
        check("钱", &[]);
        check("SOMETHING_ELSE", &[]);
        check(&"BAD_SIGN".repeat(1_000), &[]);
    }
}
