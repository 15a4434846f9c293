//! Bulk imports: many profiles in one request, with a result for each.

mod carry_out;
mod sent_rows;

use std::sync::Arc;

use actix_web::{
    http::StatusCode,
    rt::time::timeout,
    web::{self, Data, Payload},
};
use profile_protocol::{BulkImport, ProfileId, Revision};
use profile_store::{ImportError, ImportHead, Profile, RequestIds, StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use self::sent_rows::SentRows;
use super::{
    call::Call,
    cursor::Page,
    documents::{ApiResponse, Collection, Resource, ResourceIdentifier, SelfLink, Single},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    query::{FILTER, PAGE_CURSOR, PAGE_SIZE, Query, SORT, invalid},
    resource,
    time::rfc3339,
};
use crate::{
    capacity::{body_budget::BodyKind, disk_wait},
    http::{body::Body, refusal::Refusal},
    limits,
    state::GatewayState,
    tenants::directory::Company,
};

const KIND: &str = "profile-bulk-import-job";
const PATH: &str = "/api/profile-bulk-import-jobs";

/// The name of a bulk import in an error.
const IMPORT: &str = "bulk import";

/// An import is answered when it is complete, so it never has another status.
const COMPLETE: &str = "complete";

/// `POST /api/profile-bulk-import-jobs`: responds when all rows are stored.
pub(super) async fn create(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    call.take_longer();
    let body = call.body_of(BodyKind::Bulk, payload).await?;
    // A parsed import takes many times the size of its body, and the queue must keep space for
    // other requests.
    let slot = call.gateway.import_slots.take(&call.company.id);
    let Ok(Some(slot)) = timeout(limits::IMPORT_WAIT, slot).await else {
        return Err(Refusal::Store(StoreError::Overloaded));
    };
    let (gateway, company) = (Data::clone(call.gateway), Arc::clone(&call.company));
    let (revision, request_ids) = (call.revision, call.request_ids.clone());
    // A client that disconnects cancels neither the import nor its permits.
    let done = actix_web::rt::spawn(async move {
        let done = carried_out(&gateway, &company, body, revision, &request_ids).await;
        drop(slot);
        done
    });
    let done = disk_wait::import_answered(call.gateway, done).await?;
    let head = done.unwrap_or(Err(Refusal::Store(StoreError::Unavailable)))?;
    call.gateway.metrics.served();
    if let Some(lines) = &call.gateway.development_lines {
        let ImportHead { id, completed, failed, .. } = &head;
        let stored = format!("imported {id}: {completed} completed, {failed} failed");
        lines.note(&call.request_ids.request, stored);
    }
    Ok(about(call, StatusCode::ACCEPTED, &head))
}

async fn carried_out(
    gateway: &Data<GatewayState>,
    company: &Company,
    body: Body,
    revision: Revision,
    request_ids: &RequestIds,
) -> Result<ImportHead, Refusal> {
    let Body { bytes, permit: _held, sent: _ } = body;
    // Parsing megabytes takes too long for a thread that serves other requests.
    let parsed = web::block(move || {
        let import = BulkImport::parse(&bytes, revision)?;
        Ok((import, SentRows::read(bytes)))
    });
    let parsed = parsed.await.or(Err(Refusal::Store(StoreError::Unavailable)))?;
    let (import, sent) = parsed.map_err(Refusal::Violations)?;
    let job = carry_out::carry_out(gateway, company, import, &sent, request_ids).await?;
    let head = job.head;
    let kept = gateway.store.keep_import(company.id.clone(), job).await;
    kept.map(|()| head).map_err(Refusal::Store)
}

/// `GET /api/profile-bulk-import-jobs/{id}`
pub(super) async fn get(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let id = call.id(IMPORT)?;
    let head = call.read(async move |store, company| store.import_job(company, id).await);
    let head = head.await?.ok_or(Refusal::NotFound { what: IMPORT, pointer: "/data" })?;
    call.gateway.metrics.served();
    Ok(about(call, StatusCode::OK, &head))
}

fn about(call: &Call<'_>, status: StatusCode, head: &ImportHead) -> ApiResponse {
    let data = job_resource(call, head);
    let links = SelfLink { this: data.resource.links.this.clone() };
    ApiResponse::with_document(status, &Single { data, links })
}

/// `GET /api/profile-bulk-import-jobs`: newest first by default.
pub(super) async fn list(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[FILTER, SORT, PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::from_query(call, &query)?;
    let (limit, order, from) = (page.size, page.order_by_age()?, page.id_before()?);
    let mut heads = Vec::new();
    if wanted(&page)? {
        // One item more than the page holds shows whether there is a next page.
        let found = call.read(async move |store, company| {
            store.import_jobs(company, from, order, limit + 1).await
        });
        heads = found.await?;
    }
    let more = limit < heads.len();
    heads.truncate(limit);
    let next = heads.last().filter(|_| more).map(|head| head.id.bits().to_be_bytes());
    let links = page.links(call, &query, next.as_ref().map(<[u8; 16]>::as_slice));
    let data = heads.iter().map(|head| job_resource(call, head)).collect();
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Collection { data, links }))
}

