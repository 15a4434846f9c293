//! Checks of outcomes, and of the keys of the newest ones.

use profile_protocol::{CompanyId, ProfileId};

use super::StoreChecker;
use crate::{
    Outcome,
    engine::{EngineError, Value},
    layout::{
        key,
        profile_record::is_large,
        record::{self, NewestOutcome, ProfileTail},
    },
};

impl StoreChecker<'_> {
    /// Reads the number of a company's newest outcome.
    pub(super) fn newest_outcome(&mut self, company: &CompanyId, value: &Value) {
        match record::decode_newest_outcome(value) {
            Ok(newest) => {
                if Some(newest.at) < newest.tokens_revoked {
                    let fault = "its tokens were revoked after its newest outcome".to_owned();
                    self.breach(Some(company), None, fault);
                }
                self.promised = Some((company.clone(), newest));
            }
            Err(error) => {
                let fault = format!("the number of its newest outcome is damaged: {error}");
                self.breach(Some(company), None, fault);
            }
        }
    }

    /// Checks that the key of a profile's newest outcome is newer than the profile's record.
    pub(super) async fn profile_outcome(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        value: &Value,
    ) -> Result<(), EngineError> {
        let name = "the number of its newest outcome";
        let target = self.target(company, name, &record::encode_id(id)).await?;
        let fault = match (record::decode_profile_tail(value), target) {
            (Err(error), _) => format!("{name} is damaged: {error}"),
            (Ok(ProfileTail { newest, changes: 0 }), Some(profile))
                if Some(newest) <= profile.last_outcome =>
            {
                format!("{name} is not newer than its record")
            }
            (Ok(tail), _) if self.promised_of(company).sequence < tail.newest => {
                "names an outcome that never was".to_owned()
            }
            (Ok(tail), _) => return self.has_changes(company, id, tail).await,
        };
        self.breach(Some(company), Some(id), fault);
        Ok(())
    }

    /// Checks that a record that is said to have changes is large enough.
    async fn has_changes(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        tail: ProfileTail,
    ) -> Result<(), EngineError> {
        let record = self.engine.read(vec![key::profile(company, id)]).await?;
        let is_small = record.into_iter().flatten().any(|record| !is_large(&record));
        if is_small && tail.changes != 0 {
            let fault = "its record is too small to have changes".to_owned();
            self.breach(Some(company), Some(id), fault);
        }
        Ok(())
    }

    /// What the company's key of the newest outcome says; zeros without that key.
    pub(super) fn promised_of(&self, company: &CompanyId) -> NewestOutcome {
        let promised = self.promised.as_ref().filter(|(of, _)| of == company);
        promised.map_or_else(NewestOutcome::default, |(_, newest)| *newest)
    }

    /// The number of the newest outcome of this company, or 0 if there is none.
    pub(super) fn newest_of(&self, company: &CompanyId) -> u64 {
        self.newest.as_ref().filter(|(of, _)| of == company).map_or(0, |(_, newest)| *newest)
    }

    pub(super) fn outcomes(&mut self, company: &CompanyId, last: u64, value: &Value) {
        let newest = self.newest_of(company);
        match record::decode_segment(last, value) {
            Ok(outcomes) => {
                self.audit.outcomes += outcomes.len() as u64;
                if outcomes.first().is_some_and(|first| first.sequence <= newest) {
                    let fault = format!("the outcomes up to {last} overlap those up to {newest}");
                    self.breach(Some(company), None, fault);
                }
                for outcome in &outcomes {
                    self.previous_outcomes(company, outcome);
                }
            }
            Err(error) => {
                let fault = format!("the outcomes up to {last} are damaged: {error}");
                self.breach(Some(company), None, fault);
            }
        }
        // The key of the newest outcome came with layout 6.
        if self.layout.has_newest_outcome(company) && self.promised_of(company).sequence < last {
            let fault = format!("the outcome {last} is newer than its newest outcome");
            self.breach(Some(company), None, fault);
        }
        self.newest = Some((company.clone(), last));
    }

    /// Checks that a history only leads back.
    fn previous_outcomes(&mut self, company: &CompanyId, outcome: &Outcome) {
        let number = outcome.sequence;
        if let Some(later) = outcome.previous.iter().find(|previous| number <= **previous) {
            let fault = format!("the outcome {number} names the outcome {later} as an earlier one");
            self.breach(Some(company), outcome.survivor, fault);
        }
    }
}
