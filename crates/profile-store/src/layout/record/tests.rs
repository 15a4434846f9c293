//! Tests of all records: their layout, and that decoding is exact and never panics.

use std::num::NonZeroU128;

use profile_protocol::{ChangedAttribute, Field, IdentifierKind};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    AttributeDigest, AttributeValue, Caller, ClaimOutcome, ClaimResult, ClaimSource, Device,
    DoNotMerge, Effect, Identifier, Ignored, InvalidToken, Outcome, Profile, ProfileIdentifiers,
    ProfileRef, Refused, ReplacedValue, RequestIds, RequestSender, SenderDigest, SingleKinds,
    StoredProfile, Timestamp, TraceId, Unsigned, ValueDigest,
    arbitrary::{merges, outcomes, profiles},
    model::replaced::{KeptValue, KeptValues},
};

#[test]
fn the_layout_of_a_profile_never_changes() {
    let mut profile = Profile::new(ProfileId::from_bits(7), Timestamp::from_millis(300));
    profile.updated = Timestamp::from_millis(5);
    profile.last_outcome = Some(128);
    let pad = Device::new("pad".parse().unwrap(), Timestamp::from_millis(300));
    profile.identifiers = ProfileIdentifiers {
        external_id: "x1".parse().ok(),
        email: "a@b.co".parse().ok(),
        phone_number: "+1234567".parse().ok(),
        devices: vec![
            Device::new("tab".parse().unwrap(), Timestamp::default()),
            Device { seen: Timestamp::from_millis(301), ..pad },
        ],
        secondary_emails: vec!["c@b.co".parse().unwrap()],
        client_attached: SingleKinds::default(),
    };
    for kind in SingleKinds::ALL {
        profile.identifiers.client_attached.insert(kind);
    }
    profile.absorbed = [9, 10].map(ProfileId::from_bits).to_vec();
    profile.client_merges.insert(ProfileId::from_bits(10));
    profile.attributes.fields[Field::LastName] = "Li".parse().ok();
    profile.attributes.properties.set("n".parse().unwrap(), "[1]".parse().unwrap());
    let id = |last: u8| [[0; 15].as_slice(), &[last]].concat();
    profile.tokens_revoked = Some(Timestamp::from_millis(300));
    profile.former_identifiers = 2;
    let expected: [&[u8]; 16] = [
        &[1, 0xac, 2, 5, 0x80, 1],
        b"\x01\x02x1",
        b"\x02\x06a@b.co",
        b"\x03\x08+1234567",
        b"\x04\x03tab",
        b"\x0e\xac\x02\x01\x03pad",
        b"\x05\x06c@b.co",
        b"\x0b\x0c\x0d",
        b"\x06",
        &id(9),
        b"\x0f",
        &id(10),
        b"\x0a\xac\x02",
        b"\x15\x02",
        b"\x07\x01n\x03[1]",
        b"\x21\x02Li",
    ];
    assert_eq!(encode_profile(&profile), expected.concat());
}

#[test]
fn the_layout_of_replaced_values_never_changes() {
    let mut profile = Profile::new(ProfileId::from_bits(7), Timestamp::from_millis(1));
    let sender = RequestSender { network: Some(SenderDigest::from_bits(3)), device: None };
    let noted = ReplacedValue {
        attribute: AttributeDigest::from_bits(5),
        sender,
        sequence: 128,
        at: Timestamp::from_millis(300),
        written: Some(ValueDigest::from_bits(9)),
        bytes: Some(4),
    };
    let without = RequestSender::default();
    profile.replaced =
        vec![noted, ReplacedValue { sender: without, written: None, bytes: None, ..noted }];
    let expected: [&[u8]; 3] = [
        &[1, 1, 1, 0],
        b"\x14\0\0\0\0\0\0\0\x05\x01\0\0\0\0\0\0\0\x03\x80\x01\xac\x02\x03\x09\x04",
        b"\x14\0\0\0\0\0\0\0\x05\0\x80\x01\xac\x02\0",
    ];
    assert_eq!(encode_profile(&profile), expected.concat());
    let field = AttributeValue::Field(Field::LastName, "Li".parse().unwrap());
    let property = AttributeValue::Property("n".parse().unwrap(), "[1]".parse().unwrap());
    let kept = KeptValues {
        profile: ProfileId::from_bits(7),
        until: Timestamp::from_millis(300),
        values: vec![
            KeptValue { value: field, by_company: false },
            KeptValue { value: property, by_company: true },
        ],
    };
    let id = [[0; 15].as_slice(), &[7]].concat();
    let expected = [&[1][..], &id, b"\xac\x02\0\x01\x02Li\x01\xff\x01n\x03[1]"].concat();
    assert_eq!(encode_kept_values(&kept), expected);
    assert_eq!(decode_kept_values(&expected), Ok(kept));
    for bytes in [&expected[..20], b"\x02", &[expected.as_slice(), &[2]].concat()] {
        assert!(decode_kept_values(bytes).is_err());
    }
}

