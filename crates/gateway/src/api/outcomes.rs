//! Outcomes: what became of requests, for one profile and for all.

use actix_web::http::StatusCode;
use profile_protocol::ChangedAttribute;
use profile_store::{ClaimOutcome, ClaimResult, ClaimSource, Effect, HistoryCursor, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::{Call, PROFILE},
    cursor::Page,
    documents::{Answer, Collection, Named, PageLinks, Relationship},
    query::{PAGE_CURSOR, PAGE_SIZE, Query},
    time::text_of,
};
use crate::refusal::Refusal;

/// `GET /api/profiles/{id}/history`: newest first.
pub(super) async fn history(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::of(call, &query)?;
    let profile = call.profile(call.id(PROFILE)?).await?;
    let from = match &page.place {
        Some(place) => numbers_of(place).ok_or(Refusal::Cursor)?,
        None => profile.last_outcome.into_iter().collect(),
    };
    let (from, limit) = (HistoryCursor { sequences: from }, page.size);
    let history = call
        .read(async move |store, company| store.history_from(company, &profile, from, limit).await);
    let history = history.await?;
    let next = history.next.map(|next| place_of(&next.sequences));
    let links = page.links(call, &query, next.as_deref());
    let data = history.outcomes.iter().map(OutcomeResource::of).collect();
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

/// `GET /api/outcomes`: oldest first, from wherever the caller has come to.
pub(super) async fn stream(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::of(call, &query)?;
    let after = match page.place.as_deref().map(numbers_of) {
        None => 0,
        Some(Some(numbers)) if numbers.len() == 1 => numbers.first().copied().unwrap_or(0),
        Some(_) => return Err(Refusal::Cursor),
    };
    let limit = page.size;
    let (mut outcomes, newest) = call
        .read(async move |store, company| {
            // One more than the page holds tells whether there is a next one.
            let outcomes = store.outcomes(company, after, limit + 1).await?;
            Ok((outcomes, store.newest_outcome(company).await?))
        })
        .await?;
    // A number that was not reached yet was given out by another store, such as one
    // of which this is an older copy.
    if newest < after {
        return Err(Refusal::Cursor);
    }
    let more = limit < outcomes.len();
    outcomes.truncate(limit);
    let last = outcomes.last().map_or(after, |outcome| outcome.sequence);
    let reached = place_of(&[last]);
    let document = Stream {
        links: page.links(call, &query, more.then_some(&reached[..])),
        meta: StreamMeta {
            cursor: page.cursor(&reached),
            missed: (last - after).saturating_sub(outcomes.len() as u64),
        },
        data: outcomes.iter().map(OutcomeResource::of).collect(),
    };
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &document))
}

