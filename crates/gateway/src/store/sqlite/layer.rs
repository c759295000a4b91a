//! What the journal says and the view does not say yet, in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound::{Excluded, Included, Unbounded},
    sync::Arc,
};

use holdfast_domain::{Bill, BillKey, BillNo, Change, CodeId, Day, Leg, Mid, Moment, OrderId, Tid};

/// A merchant's order, and the bill it belongs to.
pub(super) type Order = (Arc<BillKey>, Arc<Leg>);

/// The bills and orders that a stretch of the journal changed, as they are at its end.
#[derive(Default)]
pub(super) struct Layer {
    // Sorted, for reading in pages, and because rows that are folded in key order touch each page of the
    // view once. (Hash maps beside sorted keys were tried: 3 % less work a commit, within the noise.)
    bills: BTreeMap<Arc<BillKey>, Bill>,
    legs: BTreeMap<(Mid, OrderId), Order>,
    /// The bills' last records.
    lasts: HashMap<Arc<BillKey>, u64>,
    /// The bills that were made in this stretch.
    codes: HashMap<CodeId, Arc<BillKey>>,
    latest: HashMap<(Mid, Tid), Arc<BillKey>>,
    /// The first and the last record of each business day on which money moved.
    days: BTreeMap<Day, (u64, u64)>,
    due: BTreeSet<(Moment, Arc<BillKey>)>,
    open: BTreeSet<Arc<BillKey>>,
    /// The last record of the stretch.
    last: u64,
    commits: usize,
}

impl Layer {
    /// An empty stretch that begins after that record.
    pub(super) fn after(last: u64) -> Self {
        Self { last, ..Self::default() }
    }

