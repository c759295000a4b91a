//! The desk: the console's narrow door to what merchants' requests do.
//!
//! What an operator wishes becomes the request that a merchant would send, and goes through the same steps: the same
//! rules, the same numbers that are asked for once, the same words of the channel. Only who asked is another.

use std::sync::Arc;

use holdfast_domain::{Amount, Bill, BillKey, BillNo, Day, Mid, OrderId, Phase, Text, Tid};
use holdfast_wire::{
    code::Code,
    field::{InstMid, Named, TextFlag, Url},
    json::Object,
    messages::{
        CloseQrcode, CodeTerms, Common, GetQrcode, PreauthCancel, Preauthed, PreauthedCancel,
        Refund, Request, SecureCancel, SecureComplete,
    },
    time,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{Api, No};
pub(crate) use super::{
    preview::Foreseen,
    timeline::{Life, Lived},
};
use crate::{
    notices::outbox::Letters,
    request::RequestId,
    store::{Asker, StoreFault},
};

/// What an operator wishes to be done with a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To take all or part of a hold, under a new number.
    Capture(Amount, OrderId),
    /// To undo the capture of that number.
    Reverse(OrderId),
    /// To give a hold up.
    Release,
    /// To give taken money back, under a new number.
    Refund(Amount, OrderId),
    /// To take all or part of a guarantee.
    Complete(Amount),
    /// To give a guarantee up.
    Cancel,
    /// To let nobody pay any more.
    Close,
}

/// A bill that an operator wishes to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewBill {
    pub(crate) key: BillKey,
    pub(crate) tid: Tid,
    pub(crate) amount: Amount,
    /// Whether the money is held first and taken later.
    pub(crate) hold: bool,
    pub(crate) description: Option<Text<255>>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It was done, now or before.
    Done,
    /// The channel has not said, or something broke on the way: what becomes of it will be known.
    NotKnown,
    /// It was not done: the code, and why in English and Chinese.
    Refused(Code, (String, String)),
}

impl Api {
    /// The bill of that key with everything that happened to it; `None` when there is none.
    pub(crate) async fn life_of(&self, key: &BillKey) -> Result<Option<Life>, StoreFault> {
        match self.core.store.bill(key).await? {
            Some(bill) => self.life(bill).await.map(Some).map_err(broken),
            None => Ok(None),
        }
    }

    /// The request that says what an operator wishes; `None` where that cannot even be asked: a hold that nobody has
    /// paid has no code.
    pub(crate) fn request_for(&self, bill: &Bill, wish: &Wish) -> Option<Request> {
        let common = self.common(&bill.key.mid, &bill.terms.tid);
        let (bill_no, bill_date) = (bill.key.no.clone(), bill.key.date);
        let payment = bill.key.payment_leg();
        let auth = bill
            .payment()
            .and_then(|payment| payment.grant.as_ref())
            .and_then(|grant| grant.auth.clone());
        Some(match wish.clone() {
            Wish::Capture(total_amount, authed_order_id) => Request::Preauthed(Preauthed {
                common,
                bill_no,
                bill_date,
                authed_order_id,
                auth_id_resp_cd: Named::parse(auth?.as_str()).ok()?,
                total_amount,
                authed_desc: None,
            }),
            Wish::Reverse(mer_order_id) => Request::PreauthedCancel(PreauthedCancel {
                common,
                bill_no,
                bill_date,
                mer_order_id,
                auth_id_resp_cd: auth?,
            }),
            Wish::Release => Request::PreauthCancel(PreauthCancel {
                common,
                bill_no,
                bill_date,
                mer_order_id: payment,
                auth_id_resp_cd: Named::parse(auth?.as_str()).ok()?,
            }),
            Wish::Refund(refund_amount, order) => Request::Refund(Refund {
                common,
                bill_no: OrderId::parse(bill_no.as_str()).ok(),
                bill_date,
                mer_order_id: None,
                refund_order_id: Some(order),
                refund_amount,
                platform_amount: None,
                sub_orders: None,
                refund_desc: None,
            }),
            Wish::Complete(completed_amount) => Request::SecureComplete(SecureComplete {
                common,
                mer_order_id: payment,
                completed_amount,
            }),
            Wish::Cancel => Request::SecureCancel(SecureCancel { common, mer_order_id: payment }),
            Wish::Close => Request::CloseQrcode(CloseQrcode {
                common,
                qr_code_id: None,
                bill_no: Some(bill_no),
                bill_date: Some(bill_date),
                system_id: None,
                attach_refund: None,
            }),
        })
    }

    /// The request that makes a bill.
    pub(crate) fn request_to_make(&self, bill: &NewBill) -> Request {
        let BillKey { mid, no, date } = bill.key.clone();
        let terms = CodeTerms {
            bill_no: Some(no),
            bill_date: Some(date),
            bill_desc: bill.description.clone(),
            total_amount: Some(bill.amount),
            preauth_transaction: bill.hold.then_some(TextFlag(true)),
            ..CodeTerms::BLANK
        };
        let common = self.common(&mid, &bill.tid);
        Request::GetQrcode(GetQrcode { common, terms, qr_code_id: None })
    }

