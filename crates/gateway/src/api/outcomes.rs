//! Outcomes: the results of requests, for one profile and for all.

use std::sync::Arc;

use actix_web::{
    http::StatusCode,
    web::{self, Data},
};
use profile_protocol::ChangedAttribute;
use profile_store::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, Effect, HistoryCursor, Outcome,
    PushTokenOutcome, PushTokenResult, RequestSender, SenderDigest, StoreError, engine::Order,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;

use super::{
    call::{Call, PROFILE},
    cursor::Page,
    documents::{ApiResponse, Collection, PageLinks, Relationship, ResourceIdentifier},
    query::{PAGE_CURSOR, PAGE_SIZE, Query, SORT, invalid},
    time::rfc3339,
};
use crate::{
    capacity::disk_wait, http::refusal::Refusal, state::GatewayState, tenants::directory::Company,
};

/// `GET /api/profiles/{id}/history`: newest first.
pub(super) async fn history(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::from_query(call, &query)?;
    let profile = call.profile(call.id(PROFILE)?).await?;
    let from = match &page.position {
        Some(position) => numbers_from_position(position).ok_or(Refusal::Cursor)?,
        None => profile.last_outcome.into_iter().collect(),
    };
    let (from, limit) = (HistoryCursor { sequences: from }, page.size);
    let history = call
        .read(async move |store, company| store.history_from(company, &profile, from, limit).await);
    let history = history.await?;
    let next = history.next.map(|next| position_from_numbers(&next.sequences));
    let links = page.links(call, &query, next.as_deref());
    let data = history.outcomes.iter().map(OutcomeResource::from_outcome).collect();
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Collection { data, links }))
}

/// `GET /api/outcomes`, from the caller's cursor: oldest first, unless the caller asks for the
/// newest.
pub(super) async fn stream(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[SORT, PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::from_query(call, &query)?;
    let order = order_by_time(&page)?;
    let from = match &page.position {
        None => None,
        Some(position) => match numbers_from_position(position).as_deref() {
            Some([number]) => Some(*number),
            Some(_) | None => return Err(Refusal::Cursor),
        },
    };
    let limit = page.size;
    let (mut outcomes, newest) = call
        .read(async move |store, company| {
            // One item more than the page holds shows whether there is a next page.
            let outcomes = match order {
                Order::Ascending => store.outcomes(company, from.unwrap_or(0), limit + 1).await?,
                Order::Descending => {
                    let before = from.unwrap_or(u64::MAX);
                    store.outcomes_before(company, before, limit + 1).await?
                }
            };
            Ok((outcomes, store.newest_outcome(company).await?))
        })
        .await?;
    // The cursor is ahead of this store. Another store issued it, for example the one that this
    // store is an older copy of.
    if from.is_some_and(|number| newest < number) {
        return Err(Refusal::Cursor);
    }
    let more = limit < outcomes.len();
    outcomes.truncate(limit);
    let reached = position_from_numbers(&[reached(from, &outcomes)]);
    let document = OutcomeStream {
        links: page.links(call, &query, more.then_some(&reached[..])),
        meta: OutcomeStreamMeta {
            cursor: page.cursor(&reached),
            missed: missed(from, order, &outcomes),
        },
        data: outcomes.iter().map(OutcomeResource::from_outcome).collect(),
    };
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &document))
}

/// The outcomes after a number, as the API shows them.
pub(crate) struct NewOutcomes {
    /// At most as many as were asked for, oldest first.
    pub(crate) documents: Vec<Value>,
    /// The number of those before them that were left out.
    pub(crate) left_out: u64,
    /// The number to ask with next.
    pub(crate) newest: u64,
}

/// The newest outcomes after this number, for a caller whose rights were checked.
pub(crate) async fn outcomes_after(
    gateway: &Data<GatewayState>,
    company: &Arc<Company>,
    after: u64,
    limit: usize,
) -> Result<NewOutcomes, Refusal> {
    let (reading, of, runtime) = (Data::clone(gateway), Arc::clone(company), Handle::current());
    let read = move || {
        runtime.block_on(async move {
            let newest = reading.store.newest_outcome(&of.id).await?;
            let from = after.max(newest.saturating_sub(limit as u64));
            let outcomes = reading.store.outcomes(&of.id, from, limit).await?;
            let newest = outcomes.last().map_or(from, |outcome| outcome.sequence);
            let shown = outcomes.iter().map(OutcomeResource::from_outcome);
            let documents = shown.filter_map(|shown| serde_json::to_value(shown).ok()).collect();
            Ok(NewOutcomes { documents, left_out: from - after, newest })
        })
    };
    let read = disk_wait::read(gateway, web::block(read)).await?;
    read.or(Err(Refusal::Store(StoreError::Unavailable)))?.map_err(Refusal::unreadable)
}

