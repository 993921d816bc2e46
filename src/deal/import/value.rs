//! Values of a proposal file: words, texts, moments, spans, numbers, points. What is wrong with one is said by the
//! place it stands at. May not know what a leg or a stage is.

use crate::deal::date::Date;
use crate::deal::import::{ImportError, THE_PROPOSAL};
use crate::deal::stage::{Point, Window};
use crate::deal::word::Text;
use crate::time::{Millis, UnixMillis};
use toml::Value;

/// Milliseconds of a day of 24 hours.
const DAY: i64 = 86_400_000;

/// A table of the file, for the place in errors, and the moment from which a time from now counts.
pub(super) struct At {
    /// Such as `leg 2`; empty at the top.
    place: String,
    pub(super) now: UnixMillis,
}

impl At {
    pub(super) const fn top(now: UnixMillis) -> Self {
        Self { place: String::new(), now }
    }

    pub(super) fn table(what: &str, number: usize, now: UnixMillis) -> Self {
        Self { place: format!("{what} {number}"), now }
    }

    /// What is wrong with the value of a key.
    pub(super) fn wrong(&self, key: &str, fault: impl Into<String>) -> ImportError {
        let comma = if self.place.is_empty() || key.is_empty() { "" } else { ", " };
        let place = format!("{}{comma}{key}", self.place);
        ImportError::Value { file: THE_PROPOSAL.to_owned(), place, fault: fault.into() }
    }

