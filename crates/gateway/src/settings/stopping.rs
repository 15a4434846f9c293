//! The settings about how the process stops.

use std::time::Duration;

use super::{arguments::ServeArguments, document::SettingsTable, problem::ProblemReport};
use crate::limits;

/// The settings about how the process stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StopSettings {
    /// How long requests in flight may take when the process is to stop.
    pub drain: Duration,
    /// Whether the process stops after a failed write.
    pub exits_on_failed_write: bool,
}

/// What a configuration file has of these settings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StopFields {
    drain_seconds: Option<u64>,
    exit_on_failed_write: Option<bool>,
}

impl StopFields {
    pub(super) fn read(table: &mut SettingsTable<'_>, report: &mut ProblemReport) -> StopFields {
        let drain = table.take("drain_seconds");
        let exit = table.take("exit_on_failed_write");
        StopFields {
            drain_seconds: drain
                .and_then(|field| field.number(&limits::TIMEOUT_SECONDS_RANGE, report)),
            exit_on_failed_write: exit.and_then(|field| field.boolean(report)),
        }
    }
}

impl StopSettings {
    /// Flags take precedence over the file, and the file over defaults.
    pub(super) fn new(arguments: &ServeArguments, file: StopFields) -> StopSettings {
        let drain = arguments.drain_seconds.or(file.drain_seconds);
        let exits = arguments.exit_on_failed_write.or(file.exit_on_failed_write);
        StopSettings {
            drain: drain.map_or(limits::DRAIN, Duration::from_secs),
            exits_on_failed_write: exits.unwrap_or(false),
        }
    }
}
