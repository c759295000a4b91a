//! Divided payments (分账): how a request says who gets what, and dividing afterwards.

use std::sync::Arc;

use holdfast_domain::{
    Amount, Bill, Command, Division, Kind, Mid, OrderId, Phase, Share, Shares, Split, Unfair,
};
use holdfast_wire::{
    code::Code,
    field::{AsynDivisionStatus, Fen, Note},
    message::{BillsRequest as _, Message as _},
    messages::{CodeTerms, Echo, Good, Refund, SubOrder, SubOrdersConfirm, SubOrdersConfirmed},
};

use super::{
    Api, No,
    answers::{Done, Step, not_known},
};
use crate::store::Asker;

impl Api {
    /// How the payment of a new bill over `amount` is divided, if the request says so.
    pub(super) fn division_of(
        &self,
        mid: &Mid,
        asked: &CodeTerms,
        amount: Amount,
    ) -> Result<Option<Division>, No> {
        let subs = asked.sub_orders.as_deref().unwrap_or_default();
        let goods = asked.goods.as_deref().unwrap_or_default();
        let platform = asked.platform_amount.filter(|amount| amount.fen() > 0);
        let named = !subs.is_empty() || goods.iter().any(|good| good.sub_merchant_id.is_some());
        let later = asked.asyn_division_flag == Some(true);
        if asked.division_flag != Some(true) {
            return match named || platform.is_some() || later {
                true => Err(bad(
                    "divisionFlag",
                    "分账时必须为 true",
                    "must be true when shares are named or division comes later",
                )),
                false => Ok(None),
            };
        }
        for (name, flag) in [
            ("secureTransaction", asked.secure_transaction),
            ("preauthTransaction", asked.preauth_transaction),
        ] {
            if flag.is_some_and(|flag| flag.0) {
                return Err(bad(name, "分账交易不支持", "a divided payment cannot be one"));
            }
        }
        if later {
            return match named || platform.is_some() {
                true => Err(bad(
                    "asynDivisionFlag",
                    "异步分账的明细请在 sub-orders-confirm 中提交",
                    "shares that come later are told with sub-orders-confirm, not now",
                )),
                false => Ok(Some(Division::Later)),
            };
        }
        let shares = self.shares_of(mid, amount, asked.platform_amount, subs, goods)?;
        Ok(Some(Division::Now(Arc::new(shares))))
    }

