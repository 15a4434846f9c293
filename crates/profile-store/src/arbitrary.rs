//! Any profile, outcome and merge, for the laws that hold for all of them.

use std::str::FromStr;

use profile_protocol::{
    Attributes, ChangedAttribute, Date, Field, IdentifierKind, ProfileId, Properties,
    RequestedRevision, Revision,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    Authored, Caller, ClaimOutcome, ClaimResult, ClaimSource, DoNotMerge, Effect, Identifier,
    Ignored, InvalidToken, Merge, Outcome, Profile, ProfileIdentifiers, ProfileRef, Refused,
    Timestamp, Unsigned,
};

pub(crate) fn profiles() -> impl Strategy<Value = Profile> {
    let times = (any::<u64>(), any::<u64>());
    let past = (vec(ids(), 0..4), option::of(1..=u64::MAX), vec(do_not_merge(), 0..3));
    (ids(), times, identifiers(), known(), past).prop_map(
        |(
            id,
            (created, updated),
            identifiers,
            (attributes, authored),
            (absorbed, last_outcome, do_not_merge),
        )| Profile {
            id,
            created: Timestamp::from_millis(created),
            updated: Timestamp::from_millis(updated),
            identifiers,
            attributes,
            authored,
            absorbed,
            last_outcome,
            do_not_merge,
        },
    )
}

pub(crate) fn merges() -> impl Strategy<Value = Merge> {
    let context = (any::<u64>(), any::<u64>(), any::<bool>());
    (context, profiles(), profiles(), vec(named(), 0..3)).prop_map(
        |((sequence, at, protect), survivor, absorbed, links)| Merge {
            sequence,
            at: Timestamp::from_millis(at),
            survivor,
            absorbed,
            links,
            protect,
        },
    )
}

fn do_not_merge() -> impl Strategy<Value = DoNotMerge> {
    (ids(), named()).prop_map(|(from, link)| DoNotMerge::new(from, &link))
}

fn named() -> impl Strategy<Value = ProfileRef> {
    prop_oneof![
        ids().prop_map(ProfileRef::Id),
        parsed(r"\PC{1,8}").prop_map(|id| ProfileRef::Identifier(Identifier::ExternalId(id))),
        parsed(r"[a-d]@example\.com")
            .prop_map(|email| ProfileRef::Identifier(Identifier::Email(email))),
        parsed(r"\+1[0-9]{6,9}")
            .prop_map(|number| ProfileRef::Identifier(Identifier::PhoneNumber(number))),
        parsed(r"\PC{1,8}").prop_map(|id| ProfileRef::Identifier(Identifier::AnonymousId(id))),
    ]
}

pub(crate) fn outcomes() -> impl Strategy<Value = Outcome> {
    let effects = [
        Effect::Created,
        Effect::Updated,
        Effect::Unchanged,
        Effect::Unidentified,
        Effect::Unmerged,
        Effect::Deleted,
    ]
    .to_vec();
    let scopes = [Caller::Client, Caller::Server].to_vec();
    let head = (any::<u64>(), any::<u64>(), select(scopes), revisions(), select(effects));
    let changed = || (vec(changed_attributes(), 0..4), any::<usize>());
    let tail = (changed(), changed(), vec(any::<u64>(), 0..4));
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
        },
    )
}

fn changed_attributes() -> impl Strategy<Value = ChangedAttribute> {
    prop_oneof![
        select(Field::ALL.to_vec()).prop_map(ChangedAttribute::Field),
        parsed(".{0,12}").prop_map(ChangedAttribute::Property),
    ]
}

fn ids() -> impl Strategy<Value = ProfileId> {
    any::<u128>().prop_map(ProfileId::from_bits)
}

/// Text of this form that is a `T`.
fn parsed<T: FromStr + std::fmt::Debug>(form: &'static str) -> impl Strategy<Value = T> {
    form.prop_filter_map("another type's text", |text| text.parse().ok())
}

fn identifiers() -> impl Strategy<Value = ProfileIdentifiers> {
    // Few texts, so that two profiles often hold the same.
    let emails = || parsed(r"[a-d]@(example\.com|bücher\.example)");
    (
        option::of(parsed(r"\PC{1,8}")),
        option::of(emails()),
        option::of(parsed(r"\+1[0-9]{6,9}")),
        vec(parsed(r"[a-e]|\PC{1,8}"), 0..4),
        vec(emails(), 0..3),
    )
        .prop_map(|(external_id, email, phone_number, anonymous_ids, secondary_emails)| {
            ProfileIdentifiers { external_id, email, phone_number, anonymous_ids, secondary_emails }
        })
}

/// What is known, and what of it the company wrote.
fn known() -> impl Strategy<Value = (Attributes, Authored)> {
    (attributes(), vec(any::<bool>(), Field::ALL.len() + 4)).prop_map(|(attributes, own)| {
        let mut authored = Authored::default();
        let fields = attributes.fields.iter().map(|(field, value)| (field, value.is_some()));
        for ((field, has), own) in fields.zip(&own) {
            authored.put_field(field, has && *own);
        }
        let names = attributes.properties.iter().map(|(name, _)| name);
        for (name, own) in names.zip(own.iter().skip(Field::ALL.len())) {
            authored.put_property(name, *own);
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
        Just("1e400".to_owned()),
        "-?[1-9][0-9]{0,30}",
        r#""[a-zé🙂]{0,6}""#,
        Just(r#""\u0000\"\\""#.to_owned()),
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
    let origins = vec![
        ClaimSource::Subject,
        ClaimSource::Attributes,
        ClaimSource::Append,
        ClaimSource::Command,
    ];
    (kinds(), select(origins), results()).prop_map(|(kind, origin, result)| ClaimOutcome {
        kind,
        origin,
        result,
    })
}

fn kinds() -> impl Strategy<Value = IdentifierKind> {
    select(vec![
        IdentifierKind::AnonymousId,
        IdentifierKind::PhoneNumber,
        IdentifierKind::Email,
        IdentifierKind::ExternalId,
        IdentifierKind::Id,
    ])
}

fn results() -> impl Strategy<Value = ClaimResult> {
    let plain = vec![
        ClaimResult::Matched,
        ClaimResult::Attached,
        ClaimResult::Replaced,
        ClaimResult::Released,
        ClaimResult::Refused(Refused::Sentinel),
        ClaimResult::Refused(Refused::MergeCap),
        ClaimResult::Refused(Refused::TooLarge),
        ClaimResult::Refused(Refused::Protected),
        ClaimResult::Ignored(Ignored::PlaceTaken),
        ClaimResult::Ignored(Ignored::UnknownId),
        ClaimResult::Ignored(Ignored::ForeignId),
        ClaimResult::Ignored(Ignored::ServerOnly),
        ClaimResult::Ignored(Ignored::Token(InvalidToken::Unsealed)),
        ClaimResult::Ignored(Ignored::Token(InvalidToken::Foreign)),
        ClaimResult::Ignored(Ignored::Token(InvalidToken::Expired)),
        ClaimResult::Ignored(Ignored::Unsigned(Unsigned::Missing)),
        ClaimResult::Ignored(Ignored::Unsigned(Unsigned::Wrong)),
        ClaimResult::Ignored(Ignored::Unsigned(Unsigned::Expired)),
    ];
    prop_oneof![
        select(plain),
        ids().prop_map(ClaimResult::Absorbed),
        kinds().prop_map(|kind| ClaimResult::Refused(Refused::OwnsHigher(kind))),
        kinds().prop_map(|kind| ClaimResult::Refused(Refused::HeldDifferently(kind))),
    ]
}
