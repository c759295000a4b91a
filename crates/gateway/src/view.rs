//! Bills as merchants see them: our phases and legs in the protocol's words (`behaviour.md`, "Answers").

use holdfast_domain::{
    Account, Amount, Bill, CardKind, Channel, CodeId, Deed, Entry, Kind, Leg, Moment, OrderId,
    Outcome, Payment, Phase, Receipt, Text, Why, yuan,
};
use holdfast_wire::{
    field::{BillStatus, CardAttr, Fen, Party, SecureStatus, TargetSys, TradeStatus, Url},
    messages::{BillPayment, Movement, Standing},
};

/// How the bill stands as a whole.
pub(crate) fn bill_status(bill: &Bill) -> BillStatus {
    match &bill.phase {
        Phase::Requested { .. } => BillStatus::Unpaid,
        Phase::Authorized { .. }
        | Phase::Capturing { .. }
        | Phase::Reversing { .. }
        | Phase::Dividing { .. } => BillStatus::Paid,
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => {
            match takings.touched() {
                true => BillStatus::Refund,
                false => BillStatus::Paid,
            }
        }
        Phase::Releasing { why: Why::Merchant | Why::Deadline, .. } => BillStatus::Paid,
        // The merchant was told that the bill is closed; money that came late and goes back changes nothing.
        Phase::Releasing { why: Why::LateAfterClose | Why::LateAfterLapse, .. }
        | Phase::Released { .. }
        | Phase::Closed
        | Phase::Lapsed => BillStatus::Closed,
        Phase::Ended { .. } => BillStatus::Refund,
    }
}

/// How a guarantee stands; `None` for other bills, and before anybody paid.
pub(crate) fn secure_status(bill: &Bill) -> Option<SecureStatus> {
    if bill.terms.kind != Kind::Guarantee {
        return None;
    }
    match &bill.phase {
        Phase::Authorized { .. }
        | Phase::Capturing { .. }
        | Phase::Releasing { why: Why::Merchant | Why::Deadline, .. } => {
            Some(SecureStatus::Uncompleted)
        }
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => {
            Some(completed_status(bill, takings.whole))
        }
        Phase::Released { .. } | Phase::Releasing { .. } => Some(SecureStatus::Canceled),
        Phase::Requested { .. }
        | Phase::Closed
        | Phase::Lapsed
        | Phase::Reversing { .. }
        | Phase::Dividing { .. }
        | Phase::Ended { .. } => None,
    }
}

/// How a guarantee stands of which that much was completed.
pub(crate) fn completed_status(bill: &Bill, completed: Amount) -> SecureStatus {
    match completed == bill.terms.amount {
        true => SecureStatus::AllCompleted,
        false => SecureStatus::PartlyCompleted,
    }
}

/// How much of a guarantee was completed, once it was.
pub(crate) fn completed(bill: &Bill) -> Option<Fen> {
    match &bill.phase {
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. }
            if bill.terms.kind == Kind::Guarantee =>
        {
            Some(takings.whole.into())
        }
        _ => None,
    }
}

/// What the bill's QR code carries: for a bill made by scanning a fixed code that code, which its payer goes on
/// seeing. `None` when the public address is too long for one.
pub(crate) fn link(public_url: &str, bill: &Bill) -> Option<Url> {
    link_to(public_url, shown_code(bill))
}

/// What a QR code carries; `None` when the public address is too long for one.
pub(crate) fn link_to(public_url: &str, code: &CodeId) -> Option<Url> {
    Url::parse(&format!("{public_url}/bills/qrCode.do?id={code}")).ok()
}

/// The code that the bill's payer sees.
pub(crate) fn shown_code(bill: &Bill) -> &CodeId {
    bill.terms.scanned.as_ref().unwrap_or(&bill.terms.code)
}

/// The payer's payment as a leg, once there is one.
pub(crate) fn payment_leg(bill: &Bill) -> Option<BillPayment> {
    let payment = bill.payment()?;
    let status = match bill_status(bill) {
        BillStatus::Paid => TradeStatus::TradeSuccess,
        BillStatus::Refund => TradeStatus::TradeRefund,
        BillStatus::Closed => TradeStatus::TradeClosed,
        _ => TradeStatus::WaitBuyerPay,
    };
    let did = match bill.terms.kind {
        Kind::Payment => "支付",
        Kind::Hold => "预授权",
        Kind::Guarantee => "担保支付",
    };
    Some(leg(&bill.key.payment_leg(), bill.terms.amount, payment, &payment.receipt, status, did))
}

/// The hold as it was given back: what a release is answered with.
pub(crate) fn released_leg(bill: &Bill, receipt: &Receipt) -> Option<BillPayment> {
    let payment = bill.payment()?;
    let (order, amount) = (bill.key.payment_leg(), bill.terms.amount);
    Some(leg(&order, amount, payment, receipt, TradeStatus::TradeClosed, "预授权撤销"))
}

