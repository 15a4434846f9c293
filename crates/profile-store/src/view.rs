//! What a batch of requests reads and changes, before any of it is written.
//!
//! Requests of one batch are decided in order, and each sees what those before
//! it did: a view is the engine's state with their changes laid over it.

use std::collections::{HashMap, HashSet};

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    Claim, Decision, Identifier, InvalidRecord, Merge, Moment, Named, Outcome, Profile, Submission,
    decide,
    engine::{Engine, EngineError, Key, Value, Write},
    key, record,
    store::StoreError,
};

/// A profile as far as the view knows.
#[derive(Debug)]
enum Slot {
    Absent,
    Present(Box<Profile>),
    Unreadable(InvalidRecord),
}

/// The engine's state with a batch's changes laid over it.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Identifiers and aliases, and the profiles they lead to, if that can be read.
    pointers: HashMap<Key, Result<Option<ProfileId>, InvalidRecord>>,
    profiles: HashMap<Key, Slot>,
    changed_pointers: HashSet<Key>,
    changed_profiles: HashSet<Key>,
    /// Records that nothing in the batch reads.
    records: Vec<Write>,
}

impl View {
    /// Reads all that deciding these submissions takes: first what their claims
    /// lead to, then the profiles themselves.
    pub(crate) async fn load(
        engine: &dyn Engine,
        submissions: impl Iterator<Item = &Submission> + Clone,
    ) -> Result<View, EngineError> {
        let mut view = View::default();
        let claims =
            || submissions.clone().flat_map(|s| s.claims.made().iter().map(|c| (&s.company, c)));
        view.read_pointers(engine, claims().map(|(company, claim)| pointer_key(company, claim)))
            .await?;
        let led_to = claims().flat_map(|(company, claim)| {
            let pointed = view.pointers.get(&pointer_key(company, claim));
            let pointed = pointed.and_then(|pointer| pointer.ok().flatten());
            let named = match claim.named {
                Named::Profile(id) => Some(id),
                Named::Holder(_) => None,
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
            let slot = match value.map(|value| record::decode_profile(id, &value)) {
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
        moment: Moment,
    ) -> Result<Outcome, StoreError> {
        let company = &submission.company;
        let claims = submission.claims.made().iter();
        let reached: Vec<Option<&Profile>> =
            claims.map(|claim| self.reach(company, claim)).collect::<Result<_, _>>()?;
        let Decision { outcome, profile, merges } = decide(submission, &reached, moment)?;
        if let Some(profile) = profile {
            self.move_identifiers(company, &profile, &merges);
            self.put(company, profile);
        }
        for merge in merges {
            self.bury(company, outcome.survivor, &merge);
        }
        let value = Some(record::encode_outcome(&outcome));
        self.records.push(Write { key: key::outcome(company, outcome.sequence), value });
        Ok(outcome)
    }

    /// The profile a claim leads to.
    fn reach(&self, company: &CompanyId, claim: &Claim) -> Result<Option<&Profile>, StoreError> {
        if let Named::Profile(id) = claim.named
            && let Some(profile) = self.profile(company, id)?
        {
            return Ok(Some(profile));
        }
        let id = match self.pointers.get(&pointer_key(company, claim)) {
            None | Some(Ok(None)) => return Ok(None),
            Some(&Ok(Some(id))) => id,
            Some(Err(error)) => {
                tracing::error!(%company, %error, "an identifier leads to what is no profile id");
                return Err(StoreError::Damaged);
            }
        };
        // A pointer that leads nowhere is damage: to take it for nobody would
        // create a second profile for one person.
        self.profile(company, id)?.map(Some).ok_or(StoreError::Damaged)
    }

    fn profile(&self, company: &CompanyId, id: ProfileId) -> Result<Option<&Profile>, StoreError> {
        match self.profiles.get(&key::profile(company, id)) {
            None | Some(Slot::Absent) => Ok(None),
            Some(Slot::Present(profile)) => Ok(Some(profile)),
            Some(Slot::Unreadable(error)) => {
                tracing::error!(%company, profile = %id, %error, "a profile's record cannot be read");
                Err(StoreError::Damaged)
            }
        }
    }

    /// Lets every identifier that moved lead to where it now belongs.
    fn move_identifiers(&mut self, company: &CompanyId, profile: &Profile, merges: &[Merge]) {
        let before = self.profile(company, profile.id).ok().flatten();
        if merges.is_empty() && before.is_some_and(|before| before.held == profile.held) {
            return;
        }
        let before = before.into_iter().chain(merges.iter().map(|merge| &merge.absorbed));
        let gone: Vec<Identifier> = before.flat_map(|profile| profile.held.identifiers()).collect();
        for identifier in gone {
            self.point(key::identifier(company, &identifier), None);
        }
        for identifier in profile.held.identifiers() {
            self.point(key::identifier(company, &identifier), Some(profile.id));
        }
    }

    fn put(&mut self, company: &CompanyId, profile: Profile) {
        let key = key::profile(company, profile.id);
        self.profiles.insert(key.clone(), Slot::Present(Box::new(profile)));
        self.changed_profiles.insert(key);
    }

    /// Makes an end of an absorbed profile: its id, and every id that led to it,
    /// leads to the survivor from now on.
    fn bury(&mut self, company: &CompanyId, survivor: Option<ProfileId>, merge: &Merge) {
        let absorbed = &merge.absorbed;
        for id in absorbed.absorbed.iter().chain([&absorbed.id]) {
            self.point(key::alias(company, *id), survivor);
        }
        let key = key::profile(company, absorbed.id);
        self.profiles.insert(key.clone(), Slot::Absent);
        self.changed_profiles.insert(key);
        let value = Some(record::encode_merge(merge));
        self.records.push(Write { key: key::merge(company, absorbed.id), value });
    }

    fn point(&mut self, key: Key, id: Option<ProfileId>) {
        self.pointers.insert(key.clone(), Ok(id));
        self.changed_pointers.insert(key);
    }

    /// All that changed, as one batch.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        let View { mut pointers, mut profiles, changed_pointers, changed_profiles, records } = self;
        let pointers = changed_pointers.into_iter().map(|key| {
            let id = pointers.remove(&key).and_then(|pointer| pointer.ok().flatten());
            let value = id.map(record::encode_id);
            Write { key, value }
        });
        let profiles = changed_profiles.into_iter().map(|key| {
            let value = profiles.remove(&key).and_then(encoded);
            Write { key, value }
        });
        pointers.chain(profiles).chain(records).collect()
    }
}

fn encoded(slot: Slot) -> Option<Value> {
    match slot {
        Slot::Present(profile) => Some(record::encode_profile(&profile)),
        Slot::Absent | Slot::Unreadable(_) => None,
    }
}

/// The key under which the profile that a claim leads to may be found.
fn pointer_key(company: &CompanyId, claim: &Claim) -> Key {
    match &claim.named {
        Named::Profile(id) => key::alias(company, *id),
        Named::Holder(identifier) => key::identifier(company, identifier),
    }
}
