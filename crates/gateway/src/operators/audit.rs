//! The audit: what operators did, each entry chained to the one before it.
//!
//! Entries are only ever added; the file itself refuses anything else. Who has the file open with other tools can still
//! rewrite it as a whole: whoever noted the newest hash elsewhere finds that out, see [`Proof::head`].

use std::{net::IpAddr, sync::Arc};

use holdfast_domain::{BillKey, Mid, Moment};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};
use sha2::{Digest as _, Sha256};

use super::{By, Operators};
use crate::{
    limits,
    store::{
        StoreFault,
        files::{signed, unsigned},
    },
    vault::hex,
};

/// Defines what can be done: a word for the file, and a text in both languages.
macro_rules! acts {
    ($( $act:ident $word:literal $en:literal $zh:literal; )+) => {
        /// What was done at the console.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Act {
            $( #[doc = $en] $act, )+
        }

        impl Act {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$act ),+];

            /// As the file and programs write it. A word that was written once is never used for anything else.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$act => $word ),+ }
            }

            /// For people, in English and Chinese.
            #[must_use]
            pub fn text(self) -> (&'static str, &'static str) {
                match self { $( Self::$act => ($en, $zh) ),+ }
            }
        }
    };
}

acts! {
    SignIn "sign-in" "sign in" "登录";
    SignOut "sign-out" "sign out" "退出登录";
    Request "request" "send a form" "提交表单";
    Password "password" "change one's password" "修改密码";
    TotpSet "totp-set" "set up codes" "启用动态口令";
    TotpRemoved "totp-removed" "remove codes" "停用动态口令";
    OperatorAdded "operator-added" "add an operator" "新增操作员";
    RoleChanged "role-changed" "change a role" "变更角色";
    OperatorDisabled "operator-disabled" "disable an operator" "停用操作员";
    OperatorEnabled "operator-enabled" "enable an operator" "启用操作员";
    PasswordReset "password-reset" "reset a password" "重置密码";
    Hold "hold" "take a hold" "预授权";
    Capture "capture" "capture" "预授权完成";
    Reverse "reverse" "reverse a capture" "预授权完成撤销";
    Release "release" "release a hold" "预授权撤销";
    Refund "refund" "refund" "退款";
    Close "close" "close a bill" "关闭账单";
    ApprovalAsked "approval-asked" "ask for approval" "提交复核";
    Approved "approved" "approve" "复核通过";
    ApprovalRefused "approval-refused" "refuse approval" "复核拒绝";
    ApprovalWithdrawn "approval-withdrawn" "withdraw a request for approval" "撤回复核";
    NoticeResent "notice-resent" "send a notice again" "重发通知";
    NoticeDropped "notice-dropped" "give a notice up" "放弃通知";
    Reminder "reminder" "remind a merchant" "提醒商户";
    MerchantAdded "merchant-added" "add a merchant" "新增商户";
    MerchantChanged "merchant-changed" "change a merchant" "修改商户";
    MerchantFrozen "merchant-frozen" "freeze a merchant" "冻结商户";
    MerchantThawed "merchant-thawed" "unfreeze a merchant" "解冻商户";
    AppAdded "app-added" "add an app" "新增应用";
    AppChanged "app-changed" "change an app" "修改应用";
    KeyMade "key-made" "make a key" "生成密钥";
    KeyEnded "key-ended" "end a key" "停用密钥";
    Export "export" "export" "导出";
    Statement "statement" "make a statement" "生成对账单";
    LedgerProof "ledger-proof" "prove the ledger" "核对账本";
    Simulation "simulation" "control the simulation" "控制模拟环境";
    Preview "preview" "preview" "预览";
}

impl Act {
    /// The act of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|act| act.word() == word)
    }
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is about to be done: written before money moves.
    Asked,
    /// It was done.
    Done,
    /// A rule, a role or a second operator said no.
    Refused,
    /// It went wrong, and nothing was done.
    Failed,
    /// Nobody knows yet whether it was done.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Asked, Self::Done, Self::Refused, Self::Failed, Self::Unknown];

    /// As the file and programs write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// For people, in English and Chinese.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Asked => ("asked", "已提交"),
            Self::Done => ("done", "已完成"),
            Self::Refused => ("refused", "已拒绝"),
            Self::Failed => ("failed", "失败"),
            Self::Unknown => ("unknown", "结果未知"),
        }
    }
}

