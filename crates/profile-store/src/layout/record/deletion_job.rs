//! The record of a deletion job.

use profile_protocol::ProfileId;

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
    claim_result::{decode_kind, kind_number},
};
use crate::{
    Timestamp,
    model::deletion_job::{DeletionJob, FoundBy},
};

const VERSION: u8 = 1;

/// The record of a deletion job. The id is in the key.
pub(crate) fn encode_deletion_job(job: &DeletionJob) -> Vec<u8> {
    let DeletionJob { id: _, number, created, outcome, kind, found, profiles, import_rows } = job;
    let mut writer = RecordWriter::new(VERSION);
    writer.number(*number);
    writer.number(created.millis());
    writer.number(*outcome);
    writer.byte(kind_number(*kind));
    writer.byte(match found {
        None => 0,
        Some(FoundBy::Current) => 1,
        Some(FoundBy::Former) => 2,
    });
    writer.number(u64::from(*profiles));
    writer.number(u64::from(*import_rows));
    writer.finish()
}

/// See [`encode_deletion_job`].
pub(crate) fn decode_deletion_job(
    id: ProfileId,
    record: &[u8],
) -> Result<DeletionJob, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let (number, created) = (reader.number()?, Timestamp::from_millis(reader.number()?));
    let (outcome, kind) = (reader.number()?, decode_kind(&mut reader)?);
    let found = match reader.byte()? {
        0 => None,
        1 => Some(FoundBy::Current),
        2 => Some(FoundBy::Former),
        tag => return Err(InvalidRecord::Tag(tag)),
    };
    let mut count = || u32::try_from(reader.number()?).or(Err(InvalidRecord::Value));
    let (profiles, import_rows) = (count()?, count()?);
    reader.finish()?;
    Ok(DeletionJob { id, number, created, outcome, kind, found, profiles, import_rows })
}

#[cfg(test)]
mod tests {
    use profile_protocol::IdentifierKind;
    use proptest::{option, prelude::*, sample::select};

    use super::*;

    fn jobs() -> impl Strategy<Value = DeletionJob> {
        let found = option::of(select(vec![FoundBy::Current, FoundBy::Former]));
        let kind = select(vec![IdentifierKind::Id, IdentifierKind::ExternalId]);
        (any::<(u128, u64, u64, u64, u32, u32)>(), kind, found).prop_map(
            |(numbers, kind, found)| {
                let (id, number, created, outcome, profiles, import_rows) = numbers;
                let (id, created) = (ProfileId::from_bits(id), Timestamp::from_millis(created));
                DeletionJob { id, number, created, outcome, kind, found, profiles, import_rows }
            },
        )
    }

    #[test]
    fn the_layout_of_a_deletion_job_never_changes() {
        let id = ProfileId::from_bits(7);
        let job = decode_deletion_job(id, &[1, 3, 0xac, 2, 5, 2, 1, 4, 6]).unwrap();
        let expected = DeletionJob {
            id,
            number: 3,
            created: Timestamp::from_millis(300),
            outcome: 5,
            kind: IdentifierKind::Email,
            found: Some(FoundBy::Current),
            profiles: 4,
            import_rows: 6,
        };
        assert_eq!(job, expected);
        assert_eq!(encode_deletion_job(&job), [1, 3, 0xac, 2, 5, 2, 1, 4, 6]);
    }

    proptest! {
        #[test]
        fn a_deletion_job_is_decoded_as_it_was_encoded_and_no_part_of_it_is(job in jobs()) {
            let record = encode_deletion_job(&job);
            prop_assert_eq!(decode_deletion_job(job.id, &record), Ok(job));
            for end in 0..record.len() {
                prop_assert!(decode_deletion_job(job.id, &record[..end]).is_err());
            }
            let longer = [record, vec![0]].concat();
            prop_assert!(decode_deletion_job(job.id, &longer).is_err());
        }
    }
}
