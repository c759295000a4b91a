//! No channel: a live gateway to which no upstream account is connected. Nobody can pay through it.

use holdfast_domain::{Bill, BillKey, Command, Moment, Order};

use super::{Channel, Errand, Word};
use crate::store::{StoreFault, Task};

/// Stands where a channel is missing. It never says that anything happened.
#[derive(Debug)]
pub struct Unconnected;

impl Channel for Unconnected {
    fn give<'a>(&'a self, _: &'a Errand, _: Moment) -> Task<'a, Word> {
        Box::pin(async { Word::NotKnown })
    }

    fn ask<'a>(&'a self, _: &'a Errand, _: Moment) -> Task<'a, Word> {
        Box::pin(async { Word::NotKnown })
    }

    fn paid<'a>(&'a self, _: &'a Bill, _: Moment) -> Task<'a, Result<Option<Command>, StoreFault>> {
        Box::pin(async { Ok(None) })
    }

    fn news<'a>(&'a self, _: Moment) -> Task<'a, Result<Vec<(BillKey, Command)>, StoreFault>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn heard<'a>(&'a self, _: &'a BillKey) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async { Ok(()) })
    }

    fn denies_repeats(&self, _: &Bill, _: &Order) -> bool {
        false
    }

    fn is_connected(&self) -> bool {
        false
    }
}
