//! What the demo's merchant did before the demo: four weeks of holds over the same signed HTTP, so that the console has
//! something to tell. The clock starts in the past and is moved to the present.

use holdfast_client::Exchange;
use holdfast_domain::{AuthCode, BillKey, OrderId, Text};
use holdfast_wire::{
    field::Named,
    json::Object,
    message::Endpoint,
    messages::{PreauthCancel, Preauthed, PreauthedCancel, Refund},
};

use super::{MID, Stage, TID, amount, malformed, next};
use crate::{
    answer,
    exit::{Exit, Failure},
};

/// How many milliseconds ago the first hold was taken.
pub(super) const BEGAN_MS: i64 = 29 * 24 * HOUR_MS;

const HOUR_MS: i64 = 3_600_000;

/// What became of a hold.
enum Fate {
    /// Nobody has paid it.
    Unpaid,
    /// It is still held.
    Held,
    /// So many fen were taken.
    Captured(u64),
    /// So many fen were taken, and so many of them given back.
    Refunded(u64, u64),
    /// So many fen were taken, and the whole capture was undone.
    Reversed(u64),
    /// It was given up.
    Released,
}

use Fate::{Captured, Held, Refunded, Released, Reversed, Unpaid};

/// How many hours ago, how many fen, for what, and what became of it; the oldest first.
const PAST: &[(i64, u64, &str, Fate)] = &[
    (29 * 24 - 2, 120_000, "押金 豪华套房", Held),
    (28 * 24 - 5, 50_000, "押金 301", Held),
    (26 * 24 - 1, 80_000, "租车押金 沪A·12345", Held),
    (24 * 24 - 7, 30_000, "押金 208", Held),
    (13 * 24 - 3, 50_000, "押金 302", Captured(38_000)),
    (13 * 24 - 6, 80_000, "押金 505", Captured(80_000)),
    (12 * 24 - 2, 30_000, "押金 206", Released),
    (11 * 24 - 4, 200_000, "租车押金 沪B·67890", Refunded(168_000, 20_000)),
    (10 * 24 - 1, 50_000, "押金 303", Captured(46_000)),
    (10 * 24 - 8, 60_000, "押金 401", Captured(51_500)),
    (9 * 24 - 3, 120_000, "押金 豪华套房", Captured(97_000)),
    (8 * 24 - 5, 30_000, "押金 210", Unpaid),
    (7 * 24 - 2, 50_000, "押金 304", Refunded(42_000, 42_000)),
    (6 * 24 - 6, 80_000, "押金 506", Captured(66_600)),
    (6 * 24 - 9, 50_000, "押金 305", Held),
    (5 * 24 - 4, 150_000, "租车押金 沪C·24680", Captured(131_000)),
    (4 * 24 - 1, 50_000, "押金 301", Released),
    (3 * 24 - 3, 90_000, "押金 601", Captured(72_000)),
    (3 * 24 - 7, 30_000, "押金 209", Captured(18_800)),
    (2 * 24 - 2, 60_000, "押金 402", Held),
    (30, 50_000, "押金 306", Captured(45_000)),
    (27, 120_000, "押金 豪华套房", Refunded(99_000, 9_000)),
    (5, 80_000, "押金 507", Captured(52_000)),
    (4, 50_000, "押金 307", Reversed(50_000)),
    (3, 240_000, "租车押金 沪A·13579", Held),
    (2, 30_000, "押金 211", Held),
];

/// Plays it, and leaves the clock at the present.
pub(super) async fn play(stage: &Stage) -> Result<(), Failure> {
    let clock = &stage.running.core.clock;
    for (hours_ago, fen, what, fate) in PAST {
        let until = hours_ago.saturating_mul(HOUR_MS).saturating_add(clock.ahead_ms());
        clock.advance(until.saturating_neg());
        live(stage, *fen, what, fate).await?;
    }
    clock.advance(clock.ahead_ms().saturating_neg());
    Ok(())
}

/// One hold, from its code to what became of it.
async fn live(stage: &Stage, fen: u64, what: &str, fate: &Fate) -> Result<(), Failure> {
    let bill = stage.new_bill()?;
    let mut request = stage.hold(&bill, fen)?;
    request.terms.bill_desc = Some(Text::parse(what).map_err(malformed)?);
    let code = next::make(stage, request).await?;
    if matches!(fate, Unpaid) {
        return Ok(());
    }
    let auth = authorized(&stage.pay(&code).await?)?;
    let common = || stage.client.common(MID, TID).map_err(malformed);
    let order = |suffix: &str| OrderId::parse(&format!("{}{suffix}", bill.no)).map_err(malformed);
    let BillKey { no: bill_no, date: bill_date, .. } = bill.clone();
    if let Captured(fen) | Refunded(fen, _) | Reversed(fen) = fate {
        let auth_id_resp_cd = Named::parse(auth.as_str()).map_err(malformed)?;
        let capture = Preauthed {
            common: common()?,
            bill_no: bill_no.clone(),
            bill_date,
            authed_order_id: order("C1")?,
            auth_id_resp_cd,
            total_amount: amount(*fen)?,
            authed_desc: None,
        };
        ask(stage, &capture).await?;
    }
    match fate {
        Refunded(_, fen) => {
            let refund = Refund {
                common: common()?,
                bill_no: Some(OrderId::parse(bill_no.as_str()).map_err(malformed)?),
                bill_date,
                mer_order_id: None,
                refund_order_id: Some(order("R1")?),
                refund_amount: amount(*fen)?,
                platform_amount: None,
                sub_orders: None,
                refund_desc: None,
            };
            ask(stage, &refund).await
        }
        Reversed(_) => {
            let mer_order_id = order("C1")?;
            let auth_id_resp_cd = auth;
            let common = common()?;
            let reversal =
                PreauthedCancel { common, bill_no, bill_date, mer_order_id, auth_id_resp_cd };
            ask(stage, &reversal).await
        }
        Released => {
            let mer_order_id = order("0")?;
            let auth_id_resp_cd = Named::parse(auth.as_str()).map_err(malformed)?;
            let common = common()?;
            let release =
                PreauthCancel { common, bill_no, bill_date, mer_order_id, auth_id_resp_cd };
            ask(stage, &release).await
        }
        Unpaid | Held | Captured(_) => Ok(()),
    }
}

/// The code of a hold that the payer has just confirmed.
fn authorized(paid: &Exchange) -> Result<AuthCode, Failure> {
    let answer = Object::parse(&paid.body).unwrap_or_default();
    AuthCode::parse(answer::text(&answer, "authIdRespCd")).map_err(malformed)
}

async fn ask<E: Endpoint>(stage: &Stage, request: &E) -> Result<(), Failure> {
    let answered = stage.client.call(request).await;
    answered.map(drop).map_err(|error| Failure::new(Exit::of_error(&error), error))
}
