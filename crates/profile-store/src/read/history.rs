//! Histories: what happened to one person, newest first.
//!
//! An outcome names the newest earlier outcomes about its survivor and about each profile that the
//! survivor absorbed. A history is read by following these numbers, so no index of it is kept.

use std::collections::BinaryHeap;

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    Effect, Outcome, Profile, StoredProfile,
    engine::{Engine, EngineError},
    layout::{
        key,
        record::{self, InvalidRecord},
    },
    limits,
    read::outcomes,
    read::profiles::profile_record,
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
            let earlier = earlier(&outcome, of.id, &of.absorbed);
            ahead.extend(earlier.filter(|earlier| *earlier < sequence));
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

/// The newest outcome of each of these profiles, in their order. There is none for a profile that
/// was deleted, is merged into another one, or cannot be read.
pub(crate) async fn newest_of_each(
    engine: &dyn Engine,
    company: &CompanyId,
    ids: &[ProfileId],
) -> Result<Vec<Option<u64>>, EngineError> {
    let keys = |id: &ProfileId| [key::profile(company, *id), key::profile_outcome(company, *id)];
    let mut newest = Vec::with_capacity(ids.len());
    // Each may be a large record.
    for ids in ids.chunks(limits::BATCH_READ) {
        let values = engine.read(ids.iter().flat_map(keys).collect()).await?;
        newest.extend(values.chunks_exact(2).map(|values| match values {
            [Some(record), outcome] => newest_in(record, outcome.as_deref()).unwrap_or(None),
            _ => None,
        }));
    }
    Ok(newest)
}

fn newest_in(record: &[u8], outcome: Option<&[u8]>) -> Result<Option<u64>, InvalidRecord> {
    let tail = outcome.map(record::decode_profile_tail).transpose()?;
    Ok(record::decode_last_outcome(record)?.max(tail.map(|tail| tail.newest)))
}

/// The number of the oldest outcome of a profile that is among its `count` newest, and how many
/// outcomes were read to find it. If that is older than `down_to`, the search ends there and
/// returns `down_to`; if the profile does not exist, none is among them.
pub(crate) async fn oldest_kept(
    engine: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
    count: u64,
    down_to: u64,
) -> Result<(u64, usize), EngineError> {
    let profile = match survivor(engine, company, id).await {
        // What belongs to damaged data stays.
        Err(EngineError::Damaged(_)) => return Ok((0, 1)),
        profile => profile?,
    };
    let Some(profile) = profile else { return Ok((u64::MAX, 1)) };
    let mut ahead: BinaryHeap<u64> = profile.last_outcome.into_iter().collect();
    let (mut found, mut reads) = (0, 1);
    while let Some(sequence) = ahead.pop() {
        if sequence <= down_to {
            break;
        }
        if ahead.peek() == Some(&sequence) {
            continue;
        }
        reads += 1;
        let outcome = match outcomes::outcome(engine, company, sequence).await {
            Err(EngineError::Damaged(_)) => return Ok((0, reads)),
            outcome => outcome?,
        };
        let Some(outcome) = outcome else { continue };
        found += 1;
        if found == count {
            return Ok((sequence, reads));
        }
        let earlier = earlier(&outcome, profile.id, &profile.absorbed);
        ahead.extend(earlier.filter(|earlier| *earlier < sequence));
    }
    Ok((down_to, reads))
}

/// The profile with this id, or into which the profile with this id was merged.
async fn survivor(
    engine: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
) -> Result<Option<StoredProfile>, EngineError> {
    let mut id = id;
    // An alias leads to its survivor in one step.
    for _ in 0..2 {
        if let Some(record) = profile_record(engine, company, id).await? {
            return Ok(Some(record.decode(id)?));
        }
        let alias = engine.read(vec![key::alias(company, id)]).await?;
        match alias.into_iter().next().flatten() {
            Some(alias) => id = record::decode_id(&alias)?,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The earlier outcomes that this one names, as far as they concern the profile. An outcome about
/// several profiles may name some that belong to another person since a merge was undone.
fn earlier<'o>(
    outcome: &'o Outcome,
    id: ProfileId,
    absorbed: &'o [ProfileId],
) -> impl Iterator<Item = u64> + 'o {
    let mut parts = outcome.concerned();
    if outcome.effect == Effect::Created {
        // There is no earlier outcome about the survivor.
        parts.retain(|part| Some(*part) != outcome.survivor);
    }
    let names_each_profile = parts.len() == outcome.previous.len();
    let theirs = move |place: usize| {
        let part = parts.get(place);
        !names_each_profile || part.is_some_and(|part| *part == id || absorbed.contains(part))
    };
    let places = outcome.previous.iter().copied().enumerate();
    places.filter(move |(place, _)| theirs(*place)).map(|(_, sequence)| sequence)
}
