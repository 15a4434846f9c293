//! The record of a row that a bulk import could not store: what names the row, as it was sent.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    profile_ref::{decode_profile_ref, encode_profile_ref},
};
use crate::model::import_job::ImportRow;

const VERSION: u8 = 1;

/// The record of a row. Its number is in the key.
pub(crate) fn encode_import_row(row: &ImportRow) -> Vec<u8> {
    let ImportRow { row: _, names, payload } = row;
    let mut writer = RecordWriter::new(VERSION);
    writer.count(names.len());
    names.iter().for_each(|name| encode_profile_ref(&mut writer, name));
    writer.text(payload);
    writer.finish()
}

/// The row with this number.
pub(crate) fn decode_import_row(row: u32, record: &[u8]) -> Result<ImportRow, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let count = reader.count()?;
    let names = (0..count).map(|_| decode_profile_ref(&mut reader)).collect::<Result<_, _>>()?;
    let payload = reader.text()?.to_owned();
    reader.finish()?;
    Ok(ImportRow { row, names, payload })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::arbitrary::profile_refs;

    #[test]
    fn the_layout_of_a_row_never_changes() {
        let record = b"\x01\x01x\x02x1\x02{}";
        let row = decode_import_row(9, record).unwrap();
        assert_eq!((row.row, row.payload.as_str(), row.names.len()), (9, "{}", 1));
        assert_eq!(encode_import_row(&row), record);
    }

    proptest! {
        #[test]
        fn a_row_is_decoded_as_it_was_encoded_and_no_part_of_it_is(
            row in any::<u32>(),
            names in vec(profile_refs(), 0..4),
            payload in ".{0,20}",
        ) {
            let row = ImportRow { row, names, payload };
            let record = encode_import_row(&row);
            prop_assert_eq!(decode_import_row(row.row, &record), Ok(row.clone()));
            for end in 0..record.len() {
                prop_assert!(decode_import_row(row.row, &record[..end]).is_err());
            }
            let longer = [record, vec![0]].concat();
            prop_assert!(decode_import_row(row.row, &longer).is_err());
        }
    }
}
