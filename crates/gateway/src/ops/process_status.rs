//! What the system knows about this process: processor time, memory and files.

use std::{fs, time::Duration};

use rustix::{
    param,
    process::{Resource, getrlimit},
};

use crate::metrics::ProcessReading;

/// The process as it is now. `None` where there is no `/proc`.
pub(crate) fn read() -> Option<ProcessReading> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Without the directory that is being read.
    let open_files = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    let started = boot_time()?;
    let reading = ProcessReading {
        open_files: open_files as u64,
        most_files: getrlimit(Resource::Nofile).current,
        ..parse(&stat, param::clock_ticks_per_second(), param::page_size() as u64)?
    };
    Some(ProcessReading { started: started + reading.started, ..reading })
}

/// The time since 1970 at which the system started.
fn boot_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Parses `/proc/self/stat`. `started` is the time since the start of the system.
fn parse(stat: &str, ticks_per_second: u64, page: u64) -> Option<ProcessReading> {
    // The name of the program ends at the last bracket, and may have others.
    let (_, fields) = stat.rsplit_once(") ")?;
    // proc(5) counts the fields from 1, and the first of these is the third.
    let field = |number: usize| fields.split(' ').nth(number - 3)?.trim().parse::<u64>().ok();
    let time = |ticks: u64| Duration::from_millis(ticks * 1_000 / ticks_per_second.max(1));
    Some(ProcessReading {
        cpu: time(field(14)? + field(15)?),
        threads: field(20)?,
        started: time(field(22)?),
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * page,
        open_files: 0,
        most_files: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_manual() {
        let stat = "7 (a) (b)) S 1 7 7 0 -1 4194560 500 0 0 0 250 50 0 0 20 0 9 0 12345 4096000 \
                    100 18446744073709551615 1 1\n";
        let read = parse(stat, 100, 4_096).unwrap();
        assert_eq!(read.cpu, Duration::from_secs(3));
        assert_eq!((read.threads, read.virtual_bytes), (9, 4_096_000));
        assert_eq!(read.resident_bytes, 409_600);
        assert_eq!(read.started, Duration::from_millis(123_450));
        assert!(parse("7 (a", 100, 4_096).is_none());
    }
}
