//! Moments and days. Everything a person would call a date is meant in Beijing time (UTC+8).

use std::fmt;

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: i64 = 86_400_000;
/// Beijing is eight hours ahead of UTC all year round.
const BEIJING_MS: i64 = 8 * 3_600_000;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

/// A calendar day: days since 1970-01-01. Prints as `yyyy-MM-dd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// When a business day ends, in minutes after midnight in Beijing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayEnd(u16);

impl Moment {
    /// The moment so many milliseconds later; stays at the end of time rather than wrap around.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The moment so many days of 24 hours later.
    #[must_use]
    pub fn plus_days(self, days: u16) -> Self {
        self.plus_ms(i64::from(days).saturating_mul(MS_PER_DAY))
    }

    /// So many days earlier, to the millisecond.
    #[must_use]
    pub fn minus_days(self, days: u16) -> Self {
        self.plus_ms(i64::from(days).saturating_mul(MS_PER_DAY).saturating_neg())
    }

    /// The calendar day in Beijing.
    #[must_use]
    pub fn day(self) -> Day {
        self.business_day(DayEnd::MIDNIGHT)
    }

    /// The business day (结算日) the moment belongs to: what happens at `ends` or later counts for
    /// the next day.
    #[must_use]
    pub fn business_day(self, ends: DayEnd) -> Day {
        let end_ms = i64::from(ends.0).saturating_mul(MS_PER_MINUTE);
        let shift = BEIJING_MS.saturating_add(MS_PER_DAY).saturating_sub(end_ms);
        let day = self.0.saturating_add(shift).div_euclid(MS_PER_DAY);
        Day(i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX }))
    }
}

impl DayEnd {
    /// The end of the calendar day.
    pub const MIDNIGHT: Self = Self(24 * 60);

    /// Reads `HH:MM` from `00:01` to `24:00`; `00:00` is midnight too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let two = |text: &str| {
            (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse::<u16>().ok())?
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        if minutes > 59 {
            return None;
        }
        match hours.checked_mul(60)?.checked_add(minutes)? {
            0 => Some(Self::MIDNIGHT),
            end @ 1..=1440 => Some(Self(end)),
            _ => None,
        }
    }
}

impl fmt::Display for DayEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.div_euclid(60), self.0.rem_euclid(60))
    }
}

impl Day {
    /// The first day that can be written, 0001-01-01, and the last one, 9999-12-31.
    const BOUNDS: (i32, i32) = (-719_162, 2_932_896);

    /// The day of a date in the Gregorian calendar; `None` for a date that does not exist.
    #[must_use]
    pub fn from_date(year: u16, month: u8, day: u8) -> Option<Self> {
        // Days from civil, after H. Hinnant: years begin in March, so that the leap day comes last.
        let (y, m, d) = (i32::from(year), i32::from(month), i32::from(day));
        let y = if m <= 2 { y.checked_sub(1)? } else { y };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let shifted_month = if m > 2 { m.checked_sub(3)? } else { m.checked_add(9)? };
        let day_of_year = shifted_month
            .checked_mul(153)?
            .checked_add(2)?
            .div_euclid(5)
            .checked_add(d)?
            .checked_sub(1)?;
        let day_of_era = year_of_era
            .checked_mul(365)?
            .checked_add(year_of_era.div_euclid(4))?
            .checked_sub(year_of_era.div_euclid(100))?
            .checked_add(day_of_year)?;
        let day = Self(era.checked_mul(146_097)?.checked_add(day_of_era)?.checked_sub(719_468)?);
        // A date that does not exist comes back as another one.
        let (least, most) = Self::BOUNDS;
        let real =
            (least..=most).contains(&day.0) && day.date() == (year, month, d.try_into().ok()?);
        real.then_some(day)
    }

    /// Year, month and day of the month. A day outside the years 1 to 9999 is shown as the nearest one inside.
    #[must_use]
    pub fn date(self) -> (u16, u8, u8) {
        let (least, most) = Self::BOUNDS;
        let z = self.0.clamp(least, most).saturating_add(719_468);
        let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let year_of_era = day_of_era
            .saturating_sub(day_of_era.div_euclid(1_460))
            .saturating_add(day_of_era.div_euclid(36_524))
            .saturating_sub(day_of_era.div_euclid(146_096))
            .div_euclid(365);
        let before = year_of_era
            .saturating_mul(365)
            .saturating_add(year_of_era.div_euclid(4))
            .saturating_sub(year_of_era.div_euclid(100));
        let day_of_year = day_of_era.saturating_sub(before);
        let shifted_month = day_of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
        let before_month = shifted_month.saturating_mul(153).saturating_add(2).div_euclid(5);
        let day = day_of_year.saturating_sub(before_month).saturating_add(1);
        let month = if shifted_month < 10 {
            shifted_month.saturating_add(3)
        } else {
            shifted_month.saturating_sub(9)
        };
        let year = era
            .saturating_mul(400)
            .saturating_add(year_of_era)
            .saturating_add(i32::from(month <= 2));
        (
            year.try_into().unwrap_or(9999),
            month.try_into().unwrap_or(1),
            day.try_into().unwrap_or(1),
        )
    }

    /// Reads `yyyy-MM-dd`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |len: usize| {
            let part = parts.next()?;
            (part.len() == len && part.bytes().all(|b| b.is_ascii_digit())).then_some(part)
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let day = Self::from_date(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
        parts.next().is_none().then_some(day)
    }

    /// The moment at which the day ends as a business day: what happens then counts for the next.
    #[must_use]
    pub fn ends_at(self, ends: DayEnd) -> Moment {
        self.starts_at().plus_ms(i64::from(ends.0).saturating_mul(MS_PER_MINUTE))
    }

    /// The midnight in Beijing with which the day begins.
    #[must_use]
    pub fn starts_at(self) -> Moment {
        Moment(i64::from(self.0).saturating_mul(MS_PER_DAY).saturating_sub(BEIJING_MS))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}
