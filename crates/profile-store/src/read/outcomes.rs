//! Reading outcomes, which are recorded in segments. The key of a segment names its last.

use profile_protocol::CompanyId;

use crate::{
    Outcome,
    engine::{Engine, EngineError, Key, Order, Scan, Value},
    layout::key::{self, KeyKind, ParsedKey},
    layout::record::{self, NewestOutcome},
    limits,
};

/// A company's newest outcome.
pub(crate) async fn newest_outcome(
    engine: &dyn Engine,
    company: &CompanyId,
) -> Result<NewestOutcome, EngineError> {
    let values = engine.read(vec![key::newest_outcome(company)]).await?;
    match values.into_iter().next().flatten() {
        Some(record) => Ok(record::decode_newest_outcome(&record)?),
        None => Ok(NewestOutcome::default()),
    }
}

/// The outcome of this number, if it is kept.
pub(crate) async fn outcome(
    engine: &dyn Engine,
    company: &CompanyId,
    sequence: u64,
) -> Result<Option<Outcome>, EngineError> {
    let segments =
        segments(engine, company, (Order::Ascending, sequence.saturating_sub(1)), 1).await?;
    let Some((key, value)) = segments.first() else { return Ok(None) };
    let last = last_of(key).ok_or_else(misplaced)?;
    Ok(record::decode_outcome_in_segment(last, value, sequence)?)
}

/// The outcomes after the one of this number, oldest first, `limit` of them at most.
pub(crate) async fn outcomes(
    engine: &dyn Engine,
    company: &CompanyId,
    mut sequence: u64,
    limit: usize,
) -> Result<Vec<Outcome>, EngineError> {
    let mut outcomes = Vec::new();
    loop {
        let step = limit.saturating_sub(outcomes.len()).min(limits::SEGMENTS_READ);
        let segments = segments(engine, company, (Order::Ascending, sequence), step).await?;
        for (key, value) in &segments {
            let last = last_of(key).ok_or_else(misplaced)?;
            outcomes.extend(record::decode_segment_after(last, value, sequence)?);
            sequence = last;
        }
        outcomes.truncate(limit);
        if segments.len() < step || outcomes.len() == limit {
            return Ok(outcomes);
        }
    }
}

/// The outcomes before the one of this number, newest first, `limit` of them at most.
pub(crate) async fn outcomes_before(
    engine: &dyn Engine,
    company: &CompanyId,
    sequence: u64,
    limit: usize,
) -> Result<Vec<Outcome>, EngineError> {
    let mut outcomes = Vec::new();
    let mut below = sequence.saturating_sub(1);
    // The first segment may end at a later outcome.
    let mut found =
        segments(engine, company, (Order::Ascending, below.saturating_sub(1)), 1).await?;
    loop {
        for (key, value) in &found {
            let last = last_of(key).ok_or_else(misplaced)?;
            let earlier = record::decode_segment_before(last, value, sequence)?;
            outcomes.extend(earlier.into_iter().rev());
        }
        let step = limit.saturating_sub(outcomes.len()).min(limits::SEGMENTS_READ);
        found = segments(engine, company, (Order::Descending, below), step).await?;
        let Some(last) = found.last() else {
            outcomes.truncate(limit);
            return Ok(outcomes);
        };
        below = last_of(&last.0).ok_or_else(misplaced)?;
    }
}

/// The segments that end after this number, or before it from the newest on.
async fn segments(
    engine: &dyn Engine,
    company: &CompanyId,
    (order, from): (Order, u64),
    limit: usize,
) -> Result<Vec<(Key, Value)>, EngineError> {
    let prefix = key::prefix(company, KeyKind::Outcomes);
    let after = Some(key::outcomes(company, from));
    engine.scan(Scan { prefix, after, order, limit }).await
}

fn last_of(key: &Key) -> Option<u64> {
    let ParsedKey::Outcomes(_, last) = key::parse(key)? else { return None };
    Some(last)
}

fn misplaced() -> EngineError {
    EngineError::Damaged("a key that is no outcome's".to_owned())
}
