//! When a letter is tried again, when it is given up, and when a whole receiver is only probed. Pure.
//!
//! Two things wait at two places. A **letter** that was not answered as it should waits by [`pause_ms`]: the
//! timetable counts tries, not hours, and after the last one the letter is given up. A **receiver** at which
//! nobody answers at all waits by its [`Circuit`]: its letters stay due and keep their tries, and one of them
//! at a time goes out as a probe. A probe is a try like any other and moves its own letter along the
//! timetable, by pauses that are never shorter than without a circuit. So an outage can only lengthen a
//! letter's 24 hours: nothing is given up that was not tried sixteen times over at least 24 hours, and nothing
//! is lost while nobody listens.

use holdfast_domain::Moment;
use holdfast_wire::notice;

use crate::{
    clock::Dice,
    limits,
    outbound::{Reply, Trouble},
};

/// The pauses between the tries of a letter, in seconds: sixteen tries within about 24 hours. ChinaUMS
/// publishes no timetable (`protocol.md` section 6: "several times within 24 h"); this one is quick at first,
/// for a receiver that is being restarted, and patient later.
pub const PAUSES_S: [i64; 15] = [
    15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600,
];

/// How long to wait after so many tries, in milliseconds, with up to an eighth of chance, so that letters
/// that failed together do not come back together; `None` after the last try.
#[must_use]
pub fn pause_ms(tries: u32, dice: &Dice) -> Option<i64> {
    let made = usize::try_from(tries.checked_sub(1)?).ok()?;
    let pause = PAUSES_S.get(made)?.saturating_mul(1_000);
    let eighth = u64::try_from(pause.div_euclid(8)).unwrap_or_default();
    Some(pause.saturating_add(i64::try_from(dice.roll(eighth)).unwrap_or_default()))
}

/// What a receiver says when it has taken a notice (`protocol.md` section 6).
#[must_use]
pub fn word() -> &'static str {
    notice::DONE
}

/// Why a try did not deliver a letter, in words; `None` when it did.
#[must_use]
pub fn missed(answer: &Result<Reply, Trouble>) -> Option<String> {
    let reply = match answer {
        Err(trouble) => return Some(trouble.to_string()),
        Ok(reply) => reply,
    };
    let Reply { status, location, body, cut } = reply;
    match status {
        200..=299 if contains(body, word().as_bytes()) => None,
        200..=299 => Some(match cut {
            Some(cut) => format!("no {} in the answer: {cut}", word()),
            None => format!("no {} in the answer", word()),
        }),
        300..=399 => Some(match location {
            Some(to) => format!("redirected to {to}: redirects are not followed"),
            None => "redirected: redirects are not followed".to_owned(),
        }),
        _ => Some(format!("HTTP status {status}")),
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Whether anybody answers at a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    /// Tries in a row on which nobody answered.
    silent: u32,
    open: Option<Open>,
}

/// A receiver at which nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    /// When it may be probed.
    until: Moment,
    pause_ms: i64,
}

impl Circuit {
    /// How many tries may be under way at `now`.
    #[must_use]
    pub fn places(&self, now: Moment) -> usize {
        match self.open {
            None => limits::NOTICE_PER_RECEIVER,
            Some(open) if now >= open.until => 1,
            Some(_) => 0,
        }
    }

    /// When it may be probed, while nobody answers.
    #[must_use]
    pub fn probe_at(&self) -> Option<Moment> {
        self.open.map(|open| open.until)
    }

    /// Somebody answered, whatever was said. Answers whether that ends a silence.
    pub fn answered(&mut self) -> bool {
        std::mem::take(self).open.is_some()
    }

    /// Nobody answered. Answers whether that was once too often.
    pub fn silence(&mut self, now: Moment) -> bool {
        self.silent = self.silent.saturating_add(1);
        match &mut self.open {
            None if self.silent >= limits::NOTICE_SILENT => {
                let pause_ms = limits::NOTICE_PROBE_MS;
                self.open = Some(Open { until: now.plus_ms(pause_ms), pause_ms });
                true
            }
            Some(open) if now >= open.until => {
                open.pause_ms = open.pause_ms.saturating_mul(2).min(limits::NOTICE_PROBE_MS_MAX);
                open.until = now.plus_ms(open.pause_ms);
                false
            }
            // Tries that were under way when it opened say nothing new.
            _ => false,
        }
    }

