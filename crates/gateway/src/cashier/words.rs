//! What the cashier says: what will happen before it happens, and why something does not, each with what to do then.

use askama::Template;
use axum::response::Response;
use holdfast_domain::{Amount, Bill, Day, Kind, Moment, Refusal};
use hyper::StatusCode;

use super::till::Till;
use crate::{
    api::payer::Obstacle,
    codes::FixedCode,
    pages::{Language, Sheet, money},
    submit::{Core, SubmitError},
};

/// A sum of money as people read it.
pub(super) fn sum(amount: Amount) -> String {
    money(amount.fen().into())
}

/// What will happen when a bill is paid now.
pub(super) fn of_bill(page: &Sheet, bill: &Bill, core: &Core, payee: &str) -> String {
    let (amount, now) = (bill.terms.amount, core.clock.now());
    let until = |days| day(page.language, now.plus_days(days).day(), now.day());
    match bill.terms.kind {
        Kind::Hold => {
            let most = amount.percent(core.policy.capture_limit_percent).unwrap_or(amount);
            let until = until(core.policy.hold_days);
            match most == amount {
                true => page.f(
                    "{0} will be held, not paid. {1} can take up to this amount until {2}; what it does not take comes back by itself.",
                    "将冻结 {0}，暂不扣款。{1}最晚可于{2}扣取不超过该金额的款项，未扣取的部分到期自动解冻。",
                    &[&sum(amount), &payee, &until],
                ),
                false => page.f(
                    "{0} will be held, not paid. {1} can take up to {3} until {2}; what it does not take comes back by itself.",
                    "将冻结 {0}，暂不扣款。{1}最晚可于{2}扣取不超过 {3} 的款项，未扣取的部分到期自动解冻。",
                    &[&sum(amount), &payee, &until, &sum(most)],
                ),
            }
        }
        Kind::Guarantee => page.f(
            "{0} will be paid and kept safe. {1} gets it only when your order is completed, until {2}; what is not completed comes back by itself.",
            "将支付 {0}，由平台担保。{1}最晚于{2}确认完成后方可收款，未完成的部分到期自动退回。",
            &[&sum(amount), &payee, &until(core.policy.guarantee_days)],
        ),
        Kind::Payment => page.f(
            "{0} will be paid to {1} at once.",
            "将立即向{1}支付 {0}。",
            &[&sum(amount), &payee],
        ),
    }
}

/// What a fixed code is for.
pub(super) fn of_fixed(page: &Sheet, fixed: &FixedCode, payee: &str) -> String {
    match (fixed.amount(), &fixed.terms.pay_info_query_addr) {
        (Some(amount), _) => page.f(
            "Whoever uses this code pays {0} to {1}. Nothing is paid before you confirm.",
            "使用此码将向{1}支付 {0}。确认之前不会扣款。",
            &[&sum(amount), &payee],
        ),
        (None, None) => page.f(
            "You say how much {0} is to get. Nothing is paid before you confirm.",
            "请输入要向{0}支付的金额。确认之前不会扣款。",
            &[&payee],
        ),
        (None, Some(_)) => page.f(
            "{0} says how much is to be paid: go on to see it. Nothing is paid before you confirm.",
            "金额由{0}给出，继续即可查看。确认之前不会扣款。",
            &[&payee],
        ),
    }
}

/// A day as people say it; the year only when it is not this one.
fn day(language: Language, day: Day, today: Day) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let ((year, month, date), this) = (day.date(), today.date().0);
    match language {
        Language::Chinese if year == this => format!("{month}月{date}日"),
        Language::Chinese => format!("{year}年{month}月{date}日"),
        Language::English => {
            let name =
                MONTHS.get(usize::from(month.saturating_sub(1))).copied().unwrap_or_default();
            match year == this {
                true => format!("{date} {name}"),
                false => format!("{date} {name} {year}"),
            }
        }
    }
}

/// A moment with its date in words: what is meant by "until" must not be guessed.
pub(super) fn moment(page: &Sheet, at: Moment, now: Moment) -> String {
    let clock = page.time(&at);
    let clock = clock.get(11..16).unwrap_or_default();
    page.f("{0}, {1}", "{0} {1}", &[&day(page.language, at.day(), now.day()), &clock])
}

/// A text that is kept as `中文 (English)`, in the language of the page; another one as it is.
pub(super) fn of_both(language: Language, text: &str) -> &str {
    let both = text.strip_suffix(')').and_then(|text| text.split_once(" ("));
    both.map_or(text, |(zh, en)| language.t(en, zh))
}

