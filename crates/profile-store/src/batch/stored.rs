//! What a batch has read, with its own changes over it.
//!
//! Requests of a batch are decided in order, and each sees what those before it changed.

mod push_tokens;

use std::collections::BTreeMap;

use ahash::{HashMap, HashSet};
use profile_protocol::{CompanyId, IdentifierKind, ProfileId};

use super::slot::{ReadProfile, Slot};
use crate::{
    Identifier, IdentifierLoss, InvalidRecord, Merge, Outcome, Profile, ProfileIdentifiers,
    ProfileRef, StoreError, StoredProfile, StoredPushToken, Timestamp,
    engine::{Key, Value, Write},
    layout::{
        index, key,
        profile_record::{LargeRecord, ProfileRecord, change_keys},
        record::{self, NewestOutcome, OutcomeSegment, Pointer, ProfileTail},
    },
    limits,
};

/// What was stored of a profile before the batch changed it.
#[derive(Debug)]
struct Before {
    company: CompanyId,
    id: ProfileId,
    /// Its keys in the sort orders.
    entries: Vec<Key>,
}

/// A profile of which nothing changed but its newest outcome.
#[derive(Debug)]
struct Relinked {
    company: CompanyId,
    id: ProfileId,
    /// The newest outcome in its record.
    recorded: Option<u64>,
}

/// Whether identifiers that a profile loses go on leading an erasure to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LostIdentifiers {
    /// They do, with the request by which it lost them.
    Remembered(IdentifierLoss),
    /// Only clients have named them, and the company undoes that.
    Forgotten,
}

/// The data of a batch.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Identifiers and aliases, and the profiles that they lead to.
    pointers: HashMap<Key, Result<Option<Pointer>, InvalidRecord>>,
    profiles: HashMap<Key, Slot>,
    /// Push tokens as they were read or changed.
    push_tokens: BTreeMap<Key, Option<Result<StoredPushToken, InvalidRecord>>>,
    changed_push_tokens: HashSet<Key>,
    /// Profiles that have a key of their own for their newest outcome.
    linked: HashSet<Key>,
    /// The records of large profiles as they were read.
    large: HashMap<Key, LargeRecord>,
    /// Profiles that are written whole, so that nothing is left of what they lost.
    rewritten: HashSet<Key>,
    newest: HashMap<CompanyId, Result<NewestOutcome, InvalidRecord>>,
    /// The number of each company's first new outcome.
    first_new: HashMap<CompanyId, u64>,
    changed_pointers: HashSet<Key>,
    /// The keys of former identifiers that are added or removed.
    former: HashMap<Key, Option<Value>>,
    changed_profiles: HashMap<Key, Before>,
    /// Profiles whose newest outcome did not change them.
    relinked: HashMap<Key, Relinked>,
    /// The newest outcomes of each company.
    segments: HashMap<CompanyId, OutcomeSegment>,
    /// How many segments of outcomes are full, beside those.
    full_segments: usize,
    /// Records that no request of the batch reads.
    records: Vec<Write>,
}

impl Stored {
    pub(super) fn has_pointer(&self, key: &Key) -> bool {
        self.pointers.contains_key(key)
    }

    pub(super) fn insert_pointer(&mut self, key: Key, value: Option<Value>) {
        let pointer = value.map(|value| record::decode_pointer(&value)).transpose();
        self.pointers.insert(key, pointer);
    }

    pub(super) fn insert_newest(&mut self, company: CompanyId, value: Option<Value>) {
        let newest = value.map(|value| record::decode_newest_outcome(&value)).transpose();
        self.newest.insert(company, newest.map(Option::unwrap_or_default));
    }

    /// Notes that a profile has a key of its own for its newest outcome.
    pub(super) fn note_tail(&mut self, key: Key) {
        self.linked.insert(key);
    }

    pub(super) fn insert_absent(&mut self, key: Key) {
        self.profiles.insert(key, Slot::Absent);
    }

    /// Takes in a profile's record with all its changes, read for a request.
    pub(super) fn insert_profile(
        &mut self,
        key: Key,
        (id, request): (ProfileId, usize),
        record: Result<ProfileRecord, InvalidRecord>,
    ) {
        let large = record.as_ref().ok().and_then(ProfileRecord::if_large);
        self.large.extend(large.map(|large| (key.clone(), large)));
        let slot = match record {
            Ok(record) => Slot::Read(ReadProfile::new(id, record, request)),
            Err(error) => Slot::Unreadable(error),
        };
        self.profiles.insert(key, slot);
    }