fn place_of(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// The numbers of a place that came back. Numbers that were never given out lead to
/// no outcome.
fn numbers_of(place: &[u8]) -> Option<Vec<u64>> {
    let (numbers, rest) = place.as_chunks();
    rest.is_empty().then(|| numbers.iter().copied().map(u64::from_be_bytes).collect())
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Stream {
    data: Vec<OutcomeResource>,
    links: PageLinks,
    meta: StreamMeta,
}

#[derive(JsonSchema, Serialize)]
struct StreamMeta {
    /// Where to go on, now or later.
    cursor: String,
    /// How many outcomes before the last of this page were pruned unread.
    missed: u64,
}

/// An outcome as answers show it.
#[derive(JsonSchema, Serialize)]
pub(super) struct OutcomeResource {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    attributes: OutcomeAttributes,
    relationships: OutcomeRelationships,
}

#[derive(JsonSchema, Serialize)]
struct OutcomeAttributes {
    /// When it was decided, RFC 3339.
    at: String,
    /// Who asked: `client`, anyone with the public id; `server`, the company itself.
    scope: &'static str,
    /// The revision asked at.
    revision: String,
    /// What it did to the profile: `created`, `updated`, `unchanged`, `unidentified`,
    /// `unmerged` or `deleted`.
    effect: &'static str,
    /// What became of each claim about who the person is.
    claims: Vec<ClaimShown>,
    /// The attributes that changed, as `fields[profile]` names them.
    changed: Vec<String>,
    /// How many more changed than are listed.
    changed_unlisted: usize,
    /// The attributes that a client would have changed, had the company not written
    /// and protected them.
    withheld: Vec<String>,
    /// How many more were withheld than are listed.
    withheld_unlisted: usize,
}

/// What became of one claim.
#[derive(JsonSchema, Serialize)]
struct ClaimShown {
    /// The kind of the identifier.
    identifier: &'static str,
    /// Where in the request it stood.
    origin: &'static str,
    /// `matched`, `attached`, `absorbed`, `restored`, `released`, `refused` or
    /// `ignored`.
    result: &'static str,
    /// Why, where it was refused, ignored, or took the place of another.
    reason: Option<String>,
    /// The other profile, where one was absorbed or restored.
    profile_id: Option<String>,
}

#[derive(JsonSchema, Serialize)]
struct OutcomeRelationships {
    profile: Relationship,
}

impl OutcomeResource {
    pub(super) fn of(outcome: &Outcome) -> OutcomeResource {
        let named = |id: profile_protocol::ProfileId| Named { kind: "profile", id: id.to_string() };
        OutcomeResource {
            kind: "outcome",
            id: Some(outcome.sequence.to_string()),
            attributes: OutcomeAttributes {
                at: text_of(outcome.at),
                scope: outcome.caller.as_str(),
                revision: outcome.revision.to_string(),
                effect: outcome.effect.as_str(),
                claims: outcome.claims.iter().map(ClaimShown::of).collect(),
                changed: outcome.changed.iter().map(path_of).collect(),
                changed_unlisted: outcome.changed_unlisted,
                withheld: outcome.withheld.iter().map(path_of).collect(),
                withheld_unlisted: outcome.withheld_unlisted,
            },
            relationships: OutcomeRelationships {
                profile: Relationship { data: outcome.survivor.map(named) },
            },
        }
    }
}

impl OutcomeResource {
    /// An outcome that did not happen. It has no number, and a profile that would
    /// have been created has no id.
    pub(super) fn explained(outcome: &Outcome) -> OutcomeResource {
        let shown = OutcomeResource::of(outcome);
        let data = shown.relationships.profile.data;
        let data = data.filter(|_| outcome.effect != Effect::Created);
        OutcomeResource {
            kind: "profile-explain",
            id: None,
            attributes: shown.attributes,
            relationships: OutcomeRelationships { profile: Relationship { data } },
        }
    }
}

impl ClaimShown {
    fn of(claim: &ClaimOutcome) -> ClaimShown {
        let (reason, profile) = match claim.result {
            ClaimResult::Refused(reason) => (Some(reason.to_string()), None),
            ClaimResult::Ignored(reason) => (Some(reason.to_string()), None),
            ClaimResult::Absorbed(id) | ClaimResult::Restored(id) => (None, Some(id.to_string())),
            ClaimResult::Replaced => (Some("replaced another".to_owned()), None),
            ClaimResult::Matched | ClaimResult::Attached | ClaimResult::Released => (None, None),
        };
        ClaimShown {
            identifier: claim.kind.name(),
            origin: match claim.origin {
                ClaimSource::Subject => "meta.identifiers",
                ClaimSource::Attributes => "attributes",
                ClaimSource::Append => "meta.patch_identifiers.append",
                ClaimSource::Command => "command",
            },
            result: claim.result.as_str(),
            reason,
            profile_id: profile,
        }
    }
}

/// The path of an attribute as `fields[profile]` would name it.
pub(super) fn path_of(changed: &ChangedAttribute) -> String {
    match changed {
        ChangedAttribute::Field(field) if field.is_location() => {
            format!("location.{}", field.name())
        }
        ChangedAttribute::Field(field) => field.name().to_owned(),
        ChangedAttribute::Property(name) => format!("properties.{}", name.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_a_place_and_nothing_else_does() {
        assert_eq!(numbers_of(&place_of(&[7, 3])), Some(vec![7, 3]));
        assert_eq!(numbers_of(&[0; 7]), None);
    }
}