    pub(super) fn word<T>(
        &self,
        key: &str,
        given: Option<&String>,
        default: T,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ImportError> {
        given.map_or(Ok(default), |text| read(text).map_err(|fault| self.wrong(key, fault)))
    }

    /// One word or several, each once, in the order of the vocabulary.
    pub(super) fn words<T: Ord>(
        &self,
        key: &str,
        given: Option<&Value>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ImportError> {
        let several = match given {
            None => &[],
            Some(Value::Array(several)) => several.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let word = |value: &Value| {
            let text = value.as_str().ok_or_else(|| format!("{value} is no text: write it in quotes"));
            text.and_then(&read).map_err(|fault| self.wrong(key, fault))
        };
        let words: std::collections::BTreeSet<T> = several.iter().map(word).collect::<Result<_, _>>()?;
        Ok(words.into_iter().collect())
    }

    pub(super) fn text(&self, key: &str, given: Option<&String>) -> Result<Option<Text>, ImportError> {
        given.map(|text| self.needed(key, text)).transpose()
    }

    pub(super) fn needed(&self, key: &str, given: &str) -> Result<Text, ImportError> {
        Text::new(given).map_err(|error| self.wrong(key, error.to_string()))
    }

    /// A number of its type.
    pub(super) fn whole<T: TryFrom<i64>>(&self, key: &str, value: i64) -> Result<T, ImportError> {
        let fault =
            || format!("{value} is no such number: write a whole number from 0, and no larger than needed");
        T::try_from(value).map_err(|_| self.wrong(key, fault()))
    }

    /// A number counted from 1, as the index it is.
    pub(super) fn index<T: TryFrom<i64>>(&self, key: &str, number: i64) -> Result<T, ImportError> {
        let index =
            number.checked_sub(1).filter(|index| *index >= 0).and_then(|index| T::try_from(index).ok());
        index.ok_or_else(|| self.wrong(key, format!("{number} names nothing: count from 1")))
    }

    /// The index of what is named by its number, counted from 1, or by its name.
    pub(super) fn named(&self, key: &str, value: &Value, names: &[Option<&str>]) -> Result<u8, ImportError> {
        let name = match value {
            Value::Integer(number) => return self.index(key, *number),
            Value::String(name) => name,
            other => {
                return Err(
                    self.wrong(key, format!("{other} is no name: write a name in quotes, or a number"))
                );
            }
        };
        let mut found = names.iter().zip(0u8..).filter(|(known, _)| **known == Some(name.as_str()));
        match (found.next(), found.next()) {
            (Some((_, index)), None) => Ok(index),
            (None, _) => {
                Err(self.wrong(key, format!("{name:?} is not in the file: write a name or number that is")))
            }
            (Some(_), Some(_)) => {
                Err(self.wrong(key, format!("{name:?} is the name of several: write a number")))
            }
        }
    }

    /// A moment, or a time from now.
    pub(super) fn moment(&self, key: &str, value: &Value) -> Result<UnixMillis, ImportError> {
        let text = cell_text(value).unwrap_or_else(|| value.to_string());
        let moment = moment(&text).or_else(|| Some(self.now.plus(span(&text)?)));
        moment.ok_or_else(|| {
            let fault = format!(
                "{text:?} is neither a moment nor a duration: write such as 2031-05-01T12:00:00Z, 2031-05-01 for \
                 its begin in UTC, or a time from now such as 14 days"
            );
            self.wrong(key, fault)
        })
    }

    /// A span in whole seconds.
    pub(super) fn secs(&self, key: &str, text: &str) -> Result<u64, ImportError> {
        let whole = span(text).filter(|span| span.0 % 1_000 == 0).map(|span| span.0 / 1_000);
        whole.ok_or_else(|| {
            self.wrong(key, format!("{text:?} is no duration: write such as 36 hours, or 90 days"))
        })
    }

    pub(super) fn window(
        &self,
        from: Option<&Value>,
        to: Option<&Value>,
    ) -> Result<Option<Window>, ImportError> {
        match (from, to) {
            (None, None) => Ok(None),
            (Some(from), Some(to)) => {
                Ok(Some(Window { from: self.moment("from", from)?, to: self.moment("to", to)? }))
            }
            (None, Some(_)) => Err(self.wrong("from", "is missing beside to: give both, or neither")),
            (Some(_), None) => Err(self.wrong("to", "is missing beside from: give both, or neither")),
        }
    }

    /// `[latitude, longitude]` in degrees.
    pub(super) fn point(&self, key: &str, value: &Value) -> Result<Point, ImportError> {
        let angles = match value {
            Value::Array(angles) => angles.as_slice(),
            _ => &[],
        };
        let point = match angles {
            [latitude, longitude] => {
                angle(latitude).and_then(|latitude| Some(Point { latitude, longitude: angle(longitude)? }))
            }
            _ => None,
        };
        point.ok_or_else(|| {
            let fault = format!(
                "{value} is no point: write latitude and longitude in degrees, north and east positive, such as \
                 [50.1234567, 30.25]"
            );
            self.wrong(key, fault)
        })
    }
}

/// Degrees in 1e-7: a double holds seven decimals of them exactly, and further ones are rounded.
fn angle(value: &Value) -> Option<i32> {
    let degrees = match value {
        Value::Float(degrees) => *degrees,
        Value::Integer(degrees) => f64::from(i32::try_from(*degrees).ok()?),
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
    (degrees.abs() <= 180.0).then(|| (degrees * 1e7).round() as i32)
}

/// A moment as RFC 3339 has it, or the begin of a day in UTC.
pub(crate) fn moment(text: &str) -> Option<UnixMillis> {
    let text = text.trim();
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date = Date::parse(text)?;
        format!("{date}T00:00:00Z").parse().ok().filter(|_| date.day().is_some())
    })?;
    u64::try_from(moment.as_millisecond()).ok().map(UnixMillis)
}

/// A span of time with days of 24 hours, months of 30 days and years of 365.
pub(crate) fn span(text: &str) -> Option<Millis> {
    let span = text.parse::<jiff::Span>().ok()?;
    let days = i64::from(span.get_years()) * 365 + i64::from(span.get_months()) * 30;
    let rest = span.years(0).months(0).to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    let millis = rest.as_millis() + i128::from(days) * i128::from(DAY);
    u64::try_from(millis).ok().map(Millis)
}

/// What a cell of TOML says, as a cell of a CSV would.
pub(super) fn cell_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Datetime(moment) => Some(moment.to_string()),
        _ => None,
    }
}
