//! Bills are found: one box, filters, pages in constant time, and as CSV.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use holdfast_domain::{Kind, Mid};
use holdfast_wire::field::BillStatus;
use hyper::StatusCode;

use super::{Console, Seat, seat::Frame};
use crate::{
    api::words,
    finder::{Found, PHASES, Wanted, What},
    limits,
    operators::Role,
    store::StoreFault,
};

mod asked;
mod export;

use asked::{Asked, KINDS, STATUSES};
pub(crate) use export::Exports;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/bills", get(list)).merge(export::routes())
}

#[derive(Template)]
#[template(path = "console/bills.html")]
struct List<'a> {
    page: &'a Frame,
    asked: &'a Asked,
    /// How what was typed was read.
    what: Option<What>,
    found: Found,
    /// The names of the merchants on the page.
    names: BTreeMap<Mid, String>,
    /// Whether there are no bills at all.
    none_yet: bool,
}

async fn list(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let asked = Asked::of(&query);
    let read = async {
        let (what, found) = match asked.is_any_wrong() {
            true => (None, Found::nothing()),
            false => console.find_bills(&asked).await?,
        };
        let none_yet = found.rows.is_empty() && console.core.store.last().await? == 0;
        Ok((what, found, none_yet))
    };
    let status = if asked.is_any_wrong() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match read.await {
        Ok((what, found, none_yet)) => {
            let names = console.names(&found);
            let list = List { page: &seat.page, asked: &asked, what, found, names, none_yet };
            seat.page.answer(status, &list)
        }
        Err(fault) => seat.broken(&fault),
    }
}

impl Console {
    /// A page of the bills that are asked for, by the likeliest reading of what was typed that finds any; and which reading
    /// that is.
    async fn find_bills(&self, asked: &Asked) -> Result<(Option<What>, Found), StoreFault> {
        let find = async |what: Option<What>| {
            let wanted = Wanted { what, limit: limits::BILLS_PAGE, ..asked.wanted.clone() };
            self.finder.find(&*self.core.store, &wanted).await
        };
        let mut first = None;
        for what in asked.candidates() {
            let found = find(Some(what.clone())).await?;
            if !found.rows.is_empty() || found.partial {
                return Ok((Some(what), found));
            }
            first = first.or(Some((Some(what), found)));
        }
        match first {
            Some(nothing) => Ok(nothing),
            None => Ok((None, find(None).await?)),
        }
    }

    /// The names of the merchants whose bills were found.
    fn names(&self, found: &Found) -> BTreeMap<Mid, String> {
        let book = self.accounts.book();
        let name =
            |mid: &Mid| Some((mid.clone(), book.merchants.get(mid)?.name.as_str().to_owned()));
        found.rows.iter().filter_map(|row| name(&row.key.mid)).collect()
    }
}

impl List<'_> {
    /// The name of a merchant, if it has one.
    fn name(&self, mid: &Mid) -> &str {
        self.names.get(mid).map_or("", String::as_str)
    }

    /// The address of the same question, read as it was read here, up to a place.
    fn here(&self) -> String {
        format!("/bills?{}", self.asked.query(self.what.as_ref()))
    }
}

impl Frame {
    /// A phase, for people.
    pub(super) fn phase_name(&self, phase: &'static str) -> &'static str {
        self.t(phase, words::phase_zh(phase))
    }

    /// How a phase is marked.
    pub(super) fn phase_tone(&self, phase: &str) -> &'static str {
        match phase {
            "authorized" => "info",
            "captured" | "paid" => "good",
            "capturing" | "reversing" | "refunding" | "dividing" | "releasing" => "warn",
            _ => "",
        }
    }

    /// How merchants see a bill, for people.
    pub(super) fn status_name(&self, status: &BillStatus) -> &'static str {
        let (en, zh) = words::status(status);
        self.t(en, zh)
    }

    /// A kind of bill, for people.
    pub(super) fn kind_name(&self, kind: Kind) -> &'static str {
        self.t(kind.name(), words::kind_zh(kind.name()))
    }

    /// How what was typed was read, for people.
    fn reading(&self, what: &What) -> String {
        match what {
            What::Number(number) => self.f("number {0}", "编号 {0}", &[number]),
            What::Card(tail) => self.f("card ending in {0}", "卡号末四位 {0}", &[tail]),
            What::Amount(amount) => self.f("amount {0}", "金额 {0}", &[&self.yuan(amount.fen())]),
            What::Beginning(number) => {
                self.f("bill number begins with {0}", "账单号以 {0} 开头", &[number])
            }
        }
    }
}
