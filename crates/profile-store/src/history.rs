//! Histories: what happened to one person, newest first.
//!
//! An outcome names the newest earlier outcomes about its survivor and about every
//! profile it absorbed, so a person's history is read by following these, and costs
//! nothing to keep.

use std::collections::BinaryHeap;

use profile_protocol::CompanyId;

use crate::{
    Outcome,
    engine::{Engine, EngineError},
    key,
    pending::Pending,
    record,
};

/// A page of a person's history.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// Outcomes, newest first.
    pub outcomes: Vec<Outcome>,
    /// Where the next page begins; nothing if this is the last. What was pruned is
    /// not there.
    pub next: Option<HistoryCursor>,
}

/// Where a page of a person's history begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HistoryCursor {
    /// The numbers of the outcomes still to be followed, greatest first. A person
    /// has one for each profile they turned out to be, at most.
    pub sequences: Vec<u64>,
}

pub(crate) async fn read(
    engine: &dyn Engine,
    pending: &Pending,
    company: &CompanyId,
    from: HistoryCursor,
    limit: usize,
) -> Result<History, EngineError> {
    let mut ahead = BinaryHeap::from(from.sequences);
    let mut outcomes = Vec::new();
    while outcomes.len() < limit {
        let Some(sequence) = ahead.pop() else { break };
        // Two profiles that shared a past name it twice.
        if ahead.peek() == Some(&sequence) {
            continue;
        }
        let values = engine.read(&[key::outcome(company, sequence)]).await?;
        if let Some(value) = values.into_iter().next().flatten() {
            let outcome = record::decode_outcome(sequence, &value);
            let outcome = outcome.map_err(|error| EngineError::Damaged(error.to_string()))?;
            ahead.extend(outcome.previous.iter().copied().filter(|earlier| *earlier < sequence));
            if !pending.holds(company, sequence) {
                outcomes.push(outcome);
            }
        }
    }
    let mut sequences = ahead.into_sorted_vec();
    sequences.reverse();
    sequences.dedup();
    let next = (!sequences.is_empty()).then_some(HistoryCursor { sequences });
    Ok(History { outcomes, next })
}
