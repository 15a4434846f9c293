//! Histories: what happened to one person, newest first.
//!
//! An outcome names the newest earlier outcomes about its survivor and about each profile that the
//! survivor absorbed. A history is read by following these numbers, so no index of it is kept.

use std::collections::BinaryHeap;

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    ClaimResult, Outcome, Profile,
    engine::{Engine, EngineError},
    read::outcomes,
    read::unflushed::Unflushed,
};

/// A page of a person's history.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// Outcomes, newest first.
    pub outcomes: Vec<Outcome>,
    /// Where the next page begins, unless this is the last. Pruned outcomes are omitted.
    pub next: Option<HistoryCursor>,
}

/// Where a page of a person's history begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HistoryCursor {
    /// The numbers of the outcomes that the next page begins with, greatest first: at most one for
    /// each profile that was merged into this one, and one for the profile itself.
    pub sequences: Vec<u64>,
}

pub(crate) async fn read(
    engine: &dyn Engine,
    unflushed: &Unflushed,
    company: &CompanyId,
    of: &Profile,
    from: HistoryCursor,
    limit: usize,
) -> Result<History, EngineError> {
    let mut ahead = BinaryHeap::from(from.sequences);
    let mut outcomes = Vec::new();
    while outcomes.len() < limit {
        let Some(sequence) = ahead.pop() else { break };
        // Two profiles with a common earlier outcome both name it.
        if ahead.peek() == Some(&sequence) {
            continue;
        }
        if let Some(outcome) = outcomes::outcome(engine, company, sequence).await? {
            ahead.extend(earlier(&outcome, of).filter(|earlier| *earlier < sequence));
            if !unflushed.holds(company, sequence) {
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

/// The earlier outcomes that this one names, as far as they concern the profile. An outcome about
/// several profiles may name some that belong to another person since a merge was undone.
fn earlier<'o>(outcome: &'o Outcome, of: &'o Profile) -> impl Iterator<Item = u64> + 'o {
    let mut parts: Vec<ProfileId> = outcome.survivor.into_iter().collect();
    for claim in &outcome.claims {
        if let ClaimResult::Absorbed(id) | ClaimResult::Restored(id) = claim.result
            && !parts.contains(&id)
        {
            parts.push(id);
        }
    }
    let names_each_profile = parts.len() == outcome.previous.len();
    let theirs = move |place: usize| {
        let part = parts.get(place);
        !names_each_profile || part.is_some_and(|id| *id == of.id || of.absorbed.contains(id))
    };
    let places = outcome.previous.iter().copied().enumerate();
    places.filter(move |(place, _)| theirs(*place)).map(|(_, sequence)| sequence)
}
