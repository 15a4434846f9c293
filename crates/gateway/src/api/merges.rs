//! Merging two profiles, and undoing a merge.

use std::sync::Arc;

use actix_web::{
    http::StatusCode,
    web::{Data, Payload},
};
use profile_protocol::{ProfileId, ProfileMerge, ProfileUnmerge};
use profile_store::{MergeProfiles, Rejected, StoreError, Undo, Unmerged};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::{Call, PROFILE, claimed},
    documents::{ApiResponse, Resource, SelfLink, Single},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    outcomes::path_of,
    query::Query,
    resource::{self, ProfileAttributes},
};
use crate::{capacity::disk_wait, http::refusal::Refusal, submission};

/// `POST /api/profile-merge`
pub(super) async fn merge(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let (ProfileMerge { destination, source }, _permit) =
        call.parse(payload, ProfileMerge::parse).await?;
    let merge = MergeProfiles {
        company: call.company.id.clone(),
        destination: claimed(destination, DESTINATION)?,
        source: claimed(source, SOURCE)?,
        settings: Arc::clone(&call.company.identity),
        revision: call.revision,
        request_ids: Some(call.request_ids.clone()),
    };
    let destination = merge.destination;
    let merged = call.gateway.store.merge(merge);
    let outcome = match disk_wait::answered(call.gateway, merged).await? {
        Err(StoreError::Rejected(Rejected::UnknownProfile)) => {
            return Err(missing(call, destination).await);
        }
        merged => merged.map_err(Refusal::Store)?,
    };
    submission::count(call.request, call.gateway, &call.company.id, &outcome);
    let id =
        outcome.survivor.ok_or(Refusal::NotFound { what: PROFILE, pointer: "/data" })?.to_string();
    let this = call.link(&format!("/api/profiles/{id}"));
    let links = SelfLink { this: this.clone() };
    let data = MergedProfile { kind: "profile", id, links: SelfLink { this } };
    Ok(ApiResponse::with_document(StatusCode::CREATED, &Single { data, links }))
}

const DESTINATION: &str = "/data/id";
const SOURCE: &str = "/data/relationships/profiles/data/0/id";

/// The profile of a merge request that does not exist.
async fn missing(call: &Call<'_>, destination: ProfileId) -> Refusal {
    let there = call.profile(destination).await.is_ok();
    let pointer = if there { SOURCE } else { DESTINATION };
    Refusal::NotFound { what: PROFILE, pointer }
}

/// The remaining profile of a merge.
#[derive(JsonSchema, Serialize)]
pub(super) struct MergedProfile {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    links: SelfLink,
}

/// `POST /api/profile-unmerge`
pub(super) async fn unmerge(
    call: &Call<'_>,
    payload: &mut Payload,
) -> Result<ApiResponse, Refusal> {
    let fields = Fieldset::from_query(&Query::from_call(call, &[FIELDS, ADDITIONAL_FIELDS])?)?;
    let (ProfileUnmerge { profile, is_preview }, _permit) =
        call.parse(payload, ProfileUnmerge::parse).await?;
    let undo = Undo {
        company: call.company.id.clone(),
        absorbed: claimed(profile, "/data/attributes/profile_id")?,
        settings: Arc::clone(&call.company.identity),
        revision: call.revision,
        request_ids: Some(call.request_ids.clone()),
    };
    let unmerged = if is_preview { preview(call, undo).await? } else { undone(call, undo).await? };
    let Unmerged { outcome: _, survivor, restored, kept, lost } = &unmerged;
    let document = UnmergeDocument {
        data: [survivor, restored].map(|profile| resource::profile(call, profile, &fields)),
        links: SelfLink { this: call.own_link() },
        meta: UnmergeMeta {
            survivor_id: survivor.id.to_string(),
            restored_id: restored.id.to_string(),
            kept: kept.iter().map(path_of).collect(),
            lost: lost.iter().map(|kind| kind.name()).collect(),
        },
    };
    Ok(ApiResponse::with_document(StatusCode::OK, &document))
}

async fn undone(call: &Call<'_>, undo: Undo) -> Result<Unmerged, Refusal> {
    let undone = call.gateway.store.undo(undo);
    let unmerged = disk_wait::answered(call.gateway, undone).await?.map_err(Refusal::Store)?;
    submission::count(call.request, call.gateway, &call.company.id, &unmerged.outcome);
    Ok(unmerged)
}

/// What undoing the merge would leave. Nothing is written.
async fn preview(call: &Call<'_>, undo: Undo) -> Result<Unmerged, Refusal> {
    let gateway = Data::clone(call.gateway);
    // A client that disconnects does not cancel the explanation.
    let explained = actix_web::rt::spawn(async move { gateway.store.explain_undo(undo).await });
    let explained = disk_wait::read(call.gateway, explained).await?;
    let explained = explained.unwrap_or(Err(StoreError::Unavailable)).map_err(Refusal::Store)?;
    call.gateway.metrics.served();
    Ok(explained)
}

/// Both profiles, the survivor first.
#[derive(JsonSchema, Serialize)]
pub(super) struct UnmergeDocument<'a> {
    data: [Resource<ProfileAttributes<'a>>; 2],
    links: SelfLink,
    meta: UnmergeMeta,
}

#[derive(JsonSchema, Serialize)]
struct UnmergeMeta {
    survivor_id: String,
    restored_id: String,
    /// Attributes that the survivor took from the restored profile and that were written again
    /// since. They stay with the survivor.
    kept: Vec<String>,
    /// Identifiers of the restored profile that point to another profile by now.
    lost: Vec<&'static str>,
}
