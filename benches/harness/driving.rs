//! The gateway under load, and the proof that it did what was asked of it.

use std::{thread, time::Duration};

use crate::{
    gateway::{Counts, Gateway},
    limits,
    scratch::Scratch,
    trouble::Trouble,
    wrk::{self, Kind, Load, Measured},
};

/// What came of a run, and what it cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) measured: Measured,
    /// Processors that the server kept busy, if that was one of another process.
    pub(crate) processors: Option<f64>,
    /// Requests among them that were new people.
    pub(crate) created: u64,
    /// How many requests shared a flush, if there were any.
    pub(crate) together: Option<usize>,
}

/// Sends this to the gateway. Fails if anything was answered but 202, or was not what
/// it was meant to be.
pub(crate) fn drive(scratch: &Scratch, gateway: &Gateway, load: &Load) -> Result<Sample, Trouble> {
    let (counts, busy) = (settled(gateway)?, gateway.server.processor_time()?);
    let measured = wrk::run(scratch, gateway.address, load)?;
    let busy = gateway.server.processor_time()?.saturating_sub(busy);
    let counts = gateway.counts()?.since(counts);
    check(load.kind, measured.requests, counts)?;
    let seconds = Duration::from_secs(load.seconds).as_secs_f64();
    let processors = Some(busy.as_secs_f64() / seconds);
    // Rounded up, which favours what is given as many.
    let together = (0 < counts.batches).then(|| counts.accepted.div_ceil(counts.batches));
    let together = together.and_then(|together| usize::try_from(together).ok());
    Ok(Sample { measured, processors, created: counts.created, together })
}

/// What the gateway has done once it has nothing to do: wrk leaves its last requests
/// to themselves.
fn settled(gateway: &Gateway) -> Result<Counts, Trouble> {
    let mut counts = gateway.counts()?;
    loop {
        thread::sleep(limits::SETTLING);
        let later = gateway.counts()?;
        if later == counts {
            return Ok(later);
        }
        counts = later;
    }
}

/// wrk counts what was answered by a status over 399. That every other answer was a
/// 202 the gateway's own count tells, which costs the generator nothing.
fn check(kind: Kind, requests: u64, counts: Counts) -> Result<(), Trouble> {
    let Counts { accepted, created, updated, merged, unchanged, .. } = counts;
    if accepted < requests {
        return Err(Trouble::new(format!("of {requests} answers only {accepted} were 202")));
    }
    let (meant, percent) = match kind {
        Kind::New => (created, 99),
        Kind::Update | Kind::Hot => (updated, 99),
        Kind::Same => (unchanged, 99),
        // A twentieth; but visitors may run out on a fast machine, and dice vary.
        Kind::Mix => (merged, 2),
    };
    if meant * 100 < accepted * percent {
        return Err(Trouble::new(format!(
            "a run of {kind:?} did something else than it was meant to: {counts:?}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_counts_only_if_all_was_accepted_and_did_what_it_was_meant_to() {
        let counts = Counts { accepted: 1_000, created: 995, updated: 5, ..Counts::default() };
        check(Kind::New, 1_000, counts).unwrap();
        check(Kind::New, 1_001, counts).unwrap_err();
        check(Kind::Update, 1_000, counts).unwrap_err();
        check(Kind::Mix, 1_000, counts).unwrap_err();
    }
}
