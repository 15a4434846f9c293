//! The settings about the archive of the journal.

use std::{path::PathBuf, time::Duration};

use super::{arguments::ServeArguments, document::SettingsTable, problem::ProblemReport};
use crate::limits;

/// The settings about the archive of the journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ArchiveSettings {
    /// Where files of the journal are kept. `None`: they are not.
    pub directory: Option<PathBuf>,
    /// The time between two steps that bring the archive up to date.
    pub period: Duration,
}

/// What a configuration file has of these settings.
#[derive(Clone, Debug, Default)]
pub(super) struct ArchiveFields {
    directory: Option<PathBuf>,
    seconds: Option<u64>,
}

impl ArchiveFields {
    pub(super) fn read(table: &mut SettingsTable<'_>, report: &mut ProblemReport) -> ArchiveFields {
        let named = table.take("journal_archive");
        let seconds = table.take("journal_archive_seconds");
        ArchiveFields {
            directory: named.and_then(|field| field.file(report)),
            seconds: seconds.and_then(|field| field.number(&limits::ARCHIVE_SECONDS_RANGE, report)),
        }
    }
}

impl ArchiveSettings {
    /// Flags take precedence over the file, and the file over defaults.
    pub(super) fn new(arguments: &ServeArguments, file: ArchiveFields) -> ArchiveSettings {
        let seconds = arguments.journal_archive_seconds.or(file.seconds);
        ArchiveSettings {
            directory: arguments.journal_archive.clone().or(file.directory),
            period: seconds.map_or(limits::ARCHIVE_PERIOD, Duration::from_secs),
        }
    }
}
