//! Neighbours: what a company has left of the gateway while another one, at its rate limits, sends
//! the most expensive requests there are.

use std::{path::PathBuf, thread};

use clap::ValueEnum;

use crate::{
    attack::{AttackPlan, AttackTally, RunningAttack},
    error::HarnessError,
    figures::{Percentiles, duration, grouped, median, per_second},
    gateway::ConfiguredLimits,
    hostile, limits,
    options::{AttackName, NeighboursOptions},
    preload, progress,
    report::{Ratio, RatioBound, ResultRow, ResultTable},
    scratch,
    testbed::Testbed,
    wrk::{self, LoadKind, LoadResult, LoadRun},
};

/// The target for throughput, relative to that without an attack.
const THROUGHPUT_LEFT: f64 = 0.8;

/// The target for p99, relative to that without an attack.
const P99_AT_MOST: f64 = 3.0;

/// Measures all rounds.
pub(crate) fn measure(
    testbed: &Testbed,
    options: &NeighboursOptions,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    let NeighboursOptions { seconds, rounds, .. } = options;
    progress::print(&format!("Neighbours: {rounds} rounds, {seconds} s each"));
    let mut runs = NeighbourRuns::prepare(testbed, options)?;
    for round in 0..options.rounds {
        progress::print(&format!("  round {} of {rounds}", round + 1));
        runs.round()?;
    }
    table.add(runs.alone_row());
    for &attack in &options.attacks {
        table.add(runs.row(attack));
    }
    scratch::remove(&runs.seeded)
}

/// A run during an attack, between two runs without one.
struct AttackedRun {
    attack: AttackName,
    result: LoadResult,
    tally: AttackTally,
    alone: [LoadResult; 2],
}

impl AttackedRun {
    fn throughput_left(&self) -> f64 {
        self.result.rate / self.mean_alone(|alone| alone.rate)
    }

    fn p99_ratio(&self) -> f64 {
        self.result.times.p99 / self.mean_alone(|alone| alone.times.p99)
    }

    fn mean_alone(&self, figure: impl Fn(&LoadResult) -> f64) -> f64 {
        let [before, after] = &self.alone;
        f64::midpoint(figure(before), figure(after))
    }
}

struct NeighbourRuns<'a> {
    testbed: &'a Testbed,
    options: &'a NeighboursOptions,
    /// The store that every run begins with a copy of.
    seeded: PathBuf,
    plans: Vec<(AttackName, AttackPlan)>,
    alone: Vec<LoadResult>,
    attacked: Vec<AttackedRun>,
}

