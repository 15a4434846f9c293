//! How a batch reads profiles: their records, and the changes of large ones.

use super::{Asked, Batch, ToRead};
use crate::{
    InvalidRecord,
    engine::Value,
    layout::{
        key,
        profile_record::{ProfileRecord, UnfinishedRecord},
    },
    limits,
};

impl Batch {
    /// Asks for the changes of records, and for the next profiles, unless so much was read that the
    /// other requests have to wait.
    pub(super) fn ask_for_profiles(&mut self) {
        for (profile, record) in std::mem::take(&mut self.unfinished) {
            self.keys.extend(record.change_keys(&profile.company, profile.id));
            self.asked.push(Asked::Changes(profile, record));
        }
        let read: usize = self.bytes.iter().sum();
        let full = limits::BATCH_BYTES <= read && 0 < self.ready();
        let next = if full { 0 } else { limits::BATCH_READ.min(self.to_read.len()) };
        for profile in self.to_read.drain(..next) {
            self.keys.push(profile.key());
            self.keys.push(key::profile_outcome(&profile.company, profile.id));
            self.asked.push(Asked::Profile(profile));
        }
    }

    /// Takes in a profile's record, and that of its newest outcome.
    pub(super) fn feed_profile(
        &mut self,
        asked: ToRead,
        record: Option<Value>,
        tail: Option<&Value>,
    ) {
        let key = asked.key();
        if tail.is_some() {
            self.stored.note_tail(key.clone());
        }
        match record.map(|record| UnfinishedRecord::new(record, tail.map(Vec::as_slice))) {
            None => self.stored.insert_absent(key),
            Some(Ok(record)) if record.changes() == 0 => {
                let finished = record.finish(None);
                self.feed_record(asked, finished);
            }
            Some(Ok(record)) => self.unfinished.push((asked, record)),
            Some(Err(error)) => self.stored.insert_profile(key, asked.id, Err(error)),
        }
    }

    /// Takes in a profile's record with its changes. Outside of a session, it may have been
    /// replaced meanwhile.
    pub(super) fn feed_record(
        &mut self,
        asked: ToRead,
        record: Result<ProfileRecord, InvalidRecord>,
    ) {
        let attempts = asked.attempts + 1;
        match &record {
            Err(InvalidRecord::Base | InvalidRecord::MissingChange)
                if attempts < limits::READ_ATTEMPTS =>
            {
                self.to_read.push_front(ToRead { attempts, ..asked });
                return;
            }
            Ok(record) => {
                let read = self.bytes.iter_mut().skip(asked.request).take(1);
                read.for_each(|bytes| *bytes += record.bytes_read());
            }
            Err(_) => {}
        }
        self.stored.insert_profile(asked.key(), asked.id, record);
    }
}
