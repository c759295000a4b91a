//! Merchants: what they ask, and how a request is carried out: the same calls in the same order as the
//! handlers of `api/answers.rs`, `api/guarantees.rs` and `api/shares.rs`, without HTTP around them.

use std::{fmt, sync::Arc};

use holdfast_domain::{
    Amount, AuthCode, Bill, BillKey, CodeId, Command, Deed, Details, Division, Fingerprint, Kind,
    Leg, Mid, Order, OrderId, Outcome, Phase, Receipt, Reference, Refusal, Shares, Split, Terms,
    Text, Tid, Why,
};
use holdfast_gateway::{
    limits,
    store::{Asker, StoreFault},
    submit::{Core, Settled, SubmitError},
};

use crate::bank::Bank;

/// What a merchant asks.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Make { key: BillKey, kind: Kind, amount: Amount, division: Option<Division> },
    Close { key: BillKey },
    Capture { key: BillKey, order: OrderId, part: Amount, auth: AuthCode },
    Reverse { key: BillKey, capture: OrderId, auth: AuthCode },
    Release { key: BillKey, auth: AuthCode },
    Complete { key: BillKey, part: Amount },
    Cancel { key: BillKey },
    Refund { key: BillKey, order: OrderId, part: Amount, from: Option<Arc<Shares>> },
    Divide { key: BillKey, shares: Arc<Shares> },
    Query { key: BillKey },
}

/// What a merchant was told as a fact, and may rely on for ever.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fact {
    /// The bill exists and has this code.
    Made { key: BillKey, code: CodeId },
    /// The bill takes no payment any more.
    Closed { key: BillKey },
    /// The capture or refund was done.
    Done { mid: Mid, order: OrderId, receipt: Receipt },
    /// The channel refused the capture or refund.
    Refused { mid: Mid, order: OrderId, reason: Text<255> },
    /// The capture was undone.
    Reversed { mid: Mid, capture: OrderId, receipt: Receipt },
    /// The hold or guarantee was given up.
    GivenUp { key: BillKey, receipt: Receipt },
    /// So much of the guarantee was taken.
    Completed { key: BillKey, part: Amount, receipt: Receipt },
    /// The money was divided so.
    Divided { key: BillKey, shares: Arc<Shares> },
}

/// What a merchant was told instead.
#[derive(Debug)]
pub(crate) enum No {
    /// A rule says no: nothing was done.
    Rule,
    /// The channel says no to a reversal or a release.
    Channel,
    /// An earlier order has no answer yet.
    Busy,
    /// The outcome is not known yet.
    NotKnown,
    /// The number belongs to something else.
    Duplicate,
    /// The request names what is not there.
    NotThere,
    /// It was cancelled before.
    Cancelled,
    /// The store broke.
    Broken(StoreFault),
    /// A query was answered.
    Seen,
}

impl Request {
    /// The bill it is about.
    pub(crate) fn key(&self) -> &BillKey {
        match self {
            Self::Make { key, .. }
            | Self::Close { key }
            | Self::Capture { key, .. }
            | Self::Reverse { key, .. }
            | Self::Release { key, .. }
            | Self::Complete { key, .. }
            | Self::Cancel { key }
            | Self::Refund { key, .. }
            | Self::Divide { key, .. }
            | Self::Query { key } => key,
        }
    }

    /// The code it names, where it must name one.
    pub(crate) fn auth(&self) -> Option<&AuthCode> {
        match self {
            Self::Capture { auth, .. }
            | Self::Reverse { auth, .. }
            | Self::Release { auth, .. } => Some(auth),
            Self::Make { .. }
            | Self::Close { .. }
            | Self::Complete { .. }
            | Self::Cancel { .. }
            | Self::Refund { .. }
            | Self::Divide { .. }
            | Self::Query { .. } => None,
        }
    }

