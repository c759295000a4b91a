//! Charts: bars side by side, drawn as SVG from whole numbers, with the same figures as a table for those who do not
//! see them. Colours are classes of the stylesheet, so that they are readable in the light and in the dark.

use std::fmt;

use askama::{Template, filters::HtmlSafe};

use crate::pages::{Language, Sheet, money};

/// The size of a chart in its own units, in which text has 11: small, so that it can be read on a phone.
const WIDTH: i64 = 360;
#[cfg(test)]
const HEIGHT: i64 = 186;
/// What the bars have: between the numbers at the left and the labels below.
const LEFT: i64 = 40;
const RIGHT: i64 = WIDTH - 4;
const TOP: i64 = 10;
const BOTTOM: i64 = 162;
/// Into how many parts the height is divided, at most.
const PARTS: i128 = 4;
/// More than there is money.
const MOST: i128 = 1_000_000_000_000_000_000_000_000_000_000;

/// What numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Sums in fen.
    Fen,
    /// So many.
    Count,
}

/// Bars of one colour.
pub(super) struct Series {
    /// What they show.
    pub(super) name: String,
    /// The class that colours them.
    pub(super) class: &'static str,
    /// How high they are. What is below nothing is shown as nothing, and told in the table.
    pub(super) values: Vec<i128>,
}

/// A place on the horizontal axis.
pub(super) struct Mark {
    /// Below the axis, where there is room.
    pub(super) short: String,
    /// In the table.
    pub(super) full: String,
}

/// What a chart shows.
pub(super) struct Plan {
    /// Its id on the page.
    pub(super) id: &'static str,
    /// Its title.
    pub(super) title: String,
    /// What it shows, for those who do not see it.
    pub(super) desc: String,
    /// What the marks are.
    pub(super) across: String,
    /// What the numbers mean.
    pub(super) unit: Unit,
    /// Every how many marks have their text below the axis.
    pub(super) every: usize,
    /// The places on the horizontal axis.
    pub(super) marks: Vec<Mark>,
    /// The bars.
    pub(super) series: Vec<Series>,
}

/// A chart, drawn. It is written into pages as it is: it escapes what it shows.
#[derive(Template)]
#[template(path = "console/chart.html")]
pub(super) struct Chart<'a> {
    page: &'a Sheet,
    plan: Plan,
    lines: Vec<Line>,
    bars: Vec<Bar>,
    texts: Vec<Text>,
}

impl HtmlSafe for Chart<'_> {}

/// A length in tenths of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tenths(i64);

struct Line {
    y: Tenths,
}

struct Bar {
    class: &'static str,
    x: Tenths,
    y: Tenths,
    width: Tenths,
    height: Tenths,
    hint: String,
}

struct Text {
    x: Tenths,
    y: Tenths,
    anchor: &'static str,
    text: String,
}

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.div_euclid(10), self.0.rem_euclid(10))
    }
}

impl Tenths {
    fn of(units: i64) -> Self {
        Self(units.saturating_mul(10))
    }
}

