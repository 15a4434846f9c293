//! Timestamps in responses.

use profile_protocol::Date;
use profile_store::Timestamp;

/// The time in RFC 3339, in UTC with a numeric offset and milliseconds:
/// `2026-11-23T18:05:08.123+00:00`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let (seconds, millis) = (time.millis() / 1_000, time.millis() % 1_000);
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let date = Date::from_unix_days(u32::try_from(day).unwrap_or(u32::MAX));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{millis:03}+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_its_milliseconds_and_offset() {
        let text = |millis| rfc3339(Timestamp::from_millis(millis));
        assert_eq!(text(0), "1970-01-01T00:00:00.000+00:00");
        assert_eq!(text(951_782_399_999), "2000-02-28T23:59:59.999+00:00");
        assert_eq!(text(1_795_457_108_123), "2026-11-23T18:05:08.123+00:00");
    }
}
