//! With what a payer pays, and how it proves that it is the one who may.

use holdfast_domain::{Bill, CardKind, Channel, Kind};

use crate::{api::payer::Checks, channel::Shown, limits, pages::Sheet};

/// Why a payment failed whose six digits were wrong, as the bill's life tells it.
pub(super) const WRONG_DIGITS: &str = "验证码错误 (wrong six-digit code)";

/// The six digits that are never right, so that being wrong can be tried.
const NEVER_RIGHT: &str = "000000";

/// What is chosen at a till: a wallet, and the card behind it.
pub(super) struct Means {
    pub(super) through: Wallet,
    pub(super) card: Card,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wallet {
    channel: Channel,
    pub(super) word: &'static str,
    pub(super) name: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Card {
    kind: CardKind,
    pub(super) word: &'static str,
    pub(super) name: &'static str,
}

/// With what a bill can be paid, and why with nothing else.
pub(super) struct Offer {
    pub(super) wallets: Vec<Wallet>,
    pub(super) cards: Vec<Card>,
    pub(super) because: Vec<String>,
}

impl Wallet {
    /// All of them.
    fn all(page: &Sheet) -> [Self; 3] {
        let wallet = |channel, word| Self { channel, word, name: wallet_name(page, channel) };
        [
            wallet(Channel::UnionPay, "unionpay"),
            wallet(Channel::WeChat, "wechat"),
            wallet(Channel::Alipay, "alipay"),
        ]
    }
}

impl Card {
    fn all(page: &Sheet) -> [Self; 2] {
        let card = |kind, word| Self { kind, word, name: card_name(page, kind) };
        [card(CardKind::Debit, "debit"), card(CardKind::Credit, "credit")]
    }
}

/// What people call a wallet.
pub(super) fn wallet_name(page: &Sheet, channel: Channel) -> &'static str {
    let (en, zh) = match channel {
        Channel::UnionPay => ("UnionPay", "银联云闪付"),
        Channel::WeChat => ("WeChat Pay", "微信支付"),
        Channel::Alipay => ("Alipay", "支付宝"),
    };
    page.language.t(en, zh)
}

/// What people call a kind of card.
pub(super) fn card_name(page: &Sheet, kind: CardKind) -> &'static str {
    let (en, zh) = match kind {
        CardKind::Debit => ("debit card", "借记卡"),
        CardKind::Credit => ("credit card", "信用卡"),
    };
    page.language.t(en, zh)
}

impl Offer {
    /// With what a bill can be paid.
    pub(super) fn of(page: &Sheet, bill: &Bill) -> Self {
        let (rules, mut because) = (&bill.terms.payer, vec![]);
        let (mut wallets, mut cards) = (Wallet::all(page).to_vec(), Card::all(page).to_vec());
        if bill.terms.kind == Kind::Hold {
            wallets.retain(|wallet| wallet.channel == Channel::UnionPay);
            because.push(
                page.t("Money can be held through UnionPay only.", "预授权仅支持银联。").to_owned(),
            );
        } else if let Some(months) = rules.installments {
            wallets.retain(|wallet| wallet.channel == Channel::Alipay);
            because.push(page.f(
                "It is paid in {0} monthly parts, which takes Alipay.",
                "本单为花呗分期，共 {0} 期，仅支持支付宝。",
                &[&months],
            ));
        }
        if rules.no_credit_cards {
            cards.retain(|card| card.kind == CardKind::Debit);
            because.push(
                page.t("This merchant takes no credit cards here.", "商家不支持信用卡付款。")
                    .to_owned(),
            );
        }
        Self { wallets, cards, because }
    }

    /// What somebody chose, if it is on offer.
    pub(super) fn chosen(&self, through: &str, card: &str) -> Option<Means> {
        let wallet = self.wallets.iter().find(|wallet| wallet.word == through)?;
        let card = self.cards.iter().find(|one| one.word == card)?;
        Some(Means { through: *wallet, card: *card })
    }
}

impl Means {
    /// As part of an address.
    pub(super) fn query(&self) -> String {
        format!("through={}&card={}", self.through.word, self.card.word)
    }
}

/// What a payer gave to prove that it is the one.
pub(super) struct Proof {
    digits: String,
    name: Option<String>,
    certificate: Option<String>,
}

/// What is wrong with what a payer gave, field by field.
#[derive(Default)]
pub(super) struct Wrong {
    pub(super) digits: Option<&'static str>,
    pub(super) name: Option<&'static str>,
    pub(super) certificate: Option<&'static str>,
}

impl Wrong {
    pub(super) fn any(&self) -> bool {
        self.digits.is_some() || self.name.is_some() || self.certificate.is_some()
    }
}

impl Proof {
    /// Reads what a payer gave; whether it is right is not known yet.
    pub(super) fn read(
        page: &Sheet,
        digits: &str,
        name: &str,
        certificate: &str,
        checks: Checks,
    ) -> Result<Self, Wrong> {
        let digits: String = digits.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        let (name, certificate) = (name.trim(), certificate.trim());
        let text = |text: &str| {
            let length = text.chars().count();
            (1..=limits::CASHIER_NAME).contains(&length) && !text.chars().any(char::is_control)
        };
        let mut wrong = Wrong::default();
        if !(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit())) {
            wrong.digits =
                Some(page.language.t("Six digits, such as 123456.", "请输入 6 位数字。"));
        }
        if checks.name && !text(name) {
            wrong.name =
                Some(page.language.t(
                    "The name of the person who is expected to pay.",
                    "请输入指定付款人的姓名。",
                ));
        }
        if checks.certificate
            && !(text(certificate) && certificate.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            wrong.certificate = Some(page.language.t(
                "Letters and digits only, as on your identity document.",
                "请输入证件号码，仅含字母与数字。",
            ));
        }
        if wrong.any() {
            return Err(wrong);
        }
        Ok(Self {
            digits,
            name: checks.name.then(|| name.to_owned()),
            certificate: checks.certificate.then(|| certificate.to_owned()),
        })
    }

    /// Whether the bank takes the six digits. It is simulated: it takes all but [`NEVER_RIGHT`].
    pub(super) fn is_right(&self) -> bool {
        self.digits != NEVER_RIGHT
    }

    /// The payer as the channel sees it.
    pub(super) fn shown(self, means: &Means) -> Shown {
        Shown {
            card: Some(means.card.kind),
            through: means.through.channel,
            name: self.name,
            certificate: self.certificate,
        }
    }
}
