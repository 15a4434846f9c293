//! The history of a person in plain words, with the table of each request's claims.

use maud::{Markup, html};
use profile_protocol::CompanyId;
use serde::Deserialize;

use super::{
    claim_values::{ClaimValues, NamedClaim},
    layout::path_of,
    table::columns,
    time::shown_time,
};

/// An outcome as the API shows it.
#[derive(Deserialize)]
pub(super) struct OutcomeDocument {
    /// The number. An explanation has none.
    pub(super) id: Option<String>,
    pub(super) attributes: OutcomeFacts,
    relationships: OutcomeLinks,
}

#[derive(Deserialize)]
struct OutcomeLinks {
    profile: OutcomeLink,
}

#[derive(Deserialize)]
struct OutcomeLink {
    data: Option<LinkedPerson>,
}

#[derive(Deserialize)]
struct LinkedPerson {
    id: String,
}

impl OutcomeDocument {
    /// The id of the person, if the outcome is about one.
    pub(super) fn person(&self) -> Option<&str> {
        self.relationships.profile.data.as_ref().map(|person| person.id.as_str())
    }
}

#[derive(Deserialize)]
pub(super) struct OutcomeFacts {
    pub(super) at: String,
    pub(super) scope: String,
    pub(super) request_id: Option<String>,
    pub(super) effect: String,
    pub(super) claims: Vec<ClaimFacts>,
    changed: Vec<String>,
    changed_unlisted: usize,
    withheld: Vec<String>,
    withheld_unlisted: usize,
    push_token: Option<PushTokenFacts>,
}

#[derive(Deserialize)]
pub(super) struct ClaimFacts {
    pub(super) identifier: String,
    origin: String,
    #[serde(rename = "fate")]
    pub(super) result: String,
    pub(super) reason: Option<String>,
    profile_id: Option<String>,
}

impl ClaimFacts {
    fn named(&self) -> NamedClaim<'_> {
        NamedClaim { kind: &self.identifier, origin: &self.origin, result: &self.result }
    }
}

#[derive(Deserialize)]
struct PushTokenFacts {
    #[serde(rename = "fate")]
    result: String,
    reason: Option<String>,
}

/// The outcomes of the history of a person, in their order. Some are about a person who was merged
/// into this one later.
pub(super) fn list(
    company: &CompanyId,
    person: &str,
    outcomes: &[OutcomeDocument],
    values: &ClaimValues,
) -> Markup {
    html! {
        ol.history {
            @for outcome in outcomes {
                li id=[outcome.id.as_ref().map(|id| format!("outcome-{id}"))] {
                    p.faint {
                        (shown_time(&outcome.attributes.at))
                        @if let Some(id) = &outcome.id { " · outcome " (id) }
                        @if let Some(id) = &outcome.attributes.request_id { " · request " (id) }
                    }
                    @if let Some(id) = outcome.person().filter(|id| *id != person) {
                        p { "About " (id) ", a person of their own at the time:" }
                    }
                    (words_with(company, outcome, values))
                    (claims_table(company, outcome))
                }
            }
        }
    }
}

/// What happened, in sentences that name no value.
pub(super) fn words(company: &CompanyId, outcome: &OutcomeDocument) -> Markup {
    words_with(company, outcome, &ClaimValues::default())
}

/// What happened, in sentences that name the values of claims as far as they are known.
fn words_with(company: &CompanyId, outcome: &OutcomeDocument, values: &ClaimValues) -> Markup {
    let facts = &outcome.attributes;
    html! {
        p { strong { (summary(facts)) } }
        @for claim in &facts.claims {
            @let all = facts.claims.iter().map(ClaimFacts::named);
            @let value = values.named(outcome.id.as_deref(), claim.named(), all);
            @if let Some(sentence) = claim_words(company, &facts.scope, claim, value) {
                p { (sentence) }
            }
        }
        @if let Some(names) = named(&facts.changed, facts.changed_unlisted) {
            p { "What changed: " (names) "." }
        }
        @if let Some(names) = named(&facts.withheld, facts.withheld_unlisted) {
            p {
                "A browser may not change this, because your company wrote it, or because there is "
                "no space left for what browsers say: " (names) "."
            }
        }
        @if let Some(token) = &facts.push_token {
            p {
                "The push token was " (token.result)
                @if let Some(reason) = &token.reason { " (" (reason) ")" }
                "."
            }
        }
    }
}

/// Who sent a request, in words.
pub(super) fn sender(scope: &str) -> &'static str {
    if scope == "client" { "A browser or app" } else { "Your company" }
}

fn summary(facts: &OutcomeFacts) -> String {
    let who = sender(&facts.scope);
    let merged = facts.claims.iter().any(|claim| claim.result == "absorbed");
    let did = match facts.effect.as_str() {
        "created" => "created this person",
        "updated" if merged => "was recognized, and what was known as several people is one",
        "updated" => "changed this person",
        "unchanged" => "named this person, and nothing changed",
        "unidentified" => "named no person that could be found or created",
        "unmerged" => "undid a merge",
        "deleted" => "erased this person",
        "nothing_deleted" => "asked to erase a person whom nothing was stored about",
        "tokens_revoked" => "revoked exchange tokens",
        other => return format!("{who}: {other}."),
    };
    format!("{who} {did}.")
}

