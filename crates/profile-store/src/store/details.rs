//! What is stored about one person beyond the profile itself.

use profile_protocol::{CompanyId, ProfileId};

use super::Store;
use crate::{
    HistoryCursor, Identifier, Profile, Timestamp,
    engine::{EngineError, Order, Scan},
    layout::{
        key::{self, ParsedKey},
        record,
    },
    limits,
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
            let merge = record::decode_merge(*absorbed, &value)?;
            merges.push(MergeSummary {
                absorbed: *absorbed,
                survivor: merge.survivor.id,
                at: merge.at,
                sequence: merge.sequence,
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
    ) -> Result<Vec<Identifier>, EngineError> {
        let mut former = Vec::new();
        for id in std::iter::once(&of.id).chain(&of.absorbed) {
            let scan = Scan {
                prefix: key::former_identifiers(company, *id),
                after: None,
                order: Order::Ascending,
                limit: limits::DELETION_SCAN,
            };
            for (key, _) in self.shared.engine.scan(scan).await? {
                if let Some(ParsedKey::FormerIdentifier(_, _, identifier)) = key::parse(&key) {
                    former.push(identifier);
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
                    // There is none of a merge that was undone.
                    if let Some(merge) = self.value(&key::merge(company, absorbed)).await? {
                        sought.feed_absorbed(&record::decode_merge(absorbed, &merge)?.absorbed);
                    }
                }
            }
            let Some(next) = page.next else { break };
            from = next;
        }
        Ok(sought.into_values())
    }
}