#[test]
fn a_value_of_the_company_has_another_tag_and_takes_no_more_bytes() {
    let mut profile = Profile::new(ProfileId::from_bits(7), Timestamp::from_millis(3));
    profile.attributes.fields[Field::FirstName] = "An".parse().ok();
    profile.attributes.fields[Field::LastName] = "Li".parse().ok();
    for name in ["m", "n"] {
        profile.attributes.properties.set(name.parse().unwrap(), "1".parse().unwrap());
    }
    profile.authored.put_field(Field::LastName, true);
    profile.authored.put_property(&"n".parse().unwrap(), true);
    let expected =
        [&[1, 3, 3, 0][..], b"\x07\x01m\x011", b"\x09\x01n\x011", b"\x20\x02An", b"\x41\x02Li"];
    assert_eq!(encode_profile(&profile), expected.concat());
    assert_eq!(decode_profile(profile.id, &expected.concat()), Ok(profile));
}

#[test]
fn the_layout_of_do_not_merge_marks_and_of_a_merge_never_changes() {
    let id = |last: u8| [[0; 15].as_slice(), &[last]].concat();
    let survivor = [&[1, 5, 0, 0][..], b"\x04\x03pad"].concat();
    let digests =
        [0x33bc_af4f_620f_8c8a_6cba_d842_0872_4ba7_u128, 0xc7b9_d445_5d60_77f9_b2fe_e9e2_cdba_287e];
    let [first, second] = digests.map(u128::to_be_bytes);
    let absorbed = [&[1, 3, 4, 0, 8][..], &id(2), &first, &[8], &id(2), &second].concat();
    let profile = decode_profile(ProfileId::from_bits(3), &absorbed).unwrap();
    let named = [
        ProfileRef::Identifier(Identifier::Email("a@b.co".parse().unwrap())),
        ProfileRef::Id(ProfileId::from_bits(4)),
    ];
    let from = ProfileId::from_bits(2);
    assert_eq!(profile.do_not_merge, named.map(|link| DoNotMerge::new(from, &link)));
    assert_eq!(encode_profile(&profile), absorbed);

    let merge = [
        &[3, 7, 0xac, 2, 9, 1][..],
        &id(1),
        &[u8::try_from(survivor.len()).unwrap()],
        &survivor,
        &[u8::try_from(absorbed.len()).unwrap()],
        &absorbed,
        &[4],
        b"x\x02x1p\x08+1234567a\x03tabi",
        &id(3),
    ];
    let merge = merge.concat();
    let decoded = decode_merge(ProfileId::from_bits(3), &merge).unwrap();
    assert_eq!((decoded.sequence, decoded.at), (7, Timestamp::from_millis(300)));
    assert_eq!(decoded.position, 9);
    assert!(decoded.protect);
    assert_eq!(decoded.survivor.id, ProfileId::from_bits(1));
    assert_eq!(decoded.absorbed, profile);
    let links = decoded.links.iter().map(|link| match link {
        ProfileRef::Identifier(identifier) => identifier.as_str(),
        ProfileRef::Id(_) => "id",
    });
    assert_eq!(links.collect::<Vec<_>>(), ["x1", "+1234567", "tab", "id"]);
    assert_eq!(encode_merge(&decoded), merge);
}