    /// Adds the next record's outcome.
    pub(super) fn apply(&mut self, change: Change) {
        self.last = self.last.saturating_add(1);
        self.commits = self.commits.saturating_add(1);
        if let Some(receipt) = change.event.receipt() {
            self.days.entry(receipt.day).or_insert((self.last, self.last)).1 = self.last;
        }
        let Change { bill, leg, .. } = change;
        let key = bill.key.clone();
        if let Some(leg) = leg {
            self.legs.insert((key.mid.clone(), leg.order.clone()), (key.clone(), leg));
        }
        if bill.version == 1 {
            self.codes.insert(bill.terms.code.clone(), key.clone());
            self.latest.insert((key.mid.clone(), bill.terms.tid.clone()), key.clone());
        }
        self.lasts.insert(key.clone(), self.last);
        let (due, open) = (bill.due(), is_open(&bill));
        let before = self.bills.insert(key.clone(), bill);
        let (due_before, open_before) = match &before {
            Some(before) => (before.due(), is_open(before)),
            None => (None, false),
        };
        if due != due_before {
            if let Some(due) = due_before {
                self.due.remove(&(due, key.clone()));
            }
            if let Some(due) = due {
                self.due.insert((due, key.clone()));
            }
        }
        match (open_before, open) {
            (false, true) => drop(self.open.insert(key)),
            (true, false) => drop(self.open.remove(&key)),
            _ => {}
        }
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn commits(&self) -> usize {
        self.commits
    }

    /// Rows of the view that this stretch changes.
    pub(super) fn rows(&self) -> usize {
        self.bills.len().saturating_add(self.legs.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commits == 0
    }

    pub(super) fn bill(&self, key: &BillKey) -> Option<&Bill> {
        self.bills.get(key)
    }

    /// The orders by merchant and number, in order.
    pub(super) fn legs(&self) -> impl Iterator<Item = (&(Mid, OrderId), &Order)> {
        self.legs.iter()
    }

    /// The bills in key order.
    pub(super) fn bills(&self) -> impl Iterator<Item = &Bill> {
        self.bills.values()
    }

    /// Whether a bill with that code was made in this stretch; then the code is that bill's.
    pub(super) fn coded(&self, code: &CodeId) -> Option<&Arc<BillKey>> {
        self.codes.get(code)
    }

    /// The bill's last record, if it is in this stretch.
    pub(super) fn last_of(&self, key: &BillKey) -> Option<u64> {
        self.lasts.get(key).copied()
    }

    /// The last bill of each terminal that made one in this stretch.
    pub(super) fn latest(&self) -> impl Iterator<Item = (&(Mid, Tid), &Arc<BillKey>)> {
        self.latest.iter()
    }

    /// The first and the last record of each business day in this stretch.
    pub(super) fn days(&self) -> impl Iterator<Item = (Day, (u64, u64))> {
        self.days.iter().map(|(day, ends)| (*day, *ends))
    }
}

/// Whether the channel has an order of this bill without an answer.
pub(super) fn is_open(bill: &Bill) -> bool {
    bill.open_order().is_some()
}

/// The stretches of the journal that are in memory, one after the other.
#[derive(Default)]
pub(super) struct Overlay {
    /// Where commits go.
    pub(super) active: Layer,
    /// What is being folded into the view.
    pub(super) folding: Arc<Layer>,
    /// What was folded last: kept because what changed lately is asked for first.
    pub(super) folded: Arc<Layer>,
    /// How many stretches have left [`Overlay::folding`]: their bills no longer override the view's rows.
    pub(super) folds: u64,
}

impl Overlay {
    /// The stretches that the view may lack, the newest first.
    fn unfolded(&self) -> [&Layer; 2] {
        [&self.active, &self.folding]
    }

    fn all(&self) -> [&Layer; 3] {
        [&self.active, &self.folding, &self.folded]
    }

    /// The last record of the journal that can be seen.
    pub(super) fn last(&self) -> u64 {
        self.active.last
    }

    pub(super) fn bill(&self, key: &BillKey) -> Option<&Bill> {
        self.all().into_iter().find_map(|layer| layer.bill(key))
    }

    /// Whether the view's row of that bill may be old.
    pub(super) fn overrides(&self, key: &BillKey) -> bool {
        self.unfolded().into_iter().any(|layer| layer.bills.contains_key(key))
    }

    pub(super) fn leg(&self, id: &(Mid, OrderId)) -> Option<&Order> {
        self.all().into_iter().find_map(|layer| layer.legs.get(id))
    }

    pub(super) fn coded(&self, code: &CodeId) -> Option<&Arc<BillKey>> {
        self.all().into_iter().find_map(|layer| layer.coded(code))
    }

    pub(super) fn last_of(&self, key: &BillKey) -> Option<u64> {
        self.all().into_iter().find_map(|layer| layer.last_of(key))
    }

    pub(super) fn latest(&self, terminal: &(Mid, Tid)) -> Option<&Arc<BillKey>> {
        self.all().into_iter().find_map(|layer| layer.latest.get(terminal))
    }

    /// The ends of a business day, as far as the view may lack them.
    pub(super) fn day(&self, day: Day) -> Option<(u64, u64)> {
        let found = self.unfolded().into_iter().filter_map(|layer| layer.days.get(&day).copied());
        found.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }

    /// The first bills after `after`.
    pub(super) fn bills(
        &self,
        after: Option<&BillKey>,
        limit: usize,
    ) -> BTreeMap<Arc<BillKey>, Bill> {
        let from = after.map_or(Unbounded, Excluded);
        self.newest(|layer| layer.bills.range::<BillKey, _>((from, Unbounded)).take(limit))
    }

    /// The first bills of that number.
    pub(super) fn numbered(
        &self,
        mid: &Mid,
        no: &BillNo,
        limit: usize,
    ) -> BTreeMap<Arc<BillKey>, Bill> {
        let on = |day| BillKey { mid: mid.clone(), no: no.clone(), date: Day(day) };
        let (first, last) = (on(i32::MIN), on(i32::MAX));
        let range = (Included(&first), Included(&last));
        self.newest(|layer| layer.bills.range::<BillKey, _>(range).take(limit))
    }

    /// The first orders after `after`.
    pub(super) fn legs(
        &self,
        after: Option<&(Mid, OrderId)>,
        limit: usize,
    ) -> BTreeMap<(Mid, OrderId), Order> {
        let from = after.map_or(Unbounded, Excluded);
        self.newest(|layer| layer.legs.range((from, Unbounded)).take(limit))
    }

    /// What several stretches say, with the word of the newest.
    fn newest<'a, K: Ord + Clone + 'a, V: Clone + 'a, I: Iterator<Item = (&'a K, &'a V)>>(
        &'a self,
        some: impl Fn(&'a Layer) -> I,
    ) -> BTreeMap<K, V> {
        let oldest_first = self.unfolded().into_iter().rev();
        oldest_first.flat_map(some).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The first bills of which time asks something at `now`.
    pub(super) fn due(&self, now: Moment, limit: usize) -> BTreeSet<(Moment, Arc<BillKey>)> {
        let active = self.active.due.iter();
        let folding = self.folding.due.iter().filter(|(_, key)| self.active.bill(key).is_none());
        let until = |due: &&(Moment, Arc<BillKey>)| due.0 <= now;
        active
            .take_while(until)
            .take(limit)
            .chain(folding.take_while(until).take(limit))
            .cloned()
            .collect()
    }

    /// The first bills after `after` with an open order.
    pub(super) fn open(&self, after: Option<&BillKey>, limit: usize) -> BTreeSet<Arc<BillKey>> {
        let range = (after.map_or(Unbounded, Excluded), Unbounded);
        let active = self.active.open.range::<BillKey, _>(range);
        let folding = self.folding.open.range::<BillKey, _>(range);
        let folding = folding.filter(|key| self.active.bill(key).is_none());
        active.take(limit).chain(folding.take(limit)).cloned().collect()
    }
}