    /// The shares that a request names, exact to the fen, all of them of merchants that there are.
    ///
    /// Goods of sub-merchants either all say what their merchant gets, or none does: then what the platform
    /// does not keep is divided in proportion to price times quantity.
    fn shares_of(
        &self,
        mid: &Mid,
        amount: Amount,
        platform: Option<Fen>,
        subs: &[SubOrder],
        goods: &[Good],
    ) -> Result<Shares, No> {
        let platform = platform.and_then(|platform| Amount::from_fen(platform.fen()).ok());
        let of_subs: Vec<(&Good, &Mid)> = goods
            .iter()
            .filter_map(|good| good.sub_merchant_id.as_ref().map(|mid| (good, mid)))
            .collect();
        let shares = match (subs.is_empty(), of_subs.is_empty()) {
            (false, true) => {
                let share = |sub: &SubOrder| Share {
                    mid: sub.mid.clone(),
                    order: sub.mer_order_id.clone(),
                    amount: sub.total_amount,
                };
                Shares::divide(amount, platform, subs.iter().map(share).collect())
            }
            (true, false) => {
                match of_subs.iter().filter(|of| of.0.sub_order_amount.is_some()).count() {
                    0 => {
                        let mut weights: Vec<(Mid, Option<OrderId>, u64)> = vec![];
                        for (at, (good, mid)) in of_subs.iter().enumerate() {
                            let weight = worth(good).ok_or_else(|| {
                                let field = format!("goods[{at}].price, goods[{at}].quantity");
                                bad(
                                    &field,
                                    "须为整数，单价以分为单位，乘积为 1 到 100000000",
                                    "whole numbers, the price in fen, together 1 to 100000000",
                                )
                            })?;
                            add(&mut weights, mid, good, weight);
                        }
                        Shares::in_proportion(amount, platform, weights)
                    }
                    all if all == of_subs.len() => {
                        let mut sums: Vec<(Mid, Option<OrderId>, u64)> = vec![];
                        for (good, mid) in &of_subs {
                            add(&mut sums, mid, good, good.sub_order_amount.map_or(0, Amount::fen));
                        }
                        let share = |(mid, order, fen)| {
                            let amount = Amount::from_fen(fen)
                                .map_err(|_| Unfair::Sum { shares: fen, whole: amount.fen() })?;
                            Ok(Share { mid, order, amount })
                        };
                        let shares: Result<Vec<Share>, Unfair> =
                            sums.into_iter().map(share).collect();
                        shares.and_then(|shares| Shares::divide(amount, platform, shares))
                    }
                    _ => {
                        return Err(bad(
                            "goods[].subOrderAmount",
                            "须全部填写或全部不填",
                            "say it for all goods of sub-merchants, or for none",
                        ));
                    }
                }
            }
            (false, false) => {
                return Err(bad(
                    "subOrders, goods",
                    "分账明细只能用其中之一提交",
                    "name the shares in one of them, not in both",
                ));
            }
            (true, true) => Err(Unfair::Nobody),
        };
        let shares = shares.map_err(|unfair| {
            bad("platformAmount, subOrders, goods", &zh(unfair), &unfair.to_string())
        })?;
        let book = self.accounts.book();
        for share in shares.subs() {
            let sub = &share.mid;
            if sub == mid {
                return Err(bad(
                    "subOrders[].mid",
                    "平台商户的金额请填 platformAmount",
                    "the bill's own merchant has its share in platformAmount",
                ));
            }
            match book.merchants.get(sub) {
                Some(merchant) if merchant.frozen.is_none() => {}
                Some(_) => {
                    let text = format!("sub-merchant {sub} is frozen");
                    return Err(No::new(Code::InactiveMerchant, text));
                }
                None => {
                    return Err(No::new(
                        Code::NoMerchant,
                        format!("there is no sub-merchant {sub}"),
                    ));
                }
            }
        }
        Ok(shares)
    }

    /// From whose shares a refund comes, as the request names them; `None` when it names none.
    pub(super) fn refund_from(bill: &Bill, request: &Refund) -> Result<Option<Arc<Shares>>, No> {
        let subs = request.sub_orders.as_deref().unwrap_or_default();
        let platform =
            request.platform_amount.and_then(|platform| Amount::from_fen(platform.fen()).ok());
        if subs.is_empty() && platform.is_none() {
            return Ok(None);
        }
        let known = match &bill.phase {
            Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => match &takings.split
            {
                Split::Among { whole, .. } => whole.subs(),
                Split::Whole | Split::Pending => &[],
            },
            _ => &[],
        };
        let mut shares = vec![];
        for (at, sub) in subs.iter().enumerate() {
            let order = match &sub.mer_order_id {
                Some(order) => Some(order.clone()),
                // One share of that merchant needs no number.
                None => {
                    let mut of_sub = known.iter().filter(|share| share.mid == sub.mid);
                    match (of_sub.next(), of_sub.next()) {
                        (Some(_), Some(_)) => {
                            return Err(bad(
                                &format!("subOrders[{at}].merOrderId"),
                                "该子商户有多笔分账，必须填写",
                                "this sub-merchant has several shares: say which",
                            ));
                        }
                        (found, _) => found.and_then(|share| share.order.clone()),
                    }
                }
            };
            shares.push(Share { mid: sub.mid.clone(), order, amount: sub.total_amount });
        }
        let shares = Shares::of(platform, shares)
            .map_err(|unfair| bad("subOrders", &zh(unfair), &unfair.to_string()))?;
        Ok(Some(Arc::new(shares)))
    }

