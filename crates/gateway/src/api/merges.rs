//! Merging two profiles, and undoing a merge.

use std::sync::Arc;

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{ProfileId, ProfileMerge, ProfileUnmerge};
use profile_store::{MergeProfiles, Rejected, StoreError, Undo, Unmerged};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::{Call, PROFILE, claimed},
    documents::{Answer, Resource, SelfLink, Single},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    outcomes::path_of,
    query::Query,
    resource::{self, ProfileAttributes},
};
use crate::{meters::Effect, refusal::Refusal, submission};

/// `POST /api/profile-merge`
pub(super) async fn merge(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    Query::of(call, &[])?;
    let body = call.body(payload).await?;
    let ProfileMerge { destination, source } =
        ProfileMerge::parse(&body.bytes).map_err(Refusal::Violations)?;
    let merge = MergeProfiles {
        company: call.company.id.clone(),
        destination: claimed(destination, DESTINATION)?,
        source: claimed(source, SOURCE)?,
        rules: Arc::clone(&call.company.rules),
        revision: call.revision,
    };
    let destination = merge.destination;
    let outcome = match call.gateway.store.merge(merge).await {
        Err(StoreError::Rejected(Rejected::UnknownProfile)) => {
            return Err(missing(call, destination).await);
        }
        merged => merged.map_err(Refusal::Store)?,
    };
    call.gateway.meters.accepted(submission::effect(&outcome));
    let id =
        outcome.survivor.ok_or(Refusal::NotFound { what: PROFILE, pointer: "/data" })?.to_string();
    let this = call.link(&format!("/api/profiles/{id}"));
    let links = SelfLink { this: this.clone() };
    let data = Merged { kind: "profile", id, links: SelfLink { this } };
    Ok(Answer::of(StatusCode::CREATED, &Single { data, links }))
}

const DESTINATION: &str = "/data/id";
const SOURCE: &str = "/data/relationships/profiles/data/0/id";

/// Which of the two profiles of a merge is not there.
async fn missing(call: &Call<'_>, destination: ProfileId) -> Refusal {
    let there = call.profile(destination).await.is_ok();
    let pointer = if there { SOURCE } else { DESTINATION };
    Refusal::NotFound { what: PROFILE, pointer }
}

/// The profile that is left of two.
#[derive(JsonSchema, Serialize)]
pub(super) struct Merged {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    links: SelfLink,
}

/// `POST /api/profile-unmerge`
pub(super) async fn unmerge(call: &Call<'_>, payload: &mut Payload) -> Result<Answer, Refusal> {
    let fields = Fieldset::of(&Query::of(call, &[FIELDS, ADDITIONAL_FIELDS])?)?;
    let body = call.body(payload).await?;
    let ProfileUnmerge { profile } =
        ProfileUnmerge::parse(&body.bytes).map_err(Refusal::Violations)?;
    let undo = Undo {
        company: call.company.id.clone(),
        absorbed: claimed(profile, "/data/attributes/profile_id")?,
        rules: Arc::clone(&call.company.rules),
        revision: call.revision,
    };
    let unmerged = call.gateway.store.undo(undo).await.map_err(Refusal::Store)?;
    call.gateway.meters.accepted(Effect::Unmerged);
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
    Ok(Answer::of(StatusCode::OK, &document))
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
    /// Attributes that the survivor had from the restored profile and that were
    /// written again since: they stay with the survivor.
    kept: Vec<String>,
    /// Identifiers of the restored profile that lead to somebody else by now.
    lost: Vec<&'static str>,
}