/// A capture or a refund that was done, as it stands now; `None` while it is open and when it was refused.
pub(crate) fn order_leg(bill: &Bill, order: &Leg) -> Option<BillPayment> {
    let did = match order.deed {
        Deed::Capture => "预授权完成",
        Deed::Refund => "退款",
    };
    let refunded = match &bill.phase {
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => {
            let this = |capture: &Leg| order.deed == Deed::Capture && capture.order == order.order;
            takings.touched() && takings.capture.as_deref().is_some_and(this)
        }
        _ => false,
    };
    let (receipt, status) = match &order.outcome {
        Outcome::Done(receipt) if refunded => (receipt, TradeStatus::TradeRefund),
        Outcome::Done(receipt) => (receipt, TradeStatus::TradeSuccess),
        Outcome::Reversed { done, .. } => (done, TradeStatus::TradeClosed),
        Outcome::Open | Outcome::Refused(_) => return None,
    };
    Some(leg(&order.order, order.amount, bill.payment()?, receipt, status, did))
}

/// A capture as it was when it was done, whatever became of it since: what a capture is answered with.
pub(crate) fn captured_leg(bill: &Bill, order: &Leg) -> Option<BillPayment> {
    let (Outcome::Done(receipt) | Outcome::Reversed { done: receipt, .. }) = &order.outcome else {
        return None;
    };
    let status = TradeStatus::TradeSuccess;
    Some(leg(&order.order, order.amount, bill.payment()?, receipt, status, "预授权完成"))
}

/// A capture as it was undone: what a reversal is answered with.
pub(crate) fn reversed_leg(bill: &Bill, order: &Leg) -> Option<BillPayment> {
    let Outcome::Reversed { reversal, .. } = &order.outcome else { return None };
    let status = TradeStatus::TradeClosed;
    Some(leg(&order.order, order.amount, bill.payment()?, reversal, status, "预授权完成撤销"))
}

fn leg(
    order: &OrderId,
    amount: Amount,
    payment: &Payment,
    receipt: &Receipt,
    status: TradeStatus,
    did: &str,
) -> BillPayment {
    let fen = Some(Fen::from(amount));
    let (through, target_sys) = match payment.channel {
        Channel::UnionPay => ("银联", TargetSys::Acp),
        Channel::WeChat => ("微信", TargetSys::WxPay),
        Channel::Alipay => ("支付宝", TargetSys::Alipay2),
    };
    BillPayment {
        mer_order_id: Some(order.clone()),
        bill_biz_type: Text::parse("bills").ok(),
        pay_seq_id: receipt.reference.clone(),
        total_amount: fen,
        buyer_pay_amount: fen,
        invoice_amount: fen,
        // No channel we know of takes anything off a hold.
        discount_amount: Some(Fen::ZERO),
        coupon_amount: None,
        buyer_id: payment.payer_id.clone(),
        buyer_username: payment.payer_name.clone(),
        pay_detail: Text::parse(&format!("{through}{did}{}元", yuan(amount.fen().into()))).ok(),
        pay_time: Some(receipt.at),
        settle_date: Some(receipt.day),
        status: Some(status),
        target_order_id: receipt.target.clone(),
        target_sys: Some(target_sys),
        activity_ids: None,
    }
}

/// Whose the bill's money is.
pub(crate) fn standing(bill: &Bill) -> Standing {
    let balances = bill.balances();
    // No bill has more than fits a field.
    let fen = |total: i128| u64::try_from(total).ok().and_then(Fen::new).unwrap_or(Fen::ZERO);
    let others = balances.each().filter(|(account, _)| matches!(account, Account::Sub(_)));
    let paid = bill.payment().map_or(0, |_| i128::from(bill.terms.amount.fen()));
    Standing {
        held: fen(balances.of(&Account::Held)),
        taken: fen(balances.of(&Account::Merchant)),
        undivided: fen(balances.of(&Account::Undivided)),
        others: fen(others.map(|(_, total)| total).sum()),
        given_back: fen(paid.saturating_add(balances.of(&Account::Payer))),
    }
}

/// An entry of the ledger as it is told.
pub(crate) fn movement(entry: &Entry) -> Movement {
    let party = |account: &Account| match account {
        Account::Payer => Party::Payer,
        Account::Held => Party::Held,
        Account::Merchant => Party::Merchant,
        Account::Undivided => Party::Undivided,
        Account::Sub(_) => Party::Sub,
    };
    let sub = [&entry.from, &entry.to].into_iter().find_map(|account| match account {
        Account::Sub(mid) => Some(mid.clone()),
        _ => None,
    });
    let (from, to) = (party(&entry.from), party(&entry.to));
    Movement { from, to, sub_mid: sub, amount: entry.amount }
}

/// When the bill's money goes back by itself, while it may.
pub(crate) fn deadline(bill: &Bill) -> Option<Moment> {
    match &bill.phase {
        Phase::Authorized { payment } | Phase::Capturing { payment, .. } => {
            payment.grant.as_ref().map(|grant| grant.deadline)
        }
        _ => None,
    }
}

/// What kind of card paid, where it was one.
pub(crate) fn card(bill: &Bill) -> Option<CardAttr> {
    bill.payment()?.card.map(|card| match card {
        CardKind::Debit => CardAttr::Debit,
        CardKind::Credit => CardAttr::Credit,
    })
}
