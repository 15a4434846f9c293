//! What a company does to whole profiles, and the records of bulk imports.

use profile_protocol::{ChangedAttribute, CompanyId, ProfileId};

use super::{Batch, erasure::kept_row, stored::LostIdentifiers, undecided};
use crate::{
    DecisionContext, ImportJob, MergeProfiles, Outcome, ProfileRef, Rejected, RevocationScope,
    RevokeTokens, StoreError,
    decide::{
        detachment::{Detach, detach},
        manual_merge::merge_manually,
        replaced::kept_by,
        restoration::{Restoration, Restored, restore},
        token_revocation::{revoke_for_profile, revoked_for_company},
    },
    engine::{Order, Scan},
    layout::{key, record},
    limits,
};

impl Batch {
    /// Merges two profiles on demand.
    pub(crate) fn merge(
        &mut self,
        asked: &MergeProfiles,
        context: DecisionContext,
    ) -> Result<Outcome, StoreError> {
        let profile = |id| {
            let found = self.stored.reach(&asked.company, &ProfileRef::Id(id))?;
            found.ok_or(StoreError::from(Rejected::UnknownProfile))
        };
        let (destination, source) = (profile(asked.destination)?, profile(asked.source)?);
        let decision = merge_manually(asked, destination, source, context)
            .map_err(|error| undecided(&asked.company, error))?;
        Ok(self.carry_out(&asked.company, decision))
    }

    /// Removes identifiers that clients attached.
    pub(crate) fn detach(
        &mut self,
        asked: &Detach,
        context: DecisionContext,
    ) -> Result<Outcome, StoreError> {
        let company = &asked.company;
        let found = self.stored.reach(company, &ProfileRef::Id(asked.profile))?.cloned();
        let found = found.filter(|profile| profile.id == asked.profile);
        let found = found.ok_or(StoreError::from(Rejected::UnknownProfile))?;
        let (mut profile, outcome) = detach(asked, found, context);
        let forgotten = LostIdentifiers::Forgotten;
        self.stored.move_identifiers(company, [], &mut [&mut profile], forgotten);
        self.stored.put_whole(company, profile);
        self.stored.record_outcome(company, &outcome);
        Ok(outcome)
    }

    /// Gives attributes the values back that a sender replaced. Returns their
    /// names.
    pub(crate) fn restore(
        &mut self,
        asked: &Restoration,
        context: DecisionContext,
    ) -> Result<Vec<ChangedAttribute>, StoreError> {
        let company = &asked.company;
        let found = self.stored.reach(company, &asked.profile)?.cloned();
        let found = found.ok_or(StoreError::from(Rejected::UnknownProfile))?;
        let before = kept_by(&found.replaced);
        let Restored { profile, names, outcome } = restore(asked, found, &self.kept, context)
            .map_err(|error| undecided(company, error.into()))?;
        for sequence in before.difference(&kept_by(&profile.replaced)) {
            self.stored.write(key::kept_values(company, *sequence), None);
        }
        self.stored.put_whole(company, profile);
        self.stored.record_outcome(company, &outcome);
        Ok(names)
    }

    /// Revokes exchange tokens.
    pub(crate) fn revoke_tokens(
        &mut self,
        asked: &RevokeTokens,
        context: DecisionContext,
    ) -> Result<Outcome, StoreError> {
        let RevokeTokens { company, scope, .. } = asked;
        let outcome = match scope {
            RevocationScope::Company => {
                self.stored.revoke_tokens(company, context.now);
                revoked_for_company(asked, context)
            }
            RevocationScope::Profile(id) => {
                let found = self.stored.reach(company, &ProfileRef::Id(*id))?.cloned();
                let found = found.ok_or(StoreError::from(Rejected::UnknownProfile))?;
                let (profile, outcome) = revoke_for_profile(asked, found, context);
                self.stored.put(company, profile);
                outcome
            }
        };
        self.stored.record_outcome(company, &outcome);
        Ok(outcome)
    }

    /// Asks for the failed rows of the imports that leave, and for those of this import if it is
    /// kept already.
    pub(super) fn ask_for_outdated_rows(&mut self, company: &CompanyId, id: ProfileId) {
        let own = self.import_exists.then_some(id);
        let outdated: Vec<ProfileId> = self.leaving_imports().into_iter().chain(own).collect();
        self.scans.extend(outdated.into_iter().map(|import| Scan {
            prefix: key::import_rows(company, import),
            after: None,
            order: Order::Ascending,
            limit: limits::IMPORT_ROWS,
        }));
    }

    /// The oldest imports, if one more makes too many.
    fn leaving_imports(&self) -> Vec<ProfileId> {
        let added = usize::from(!self.import_exists);
        let excess = (self.imports.len() + added).saturating_sub(limits::IMPORTS);
        self.imports.iter().copied().take(excess).collect()
    }

    /// Keeps the record of a bulk import. The oldest leave if that makes too many.
    pub(crate) fn keep_import(&mut self, company: &CompanyId, job: ImportJob) {
        let ImportJob { head, body, rows } = job;
        self.remove_import_rows(company);
        for id in self.leaving_imports() {
            self.stored.write(key::import_body(company, id), None);
            self.stored.write(key::import(company, id), None);
        }
        let value = record::encode_import(&head);
        self.stored.write(key::import(company, head.id), Some(value));
        let value = record::encode_import_body(&body.bounded());
        self.stored.write(key::import_body(company, head.id), Some(value));
        let fitting = rows.iter().filter(|row| row.fits()).take(limits::IMPORT_ROWS);
        for row in fitting {
            kept_row(company, head.id, row).into_iter().for_each(|write| {
                self.stored.write(write.key, write.value);
            });
        }
    }
}
