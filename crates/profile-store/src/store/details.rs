//! What is stored about one person beyond the profile itself.

use profile_protocol::CompanyId;

use super::Store;
use crate::{
    HistoryCursor, Identifier, Profile,
    engine::{EngineError, Order, Scan},
    layout::{
        key::{self, ParsedKey},
        record,
    },
    limits,
    read::writers::{SoughtWriters, ValueSource},
};

impl Store {
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