/// Whether a complete import matches the filter. All imports are complete.
fn wanted(page: &Page) -> Result<bool, Refusal> {
    let Some(filter) = &page.filter else { return Ok(true) };
    statuses(filter).map(|statuses| statuses.contains(&COMPLETE)).ok_or_else(|| {
        let message = format!(
            "The filter must be equals or any on status, such as equals(status,\"complete\"); the \
             statuses are {}.",
            STATUSES.join(", ")
        );
        invalid(FILTER, message)
    })
}

/// The statuses of the original.
const STATUSES: [&str; 4] = ["queued", "processing", COMPLETE, "cancelled"];

/// The statuses that a filter lists.
///
/// Read by hand, because the parser of the protocol reads filters on the fields of profiles, and a
/// status has two forms only.
fn statuses(filter: &str) -> Option<Vec<&str>> {
    let (operator, terms) = filter.strip_suffix(')')?.split_once('(')?;
    let (field, values) = terms.split_once(',')?;
    let (field, values) = (field.trim(), values.trim());
    if field != STATUS && unquoted(field) != Some(STATUS) {
        return None;
    }
    let named: Vec<&str> = match operator {
        "equals" => vec![values],
        "any" => values.strip_prefix('[')?.strip_suffix(']')?.split(',').collect(),
        _ => return None,
    };
    named.into_iter().map(status).collect()
}

/// The field that a filter of imports may name.
const STATUS: &str = "status";

fn status(quoted: &str) -> Option<&str> {
    let text = unquoted(quoted.trim())?;
    STATUSES.into_iter().find(|status| *status == text)
}

fn unquoted(text: &str) -> Option<&str> {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\''))
}

/// `GET /api/profile-bulk-import-jobs/{id}/profiles`: the profiles in their current state. Erased
/// profiles are left out.
pub(super) async fn profiles(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let allowed = [PAGE_CURSOR, PAGE_SIZE, FIELDS, ADDITIONAL_FIELDS];
    let query = Query::from_call(call, &allowed)?;
    let fields = Fieldset::from_query(&query)?;
    let page = Page::from_query(call, &query)?;
    let body = body_of(call).await?;
    let PageSlice { start: _, items, next } = PageSlice::from_page(&page, &body.profiles)?;
    let ids = items.to_vec();
    let found = call.read(async move |store, company| {
        let mut found: Vec<Profile> = Vec::new();
        for id in ids {
            // A profile that was merged into another profile of the import is shown as that one.
            let living = store.profile(company, id).await?;
            let is_new = |profile: &Profile| {
                let shown = found.iter().any(|other| other.id == profile.id);
                profile.id == id || !shown && !body.profiles.contains(&profile.id)
            };
            found.extend(living.filter(is_new));
        }
        Ok(found)
    });
    let found = found.await?;
    let data = found.iter().map(|profile| resource::profile(call, profile, &fields)).collect();
    let links = page.links(call, &query, next.as_deref());
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Collection { data, links }))
}

/// `GET /api/profile-bulk-import-jobs/{id}/relationships/profiles`: the ids at the time of the
/// import.
pub(super) async fn profile_ids(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::from_query(call, &query)?;
    let body = body_of(call).await?;
    let PageSlice { start: _, items, next } = PageSlice::from_page(&page, &body.profiles)?;
    let named = |id: &ProfileId| ResourceIdentifier { kind: "profile", id: id.to_string() };
    let data = items.iter().map(named).collect();
    let links = page.links(call, &query, next.as_deref());
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Collection { data, links }))
}

/// `GET /api/profile-bulk-import-jobs/{id}/import-errors`
pub(super) async fn errors(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::from_query(call, &query)?;
    let (id, body) = (call.id(IMPORT)?, body_of(call).await?);
    let PageSlice { start, items, next } = PageSlice::from_page(&page, &body.errors)?;
    let rows: Vec<u32> = items.iter().map(|error| error.row).collect();
    let payloads =
        call.read(async move |store, company| store.import_payloads(company, id, &rows).await);
    let this = call.link(&format!("{PATH}/{id}/import-errors"));
    let errors = (start..).zip(items).zip(payloads.await?);
    let data = errors
        .map(|((number, error), payload)| {
            let links = SelfLink { this: this.clone() };
            ImportErrorResource::from_error(number, error, payload, links)
        })
        .collect();
    let links = page.links(call, &query, next.as_deref());
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Collection { data, links }))
}

