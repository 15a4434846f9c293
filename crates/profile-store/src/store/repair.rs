//! Repair: undoes what one sender did since a time.

use std::sync::Arc;

use profile_protocol::{ChangedAttribute, CompanyId, IdentifierKind, ProfileId, Revision};

use super::Store;
use crate::{
    IdentitySettings, Rejected, RepairedSender, RequestId, StoreError, Timestamp, Undo,
    decide::{detachment::Detach, repair::SenderTraces},
    engine::EngineError,
    lane::job::Job,
    limits,
    read::outcomes::newest_outcome,
};

/// The command to undo what a sender did.
#[derive(Clone, Debug)]
pub struct Repair {
    /// The company whose profiles the command concerns.
    pub company: CompanyId,
    /// The sender.
    pub sender: RepairedSender,
    /// The time since when requests of the sender are undone.
    pub since: Timestamp,
    /// The maximum of merges that are undone, and of single identifiers and of devices that are
    /// removed. The last request before the maximum is undone as a whole. See
    /// [`limits::REPAIR_STEPS`].
    pub steps: usize,
    /// The identity settings of the company.
    pub settings: Arc<IdentitySettings>,
    /// The API revision of the request.
    pub revision: Revision,
    /// The id of the request, which its outcomes keep.
    pub request_id: Option<RequestId>,
}

/// What a repair undid, or would undo.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Repaired {
    /// The number of requests of the sender that changed or found a profile.
    pub requests: u64,
    /// The profiles that were merged into others by the sender, and are restored.
    pub restored: Vec<ProfileId>,
    /// The identifiers that the sender attached, and that are removed: their profiles and kinds.
    pub removed: Vec<(ProfileId, IdentifierKind)>,
    /// The profiles that the sender created, up to [`limits::REPAIR_LISTED`]. They stay, without
    /// what is removed.
    pub created: Vec<ProfileId>,
    /// The attributes that the sender changed, as far as outcomes list them, of up to
    /// [`limits::REPAIR_LISTED`] profiles. They stay.
    pub changed: Vec<(ProfileId, Vec<ChangedAttribute>)>,
    /// The profiles that others have merged since, so that nothing was removed from them. If
    /// there are more than [`limits::REPAIR_LISTED`], some are not listed.
    pub left: Vec<ProfileId>,
    /// Whether all was undone. If not, the command can be given again.
    pub is_complete: bool,
}