    /// What a division of that payment comes to.
    pub(super) fn dividing(&self, bill: Bill, request: &SubOrdersConfirm) -> Result<Step<()>, No> {
        let subs = request.sub_orders.as_deref().unwrap_or_default();
        let goods = request.goods.as_deref().unwrap_or_default();
        let (mid, amount) = (request.caller().mid, bill.terms.amount);
        let shares = self.shares_of(mid, amount, request.platform_amount, subs, goods)?;
        Ok(match divided_so(&bill, &shares) {
            true => Step::Before(bill, ()),
            false => Step::Change(bill, Command::Divide { shares: Arc::new(shares) }),
        })
    }

    /// The payment that is to be divided.
    pub(super) async fn undivided(&self, request: &SubOrdersConfirm) -> Result<Bill, No> {
        let longer = || No::no_order("merOrderId", "no payment has so long a number");
        let payment = request.mer_order_id.order().ok_or_else(longer)?;
        self.paid_under(request.caller().mid, &payment, Kind::Payment).await
    }

    pub(super) async fn confirm_division(&self, request: &SubOrdersConfirm, asker: &Asker) -> Done {
        let bill = self.heard(self.undivided(request).await?).await?;
        if let Step::Change(bill, command) = self.dividing(bill, request)? {
            let Command::Divide { shares } = &command else { return Err(not_known()) };
            let done = |bill: &Bill| divided_so(bill, shares);
            let bill = self.do_once(bill, &command, asker, done).await?;
            if !done(&bill) {
                return Err(not_known());
            }
        }
        self.division_confirmed(request)
    }

    /// The answer to a division that was done.
    pub(super) fn division_confirmed(&self, request: &SubOrdersConfirm) -> Done {
        let caller = request.caller();
        let confirmed = SubOrdersConfirmed {
            answered: self.answered(caller, "分账确认成功"),
            echo: Echo::of(caller),
            mer_order_id: request.mer_order_id.order(),
            asyn_division_status: Some(AsynDivisionStatus::Success),
            asyn_division_msg: Some(Note::new("分账成功")),
        };
        Ok(confirmed.encode())
    }
}

/// Whether the money was divided later, and exactly so. Shares that were named at once were never asked for.
fn divided_so(bill: &Bill, shares: &Shares) -> bool {
    let split = match &bill.phase {
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => &takings.split,
        _ => return false,
    };
    matches!(split, Split::Among { whole, .. }
        if bill.terms.division == Some(Division::Later) && whole.give_the_same(shares))
}

/// Adds what is one merchant's under one number into one share.
fn add(shares: &mut Vec<(Mid, Option<OrderId>, u64)>, mid: &Mid, good: &Good, fen: u64) {
    let order = good.mer_order_id.as_ref();
    match shares.iter_mut().find(|share| share.0 == *mid && share.1.as_ref() == order) {
        Some(share) => share.2 = share.2.saturating_add(fen),
        None => shares.push((mid.clone(), order.cloned(), fen)),
    }
}

/// Why a payment cannot be divided so, in Chinese.
pub(super) fn zh(unfair: Unfair) -> String {
    match unfair {
        Unfair::Nobody => "缺少分账对象，请提供 subOrders 或带 subMerchantId 的 goods".to_owned(),
        Unfair::TooMany => format!("分账对象不得超过 {} 个", Shares::MAX),
        Unfair::Twice => "同一子商户的多笔分账须有不同的 merOrderId".to_owned(),
        Unfair::Nothing => "按比例分账后有子商户不足 1 分".to_owned(),
        Unfair::Sum { shares, whole } => {
            format!("分账金额之和为 {shares} 分，须恰为 {whole} 分")
        }
    }
}

/// What goods cost together, in fen, no more than a bill can be about; one of them when no quantity is given.
fn worth(good: &Good) -> Option<u64> {
    let price: u64 = good.price.as_ref()?.0.as_str().parse().ok()?;
    let quantity: u64 = match &good.quantity {
        Some(quantity) => quantity.0.as_str().parse().ok()?,
        None => 1,
    };
    price.checked_mul(quantity).filter(|worth| (1..=Amount::MAX_FEN).contains(worth))
}

/// A field that does not go together with the others.
fn bad(field: &str, zh: &str, en: &str) -> No {
    No::new(Code::BadRequest, format!("{field}: {zh} | {field}: {en}"))
}
