//! The clocks. No other file of this crate reads one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use profile_protocol::Date;

/// The time since the process started, and the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the rim that reads the clock")]
    pub fn start() -> Clock {
        Clock { started: Instant::now() }
    }

    /// The time since the start. It never decreases, even if the time of day is changed.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Seconds since 1970-01-01, UTC.
    pub fn unix_seconds(&self) -> u64 {
        self.unix_time().as_secs()
    }

    /// Time since 1970-01-01, UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the rim that reads the clock")]
    pub fn unix_time(&self) -> Duration {
        // A clock that is set before 1970 counts as 1970.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
    }

    /// The current date in UTC.
    pub fn today(&self) -> Date {
        date_of(self.unix_time())
    }
}

/// The date in UTC that long after 1970-01-01.
pub(crate) fn date_of(unix_time: Duration) -> Date {
    const DAY: u64 = 24 * 60 * 60;
    Date::from_unix_days(u32::try_from(unix_time.as_secs() / DAY).unwrap_or(u32::MAX))
}
