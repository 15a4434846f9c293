//! The record of how far a backup goes in the journal of the store that it was made of.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::engine::JournalPosition;

const VERSION: u8 = 1;

/// The record of a position.
pub(crate) fn encode_backup_position(position: JournalPosition) -> Vec<u8> {
    let mut writer = RecordWriter::new(VERSION);
    writer.blob(&position.to_bytes());
    writer.finish()
}

/// See [`encode_backup_position`].
pub(crate) fn decode_backup_position(record: &[u8]) -> Result<JournalPosition, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let position = JournalPosition::from_bytes(reader.blob()?).ok_or(InvalidRecord::Value)?;
    reader.finish()?;
    Ok(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_read_as_it_was_written() {
        let position = JournalPosition::from_bytes(&[7; 28]).unwrap();
        let record = [&[1, 28][..], &[7; 28]].concat();
        assert_eq!(encode_backup_position(position), record);
        assert_eq!(decode_backup_position(&record), Ok(position));
        assert_eq!(decode_backup_position(&[1, 1, 7]), Err(InvalidRecord::Value));
    }
}
