//! Generators of profiles, outcomes and merges for property tests.

use std::{num::NonZeroU128, str::FromStr};

use profile_protocol::{
    Attributes, Background, ChangedAttribute, Date, DeviceMetadata, EnablementStatus, Field,
    IdentifierKind, MetadataField, Platform, ProfileId, Properties, RequestedRevision, Revision,
    Vendor,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    AttributeDigest, Authored, Caller, ClaimOutcome, ClaimResult, ClaimSource, Device, DoNotMerge,
    Effect, Identifier, Ignored, InvalidToken, Merge, Outcome, Profile, ProfileIdentifiers,
    ProfileRef, PushTokenOutcome, PushTokenResult, Refused, ReplacedValue, RequestId, RequestIds,
    RequestSender, SenderDigest, SingleKinds, StoredPushToken, Timestamp, TraceId, Unsigned,
    ValueDigest, decide::merge::survivor_part::survivor_part,
};

/// Defines a generator of every variant of an enum. A variant without a strategy is a compile
/// error.
macro_rules! every_variant {
    ($name:ident: $type:ty { $($variant:pat => $strategy:expr,)+ }) => {
        fn $name() -> impl Strategy<Value = $type> {
            let _is_exhaustive = |value: $type| match value {
                $($variant => (),)+
            };
            proptest::strategy::Union::new([$($strategy.boxed(),)+])
        }
    };
}

pub(crate) use every_variant;

every_variant!(callers: Caller {
    Caller::Client => Just(Caller::Client),
    Caller::Server => Just(Caller::Server),
});

every_variant!(effects: Effect {
    Effect::Created => Just(Effect::Created),
    Effect::Updated => Just(Effect::Updated),
    Effect::Unchanged => Just(Effect::Unchanged),
    Effect::Unidentified => Just(Effect::Unidentified),
    Effect::Unmerged => Just(Effect::Unmerged),
    Effect::Deleted => Just(Effect::Deleted),
    Effect::NothingDeleted => Just(Effect::NothingDeleted),
    Effect::TokensRevoked => Just(Effect::TokensRevoked),
});

every_variant!(sources: ClaimSource {
    ClaimSource::Subject => Just(ClaimSource::Subject),
    ClaimSource::Attributes => Just(ClaimSource::Attributes),
    ClaimSource::Append => Just(ClaimSource::Append),
    ClaimSource::Command => Just(ClaimSource::Command),
});

every_variant!(kinds: IdentifierKind {
    IdentifierKind::AnonymousId => Just(IdentifierKind::AnonymousId),
    IdentifierKind::PhoneNumber => Just(IdentifierKind::PhoneNumber),
    IdentifierKind::Email => Just(IdentifierKind::Email),
    IdentifierKind::ExternalId => Just(IdentifierKind::ExternalId),
    IdentifierKind::Id => Just(IdentifierKind::Id),
});

every_variant!(results: ClaimResult {
    ClaimResult::Matched => Just(ClaimResult::Matched),
    ClaimResult::Attached => Just(ClaimResult::Attached),
    ClaimResult::Replaced => Just(ClaimResult::Replaced),
    ClaimResult::Absorbed(_) => ids().prop_map(ClaimResult::Absorbed),
    ClaimResult::Moved(_) => ids().prop_map(ClaimResult::Moved),
    ClaimResult::Restored(_) => ids().prop_map(ClaimResult::Restored),
    ClaimResult::Released => Just(ClaimResult::Released),
    ClaimResult::Refused(_) => refusals().prop_map(ClaimResult::Refused),
    ClaimResult::Ignored(_) => ignored().prop_map(ClaimResult::Ignored),
});

every_variant!(refusals: Refused {
    Refused::Placeholder => Just(Refused::Placeholder),
    Refused::OwnsHigher(_) => kinds().prop_map(Refused::OwnsHigher),
    Refused::HeldDifferently(_) => kinds().prop_map(Refused::HeldDifferently),
    Refused::Undone => Just(Refused::Undone),
    Refused::Protected => Just(Refused::Protected),
    Refused::MergeCap => Just(Refused::MergeCap),
    Refused::TooLarge => Just(Refused::TooLarge),
    Refused::BothKnown => Just(Refused::BothKnown),
    Refused::MergeRate => Just(Refused::MergeRate),
});

