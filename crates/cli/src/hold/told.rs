//! Previews and timelines as people read them: whose the money is, in columns.

use holdfast_domain::{Amount, Moment, yuan};
use holdfast_wire::{
    field::{Fen, Once, Party, Verdict},
    messages::{Action, Happened, Movement, Previewed, Standing, TimelineTold},
    time,
};

use crate::screen::{self, Screen, Tone, left, right};

/// What a request would do.
pub(super) fn preview(screen: &Screen, told: &Previewed) -> String {
    let (tone, en, zh) = match (&told.verdict, &told.once) {
        (Verdict::Done, Some(Once::Channel)) => {
            (Tone::Good, "would be done once the channel agrees", "渠道同意后将会执行")
        }
        (Verdict::Done, Some(Once::Payer)) => {
            (Tone::Good, "would be done; the payer's payment then writes", "将会执行；付款后写入")
        }
        (Verdict::Done, _) => (Tone::Good, "would be done at once", "将会立即执行"),
        (Verdict::Repeat, _) => (Tone::Notable, "would be a repeat", "属于重复请求"),
        _ => (Tone::Bad, "would be refused", "将被拒绝"),
    };
    let mut lines = vec![screen.tone(tone, &format!("{en} · {zh}"))];
    if told.verdict != Verdict::Done {
        let whose = told.whose.as_ref().map_or_else(String::new, |whose| format!(" ({whose})"));
        lines.push(format!("{}{whose}", told.code));
        lines.push(format!("  {}", told.reason));
        lines.push(format!("  {}", told.reason_zh));
    }
    let entries = told.entries.as_ref().map_or(&[][..], |entries| entries.items());
    if !entries.is_empty() {
        let heading = ["from 转出", "to 转入", "yuan 元"].map(str::to_owned);
        let rows: Vec<[String; 3]> =
            std::iter::once(heading).chain(entries.iter().map(entry)).collect();
        lines.push(String::new());
        lines.extend(sums(2, &rows));
    }
    let standings = [("now 现在", &told.before), ("then 之后", &told.after)];
    let standings = standings.into_iter().filter_map(|(when, standing)| {
        let [held, taken, back] = columns(standing.as_ref()?);
        Some([when.to_owned(), held, taken, back])
    });
    let heading = ["", "held 冻结", "taken 已收", "given back 已退"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(heading).chain(standings).collect();
    if rows.len() > 1 {
        lines.push(String::new());
        lines.extend(sums(1, &rows));
    }
    match (&told.phase, &told.phase_after) {
        (Some(now), Some(then)) => lines.push(format!("\nphase 阶段: {now} → {then}")),
        (Some(now), None) => lines.push(format!("\nphase 阶段: {now}")),
        (None, Some(then)) => lines.push(format!("\nphase 阶段: → {then}")),
        (None, None) => {}
    }
    if let Some(deadline) = told.deadline {
        lines.push(goes_back(deadline));
    }
    lines.join("\n")
}

/// What happened to a bill, and what may be done next.
pub(super) fn timeline(screen: &Screen, told: &TimelineTold) -> String {
    let title = format!(
        "bill {} of {} · {} {} yuan · {}",
        told.bill_no,
        told.bill_date,
        told.kind,
        plain(told.total_amount),
        told.phase
    );
    let mut lines = vec![screen.tone(Tone::Strong, &title)];
    lines.extend(told.bill_desc.as_ref().map(ToString::to_string));
    lines.push(String::new());
    let left_out = told.left_out.0;
    if left_out > 0 {
        lines.push(format!(
            "… {left_out} earlier events are left out (省略较早的 {left_out} 个事件)"
        ));
    }
    lines.extend(events(screen, told.events.items()));
    lines.push(String::new());
    lines.extend(
        told.expire_time.map(|until| format!("can be paid until 付款截止: {}", time::show(until))),
    );
    lines.extend(told.deadline.map(goes_back));
    lines.push("may be done next 可执行:".to_owned());
    let (may, may_not): (Vec<&Action>, Vec<&Action>) =
        told.actions.items().iter().partition(|action| action.allowed);
    if may.is_empty() {
        lines.push("  nothing 无".to_owned());
    }
    lines.extend(may.into_iter().map(|action| doing(screen, Tone::Good, "✓", action)));
    if !may_not.is_empty() {
        lines.push("may not 不可执行:".to_owned());
        lines.extend(may_not.into_iter().map(|action| doing(screen, Tone::Quiet, "✗", action)));
    }
    if let Some(notices) = &told.notices {
        lines.push("notices 通知:".to_owned());
        let line = |notice: &holdfast_wire::messages::Told| {
            format!(
                "  {}  {}  {} ({} tries)",
                time::show(notice.at),
                notice.event,
                notice.state,
                notice.tries.0
            )
        };
        lines.extend(notices.items().iter().map(line));
    }
    lines.join("\n")
}

/// Events, each in two lines: the first with the ledger in columns, the second in words.
fn events(screen: &Screen, events: &[Happened]) -> Vec<String> {
    let heading = ["time 时间", "who", "what 事件", "yuan 元", "held", "taken", "given back"];
    let chinese = ["", "发起", "", "", "冻结", "已收", "已退"];
    let rows = [heading.map(str::to_owned), chinese.map(str::to_owned)].into_iter();
    let rows: Vec<[String; 7]> = rows
        .chain(events.iter().map(|event| {
            let [held, taken, back] = columns(&event.standing);
            let shown = time::show(event.at);
            [
                // The year is in the title's date.
                shown.get(5..).unwrap_or(&shown).to_owned(),
                event.who.as_str().to_owned(),
                event.event.to_string(),
                event.amount.map_or_else(String::new, plain),
                held,
                taken,
                back,
            ]
        }))
        .collect();
    let mut lines = sums(3, &rows).into_iter();
    let mut all: Vec<String> = lines.by_ref().take(2).collect();
    for (line, event) in lines.zip(events) {
        all.push(line);
        let mut words = format!("{:16}{} · {}", "", event.text, event.text_zh);
        if let Some(order) = &event.order {
            // On a line of its own where it would not fit a terminal of the usual width.
            let room = screen::width(&words).saturating_add(order.as_str().len()) < 78;
            let between = if room { " · ".to_owned() } else { format!("\n{:16}", "") };
            words.push_str(&format!("{between}{order}"));
        }
        all.push(screen.tone(Tone::Quiet, &words));
        all.extend(
            asked(event).map(|words| screen.tone(Tone::Quiet, &format!("{:16}{words}", ""))),
        );
    }
    all
}

/// Who asked for it and in which request, where that says more than the column does.
fn asked(event: &Happened) -> Option<String> {
    let own = event.operator.as_ref().or(event.app_id.as_ref()).map(ToString::to_string);
    let second = event.approver.as_ref().map(|name| format!("approved by 复核 {name}"));
    let request = event.request_id.as_ref().map(|id| format!("request 请求 {id}"));
    let words: Vec<String> = [own, second, request].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(" · "))
}

