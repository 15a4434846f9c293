//! Revisions of the protocol.
//!
//! Every request names the day whose protocol it speaks. That day resolves to
//! the newest release not after it; no release is ever retired.

use std::{fmt, str::FromStr};

/// A day of the proleptic Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Date {
    // Invariant: a day that exists. The order of the fields is that of time.
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day that many days after 1970-01-01.
    pub fn from_unix_days(days: u32) -> Date {
        // Years are counted from March, so that the leap day ends one.
        // <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
        let days = u64::from(days) + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let narrow = |number: u64| u8::try_from(number).unwrap_or(1);
        Date {
            year: u16::try_from(year).unwrap_or(u16::MAX),
            month: narrow(month),
            day: narrow(day),
        }
    }

    /// How many days after 1970-01-01 it is; before it, fewer than none.
    pub(crate) fn unix_days(self) -> i64 {
        // The reverse of the above, and from the same page.
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    const fn literal(year: u16, month: u8, day: u8) -> Date {
        Date { year, month, day }
    }

    pub(crate) fn parse(text: &str) -> Option<Date> {
        let bytes = text.as_bytes();
        let (&[.., b'-', _, _, b'-', _, _], 10) = (bytes, bytes.len()) else { return None };
        let year = digits(text.get(..4)?)?;
        let month = u8::try_from(digits(text.get(5..7)?)?).ok()?;
        let day = u8::try_from(digits(text.get(8..)?)?).ok()?;
        (1 <= day && day <= days_in(year, month)).then_some(Date { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn digits(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

const FIRST_RELEASE: Date = Date::literal(2022, 10, 17);
const LATEST_RELEASE: Date = Date::literal(2026, 10, 15);

/// The days on which a stable release of the protocol came out, oldest first.
const RELEASES: [Date; 22] = [
    FIRST_RELEASE,
    Date::literal(2023, 1, 24),
    Date::literal(2023, 2, 22),
    Date::literal(2023, 6, 15),
    Date::literal(2023, 7, 15),
    Date::literal(2023, 8, 15),
    Date::literal(2023, 9, 15),
    Date::literal(2023, 10, 15),
    Date::literal(2023, 12, 15),
    Date::literal(2024, 2, 15),
    Date::literal(2024, 5, 15),
    Date::literal(2024, 6, 15),
    Date::literal(2024, 7, 15),
    Date::literal(2024, 10, 15),
    Date::literal(2025, 1, 15),
    Date::literal(2025, 4, 15),
    Date::literal(2025, 7, 15),
    Date::literal(2025, 10, 15),
    Date::literal(2026, 1, 15),
    Date::literal(2026, 4, 15),
    Date::literal(2026, 7, 15),
    LATEST_RELEASE,
];

/// The last release whose answers call themselves `application/json`.
const LAST_PLAIN_JSON: Date = Date::literal(2024, 7, 15);

/// A release of the protocol, in force for one request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision {
    // Invariant: one of `RELEASES`.
    release: Date,
}

impl Revision {
    /// The first release that has the client profile endpoint.
    pub const FIRST: Revision = Revision { release: FIRST_RELEASE };

    /// The newest release this crate knows.
    pub const LATEST: Revision = Revision { release: LATEST_RELEASE };

    /// The day the release came out.
    pub fn date(self) -> Date {
        self.release
    }

    /// The media type that answers carry at this release.
    pub fn media_type(self) -> &'static str {
        if self.release <= LAST_PLAIN_JSON {
            "application/json"
        } else {
            "application/vnd.api+json"
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.release.fmt(f)
    }
}

/// The revision a caller asks for: `YYYY-MM-DD`, with or without a suffix such
/// as `.pre`.
///
/// ```
/// use profile_protocol::{Date, RequestedRevision};
///
/// let asked: RequestedRevision = "2024-12-24".parse()?;
/// let today = Date::from_unix_days(20_780);
/// assert_eq!(asked.resolve(today)?.to_string(), "2024-10-15");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestedRevision {
    date: Date,
}

impl RequestedRevision {
    /// The newest release not after the day asked for.
    pub fn resolve(self, today: Date) -> Result<Revision, UnavailableRevision> {
        if today < self.date {
            return Err(UnavailableRevision::Future);
        }
        let newest = RELEASES.iter().rfind(|&&release| release <= self.date);
        newest.map(|&release| Revision { release }).ok_or(UnavailableRevision::TooEarly)
    }
}

impl FromStr for RequestedRevision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<RequestedRevision, InvalidRevision> {
        let (date, suffix) = match text.split_once('.') {
            Some((date, suffix)) => (date, Some(suffix)),
            None => (text, None),
        };
        let date = Date::parse(date).ok_or(InvalidRevision::NotADate)?;
        match suffix {
            None => Ok(RequestedRevision { date }),
            Some(suffix) if is_suffix(suffix) => Ok(RequestedRevision { date }),
            Some(_) => Err(InvalidRevision::Suffix),
        }
    }
}

fn is_suffix(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Why some text is not a [`RequestedRevision`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRevision {
    #[error("must be a calendar date written YYYY-MM-DD, with or without a suffix such as .pre")]
    NotADate,
    #[error("must have nothing after the date but a dot and 1 to 16 letters or digits")]
    Suffix,
}

/// Why no release answers to a [`RequestedRevision`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnavailableRevision {
    #[error(
        "is before the earliest available revision, {0}; use that date or a later one",
        Revision::FIRST
    )]
    TooEarly,
    #[error("is after today; use a date that has come")]
    Future,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TODAY: Date = Date::literal(2026, 11, 23);

    fn resolves(text: &str, release: &str) {
        let asked: RequestedRevision = text.parse().unwrap();
        assert_eq!(asked.resolve(TODAY).unwrap().to_string(), release);
    }

    #[test]
    fn a_day_resolves_to_the_newest_release_not_after_it() {
        resolves("2022-10-17", "2022-10-17");
        resolves("2023-01-23", "2022-10-17");
        resolves("2024-10-15", "2024-10-15");
        resolves("2026-07-15.pre", "2026-07-15");
        resolves("2026-11-23", "2026-10-15");
    }

    #[test]
    fn days_outside_what_has_been_released_are_unavailable() {
        let asks = |text: &str| text.parse::<RequestedRevision>().unwrap().resolve(TODAY);
        assert_eq!(asks("2022-10-16"), Err(UnavailableRevision::TooEarly));
        assert_eq!(asks("2026-11-24"), Err(UnavailableRevision::Future));
    }

    #[test]
    fn only_days_that_exist_are_dates() {
        for text in
            ["", "2024", "2024-1-15", "2024-13-01", "2024-00-10", "2023-02-29", "1900-02-29"]
        {
            assert_eq!(text.parse::<RequestedRevision>(), Err(InvalidRevision::NotADate), "{text}");
        }
        for text in ["2024-10-15Z", "+024-10-15", "2024-10-151", "２０24-10-15", "2024-10-15 "] {
            assert_eq!(text.parse::<RequestedRevision>(), Err(InvalidRevision::NotADate), "{text}");
        }
        for text in ["2024-10-15.", "2024-10-15.p re", "2024-10-15.aaaaaaaaaaaaaaaaa"] {
            assert_eq!(text.parse::<RequestedRevision>(), Err(InvalidRevision::Suffix), "{text}");
        }
        assert!("2024-02-29".parse::<RequestedRevision>().is_ok());
    }

    #[test]
    fn releases_stand_in_order_of_time() {
        assert!(RELEASES.is_sorted());
    }

    #[test]
    fn answers_changed_their_media_type_in_october_2024() {
        let revision =
            |text: &str| text.parse::<RequestedRevision>().unwrap().resolve(TODAY).unwrap();
        assert_eq!(revision("2024-07-15").media_type(), "application/json");
        assert_eq!(revision("2024-10-14").media_type(), "application/json");
        assert_eq!(revision("2024-10-15").media_type(), "application/vnd.api+json");
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(Date::from_unix_days(0).to_string(), "1970-01-01");
        assert_eq!(Date::from_unix_days(11_016).to_string(), "2000-02-29");
        assert_eq!(Date::from_unix_days(20_780).to_string(), "2026-11-23");
        assert_eq!(Date::literal(1969, 12, 31).unix_days(), -1);
        assert_eq!(Date::literal(1900, 3, 1).unix_days(), -25_508);
        assert_eq!(Date::literal(0, 1, 1).unix_days(), -719_528);
    }

    proptest! {
        #[test]
        fn every_counted_day_exists_and_the_next_is_later(days in 0u32..2_900_000) {
            let (day, next) = (Date::from_unix_days(days), Date::from_unix_days(days + 1));
            prop_assert_eq!(Date::parse(&day.to_string()), Some(day));
            prop_assert_eq!(day.unix_days(), i64::from(days));
            prop_assert!(day < next);
        }
    }
}
