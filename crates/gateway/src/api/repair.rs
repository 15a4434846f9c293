//! Undoing what one sender did.

use std::sync::Arc;

use actix_web::{
    http::StatusCode,
    web::{Data, Payload},
};
use profile_protocol::{ChangedAttribute, ProfileId, ProfileRepair, RepairMode, RepairSubject};
use profile_store::{
    PushTokenId, Repair, RepairError, Repaired, RepairedSender, SenderDigest, StoreError,
    Timestamp, limits,
};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    call::Call,
    documents::{ApiResponse, SelfLink, Single},
    outcomes::path_of,
    query::Query,
};
use crate::{capacity::client_network::ClientNetwork, http::refusal::Refusal};

/// `POST /api/profile-repair`
pub(super) async fn repair(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let (ProfileRepair { mode, since_millis, sender }, _permit) =
        call.parse(payload, ProfileRepair::parse).await?;
    let asked = Repair {
        company: call.company.id.clone(),
        sender: repaired_sender(sender),
        since: Timestamp::from_millis(since_millis),
        steps: limits::REPAIR_STEPS,
        settings: Arc::clone(&call.company.identity),
        revision: call.revision,
        request_ids: Some(call.request_ids.clone()),
    };
    let repaired = repaired(call, mode, asked).await?;
    call.gateway.metrics.served();
    if let Some(lines) = &call.gateway.development_lines {
        let (requests, restored) = (repaired.requests, repaired.restored.len());
        let mode = name(mode);
        let done = format!("{mode}: {requests} requests of the sender, {restored} merges undone");
        lines.note(&call.request_ids.request, done);
    }
    let data = RepairResource::from_repaired(mode, &repaired);
    let links = SelfLink { this: call.own_link() };
    Ok(ApiResponse::with_document(StatusCode::OK, &Single { data, links }))
}

/// Carries a repair out, which reads all outcomes of the company, on a thread that serves no
/// others. A client that disconnects ends neither the repair nor its slot.
async fn repaired(call: &Call<'_>, mode: RepairMode, asked: Repair) -> Result<Repaired, Refusal> {
    let (gateway, runtime) = (Data::clone(call.gateway), Handle::current());
    let slot = gateway.repair_slots.take(&asked.company).await;
    let slot = slot.ok_or(Refusal::Store(StoreError::Unavailable))?;
    let repairing = spawn_blocking(move || {
        let _slot = slot;
        match mode {
            RepairMode::Preview => runtime.block_on(gateway.store.preview_repair(&asked)),
            RepairMode::Apply => runtime.block_on(gateway.store.repair(&asked)),
        }
    });
    let repaired = repairing.await.unwrap_or(Err(StoreError::Unavailable.into()));
    repaired.map_err(refusal)
}

fn name(mode: RepairMode) -> &'static str {
    match mode {
        RepairMode::Preview => "preview",
        RepairMode::Apply => "apply",
    }
}

fn repaired_sender(sender: RepairSubject) -> RepairedSender {
    match sender {
        RepairSubject::Address(address) => {
            RepairedSender::Network(ClientNetwork::from(address).to_string())
        }
        RepairSubject::Device(id) => RepairedSender::Device(id),
        RepairSubject::Digest(bits) => RepairedSender::Digest(SenderDigest::from_bits(bits)),
    }
}

fn refusal(error: RepairError) -> Refusal {
    match error {
        RepairError::Store(error) => Refusal::Store(error),
        RepairError::Engine(error) => {
            tracing::error!(%error, "the outcomes cannot be read");
            Refusal::Store(StoreError::Damaged)
        }
    }
}

/// What a repair undid, or would undo.
#[derive(JsonSchema, Serialize)]
pub(super) struct RepairResource {
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: RepairAttributes,
}

#[derive(JsonSchema, Serialize)]
struct RepairAttributes {
    /// `preview` or `apply`.
    mode: &'static str,
    /// The number of requests of the sender that concerned a profile.
    requests: u64,
    /// The ids of profiles that requests of the sender merged into others. Their merges are undone.
    restored: Vec<String>,
    /// The identifiers that the sender attached and that are removed.
    removed: Vec<RemovedIdentifier>,
    /// The ids of profiles that the sender created, at most 1,000. They stay.
    created: Vec<String>,
    /// The attributes that have again what they had before the sender changed them.
    returned: Vec<ChangedProfile>,
    /// The attributes that the sender changed, as far as outcomes list them, of at most 1,000
    /// profiles. Those that are not among `returned` stay as they are.
    changed: Vec<ChangedProfile>,
    /// The push tokens that the sender registered, and that are removed from their profiles.
    removed_push_tokens: Vec<RepairedPushToken>,
    /// The push tokens among them that other profiles had before, which have them again.
    returned_push_tokens: Vec<RepairedPushToken>,
    /// The ids of profiles that others merged since, from which nothing but push tokens is removed.
    left: Vec<String>,
    /// Whether there was no more to undo. If there was, send the request again.
    complete: bool,
}

#[derive(JsonSchema, Serialize)]
struct RemovedIdentifier {
    /// The profile.
    profile_id: String,
    /// The kind of the identifier.
    identifier: &'static str,
}

#[derive(JsonSchema, Serialize)]
struct RepairedPushToken {
    /// The profile that had the token, or has it again.
    profile_id: String,
    /// The id of the token.
    push_token_id: String,
}

#[derive(JsonSchema, Serialize)]
struct ChangedProfile {
    /// The profile.
    profile_id: String,
    /// The names of the attributes.
    attributes: Vec<String>,
}

impl RepairResource {
    fn from_repaired(mode: RepairMode, repaired: &Repaired) -> RepairResource {
        let Repaired {
            requests,
            restored,
            removed,
            created,
            returned,
            changed,
            removed_tokens,
            returned_tokens,
            left,
            is_complete,
        } = repaired;
        let texts = |ids: &[ProfileId]| ids.iter().map(ToString::to_string).collect();
        let removed = removed.iter().map(|(id, kind)| RemovedIdentifier {
            profile_id: id.to_string(),
            identifier: kind.name(),
        });
        let described = |(id, names): &(ProfileId, Vec<ChangedAttribute>)| ChangedProfile {
            profile_id: id.to_string(),
            attributes: names.iter().map(path_of).collect(),
        };
        let token = |(id, token): &(ProfileId, PushTokenId)| RepairedPushToken {
            profile_id: id.to_string(),
            push_token_id: token.to_string(),
        };
        let attributes = RepairAttributes {
            mode: name(mode),
            requests: *requests,
            restored: texts(restored),
            removed: removed.collect(),
            created: texts(created),
            returned: returned.iter().map(described).collect(),
            changed: changed.iter().map(described).collect(),
            removed_push_tokens: removed_tokens.iter().map(token).collect(),
            returned_push_tokens: returned_tokens.iter().map(token).collect(),
            left: texts(left),
            complete: *is_complete,
        };
        RepairResource { kind: "profile-repair", attributes }
    }
}
