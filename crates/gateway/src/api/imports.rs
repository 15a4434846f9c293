//! Bulk imports: many profiles in one request, and what came of each.

mod carry_out;

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{BulkImport, ProfileId, limits::BULK_BODY_BYTES};
use profile_store::{ImportError, ImportHead, engine::Order};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    cursor,
    documents::{Answer, Collection, Resource, SelfLink, Single},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    query::{PAGE_CURSOR, PAGE_SIZE, Query, invalid},
    resource,
    time::text_of,
};
use crate::refusal::Refusal;

const KIND: &str = "profile-bulk-import-job";
const PATH: &str = "/api/profile-bulk-import-jobs";
const FILTER: &str = "filter";
const SORT: &str = "sort";

/// What a refusal calls a bulk import.
const IMPORT: &str = "bulk import";

/// An import is answered when it is done, so it never has another status.
const COMPLETE: &str = "complete";

/// `POST /api/profile-bulk-import-jobs`: the answer comes when all is stored.
pub(super) async fn create(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let body = call.body(payload, BULK_BODY_BYTES).await?;
    let revision = call.revision;
    // Megabytes take too long to be parsed where others wait.
    let parsed = actix_web::web::block(move || BulkImport::parse(&body, revision)).await;
    let parsed = parsed.or(Err(Refusal::Store(profile_store::StoreError::Unavailable)))?;
    let import = parsed.map_err(Refusal::Violations)?;
    let job = carry_out::carry_out(call, import).await?;
    let head = job.head;
    let kept = call.gateway.store.keep_import(call.company.id.clone(), job).await;
    kept.map_err(Refusal::Store)?;
    call.gateway.meters.served();
    Ok(about(call, StatusCode::ACCEPTED, &head))
}

/// `GET /api/profile-bulk-import-jobs/{id}`
pub(super) async fn get(call: &Call<'_>) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let head = call.gateway.store.import_job(&call.company.id, call.id(IMPORT)?).await;
    let head = head.map_err(Refusal::unreadable)?.ok_or(Refusal::NotFound { what: IMPORT })?;
    call.gateway.meters.served();
    Ok(about(call, StatusCode::OK, &head))
}

fn about(call: &Call<'_>, status: StatusCode, head: &ImportHead) -> Answer {
    let data = job_resource(call, head);
    let links = SelfLink { this: data.resource.links.this.clone() };
    Answer::of(status, &Single { data, links })
}

/// `GET /api/profile-bulk-import-jobs`: newest first, unless asked otherwise.
pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &[FILTER, SORT, PAGE_CURSOR, PAGE_SIZE])?;
    let (limit, order, wanted) = (query.page_size()?, order_of(&query)?, wanted(&query)?);
    let from = match cursor::decode(&query)? {
        Some(place) => Some(id_of(&place).ok_or(Refusal::Cursor)?),
        None => None,
    };
    let (store, company) = (&call.gateway.store, &call.company.id);
    let mut heads = Vec::new();
    if wanted {
        // One more than the page holds tells whether there is a next one.
        let found = store.import_jobs(company, from, order, limit + 1).await;
        heads = found.map_err(Refusal::unreadable)?;
    }
    let more = limit < heads.len();
    heads.truncate(limit);
    let next = heads.last().filter(|_| more).map(|head| head.id.bits().to_be_bytes());
    let links = cursor::links(call, &query, next.as_ref().map(<[u8; 16]>::as_slice));
    let data = heads.iter().map(|head| job_resource(call, head)).collect();
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

fn id_of(place: &[u8]) -> Option<ProfileId> {
    Some(ProfileId::from_bits(u128::from_be_bytes(place.try_into().ok()?)))
}

fn order_of(query: &Query<'_>) -> Result<Order, Refusal> {
    match query.get(SORT) {
        None | Some("-created_at") => Ok(Order::Descending),
        Some("created_at") => Ok(Order::Ascending),
        Some(_) => Err(invalid(SORT, "The sort must be created_at or -created_at.".to_owned())),
    }
}

/// Whether an import that is complete, as all are, fulfils the filter.
fn wanted(query: &Query<'_>) -> Result<bool, Refusal> {
    let Some(filter) = query.get(FILTER) else { return Ok(true) };
    let statuses = filter
        .strip_prefix("equals(status,")
        .and_then(|rest| rest.strip_suffix(')'))
        .or_else(|| filter.strip_prefix("any(status,[").and_then(|rest| rest.strip_suffix("])")));
    let statuses = statuses.ok_or_else(|| {
        let message = "The filter must be equals or any on status, such as \
                       equals(status,\"complete\").";
        invalid(FILTER, message.to_owned())
    })?;
    let bare = |status: &str| status.trim().trim_matches(['"', '\'']) == COMPLETE;
    Ok(statuses.split(',').any(bare))
}