#[test]
fn of_a_whole_survivor_in_a_merge_of_version_2_only_what_undoing_needs_is_read() {
    let id = |last: u8| [[0; 15].as_slice(), &[last]].concat();
    let survivor =
        [&[1, 5, 6, 7][..], b"\x02\x06a@b.co\x06", &id(8), b"\x07\x01m\x011\x07\x01n\x011"]
            .concat();
    let absorbed = [&[1, 3, 4, 0][..], b"\x07\x01n\x012"].concat();
    let merge = [
        &[2, 7, 0xac, 2, 0][..],
        &id(1),
        &[u8::try_from(survivor.len()).unwrap()],
        &survivor,
        &[u8::try_from(absorbed.len()).unwrap()],
        &absorbed,
        &[0],
    ];
    let decoded = decode_merge(ProfileId::from_bits(3), &merge.concat()).unwrap();
    let mut expected = Profile::new(ProfileId::from_bits(1), Timestamp::from_millis(5));
    expected.updated = Timestamp::default();
    expected.attributes.properties.set("n".parse().unwrap(), "\"(stands)\"".parse().unwrap());
    assert_eq!((decoded.position, decoded.survivor), (1, expected));
    assert_eq!(
        encode_merge(&decode_merge(ProfileId::from_bits(3), &merge.concat()).unwrap())[0],
        3
    );
}

/// Every result of a claim, and its bytes in a record.
fn results(id: ProfileId) -> Vec<(ClaimResult, Vec<u8>)> {
    use IdentifierKind::{Email, ExternalId};
    let token = |reason| ClaimResult::Ignored(Ignored::Token(reason));
    let unsigned = |reason| ClaimResult::Ignored(Ignored::Unsigned(reason));
    vec![
        (ClaimResult::Matched, vec![0]),
        (ClaimResult::Attached, vec![1]),
        (ClaimResult::Replaced, vec![2]),
        (ClaimResult::Absorbed(id), [vec![3], encode_id(id)].concat()),
        (ClaimResult::Restored(id), [vec![4], encode_id(id)].concat()),
        (ClaimResult::Released, vec![5]),
        (ClaimResult::Moved(id), [vec![6], encode_id(id)].concat()),
        (ClaimResult::Refused(Refused::Placeholder), vec![16]),
        (ClaimResult::Refused(Refused::OwnsHigher(Email)), vec![17, 2]),
        (ClaimResult::Refused(Refused::HeldDifferently(ExternalId)), vec![18, 3]),
        (ClaimResult::Refused(Refused::MergeCap), vec![19]),
        (ClaimResult::Refused(Refused::TooLarge), vec![20]),
        (ClaimResult::Refused(Refused::Undone), vec![21]),
        (ClaimResult::Refused(Refused::Protected), vec![22]),
        (ClaimResult::Refused(Refused::BothKnown), vec![23]),
        (ClaimResult::Refused(Refused::MergeRate), vec![24]),
        (ClaimResult::Ignored(Ignored::AnotherHeld), vec![32]),
        (ClaimResult::Ignored(Ignored::UnknownId), vec![33]),
        (ClaimResult::Ignored(Ignored::ForeignId), vec![34]),
        (ClaimResult::Ignored(Ignored::ServerOnly), vec![35]),
        (token(InvalidToken::Unsealed), vec![36]),
        (token(InvalidToken::Foreign), vec![37]),
        (token(InvalidToken::Expired), vec![38]),
        (unsigned(Unsigned::Missing), vec![39]),
        (unsigned(Unsigned::Wrong), vec![40]),
        (unsigned(Unsigned::Expired), vec![41]),
        (token(InvalidToken::Revoked), vec![42]),
        (token(InvalidToken::DeviceNotHeld), vec![43]),
        (ClaimResult::Ignored(Ignored::NoProfile), vec![44]),
    ]
}

/// Every kind of ids of a request, and their bytes in a record of version 4.
fn request_ids() -> [(Option<RequestIds>, Vec<u8>); 5] {
    let bits = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_u128;
    let trace = TraceId::from_bits(NonZeroU128::new(bits).unwrap());
    let ids = |request: &str, trace| Some(RequestIds { request: request.parse().unwrap(), trace });
    let hexadecimal = format!("{bits:032x}");
    let bits = bits.to_be_bytes();
    [
        (None, vec![0]),
        (ids(&hexadecimal, None), [&[1][..], &bits].concat()),
        (ids("req-42", None), b"\x02\x06req-42".to_vec()),
        (ids(&hexadecimal, Some(trace)), [&[5][..], &bits, &bits].concat()),
        (ids("req-42", Some(trace)), [&b"\x06\x06req-42"[..], &bits].concat()),
    ]
}