every_variant!(ignored: Ignored {
    Ignored::AnotherHeld => Just(Ignored::AnotherHeld),
    Ignored::UnknownId => Just(Ignored::UnknownId),
    Ignored::ForeignId => Just(Ignored::ForeignId),
    Ignored::ServerOnly => Just(Ignored::ServerOnly),
    Ignored::NoProfile => Just(Ignored::NoProfile),
    Ignored::Token(_) => token_faults().prop_map(Ignored::Token),
    Ignored::Unsigned(_) => signature_faults().prop_map(Ignored::Unsigned),
});

every_variant!(token_faults: InvalidToken {
    InvalidToken::Unsealed => Just(InvalidToken::Unsealed),
    InvalidToken::Foreign => Just(InvalidToken::Foreign),
    InvalidToken::Expired => Just(InvalidToken::Expired),
    InvalidToken::Revoked => Just(InvalidToken::Revoked),
    InvalidToken::DeviceNotHeld => Just(InvalidToken::DeviceNotHeld),
});

every_variant!(signature_faults: Unsigned {
    Unsigned::Missing => Just(Unsigned::Missing),
    Unsigned::Wrong => Just(Unsigned::Wrong),
    Unsigned::Expired => Just(Unsigned::Expired),
});

every_variant!(references: ProfileRef {
    ProfileRef::Id(_) => ids().prop_map(ProfileRef::Id),
    ProfileRef::Identifier(_) => any_identifier().prop_map(ProfileRef::Identifier),
});

every_variant!(any_identifier: Identifier {
    Identifier::AnonymousId(_) => parsed(r"\PC{1,8}").prop_map(Identifier::AnonymousId),
    Identifier::PhoneNumber(_) => parsed(r"\+1[0-9]{6,9}").prop_map(Identifier::PhoneNumber),
    Identifier::Email(_) => parsed(r"[a-d]@example\.com").prop_map(Identifier::Email),
    Identifier::ExternalId(_) => parsed(r"\PC{1,8}").prop_map(Identifier::ExternalId),
});

every_variant!(changed_attributes: ChangedAttribute {
    ChangedAttribute::Field(_) => select(Field::ALL.to_vec()).prop_map(ChangedAttribute::Field),
    ChangedAttribute::Property(_) => parsed(".{0,12}").prop_map(ChangedAttribute::Property),
});

pub(crate) fn profile_refs() -> impl Strategy<Value = ProfileRef> {
    references()
}

pub(crate) fn profiles() -> impl Strategy<Value = Profile> {
    let times = (any::<u64>(), any::<u64>());
    let revoked = option::of(any::<u64>().prop_map(Timestamp::from_millis));
    let past = (
        vec((ids(), any::<bool>()), 0..4),
        option::of(1..=u64::MAX),
        vec(do_not_merge(), 0..3),
        revoked,
        replaced_values(),
        any::<u32>(),
    );
    (ids(), times, identifiers(), authored_attributes(), past).prop_map(
        |(
            id,
            (created, updated),
            identifiers,
            (attributes, authored),
            (absorbed, last_outcome, do_not_merge, tokens_revoked, replaced, former_identifiers),
        )| {
            let by_client = absorbed.iter().filter(|(_, by_client)| *by_client);
            let client_merges = by_client.map(|(id, _)| *id).collect();
            let absorbed = absorbed.iter().map(|(id, _)| *id).collect();
            Profile {
                id,
                created: Timestamp::from_millis(created),
                updated: Timestamp::from_millis(updated),
                identifiers,
                attributes,
                authored,
                absorbed,
                client_merges,
                last_outcome,
                do_not_merge,
                tokens_revoked,
                replaced,
                former_identifiers,
            }
        },
    )
}

pub(crate) fn merges() -> impl Strategy<Value = Merge> {
    let context = (any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>());
    (context, profiles(), profiles(), vec(references(), 0..3)).prop_map(
        |((sequence, at, position, protect), survivor, absorbed, links)| Merge {
            sequence,
            at: Timestamp::from_millis(at),
            position,
            survivor: survivor_part(&survivor, &absorbed, protect),
            absorbed,
            links,
            protect,
        },
    )
}

