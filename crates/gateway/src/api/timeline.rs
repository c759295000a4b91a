//! Everything that happened to a bill, and what may be done with it next: asked of the rules themselves.

use std::sync::Arc;

use holdfast_domain::{
    Amount, AuthCode, Bill, Change, Command, Day, Event, Fingerprint, Kind, Leg, Moment, OrderId,
    Outcome, Phase, Refusal, Text, decide, replay, yuan,
};
use holdfast_wire::{
    field::{Count, Many, Note, Who},
    message::{BillsRequest as _, Endpoint, Message as _},
    messages::{
        Action, CloseQrcode, EVENTS_MAX, Echo, Happened, NOTICES_MAX, PreauthCancel, Preauthed,
        PreauthedCancel, Refund, SecureCancel, SecureComplete, Timeline, TimelineTold, Told,
    },
    time,
};

use super::{Api, No, answers::Done, words};
use crate::{
    notices::outbox::Filter,
    store::{Asker, Record},
    view,
};

/// A bill with everything that happened to it, and what may be done with it next.
#[derive(Debug)]
pub(crate) struct Life {
    /// The bill as it is.
    pub(crate) bill: Bill,
    /// How many events are left out before the first one told.
    pub(crate) left_out: usize,
    /// What happened, the oldest first.
    pub(crate) events: Vec<Lived>,
    /// What may be done next, and why not the rest.
    pub(crate) actions: Vec<Action>,
}

/// One event in the life of a bill.
#[derive(Debug)]
pub(crate) struct Lived {
    /// The line of the journal.
    pub(crate) record: Record,
    /// The bill after it.
    pub(crate) bill: Bill,
    /// What happened, in English and Chinese.
    pub(crate) text: (String, String),
    /// The merchant's order it was about.
    pub(crate) order: Option<OrderId>,
    /// How much it was about.
    pub(crate) amount: Option<Amount>,
}

impl Api {
    /// Everything that happened to a bill, and what may be done with it next; the last [`EVENTS_MAX`] events.
    pub(super) async fn life(&self, bill: Bill) -> Result<Life, No> {
        // Read after the bill, so that it has all that made the bill; what came since is told too.
        let records = self.core.store.history(&bill.key).await?;
        let left_out = records.len().saturating_sub(EVENTS_MAX);
        let (mut events, mut now) = (vec![], None);
        for (place, record) in records.into_iter().enumerate() {
            let change = replay(now.as_ref(), &bill.key, record.event.clone())
                .map_err(|broken| No::from(crate::store::StoreFault::new(broken)))?;
            if place >= left_out {
                let (order, amount) = about(now.as_ref(), &change);
                let text = words::happened(&record.event, change.bill.terms.kind);
                events.push(Lived { record, bill: change.bill.clone(), text, order, amount });
            }
            now = Some(change.bill);
        }
        let bill = now.unwrap_or(bill);
        let actions = self.actions(&bill)?;
        Ok(Life { bill, left_out, events, actions })
    }

    /// Tells what happened to a bill, and what may be done with it next.
    pub(super) async fn timeline(&self, request: &Timeline) -> Done {
        let caller = request.caller();
        let bill = self.bill(caller.mid, &request.bill_no, request.bill_date).await?;
        let Life { bill, left_out, events, actions } = self.life(bill).await?;
        let payment = bill.payment();
        let unpaid = matches!(bill.phase, Phase::Requested { .. });
        let told = TimelineTold {
            answered: self.answered(caller, "查询成功"),
            echo: Echo::of(caller),
            bill_no: bill.key.no.clone(),
            bill_date: bill.key.date,
            kind: word(bill.terms.kind.name())?,
            bill_desc: bill.terms.details.description.clone(),
            total_amount: bill.terms.amount,
            bill_status: view::bill_status(&bill),
            phase: word(bill.phase.name())?,
            bill_qr_code: Some(self.link(&bill)?),
            auth_id_resp_cd: payment
                .and_then(|payment| payment.grant.as_ref())
                .and_then(|grant| grant.auth.clone()),
            expire_time: unpaid.then_some(bill.terms.expires_at),
            deadline: view::deadline(&bill),
            standing: view::standing(&bill),
            left_out: Count::of(left_out),
            events: Many::new(events.iter().filter_map(happened)),
            actions: Many::new(actions),
            notices: self.told_of(&bill).await?,
        };
        Ok(told.encode())
    }

