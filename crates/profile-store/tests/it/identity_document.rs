//! Carries out the decision table of docs/IDENTITY.md, row by row. That page explains the
//! notation.

use std::{collections::BTreeMap, sync::Arc};

use profile_protocol::{
    AnonymousId, Change, Email, ExchangeToken, Field, IdentifierKind, Patch, ProfileId,
    ProfileRequest, RequestParts, Revision,
};
use profile_store::{
    Caller, Claim, ClaimOutcome, ClaimResult, Claims, DecisionContext, DecisionError, Device,
    DeviceDigest, DifferentExternalId, DoNotMerge, Effect, Identifier, IdentitySettings, Intent,
    InvalidToken, Placeholders, Profile, ProfileIdentifiers, ProfileRef, Rejected, RequestSender,
    SingleKinds, StoredProfile, Submission, Timestamp, TokenContent, TokenTerms, Unsigned, decide,
};

const DOCUMENT: &str = include_str!("../../../../docs/IDENTITY.md");
const NEW: u128 = 99;
const CONTEXT: DecisionContext = DecisionContext {
    now: Timestamp::from_millis(0),
    entropy: NEW,
    sequence: 1,
    tokens_revoked: None,
};

struct TableRow<'d> {
    stored: &'d str,
    request: &'d str,
    sender: &'d str,
    /// The choice under which the row holds, or both.
    choices: Vec<DifferentExternalId>,
    claims: &'d str,
    effect: &'d str,
    after: &'d str,
}

impl TableRow<'_> {
    fn claims(&self, request: &RequestParts, caller: Caller) -> Claims {
        let placeholders = Placeholders::default();
        let claims = match self.sender {
            "unsigned" => Claims::from_unsigned_request(
                request,
                caller,
                &placeholders,
                Unsigned::Missing,
                open,
            ),
            "signed" => {
                Claims::from_request(request, caller, &placeholders, open).map(Claims::signed)
            }
            "signed spent" => Claims::from_request(request, caller, &placeholders, open)
                .map(|claims| claims.signed().without_merges()),
            "spent" => Claims::from_request(request, caller, &placeholders, open)
                .map(Claims::without_merges),
            _ => Claims::from_request(request, caller, &placeholders, open),
        };
        claims.unwrap()
    }
}

fn rows() -> Vec<TableRow<'static>> {
    let (_, rest) = DOCUMENT.split_once("<!-- decisions -->").unwrap();
    let (table, _) = rest.split_once("<!-- /decisions -->").unwrap();
    let cells = |line: &'static str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [stored, request, sender, claims, effect, after] = cells[..] else {
            panic!("not six cells: {line}");
        };
        let (sender, choices) = sender_and_choices(sender);
        TableRow { stored, request, sender, choices, claims, effect, after }
    };
    table.trim().lines().skip(2).map(cells).collect()
}

