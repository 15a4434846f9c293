//! How many profiles a company has, counted step by step.

use profile_protocol::{CompanyId, ProfileId};

use super::Store;
use crate::{
    engine::{EngineError, Order, Scan},
    layout::key::{self, KeyKind, ParsedKey},
    limits,
};

/// A count that has not come to its end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProfileCountSoFar {
    /// The profiles counted.
    pub profiles: u64,
    /// The last of them, in the order of ids. `None` before the first step, and after the last.
    pub after: Option<ProfileId>,
}

impl Store {
    /// One step of a count: it reads at most [`limits::COUNT_STEP`] profiles. Each profile that is
    /// there from the first step to the last is counted once, however often it changes, because
    /// ids never change.
    pub async fn count_profiles(
        &self,
        company: &CompanyId,
        so_far: ProfileCountSoFar,
    ) -> Result<ProfileCountSoFar, EngineError> {
        let scan = Scan {
            prefix: key::prefix(company, KeyKind::Profile),
            after: so_far.after.map(|id| key::profile(company, id)),
            order: Order::Ascending,
            limit: limits::COUNT_STEP,
        };
        let entries = self.shared.engine.scan(scan).await?;
        let is_last = entries.len() < limits::COUNT_STEP;
        let last = entries.last().and_then(|(key, _)| match key::parse(key) {
            Some(ParsedKey::Profile(_, id)) => Some(id),
            _ => None,
        });
        let profiles = so_far.profiles + entries.len() as u64;
        Ok(ProfileCountSoFar { profiles, after: last.filter(|_| !is_last) })
    }
}
