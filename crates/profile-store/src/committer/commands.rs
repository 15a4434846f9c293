//! What the company itself does to whole profiles, one command at a time.

use super::{Committer, unreadable};
use crate::{MergeProfiles, Named, Outcome, StoreError, view::View};

impl Committer {
    pub(super) async fn merge(&mut self, asked: &MergeProfiles) -> Result<Outcome, StoreError> {
        self.require_health()?;
        let company = &asked.company;
        let named = [asked.destination, asked.source].map(Named::Profile);
        let named = named.iter().map(|named| (company, named));
        let view = View::load_named(self.engine.as_ref(), named).await;
        let mut view = view.map_err(unreadable)?;
        let moment = self.moment(company).await?;
        let outcome = view.join(asked, moment)?;
        self.sequences.insert(company.clone(), moment.sequence);
        self.write(view.into_writes()).await?;
        Ok(outcome)
    }
}
