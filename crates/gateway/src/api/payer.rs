//! What a payer does: looks at a code, scans it, confirms, declines.
//!
//! Each step answers data. The simulation's JSON ([`super::sim`]) and the cashier's pages ([`crate::cashier`]) are two
//! ways to tell it. The one at the other end is the simulated channel: a channel with real payers has its own cashier.

use holdfast_domain::{
    Amount, Bill, BillKey, BillNo, Channel, CodeId, Command, Kind, Moment, Phase, Terms, Text,
};
use holdfast_wire::{messages::CodeTerms, time};

use super::{Api, No, codes::NewBill};
use crate::{
    channel::{Confirmation, Shown, Simulated, objection},
    codes::{Coded, FixedCode, Untold},
    limits, notices,
    store::{Asker, StoreFault},
    submit::SubmitError,
};

/// What became of a payer's confirmation.
pub(crate) enum Confirmed {
    /// The money is held or paid; the bill as it is now.
    Done(Box<Bill>),
    /// The payer has paid and the gateway has not heard of it.
    OnItsWay,
}

/// Why a payer's step did nothing.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// There is no such code.
    NoCode,
    /// Nobody scans a one-off code to make a bill: it has one.
    HasBill,
    /// A fixed code is scanned first: its bill has a code of its own.
    HasNoBill,
    /// The merchant closed the code.
    Closed,
    /// The code's time is over.
    Over,
    /// Somebody has paid.
    Paid,
    /// Somebody has paid, and the gateway has not heard of it.
    OnItsWay,
    /// The code says how much, and it is not what the payer says.
    AmountIs(Amount),
    /// The merchant's system says how much, not the payer.
    AmountFromMerchant,
    /// Nobody said how much.
    NoAmount,
    /// The merchant's system takes no payment now: its words.
    TakesNone(String),
    /// The merchant's system did not say how much: why.
    Untold(String),
    /// The code got other contents while its bill was made.
    Changed,
    /// Others were faster every time.
    Crowded,
    /// A hold is taken through UnionPay only.
    UnionPayOnly,
    /// The bill's rules or the bank refuse the payer: the reason, `中文 (English)`.
    Refused(Text<255>),
    /// The confirmation was lost on its way; nothing was paid.
    Lost,
    /// There is no simulation here.
    NotSimulated,
    /// A rule of making bills said no.
    No(No),
    /// A rule of bills said no, or the store broke.
    Submit(SubmitError),
}

/// What a payer has to say of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checks {
    /// Its name.
    pub(crate) name: bool,
    /// The number of its certificate.
    pub(crate) certificate: bool,
}

impl Api {
    /// The simulated channel.
    pub(crate) fn simulated(&self) -> Result<&Simulated, Obstacle> {
        self.simulated.as_deref().ok_or(Obstacle::NotSimulated)
    }

    /// What a code stands for.
    pub(crate) async fn coded(&self, code: &str) -> Result<Coded, Obstacle> {
        let code = CodeId::parse(code).map_err(|_| Obstacle::NoCode)?;
        self.codes.find(&code).await?.ok_or(Obstacle::NoCode)
    }

    /// The payer scans a fixed code, and says how much to pay where it does not: a bill is made.
    pub(crate) async fn scan(&self, code: &str, amount: Option<Amount>) -> Result<Bill, Obstacle> {
        match self.coded(code).await? {
            Coded::Fixed(fixed) => self.scan_fixed(&fixed, amount).await,
            Coded::Bill(_) => Err(Obstacle::HasBill),
        }
    }

