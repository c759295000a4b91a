//! What a request would do if it came now: found out by the steps that carry requests out, without the last one.
//!
//! Nothing is changed, no channel is asked, no number is used up. What the channel would say is not known: the
//! entries are those of its consent.

use holdfast_domain::{
    AuthCode, Bill, Channel, Command, Entry, Marks, Refusal, Text, Verdict as Word, decide,
};
use holdfast_wire::{
    code::Code,
    field::{Many, Note, Once, Verdict},
    message::{BillsRequest as _, Message as _},
    messages::{Echo, Preview, Previewed, Request},
};

use super::{
    Api, No,
    answers::{self, Done, Step},
    codes::Making,
    words,
};
use crate::view;

/// What would become of a request.
enum Foretold {
    /// It was done before, or is under way: how it would be answered, and the bill as it stays.
    Before(Box<Bill>, Result<(), No>),
    /// It would be done.
    Done(Box<Effect>),
    /// A rule of the bill refuses it.
    Refused(Box<Bill>, &'static str, Refusal),
}

/// What a request would do.
struct Effect {
    command: &'static str,
    /// The bill as it is; `None` for one that would be made.
    before: Option<Bill>,
    after: Bill,
    entries: Vec<Entry>,
    once: Once,
}

impl Api {
    /// Answers what would become of the request that a preview carries.
    pub(super) async fn preview(&self, preview: &Preview) -> Done {
        let path = preview.path.as_str();
        let body = preview.request.object();
        let foretold = match Request::decode(path, &body) {
            None => return Err(not_foreseen()),
            Some(Err(mut faults)) => {
                faults.extend(answers::also_missing(path, &body));
                Err(No::fields(&faults))
            }
            Some(Ok(request)) if *request.caller().mid != preview.asking.mid => {
                let text =
                    "request: 须与外层的商户号相同 | request: it must be the same merchant's (mid)";
                return Err(No::new(Code::BadRequest, text.to_owned()));
            }
            Some(Ok(request)) => match self.foretell(&request).await {
                Some(foretold) => foretold,
                None => return Err(not_foreseen()),
            },
        };
        let mut told = Previewed {
            answered: self.answered(preview.caller(), "预演成功"),
            echo: Echo::of(preview.caller()),
            verdict: Verdict::Refused,
            code: Code::Success.as_text(),
            reason: Note::new("nothing stands against it"),
            reason_zh: Note::new("可以执行"),
            whose: None,
            command: None,
            bill_no: None,
            bill_date: None,
            phase: None,
            phase_after: None,
            once: None,
            entries: None,
            before: None,
            after: None,
            deadline: None,
        };
        match foretold {
            // What broke says nothing of the request.
            Err(no) if no.code == Code::InternalError => return Err(no),
            Err(no) => refuse(&mut told, &no),
            Ok(Foretold::Before(bill, answer)) => {
                tell_bill(&mut told, &bill);
                match answer {
                    Ok(()) => {
                        told.verdict = Verdict::Repeat;
                        told.reason =
                            Note::new("this very request was done before and is answered the same");
                        told.reason_zh = Note::new("该请求此前已执行，答复与首次相同");
                    }
                    Err(no) => refuse(&mut told, &no),
                }
            }
            Ok(Foretold::Refused(bill, command, refusal)) => {
                let (reason, zh) = (refusal.to_string(), words::refusal_zh(&refusal));
                tell_bill(&mut told, &bill);
                told.command = Text::parse(command).ok();
                refuse(&mut told, &No::from(refusal));
                (told.reason, told.reason_zh) = (Note::new(&reason), Note::new(&zh));
            }
            Ok(Foretold::Done(effect)) => {
                let Effect { command, before, after, entries, once } = *effect;
                if let Some(before) = &before {
                    tell_bill(&mut told, before);
                }
                told.verdict = Verdict::Done;
                told.command = Text::parse(command).ok();
                told.bill_no = Some(after.key.no.clone());
                told.bill_date = Some(after.key.date);
                told.phase_after = Text::parse(after.phase.name()).ok();
                told.once = Some(once);
                told.entries = Some(Many::new(entries.iter().map(view::movement)));
                told.after = Some(view::standing(&after));
                told.deadline = view::deadline(&after);
            }
        }
        Ok(told.encode())
    }

