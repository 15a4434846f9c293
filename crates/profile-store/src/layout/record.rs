//! Records: the values in an engine, byte by byte as docs/STORAGE.md describes them. No other
//! module knows their layout.
//!
//! Each record starts with its version. Numbers are unsigned LEB128. A text is its length in
//! bytes, then UTF-8. Decoding refuses an unknown part instead of skipping it: a newer gateway
//! wrote it, and the next version of the record would lose it.

mod backup_position;
mod bytes;
mod claim_result;
mod deleted_company;
mod deletion_job;
mod field_number;
mod identifier_loss;
mod import;
mod import_row;
mod kept_values;
mod merge;
mod newest_outcome;
mod outcome;
mod outcome_segment;
mod pointer;
mod profile;
mod profile_change;
mod profile_ref;
mod push_token;
mod replaced_value;
mod sender_key;
mod trusted_time;

pub(crate) use backup_position::{decode_backup_position, encode_backup_position};
pub(crate) use deleted_company::{decode_deleted_company, encode_deleted_company};
pub(crate) use deletion_job::{decode_deletion_job, encode_deletion_job};
pub(crate) use identifier_loss::{decode_identifier_loss, encode_identifier_loss};
pub(crate) use import::{decode_import, decode_import_body, encode_import, encode_import_body};
pub(crate) use import_row::{decode_import_row, encode_import_row};
pub(crate) use kept_values::{decode_kept_values, encode_kept_values};
pub(crate) use merge::{decode_merge, encode_merge};
pub(crate) use newest_outcome::{
    NewestOutcome, ProfileTail, decode_newest_outcome, decode_profile_tail, encode_newest_outcome,
    encode_profile_tail,
};
pub(crate) use outcome_segment::{
    OutcomeSegment, decode_outcome_in_segment, decode_segment, decode_segment_after,
    decode_segment_before,
};
pub(crate) use pointer::{Pointer, decode_pointer, encode_pointer};
pub(crate) use profile::{
    decode_last_outcome, decode_profile, decode_profile_head, decode_stored_profile,
    encode_profile, encode_stored_profile,
};
pub(crate) use profile_change::{ChangedRecord, encode_change};
pub(crate) use push_token::{decode_push_token, encode_push_token};
pub(crate) use sender_key::{decode_sender_key, encode_sender_key};
pub(crate) use trusted_time::{decode_trusted_time, encode_trusted_time};

use profile_protocol::ProfileId;

use crate::{DamagedProperty, engine::EngineError};

/// Why some bytes are not a record.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRecord {
    #[error("the record ends too early")]
    Truncated,
    #[error("the record goes on after its end")]
    TooLong,
    #[error("the record is of version {0}, which a newer gateway wrote")]
    Version(u8),
    #[error("the record has the unknown tag {0}")]
    Tag(u8),
    #[error("the record holds a value that could never have been stored")]
    Value,
    #[error("a change is of an earlier record, or of none")]
    Base,
    #[error("a change is missing")]
    MissingChange,
}

impl From<DamagedProperty> for InvalidRecord {
    fn from(_: DamagedProperty) -> InvalidRecord {
        InvalidRecord::Value
    }
}

impl From<InvalidRecord> for EngineError {
    fn from(error: InvalidRecord) -> EngineError {
        EngineError::Damaged(error.to_string())
    }
}

/// The value of a key that leads to a profile: its id.
pub(crate) fn encode_id(id: ProfileId) -> Vec<u8> {
    id.bits().to_be_bytes().to_vec()
}

/// See [`encode_id`].
pub(crate) fn decode_id(value: &[u8]) -> Result<ProfileId, InvalidRecord> {
    let bits = value.try_into().or(Err(InvalidRecord::Truncated))?;
    Ok(ProfileId::from_bits(u128::from_be_bytes(bits)))
}

#[cfg(test)]
mod tests;