/// Draws a chart.
pub(super) fn draw(page: &Sheet, plan: Plan) -> Chart<'_> {
    let values = || plan.series.iter().flat_map(|series| series.values.iter().copied());
    let step = round_step(values().max().unwrap_or_default(), plan.unit);
    let parts = values().max().unwrap_or_default().clamp(1, MOST).saturating_add(step);
    let parts = parts.saturating_sub(1).checked_div(step).unwrap_or(1).max(1);
    let whole = step.saturating_mul(parts);
    let room = Tenths::of(BOTTOM.saturating_sub(TOP)).0;
    let height = |value: i128| {
        let scaled = value.clamp(0, whole).saturating_mul(i128::from(room)).checked_div(whole);
        let height = i64::try_from(scaled.unwrap_or_default()).unwrap_or(room).min(room);
        // What is there is seen, however small it is.
        if value > 0 { height.max(10) } else { 0 }
    };
    let (mut lines, mut texts) = (vec![], vec![]);
    for part in 0..=parts {
        let value = step.saturating_mul(part);
        let up = value.saturating_mul(i128::from(room)).checked_div(whole).unwrap_or_default();
        let y = Tenths::of(BOTTOM).0.saturating_sub(i64::try_from(up).unwrap_or(room));
        lines.push(Line { y: Tenths(y) });
        texts.push(Text {
            x: Tenths::of(LEFT.saturating_sub(4)),
            y: Tenths(y.saturating_add(40)),
            anchor: "end",
            text: short(value, plan.unit, page.language),
        });
    }
    let mut bars = vec![];
    let marks = i64::try_from(plan.marks.len()).unwrap_or(1).max(1);
    let span = Tenths::of(RIGHT.saturating_sub(LEFT)).0;
    let group = span.div_euclid(marks);
    let gap = group.div_euclid(6);
    let sides = i64::try_from(plan.series.len()).unwrap_or(1).max(1);
    let width = group.saturating_sub(gap).div_euclid(sides);
    for ((place, mark), number) in plan.marks.iter().enumerate().zip(0_i64..) {
        let left =
            span.saturating_mul(number).div_euclid(marks).saturating_add(LEFT.saturating_mul(10));
        for (series, side) in plan.series.iter().zip(0_i64..) {
            let value = series.values.get(place).copied().unwrap_or_default();
            let (x, tall) =
                (width.saturating_mul(side).saturating_add(gap.div_euclid(2)), height(value));
            if tall > 0 {
                bars.push(Bar {
                    class: series.class,
                    x: Tenths(left.saturating_add(x)),
                    y: Tenths(Tenths::of(BOTTOM).0.saturating_sub(tall)),
                    width: Tenths(width),
                    height: Tenths(tall),
                    hint: format!("{} · {}: {}", mark.full, series.name, plan.unit.show(value)),
                });
            }
        }
        if place.checked_rem(plan.every.max(1)) == Some(0) {
            texts.push(Text {
                x: Tenths(left.saturating_add(group.div_euclid(2))),
                y: Tenths::of(BOTTOM.saturating_add(16)),
                anchor: "middle",
                text: mark.short.clone(),
            });
        }
    }
    Chart { page, plan, lines, bars, texts }
}

impl Unit {
    /// The number in full.
    fn show(self, value: i128) -> String {
        match self {
            Self::Fen => money(value),
            Self::Count => value.to_string(),
        }
    }

    /// The smallest difference between two lines.
    fn least_step(self) -> i128 {
        match self {
            Self::Fen => 100,
            Self::Count => 1,
        }
    }
}

impl Chart<'_> {
    /// The rows of the table: a mark, and its number in each series.
    fn rows(&self) -> Vec<(&str, Vec<String>)> {
        let value = |place: usize| {
            let of = |series: &Series| series.values.get(place).copied().unwrap_or_default();
            self.plan.series.iter().map(|series| self.plan.unit.show(of(series))).collect()
        };
        let marks = self.plan.marks.iter().enumerate();
        marks.map(|(place, mark)| (mark.full.as_str(), value(place))).collect()
    }
}

/// 1, 2 or 5 and noughts: how far apart lines are for at most [`PARTS`] of them up to a value.
fn round_step(most: i128, unit: Unit) -> i128 {
    let wanted = most.clamp(0, MOST).saturating_add(PARTS - 1).div_euclid(PARTS);
    let mut ten = unit.least_step();
    loop {
        for step in [1, 2, 5].map(|digit: i128| ten.saturating_mul(digit)) {
            if step >= wanted {
                return step;
            }
        }
        ten = ten.saturating_mul(10);
    }
}