    /// The payer confirms. A fixed code with an amount is scanned first.
    pub(crate) async fn confirm(&self, code: &str, shown: Shown) -> Result<Confirmed, Obstacle> {
        let mut bill = match self.coded(code).await? {
            Coded::Bill(bill) => *bill,
            Coded::Fixed(fixed) => self.scan_fixed(&fixed, None).await?,
        };
        if bill.terms.kind == Kind::Hold && shown.through != Channel::UnionPay {
            return Err(Obstacle::UnionPayOnly);
        }
        self.payable(&bill)?;
        self.still_offered(&bill).await?;
        let simulated = self.simulated()?;
        let expected = self.person(bill.terms.payer.buyer.as_ref(), &bill.key.to_string())?;
        if let Some(reason) = objection(&bill.terms.payer, expected.as_ref(), &shown) {
            return Err(self.refuse_payer(bill, reason).await?);
        }
        let reports = match simulated.confirm(&bill, shown.card, shown.through).await? {
            Confirmation::Report(reports) => reports,
            Confirmation::Refuse(reason) => return Err(self.refuse_payer(bill, reason).await?),
            Confirmation::Silent => return Ok(Confirmed::OnItsWay),
            Confirmation::Lost => return Err(Obstacle::Lost),
        };
        let mut done = false;
        for report in reports {
            match self.core.submit(bill.clone(), &report, &Asker::Payer).await {
                Ok(changed) => (bill, done) = (changed, true),
                // A second report of the same payment changes nothing.
                Err(SubmitError::Refused(refusal)) if done => {
                    tracing::info!(%refusal, "report set aside")
                }
                Err(SubmitError::Refused(_)) => {
                    // Another phone was faster.
                    self.payable(&self.core.load(&bill.key).await?)?;
                    return Err(Obstacle::Crowded);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Confirmed::Done(Box::new(bill)))
    }

    /// The payer says no, or its bank does after it failed to prove who it is; the bill can still be paid, a number of
    /// times.
    pub(crate) async fn decline(&self, code: &str, reason: Text<255>) -> Result<Bill, Obstacle> {
        let bill = self.billed(code).await?;
        self.payable(&bill)?;
        Ok(self.core.submit(bill, &Command::Decline { reason }, &Asker::Payer).await?)
    }

    /// The payer lets the bill's time pass: it lapses at once, without the clock being moved for all others.
    pub(crate) async fn expire(&self, code: &str) -> Result<Bill, Obstacle> {
        let bill = self.billed(code).await?;
        self.payable(&bill)?;
        Ok(self.core.let_lapse(bill).await?)
    }

    /// Why a bill cannot be paid any more, if it cannot.
    pub(crate) fn payable(&self, bill: &Bill) -> Result<(), Obstacle> {
        Err(match &bill.phase {
            Phase::Requested { .. } if self.simulated()?.is_silent(&bill.key) => Obstacle::OnItsWay,
            Phase::Requested { .. } if self.core.clock.now() >= bill.terms.expires_at => {
                Obstacle::Over
            }
            Phase::Requested { .. } => return Ok(()),
            Phase::Lapsed => Obstacle::Over,
            Phase::Closed => Obstacle::Closed,
            _ => Obstacle::Paid,
        })
    }

    /// Why nobody can scan a fixed code any more, if nobody can.
    pub(crate) fn scannable(&self, fixed: &FixedCode) -> Result<(), Obstacle> {
        if fixed.closed {
            return Err(Obstacle::Closed);
        }
        match fixed.is_over(self.core.clock.now()) {
            true => Err(Obstacle::Over),
            false => Ok(()),
        }
    }

    /// Whether the fixed code from which a bill was made was closed meanwhile.
    pub(crate) async fn still_offered(&self, bill: &Bill) -> Result<(), Obstacle> {
        let Some(code) = &bill.terms.scanned else { return Ok(()) };
        match self.codes.find(code).await? {
            Some(Coded::Fixed(fixed)) if fixed.closed => Err(Obstacle::Closed),
            _ => Ok(()),
        }
    }

    /// What the bill's payer has to say of itself.
    pub(crate) fn checks(&self, bill: &Bill) -> Result<Checks, Obstacle> {
        let expected = self.person(bill.terms.payer.buyer.as_ref(), &bill.key.to_string())?;
        let expected = expected.filter(|person| person.only);
        Ok(expected.map_or_else(Checks::default, |person| Checks {
            name: person.name.is_some(),
            certificate: person.cert_no.is_some(),
        }))
    }

    /// Where the payer's browser goes afterwards: once the bill is paid and its merchant has a key, with the signed
    /// result.
    pub(crate) fn way_back(&self, bill: &Bill) -> Option<String> {
        let merchant = self.accounts.book().merchants.get(&bill.key.mid).cloned();
        let signed = merchant
            .and_then(|merchant| notices::return_address(bill, &merchant, &self.terms.public_url));
        signed.or_else(|| bill.terms.details.return_url.as_ref().map(Text::to_string))
    }

    /// The bill of a code that has one.
    async fn billed(&self, code: &str) -> Result<Bill, Obstacle> {
        match self.coded(code).await? {
            Coded::Bill(bill) => Ok(*bill),
            Coded::Fixed(_) => Err(Obstacle::HasNoBill),
        }
    }

    /// Makes a bill from a fixed code.
    async fn scan_fixed(
        &self,
        fixed: &FixedCode,
        amount: Option<Amount>,
    ) -> Result<Bill, Obstacle> {
        self.scannable(fixed)?;
        let amount = match (fixed.amount(), amount) {
            (Some(fixed), Some(said)) if fixed != said => return Err(Obstacle::AmountIs(fixed)),
            (None, said) if fixed.terms.pay_info_query_addr.is_some() => {
                return match said {
                    None => self.scan_and_ask(fixed).await,
                    Some(_) => Err(Obstacle::AmountFromMerchant),
                };
            }
            (Some(amount), _) | (None, Some(amount)) => amount,
            (None, None) => return Err(Obstacle::NoAmount),
        };
        self.make(fixed, &fixed.terms, amount).await
    }

    /// Makes a bill from a fixed code whose merchant says how much is to be paid.
    async fn scan_and_ask(&self, fixed: &FixedCode) -> Result<Bill, Obstacle> {
        let merchant = self.accounts.book().merchants.get(&fixed.mid).cloned();
        let asked = match &merchant {
            Some(merchant) => {
                let (now, dice) = (self.core.clock.now(), &self.core.dice);
                self.codes.ask_amount(merchant, fixed, now, dice).await
            }
            None => Err(Untold::Unclear(format!("there is no merchant {}", fixed.mid))),
        };
        let told = asked.map_err(|untold| match untold {
            Untold::Refused(why) => Obstacle::TakesNone(why),
            Untold::Unclear(why) => {
                tracing::warn!(code = %fixed.code, mid = %fixed.mid, why, "nobody said how much is to be paid");
                Obstacle::Untold(why)
            }
        })?;
        let own = &fixed.terms;
        let terms = CodeTerms {
            bill_desc: told.description.or_else(|| own.bill_desc.clone()),
            member_id: told.member_id.or_else(|| own.member_id.clone()),
            counter_no: told.counter_no.or_else(|| own.counter_no.clone()),
            ..own.clone()
        };
        self.make(fixed, &terms, told.amount).await
    }

    /// Makes a bill from a fixed code, with the code's terms or what its merchant said instead.
    async fn make(
        &self,
        fixed: &FixedCode,
        terms: &CodeTerms,
        amount: Amount,
    ) -> Result<Bill, Obstacle> {
        // Nobody closes the code or gives it other contents while its bill is made; it may have happened before,
        // while its merchant was asked for one.
        let _turn = self.codes.turn().await;
        match self.codes.find(&fixed.code).await? {
            Some(Coded::Fixed(now)) if *now == *fixed => {}
            _ => return Err(Obstacle::Changed),
        }
        self.may_be_scanned(&fixed.mid)?;
        let now = self.core.clock.now();
        let person = self.person(fixed.buyer.as_ref(), fixed.code.as_str())?;
        for _ in 0..limits::COMMIT_TRIES {
            let key = BillKey { mid: fixed.mid.clone(), no: self.own_number(now), date: now.day() };
            let expires_at = now.plus_ms(limits::CODE_MS);
            let expires_at = fixed.terms.expire_time.map_or(expires_at, |end| end.min(expires_at));
            let terms = self.new_terms(NewBill {
                key: &key,
                tid: &fixed.tid,
                amount,
                code: self.new_code(),
                asked: terms,
                person: person.as_ref(),
                reserve: fixed.reserve.as_ref(),
                fingerprint: fixed.fingerprint,
                created_at: now,
                expires_at,
            })?;
            let terms = Terms { scanned: Some(fixed.code.clone()), ..terms };
            let change = Bill::request(key, terms);
            let _room = self.allow(&change.bill.key, amount, None).await?;
            match self.core.create(change, now, Asker::Payer).await {
                // A number or a code that exists: roll the dice again.
                Err(SubmitError::Taken) => {}
                made => return Ok(made?),
            }
        }
        Err(Obstacle::Crowded)
    }

    /// A number for a bill that no merchant numbered, in the look that the official documents recommend: who
    /// made it, when, and chance (`protocol.md` section 3.4).
    fn own_number(&self, now: Moment) -> BillNo {
        let (stamp, ms) = (time::show_stamp(now), now.0.rem_euclid(1_000));
        let no = format!("{OWN_SOURCE}{stamp}{ms:03}{}", self.core.dice.digits(7));
        BillNo::parse(&no).expect("28 letters and digits are a bill number")
    }

    /// The bill's rules or the channel refuse the payer; the bill can still be paid, a number of times.
    async fn refuse_payer(&self, bill: Bill, reason: Text<255>) -> Result<Obstacle, Obstacle> {
        let decline = Command::Decline { reason: reason.clone() };
        self.core.submit(bill, &decline, &Asker::Payer).await?;
        Ok(Obstacle::Refused(reason))
    }
}

/// Who made a bill whose number is our own.
const OWN_SOURCE: &str = "HF01";

impl From<No> for Obstacle {
    fn from(no: No) -> Self {
        Self::No(no)
    }
}

impl From<StoreFault> for Obstacle {
    fn from(fault: StoreFault) -> Self {
        Self::Submit(SubmitError::Fault(fault))
    }
}

impl From<SubmitError> for Obstacle {
    fn from(error: SubmitError) -> Self {
        Self::Submit(error)
    }
}
