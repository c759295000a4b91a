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

/// What would become of a request, as things stand.
#[derive(Debug)]
pub(crate) struct Foreseen {
    /// Whether it would be done, was done before, or would be refused.
    pub(crate) verdict: Verdict,
    /// What it would be answered with.
    pub(crate) code: Code,
    /// Why, in English and Chinese.
    pub(crate) reason: (String, String),
    /// What it asks of the bill; `None` when nobody got so far.
    pub(crate) command: Option<&'static str>,
    /// The bill as it is; `None` for one that would be made, and when there is none.
    pub(crate) bill: Option<Bill>,
    /// What it would do, if it would.
    pub(crate) effect: Option<Effect>,
}

/// What a request would do.
#[derive(Debug)]
pub(crate) struct Effect {
    /// The bill afterwards, with the channel's consent where it takes that.
    pub(crate) after: Bill,
    /// The entries that would be written.
    pub(crate) entries: Vec<Entry>,
    /// When.
    pub(crate) once: Once,
}

impl Foreseen {
    /// Nothing but the refusal is known.
    pub(super) fn refused(no: &No) -> Self {
        Self {
            verdict: Verdict::Refused,
            code: no.code,
            reason: no.texts(),
            command: None,
            bill: None,
            effect: None,
        }
    }

    /// It was done before, or is under way: how it would be answered, and the bill as it stays.
    fn before(bill: Bill, answer: Result<(), No>) -> Self {
        let told = match answer {
            Ok(()) => Self {
                verdict: Verdict::Repeat,
                code: Code::Success,
                reason: (
                    "this very request was done before and is answered the same".to_owned(),
                    "该请求此前已执行，答复与首次相同".to_owned(),
                ),
                command: None,
                bill: None,
                effect: None,
            },
            Err(no) => Self::refused(&no),
        };
        Self { bill: Some(bill), ..told }
    }

    fn done(command: &'static str, bill: Option<Bill>, effect: Effect) -> Self {
        Self {
            verdict: Verdict::Done,
            code: Code::Success,
            reason: ("nothing stands against it".to_owned(), "可以执行".to_owned()),
            command: Some(command),
            bill,
            effect: Some(effect),
        }
    }
}

impl Api {
    /// Answers what would become of the request that a preview carries.
    pub(super) async fn preview(&self, preview: &Preview) -> Done {
        let path = preview.path.as_str();
        let body = preview.request.object();
        let foreseen = match Request::decode(path, &body) {
            None => return Err(not_foreseen()),
            Some(Err(mut faults)) => {
                faults.extend(answers::also_missing(path, &body));
                Foreseen::refused(&No::fields(&faults))
            }
            Some(Ok(request)) if *request.caller().mid != preview.asking.mid => {
                let text =
                    "request: 须与外层的商户号相同 | request: it must be the same merchant's (mid)";
                return Err(No::new(Code::BadRequest, text.to_owned()));
            }
            Some(Ok(request)) => self.foresee(&request).await?.ok_or_else(not_foreseen)?,
        };
        let Foreseen { verdict, code, reason, command, bill, effect } = foreseen;
        let refused = verdict == Verdict::Refused;
        let key = effect.as_ref().map(|effect| &effect.after).or(bill.as_ref()).map(|b| &b.key);
        let told = Previewed {
            answered: self.answered(preview.caller(), "预演成功"),
            echo: Echo::of(preview.caller()),
            verdict,
            code: code.as_text(),
            reason: Note::new(&reason.0),
            reason_zh: Note::new(&reason.1),
            whose: match refused {
                true => Text::parse(code.spec().fault.text().en).ok(),
                false => None,
            },
            command: command.and_then(|command| Text::parse(command).ok()),
            bill_no: key.map(|key| key.no.clone()),
            bill_date: key.map(|key| key.date),
            phase: bill.as_ref().and_then(|bill| Text::parse(bill.phase.name()).ok()),
            phase_after: effect.as_ref().and_then(|e| Text::parse(e.after.phase.name()).ok()),
            entries: effect.as_ref().map(|e| Many::new(e.entries.iter().map(view::movement))),
            before: bill.as_ref().map(view::standing),
            after: effect.as_ref().map(|effect| view::standing(&effect.after)),
            deadline: match &effect {
                Some(effect) => view::deadline(&effect.after),
                None => bill.as_ref().and_then(view::deadline),
            },
            once: effect.map(|effect| effect.once),
        };
        Ok(told.encode())
    }

    /// What would become of a request; `None` for one that moves no money.
    ///
    /// # Errors
    /// When something broke: that says nothing of the request.
    pub(super) async fn foresee(&self, request: &Request) -> Result<Option<Foreseen>, No> {
        match self.foretell(request).await {
            None => Ok(None),
            Some(Ok(foreseen)) => Ok(Some(foreseen)),
            Some(Err(no)) if no.code == Code::InternalError => Err(no),
            Some(Err(no)) => Ok(Some(Foreseen::refused(&no))),
        }
    }

