//! Pruning: outcomes leave when there are too many or they are too old, and replaced values when
//! they are not kept any longer.
//!
//! Outcomes that are too old leave with the segment they were recorded in, when the segment's last
//! is too old. Of a segment that is beyond the number to keep, those outcomes stay that are among
//! the newest of a profile.
//!
//! Pruning goes round the companies in small steps, so that no batch waits for long.

use std::collections::{HashMap, HashSet};

use profile_protocol::{CompanyId, ProfileId};

use super::retention::Retention;
use crate::{
    Outcome, Timestamp,
    engine::{
        BatchId, CommitError, Durability, Engine, EngineError, Key, Order, Scan, Value, Write,
    },
    layout::{
        key::{self, KeyKind, ParsedKey},
        record::{self, OutcomeSegment},
    },
    limits,
    read::{history, outcomes::newest_outcome},
    sync::{AtomicU64, Ordering},
};

/// How many outcomes were removed since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct PrunedOutcomes {
    by_age: AtomicU64,
    by_count: AtomicU64,
}

impl PrunedOutcomes {
    pub(crate) fn by_age(&self) -> u64 {
        self.by_age.load(Ordering::Relaxed)
    }

    pub(crate) fn by_count(&self) -> u64 {
        self.by_count.load(Ordering::Relaxed)
    }
}

/// Why something of the company under way is removed. Each round looks for replaced values first
/// that are not kept any longer, and then for old outcomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reason {
    Replaced,
    Age,
    Count,
}

/// How far the search for outcomes beyond the count got in one company.
#[derive(Clone, Copy, Debug, Default)]
struct CompanySearch {
    /// Outcomes up to this number were looked at since the search began.
    reached: u64,
    /// The company's newest outcome when the search began.
    began: u64,
    /// Outcomes that the search has kept.
    kept: u64,
}

impl CompanySearch {
    /// The search to go on with: a new one if so many outcomes are new that kept ones may have
    /// become too many of their profile.
    fn next(self, newest: u64) -> CompanySearch {
        if self.kept.max(limits::PRUNE_AGAIN) <= newest.saturating_sub(self.began) {
            CompanySearch { began: newest, ..CompanySearch::default() }
        } else {
            self
        }
    }
}

/// What one segment becomes.
#[derive(Debug)]
struct Removal {
    segment: Key,
    writes: Vec<Write>,
    outcomes: u64,
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
    reason: Reason,
    /// The last segment of that company that was looked at.
    after: Option<Key>,
    /// Outcomes of that company that were removed in this round: by age, by count.
    removed: [u64; 2],
    searches: HashMap<CompanyId, CompanySearch>,
    /// The companies that are left out.
    excluded: HashSet<CompanyId>,
    /// The oldest outcome of a profile that stays, for the profiles that this step has looked at.
    oldest_kept: HashMap<ProfileId, u64>,
}

impl Pruner {
    pub(crate) fn new(retention: Retention, writer: u64) -> Pruner {
        Pruner {
            retention,
            next: BatchId { writer, number: 1 },
            company: None,
            finished: true,
            reason: Reason::Replaced,
            after: None,
            removed: [0; 2],
            searches: HashMap::new(),
            excluded: HashSet::new(),
            oldest_kept: HashMap::new(),
        }
    }

    /// Begins a new round, with the first company, and forgets which outcomes were looked at.
    pub(crate) fn restart(&mut self) {
        (self.company, self.finished) = (None, true);
        self.searches.clear();
    }

    /// Leaves a company out, of which not all data are there, and forgets what is known of it.
    pub(crate) fn exclude(&mut self, company: &CompanyId) {
        self.excluded.insert(company.clone());
        self.searches.remove(company);
        // Another company is next.
        self.finished |= self.company.as_ref() == Some(company);
    }

    /// Looks after a company again.
    pub(crate) fn include(&mut self, company: &CompanyId) {
        self.excluded.remove(company);
    }