async fn body_of(call: &Call<'_>) -> Result<profile_store::ImportBody, Refusal> {
    let id = call.id(IMPORT)?;
    let body = call.read(async move |store, company| store.import_job_body(company, id).await);
    body.await?.ok_or(Refusal::NotFound { what: IMPORT, pointer: "/data" })
}

/// A page of a list that never changes. A position in it is an index.
struct PageSlice<'a, T> {
    start: u32,
    items: &'a [T],
    next: Option<Vec<u8>>,
}

impl<'a, T> PageSlice<'a, T> {
    fn from_page(page: &Page, all: &'a [T]) -> Result<PageSlice<'a, T>, Refusal> {
        let start = match page.position.as_deref() {
            Some(position) => u32::from_be_bytes(position.try_into().or(Err(Refusal::Cursor))?),
            None => 0,
        };
        let rest = all.get(start as usize..).unwrap_or_default();
        let (items, rest) = rest.split_at(page.size.min(rest.len()));
        let end = start.saturating_add(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let next = (!rest.is_empty()).then(|| end.to_be_bytes().to_vec());
        Ok(PageSlice { start, items, next })
    }
}

/// A bulk import as a response shows it.
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
    /// Always null: an import is removed when 1,000 newer ones are stored.
    expires_at: Option<String>,
    /// The number of profiles sent.
    total_count: u32,
    /// The number of profiles stored.
    completed_count: u32,
    /// The number of profiles refused.
    failed_count: u32,
}

#[derive(JsonSchema, Serialize)]
struct JobRelationships {
    profiles: Related,
    #[serde(rename = "import-errors")]
    import_errors: RelatedOnly,
}

#[derive(JsonSchema, Serialize)]
struct Related {
    links: RelatedLinks,
}

#[derive(JsonSchema, Serialize)]
struct RelatedOnly {
    links: RelatedLink,
}

#[derive(JsonSchema, Serialize)]
struct RelatedLink {
    related: String,
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
        let (own, related) = (format!("{this}/relationships/{name}"), format!("{this}/{name}"));
        Related { links: RelatedLinks { this: own, related } }
    };
    let relationships = JobRelationships {
        profiles: related("profiles"),
        import_errors: RelatedOnly {
            links: RelatedLink { related: format!("{this}/import-errors") },
        },
    };
    let attributes = JobAttributes {
        status: COMPLETE,
        created_at: rfc3339(created),
        started_at: started.map(rfc3339),
        completed_at: ended.map(rfc3339),
        expires_at: None,
        total_count: total,
        completed_count: completed,
        failed_count: failed,
    };
    let links = SelfLink { this };
    JobResource { resource: Resource { kind: KIND, id, attributes, links }, relationships }
}

/// An error in one profile of a bulk import.
#[derive(JsonSchema, Serialize)]
pub(super) struct ImportErrorResource {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    attributes: ImportErrorAttributes,
    /// To the list of errors.
    links: SelfLink,
}

#[derive(JsonSchema, Serialize)]
struct ImportErrorAttributes {
    code: String,
    title: String,
    detail: String,
    source: ImportErrorSource,
    /// The identifiers of the row, as they were sent. Null if a person whom they name was erased,
    /// for all but the first 1,000 rows that failed, and for imports of earlier releases.
    original_payload: Option<Map<String, Value>>,
}

#[derive(JsonSchema, Serialize)]
struct ImportErrorSource {
    /// A JSON pointer into the body of the import.
    pointer: String,
}

impl ImportErrorResource {
    fn from_error(
        number: u32,
        error: &ImportError,
        payload: Option<String>,
        links: SelfLink,
    ) -> ImportErrorResource {
        let ImportError { row: _, code, title, detail, pointer } = error.clone();
        ImportErrorResource {
            kind: "import-error",
            id: number.to_string(),
            links,
            attributes: ImportErrorAttributes {
                code,
                title,
                detail: without_null(detail),
                source: ImportErrorSource { pointer: without_null(pointer) },
                // Stored payloads are JSON text.
                original_payload: payload.and_then(|text| serde_json::from_str(&text).ok()),
            },
        }
    }
}

/// A text of which databases without U+0000 can take every character: that one as its escape.
fn without_null(text: String) -> String {
    if text.contains('\0') { text.replace('\0', r"\u0000") } else { text }
}
