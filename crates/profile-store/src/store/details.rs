//! What is stored about one person beyond the profile itself.

use profile_protocol::{CompanyId, ProfileId};

use super::Store;
use crate::{
    Caller, HistoryCursor, LostIdentifier, Merge, Profile, Timestamp,
    engine::{EngineError, Order, Scan},
    layout::{
        key::{self, ParsedKey},
        record,
    },
    limits,
    read::outcomes,
    read::writers::{SoughtWriters, ValueSource},
};

/// A merge, without what undoing it requires.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MergeSummary {
    /// The profile that was merged into another one.
    pub absorbed: ProfileId,
    /// The profile that it was merged into.
    pub survivor: ProfileId,
    /// The time of the merge.
    pub at: Timestamp,
    /// The number of the outcome that reports the merge.
    pub sequence: u64,
    /// The sender of the request that led to it. `None` if the outcome is not kept any more.
    pub by: Option<Caller>,
}

impl Store {
    /// The merges that made a profile and were not undone, in the order of their outcomes: at most
    /// as many as profiles can be merged into one.
    pub async fn merges(
        &self,
        company: &CompanyId,
        of: &Profile,
    ) -> Result<Vec<MergeSummary>, EngineError> {
        let mut merges = Vec::with_capacity(of.absorbed.len());
        for absorbed in &of.absorbed {
            let Some(value) = self.value(&key::merge(company, *absorbed)).await? else { continue };
            let Merge { sequence, at, survivor, .. } = record::decode_merge(*absorbed, &value)?;
            let outcome = outcomes::outcome(self.shared.engine.as_ref(), company, sequence).await?;
            let by_client = of.client_merges.contains(absorbed).then_some(Caller::Client);
            merges.push(MergeSummary {
                absorbed: *absorbed,
                survivor: survivor.id,
                at,
                sequence,
                by: outcome.map(|outcome| outcome.caller).or(by_client),
            });
        }
        merges.sort_by_key(|merge| (merge.sequence, merge.absorbed));
        Ok(merges)
    }

    /// The identifiers that a profile, or one that was merged into it, has lost, and by which a
    /// deletion still finds it.
    pub async fn former_identifiers(
        &self,
        company: &CompanyId,
        of: &Profile,
    ) -> Result<Vec<LostIdentifier>, EngineError> {
        let mut former = Vec::new();
        for id in std::iter::once(&of.id).chain(&of.absorbed) {
            let scan = Scan {
                prefix: key::former_identifiers(company, *id),
                after: None,
                order: Order::Ascending,
                limit: limits::DELETION_SCAN,
            };
            for (key, value) in self.shared.engine.scan(scan).await? {
                if let Some(ParsedKey::FormerIdentifier(_, _, identifier)) = key::parse(&key) {
                    let loss = record::decode_identifier_loss(&value)?;
                    former.push(LostIdentifier { identifier, loss });
                }
            }
        }
        Ok(former)
    }

    /// Who wrote each value of a profile, and when, as far as the newest
    /// [`limits::WRITERS_OUTCOMES`] outcomes of its history tell.
    pub async fn writers(
        &self,
        company: &CompanyId,
        of: &Profile,
    ) -> Result<Vec<ValueSource>, EngineError> {
        let mut sought = SoughtWriters::of(of);
        let mut from = HistoryCursor { sequences: of.last_outcome.into_iter().collect() };
        let mut read = 0;
        while !sought.are_complete() && read < limits::WRITERS_OUTCOMES {
            let page = self.history_from(company, of, from, limits::HISTORY_PAGE).await?;
            read += limits::HISTORY_PAGE;
            for outcome in &page.outcomes {
                for absorbed in sought.feed(outcome) {
                    let merge = self.value(&key::merge(company, absorbed)).await?;
                    let merge = merge.map(|merge| record::decode_merge(absorbed, &merge));
                    sought.feed_absorbed(merge.transpose()?.map(|merge| merge.absorbed), outcome);
                }
                sought.feed_appended(outcome);
            }
            let Some(next) = page.next else { break };
            from = next;
        }
        Ok(sought.into_values())
    }
}