/// What it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Nothing but who did it.
    Nothing,
    /// A bill.
    Bill(BillKey),
    /// A merchant.
    Merchant(Mid),
    /// An app, by its id.
    App(String),
    /// An operator, by name.
    Operator(String),
    /// A request for approval, by its number.
    Approval(u64),
    /// A notice, by its number.
    Notice(u64),
    /// A page, by its path.
    Page(String),
}

impl About {
    /// Of what kind it is, and which one: as the file keeps it.
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Nothing => ("", String::new()),
            Self::Bill(BillKey { mid, no, date }) => ("bill", format!("{mid}/{date}/{no}")),
            Self::Merchant(mid) => ("merchant", mid.to_string()),
            Self::App(id) => ("app", id.clone()),
            Self::Operator(name) => ("operator", name.clone()),
            Self::Approval(id) => ("approval", id.to_string()),
            Self::Notice(id) => ("notice", id.to_string()),
            Self::Page(path) => ("page", path.clone()),
        }
    }
}

/// Something to be written down.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was done.
    pub act: Act,
    /// About what.
    pub about: About,
    /// Whatever else is worth knowing: a sum, a reason, what was changed. No secrets.
    pub detail: String,
    /// How far it came.
    pub outcome: Outcome,
}

/// Something that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number: 1, 2, 3, …
    pub id: u64,
    /// When, by the clock on the wall.
    pub at: Moment,
    /// Who: an operator's name, [`super::COMMAND_LINE`], or empty when nobody knows.
    pub who: String,
    /// From which address; empty on the machine itself.
    pub address: String,
    /// What: an [`Act::word`].
    pub act: String,
    /// About what: of which kind; empty for nothing.
    pub kind: String,
    /// About which one; a bill as `mid/date/number`, a page as its path.
    pub about: String,
    /// Whatever else is worth knowing.
    pub detail: String,
    /// An [`Outcome::word`].
    pub outcome: String,
    /// Covers this and everything before it.
    pub hash: [u8; 32],
}

/// Which entries are asked for. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of whom.
    pub who: Option<String>,
    /// Of what.
    pub act: Option<Act>,
    /// About the bill of that number.
    pub bill: Option<String>,
}

/// Whether the audit is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How many entries follow from each other, from the first on.
    pub entries: u64,
    /// The hash of the last of them, in hexadecimal digits: note it elsewhere, and a rewritten audit is found out.
    pub head: String,
    /// The first entry that does not follow, if there is one.
    pub broken: Option<u64>,
}

const COLUMNS: &str =
    "SELECT id, at, who, address, act, kind, about, detail, outcome, hash, bill_no FROM audit";
const LAST: &str = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1";
const ADD: &str =
    "INSERT INTO audit (id, at, who, address, act, kind, about, bill_no, detail, outcome, hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// The hash before the first entry.
const BEGINNING: [u8; 32] = [0; 32];

impl Written {
    /// The hash of this entry behind that one.
    fn chained(&self, before: [u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new().chain_update(before).chain_update(self.id.to_be_bytes());
        hash.update(self.at.0.to_be_bytes());
        for text in [
            &self.who,
            &self.address,
            &self.act,
            &self.kind,
            &self.about,
            &self.detail,
            &self.outcome,
        ] {
            // With its length, so that nothing can move from one text into the next.
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }

    /// The hash in hexadecimal digits, as [`Proof::head`] has it.
    #[must_use]
    pub fn hash_text(&self) -> String {
        hex(&self.hash)
    }

    /// The act, if this program knows it.
    #[must_use]
    pub fn known_act(&self) -> Option<Act> {
        Act::parse(&self.act)
    }

    /// The outcome, if this program knows it.
    #[must_use]
    pub fn known_outcome(&self) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.word() == self.outcome)
    }

    /// The bill's number, if it was about one.
    fn bill_no(&self) -> Option<&str> {
        let named = (self.kind == "bill").then(|| self.about.rsplit_once('/'));
        named.flatten().map(|(_, no)| no)
    }
}