/// Every kind of sender, and its bytes in a record of version 5.
fn senders() -> [(RequestSender, Vec<u8>); 4] {
    let [network, device] = [7, 8].map(|bits| Some(SenderDigest::from_bits(bits)));
    let digest = |last: u8| [0, 0, 0, 0, 0, 0, 0, last];
    [
        (RequestSender { network: None, device: None }, vec![0]),
        (RequestSender { network, device: None }, [&[1][..], &digest(7)].concat()),
        (RequestSender { network: None, device }, [&[2][..], &digest(8)].concat()),
        (RequestSender { network, device }, [&[3][..], &digest(7), &digest(8)].concat()),
    ]
}

/// A segment of this version with one outcome, which has 128 to 255 bytes. From 128 on the length
/// of an outcome takes two bytes.
fn segment_of(version: u8, outcome: &[u8]) -> Vec<u8> {
    assert!((128..256).contains(&outcome.len()));
    [&[version, u8::try_from(outcome.len()).unwrap(), 1][..], outcome].concat()
}

#[test]
fn an_id_of_a_request_that_was_never_stored_is_refused() {
    let start = [&[4, 0, 5, 0, 10][..], b"2024-10-15", &[2, 0, 0, 0, 0, 0, 0, 0]].concat();
    let with = |id: &[u8]| {
        let mut segment = [&start[..], id].concat();
        segment[1] = u8::try_from(segment.len() - 2).unwrap();
        decode_segment(1, &segment)
    };
    assert!(with(&[0]).is_ok());
    assert!(with(b"\x02\x01a").is_ok());
    assert_eq!(with(&[]), Err(InvalidRecord::Truncated));
    assert_eq!(with(&[3]), Err(InvalidRecord::Tag(3)));
    assert_eq!(with(b"\x02\x03a@b"), Err(InvalidRecord::Value));
    assert_eq!(decode_segment(1, &[6, 1, 0]), Err(InvalidRecord::Version(6)));
}

#[test]
fn the_layout_of_an_outcome_never_changes() {
    use IdentifierKind::{AnonymousId, Email, ExternalId, Id, PhoneNumber};
    let id = ProfileId::from_bits(9);
    let results = results(id);
    let kinds = [AnonymousId, PhoneNumber, Email, ExternalId, Id].into_iter().zip(0..).cycle();
    let origins =
        [ClaimSource::Subject, ClaimSource::Attributes, ClaimSource::Append, ClaimSource::Command];
    let origins = origins.into_iter().zip(0..).cycle();
    let places = kinds.zip(origins);
    let claims = results.iter().zip(places).map(|((result, bytes), ((kind, k), (origin, o)))| {
        (ClaimOutcome { kind, origin, result: *result }, [&[k, o][..], bytes].concat())
    });
    let (claims, claim_bytes): (Vec<_>, Vec<_>) = claims.unzip();
    let effects = [
        Effect::Created,
        Effect::Updated,
        Effect::Unchanged,
        Effect::Unidentified,
        Effect::Unmerged,
        Effect::Deleted,
        Effect::TokensRevoked,
        Effect::NothingDeleted,
    ];
    for (effect, number) in effects.into_iter().zip(0..) {
        for (caller, scope_number) in [(Caller::Client, 0), (Caller::Server, 1)] {
            let bytes = [
                &[0xac, 2, scope_number, 10][..],
                b"2024-10-15",
                &[number, 1],
                &encode_id(id),
                &[u8::try_from(results.len()).unwrap()],
                &claim_bytes.concat(),
                b"\x02\x0f\xff\x04plan",
                b"\x03\x01\x00\x04",
                &[2, 7, 0x80, 1],
            ];
            let bytes = bytes.concat();
            let earlier = segment_of(3, &bytes);
            let [outcome] = <[_; 1]>::try_from(decode_segment(5, &earlier).unwrap()).unwrap();
            assert_eq!(outcome.request_ids, None);
            for (request_ids, id_bytes) in request_ids() {
                let outcome = Outcome { request_ids, ..outcome.clone() };
                let earlier = segment_of(4, &[&bytes[..], &id_bytes].concat());
                assert_eq!(decode_segment(5, &earlier), Ok(vec![outcome.clone()]));
                for (sender, sender_bytes) in senders() {
                    let all = [&bytes[..], &id_bytes, &sender_bytes].concat();
                    let segment = segment_of(5, &all);
                    let outcome = Outcome { sender, ..outcome.clone() };
                    assert_eq!(decode_segment(5, &segment), Ok(vec![outcome.clone()]));
                    assert_eq!(OutcomeSegment::from_outcome(&outcome).into_record(), segment);
                }
            }
            assert_eq!((outcome.caller, outcome.effect), (caller, effect));
            assert_eq!((outcome.sequence, outcome.at.millis()), (5, 300));
            assert_eq!(outcome.revision.to_string(), "2024-10-15");
            assert_eq!((outcome.survivor, &outcome.claims), (Some(id), &claims));
            let plan = ChangedAttribute::Property("plan".parse().unwrap());
            assert_eq!(outcome.changed, [ChangedAttribute::Field(Field::Longitude), plan]);
            assert_eq!((outcome.changed_unlisted, &outcome.previous[..]), (3, &[7, 128][..]));
            let first_name = ChangedAttribute::Field(Field::FirstName);
            assert_eq!((&outcome.withheld[..], outcome.withheld_unlisted), (&[first_name][..], 4));
        }
    }
}

