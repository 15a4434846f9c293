//! The record of the newest time at which the wall clock was trusted.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::Timestamp;

const VERSION: u8 = 1;

/// The record of the trusted time.
pub(crate) fn encode_trusted_time(time: Timestamp) -> Vec<u8> {
    let mut writer = RecordWriter::new(VERSION);
    writer.number(time.millis());
    writer.finish()
}

/// See [`encode_trusted_time`].
pub(crate) fn decode_trusted_time(record: &[u8]) -> Result<Timestamp, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let time = Timestamp::from_millis(reader.number()?);
    reader.finish()?;
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_the_trusted_time_is_fixed() {
        let time = Timestamp::from_millis(300);
        assert_eq!(encode_trusted_time(time), [1, 0xac, 2]);
        assert_eq!(decode_trusted_time(&[1, 0xac, 2]), Ok(time));
        assert_eq!(decode_trusted_time(&[2, 0xac, 2]), Err(InvalidRecord::Version(2)));
    }
}
