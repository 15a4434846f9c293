//! Repair: undoes what one sender did since a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use profile_protocol::{ChangedAttribute, CompanyId, IdentifierKind, ProfileId, Revision};
use tokio::time::{Instant, sleep};

use super::Store;
use crate::{
    IdentitySettings, Profile, ProfileRef, PushTokenId, Rejected, RepairedSender, ReplacedValue,
    RequestIds, StoreError, Timestamp, Undo,
    decide::{
        detachment::Detach, repair::SenderTraces, replaced::is_kept, restoration::Restoration,
        sender_merge::SenderMerge,
    },
    engine::{Engine, EngineError, Key, Order, Scan, Value},
    lane::job::Job,
    layout::{
        key::{self, KeyKind},
        record,
    },
    limits,
    model::replaced::KeptValues,
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
    /// The ids of the request, which its outcomes keep.
    pub request_ids: Option<RequestIds>,
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
    /// The attributes that have again what they had before the sender changed them, of profiles
    /// with these ids. Each has a value that others wrote, or that is not kept any more, otherwise.
    pub returned: Vec<(ProfileId, Vec<ChangedAttribute>)>,
    /// The attributes that the sender changed, as far as outcomes list them, of up to
    /// [`limits::REPAIR_LISTED`] profiles. Those that are not returned stay.
    pub changed: Vec<(ProfileId, Vec<ChangedAttribute>)>,
    /// The push tokens that the sender registered, and that are removed: the profiles that got
    /// them, and their ids.
    pub removed_tokens: Vec<(ProfileId, PushTokenId)>,
    /// The push tokens among them that are given back to the profiles that had them before.
    pub returned_tokens: Vec<(ProfileId, PushTokenId)>,
    /// The profiles that others have merged since, so that nothing but push tokens was removed. If
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

/// What a step of a repair began with.
#[derive(Clone, Copy, Debug)]
struct RepairStep {
    began: Instant,
    decided: usize,
}

impl Store {
    fn begin_repair_step(&self) -> RepairStep {
        RepairStep { began: Instant::now(), decided: self.explanation_permits.decided() }
    }

    /// Pauses after a step of a repair, if requests were stored meanwhile: they get most of the
    /// time.
    async fn end_repair_step(&self, step: RepairStep) {
        if step.decided != self.explanation_permits.decided() {
            let most = Duration::from_millis(limits::MAX_PAUSE_MS);
            sleep((step.began.elapsed() * limits::PAUSE_FACTOR).min(most)).await;
        }
    }

    /// What a repair would undo now. Nothing is written.
    pub async fn preview_repair(&self, asked: &Repair) -> Result<Repaired, RepairError> {
        let traces = self.traces(asked).await?;
        let mut repaired = described(&traces);
        let merged: Vec<ProfileId> =
            traces.merged.iter().rev().map(|merge| merge.absorbed).collect();
        for &id in &traces.written {
            let step = self.begin_repair_step();
            let names = self.preview_restoration(asked, id).await?;
            note_returned(&mut repaired.returned, names);
            self.end_repair_step(step).await;
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
        self.preview_tokens(asked, &traces, &mut repaired).await?;
        Ok(repaired)
    }

    /// Undoes what the sender did: the merges that its requests led to, the newest first, and then
    /// the identifiers and devices that it attached. Each step is stored by itself. What the
    /// company has named since stays.
    pub async fn repair(&self, asked: &Repair) -> Result<Repaired, RepairError> {
        let traces = self.traces(asked).await?;
        let mut repaired = described(&traces);
        for &SenderMerge { absorbed, sequence, .. } in traces.merged.iter().rev() {
            // The newest first: what was written since, and then the merge.
            self.restore(asked, absorbed, sequence, &mut repaired).await?;
            match self.undo(undo_of(asked, absorbed)).await {
                Ok(_) => repaired.restored.push(absorbed),
                // It was undone, or deleted, in the meantime.
                Err(StoreError::NotMerged) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for &id in &traces.written {
            self.restore(asked, id, 0, &mut repaired).await?;
        }
        for detach in detachments(asked, &traces) {
            self.detach(detach, &mut repaired).await?;
        }
        self.repair_tokens(asked, &traces, &mut repaired).await?;
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

    /// Restores what the sender replaced in a profile, or in the one that it was merged into, from
    /// an outcome on.
    async fn restore(
        &self,
        asked: &Repair,
        profile: ProfileId,
        from: u64,
        repaired: &mut Repaired,
    ) -> Result<(), RepairError> {
        let Some((profile, restoration)) = self.restoration(asked, profile, from).await? else {
            return Ok(());
        };
        match self.ask(|ticket| Job::Restore(Box::new((restoration, ticket)))).await {
            Ok(names) => note_returned(&mut repaired.returned, Some((profile.id, names))),
            // It was deleted in the meantime.
            Err(StoreError::Rejected(Rejected::UnknownProfile)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The attributes of a profile that a repair would restore.
    async fn preview_restoration(
        &self,
        asked: &Repair,
        profile: ProfileId,
    ) -> Result<Option<(ProfileId, Vec<ChangedAttribute>)>, EngineError> {
        let Some((profile, restoration)) = self.restoration(asked, profile, 0).await? else {
            return Ok(None);
        };
        let kept =
            kept_values(self.shared.engine.as_ref(), &asked.company, restoration.sequences());
        let kept = kept.await?;
        let id = profile.id;
        let names = restoration.names(profile, &kept);
        Ok(Some((id, names.map_err(|error| EngineError::Damaged(error.to_string()))?)))
    }

    /// What to restore in a profile, unless the sender has replaced nothing there.
    async fn restoration(
        &self,
        asked: &Repair,
        profile: ProfileId,
        from: u64,
    ) -> Result<Option<(Profile, Restoration)>, EngineError> {
        let Some(profile) = self.profile(&asked.company, profile).await? else { return Ok(None) };
        let noted = self.replaced_by_sender(asked, &profile, from);
        let restoration = Restoration {
            company: asked.company.clone(),
            profile: ProfileRef::Id(profile.id),
            noted,
            revision: asked.revision,
            request_ids: asked.request_ids.clone(),
        };
        Ok((!restoration.noted.is_empty()).then_some((profile, restoration)))
    }

    /// What a profile has noted about values that the sender replaced, from an outcome on.
    fn replaced_by_sender(
        &self,
        asked: &Repair,
        profile: &Profile,
        from: u64,
    ) -> Vec<ReplacedValue> {
        let Repair { company, sender, since, settings, .. } = asked;
        let now = self.shared.id_generator.now();
        let mut digests = sender.digests(&self.sender_key, company);
        let is_asked = |noted: &&ReplacedValue| {
            from <= noted.sequence
                && *since <= noted.at
                && is_kept(noted, settings.replaced_days, now)
                && digests.sent(noted.sender, noted.at)
        };
        profile.replaced.iter().filter(is_asked).copied().collect()
    }

    /// Forgets merges that were undone, and those that the company has confirmed since. Adds the
    /// devices and push tokens that came for a person whose profile stays apart: they are with
    /// the profile that survived, and are not its own.
    async fn keep_unconfirmed_merges(
        &self,
        asked: &Repair,
        traces: &mut SenderTraces,
    ) -> Result<(), EngineError> {
        let company = &asked.company;
        let merged = std::mem::take(&mut traces.merged);
        for merge in merged {
            // One at a time, since the largest takes half a megabyte.
            let record = self.shared.engine.read(vec![key::merge(company, merge.absorbed)]).await?;
            let Some(record) = record.into_iter().next().flatten() else { continue };
            let absorbed = record::decode_merge(merge.absorbed, &record)?.absorbed.identifiers;
            let living = self.profile(company, merge.survivor).await?;
            let living = living.map(|living| living.identifiers).unwrap_or_default();
            if !merge.is_confirmed(&absorbed, &living) {
                traces.devices.extend(merge.devices(&absorbed));
                let tokens = merge.tokens(&absorbed);
                traces.tokens.extend(tokens.map(|token| (token, Some(merge.absorbed))));
                traces.merged.push(merge);
            }
        }
        Ok(())
    }

    /// What the sender did since the time of the command.
    async fn traces(&self, asked: &Repair) -> Result<SenderTraces, EngineError> {
        let mut traces = SenderTraces::default();
        let before = self.last_before(&asked.company, asked.since).await?;
        let mut after = before;
        let mut digests = asked.sender.digests(&self.sender_key, &asked.company);
        loop {
            let step = self.begin_repair_step();
            let page = self.outcomes(&asked.company, after, limits::REPAIR_PAGE).await?;
            let Some(last) = page.last() else {
                self.add_noted(asked, before, &mut traces).await?;
                self.keep_unconfirmed_merges(asked, &mut traces).await?;
                return Ok(traces);
            };
            after = last.sequence;
            for outcome in &page {
                let is_of_sender = digests.sent(outcome.sender, outcome.at);
                traces.add(outcome, is_of_sender);
                if asked.steps <= traces.steps() && !traces.is_truncated {
                    self.forget_what_is_gone(asked, &mut traces).await?;
                    // What is forgotten was read, so each reading forgets at least half.
                    traces.is_truncated = asked.steps < 2 * traces.steps();
                }
            }
            self.end_repair_step(step).await;
        }
    }

    /// Adds the profiles that have noted that the sender replaced values, whose outcomes may be
    /// gone. The values of requests up to `before` are not looked at.
    async fn add_noted(
        &self,
        asked: &Repair,
        before: u64,
        traces: &mut SenderTraces,
    ) -> Result<(), EngineError> {
        let mut looked_at = traces.written.clone();
        let mut after = key::kept_values(&asked.company, before);
        loop {
            let step = self.begin_repair_step();
            let kept = self.kept_after(&asked.company, after).await?;
            let Some((last, _)) = kept.last() else { return Ok(()) };
            after = last.clone();
            for (_, value) in &kept {
                // An unreadable record is for an audit to find.
                let Ok(KeptValues { profile, .. }) = record::decode_kept_values(value) else {
                    continue;
                };
                if looked_at.contains(&profile) {
                    continue;
                }
                if looked_at.len() < limits::REPAIR_REMEMBERED {
                    looked_at.insert(profile);
                }
                if self.restoration(asked, profile, 0).await?.is_some() {
                    if asked.steps <= traces.written.len() {
                        traces.is_truncated = true;
                        return Ok(());
                    }
                    traces.written.insert(profile);
                }
            }
            self.end_repair_step(step).await;
        }
    }

    /// The next values that requests replaced.
    async fn kept_after(
        &self,
        company: &CompanyId,
        after: Key,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        let prefix = key::prefix(company, KeyKind::KeptValues);
        let (order, limit) = (Order::Ascending, limits::REPAIR_KEPT);
        self.shared.engine.scan(Scan { prefix, after: Some(after), order, limit }).await
    }

    /// Forgets steps that were undone before, and those that there is no profile for any more.
    async fn forget_what_is_gone(
        &self,
        asked: &Repair,
        traces: &mut SenderTraces,
    ) -> Result<(), EngineError> {
        let keys = traces.merged.iter().map(|merge| key::alias(&asked.company, merge.absorbed));
        let records = self.shared.engine.read(keys.collect()).await?;
        let mut is_merged = records.iter().map(Option::is_some);
        traces.merged.retain(|_| is_merged.next() == Some(true));
        let mut written = BTreeSet::new();
        for &id in &traces.written {
            if self.restoration(asked, id, 0).await?.is_some() {
                written.insert(id);
            }
        }
        traces.written = written;
        self.forget_tokens(asked, traces).await?;
        for id in traces.attached_to() {
            match self.profile(&asked.company, id).await? {
                None => traces.forget(id),
                Some(profile) if profile.id == id => traces.keep_attached(id, &profile.identifiers),
                Some(_) if traces.is_merged(id) => {}
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

/// Notes which attributes of a profile are restored.
fn note_returned(
    returned: &mut Vec<(ProfileId, Vec<ChangedAttribute>)>,
    restored: Option<(ProfileId, Vec<ChangedAttribute>)>,
) {
    let Some((id, names)) = restored.filter(|(_, names)| !names.is_empty()) else { return };
    match returned.iter_mut().find(|(one, _)| *one == id) {
        Some((_, known)) => {
            for name in names {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
        None => returned.push((id, names)),
    }
}

/// The values that the requests with these outcomes replaced. An unreadable record is for an audit
/// to find.
async fn kept_values(
    engine: &dyn Engine,
    company: &CompanyId,
    sequences: Vec<u64>,
) -> Result<BTreeMap<u64, KeptValues>, EngineError> {
    let keys = sequences.iter().map(|sequence| key::kept_values(company, *sequence)).collect();
    let values = engine.read(keys).await?;
    let kept = sequences.into_iter().zip(values).filter_map(|(sequence, value)| {
        Some((sequence, record::decode_kept_values(&value?).ok()?))
    });
    Ok(kept.collect())
}

fn undo_of(asked: &Repair, absorbed: ProfileId) -> Undo {
    Undo {
        company: asked.company.clone(),
        absorbed,
        settings: Arc::clone(&asked.settings),
        revision: asked.revision,
        request_ids: asked.request_ids.clone(),
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
        request_ids: asked.request_ids.clone(),
    };
    traces.attached_to().into_iter().map(of).collect()
}
