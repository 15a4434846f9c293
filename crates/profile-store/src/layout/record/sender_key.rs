//! The record of the key for the digests of senders.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::SenderKey;

const VERSION: u8 = 1;

/// The record of the key.
pub(crate) fn encode_sender_key(key: &SenderKey) -> Vec<u8> {
    let mut writer = RecordWriter::new(VERSION);
    writer.blob(key.bytes());
    writer.finish()
}

/// See [`encode_sender_key`].
pub(crate) fn decode_sender_key(record: &[u8]) -> Result<SenderKey, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let bytes = reader.blob()?.try_into().or(Err(InvalidRecord::Value))?;
    reader.finish()?;
    Ok(SenderKey::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_the_key_is_fixed() {
        let key = SenderKey::from_bytes([7; 32]);
        let record = [&[1, 32][..], &[7; 32]].concat();
        assert_eq!(encode_sender_key(&key), record);
        assert_eq!(decode_sender_key(&record), Ok(key));
        assert_eq!(decode_sender_key(&[1, 1, 7]), Err(InvalidRecord::Value));
    }
}
