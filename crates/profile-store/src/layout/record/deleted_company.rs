//! The record of a deletion of a company that was begun.

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::model::deleted_company::DeletedCompany;

const VERSION: u8 = 1;

/// The record of a deletion that has removed this much.
pub(crate) fn encode_deleted_company(removed: &DeletedCompany) -> Vec<u8> {
    let DeletedCompany { profiles, identifiers, outcomes, imports, merges, entries, unreadable } =
        *removed;
    let mut writer = RecordWriter::new(VERSION);
    for count in [profiles, identifiers, outcomes, imports, merges, entries, unreadable] {
        writer.number(count);
    }
    writer.finish()
}

/// See [`encode_deleted_company`].
pub(crate) fn decode_deleted_company(record: &[u8]) -> Result<DeletedCompany, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let removed = DeletedCompany {
        profiles: reader.number()?,
        identifiers: reader.number()?,
        outcomes: reader.number()?,
        imports: reader.number()?,
        merges: reader.number()?,
        entries: reader.number()?,
        unreadable: reader.number()?,
    };
    reader.finish()?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_a_deletion_is_fixed() {
        let removed = DeletedCompany { outcomes: 128, entries: 9, ..DeletedCompany::NOTHING };
        let record = encode_deleted_company(&removed);
        assert_eq!(record, [1, 0, 0, 0x80, 1, 0, 0, 9, 0]);
        assert_eq!(decode_deleted_company(&record), Ok(removed));
        assert_eq!(decode_deleted_company(&[2]), Err(InvalidRecord::Version(2)));
        assert_eq!(decode_deleted_company(&record[..8]), Err(InvalidRecord::Truncated));
    }
}
