//! Records: values on the medium, byte for byte as docs/STORAGE.md draws them.
//! Nothing else knows them.
//!
//! Each record starts with its version. Whole numbers are unsigned LEB128; texts
//! are their length in bytes, then UTF-8. A reader refuses what it does not know
//! rather than skip it: a newer gateway wrote it, and leaving it out of the next
//! version of the record would lose it.

mod bytes;
mod merge;
mod named;
mod outcome;
mod profile;

pub(crate) use merge::{decode_merge, encode_merge};
pub(crate) use outcome::{decode_outcome, encode_outcome};
pub(crate) use profile::{decode_profile, encode_profile};

use profile_protocol::ProfileId;

/// Why some bytes are not a record.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRecord {
    #[error("the record ends too early")]
    Truncated,
    #[error("the record goes on after its end")]
    TooLong,
    #[error("the record is of version {0}, which a newer gateway wrote")]
    Version(u8),
    #[error("the record has the unknown tag {0}")]
    Tag(u8),
    #[error("the record holds a value that could never have been stored")]
    Value,
}

/// The value of an alias or identifier key: the id it leads to.
pub(crate) fn encode_id(id: ProfileId) -> Vec<u8> {
    id.bits().to_be_bytes().to_vec()
}

/// See [`encode_id`].
pub(crate) fn decode_id(value: &[u8]) -> Result<ProfileId, InvalidRecord> {
    let bits = value.try_into().or(Err(InvalidRecord::Truncated))?;
    Ok(ProfileId::from_bits(u128::from_be_bytes(bits)))
}

#[cfg(test)]
mod tests {
    use profile_protocol::Field;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        Held, Profile, Timestamp,
        arbitrary::{merges, outcomes, profiles},
    };

    #[test]
    fn the_layout_of_a_profile_is_what_it_always_was() {
        let mut profile = Profile::new(ProfileId::from_bits(7), Timestamp::from_millis(300));
        profile.updated = Timestamp::from_millis(5);
        profile.last_outcome = Some(128);
        profile.held = Held {
            external_id: "x1".parse().ok(),
            email: "a@b.co".parse().ok(),
            phone_number: "+1234567".parse().ok(),
            anonymous_ids: vec!["tab".parse().unwrap()],
            secondary_emails: vec!["c@b.co".parse().unwrap()],
        };
        profile.absorbed = vec![ProfileId::from_bits(9)];
        profile.attributes.fields[Field::LastName] = "Li".parse().ok();
        profile.attributes.properties.set("n".parse().unwrap(), "[1]".parse().unwrap());
        let id = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        let expected: [&[u8]; 11] = [
            &[1, 0xac, 2, 5, 0x80, 1],
            b"\x01\x02x1",
            b"\x02\x06a@b.co",
            b"\x03\x08+1234567",
            b"\x04\x03tab",
            b"\x05\x06c@b.co",
            b"\x06",
            &id,
            b"\x07\x01n\x03[1]",
            b"\x21\x02Li",
            b"",
        ];
        assert_eq!(encode_profile(&profile), expected.concat());
    }

    #[test]
    fn what_this_version_does_not_know_is_refused() {
        let id = ProfileId::from_bits(1);
        let profile = |bytes: &[u8]| decode_profile(id, bytes).unwrap_err();
        assert_eq!(profile(&[]), InvalidRecord::Truncated);
        assert_eq!(profile(&[2, 0, 0, 0]), InvalidRecord::Version(2));
        assert_eq!(profile(&[1, 0, 0, 0, 31]), InvalidRecord::Tag(31));
        assert_eq!(profile(&[1, 0, 0, 0, 48, 0]), InvalidRecord::Tag(48));
        assert_eq!(profile(&[1, 0, 0, 0, 2, 1, b'a']), InvalidRecord::Value);
        assert_eq!(profile(&[1, 0, 0, 0, 2, 0xff, 0x7f]), InvalidRecord::Truncated);
        let number = [&[1][..], &[0xff; 10]].concat();
        assert_eq!(profile(&number), InvalidRecord::Value);
        assert_eq!(decode_id(&[0; 15]), Err(InvalidRecord::Truncated));
        assert_eq!(decode_id(&[0; 17]), Err(InvalidRecord::Truncated));
    }

    proptest! {
        #[test]
        fn a_profile_comes_back_as_it_was(profile in profiles()) {
            let record = encode_profile(&profile);
            prop_assert_eq!(decode_profile(profile.id, &record), Ok(profile));
        }

        #[test]
        fn an_outcome_comes_back_as_it_was(outcome in outcomes()) {
            let record = encode_outcome(&outcome);
            prop_assert_eq!(decode_outcome(outcome.sequence, &record), Ok(outcome));
        }

        #[test]
        fn a_merge_comes_back_as_it_was(merge in merges()) {
            let record = encode_merge(&merge);
            prop_assert_eq!(decode_merge(merge.absorbed.id, &record), Ok(merge));
        }

        #[test]
        fn an_id_comes_back_as_it_was(bits in any::<u128>()) {
            let id = ProfileId::from_bits(bits);
            prop_assert_eq!(decode_id(&encode_id(id)), Ok(id));
        }

        #[test]
        fn a_record_cut_short_or_drawn_out_is_refused(outcome in outcomes(), merge in merges()) {
            let is_outcome = |bytes: &[u8]| decode_outcome(1, bytes).is_ok();
            let is_merge = |bytes: &[u8]| decode_merge(ProfileId::from_bits(1), bytes).is_ok();
            prop_assert!(is_exact(&encode_outcome(&outcome), is_outcome));
            prop_assert!(is_exact(&encode_merge(&merge), is_merge));
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..64)) {
            reads(&bytes);
            reads(&[&[1][..], &bytes].concat());
        }

        #[test]
        fn no_altered_record_makes_a_reader_panic(
            profile in profiles(),
            outcome in outcomes(),
            merge in merges(),
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            for mut record in [encode_profile(&profile), encode_outcome(&outcome), encode_merge(&merge)] {
                let place = place.index(record.len());
                record[place] = byte;
                reads(&record);
            }
        }
    }

    /// Whether the record is read, and nothing shorter or longer.
    fn is_exact(record: &[u8], is_read: impl Fn(&[u8]) -> bool) -> bool {
        let longer = [record, &[0]].concat();
        is_read(record)
            && !is_read(&longer)
            && !(0..record.len()).any(|end| is_read(&record[..end]))
    }

    /// Reads bytes as every kind of record. What is read is as good as written:
    /// it comes back as it was.
    fn reads(bytes: &[u8]) {
        let id = ProfileId::from_bits(1);
        let _ = decode_id(bytes);
        if let Ok(profile) = decode_profile(id, bytes) {
            assert_eq!(decode_profile(id, &encode_profile(&profile)), Ok(profile));
        }
        if let Ok(outcome) = decode_outcome(1, bytes) {
            assert_eq!(decode_outcome(1, &encode_outcome(&outcome)), Ok(outcome));
        }
        if let Ok(merge) = decode_merge(id, bytes) {
            assert_eq!(decode_merge(id, &encode_merge(&merge)), Ok(merge));
        }
    }
}