impl<'a> NeighbourRuns<'a> {
    fn prepare(
        testbed: &'a Testbed,
        options: &'a NeighboursOptions,
    ) -> Result<NeighbourRuns<'a>, HarnessError> {
        let seeded = testbed.scratch.fresh("neighbours")?;
        let gateway = testbed.start(&seeded)?;
        preload::people(gateway.address, 0..options.profiles)?;
        preload::large_profiles(gateway.address, 0..options.large_profiles)?;
        gateway.server.stop()?;
        let plan = |&attack| Ok((attack, hostile::plan(attack, options.large_profiles)?));
        let plans = options.attacks.iter().map(plan).collect::<Result<_, HarnessError>>()?;
        let (alone, attacked) = (Vec::new(), Vec::new());
        Ok(NeighbourRuns { testbed, options, seeded, plans, alone, attacked })
    }

    /// Every attack, each between two runs without one.
    fn round(&mut self) -> Result<(), HarnessError> {
        let mut before = self.run_alone()?;
        for (attack, plan) in self.plans.clone() {
            let (result, tally) = self.run(Some(plan))?;
            let after = self.run_alone()?;
            let run = AttackedRun { attack, result, tally, alone: [before, after] };
            before = after;
            progress::print(&format!(
                "    {}: {:.2} × alone, p99 {:.1} × alone; attacker: {}",
                describe(attack),
                run.throughput_left(),
                run.p99_ratio(),
                run.tally.describe(),
            ));
            self.attacked.push(run);
        }
        Ok(())
    }

    fn run_alone(&mut self) -> Result<LoadResult, HarnessError> {
        let (result, _) = self.run(None)?;
        self.alone.push(result);
        let (rate, p99) = (per_second(result.rate), duration(result.times.p99));
        progress::print(&format!("    alone: {rate}, p99 {p99}"));
        Ok(result)
    }

    /// The load of the neighbour on a fresh copy of the store, with or without an attack.
    fn run(&self, attack: Option<AttackPlan>) -> Result<(LoadResult, AttackTally), HarnessError> {
        let scratch = &self.testbed.scratch;
        let data = scratch.fresh("attacked")?;
        scratch::copy(&self.seeded, &data)?;
        let gateway = self.testbed.gateway.start(&data, ConfiguredLimits::DefaultForAttacker)?;
        let load = |seconds, number| LoadRun {
            kind: LoadKind::NewAndUpdate,
            stored: self.options.profiles,
            companies: 1,
            seconds,
            number,
        };
        wrk::run(scratch, gateway.address, &load(limits::WARM_UP_SECONDS, 0))?;
        let attack = attack.map(|plan| RunningAttack::start(gateway.address, plan));
        if attack.is_some() {
            thread::sleep(limits::ATTACK_LEAD);
        }
        let load = load(self.options.seconds, 1);
        let result = wrk::run_with_failures(scratch, gateway.address, &load);
        let tally = attack.map(RunningAttack::stop).unwrap_or_default();
        // The data are of no more use, and what was attacked may take long to stop.
        gateway.server.kill()?;
        scratch::remove(&data)?;
        Ok((result?, tally))
    }

    /// What the neighbour does without an attack.
    fn alone_row(&self) -> ResultRow {
        let (rates, times) = rates_and_times(self.alone.iter());
        let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rates.iter().copied().fold(0.0, f64::max);
        ResultRow {
            what: "neighbour alone: half new people, half updates".to_owned(),
            result: per_second(median(rates.into_iter())),
            times: Some(times),
            note: format!("runs: {} to {}", grouped(least), grouped(most)),
            ..ResultRow::default()
        }
    }

    fn row(&self, attack: AttackName) -> ResultRow {
        let runs: Vec<&AttackedRun> =
            self.attacked.iter().filter(|run| run.attack == attack).collect();
        let (rates, times) = rates_and_times(runs.iter().map(|run| &run.result));
        let ratio = |figure: fn(&AttackedRun) -> f64, of: &str, bound| Ratio {
            value: median(runs.iter().map(|run| figure(run))),
            of: of.to_owned(),
            bound: Some(bound),
        };
        let failed: u64 = runs.iter().map(|run| run.result.refused + run.result.broken).sum();
        let tallies: Vec<String> = runs.iter().map(|run| run.tally.describe()).collect();
        let ratios: Vec<String> =
            runs.iter().map(|run| format!("{:.2}", run.throughput_left())).collect();
        ResultRow {
            what: format!("neighbour of {}", describe(attack)),
            result: per_second(median(rates.into_iter())),
            times: Some(times),
            ratios: vec![
                ratio(AttackedRun::throughput_left, "alone", RatioBound::AtLeast(THROUGHPUT_LEFT)),
                ratio(AttackedRun::p99_ratio, "p99 alone", RatioBound::AtMost(P99_AT_MOST)),
            ],
            wanted: vec![("no request of the neighbour fails".to_owned(), failed == 0)],
            note: format!(
                "rounds: {}; attacker: {}; neighbour: {failed} failed",
                ratios.join(" and "),
                tallies.join(" and ")
            ),
        }
    }
}

fn rates_and_times<'r>(results: impl Iterator<Item = &'r LoadResult>) -> (Vec<f64>, Percentiles) {
    let (rates, times): (Vec<f64>, Vec<Percentiles>) =
        results.map(|result| (result.rate, result.times)).unzip();
    (rates, Percentiles::median(&times))
}

/// The name of an attack on the command line.
fn describe(attack: AttackName) -> String {
    attack.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
