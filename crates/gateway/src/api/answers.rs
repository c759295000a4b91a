//! What is done for each request, and what is answered: a function for each endpoint.
//!
//! An order number is asked for once. A repeat is answered from what became of the first, which is durable;
//! nothing is done again.

use std::sync::Arc;

use holdfast_domain::{
    AuthCode, Bill, BillKey, BillNo, CodeId, Command, Day, Deed, Fingerprint, Leg, Mid, Order,
    OrderId, Outcome, Phase, Reference, Refusal, Text, Why,
};
use holdfast_wire::{
    code::Code,
    field::{InstMid, Note, RefundStatus, Rule, Url},
    json::Object,
    message::{BillsRequest as _, Endpoint as _, FieldFault, Message as _, Problem},
    messages::{
        Answered, Caller, Common, Echo, PreauthCancel, PreauthCancelled, Preauthed,
        PreauthedCancel, PreauthedCancelled, PreauthedDone, Queried, Query, Refund, Refunded,
        Request,
    },
};

use super::{Api, No, view};
use crate::{
    store::Asker,
    submit::{Settled, SubmitError},
};

/// What is answered when all went well: the answer's JSON.
pub(super) type Done = Result<Vec<u8>, No>;

/// What a request that moves money comes to as things stand; nothing is done yet. Whoever carries it out and
/// whoever only foretells it (`preview.rs`) begin with the same step.
pub(super) enum Step<B> {
    /// It was done before, or is under way, and is answered from what became of it.
    Before(Bill, B),
    /// The bill is to change so, if the rules allow it.
    Change(Bill, Command),
}

impl Api {
    /// Does what a request asks and answers it. The caller may act for the request's merchant.
    pub(super) async fn answer(&self, request: &Request, asker: &Asker) -> Done {
        match request {
            Request::GetQrcode(request) => self.get_qrcode(request, asker).await,
            Request::CloseQrcode(request) => self.close_qrcode(request, asker).await,
            Request::UpdateQrcode(request) => self.update_qrcode(request, asker).await,
            Request::QueryQrcodeInfo(request) => self.qrcode_info(request).await,
            Request::QueryLastQrcode(request) => self.last_qrcode(request).await,
            Request::SecureComplete(request) => self.complete(request, asker).await,
            Request::SecureCancel(request) => self.cancel(request, asker).await,
            Request::SubOrdersConfirm(request) => self.confirm_division(request, asker).await,
            Request::Query(request) => self.query(request).await,
            Request::Events(request) => self.events(request).await,
            Request::TrialNotice(request) => self.trial_notice(request).await,
            Request::Preauthed(request) => self.capture(request, asker).await,
            Request::PreauthCancel(request) => self.release(request, asker).await,
            Request::PreauthedCancel(request) => self.reverse(request, asker).await,
            Request::Refund(request) => self.refund(request, asker).await,
            Request::Preview(request) => self.preview(request).await,
            Request::Timeline(request) => self.timeline(request).await,
        }
    }

