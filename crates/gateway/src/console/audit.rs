//! What operators did: read, filtered, exported, proved.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::Display,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::{
    StatusCode,
    body::{Bytes, Frame as Piece},
    header,
};

use super::{
    Console, Seat,
    seat::{Frame, Viewers},
};
use crate::{
    limits,
    operators::{
        About, Act, AuditFilter, COMMAND_LINE, Entry, Operators, Outcome, Proof, Role, Written,
        said_of_request,
    },
    pages::{Language, in_address, money},
    statement::shielded,
    store::StoreFault,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/audit", get(list))
        .route("/audit.csv", get(export))
        .route("/audit/proof", get(prove))
}

/// Which entries are asked for, as typed.
#[derive(Default)]
struct Wanted {
    who: String,
    act: String,
    bill: String,
    before: Option<u64>,
}

/// Who did it, where nobody knows who it was.
const NOBODY: &str = "-";

impl Wanted {
    fn of(query: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| -> String {
            let text = query.get(name).map(|text| text.trim()).unwrap_or_default();
            text.chars().take(limits::AUDIT_TYPED).collect()
        };
        let before = text("before").parse().ok();
        Self { who: text("who"), act: text("act"), bill: text("bill"), before }
    }

    /// What is looked for. Of an operator, capital letters do not matter.
    fn filter(&self, operators: &Operators) -> Result<AuditFilter, StoreFault> {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let known = operators.one(&self.who)?.map(|operator| operator.name.to_string());
        let who = match self.who.as_str() {
            NOBODY => Some(String::new()),
            _ => known.or_else(|| given(&self.who)),
        };
        Ok(AuditFilter { who, act: Act::parse(&self.act), bill: given(&self.bill) })
    }

    fn is_any(&self) -> bool {
        [&self.who, &self.act, &self.bill].into_iter().all(|text| text.is_empty())
    }

    /// The same question, as the query of an address.
    fn query(&self) -> String {
        let pairs = [("who", &self.who), ("act", &self.act), ("bill", &self.bill)];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| format!("{name}={}&", in_address(value))).collect()
    }
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct List<'a> {
    page: &'a Frame,
    wanted: &'a Wanted,
    found: Vec<Written>,
    /// Where older ones begin.
    older: Option<u64>,
    /// Whoever there is, to choose from.
    names: Vec<Arc<str>>,
}

async fn list(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let wanted = Wanted::of(&query);
    let operators = &*console.operators;
    let read = || {
        let filter = wanted.filter(operators)?;
        let found =
            operators.audit(&filter, wanted.before, limits::AUDIT_PAGE.saturating_add(1))?;
        let names = operators.all()?.into_iter().map(|operator| operator.name).collect();
        Ok::<_, StoreFault>((found, names))
    };
    let (mut found, names) = match read() {
        Ok(read) => read,
        Err(fault) => return seat.broken(&fault),
    };
    let more = found.len() > limits::AUDIT_PAGE;
    found.truncate(limits::AUDIT_PAGE);
    let older = found.last().filter(|_| more).map(|last| last.id);
    let list = List { page: &seat.page, wanted: &wanted, found, older, names };
    seat.page.answer(StatusCode::OK, &list)
}

impl Written {
    /// What it was about, as far as a line has room for it.
    fn named(&self) -> &str {
        match self.kind.as_str() {
            "bill" => self.about.rsplit('/').next().unwrap_or_default(),
            _ => &self.about,
        }
    }
}

impl Frame {
    /// The page of what it was about, if there is one for whoever looks.
    fn about(&self, entry: &Written) -> Option<String> {
        let about = in_address(&entry.about);
        match entry.kind.as_str() {
            "bill" => Some(format!("/bills/{about}")),
            "merchant" => Some(format!("/merchants/{about}")),
            "app" => Some(format!("/apps/{about}")),
            "operator" if self.may(Role::Administrator) => Some(format!("/operators/{about}")),
            "approval" => Some("/approvals".to_owned()),
            "notice" => Some(format!("/notices/{about}")),
            _ => None,
        }
    }

    /// What was done.
    pub(super) fn act<'a>(&'a self, entry: &'a Written) -> &'a str {
        act(self.language, entry)
    }