    /// What the merchant was told of the bill, the oldest first; `None` when nothing was.
    async fn told_of(&self, bill: &Bill) -> Result<Option<Many<Told, NOTICES_MAX>>, No> {
        let (mid, no) = (bill.key.mid.clone(), bill.key.no.clone());
        let about = Filter { mid: Some(mid), bill: Some(no), ..Filter::default() };
        let mut kept = self.letters.list(&about, None, NOTICES_MAX).await?;
        kept.retain(|kept| kept.letter.bill == *bill.key);
        kept.reverse();
        let told = kept.into_iter().filter_map(|kept| {
            Some(Told {
                at: kept.letter.at,
                event: Text::parse(&kept.letter.event).ok()?,
                state: Text::parse(kept.state.name()).ok()?,
                tries: Count(kept.made),
            })
        });
        let told: Many<Told, NOTICES_MAX> = Many::new(told);
        Ok((!told.items().is_empty()).then_some(told))
    }

    /// What may be done with the bill now, and why not the rest.
    fn actions(&self, bill: &Bill) -> Result<Vec<Action>, No> {
        let auth = bill.payment().and_then(|payment| payment.grant.as_ref()?.auth.clone());
        let auth = match auth {
            Some(auth) => auth,
            // Before anybody paid there is no code, and no code is asked for.
            None => AuthCode::parse("000000").map_err(|_| No::broken())?,
        };
        let captured = match &bill.phase {
            Phase::Taken { takings, .. } => takings.capture.as_ref(),
            _ => None,
        };
        let day = captured.and_then(|leg| match &leg.outcome {
            Outcome::Done(receipt) => Some(receipt.day),
            _ => None,
        });
        let order = bill.key.unnamed_refund();
        let capture = captured.map_or_else(|| order.clone(), |leg| leg.order.clone());
        let fingerprint = Fingerprint([0; 16]);
        let deadline = view::deadline(bill);
        let probe = Probe { api: self, bill, day };

        let take = |part| {
            let (order, auth) = (order.clone(), auth.clone());
            Command::Capture { order, part, auth, fingerprint }
        };
        let give = |part| {
            let (order, from) = (order.clone(), None);
            Command::Refund { order, part, from, fingerprint }
        };
        let complete = |part| Command::Complete { part, fingerprint };
        let reverse = Command::Reverse { capture, auth: auth.clone() };
        let release = Command::Release { hold: bill.key.payment_leg(), auth: auth.clone() };
        let mut all = match bill.terms.kind {
            Kind::Hold => vec![
                probe.up_to::<Preauthed>(take, deadline)?,
                probe.whole::<PreauthedCancel>(&reverse, probe.day_ends())?,
                probe.whole::<PreauthCancel>(&release, deadline)?,
            ],
            Kind::Guarantee => vec![
                probe.up_to::<SecureComplete>(complete, deadline)?,
                probe.whole::<SecureCancel>(&Command::Cancel, deadline)?,
            ],
            Kind::Payment => vec![],
        };
        all.push(probe.up_to::<Refund>(give, None)?);
        all.push(probe.whole::<CloseQrcode>(&Command::Close, Some(bill.terms.expires_at))?);
        Ok(all)
    }
}

/// Asks the rules what they would say.
struct Probe<'a> {
    api: &'a Api,
    bill: &'a Bill,
    /// The business day of the capture that stands.
    day: Option<Day>,
}