    async fn query(&self, request: &Query) -> Done {
        let common = &request.common;
        let bill = self.find(&common.mid, &request.bill_no, request.bill_date).await?;
        let bill = self.heard(bill).await?;
        let bill = match bill.open_order() {
            None => bill,
            // Whoever asks how it stands wants to know it now, not when the worker asks next.
            Some(_) => match self.core.carry_out(bill.clone(), false).await? {
                Settled::Known(bill, _) => bill,
                // Perhaps the worker was asking, and knows by now.
                Settled::NotKnown => self.core.load(&bill.key).await?,
            },
        };
        let mut legs = [None, None];
        for (place, (order, deed)) in legs.iter_mut().zip([
            (&request.refund_order_id, Deed::Refund),
            (&request.authed_order_id, Deed::Capture),
        ]) {
            if let Some(order) = order
                && let Some(leg) = self.leg_of(&bill, order).await?
                && leg.deed == deed
            {
                *place = view::order_leg(&bill, &leg);
            }
        }
        let [refund_bill_payment, authed_bill_payment] = legs;
        let details = &bill.terms.details;
        let grant = bill.payment().and_then(|payment| payment.grant.as_ref());
        let merchant = self.accounts.book().merchants.get(&common.mid).cloned();
        let queried = Queried {
            answered: self.answered(common, "查询成功"),
            echo: Echo::of(common),
            bill_no: bill.key.no.clone(),
            bill_date: bill.key.date,
            inst_mid: InstMid::QrPay,
            create_time: Some(bill.terms.created_at),
            bill_status: Some(view::bill_status(&bill)),
            bill_desc: details.description.clone(),
            total_amount: Some(bill.terms.amount),
            bill_qr_code: Some(self.link(&bill)?),
            member_id: details.member_id.clone(),
            counter_no: details.counter_no.clone(),
            mer_name: merchant.and_then(|merchant| Text::parse(merchant.name.as_str()).ok()),
            memo: None,
            secure_status: view::secure_status(&bill),
            complete_amount: view::completed(&bill),
            auth_id_resp_cd: grant.and_then(|grant| grant.auth.clone()),
            bill_payment: view::payment_leg(&bill),
            refund_bill_payment,
            authed_bill_payment,
            card_attr: view::card(&bill),
            installment_number: bill
                .terms
                .payer
                .installments
                .and_then(holdfast_wire::field::Installments::of_months),
        };
        Ok(queried.encode())
    }

    /// The bill, with its payment if the channel knows of one: the report of it may have been lost.
    pub(super) async fn heard(&self, bill: Bill) -> Result<Bill, No> {
        if bill.payment().is_some() {
            return Ok(bill);
        }
        let Some(paid) = self.core.channel.paid(&bill, self.core.clock.now()).await? else {
            return Ok(bill);
        };
        self.core.on_news(&bill.key, &paid).await?;
        Ok(self.core.load(&bill.key).await?)
    }

    /// What a capture comes to.
    pub(super) async fn capturing(
        &self,
        request: &Preauthed,
        fingerprint: Fingerprint,
    ) -> Result<Step<Leg>, No> {
        let (common, order) = (&request.common, &request.authed_order_id);
        let bill = self.bill(&common.mid, &request.bill_no, request.bill_date).await?;
        let auth = request.auth_id_resp_cd.code().ok_or_else(no_auth)?;
        if let Some(leg) = self.repeated(&bill, order, Deed::Capture, fingerprint).await? {
            proven(&bill, &auth)?;
            return Ok(Step::Before(bill, leg));
        }
        let (order, part) = (order.clone(), request.total_amount);
        Ok(Step::Change(bill, Command::Capture { order, part, auth, fingerprint }))
    }

    async fn capture(&self, request: &Preauthed, asker: &Asker) -> Done {
        let (order, fingerprint) = (&request.authed_order_id, request.fingerprint());
        let (bill, leg) = match self.capturing(request, fingerprint).await? {
            Step::Before(bill, leg) => (bill, leg),
            Step::Change(bill, command) => {
                self.order(bill, &command, order, Deed::Capture, fingerprint, asker).await?
            }
        };
        self.captured(&request.common, &bill, &leg)
    }

    pub(super) fn captured(&self, common: &Common, bill: &Bill, leg: &Leg) -> Done {
        let done = view::captured_leg(bill, leg).ok_or_else(|| not_done(leg))?;
        let grant = bill.payment().and_then(|payment| payment.grant.as_ref());
        let captured = PreauthedDone {
            answered: self.answered(common, "预授权完成成功"),
            echo: Echo::of(common),
            bill_no: Some(bill.key.no.clone()),
            bill_date: Some(bill.key.date),
            inst_mid: Some(InstMid::QrPay),
            bill_qr_code: Some(self.link(bill)?),
            // As it was when the capture was done, so that a repeat is answered as the first was.
            bill_status: Some(holdfast_wire::field::BillStatus::Paid),
            authed_order_id: Some(leg.order.clone()),
            auth_id_resp_cd: grant.and_then(|grant| grant.auth.clone()).ok_or_else(no_auth)?,
            card_attr: view::card(bill),
            authed_bill_payment: done,
        };
        Ok(captured.encode())
    }

