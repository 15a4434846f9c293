//! Watches the clock of an open store: reads both clocks, reports a doubt once, and stores the
//! time that was trusted last, so that a jump is noticed after a restart as well.

use tokio::time::Instant;

use super::{
    clock_status::ClockStatus,
    clock_trust::{ClockReading, ClockTrust},
    prune::next_company,
};
use crate::{
    IdGenerator, Timestamp,
    engine::{BatchId, CommitError, Durability, Engine, EngineError, Place, Write},
    lane::StoreContext,
    layout::{key::TRUSTED_TIME, record},
    limits,
    read::outcomes::newest_outcome,
};

/// The clock of an open store.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    started: Instant,
    trust: ClockTrust,
    /// The trusted time as it is stored, if it is.
    stored: Option<Timestamp>,
    /// The newest time that was stored when the store was opened; `None` if it had no data.
    found: Option<Timestamp>,
    next: BatchId,
}

impl ClockWatch {
    /// Reads what is stored, and judges the clock by it.
    pub(crate) async fn begin(
        shared: &StoreContext,
        writer: u64,
    ) -> Result<ClockWatch, EngineError> {
        let (engine, ids) = (shared.engine.as_ref(), shared.id_generator.as_ref());
        let stored = stored(engine).await?;
        let found = match stored {
            Some(stored) => Some(stored),
            // An earlier version stored no trusted time.
            None => newest_time(engine).await?,
        };
        let started = Instant::now();
        let reading = read_at(started, ids);
        let trust = ClockTrust::begin(reading, found);
        let watch =
            ClockWatch { started, trust, stored, found, next: BatchId { writer, number: 1 } };
        watch.report(reading, true, &shared.clock);
        Ok(watch)
    }

    /// Reads the clocks. Returns the time by which outcomes are old, unless the clock is doubted.
    pub(crate) fn observe(&mut self, shared: &StoreContext) -> Option<Timestamp> {
        let reading = read_at(self.started, shared.id_generator.as_ref());
        let was_trusted = self.trust.is_trusted();
        self.trust = self.trust.judge(reading);
        self.report(reading, was_trusted, &shared.clock);
        self.trust.is_trusted().then_some(reading.wall)
    }

    fn report(&self, reading: ClockReading, was_trusted: bool, status: &ClockStatus) {
        let (trusted, estimate) = (self.trust.is_trusted(), self.trust.estimate(reading));
        status.set(trusted, estimate);
        let (clock_ms, expected_ms) = (reading.wall.millis(), estimate.millis());
        if was_trusted && !trusted {
            tracing::warn!(
                clock_ms,
                expected_ms,
                "the clock has jumped, or the store was closed for long: no outcome is removed by \
                 age until the clock is right or has run evenly for a day"
            );
        } else if !was_trusted && trusted {
            tracing::info!(clock_ms, "the clock is trusted again: outcomes are removed by age");
        }
    }

    /// Stores the trusted time if the stored one is out of date. `has_data` is whether the store
    /// has any.
    pub(crate) async fn store(
        &mut self,
        engine: &dyn Engine,
        now: Option<Timestamp>,
        has_data: bool,
    ) -> Result<(), EngineError> {
        // Until the clock is trusted, the time that was found is the only one to judge it by.
        let Some(time) = now.or(self.found).filter(|_| has_data) else { return Ok(()) };
        let is_close =
            |stored: Timestamp| stored.millis().abs_diff(time.millis()) < limits::TRUSTED_TIME_MS;
        if self.stored.is_some_and(|stored| now.is_none() || is_close(stored)) {
            return Ok(());
        }
        let value = Some(record::encode_trusted_time(time));
        let write = Write { key: TRUSTED_TIME.to_vec(), value };
        let session = engine.begin(Place::of_key(TRUSTED_TIME, engine.places())).await?;
        let id = self.next;
        self.next.number += 1;
        session
            .commit(id, vec![write], Durability::Relaxed)
            .await
            .map_err(CommitError::into_cause)?;
        self.stored = Some(time);
        Ok(())
    }
}

fn read_at(started: Instant, ids: &dyn IdGenerator) -> ClockReading {
    ClockReading { wall: ids.now(), monotonic: started.elapsed() }
}

async fn stored(engine: &dyn Engine) -> Result<Option<Timestamp>, EngineError> {
    let value = engine.read(vec![TRUSTED_TIME.to_vec()]).await?.pop().flatten();
    // A damaged one is for an audit to find.
    Ok(value.and_then(|value| record::decode_trusted_time(&value).ok()))
}

/// The time of the newest outcome of all companies; `None` if there is no company.
async fn newest_time(engine: &dyn Engine) -> Result<Option<Timestamp>, EngineError> {
    let (mut company, mut newest) = (None, None);
    while let Some(next) = next_company(engine, company.as_ref()).await? {
        let outcome = newest_outcome(engine, &next).await.unwrap_or_default();
        newest = newest.max(Some(outcome.at));
        company = Some(next);
    }
    Ok(newest)
}
