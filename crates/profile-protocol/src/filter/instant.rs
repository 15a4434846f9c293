//! Moments, as RFC 3339 writes them, and as programs that follow ISO 8601 more freely do.

use std::str::FromStr;

use crate::Date;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;
const SECOND: i64 = 1_000;

/// A moment, as far as whole milliseconds can tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Instant {
    /// The last whole millisecond not after it, counted from 1970, UTC.
    pub(crate) floor: i64,
    /// The first whole millisecond not before it.
    pub(crate) ceiling: i64,
}

impl Instant {
    /// Reads `2023-03-01T01:00:00Z`, with a fraction and an offset if need be. The `T` may be a
    /// space, the seconds may be left out, and so may the time, for midnight. A space before an
    /// offset is the `+` that it was before a query was decoded; no offset at all is none.
    pub(crate) fn parse(text: &str) -> Option<Instant> {
        let (date, rest) = (text.get(..10)?, text.get(10..)?);
        let midnight = Date::parse(date)?.unix_days() * DAY;
        if rest.is_empty() {
            return Some(Instant { floor: midnight, ceiling: midnight });
        }
        let time = rest.strip_prefix(['T', 't', ' '])?;
        let (minutes, rest) = (time.get(..5)?, time.get(5..)?);
        let (seconds, rest) = seconds(rest)?;
        let (fraction, offset) = if seconds.is_some() { fraction(rest)? } else { (WHOLE, rest) };
        let begun = midnight + hours_and_minutes(minutes)? + seconds.unwrap_or(0);
        let begun = begun - self::offset(offset)?;
        Some(Instant { floor: begun + fraction.floor, ceiling: begun + fraction.ceiling })
    }
}

/// A time that a person or a program names, in whole milliseconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NamedTime {
    millis: u64,
}

impl NamedTime {
    /// Milliseconds since 1970, UTC. What is less than a millisecond does not count.
    pub const fn unix_millis(self) -> u64 {
        self.millis
    }
}

/// Reads what filters read: `2026-11-30T12:00:00Z`, from 1970 on.
impl FromStr for NamedTime {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<NamedTime, InvalidTime> {
        let instant = Instant::parse(text).and_then(|instant| u64::try_from(instant.floor).ok());
        instant.map(|millis| NamedTime { millis }).ok_or(InvalidTime)
    }
}

/// The text is not a [`NamedTime`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be a time such as 2026-11-30T12:00:00Z")]
pub struct InvalidTime;

/// No fraction of a second.
const WHOLE: Instant = Instant { floor: 0, ceiling: 0 };

/// `01:00`.
fn hours_and_minutes(clock: &str) -> Option<i64> {
    let &[_, _, b':', _, _] = clock.as_bytes() else { return None };
    Some(two_digits(clock.get(..2)?, 23)? * HOUR + two_digits(clock.get(3..)?, 59)? * MINUTE)
}

/// The seconds, if there are any, and what follows them. A leap second counts as the one after it.
fn seconds(rest: &str) -> Option<(Option<i64>, &str)> {
    let Some(rest) = rest.strip_prefix(':') else { return Some((None, rest)) };
    let seconds = two_digits(rest.get(..2)?, 60)? * SECOND;
    Some((Some(seconds), rest.get(2..)?))
}

