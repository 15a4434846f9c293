//! Requests over HTTP: the gateway, a bare handler and a loop over sled alone, measured in
//! alternation.

use std::path::PathBuf;

use crate::{
    bare,
    driving::{self, LoadSample},
    error::HarnessError,
    figures::{Percentiles, count, duration, grouped, median, per_second},
    gateway::GatewayProcess,
    limits,
    options::HttpOptions,
    progress, recording, replay,
    report::{Ratio, RatioBound, ResultRow, ResultTable},
    scratch, seed,
    testbed::Testbed,
    wrk::{self, LoadKind, LoadResult, LoadRun},
};

const BARE: &str = "bare handler";
const LOOP_NEW: &str = "sled loop, new";
const LOOP_UPDATES: &str = "sled loop, updates";
const NEW: &str = "new profiles";
const NEW_COMPANIES: &str = "new profiles, 200 companies";
const UPDATES: &str = "updates";
const SAME: &str = "no change";
const MIX: &str = "80 % updates, 15 % new, 5 % merges";
const HOT: &str = "one hot profile";

/// The loads on a gateway whose store is filled.
const ON_STORED: [(&str, LoadKind); 4] = [
    (UPDATES, LoadKind::Update),
    (SAME, LoadKind::Same),
    (MIX, LoadKind::Mix),
    (HOT, LoadKind::Hot),
];

/// The target for p99.
const WANTED_P99_MICROS: f64 = 10_000.0;

