//! The value of the key of a former identifier: the request by which its profile lost it.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    outcome::{caller_number, decode_caller},
};
use crate::{IdentifierLoss, Timestamp};

const VERSION: u8 = 1;

/// The record of a loss.
pub(crate) fn encode_identifier_loss(loss: &IdentifierLoss) -> Vec<u8> {
    let IdentifierLoss { at, sequence, by } = loss;
    let mut writer = RecordWriter::new(VERSION);
    writer.number(at.millis());
    writer.number(*sequence);
    writer.byte(caller_number(*by));
    writer.finish()
}

/// See [`encode_identifier_loss`]. Earlier releases noted nothing.
pub(crate) fn decode_identifier_loss(
    record: &[u8],
) -> Result<Option<IdentifierLoss>, InvalidRecord> {
    if record.is_empty() {
        return Ok(None);
    }
    let mut reader = RecordReader::new(record, VERSION)?;
    let at = Timestamp::from_millis(reader.number()?);
    let (sequence, by) = (reader.number()?, decode_caller(&mut reader)?);
    reader.finish()?;
    Ok(Some(IdentifierLoss { at, sequence, by }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Caller;

    #[test]
    fn the_layout_of_a_loss_is_fixed_and_earlier_releases_wrote_none() {
        let loss =
            IdentifierLoss { at: Timestamp::from_millis(300), sequence: 7, by: Caller::Server };
        let record = [1, 0xac, 2, 7, 1];
        assert_eq!(encode_identifier_loss(&loss), record);
        assert_eq!(decode_identifier_loss(&record), Ok(Some(loss)));
        assert_eq!(decode_identifier_loss(&[]), Ok(None));
        for damaged in [&[2, 0][..], &[1, 0xac], &[1, 0xac, 2, 7, 9], &[1, 0xac, 2, 7, 1, 0]] {
            assert!(decode_identifier_loss(damaged).is_err(), "{damaged:?}");
        }
    }
}