/// A table whose first columns are words, and the others sums.
fn sums<const N: usize>(words: usize, rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(screen::width(cell));
        }
    }
    let line = |cells: &[String; N]| {
        let cells = cells.iter().zip(widths).enumerate().map(|(place, (cell, columns))| {
            if place < words { left(cell, columns) } else { right(cell, columns) }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn entry(entry: &Movement) -> [String; 3] {
    let side = |party: &Party| match (party, &entry.sub_mid) {
        (Party::Sub, Some(mid)) => format!("sub-merchant 子商户 {mid}"),
        (party, _) => format!("{party} {}", party_zh(party)),
    };
    [side(&entry.from), side(&entry.to), plain(entry.amount)]
}

fn party_zh(party: &Party) -> &'static str {
    match party {
        Party::Payer => "付款人",
        Party::Held => "冻结",
        Party::Merchant => "商户",
        Party::Undivided => "待分账",
        Party::Sub => "子商户",
        Party::Other(_) => "",
    }
}

/// Held, taken by whoever, given back.
fn columns(standing: &Standing) -> [String; 3] {
    let Standing { held, taken, undivided, others, given_back } = standing;
    let taken = [taken, undivided, others].map(|fen| i128::from(fen.fen())).into_iter().sum();
    let one = |fen: &Fen| yuan(fen.fen().into());
    [one(held), yuan(taken), one(given_back)]
}

fn doing(screen: &Screen, tone: Tone, sign: &str, action: &Action) -> String {
    let name = left(action.action.as_str(), 8);
    format!(
        "  {}  {}\n{:14}{}",
        screen.tone(tone, &format!("{sign} {name}")),
        action.text,
        "",
        action.text_zh
    )
}

fn goes_back(deadline: Moment) -> String {
    format!("goes back by itself 到期自动解冻: {}", time::show(deadline))
}

fn plain(amount: Amount) -> String {
    yuan(amount.fen().into())
}
