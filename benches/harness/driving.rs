//! The gateway under load, with a check that it did what the load asked for.

use std::{thread, time::Duration};

use crate::{
    error::HarnessError,
    gateway::{GatewayCounters, GatewayProcess},
    limits,
    scratch::ScratchDirectory,
    wrk::{self, LoadKind, LoadResult, LoadRun},
};

/// The result of a run, and what it cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadSample {
    pub(crate) result: LoadResult,
    /// Processors that the server kept busy, if the server was another process.
    pub(crate) processors: Option<f64>,
    /// Requests among them that created profiles.
    pub(crate) created: u64,
    /// How many requests shared a flush, if there were flushes.
    pub(crate) per_flush: Option<usize>,
}

impl LoadSample {
    /// Requests for each second of the server's processor time. Unlike the rate, this hardly
    /// depends on what else the machine does.
    pub(crate) fn per_processor(&self) -> f64 {
        self.processors.map_or(0.0, |processors| self.result.rate / processors.max(1e-9))
    }
}

/// Sends a load to the gateway. Fails if any answer was not 202, or if requests had another effect
/// than their load is meant to have.
pub(crate) fn drive(
    scratch: &ScratchDirectory,
    gateway: &GatewayProcess,
    load: &LoadRun,
) -> Result<LoadSample, HarnessError> {
    let (counters, busy) = (idle_counters(gateway)?, gateway.server.processor_time()?);
    let result = wrk::run(scratch, gateway.address, load)?;
    let busy = gateway.server.processor_time()?.saturating_sub(busy);
    let counters = gateway.counters()?.since(counters);
    check(load.kind, result.requests, counters)?;
    let seconds = Duration::from_secs(load.seconds).as_secs_f64();
    let processors = Some(busy.as_secs_f64() / seconds);
    // Rounded up, which favours the loop that writes as many per flush.
    let per_flush = (0 < counters.batches).then(|| counters.accepted.div_ceil(counters.batches));
    let per_flush = per_flush.and_then(|per_flush| usize::try_from(per_flush).ok());
    Ok(LoadSample { result, processors, created: counters.created, per_flush })
}

/// The gateway's counters once it is idle: wrk does not wait for the answers to its last requests.
fn idle_counters(gateway: &GatewayProcess) -> Result<GatewayCounters, HarnessError> {
    let mut counters = gateway.counters()?;
    loop {
        thread::sleep(limits::IDLE);
        let later = gateway.counters()?;
        if later == counters {
            return Ok(later);
        }
        counters = later;
    }
}

/// wrk counts answers with a status over 399. That every other answer was a 202 follows from the
/// gateway's own counter, which costs the generator nothing.
fn check(kind: LoadKind, requests: u64, counters: GatewayCounters) -> Result<(), HarnessError> {
    let GatewayCounters { accepted, created, updated, merged, unchanged, .. } = counters;
    if accepted < requests {
        return Err(HarnessError::new(format!("of {requests} answers only {accepted} were 202")));
    }
    let (intended, percent) = match kind {
        LoadKind::New => (created, 99),
        LoadKind::Update | LoadKind::Hot => (updated, 99),
        LoadKind::NewAndUpdate => (created + updated, 99),
        LoadKind::Same | LoadKind::PageView => (unchanged, 99),
        // A twentieth; but a fast machine may use up all visitors, and the choice is random.
        LoadKind::Mix => (merged, 2),
    };
    if intended * 100 < accepted * percent {
        return Err(HarnessError::new(format!(
            "a run of {kind:?} had another effect than intended: {counters:?}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_counts_only_if_every_request_was_accepted_and_had_the_intended_effect() {
        let counters =
            GatewayCounters { accepted: 1_000, created: 995, updated: 5, ..Default::default() };
        check(LoadKind::New, 1_000, counters).unwrap();
        check(LoadKind::NewAndUpdate, 1_000, counters).unwrap();
        check(LoadKind::New, 1_001, counters).unwrap_err();
        check(LoadKind::Update, 1_000, counters).unwrap_err();
        check(LoadKind::Mix, 1_000, counters).unwrap_err();
    }
}