    /// The same capture or refund, number and all, asked of another bill of whatever merchant.
    pub(crate) fn for_bill(&self, key: BillKey) -> Option<Self> {
        match self.clone() {
            Self::Capture { order, part, .. } => {
                Some(Self::Capture { auth: Bank::auth(&key), key, order, part })
            }
            Self::Refund { order, part, from, .. } => Some(Self::Refund { key, order, part, from }),
            _ => None,
        }
    }

    /// Whether `leg` is what it asks for.
    pub(crate) fn asks_for(&self, leg: &Leg) -> bool {
        let deed = match self {
            Self::Capture { .. } => Deed::Capture,
            Self::Refund { .. } => Deed::Refund,
            _ => return false,
        };
        leg.deed == deed && leg.fingerprint == self.fingerprint()
    }

    /// What exactly it asks. The bill and the deed are compared apart.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let (tag, fen, shares) = match self {
            Self::Make { kind: Kind::Hold, amount, .. } => (1, amount.fen(), None),
            Self::Make { kind: Kind::Guarantee, amount, .. } => (2, amount.fen(), None),
            Self::Make { amount, division: None, .. } => (3, amount.fen(), None),
            Self::Make { amount, division: Some(Division::Later), .. } => (4, amount.fen(), None),
            Self::Make { amount, division: Some(Division::Now(shares)), .. } => {
                (5, amount.fen(), Some(shares))
            }
            Self::Refund { part, from, .. } => (0, part.fen(), from.as_ref()),
            Self::Capture { part, .. } | Self::Complete { part, .. } => (0, part.fen(), None),
            Self::Close { .. }
            | Self::Reverse { .. }
            | Self::Release { .. }
            | Self::Cancel { .. }
            | Self::Divide { .. }
            | Self::Query { .. } => (0, 0, None),
        };
        let mut bytes = [tag; 16];
        bytes[..4].copy_from_slice(&u32::try_from(fen).expect("few fen").to_le_bytes());
        // Shares are told apart by what they are in words.
        let words = shares.map(told).unwrap_or_default();
        let mixed = words
            .bytes()
            .fold(1, |mixed: u64, byte| mixed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        bytes[8..].copy_from_slice(&mixed.to_le_bytes());
        Fingerprint(bytes)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make { key, kind, amount, division } => {
                write!(f, "{key} make {kind:?} {amount}")?;
                match division {
                    None => Ok(()),
                    Some(Division::Later) => f.write_str(" to be divided"),
                    Some(Division::Now(shares)) => write!(f, " as{}", told(shares)),
                }
            }
            Self::Close { key } => write!(f, "{key} close"),
            Self::Capture { key, order, part, auth } => {
                write!(f, "{key} capture {order} {part} {auth}")
            }
            Self::Reverse { key, capture, auth } => write!(f, "{key} reverse {capture} {auth}"),
            Self::Release { key, auth } => write!(f, "{key} release {auth}"),
            Self::Complete { key, part } => write!(f, "{key} complete {part}"),
            Self::Cancel { key } => write!(f, "{key} cancel"),
            Self::Refund { key, order, part, from } => {
                let from = from.as_ref().map(told).unwrap_or_default();
                write!(f, "{key} refund {order} {part}{from}")
            }
            Self::Divide { key, shares } => write!(f, "{key} divide{}", told(shares)),
            Self::Query { key } => write!(f, "{key} query"),
        }
    }
}

/// Shares in words, each with a blank before it.
fn told(shares: &Arc<Shares>) -> String {
    let platform = shares.platform().map(|amount| format!(" platform {amount}"));
    let subs = shares.subs().iter().map(|share| {
        let order = share.order.as_ref().map_or("-", OrderId::as_str);
        format!(" {} {order} {}", share.mid, share.amount)
    });
    platform.into_iter().chain(subs).collect()
}