    /// The next company that is not left out.
    async fn next_included(&self, engine: &dyn Engine) -> Result<Option<CompanyId>, EngineError> {
        let mut next = next_company(engine, self.company.as_ref()).await?;
        while next.as_ref().is_some_and(|company| self.excluded.contains(company)) {
            next = next_company(engine, next.as_ref()).await?;
        }
        Ok(next)
    }

    /// Looks at outcome segments of one company, oldest first, and removes those that have
    /// expired: `page` of them, or a few more. Without a time, none is too old. Returns whether the
    /// round goes on.
    pub(crate) async fn step(
        &mut self,
        engine: &dyn Engine,
        now: Option<Timestamp>,
        page: usize,
        pruned: &PrunedOutcomes,
    ) -> Result<bool, EngineError> {
        if self.finished {
            self.company = self.next_included(engine).await?;
            (self.reason, self.after, self.removed) = (Reason::Replaced, None, [0; 2]);
        }
        self.oldest_kept.clear();
        let Some(company) = self.company.clone() else {
            self.finished = true;
            return Ok(false);
        };
        self.finished = false;
        match (self.reason, now) {
            (Reason::Replaced, Some(now)) => self.step_replaced(engine, &company, now, page).await,
            (Reason::Age, Some(now)) => self.step_by_age(engine, &company, now, page, pruned).await,
            (Reason::Replaced | Reason::Age, None) => {
                self.reason = Reason::Count;
                Ok(())
            }
            (Reason::Count, _) => self.step_by_count(engine, &company, page, pruned).await,
        }
        .inspect_err(|_| self.finished = true)?;
        Ok(true)
    }

    /// Removes replaced values from the oldest on, up to those that are still kept.
    async fn step_replaced(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        now: Timestamp,
        page: usize,
    ) -> Result<(), EngineError> {
        let prefix = key::prefix(company, KeyKind::KeptValues);
        let order = Order::Ascending;
        let entries = engine.scan(Scan { prefix, after: None, order, limit: page }).await?;
        // An unreadable record is for an audit to find, not for pruning to hide.
        let is_over =
            |value: &Value| record::decode_kept_values(value).is_ok_and(|kept| kept.until <= now);
        let over = entries.iter().take_while(|(_, value)| is_over(value));
        let removal = |(key, _): &(Key, Value)| Removal {
            segment: key.clone(),
            writes: vec![removed(key)],
            outcomes: 0,
        };
        let removals: Vec<Removal> = over.map(removal).collect();
        if removals.len() < page {
            self.reason = Reason::Age;
        }
        self.remove(engine, company, removals).await.map(|_| ())
    }

    async fn step_by_age(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        now: Timestamp,
        page: usize,
        pruned: &PrunedOutcomes,
    ) -> Result<(), EngineError> {
        let newest = newest_outcome(engine, company).await?.sequence;
        let (mut removals, mut looked_at) = (Vec::new(), 0);
        while looked_at < page && self.reason == Reason::Age {
            let entries = segments(engine, company, self.after.clone()).await?;
            // One that stays, because it is damaged or from a clock that was ahead, keeps none of
            // those read with it.
            let before = removals.len();
            removals.extend(entries.iter().filter_map(|entry| self.too_old(entry, newest, now)));
            looked_at += entries.len();
            let ends = entries.len() < limits::SEGMENTS_PRUNED;
            self.after = entries.into_iter().next_back().map(|(key, _)| key).or(self.after.take());
            let last: Option<&Removal> = removals.get(before..).and_then(<[Removal]>::last);
            if ends || last.map(|removal| &removal.segment) != self.after.as_ref() {
                (self.reason, self.after) = (Reason::Count, None);
            }
        }
        let removed = self.remove(engine, company, removals).await?;
        pruned.by_age.fetch_add(removed, Ordering::Relaxed);
        self.removed[0] += removed;
        Ok(())
    }