/// `GET /api/profile-bulk-import-jobs/{id}/profiles`: as they are now. Who was
/// erased since is left out.
pub(super) async fn profiles(call: &Call<'_>) -> Result<Answer, Refusal> {
    let known = [PAGE_CURSOR, PAGE_SIZE, FIELDS, ADDITIONAL_FIELDS];
    let query = Query::of(call, &known)?;
    let fields = Fieldset::of(&query)?;
    let body = body_of(call).await?;
    let Slice { start: _, items, next } = Slice::of(&query, &body.profiles)?;
    let mut found = Vec::new();
    for id in items {
        let profile = call.gateway.store.profile(&call.company.id, *id).await;
        found.extend(profile.map_err(Refusal::unreadable)?);
    }
    let data = found.iter().map(|profile| resource::profile(call, profile, &fields)).collect();
    let links = cursor::links(call, &query, next.as_deref());
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

/// `GET /api/profile-bulk-import-jobs/{id}/import-errors`
pub(super) async fn errors(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let body = body_of(call).await?;
    let Slice { start, items, next } = Slice::of(&query, &body.errors)?;
    let data = (start..).zip(items).map(ErrorResource::of).collect();
    let links = cursor::links(call, &query, next.as_deref());
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

async fn body_of(call: &Call<'_>) -> Result<profile_store::ImportBody, Refusal> {
    let body = call.gateway.store.import_job_body(&call.company.id, call.id(IMPORT)?).await;
    body.map_err(Refusal::unreadable)?.ok_or(Refusal::NotFound { what: IMPORT })
}

/// A page of a list that never changes: a place in it is a number.
struct Slice<'a, T> {
    start: u32,
    items: &'a [T],
    next: Option<Vec<u8>>,
}

impl<'a, T> Slice<'a, T> {
    fn of(query: &Query<'_>, all: &'a [T]) -> Result<Slice<'a, T>, Refusal> {
        let limit = query.page_size()?;
        let start = match cursor::decode(query)? {
            Some(place) => u32::from_be_bytes(place.try_into().or(Err(Refusal::Cursor))?),
            None => 0,
        };
        let rest = all.get(start as usize..).unwrap_or_default();
        let (items, rest) = rest.split_at(limit.min(rest.len()));
        let end = start.saturating_add(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let next = (!rest.is_empty()).then(|| end.to_be_bytes().to_vec());
        Ok(Slice { start, items, next })
    }
}

/// A bulk import as answers show it.
#[derive(JsonSchema, Serialize)]
pub(super) struct JobResource {
    #[serde(flatten)]
    resource: Resource<JobAttributes>,
    relationships: JobRelationships,
}

#[derive(JsonSchema, Serialize)]
struct JobAttributes {
    /// Always `complete`.
    status: &'static str,
    created_at: String,
    started_at: Option<String>,
    completed_at: Option<String>,
    /// Always null: an import leaves when 1,000 younger ones are kept.
    expires_at: Option<String>,
    /// How many profiles were sent.
    total_count: u32,
    /// How many were stored.
    completed_count: u32,
    /// How many were refused.
    failed_count: u32,
}

#[derive(JsonSchema, Serialize)]
struct JobRelationships {
    profiles: Related,
    #[serde(rename = "import-errors")]
    import_errors: Related,
}

#[derive(JsonSchema, Serialize)]
struct Related {
    links: RelatedLinks,
}

#[derive(JsonSchema, Serialize)]
struct RelatedLinks {
    #[serde(rename = "self")]
    this: String,
    related: String,
}

fn job_resource(call: &Call<'_>, head: &ImportHead) -> JobResource {
    let ImportHead { id, created, started, ended, total, completed, failed } = *head;
    let id = id.to_string();
    let this = call.link(&format!("{PATH}/{id}"));
    let related = |name: &str| {
        let link = format!("{this}/{name}");
        Related { links: RelatedLinks { this: link.clone(), related: link } }
    };
    let relationships =
        JobRelationships { profiles: related("profiles"), import_errors: related("import-errors") };
    let attributes = JobAttributes {
        status: COMPLETE,
        created_at: text_of(created),
        started_at: started.map(text_of),
        completed_at: ended.map(text_of),
        expires_at: None,
        total_count: total,
        completed_count: completed,
        failed_count: failed,
    };
    let links = SelfLink { this };
    JobResource { resource: Resource { kind: KIND, id, attributes, links }, relationships }
}

/// What was wrong with one profile of a bulk import.
#[derive(JsonSchema, Serialize)]
pub(super) struct ErrorResource {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    attributes: ErrorAttributes,
}

#[derive(JsonSchema, Serialize)]
struct ErrorAttributes {
    code: String,
    title: String,
    detail: String,
    source: ErrorSource,
    /// Always null: what was sent is not kept, since a deletion would not find it.
    original_payload: Option<()>,
}

#[derive(JsonSchema, Serialize)]
struct ErrorSource {
    /// Where in the body of the import.
    pointer: String,
}

impl ErrorResource {
    fn of((number, error): (u32, &ImportError)) -> ErrorResource {
        let ImportError { row: _, code, title, detail, pointer } = error.clone();
        ErrorResource {
            kind: "import-error",
            id: number.to_string(),
            attributes: ErrorAttributes {
                code,
                title,
                detail,
                source: ErrorSource { pointer },
                original_payload: None,
            },
        }
    }
}