#[test]
fn an_unknown_part_is_refused() {
    let id = ProfileId::from_bits(1);
    let profile = |bytes: &[u8]| decode_profile(id, bytes).unwrap_err();
    assert_eq!(profile(&[]), InvalidRecord::Truncated);
    assert_eq!(profile(&[2, 0, 0, 0]), InvalidRecord::Version(2));
    assert_eq!(profile(&[1, 0, 0, 0, 31]), InvalidRecord::Tag(31));
    assert_eq!(profile(&[1, 0, 0, 0, 48, 0]), InvalidRecord::Tag(48));
    assert_eq!(profile(&[1, 0, 0, 0, 80, 0]), InvalidRecord::Tag(80));
    assert_eq!(profile(&[1, 0, 0, 0, 2, 1, b'a']), InvalidRecord::Value);
    assert_eq!(profile(&[1, 0, 0, 0, 2, 0xff, 0x7f]), InvalidRecord::Truncated);
    let number = [&[1][..], &[0xff; 10]].concat();
    assert_eq!(profile(&number), InvalidRecord::Value);
    assert_eq!(decode_id(&[0; 15]), Err(InvalidRecord::Truncated));
    assert_eq!(decode_id(&[0; 17]), Err(InvalidRecord::Truncated));
}

#[test]
fn properties_out_of_order_are_refused() {
    for names in [b"ba", b"aa"] {
        let property = |name: &u8| [7, 1, *name, 1, b'1'];
        let record = [&[1, 0, 0, 0][..], &names.map(|name| property(&name)).concat()].concat();
        let id = ProfileId::from_bits(1);
        assert_eq!(decode_profile(id, &record), Err(InvalidRecord::Value));
        let stored = decode_stored_profile(id, record).unwrap();
        assert_eq!(stored.decode(), Err(DamagedProperty));
    }
}

#[test]
fn damage_of_a_property_is_found_when_it_is_decoded() {
    let id = ProfileId::from_bits(1);
    for property in [&b"\x07\x01n\x01{"[..], b"\x07\x01\xff\x011", b"\x07\x01n\x01\xff"] {
        let record = [&[1, 0, 0, 0][..], property].concat();
        assert_eq!(decode_profile(id, &record), Err(InvalidRecord::Value));
        let stored = decode_stored_profile(id, record).unwrap();
        assert_eq!(stored.decode(), Err(DamagedProperty));
    }
}

