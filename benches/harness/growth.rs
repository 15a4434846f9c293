//! What becomes of throughput, memory, disk and starts as profiles become more.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    arguments::GrowthOptions,
    clock, driving,
    driving::Sample,
    gateway::Gateway,
    limits,
    report::{Ratio, Report, Row, count, duration, megabytes, per_second},
    scratch::{self, Scratch},
    seed, tell,
    trouble::Trouble,
    wrk::{Kind, Load},
};

/// The number of profiles up to which it is said how long a start may take.
const STARTS_UP_TO: u64 = 1_000_000;

const START_SECONDS: f64 = 3.0;
const START_AFTER_KILL_SECONDS: f64 = 10.0;

/// The throughput there has to be left, of that of the first step.
const THROUGHPUT_LEFT: f64 = 0.7;

/// All steps, one after the other on the same data.
pub(crate) fn measure(
    scratch: &Scratch,
    options: &GrowthOptions,
    began: Instant,
    report: &mut Report,
) -> Result<(), Trouble> {
    tell(&format!("Growth: {:?} profiles", options.steps));
    let data = scratch.fresh("growth")?;
    let (mut seeded, mut created, mut first, mut rate) = (0, 0, None, f64::INFINITY);
    for (run, &wanted) in (0..).zip(&options.steps) {
        let left = limits::WHOLE.saturating_sub(began.elapsed());
        let profiles =
            if options.hurried { affordable(wanted, seeded, rate, left) } else { wanted };
        if profiles <= seeded {
            tell(&format!("  no time is left for {wanted} profiles: benches/run growth has more"));
            break;
        }
        rate = seed::people(&data, seeded..profiles)?;
        let load =
            |kind| Load { kind, known: profiles, companies: 1, seconds: options.seconds, run };
        let first_profiles = options.steps.first().copied().unwrap_or(profiles);
        let mut step = Step { profiles, wanted, first: first_profiles, report };
        step.disk(scratch::bytes(&data)?, profiles + created);
        let (new, updates) = step.run(scratch, &data, load)?;
        let &mut (first_new, first_updates) =
            first.get_or_insert((new.measured.rate, updates.measured.rate));
        step.throughput("new profiles", &new, first_new);
        step.throughput("updates", &updates, first_updates);
        (seeded, created) = (profiles, created + new.created);
    }
    scratch::remove(&data)
}

/// The profiles of the next step: those that are wanted, or fewer, if filling the store
/// with so many as fast as before would take longer than there is time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of profiles is neither negative nor too large, or the wanted one is less"
)]
fn affordable(wanted: u64, seeded: u64, rate: f64, left: Duration) -> u64 {
    let filling = left.saturating_sub(limits::STEP_BESIDE_FILLING).as_secs_f64();
    let more = (filling * rate * limits::FILLING_SLOWS_TO) as u64;
    let most = seeded.saturating_add(more);
    if wanted <= most { wanted } else { most / limits::STEP_MULTIPLE * limits::STEP_MULTIPLE }
}

/// What is told of one number of profiles.
struct Step<'a> {
    profiles: u64,
    /// How many it was to be, if there was time.
    wanted: u64,
    /// How many there were in the first step.
    first: u64,
    report: &'a mut Report,
}

impl Step<'_> {
    fn run(
        &mut self,
        scratch: &Scratch,
        data: &Path,
        load: impl Fn(Kind) -> Load,
    ) -> Result<(Sample, Sample), Trouble> {
        let gateway = Gateway::start(scratch, data)?;
        self.start("start after a clean stop", &gateway, START_SECONDS);
        let new = driving::drive(scratch, &gateway, &load(Kind::New))?;
        let updates = driving::drive(scratch, &gateway, &load(Kind::Update))?;
        self.memory(gateway.server.resident_bytes()?);
        gateway.server.kill()?;
        let gateway = Gateway::start(scratch, data)?;
        self.start("start after kill −9", &gateway, START_AFTER_KILL_SECONDS);
        gateway.server.stop()?;
        Ok((new, updates))
    }

    fn row(&self, what: &str) -> Row {
        let profiles = count(self.profiles);
        Row { what: format!("{profiles} profiles: {what}"), ..Row::default() }
    }

    fn throughput(&mut self, what: &str, sample: &Sample, first: f64) {
        let rate = sample.measured.rate;
        let of = format!("at {}", count(self.first));
        let at_least = Some(THROUGHPUT_LEFT);
        let ratio = Ratio { value: rate / first, of, at_least };
        self.report.add(Row {
            result: per_second(rate),
            times: Some(sample.measured.times),
            ratios: (self.first < self.profiles).then_some(ratio).into_iter().collect(),
            ..self.row(what)
        });
    }

    fn memory(&mut self, bytes: u64) {
        let most = (limits::CACHE_MIB + limits::MEMORY_BESIDE_CACHE_MIB) * 1_024 * 1_024;
        let wanted = format!("≤ {} (cache and 150 MiB)", megabytes(most));
        self.report.add(Row {
            result: megabytes(bytes),
            wanted: vec![(wanted, bytes <= most)],
            ..self.row("resident memory, at most")
        });
    }

    fn disk(&mut self, bytes: u64, profiles: u64) {
        let each = count(bytes / profiles);
        let short = (self.profiles < self.wanted)
            .then(|| format!("; there was no time for {}", count(self.wanted)));
        self.report.add(Row {
            result: format!("{each} bytes a profile"),
            note: megabytes(bytes) + &short.unwrap_or_default(),
            ..self.row("disk")
        });
    }

    fn start(&mut self, what: &str, gateway: &Gateway, seconds: f64) {
        let took = gateway.start.as_secs_f64();
        let judged = self.profiles <= STARTS_UP_TO;
        let wanted = judged.then(|| (format!("≤ {seconds} s"), took <= seconds));
        self.report.add(Row {
            result: duration(clock::micros(gateway.start)),
            wanted: wanted.into_iter().collect(),
            ..self.row(what)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_for_which_there_is_no_time_is_made_smaller_or_left_out() {
        let minutes = |minutes| Duration::from_mins(minutes) + limits::STEP_BESIDE_FILLING;
        let affordable = |left| affordable(5_000_000, 1_000_000, 10_000.0, left);
        assert_eq!(affordable(minutes(10)), 5_000_000);
        assert_eq!(affordable(minutes(5)), 3_400_000);
        assert_eq!(affordable(Duration::from_secs(1)), 1_000_000);
    }
}
