//! What the claims of a person's history named, masked.
//!
//! An outcome keeps no value of a person, so that an erasure need not look for one there. What a
//! claim named is known where a value that is stored says which outcome brought or took it, and
//! while the inspector has the request. Otherwise a sentence names the kind alone.

use std::{collections::BTreeMap, ops::Range};

use serde::Deserialize;
use serde_json::Value;

use super::{
    api_call::{CompanyVisit, PersonDocument},
    inspector::InspectedRequest,
    writer_facts::WriterFacts,
};

/// The origin of claims that add a secondary address.
pub(super) const APPEND: &str = "meta.patch_identifiers.append";

/// A claim, or an identifier that was lost, as an outcome has it.
#[derive(Clone, Copy)]
pub(super) struct NamedClaim<'a> {
    pub(super) kind: &'a str,
    pub(super) origin: &'a str,
    pub(super) result: &'a str,
}

/// An identifier that is stored, and the outcome that brought or took it.
struct TracedValue {
    outcome: String,
    kind: String,
    change: TracedChange,
    masked: String,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum TracedChange {
    Brought,
    /// As a secondary address.
    Appended,
    Taken,
}

/// A former identifier, as the API shows it.
#[derive(Deserialize)]
struct TracedLoss {
    identifier: String,
    value: String,
    outcome: Option<String>,
}

/// What is known about the values of claims. `Debug` is missing, since they are personal.
#[derive(Default)]
pub(super) struct ClaimValues {
    traced: Vec<TracedValue>,
    /// What the claims of kept requests named: by outcome, origin and kind.
    inspected: BTreeMap<(String, String, String), String>,
}

impl ClaimValues {
    /// What a person's page knows.
    pub(super) fn of(of: &CompanyVisit<'_>, person: &PersonDocument) -> ClaimValues {
        let gateway = of.visit.gateway;
        let kept = gateway.inspector.list(&of.principal.company.id, gateway.clock.elapsed());
        let inspected = kept.iter().flat_map(|(_, request)| inspected(request)).collect();
        ClaimValues { traced: traced(person), inspected }
    }

    /// What a claim of this outcome named, masked. It is among `all` claims of the outcome.
    pub(super) fn named<'a>(
        &self,
        outcome: Option<&str>,
        claim: NamedClaim<'a>,
        all: impl Iterator<Item = NamedClaim<'a>>,
    ) -> Option<&str> {
        let outcome = outcome?;
        let key = (outcome.to_owned(), claim.origin.to_owned(), claim.kind.to_owned());
        if let Some(masked) = self.inspected.get(&key) {
            return Some(masked);
        }
        let change = change_of(claim)?;
        // Two of a kind cannot be told apart.
        let alike =
            all.filter(|other| other.kind == claim.kind && change_of(*other) == Some(change));
        let mut found = self.traced.iter().filter(|value| {
            value.outcome == outcome && value.kind == claim.kind && value.change == change
        });
        let only = found.next().filter(|_| alike.count() == 1 && found.next().is_none());
        only.map(|value| value.masked.as_str())
    }
}

/// What a claim did to the value that it named, if that can be found again.
fn change_of(claim: NamedClaim<'_>) -> Option<TracedChange> {
    match claim.result {
        "released" => Some(TracedChange::Taken),
        "attached" | "moved" if claim.origin == APPEND => Some(TracedChange::Appended),
        "attached" | "moved" => Some(TracedChange::Brought),
        // An address may have found a profile that had another one as its primary address.
        "absorbed" if claim.kind != "email" => Some(TracedChange::Brought),
        _ => None,
    }
}

/// The identifiers of a person that say which outcome brought or took them.
fn traced(person: &PersonDocument) -> Vec<TracedValue> {
    let writers: BTreeMap<String, WriterFacts> = person.part("writers");
    let brought = writers.iter().filter_map(|(path, writer)| {
        let (kind, value, change) = identifier_at(person, path)?;
        let (outcome, masked) = (writer.outcome.clone()?, masked(kind, &value));
        Some(TracedValue { outcome, kind: kind.to_owned(), change, masked })
    });
    let lost: Vec<TracedLoss> = person.part("former_identifiers");
    let taken = lost.into_iter().filter_map(|lost| {
        let masked = masked(&lost.identifier, &lost.value);
        let change = TracedChange::Taken;
        Some(TracedValue { outcome: lost.outcome?, kind: lost.identifier, change, masked })
    });
    brought.chain(taken).collect()
}

/// The identifier that a path among the writers is about.
fn identifier_at<'p>(
    person: &PersonDocument,
    path: &'p str,
) -> Option<(&'p str, String, TracedChange)> {
    if let Some(email) = path.strip_prefix("identifiers.secondary_emails.") {
        return Some(("email", email.to_owned(), TracedChange::Appended));
    }
    if let Some(id) = path.strip_prefix("identifiers.anonymous_ids.") {
        return Some(("anonymous_id", id.to_owned(), TracedChange::Brought));
    }
    let is_identifier = ["email", "phone_number", "external_id"].contains(&path);
    is_identifier.then(|| (path, person.text(path), TracedChange::Brought))
}

