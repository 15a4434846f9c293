//! Pruning: outcomes leave when there are too many or they are too old, each with the segment it
//! was recorded in, when that segment's last does.
//!
//! It goes round the companies in small steps, so that no batch waits for long.

use profile_protocol::CompanyId;

use crate::{
    Outcome, Timestamp,
    engine::{
        BatchId, CommitError, Durability, Engine, EngineError, Key, Order, Scan, Value, Write,
    },
    layout::{
        key::{self, KeyKind, ParsedKey},
        record,
    },
    limits,
    read::outcomes::newest_outcome,
};

/// How long outcomes are kept, at least: those recorded together leave together.
/// The newest of a company always stay: their numbers are how the next one is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// Days an outcome is kept.
    pub days: u64,
    /// Outcomes kept of one company.
    pub count: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { days: limits::OUTCOME_DAYS, count: limits::OUTCOMES }
    }
}

impl Retention {
    fn expires(self, sequence: u64, newest: u64, at: Timestamp, now: Timestamp) -> bool {
        const DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;
        let age = now.millis().saturating_sub(at.millis());
        sequence < newest
            && (self.count <= newest - sequence || self.days.saturating_mul(DAY_MILLIS) < age)
    }
}

/// How far pruning got.
#[derive(Debug)]
pub(crate) struct Pruner {
    retention: Retention,
    /// The next batch of removals.
    next: BatchId,
    /// The company being pruned, or, if `finished`, the last that was.
    company: Option<CompanyId>,
    finished: bool,
    /// The last segment of that company that was looked at.
    after: Option<Key>,
}

impl Pruner {
    pub(crate) fn new(retention: Retention, writer: u64) -> Pruner {
        let next = BatchId { writer, number: 1 };
        Pruner { retention, next, company: None, finished: true, after: None }
    }

    /// Begins a new round, with the first company.
    pub(crate) fn restart(&mut self) {
        (self.company, self.finished, self.after) = (None, true, None);
    }

    /// Looks at outcome segments of one company, oldest first, and removes those that have
    /// expired: `page` of them, or a few more. Returns whether the round goes on.
    pub(crate) async fn step(
        &mut self,
        engine: &dyn Engine,
        now: Timestamp,
        page: usize,
    ) -> Result<bool, EngineError> {
        if self.finished {
            self.company = next_company(engine, self.company.as_ref()).await?;
            self.after = None;
        }
        let Some(company) = self.company.clone() else { return Ok(false) };
        let removals = self.expired(engine, &company, now, page).await?;
        if !removals.is_empty() {
            self.remove(engine, &company, removals).await?;
        }
        Ok(true)
    }

    /// The removal of the next expired segments of this company.
    async fn expired(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        now: Timestamp,
        page: usize,
    ) -> Result<Vec<Write>, EngineError> {
        let newest = newest_outcome(engine, company).await?.sequence;
        let (mut removals, mut looked_at) = (Vec::new(), 0);
        while looked_at < page {
            let (order, limit) = (Order::Ascending, limits::SEGMENTS_PRUNED);
            let prefix = key::prefix(company, KeyKind::Outcomes);
            let after = self.after.clone();
            let entries = engine.scan(Scan { prefix, after, order, limit }).await?;
            // One that stays, because it is damaged or from a clock that was ahead, keeps none of
            // those read with it.
            let expired = |entry: &&(Key, Value)| self.has_expired(entry, newest, now);
            let removal = |(key, _): &(Key, Value)| Write { key: key.clone(), value: None };
            removals.extend(entries.iter().filter(expired).map(removal));
            let read = entries.len();
            looked_at += read;
            self.after = entries.into_iter().next_back().map(|(key, _)| key);
            let last_expired = removals.last().map(|write| &write.key) == self.after.as_ref();
            self.finished = read < limit || !last_expired;
            if self.finished {
                break;
            }
        }
        Ok(removals)
    }

    /// Removes segments. No caller was promised that they are gone, so this waits for no disk.
    async fn remove(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        removals: Vec<Write>,
    ) -> Result<(), EngineError> {
        let session = engine.begin(key::place_of(company, engine.places())).await?;
        let id = self.next;
        self.next.number += 1;
        session.commit(id, removals, Durability::Relaxed).await.map_err(|error| match error {
            CommitError::Failed(error) | CommitError::InDoubt(error) => error,
        })
    }

    fn has_expired(&self, (key, value): &(Key, Value), newest: u64, now: Timestamp) -> bool {
        let Some(ParsedKey::Outcomes(_, last)) = key::parse(key) else { return false };
        let newest_of_segment = record::decode_outcome_in_segment(last, value, last).ok().flatten();
        let expires = |outcome: Outcome| self.retention.expires(last, newest, outcome.at, now);
        // An unreadable segment is for an audit to find, not for pruning to hide.
        newest_of_segment.is_some_and(expires) && record::decode_segment(last, value).is_ok()
    }
}

/// The first company after this one that has anything stored; `None` after the last, so that the
/// round is over.
pub(crate) async fn next_company(
    engine: &dyn Engine,
    company: Option<&CompanyId>,
) -> Result<Option<CompanyId>, EngineError> {
    let after = company.map_or_else(|| key::BEFORE_COMPANIES.to_vec(), key::past);
    let scan = Scan { prefix: Vec::new(), after: Some(after), order: Order::Ascending, limit: 1 };
    let first = engine.scan(scan).await?;
    Ok(first.first().and_then(|(key, _)| key::company_of(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1_000;

    fn expires(sequence: u64, age_millis: u64) -> bool {
        let now = Timestamp::from_millis(1_000 * DAY);
        let at = Timestamp::from_millis(1_000 * DAY - age_millis);
        Retention { days: 7, count: 100 }.expires(sequence, 500, at, now)
    }

    #[test]
    fn a_record_leaves_when_too_many_follow_it() {
        assert!(expires(400, 0));
        assert!(!expires(401, 0));
    }

    #[test]
    fn a_record_leaves_when_it_is_too_old() {
        assert!(!expires(499, 7 * DAY));
        assert!(expires(499, 7 * DAY + 1));
    }

    #[test]
    fn the_newest_record_stays() {
        assert!(!expires(500, 900 * DAY));
    }
}