    /// The profiles whose attributes decided nothing: the requests that they were read for, and
    /// their bytes.
    pub(super) fn unneeded(&self) -> impl Iterator<Item = (usize, usize)> {
        self.profiles.values().filter_map(Slot::unneeded)
    }

    /// What an identifier or alias leads to, as far as that can be read.
    pub(super) fn target(&self, key: &Key) -> Option<ProfileId> {
        self.readable_pointer(key).and_then(Pointer::held)
    }

    /// The profile that lost an identifier last, as far as that can be read.
    pub(super) fn former_holder(&self, key: &Key) -> Option<ProfileId> {
        self.readable_pointer(key).and_then(Pointer::former)
    }

    fn readable_pointer(&self, key: &Key) -> Option<Pointer> {
        self.pointers.get(key).copied().and_then(Result::ok).flatten()
    }

    /// The profile that this leads to.
    pub(super) fn reach(
        &self,
        company: &CompanyId,
        target: &ProfileRef,
    ) -> Result<Option<&StoredProfile>, StoreError> {
        if let ProfileRef::Id(id) = target
            && let Some(profile) = self.profile(company, *id)?
        {
            return Ok(Some(profile));
        }
        let Some(id) = self.pointer(company, &pointer_key(company, target))? else {
            return Ok(None);
        };
        // A dangling pointer is damage: to take it for no profile would create a second profile
        // for one person.
        self.profile(company, id)?.map(Some).ok_or(StoreError::Damaged)
    }

    /// The id of the profile that this leads to.
    pub(super) fn reach_id(
        &self,
        company: &CompanyId,
        target: &ProfileRef,
    ) -> Result<Option<ProfileId>, StoreError> {
        if let ProfileRef::Id(id) = target
            && self.profiles.get(&key::profile(company, *id)).is_some_and(Slot::exists)
        {
            return Ok(Some(*id));
        }
        self.pointer(company, &pointer_key(company, target))
    }

