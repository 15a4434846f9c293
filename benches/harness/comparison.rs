//! Two gateways compared: the same loads on both in alternation, each with data of its own. Both
//! are filled over HTTP, so they may store different layouts.

use std::path::PathBuf;

use crate::{
    driving::{self, LoadSample},
    error::HarnessError,
    figures::{Percentiles, count, duration, median, per_second},
    gateway::{ConfiguredLimits, GatewayProgram},
    limits,
    options::{ComparedLoad, ComparisonOptions},
    preload, progress,
    report::{Ratio, RatioBound, ResultRow, ResultTable},
    scratch,
    testbed::Testbed,
    wrk::{LoadKind, LoadRun},
};

/// The target for every load.
const AT_LEAST: f64 = 0.95;

/// The target for requests that change nothing.
const SAME_AT_LEAST: f64 = 1.3;

/// One of the two gateways.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ComparedGateway {
    /// The other gateway, that of `--against`.
    Before,
    /// The measured one.
    After,
}

/// The store that a load runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ComparedStore {
    Empty,
    Small,
    Large,
    /// People with a profile of 8 KB.
    Rich,
}

/// Measures all rounds.
pub(crate) fn measure(
    testbed: &Testbed,
    other: &GatewayProgram,
    options: &ComparisonOptions,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    let ComparisonOptions { seconds, rounds, loads, .. } = options;
    progress::print(&format!(
        "Comparison: {rounds} rounds, {seconds} s each, {} connections",
        limits::CONNECTIONS
    ));
    let mut runs = ComparisonRuns { testbed, other, options, samples: Vec::new() };
    runs.fill()?;
    for round in 0..*rounds {
        progress::print(&format!("  round {} of {rounds}", round + 1));
        for &load in loads {
            runs.pair(load, round)?;
        }
    }
    for &load in loads {
        table.add(runs.row(load));
    }
    Ok(())
}

struct ComparisonRuns<'a> {
    testbed: &'a Testbed,
    other: &'a GatewayProgram,
    options: &'a ComparisonOptions,
    /// Before and after, of each load and round.
    samples: Vec<(ComparedLoad, [LoadSample; 2])>,
}

impl ComparisonRuns<'_> {
    /// Fills the stores that loads need.
    fn fill(&self) -> Result<(), HarnessError> {
        for store in [ComparedStore::Small, ComparedStore::Large, ComparedStore::Rich] {
            if !self.options.loads.iter().any(|load| load.store() == store) {
                continue;
            }
            for side in [ComparedGateway::Before, ComparedGateway::After] {
                progress::print(&format!("  filling the {store:?} store of {side:?}"));
                let data = self.data(side, store);
                let gateway = self.program(side).start(&data, ConfiguredLimits::Raised)?;
                let numbers = 0..self.profiles(store);
                match store {
                    ComparedStore::Rich => preload::rich_people(gateway.address, numbers)?,
                    ComparedStore::Empty | ComparedStore::Small | ComparedStore::Large => {
                        preload::people(gateway.address, numbers)?;
                    }
                }
                if store == ComparedStore::Large && self.options.loads.contains(&ComparedLoad::Mix)
                {
                    let visitors = 2 * self.options.rounds * limits::VISITORS_PER_RUN;
                    preload::visitors(gateway.address, 0..visitors)?;
                }
                gateway.server.stop()?;
            }
        }
        Ok(())
    }

    fn program(&self, side: ComparedGateway) -> &GatewayProgram {
        match side {
            ComparedGateway::Before => self.other,
            ComparedGateway::After => &self.testbed.gateway,
        }
    }

    fn data(&self, side: ComparedGateway, store: ComparedStore) -> PathBuf {
        self.testbed.scratch.path().join(format!("{side:?}-{store:?}"))
    }

    fn profiles(&self, store: ComparedStore) -> u64 {
        match store {
            ComparedStore::Empty => 0,
            ComparedStore::Small => self.options.profiles / 10,
            ComparedStore::Large => self.options.profiles,
            ComparedStore::Rich => self.options.profiles / 100,
        }
    }

    /// A load on both gateways. Which comes first alternates between rounds.
    fn pair(&mut self, load: ComparedLoad, round: u64) -> Result<(), HarnessError> {
        let samples = if round.is_multiple_of(2) {
            let before = self.run(ComparedGateway::Before, load, round)?;
            [before, self.run(ComparedGateway::After, load, round)?]
        } else {
            let after = self.run(ComparedGateway::After, load, round)?;
            [self.run(ComparedGateway::Before, load, round)?, after]
        };
        let [before, after] = &samples;
        progress::print(&format!(
            "    {}: {} before, {} after, {:.2} ×, {:.2} × by processor time",
            load.describe(self.options.profiles),
            per_second(before.result.rate),
            per_second(after.result.rate),
            after.result.rate / before.result.rate,
            after.per_processor() / before.per_processor(),
        ));
        self.samples.push((load, samples));
        Ok(())
    }

    fn run(
        &self,
        side: ComparedGateway,
        load: ComparedLoad,
        round: u64,
    ) -> Result<LoadSample, HarnessError> {
        let store = load.store();
        let data = self.data(side, store);
        if store == ComparedStore::Empty {
            scratch::remove(&data)?;
        }
        let gateway = self.program(side).start(&data, ConfiguredLimits::Raised)?;
        let scratch = &self.testbed.scratch;
        let run = |seconds, number| LoadRun {
            kind: load.kind(),
            stored: self.profiles(store),
            companies: load.companies(),
            seconds,
            number,
        };
        if store != ComparedStore::Empty {
            driving::drive(scratch, &gateway, &run(limits::WARM_UP_SECONDS, 2 * round))?;
        }
        let sample = driving::drive(scratch, &gateway, &run(self.options.seconds, 2 * round + 1))?;
        gateway.server.stop()?;
        Ok(sample)
    }

    fn row(&self, load: ComparedLoad) -> ResultRow {
        let pairs: Vec<[LoadSample; 2]> = self
            .samples
            .iter()
            .filter(|(of, _)| *of == load)
            .map(|(_, samples)| *samples)
            .collect();
        let rates = |[before, after]: &[LoadSample; 2]| after.result.rate / before.result.rate;
        let per_processor =
            |[before, after]: &[LoadSample; 2]| after.per_processor() / before.per_processor();
        let ratio = |of: &str, figure: &dyn Fn(&[LoadSample; 2]) -> f64, bound| Ratio {
            value: median(pairs.iter().map(figure)),
            of: of.to_owned(),
            bound,
        };
        let at_least = Some(RatioBound::AtLeast(load.at_least()));
        let before = median(pairs.iter().map(|[before, _]| before.result.rate));
        let after = median(pairs.iter().map(|[_, after]| after.result.rate));
        let [times_before, times_after] = [0, 1].map(|side| {
            let times: Vec<Percentiles> = pairs
                .iter()
                .filter_map(|pair| pair.get(side).map(|sample| sample.result.times))
                .collect();
            Percentiles::median(&times)
        });
        let rounds: Vec<String> = pairs.iter().map(|pair| format!("{:.2}", rates(pair))).collect();
        ResultRow {
            what: format!("after, {}", load.describe(self.options.profiles)),
            result: per_second(after),
            times: Some(times_after),
            ratios: vec![
                ratio("before", &rates, at_least),
                ratio("before by processor time", &per_processor, None),
            ],
            note: format!(
                "before: {}, p99 {}; rounds: {}",
                per_second(before),
                duration(times_before.p99),
                rounds.join(", ")
            ),
            ..ResultRow::default()
        }
    }
}

