//! The two records of a bulk import.

use profile_protocol::ProfileId;

use super::{
    InvalidRecord,
    bytes::{RecordReader, RecordWriter},
};
use crate::{
    Timestamp,
    model::import_job::{ImportBody, ImportError, ImportHead},
};

const VERSION: u8 = 1;

/// The record of the head of a bulk import. The id is in the key.
pub(crate) fn encode_import(head: &ImportHead) -> Vec<u8> {
    let ImportHead { id: _, created, started, ended, total, completed, failed } = head;
    let mut writer = RecordWriter::new(VERSION);
    writer.number(created.millis());
    for time in [started, ended] {
        writer.number(time.map_or(0, Timestamp::millis));
    }
    for count in [total, completed, failed] {
        writer.number(u64::from(*count));
    }
    writer.finish()
}

/// The head of the bulk import with this id.
pub(crate) fn decode_import(id: ProfileId, record: &[u8]) -> Result<ImportHead, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let head = ImportHead {
        id,
        created: Timestamp::from_millis(reader.number()?),
        started: time(&mut reader)?,
        ended: time(&mut reader)?,
        total: small_number(&mut reader)?,
        completed: small_number(&mut reader)?,
        failed: small_number(&mut reader)?,
    };
    reader.finish()?;
    Ok(head)
}

fn time(reader: &mut RecordReader<'_>) -> Result<Option<Timestamp>, InvalidRecord> {
    Ok(Some(reader.number()?).filter(|&millis| millis != 0).map(Timestamp::from_millis))
}

fn small_number(reader: &mut RecordReader<'_>) -> Result<u32, InvalidRecord> {
    u32::try_from(reader.number()?).or(Err(InvalidRecord::Value))
}

/// The record of the result of a bulk import.
pub(crate) fn encode_import_body(body: &ImportBody) -> Vec<u8> {
    let ImportBody { profiles, errors } = body;
    let mut writer = RecordWriter::new(VERSION);
    writer.count(profiles.len());
    profiles.iter().for_each(|&id| writer.id(id));
    writer.count(errors.len());
    for ImportError { row, code, title, detail, pointer } in errors {
        writer.number(u64::from(*row));
        [code, title, detail, pointer].into_iter().for_each(|text| writer.text(text));
    }
    writer.finish()
}

/// See [`encode_import_body`].
pub(crate) fn decode_import_body(record: &[u8]) -> Result<ImportBody, InvalidRecord> {
    let mut reader = RecordReader::new(record, VERSION)?;
    let count = reader.count()?;
    let profiles = (0..count).map(|_| reader.id()).collect::<Result<_, _>>()?;
    let count = reader.count()?;
    let errors = (0..count).map(|_| decode_error(&mut reader)).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(ImportBody { profiles, errors })
}

fn decode_error(reader: &mut RecordReader<'_>) -> Result<ImportError, InvalidRecord> {
    Ok(ImportError {
        row: small_number(reader)?,
        code: reader.text()?.to_owned(),
        title: reader.text()?.to_owned(),
        detail: reader.text()?.to_owned(),
        pointer: reader.text()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    fn heads() -> impl Strategy<Value = ImportHead> {
        let time = || (1..=u64::MAX).prop_map(Timestamp::from_millis);
        let times = (time(), option::of(time()), option::of(time()));
        (any::<u128>(), times, any::<[u32; 3]>()).prop_map(|(id, times, counts)| ImportHead {
            id: ProfileId::from_bits(id),
            created: times.0,
            started: times.1,
            ended: times.2,
            total: counts[0],
            completed: counts[1],
            failed: counts[2],
        })
    }

    fn bodies() -> impl Strategy<Value = ImportBody> {
        let ids = vec(any::<u128>().prop_map(ProfileId::from_bits), 0..4);
        let errors = (any::<u32>(), any::<[String; 4]>()).prop_map(|(row, texts)| {
            let [code, title, detail, pointer] = texts;
            ImportError { row, code, title, detail, pointer }
        });
        (ids, vec(errors, 0..4)).prop_map(|(profiles, errors)| ImportBody { profiles, errors })
    }

    #[test]
    fn the_layout_of_an_import_never_changes() {
        let id = ProfileId::from_bits(7);
        let head = decode_import(id, &[1, 0xac, 2, 5, 0, 3, 2, 1]).unwrap();
        assert_eq!((head.id, head.created.millis()), (id, 300));
        assert_eq!((head.started.map(Timestamp::millis), head.ended), (Some(5), None));
        assert_eq!((head.total, head.completed, head.failed), (3, 2, 1));
        assert_eq!(encode_import(&head), [1, 0xac, 2, 5, 0, 3, 2, 1]);

        let profile = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        let record = [&[1, 1][..], &profile, &[1, 4], b"\x02no\x03bad\x00\x01/"].concat();
        let body = decode_import_body(&record).unwrap();
        assert_eq!(body.profiles, [ProfileId::from_bits(9)]);
        let [code, title, detail, pointer] = ["no", "bad", "", "/"].map(str::to_owned);
        assert_eq!(body.errors, [ImportError { row: 4, code, title, detail, pointer }]);
        assert_eq!(encode_import_body(&body), record);
    }

    proptest! {
        #[test]
        fn an_import_is_decoded_as_it_was_encoded(head in heads(), body in bodies()) {
            prop_assert_eq!(decode_import(head.id, &encode_import(&head)), Ok(head));
            prop_assert_eq!(decode_import_body(&encode_import_body(&body)), Ok(body));
        }

        #[test]
        fn a_truncated_or_extended_import_is_refused(head in heads(), body in bodies()) {
            let (head, body) = (encode_import(&head), encode_import_body(&body));
            for end in 0..head.len() {
                prop_assert!(decode_import(ProfileId::from_bits(1), &head[..end]).is_err());
            }
            for end in 0..body.len() {
                prop_assert!(decode_import_body(&body[..end]).is_err());
            }
            let longer = |record: Vec<u8>| [record, vec![0]].concat();
            prop_assert!(decode_import(ProfileId::from_bits(1), &longer(head)).is_err());
            prop_assert!(decode_import_body(&longer(body)).is_err());
        }

        #[test]
        fn no_bytes_make_the_decoding_of_an_import_panic(bytes in vec(any::<u8>(), 0..64)) {
            let bytes = [&[1][..], &bytes].concat();
            let id = ProfileId::from_bits(1);
            if let Ok(head) = decode_import(id, &bytes) {
                prop_assert_eq!(decode_import(id, &encode_import(&head)), Ok(head));
            }
            if let Ok(body) = decode_import_body(&bytes) {
                prop_assert_eq!(decode_import_body(&encode_import_body(&body)), Ok(body));
            }
        }
    }
}