    /// What a refund comes to.
    pub(super) async fn refunding(
        &self,
        request: &Refund,
        fingerprint: Fingerprint,
    ) -> Result<Step<Leg>, No> {
        let bill = self.refunded_bill(request).await?;
        let order = refund_order(request, &bill);
        if let Some(leg) = self.repeated(&bill, &order, Deed::Refund, fingerprint).await? {
            return Ok(Step::Before(bill, leg));
        }
        let (part, from) = (request.refund_amount, Self::refund_from(&bill, request)?);
        Ok(Step::Change(bill, Command::Refund { order, part, from, fingerprint }))
    }

    async fn refund(&self, request: &Refund, asker: &Asker) -> Done {
        let fingerprint = request.fingerprint();
        let (bill, leg) = match self.refunding(request, fingerprint).await? {
            Step::Before(bill, leg) => (bill, leg),
            Step::Change(bill, command) => {
                let order = refund_order(request, &bill);
                self.order(bill, &command, &order, Deed::Refund, fingerprint, asker).await?
            }
        };
        self.refunded(&request.common, &bill, &leg)
    }

    /// The bill that a refund is of. `merOrderId` is the payment's number before it is another bill's own.
    async fn refunded_bill(&self, request: &Refund) -> Result<Bill, No> {
        let (mid, date) = (&request.common.mid, Some(request.bill_date));
        match (&request.bill_no, &request.mer_order_id) {
            (Some(no), None) => self.find(mid, no, date).await,
            (None, Some(payment)) => {
                let key = payment.paid_bill().map(|no| BillKey {
                    mid: mid.clone(),
                    no,
                    date: request.bill_date,
                });
                let paid = match key {
                    Some(key) => self.core.store.bill(&key).await?,
                    None => None,
                };
                match paid {
                    Some(bill) => Ok(bill),
                    None => self.find(mid, payment, date).await,
                }
            }
            (Some(no), Some(payment)) => {
                let bill = self.find(mid, no, date).await?;
                let own = payment == no || *payment == bill.key.payment_leg();
                let other = || No::no_order("merOrderId", "billNo names another bill");
                own.then_some(bill).ok_or_else(other)
            }
            (None, None) => Err(No::fields(&unnamed_bill())),
        }
    }

    pub(super) fn refunded(&self, common: &Common, bill: &Bill, leg: &Leg) -> Done {
        let Outcome::Done(receipt) = &leg.outcome else { return Err(not_done(leg)) };
        let refunded = Refunded {
            answered: self.answered(common, "退款成功"),
            echo: Echo::of(common),
            bill_no: Some(bill.key.no.clone()),
            bill_date: Some(bill.key.date),
            inst_mid: Some(InstMid::QrPay),
            bill_status: Some(holdfast_wire::field::BillStatus::Refund),
            bill_qr_code: Some(self.link(bill)?),
            mer_order_id: Some(bill.key.payment_leg()),
            refund_order_id: Some(leg.order.clone()),
            refund_target_order_id: receipt.target.clone(),
            refund_pay_time: Some(receipt.at),
            refund_status: Some(RefundStatus::Success),
            card_attr: view::card(bill),
            refund_amount: Some(leg.amount),
            refund_invoice_amount: Some(leg.amount.into()),
            settle_date: Some(receipt.day),
            target_sys: view::payment_leg(bill).and_then(|payment| payment.target_sys),
        };
        Ok(refunded.encode())
    }

