//! Guarantees (担保): completed in part or whole, or given up.
//!
//! Neither request has a number of its own or a bill date: `merOrderId` is the number of the payment. There is
//! one completion of a guarantee, and the same one asked for again is answered as the first was.

use holdfast_domain::{
    Bill, BillNo, Command, Fingerprint, Kind, Leg, Mid, OrderId, Outcome, Phase,
};
use holdfast_wire::{
    code::Code,
    field::{Fen, SecureStatus, TradeStatus},
    message::{BillsRequest as _, Message as _},
    messages::{Echo, Guarantee, SecureCancel, SecureCancelled, SecureComplete, SecureCompleted},
};

use super::{
    Api, No,
    answers::{Done, Step, not_known},
    view,
};
use crate::{limits, store::Asker};

impl Api {
    /// What a completion of that guarantee comes to.
    pub(super) fn completing(bill: Bill, request: &SecureComplete) -> Step<()> {
        let fingerprint = request.fingerprint();
        match completion(&bill, fingerprint) {
            Some(_) => Step::Before(bill, ()),
            None => {
                let part = request.completed_amount;
                Step::Change(bill, Command::Complete { part, fingerprint })
            }
        }
    }

    /// The guarantee that is to be completed.
    pub(super) async fn guaranteed(&self, request: &SecureComplete) -> Result<Bill, No> {
        self.paid_under(&request.common.mid, &request.mer_order_id, Kind::Guarantee).await
    }

    /// The guarantee that is to be given up.
    pub(super) async fn given_up_guarantee(&self, request: &SecureCancel) -> Result<Bill, No> {
        self.paid_under(&request.common.mid, &request.mer_order_id, Kind::Guarantee).await
    }

    pub(super) async fn complete(&self, request: &SecureComplete, asker: &Asker) -> Done {
        let bill = self.heard(self.guaranteed(request).await?).await?;
        let bill = match Self::completing(bill, request) {
            Step::Before(bill, ()) => bill,
            Step::Change(bill, command) => {
                let fingerprint = request.fingerprint();
                let done = |bill: &Bill| completion(bill, fingerprint).is_some();
                self.do_once(bill, &command, asker, done).await?
            }
        };
        self.completed(request, &bill)
    }

    /// The answer to a completion that was done.
    pub(super) fn completed(&self, request: &SecureComplete, bill: &Bill) -> Done {
        let common = &request.common;
        let leg = completion(bill, request.fingerprint()).ok_or_else(not_known)?;
        let Outcome::Done(receipt) = &leg.outcome else { return Err(not_known()) };
        let merchant = self.accounts.book().merchants.get(&common.mid).cloned();
        let status = view::completed_status(bill, leg.amount);
        let completed = SecureCompleted {
            answered: self.answered(common, "担保完成成功"),
            echo: Echo::of(common),
            guarantee: guarantee(bill, status, Some(leg.amount.into())),
            connect_sys: None,
            mer_name: merchant
                .and_then(|merchant| holdfast_domain::Text::parse(merchant.name.as_str()).ok()),
            settle_ref_id: receipt.reference.clone(),
            target_mid: None,
            target_order_id: receipt.target.clone(),
            seq_id: receipt.reference.clone(),
            // As it was when the completion was done, so that a repeat is answered as the first was.
            status: Some(TradeStatus::TradeSuccess),
            card_attr: view::card(bill),
            target_sys: view::payment_leg(bill).and_then(|payment| payment.target_sys),
        };
        Ok(completed.encode())
    }

    pub(super) async fn cancel(&self, request: &SecureCancel, asker: &Asker) -> Done {
        let common = &request.common;
        let bill = self.heard(self.given_up_guarantee(request).await?).await?;
        let bill = self.core.submit(bill, &Command::Cancel, asker).await?;
        let bill = self.settle(bill).await?;
        let Phase::Released { .. } = bill.phase else { return Err(not_known()) };
        let cancelled = SecureCancelled {
            answered: self.answered(common, "担保撤销成功"),
            echo: Echo::of(common),
            guarantee: guarantee(&bill, SecureStatus::Canceled, None),
        };
        Ok(cancelled.encode())
    }

    /// The bill of that kind whose payment bears that number. Where no payment does, the bill's own number is taken
    /// for it, as `query` does.
    pub(super) async fn paid_under(
        &self,
        mid: &Mid,
        payment: &OrderId,
        kind: Kind,
    ) -> Result<Bill, No> {
        let mut found = vec![];
        // What the protocol means comes first: another bill's own number can be this payment's.
        for no in [payment.paid_bill(), BillNo::parse(payment.as_str()).ok()].into_iter().flatten()
        {
            found = self.core.store.numbered(mid, &no, limits::DATES).await?;
            if !found.is_empty() {
                break;
            }
        }
        found.retain(|bill| bill.terms.kind == kind);
        match (found.pop(), found.is_empty()) {
            (Some(bill), true) => Ok(bill),
            (Some(_), false) => Err(No::new(
                Code::InvalidOrder,
                "merOrderId: 多个账单日期使用了该账单号，请为每个账单使用不同的账单号 | merOrderId: bills of several \
                 dates have this number, and the request names no date; give each bill a number of its own"
                    .to_owned(),
            )),
            (None, _) => {
                let kind = kind.name();
                Err(No::no_order("merOrderId", format_args!("this merchant has no such {kind}")))
            }
        }
    }
}

/// The completion that was done, if it was this very one.
fn completion(bill: &Bill, fingerprint: Fingerprint) -> Option<&Leg> {
    match &bill.phase {
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => {
            takings.capture.as_deref().filter(|leg| leg.fingerprint == fingerprint)
        }
        _ => None,
    }
}

fn guarantee(bill: &Bill, status: SecureStatus, completed: Option<Fen>) -> Guarantee {
    Guarantee {
        mer_order_id: Some(bill.key.payment_leg()),
        secure_status: Some(status),
        completed_amount: completed,
        total_amount: Some(bill.terms.amount.into()),
    }
}
