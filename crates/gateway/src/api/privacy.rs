//! Erasing a profile.

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{ClaimedId, DeletionSubject};
use profile_store::{Delete, Identifier, ProfileRef};

use super::{call::Call, documents::ApiResponse, query::Query};
use crate::{capacity::disk_wait, http::refusal::Refusal, metrics::ProfileEffect};

/// `POST /api/data-privacy-deletion-jobs`: the profile is erased when the response arrives. The
/// response is the same if there was no profile.
pub(super) async fn delete(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let (subject, _permit) = call.parse(payload, DeletionSubject::parse).await?;
    let whom = match subject {
        DeletionSubject::Id(ClaimedId::Profile(id)) => Some(ProfileRef::Id(id)),
        DeletionSubject::Id(ClaimedId::Foreign) => None,
        DeletionSubject::Email(email) => Some(ProfileRef::Identifier(Identifier::Email(email))),
        DeletionSubject::PhoneNumber(number) => {
            Some(ProfileRef::Identifier(Identifier::PhoneNumber(number)))
        }
    };
    let deleted = match whom {
        Some(whom) => {
            let company = call.company.id.clone();
            let (revision, request_id) = (call.revision, Some(call.request_id.clone()));
            let delete = Delete { company, target: whom, revision, request_id };
            let deleted = call.gateway.store.delete(delete);
            disk_wait::answered(call.gateway, deleted).await?.map_err(Refusal::Store)?
        }
        None => None,
    };
    match deleted {
        Some(_) => call.gateway.metrics.accepted(ProfileEffect::Deleted),
        None => call.gateway.metrics.served(),
    }
    Ok(ApiResponse::empty(StatusCode::ACCEPTED))
}
