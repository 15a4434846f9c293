//! What a company does to whole profiles, and the records of bulk imports.

use profile_protocol::CompanyId;

use super::{Batch, keys_leading_to, undecided};
use crate::{
    DecisionContext, Delete, ImportJob, MergeProfiles, Outcome, ProfileRef, Rejected,
    RevocationScope, RevokeTokens, StoreError,
    decide::{
        deletion::deleted,
        detachment::{Detach, detach},
        manual_merge::merge_manually,
        push_tokens::holders,
        token_revocation::{revoke_for_profile, revoked_for_company},
    },
    layout::{
        key::{self, ParsedKey},
        record,
    },
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

    /// Deletes a profile, all that leads to it, and the records of all that was merged into it.
    /// `None` if no profile is led to.
    pub(crate) fn delete(
        &mut self,
        asked: &Delete,
        context: DecisionContext,
    ) -> Result<Option<Outcome>, StoreError> {
        let company = &asked.company;
        let Some(profile) = self.stored.reach(company, &asked.target)?.cloned() else {
            return Ok(None);
        };
        for key in keys_leading_to(company, &profile) {
            // A key that leads to another profile is damage, and belongs to that profile.
            if self.stored.pointer(company, &key)? == Some(profile.id) {
                self.stored.point(key, None);
            }
        }
        for id in &profile.absorbed {
            self.stored.write(key::merge(company, *id), None);
        }
        self.stored.remove_push_tokens(company, &holders(&profile));
        self.stored.remove(company, profile.id);
        let outcome = deleted(asked, &profile, context);
        self.stored.record_outcome(company, &outcome);
        Ok(Some(outcome))
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
        let (profile, outcome) = detach(asked, found, context);
        self.stored.move_identifiers(company, [], [(profile.id, &profile.identifiers)]);
        self.stored.put_whole(company, profile);
        self.stored.record_outcome(company, &outcome);
        Ok(outcome)
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

    /// Keeps the record of a bulk import. The oldest leave if that makes too many.
    pub(crate) fn keep_import(&mut self, company: &CompanyId, job: ImportJob) {
        let ImportJob { head, body } = job;
        let added = usize::from(!self.import_exists);
        let excess = (self.imports.len() + added).saturating_sub(limits::IMPORTS);
        for key in self.imports.drain(..excess.min(self.imports.len())) {
            if let Some(ParsedKey::Import(company, id)) = key::parse(&key) {
                self.stored.write(key::import_body(&company, id), None);
            }
            self.stored.write(key, None);
        }
        let value = record::encode_import(&head);
        self.stored.write(key::import(company, head.id), Some(value));
        let value = record::encode_import_body(&body.bounded());
        self.stored.write(key::import_body(company, head.id), Some(value));
    }
}
