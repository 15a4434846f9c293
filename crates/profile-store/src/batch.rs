//! What a batch of requests reads and changes, before any of it is written.
//!
//! Requests of one batch are decided in order, and each sees what those before
//! it did: a view is the engine's state with their changes laid over it.

mod commands;

use std::collections::{HashMap, HashSet};

use profile_protocol::{CompanyId, IdentifierKind, ProfileId};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, Decision, DecisionContext, DecisionError,
    Effect, Identifier, InvalidRecord, Merge, Outcome, Profile, ProfileIdentifiers, ProfileRef,
    StoredProfile, Submission, Undo, Unmerged, decide,
    decide::empty_outcome::{empty_outcome, list_bounded},
    decide::unmerge::{Unmerge, unmerge},
    engine::{Engine, EngineError, Key, Value, Write},
    layout::index,
    layout::key,
    layout::record::{self, OutcomeSegment},
    store::StoreError,
};

/// A profile as far as the view knows.
#[derive(Debug)]
enum Slot {
    Absent,
    Present(Box<StoredProfile>),
    Unreadable(InvalidRecord),
}

/// What was stored of a profile before the batch.
#[derive(Debug)]
struct Loaded {
    company: CompanyId,
    /// Its keys in the orders of profiles.
    entries: Vec<Key>,
}

/// The engine's state with a batch's changes laid over it.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Identifiers and aliases, and the profiles they lead to, if that can be read.
    pointers: HashMap<Key, Result<Option<ProfileId>, InvalidRecord>>,
    profiles: HashMap<Key, Slot>,
    changed_pointers: HashSet<Key>,
    changed_profiles: HashMap<Key, Loaded>,
    /// The newest outcomes of each company.
    runs: HashMap<CompanyId, OutcomeSegment>,
    /// Records that nothing in the batch reads.
    records: Vec<Write>,
}

impl Batch {
    /// Reads all that deciding these submissions takes: first what their claims
    /// lead to, then the profiles themselves.
    pub(crate) async fn load(
        engine: &dyn Engine,
        submissions: impl Iterator<Item = &Submission> + Clone,
    ) -> Result<Batch, EngineError> {
        let named = submissions
            .flat_map(|s| s.claims.made().iter().map(|claim| (&s.company, &claim.target)));
        Batch::load_named(engine, named).await
    }

