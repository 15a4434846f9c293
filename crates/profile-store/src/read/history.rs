//! Histories: what happened to one person, newest first.
//!
//! An outcome names the newest earlier outcomes about its survivor and about every
//! profile it absorbed, so a person's history is read by following these, and costs
//! nothing to keep.

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
        // Two profiles that shared a past name it twice.
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

/// The earlier outcomes that this one names, as far as they are about this person.
/// Where it is about several profiles, some of them may be somebody else's by now,
/// because a merge was undone.
fn earlier<'o>(outcome: &'o Outcome, of: &'o Profile) -> impl Iterator<Item = u64> + 'o {
    let mut parts: Vec<ProfileId> = outcome.survivor.into_iter().collect();
    for claim in &outcome.claims {
        if let ClaimResult::Absorbed(id) | ClaimResult::Restored(id) = claim.result
            && !parts.contains(&id)
        {
            parts.push(id);
        }
    }
    let told_apart = parts.len() == outcome.previous.len();
    let theirs = move |place: usize| {
        let part = parts.get(place);
        !told_apart || part.is_some_and(|id| *id == of.id || of.absorbed.contains(id))
    };
    let places = outcome.previous.iter().copied().enumerate();
    places.filter(move |(place, _)| theirs(*place)).map(|(_, sequence)| sequence)
}