/// Why a confirmation did nothing of which the bill itself knows nothing.
pub(super) fn lost(page: &Sheet, told: &str) -> Option<&'static str> {
    match told {
        "lost" => Some(page.language.t(
            "Your confirmation got lost on its way. Nothing was taken from you; please try again.",
            "网络异常，您的确认未送达，未发生扣款，请重试。",
        )),
        "crowded" => Some(page.language.t(
            "Somebody else was busy with this code in the same moment. Nothing was taken from you; please try again.",
            "同一时刻有人正在操作此码，未发生扣款，请重试。",
        )),
        _ => None,
    }
}

/// What is told where nothing can be paid.
pub(super) struct Told {
    status: StatusCode,
    tone: &'static str,
    title: String,
    text: String,
    /// Whether it may be otherwise in a moment.
    waits: bool,
    payee: Option<String>,
    way_back: Option<String>,
}

#[derive(Template)]
#[template(path = "cashier/told.html")]
struct ToldPage<'a> {
    page: &'a Till,
    told: &'a Told,
}

impl Told {
    fn new(page: &Sheet, status: StatusCode, title: (&str, &str), text: (&str, &str)) -> Self {
        Self {
            status,
            tone: if status.is_success() { "info" } else { "bad" },
            title: page.t(title.0, title.1).to_owned(),
            text: page.t(text.0, text.1).to_owned(),
            waits: false,
            payee: None,
            way_back: None,
        }
    }

    /// The same of a bill: whose it is, and where its payer goes afterwards.
    pub(super) fn by(self, payee: String, way_back: Option<String>) -> Self {
        Self { payee: Some(payee), way_back, ..self }
    }

    pub(super) fn answer(&self, page: &Till) -> Response {
        page.answer(self.status, &ToldPage { page, told: self })
    }

    /// A form or an address that no page of ours makes.
    pub(super) fn unreadable(page: &Sheet) -> Self {
        Self::new(
            page,
            StatusCode::BAD_REQUEST,
            ("That cannot be read", "无法识别"),
            (
                "Nothing was done. Scan the code again and start from there.",
                "未进行任何操作。请重新扫码后再试。",
            ),
        )
    }

    /// A form that another page sent.
    pub(super) fn foreign(page: &Sheet) -> Self {
        Self::new(
            page,
            StatusCode::FORBIDDEN,
            ("That form is not from here", "该表单不是由本页面提交"),
            (
                "Another page tried to act for you. Nothing was done. Scan the code again if you want to pay.",
                "有其他页面试图代您操作，未进行任何操作。如需付款，请重新扫码。",
            ),
        )
    }

    pub(super) fn too_many_scenarios(page: &Sheet) -> Self {
        Self::new(
            page,
            StatusCode::CONFLICT,
            ("Too many scenarios are set", "已设置的场景过多"),
            ("Clear some: holdfast scenarios", "请先清除部分场景：holdfast scenarios"),
        )
    }