fn two_digits(text: &str, most: i64) -> Option<i64> {
    let number = if text.len() == 2 && digits(text) { text.parse().ok()? } else { return None };
    (number <= most).then_some(number)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The fraction of a second, in milliseconds, and what follows it.
fn fraction(rest: &str) -> Option<(Instant, &str)> {
    let Some(rest) = rest.strip_prefix('.') else {
        return Some((WHOLE, rest));
    };
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    let (fraction, rest) = (rest.get(..end)?, rest.get(end..)?);
    if fraction.is_empty() {
        return None;
    }
    let milliseconds = fraction.get(..3).unwrap_or(fraction);
    let beyond = fraction.get(3..).unwrap_or_default();
    let floor: i64 = format!("{milliseconds:0<3}").parse().ok()?;
    let whole = beyond.bytes().all(|digit| digit == b'0');
    Some((Instant { floor, ceiling: floor + i64::from(!whole) }, rest))
}

/// `Z`, or an offset such as `+02:00`, `+0200` or `-02`, in milliseconds. Without any, as some
/// clients write it, the time is UTC.
fn offset(text: &str) -> Option<i64> {
    if let "" | "Z" | "z" = text {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" | " " => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = (text.get(1..3)?, text.get(3..)?);
    let minutes = match minutes.strip_prefix(':') {
        Some(minutes) => two_digits(minutes, 59)?,
        None if minutes.is_empty() => 0,
        None => two_digits(minutes, 59)?,
    };
    Some(sign * (two_digits(hours, 23)? * HOUR + minutes * MINUTE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn reads(text: &str, floor: i64, ceiling: i64) {
        assert_eq!(Instant::parse(text), Some(Instant { floor, ceiling }), "{text}");
    }

    #[test]
    fn moments_are_counted_from_1970() {
        reads("1970-01-01T00:00:00Z", 0, 0);
        reads("2023-03-01T01:00:00Z", 1_677_632_400_000, 1_677_632_400_000);
        reads("2000-02-29t23:59:59z", 951_868_799_000, 951_868_799_000);
        reads("1969-12-31T23:59:59Z", -1_000, -1_000);
    }

    #[test]
    fn an_offset_is_how_far_the_clock_is_ahead() {
        let noon = 43_200_000;
        reads("1970-01-01T14:00:00+02:00", noon, noon);
        reads("1970-01-01T14:00:00 02:00", noon, noon);
        reads("1970-01-01T06:30:00-05:30", noon, noon);
        reads("1970-01-01T12:00:00-00:00", noon, noon);
    }

    #[test]
    fn without_an_offset_the_clock_is_that_of_utc() {
        reads("1970-01-01T12:00:00", 43_200_000, 43_200_000);
        reads("1970-01-01T12:00:00.123456", 43_200_123, 43_200_124);
    }

    #[test]
    fn times_are_read_as_real_programs_write_them() {
        let noon = 43_200_000;
        for text in [
            "1970-01-01T14:00:00+0200",
            "1970-01-01T14:00:00 0200",
            "1970-01-01T14:00+02",
            "1970-01-01 12:00:00",
            "1970-01-01 12:00",
            "1970-01-01 06:30-0530",
            "1970-01-01T12:00Z",
            "1970-01-01 12:00:00.000 00:00",
        ] {
            reads(text, noon, noon);
        }
        reads("1970-01-02", 86_400_000, 86_400_000);
    }

    #[test]
    fn a_fraction_counts_to_the_millisecond_and_one_below_lies_between_two() {
        reads("1970-01-01T00:00:01.5Z", 1_500, 1_500);
        reads("1970-01-01T00:00:01.0070000Z", 1_007, 1_007);
        reads("1970-01-01T00:00:01.007000001+00:00", 1_007, 1_008);
        reads("1969-12-31T23:59:59.9999Z", -1, 0);
    }

    #[test]
    fn a_leap_second_is_the_one_after_it() {
        reads("1972-06-30T23:59:60Z", 78_796_800_000, 78_796_800_000);
    }

    #[test]
    fn anything_else_is_no_moment() {
        for text in [
            "",
            "2023-03",
            "20230301",
            "2023-03-01T",
            "2023-03-01T01Z",
            "2023-03-01T01:00.5Z",
            "2023-03-01  01:00:00Z",
            "2023-03-01T01:00:00.Z",
            "2023-02-29T01:00:00Z",
            "2023-03-01T24:00:00Z",
            "2023-03-01T01:60:00Z",
            "2023-03-01T01:00:61Z",
            "2023-03-01T01:00:00+2:00",
            "2023-03-01T01:00:00+24:00",
            "2023-03-01T01:00:00+200",
            "2023-03-01T01:00:00+02:0",
            "2023-03-01T01:00:00+02:",
            "2023-03-01T01:00:00+020",
            "2023-03-01T01:00:00Z ",
            "2023-03-01T+1:00:00Z",
            "2023-03-01T01:00:00é1:00",
            "1677632400",
            "yesterday",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_read_as_it_was_written(
            days in 0u32..2_900_000,
            (hours, minutes, seconds) in (0i64..24, 0i64..60, 0i64..60),
            milliseconds in 0i64..1_000,
            ahead in -1_439i64..1_440,
        ) {
            let sign = if ahead < 0 { '-' } else { '+' };
            let (date, away) = (Date::from_unix_days(days), ahead.abs());
            let text = format!(
                "{date}T{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}{sign}{:02}:{:02}",
                away / 60,
                away % 60,
            );
            let expected = i64::from(days) * 86_400_000
                + ((hours * 60 + minutes - ahead) * 60 + seconds) * 1_000
                + milliseconds;
            let read = Instant::parse(&text);
            prop_assert_eq!(read, Some(Instant { floor: expected, ceiling: expected }));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Instant::parse(&text);
        }

        #[test]
        fn nothing_like_a_moment_makes_it_panic(text in "[0-9TZtz:.+ é-]{0,40}") {
            let _ = Instant::parse(&text);
        }
    }
}