    /// A profile, of which attributes may be missing.
    pub(super) fn head(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<&StoredProfile>, StoreError> {
        self.decoded(company, id, Slot::head)
    }

    /// What an identifier or alias leads to.
    pub(super) fn pointer(
        &self,
        company: &CompanyId,
        key: &Key,
    ) -> Result<Option<ProfileId>, StoreError> {
        match self.pointers.get(key) {
            None => Ok(None),
            Some(&Ok(pointer)) => Ok(pointer.and_then(Pointer::held)),
            Some(Err(error)) => {
                tracing::error!(%company, %error, "the value of an identifier is no profile id");
                Err(StoreError::Damaged)
            }
        }
    }

    pub(super) fn profile(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<&StoredProfile>, StoreError> {
        self.decoded(company, id, Slot::profile)
    }

    fn decoded<'s>(
        &'s self,
        company: &CompanyId,
        id: ProfileId,
        decode: impl FnOnce(&'s Slot) -> Result<Option<&'s StoredProfile>, InvalidRecord>,
    ) -> Result<Option<&'s StoredProfile>, StoreError> {
        let slot = self.profiles.get(&key::profile(company, id));
        slot.map_or(Ok(None), decode).map_err(|error| {
            tracing::error!(%company, profile = %id, %error, "a profile's record is damaged");
            StoreError::Damaged
        })
    }

    /// The profile that this leads to, as far as it can be read.
    pub(super) fn readable(
        &self,
        company: &CompanyId,
        target: &ProfileRef,
    ) -> Option<&StoredProfile> {
        self.reach(company, target).ok().flatten()
    }

    /// The company's newest outcome.
    pub(super) fn newest(&self, company: &CompanyId) -> Result<NewestOutcome, StoreError> {
        match self.newest.get(company) {
            None => Ok(NewestOutcome::default()),
            Some(&Ok(newest)) => Ok(newest),
            Some(Err(error)) => {
                tracing::error!(%company, %error, "the number of the newest outcome is damaged");
                Err(StoreError::Damaged)
            }
        }
    }

    /// Whether the batch has an outcome of the company already.
    pub(super) fn has_new_outcome(&self, company: &CompanyId) -> bool {
        self.first_new.contains_key(company)
    }

    /// Notes when the exchange tokens of the whole company were revoked. It is written with the
    /// outcome.
    pub(super) fn revoke_tokens(&mut self, company: &CompanyId, at: Timestamp) {
        let newest = self.newest.entry(company.clone());
        let newest = newest.or_insert_with(|| Ok(NewestOutcome::default()));
        if let Ok(newest) = newest {
            newest.tokens_revoked = newest.tokens_revoked.max(Some(at));
        }
    }

    /// Rewrites the identifiers of these profiles after a change that made them what they are.
    /// Those of the profiles `gone` no longer lead anywhere else. An identifier that no profile
    /// holds any more leads an erasure to the one that lost it.
    pub(super) fn move_identifiers<'p>(
        &mut self,
        company: &CompanyId,
        gone: impl IntoIterator<Item = &'p Profile>,
        after: &mut [&mut StoredProfile],
        lost: LostIdentifiers,
    ) {
        let key = |identifier: &Identifier| key::identifier(company, identifier);
        let mut left: BTreeMap<Key, (ProfileId, Identifier)> = BTreeMap::new();
        let mut counts: HashMap<ProfileId, u32> = HashMap::default();
        for profile in gone {
            counts.insert(profile.id, profile.former_identifiers);
            let identifiers = profile.identifiers.iter();
            left.extend(identifiers.map(|held| (key(&held), (profile.id, held))));
        }
        let mut arrived = Vec::new();
        for profile in after.iter() {
            let (id, identifiers) = (profile.id, &profile.identifiers);
            let before = self.profile(company, id).ok().flatten();
            let before = before.map(|before| &before.identifiers);
            if before == Some(identifiers) && left.is_empty() {
                continue;
            }
            let held: BTreeMap<Key, (ProfileId, Identifier)> = before
                .into_iter()
                .flat_map(ProfileIdentifiers::iter)
                .map(|held| (key(&held), (id, held)))
                .collect();
            // Those that stay lead here, unless their entries are damaged.
            let leads_here = |key: &Key| {
                let here = Ok(Some(Pointer::Held(id)));
                held.contains_key(key) && self.pointers.get(key).is_none_or(|to| *to == here)
            };
            let keys = identifiers.iter().map(|one| (key(&one), id, one));
            arrived.extend(keys.filter(|(key, ..)| !leads_here(key)));
            left.extend(held);
        }
        for profile in after.iter() {
            counts.insert(profile.id, profile.former_identifiers);
            for held in profile.identifiers.iter() {
                left.remove(&key(&held));
            }
        }
        for (key, (id, identifier)) in left {
            self.lose(company, (key, id, &identifier), lost, counts.entry(id).or_default());
        }
        for (key, id, identifier) in arrived {
            if let Some(former) = self.former_holder(&key) {
                let former_key = key::former_identifier(company, former, &identifier);
                self.former.insert(former_key, None);
                let count = counts.get_mut(&former);
                count.into_iter().for_each(|count| *count = count.saturating_sub(1));
            }
            self.point(key, Some(id));
        }
        for profile in after.iter_mut() {
            profile.former_identifiers = counts.remove(&profile.id).unwrap_or_default();
        }
    }

    /// Takes an identifier that no profile holds any more away from this one, which has lost
    /// `count` that lead an erasure to it.
    fn lose(
        &mut self,
        company: &CompanyId,
        (key, id, identifier): (Key, ProfileId, &Identifier),
        lost: LostIdentifiers,
        count: &mut u32,
    ) {
        match lost {
            LostIdentifiers::Remembered(request)
                if identifier.kind() != IdentifierKind::AnonymousId
                    && *count < limits::FORMER_IDENTIFIERS =>
            {
                *count += 1;
                let former = key::former_identifier(company, id, identifier);
                self.former.insert(former, Some(record::encode_identifier_loss(&request)));
                self.lead_erasures(key, id);
            }
            LostIdentifiers::Remembered(_) | LostIdentifiers::Forgotten => self.point(key, None),
        }
    }

    /// Lets an identifier that no profile holds any more lead an erasure to this one.
    fn lead_erasures(&mut self, key: Key, id: ProfileId) {
        self.pointers.insert(key.clone(), Ok(Some(Pointer::Former(id))));
        self.changed_pointers.insert(key);
    }