    /// Somebody resends by hand, and believes that the receiver is back: it may be probed at once.
    pub fn hurry(&mut self, now: Moment) {
        if let Some(open) = &mut self.open {
            open.until = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_letter_is_tried_sixteen_times_within_some_24_hours() {
        for seed in 0..100 {
            let dice = Dice::seeded(seed);
            let pauses: Vec<i64> = (1..).map_while(|tries| pause_ms(tries, &dice)).collect();
            assert_eq!(pauses.len(), 15);
            let plain: Vec<i64> = PAUSES_S.iter().map(|pause| pause * 1_000).collect();
            for (pause, plain) in pauses.iter().zip(&plain) {
                assert!((*plain..=plain + plain / 8).contains(pause), "{pause} for {plain}");
            }
            let whole: i64 = pauses.iter().sum();
            assert!((24 * HOUR_MS..28 * HOUR_MS).contains(&whole), "{whole} ms");
        }
    }

    #[test]
    fn letters_that_failed_together_do_not_come_back_together() {
        let dice = Dice::seeded(1);
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| pause_ms(5, &dice)).collect();
        assert!(pauses.len() > 90, "{}", pauses.len());
    }

    fn check_missed(status: u16, body: &str, expected: Option<&str>) {
        let reply = Reply { status, location: None, body: body.into(), cut: None };
        assert_eq!(missed(&Ok(reply)).as_deref(), expected, "{status} {body}");
    }

    #[test]
    fn a_letter_is_delivered_when_a_good_answer_has_the_word() {
        check_missed(200, "SUCCESS", None);
        check_missed(204, "{\"code\":\"SUCCESS\"}", None);
        check_missed(200, "<xml>ok SUCCESS</xml>", None);
        check_missed(200, "success", Some("no SUCCESS in the answer"));
        check_missed(200, "SUCCES", Some("no SUCCESS in the answer"));
        check_missed(200, "FAILED", Some("no SUCCESS in the answer"));
        check_missed(200, "", Some("no SUCCESS in the answer"));
        check_missed(500, "SUCCESS", Some("HTTP status 500"));
        check_missed(302, "SUCCESS", Some("redirected: redirects are not followed"));
        let cut = Reply {
            status: 200,
            location: None,
            body: b"SUC".to_vec(),
            cut: Some("the answer broke off".to_owned()),
        };
        assert_eq!(
            missed(&Ok(cut.clone())).as_deref(),
            Some("no SUCCESS in the answer: the answer broke off")
        );
        // What came before it broke off is enough.
        assert_eq!(missed(&Ok(Reply { body: b"SUCCESS".to_vec(), ..cut })), None);
        let away = Reply {
            status: 307,
            location: Some("http://10.0.0.1/".to_owned()),
            body: vec![],
            cut: None,
        };
        assert_eq!(
            missed(&Ok(away)).as_deref(),
            Some("redirected to http://10.0.0.1/: redirects are not followed")
        );
    }

    #[test]
    fn a_silent_receiver_is_probed_alone_with_growing_pauses() {
        let mut circuit = Circuit::default();
        let mut now = Moment(0);
        for _ in 1..limits::NOTICE_SILENT {
            assert!(!circuit.silence(now));
            assert_eq!(circuit.places(now), limits::NOTICE_PER_RECEIVER);
        }
        assert!(circuit.silence(now));
        for pause_s in [15, 30, 60, 120, 240, 300, 300] {
            let before = now.plus_ms(pause_s * 1_000 - 1);
            assert_eq!(circuit.places(before), 0, "{pause_s} s");
            // Tries from before it opened end meanwhile, and change nothing.
            assert!(!circuit.silence(before));
            now = now.plus_ms(pause_s * 1_000);
            assert_eq!(circuit.places(now), 1, "{pause_s} s");
            assert!(!circuit.silence(now));
        }
        assert!(circuit.answered());
        assert_eq!(circuit.places(now), limits::NOTICE_PER_RECEIVER);
        assert!(!circuit.answered());
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let mut circuit = Circuit::default();
        for _ in 0..3 {
            for _ in 1..limits::NOTICE_SILENT {
                assert!(!circuit.silence(Moment(0)));
            }
            assert!(!circuit.answered());
        }
        assert_eq!(circuit.probe_at(), None);
    }

    #[test]
    fn resending_by_hand_probes_at_once() {
        let mut circuit = Circuit::default();
        for _ in 0..limits::NOTICE_SILENT {
            circuit.silence(Moment(1_000));
        }
        assert_eq!(circuit.places(Moment(2_000)), 0);
        circuit.hurry(Moment(2_000));
        assert_eq!(circuit.places(Moment(2_000)), 1);
    }
}
