//! Dates as they are known of people in captivity: often a year, sometimes a month, or a span of years.
//! May not know whose date it is.

use crate::time::UnixMillis;
use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

/// What a date must look like, for error messages.
pub const DATE_FORMS: &str = "1994, 1994-03, 1994-03-17, or a range such as 1990..1995";

/// A moment as RFC 3339 has it, in UTC; none past the calendar's end.
#[must_use]
pub fn moment_text(moment: UnixMillis) -> Option<String> {
    let moment = jiff::Timestamp::from_millisecond(i64::try_from(moment.0).ok()?).ok()?;
    Some(moment.to_string())
}

/// A calendar date known to the year, the month or the day: `year u16 ‖ month u8 ‖ day u8`, 0 where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The date, if the calendar has it: year 1 to 9999, no day without its month.
    #[must_use]
    pub fn new(year: u16, month: Option<u8>, day: Option<u8>) -> Option<Self> {
        let number = |part: Option<u8>| i8::try_from(part.unwrap_or(1)).ok();
        let year_number = i16::try_from(year).ok()?;
        jiff::civil::Date::new(year_number, number(month)?, number(day)?).ok()?;
        let whole = year >= 1 && (day.is_none() || month.is_some());
        whole.then(|| Self { year, month: month.unwrap_or(0), day: day.unwrap_or(0) })
    }

    /// The day of a moment, in UTC; none past the calendar's end.
    #[must_use]
    pub fn of(moment: UnixMillis) -> Option<Self> {
        Self::parse(moment_text(moment)?.get(..10)?)
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, where known.
    #[must_use]
    pub fn month(self) -> Option<u8> {
        (self.month != 0).then_some(self.month)
    }

    /// The day, where known.
    #[must_use]
    pub fn day(self) -> Option<u8> {
        (self.day != 0).then_some(self.day)
    }

    /// Reads `1994`, `1994-03` or `1994-03-17`, digits exactly so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |part: &str, count: usize| -> Option<u16> {
            let plain = part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        let short = |part: Option<&str>| match part {
            None => Some(None),
            Some(part) => digits(part, 2).and_then(|number| u8::try_from(number).ok()).map(Some),
        };
        let mut parts = text.split('-');
        let year = digits(parts.next()?, 4)?;
        let (month, day) = (short(parts.next())?, short(parts.next())?);
        if parts.next().is_some() || month == Some(0) || day == Some(0) {
            return None;
        }
        Self::new(year, month, day)
    }

    /// Its first day.
    fn first(self) -> (u16, u8, u8) {
        (self.year, self.month().unwrap_or(1), self.day().unwrap_or(1))
    }

    /// Its last day.
    fn last(self) -> (u16, u8, u8) {
        let month = self.month().unwrap_or(12);
        let ends = |day: &u8| Self::new(self.year, Some(month), Some(*day)).is_some();
        let day = self.day().or_else(|| (28..=31).rev().find(ends));
        (self.year, month, day.unwrap_or(31))
    }
}

impl<C> Decode<C> for Date {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (year, month, day) = <(u16, u8, u8)>::decode(decoder)?;
        let known = |part: u8| (part != 0).then_some(part);
        Self::new(year, known(month), known(day)).ok_or(DecodeError::Other("the calendar has no such date"))
    }
}

bincode::impl_borrow_decode!(Date);

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}", self.year)?;
        for part in [self.month(), self.day()].into_iter().flatten() {
            write!(f, "-{part:02}")?;
        }
        Ok(())
    }
}

/// A date that may be partial, or somewhere in a range: `from ‖ (0 | 1 ‖ to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode)]
pub struct PartialDate {
    from: Date,
    to: Option<Date>,
}

impl PartialDate {
    /// One date, as far as it is known.
    #[must_use]
    pub const fn on(date: Date) -> Self {
        Self { from: date, to: None }
    }

    /// Some day from the first of `from` to the last of `to`; nothing when the range is empty.
    #[must_use]
    pub fn between(from: Date, to: Date) -> Option<Self> {
        (from.first() < to.last() && from != to).then_some(Self { from, to: Some(to) })
    }