    /// Lets identifiers that came from `restored`, and that the profile which it was merged into
    /// has lost, lead an erasure to it.
    pub(super) fn return_lost(
        &mut self,
        company: &CompanyId,
        identifiers: impl Iterator<Item = Identifier>,
        [survivor, restored]: [&mut StoredProfile; 2],
        lost: LostIdentifiers,
    ) {
        for identifier in identifiers {
            let key = key::identifier(company, &identifier);
            let Some(former) = self.former_holder(&key) else { continue };
            if former == survivor.id {
                survivor.former_identifiers = survivor.former_identifiers.saturating_sub(1);
            } else if !survivor.absorbed.contains(&former) {
                continue;
            }
            self.forget(company, former, &identifier);
            let count = &mut restored.former_identifiers;
            self.lose(company, (key, restored.id, &identifier), lost, count);
        }
    }

    /// Removes an identifier that this profile has lost, so that it leads to no profile.
    pub(super) fn forget(&mut self, company: &CompanyId, id: ProfileId, identifier: &Identifier) {
        let key = key::identifier(company, identifier);
        // One that leads elsewhere is damage, and belongs to that profile.
        if self.former_holder(&key) == Some(id) {
            self.point(key, None);
        }
        self.former.insert(key::former_identifier(company, id, identifier), None);
    }

    /// Makes an identifier or alias lead to this profile, or removes it.
    pub(super) fn point(&mut self, key: Key, id: Option<ProfileId>) {
        self.pointers.insert(key.clone(), Ok(id.map(Pointer::Held)));
        self.changed_pointers.insert(key);
    }

    pub(super) fn put(&mut self, company: &CompanyId, profile: StoredProfile) {
        let key = key::profile(company, profile.id);
        if let Some(before) = self.profiles.get_mut(&key).and_then(Slot::profile_mut)
            && before.equals_but_for_outcome(&profile)
        {
            let recorded = std::mem::replace(&mut before.last_outcome, profile.last_outcome);
            let relinked = || Relinked { company: company.clone(), id: profile.id, recorded };
            self.relinked.entry(key).or_insert_with(relinked);
        } else {
            self.change(company, profile.id, Slot::Present(Box::new(profile)));
        }
    }

    /// The same, but what the profile loses is not left in its record.
    pub(super) fn put_whole(&mut self, company: &CompanyId, profile: StoredProfile) {
        self.rewritten.insert(key::profile(company, profile.id));
        self.put(company, profile);
    }

    pub(super) fn remove(&mut self, company: &CompanyId, id: ProfileId) {
        self.change(company, id, Slot::Absent);
    }

    /// Changes a profile, and remembers its sort keys if this is its first change.
    fn change(&mut self, company: &CompanyId, id: ProfileId, slot: Slot) {
        let key = key::profile(company, id);
        let before = self.profiles.insert(key.clone(), slot);
        self.relinked.remove(&key);
        self.changed_profiles.entry(key).or_insert_with(|| Before {
            company: company.clone(),
            id,
            entries: before.map(|slot| entries(company, &slot)).unwrap_or_default(),
        });
    }

    /// Keeps the record of a merge. The absorbed profile's id, and every id that led to it, lead
    /// to the survivor from now on.
    pub(super) fn entomb(
        &mut self,
        company: &CompanyId,
        survivor: Option<ProfileId>,
        merge: &Merge,
    ) {
        let absorbed = &merge.absorbed;
        for id in absorbed.absorbed.iter().chain([&absorbed.id]) {
            self.point(key::alias(company, *id), survivor);
        }
        self.remove(company, absorbed.id);
        self.keep_merge(company, merge);
    }

    pub(super) fn keep_merge(&mut self, company: &CompanyId, merge: &Merge) {
        let value = Some(record::encode_merge(merge));
        self.write(key::merge(company, merge.absorbed.id), value);
    }

    /// Writes a record that no request of the batch reads.
    pub(super) fn write(&mut self, key: Key, value: Option<Value>) {
        self.records.push(Write { key, value });
    }