    /// What a release comes to; with the capture, where the number of one is given.
    ///
    /// The interface of 2020 undoes a capture too, when its number is given (`protocol.md` section 3.9).
    pub(super) async fn releasing(&self, request: &PreauthCancel) -> Result<Step<Option<Leg>>, No> {
        let common = &request.common;
        let bill = self.bill(&common.mid, &request.bill_no, request.bill_date).await?;
        let auth = request.auth_id_resp_cd.code().ok_or_else(no_auth)?;
        let hold = request.mer_order_id.clone();
        if hold != bill.key.payment_leg() {
            return Ok(match self.undoing(bill, &hold, auth).await? {
                Step::Before(bill, leg) => Step::Before(bill, Some(leg)),
                Step::Change(bill, command) => Step::Change(bill, command),
            });
        }
        proven(&bill, &auth)?;
        if let Phase::Released { why: Why::Merchant, .. } = bill.phase {
            self.may_repeat(&bill, &Order::Release)?;
            return Ok(Step::Before(bill, None));
        }
        Ok(Step::Change(bill, Command::Release { hold, auth }))
    }

    async fn release(&self, request: &PreauthCancel, asker: &Asker) -> Done {
        let (bill, undone) = match self.releasing(request).await? {
            Step::Before(bill, undone) => (bill, undone),
            Step::Change(bill, Command::Reverse { capture, auth }) => {
                let (bill, leg) = self.undo_capture(bill, capture, auth, asker).await?;
                (bill, Some(leg))
            }
            Step::Change(bill, command) => match self.core.submit(bill, &command, asker).await {
                Ok(bill) => (self.settle(bill).await?, None),
                Err(SubmitError::Refused(refusal)) => match self.releasing(request).await? {
                    // Sent twice, and the other one was faster.
                    Step::Before(bill, undone) => (bill, undone),
                    Step::Change(..) => return Err(refusal.into()),
                },
                Err(error) => return Err(error.into()),
            },
        };
        self.released(request, &bill, undone.as_ref())
    }

    /// The answer to a release that was done, or to the undoing of the capture that it named instead.
    pub(super) fn released(
        &self,
        request: &PreauthCancel,
        bill: &Bill,
        undone: Option<&Leg>,
    ) -> Done {
        let (common, named) = (&request.common, &request.mer_order_id);
        match undone {
            Some(leg) => {
                let done = view::reversed_leg(bill, leg).ok_or_else(|| not_done(leg))?;
                self.cancelled(common, bill, named, done, status_after(leg))
            }
            None => self.given_up(common, bill, named),
        }
    }

    fn given_up(&self, common: &Common, bill: &Bill, named: &OrderId) -> Done {
        let Phase::Released { receipt, .. } = &bill.phase else { return Err(not_known()) };
        let done = view::released_leg(bill, receipt).ok_or_else(not_known)?;
        self.cancelled(common, bill, named, done, view::bill_status(bill))
    }

    fn cancelled(
        &self,
        common: &Common,
        bill: &Bill,
        named: &OrderId,
        done: holdfast_wire::messages::BillPayment,
        status: holdfast_wire::field::BillStatus,
    ) -> Done {
        let cancelled = PreauthCancelled {
            answered: self.answered(common, "预授权撤销成功"),
            bill_payment: done.clone(),
            echo: Echo::of(common),
            bill_no: Some(bill.key.no.clone()),
            bill_date: Some(bill.key.date),
            inst_mid: Some(InstMid::QrPay),
            bill_qr_code: Some(self.link(bill)?),
            bill_status: Some(status),
            card_attr: view::card(bill),
            cancel_order_id: Some(named.clone()),
            cancel_bill_payment: Some(done),
        };
        Ok(cancelled.encode())
    }

    /// What a reversal comes to.
    pub(super) async fn reversing(&self, request: &PreauthedCancel) -> Result<Step<Leg>, No> {
        let mid = &request.common.mid;
        let bill = self.bill(mid, &request.bill_no, request.bill_date).await?;
        self.undoing(bill, &request.mer_order_id, request.auth_id_resp_cd.clone()).await
    }

