//! Asking until an outcome is known, instead of guessing.

use std::time::Duration;

use holdfast_domain::{Day, OrderId};
use holdfast_wire::{
    code::Code,
    field::{BillStatus, Fen, SecureStatus, TradeStatus},
    message::Endpoint,
    messages::{
        BillPayment, Common, GetQrcode, PreauthCancel, Preauthed, PreauthedCancel, Queried, Query,
        Refund, SecureCancel,
    },
};

use crate::{CallError, Client, Unknown, clock};

/// How a request is known to have been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<R> {
    /// It was answered.
    Answered(R),
    /// Its answer was lost or said that nobody knows; a query then showed that it was done.
    Found(Box<Queried>),
}

/// How long an unknown outcome is asked after, and how.
///
/// ```
/// use std::time::Duration;
/// use holdfast_client::Patience;
///
/// // Queries after 1, 2, 4 … 15 seconds, for two minutes; the request is sent once.
/// let only_asks = Patience::lasting(Duration::from_secs(120));
/// // As that, and where a query shows no trace of it, the same request is sent again.
/// let also_repeats = only_asks.repeating();
/// # assert_ne!(only_asks, also_repeats);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    total: Duration,
    first_pause: Duration,
    without_trace: WithoutTrace,
}

/// What to do when a query shows no trace of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WithoutTrace {
    Wait,
    Repeat,
}

/// The longest pause between two queries.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

impl Patience {
    /// Asks with pauses that grow from one second to fifteen, until `total` is over. The request itself is sent
    /// once.
    #[must_use]
    pub const fn lasting(total: Duration) -> Self {
        Self { total, first_pause: Duration::from_secs(1), without_trace: WithoutTrace::Wait }
    }

    /// Begins with another pause than one second.
    #[must_use]
    pub const fn first_pause(self, first_pause: Duration) -> Self {
        Self { first_pause, ..self }
    }

    /// Sends the request again, unchanged and so under the same order number, whenever a query shows no trace of
    /// it. A capture or a refund that never arrived, or that the bank refused, becomes known no other way: a query
    /// shows what was done only.
    ///
    /// Holdfast answers a repeat as it answered the first, so nothing is done twice. What another platform does
    /// with a number that it has seen is its own affair: the official one documents `DUP_ORDER`.
    #[must_use]
    pub const fn repeating(self) -> Self {
        Self { without_trace: WithoutTrace::Repeat, ..self }
    }
}

/// A request of which a query can tell whether it was done.
pub trait Traceable: Endpoint {
    /// The question; `None` when the request has no number of its own by which to ask.
    fn query(&self) -> Option<Query>;

    /// Whether the answer to that question shows that the request was done.
    fn is_shown_by(&self, found: &Queried) -> bool;

    /// Whether the answer shows a trace of it, done or not: then it has arrived, and is not sent again.
    fn has_trace_in(&self, _found: &Queried) -> bool {
        false
    }
}

impl Client {
    /// Sends a request, and when its outcome is unknown, queries until it is known.
    ///
    /// # Errors
    /// What [`Client::call`] answers when the request was refused or never began. When nothing is known after all
    /// that patience, [`Unknown::AfterQueries`]: it may still be done.
    pub async fn call_until_known<R: Traceable>(
        &self,
        request: &R,
        patience: Patience,
    ) -> Result<Known<R::Response>, CallError> {
        let first = match self.call(request).await {
            Ok(response) => return Ok(Known::Answered(response)),
            Err(CallError::OutcomeUnknown(first)) => first,
            Err(error) => return Err(error),
        };
        let unknown = |first, queries, last| {
            let first = Box::new(first);
            Err(CallError::OutcomeUnknown(Unknown::AfterQueries { first, queries, last }))
        };
        let Some(query) = request.query() else {
            let last = "the request has no number by which to ask".to_owned();
            return unknown(first, 0, last);
        };
        let begun = clock::mark();
        let (mut pause, mut queries) = (patience.first_pause, 0);
        let mut last = String::new();
        loop {
            let left = patience.total.saturating_sub(clock::since(begun));
            if left.is_zero() {
                return unknown(first, queries, last);
            }
            clock::pause(pause.min(left)).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            queries += 1;
            let traceless = match self.call(&query).await {
                Ok(found) if request.is_shown_by(&found) => {
                    return Ok(Known::Found(Box::new(found)));
                }
                Ok(found) if request.has_trace_in(&found) => {
                    last =
                        "the query shows that it has arrived, and not what became of it".to_owned();
                    false
                }
                Ok(_) => {
                    last = "the query shows no trace of it".to_owned();
                    true
                }
                Err(error) => {
                    last = format!("the query: {error}");
                    // There is no such bill, so the request that makes one was not done.
                    error.code() == Some(Code::NoOrder)
                }
            };
            if traceless && patience.without_trace == WithoutTrace::Repeat {
                match self.call(request).await {
                    Ok(response) => return Ok(Known::Answered(response)),
                    // The channel's own word about this order number. Any other refusal may mean just that the first
                    // attempt has meanwhile been done.
                    Err(refused) if refused.code() == Some(Code::TargetFail) => {
                        return Err(refused);
                    }
                    Err(error) => last = format!("the repeat: {error}"),
                }
            }
        }
    }
}