/// The order of the stream. The times of outcomes rise as their numbers do.
fn order_by_time(page: &Page) -> Result<Order, Refusal> {
    match page.sort.as_deref() {
        None | Some("at") => Ok(Order::Ascending),
        Some("-at") => Ok(Order::Descending),
        Some(_) => Err(invalid(SORT, "The sort must be at or -at.".to_owned())),
    }
}

/// The number from which the next page continues.
fn reached(from: Option<u64>, outcomes: &[Outcome]) -> u64 {
    outcomes.last().map(|last| last.sequence).or(from).unwrap_or(0)
}

/// The number of outcomes that a page lacks because they were pruned.
fn missed(from: Option<u64>, order: Order, outcomes: &[Outcome]) -> u64 {
    let (Some(first), Some(last)) = (outcomes.first(), outcomes.last()) else { return 0 };
    let numbers = match order {
        Order::Ascending => last.sequence - from.unwrap_or(0),
        Order::Descending => from.unwrap_or(first.sequence + 1) - last.sequence,
    };
    numbers.saturating_sub(outcomes.len() as u64)
}

fn position_from_numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// The outcome numbers of a cursor. Numbers that were never assigned point to no outcome.
fn numbers_from_position(position: &[u8]) -> Option<Vec<u64>> {
    let (numbers, rest) = position.as_chunks();
    rest.is_empty().then(|| numbers.iter().copied().map(u64::from_be_bytes).collect())
}

#[derive(JsonSchema, Serialize)]
pub(super) struct OutcomeStream {
    data: Vec<OutcomeResource>,
    links: PageLinks,
    meta: OutcomeStreamMeta,
}

#[derive(JsonSchema, Serialize)]
struct OutcomeStreamMeta {
    /// The cursor to continue from, now or later.
    cursor: String,
    /// The number of outcomes that were pruned between the end of the page before and the end of
    /// this page.
    missed: u64,
}

/// An outcome as a response shows it.
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
    /// The time of the decision, in RFC 3339.
    at: String,
    /// The caller: `client`, anyone with the public id; `server`, the company itself.
    scope: &'static str,
    /// The revision of the request.
    revision: String,
    /// The id of the request, as the header `X-Request-Id` of its response has it. Null for
    /// requests that earlier releases stored.
    request_id: Option<String>,
    /// The id of the distributed trace that the request was a part of, as the header `traceparent`
    /// of its response has it. Null if the request has the same id, and for a trace that begins
    /// here and is not recorded.
    trace_id: Option<String>,
    /// Where the request of a client came from. Null for the company itself.
    sender: Option<SenderShown>,
    /// The effect on the profile: `created`, `updated`, `unchanged`, `unidentified`, `unmerged`,
    /// `deleted` or `tokens_revoked`; the last one without a profile if it concerns all of them.
    effect: &'static str,
    /// The result of each claim, in order.
    claims: Vec<ClaimShown>,
    /// The attributes that changed, as `fields[profile]` names them.
    changed: Vec<String>,
    /// The number of changed attributes that are not listed.
    changed_unlisted: usize,
    /// The attributes that a client tried to change and that the company wrote and protects.
    withheld: Vec<String>,
    /// The number of withheld attributes that are not listed.
    withheld_unlisted: usize,
    /// What happened to push tokens. Null if the request names none.
    push_token: Option<PushTokenShown>,
}

/// What a request did with push tokens.
#[derive(JsonSchema, Serialize)]
struct PushTokenShown {
    /// `attached`, `moved`, `updated`, `matched`, `released` or `ignored`.
    #[serde(rename = "fate")]
    result: &'static str,
    /// The reason, if the token was ignored.
    reason: Option<&'static str>,
    /// The profile that had the token, if it moved.
    profile_id: Option<String>,
    /// The number of other tokens that left the profile, which had too many.
    released: usize,
}

