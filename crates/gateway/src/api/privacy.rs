//! Erasing a profile, and what remains of that: the deletion jobs.

use actix_web::{
    http::StatusCode,
    rt::task::JoinHandle,
    web::{Data, Payload},
};
use profile_protocol::{DeletionId, DeletionSubject, IdentifierKind};
use profile_store::{Delete, Deleted, DeletionJob, FoundBy, Identifier, ProfileRef, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    cursor::Page,
    documents::{
        ApiResponse, Collection, Relationship, Resource, ResourceIdentifier, SelfLink, Single,
    },
    query::{PAGE_CURSOR, PAGE_SIZE, Query, SORT},
    time::rfc3339,
};
use crate::{
    capacity::{body_budget::BodyPermit, disk_wait},
    http::refusal::Refusal,
    state::GatewayState,
    submission,
};

const KIND: &str = "data-privacy-deletion-job";
const PATH: &str = "/api/data-privacy-deletion-jobs";

/// The name of a deletion job in an error.
const JOB: &str = "deletion job";

/// `POST /api/data-privacy-deletion-jobs`: the profile is erased when the response arrives. The
/// response is the same if there was no profile; the job that it names tells.
pub(super) async fn delete(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let (subject, permit) = call.parse(payload, DeletionSubject::parse).await?;
    let (kind, targets) = targets(subject);
    let delete = Delete {
        company: call.company.id.clone(),
        kind,
        targets,
        revision: call.revision,
        request_ids: Some(call.request_ids.clone()),
    };
    let deleting = begin(call.gateway, delete, permit);
    let deleted = disk_wait::answered(call.gateway, deleting).await?;
    let deleted = deleted.unwrap_or(Err(StoreError::Unavailable)).map_err(Refusal::Store)?;
    let Deleted { job, outcome } = deleted;
    submission::count(call.request, call.gateway, &call.company.id, &outcome);
    Ok(ApiResponse::at(StatusCode::ACCEPTED, url(call, &job)))
}

/// Begins to erase. A caller who goes away, or gets no answer in time, cancels neither the erasure
/// nor its permit.
///
/// The inspector forgets what it has at once, whatever the store answers, and again afterwards,
/// since requests in between may name the person, too. One that finds no profile is of a person all
/// the same.
fn begin(
    gateway: &Data<GatewayState>,
    delete: Delete,
    permit: BodyPermit,
) -> JoinHandle<Result<Deleted, StoreError>> {
    let (gateway, company) = (Data::clone(gateway), delete.company.clone());
    let forget = move |gateway: &GatewayState| {
        gateway.inspector.forget(&company, gateway.clock.elapsed());
    };
    forget(&gateway);
    actix_web::rt::spawn(async move {
        let deleted = gateway.store.delete(delete).await;
        forget(&gateway);
        drop(permit);
        deleted
    })
}

/// What the identifier in a request may stand for, the likeliest first, and its kind.
fn targets(subject: DeletionSubject) -> (IdentifierKind, Vec<ProfileRef>) {
    match subject {
        DeletionSubject::Id(DeletionId { profile, external_id }) => {
            let external_id = ProfileRef::Identifier(Identifier::ExternalId(external_id));
            let targets = profile.map(ProfileRef::Id).into_iter().chain([external_id]);
            (IdentifierKind::Id, targets.collect())
        }
        DeletionSubject::Email(email) => {
            (IdentifierKind::Email, vec![ProfileRef::Identifier(Identifier::Email(email))])
        }
        DeletionSubject::PhoneNumber(number) => {
            let number = ProfileRef::Identifier(Identifier::PhoneNumber(number));
            (IdentifierKind::PhoneNumber, vec![number])
        }
    }
}

/// `GET /api/data-privacy-deletion-jobs/{id}`
pub(super) async fn get(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let id = call.id(JOB)?;
    let job = call.read(async move |store, company| store.deletion_job(company, id).await);
    let job = job.await?.ok_or(Refusal::NotFound { what: JOB, pointer: "/data" })?;
    call.gateway.metrics.served();
    let data = DeletionJobResource::from_job(call, &job);
    let links = SelfLink { this: url(call, &job) };
    Ok(ApiResponse::with_document(StatusCode::OK, &Single { data, links }))
}

/// `GET /api/data-privacy-deletion-jobs`: newest first by default.
pub(super) async fn list(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[SORT, PAGE_CURSOR, PAGE_SIZE])?;
    let page = Page::from_query(call, &query)?;
    let (limit, order, from) = (page.size, page.order_by_age()?, page.id_before()?);
    // One item more than the page holds shows whether there is a next page.
    let jobs = call.read(async move |store, company| {
        store.deletion_jobs(company, from, order, limit + 1).await
    });
    let mut jobs = jobs.await?;
    let more = limit < jobs.len();
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| more).map(|job| job.id.bits().to_be_bytes());
    let links = page.links(call, &query, next.as_ref().map(<[u8; 16]>::as_slice));
    let data = jobs.iter().map(|job| DeletionJobResource::from_job(call, job)).collect();
    call.gateway.metrics.served();
    Ok(ApiResponse::with_document(StatusCode::OK, &Collection { data, links }))
}

fn url(call: &Call<'_>, job: &DeletionJob) -> String {
    call.link(&format!("{PATH}/{}", job.id))
}

/// A deletion job as a response shows it: without any value of the person.
#[derive(JsonSchema, Serialize)]
pub(super) struct DeletionJobResource {
    #[serde(flatten)]
    resource: Resource<DeletionJobAttributes>,
    relationships: DeletionJobRelationships,
}

#[derive(JsonSchema, Serialize)]
struct DeletionJobAttributes {
    /// Always `complete`: the request was answered when the person was erased.
    status: &'static str,
    created_at: String,
    /// The kind of the identifier that found the person: `id`, `email`, `phone_number` or
    /// `external_id`; that of the request if none was found.
    identifier: &'static str,
    /// How it found the person: `current`, or `former` if the person had lost it. Null if no
    /// profile was found.
    found: Option<&'static str>,
    /// The number of profiles that were erased: one, and all that were merged into it.
    profiles_count: u32,
    /// The number of failed rows of bulk imports that lost what they had of the person.
    import_errors_count: u32,
}

#[derive(JsonSchema, Serialize)]
struct DeletionJobRelationships {
    /// The outcome of the erasure, which is removed before the job is.
    outcome: Relationship,
}

impl DeletionJobResource {
    fn from_job(call: &Call<'_>, job: &DeletionJob) -> DeletionJobResource {
        let attributes = DeletionJobAttributes {
            status: "complete",
            created_at: rfc3339(job.created),
            identifier: job.kind.name(),
            found: job.found.map(|found| match found {
                FoundBy::Current => "current",
                FoundBy::Former => "former",
            }),
            profiles_count: job.profiles,
            import_errors_count: job.import_rows,
        };
        let outcome = ResourceIdentifier { kind: "outcome", id: job.outcome.to_string() };
        let links = SelfLink { this: url(call, job) };
        let id = job.id.to_string();
        DeletionJobResource {
            resource: Resource { kind: KIND, id, attributes, links },
            relationships: DeletionJobRelationships {
                outcome: Relationship { data: Some(outcome) },
            },
        }
    }
}
