//! The record of a profile, which may have changes: how they are read, and when the next one is
//! written.
//!
//! A profile has one record. If that is large, small changes are stored beside it, so that they
//! cost little. When there are many of them, the record is written anew.

use profile_protocol::{CompanyId, ProfileId};

use super::{
    key,
    record::{self, ChangedRecord, InvalidRecord, ProfileTail},
};
use crate::{
    StoredProfile,
    engine::{Key, Value, Write},
    limits,
};

/// A record of which the changes may not be read yet.
#[derive(Debug)]
pub(crate) struct UnfinishedRecord {
    base: Value,
    tail: Option<ProfileTail>,
}

/// The record of a profile with all its changes.
#[derive(Debug)]
pub(crate) struct ProfileRecord {
    /// The record, as if it had been written whole.
    pub(crate) bytes: Value,
    tail: Option<ProfileTail>,
    changes: RecordChanges,
}

/// What the changes of a record amount to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct RecordChanges {
    /// The number of the newest outcome in the record that was written whole.
    base: Option<u64>,
    /// The size of that record.
    base_bytes: usize,
    count: u16,
    bytes: usize,
    pieces: usize,
}

impl UnfinishedRecord {
    /// A record, and what its key of the newest outcome has.
    pub(crate) fn new(base: Value, tail: Option<&[u8]>) -> Result<UnfinishedRecord, InvalidRecord> {
        let tail = tail.map(record::decode_profile_tail).transpose()?;
        Ok(UnfinishedRecord { base, tail })
    }

    /// The record without its changes.
    pub(crate) fn base(&self) -> &Value {
        &self.base
    }

    /// Whether it is so large that it may have changes.
    pub(crate) fn may_have_changes(&self) -> bool {
        is_large(&self.base)
    }

    /// The number of changes. A record that is small has none.
    pub(crate) fn changes(&self) -> u16 {
        let changes = self.tail.map_or(0, |tail| tail.changes);
        if self.may_have_changes() { changes } else { 0 }
    }

    /// The keys of its changes.
    pub(crate) fn change_keys(&self, company: &CompanyId, id: ProfileId) -> Vec<Key> {
        change_keys(company, id, self.changes())
    }

    /// The record with the values of its changes.
    pub(crate) fn finish(
        self,
        changes: impl IntoIterator<Item = Option<Value>>,
    ) -> Result<ProfileRecord, InvalidRecord> {
        let count = self.changes();
        let UnfinishedRecord { base: bytes, tail } = self;
        let base_bytes = bytes.len();
        if count == 0 {
            let base = record::decode_last_outcome(&bytes)?;
            let changes = RecordChanges { base, base_bytes, pieces: 1, ..RecordChanges::default() };
            return Ok(ProfileRecord { bytes, tail, changes });
        }
        let found: Vec<Value> = changes.into_iter().take(count.into()).flatten().collect();
        if found.len() < count.into() {
            return Err(InvalidRecord::MissingChange);
        }
        let mut whole = ChangedRecord::new(&bytes)?;
        found.iter().try_for_each(|change| whole.apply(change))?;
        let changes = RecordChanges {
            base: record::decode_last_outcome(&bytes)?,
            base_bytes,
            count,
            bytes: found.iter().map(Vec::len).sum(),
            pieces: whole.pieces(),
        };
        Ok(ProfileRecord { bytes: whole.bytes(), tail, changes })
    }
}

impl ProfileRecord {
    /// The bytes that were read.
    pub(crate) fn bytes_read(&self) -> usize {
        self.changes.base_bytes + self.changes.bytes
    }

    /// The number of the newest outcome that has a key of its own.
    pub(crate) fn newest_outcome(&self) -> Option<u64> {
        self.tail.map(|tail| tail.newest)
    }

    /// The profile with its newest outcome. Its properties are decoded when they are needed.
    pub(crate) fn decode(self, id: ProfileId) -> Result<StoredProfile, InvalidRecord> {
        let newest = self.newest_outcome();
        let mut profile = record::decode_stored_profile(id, self.bytes)?;
        profile.last_outcome = profile.last_outcome.max(newest);
        Ok(profile)
    }

    /// The same without the attributes, which are not decoded.
    pub(crate) fn decode_head(&self, id: ProfileId) -> Result<StoredProfile, InvalidRecord> {
        let mut profile = record::decode_profile_head(id, &self.bytes)?;
        profile.last_outcome = profile.last_outcome.max(self.newest_outcome());
        Ok(profile)
    }

    /// The record, if its next change may be stored as such.
    pub(crate) fn if_large(&self) -> Option<LargeRecord> {
        let changes = self.changes;
        let is_large = limits::LARGE_PROFILE_BYTES <= changes.base_bytes;
        is_large.then(|| LargeRecord { bytes: self.bytes.clone(), changes })
    }
}

/// The record of a large profile before a batch changes it.
#[derive(Debug)]
pub(crate) struct LargeRecord {
    /// The record with all its changes.
    bytes: Value,
    changes: RecordChanges,
}

impl LargeRecord {
    /// The number of changes.
    pub(crate) fn changes(&self) -> u16 {
        self.changes.count
    }

    /// The writes that turn the record into that of `after` without writing it whole, if that is
    /// worth it.
    pub(crate) fn change(&self, company: &CompanyId, after: &StoredProfile) -> Option<[Write; 2]> {
        let (id, newest) = (after.id, after.last_outcome?);
        let after = record::encode_stored_profile(after);
        let RecordChanges { base, base_bytes, count, bytes, pieces } = self.changes;
        let has_room = usize::from(count) < limits::PROFILE_CHANGES;
        // A record that has become small costs little to write, and takes less space.
        let is_small = after.len() <= base_bytes / limits::PROFILE_CHANGES_PART;
        if !has_room || is_small {
            return None;
        }
        let change = record::encode_change(base, &self.bytes, &after).ok()?;
        let fits = bytes + change.record.len() <= base_bytes / limits::PROFILE_CHANGES_PART
            && pieces + 2 * change.steps <= limits::PROFILE_PIECES;
        let changes = count + 1;
        let tail = ProfileTail { newest, changes };
        let write = |key, value| Write { key, value: Some(value) };
        fits.then(|| {
            [
                write(key::profile_change(company, id, changes), change.record),
                write(key::profile_outcome(company, id), record::encode_profile_tail(tail)),
            ]
        })
    }
}

/// Whether a record is so large that it may have changes.
pub(crate) fn is_large(record: &[u8]) -> bool {
    limits::LARGE_PROFILE_BYTES <= record.len()
}

/// The keys of the first changes of a profile's record.
pub(crate) fn change_keys(company: &CompanyId, id: ProfileId, changes: u16) -> Vec<Key> {
    (1..=changes).map(|number| key::profile_change(company, id, number)).collect()
}