/// The result that another one is compared with, and the target for the ratio.
type Baseline = (&'static str, Option<RatioBound>);

/// The rows, and what each is compared with.
const ROWS: [(&str, &[Baseline]); 9] = [
    (BARE, &[]),
    (LOOP_NEW, &[]),
    (LOOP_UPDATES, &[]),
    (NEW, &[(LOOP_NEW, Some(RatioBound::AtLeast(1.0))), (BARE, None)]),
    (NEW_COMPANIES, &[(LOOP_NEW, None), (BARE, None)]),
    (UPDATES, &[(BARE, Some(RatioBound::AtLeast(0.3))), (LOOP_UPDATES, None)]),
    (SAME, &[(BARE, None)]),
    (MIX, &[(BARE, None)]),
    (HOT, &[(BARE, None)]),
];

/// Measures all rounds.
pub(crate) fn measure(
    testbed: &Testbed,
    options: HttpOptions,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    let HttpOptions { seconds, rounds, profiles } = options;
    progress::print(&format!(
        "HTTP: {rounds} rounds, {seconds} s each, {} connections, rate limits of {}",
        limits::CONNECTIONS,
        count(u64::from(limits::REQUESTS)),
    ));
    let mut samples = HttpRounds::prepare(testbed, options)?;
    for round in 0..rounds {
        progress::print(&format!("  round {} of {rounds}", round + 1));
        samples.round(round)?;
    }
    for (name, baselines) in ROWS {
        table.add(samples.row(name, baselines, profiles));
    }
    samples.clean()
}

/// The rounds, and the samples so far.
struct HttpRounds<'a> {
    testbed: &'a Testbed,
    options: HttpOptions,
    /// The gateway's data directory.
    gateway_data: PathBuf,
    /// The same people in a table in sled, for the loop over it.
    loop_data: PathBuf,
    samples: Vec<(&'static str, LoadSample)>,
}

impl<'a> HttpRounds<'a> {
    fn prepare(testbed: &'a Testbed, options: HttpOptions) -> Result<HttpRounds<'a>, HarnessError> {
        let HttpOptions { rounds, profiles, .. } = options;
        let scratch = &testbed.scratch;
        let (gateway_data, loop_data) = (scratch.fresh("gateway")?, scratch.fresh("loop")?);
        seed::people(&gateway_data, 0..profiles)?;
        seed::visitors(&gateway_data, 0..rounds * limits::VISITORS_PER_RUN)?;
        seed::people_in_sled(&loop_data, 0..profiles)?;
        let samples = Vec::new();
        Ok(HttpRounds { testbed, options, gateway_data, loop_data, samples })
    }

    fn clean(self) -> Result<(), HarnessError> {
        scratch::remove(&self.gateway_data)?;
        scratch::remove(&self.loop_data)
    }

    fn round(&mut self, round: u64) -> Result<(), HarnessError> {
        self.bare(round)?;
        self.new_people(NEW, 1)?;
        self.loop_over_new()?;
        self.new_people(NEW_COMPANIES, limits::COMPANIES)?;
        self.stored_people(round)?;
        self.loop_over_updates(round)
    }

    fn load(&self, kind: LoadKind, companies: u64, number: u64) -> LoadRun {
        let HttpOptions { seconds, profiles: stored, .. } = self.options;
        LoadRun { kind, stored, companies, seconds, number }
    }

    fn bare(&mut self, round: u64) -> Result<(), HarnessError> {
        let (server, address) = bare::start()?;
        let load = self.load(LoadKind::Update, 1, round);
        let result = wrk::run(&self.testbed.scratch, address, &load)?;
        let seconds = std::time::Duration::from_secs(load.seconds).as_secs_f64();
        let processors = Some(server.processor_time()?.as_secs_f64() / seconds);
        server.stop()?;
        self.note(BARE, LoadSample { result, processors, created: 0, per_flush: None });
        Ok(())
    }

    /// New people, on a gateway without data.
    fn new_people(&mut self, name: &'static str, companies: u64) -> Result<(), HarnessError> {
        let data = self.testbed.scratch.fresh("empty")?;
        let gateway = self.testbed.start(&data)?;
        self.drive(name, &gateway, self.load(LoadKind::New, companies, 0))?;
        gateway.server.stop()?;
        scratch::remove(&data)
    }

    /// Requests about stored people. The gateway is restarted before the company would reach its
    /// limit for a minute.
    fn stored_people(&mut self, round: u64) -> Result<(), HarnessError> {
        let most = self.options.seconds * limits::RATE_AT_MOST;
        let mut gateway = self.testbed.start(&self.gateway_data)?;
        for (name, kind) in ON_STORED {
            if u64::from(limits::REQUESTS) < gateway.counters()?.accepted + most {
                gateway.server.stop()?;
                gateway = self.testbed.start(&self.gateway_data)?;
            }
            self.drive(name, &gateway, self.load(kind, 1, round))?;
        }
        gateway.server.stop()
    }

    fn drive(
        &mut self,
        name: &'static str,
        to: &GatewayProcess,
        load: LoadRun,
    ) -> Result<(), HarnessError> {
        let sample = driving::drive(&self.testbed.scratch, to, &load)?;
        self.note(name, sample);
        Ok(())
    }

    fn loop_over_new(&mut self) -> Result<(), HarnessError> {
        let data = self.testbed.scratch.fresh("empty")?;
        let per_flush = self.per_flush(NEW);
        let batches = recording::new_people(recorded(self.options.seconds), per_flush)?;
        let result = replay::replay(&data, &batches, self.options.seconds)?;
        self.note_loop(LOOP_NEW, result, per_flush);
        scratch::remove(&data)
    }

    fn loop_over_updates(&mut self, round: u64) -> Result<(), HarnessError> {
        let HttpOptions { seconds, profiles, .. } = self.options;
        let per_flush = self.per_flush(UPDATES);
        let count = recorded(seconds);
        let batches = recording::updates(&self.loop_data, profiles, count, round, per_flush)?;
        let result = replay::replay(&self.loop_data, &batches, seconds)?;
        self.note_loop(LOOP_UPDATES, result, per_flush);
        Ok(())
    }

    fn note_loop(&mut self, name: &'static str, result: LoadResult, per_flush: usize) {
        let per_flush = Some(per_flush);
        self.note(name, LoadSample { result, processors: None, created: 0, per_flush });
    }

    fn note(&mut self, name: &'static str, sample: LoadSample) {
        let rate = per_second(sample.result.rate);
        progress::print(&format!("    {name}: {rate}, p99 {}", duration(sample.result.times.p99)));
        self.samples.push((name, sample));
    }

    /// How many requests shared a flush when this was measured last. The loop writes as many per
    /// flush.
    fn per_flush(&self, name: &str) -> usize {
        self.samples_of(name).last().and_then(|sample| sample.per_flush).unwrap_or(1)
    }

    fn samples_of(&self, name: &str) -> impl Iterator<Item = &LoadSample> {
        self.samples.iter().filter(move |(found, _)| *found == name).map(|(_, sample)| sample)
    }

    fn median(&self, name: &str, figure: impl Fn(&LoadSample) -> f64) -> f64 {
        median(self.samples_of(name).map(figure))
    }

    /// The median of the ratios of each round: the machine's speed differs between rounds.
    fn ratio(&self, name: &str, baseline: &str) -> f64 {
        let ratio = |(one, other): (&LoadSample, &LoadSample)| one.result.rate / other.result.rate;
        median(self.samples_of(name).zip(self.samples_of(baseline)).map(ratio))
    }

    fn row(&self, name: &str, baselines: &[Baseline], profiles: u64) -> ResultRow {
        let times: Vec<Percentiles> =
            self.samples_of(name).map(|sample| sample.result.times).collect();
        let times = Percentiles::median(&times);
        let ratio = |&(of, bound): &Baseline| Ratio {
            value: self.ratio(name, of),
            of: of.to_owned(),
            bound,
        };
        let is_gateway = !baselines.is_empty();
        let p99 = ("p99 ≤ 10 ms".to_owned(), times.p99 <= WANTED_P99_MICROS);
        let size = if name == LOOP_UPDATES || ON_STORED.iter().any(|(load, _)| *load == name) {
            format!(" ({} profiles)", count(profiles))
        } else {
            String::new()
        };
        ResultRow {
            what: format!("HTTP: {name}{size}").replace("HTTP: sled loop", "sled loop"),
            result: per_second(self.median(name, |sample| sample.result.rate)),
            times: Some(times),
            ratios: baselines.iter().map(ratio).collect(),
            wanted: is_gateway.then_some(p99).into_iter().collect(),
            note: self.note_of(name),
        }
    }

    /// The rates of the rounds, and how busy the processors were.
    fn note_of(&self, name: &str) -> String {
        let rates: Vec<String> =
            self.samples_of(name).map(|sample| grouped(sample.result.rate)).collect();
        let rounds = format!("rounds: {}", rates.join(" and "));
        let per_flush: Vec<String> = self
            .samples_of(name)
            .filter_map(|sample| Some(sample.per_flush?.to_string()))
            .collect();
        let per_flush = match per_flush.as_slice() {
            [] => String::new(),
            per_flush => format!("; {} requests a flush", per_flush.join(" and ")),
        };
        if self.samples_of(name).any(|sample| sample.processors.is_some()) {
            let server = self.median(name, |sample| sample.processors.unwrap_or(0.0));
            let generator = self.median(name, |sample| sample.result.processors);
            format!("{rounds}{per_flush}; processors: server {server:.2}, wrk {generator:.2}")
        } else {
            format!("{rounds}{per_flush}; times are those of a flush")
        }
    }
}

/// Requests to record for a loop of so many seconds.
fn recorded(seconds: u64) -> u64 {
    (seconds * limits::RECORDED_PER_SECOND).min(limits::RECORDED)
}