/// A sender, by names that show neither the address nor the device, and that change each day.
#[derive(JsonSchema, Serialize)]
struct SenderShown {
    /// The client network. Null for requests that earlier releases stored.
    network: Option<String>,
    /// The device. Null if the request named none.
    device: Option<String>,
}

/// The result of one claim.
#[derive(JsonSchema, Serialize)]
struct ClaimShown {
    /// The kind of the identifier.
    identifier: &'static str,
    /// Where in the request the identifier is.
    origin: &'static str,
    /// `matched`, `attached`, `absorbed`, `moved`, `restored`, `released`, `refused` or
    /// `ignored`.
    #[serde(rename = "fate")]
    result: &'static str,
    /// The reason, if the claim was refused or ignored, or replaced another identifier.
    reason: Option<String>,
    /// The other profile, if one was absorbed or restored, or gave the identifier.
    profile_id: Option<String>,
}

#[derive(JsonSchema, Serialize)]
struct OutcomeRelationships {
    profile: Relationship,
}

impl OutcomeResource {
    pub(super) fn from_outcome(outcome: &Outcome) -> OutcomeResource {
        let named = |id: profile_protocol::ProfileId| ResourceIdentifier {
            kind: "profile",
            id: id.to_string(),
        };
        let ids = outcome.request_ids.as_ref();
        OutcomeResource {
            kind: "outcome",
            id: Some(outcome.sequence.to_string()),
            attributes: OutcomeAttributes {
                at: rfc3339(outcome.at),
                scope: outcome.caller.as_str(),
                revision: outcome.revision.to_string(),
                request_id: ids.map(|ids| ids.request.to_string()),
                trace_id: ids.and_then(|ids| ids.trace).map(|trace| trace.to_string()),
                sender: SenderShown::from_outcome(outcome),
                effect: outcome.effect.as_str(),
                claims: outcome.claims.iter().map(ClaimShown::from_claim).collect(),
                changed: outcome.changed.iter().map(path_of).collect(),
                changed_unlisted: outcome.changed_unlisted,
                withheld: outcome.withheld.iter().map(path_of).collect(),
                withheld_unlisted: outcome.withheld_unlisted,
                push_token: outcome.push_token.map(PushTokenShown::from_outcome),
            },
            relationships: OutcomeRelationships {
                profile: Relationship { data: outcome.survivor.map(named) },
            },
        }
    }
}

impl OutcomeResource {
    /// An outcome that was not stored. It has no number, and a profile that would have been created
    /// has no id.
    pub(super) fn explained(outcome: &Outcome) -> OutcomeResource {
        let shown = OutcomeResource::from_outcome(outcome);
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

impl PushTokenShown {
    fn from_outcome(PushTokenOutcome { result, released }: PushTokenOutcome) -> PushTokenShown {
        let from = if let PushTokenResult::Moved(id) = result { Some(id) } else { None };
        PushTokenShown {
            result: result.as_str(),
            reason: result.reason(),
            profile_id: from.map(|id| id.to_string()),
            released,
        }
    }
}

impl SenderShown {
    fn from_outcome(outcome: &Outcome) -> Option<SenderShown> {
        let RequestSender { network, device } = outcome.sender;
        let name = |digest: Option<SenderDigest>| digest.map(|digest| digest.to_string());
        let shown = || SenderShown { network: name(network), device: name(device) };
        (outcome.caller == Caller::Client).then(shown)
    }
}

impl ClaimShown {
    fn from_claim(claim: &ClaimOutcome) -> ClaimShown {
        let (reason, profile) = match claim.result {
            ClaimResult::Refused(reason) => (Some(reason.to_string()), None),
            ClaimResult::Ignored(reason) => (Some(reason.to_string()), None),
            ClaimResult::Absorbed(id) | ClaimResult::Moved(id) | ClaimResult::Restored(id) => {
                (None, Some(id.to_string()))
            }
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

/// The path of an attribute as `fields[profile]` names it.
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
    fn numbers_come_back_from_a_position_and_nothing_else_does() {
        assert_eq!(numbers_from_position(&position_from_numbers(&[7, 3])), Some(vec![7, 3]));
        assert_eq!(numbers_from_position(&[0; 7]), None);
    }
}