/// What happened to one claim, unless it only found the person.
fn claim_words(
    company: &CompanyId,
    scope: &str,
    claim: &ClaimFacts,
    value: Option<&str>,
) -> Option<Markup> {
    let kind = kind_words(&claim.identifier);
    let what = html! { (kind) @if let Some(value) = value { " " (value) } };
    let who = sender(scope);
    let other = html! {
        @if let Some(id) = &claim.profile_id { a href=(path_of(company, &format!("people/{id}"))) { (id) } }
        @else { "another person" }
    };
    let reason = || reason_words(claim.reason.as_deref().unwrap_or_default(), kind);
    Some(match claim.result.as_str() {
        "matched" => return None,
        "attached" if claim.reason.is_some() => html! {
            "The " (what) " belongs here now, in place of another one."
        },
        "attached" => html! { "The " (what) " belongs here now." },
        "absorbed" => {
            html! { "The " (what) " belonged to " (other) ", who was merged into this person." }
        }
        "moved" => html! {
            "The " (what) " was taken from " (other) ", who had it from a browser only."
        },
        "restored" => html! { (other) " is a person of their own again." },
        "released" => html! { "The " (what) " does not belong here any more." },
        "refused" => html! {
            (who) " said that the " (what) " belongs here; that was refused because " (reason()) "."
        },
        "ignored" => html! {
            (who) " named the " (what) "; it was ignored because " (reason()) "."
        },
        result => html! { "The " (what) ": " (result) "." },
    })
}

/// The kind of an identifier in words.
pub(super) fn kind_words(kind: &str) -> &str {
    match kind {
        "email" => "email address",
        "phone_number" => "phone number",
        "external_id" => "external id",
        "anonymous_id" => "browser or device",
        "id" => "profile id",
        other => other,
    }
}

/// The reason of a refused or ignored claim, as a clause.
fn reason_words(reason: &str, what: &str) -> String {
    if let Some(kind) = reason.strip_prefix("owns its own ") {
        return format!("another person, with their own {}, holds it", kind_words(kind));
    }
    if let Some(kind) = reason.strip_prefix("holds another ") {
        return format!("it is of another person, with a different {}", kind_words(kind));
    }
    if let Some(reason) = reason.strip_prefix("token ") {
        return format!("the token is {reason}");
    }
    let clause = match reason {
        "placeholder" => "it is a placeholder such as “undefined”",
        "undone before" => "the same merge was undone before",
        "the company wrote otherwise" => "your company wrote different values to the two people",
        "merge cap reached" => "as many people were merged into this one as may be",
        "too many properties together" => "both people together have too many properties",
        "the company knows both" => "your company knows more of both people than it named",
        "place taken" => return format!("this person has another {what}"),
        "unknown id" => "no person has, or had, this id",
        "id of another system" => "the id is one of another system",
        "no profile" => "no person has, or had, it",
        "for the company itself" => "only your company may say that",
        "unsigned" => "your company signs identifiers, and this one was not signed",
        other => return format!("of this rule: {other}"),
    };
    clause.to_owned()
}

/// A list of attributes, in words.
fn named(names: &[String], unlisted: usize) -> Option<String> {
    if names.is_empty() && unlisted == 0 {
        return None;
    }
    let more = (unlisted != 0).then(|| format!("{unlisted} more"));
    Some(names.iter().cloned().chain(more).collect::<Vec<_>>().join(", "))
}

/// The claims of a request, one by one.
pub(super) fn claims_table(company: &CompanyId, outcome: &OutcomeDocument) -> Markup {
    let claims = &outcome.attributes.claims;
    html! {
        @if !claims.is_empty() {
            details {
                summary { "Claims (" (claims.len()) ")" }
                table {
                    (columns(&["Identifier", "From", "Result", "Reason", "Other person"], &[]))
                    tbody {
                        @for claim in claims {
                            tr {
                                th scope="row" { (claim.identifier) }
                                td { (claim.origin) }
                                td { (claim.result) }
                                td { (claim.reason.as_deref().unwrap_or_default()) }
                                td {
                                    @if let Some(id) = &claim.profile_id {
                                        a href=(path_of(company, &format!("people/{id}"))) { (id) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use profile_protocol::IdentifierKind;
    use profile_store::{Ignored, Refused};

    use super::*;

    #[test]
    fn every_reason_has_words_of_its_own() {
        let refused = [
            Refused::Placeholder,
            Refused::OwnsHigher(IdentifierKind::Email),
            Refused::HeldDifferently(IdentifierKind::ExternalId),
            Refused::Undone,
            Refused::Protected,
            Refused::MergeCap,
            Refused::TooLarge,
            Refused::BothKnown,
        ];
        let ignored = [
            Ignored::AnotherHeld,
            Ignored::UnknownId,
            Ignored::ForeignId,
            Ignored::NoProfile,
            Ignored::ServerOnly,
        ];
        let reasons = refused.iter().map(ToString::to_string);
        for reason in reasons.chain(ignored.iter().map(ToString::to_string)) {
            let words = reason_words(&reason, "phone number");
            assert!(!words.starts_with("of this rule"), "{reason}");
        }
    }

    #[test]
    fn a_refused_claim_reads_as_a_sentence() {
        let claim = ClaimFacts {
            identifier: "phone_number".to_owned(),
            origin: "attributes".to_owned(),
            result: "refused".to_owned(),
            reason: Some("owns its own email".to_owned()),
            profile_id: None,
        };
        for (value, shown) in [(None, ""), (Some("+1…06"), " +1…06")] {
            let company = "ABC123".parse().unwrap();
            let words = claim_words(&company, "client", &claim, value).unwrap();
            assert_eq!(
                words.into_string(),
                format!(
                    "A browser or app said that the phone number{shown} belongs here; that was \
                     refused because another person, with their own email address, holds it."
                )
            );
        }
    }
}
