//! Codes: made, given new contents, closed, asked about.
//!
//! A one-off code has its bill from the beginning. A fixed one is a record, and a bill is made whenever it is
//! scanned (`protocol.md` section 3.4).

use std::{borrow::Cow, sync::Arc};

use holdfast_domain::{
    Amount, Bill, BillKey, Buyer, Change, CodeId, Command, Deed, Details, Fingerprint, Kind, Leg,
    Moment, Outcome, PayerRules, Phase, Refusal, Terms, Text, Tid, Why,
};
use holdfast_wire::{
    code::Code,
    field::{BillStatus, Field, InstMid, Installments, Rule, TextFlag, Url, WalletOption},
    json::{Json, Object},
    message::{BillsRequest as _, Endpoint as _, FieldFault, Message as _, Problem},
    messages::{
        CloseQrcode, Closed, CodeTerms, Common, Echo, GetQrcode, Good, LastQrcode, Qrcode,
        QrcodeInfo, QueryLastQrcode, QueryQrcodeInfo, UpdateQrcode,
    },
    person::Person,
    time,
};

use super::{
    Api, No,
    allowance::Room,
    answers::{Done, Step, not_done},
};
use crate::{
    codes::{Coded, FixedCode},
    limits,
    store::Asker,
    submit::SubmitError,
    view,
};

/// What a request asks a code to be, read and found to go together.
struct Plan<'r> {
    common: &'r Common,
    asked: &'r CodeTerms,
    sort: Sort,
    person: Option<Person>,
    fingerprint: Fingerprint,
    now: Moment,
    /// That its time is over before it begins, or goes on for too long. Asked of what is new only: a repeat is
    /// answered as the first was, however late it comes.
    over: Option<FieldFault>,
}

/// The two sorts of code.
enum Sort {
    /// For one bill, which is there from the beginning (一次性码).
    OneOff(BillKey, Amount),
    /// For a bill at every scan (固定码).
    Fixed,
}

/// A bill that is to be made.
pub(super) struct NewBill<'n> {
    pub(super) key: &'n BillKey,
    pub(super) tid: &'n Tid,
    pub(super) amount: Amount,
    pub(super) code: CodeId,
    pub(super) asked: &'n CodeTerms,
    pub(super) person: Option<&'n Person>,
    pub(super) reserve: Option<&'n Text<255>>,
    pub(super) fingerprint: Fingerprint,
    pub(super) created_at: Moment,
    pub(super) expires_at: Moment,
}

/// What the making of a bill comes to as things stand.
pub(super) enum Making {
    /// The same request made it before.
    Before(Box<Bill>),
    /// It would be made so.
    New(Box<Change>),
}

impl Api {
    pub(super) async fn get_qrcode(&self, request: &GetQrcode, asker: &Asker) -> Done {
        let plan = self.plan(&request.common, &request.terms, request.fingerprint())?;
        let given = request.qr_code_id.as_ref();
        let made = match &plan.sort {
            Sort::OneOff(key, amount) => {
                Coded::Bill(Box::new(self.one_off(&plan, key, *amount, given, asker).await?))
            }
            Sort::Fixed => Coded::Fixed(Box::new(self.fixed(&plan, given).await?)),
        };
        self.qrcode(&request.common, "查询二维码成功", &made)
    }

    /// What the making of a one-off code comes to as things stand; nothing is made yet.
    async fn making(
        &self,
        plan: &Plan<'_>,
        key: &BillKey,
        amount: Amount,
        given: Option<&CodeId>,
    ) -> Result<Making, No> {
        if let Some(bill) = self.made_before(key, plan.fingerprint).await? {
            return Ok(Making::Before(Box::new(bill)));
        }
        self.may_begin(plan)?;
        let code = match given {
            Some(code) => match self.codes.find(code).await? {
                None => code.clone(),
                // Made just now.
                Some(Coded::Bill(bill)) if *bill.key == *key => {
                    return match bill.terms.fingerprint == plan.fingerprint {
                        true => Ok(Making::Before(bill)),
                        false => Err(same_number(key)),
                    };
                }
                Some(_) => return Err(other_code(code)),
            },
            None => self.new_code(),
        };
        let terms = self.terms_of(plan, key, amount, code)?;
        Ok(Making::New(Box::new(Bill::request(key.clone(), terms))))
    }

    /// What `get-qrcode` comes to; `None` for a fixed code, which is no bill yet.
    pub(super) async fn making_of(&self, request: &GetQrcode) -> Result<Option<Making>, No> {
        let plan = self.plan(&request.common, &request.terms, request.fingerprint())?;
        match &plan.sort {
            Sort::OneOff(key, amount) => {
                let making = self.making(&plan, key, *amount, request.qr_code_id.as_ref()).await?;
                if let Making::New(change) = &making {
                    self.allow(&change.bill.key, *amount, None).await?;
                }
                Ok(Some(making))
            }
            Sort::Fixed => Ok(None),
        }
    }

