//! Revoking exchange tokens.

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::TokenRevocation;
use profile_store::{Rejected, RevocationScope, RevokeTokens, StoreError};

use super::{
    call::{Call, PROFILE, claimed},
    documents::{ApiResponse, SelfLink, Single},
    outcomes::OutcomeResource,
    query::Query,
};
use crate::{capacity::disk_wait, http::refusal::Refusal, submission};

const PROFILE_ID: &str = "/data/attributes/profile_id";

/// `POST /api/exchange-token-revocation`: the tokens count no more when the response arrives.
pub(super) async fn revoke(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let (revocation, _permit) = call.parse(payload, TokenRevocation::parse).await?;
    let scope = match revocation {
        TokenRevocation::Company => RevocationScope::Company,
        TokenRevocation::Profile(id) => RevocationScope::Profile(claimed(id, PROFILE_ID)?),
    };
    let company = call.company.id.clone();
    let (revision, request_ids) = (call.revision, Some(call.request_ids.clone()));
    let revoke = RevokeTokens { company, scope, revision, request_ids };
    let revoked = call.gateway.store.revoke_tokens(revoke);
    let outcome = match disk_wait::answered(call.gateway, revoked).await? {
        Err(StoreError::Rejected(Rejected::UnknownProfile)) => {
            return Err(Refusal::NotFound { what: PROFILE, pointer: PROFILE_ID });
        }
        revoked => revoked.map_err(Refusal::Store)?,
    };
    submission::count(call.request, call.gateway, &call.company.id, &outcome);
    let data = OutcomeResource::from_outcome(&outcome);
    let links = SelfLink { this: call.own_link() };
    Ok(ApiResponse::with_document(StatusCode::OK, &Single { data, links }))
}