/// Does what a request asks and says what it is answered.
pub(crate) async fn ask(core: &Core, request: &Request) -> Result<Fact, No> {
    let asker = Asker::App { app: "app".into(), nonce: None, request: None };
    match request {
        Request::Make { key, kind, amount, division } => {
            let terms = (*kind, *amount, division.clone());
            make(core, request, key, terms, &asker).await
        }
        Request::Close { key } => close(core, key, &asker).await,
        Request::Capture { key, order, part, auth } => {
            let bill = find(core, key).await?;
            let (fingerprint, deed) = (request.fingerprint(), Deed::Capture);
            if let Some(leg) = repeated(core, &bill, order, deed, fingerprint).await? {
                proven(&bill, auth)?;
                return what_became_of(&bill, &leg);
            }
            let (order, part, auth) = (order.clone(), *part, auth.clone());
            let command = Command::Capture { order: order.clone(), part, auth, fingerprint };
            self::order(core, bill, &command, &order, deed, fingerprint, &asker).await
        }
        Request::Refund { key, order, part, from } => {
            let bill = find(core, key).await?;
            let (fingerprint, deed) = (request.fingerprint(), Deed::Refund);
            if let Some(leg) = repeated(core, &bill, order, deed, fingerprint).await? {
                return what_became_of(&bill, &leg);
            }
            let (number, from) = (order.clone(), from.clone());
            let command = Command::Refund { order: number, part: *part, from, fingerprint };
            self::order(core, bill, &command, order, deed, fingerprint, &asker).await
        }
        Request::Reverse { key, capture, auth } => reverse(core, key, capture, auth, &asker).await,
        Request::Release { key, auth } => release(core, key, auth, &asker).await,
        Request::Complete { key, part } => {
            complete(core, key, *part, request.fingerprint(), &asker).await
        }
        Request::Cancel { key } => {
            let bill = paid(core, key, Kind::Guarantee).await?;
            let bill = core.submit(bill, &Command::Cancel, &asker).await?;
            given_up(&settle(core, bill).await?)
        }
        Request::Divide { key, shares } => divide(core, key, shares, &asker).await,
        Request::Query { key } => {
            let bill = find(core, key).await?;
            heard(core, bill).await?;
            Err(No::Seen)
        }
    }
}