    /// The bill of a one-off code, made or found to have been made by the same request.
    async fn one_off(
        &self,
        plan: &Plan<'_>,
        key: &BillKey,
        amount: Amount,
        given: Option<&CodeId>,
        asker: &Asker,
    ) -> Result<Bill, No> {
        for _ in 0..limits::COMMIT_TRIES {
            // Nobody makes a fixed code with the caller's id meanwhile.
            let _turn = match given {
                Some(_) => Some(self.codes.turn().await),
                None => None,
            };
            let change = match self.making(plan, key, amount, given).await? {
                Making::Before(bill) => return Ok(*bill),
                Making::New(change) => *change,
            };
            let _room = self.allow(&change.bill.key, amount, None).await?;
            match self.core.create(change, plan.now, asker.clone()).await {
                Ok(bill) => return Ok(bill),
                // Made by somebody else meanwhile, or a code that exists: look again.
                Err(SubmitError::Taken) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(No::new(Code::OrderProcessing, "the bill is being made by another request".to_owned()))
    }

    /// A fixed code, made or found to have been made by the same request. Without an id of the caller's every
    /// request makes another one.
    async fn fixed(&self, plan: &Plan<'_>, given: Option<&CodeId>) -> Result<FixedCode, No> {
        let mut turn = self.codes.turn().await;
        let code = match given {
            Some(code) => match self.codes.find(code).await? {
                None => code.clone(),
                Some(Coded::Fixed(fixed)) if plan.is_repeat_of(&fixed) => return Ok(*fixed),
                Some(_) => return Err(other_code(code)),
            },
            None => self.new_code(),
        };
        self.may_begin(plan)?;
        let fixed = self.fixed_of(plan, code);
        match turn.add(&fixed).await? {
            true => Ok(fixed),
            false => Err(too_many()),
        }
    }

    /// Gives a code new contents.
    ///
    /// What stands behind the code is exchanged in one write, so a crash leaves the old contents or the new:
    /// 1. an unpaid bill is closed: nobody can pay twice for one code;
    /// 2. a fixed code that is to end is told for which bill;
    /// 3. the new bill, or the new record, is written: from here on the code has its new contents;
    /// 4. the fixed code that has ended is forgotten; where a crash kept it, it stands for nothing.
    ///
    /// Whoever repeats the request after a crash goes on where it stopped: each step finds that it was done.
    pub(super) async fn update_qrcode(&self, request: &UpdateQrcode, asker: &Asker) -> Done {
        let (common, code) = (&request.common, &request.qr_code_id);
        if let Some(BillStatus::Other(_)) = request.bill_status {
            let problem = Problem::Invalid(Rule::OneOf(BillStatus::WORDS));
            return Err(No::fields(&[FieldFault { path: "billStatus".to_owned(), problem }]));
        }
        if !matches!(request.bill_status, None | Some(BillStatus::Unpaid)) {
            let text = "billStatus: 账单状态由支付结果决定，不能更新；请使用 close-qrcode 或 refund | how a bill stands follows from its payments and cannot be set: use close-qrcode or refund";
            return Err(No::new(Code::OperationNotAllowed, text.to_owned()));
        }
        let plan = self.plan(common, &request.terms, request.fingerprint())?;
        for _ in 0..limits::COMMIT_TRIES {
            let before = match &plan.sort {
                Sort::OneOff(key, _) => self.made_before(key, plan.fingerprint).await?,
                Sort::Fixed => None,
            };
            let updated = match before {
                Some(bill) => Some(Coded::Bill(Box::new(bill))),
                None => self.renew(&plan, code, asker).await?,
            };
            if let Some(updated) = updated {
                return self.qrcode(common, "更新二维码成功", &updated);
            }
        }
        Err(No::new(Code::OrderProcessing, "the code is being changed by others".to_owned()))
    }

    /// One try to give a code new contents; `None` when somebody else changed it meanwhile.
    async fn renew(
        &self,
        plan: &Plan<'_>,
        code: &CodeId,
        asker: &Asker,
    ) -> Result<Option<Coded>, No> {
        let old = self.merchants(plan.common, code).await?;
        let mut _room = None;
        match &old {
            Coded::Fixed(fixed) if plan.is_repeat_of(fixed) => return Ok(Some(old)),
            Coded::Fixed(_) => {
                self.may_begin(plan)?;
                _room = self.room_of(plan, None).await?;
            }
            Coded::Bill(bill) => {
                if let Sort::OneOff(key, _) = &plan.sort
                    && key.no == bill.key.no
                {
                    return Err(same_number(&bill.key));
                }
                self.may_begin(plan)?;
                // Before the old bill is closed: what cannot be must not close it.
                _room = self.room_of(plan, Some(bill)).await?;
                if matches!(plan.sort, Sort::Fixed) && !self.codes.turn().await.has_room() {
                    return Err(too_many());
                }
                // A bill that was paid meanwhile stays as it is and gives the code up.
                if let Phase::Requested { .. } = self.heard((**bill).clone()).await?.phase {
                    match self.closed(bill.key.clone(), asker).await {
                        Ok(_) => {}
                        // The payer was faster: look again.
                        Err(SubmitError::Refused(_)) => return Ok(None),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        let mut turn = self.codes.turn().await;
        let same = match (&old, self.codes.find(code).await?) {
            (Coded::Fixed(old), Some(Coded::Fixed(now))) => **old == *now,
            (Coded::Bill(old), Some(Coded::Bill(now))) => old.key == now.key,
            _ => false,
        };
        if !same {
            return Ok(None);
        }
        let (key, amount) = match &plan.sort {
            Sort::OneOff(key, amount) => (key, *amount),
            Sort::Fixed => {
                let mut fixed = self.fixed_of(plan, code.clone());
                match old {
                    Coded::Fixed(old) => {
                        fixed.created_at = old.created_at;
                        turn.put(&fixed).await?;
                    }
                    Coded::Bill(_) => {
                        if !turn.add(&fixed).await? {
                            return Err(too_many());
                        }
                    }
                }
                return Ok(Some(Coded::Fixed(Box::new(fixed))));
            }
        };
        let terms = Terms {
            succeeds: self.core.store.coded(code).await?.map(|bill| bill.key),
            ..self.terms_of(plan, key, amount, code.clone())?
        };
        if let Coded::Fixed(fixed) = &old {
            let until = Some(Arc::new(key.clone()));
            turn.put(&FixedCode { until, ..FixedCode::clone(fixed) }).await?;
        }
        let change = Bill::request(key.clone(), terms);
        match self.core.create(change, plan.now, asker.clone()).await {
            Ok(bill) => {
                if let Coded::Fixed(_) = old {
                    turn.remove(code).await?;
                }
                Ok(Some(Coded::Bill(Box::new(bill))))
            }
            Err(SubmitError::Taken) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn qrcode(&self, common: &Common, note: &str, made: &Coded) -> Done {
        let (key, system_id, code) = match made {
            Coded::Bill(bill) => (Some(&bill.key), &bill.terms.details.system_id, &bill.terms.code),
            Coded::Fixed(fixed) => (None, &fixed.terms.system_id, &fixed.code),
        };
        let qrcode = Qrcode {
            answered: self.answered(common, note),
            echo: Echo::of(common),
            bill_no: key.map(|key| key.no.clone()),
            bill_date: key.map(|key| key.date),
            inst_mid: Some(InstMid::QrPay),
            bill_qr_code: self.link_to(code)?,
            system_id: system_id.clone(),
            qr_code_id: Some(code.clone()),
        };
        Ok(qrcode.encode())
    }

    /// The code or the bill that is to be closed.
    async fn to_close(&self, request: &CloseQrcode) -> Result<Coded, No> {
        let common = &request.common;
        Ok(match (&request.qr_code_id, &request.bill_no, request.bill_date) {
            (Some(code), no, date) => {
                let found = self.merchants(common, code).await?;
                // The code can have gone over to another bill, which this request does not mean.
                let means = |key: &BillKey| {
                    no.as_ref().is_none_or(|no| key.no == *no)
                        && date.is_none_or(|date| key.date == date)
                };
                let meant = match &found {
                    Coded::Bill(bill) => means(&bill.key),
                    Coded::Fixed(_) => no.is_none(),
                };
                if !meant {
                    let why = "qrCodeId 不属于该账单，请仅提供其一 | qrCodeId is not this bill's code: send only the one you mean";
                    return Err(No::no_order("billNo, billDate", why));
                }
                found
            }
            (None, Some(no), Some(date)) => {
                let key = BillKey { mid: common.mid.clone(), no: no.clone(), date };
                let found = self.core.store.bill(&key).await?;
                Coded::Bill(Box::new(found.ok_or_else(|| no_such("billNo, billDate"))?))
            }
            (None, ..) => {
                let problem = Problem::Missing(<CodeId as Field>::RULE);
                return Err(No::fields(&[FieldFault { path: "qrCodeId".to_owned(), problem }]));
            }
        })
    }

    /// What closing a bill comes to; `None` for a fixed code, which has no money.
    pub(super) async fn closing(&self, request: &CloseQrcode) -> Result<Option<Step<()>>, No> {
        let Coded::Bill(bill) = self.to_close(request).await? else { return Ok(None) };
        let fingerprint = request.fingerprint();
        let command = match request.attach_refund == Some(true) {
            true => returning(&bill, fingerprint)?,
            false if is_closed(&bill) => None,
            false => Some(Command::Close),
        };
        if let Some(Command::Refund { .. }) = command
            && let Some(leg) = self.rest_refunded(&bill, fingerprint).await?
        {
            return match leg.outcome {
                Outcome::Done(_) => Ok(Some(Step::Before(*bill, ()))),
                _ => Err(not_done(&leg)),
            };
        }
        Ok(Some(match command {
            Some(command) => Step::Change(*bill, command),
            None => Step::Before(*bill, ()),
        }))
    }

    pub(super) async fn close_qrcode(&self, request: &CloseQrcode, asker: &Asker) -> Done {
        let common = &request.common;
        let found = self.to_close(request).await?;
        let back = request.attach_refund == Some(true);
        let (code, system_id, status) = match found {
            Coded::Bill(bill) => {
                let bill = match back {
                    true => self.give_back(*bill, request.fingerprint(), asker).await?,
                    false => self.close_unpaid(*bill, asker).await?,
                };
                let status = view::bill_status(&bill);
                (bill.terms.code.clone(), bill.terms.details.system_id.clone(), status)
            }
            Coded::Fixed(_) if back => {
                let text = "attachRefund: 仅限一次性码，固定码的账单请逐笔 refund | only one-off codes are closed with a refund: refund the bills of a fixed code one by one";
                return Err(No::new(Code::OperationNotAllowed, text.to_owned()));
            }
            Coded::Fixed(fixed) => {
                let fixed = self.close_fixed(*fixed).await?;
                (fixed.code, fixed.terms.system_id, BillStatus::Closed)
            }
        };
        let closed = Closed {
            answered: self.answered(common, "成功关闭二维码"),
            echo: Echo::of(common),
            qr_code_id: code,
            system_id,
            inst_mid: Some(InstMid::QrPay),
            bill_status: Some(status),
        };
        Ok(closed.encode())
    }

    /// Closes a fixed code: nobody can scan it any more.
    async fn close_fixed(&self, fixed: FixedCode) -> Result<FixedCode, No> {
        let mut turn = self.codes.turn().await;
        match self.codes.find(&fixed.code).await? {
            Some(Coded::Fixed(now)) if now.closed => Ok(*now),
            Some(Coded::Fixed(now)) => {
                let closed = FixedCode { closed: true, ..*now };
                turn.put(&closed).await?;
                Ok(closed)
            }
            _ => {
                let text = "二维码已被其他请求更新，请先查询 | the code was given other contents by another request: query it first";
                Err(No::new(Code::OrderProcessing, text.to_owned()))
            }
        }
    }

    /// Closes a bill that nobody has paid.
    async fn close_unpaid(&self, bill: Bill, asker: &Asker) -> Result<Bill, No> {
        if is_closed(&bill) {
            return Ok(bill);
        }
        // Once it is closed, nobody has a reason to ask whether it was paid: ask first.
        let bill = self.heard(bill).await?;
        Ok(self.closed(bill.key, asker).await?)
    }

    /// Closes a bill, or finds that it was closed.
    async fn closed(&self, key: Arc<BillKey>, asker: &Asker) -> Result<Bill, SubmitError> {
        let bill = self.core.load(&key).await?;
        match self.core.submit(bill, &Command::Close, asker).await {
            // Sent twice, and the other one was faster.
            Err(SubmitError::Refused(refusal)) => {
                let bill = self.core.load(&key).await?;
                if is_closed(&bill) { Ok(bill) } else { Err(refusal.into()) }
            }
            closed => closed,
        }
    }

    /// Closes a bill and gives its payer whatever was paid: a hold or a guarantee is released, what was taken
    /// is refunded as far as it was not before.
    async fn give_back(
        &self,
        bill: Bill,
        fingerprint: Fingerprint,
        asker: &Asker,
    ) -> Result<Bill, No> {
        let mut bill = self.heard(bill).await?;
        for _ in 0..limits::COMMIT_TRIES {
            let key = bill.key.clone();
            let command = match returning(&bill, fingerprint)? {
                None => return Ok(bill),
                Some(Command::Refund { part, .. }) => {
                    return self.refund_rest(bill, part, fingerprint, asker).await;
                }
                Some(command) => command,
            };
            match self.core.submit(bill, &command, asker).await {
                Ok(bill) => return self.settle(bill).await,
                // Another request or the payer was faster: look at what became of it.
                Err(SubmitError::Refused(_)) => bill = self.core.load(&key).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::Busy { phase: bill.phase.name() }.into())
    }

    /// The refund of the rest that was asked for before, if it was by this very request.
    async fn rest_refunded(
        &self,
        bill: &Bill,
        fingerprint: Fingerprint,
    ) -> Result<Option<Leg>, No> {
        let order = bill.key.unnamed_refund();
        self.repeated(bill, &order, Deed::Refund, fingerprint).await.map_err(unnamed_before)
    }

    async fn refund_rest(
        &self,
        bill: Bill,
        part: Amount,
        fingerprint: Fingerprint,
        asker: &Asker,
    ) -> Result<Bill, No> {
        let (order, deed) = (bill.key.unnamed_refund(), Deed::Refund);
        let (bill, leg) = match self.rest_refunded(&bill, fingerprint).await? {
            Some(leg) => (bill, leg),
            None => {
                let command =
                    Command::Refund { order: order.clone(), part, from: None, fingerprint };
                let ordered = self.order(bill, &command, &order, deed, fingerprint, asker).await;
                ordered.map_err(unnamed_before)?
            }
        };
        match leg.outcome {
            Outcome::Done(_) => Ok(bill),
            _ => Err(not_done(&leg)),
        }
    }

    /// What a code was made with.
    pub(super) async fn qrcode_info(&self, request: &QueryQrcodeInfo) -> Done {
        let caller = request.caller();
        let found = self.codes.find(&request.qr_code_id).await?;
        let found = found.filter(|found| found.mid() == caller.mid);
        let link = self.link_to(&request.qr_code_id)?;
        let blank = QrcodeInfo {
            answered: self.answered(caller, "查询二维码静态信息成功"),
            echo: Echo::of(caller),
            qr_code_id: Some(request.qr_code_id.clone()),
            system_id: None,
            qr_code_url: Some(link.clone()),
            bill_qr_code: Some(link),
            mer_name: self.merchant_name(caller.mid)?,
            bill_no: None,
            bill_date: None,
            bill_status: None,
            bill_desc: None,
            total_amount: None,
            preauth_transaction: None,
            secure_transaction: None,
            goods: None,
            member_id: None,
            counter_no: None,
            expire_time: None,
            notify_url: None,
            return_url: None,
            wallet_option: None,
            name: None,
            mobile: None,
            cert_type: None,
            cert_no: None,
            fix_buyer: None,
            limit_credit_card: None,
            installment_number: None,
        };
        let (info, buyer, owner) = match found.ok_or_else(|| no_such("qrCodeId"))? {
            Coded::Bill(bill) => {
                let (terms, details) = (&bill.terms, &bill.terms.details);
                let flag = |kind| (terms.kind == kind).then_some(TextFlag(true));
                let url = |text: &Option<Text<1024>>| Url::parse(text.as_ref()?.as_str()).ok();
                let goods = details.goods.as_ref().map(|goods| {
                    Field::read(&Json::Text(Cow::Borrowed(goods.as_str()))).unwrap_or_default()
                });
                let wallets = terms.payer.wallets.as_ref();
                let info = QrcodeInfo {
                    system_id: details.system_id.clone(),
                    bill_no: Some(bill.key.no.clone()),
                    bill_date: Some(bill.key.date),
                    bill_status: Some(view::bill_status(&bill)),
                    bill_desc: details.description.clone(),
                    total_amount: Some(terms.amount),
                    preauth_transaction: flag(Kind::Hold),
                    secure_transaction: flag(Kind::Guarantee),
                    goods,
                    member_id: details.member_id.clone(),
                    counter_no: details.counter_no.clone(),
                    expire_time: Some(terms.expires_at),
                    notify_url: url(&details.notify_url),
                    return_url: url(&details.return_url),
                    wallet_option: wallets.and_then(|one| WalletOption::parse(one.as_str()).ok()),
                    limit_credit_card: terms.payer.no_credit_cards.then_some(TextFlag(true)),
                    installment_number: terms.payer.installments.and_then(Installments::of_months),
                    ..blank
                };
                (info, terms.payer.buyer.clone(), bill.key.to_string())
            }
            Coded::Fixed(fixed) => {
                let FixedCode { code, terms, buyer, closed, .. } = *fixed;
                let info = QrcodeInfo {
                    system_id: terms.system_id,
                    bill_status: closed.then_some(BillStatus::Closed),
                    bill_desc: terms.bill_desc,
                    total_amount: terms.total_amount,
                    goods: terms.goods,
                    member_id: terms.member_id,
                    counter_no: terms.counter_no,
                    expire_time: terms.expire_time,
                    notify_url: terms.notify_url,
                    return_url: terms.return_url,
                    limit_credit_card: terms.limit_credit_card,
                    installment_number: terms.installment_number,
                    ..blank
                };
                (info, buyer, code.to_string())
            }
        };
        let person = self.person(buyer.as_ref(), &owner)?;
        let of = |masked: fn(&Person) -> Option<Text<64>>| person.as_ref().and_then(masked);
        let info = QrcodeInfo {
            name: of(Person::masked_name),
            mobile: of(Person::masked_mobile),
            cert_type: person.as_ref().and_then(|person| person.cert_type),
            cert_no: of(Person::masked_cert_no),
            fix_buyer: person
                .as_ref()
                .filter(|person| person.only)
                .and_then(|_| Text::parse("T").ok()),
            ..info
        };
        Ok(info.encode())
    }

    /// The last code that a terminal made: that of its last bill, or its last fixed code if that is later.
    pub(super) async fn last_qrcode(&self, request: &QueryLastQrcode) -> Done {
        let caller = request.caller();
        let bill = self.core.store.latest(caller.mid, &request.tid).await?;
        let fixed = self.codes.last(caller.mid, &request.tid).await?;
        let later = |fixed: &FixedCode| {
            bill.as_ref().is_none_or(|bill| bill.terms.created_at < fixed.created_at)
        };
        let last = match fixed.filter(later) {
            Some(fixed) => Some(Coded::Fixed(Box::new(fixed))),
            None => bill.map(Box::new).map(Coded::Bill),
        };
        let last = last.ok_or_else(|| No::no_order("tid", "this terminal has made no code"))?;
        let (answered, echo) = (self.answered(caller, "查询成功"), Echo::of(caller));
        let last = match last {
            Coded::Bill(bill) => LastQrcode {
                answered,
                echo,
                bill_no: Some(bill.key.no.clone()),
                bill_date: Some(bill.key.date),
                bill_status: Some(view::bill_status(&bill)),
                bill_desc: bill.terms.details.description.clone(),
                total_amount: Some(bill.terms.amount),
                bill_qr_code: self.link(&bill)?,
                qr_code_id: view::shown_code(&bill).clone(),
                create_time: Some(bill.terms.created_at),
                counter_no: bill.terms.details.counter_no.clone(),
                member_id: bill.terms.details.member_id.clone(),
            },
            Coded::Fixed(fixed) => LastQrcode {
                answered,
                echo,
                bill_no: None,
                bill_date: None,
                bill_status: fixed.closed.then_some(BillStatus::Closed),
                bill_desc: fixed.terms.bill_desc.clone(),
                total_amount: fixed.amount(),
                bill_qr_code: self.link_to(&fixed.code)?,
                qr_code_id: fixed.code.clone(),
                create_time: Some(fixed.created_at),
                counter_no: fixed.terms.counter_no.clone(),
                member_id: fixed.terms.member_id.clone(),
            },
        };
        Ok(last.encode())
    }

    /// What a code of this merchant stands for.
    async fn merchants(&self, common: &Common, code: &CodeId) -> Result<Coded, No> {
        let found = self.codes.find(code).await?.filter(|found| *found.mid() == common.mid);
        found.ok_or_else(|| no_such("qrCodeId"))
    }

    fn merchant_name(&self, mid: &holdfast_domain::Mid) -> Result<Text<255>, No> {
        let merchant = self.accounts.book().merchants.get(mid).cloned();
        let name = merchant.and_then(|merchant| Text::parse(merchant.name.as_str()).ok());
        name.ok_or_else(|| No::new(Code::NoMerchant, format!("there is no merchant {mid}")))
    }

    /// The person sealed for `owner`.
    pub(super) fn person(
        &self,
        buyer: Option<&Arc<Buyer>>,
        owner: &str,
    ) -> Result<Option<Person>, crate::store::StoreFault> {
        buyer.map(|buyer| self.codes.unseal(buyer, owner)).transpose()
    }

    /// The bill of that key, made by a request with that content before.
    async fn made_before(
        &self,
        key: &BillKey,
        fingerprint: Fingerprint,
    ) -> Result<Option<Bill>, No> {
        match self.core.store.bill(key).await? {
            Some(bill) if bill.terms.fingerprint != fingerprint => Err(same_number(key)),
            found => Ok(found),
        }
    }

    /// Whether something new can be made.
    fn may_begin(&self, plan: &Plan<'_>) -> Result<(), No> {
        if let Some(over) = &plan.over {
            return Err(No::fields(std::slice::from_ref(over)));
        }
        if let Some(amount) = plan.asked.total_amount {
            self.may_ask(&plan.common.mid, amount)?;
        }
        if !self.core.channel.is_connected() {
            let why = "no channel is connected: nobody could pay this bill".to_owned();
            return Err(No::new(Code::InvalidMerchantConfig, why));
        }
        Ok(())
    }

    /// Takes room for the bill of a plan, if it makes one. `replaces` is the bill that goes first.
    async fn room_of(&self, plan: &Plan<'_>, replaces: Option<&Bill>) -> Result<Option<Room>, No> {
        match &plan.sort {
            Sort::OneOff(key, amount) => {
                self.allow(&Arc::new(key.clone()), *amount, replaces).await
            }
            Sort::Fixed => Ok(None),
        }
    }

    fn fixed_of(&self, plan: &Plan<'_>, code: CodeId) -> FixedCode {
        let seal = |person| Arc::new(self.codes.seal(person, code.as_str(), &self.core.dice));
        FixedCode {
            mid: plan.common.mid.clone(),
            tid: plan.common.tid.clone(),
            // Whom the code is for is kept sealed, and only so.
            terms: CodeTerms { name: None, mobile: None, cert_no: None, ..plan.asked.clone() },
            buyer: plan.person.as_ref().map(seal),
            reserve: plan.common.src_reserve.clone(),
            created_at: plan.now,
            fingerprint: plan.fingerprint,
            closed: false,
            until: None,
            code,
        }
    }

    fn terms_of(
        &self,
        plan: &Plan<'_>,
        key: &BillKey,
        amount: Amount,
        code: CodeId,
    ) -> Result<Terms, No> {
        self.new_terms(NewBill {
            key,
            tid: &plan.common.tid,
            amount,
            code,
            asked: plan.asked,
            person: plan.person.as_ref(),
            reserve: plan.common.src_reserve.as_ref(),
            fingerprint: plan.fingerprint,
            created_at: plan.now,
            expires_at: plan.asked.expire_time.unwrap_or(plan.now.plus_ms(limits::CODE_MS)),
        })
    }

    /// The terms of a bill that is to be made.
    pub(super) fn new_terms(&self, new: NewBill<'_>) -> Result<Terms, No> {
        let NewBill { key, asked, .. } = new;
        let seal = |person| Arc::new(self.codes.seal(person, &key.to_string(), &self.core.dice));
        let kind = match (is_on(asked.preauth_transaction), is_on(asked.secure_transaction)) {
            (true, _) => Kind::Hold,
            (false, true) => Kind::Guarantee,
            (false, false) => Kind::Payment,
        };
        let wallets = asked.wallet_option.map(|one| one.as_str());
        Ok(Terms {
            division: self.division_of(&key.mid, asked, new.amount)?,
            payer: PayerRules {
                no_credit_cards: is_on(asked.limit_credit_card),
                installments: asked.installment_number.map(Installments::months),
                wallets: wallets.and_then(|one| Text::parse(one).ok()),
                buyer: new.person.map(seal),
            },
            details: Details {
                description: asked.bill_desc.clone(),
                member_id: asked.member_id.clone(),
                counter_no: asked.counter_no.clone(),
                system_id: asked.system_id.clone(),
                notify_url: asked.notify_url.clone().map(Url::into_text),
                return_url: asked.return_url.clone().map(Url::into_text),
                reserve: new.reserve.cloned(),
                goods: goods_text(asked).unwrap_or_default(),
            },
            ..Terms::plain(
                kind,
                new.amount,
                new.code,
                new.tid.clone(),
                new.created_at,
                new.expires_at,
                new.fingerprint,
            )
        })
    }

    /// A new code in the look of the official ones: a date and chance.
    pub(super) fn new_code(&self) -> CodeId {
        let stamp = time::show_stamp(self.core.clock.now());
        let code = format!("{}{}", stamp.get(2..8).unwrap_or("000000"), self.core.dice.digits(20));
        CodeId::parse(&code).expect("26 digits are a code")
    }

    /// Reads what a code is asked to be.
    fn plan<'r>(
        &self,
        common: &'r Common,
        asked: &'r CodeTerms,
        fingerprint: Fingerprint,
    ) -> Result<Plan<'r>, No> {
        let now = self.core.clock.now();
        let given = |name: &str| match name {
            BILL_NO => asked.bill_no.is_some(),
            BILL_DATE => asked.bill_date.is_some(),
            _ => asked.total_amount.is_some(),
        };
        let mut faults = missing_of_one_off(given);
        let (person, in_person) = match Person::of(asked) {
            Ok(person) => (person, vec![]),
            Err(faults) => (None, faults),
        };
        faults.extend(in_person);
        faults.extend(goods_text(asked).err());
        let sort = match (&asked.bill_no, asked.bill_date, asked.total_amount) {
            (Some(no), Some(date), Some(amount)) => {
                Sort::OneOff(BillKey { mid: common.mid.clone(), no: no.clone(), date }, amount)
            }
            _ => Sort::Fixed,
        };
        let (last, until) = match sort {
            Sort::OneOff(..) => {
                (now.plus_ms(limits::CODE_MS_MAX), "expireTime (after now, within a year)")
            }
            Sort::Fixed => (Moment(i64::MAX), "expireTime (after now)"),
        };
        let out_of_time = |at: &Moment| *at <= now || *at > last;
        let over = asked
            .expire_time
            .filter(out_of_time)
            .map(|_| FieldFault { path: until.to_owned(), problem: Problem::Invalid(Rule::Time) });
        if !faults.is_empty() {
            faults.extend(over);
            return Err(No::fields(&faults));
        }
        if let Some(text) = contradiction(asked, &sort) {
            return Err(No::new(Code::BadRequest, text.to_owned()));
        }
        if let Some(amount) = asked.total_amount {
            // Asked here as well as when the bill is made: what cannot be must not close an old bill first.
            self.division_of(&common.mid, asked, amount)?;
        }
        let fingerprint = match person {
            Some(_) => self.codes.mark(fingerprint),
            None => fingerprint,
        };
        Ok(Plan { common, asked, sort, person, fingerprint, now, over })
    }
}

impl Plan<'_> {
    /// Whether the request asks for just what this code was last asked to be.
    fn is_repeat_of(&self, fixed: &FixedCode) -> bool {
        fixed.mid == self.common.mid && fixed.fingerprint == self.fingerprint
    }
}

impl Coded {
    fn mid(&self) -> &holdfast_domain::Mid {
        match self {
            Self::Fixed(fixed) => &fixed.mid,
            Self::Bill(bill) => &bill.key.mid,
        }
    }
}

/// Why what is asked for does not go together, and what to do.
fn contradiction(asked: &CodeTerms, sort: &Sort) -> Option<&'static str> {
    let fixed = matches!(sort, Sort::Fixed);
    let (hold, guarantee) = (is_on(asked.preauth_transaction), is_on(asked.secure_transaction));
    let divided_now = asked.sub_orders.as_ref().is_some_and(|subs| !subs.is_empty())
        || asked.platform_amount.is_some_and(|amount| amount.fen() > 0)
        || asked.goods.iter().flatten().any(|good| good.sub_merchant_id.is_some())
        || asked.division_flag == Some(true) && asked.asyn_division_flag != Some(true);
    let found = [
        (
            hold && guarantee,
            "preauthTransaction, secureTransaction: 预授权与担保只能选一 | a bill is a hold or a guarantee: send only one of them as true",
        ),
        (
            hold && fixed,
            "preauthTransaction: 仅限一次性码，请同时提供 billNo、billDate 与 totalAmount | only a one-off code can be a hold: send billNo, billDate and totalAmount too",
        ),
        (
            guarantee && fixed,
            "secureTransaction: 仅限一次性码，请同时提供 billNo、billDate 与 totalAmount | only a one-off code can be a guarantee: send billNo, billDate and totalAmount too",
        ),
        (
            hold && asked.installment_number.is_some(),
            "installmentNumber: 预授权仅支持银联，花呗分期仅支持支付宝 | a hold is taken through UnionPay and installments through Alipay: send only one of preauthTransaction and installmentNumber",
        ),
        (
            fixed && asked.wallet_option.is_some(),
            "walletOption: 仅限一次性码，固定码请勿提供 | only a one-off code has a wallet option: leave it out, or send billNo, billDate and totalAmount too",
        ),
        (
            fixed && asked.total_amount.is_none() && divided_now,
            "divisionFlag: 无金额的固定码只能异步分账（asynDivisionFlag） | the shares of a code without an amount are not known: send totalAmount, or asynDivisionFlag as true and no shares",
        ),
        (
            asked.pay_info_query_addr.is_some() && (!fixed || asked.total_amount.is_some()),
            "payInfoQueryAddr: 仅限无金额的固定码 | only of a fixed code without an amount the amount is asked for: leave out either the address or billNo, billDate and totalAmount",
        ),
    ];
    found.into_iter().find(|(found, _)| *found).map(|(_, text)| text)
}

/// The goods as compact JSON, if there are any.
fn goods_text(asked: &CodeTerms) -> Result<Option<Text<20_000>>, FieldFault> {
    let Some(goods) = asked.goods.as_ref().filter(|goods| !goods.is_empty()) else {
        return Ok(None);
    };
    let mut json = vec![];
    Vec::<Good>::write(goods, &mut json);
    let long = |_| FieldFault {
        path: "goods".to_owned(),
        problem: Problem::Invalid(Rule::Text { most: 20_000 }),
    };
    Text::parse(&String::from_utf8_lossy(&json)).map(Some).map_err(long)
}

fn is_on(flag: Option<TextFlag>) -> bool {
    flag.is_some_and(|flag| flag.0)
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

/// What a one-off code needs and does not have. A code with an amount alone, and one with none of the three,
/// are fixed codes and need nothing.
fn missing_of_one_off(given: impl Fn(&str) -> bool) -> Vec<FieldFault> {
    if !given(BILL_NO) && !given(BILL_DATE) {
        return vec![];
    }
    let needed = [BILL_NO, BILL_DATE, TOTAL_AMOUNT].into_iter().filter(|name| !given(name));
    let fault = |name: &str| {
        let field = GetQrcode::FIELDS.iter().find(|field| field.name == name)?;
        Some(FieldFault { path: name.to_owned(), problem: Problem::Missing(field.rule) })
    };
    needed.filter_map(fault).collect()
}

/// What else is missing in a request for a code that cannot be read.
pub(super) fn also_missing(path: &str, object: &Object<'_>) -> Vec<FieldFault> {
    if GetQrcode::PATH != path && UpdateQrcode::PATH != path {
        return vec![];
    }
    missing_of_one_off(|name| object.has(name))
}

/// What to do when the one refund without a number was another request's.
fn unnamed_before(no: No) -> No {
    match no.code {
        Code::DupOrder => {
            let text = "账单已有未编号的退款，请用 refund 与新的 refundOrderId 退还余额 | the bill has a refund without a number already: give the rest back by refund with a new refundOrderId";
            No::new(Code::OperationNotAllowed, text.to_owned())
        }
        _ => no,
    }
}

/// What has to be done next so that the payer of a bill has everything back; `None` when nothing has.
fn returning(bill: &Bill, fingerprint: Fingerprint) -> Result<Option<Command>, No> {
    let (key, order) = (&bill.key, bill.key.unnamed_refund());
    Ok(match &bill.phase {
        _ if is_closed(bill) => None,
        Phase::Released { .. } | Phase::Ended { .. } => None,
        Phase::Requested { .. } => Some(Command::Close),
        Phase::Authorized { payment } => {
            Some(match payment.grant.as_ref().and_then(|grant| grant.auth.clone()) {
                Some(auth) => Command::Release { hold: key.payment_leg(), auth },
                None => Command::Cancel,
            })
        }
        Phase::Taken { takings, .. } => {
            takings.refundable.map(|part| Command::Refund { order, part, from: None, fingerprint })
        }
        // What we asked for ourselves, or what another request did: wait for the channel's word.
        Phase::Refunding { leg, .. } if leg.order == order => return Err(not_done(leg)),
        phase => return Err(Refusal::Busy { phase: phase.name() }.into()),
    })
}

fn no_such(named: &str) -> No {
    No::no_order(named, "this merchant has no such bill or code")
}

fn same_number(key: &BillKey) -> No {
    let BillKey { no, date, .. } = key;
    No::new(Code::DupOrder, format!("账单号重复 (billNo {no} of {date} is another bill)"))
}

fn other_code(code: &CodeId) -> No {
    let text = format!(
        "qrCodeId: 二维码 {code} 已存在且内容不同，请使用 update-qrcode 或新的编号 | code {code} exists with other contents: use update-qrcode, or another id"
    );
    No::new(Code::DupOrder, text)
}

fn too_many() -> No {
    let most = limits::FIXED_CODES;
    let text = format!(
        "固定码已达上限 {most} 个，请更新已有的固定码 | there are {most} fixed codes, which is the most: update one"
    );
    No::new(Code::OperationNotAllowed, text)
}
