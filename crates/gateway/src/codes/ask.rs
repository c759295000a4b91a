//! Asks a merchant's system how much is to be paid (固定码支付要素查询, `protocol.md` section 6).
//!
//! The payer stands and waits: nothing is asked twice, and without a good answer there is no bill.

use holdfast_domain::{Amount, Moment, Text};
use holdfast_wire::{
    json::Object,
    message::{Message as _, list, says_done},
    messages::{AmountTold, AskAmount},
};

use super::{Codes, FixedCode};
use crate::{
    accounts::Merchant,
    clock::{Dice, patience},
    limits,
};

/// What a merchant's system said of a fixed code that was scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How much is to be paid.
    pub amount: Amount,
    /// What the payer reads, instead of what the code says.
    pub description: Option<Text<255>>,
    /// The merchant's number for the payer, instead of the code's.
    pub member_id: Option<Text<32>>,
    /// The merchant's number for the counter, instead of the code's.
    pub counter_no: Option<Text<32>>,
}

/// Why nobody knows how much is to be paid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// The merchant's system says that nothing is to be paid now, and why.
    #[error("{0}")]
    Refused(String),
    /// It did not say, or not so that it can be believed.
    #[error("{0}")]
    Unclear(String),
}

impl Codes {
    /// Asks the merchant's system about a fixed code that has its address.
    ///
    /// # Errors
    /// When there is nobody to ask or no answer that can be believed, within [`limits::AMOUNT_MS`].
    pub async fn ask_amount(
        &self,
        merchant: &Merchant,
        fixed: &FixedCode,
        now: Moment,
        dice: &Dice,
    ) -> Result<Told, Untold> {
        let unclear = |why: String| Untold::Unclear(why);
        let Some(url) = &fixed.terms.pay_info_query_addr else {
            return Err(unclear(format!("code {} has no address to ask", fixed.code)));
        };
        let Some(key) = merchant.notices.key() else {
            let mid = &merchant.mid;
            return Err(unclear(format!(
                "merchant {mid} has no communication key; run: holdfast merchant rotate-notice-key {mid}"
            )));
        };
        let Ok(_place) = self.questions.try_acquire() else {
            return Err(unclear("too many questions at once".to_owned()));
        };
        let msg_id = Text::parse(&dice.hex(32)).map_err(|error| unclear(error.to_string()))?;
        let question = AskAmount {
            msg_id,
            request_timestamp: now,
            mid: fixed.mid.clone(),
            tid: fixed.tid.clone(),
            qr_code_id: fixed.code.clone(),
            system_id: fixed.terms.system_id.clone(),
            src_reserve: fixed.reserve.clone(),
            member_id: fixed.terms.member_id.clone(),
            counter_no: fixed.terms.counter_no.clone(),
        };
        let body = question.signed(key, merchant.notices.sign_type);
        let headers = [("content-type", "application/json;charset=utf-8".to_owned())];
        let asked = self.post.post(url.as_str(), &headers, body);
        let reply = patience(limits::AMOUNT_MS, asked).await;
        let reply = reply
            .ok_or_else(|| unclear(format!("no answer within {} ms", limits::AMOUNT_MS)))?
            .map_err(|trouble| unclear(trouble.to_string()))?;
        match (reply.status, reply.cut) {
            (200, None) => read(&question, &reply.body),
            (200, Some(cut)) => Err(unclear(cut)),
            (status, _) => Err(unclear(format!("the answer has HTTP status {status}"))),
        }
    }
}

/// What an answer to the question says.
fn read(question: &AskAmount, body: &[u8]) -> Result<Told, Untold> {
    let object = Object::parse(body)
        .map_err(|error| Untold::Unclear(format!("the answer cannot be read: {error}")))?;
    let told = AmountTold::decode(&object)
        .map_err(|faults| Untold::Unclear(format!("the answer lacks: {}", list(&faults))))?;
    if !says_done(told.err_code.as_str()) {
        let why = told.err_msg.map_or_else(|| told.err_code.to_string(), |why| why.to_string());
        return Err(Untold::Refused(why));
    }
    if told.msg_id.as_ref().is_some_and(|answered| *answered != question.msg_id) {
        return Err(Untold::Unclear("the answer is one to another question".to_owned()));
    }
    let amount = told.total_amount.ok_or_else(|| {
        Untold::Unclear(format!("the answer has no totalAmount of 1 to {} fen", Amount::MAX_FEN))
    })?;
    Ok(Told {
        amount,
        description: told.bill_desc,
        member_id: told.member_id,
        counter_no: told.counter_no,
    })
}