/// What may be noted about replaced values, in its order.
fn replaced_values() -> impl Strategy<Value = Vec<ReplacedValue>> {
    let number = (0..4u64, 0..3u64);
    let written = option::of(any::<u32>().prop_map(ValueDigest::from_bits));
    let noted = (number, any::<u64>(), senders(), written, option::of(any::<u32>()));
    let noted =
        noted.prop_map(|((sequence, attribute), at, sender, written, bytes)| ReplacedValue {
            attribute: AttributeDigest::from_bits(attribute),
            sender,
            sequence,
            at: Timestamp::from_millis(at),
            written,
            bytes: bytes.map(u64::from),
        });
    vec(noted, 0..3).prop_map(|mut noted| {
        noted.sort_by_key(|one| (one.sequence, one.attribute));
        noted.dedup_by_key(|one| (one.sequence, one.attribute));
        noted
    })
}

fn do_not_merge() -> impl Strategy<Value = DoNotMerge> {
    (ids(), references()).prop_map(|(from, link)| DoNotMerge::new(from, &link))
}

pub(crate) fn outcomes() -> impl Strategy<Value = Outcome> {
    let head = (any::<u64>(), any::<u64>(), callers(), revisions(), effects());
    let changed = || (vec(changed_attributes(), 0..4), any::<usize>());
    let previous = vec(any::<u64>(), 0..4);
    let origin = (senders(), option::of(push_token_outcomes()));
    let tail = (changed(), changed(), previous, option::of(request_ids()), origin);
    (head, option::of(ids()), vec(claims(), 0..6), tail).prop_map(
        |((sequence, at, caller, revision, effect), survivor, claims, tail)| Outcome {
            sequence,
            at: Timestamp::from_millis(at),
            caller,
            revision,
            survivor,
            effect,
            claims,
            changed: tail.0.0,
            changed_unlisted: tail.0.1,
            withheld: tail.1.0,
            withheld_unlisted: tail.1.1,
            previous: tail.2,
            request_ids: tail.3,
            sender: tail.4.0,
            push_token: tail.4.1,
        },
    )
}

every_variant!(push_token_results: PushTokenResult {
    PushTokenResult::Attached => Just(PushTokenResult::Attached),
    PushTokenResult::Moved(_) => ids().prop_map(PushTokenResult::Moved),
    PushTokenResult::Updated => Just(PushTokenResult::Updated),
    PushTokenResult::Matched => Just(PushTokenResult::Matched),
    PushTokenResult::Released => Just(PushTokenResult::Released),
    PushTokenResult::NoSpace => Just(PushTokenResult::NoSpace),
    PushTokenResult::NotHeld => Just(PushTokenResult::NotHeld),
});

fn push_token_outcomes() -> impl Strategy<Value = PushTokenOutcome> {
    (push_token_results(), any::<usize>())
        .prop_map(|(result, released)| PushTokenOutcome { result, released })
}

pub(crate) fn push_tokens() -> impl Strategy<Value = StoredPushToken> {
    let words = (
        select(Platform::ALL),
        select(Vendor::ALL),
        select(EnablementStatus::ALL),
        select(Background::ALL),
    );
    let metadata = vec((select(MetadataField::ALL), parsed(r"\PC{0,8}")), 0..12);
    let times = (any::<u32>(), any::<u32>());
    (parsed(r"\PC{1,40}"), words, metadata, times).prop_map(
        |(token, (platform, vendor, enablement_status, background), texts, (created, later))| {
            let mut metadata = DeviceMetadata::default();
            texts.into_iter().for_each(|(field, text)| metadata.set(field, text));
            let created = u64::from(created);
            StoredPushToken {
                token,
                platform,
                vendor,
                enablement_status,
                background,
                metadata,
                created: Timestamp::from_millis(created),
                recorded: Timestamp::from_millis(created + u64::from(later)),
            }
        },
    )
}

fn senders() -> impl Strategy<Value = RequestSender> {
    let digest = || option::of(any::<u64>().prop_map(SenderDigest::from_bits));
    (digest(), digest()).prop_map(|(network, device)| RequestSender { network, device })
}

fn request_ids() -> impl Strategy<Value = RequestIds> {
    let texts = parsed("[-_.:A-Za-z0-9]{1,64}|[0-9a-f]{32}");
    let requests = prop_oneof![any::<u128>().prop_map(RequestId::from_bits), texts];
    let traces = option::of(any::<NonZeroU128>().prop_map(TraceId::from_bits));
    (requests, traces).prop_map(|(request, trace)| RequestIds { request, trace })
}