    /// The removal of a whole segment whose last outcome is too old.
    fn too_old(&self, (key, value): &(Key, Value), newest: u64, now: Timestamp) -> Option<Removal> {
        let last = last_of(key).filter(|last| *last < newest)?;
        let last_outcome = record::decode_outcome_in_segment(last, value, last).ok().flatten()?;
        if !self.retention.is_too_old(last_outcome.at, now) {
            return None;
        }
        // An unreadable segment is for an audit to find, not for pruning to hide.
        let outcomes = record::decode_segment(last, value).ok()?.len() as u64;
        Some(Removal { segment: key.clone(), writes: vec![removed(key)], outcomes })
    }

    async fn step_by_count(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        page: usize,
        pruned: &PrunedOutcomes,
    ) -> Result<(), EngineError> {
        let newest = newest_outcome(engine, company).await?.sequence;
        let end = self.retention.beyond_count(newest);
        let mut search = self.searches.get(company).copied().unwrap_or_default().next(newest);
        let (mut removals, mut looked_at, mut done) = (Vec::new(), 0, false);
        while looked_at < page && !done {
            let after = Some(key::outcomes(company, search.reached));
            let entries = segments(engine, company, after).await?;
            done = entries.len() < limits::SEGMENTS_PRUNED;
            for (key, value) in &entries {
                let Some(last) = last_of(key).filter(|last| *last <= end) else {
                    done = true;
                    break;
                };
                search.reached = last;
                looked_at += 1;
                // An unreadable segment is for an audit to find, not for pruning to hide.
                let Ok(outcomes) = record::decode_segment(last, value) else { continue };
                let (kept, reads) = self.kept(engine, company, &outcomes).await?;
                looked_at += reads / limits::PRUNE_READS;
                search.kept += kept.len() as u64;
                removals.extend(shortened(company, key, &outcomes, &kept));
            }
        }
        let removed = self.remove(engine, company, removals).await?;
        pruned.by_count.fetch_add(removed, Ordering::Relaxed);
        self.removed[1] += removed;
        self.searches.insert(company.clone(), search);
        if done {
            self.finished = true;
            self.report(company);
        }
        Ok(())
    }

    fn report(&self, company: &CompanyId) {
        let [by_age, by_count] = self.removed;
        if self.removed != [0; 2] {
            tracing::info!(%company, by_age, by_count, "removed outcomes");
        }
    }

    /// Those of these outcomes that are among the newest of a profile, and how many outcomes were
    /// read to find that out.
    async fn kept<'o>(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        outcomes: &'o [Outcome],
    ) -> Result<(Vec<&'o Outcome>, usize), EngineError> {
        let (mut kept, mut reads) = (Vec::new(), 0);
        if self.retention.per_profile == 0 {
            return Ok((kept, reads));
        }
        let newest = self.newest(engine, company, outcomes).await?;
        reads += newest.len();
        for outcome in outcomes {
            let sequence = outcome.sequence;
            let ids = outcome.concerned();
            let mut stays = ids.iter().any(|id| newest.get(id) == Some(&Some(sequence)));
            for id in ids {
                if stays {
                    break;
                }
                let (oldest, read) = self.oldest_kept(engine, company, id, sequence).await?;
                reads += read;
                stays = oldest <= sequence;
            }
            if stays {
                kept.push(outcome);
            }
        }
        Ok((kept, reads))
    }

    /// The newest outcomes of the profiles that these outcomes concern. Most profiles have few
    /// outcomes: this finds in one read for all of them that an outcome is the newest.
    async fn newest(
        &self,
        engine: &dyn Engine,
        company: &CompanyId,
        outcomes: &[Outcome],
    ) -> Result<HashMap<ProfileId, Option<u64>>, EngineError> {
        let ids: HashSet<ProfileId> = outcomes.iter().flat_map(Outcome::concerned).collect();
        let is_open = |id: &ProfileId| !self.oldest_kept.contains_key(id);
        let ids: Vec<ProfileId> = ids.into_iter().filter(is_open).collect();
        let newest = history::newest_of_each(engine, company, &ids).await?;
        Ok(ids.into_iter().zip(newest).collect())
    }

    /// The oldest outcome of a profile that stays, if it is not older than `down_to`, and how many
    /// outcomes were read to find it. Outcomes are looked at oldest first, so older ones are not
    /// asked for.
    async fn oldest_kept(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        id: ProfileId,
        down_to: u64,
    ) -> Result<(u64, usize), EngineError> {
        if let Some(oldest) = self.oldest_kept.get(&id) {
            return Ok((*oldest, 0));
        }
        let count = self.retention.per_profile;
        let (oldest, reads) = history::oldest_kept(engine, company, id, count, down_to).await?;
        if limits::PRUNE_PROFILES <= self.oldest_kept.len() {
            self.oldest_kept.clear();
        }
        self.oldest_kept.insert(id, oldest);
        Ok((oldest, reads))
    }

    /// Removes outcomes, and returns how many. No caller was promised that they are gone, so this
    /// waits for no disk.
    async fn remove(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
        mut removals: Vec<Removal>,
    ) -> Result<u64, EngineError> {
        if removals.is_empty() {
            return Ok(0);
        }
        let mut session = engine.begin(key::place_of(company, engine.places())).await?;
        // A segment that was removed meanwhile stays removed.
        let keys = removals.iter().map(|removal| removal.segment.clone()).collect();
        let mut present = session.read(keys).await?.into_iter().map(|value| value.is_some());
        removals.retain(|_| present.next() == Some(true));
        let outcomes = removals.iter().map(|removal| removal.outcomes).sum();
        let writes = removals.into_iter().flat_map(|removal| removal.writes).collect();
        let id = self.next;
        self.next.number += 1;
        session.commit(id, writes, Durability::Relaxed).await.map_err(CommitError::into_cause)?;
        Ok(outcomes)
    }
}

