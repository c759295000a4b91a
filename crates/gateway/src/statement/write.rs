//! How statements are written: JSON for programs, CSV for spreadsheets. Both say the same; `docs/statements.md`
//! explains it to merchants.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use holdfast_domain::{Channel, yuan};
use holdfast_wire::time;
use serde::Serialize;

use super::{Head, Line, Part, Section, Total, Totals};

/// A column of the CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, which the JSON of a line has too where it has the column.
    pub name: &'static str,
    /// Its name in Chinese.
    pub zh: &'static str,
}

/// The columns of the CSV, in order.
pub const COLUMNS: [Column; 22] = [
    Column { name: "section", zh: "部分" },
    Column { name: "mid", zh: "商户号" },
    Column { name: "date", zh: "结算日" },
    Column { name: "record", zh: "流水序号" },
    Column { name: "time", zh: "时间" },
    Column { name: "kind", zh: "类型" },
    Column { name: "kindZh", zh: "类型名称" },
    Column { name: "billMid", zh: "账单商户号" },
    Column { name: "billNo", zh: "账单号" },
    Column { name: "billDate", zh: "账单日期" },
    Column { name: "orderId", zh: "订单号" },
    Column { name: "shareOrderId", zh: "子订单号" },
    Column { name: "reference", zh: "交易参考号" },
    Column { name: "targetOrderId", zh: "目标平台单号" },
    Column { name: "channel", zh: "渠道" },
    Column { name: "tid", zh: "终端号" },
    Column { name: "transactionFen", zh: "交易金额（分）" },
    Column { name: "amountFen", zh: "入账金额（分）" },
    Column { name: "amountYuan", zh: "入账金额（元）" },
    Column { name: "netFen", zh: "累计净额（分）" },
    Column { name: "count", zh: "笔数" },
    Column { name: "text", zh: "说明" },
];

/// Writes a statement as JSON: a line of the file for each line of the statement, the digest on the last one.
/// What stands before that last line is what the digest is of.
pub struct Json<W> {
    to: W,
    section: Section,
    /// Whether the section has a line already.
    begun: bool,
}

impl<W: Write> Json<W> {
    /// A statement that goes there.
    pub fn new(to: W) -> Self {
        Self { to, section: Section::Settlement, begun: false }
    }

    /// Where it went.
    pub fn into_inner(self) -> W {
        self.to
    }

    /// Writes the next part.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, part: Part<'_>) -> io::Result<()> {
        match part {
            Part::Head(Head { mid, day, complete }) => write!(
                self.to,
                r#"{{"version":1,"mid":"{mid}","date":"{day}","complete":{complete},"settlement":["#
            ),
            Part::Line(line) => {
                self.go_to(line.kind.section())?;
                self.to.write_all(if self.begun { b",\n" } else { b"\n" })?;
                self.begun = true;
                serde_json::to_writer(&mut self.to, &Row::of(line)).map_err(io::Error::from)
            }
            Part::Totals(totals) => {
                self.go_to(Section::Aside)?;
                self.to.write_all(b"\n],\"totals\":")?;
                serde_json::to_writer(&mut self.to, &Sums::of(totals, Section::Settlement))?;
                self.to.write_all(b",\n\"asideTotals\":")?;
                serde_json::to_writer(&mut self.to, &Sums::of(totals, Section::Aside))?;
                self.to.write_all(b"\n")
            }
            Part::Digest(digest) => {
                writeln!(self.to, r#","digest":"{digest}"}}"#)?;
                self.to.flush()
            }
        }
    }

    fn go_to(&mut self, section: Section) -> io::Result<()> {
        if self.section != section {
            (self.section, self.begun) = (section, false);
            write!(self.to, "\n],\"{}\":[", section.name())?;
        }
        Ok(())
    }
}

/// A line as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    record: u64,
    time: String,
    kind: &'static str,
    kind_zh: &'static str,
    bill_mid: &'a str,
    bill_no: &'a str,
    bill_date: String,
    order_id: &'a str,
    share_order_id: Option<&'a str>,
    reference: Option<&'a str>,
    target_order_id: Option<&'a str>,
    channel: &'static str,
    tid: &'a str,
    transaction_fen: u64,
    amount_fen: i128,
    amount_yuan: String,
    net_fen: i128,
    text: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(line: &'a Line) -> Self {
        Self {
            record: line.record,
            time: time::show(line.at),
            kind: line.kind.name(),
            kind_zh: line.kind.zh(),
            bill_mid: line.bill.mid.as_str(),
            bill_no: line.bill.no.as_str(),
            bill_date: line.bill.date.to_string(),
            order_id: line.order.as_str(),
            share_order_id: line.share_order.as_ref().map(|order| order.as_str()),
            reference: line.reference.as_ref().map(|text| text.as_str()),
            target_order_id: line.target.as_ref().map(|text| text.as_str()),
            channel: match line.channel {
                Channel::UnionPay => "unionpay",
                Channel::WeChat => "wechat",
                Channel::Alipay => "alipay",
            },
            tid: line.tid.as_str(),
            transaction_fen: line.transaction.fen(),
            amount_fen: line.effect_fen,
            amount_yuan: yuan(line.effect_fen),
            net_fen: line.net_fen,
            text: line.description.as_ref().map(|text| text.as_str()),
        }
    }
}

/// The totals of a section as JSON. Declared, so that its keys have an order of their own.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sums {
    kinds: Vec<Sum>,
    count: u64,
    net_fen: i128,
    net_yuan: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sum {
    kind: &'static str,
    kind_zh: &'static str,
    count: u64,
    sum_fen: i128,
    sum_yuan: String,
}

