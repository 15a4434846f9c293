//! How throughput, memory, disk and start-up depend on the number of profiles.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    driving::{self, LoadSample},
    error::HarnessError,
    figures::{self, count, duration, megabytes, per_second},
    gateway::GatewayProcess,
    limits,
    options::GrowthOptions,
    progress,
    report::{Ratio, RatioBound, ResultRow, ResultTable},
    scratch, seed,
    testbed::Testbed,
    wrk::{LoadKind, LoadRun},
};

/// The number of profiles up to which start-up times have a target.
const STARTS_UP_TO: u64 = 1_000_000;

const START_SECONDS: f64 = 3.0;
const START_AFTER_KILL_SECONDS: f64 = 10.0;

/// The target for throughput, relative to the first step.
const THROUGHPUT_LEFT: f64 = 0.5;

/// Measures all steps, one after the other on the same data.
pub(crate) fn measure(
    testbed: &Testbed,
    options: &GrowthOptions,
    began: Instant,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    progress::print(&format!("Growth: {:?} profiles", options.steps));
    let data = testbed.scratch.fresh("growth")?;
    let (mut seeded, mut created, mut first, mut rate) = (0, 0, None, f64::INFINITY);
    for (number, &wanted) in (0..).zip(&options.steps) {
        let left = limits::ALL_PARTS.saturating_sub(began.elapsed());
        let profiles =
            if options.may_shrink { affordable(wanted, seeded, rate, left) } else { wanted };
        if profiles <= seeded {
            progress::print(&format!(
                "  no time is left for {wanted} profiles: run benches/run growth alone"
            ));
            break;
        }
        rate = seed::people(&data, seeded..profiles)?;
        let seconds = options.seconds;
        let load = |kind| LoadRun { kind, stored: profiles, companies: 1, seconds, number };
        let first_profiles = options.steps.first().copied().unwrap_or(profiles);
        let mut step = GrowthStep { profiles, wanted, first: first_profiles, table };
        step.disk(scratch::bytes(&data)?, profiles + created);
        let (new, updates) = step.run(testbed, &data, load)?;
        let &mut (first_new, first_updates) =
            first.get_or_insert((new.result.rate, updates.result.rate));
        step.throughput("new profiles", &new, first_new);
        step.throughput("updates", &updates, first_updates);
        (seeded, created) = (profiles, created + new.created);
    }
    scratch::remove(&data)
}

/// The number of profiles of the next step: the wanted one, or a smaller one, if filling the store
/// at the rate so far would take longer than the time that is left.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product is not negative, and a number too large is cut to the wanted one"
)]
fn affordable(wanted: u64, seeded: u64, rate: f64, left: Duration) -> u64 {
    let filling = left.saturating_sub(limits::STEP_BESIDE_FILLING).as_secs_f64();
    let more = (filling * rate * limits::FILLING_SLOWS_TO) as u64;
    let most = seeded.saturating_add(more);
    if wanted <= most { wanted } else { most / limits::STEP_MULTIPLE * limits::STEP_MULTIPLE }
}

/// The measurements at one number of profiles.
struct GrowthStep<'a> {
    profiles: u64,
    /// The number that was asked for.
    wanted: u64,
    /// The number of profiles of the first step.
    first: u64,
    table: &'a mut ResultTable,
}

impl GrowthStep<'_> {
    fn run(
        &mut self,
        testbed: &Testbed,
        data: &Path,
        load: impl Fn(LoadKind) -> LoadRun,
    ) -> Result<(LoadSample, LoadSample), HarnessError> {
        let gateway = testbed.start(data)?;
        self.start("start after a clean stop", &gateway, START_SECONDS);
        let new = driving::drive(&testbed.scratch, &gateway, &load(LoadKind::New))?;
        let updates = driving::drive(&testbed.scratch, &gateway, &load(LoadKind::Update))?;
        self.memory(gateway.server.resident_bytes()?);
        gateway.server.kill()?;
        let gateway = testbed.start(data)?;
        self.start("start after kill −9", &gateway, START_AFTER_KILL_SECONDS);
        gateway.server.stop()?;
        Ok((new, updates))
    }

    fn row(&self, what: &str) -> ResultRow {
        let profiles = count(self.profiles);
        ResultRow { what: format!("{profiles} profiles: {what}"), ..ResultRow::default() }
    }

    fn throughput(&mut self, what: &str, sample: &LoadSample, first: f64) {
        let rate = sample.result.rate;
        let of = format!("at {}", count(self.first));
        let bound = Some(RatioBound::AtLeast(THROUGHPUT_LEFT));
        let ratio = Ratio { value: rate / first, of, bound };
        self.table.add(ResultRow {
            result: per_second(rate),
            times: Some(sample.result.times),
            ratios: (self.first < self.profiles).then_some(ratio).into_iter().collect(),
            ..self.row(what)
        });
    }

    fn memory(&mut self, bytes: u64) {
        let most = (limits::CACHE_MIB + limits::MEMORY_BESIDE_CACHE_MIB) * 1_024 * 1_024;
        let wanted = format!("≤ {} (cache and 150 MiB)", megabytes(most));
        self.table.add(ResultRow {
            result: megabytes(bytes),
            wanted: vec![(wanted, bytes <= most)],
            ..self.row("resident memory, at most")
        });
    }

    fn disk(&mut self, bytes: u64, profiles: u64) {
        let each = count(bytes / profiles);
        let short =
            (self.profiles < self.wanted).then(|| format!("; no time for {}", count(self.wanted)));
        self.table.add(ResultRow {
            result: format!("{each} bytes a profile"),
            note: megabytes(bytes) + &short.unwrap_or_default(),
            ..self.row("disk")
        });
    }

    fn start(&mut self, what: &str, gateway: &GatewayProcess, seconds: f64) {
        let took = gateway.start.as_secs_f64();
        let has_target = self.profiles <= STARTS_UP_TO;
        let wanted = has_target.then(|| (format!("≤ {seconds} s"), took <= seconds));
        self.table.add(ResultRow {
            result: duration(figures::micros(gateway.start)),
            wanted: wanted.into_iter().collect(),
            ..self.row(what)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_enough_time_is_made_smaller_or_left_out() {
        let minutes = |minutes| Duration::from_mins(minutes) + limits::STEP_BESIDE_FILLING;
        let affordable = |left| affordable(5_000_000, 1_000_000, 10_000.0, left);
        assert_eq!(affordable(minutes(10)), 5_000_000);
        assert_eq!(affordable(minutes(5)), 3_400_000);
        assert_eq!(affordable(Duration::from_secs(1)), 1_000_000);
    }
}
