//! The settings about the disk of the data directory.

use std::time::Duration;

use super::{arguments::ServeArguments, document::SettingsTable, problem::ProblemReport};
use crate::{
    capacity::disk_space::{DiskMarks, MIB},
    limits,
};

/// The settings about the disk of the data directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DiskSettings {
    /// How long a commit may wait for the disk before requests are refused.
    pub wait_limit: Duration,
    /// The free space below which requests are refused.
    pub marks: DiskMarks,
    /// The bytes that are reserved for a start and for erasures.
    pub reserve_bytes: u64,
}

/// What a configuration file has of the settings about the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DiskFields {
    wait_seconds: Option<u64>,
    client_free_mib: Option<u64>,
    server_free_mib: Option<u64>,
    reserve_mib: Option<u64>,
}

impl DiskFields {
    pub(super) fn read(table: &mut SettingsTable<'_>, report: &mut ProblemReport) -> DiskFields {
        let mut number =
            |name, range: &_| table.take(name).and_then(|field| field.number(range, report));
        DiskFields {
            wait_seconds: number("disk_wait_seconds", &limits::TIMEOUT_SECONDS_RANGE),
            client_free_mib: number("client_free_mib", &limits::FREE_MIB_RANGE),
            server_free_mib: number("server_free_mib", &limits::FREE_MIB_RANGE),
            reserve_mib: number("reserve_mib", &limits::RESERVE_MIB_RANGE),
        }
    }
}

impl DiskSettings {
    /// Flags take precedence over the file, and the file over defaults.
    pub(super) fn new(arguments: &ServeArguments, file: DiskFields) -> DiskSettings {
        let standard = DiskMarks::default();
        let wait_seconds = arguments.disk_wait_seconds.or(file.wait_seconds);
        let bytes = |mib: Option<u64>, standard| mib.map_or(standard, |mib| mib * MIB);
        let client = arguments.client_free_mib.or(file.client_free_mib);
        let server = arguments.server_free_mib.or(file.server_free_mib);
        let reserve_mib = arguments.reserve_mib.or(file.reserve_mib);
        DiskSettings {
            wait_limit: wait_seconds.map_or(limits::DISK_WAIT, Duration::from_secs),
            marks: DiskMarks {
                client_bytes: bytes(client, standard.client_bytes),
                server_bytes: bytes(server, standard.server_bytes),
            },
            reserve_bytes: reserve_mib.unwrap_or(limits::RESERVE_MIB) * MIB,
        }
    }
}
