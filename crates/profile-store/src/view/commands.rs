//! What the company itself does to whole profiles, as changes to a view.

use super::View;
use crate::{MergeProfiles, Moment, Named, Outcome, StoreError, join::join};

impl View {
    /// Merges two profiles that the view was loaded with.
    pub(crate) fn join(
        &mut self,
        asked: &MergeProfiles,
        moment: Moment,
    ) -> Result<Outcome, StoreError> {
        let living = |id| {
            let found = self.reach(&asked.company, &Named::Profile(id))?;
            found.ok_or(StoreError::UnknownProfile)
        };
        let decision = join(asked, living(asked.destination)?, living(asked.source)?, moment)?;
        Ok(self.carry_out(&asked.company, decision))
    }
}