    async fn reverse(&self, request: &PreauthedCancel, asker: &Asker) -> Done {
        let (bill, leg) = match self.reversing(request).await? {
            Step::Before(bill, leg) => (bill, leg),
            Step::Change(bill, _) => {
                let auth = request.auth_id_resp_cd.clone();
                self.undo_capture(bill, request.mer_order_id.clone(), auth, asker).await?
            }
        };
        self.reversed(&request.common, &bill, &leg)
    }

    /// The answer to a reversal that was done.
    pub(super) fn reversed(&self, common: &Common, bill: &Bill, leg: &Leg) -> Done {
        let reversed = PreauthedCancelled {
            answered: self.answered(common, "预授权完成撤销成功"),
            bill_payment: view::reversed_leg(bill, leg).ok_or_else(|| not_done(leg))?,
            echo: Echo::of(common),
            bill_no: Some(bill.key.no.clone()),
            bill_date: Some(bill.key.date),
            inst_mid: Some(InstMid::QrPay),
            bill_qr_code: Some(self.link(bill)?),
            bill_status: Some(status_after(leg)),
            card_attr: view::card(bill),
        };
        Ok(reversed.encode())
    }

    /// What the undoing of a capture comes to.
    async fn undoing(
        &self,
        bill: Bill,
        capture: &OrderId,
        auth: AuthCode,
    ) -> Result<Step<Leg>, No> {
        proven(&bill, &auth)?;
        let stands = matches!(&bill.phase, Phase::Taken { takings, .. }
            if takings.capture.as_ref().is_some_and(|leg| leg.order == *capture));
        if !stands && let Some(leg) = self.undone_before(&bill, capture).await? {
            return Ok(Step::Before(bill, leg));
        }
        Ok(Step::Change(bill, Command::Reverse { capture: capture.clone(), auth }))
    }

