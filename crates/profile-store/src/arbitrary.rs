//! Any profile, outcome and merge, for the laws that hold for all of them.

use std::str::FromStr;

use profile_protocol::{
    Attributes, ChangedAttribute, Date, Field, IdentifierKind, ProfileId, Properties,
    RequestedRevision, Revision,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    Apart, Authored, ClaimOutcome, Effect, Fate, Held, Identifier, Ignored, InvalidToken, Merge,
    Named, Origin, Outcome, Profile, Refused, Scope, Timestamp, Unsigned,
};

pub(crate) fn profiles() -> impl Strategy<Value = Profile> {
    let times = (any::<u64>(), any::<u64>());
    let past = (vec(ids(), 0..4), option::of(1..=u64::MAX), vec(apart(), 0..3));
    (ids(), times, held(), known(), past).prop_map(
        |(
            id,
            (created, updated),
            held,
            (attributes, authored),
            (absorbed, last_outcome, apart),
        )| Profile {
            id,
            created: Timestamp::from_millis(created),
            updated: Timestamp::from_millis(updated),
            held,
            attributes,
            authored,
            absorbed,
            last_outcome,
            apart,
        },
    )
}

pub(crate) fn merges() -> impl Strategy<Value = Merge> {
    let moment = (any::<u64>(), any::<u64>(), any::<bool>());
    (moment, profiles(), profiles(), vec(named(), 0..3)).prop_map(
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

fn apart() -> impl Strategy<Value = Apart> {
    (ids(), named()).prop_map(|(from, link)| Apart::new(from, &link))
}

fn named() -> impl Strategy<Value = Named> {
    prop_oneof![
        ids().prop_map(Named::Profile),
        parsed(r"\PC{1,8}").prop_map(|id| Named::Holder(Identifier::ExternalId(id))),
        parsed(r"[a-d]@example\.com").prop_map(|email| Named::Holder(Identifier::Email(email))),
        parsed(r"\+1[0-9]{6,9}").prop_map(|number| Named::Holder(Identifier::PhoneNumber(number))),
        parsed(r"\PC{1,8}").prop_map(|id| Named::Holder(Identifier::AnonymousId(id))),
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
    let scopes = [Scope::Client, Scope::Server].to_vec();
    let head = (any::<u64>(), any::<u64>(), select(scopes), revisions(), select(effects));
    let changed = || (vec(changed_attributes(), 0..4), any::<usize>());
    let tail = (changed(), changed(), vec(any::<u64>(), 0..4));
    (head, option::of(ids()), vec(claims(), 0..6), tail).prop_map(
        |((sequence, at, scope, revision, effect), survivor, claims, tail)| Outcome {
            sequence,
            at: Timestamp::from_millis(at),
            scope,
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

fn held() -> impl Strategy<Value = Held> {
    // Few texts, so that two profiles often hold the same.
    let emails = || parsed(r"[a-d]@(example\.com|bücher\.example)");
    (
        option::of(parsed(r"\PC{1,8}")),
        option::of(emails()),
        option::of(parsed(r"\+1[0-9]{6,9}")),
        vec(parsed(r"[a-e]|\PC{1,8}"), 0..4),
        vec(emails(), 0..3),
    )
        .prop_map(|(external_id, email, phone_number, anonymous_ids, secondary_emails)| Held {
            external_id,
            email,
            phone_number,
            anonymous_ids,
            secondary_emails,
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
    let origins = vec![Origin::Subject, Origin::Attributes, Origin::Append, Origin::Command];
    (kinds(), select(origins), fates()).prop_map(|(kind, origin, fate)| ClaimOutcome {
        kind,
        origin,
        fate,
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

fn fates() -> impl Strategy<Value = Fate> {
    let plain = vec![
        Fate::Matched,
        Fate::Attached,
        Fate::Replaced,
        Fate::Released,
        Fate::Refused(Refused::Sentinel),
        Fate::Refused(Refused::MergeCap),
        Fate::Refused(Refused::TooLarge),
        Fate::Refused(Refused::Protected),
        Fate::Ignored(Ignored::PlaceTaken),
        Fate::Ignored(Ignored::UnknownId),
        Fate::Ignored(Ignored::ForeignId),
        Fate::Ignored(Ignored::ServerOnly),
        Fate::Ignored(Ignored::Token(InvalidToken::Unsealed)),
        Fate::Ignored(Ignored::Token(InvalidToken::Foreign)),
        Fate::Ignored(Ignored::Token(InvalidToken::Expired)),
        Fate::Ignored(Ignored::Unsigned(Unsigned::Missing)),
        Fate::Ignored(Ignored::Unsigned(Unsigned::Wrong)),
        Fate::Ignored(Ignored::Unsigned(Unsigned::Expired)),
    ];
    prop_oneof![
        select(plain),
        ids().prop_map(Fate::Absorbed),
        kinds().prop_map(|kind| Fate::Refused(Refused::OwnsHigher(kind))),
        kinds().prop_map(|kind| Fate::Refused(Refused::HeldDifferently(kind))),
    ]
}