    /// The date, or the range's first.
    #[must_use]
    pub const fn from(self) -> Date {
        self.from
    }

    /// The range's last, where it is a range.
    #[must_use]
    pub const fn to(self) -> Option<Date> {
        self.to
    }

    /// The ages in completed years on `on` of someone born on this date: one where it is known well enough, else
    /// from the youngest to the oldest possible. Who is born on 29 February completes a year on 1 March.
    #[must_use]
    pub fn ages_on(self, on: Date) -> std::ops::RangeInclusive<u16> {
        let years = |birth: (u16, u8, u8), on: (u16, u8, u8)| {
            let before_birthday = (on.1, on.2) < (birth.1, birth.2);
            on.0.saturating_sub(birth.0).saturating_sub(u16::from(before_birthday))
        };
        let youngest = years(self.to.unwrap_or(self.from).last(), on.first());
        youngest..=years(self.from.first(), on.last())
    }

    /// Whether both may be of one day.
    #[must_use]
    pub fn may_be(self, other: Self) -> bool {
        let last = |date: Self| date.to.unwrap_or(date.from).last();
        self.from.first() <= last(other) && other.from.first() <= last(self)
    }

    /// Reads one of [`DATE_FORMS`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once("..") {
            None => Date::parse(text).map(Self::on),
            Some((from, to)) => Self::between(Date::parse(from)?, Date::parse(to)?),
        }
    }
}

impl<C> Decode<C> for PartialDate {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match <(Date, Option<Date>)>::decode(decoder)? {
            (date, None) => Ok(Self::on(date)),
            (from, Some(to)) => Self::between(from, to).ok_or(DecodeError::Other("the range is empty")),
        }
    }
}

bincode::impl_borrow_decode!(PartialDate);

impl std::fmt::Display for PartialDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to {
            None => self.from.fmt(f),
            Some(to) => write!(f, "{}..{to}", self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn partial_dates_and_ranges_read_and_write_the_same() {
        for text in ["1994", "1994-03", "1996-02-29", "1990..1995", "1990-05..1990-07-02", "1990..1990-03"] {
            let date = PartialDate::parse(text).unwrap();
            assert_eq!(date.to_string(), text);
            let bytes = encode(&date, 64).unwrap();
            assert_eq!(decode::<PartialDate>(&bytes, 64).unwrap(), date);
        }
    }

    #[test]
    fn dates_may_be_of_one_day_where_their_days_meet() {
        let may_be = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|text| PartialDate::parse(text).unwrap());
            assert_eq!(a.may_be(b), b.may_be(a));
            a.may_be(b)
        };
        assert!(may_be("1994", "1994-03-17") && may_be("1990..1994", "1994-12") && may_be("1994", "1994"));
        assert!(!may_be("1994", "1995-01-01") && !may_be("1990..1993-02", "1993-03-01"));
    }

    #[test]
    fn days_the_calendar_lacks_and_loose_forms_are_refused() {
        for text in [
            "",
            "94",
            "1994-3",
            "1994-13",
            "1995-02-29",
            "1994-00",
            "17.03.1994",
            "1994-03-17-01",
            "1995..1990",
            "1994..1994",
            "1994..",
            "0000",
            "+994",
            " 1994",
        ] {
            assert_eq!(PartialDate::parse(text), None, "{text}");
        }
        // A range of one day or of none, by the days that its ends have.
        for text in ["1990-02-28..1990-02", "1990-12..1990-12-01", "1990..1990-01-01", "1990-12-31..1990"] {
            assert_eq!(PartialDate::parse(text), None, "{text}");
        }
        let [from, to] = ["1990-02-28", "1990-02"].map(|text| Date::parse(text).unwrap());
        assert!(decode::<PartialDate>(&encode(&(from, Some(to)), 64).unwrap(), 64).is_err());
        assert!(PartialDate::parse("1992-02-28..1992-02").is_some(), "a leap year has one day more");
        // Day without a month, and 30 February.
        assert!(decode::<Date>(&[0xca, 0x07, 0, 1], 64).is_err());
        assert!(decode::<Date>(&[0xca, 0x07, 2, 30], 64).is_err());
    }
}