    /// What would become of a request that moves money.
    ///
    /// # Errors
    /// When the store broke: that says nothing of the request.
    pub(crate) async fn foresee_at_desk(&self, request: &Request) -> Result<Foreseen, StoreFault> {
        if let Err(no) = self.is_active(request.caller().mid) {
            return Ok(Foreseen::refused(&no));
        }
        let foreseen = self.foresee(request).await.map_err(broken)?;
        foreseen.ok_or_else(|| StoreFault::new("this request moves no money"))
    }

    /// Carries a request out as an operator's, as a merchant's is carried out. It is to run in a task of its own,
    /// which does not end with whoever waits for it, and to hold a [`Api::room`] until everything is written down.
    pub(crate) async fn carry_out_at_desk(&self, request: &Request, asker: &Asker) -> Came {
        let done = match self.is_active(request.caller().mid) {
            Ok(()) => self.answer(request, asker).await,
            Err(no) => Err(no),
        };
        match done {
            Ok(_) => Came::Done,
            Err(no) => match no.code {
                // What broke may have broken behind the commit.
                Code::Timeout | Code::InternalError => Came::NotKnown,
                code => Came::Refused(code, no.texts()),
            },
        }
    }

    /// Whether anybody may act for the merchant now.
    fn is_active(&self, mid: &Mid) -> Result<(), No> {
        match self.accounts.book().merchants.get(mid) {
            None => Err(No::new(Code::NoMerchant, format!("mid: there is no merchant {mid} here"))),
            Some(merchant) if merchant.frozen.is_some() => {
                let text = format!(
                    "商户 {mid} 已冻结，须先解冻 | merchant {mid} is frozen: unfreeze it first"
                );
                Err(No::new(Code::InactiveMerchant, text))
            }
            Some(_) => Ok(()),
        }
    }

    /// Room for one request; `None` when too many are under way. The gateway does not end while somebody has it.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// The name of a request that is about to be made.
    pub(crate) fn next_request(&self) -> RequestId {
        self.requests.next()
    }

    /// A number that no order has, for a capture or a refund.
    pub(crate) fn new_order(&self) -> OrderId {
        OrderId::parse(&self.new_number("D")).expect("25 letters and digits are a number")
    }

    /// A number that no bill has.
    pub(crate) fn new_bill_no(&self) -> BillNo {
        BillNo::parse(&self.new_number("B")).expect("25 letters and digits are a number")
    }

    /// Where the payer pays.
    pub(crate) fn cashier(&self, bill: &Bill) -> Option<Url> {
        self.link(bill).ok()
    }

    /// What merchants are told.
    pub(crate) fn letters(&self) -> &Arc<dyn Letters> {
        &self.letters
    }

    /// Today in Beijing, by the time that bills live by.
    pub(crate) fn today(&self) -> Day {
        self.core.clock.now().day()
    }

    fn new_number(&self, kind: &str) -> String {
        let stamp = time::show_stamp(self.core.clock.now());
        format!("{kind}{}{}", stamp.get(..14).unwrap_or_default(), self.core.dice.digits(10))
    }

    fn common(&self, mid: &Mid, tid: &Tid) -> Common {
        Common {
            request_timestamp: self.core.clock.now(),
            mid: mid.clone(),
            tid: tid.clone(),
            inst_mid: InstMid::QrPay,
            msg_id: None,
            src_reserve: None,
        }
    }
}

/// A request as it was kept: its path and its body.
pub(crate) fn read(path: &str, body: &str) -> Option<Request> {
    let body = Object::parse(body.as_bytes()).ok()?;
    Request::decode(path, &body)?.ok()
}

/// How much a request on a bill moves, in fen: what a second person may have to approve of.
pub(crate) fn moved(bill: &Bill, request: &Request) -> u64 {
    let captured = || match &bill.phase {
        Phase::Taken { takings, .. } => takings.capture.as_ref().map(|leg| leg.amount),
        Phase::Reversing { leg, .. } => Some(leg.amount),
        _ => None,
    };
    match request {
        Request::Preauthed(request) => request.total_amount.fen(),
        Request::Refund(request) => request.refund_amount.fen(),
        Request::SecureComplete(request) => request.completed_amount.fen(),
        // What is not captured now is held to be the whole: rather one approval too many.
        Request::PreauthedCancel(_) => captured().unwrap_or(bill.terms.amount).fen(),
        Request::PreauthCancel(_) | Request::SecureCancel(_) => bill.terms.amount.fen(),
        _ => 0,
    }
}

/// What is held against the limit above which a second person has to approve, in fen: a refund together with what was
/// given back before, since a sum in parts is the same sum.
pub(crate) fn measured(bill: &Bill, request: &Request) -> u64 {
    let before = match (request, &bill.phase) {
        (Request::Refund(_), Phase::Taken { takings, .. }) => {
            takings.whole.fen().saturating_sub(takings.refundable.map_or(0, Amount::fen))
        }
        _ => 0,
    };
    moved(bill, request).saturating_add(before)
}

fn broken(no: No) -> StoreFault {
    StoreFault::new(no.text)
}
