//! The records of newest outcomes: a company's, and a profile's, with what else changes often.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::{Timestamp, id_generator, limits};

const VERSION: u8 = 1;

/// The version of a profile whose record has changes.
const WITH_CHANGES: u8 = 2;

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

/// What changes often of a profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ProfileTail {
    /// The number of its newest outcome.
    pub(crate) newest: u64,
    /// How many changes its record has.
    pub(crate) changes: u16,
}

/// The record of a profile's newest outcome, and of how many changes its record has.
pub(crate) fn encode_profile_tail(tail: ProfileTail) -> Vec<u8> {
    let ProfileTail { newest, changes } = tail;
    let mut writer = RecordWriter::new(if changes == 0 { VERSION } else { WITH_CHANGES });
    writer.number(newest);
    if changes != 0 {
        writer.number(changes.into());
    }
    writer.finish()
}

/// See [`encode_profile_tail`].
pub(crate) fn decode_profile_tail(record: &[u8]) -> Result<ProfileTail, InvalidRecord> {
    let mut reader = RecordReader::part(record);
    let version = reader.byte()?;
    if ![VERSION, WITH_CHANGES].contains(&version) {
        return Err(InvalidRecord::Version(version));
    }
    let newest = reader.number()?;
    let changes = if version == WITH_CHANGES { reader.number()? } else { 0 };
    reader.finish()?;
    let is_valid = (version == WITH_CHANGES) == (changes != 0);
    let changes = u16::try_from(changes)
        .ok()
        .filter(|changes| is_valid && usize::from(*changes) <= limits::PROFILE_CHANGES);
    Ok(ProfileTail { newest, changes: changes.ok_or(InvalidRecord::Value)? })
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
        assert_eq!(decode_newest_outcome(&[2, 1, 1]), Err(InvalidRecord::Version(2)));
    }

    #[test]
    fn the_layout_of_the_tail_of_a_profile_is_fixed() {
        let tail = |changes| ProfileTail { newest: 128, changes };
        for (changes, record) in [(0, &[1, 0x80, 1][..]), (3, &[2, 0x80, 1, 3])] {
            assert_eq!(encode_profile_tail(tail(changes)), record);
            assert_eq!(decode_profile_tail(record), Ok(tail(changes)));
        }
        assert_eq!(decode_profile_tail(&[1, 0x80, 1, 0]), Err(InvalidRecord::TooLong));
        assert_eq!(decode_profile_tail(&[2, 0x80, 1, 0]), Err(InvalidRecord::Value));
        assert_eq!(decode_profile_tail(&[2, 5, 0xff, 0xff, 3]), Err(InvalidRecord::Value));
        assert_eq!(decode_profile_tail(&[3, 5]), Err(InvalidRecord::Version(3)));
    }
}