    /// How far it came: how it is marked, and what it is called.
    pub(super) fn outcome<'a>(&'a self, entry: &'a Written) -> (&'static str, &'a str) {
        let tone = match entry.known_outcome() {
            Some(Outcome::Done) => "good",
            Some(Outcome::Asked) => "info",
            Some(Outcome::Refused | Outcome::Failed) => "bad",
            Some(Outcome::Unknown) => "warn",
            None => "",
        };
        (tone, outcome(self.language, entry))
    }

    /// Who did it.
    fn entry_who<'a>(&'a self, entry: &'a Written) -> &'a str {
        who(self.language, entry)
    }

    /// Whatever else is worth knowing.
    fn detail<'a>(&self, entry: &'a Written) -> Cow<'a, str> {
        detail(self.language, entry)
    }

    /// Of what kind that is which it was about.
    fn entry_kind<'a>(&'a self, entry: &'a Written) -> &'a str {
        kind(self.language, entry)
    }
}

fn act(language: Language, entry: &Written) -> &str {
    entry.known_act().map_or(&entry.act, |act| language.t(act.text().0, act.text().1))
}

fn outcome(language: Language, entry: &Written) -> &str {
    let known = entry.known_outcome().map(Outcome::text);
    known.map_or(&entry.outcome, |(en, zh)| language.t(en, zh))
}

fn who(language: Language, entry: &Written) -> &str {
    match entry.who.as_str() {
        "" => language.t("(nobody knows)", "（未知）"),
        COMMAND_LINE => language.t("(command line)", "（命令行）"),
        name => name,
    }
}

/// What the audit says in words of its own. Whatever people typed stays as it is.
fn detail(language: Language, entry: &Written) -> Cow<'_, str> {
    let text = entry.detail.as_str();
    let role = |name: &str| Role::parse(name).map(|role| language.t(role.text().0, role.text().1));
    match entry.known_act() {
        Some(Act::SignIn | Act::SignOut | Act::TotpSet) => match text {
            "password" => language.t("wrong password", "密码错误").into(),
            "code" => language.t("wrong code", "动态口令错误").into(),
            "unknown name" => language.t("no such name", "用户名不存在").into(),
            "disabled" => language.t("right password, but disabled", "密码正确，但已停用").into(),
            "with code" => language.t("with a code", "已验证动态口令").into(),
            "new secret" => language.t("a new secret", "生成新密钥").into(),
            "everywhere else" => language.t("everywhere else", "退出其他所有会话").into(),
            _ => text.into(),
        },
        Some(Act::OperatorAdded) => role(text).unwrap_or(text).into(),
        Some(Act::RoleChanged) => {
            let roles =
                text.split_once(" -> ").and_then(|(from, to)| Some((role(from)?, role(to)?)));
            roles.map_or(text.into(), |(from, to)| format!("{from} → {to}").into())
        }
        Some(Act::Request) => language.f("answered with {0}", "应答 {0}", &[&text]).into(),
        Some(
            Act::ApprovalAsked | Act::Approved | Act::ApprovalRefused | Act::ApprovalWithdrawn,
        ) => match said_of_request(text) {
            Some(said) => {
                let sum = money(said.fen.into());
                let given: [&dyn Display; 4] = [&said.id, &said.what, &sum, &said.words];
                language
                    .f("request {0}, {1}, {2}: {3}", "第 {0} 号请求，{1}，{2}：{3}", &given)
                    .into()
            }
            None => text.into(),
        },
        _ => text.into(),
    }
}

fn kind(language: Language, entry: &Written) -> &str {
    match entry.kind.as_str() {
        "bill" => language.t("bill", "账单"),
        "merchant" => language.t("merchant", "商户"),
        "app" => language.t("app", "应用"),
        "operator" => language.t("operator", "操作员"),
        "approval" => language.t("request for approval", "复核请求"),
        "notice" => language.t("notice", "通知"),
        "page" => language.t("page", "页面"),
        kind => kind,
    }
}