/// Adds an entry in a transaction that may do more.
pub(super) fn add(file: &Connection, by: &By, entry: &Entry, now: Moment) -> rusqlite::Result<()> {
    let last = |row: &Row<'_>| Ok((unsigned(row.get(0)?), row.get(1)?));
    let last = file.prepare_cached(LAST)?.query_map([], last)?.next().transpose()?;
    let (last, before) = last.unwrap_or((0, BEGINNING));
    let (kind, about) = entry.about.words();
    let detail = entry.detail.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut written = Written {
        id: last.saturating_add(1),
        at: now,
        who: by.who.to_string(),
        address: by.address.map(|address: IpAddr| address.to_string()).unwrap_or_default(),
        act: entry.act.word().to_owned(),
        kind: kind.to_owned(),
        about,
        detail: detail.take(limits::AUDIT_DETAIL).collect(),
        outcome: entry.outcome.word().to_owned(),
        hash: BEGINNING,
    };
    written.hash = written.chained(before);
    file.prepare_cached(ADD)?.execute(params![
        signed(written.id),
        written.at.0,
        written.who,
        written.address,
        written.act,
        written.kind,
        written.about,
        written.bill_no(),
        written.detail,
        written.outcome,
        written.hash
    ])?;
    Ok(())
}

fn written(row: &Row<'_>) -> rusqlite::Result<Written> {
    Ok(Written {
        id: unsigned(row.get(0)?),
        at: Moment(row.get(1)?),
        who: row.get(2)?,
        address: row.get(3)?,
        act: row.get(4)?,
        kind: row.get(5)?,
        about: row.get(6)?,
        detail: row.get(7)?,
        outcome: row.get(8)?,
        hash: row.get(9)?,
    })
}

impl Operators {
    /// Writes down what was done, durably.
    ///
    /// # Errors
    /// When the file cannot be written. What was to be written down must not be done then.
    pub async fn record(&self, by: &By, entry: Entry, now: Moment) -> Result<(), StoreFault> {
        let by = by.clone();
        self.file.write("write the audit", move |file| Ok(Ok(add(file, &by, &entry, now)?))).await
    }

    /// The entries that are asked for, the newest first: those before `before`, `limit` at most.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Written>, StoreFault> {
        let before = before.map_or(i64::MAX, signed);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut given: Vec<Box<dyn ToSql>> = vec![Box::new(before), Box::new(limit)];
        let mut wanted = String::new();
        let act = filter.act.map(|act| act.word().to_owned());
        for (column, value) in
            [("who", filter.who.clone()), ("act", act), ("bill_no", filter.bill.clone())]
        {
            if let Some(value) = value {
                given.push(Box::new(value));
                wanted.push_str(&format!(" AND {column} = ?{}", given.len()));
            }
        }
        let asked = format!("{COLUMNS} WHERE id < ?1{wanted} ORDER BY id DESC LIMIT ?2");
        self.file.read(|file| {
            file.prepare_cached(&asked)?.query_map(params_from_iter(given), written)?.collect()
        })
    }

    /// Goes through the whole audit, on the thread that calls.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn prove_audit(&self) -> Result<Proof, StoreFault> {
        self.file.read(|file| {
            let mut all = file.prepare_cached(&format!("{COLUMNS} ORDER BY id"))?;
            let (mut entries, mut head) = (0_u64, BEGINNING);
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                let (entry, bill) = (written(row), row.get::<_, Option<String>>(10));
                let next = entries.saturating_add(1);
                // What is not an entry at all does not follow either.
                let follows = |row: &Written, bill: &Option<String>| {
                    row.id == next
                        && row.chained(head) == row.hash
                        && row.bill_no() == bill.as_deref()
                };
                match (&entry, bill) {
                    (Ok(row), Ok(bill)) if follows(row, &bill) => {
                        (entries, head) = (next, row.hash)
                    }
                    _ => {
                        let head = hex(&head);
                        return Ok(Proof { entries, head, broken: Some(unsigned(row.get(0)?)) });
                    }
                }
            }
            Ok(Proof { entries, head: hex(&head), broken: None })
        })
    }
}

impl Operators {
    /// As [`Operators::prove_audit`], on a thread of its own and one at a time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn prove_audit_alone(self: &Arc<Self>) -> Result<Proof, StoreFault> {
        let _alone = self.proving.lock().await;
        let operators = self.clone();
        let prove = tokio::task::spawn_blocking(move || operators.prove_audit());
        prove.await.map_err(StoreFault::new)?
    }
}

/// Where a program notes who it is in the audit.
impl By {
    /// Somebody at the machine itself.
    #[must_use]
    pub fn command_line() -> Self {
        Self { who: Arc::from(super::COMMAND_LINE), address: None }
    }

    /// Nobody knows who, from that address.
    #[must_use]
    pub fn nobody(address: Option<IpAddr>) -> Self {
        Self { who: Arc::from(""), address }
    }
}
