//! Reminding a merchant of a deadline. The rules remind once a week, three days and a day before; an operator can send
//! what was said last once more, and be quicker than the clock when a reminder is due.

use holdfast_domain::{Bill, Command, Event, Moment, Phase, Reminder, decide};
use holdfast_wire::time;

use super::super::Console;
use crate::{
    limits,
    notices::{addresses, announced, outbox::Filter, subscribed},
    store::StoreFault,
    view,
};

/// A text in English and Chinese.
pub(super) type Both = (String, String);

/// What a wish to remind a merchant comes to.
#[derive(Debug)]
pub(super) enum Remind {
    /// A reminder is due: it is made.
    Now,
    /// The merchant was reminded then; the same notices are sent once more.
    Again(Moment, Vec<u64>),
    /// It is not done, and why.
    No(Both),
}

fn no(en: impl Into<String>, zh: impl Into<String>) -> Remind {
    Remind::No((en.into(), zh.into()))
}

impl Console {
    /// What a wish to remind the bill's merchant comes to now.
    pub(super) async fn reminding(&self, bill: &Bill) -> Result<Remind, StoreFault> {
        let now = self.core.clock.now();
        let (Phase::Authorized { .. }, Some(deadline)) = (&bill.phase, view::deadline(bill)) else {
            return Ok(no(
                "nothing waits for its deadline: the money was taken, went back, or is on its way",
                "资金已完成、已解冻或正在处理，无需提醒",
            ));
        };
        if deadline <= now {
            return Ok(no("the deadline is over", "已过到期时间"));
        }
        let like = Event::Reminded { reminder: bill.reminded.unwrap_or(Reminder::Week) };
        let book = self.accounts.book();
        let merchant = book.merchants.get(&bill.key.mid).map(|merchant| &**merchant);
        if !subscribed(announced(&like, Some(bill)), merchant) {
            return Ok(no(
                "the merchant would not hear of it: its notify_on has no “expiring”",
                "商户收不到提醒：其 notify_on 未包含 expiring",
            ));
        }
        if addresses(bill, merchant).is_empty() {
            return Ok(no(
                "the merchant would not hear of it: neither the bill nor the merchant names an address",
                "商户收不到提醒：账单与商户均未设置通知地址",
            ));
        }
        if decide(bill, &Command::Remind, now, &self.core.policy).is_ok() {
            return Ok(Remind::Now);
        }
        let next = bill.due().filter(|next| *next < deadline).map(time::show);
        let Some(at) = self.reminded_at(bill).await? else {
            return Ok(match next {
                Some(next) => no(
                    format!("too soon: the first reminder goes out by itself at {next}"),
                    format!("尚早：首次提醒将于 {next} 自动发送"),
                ),
                None => no("so short a hold has no reminder", "预授权时长过短，不发送提醒"),
            });
        };
        let letters = self.last_told(bill, &like).await?;
        if letters.is_empty() {
            let at = time::show(at);
            return Ok(no(
                format!("the merchant was reminded at {at} already, and that notice is not kept"),
                format!("已于 {at} 提醒过，该通知未保留，无法重发"),
            ));
        }
        Ok(Remind::Again(at, letters))
    }

    /// When the merchant was reminded last.
    async fn reminded_at(&self, bill: &Bill) -> Result<Option<Moment>, StoreFault> {
        if bill.reminded.is_none() {
            return Ok(None);
        }
        let records = self.core.store.history(&bill.key).await?;
        let reminded = |event: &Event| matches!(event, Event::Reminded { .. });
        Ok(records.iter().rev().find(|record| reminded(&record.event)).map(|record| record.at))
    }

    /// The notices of the last reminder, one for each address.
    async fn last_told(&self, bill: &Bill, like: &Event) -> Result<Vec<u64>, StoreFault> {
        let filter = Filter {
            mid: Some(bill.key.mid.clone()),
            bill: Some(bill.key.no.clone()),
            event: Some(like.name(bill.terms.kind).to_owned()),
            ..Filter::default()
        };
        let kept = self.letters.list(&filter, None, limits::EXPIRY_NOTICES).await?;
        let mut kept = kept.into_iter().filter(|kept| kept.letter.bill == *bill.key).peekable();
        let last = kept.peek().map(|kept| kept.letter.seq);
        Ok(kept.filter(|kept| Some(kept.letter.seq) == last).map(|kept| kept.id).collect())
    }
}