impl Sums {
    fn of(totals: &Totals, section: Section) -> Self {
        let kinds = totals.each(section).map(|(kind, Total { count, fen })| Sum {
            kind: kind.name(),
            kind_zh: kind.zh(),
            count,
            sum_fen: fen,
            sum_yuan: yuan(fen),
        });
        let net = totals.net(section);
        Self { kinds: kinds.collect(), count: net.count, net_fen: net.fen, net_yuan: yuan(net.fen) }
    }
}

/// Writes a statement as CSV: UTF-8 with a byte order mark, every cell quoted, every row with all columns.
pub struct Csv<W> {
    to: W,
    mid: String,
    date: String,
    complete: bool,
}

/// What begins every UTF-8 file that spreadsheet programs are to take for one.
const BYTE_ORDER_MARK: &str = "\u{feff}";

impl<W: Write> Csv<W> {
    /// A statement that goes there.
    pub fn new(to: W) -> Self {
        Self { to, mid: String::new(), date: String::new(), complete: false }
    }

    /// Where it went.
    pub fn into_inner(self) -> W {
        self.to
    }

    /// Writes the next part.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, part: Part<'_>) -> io::Result<()> {
        match part {
            Part::Head(Head { mid, day, complete }) => {
                (self.mid, self.date) = (shielded(mid.as_str()).into_owned(), day.to_string());
                self.complete = *complete;
                self.to.write_all(BYTE_ORDER_MARK.as_bytes())?;
                self.cells(
                    COLUMNS
                        .iter()
                        .map(|column| Cow::Owned(format!("{} {}", column.zh, column.name))),
                )
            }
            Part::Line(line) => {
                let row = Row::of(line);
                self.row(
                    line.kind.section().name(),
                    &[
                        ("record", row.record.to_string().into()),
                        ("time", row.time.into()),
                        ("kind", row.kind.into()),
                        ("kindZh", row.kind_zh.into()),
                        ("billMid", shielded(row.bill_mid)),
                        ("billNo", shielded(row.bill_no)),
                        ("billDate", row.bill_date.into()),
                        ("orderId", shielded(row.order_id)),
                        ("shareOrderId", shielded(row.share_order_id.unwrap_or_default())),
                        ("reference", shielded(row.reference.unwrap_or_default())),
                        ("targetOrderId", shielded(row.target_order_id.unwrap_or_default())),
                        ("channel", row.channel.into()),
                        ("tid", shielded(row.tid)),
                        ("transactionFen", row.transaction_fen.to_string().into()),
                        ("amountFen", row.amount_fen.to_string().into()),
                        ("amountYuan", row.amount_yuan.into()),
                        ("netFen", row.net_fen.to_string().into()),
                        ("text", shielded(row.text.unwrap_or_default())),
                    ],
                )
            }
            Part::Totals(totals) => {
                self.totals(totals, Section::Settlement, ["total", "net"], "结算净额")?;
                self.totals(totals, Section::Aside, ["asideTotal", "asideNet"], "待结净额")
            }
            Part::Digest(digest) => {
                let (kind, zh) = match self.complete {
                    true => ("complete", "已完结"),
                    false => ("incomplete", "未完结"),
                };
                let cells = [
                    ("kind", Cow::from(kind)),
                    ("kindZh", zh.into()),
                    // A digest of digits only would be taken for a number.
                    ("text", shielded(digest)),
                ];
                self.row("digest", &cells)?;
                self.to.flush()
            }
        }
    }

    fn totals(
        &mut self,
        totals: &Totals,
        section: Section,
        [one, all]: [&str; 2],
        net: &str,
    ) -> io::Result<()> {
        let cells = |kind: &'static str, zh: &str, Total { count, fen }: Total| {
            [
                ("kind", Cow::from(kind)),
                ("kindZh", zh.to_owned().into()),
                ("amountFen", fen.to_string().into()),
                ("amountYuan", yuan(fen).into()),
                ("count", count.to_string().into()),
            ]
        };
        for (kind, total) in totals.each(section) {
            self.row(one, &cells(kind.name(), kind.zh(), total))?;
        }
        self.row(all, &cells("", net, totals.net(section)))
    }

    /// Writes a row with these cells; the others are empty.
    fn row(&mut self, section: &str, cells: &[(&str, Cow<'_, str>)]) -> io::Result<()> {
        let (mid, date) = (self.mid.clone(), self.date.clone());
        let always = [("section", Cow::from(section)), ("mid", mid.into()), ("date", date.into())];
        let all = || always.iter().chain(cells);
        self.cells(COLUMNS.iter().map(|column| {
            let cell = all().find(|(name, _)| *name == column.name);
            cell.map_or(Cow::Borrowed(""), |(_, cell)| Cow::Borrowed(&**cell))
        }))
    }

    fn cells<'a>(&mut self, cells: impl Iterator<Item = Cow<'a, str>>) -> io::Result<()> {
        for (place, cell) in cells.enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(self.to, "{comma}\"{}\"", cell.replace('"', "\"\""))?;
        }
        self.to.write_all(b"\r\n")
    }
}

/// A text as a cell that no spreadsheet takes for a formula, a number or a date: such a text gets an apostrophe
/// before it. One that begins with an apostrophe gets another, so that taking one away gives every text back.
pub(crate) fn shielded(text: &str) -> Cow<'_, str> {
    let formula = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\''];
    let number = |c: char| c.is_ascii_digit() || ".,:/+-eE% ".contains(c);
    let counts = text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(number);
    // What follows blanks is looked at too: some programs take blanks off.
    let risky =
        text.starts_with(char::is_control) || text.trim_start().starts_with(formula) || counts;
    if risky { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}