    /// Reads whom these lead to, each of a company.
    pub(crate) async fn load_named<'n>(
        engine: &dyn Engine,
        all: impl Iterator<Item = (&'n CompanyId, &'n ProfileRef)> + Clone,
    ) -> Result<Batch, EngineError> {
        let mut view = Batch::default();
        view.read_pointers(engine, all.clone().map(|(company, named)| pointer_key(company, named)))
            .await?;
        let led_to = all.flat_map(|(company, named)| {
            let pointed = view.pointers.get(&pointer_key(company, named));
            let pointed = pointed.and_then(|pointer| pointer.ok().flatten());
            let named = match named {
                ProfileRef::Id(id) => Some(*id),
                ProfileRef::Identifier(_) => None,
            };
            pointed.into_iter().chain(named).map(|id| (key::profile(company, id), id))
        });
        let profiles: HashMap<Key, ProfileId> = led_to.collect();
        view.read_profiles(engine, profiles).await?;
        Ok(view)
    }

    async fn read_pointers(
        &mut self,
        engine: &dyn Engine,
        keys: impl Iterator<Item = Key>,
    ) -> Result<(), EngineError> {
        let keys: Vec<Key> = keys.collect::<HashSet<Key>>().into_iter().collect();
        let values = engine.read(&keys).await?;
        for (key, value) in keys.into_iter().zip(values) {
            let id = value.map(|value| record::decode_id(&value)).transpose();
            self.pointers.insert(key, id);
        }
        Ok(())
    }

    async fn read_profiles(
        &mut self,
        engine: &dyn Engine,
        ids: HashMap<Key, ProfileId>,
    ) -> Result<(), EngineError> {
        let (keys, ids): (Vec<Key>, Vec<ProfileId>) = ids.into_iter().unzip();
        let values = engine.read(&keys).await?;
        for ((key, id), value) in keys.into_iter().zip(ids).zip(values) {
            let slot = match value.map(|value| record::decode_stored_profile(id, value)) {
                None => Slot::Absent,
                Some(Ok(profile)) => Slot::Present(Box::new(profile)),
                Some(Err(error)) => Slot::Unreadable(error),
            };
            self.profiles.insert(key, slot);
        }
        Ok(())
    }

    /// Decides one submission against what is stored and what those before it
    /// did. An error changes nothing.
    pub(crate) fn decide(
        &mut self,
        submission: &Submission,
        context: DecisionContext,
    ) -> Result<Outcome, StoreError> {
        let company = &submission.company;
        let claims = submission.claims.made().iter();
        let reached: Vec<Option<&StoredProfile>> =
            claims.map(|claim| self.reach(company, &claim.target)).collect::<Result<_, _>>()?;
        let decision =
            decide(submission, &reached, context).map_err(|error| undecided(company, error))?;
        Ok(self.carry_out(company, decision))
    }

    /// Changes all that was decided about.
    fn carry_out(&mut self, company: &CompanyId, decision: Decision) -> Outcome {
        let Decision { outcome, profile, merges } = decision;
        if let Some(profile) = profile {
            let absorbed = merges.iter().map(|merge| &merge.absorbed.identifiers);
            self.move_identifiers(company, absorbed, [(profile.id, &profile.identifiers)]);
            self.put(company, profile);
        }
        for merge in merges {
            self.bury(company, outcome.survivor, &merge);
        }
        self.record_outcome(company, &outcome);
        outcome
    }

    /// The profile that this leads to.
    fn reach(
        &self,
        company: &CompanyId,
        named: &ProfileRef,
    ) -> Result<Option<&StoredProfile>, StoreError> {
        if let ProfileRef::Id(id) = named
            && let Some(profile) = self.profile(company, *id)?
        {
            return Ok(Some(profile));
        }
        let Some(id) = self.pointer(company, &pointer_key(company, named))? else {
            return Ok(None);
        };
        // A pointer that leads nowhere is damage: to take it for nobody would
        // create a second profile for one person.
        self.profile(company, id)?.map(Some).ok_or(StoreError::Damaged)
    }

    /// What an identifier or alias leads to.
    fn pointer(&self, company: &CompanyId, key: &Key) -> Result<Option<ProfileId>, StoreError> {
        match self.pointers.get(key) {
            None => Ok(None),
            Some(&Ok(id)) => Ok(id),
            Some(Err(error)) => {
                tracing::error!(%company, %error, "an identifier leads to what is no profile id");
                Err(StoreError::Damaged)
            }
        }
    }

    fn profile(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<&StoredProfile>, StoreError> {
        match self.profiles.get(&key::profile(company, id)) {
            None | Some(Slot::Absent) => Ok(None),
            Some(Slot::Present(profile)) => Ok(Some(profile)),
            Some(Slot::Unreadable(error)) => {
                tracing::error!(%company, profile = %id, %error, "a profile's record cannot be read");
                Err(StoreError::Damaged)
            }
        }
    }

    /// Lets every identifier lead to where it belongs after a change that made
    /// these profiles what they are, and an end of those `gone`.
    fn move_identifiers<'p>(
        &mut self,
        company: &CompanyId,
        gone: impl IntoIterator<Item = &'p ProfileIdentifiers>,
        after: impl IntoIterator<Item = (ProfileId, &'p ProfileIdentifiers)> + Clone,
    ) {
        let mut left: Vec<Identifier> =
            gone.into_iter().flat_map(ProfileIdentifiers::iter).collect();
        let mut moved = !left.is_empty();
        for (id, identifiers) in after.clone() {
            let before = self.profile(company, id).ok().flatten();
            moved |= before.is_none_or(|before| before.identifiers != *identifiers);
            left.extend(before.into_iter().flat_map(|before| before.identifiers.iter()));
        }
        if !moved {
            return;
        }
        for identifier in left {
            self.point(key::identifier(company, &identifier), None);
        }
        for (id, identifiers) in after {
            for identifier in identifiers.iter() {
                self.point(key::identifier(company, &identifier), Some(id));
            }
        }
    }

    fn put(&mut self, company: &CompanyId, profile: StoredProfile) {
        let key = key::profile(company, profile.id);
        self.change(company, key, Slot::Present(Box::new(profile)));
    }

    /// Changes a profile, and remembers where it stood if this is its first change.
    fn change(&mut self, company: &CompanyId, key: Key, slot: Slot) {
        let before = self.profiles.insert(key.clone(), slot);
        self.changed_profiles.entry(key).or_insert_with(|| Loaded {
            company: company.clone(),
            entries: before.map(|slot| entries(company, &slot)).unwrap_or_default(),
        });
    }

    /// Makes an end of an absorbed profile: its id, and every id that led to it,
    /// leads to the survivor from now on.
    fn bury(&mut self, company: &CompanyId, survivor: Option<ProfileId>, merge: &Merge) {
        let absorbed = &merge.absorbed;
        for id in absorbed.absorbed.iter().chain([&absorbed.id]) {
            self.point(key::alias(company, *id), survivor);
        }
        self.change(company, key::profile(company, absorbed.id), Slot::Absent);
        let value = Some(record::encode_merge(merge));
        self.records.push(Write { key: key::merge(company, absorbed.id), value });
    }

    fn point(&mut self, key: Key, id: Option<ProfileId>) {
        self.pointers.insert(key.clone(), Ok(id));
        self.changed_pointers.insert(key);
    }

    /// Reads all that undoing the merge of this profile takes: the merge, and the
    /// later ones that what it made took part in. Nothing if it was not merged into
    /// another, or that was undone.
    pub(crate) async fn load_merge(
        engine: &dyn Engine,
        company: &CompanyId,
        absorbed: ProfileId,
    ) -> Result<Option<(Batch, Merge, Vec<Merge>)>, EngineError> {
        let values = engine.read(&[key::merge(company, absorbed)]).await?;
        let Some(value) = values.into_iter().next().flatten() else { return Ok(None) };
        let merge = record::decode_merge(absorbed, &value)?;
        let identifiers = [&merge.survivor.identifiers, &merge.absorbed.identifiers];
        let identifiers = identifiers.into_iter().flat_map(ProfileIdentifiers::iter);
        let keys = identifiers.map(|identifier| key::identifier(company, &identifier));
        let alias = key::alias(company, absorbed);
        let mut view = Batch::default();
        view.read_pointers(engine, keys.chain([alias.clone()])).await?;
        let living = view.pointers.get(&alias).copied().and_then(Result::ok).flatten();
        let living = living.map(|id| (key::profile(company, id), id));
        view.read_profiles(engine, living.into_iter().collect()).await?;
        let later = view.read_later(engine, company, absorbed).await?;
        Ok(Some((view, merge, later)))
    }

    /// Reads the merges, in order, in which a profile took part that had absorbed
    /// this one. There are no more of them than were merged into who lives now.
    async fn read_later(
        &self,
        engine: &dyn Engine,
        company: &CompanyId,
        absorbed: ProfileId,
    ) -> Result<Vec<Merge>, EngineError> {
        let mut later = Vec::new();
        let living = self.profiles.values().filter_map(|slot| match slot {
            Slot::Present(profile) => Some(profile),
            Slot::Absent | Slot::Unreadable(_) => None,
        });
        let others = living.flat_map(|profile| &profile.absorbed).filter(|id| **id != absorbed);
        for &id in others {
            let values = engine.read(&[key::merge(company, id)]).await?;
            let Some(value) = values.into_iter().next().flatten() else { continue };
            let merge = record::decode_merge(id, &value)?;
            let part = [&merge.survivor, &merge.absorbed];
            if part.iter().any(|profile| profile.absorbed.contains(&absorbed)) {
                later.push(merge);
            }
        }
        // Of those of one request, each found what the one before had made.
        later.sort_by_key(|merge| (merge.sequence, merge.survivor.absorbed.len()));
        Ok(later)
    }

    /// Undoes a merge that [`Batch::load_merge`] read.
    pub(crate) fn undo(
        &mut self,
        asked: &Undo,
        merge: &Merge,
        later: Vec<Merge>,
        context: DecisionContext,
    ) -> Result<Unmerged, StoreError> {
        let Undo { company, absorbed, rules, revision } = asked;
        let living = self.pointer(company, &key::alias(company, *absorbed))?;
        let living = living.ok_or(StoreError::Damaged)?;
        let living = self.profile(company, living)?.ok_or(StoreError::Damaged)?.clone();
        let living = living.decode().map_err(|error| undecided(company, error.into()))?;
        // An identifier that leads to what is no id leads to nobody, and is led anew.
        let owner = |identifier: &Identifier| {
            let key = key::identifier(company, identifier);
            self.pointers.get(&key).copied().and_then(Result::ok).flatten()
        };
        let Unmerge { mut survivor, mut restored, later, mut changed, kept, lost } =
            unmerge(merge, later, living, owner, rules, context.now);
        let previous =
            [survivor.last_outcome, restored.last_outcome].into_iter().flatten().collect();
        survivor.last_outcome = Some(context.sequence);
        restored.last_outcome = Some(context.sequence);
        let changed_unlisted = list_bounded(&mut changed);
        let result = ClaimResult::Restored(*absorbed);
        let outcome = Outcome {
            survivor: Some(survivor.id),
            claims: vec![ClaimOutcome {
                kind: IdentifierKind::Id,
                origin: ClaimSource::Command,
                result,
            }],
            changed,
            changed_unlisted,
            previous,
            ..empty_outcome(context, Caller::Server, *revision, Effect::Unmerged)
        };
        self.part(company, &survivor, &restored);
        for merge in &later {
            let value = Some(record::encode_merge(merge));
            self.records.push(Write { key: key::merge(company, merge.absorbed.id), value });
        }
        self.record_outcome(company, &outcome);
        Ok(Unmerged { outcome, survivor, restored, kept, lost })
    }

    /// Lets a restored profile live beside the one it had been merged into.
    fn part(&mut self, company: &CompanyId, survivor: &Profile, restored: &Profile) {
        let both = [survivor, restored].map(|profile| (profile.id, &profile.identifiers));
        self.move_identifiers(company, [], both);
        self.point(key::alias(company, restored.id), None);
        for id in &restored.absorbed {
            self.point(key::alias(company, *id), Some(restored.id));
        }
        self.records.push(Write { key: key::merge(company, restored.id), value: None });
        self.put(company, survivor.clone().into());
        self.put(company, restored.clone().into());
    }

    fn record_outcome(&mut self, company: &CompanyId, outcome: &Outcome) {
        let full = if let Some(run) = self.runs.get_mut(company) {
            run.add(outcome)
        } else {
            self.runs.insert(company.clone(), OutcomeSegment::from_outcome(outcome));
            None
        };
        self.records.extend(full.map(|run| kept(company, run)));
    }

    /// All that changed, as one batch.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        let Batch { mut pointers, mut profiles, changed_pointers, changed_profiles, .. } = self;
        let runs = self.runs.into_iter().map(|(company, run)| kept(&company, run));
        let pointers = changed_pointers.into_iter().map(|key| {
            let id = pointers.remove(&key).and_then(|pointer| pointer.ok().flatten());
            let value = id.map(record::encode_id);
            Write { key, value }
        });
        let profiles = changed_profiles.into_iter().flat_map(|(key, loaded)| {
            let slot = profiles.remove(&key).unwrap_or(Slot::Absent);
            let now = entries(&loaded.company, &slot);
            let moved = index::moves(loaded.entries, now);
            moved.chain([Write { key, value: encoded(slot) }])
        });
        pointers.chain(profiles).chain(runs).chain(self.records).collect()
    }
}

