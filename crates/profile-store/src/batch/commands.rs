//! What the company itself does to whole profiles, as changes to a view.

use std::iter;

use profile_protocol::CompanyId;

use super::{Batch, Slot, undecided};
use crate::{
    DecisionContext, Delete, MergeProfiles, Outcome, ProfileRef, Rejected, StoreError,
    StoredProfile,
    decide::deletion::deleted,
    decide::manual_merge::merge_manually,
    engine::{Engine, EngineError, Key, Write},
    layout::key,
};

impl Batch {
    /// Merges two profiles that the view was loaded with.
    pub(crate) fn join(
        &mut self,
        asked: &MergeProfiles,
        context: DecisionContext,
    ) -> Result<Outcome, StoreError> {
        let living = |id| {
            let found = self.reach(&asked.company, &ProfileRef::Id(id))?;
            found.ok_or(StoreError::from(Rejected::UnknownProfile))
        };
        let (destination, source) = (living(asked.destination)?, living(asked.source)?);
        let decision = merge_manually(asked, destination, source, context)
            .map_err(|error| undecided(&asked.company, error))?;
        Ok(self.carry_out(&asked.company, decision))
    }

    /// Reads all that deleting this person takes: whom that is, and where all that
    /// they claim leads to.
    pub(crate) async fn load_whom(
        engine: &dyn Engine,
        asked: &Delete,
    ) -> Result<Batch, EngineError> {
        let company = &asked.company;
        let mut view = Batch::load_named(engine, iter::once((company, &asked.target))).await?;
        let present = view.profiles.values().filter_map(|slot| match slot {
            Slot::Present(profile) => Some(profile),
            Slot::Absent | Slot::Unreadable(_) => None,
        });
        let keys: Vec<Key> = present.flat_map(|profile| leading_to(company, profile)).collect();
        view.read_pointers(engine, keys.into_iter()).await?;
        Ok(view)
    }

    /// Deletes a person whom [`Batch::load_whom`] read, with the records of all that
    /// was merged into them.
    pub(crate) fn delete(
        &mut self,
        asked: &Delete,
        context: DecisionContext,
    ) -> Result<Option<Outcome>, StoreError> {
        let company = &asked.company;
        let Some(profile) = self.reach(company, &asked.target)?.cloned() else { return Ok(None) };
        for key in leading_to(company, &profile) {
            // What leads to somebody else is damage, and theirs.
            if self.pointer(company, &key)? == Some(profile.id) {
                self.point(key, None);
            }
        }
        for id in &profile.absorbed {
            self.records.push(Write { key: key::merge(company, *id), value: None });
        }
        self.change(company, key::profile(company, profile.id), Slot::Absent);
        let outcome = deleted(asked, &profile, context);
        self.record_outcome(company, &outcome);
        Ok(Some(outcome))
    }
}

/// The keys of all that leads to a profile by its own word.
fn leading_to(company: &CompanyId, profile: &StoredProfile) -> Vec<Key> {
    let identifiers = profile.identifiers.iter();
    let identifiers = identifiers.map(|identifier| key::identifier(company, &identifier));
    identifiers.chain(profile.absorbed.iter().map(|id| key::alias(company, *id))).collect()
}
