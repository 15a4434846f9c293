//! The settings about the log.

use super::{arguments::ServeArguments, document::SettingsTable, problem::ProblemReport};
use crate::{limits, telemetry::LogFilter};

/// The settings about the log. A reload changes them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogSettings {
    /// Which lines are logged.
    pub filter: LogFilter,
    /// Whether each request is logged.
    pub access_log: bool,
    /// The lines about refused requests of one company in a second.
    pub refusal_lines: u32,
}

/// What a configuration file has of the settings about the log.
#[derive(Clone, Debug, Default)]
pub(super) struct LogFileFields {
    filter: Option<LogFilter>,
    access_log: Option<bool>,
    refusal_lines: Option<u64>,
}

impl LogFileFields {
    pub(super) fn read(table: &mut SettingsTable<'_>, report: &mut ProblemReport) -> LogFileFields {
        let mut take = |name| table.take(name);
        LogFileFields {
            filter: take("log").and_then(|field| field.parse(report)),
            access_log: take("access_log").and_then(|field| field.boolean(report)),
            refusal_lines: take("refusal_lines")
                .and_then(|field| field.number(&limits::REFUSAL_LINES_RANGE, report)),
        }
    }
}

impl LogSettings {
    /// Flags take precedence over the file, and the file over defaults.
    pub(super) fn new(arguments: &ServeArguments, file: LogFileFields) -> LogSettings {
        let lines = arguments.refusal_lines.or(file.refusal_lines);
        let lines = lines.and_then(|lines| u32::try_from(lines).ok());
        LogSettings {
            filter: arguments.log.clone().or(file.filter).unwrap_or_default(),
            access_log: arguments.access_log.or(file.access_log).unwrap_or(false),
            refusal_lines: lines.unwrap_or(limits::REFUSAL_LINES),
        }
    }
}