/// The sender of a cell such as `client, new_profile`. Most rows hold under both choices.
fn sender_and_choices(cell: &str) -> (&str, Vec<DifferentExternalId>) {
    match cell.split_once(", ") {
        Some((sender, choice)) => (sender, vec![choice.parse().unwrap()]),
        None => (cell, vec![DifferentExternalId::SameProfile, DifferentExternalId::NewProfile]),
    }
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

fn profile_id(name: &str) -> ProfileId {
    ProfileId::from_bits(match name {
        "N" => NEW,
        name => u128::from(name.as_bytes()[0]),
    })
}

/// The profiles of a cell.
fn profiles(cell: &str) -> Vec<Profile> {
    let parts = cell.split(';').map(str::trim).filter(|part| !matches!(*part, "" | "–"));
    let profile = |part: &str| {
        let (name, words) = part.split_once(':').unwrap();
        let mut profile = Profile::new(profile_id(name), Timestamp::from_millis(0));
        words.split_whitespace().for_each(|word| describe(&mut profile, word));
        profile
    };
    parts.map(profile).collect()
}

fn describe(profile: &mut Profile, word: &str) {
    if let Some(count) = word.strip_prefix("~×") {
        describe(profile, &format!("×{count}"));
        profile.client_merges = profile.absorbed.iter().copied().collect();
    } else if let Some(count) = word.strip_prefix('×') {
        let count: u128 = count.parse().unwrap();
        profile.absorbed = (1_000..1_000 + count).map(ProfileId::from_bits).collect();
    } else if let Some(count) = word.strip_suffix('p') {
        for number in 0..count.parse().unwrap() {
            let name = format!("{} {number}", profile.id).parse().unwrap();
            profile.attributes.properties.set(name, "1".parse().unwrap());
        }
    } else if let Some(count) = word.strip_suffix('c') {
        let mut patch = Patch::default();
        for number in 0..count.parse().unwrap() {
            let name = format!("{} {number}", profile.id).parse().unwrap();
            patch.properties.set.push((name, "1".parse().unwrap()));
        }
        write_as_company(profile, patch);
    } else if word == "known" {
        let mut patch = Patch::default();
        patch.fields[Field::FirstName] = Change::Set("Ann".parse().unwrap());
        write_as_company(profile, patch);
    } else if word == "revoked" {
        profile.tokens_revoked = Some(Timestamp::from_millis(0));
    } else if word == "do-not-merge" {
        let link = ProfileRef::Identifier(identifier("e1"));
        profile.do_not_merge = vec![DoNotMerge::new(profile_id("S"), &link)];
    } else {
        hold(&mut profile.identifiers, word);
    }
}

fn write_as_company(profile: &mut Profile, patch: Patch) {
    let request = request(&format!("id of {}", name(profile.id)));
    let (caller, placeholders) = (Caller::Server, Placeholders::default());
    let submission = Submission {
        company: "ABC123".parse().unwrap(),
        caller,
        intent: Intent::Update(profile.id),
        revision: Revision::LATEST,
        request_ids: None,
        sender: RequestSender::default(),
        claims: Claims::from_request(&request, caller, &placeholders, open).unwrap(),
        cleared: Vec::new(),
        leaving_emails: Vec::new(),
        patch,
        push_token: None,
        settings: Arc::default(),
    };
    let stored = profile.clone().into();
    let decision = decide(&submission, &[Some(&stored)], CONTEXT).unwrap();
    *profile = decision.profile.unwrap().decode().unwrap();
}

fn hold(identifiers: &mut ProfileIdentifiers, word: &str) {
    if let Some(word) = word.strip_prefix('~') {
        identifiers.client_attached.insert(identifier(word).kind());
        hold(identifiers, word);
    } else if let Some(number) = word.strip_prefix("+e") {
        identifiers.secondary_emails.push(email(number));
    } else if let Some(count) = word.strip_suffix('a') {
        identifiers.devices.extend(devices(count.parse().unwrap()));
    } else {
        match identifier(word) {
            Identifier::ExternalId(id) => identifiers.external_id = Some(id),
            Identifier::Email(email) => identifiers.email = Some(email),
            Identifier::PhoneNumber(number) => identifiers.phone_number = Some(number),
            Identifier::AnonymousId(id) => identifiers.devices.push(device(id)),
        }
    }
}

/// The newest `count` entries of a full list of devices.
fn devices(count: usize) -> Vec<Device> {
    (33 - count..33).map(|number| device(format!("d-{number}").parse().unwrap())).collect()
}

fn device(id: AnonymousId) -> Device {
    Device::new(id, Timestamp::from_millis(1))
}

/// The request of a cell such as `e1 about, x1, +e2`.
fn request(cell: &str) -> RequestParts {
    let (mut subject, mut attributes) = (Vec::new(), Vec::new());
    let mut id = String::new();
    let mut further = String::new();
    let emails = |number| format!(r#"{{"email":"{}"}}"#, email(number).as_str());
    let words = cell.split(',').map(str::trim).filter(|word| !word.is_empty());
    for word in words.filter(|word| !word.starts_with("no ")) {
        if let Some(word) = word.strip_suffix(" about") {
            subject.push(member(word));
        } else if let Some(number) = word.strip_prefix("+e") {
            further = format!(r#","patch_identifiers":{{"append":{}}}"#, emails(number));
        } else if let Some(number) = word.strip_prefix("-e") {
            further = format!(r#","patch_identifiers":{{"unappend":{}}}"#, emails(number));
        } else if word.starts_with("id of") || word == "unknown id" {
            id = format!(",{}", member(word));
        } else {
            attributes.push(member(word));
        }
    }
    let (subject, attributes) = (subject.join(","), attributes.join(","));
    let meta = format!(r#"{{"identifiers":{{{subject}}}{further}}}"#);
    let body = format!(
        r#"{{"data":{{"type":"profile"{id},"attributes":{{{attributes}}},"meta":{meta}}}}}"#
    );
    ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap().into_parts()
}

/// The kinds that a cell clears.
fn cleared(cell: &str) -> Vec<IdentifierKind> {
    let letters = cell.split(',').filter_map(|word| word.trim().strip_prefix("no "));
    letters.map(|letter| identifier(&format!("{letter}1")).kind()).collect()
}

/// One claim as a member of a JSON object.
fn member(words: &str) -> String {
    match words {
        "unknown id" => format!(r#""id":"{}""#, ProfileId::from_bits(12)),
        "id of another system" => r#""id":"ABC123""#.to_owned(),
        "placeholder" => r#""external_id":"undefined""#.to_owned(),
        words => match (
            words.strip_prefix("id of "),
            words.strip_suffix(" token").or(words.strip_prefix("token of ")),
        ) {
            (Some(name), _) => format!(r#""id":"{}""#, profile_id(name)),
            (_, Some(token)) => format!(r#""_kx":"{token}""#),
            _ => {
                let identifier = identifier(words);
                format!(r#""{}":"{}""#, identifier.kind(), identifier.as_str())
            }
        },
    }
}

fn open(token: &ExchangeToken) -> Result<TokenContent, InvalidToken> {
    match token.as_str() {
        "expired" => Err(InvalidToken::Expired),
        "foreign" => Err(InvalidToken::Foreign),
        "broken" => Err(InvalidToken::Unsealed),
        words => {
            let (name, device) = match words.split_once(" for ") {
                Some((name, device)) => (name, Some(identifier(device))),
                None => (words, None),
            };
            let device = device.map(|device| match device {
                Identifier::AnonymousId(id) => DeviceDigest::from_device(&id),
                other => panic!("no device: {other:?}"),
            });
            let terms = TokenTerms { issued: Timestamp::from_millis(0), device };
            Ok(TokenContent { profile: profile_id(name), terms })
        }
    }
}

fn words(claim: &ClaimOutcome) -> String {
    let why = match claim.result {
        ClaimResult::Absorbed(id) => format!(" {}", name(id)),
        ClaimResult::Moved(id) => format!(" from {}", name(id)),
        ClaimResult::Replaced => ", replacing".to_owned(),
        ClaimResult::Refused(reason) => format!(": {reason}"),
        ClaimResult::Ignored(reason) => format!(": {reason}"),
        ClaimResult::Matched
        | ClaimResult::Attached
        | ClaimResult::Restored(_)
        | ClaimResult::Released => String::new(),
    };
    format!("{} {}{why}", claim.kind, claim.result.as_str())
}

fn name(id: ProfileId) -> char {
    char::from(u8::try_from(id.bits()).unwrap())
}

fn refusal(rejected: Rejected) -> String {
    match rejected {
        Rejected::Duplicate { id } => format!("belongs to {}", name(id)),
        Rejected::UnknownProfile => "unknown profile".to_owned(),
        Rejected::NoIdentifierLeft => "no identifier left".to_owned(),
        other => other.to_string(),
    }
}

fn identifiers(profiles: Vec<Profile>) -> BTreeMap<ProfileId, ProfileIdentifiers> {
    let identifiers = |profile: Profile| (profile.id, unmarked(profile.identifiers));
    profiles.into_iter().map(identifiers).collect()
}

/// The identifiers, without what is noted about them.
fn unmarked(identifiers: ProfileIdentifiers) -> ProfileIdentifiers {
    let devices = identifiers.devices.into_iter().map(|held| device(held.id)).collect();
    ProfileIdentifiers { client_attached: SingleKinds::default(), devices, ..identifiers }
}

fn carry_out(row: &TableRow<'_>, caller: Caller, intent: Intent) {
    for &choice in &row.choices {
        carry_out_under(choice, row, caller, intent);
    }
}

fn carry_out_under(
    different_external_id: DifferentExternalId,
    row: &TableRow<'_>,
    caller: Caller,
    intent: Intent,
) {
    let stored = profiles(row.stored);
    let request = match intent {
        Intent::Update(id) => request(&format!("id of {}, {}", name(id), row.request)),
        _ => request(row.request),
    };
    let submission = Submission {
        company: "ABC123".parse().unwrap(),
        caller,
        intent,
        revision: Revision::LATEST,
        request_ids: None,
        sender: RequestSender::default(),
        claims: row.claims(&request, caller),
        cleared: cleared(row.request),
        leaving_emails: request.secondary_emails.unappend,
        patch: request.patch,
        push_token: None,
        settings: IdentitySettings { different_external_id, ..IdentitySettings::default() }.into(),
    };
    let profiles_before: Vec<StoredProfile> = stored.iter().cloned().map(Into::into).collect();
    let found_by = |claim: &Claim| {
        profiles_before.iter().find(|profile| match &claim.target {
            ProfileRef::Id(id) => profile.id == *id,
            ProfileRef::Identifier(identifier) => profile.identifiers.holds(identifier),
        })
    };
    let reached: Vec<Option<&StoredProfile>> =
        submission.claims.made().iter().map(found_by).collect();
    let decision = match decide(&submission, &reached, CONTEXT) {
        Ok(decision) => decision,
        Err(DecisionError::Damaged(error)) => panic!("{error}"),
        Err(DecisionError::Rejected(rejected)) => {
            assert_eq!(refusal(rejected), row.claims, "{} ← {}", row.stored, row.request);
            assert_eq!((row.effect, row.after), ("refused", row.stored));
            return;
        }
    };

    let results: Vec<String> = decision.outcome.claims.iter().map(words).collect();
    assert_eq!(results.join("; "), row.claims, "{} ← {}", row.stored, row.request);
    assert_eq!(decision.outcome.effect.as_str(), row.effect, "{} ← {}", row.stored, row.request);

    let mut after = identifiers(stored);
    for merge in &decision.merges {
        after.remove(&merge.absorbed.id);
    }
    if let Some(profile) = decision.profile {
        assert_eq!(decision.outcome.effect == Effect::Created, profile.id.bits() == NEW);
        after.insert(profile.id, unmarked(profile.identifiers));
    }
    for profile in decision.yielding {
        after.insert(profile.id, unmarked(profile.identifiers));
    }
    assert_eq!(after, identifiers(profiles(row.after)), "{} ← {}", row.stored, row.request);
}

#[test]
fn every_row_of_the_decision_table_holds() {
    let rows = rows();
    assert!(50 <= rows.len(), "the table was not read");
    for row in rows {
        match row.sender {
            "client" | "unsigned" | "signed" | "spent" | "signed spent" => {
                carry_out(&row, Caller::Client, Intent::Upsert);
            }
            "server" => carry_out(&row, Caller::Server, Intent::Upsert),
            "both" => {
                carry_out(&row, Caller::Client, Intent::Upsert);
                carry_out(&row, Caller::Server, Intent::Upsert);
            }
            "create" => carry_out(&row, Caller::Server, Intent::Create),
            "import" => carry_out(&row, Caller::Server, Intent::Import),
            update => {
                let id = profile_id(update.strip_prefix("update ").unwrap());
                carry_out(&row, Caller::Server, Intent::Update(id));
            }
        }
    }
}