/// The identifiers that a kept request named, masked.
fn inspected(request: &InspectedRequest) -> Vec<((String, String, String), String)> {
    const KINDS: [&str; 4] = ["email", "phone_number", "external_id", "anonymous_id"];
    let stored = request.stored.as_ref().zip(request.body.as_ref());
    let Some((stored, body)) = stored else { return Vec::new() };
    let parsed = body.decoded.as_ref().ok().and_then(|body| serde_json::from_slice(body).ok());
    let Some::<Value>(body) = parsed else { return Vec::new() };
    // A request about a push token has the profile within.
    let profile = body.pointer("/data/attributes/profile/data").or_else(|| body.get("data"));
    let number = stored.sequence.to_string();
    let origins = ["attributes", "meta.identifiers"];
    let named = origins.into_iter().flat_map(|origin| KINDS.map(|kind| (origin, kind)));
    let value = |(origin, kind): (&str, &str)| {
        let pointer = format!("/{}/{kind}", origin.replace('.', "/"));
        let value = profile?.pointer(&pointer)?.as_str()?;
        Some(((number.clone(), origin.to_owned(), kind.to_owned()), masked(kind, value)))
    };
    named.filter_map(value).collect()
}

/// An identifier, of which so much is shown that who knows it recognizes it.
fn masked(kind: &str, value: &str) -> String {
    let value = value.trim();
    match (kind, value.rsplit_once('@')) {
        ("email", Some((local, domain))) => format!("{}@{domain}", ends(local, 1)),
        _ => ends(value, 2),
    }
}

/// At most so many letters of the beginning and of the end, and never half of the text.
fn ends(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let shown = most.min(letters.len() / 5).max(usize::from(letters.len() > 2));
    let last = if letters.len() < 4 { 0 } else { shown };
    let part =
        |range: Range<usize>| letters.get(range).unwrap_or_default().iter().collect::<String>();
    format!("{}…{}", part(0..shown), part(letters.len() - last..letters.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person() -> PersonDocument {
        let person = json!({ "id": "1", "attributes": {
            "email": "sarah@example.com", "phone_number": "+15005550006",
            "writers": {
                "email": { "by": "company", "at": "x", "outcome": "1" },
                "phone_number": { "by": "client", "at": null, "outcome": null },
                "identifiers.secondary_emails.one@x.de": { "by": "company", "at": "x", "outcome": "3" },
                "identifiers.secondary_emails.two@x.de": { "by": "company", "at": "x", "outcome": "3" },
                "identifiers.anonymous_ids.browser-1": { "by": "client", "at": "x", "outcome": "2" },
                "properties.email": { "by": "client", "at": "x", "outcome": "2" },
            },
            "former_identifiers": [{ "identifier": "email", "value": "old@example.com",
                "by": "company", "at": "x", "outcome": "1" }],
        } });
        serde_json::from_value(person).unwrap()
    }

    fn claim<'a>(kind: &'a str, origin: &'a str, result: &'a str) -> NamedClaim<'a> {
        NamedClaim { kind, origin, result }
    }

    #[test]
    fn a_claim_shows_the_value_that_its_outcome_brought_or_took_and_no_other() {
        let values = ClaimValues { traced: traced(&person()), ..ClaimValues::default() };
        let named = |outcome, one: NamedClaim<'static>, others: &[NamedClaim<'static>]| {
            let all = others.iter().copied().chain([one]);
            values.named(Some(outcome), one, all).map(str::to_owned)
        };
        let email = claim("email", "attributes", "attached");
        assert_eq!(named("1", email, &[]).as_deref(), Some("s…h@example.com"));
        assert_eq!(named("2", email, &[]), None);
        assert_eq!(named("1", email, &[claim("email", "meta.identifiers", "attached")]), None);
        let released = claim("email", "attributes", "released");
        assert_eq!(named("1", released, &[email]).as_deref(), Some("o…@example.com"));
        let device = claim("anonymous_id", "attributes", "attached");
        assert_eq!(named("2", device, &[]).as_deref(), Some("b…1"));
        // One of two, of which the outcome does not tell.
        let appended = claim("email", APPEND, "attached");
        assert_eq!(named("3", appended, &[appended]), None);
        for result in ["matched", "refused", "ignored", "absorbed"] {
            assert_eq!(named("1", claim("email", "attributes", result), &[]), None, "{result}");
        }
    }

    #[test]
    fn a_mask_shows_the_ends_of_a_value() {
        assert_eq!(masked("phone_number", " +15005550006"), "+1…06");
        assert_eq!(masked("email", "sarah@example.com"), "s…h@example.com");
        assert_eq!(masked("email", "a@b.de"), "…@b.de");
        assert_eq!(masked("external_id", "customer-77"), "cu…77");
        for (value, shown) in [("", "…"), ("7", "…"), ("77", "…"), ("777", "7…"), ("äöüß", "ä…ß")]
        {
            assert_eq!(masked("external_id", value), shown);
        }
    }
}