async fn make(
    core: &Core,
    request: &Request,
    key: &BillKey,
    (kind, amount, division): (Kind, Amount, Option<Division>),
    asker: &Asker,
) -> Result<Fact, No> {
    let now = core.clock.now();
    for _ in 0..limits::COMMIT_TRIES {
        if let Some(bill) = core.store.bill(key).await? {
            return match bill.terms.fingerprint == request.fingerprint() {
                true => Ok(Fact::Made { key: key.clone(), code: bill.terms.code.clone() }),
                false => Err(No::Duplicate),
            };
        }
        let terms = Terms::plain(
            kind,
            amount,
            CodeId::parse(&core.dice.digits(2)).expect("two digits are a code"),
            Tid::parse("88880001").expect("a terminal"),
            now,
            now.plus_ms(limits::CODE_MS),
            request.fingerprint(),
        );
        let details = Details { notify_url: notify_url(key), ..Details::default() };
        let terms = Terms { division: division.clone(), details, ..terms };
        match core.create(Bill::request(key.clone(), terms), now, asker.clone()).await {
            Ok(bill) => {
                return Ok(Fact::Made { key: key.clone(), code: bill.terms.code.clone() });
            }
            Err(SubmitError::Taken) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(No::Busy)
}

/// Some bills name an address of their own.
fn notify_url(key: &BillKey) -> Option<Text<1024>> {
    let url = match key.no.as_str().bytes().last() {
        Some(b'0'..=b'2') => "https://till.example:8443/notices",
        Some(b'3') => "http://till.example/notices",
        _ => return None,
    };
    Text::parse(url).ok()
}

async fn close(core: &Core, key: &BillKey, asker: &Asker) -> Result<Fact, No> {
    let closed = || Ok(Fact::Closed { key: key.clone() });
    let bill = find(core, key).await?;
    if is_closed(&bill) {
        return closed();
    }
    let bill = heard(core, bill).await?;
    match core.submit(bill, &Command::Close, asker).await {
        Ok(_) => closed(),
        Err(error @ SubmitError::Refused(_)) => match is_closed(&core.load(key).await?) {
            true => closed(),
            false => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Whether the bill takes no payment, and stays so also when money came late and went back.
pub(crate) fn is_closed(bill: &Bill) -> bool {
    match &bill.phase {
        Phase::Closed | Phase::Lapsed => true,
        Phase::Releasing { why, .. } | Phase::Released { why, .. } => {
            matches!(why, Why::LateAfterClose | Why::LateAfterLapse)
        }
        _ => false,
    }
}

/// The bill, with its payment if the channel knows of one.
async fn heard(core: &Core, bill: Bill) -> Result<Bill, No> {
    if bill.payment().is_some() {
        return Ok(bill);
    }
    let Some(paid) = core.channel.paid(&bill, core.clock.now()).await? else { return Ok(bill) };
    core.on_news(&bill.key, &paid).await?;
    Ok(core.load(&bill.key).await?)
}

async fn reverse(
    core: &Core,
    key: &BillKey,
    capture: &OrderId,
    auth: &AuthCode,
    asker: &Asker,
) -> Result<Fact, No> {
    let bill = find(core, key).await?;
    proven(&bill, auth)?;
    let stands = matches!(&bill.phase, Phase::Taken { takings, .. }
        if takings.capture.as_ref().is_some_and(|leg| leg.order == *capture));
    if !stands && let Some(leg) = undone_before(core, &bill, capture).await? {
        return undone(&bill, &leg);
    }
    let command = Command::Reverse { capture: capture.clone(), auth: auth.clone() };
    match core.submit(bill, &command, asker).await {
        Ok(bill) => {
            let bill = settle(core, bill).await?;
            let leg = leg_of(core, &bill, capture).await?.ok_or(No::NotKnown)?;
            undone(&bill, &leg)
        }
        Err(error @ SubmitError::Refused(_)) => {
            let bill = core.load(key).await?;
            match undone_before(core, &bill, capture).await? {
                Some(leg) => undone(&bill, &leg),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn undone_before(core: &Core, bill: &Bill, capture: &OrderId) -> Result<Option<Leg>, No> {
    let leg = leg_of(core, bill, capture).await?.ok_or(No::NotThere)?;
    match (leg.deed, &leg.outcome) {
        (Deed::Refund, _) => Err(No::NotThere),
        (Deed::Capture, Outcome::Reversed { .. }) => {
            match core.channel.denies_repeats(bill, &Order::Reverse(leg.clone().into())) {
                true => Err(No::Cancelled),
                false => Ok(Some(leg)),
            }
        }
        (Deed::Capture, Outcome::Refused(_)) => Err(No::Rule),
        (Deed::Capture, Outcome::Open | Outcome::Done(_)) => Ok(None),
    }
}

fn undone(bill: &Bill, leg: &Leg) -> Result<Fact, No> {
    let (mid, capture) = (bill.key.mid.clone(), leg.order.clone());
    match &leg.outcome {
        Outcome::Reversed { reversal, .. } => {
            Ok(Fact::Reversed { mid, capture, receipt: reversal.clone() })
        }
        Outcome::Open => Err(No::Busy),
        Outcome::Refused(_) => Err(No::Channel),
        Outcome::Done(_) => Err(No::NotKnown),
    }
}

async fn release(core: &Core, key: &BillKey, auth: &AuthCode, asker: &Asker) -> Result<Fact, No> {
    let bill = find(core, key).await?;
    proven(&bill, auth)?;
    if let Phase::Released { why: Why::Merchant, .. } = bill.phase {
        return given_up_before(core, &bill);
    }
    let command = Command::Release { hold: key.payment_leg(), auth: auth.clone() };
    match core.submit(bill, &command, asker).await {
        Ok(bill) => given_up(&settle(core, bill).await?),
        Err(error @ SubmitError::Refused(_)) => match core.load(key).await? {
            bill if matches!(bill.phase, Phase::Released { why: Why::Merchant, .. }) => {
                given_up_before(core, &bill)
            }
            _ => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

fn given_up_before(core: &Core, bill: &Bill) -> Result<Fact, No> {
    match core.channel.denies_repeats(bill, &Order::Release) {
        true => Err(No::Cancelled),
        false => given_up(bill),
    }
}

fn given_up(bill: &Bill) -> Result<Fact, No> {
    let Phase::Released { receipt, .. } = &bill.phase else { return Err(No::NotKnown) };
    Ok(Fact::GivenUp { key: (*bill.key).clone(), receipt: receipt.clone() })
}

async fn complete(
    core: &Core,
    key: &BillKey,
    part: Amount,
    fingerprint: Fingerprint,
    asker: &Asker,
) -> Result<Fact, No> {
    let bill = paid(core, key, Kind::Guarantee).await?;
    if completion(&bill, fingerprint).is_some() {
        return completed(&bill, fingerprint);
    }
    match core.submit(bill, &Command::Complete { part, fingerprint }, asker).await {
        Ok(bill) => completed(&settle(core, bill).await?, fingerprint),
        Err(error @ SubmitError::Refused(_)) => {
            let bill = core.load(key).await?;
            match completion(&bill, fingerprint) {
                Some(_) => completed(&bill, fingerprint),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The completion that was done, if it was this very one.
pub(crate) fn completion(bill: &Bill, fingerprint: Fingerprint) -> Option<&Leg> {
    let takings = match &bill.phase {
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => takings,
        _ => return None,
    };
    takings.capture.as_deref().filter(|leg| leg.fingerprint == fingerprint)
}

fn completed(bill: &Bill, fingerprint: Fingerprint) -> Result<Fact, No> {
    let leg = completion(bill, fingerprint).ok_or(No::NotKnown)?;
    let Outcome::Done(receipt) = leg.outcome.clone() else { return Err(No::NotKnown) };
    Ok(Fact::Completed { key: (*bill.key).clone(), part: leg.amount, receipt })
}

async fn divide(
    core: &Core,
    key: &BillKey,
    shares: &Arc<Shares>,
    asker: &Asker,
) -> Result<Fact, No> {
    let divided = || Ok(Fact::Divided { key: key.clone(), shares: shares.clone() });
    let bill = paid(core, key, Kind::Payment).await?;
    if divided_so(&bill, shares) {
        return divided();
    }
    match core.submit(bill, &Command::Divide { shares: shares.clone() }, asker).await {
        Ok(bill) => match divided_so(&settle(core, bill).await?, shares) {
            true => divided(),
            false => Err(No::NotKnown),
        },
        Err(error @ SubmitError::Refused(_)) => match divided_so(&core.load(key).await?, shares) {
            true => divided(),
            false => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Whether the money was divided later, and exactly so.
pub(crate) fn divided_so(bill: &Bill, shares: &Shares) -> bool {
    let split = match &bill.phase {
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => &takings.split,
        _ => return false,
    };
    let later = bill.terms.division == Some(Division::Later);
    later && matches!(split, Split::Among { whole, .. } if whole.give_the_same(shares))
}

/// The bill if it is of that kind, with its payment if the channel knows of one.
async fn paid(core: &Core, key: &BillKey, kind: Kind) -> Result<Bill, No> {
    let bill = find(core, key).await?;
    match bill.terms.kind == kind {
        true => heard(core, bill).await,
        false => Err(No::NotThere),
    }
}

async fn order(
    core: &Core,
    bill: Bill,
    command: &Command,
    order: &OrderId,
    deed: Deed,
    fingerprint: Fingerprint,
    asker: &Asker,
) -> Result<Fact, No> {
    match core.submit(bill.clone(), command, asker).await {
        Ok(bill) => match core.carry_out(bill, true).await? {
            Settled::Known(bill, None) => {
                let leg = leg_of(core, &bill, order).await?.ok_or(No::NotKnown)?;
                what_became_of(&bill, &leg)
            }
            Settled::Known(bill, Some(reason)) => {
                let (mid, order) = (bill.key.mid.clone(), order.clone());
                Ok(Fact::Refused { mid, order, reason })
            }
            Settled::NotKnown => Err(No::NotKnown),
        },
        Err(error @ (SubmitError::Taken | SubmitError::Refused(_))) => {
            match (repeated(core, &bill, order, deed, fingerprint).await?, error) {
                (Some(leg), _) => what_became_of(&bill, &leg),
                (None, SubmitError::Taken) => Err(No::NotKnown),
                (None, error) => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn settle(core: &Core, bill: Bill) -> Result<Bill, No> {
    match core.carry_out(bill, true).await? {
        Settled::Known(bill, None) => Ok(bill),
        Settled::Known(_, Some(_)) => Err(No::Channel),
        Settled::NotKnown => Err(No::NotKnown),
    }
}

fn what_became_of(bill: &Bill, leg: &Leg) -> Result<Fact, No> {
    let (mid, order) = (bill.key.mid.clone(), leg.order.clone());
    match leg.outcome.clone() {
        Outcome::Open => Err(No::Busy),
        Outcome::Refused(reason) => Ok(Fact::Refused { mid, order, reason }),
        Outcome::Done(receipt) | Outcome::Reversed { done: receipt, .. } => {
            Ok(Fact::Done { mid, order, receipt })
        }
    }
}

async fn repeated(
    core: &Core,
    bill: &Bill,
    order: &OrderId,
    deed: Deed,
    fingerprint: Fingerprint,
) -> Result<Option<Leg>, No> {
    let Some((key, leg)) = core.store.leg(&bill.key.mid, order).await? else { return Ok(None) };
    let same = *key == *bill.key && leg.deed == deed && leg.fingerprint == fingerprint;
    if same { Ok(Some(leg)) } else { Err(No::Duplicate) }
}

async fn leg_of(core: &Core, bill: &Bill, order: &OrderId) -> Result<Option<Leg>, No> {
    let found = core.store.leg(&bill.key.mid, order).await?;
    Ok(found.filter(|(key, _)| **key == *bill.key).map(|(_, leg)| leg))
}

async fn find(core: &Core, key: &BillKey) -> Result<Bill, No> {
    core.store.bill(key).await?.ok_or(No::NotThere)
}

fn proven(bill: &Bill, auth: &AuthCode) -> Result<(), No> {
    let grant = bill.payment().and_then(|payment| payment.grant.as_ref());
    match grant {
        Some(grant) if grant.auth.as_ref() != Some(auth) => Err(No::NotThere),
        _ => Ok(()),
    }
}

impl From<StoreFault> for No {
    fn from(fault: StoreFault) -> Self {
        Self::Broken(fault)
    }
}

impl From<SubmitError> for No {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::NoBill => Self::NotThere,
            SubmitError::Refused(Refusal::Busy { .. } | Refusal::Stale) => Self::Busy,
            SubmitError::Refused(Refusal::Mismatch(
                Reference::AuthCode | Reference::Capture | Reference::Hold,
            )) => Self::NotThere,
            SubmitError::Refused(Refusal::Cancelled) => Self::Cancelled,
            SubmitError::Refused(_) => Self::Rule,
            SubmitError::Taken => Self::Duplicate,
            SubmitError::Fault(fault) => Self::Broken(fault),
        }
    }
}