    /// What would become of a request; `None` for one that moves no money.
    async fn foretell(&self, request: &Request) -> Option<Result<Foreseen, No>> {
        Some(match request {
            Request::GetQrcode(request) => match self.making_of(request).await {
                Ok(None) => return None,
                Ok(Some(making)) => self.foresee_making(making),
                Err(no) => Err(no),
            },
            Request::Preauthed(request) => {
                self.capturing(request, request.fingerprint()).await.map(|step| {
                    self.foreseen(step, |bill, leg| self.captured(&request.common, bill, leg))
                })
            }
            Request::PreauthCancel(request) => self.releasing(request).await.map(|step| {
                self.foreseen(step, |bill, undone| self.released(request, bill, undone.as_ref()))
            }),
            Request::PreauthedCancel(request) => self.reversing(request).await.map(|step| {
                self.foreseen(step, |bill, leg| self.reversed(&request.common, bill, leg))
            }),
            Request::Refund(request) => {
                self.refunding(request, request.fingerprint()).await.map(|step| {
                    self.foreseen(step, |bill, leg| self.refunded(&request.common, bill, leg))
                })
            }
            Request::SecureComplete(request) => self.guaranteed(request).await.map(|bill| {
                let step = Self::completing(bill, request);
                self.foreseen(step, |bill, ()| self.completed(request, bill))
            }),
            Request::SecureCancel(request) => self.given_up_guarantee(request).await.map(|bill| {
                self.foreseen(
                    Step::Change(bill, Command::Cancel),
                    |_, ()| Err(answers::not_known()),
                )
            }),
            Request::SubOrdersConfirm(request) => self.undivided(request).await.and_then(|bill| {
                let step = self.dividing(bill, request)?;
                Ok(self.foreseen(step, |_, ()| self.division_confirmed(request)))
            }),
            Request::CloseQrcode(request) => match self.closing(request).await {
                Ok(None) => return None,
                Ok(Some(step)) => Ok(self.foreseen(step, |_, ()| Ok(vec![]))),
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

    fn foreseen<B>(&self, step: Step<B>, answer: impl FnOnce(&Bill, &B) -> Done) -> Foreseen {
        let (bill, command) = match step {
            Step::Before(bill, before) => {
                let answer = answer(&bill, &before).map(drop);
                return Foreseen::before(bill, answer);
            }
            Step::Change(bill, command) => (bill, command),
        };
        match self.effect(&bill, &command) {
            Ok(effect) => Foreseen::done(command.name(), Some(bill), effect),
            Err(refusal) => {
                let reason = (refusal.to_string(), words::refusal_zh(&refusal));
                let refused = Foreseen::refused(&No::from(refusal));
                Foreseen { reason, command: Some(command.name()), bill: Some(bill), ..refused }
            }
        }
    }

    /// The bill after a command, with the channel's consent where it needs one, and the entries.
    fn effect(&self, bill: &Bill, command: &Command) -> Result<Effect, Refusal> {
        let (now, policy) = (self.core.clock.now(), &self.core.policy);
        let asked = decide(bill, command, now, policy)?;
        let mut entries = asked.entries;
        let Some((order, _)) = asked.bill.open_order() else {
            return Ok(Effect { after: asked.bill, entries, once: Once::AtOnce });
        };
        let restored = self.core.channel.restores();
        let verdict = Word::Approved { marks: Marks::default(), restored };
        let report = Command::Report { number: order.number, verdict };
        let done = decide(&asked.bill, &report, now, policy)?;
        entries.extend(done.entries);
        Ok(Effect { after: done.bill, entries, once: Once::Channel })
    }

    /// A bill that is made moves no money before its payer pays: that is told.
    fn foresee_making(&self, making: Making) -> Result<Foreseen, No> {
        let made = match making {
            Making::Before(bill) => return Ok(Foreseen::before(*bill, Ok(()))),
            Making::New(change) => change.bill,
        };
        let paid = Command::Authorize {
            marks: Marks::default(),
            channel: Channel::UnionPay,
            payer_id: None,
            payer_name: None,
            card: None,
            tail: None,
            auth: AuthCode::parse("000000").map_err(|_| No::broken())?,
        };
        let effect = Effect { once: Once::Payer, ..self.effect(&made, &paid)? };
        Ok(Foreseen::done("request", None, effect))
    }
}

fn not_foreseen() -> No {
    let text = "path: 只能预演会移动资金的请求 | path: only requests that move money can be foreseen: get-qrcode, close-qrcode, preauthed, \
                preauth-cancel, preauthed-cancel, refund, secure-complete, secure-cancel, sub-orders-confirm";
    No::new(Code::BadRequest, text.to_owned())
}
