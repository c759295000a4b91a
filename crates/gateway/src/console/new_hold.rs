//! A hold that an operator takes: its code, for a payer to scan.

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use holdfast_domain::{Amount, BillKey, BillNo, Day, Mid, Text, Tid};
use hyper::StatusCode;
use serde::Deserialize;

use super::{
    Console, Seat,
    act::Acted,
    seat::{Deed, Frame, Tellers},
};
use crate::{accounts::Merchant, api::desk::NewBill, finder::Wanted, limits, store::StoreFault};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/new", get(ask).post(make))
}

/// What a form says, as it was typed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Form {
    mid: String,
    tid: String,
    amount: String,
    description: String,
    kind: String,
    no: String,
    /// The number that the bill gets when nobody types one: a form that is sent twice makes one bill.
    made: String,
    date: String,
}

/// Which fields do not fit.
#[derive(Default)]
struct Wrong {
    mid: bool,
    tid: bool,
    amount: bool,
    description: bool,
    no: bool,
}

#[derive(Template)]
#[template(path = "console/new.html")]
struct Ask<'a> {
    page: &'a Frame,
    form: &'a Form,
    wrong: Wrong,
    /// Why the bill was not made.
    refused: Option<String>,
    merchants: Vec<Arc<Merchant>>,
    /// Terminals that have a name, with their merchants.
    terminals: Vec<(Tid, String)>,
    connected: bool,
}

const PAYMENT: &str = "payment";

async fn ask(seat: Seat<Tellers>, State(console): State<Arc<Console>>) -> Response {
    match console.blank().await {
        Ok(form) => seat.ask(&console, &form, Wrong::default(), None, StatusCode::OK),
        Err(fault) => seat.broken(&fault),
    }
}

impl Console {
    /// A form as it is at first: as the last bill was.
    async fn blank(&self) -> Result<Form, StoreFault> {
        let newest = Wanted { limit: 1, ..Wanted::default() };
        let newest = self.finder.find(&*self.core.store, &newest).await?.rows.pop();
        let (mid, tid) = match newest {
            Some(row) => (row.key.mid.to_string(), row.tid.to_string()),
            None => (String::new(), String::new()),
        };
        let (made, date) = (self.api.new_bill_no().to_string(), self.api.today().to_string());
        Ok(Form { mid, tid, made, date, ..Form::default() })
    }

    /// The bill that a form asks for, or which of its fields do not fit.
    fn asked(&self, form: &Form) -> Result<NewBill, Wrong> {
        let trimmed = |text: &str| text.trim().to_owned();
        let mid = Mid::parse(&trimmed(&form.mid)).ok();
        let merchant =
            mid.as_ref().and_then(|mid| self.accounts.book().merchants.get(mid).cloned());
        let fits = |tid: &Tid| merchant.as_ref().is_none_or(|merchant| merchant.takes(tid));
        let tid = Tid::parse(&trimmed(&form.tid)).ok().filter(fits);
        let amount = Amount::from_yuan(&form.amount);
        let description = match form.description.trim() {
            "" => Some(None),
            text => Text::parse(text).ok().map(Some),
        };
        let no = match form.no.trim() {
            "" => BillNo::parse(&form.made),
            typed => BillNo::parse(typed),
        };
        let wrong = Wrong {
            mid: merchant.is_none(),
            tid: tid.is_none(),
            amount: amount.is_none(),
            description: description.is_none(),
            no: no.is_err(),
        };
        let hold = form.kind != PAYMENT;
        match (merchant, tid, amount, description, no) {
            (Some(merchant), Some(tid), Some(amount), Some(description), Ok(no)) => {
                let date = Day::parse(&form.date).unwrap_or_else(|| self.api.today());
                let key = BillKey { mid: merchant.mid.clone(), no, date };
                Ok(NewBill { key, tid, amount, hold, description })
            }
            _ => Err(wrong),
        }
    }
}

impl Seat<Tellers> {
    fn ask(
        &self,
        console: &Console,
        form: &Form,
        wrong: Wrong,
        refused: Option<String>,
        status: StatusCode,
    ) -> Response {
        let book = console.accounts.book();
        let mut merchants: Vec<_> =
            book.merchants.values().filter(|merchant| merchant.frozen.is_none()).cloned().collect();
        merchants.sort_by(|one, other| one.mid.cmp(&other.mid));
        let terminals = merchants.iter().flat_map(|merchant| {
            merchant.terminals.iter().map(|(tid, name)| {
                let name = name.as_ref().map_or_else(String::new, |name| format!(" · {name}"));
                (tid.clone(), format!("{}{name}", merchant.name))
            })
        });
        let terminals = terminals.take(limits::TERMINALS_OFFERED).collect();
        let connected = console.core.channel.is_connected();
        let ask = Ask { page: &self.page, form, wrong, refused, merchants, terminals, connected };
        self.page.answer(status, &ask)
    }
}

async fn make(State(console): State<Arc<Console>>, deed: Deed<Tellers, Form>) -> Response {
    let Deed { seat, form } = deed;
    let bill = match console.asked(&form) {
        Ok(bill) => bill,
        Err(wrong) => return seat.ask(&console, &form, wrong, None, StatusCode::BAD_REQUEST),
    };
    match console.take_hold(&seat, &bill).await {
        Ok(Acted::Refused(code, (en, zh))) => {
            let why = format!("{} ({})", seat.page.t(&en, &zh), code.name());
            seat.ask(&console, &form, Wrong::default(), Some(why), StatusCode::CONFLICT)
        }
        Ok(acted) => seat.acted(&bill.key, acted),
        Err(page) => page,
    }
}