/// A round number as it stands beside its line.
fn short(value: i128, unit: Unit, language: Language) -> String {
    let value = match unit {
        Unit::Fen => value.div_euclid(100),
        Unit::Count => value,
    };
    let names: &[(i128, &str)] = match language {
        Language::English => &[(1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")],
        Language::Chinese => &[(100_000_000, "亿"), (10_000, "万")],
    };
    let Some((of, name)) = names.iter().find(|(of, _)| value >= *of) else {
        return value.to_string();
    };
    let tenths = value.saturating_mul(10).checked_div(*of).unwrap_or_default();
    match tenths.rem_euclid(10) {
        0 => format!("{}{name}", tenths.div_euclid(10)),
        tenth => format!("{}.{tenth}{name}", tenths.div_euclid(10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws values and answers the chart's lines as `number@y` and its bars as `x+width y+height`.
    fn drawn(unit: Unit, series: &[&[i128]]) -> (String, Vec<String>, Vec<String>) {
        let page = Sheet::plain(Language::English);
        let marks = (0..series.iter().map(|values| values.len()).max().unwrap_or(0))
            .map(|number| Mark { short: format!("m{number}"), full: format!("mark {number}") });
        let plan = Plan {
            id: "x",
            title: "A <title>".to_owned(),
            desc: "What \"it\" shows".to_owned(),
            across: "Mark".to_owned(),
            unit,
            every: 2,
            marks: marks.collect(),
            series: series
                .iter()
                .map(|values| Series {
                    name: "a & b".to_owned(),
                    class: "held",
                    values: values.to_vec(),
                })
                .collect(),
        };
        let chart = draw(&page, plan);
        let numbers = chart.texts.iter().filter(|text| text.anchor == "end");
        let lines = numbers.map(|text| text.text.clone()).collect();
        for bar in &chart.bars {
            assert!(bar.x >= Tenths::of(LEFT) && bar.x.0 + bar.width.0 <= RIGHT * 10, "outside");
            assert!(bar.y >= Tenths::of(TOP) && bar.y.0 + bar.height.0 <= BOTTOM * 10, "outside");
            assert!(bar.width.0 > 0 && bar.height.0 > 0, "not to be seen");
        }
        for text in &chart.texts {
            assert!((0..=WIDTH * 10).contains(&text.x.0) && (0..=HEIGHT * 10).contains(&text.y.0));
        }
        let bars = chart.bars.iter().map(|bar| format!("{} {}", bar.height, bar.hint)).collect();
        (chart.render().unwrap(), lines, bars)
    }

    #[test]
    fn numbers_on_the_axis_are_round() {
        let check = |unit, most: i128, expected: &[&str]| {
            assert_eq!(drawn(unit, &[&[most]]).1, expected, "{most}");
        };
        check(Unit::Count, 0, &["0", "1"]);
        check(Unit::Count, 1, &["0", "1"]);
        check(Unit::Count, 3, &["0", "1", "2", "3"]);
        check(Unit::Count, 17, &["0", "5", "10", "15", "20"]);
        check(Unit::Count, 1_400, &["0", "500", "1k", "1.5k"]);
        check(Unit::Fen, 1, &["0", "1"]);
        check(Unit::Fen, 50_000, &["0", "200", "400", "600"]);
        check(Unit::Fen, 610_000_000, &["0", "2M", "4M", "6M", "8M"]);
    }

    #[test]
    fn the_same_numbers_in_chinese() {
        let check =
            |value, expected| assert_eq!(short(value, Unit::Count, Language::Chinese), expected);
        check(500, "500");
        check(15_000, "1.5万");
        check(20_000_000, "2000万");
        check(200_000_000, "2亿");
    }

    #[test]
    fn bars_are_as_high_as_they_are_many() {
        let bars = drawn(Unit::Count, &[&[4, 0, 1], &[2, -7, 0]]).2;
        let expected =
            ["152.0 mark 0 · a & b: 4", "76.0 mark 0 · a & b: 2", "38.0 mark 2 · a & b: 1"];
        assert_eq!(bars, expected);
    }

    #[test]
    fn one_huge_value_leaves_the_small_ones_to_be_seen_and_nothing_outside() {
        for huge in [1_000_000_000_000_i128, MOST, i128::MAX] {
            let bars = drawn(Unit::Fen, &[&[1, huge, 0]]).2;
            assert_eq!(bars.len(), 2);
            assert!(bars[0].starts_with("1.0 "), "{bars:?}");
        }
        let many = vec![i128::MAX; 400];
        drawn(Unit::Count, &[&many]);
        drawn(Unit::Count, &[]);
        drawn(Unit::Count, &[&[]]);
        drawn(Unit::Fen, &[&[i128::MIN]]);
    }

    #[test]
    fn what_a_chart_shows_is_escaped_and_told_as_a_table() {
        let (page, ..) = drawn(Unit::Fen, &[&[50_000, 0]]);
        assert!(page.contains("<title id=\"x-title\">A &#60;title&#62;</title>"), "{page}");
        assert!(page.contains("a &#38; b") && !page.contains("<title>A <"));
        assert!(
            page.contains("<th scope=\"row\">mark 1</th><td class=\"sum\">¥0.00</td>"),
            "{page}"
        );
    }
}