impl ComparedLoad {
    fn store(self) -> ComparedStore {
        match self {
            ComparedLoad::New | ComparedLoad::Companies => ComparedStore::Empty,
            ComparedLoad::UpdateSmall | ComparedLoad::SameSmall | ComparedLoad::PageViewSmall => {
                ComparedStore::Small
            }
            ComparedLoad::PageViewRich => ComparedStore::Rich,
            ComparedLoad::UpdateLarge
            | ComparedLoad::SameLarge
            | ComparedLoad::Mix
            | ComparedLoad::Hot => ComparedStore::Large,
        }
    }

    fn kind(self) -> LoadKind {
        match self {
            ComparedLoad::New | ComparedLoad::Companies => LoadKind::New,
            ComparedLoad::UpdateSmall | ComparedLoad::UpdateLarge => LoadKind::Update,
            ComparedLoad::SameSmall | ComparedLoad::SameLarge => LoadKind::Same,
            ComparedLoad::PageViewSmall | ComparedLoad::PageViewRich => LoadKind::PageView,
            ComparedLoad::Mix => LoadKind::Mix,
            ComparedLoad::Hot => LoadKind::Hot,
        }
    }

    fn companies(self) -> u64 {
        if self == ComparedLoad::Companies { limits::COMPANIES } else { 1 }
    }

    fn at_least(self) -> f64 {
        match self.kind() {
            LoadKind::Same | LoadKind::PageView => SAME_AT_LEAST,
            LoadKind::New
            | LoadKind::Update
            | LoadKind::Hot
            | LoadKind::Mix
            | LoadKind::NewAndUpdate => AT_LEAST,
        }
    }

    /// In words, with the number of profiles that are stored.
    fn describe(self, large: u64) -> String {
        let (rich, small, large) = (count(large / 100), count(large / 10), count(large));
        match self {
            ComparedLoad::New => "new people".to_owned(),
            ComparedLoad::Companies => "new people, 200 companies".to_owned(),
            ComparedLoad::UpdateSmall => format!("updates, {small} profiles"),
            ComparedLoad::UpdateLarge => format!("updates, {large} profiles"),
            ComparedLoad::SameSmall => format!("no change, {small} profiles"),
            ComparedLoad::SameLarge => format!("no change, {large} profiles"),
            ComparedLoad::PageViewSmall => format!("identifiers only, {small} profiles"),
            ComparedLoad::PageViewRich => format!("identifiers only, {rich} profiles of 8 KB"),
            ComparedLoad::Mix => format!("80 % updates, 15 % new, 5 % merges, {large} profiles"),
            ComparedLoad::Hot => format!("one hot profile, {large} profiles"),
        }
    }
}