    /// Why a code cannot be paid, kindly.
    pub(super) fn of(page: &Sheet, obstacle: &Obstacle) -> Self {
        let (known, conflict) = (StatusCode::OK, StatusCode::CONFLICT);
        let (status, title, text) = match obstacle {
            Obstacle::NoCode => (
                StatusCode::NOT_FOUND,
                ("This code is not known", "没有这个二维码"),
                (
                    "Perhaps it was not read well. Scan it once more, or ask the merchant for a new one. Nothing was paid.",
                    "可能未能正确识别。请重新扫码，或请商家出示新的二维码。未发生付款。",
                ),
            ),
            Obstacle::Closed => (
                known,
                ("The merchant has closed this code", "商家已关闭此码"),
                (
                    "It can no longer be paid, and nothing was taken from you. Ask the merchant for a new one.",
                    "此码已不能付款，未发生扣款。如需付款，请向商家索取新的二维码。",
                ),
            ),
            Obstacle::Over => (
                known,
                ("This code has expired", "此码已过期"),
                (
                    "Its time is over, and nothing was taken from you. Ask the merchant for a new one.",
                    "此码已超过有效时间，未发生扣款。请向商家索取新的二维码。",
                ),
            ),
            Obstacle::Paid | Obstacle::HasBill => (
                known,
                ("This code is paid already", "此码已付款"),
                (
                    "Nothing more is to be done, and nothing more was taken from you.",
                    "无需再次付款，也未重复扣款。",
                ),
            ),
            Obstacle::OnItsWay => (
                known,
                ("Paid; the answer is on its way", "已付款，等待银行应答"),
                (
                    "The bank has taken your confirmation, and its answer has not arrived yet. Do not pay again: this page tells you as soon as it is known.",
                    "银行已收到您的确认，应答尚未到达。请勿重复付款，结果到达后本页会自动更新。",
                ),
            ),
            Obstacle::TakesNone(_) => (
                conflict,
                ("The merchant takes no payment now", "商家暂不收款"),
                (
                    "Nothing was paid. Ask the merchant, and scan the code again.",
                    "未发生付款。请联系商家后重新扫码。",
                ),
            ),
            Obstacle::Untold(_) => (
                StatusCode::BAD_GATEWAY,
                ("Nobody can say how much is to be paid", "暂时无法获取金额"),
                (
                    "The merchant's system did not answer. Nothing was paid. Try again in a moment, or ask the merchant.",
                    "商家系统未应答，未发生付款。请稍后再试，或联系商家。",
                ),
            ),
            Obstacle::Changed
            | Obstacle::HasNoBill
            | Obstacle::AmountIs(_)
            | Obstacle::AmountFromMerchant
            | Obstacle::NoAmount => (
                conflict,
                ("This code was changed just now", "二维码刚刚变更"),
                ("Nothing was paid. Scan it again.", "未发生付款，请重新扫码。"),
            ),
            Obstacle::Crowded | Obstacle::Lost => (
                conflict,
                ("That did not work", "未能完成"),
                ("Nothing was taken from you. Try again.", "未发生扣款，请重试。"),
            ),
            Obstacle::UnionPayOnly => (
                StatusCode::BAD_REQUEST,
                ("That does not work for a hold", "此方式不能用于预授权"),
                ("Money can be held through UnionPay only.", "预授权仅支持银联。"),
            ),
            Obstacle::Refused(_) => (
                StatusCode::PAYMENT_REQUIRED,
                ("The bank has refused", "银行已拒绝"),
                ("Nothing was taken from you.", "未发生扣款。"),
            ),
            Obstacle::Submit(SubmitError::Refused(Refusal::TooManyTries)) => (
                conflict,
                ("That was tried too often", "尝试次数过多"),
                (
                    "Nothing was taken from you. Ask the merchant for a new code.",
                    "未发生扣款。请向商家索取新的二维码。",
                ),
            ),
            Obstacle::No(_) => (
                conflict,
                ("The merchant cannot take this now", "商家暂时无法收取此款"),
                ("Nothing was paid. Ask the merchant.", "未发生付款，请联系商家。"),
            ),
            Obstacle::NotSimulated | Obstacle::Submit(_) => {
                tracing::error!(?obstacle, "a page of the cashier cannot be made");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ("Something broke here", "系统故障"),
                    (
                        "Whether this was done is not known. Scan the code again: it tells whether it is paid.",
                        "操作结果未知。请重新扫码，页面会显示是否已付款。",
                    ),
                )
            }
        };
        let told = Self::new(page, status, title, text);
        let reason = match obstacle {
            // A merchant's or a bank's own words.
            Obstacle::TakesNone(why) => Some(why.as_str()),
            Obstacle::Refused(why) => Some(of_both(page.language, why.as_str())),
            _ => None,
        };
        let waits = matches!(obstacle, Obstacle::OnItsWay);
        let title = match reason {
            Some(reason) => page.f("{0}: {1}", "{0}：{1}", &[&told.title, &reason]),
            None => told.title.clone(),
        };
        Self { title, waits, ..told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_said_with_its_year_only_when_it_is_another_one() {
        let on = |year, month, date| Day::from_date(year, month, date).unwrap();
        let today = on(2026, 11, 23);
        let said = |language, then| day(language, then, today);
        assert_eq!(said(Language::English, on(2026, 12, 23)), "23 December");
        assert_eq!(said(Language::English, on(2027, 1, 2)), "2 January 2027");
        assert_eq!(said(Language::Chinese, on(2026, 12, 23)), "12月23日");
        assert_eq!(said(Language::Chinese, on(2027, 1, 2)), "2027年1月2日");
    }

    #[test]
    fn a_text_in_both_languages_is_told_in_one_and_any_other_as_it_is() {
        let (en, zh) = (Language::English, Language::Chinese);
        let both = "余额不足 (simulated: insufficient funds)";
        assert_eq!(of_both(en, both), "simulated: insufficient funds");
        assert_eq!(of_both(zh, both), "余额不足");
        for text in ["", "(", ")", " ()", "plain", "plain)", "a (b) c"] {
            for language in Language::ALL {
                let told = of_both(language, text);
                assert!(text.contains(told), "{text:?}: {told:?}");
            }
        }
    }
}