    /// What would become of a request; `None` for one that moves no money.
    async fn foretell(&self, request: &Request) -> Option<Result<Foretold, No>> {
        Some(match request {
            Request::GetQrcode(request) => match self.making_of(request).await {
                Ok(None) => return None,
                Ok(Some(making)) => self.foresee_making(making),
                Err(no) => Err(no),
            },
            Request::Preauthed(request) => {
                self.capturing(request, request.fingerprint()).await.map(|step| {
                    self.foresee(step, |bill, leg| self.captured(&request.common, bill, leg))
                })
            }
            Request::PreauthCancel(request) => self.releasing(request).await.map(|step| {
                self.foresee(step, |bill, undone| self.released(request, bill, undone.as_ref()))
            }),
            Request::PreauthedCancel(request) => self.reversing(request).await.map(|step| {
                self.foresee(step, |bill, leg| self.reversed(&request.common, bill, leg))
            }),
            Request::Refund(request) => {
                self.refunding(request, request.fingerprint()).await.map(|step| {
                    self.foresee(step, |bill, leg| self.refunded(&request.common, bill, leg))
                })
            }
            Request::SecureComplete(request) => self.guaranteed(request).await.map(|bill| {
                let step = Self::completing(bill, request);
                self.foresee(step, |bill, ()| self.completed(request, bill))
            }),
            Request::SecureCancel(request) => self.given_up_guarantee(request).await.map(|bill| {
                self.foresee(Step::Change(bill, Command::Cancel), |_, ()| Err(answers::not_known()))
            }),
            Request::SubOrdersConfirm(request) => self.undivided(request).await.and_then(|bill| {
                let step = self.dividing(bill, request)?;
                Ok(self.foresee(step, |_, ()| self.division_confirmed(request)))
            }),
            Request::CloseQrcode(request) => match self.closing(request).await {
                Ok(None) => return None,
                Ok(Some(step)) => Ok(self.foresee(step, |_, ()| Ok(vec![]))),
                Err(no) => Err(no),
            },
            Request::UpdateQrcode(_)
            | Request::QueryQrcodeInfo(_)
            | Request::QueryLastQrcode(_)
            | Request::Query(_)
            | Request::Events(_)
            | Request::TrialNotice(_)
            | Request::Preview(_)
            | Request::Timeline(_) => return None,
        })
    }

    fn foresee<B>(&self, step: Step<B>, answer: impl FnOnce(&Bill, &B) -> Done) -> Foretold {
        let (bill, command) = match step {
            Step::Before(bill, before) => {
                let answer = answer(&bill, &before).map(drop);
                return Foretold::Before(Box::new(bill), answer);
            }
            Step::Change(bill, command) => (bill, command),
        };
        match self.effect(&bill, &command) {
            Ok((after, entries, once)) => Foretold::Done(Box::new(Effect {
                command: command.name(),
                before: Some(bill),
                after,
                entries,
                once,
            })),
            Err(refusal) => Foretold::Refused(Box::new(bill), command.name(), refusal),
        }
    }

    /// The bill after a command, with the channel's consent where it needs one, and the entries.
    fn effect(&self, bill: &Bill, command: &Command) -> Result<(Bill, Vec<Entry>, Once), Refusal> {
        let (now, policy) = (self.core.clock.now(), &self.core.policy);
        let asked = decide(bill, command, now, policy)?;
        let mut entries = asked.entries;
        let Some((order, _)) = asked.bill.open_order() else {
            return Ok((asked.bill, entries, Once::AtOnce));
        };
        let restored = self.core.channel.restores();
        let verdict = Word::Approved { marks: Marks::default(), restored };
        let report = Command::Report { number: order.number, verdict };
        let done = decide(&asked.bill, &report, now, policy)?;
        entries.extend(done.entries);
        Ok((done.bill, entries, Once::Channel))
    }

    /// A bill that is made moves no money before its payer pays: that is told.
    fn foresee_making(&self, making: Making) -> Result<Foretold, No> {
        let made = match making {
            Making::Before(bill) => return Ok(Foretold::Before(bill, Ok(()))),
            Making::New(change) => change.bill,
        };
        let paid = Command::Authorize {
            marks: Marks::default(),
            channel: Channel::UnionPay,
            payer_id: None,
            payer_name: None,
            card: None,
            auth: AuthCode::parse("000000").map_err(|_| No::broken())?,
        };
        let (after, entries, _) = self.effect(&made, &paid)?;
        let (before, once) = (None, Once::Payer);
        Ok(Foretold::Done(Box::new(Effect { command: "request", before, after, entries, once })))
    }
}

/// Tells how the bill is now.
fn tell_bill(told: &mut Previewed, bill: &Bill) {
    told.bill_no = Some(bill.key.no.clone());
    told.bill_date = Some(bill.key.date);
    told.phase = Text::parse(bill.phase.name()).ok();
    told.before = Some(view::standing(bill));
    told.deadline = view::deadline(bill);
}

/// Tells that the request would be refused.
fn refuse(told: &mut Previewed, no: &No) {
    let spec = no.code.spec();
    told.verdict = Verdict::Refused;
    told.code = no.code.as_text();
    told.whose = Text::parse(spec.fault.text().en).ok();
    // Texts for the caller are in both languages, Chinese first, or in English alone.
    let (zh, en) = no.text.split_once(" | ").unwrap_or((spec.text.zh, no.text.as_str()));
    (told.reason, told.reason_zh) = (Note::new(en), Note::new(zh));
}

fn not_foreseen() -> No {
    let text = "path: 只能预演会移动资金的请求 | path: only requests that move money can be foreseen: get-qrcode, close-qrcode, preauthed, \
                preauth-cancel, preauthed-cancel, refund, secure-complete, secure-cancel, sub-orders-confirm";
    No::new(Code::BadRequest, text.to_owned())
}
