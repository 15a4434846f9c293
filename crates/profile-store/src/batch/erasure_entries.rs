//! What a batch reads for a deletion beyond profiles, and for the failed rows of imports.

use std::collections::BTreeSet;

use profile_protocol::ProfileId;

use crate::{Identifier, engine::Value, layout::key::ParsedKey, limits};

/// What was read of a company for a deletion, beyond profiles.
#[derive(Debug, Default)]
pub(super) struct ErasureEntries {
    /// Identifiers, each with the profile that has lost it.
    pub(super) former: Vec<(ProfileId, Identifier)>,
    /// The first and the last deletion job.
    pub(super) jobs: Vec<(ProfileId, Value)>,
    /// Failed rows of imports that name the person.
    pub(super) rows: BTreeSet<(ProfileId, u32)>,
    /// The records of these rows.
    pub(super) row_records: Vec<((ProfileId, u32), Value)>,
    /// Whether there may be more of them.
    pub(super) has_more_rows: bool,
}

impl ErasureEntries {
    /// Takes in an entry of a scan.
    pub(super) fn feed(&mut self, entry: ParsedKey, value: Value) {
        match entry {
            ParsedKey::FormerIdentifier(_, id, identifier) => self.former.push((id, identifier)),
            ParsedKey::DeletionJob(_, id) => self.jobs.push((id, value)),
            ParsedKey::ImportRowName(_, _, import, row) => {
                self.rows.insert((import, row));
            }
            ParsedKey::ImportRow(_, import, row) => self.feed_row((import, row), Some(value)),
            ParsedKey::Alias(..)
            | ParsedKey::BackupPosition
            | ParsedKey::CompanyDeletion(_)
            | ParsedKey::Created(..)
            | ParsedKey::Format
            | ParsedKey::Identifier(..)
            | ParsedKey::Import(..)
            | ParsedKey::ImportBody(..)
            | ParsedKey::KeptValues(..)
            | ParsedKey::Merge(..)
            | ParsedKey::NewestOutcome(_)
            | ParsedKey::NoEmail(..)
            | ParsedKey::Outcomes(..)
            | ParsedKey::Profile(..)
            | ParsedKey::ProfileChange(..)
            | ParsedKey::ProfileOutcome(..)
            | ParsedKey::PushToken(..)
            | ParsedKey::PushTokenHolder(..)
            | ParsedKey::SenderKey
            | ParsedKey::TrustedTime
            | ParsedKey::Updated(..) => {}
        }
    }

    pub(super) fn feed_row(&mut self, row: (ProfileId, u32), record: Option<Value>) {
        self.row_records.extend(record.map(|record| (row, record)));
    }

    /// Whether as many rows were found as one step removes.
    pub(super) fn has_enough_rows(&self) -> bool {
        limits::DELETION_SCAN <= self.rows.len()
    }
}