impl Traceable for GetQrcode {
    fn query(&self) -> Option<Query> {
        let query = asking(&self.common, self.terms.bill_no.as_ref()?.as_str())?;
        Some(Query { bill_date: self.terms.bill_date, ..query })
    }

    /// A bill of that number and amount is there.
    fn is_shown_by(&self, found: &Queried) -> bool {
        self.terms.bill_no.as_ref() == Some(&found.bill_no)
            && found.total_amount.is_some()
            && found.total_amount == self.terms.total_amount
    }
}

impl Traceable for Preauthed {
    fn query(&self) -> Option<Query> {
        let query = asking(&self.common, self.bill_no.as_str())?;
        Some(about_capture(query, self.bill_date, &self.authed_order_id))
    }

    /// A capture of that number and amount was done, and was not undone since.
    fn is_shown_by(&self, found: &Queried) -> bool {
        let payment = leg(found.authed_bill_payment.as_ref(), &self.authed_order_id);
        found.bill_no == self.bill_no
            && payment.is_some_and(|payment| moved(payment, self.total_amount.into()))
    }

    fn has_trace_in(&self, found: &Queried) -> bool {
        leg(found.authed_bill_payment.as_ref(), &self.authed_order_id).is_some()
    }
}

impl Traceable for PreauthedCancel {
    fn query(&self) -> Option<Query> {
        let query = asking(&self.common, self.bill_no.as_str())?;
        Some(about_capture(query, self.bill_date, &self.mer_order_id))
    }

    /// The capture is closed.
    fn is_shown_by(&self, found: &Queried) -> bool {
        found.bill_no == self.bill_no
            && is_closed(leg(found.authed_bill_payment.as_ref(), &self.mer_order_id))
    }
}

impl Traceable for PreauthCancel {
    fn query(&self) -> Option<Query> {
        let query = asking(&self.common, self.bill_no.as_str())?;
        Some(about_capture(query, self.bill_date, &self.mer_order_id))
    }

    /// The bill is closed; or the capture is, if that is what was named. A hold that ended by its deadline shows
    /// the same, and is as well given back.
    fn is_shown_by(&self, found: &Queried) -> bool {
        let capture = leg(found.authed_bill_payment.as_ref(), &self.mer_order_id);
        found.bill_no == self.bill_no
            && (found.bill_status == Some(BillStatus::Closed) || is_closed(capture))
    }
}

impl Traceable for Refund {
    fn query(&self) -> Option<Query> {
        let refund_order_id = Some(self.refund_order_id.clone()?);
        let named = self.bill_no.as_ref().or(self.mer_order_id.as_ref())?;
        let query = asking(&self.common, named.as_str())?;
        Some(Query { bill_date: Some(self.bill_date), refund_order_id, ..query })
    }

    /// A refund of that number and amount was done.
    fn is_shown_by(&self, found: &Queried) -> bool {
        let payment = found.refund_bill_payment.as_ref();
        payment.is_some_and(|payment| moved(payment, self.refund_amount.into()))
    }

    fn has_trace_in(&self, found: &Queried) -> bool {
        found.refund_bill_payment.is_some()
    }
}

impl Traceable for SecureCancel {
    fn query(&self) -> Option<Query> {
        asking(&self.common, self.mer_order_id.as_str())
    }

    /// The guarantee was given up.
    fn is_shown_by(&self, found: &Queried) -> bool {
        found.secure_status == Some(SecureStatus::Canceled)
    }
}

/// A question about a bill, in the name of whoever sent the request.
fn asking(common: &Common, bill: &str) -> Option<Query> {
    Some(Query {
        common: Common { request_timestamp: clock::now(), ..common.clone() },
        bill_no: OrderId::parse(bill).ok()?,
        bill_date: None,
        refund_order_id: None,
        authed_order_id: None,
    })
}

/// The question, about a capture of that bill as well.
fn about_capture(query: Query, bill_date: Day, capture: &OrderId) -> Query {
    Query { bill_date: Some(bill_date), authed_order_id: Some(capture.clone()), ..query }
}

/// The leg that was asked about. One that names another order tells nothing of ours.
fn leg<'f>(found: Option<&'f BillPayment>, order: &OrderId) -> Option<&'f BillPayment> {
    found.filter(|leg| leg.mer_order_id.as_ref().is_none_or(|number| number == order))
}

/// Whether a movement was done: it is there, with that amount, and not merely under way.
fn moved(payment: &BillPayment, amount: Fen) -> bool {
    // `TRADE_CLOSED` may also say that it failed, or was undone: that is no proof that it was done.
    let done = [TradeStatus::TradeSuccess, TradeStatus::TradeRefund];
    payment.total_amount == Some(amount)
        && payment.status.as_ref().is_some_and(|status| done.contains(status))
}

fn is_closed(payment: Option<&BillPayment>) -> bool {
    payment.is_some_and(|payment| payment.status == Some(TradeStatus::TradeClosed))
}
