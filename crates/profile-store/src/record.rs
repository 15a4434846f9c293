//! Records: values on the medium, byte for byte as docs/STORAGE.md draws them.
//! Nothing else knows them.
//!
//! Each record starts with its version. Whole numbers are unsigned LEB128; texts
//! are their length in bytes, then UTF-8. A reader refuses what it does not know
//! rather than skip it: a newer gateway wrote it, and leaving it out of the next
//! version of the record would lose it.

mod bytes;
mod merge;
mod named;
mod outcome;
mod profile;

pub(crate) use merge::{decode_merge, encode_merge};
pub(crate) use outcome::{decode_outcome, encode_outcome};
pub(crate) use profile::{decode_profile, encode_profile};

use profile_protocol::ProfileId;

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
}

/// The value of an alias or identifier key: the id it leads to.
pub(crate) fn encode_id(id: ProfileId) -> Vec<u8> {
    id.bits().to_be_bytes().to_vec()
}

/// See [`encode_id`].
pub(crate) fn decode_id(value: &[u8]) -> Result<ProfileId, InvalidRecord> {
    let bits = value.try_into().or(Err(InvalidRecord::Truncated))?;
    Ok(ProfileId::from_bits(u128::from_be_bytes(bits)))
}
