//! Undoing a merge, with all that was read for it in one step.

use profile_protocol::{CompanyId, IdentifierKind, ProfileId};

use super::{Asked, Batch, identifier_keys, stored::LostIdentifiers, undecided};
use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, DecisionContext, Effect, Identifier,
    IdentifierLoss, Merge, Outcome, Profile, ProfileRef, SingleKinds, StoreError, StoredProfile,
    Undo, Unmerged,
    decide::{
        empty_outcome::{empty_outcome, list_bounded},
        replaced::kept_by,
        unmerge::{Unmerge, unmerge},
    },
    layout::key,
};

impl Batch {
    /// Asks for where the identifiers of both profiles lead now, and for the records of all other
    /// merges into the profile that the absorbed one led to. There are no more of them than were
    /// merged into it.
    pub(super) fn ask_for_undo(&mut self, company: &CompanyId, absorbed: ProfileId) {
        let Some(Ok(merge)) = self.merges.get(&absorbed) else { return };
        let both = [&merge.survivor.identifiers, &merge.absorbed.identifiers];
        let pointers = identifier_keys(company, both);
        let survivor = self.stored.readable(company, &ProfileRef::Id(absorbed));
        let others = survivor.into_iter().flat_map(|profile| profile.absorbed.iter().copied());
        let others: Vec<ProfileId> = others.filter(|id| *id != absorbed).collect();
        self.ask_for_pointers(pointers);
        for id in others {
            self.ask(Asked::Merge(id), key::merge(company, id));
        }
    }

    /// Asks for where the single identifiers of all profiles in these merges lead now: each may
    /// have given way to one of the absorbed profile.
    pub(super) fn ask_for_returning(&mut self, company: &CompanyId) {
        let merges = self.merges.values().filter_map(|merge| merge.as_ref().ok());
        let profiles = merges.flat_map(|merge| [&merge.survivor, &merge.absorbed]);
        let identifiers = profiles.flat_map(|profile| {
            SingleKinds::ALL.into_iter().filter_map(|kind| profile.identifiers.single(kind))
        });
        let keys = identifiers.map(|identifier| key::identifier(company, &identifier)).collect();
        self.ask_for_pointers(keys);
    }

    /// Undoes a merge.
    pub(crate) fn undo(
        &mut self,
        asked: &Undo,
        context: DecisionContext,
    ) -> Result<Unmerged, StoreError> {
        let Undo { company, absorbed, settings, revision, request_ids } = asked;
        let merge = self.merge_of(company, *absorbed)?.ok_or(StoreError::NotMerged)?;
        let later = self.later_merges(company, &merge)?;
        let survivor = self.stored.reach(company, &ProfileRef::Id(*absorbed))?;
        let survivor = survivor.ok_or(StoreError::Damaged)?.clone();
        let noted_before = kept_by(&survivor.replaced);
        let survivor = survivor.decode().map_err(|error| undecided(company, error.into()))?;
        // An identifier whose value is no id counts as free, and is pointed anew.
        let owner =
            |identifier: &Identifier| self.stored.target(&key::identifier(company, identifier));
        let Unmerge { mut survivor, mut restored, later, mut changed, kept, lost } =
            unmerge(&merge, later, survivor, owner, settings, context.now);
        let previous = [survivor.last_outcome, restored.last_outcome];
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
            previous: previous.into_iter().flatten().collect(),
            request_ids: request_ids.clone(),
            ..empty_outcome(context, Caller::Server, *revision, Effect::Unmerged)
        };
        let noted = [&survivor, &restored].map(|profile| kept_by(&profile.replaced));
        for sequence in
            noted_before.iter().filter(|one| !noted.iter().any(|two| two.contains(*one)))
        {
            self.stored.write(key::kept_values(company, *sequence), None);
        }
        self.split(company, &outcome, &merge, [&mut survivor, &mut restored]);
        later.iter().for_each(|merge| self.stored.keep_merge(company, merge));
        self.stored.record_outcome(company, &outcome);
        Ok(Unmerged { outcome, survivor, restored, kept, lost })
    }

    fn merge_of(
        &self,
        company: &CompanyId,
        absorbed: ProfileId,
    ) -> Result<Option<Merge>, StoreError> {
        match self.merges.get(&absorbed) {
            None => Ok(None),
            Some(Ok(merge)) => Ok(Some(merge.clone())),
            Some(Err(error)) => {
                tracing::error!(%company, profile = %absorbed, %error, "a merge record is damaged");
                Err(StoreError::Damaged)
            }
        }
    }

    /// The later merges, in order, in which the result of this one took part.
    fn later_merges(&self, company: &CompanyId, first: &Merge) -> Result<Vec<Merge>, StoreError> {
        let order = |merge: &Merge| (merge.sequence, merge.position);
        let mut later = Vec::new();
        for id in self.merges.keys().filter(|id| **id != first.absorbed.id) {
            let merge = self.merge_of(company, *id)?;
            later.extend(merge.filter(|merge| order(first) < order(merge)));
        }
        later.sort_by_key(order);
        // The profile that the result of the merge belongs to.
        let mut holder = first.survivor.id;
        later.retain(|merge| {
            let is_absorbed = merge.absorbed.id == holder;
            if is_absorbed {
                holder = merge.survivor.id;
            }
            is_absorbed || merge.survivor.id == holder
        });
        Ok(later)
    }

    /// Lets a restored profile exist beside the one it had been merged into.
    fn split(
        &mut self,
        company: &CompanyId,
        outcome: &Outcome,
        merge: &Merge,
        [survivor, restored]: [&mut Profile; 2],
    ) {
        let mut both = [&*survivor, &*restored].map(|one| StoredProfile::from(one.clone()));
        let [first, second] = &mut both;
        let remembered = LostIdentifiers::Remembered(IdentifierLoss::by_outcome(outcome));
        self.stored.move_identifiers(company, [], &mut [first, second], remembered);
        let came = merge.absorbed.identifiers.iter();
        self.stored.return_lost(company, came, [first, second], remembered);
        let [first, second] = &both;
        survivor.former_identifiers = first.former_identifiers;
        restored.former_identifiers = second.former_identifiers;
        self.stored.point(key::alias(company, restored.id), None);
        for id in &restored.absorbed {
            self.stored.point(key::alias(company, *id), Some(restored.id));
        }
        self.stored.write(key::merge(company, restored.id), None);
        // The restored profile may be deleted, and then nothing of it may be left in the survivor.
        both.into_iter().for_each(|profile| self.stored.put_whole(company, profile));
    }
}
