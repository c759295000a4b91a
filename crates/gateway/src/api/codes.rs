//! Codes: made and closed.

use holdfast_domain::{Bill, BillKey, Command, Details, Kind, PayerRules, Phase, Terms, Why};
use holdfast_wire::{
    code::Code,
    field::{InstMid, Rule, TextFlag, Url},
    json::{Json, Object},
    message::{Endpoint as _, FieldFault, Message as _, Problem},
    messages::{CloseQrcode, Closed, Common, Echo, GetQrcode, Qrcode},
    time,
};

use super::{
    Api, No,
    answers::{Done, not_served},
    view,
};
use crate::{limits, store::Asker, submit::SubmitError};

impl Api {
    pub(super) async fn get_qrcode(&self, request: &GetQrcode, asker: &Asker) -> Done {
        use holdfast_wire::message::BillsRequest as _;

        let asked = &request.terms;
        not_served(&[
            ("qrCodeId", request.qr_code_id.is_some()),
            (
                "walletOption",
                asked.wallet_option == Some(holdfast_wire::field::WalletOption::Multiple),
            ),
            ("fixBuyer", asked.fix_buyer.is_some()),
            ("limitCreditCard", asked.limit_credit_card.is_some_and(|flag| flag.0)),
            ("payInfoQueryAddr", asked.pay_info_query_addr.is_some()),
            ("installmentNumber", asked.installment_number.is_some()),
        ])?;
        let now = self.core.clock.now();
        let mut faults = missing_of_one_off(|name| match name {
            BILL_NO => asked.bill_no.is_none(),
            BILL_DATE => asked.bill_date.is_none(),
            _ => asked.total_amount.is_none(),
        });
        let expires_at = asked.expire_time.unwrap_or(now.plus_ms(limits::CODE_MS));
        let over =
            (expires_at <= now || expires_at > now.plus_ms(limits::CODE_MS_MAX)).then(|| {
                let problem = Problem::Invalid(Rule::Time);
                FieldFault { path: "expireTime (after now, within a year)".to_owned(), problem }
            });
        let (Some(no), Some(date), Some(amount)) =
            (&asked.bill_no, asked.bill_date, asked.total_amount)
        else {
            faults.extend(over);
            return Err(No::fields(&faults));
        };
        let key = BillKey { mid: request.common.mid.clone(), no: no.clone(), date };
        let fingerprint = request.fingerprint();
        let is = |flag: Option<TextFlag>| flag.is_some_and(|flag| flag.0);
        let kind = match (is(asked.preauth_transaction), is(asked.secure_transaction)) {
            (false, false) => Kind::Payment,
            (true, false) => Kind::Hold,
            (false, true) => Kind::Guarantee,
            (true, true) => {
                let text =
                    "preauthTransaction, secureTransaction: 只能选择其一 | choose one of them";
                return Err(No::new(Code::BadRequest, text.to_owned()));
            }
        };
        let division = self.division_of(&key.mid, asked, amount)?;
        for _ in 0..limits::COMMIT_TRIES {
            if let Some(bill) = self.core.store.bill(&key).await? {
                return match bill.terms.fingerprint == fingerprint {
                    true => self.qrcode(&request.common, &bill),
                    false => Err(No::new(
                        Code::DupOrder,
                        format!("账单号重复 (billNo {no} of {date} is another bill)"),
                    )),
                };
            }
            // Asked of a new bill only: a repeat is answered as the first was, however late it comes.
            if let Some(over) = &over {
                return Err(No::fields(std::slice::from_ref(over)));
            }
            if !self.core.channel.is_connected() {
                let why = "no channel is connected: nobody could pay this bill".to_owned();
                return Err(No::new(Code::InvalidMerchantConfig, why));
            }
            let terms = Terms {
                kind,
                amount,
                code: self.new_code(),
                tid: request.common.tid.clone(),
                created_at: now,
                expires_at,
                fingerprint,
                division: division.clone(),
                payer: PayerRules::default(),
                scanned: None,
                succeeds: None,
                details: Details {
                    description: asked.bill_desc.clone(),
                    member_id: asked.member_id.clone(),
                    counter_no: asked.counter_no.clone(),
                    system_id: asked.system_id.clone(),
                    notify_url: asked.notify_url.clone().map(Url::into_text),
                    return_url: asked.return_url.clone().map(Url::into_text),
                    reserve: request.common.src_reserve.clone(),
                    goods: None,
                },
            };
            match self.core.create(Bill::request(key.clone(), terms), now, asker.clone()).await {
                Ok(bill) => return self.qrcode(&request.common, &bill),
                // Made by somebody else meanwhile, or a code that exists: look again.
                Err(SubmitError::Taken) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(No::new(Code::OrderProcessing, "the bill is being made by another request".to_owned()))
    }

    fn qrcode(&self, common: &Common, bill: &Bill) -> Done {
        let qrcode = Qrcode {
            answered: self.answered(common, "查询二维码成功"),
            echo: Echo::of(common),
            bill_no: Some(bill.key.no.clone()),
            bill_date: Some(bill.key.date),
            inst_mid: Some(InstMid::QrPay),
            bill_qr_code: self.link(bill)?,
            system_id: bill.terms.details.system_id.clone(),
            qr_code_id: Some(bill.terms.code.clone()),
        };
        Ok(qrcode.encode())
    }

    pub(super) async fn close_qrcode(&self, request: &CloseQrcode, asker: &Asker) -> Done {
        not_served(&[("attachRefund", request.attach_refund == Some(true))])?;
        let mid = &request.common.mid;
        let (bill, named) = match (&request.qr_code_id, &request.bill_no, request.bill_date) {
            (Some(code), _, _) => {
                let bill = self.core.store.coded(code).await?.filter(|bill| bill.key.mid == *mid);
                (bill, "qrCodeId")
            }
            (None, Some(no), Some(date)) => {
                let key = BillKey { mid: mid.clone(), no: no.clone(), date };
                (self.core.store.bill(&key).await?, "billNo, billDate")
            }
            (None, ..) => {
                let rule = <holdfast_domain::CodeId as holdfast_wire::field::Field>::RULE;
                let problem = Problem::Missing(rule);
                return Err(No::fields(&[FieldFault { path: "qrCodeId".to_owned(), problem }]));
            }
        };
        let bill = bill.ok_or_else(|| No::no_order(named, "this merchant has no such bill"))?;
        let bill = match is_closed(&bill) {
            true => bill,
            false => {
                let key = bill.key.clone();
                // Once it is closed, nobody has a reason to ask whether it was paid: ask first.
                match self.core.submit(self.heard(bill).await?, &Command::Close, asker).await {
                    // Sent twice, and the other one was faster.
                    Err(SubmitError::Refused(refusal)) => {
                        let bill = self.core.load(&key).await?;
                        if !is_closed(&bill) {
                            return Err(refusal.into());
                        }
                        bill
                    }
                    closed => closed?,
                }
            }
        };
        let closed = Closed {
            answered: self.answered(&request.common, "成功关闭二维码"),
            echo: Echo::of(&request.common),
            qr_code_id: bill.terms.code.clone(),
            system_id: bill.terms.details.system_id.clone(),
            inst_mid: Some(InstMid::QrPay),
            bill_status: Some(view::bill_status(&bill)),
        };
        Ok(closed.encode())
    }

    /// A new code in the look of the official ones: a date and chance.
    fn new_code(&self) -> holdfast_domain::CodeId {
        let stamp = time::show_stamp(self.core.clock.now());
        let code = format!("{}{}", stamp.get(2..8).unwrap_or("000000"), self.core.dice.digits(20));
        holdfast_domain::CodeId::parse(&code).expect("26 digits are a code")
    }
}

/// What is closed stays closed, also when money came late and went back.
fn is_closed(bill: &Bill) -> bool {
    match bill.phase {
        Phase::Closed | Phase::Lapsed => true,
        Phase::Releasing { why, .. } | Phase::Released { why, .. } => {
            matches!(why, Why::LateAfterClose | Why::LateAfterLapse)
        }
        _ => false,
    }
}

const BILL_NO: &str = "billNo";
const BILL_DATE: &str = "billDate";
const TOTAL_AMOUNT: &str = "totalAmount";

/// What a one-off code needs and does not have. The other kinds of code need less and are not served yet.
fn missing_of_one_off(absent: impl Fn(&str) -> bool) -> Vec<FieldFault> {
    let needed = [BILL_NO, BILL_DATE, TOTAL_AMOUNT].into_iter().filter(|name| absent(name));
    let fault = |name: &str| {
        let field = GetQrcode::FIELDS.iter().find(|field| field.name == name)?;
        Some(FieldFault { path: name.to_owned(), problem: Problem::Missing(field.rule) })
    };
    needed.filter_map(fault).collect()
}

/// What else is missing in a request that cannot be read, so that all of it is told at once.
pub(super) fn also_missing(path: &str, object: &Object<'_>) -> Vec<FieldFault> {
    if GetQrcode::PATH != path {
        return vec![];
    }
    missing_of_one_off(|name| match object.get(name) {
        None | Some(Json::Null) => true,
        Some(Json::Text(text)) => text.trim().is_empty(),
        Some(_) => false,
    })
}
