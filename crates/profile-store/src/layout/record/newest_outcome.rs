//! The records of newest outcomes: a company's, and a profile's.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::{Timestamp, id_generator};

const VERSION: u8 = 1;

/// A company's newest outcome, and what else each batch of the company needs. Before the first
/// outcome all is zero or nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct NewestOutcome {
    /// Its number.
    pub(crate) sequence: u64,
    /// Its time, which is not before that of any earlier outcome.
    pub(crate) at: Timestamp,
    /// When the exchange tokens of the whole company were revoked last. Tokens up to then do not
    /// count.
    pub(crate) tokens_revoked: Option<Timestamp>,
}

/// The record of a company's newest outcome.
pub(crate) fn encode_newest_outcome(newest: NewestOutcome) -> Vec<u8> {
    let mut writer = RecordWriter::new(VERSION);
    writer.number(newest.sequence);
    writer.number(newest.at.millis());
    newest.tokens_revoked.iter().for_each(|at| writer.number(at.millis()));
    writer.finish()
}

/// See [`encode_newest_outcome`].
pub(crate) fn decode_newest_outcome(record: &[u8]) -> Result<NewestOutcome, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let sequence = reader.number()?;
    let at = Timestamp::from_millis(reader.number()?);
    let tokens_revoked = if reader.is_empty() { None } else { Some(reader.number()?) };
    let tokens_revoked = tokens_revoked.map(Timestamp::from_millis);
    reader.finish()?;
    // The next profile's id has to hold this time.
    id_generator::ids_at(at).ok_or(InvalidRecord::Value)?;
    Ok(NewestOutcome { sequence, at, tokens_revoked })
}

/// The record of the number of a profile's newest outcome.
pub(crate) fn encode_profile_outcome(sequence: u64) -> Vec<u8> {
    let mut writer = RecordWriter::new(VERSION);
    writer.number(sequence);
    writer.finish()
}

/// See [`encode_profile_outcome`].
pub(crate) fn decode_profile_outcome(record: &[u8]) -> Result<u64, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let sequence = reader.number()?;
    reader.finish()?;
    Ok(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_newest_outcomes_is_fixed() {
        let at = Timestamp::from_millis(300);
        let newest = NewestOutcome { sequence: 128, at, tokens_revoked: None };
        assert_eq!(encode_newest_outcome(newest), [1, 0x80, 1, 0xac, 2]);
        assert_eq!(decode_newest_outcome(&[1, 0x80, 1, 0xac, 2]), Ok(newest));
        let revoked = NewestOutcome { tokens_revoked: Some(Timestamp::from_millis(5)), ..newest };
        assert_eq!(encode_newest_outcome(revoked), [1, 0x80, 1, 0xac, 2, 5]);
        assert_eq!(decode_newest_outcome(&[1, 0x80, 1, 0xac, 2, 5]), Ok(revoked));
        let longer = decode_newest_outcome(&[1, 0x80, 1, 0xac, 2, 5, 0]);
        assert_eq!(longer, Err(InvalidRecord::TooLong));
        assert_eq!(encode_profile_outcome(128), [1, 0x80, 1]);
        assert_eq!(decode_profile_outcome(&[1, 0x80, 1]), Ok(128));
        assert_eq!(decode_profile_outcome(&[1, 0x80, 1, 0]), Err(InvalidRecord::TooLong));
        assert_eq!(decode_newest_outcome(&[2, 1, 1]), Err(InvalidRecord::Version(2)));
    }
}