async fn export(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let wanted = Wanted::of(&query);
    let filter = match wanted.filter(&console.operators) {
        Ok(filter) => filter,
        Err(fault) => return seat.broken(&fault),
    };
    let query = wanted.query();
    let detail = format!("audit {}", query.trim_end_matches('&')).trim_end().to_owned();
    let (act, outcome) = (Act::Export, Outcome::Done);
    let entry = Entry { act, about: About::Nothing, detail, outcome };
    if let Err(page) = console.audit::<Viewers>(&seat, entry).await {
        return page;
    }
    let language = seat.page.language;
    let operators = console.operators.clone();
    let rows = Rows { operators, filter, language, before: None, at: At::Beginning };
    let headers = [
        (header::CONTENT_TYPE, "text/csv;charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Body::new(rows)).into_response()
}

/// Entries as CSV. They are read some at a time, when the browser has taken those before: whoever takes none costs nothing.
struct Rows {
    operators: Arc<Operators>,
    filter: AuditFilter,
    language: Language,
    before: Option<u64>,
    at: At,
}

enum At {
    Beginning,
    Entries,
    End,
}

impl Rows {
    fn next(&mut self) -> Result<Option<String>, StoreFault> {
        let language = self.language;
        match self.at {
            At::Beginning => {
                self.at = At::Entries;
                let names = [
                    language.t("no", "编号"),
                    language.t("time (Beijing)", "时间（北京）"),
                    language.t("who", "操作员"),
                    language.t("from", "来源地址"),
                    language.t("what", "操作"),
                    language.t("about", "对象类型"),
                    language.t("which", "对象"),
                    language.t("detail", "详情"),
                    language.t("outcome", "结果"),
                    language.t("hash", "哈希"),
                ];
                // With the mark by which spreadsheets know UTF-8.
                Ok(Some(format!("\u{feff}{}", line(names.into_iter()))))
            }
            At::Entries => {
                let found =
                    self.operators.audit(&self.filter, self.before, limits::AUDIT_EXPORT)?;
                self.before = found.last().map(|last| last.id);
                if found.len() < limits::AUDIT_EXPORT {
                    self.at = At::End;
                }
                let lines = found.iter().map(|entry| {
                    let (id, at) = (entry.id.to_string(), holdfast_wire::time::show(entry.at));
                    let (hash, detail) = (entry.hash_text(), detail(language, entry));
                    let texts = [
                        who(language, entry),
                        &entry.address,
                        act(language, entry),
                        kind(language, entry),
                        &entry.about,
                        &detail,
                        outcome(language, entry),
                        &hash,
                    ];
                    let texts = texts.map(shielded);
                    line([id.as_str(), &at].into_iter().chain(texts.iter().map(|text| &**text)))
                });
                Ok(Some(lines.collect()).filter(|lines: &String| !lines.is_empty()))
            }
            At::End => Ok(None),
        }
    }
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

impl hyper::body::Body for Rows {
    type Data = Bytes;
    type Error = StoreFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, StoreFault>>> {
        let next = self.next().inspect_err(|fault| {
            tracing::error!(%fault, "the audit cannot be exported");
        });
        Poll::Ready(next.transpose().map(|next| next.map(|text| Piece::data(text.into()))))
    }
}

/// What an entry that somebody noted elsewhere turned out to be.
enum Compared {
    /// As it was noted.
    Same,
    /// Another one.
    Differs,
    /// There is none of that number.
    Missing,
}

/// An entry that somebody noted elsewhere, as typed.
struct Noted {
    entry: String,
    hash: String,
    wrong_entry: bool,
    wrong_hash: bool,
}

impl Noted {
    fn of(query: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| -> String {
            let text = query.get(name).map(|text| text.trim()).unwrap_or_default();
            text.chars().take(limits::AUDIT_TYPED).collect()
        };
        let (entry, hash) = (text("entry"), text("hash").to_ascii_lowercase());
        let asked = !entry.is_empty() || !hash.is_empty();
        let digits = hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit());
        let wrong_entry = asked && entry.parse::<u64>().is_err();
        Self { wrong_entry, wrong_hash: asked && !digits, entry, hash }
    }

    fn compare(&self, operators: &Operators) -> Result<Option<Compared>, StoreFault> {
        let number = self.entry.parse::<u64>();
        let Ok(number) =
            number.map_err(drop).and_then(|n| if self.wrong_hash { Err(()) } else { Ok(n) })
        else {
            return Ok(None);
        };
        let before = Some(number.saturating_add(1));
        let found = operators.audit(&AuditFilter::default(), before, 1)?;
        let found = found.into_iter().next().filter(|found| found.id == number);
        Ok(Some(match found {
            None => Compared::Missing,
            Some(found) if found.hash_text() == self.hash => Compared::Same,
            Some(_) => Compared::Differs,
        }))
    }
}

#[derive(Template)]
#[template(path = "console/audit_proof.html")]
struct Proved<'a> {
    page: &'a Frame,
    proof: Proof,
    noted: Noted,
    compared: Option<Compared>,
}

/// Goes through the whole audit. Nothing is changed by that, so everybody may.
async fn prove(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let noted = Noted::of(&query);
    let read = async {
        let compared = noted.compare(&console.operators)?;
        Ok((console.operators.prove_audit_alone().await?, compared))
    };
    match read.await {
        Ok((proof, compared)) => {
            let wrong = noted.wrong_entry || noted.wrong_hash;
            let status = if wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            seat.page.answer(status, &Proved { page: &seat.page, proof, noted, compared })
        }
        Err(fault) => seat.broken(&fault),
    }
}
