//! The decision table of docs/IDENTITY.md is carried out, row by row.
//!
//! An identifier is a letter for its kind and a number: `x1` an external id, `e1`
//! an email address, `p1` a phone number, `a1` an anonymous id. A profile is a
//! name and what it holds, `S: x1 e1`; `N` is one that is new.

use std::collections::BTreeMap;

use profile_protocol::{CompanyId, Email, Patch, ProfileId, Revision};
use profile_store::{
    ClaimOutcome, Claims, Effect, Fate, Held, Identifier, Moment, Profile, Rules, Scope, Sentinels,
    Submission, Timestamp, decide,
};

const DOCUMENT: &str = include_str!("../../../../docs/IDENTITY.md");
const NEW: u128 = 99;

struct Row<'d> {
    stored: &'d str,
    request: &'d str,
    scope: &'d str,
    claims: &'d str,
    effect: &'d str,
    left: &'d str,
}

fn rows() -> Vec<Row<'static>> {
    let (_, rest) = DOCUMENT.split_once("<!-- decisions -->").unwrap();
    let (table, _) = rest.split_once("<!-- /decisions -->").unwrap();
    let cells = |line: &'static str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [stored, request, scope, claims, effect, left] = cells[..] else {
            panic!("not six cells: {line}");
        };
        Row { stored, request, scope, claims, effect, left }
    };
    table.trim().lines().skip(2).map(cells).collect()
}

fn email(number: &str) -> Email {
    format!("e{number}@example.com").parse().unwrap()
}

fn identifier(text: &str) -> Identifier {
    let (kind, number) = text.split_at(1);
    match kind {
        "x" => Identifier::ExternalId(format!("x-{number}").parse().unwrap()),
        "e" => Identifier::Email(email(number)),
        "p" => Identifier::PhoneNumber(format!("+1500555000{number}").parse().unwrap()),
        "a" => Identifier::AnonymousId(format!("a-{number}").parse().unwrap()),
        _ => panic!("no identifier: {text}"),
    }
}

fn hold(held: &mut Held, text: &str) {
    match identifier(text) {
        Identifier::ExternalId(id) => held.external_id = Some(id),
        Identifier::Email(email) => held.email = Some(email),
        Identifier::PhoneNumber(number) => held.phone_number = Some(number),
        Identifier::AnonymousId(id) => held.anonymous_ids.push(id),
    }
}

fn profile_id(name: &str) -> ProfileId {
    ProfileId::from_bits(match name {
        "N" => NEW,
        name => u128::from(name.as_bytes()[0]),
    })
}

/// Profiles by name, as a cell tells of them.
fn profiles(cell: &str) -> BTreeMap<String, Held> {
    let mut profiles = BTreeMap::new();
    for profile in cell.split(';').map(str::trim).filter(|profile| !matches!(*profile, "" | "–"))
    {
        let (name, identifiers) = profile.split_once(':').unwrap();
        let mut held = Held::default();
        identifiers.split_whitespace().for_each(|text| hold(&mut held, text));
        profiles.insert(name.to_owned(), held);
    }
    profiles
}

/// The claims of a cell such as `e1 about, x1`: those about the subject say so.
fn claims(cell: &str, scope: Scope) -> Claims {
    let (mut subject, mut attributes) = (Vec::new(), Vec::new());
    for text in cell.split(',').map(str::trim) {
        match text.strip_suffix(" about") {
            Some(text) => subject.push(member(text)),
            None => attributes.push(member(text)),
        }
    }
    let id: Vec<String> =
        attributes.extract_if(.., |member| member.starts_with("\"id\"")).collect();
    let id = id.first().map(|member| format!(",{member}")).unwrap_or_default();
    let (subject, attributes) = (subject.join(","), attributes.join(","));
    let body = format!(
        r#"{{"data":{{"type":"profile"{id},"attributes":{{{attributes}}},"meta":{{"identifiers":{{{subject}}}}}}}}}"#
    );
    let request = profile_protocol::ProfileRequest::parse(body.as_bytes(), Revision::LATEST);
    let open = |_: &_| Err(profile_store::InvalidToken::Unsealed);
    Claims::of(&request.unwrap(), scope, &Sentinels::default(), open).unwrap()
}