    /// Adds an outcome, whose number follows that of the company's newest.
    pub(super) fn record_outcome(&mut self, company: &CompanyId, outcome: &Outcome) {
        let (sequence, at) = (outcome.sequence, outcome.at);
        if let Some(Ok(newest)) = self.newest.get_mut(company) {
            *newest = NewestOutcome { sequence, at, ..*newest };
        } else {
            // Its number follows from the newest outcome, so there was none.
            let newest = NewestOutcome { sequence, at, tokens_revoked: None };
            self.newest.insert(company.clone(), Ok(newest));
        }
        let full = if let Some(segment) = self.segments.get_mut(company) {
            segment.add(outcome)
        } else {
            self.first_new.insert(company.clone(), outcome.sequence);
            self.segments.insert(company.clone(), OutcomeSegment::from_outcome(outcome));
            None
        };
        self.full_segments += usize::from(full.is_some());
        self.records.extend(full.map(|segment| kept(company, segment)));
    }

    /// How many segments of outcomes will be written.
    pub(super) fn new_segments(&self) -> usize {
        self.segments.len() + self.full_segments
    }

    /// The number of the first new outcome of each company that has one.
    pub(super) fn new_outcomes(&self) -> impl Iterator<Item = (&CompanyId, u64)> {
        self.first_new.iter().map(|(company, first)| (company, *first))
    }

    /// All that changed, as one batch.
    pub(super) fn into_writes(mut self) -> Vec<Write> {
        let mut writes = std::mem::take(&mut self.records);
        for (company, segment) in std::mem::take(&mut self.segments) {
            if let Some(Ok(newest)) = self.newest.get(&company) {
                let value = Some(record::encode_newest_outcome(*newest));
                writes.push(Write { key: key::newest_outcome(&company), value });
            }
            writes.push(kept(&company, segment));
        }
        for key in std::mem::take(&mut self.changed_pointers) {
            let value = self.readable_pointer(&key).map(record::encode_pointer);
            writes.push(Write { key, value });
        }
        let former = std::mem::take(&mut self.former).into_iter();
        writes.extend(former.map(|(key, value)| Write { key, value }));
        self.write_push_tokens(&mut writes);
        self.write_profiles(&mut writes);
        writes
    }

    fn write_profiles(mut self, writes: &mut Vec<Write>) {
        for (key, Relinked { company, id, recorded }) in self.relinked {
            if let Some(profile) = self.profiles.get_mut(&key).and_then(Slot::profile_mut) {
                // What is recorded stays as it was when the profile was changed last.
                let newest = std::mem::replace(&mut profile.last_outcome, recorded);
                let changes = self.large.get(&key).map_or(0, LargeRecord::changes);
                let tail = newest.map(|newest| ProfileTail { newest, changes });
                let value = tail.map(record::encode_profile_tail);
                writes.push(Write { key: key::profile_outcome(&company, id), value });
                self.linked.remove(&key);
            }
        }
        for (key, Before { company, id, entries: before }) in self.changed_profiles {
            let slot = self.profiles.remove(&key).unwrap_or(Slot::Absent);
            writes.extend(index::moves(before, entries(&company, &slot)));
            let large = self.large.remove(&key);
            if !self.rewritten.contains(&key)
                && let (Some(large), Ok(Some(after))) = (&large, slot.profile())
                && let Some(change) = large.change(&company, after)
            {
                writes.extend(change);
                continue;
            }
            let changes = large.as_ref().map_or(0, LargeRecord::changes);
            let mut gone = change_keys(&company, id, changes);
            gone.extend(self.linked.contains(&key).then(|| key::profile_outcome(&company, id)));
            writes.extend(gone.into_iter().map(|key| Write { key, value: None }));
            writes.push(Write { key, value: encoded(&slot) });
        }
    }
}

fn kept(company: &CompanyId, segment: OutcomeSegment) -> Write {
    Write { key: key::outcomes(company, segment.last()), value: Some(segment.into_record()) }
}

/// The keys of a profile in the sort orders.
fn entries(company: &CompanyId, slot: &Slot) -> Vec<Key> {
    match slot.profile() {
        Ok(Some(profile)) => index::entries(company, profile),
        Ok(None) | Err(_) => Vec::new(),
    }
}

fn encoded(slot: &Slot) -> Option<Value> {
    match slot.profile() {
        Ok(Some(profile)) => Some(record::encode_stored_profile(profile)),
        Ok(None) | Err(_) => None,
    }
}

/// The key under which the profile that this leads to may be found.
pub(super) fn pointer_key(company: &CompanyId, target: &ProfileRef) -> Key {
    match target {
        ProfileRef::Id(id) => key::alias(company, *id),
        ProfileRef::Identifier(identifier) => key::identifier(company, identifier),
    }
}