fn ids() -> impl Strategy<Value = ProfileId> {
    any::<u128>().prop_map(ProfileId::from_bits)
}

/// Text of this form that can be parsed as a `T`.
fn parsed<T: FromStr + std::fmt::Debug>(form: &'static str) -> impl Strategy<Value = T> {
    form.prop_filter_map("not a text of this type", |text| text.parse().ok())
}

fn identifiers() -> impl Strategy<Value = ProfileIdentifiers> {
    // Few different texts, so that two profiles often have the same.
    let emails = || parsed(r"[a-d]@(example\.com|bücher\.example)");
    (
        option::of(parsed(r"\PC{1,8}")),
        option::of(emails()),
        option::of(parsed(r"\+1[0-9]{6,9}")),
        vec(devices(), 0..4),
        vec(emails(), 0..3),
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(external_id, email, phone_number, devices, secondary_emails, by_client)| {
                let mut identifiers = ProfileIdentifiers {
                    external_id,
                    email,
                    phone_number,
                    devices,
                    secondary_emails,
                    ..ProfileIdentifiers::default()
                };
                for (kind, by_client) in SingleKinds::ALL.into_iter().zip(by_client) {
                    if by_client && identifiers.single(kind).is_some() {
                        identifiers.client_attached.insert(kind);
                    }
                }
                identifiers
            },
        )
}

fn devices() -> impl Strategy<Value = Device> {
    let times = prop_oneof![Just((0, 0)), (any::<u32>(), any::<u32>())];
    (parsed(r"[a-e]|\PC{1,8}"), times).prop_map(|(id, (attached, later))| {
        let attached = u64::from(attached);
        let [attached, seen] = [attached, attached + u64::from(later)].map(Timestamp::from_millis);
        Device { id, attached, seen }
    })
}

/// Attributes, and which of them the company wrote.
fn authored_attributes() -> impl Strategy<Value = (Attributes, Authored)> {
    (attributes(), vec(any::<bool>(), Field::ALL.len() + 4)).prop_map(|(attributes, by_company)| {
        let mut authored = Authored::default();
        let fields = attributes.fields.iter().map(|(field, value)| (field, value.is_some()));
        for ((field, has), by_company) in fields.zip(&by_company) {
            authored.put_field(field, has && *by_company);
        }
        let names = attributes.properties.iter().map(|(name, _)| name);
        for (name, by_company) in names.zip(by_company.iter().skip(Field::ALL.len())) {
            authored.put_property(name, *by_company);
        }
        (attributes, authored)
    })
}

pub(crate) fn attributes() -> impl Strategy<Value = Attributes> {
    let fields = vec(option::of(parsed(r"(?s).{0,6}")), Field::ALL.len());
    (fields, properties()).prop_map(|(values, properties)| {
        let mut attributes = Attributes { properties, ..Attributes::default() };
        for (field, value) in Field::ALL.into_iter().zip(values) {
            attributes.fields[field] = value;
        }
        attributes
    })
}

fn properties() -> impl Strategy<Value = Properties> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1e300".to_owned()),
        "-?[1-9][0-9]{0,30}",
        r#""[a-zé🙂]{0,6}""#,
        Just(r#""\u0001\"\\""#.to_owned()),
    ];
    let json = leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(","))),
            inner.prop_map(|value| format!("{{\"a\":{value}}}")),
        ]
    });
    let values = json.prop_map(|json| json.parse().unwrap());
    vec((parsed(r"[a-d]|.{0,6}"), values), 0..4).prop_map(|all| all.into_iter().collect())
}

fn revisions() -> impl Strategy<Value = Revision> {
    select(vec!["2022-10-17", "2023-12-15", "2024-10-15", "2026-10-15"]).prop_map(|text| {
        let requested: RequestedRevision = text.parse().unwrap();
        requested.resolve(Date::from_unix_days(30_000)).unwrap()
    })
}

fn claims() -> impl Strategy<Value = ClaimOutcome> {
    (kinds(), sources(), results()).prop_map(|(kind, origin, result)| ClaimOutcome {
        kind,
        origin,
        result,
    })
}
