//! Erasing a person.

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{ClaimedId, DeletionSubject};
use profile_store::{Delete, Identifier, ProfileRef};

use super::{call::Call, documents::Answer, query::Query};
use crate::{meters::Effect, refusal::Refusal};

/// `POST /api/data-privacy-deletion-jobs`: the profile is gone when the answer
/// comes. The answer is the same where there was none.
pub(super) async fn delete(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let body = call.body(payload).await?;
    let whom = match DeletionSubject::parse(&body.bytes).map_err(Refusal::Violations)? {
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
            let delete = Delete { company, target: whom, revision: call.revision };
            call.gateway.store.delete(delete).await.map_err(Refusal::Store)?
        }
        None => None,
    };
    match deleted {
        Some(_) => call.gateway.meters.accepted(Effect::Deleted),
        None => call.gateway.meters.served(),
    }
    Ok(Answer::empty(StatusCode::ACCEPTED))
}