impl Probe<'_> {
    fn ask(&self, command: &Command) -> Result<(), Refusal> {
        let core = &self.api.core;
        decide(self.bill, command, core.clock.now(), &core.policy).map(drop)
    }

    /// When the business day ends on which the capture can be undone.
    fn day_ends(&self) -> Option<Moment> {
        self.day.map(|day| day.ends_at(self.api.core.policy.business_day_ends))
    }

    /// Something that is done as a whole or not at all.
    fn whole<E: Endpoint>(&self, command: &Command, until: Option<Moment>) -> Result<Action, No> {
        self.told::<E>(command.name(), self.ask(command).map(|()| None), until)
    }

    /// Something that can be done in part. The rules say the most themselves, when they are asked for more.
    fn up_to<E: Endpoint>(
        &self,
        command: impl Fn(Amount) -> Command,
        until: Option<Moment>,
    ) -> Result<Action, No> {
        let all = Amount::from_fen(Amount::MAX_FEN).map_err(|_| No::broken())?;
        let most = match self.ask(&command(all)) {
            Err(Refusal::Exceeds { available: Some(most), .. }) => {
                self.ask(&command(most)).map(|()| Some(most))
            }
            other => other.map(|()| Some(all)),
        };
        self.told::<E>(command(all).name(), most, until)
    }

    fn told<E: Endpoint>(
        &self,
        name: &str,
        most: Result<Option<Amount>, Refusal>,
        until: Option<Moment>,
    ) -> Result<Action, No> {
        let (mut en, mut zh, most, until, allowed) = match most {
            Err(refusal) => {
                // A sum that was only asked for to learn the most would be told as if somebody had asked for it.
                let (en, zh) = match refusal {
                    Refusal::Exceeds { .. } => {
                        ("nothing is left".to_owned(), "已无余额".to_owned())
                    }
                    refusal => (refusal.to_string(), words::refusal_zh(&refusal)),
                };
                (en, zh, None, None, false)
            }
            Ok(Some(most)) => {
                let sum = yuan(most.fen().into());
                (format!("up to {sum} yuan"), format!("不超过 {sum} 元"), Some(most), until, true)
            }
            Ok(None) => ("as a whole".to_owned(), "整笔".to_owned(), None, until, true),
        };
        if let Some(until) = until {
            let until = time::show(until);
            en.push_str(&format!(" until {until}"));
            zh.push_str(&format!("，{until} 之前"));
        }
        Ok(Action {
            action: word(name)?,
            allowed,
            endpoint: word(E::NAME)?,
            most,
            until,
            text: Note::new(&en),
            text_zh: Note::new(&zh),
        })
    }
}

/// One event as it is told; never the nonce of whoever asked.
fn happened(lived: &Lived) -> Option<Happened> {
    let Lived { record, bill, text, order, amount } = lived;
    let name = |name: &Arc<str>| Text::parse(name).ok();
    let (who, app_id, operator, approver, request) = match &record.asker {
        Asker::App { app, request, .. } => (Who::App, name(app), None, None, *request),
        Asker::Operator { name: own, approver, request } => {
            (Who::Operator, None, name(own), approver.as_ref().and_then(name), Some(*request))
        }
        Asker::Payer => (Who::Payer, None, None, None, None),
        Asker::Channel => (Who::Channel, None, None, None, None),
        Asker::Clock => (Who::Gateway, None, None, None, None),
    };
    let entries = record.entries.iter().map(view::movement);
    Some(Happened {
        at: record.at,
        who,
        app_id,
        operator,
        approver,
        request_id: request.and_then(|id| Text::parse(&id.to_string()).ok()),
        event: Text::parse(record.event.name(bill.terms.kind)).ok()?,
        text: Note::new(&text.0),
        text_zh: Note::new(&text.1),
        order: order.clone(),
        amount: *amount,
        entries: (!record.entries.is_empty()).then(|| Many::new(entries)),
        standing: view::standing(bill),
    })
}

/// The merchant's order that an event was about, and how much.
fn about(before: Option<&Bill>, change: &Change) -> (Option<OrderId>, Option<Amount>) {
    let open = |bill: &Bill| -> Option<Arc<Leg>> {
        match &bill.phase {
            Phase::Capturing { leg, .. }
            | Phase::Reversing { leg, .. }
            | Phase::Refunding { leg, .. } => Some(leg.clone()),
            _ => None,
        }
    };
    let leg = change.leg.clone().or_else(|| open(&change.bill)).or_else(|| before.and_then(open));
    let whole = change.bill.terms.amount;
    match (&change.event, leg) {
        (_, Some(leg)) => (Some(leg.order.clone()), Some(leg.amount)),
        (
            Event::Authorized { .. }
            | Event::PaidLate { .. }
            | Event::ReleaseAsked { .. }
            | Event::Released { .. }
            | Event::ReleaseRefused { .. },
            None,
        ) => (Some(change.bill.key.payment_leg()), Some(whole)),
        (
            Event::Requested { .. }
            | Event::DivisionAsked { .. }
            | Event::Divided { .. }
            | Event::DivisionRefused { .. },
            None,
        ) => (None, Some(whole)),
        _ => (None, None),
    }
}

/// A word of ours as a field; all of them are short.
fn word<const MAX: usize>(text: &str) -> Result<Text<MAX>, No> {
    Text::parse(text).map_err(|_| No::broken())
}
