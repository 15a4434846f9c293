//! Bulk imports: many profiles in one request, and what came of each.

mod carry_out;

use std::sync::Arc;

use actix_web::{
    http::StatusCode,
    rt::time::timeout,
    web::{self, Data, Payload},
};
use profile_protocol::{BulkImport, ProfileId, Revision};
use profile_store::{ImportError, ImportHead, Profile, StoreError, engine::Order};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    cursor::Page,
    documents::{Answer, Collection, Named, Resource, SelfLink, Single},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    query::{FILTER, PAGE_CURSOR, PAGE_SIZE, Query, SORT, invalid},
    resource,
    time::text_of,
};
use crate::{
    body::{Body, BodyKind},
    companies::Company,
    limits,
    refusal::Refusal,
    state::Gateway,
};

const KIND: &str = "profile-bulk-import-job";
const PATH: &str = "/api/profile-bulk-import-jobs";

/// What a refusal calls a bulk import.
const IMPORT: &str = "bulk import";

/// An import is answered when it is done, so it never has another status.
const COMPLETE: &str = "complete";

/// `POST /api/profile-bulk-import-jobs`: the answer comes when all is stored.
pub(super) async fn create(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    call.take_longer();
    let body = call.body_of(BodyKind::Bulk, payload).await?;
    // A parsed import takes many times what its body does, and the queue has to have
    // room for everybody else.
    let turn = call.gateway.imports.take(&call.company.id);
    let Ok(Some(turn)) = timeout(limits::IMPORT_WAIT, turn).await else {
        return Err(Refusal::Store(StoreError::Overloaded));
    };
    let (gateway, company) = (Data::clone(call.gateway), Arc::clone(&call.company));
    let revision = call.revision;
    // Whoever hangs up does not end what was begun, nor give back what it takes up.
    let done = actix_web::rt::spawn(async move {
        let done = carried_out(&gateway, &company, body, revision).await;
        drop(turn);
        done
    });
    let head = done.await.unwrap_or(Err(Refusal::Store(StoreError::Unavailable)))?;
    call.gateway.meters.served();
    Ok(about(call, StatusCode::ACCEPTED, &head))
}

async fn carried_out(
    gateway: &Data<Gateway>,
    company: &Company,
    body: Body,
    revision: Revision,
) -> Result<ImportHead, Refusal> {
    let Body { bytes, share: _held } = body;
    // Megabytes take too long to be parsed where others wait.
    let parsed = web::block(move || BulkImport::parse(&bytes, revision)).await;
    let parsed = parsed.or(Err(Refusal::Store(StoreError::Unavailable)))?;
    let job = carry_out::carry_out(gateway, company, parsed.map_err(Refusal::Violations)?).await?;
    let head = job.head;
    let kept = gateway.store.keep_import(company.id.clone(), job).await;
    kept.map(|()| head).map_err(Refusal::Store)
}

/// `GET /api/profile-bulk-import-jobs/{id}`
pub(super) async fn get(call: &Call<'_>) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let id = call.id(IMPORT)?;
    let head = call.read(async move |store, company| store.import_job(company, id).await);
    let head = head.await?.ok_or(Refusal::NotFound { what: IMPORT, pointer: "/data" })?;
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
    let page = Page::of(call, &query)?;
    let (limit, order) = (page.size, order_of(&page)?);
    let from = match &page.place {
        Some(place) => Some(id_of(place).ok_or(Refusal::Cursor)?),
        None => None,
    };
    let mut heads = Vec::new();
    if wanted(&page)? {
        // One more than the page holds tells whether there is a next one.
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
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

fn id_of(place: &[u8]) -> Option<ProfileId> {
    Some(ProfileId::from_bits(u128::from_be_bytes(place.try_into().ok()?)))
}

fn order_of(page: &Page) -> Result<Order, Refusal> {
    match page.sort.as_deref() {
        None | Some("-created_at") => Ok(Order::Descending),
        Some("created_at") => Ok(Order::Ascending),
        Some(_) => Err(invalid(SORT, "The sort must be created_at or -created_at.".to_owned())),
    }
}

/// Whether an import that is complete, as all are, fulfils the filter.
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

/// The statuses that the original knows.
const STATUSES: [&str; 4] = ["queued", "processing", COMPLETE, "cancelled"];

/// The statuses that a filter names.
fn statuses(filter: &str) -> Option<Vec<&str>> {
    let terms = filter.strip_suffix(')')?;
    let named: Vec<&str> = match terms.strip_prefix("equals(status,") {
        Some(one) => vec![one],
        None => terms.strip_prefix("any(status,[")?.strip_suffix(']')?.split(',').collect(),
    };
    named.into_iter().map(status).collect()
}

fn status(quoted: &str) -> Option<&str> {
    let quoted = quoted.trim();
    let inner = |quote| quoted.strip_prefix(quote)?.strip_suffix(quote);
    let text = inner('"').or_else(|| inner('\''))?;
    STATUSES.into_iter().find(|known| *known == text)
}

/// `GET /api/profile-bulk-import-jobs/{id}/profiles`: as they are now. Who was
/// erased since is left out.
pub(super) async fn profiles(call: &Call<'_>) -> Result<Answer, Refusal> {
    let known = [PAGE_CURSOR, PAGE_SIZE, FIELDS, ADDITIONAL_FIELDS];
    let query = Query::of(call, &known)?;
    let fields = Fieldset::of(&query)?;
    let page = Page::of(call, &query)?;
    let body = body_of(call).await?;
    let Slice { start: _, items, next } = Slice::of(&page, &body.profiles)?;
    let ids = items.to_vec();
    let found = call.read(async move |store, company| {
        let mut found: Vec<Profile> = Vec::new();
        for id in ids {
            // Who was merged into another of the import is shown as that one.
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
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

/// `GET /api/profile-bulk-import-jobs/{id}/relationships/profiles`: the ids that they
/// had then.
pub(super) async fn profile_ids(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::of(call, &query)?;
    let body = body_of(call).await?;
    let Slice { start: _, items, next } = Slice::of(&page, &body.profiles)?;
    let named = |id: &ProfileId| Named { kind: "profile", id: id.to_string() };
    let data = items.iter().map(named).collect();
    let links = page.links(call, &query, next.as_deref());
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

/// `GET /api/profile-bulk-import-jobs/{id}/import-errors`
pub(super) async fn errors(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &[PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::of(call, &query)?;
    let body = body_of(call).await?;
    let Slice { start, items, next } = Slice::of(&page, &body.errors)?;
    let data = (start..).zip(items).map(ErrorResource::of).collect();
    let links = page.links(call, &query, next.as_deref());
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data, links }))
}

async fn body_of(call: &Call<'_>) -> Result<profile_store::ImportBody, Refusal> {
    let id = call.id(IMPORT)?;
    let body = call.read(async move |store, company| store.import_job_body(company, id).await);
    body.await?.ok_or(Refusal::NotFound { what: IMPORT, pointer: "/data" })
}

/// A page of a list that never changes: a place in it is a number.
struct Slice<'a, T> {
    start: u32,
    items: &'a [T],
    next: Option<Vec<u8>>,
}

impl<'a, T> Slice<'a, T> {
    fn of(page: &Page, all: &'a [T]) -> Result<Slice<'a, T>, Refusal> {
        let start = match page.place.as_deref() {
            Some(place) => u32::from_be_bytes(place.try_into().or(Err(Refusal::Cursor))?),
            None => 0,
        };
        let rest = all.get(start as usize..).unwrap_or_default();
        let (items, rest) = rest.split_at(page.size.min(rest.len()));
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
