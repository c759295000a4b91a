//! Times as the protocol writes them: Beijing time (UTC+8) without an offset (`protocol.md` section 0).

use holdfast_domain::{Day, Moment};

const MS_PER_SECOND: i64 = 1_000;

/// Reads `yyyy-MM-dd HH:mm:ss`, or `yyyyMMddHHmmss` as some callers send it
/// (`protocol.md` section 9). `None` for a time that does not exist.
#[must_use]
pub fn parse(text: &str) -> Option<Moment> {
    let Some((day, time)) = text.split_once(' ') else { return parse_stamp(text) };
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    at(Day::parse(day)?, hour, minute, second)
}

/// Reads `yyyyMMddHHmmss`. `None` for a time that does not exist.
#[must_use]
pub fn parse_stamp(text: &str) -> Option<Moment> {
    let (day, time) = text.split_at_checked(8)?;
    at(parse_day(day)?, time.get(0..2)?, time.get(2..4)?, time.get(4..)?)
}

/// Reads `yyyyMMdd`. `None` for a day that does not exist.
pub(crate) fn parse_day(text: &str) -> Option<Day> {
    let year = number(text.get(0..4)?)?;
    let (month, day) = (two_digits(text.get(4..6)?)?, two_digits(text.get(6..)?)?);
    Day::from_date(year, month, day)
}

/// The moment as `yyyy-MM-dd HH:mm:ss`, without what is less than a second.
#[must_use]
pub fn show(moment: Moment) -> String {
    let (hour, minute, second) = clock(moment);
    format!("{} {hour:02}:{minute:02}:{second:02}", moment.day())
}

/// The moment as `yyyyMMddHHmmss`, without what is less than a second.
#[must_use]
pub fn show_stamp(moment: Moment) -> String {
    let (year, month, day) = moment.day().date();
    let (hour, minute, second) = clock(moment);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

fn at(day: Day, hour: &str, minute: &str, second: &str) -> Option<Moment> {
    let (hour, minute, second) = (two_digits(hour)?, two_digits(minute)?, two_digits(second)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Some(day.starts_at().plus_ms(seconds * MS_PER_SECOND))
}

/// Hour, minute and second in Beijing.
fn clock(moment: Moment) -> (i64, i64, i64) {
    let since = moment.0.saturating_sub(moment.day().starts_at().0).clamp(0, 86_399_999);
    let seconds = since / MS_PER_SECOND;
    (seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn two_digits(text: &str) -> Option<u8> {
    if text.len() == 2 { number(text)?.try_into().ok() } else { None }
}

fn number(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