/// Why a repair ended. What was undone before stays undone.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The data cannot be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A step was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// What a repair would undo now. Nothing is written.
    pub async fn preview_repair(&self, asked: &Repair) -> Result<Repaired, RepairError> {
        let traces = self.traces(asked).await?;
        let mut repaired = described(&traces);
        let mut merged = Vec::new();
        for &id in traces.merged.iter().rev() {
            if self.is_merged(&asked.company, id).await? {
                merged.push(id);
            }
        }
        for detach in detachments(asked, &traces) {
            match self.profile(&asked.company, detach.profile).await? {
                Some(profile) if profile.id == detach.profile => {
                    let removed = detach.removed_from(&profile.identifiers);
                    let removed = removed.iter().map(|removed| (profile.id, removed.kind()));
                    repaired.removed.extend(removed);
                }
                Some(_) if merged.contains(&detach.profile) => {}
                Some(_) => repaired.left.push(detach.profile),
                None => {}
            }
        }
        repaired.restored = merged;
        Ok(repaired)
    }

    /// Undoes what the sender did: the merges that its requests led to, the newest first, and then
    /// the identifiers and devices that it attached. Each step is stored by itself. What the
    /// company has named since stays.
    pub async fn repair(&self, asked: &Repair) -> Result<Repaired, RepairError> {
        let traces = self.traces(asked).await?;
        let mut repaired = described(&traces);
        for &absorbed in traces.merged.iter().rev() {
            match self.undo(undo_of(asked, absorbed)).await {
                Ok(_) => repaired.restored.push(absorbed),
                // It was undone, or deleted, in the meantime.
                Err(StoreError::NotMerged) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for detach in detachments(asked, &traces) {
            self.detach(detach, &mut repaired).await?;
        }
        Ok(repaired)
    }

    async fn detach(&self, asked: Detach, repaired: &mut Repaired) -> Result<(), RepairError> {
        let id = asked.profile;
        match self.profile(&asked.company, id).await? {
            // It was deleted.
            None => {}
            Some(profile) if profile.id != id => repaired.left.push(id),
            Some(profile) => {
                let removed = asked.removed_from(&profile.identifiers);
                if removed.is_empty() {
                    return Ok(());
                }
                match self.ask(|ticket| Job::detach(asked, ticket)).await {
                    Ok(_) => {
                        repaired.removed.extend(removed.iter().map(|removed| (id, removed.kind())));
                    }
                    // It was merged or deleted in the meantime.
                    Err(StoreError::Rejected(Rejected::UnknownProfile)) => repaired.left.push(id),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    async fn is_merged(&self, company: &CompanyId, id: ProfileId) -> Result<bool, EngineError> {
        Ok(self.profile(company, id).await?.is_some_and(|profile| profile.id != id))
    }

    /// What the sender did since the time of the command.
    async fn traces(&self, asked: &Repair) -> Result<SenderTraces, EngineError> {
        let mut traces = SenderTraces::default();
        let mut after = self.last_before(&asked.company, asked.since).await?;
        loop {
            let page = self.outcomes(&asked.company, after, limits::REPAIR_PAGE).await?;
            let Some(last) = page.last() else { return Ok(traces) };
            after = last.sequence;
            for outcome in &page {
                let is_of_sender = asked.sender.sent(&self.sender_key, &asked.company, outcome);
                traces.add(outcome, is_of_sender);
                if asked.steps <= traces.steps() && !traces.is_truncated {
                    self.forget_what_is_gone(asked, &mut traces).await?;
                    // What is forgotten was read, so each reading forgets at least half.
                    traces.is_truncated = asked.steps < 2 * traces.steps();
                }
            }
        }
    }

    /// Forgets steps that were undone before, and those that there is no profile for any more.
    async fn forget_what_is_gone(
        &self,
        asked: &Repair,
        traces: &mut SenderTraces,
    ) -> Result<(), EngineError> {
        let mut merged = Vec::new();
        for &id in &traces.merged {
            if self.is_merged(&asked.company, id).await? {
                merged.push(id);
            }
        }
        traces.merged = merged;
        for id in traces.attached_to() {
            match self.profile(&asked.company, id).await? {
                None => traces.forget(id),
                Some(profile) if profile.id == id => traces.keep_attached(id, &profile.identifiers),
                Some(_) if traces.merged.contains(&id) => {}
                Some(_) => traces.leave(id),
            }
        }
        Ok(())
    }

    /// The number of the last outcome before a time, or of one before that.
    async fn last_before(&self, company: &CompanyId, since: Timestamp) -> Result<u64, EngineError> {
        let newest = newest_outcome(self.shared.engine.as_ref(), company).await?.sequence;
        let (mut before, mut until) = (0, newest);
        while before < until {
            let middle = before + (until - before) / 2;
            match self.outcomes(company, middle, 1).await?.first() {
                Some(outcome) if outcome.at < since && outcome.sequence <= until => {
                    before = outcome.sequence;
                }
                _ => until = middle,
            }
        }
        Ok(before)
    }
}

/// What the outcomes say about the sender's requests.
fn described(traces: &SenderTraces) -> Repaired {
    let changed = traces.changed.iter().map(|(id, names)| (*id, names.clone()));
    Repaired {
        requests: traces.requests,
        created: traces.created.iter().copied().collect(),
        changed: changed.collect(),
        left: traces.left.iter().copied().collect(),
        is_complete: !traces.is_truncated,
        ..Repaired::default()
    }
}

fn undo_of(asked: &Repair, absorbed: ProfileId) -> Undo {
    Undo {
        company: asked.company.clone(),
        absorbed,
        settings: Arc::clone(&asked.settings),
        revision: asked.revision,
        request_id: asked.request_id.clone(),
    }
}

/// The commands that remove what the sender attached, one for each profile.
fn detachments(asked: &Repair, traces: &SenderTraces) -> Vec<Detach> {
    let of = |id: ProfileId| Detach {
        company: asked.company.clone(),
        profile: id,
        kinds: traces
            .identifiers
            .iter()
            .filter(|(one, _)| *one == id)
            .map(|(_, kind)| *kind)
            .collect(),
        devices: traces.devices.iter().filter(|(one, _)| *one == id).map(|(_, at)| *at).collect(),
        revision: asked.revision,
        request_id: asked.request_id.clone(),
    };
    traces.attached_to().into_iter().map(of).collect()
}