/// The next segments of a company.
async fn segments(
    engine: &dyn Engine,
    company: &CompanyId,
    after: Option<Key>,
) -> Result<Vec<(Key, Value)>, EngineError> {
    let prefix = key::prefix(company, KeyKind::Outcomes);
    let (order, limit) = (Order::Ascending, limits::SEGMENTS_PRUNED);
    engine.scan(Scan { prefix, after, order, limit }).await
}

fn last_of(key: &Key) -> Option<u64> {
    let Some(ParsedKey::Outcomes(_, last)) = key::parse(key) else { return None };
    Some(last)
}

fn removed(key: &Key) -> Write {
    Write { key: key.clone(), value: None }
}

/// What a segment becomes of which only some outcomes are kept: a segment for each run of
/// consecutive numbers.
fn shortened(
    company: &CompanyId,
    segment: &Key,
    all: &[Outcome],
    kept: &[&Outcome],
) -> Option<Removal> {
    let outcomes = (all.len() - kept.len()) as u64;
    if outcomes == 0 {
        return None;
    }
    let mut parts: Vec<OutcomeSegment> = Vec::new();
    let mut open: Option<OutcomeSegment> = None;
    for outcome in kept {
        match &mut open {
            Some(part) => parts.extend(part.add(outcome)),
            None => open = Some(OutcomeSegment::from_outcome(outcome)),
        }
    }
    parts.extend(open);
    let part = |part: OutcomeSegment| Write {
        key: key::outcomes(company, part.last()),
        value: Some(part.into_record()),
    };
    let mut writes: Vec<Write> = parts.into_iter().map(part).collect();
    if writes.last().is_none_or(|last| last.key != *segment) {
        writes.push(removed(segment));
    }
    Some(Removal { segment: segment.clone(), writes, outcomes })
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

    #[test]
    fn a_search_begins_again_when_as_many_outcomes_are_new_as_it_kept() {
        let search = CompanySearch { reached: 7, began: 10_000, kept: 5_000 };
        assert_eq!(search.next(14_999).reached, 7);
        assert_eq!(search.next(15_000).reached, 0);
        let few = CompanySearch { kept: 1, ..search };
        assert_eq!(few.next(10_000 + limits::PRUNE_AGAIN - 1).reached, 7);
        assert_eq!(few.next(10_000 + limits::PRUNE_AGAIN).reached, 0);
    }
}