    /// Undoes the capture of that number, or finds that it was undone meanwhile.
    async fn undo_capture(
        &self,
        bill: Bill,
        capture: OrderId,
        auth: AuthCode,
        asker: &Asker,
    ) -> Result<(Bill, Leg), No> {
        let (key, command) =
            (bill.key.clone(), Command::Reverse { capture: capture.clone(), auth });
        match self.core.submit(bill, &command, asker).await {
            Ok(bill) => {
                let bill = self.settle(bill).await?;
                let leg = self.leg_of(&bill, &capture).await?.ok_or_else(not_known)?;
                Ok((bill, leg))
            }
            Err(SubmitError::Refused(refusal)) => {
                let bill = self.core.load(&key).await?;
                match self.undone_before(&bill, &capture).await? {
                    // Sent twice, and the other one was faster.
                    Some(leg) => Ok((bill, leg)),
                    None => Err(refusal.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The capture of that number if it was undone; `None` while the rules have the say.
    async fn undone_before(&self, bill: &Bill, capture: &OrderId) -> Result<Option<Leg>, No> {
        let none = || No::no_order("merOrderId", "this bill has no capture of that number");
        let leg = self.leg_of(bill, capture).await?.ok_or_else(none)?;
        match (leg.deed, &leg.outcome) {
            (Deed::Refund, _) => Err(none()),
            (Deed::Capture, Outcome::Reversed { .. }) => {
                self.may_repeat(bill, &Order::Reverse(Arc::new(leg.clone())))?;
                Ok(Some(leg))
            }
            (Deed::Capture, Outcome::Refused(_)) => {
                let why =
                    "the channel had refused that capture: there is nothing to reverse".to_owned();
                Err(No::new(Code::OperationNotAllowed, why))
            }
            // Being captured, captured, or being reversed.
            (Deed::Capture, Outcome::Open | Outcome::Done(_)) => Ok(None),
        }
    }

    /// Asks for something under a new order number and waits for the channel's word.
    pub(super) async fn order(
        &self,
        bill: Bill,
        command: &Command,
        order: &OrderId,
        deed: Deed,
        fingerprint: Fingerprint,
        asker: &Asker,
    ) -> Result<(Bill, Leg), No> {
        match self.core.submit(bill.clone(), command, asker).await {
            Ok(bill) => {
                let bill = self.settle(bill).await?;
                let leg = match &bill.phase {
                    Phase::Taken { takings, .. } => {
                        takings.capture.as_deref().filter(|leg| leg.order == *order).cloned()
                    }
                    _ => None,
                };
                match leg {
                    Some(leg) => Ok((bill, leg)),
                    None => {
                        let leg = self.leg_of(&bill, order).await?.ok_or_else(not_known)?;
                        Ok((bill, leg))
                    }
                }
            }
            // Another request was faster: perhaps this very one, sent twice.
            Err(error @ (SubmitError::Taken | SubmitError::Refused(_))) => {
                match self.repeated(&bill, order, deed, fingerprint).await? {
                    Some(leg) => Ok((self.core.load(&bill.key).await?, leg)),
                    None => Err(match error {
                        // Not durable yet, so that nobody can read it.
                        SubmitError::Taken => not_known(),
                        error => error.into(),
                    }),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Does what a command asks and waits for the channel's word. What a rule refuses may have been done all the
    /// same, by this very request, sent twice: `done` tells so of the bill as it is now.
    pub(super) async fn do_once(
        &self,
        bill: Bill,
        command: &Command,
        asker: &Asker,
        done: impl Fn(&Bill) -> bool,
    ) -> Result<Bill, No> {
        let key = bill.key.clone();
        match self.core.submit(bill, command, asker).await {
            Ok(bill) => self.settle(bill).await,
            Err(SubmitError::Refused(refusal)) => {
                let bill = self.core.load(&key).await?;
                if done(&bill) { Ok(bill) } else { Err(refusal.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the channel's word on a committed order.
    pub(super) async fn settle(&self, bill: Bill) -> Result<Bill, No> {
        match self.core.carry_out(bill, true).await? {
            Settled::Known(bill, None) => Ok(bill),
            Settled::Known(_, Some(reason)) => Err(No::new(Code::TargetFail, reason.to_string())),
            Settled::NotKnown => Err(not_known()),
        }
    }

    /// The order that has this number already, if it asks for the same as this request.
    pub(super) async fn repeated(
        &self,
        bill: &Bill,
        order: &OrderId,
        deed: Deed,
        fingerprint: Fingerprint,
    ) -> Result<Option<Leg>, No> {
        let Some((key, leg)) = self.core.store.leg(&bill.key.mid, order).await? else {
            return Ok(None);
        };
        if *key == *bill.key && leg.deed == deed && leg.fingerprint == fingerprint {
            return Ok(Some(leg));
        }
        Err(No::new(
            Code::DupOrder,
            format!("{order} is the number of another order; take a new one"),
        ))
    }

    async fn leg_of(&self, bill: &Bill, order: &OrderId) -> Result<Option<Leg>, No> {
        let found = self.core.store.leg(&bill.key.mid, order).await?;
        Ok(found.filter(|(key, _)| **key == *bill.key).map(|(_, leg)| leg))
    }

    fn may_repeat(&self, bill: &Bill, order: &Order) -> Result<(), No> {
        match self.core.channel.denies_repeats(bill, order) {
            true => Err(No::new(Code::HasCancelled, "it has been cancelled before".to_owned())),
            false => Ok(()),
        }
    }

    pub(super) async fn bill(&self, mid: &Mid, no: &BillNo, date: Day) -> Result<Bill, No> {
        let key = BillKey { mid: mid.clone(), no: no.clone(), date };
        let found = self.core.store.bill(&key).await?;
        found.ok_or_else(|| No::no_order("billNo, billDate", "this merchant has no such bill"))
    }

    /// Finds a bill by its number or by the number of its payment, without a date if need be.
    pub(super) async fn find(
        &self,
        mid: &Mid,
        named: &OrderId,
        date: Option<Day>,
    ) -> Result<Bill, No> {
        for no in [BillNo::parse(named.as_str()).ok(), named.paid_bill()].into_iter().flatten() {
            let found = match date {
                Some(date) => {
                    let key = BillKey { mid: mid.clone(), no, date };
                    self.core.store.bill(&key).await?
                }
                None => {
                    let mut found = self.core.store.numbered(mid, &no, 2).await?;
                    if found.len() > 1 {
                        let problem = Problem::Missing(Rule::Day);
                        return Err(No::fields(&[FieldFault {
                            path: "billDate".to_owned(),
                            problem,
                        }]));
                    }
                    found.pop()
                }
            };
            if let Some(bill) = found {
                return Ok(bill);
            }
        }
        let named = if date.is_some() { "billNo, billDate" } else { "billNo" };
        Err(No::no_order(named, "this merchant has no such bill"))
    }

    pub(super) fn answered<'r>(&self, caller: impl Into<Caller<'r>>, note: &str) -> Answered {
        Answered::to(caller, self.core.clock.now(), Note::new(note))
    }

    pub(super) fn link(&self, bill: &Bill) -> Result<Url, No> {
        self.link_to(view::shown_code(bill))
    }

    pub(super) fn link_to(&self, code: &CodeId) -> Result<Url, No> {
        view::link_to(&self.terms.public_url, code)
            .ok_or_else(|| No::new(Code::InternalError, "public_url is too long".to_owned()))
    }
}

/// The number of a refund, also of one for which the merchant gave none.
fn refund_order(request: &Refund, bill: &Bill) -> OrderId {
    request.refund_order_id.clone().unwrap_or_else(|| bill.key.unnamed_refund())
}

/// What is missing in a refund that names no bill.
fn unnamed_bill() -> Vec<FieldFault> {
    let name = "billNo";
    let field = Refund::FIELDS.iter().find(|field| field.name == name);
    let fault = |rule| FieldFault { path: name.to_owned(), problem: Problem::Missing(rule) };
    field.map(|field| fault(field.rule)).into_iter().collect()
}

/// What else is missing in a request that cannot be read, so that all of it is told at once.
pub(super) fn also_missing(path: &str, object: &Object<'_>) -> Vec<FieldFault> {
    let named = ["billNo", "merOrderId"].iter().any(|name| object.has(name));
    match Refund::PATH == path && !named {
        true => unnamed_bill(),
        false => super::codes::also_missing(path, object),
    }
}

/// How the bill stood right after its capture was reversed.
fn status_after(leg: &Leg) -> holdfast_wire::field::BillStatus {
    match leg.outcome {
        Outcome::Reversed { restored: false, .. } => holdfast_wire::field::BillStatus::Refund,
        _ => holdfast_wire::field::BillStatus::Paid,
    }
}

/// Whether the caller knows the code of the bill's hold.
fn proven(bill: &Bill, auth: &AuthCode) -> Result<(), No> {
    let grant = bill.payment().and_then(|payment| payment.grant.as_ref());
    // A guarantee has no code; that it is none of the caller's business here is for the rules to say.
    match grant.and_then(|grant| grant.auth.as_ref()) {
        Some(own) if own != auth => Err(no_auth()),
        _ => Ok(()),
    }
}

fn no_auth() -> No {
    Refusal::Mismatch(Reference::AuthCode).into()
}

/// Why an order that is not done is not answered with success.
pub(super) fn not_done(leg: &Leg) -> No {
    match &leg.outcome {
        Outcome::Refused(reason) => No::new(Code::TargetFail, reason.to_string()),
        Outcome::Open => Refusal::Busy { phase: "waiting for the channel" }.into(),
        Outcome::Done(_) | Outcome::Reversed { .. } => not_known(),
    }
}

pub(super) fn not_known() -> No {
    let text = "the outcome is not known yet; nothing is lost and the gateway goes on asking: query before you do anything else";
    No::new(Code::Timeout, text.to_owned())
}