proptest! {
    #[test]
    fn a_profile_is_decoded_as_it_was_encoded(profile in profiles()) {
        let record = encode_profile(&profile);
        prop_assert_eq!(decode_profile(profile.id, &record), Ok(profile));
    }

    #[test]
    fn a_stored_profile_is_encoded_as_its_profile_whether_decoded_or_not(
        profile in profiles(),
    ) {
        let record = encode_profile(&profile);
        let encoded = decode_stored_profile(profile.id, record.clone()).unwrap();
        let decoded = StoredProfile::from(profile.clone());
        for stored in [&encoded, &decoded] {
            prop_assert_eq!(&encode_stored_profile(stored), &record);
            let properties = &profile.attributes.properties;
            prop_assert_eq!(stored.property_count(), properties.len());
            prop_assert_eq!(stored.property_bytes(), properties.bytes());
        }
        prop_assert_eq!(encoded.decode(), Ok(profile));
    }

    #[test]
    fn an_outcome_is_decoded_as_it_was_encoded(outcome in outcomes()) {
        let record = OutcomeSegment::from_outcome(&outcome).into_record();
        prop_assert_eq!(decode_segment(outcome.sequence, &record), Ok(vec![outcome]));
    }

    #[test]
    fn a_merge_is_decoded_as_it_was_encoded(merge in merges()) {
        let record = encode_merge(&merge);
        prop_assert_eq!(decode_merge(merge.absorbed.id, &record), Ok(merge));
    }

    #[test]
    fn an_id_is_decoded_as_it_was_encoded(bits in any::<u128>()) {
        let id = ProfileId::from_bits(bits);
        prop_assert_eq!(decode_id(&encode_id(id)), Ok(id));
    }

    #[test]
    fn a_truncated_or_extended_record_is_refused(outcome in outcomes(), merge in merges()) {
        let is_outcome = |bytes: &[u8]| decode_segment(1, bytes).is_ok();
        let is_merge = |bytes: &[u8]| decode_merge(ProfileId::from_bits(1), bytes).is_ok();
        prop_assert!(is_exact(&OutcomeSegment::from_outcome(&outcome).into_record(), is_outcome));
        prop_assert!(is_exact(&encode_merge(&merge), is_merge));
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in vec(any::<u8>(), 0..64)) {
        reads(&bytes);
        reads(&[&[1][..], &bytes].concat());
        reads(&[&[2][..], &bytes].concat());
        reads(&[&[3][..], &bytes].concat());
        reads(&[&[4][..], &bytes].concat());
    }

    #[test]
    fn no_altered_record_makes_decoding_panic(
        profile in profiles(),
        outcome in outcomes(),
        merge in merges(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let run = OutcomeSegment::from_outcome(&outcome).into_record();
        for mut record in [encode_profile(&profile), run, encode_merge(&merge)] {
            let place = place.index(record.len());
            record[place] = byte;
            reads(&record);
        }
    }
}

/// Whether the record is decoded, and nothing shorter or longer.
fn is_exact(record: &[u8], is_read: impl Fn(&[u8]) -> bool) -> bool {
    let longer = [record, &[0]].concat();
    is_read(record) && !is_read(&longer) && !(0..record.len()).any(|end| is_read(&record[..end]))
}

/// Decodes bytes as every kind of record. What is decoded can be encoded and decoded again.
fn reads(bytes: &[u8]) {
    let id = ProfileId::from_bits(1);
    let _ = decode_id(bytes);
    if let Ok(profile) = decode_profile(id, bytes) {
        assert_eq!(decode_profile(id, &encode_profile(&profile)), Ok(profile));
    }
    let stored = decode_stored_profile(id, bytes.to_vec());
    let decoded = stored.and_then(|stored| Ok(stored.decode()?));
    assert_eq!(decoded, decode_profile(id, bytes));
    if let Ok(outcomes) = decode_segment(9, bytes) {
        let mut run = OutcomeSegment::from_outcome(&outcomes[0]);
        if outcomes[1..].iter().all(|outcome| run.add(outcome).is_none()) {
            assert_eq!(decode_segment(9, &run.into_record()), Ok(outcomes));
        }
    }
    if let Ok(kept) = decode_kept_values(bytes) {
        assert_eq!(decode_kept_values(&encode_kept_values(&kept)), Ok(kept));
    }
    if let Ok(merge) = decode_merge(id, bytes) {
        assert_eq!(decode_merge(id, &encode_merge(&merge)), Ok(merge));
    }
}