/// Why nothing is stored where a decision could not be made.
fn undecided(company: &CompanyId, error: DecisionError) -> StoreError {
    match error {
        DecisionError::Rejected(rejected) => rejected.into(),
        DecisionError::Damaged(error) => {
            tracing::error!(%company, %error, "a profile's record cannot be read");
            StoreError::Damaged
        }
    }
}

fn kept(company: &CompanyId, run: OutcomeSegment) -> Write {
    Write { key: key::outcomes(company, run.last()), value: Some(run.into_record()) }
}

/// The keys of a profile in the orders of profiles.
fn entries(company: &CompanyId, slot: &Slot) -> Vec<Key> {
    match slot {
        Slot::Present(profile) => index::entries(company, &**profile),
        Slot::Absent | Slot::Unreadable(_) => Vec::new(),
    }
}

fn encoded(slot: Slot) -> Option<Value> {
    match slot {
        Slot::Present(profile) => Some(record::encode_stored_profile(&profile)),
        Slot::Absent | Slot::Unreadable(_) => None,
    }
}

/// The key under which the profile that this leads to may be found.
fn pointer_key(company: &CompanyId, named: &ProfileRef) -> Key {
    match named {
        ProfileRef::Id(id) => key::alias(company, *id),
        ProfileRef::Identifier(identifier) => key::identifier(company, identifier),
    }
}
