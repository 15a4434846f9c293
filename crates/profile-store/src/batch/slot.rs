//! A profile of a batch, which is decoded when it is needed.

use std::cell::{OnceCell, RefCell};

use profile_protocol::ProfileId;

use crate::{InvalidRecord, StoredProfile, layout::profile_record::ProfileRecord};

/// A profile as it was read or changed.
#[derive(Debug)]
pub(super) enum Slot {
    Absent,
    Present(Box<StoredProfile>),
    Read(ReadProfile),
    Unreadable(InvalidRecord),
}

impl Slot {
    /// Whether there is a profile, readable or not.
    pub(super) fn exists(&self) -> bool {
        match self {
            Slot::Absent => false,
            Slot::Present(_) | Slot::Read(_) | Slot::Unreadable(_) => true,
        }
    }

    /// The profile, to be changed.
    pub(super) fn profile_mut(&mut self) -> Option<&mut StoredProfile> {
        match self {
            Slot::Present(profile) => Some(profile),
            Slot::Read(read) => {
                read.profile().ok()?;
                read.profile.get_mut()?.as_deref_mut().ok()
            }
            Slot::Absent | Slot::Unreadable(_) => None,
        }
    }

    /// The profile, if there is one.
    pub(super) fn profile(&self) -> Result<Option<&StoredProfile>, InvalidRecord> {
        match self {
            Slot::Absent => Ok(None),
            Slot::Present(profile) => Ok(Some(profile)),
            Slot::Read(read) => read.profile().map(Some),
            Slot::Unreadable(error) => Err(*error),
        }
    }

    /// The same, but attributes may be missing.
    pub(super) fn head(&self) -> Result<Option<&StoredProfile>, InvalidRecord> {
        match self {
            Slot::Read(read) => read.head().map(Some),
            Slot::Absent | Slot::Present(_) | Slot::Unreadable(_) => self.profile(),
        }
    }

    /// The request that a profile was read for and its bytes, if its attributes decided nothing.
    pub(super) fn unneeded(&self) -> Option<(usize, usize)> {
        match self {
            Slot::Read(read) => read.unneeded(),
            Slot::Absent | Slot::Present(_) | Slot::Unreadable(_) => None,
        }
    }
}

/// A profile that was read and may not be decoded yet. The record is there until the profile is.
#[derive(Debug)]
pub(super) struct ReadProfile {
    id: ProfileId,
    /// The request that it was read for.
    request: usize,
    record: RefCell<Option<ProfileRecord>>,
    profile: OnceCell<Result<Box<StoredProfile>, InvalidRecord>>,
    head: OnceCell<Result<Box<StoredProfile>, InvalidRecord>>,
}

impl ReadProfile {
    pub(super) fn new(id: ProfileId, record: ProfileRecord, request: usize) -> ReadProfile {
        let record = RefCell::new(Some(record));
        ReadProfile { id, request, record, profile: OnceCell::new(), head: OnceCell::new() }
    }

    /// The request that it was read for, and its bytes, if no more than its head was decoded.
    fn unneeded(&self) -> Option<(usize, usize)> {
        let is_unneeded = self.profile.get().is_none() && self.head.get().is_some();
        let record = self.record.borrow();
        record.as_ref().filter(|_| is_unneeded).map(|record| (self.request, record.bytes_read()))
    }

    fn profile(&self) -> Result<&StoredProfile, InvalidRecord> {
        let decoded = self.profile.get_or_init(|| {
            let record = self.record.take().ok_or(InvalidRecord::Truncated)?;
            record.decode(self.id).map(Box::new)
        });
        decoded.as_deref().map_err(|error| *error)
    }

    /// The profile without its attributes, unless it is decoded anyway.
    fn head(&self) -> Result<&StoredProfile, InvalidRecord> {
        if self.profile.get().is_some() {
            return self.profile();
        }
        let decoded = self.head.get_or_init(|| {
            let record = self.record.borrow();
            let record = record.as_ref().ok_or(InvalidRecord::Truncated)?;
            record.decode_head(self.id).map(Box::new)
        });
        decoded.as_deref().map_err(|error| *error)
    }
}
