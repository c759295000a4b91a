//! What a receiver is tried with, and what a good one does. Pure.

use holdfast_gateway::clock::Dice;
use holdfast_wire::{
    field::SignType,
    notice::{NoticeFault, Pairs, SIGN, SIGN_TYPE, form, read_form, signed},
    secret::NoticeKey,
};

use crate::forward::Outcome;

/// The signature under a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Signature {
    /// As it should be 正确签名
    Right,
    /// Of another notice: the amount was changed afterwards 签名后金额被篡改
    Forged,
    /// None at all 没有签名
    Missing,
    /// Made with a key that is not the merchant's 使用其他密钥签名
    OtherKey,
}

/// What a good receiver does with a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Must {
    /// Answers that it has it.
    Take,
    /// Answers anything else.
    Refuse,
    /// Either may be right; the reason is in the trial's own words.
    AsItLikes,
}

/// Whether the receiver did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// It was not to be judged.
    Unjudged,
}

impl Must {
    /// What a receiver's answer says of it. One that does not answer at all has done neither.
    pub(crate) fn judge(self, outcome: &Outcome) -> Verdict {
        match (self, outcome.status) {
            (Self::AsItLikes, Some(_)) => Verdict::Unjudged,
            (_, None) => Verdict::Bad,
            (Self::Take, _) if outcome.taken() => Verdict::Good,
            (Self::Refuse, _) if !outcome.taken() => Verdict::Good,
            (Self::Take | Self::Refuse, _) => Verdict::Bad,
        }
    }

    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Take => "take it 接受",
            Self::Refuse => "refuse it 拒绝",
            Self::AsItLikes => "either 均可",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Refuse => "refuse",
            Self::AsItLikes => "either",
        }
    }
}

/// A notice's body with the signature that is wanted. What is wrong has a number of its own, so that a receiver cannot
/// take it for one that it knows already.
pub(crate) fn spoiled(
    body: &str,
    signature: Signature,
    dice: &Dice,
) -> Result<String, NoticeFault> {
    if signature == Signature::Right {
        return Ok(body.to_owned());
    }
    let mut pairs = read_form(body)?;
    set(&mut pairs, NOTIFY_ID, &format!("trial-{}", dice.hex(16)));
    match signature {
        Signature::Right => {}
        Signature::Forged => {
            let amount = value(&pairs, TOTAL_AMOUNT).and_then(|fen| fen.parse::<u64>().ok());
            let other = amount.unwrap_or_default().saturating_add(1);
            set(&mut pairs, TOTAL_AMOUNT, &other.to_string());
        }
        Signature::Missing => pairs.retain(|(name, _)| name != SIGN),
        Signature::OtherKey => {
            let sha256 = value(&pairs, SIGN_TYPE).is_some();
            pairs.retain(|(name, _)| name != SIGN && name != SIGN_TYPE);
            let digest = if sha256 { SignType::Sha256 } else { SignType::Md5 };
            // 32 digits are a key.
            let key = NoticeKey::parse(&dice.hex(32)).map_err(|_| NoticeFault::Unsigned)?;
            pairs = signed(&key, digest, pairs);
        }
    }
    Ok(form(&pairs))
}

/// The first two thirds of a body.
pub(crate) fn truncated(body: &str) -> String {
    let length = body.chars().count().saturating_mul(2) / 3;
    body.chars().take(length).collect()
}

/// The pair that numbers a notice.
pub(crate) const NOTIFY_ID: &str = "notifyId";
/// The pair that says what the bill asks for.
pub(crate) const TOTAL_AMOUNT: &str = "totalAmount";

pub(crate) fn value<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn set(pairs: &mut Pairs, name: &str, value: &str) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => value.clone_into(known),
        None => pairs.push((name.to_owned(), value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_client::notice::{NoticeError, verify};

    use super::*;

    fn body(key: &NoticeKey, digest: SignType) -> String {
        let pairs = [
            (NOTIFY_ID, "911b4376"),
            ("billNo", "3194B1"),
            ("billStatus", "PAID"),
            ("seqId", "00151100146N"),
            (TOTAL_AMOUNT, "1908"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        form(&signed(key, digest, pairs.into()))
    }

    #[test]
    fn each_wrong_signature_is_refused_for_its_own_reason() {
        let (key, dice) = (NoticeKey::parse("the merchant's own").unwrap(), Dice::seeded(1));
        let keys = std::slice::from_ref(&key);
        for digest in [SignType::Md5, SignType::Sha256] {
            let body = body(&key, digest);
            let fault = |signature| match verify(keys, &spoiled(&body, signature, &dice).unwrap()) {
                Ok(_) => None,
                Err(NoticeError::Fault(fault)) => Some(fault),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(fault(Signature::Right), None);
            assert_eq!(fault(Signature::Forged), Some(NoticeFault::WrongSignature));
            assert_eq!(fault(Signature::OtherKey), Some(NoticeFault::WrongSignature));
            assert_eq!(fault(Signature::Missing), Some(NoticeFault::Unsigned));
            assert!(verify(keys, &truncated(&body)).is_err());
        }
    }

    #[test]
    fn what_is_wrong_cannot_be_taken_for_a_notice_that_came_before() {
        let (key, dice) = (NoticeKey::parse("the merchant's own").unwrap(), Dice::seeded(1));
        let body = body(&key, SignType::Md5);
        for signature in [Signature::Forged, Signature::Missing, Signature::OtherKey] {
            let pairs = read_form(&spoiled(&body, signature, &dice).unwrap()).unwrap();
            assert!(value(&pairs, NOTIFY_ID).unwrap().starts_with("trial-"), "{signature:?}");
        }
    }

    fn check(must: Must, status: Option<u16>, missed: Option<&str>, expected: Verdict) {
        let outcome = Outcome { status, missed: missed.map(str::to_owned), took_ms: 1 };
        assert_eq!(must.judge(&outcome), expected, "{must:?} {status:?} {missed:?}");
    }

    #[test]
    fn a_receiver_is_judged_by_what_it_answers() {
        check(Must::Take, Some(200), None, Verdict::Good);
        check(Must::Take, Some(500), Some("HTTP status 500"), Verdict::Bad);
        check(Must::Refuse, Some(200), None, Verdict::Bad);
        check(Must::Refuse, Some(401), Some("HTTP status 401"), Verdict::Good);
        // One that dies of it has not refused it.
        check(Must::Refuse, None, Some("no answer"), Verdict::Bad);
        check(Must::AsItLikes, Some(200), None, Verdict::Unjudged);
        check(Must::AsItLikes, None, Some("no answer"), Verdict::Bad);
    }
}