fn member(text: &str) -> String {
    match text {
        "id of nobody" => format!(r#""id":"{}""#, ProfileId::from_bits(12)),
        "id of another system" => r#""id":"ABC123""#.to_owned(),
        "broken token" => r#""_kx":"broken""#.to_owned(),
        "placeholder" => r#""external_id":"undefined""#.to_owned(),
        text if text.starts_with("id of ") => {
            format!(r#""id":"{}""#, profile_id(&text["id of ".len()..]))
        }
        text => {
            let identifier = identifier(text);
            format!(r#""{}":"{}""#, identifier.kind(), identifier.as_str())
        }
    }
}

fn words(claim: &ClaimOutcome) -> String {
    let why = match claim.fate {
        Fate::Absorbed(id) => format!(" {}", char::from(u8::try_from(id.bits()).unwrap())),
        Fate::Replaced => ", replacing".to_owned(),
        Fate::Refused(reason) => format!(": {reason}"),
        Fate::Ignored(reason) => format!(": {reason}"),
        _ => String::new(),
    };
    format!("{} {}{why}", claim.kind, claim.fate.word())
}

fn carry_out(row: &Row<'_>, scope: Scope) {
    let stored: Vec<Profile> = profiles(row.stored)
        .into_iter()
        .map(|(name, held)| {
            let id = profile_id(&name);
            Profile { held, ..Profile::new(id, Timestamp::from_millis(0)) }
        })
        .collect();
    let submission = Submission {
        company: "ABC123".parse::<CompanyId>().unwrap(),
        scope,
        revision: Revision::LATEST,
        claims: claims(row.request, scope),
        leaving_emails: Vec::new(),
        patch: Patch::default(),
        rules: Rules::default().into(),
    };
    let leads_to = |claim: &profile_store::Claim| {
        stored.iter().find(|profile| match &claim.named {
            profile_store::Named::Profile(id) => profile.id == *id,
            profile_store::Named::Holder(identifier) => profile.held.holds(identifier),
        })
    };
    let reached: Vec<Option<&Profile>> = submission.claims.made().iter().map(leads_to).collect();
    let moment = Moment { now: Timestamp::from_millis(0), chance: NEW, sequence: 1 };
    let decision = decide(&submission, &reached, moment).unwrap();

    let told: Vec<String> = decision.outcome.claims.iter().map(words).collect();
    assert_eq!(told.join("; "), row.claims, "{} ← {}", row.stored, row.request);
    assert_eq!(decision.outcome.effect.word(), row.effect, "{} ← {}", row.stored, row.request);

    let mut left: BTreeMap<ProfileId, Held> =
        stored.iter().map(|profile| (profile.id, profile.held.clone())).collect();
    for merge in &decision.merges {
        left.remove(&merge.absorbed.id);
    }
    if let Some(profile) = decision.profile {
        assert_eq!(decision.outcome.effect == Effect::Created, profile.id.bits() == NEW);
        left.insert(profile.id, profile.held);
    }
    let expected: BTreeMap<ProfileId, Held> =
        profiles(row.left).into_iter().map(|(name, held)| (profile_id(&name), held)).collect();
    assert_eq!(left, expected, "{} ← {}", row.stored, row.request);
}

#[test]
fn every_row_of_the_decision_table_holds() {
    let rows = rows();
    assert!(25 <= rows.len(), "the table was read");
    for row in rows {
        match row.scope {
            "client" => carry_out(&row, Scope::Client),
            "server" => carry_out(&row, Scope::Server),
            "both" => {
                carry_out(&row, Scope::Client);
                carry_out(&row, Scope::Server);
            }
            other => panic!("no scope: {other}"),
        }
    }
}
