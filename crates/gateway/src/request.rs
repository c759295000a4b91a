//! What a request is called: in the header of its answer, in the log, in the journal.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::clock::Dice;

/// The name of one request: `5f0c21ab-17`. The first part belongs to one run of the gateway, the second counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The run's mark, by chance.
    pub run: u32,
    /// The request's number in it.
    pub number: u64,
}

impl RequestId {
    /// Reads one as it is written: eight digits of base 16, a hyphen, a number. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        let hex = |c: u8| c.is_ascii_digit() || matches!(c, b'a'..=b'f');
        let plain = run.len() == 8 && run.bytes().all(hex);
        let digits = number.bytes().all(|c| c.is_ascii_digit());
        let id = Self { run: u32::from_str_radix(run, 16).ok()?, number: number.parse().ok()? };
        // One spelling for each, so that what is found under one is all there is.
        (plain && digits && id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.run, self.number)
    }
}

/// Names requests, each once in this run.
#[derive(Debug)]
pub(crate) struct RequestIds {
    run: u32,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(dice: &Dice) -> Self {
        let run = u32::try_from(dice.roll(1 << 32)).unwrap_or_default();
        Self { run, next: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> RequestId {
        RequestId { run: self.run, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn a_request_id_is_read_as_it_is_written_and_in_no_other_spelling() {
        for (text, run, number) in [
            ("00000000-0", 0, 0),
            ("5f0c21ab-17", 0x5f0c_21ab, 17),
            ("ffffffff-18446744073709551615", u32::MAX, u64::MAX),
        ] {
            let id = RequestId { run, number };
            assert_eq!((id.to_string().as_str(), RequestId::parse(text)), (text, Some(id)));
        }
        for text in [
            "",
            "-",
            "5f0c21ab",
            "5f0c21ab-",
            "5F0C21AB-1",
            "5f0c21a-1",
            "5f0c21ab-01",
            "5f0c21ab-+1",
            "5f0c21ab--1",
            "5f0c21ab-1 ",
            "+f0c21ab-1",
            "5f0c21ab-18446744073709551616",
        ] {
            assert_eq!(RequestId::parse(text), None, "{text}");
        }
    }
}
