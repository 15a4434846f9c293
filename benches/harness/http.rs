//! Requests over HTTP: the gateway, a bare handler and a loop over sled alone, each in
//! its turn, round after round.

use std::path::PathBuf;

use crate::{
    arguments::HttpOptions,
    bare, driving,
    driving::Sample,
    gateway::Gateway,
    limits, recording, replay,
    report::{Percentiles, Ratio, Report, Row, count, duration, grouped, median, per_second},
    scratch::{self, Scratch},
    seed, tell,
    trouble::Trouble,
    wrk::{self, Kind, Load, Measured},
};

const BARE: &str = "bare handler";
const LOOP_NEW: &str = "sled loop, new";
const LOOP_UPDATES: &str = "sled loop, updates";
const NEW: &str = "new profiles";
const NEW_COMPANIES: &str = "new profiles, 200 companies";
const UPDATES: &str = "updates";
const SAME: &str = "nothing new said";
const MIX: &str = "80 % updates, 15 % new, 5 % merges";
const HOT: &str = "one hot profile";

/// What is sent to the gateway that knows everybody.
const KNOWN: [(&str, Kind); 4] =
    [(UPDATES, Kind::Update), (SAME, Kind::Same), (MIX, Kind::Mix), (HOT, Kind::Hot)];

/// How long a request may take, for all but one in a hundred.
const WANTED_P99_MICROS: f64 = 10_000.0;

/// What something is held against, and how much of that it is to be at least.
type Against = (&'static str, Option<f64>);

/// What is told, and against what it is held.
const LINES: [(&str, &[Against]); 9] = [
    (BARE, &[]),
    (LOOP_NEW, &[]),
    (LOOP_UPDATES, &[]),
    (NEW, &[(LOOP_NEW, Some(0.8)), (BARE, None)]),
    (NEW_COMPANIES, &[(LOOP_NEW, None), (BARE, None)]),
    (UPDATES, &[(BARE, Some(0.5)), (LOOP_UPDATES, None)]),
    (SAME, &[(BARE, None)]),
    (MIX, &[(BARE, None)]),
    (HOT, &[(BARE, None)]),
];

/// Runs all rounds.
pub(crate) fn measure(
    scratch: &Scratch,
    options: HttpOptions,
    report: &mut Report,
) -> Result<(), Trouble> {
    let HttpOptions { seconds, rounds, profiles } = options;
    tell(&format!(
        "HTTP: {rounds} rounds, {seconds} s each, {} connections, limits of companies set to {}",
        limits::CONNECTIONS,
        count(u64::from(limits::REQUESTS)),
    ));
    let mut turns = Turns::prepare(scratch, options)?;
    for round in 0..rounds {
        tell(&format!("  round {} of {rounds}", round + 1));
        turns.take(round)?;
    }
    for (name, against) in LINES {
        report.add(turns.row(name, against, profiles));
    }
    turns.clean()
}

/// Everything that has its turn in a round, and what came of it so far.
struct Turns<'a> {
    scratch: &'a Scratch,
    options: HttpOptions,
    /// Where the gateway has its people.
    gateway_data: PathBuf,
    /// Where the loop over sled has the same.
    loop_data: PathBuf,
    samples: Vec<(&'static str, Sample)>,
}

impl<'a> Turns<'a> {
    fn prepare(scratch: &'a Scratch, options: HttpOptions) -> Result<Turns<'a>, Trouble> {
        let HttpOptions { rounds, profiles, .. } = options;
        let (gateway_data, loop_data) = (scratch.fresh("gateway")?, scratch.fresh("loop")?);
        seed::people(&gateway_data, 0..profiles)?;
        seed::visitors(&gateway_data, 0..rounds * limits::VISITORS_PER_RUN)?;
        scratch::copy(&gateway_data, &loop_data)?;
        let samples = Vec::new();
        Ok(Turns { scratch, options, gateway_data, loop_data, samples })
    }

    fn clean(self) -> Result<(), Trouble> {
        scratch::remove(&self.gateway_data)?;
        scratch::remove(&self.loop_data)
    }

    fn take(&mut self, round: u64) -> Result<(), Trouble> {
        self.bare(round)?;
        self.newcomers(NEW, 1)?;
        self.loop_over_new()?;
        self.newcomers(NEW_COMPANIES, limits::COMPANIES)?;
        self.known(round)?;
        self.loop_over_updates(round)
    }

    fn load(&self, kind: Kind, companies: u64, run: u64) -> Load {
        let HttpOptions { seconds, profiles: known, .. } = self.options;
        Load { kind, known, companies, seconds, run }
    }

    fn bare(&mut self, round: u64) -> Result<(), Trouble> {
        let (server, address) = bare::start()?;
        let load = self.load(Kind::Update, 1, round);
        let measured = wrk::run(self.scratch, address, &load)?;
        let seconds = std::time::Duration::from_secs(load.seconds).as_secs_f64();
        let processors = Some(server.processor_time()?.as_secs_f64() / seconds);
        server.stop()?;
        self.note(BARE, Sample { measured, processors, created: 0, together: None });
        Ok(())
    }

    /// New people, to a gateway that has no data.
    fn newcomers(&mut self, name: &'static str, companies: u64) -> Result<(), Trouble> {
        let data = self.scratch.fresh("empty")?;
        let gateway = Gateway::start(self.scratch, &data)?;
        self.drive(name, &gateway, self.load(Kind::New, companies, 0))?;
        gateway.server.stop()?;
        scratch::remove(&data)
    }

    /// Requests to the gateway that knows everybody. It is started anew before the
    /// company would reach the limit of a minute after all.
    fn known(&mut self, round: u64) -> Result<(), Trouble> {
        let most = self.options.seconds * limits::RATE_AT_MOST;
        let mut gateway = Gateway::start(self.scratch, &self.gateway_data)?;
        for (name, kind) in KNOWN {
            if u64::from(limits::REQUESTS) < gateway.counts()?.accepted + most {
                gateway.server.stop()?;
                gateway = Gateway::start(self.scratch, &self.gateway_data)?;
            }
            self.drive(name, &gateway, self.load(kind, 1, round))?;
        }
        gateway.server.stop()
    }

    fn drive(&mut self, name: &'static str, to: &Gateway, load: Load) -> Result<(), Trouble> {
        let sample = driving::drive(self.scratch, to, &load)?;
        self.note(name, sample);
        Ok(())
    }

    fn loop_over_new(&mut self) -> Result<(), Trouble> {
        let data = self.scratch.fresh("empty")?;
        let together = self.together(NEW);
        let groups = recording::new_people(recorded(self.options.seconds), together)?;
        let measured = replay::replay(&data, &groups, self.options.seconds)?;
        self.note_loop(LOOP_NEW, measured, together);
        scratch::remove(&data)
    }

    fn loop_over_updates(&mut self, round: u64) -> Result<(), Trouble> {
        let HttpOptions { seconds, profiles, .. } = self.options;
        let together = self.together(UPDATES);
        let count = recorded(seconds);
        let groups = recording::updates(&self.loop_data, profiles, count, round, together)?;
        let measured = replay::replay(&self.loop_data, &groups, seconds)?;
        self.note_loop(LOOP_UPDATES, measured, together);
        Ok(())
    }

    fn note_loop(&mut self, name: &'static str, measured: Measured, together: usize) {
        let together = Some(together);
        self.note(name, Sample { measured, processors: None, created: 0, together });
    }

    fn note(&mut self, name: &'static str, sample: Sample) {
        let rate = per_second(sample.measured.rate);
        tell(&format!("    {name}: {rate}, p99 {}", duration(sample.measured.times.p99)));
        self.samples.push((name, sample));
    }

    /// How many requests shared a flush when this was measured last: as many as are to
    /// share one in the loop.
    fn together(&self, name: &str) -> usize {
        self.of(name).last().and_then(|sample| sample.together).unwrap_or(1)
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |(of, _)| *of == name).map(|(_, sample)| sample)
    }

    fn median(&self, name: &str, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.of(name).map(of))
    }

    /// Round by round, since the machine is another one in the next.
    fn ratio(&self, name: &str, of: &str) -> f64 {
        let ratio = |(one, other): (&Sample, &Sample)| one.measured.rate / other.measured.rate;
        median(self.of(name).zip(self.of(of)).map(ratio))
    }

    fn row(&self, name: &str, against: &[Against], profiles: u64) -> Row {
        let time =
            |of: fn(&Percentiles) -> f64| self.median(name, |sample| of(&sample.measured.times));
        let times = Percentiles {
            p50: time(|times| times.p50),
            p99: time(|times| times.p99),
            p999: time(|times| times.p999),
        };
        let ratio = |&(of, at_least): &Against| Ratio {
            value: self.ratio(name, of),
            of: of.to_owned(),
            at_least,
        };
        let ours = !against.is_empty();
        let p99 = ("p99 ≤ 10 ms".to_owned(), times.p99 <= WANTED_P99_MICROS);
        let with = if name == LOOP_UPDATES || KNOWN.iter().any(|(known, _)| *known == name) {
            format!(" ({} profiles)", count(profiles))
        } else {
            String::new()
        };
        Row {
            what: format!("HTTP: {name}{with}").replace("HTTP: sled loop", "sled loop"),
            result: per_second(self.median(name, |sample| sample.measured.rate)),
            times: Some(times),
            ratios: against.iter().map(ratio).collect(),
            wanted: ours.then_some(p99).into_iter().collect(),
            note: self.note_of(name),
        }
    }

    /// What the rounds differ by, and who kept the processors busy.
    fn note_of(&self, name: &str) -> String {
        let rates: Vec<String> =
            self.of(name).map(|sample| grouped(sample.measured.rate)).collect();
        let rounds = format!("rounds: {}", rates.join(" and "));
        let together: Vec<String> =
            self.of(name).filter_map(|sample| Some(sample.together?.to_string())).collect();
        let together = match together.as_slice() {
            [] => String::new(),
            together => format!("; {} requests a flush", together.join(" and ")),
        };
        if self.of(name).any(|sample| sample.processors.is_some()) {
            let server = self.median(name, |sample| sample.processors.unwrap_or(0.0));
            let generator = self.median(name, |sample| sample.measured.processors);
            format!("{rounds}{together}; processors: server {server:.2}, wrk {generator:.2}")
        } else {
            format!("{rounds}{together}, times are a flush's")
        }
    }
}

/// Requests to be recorded for a loop of so many seconds.
fn recorded(seconds: u64) -> u64 {
    (seconds * limits::RECORDED_PER_SECOND).min(limits::RECORDED)
}
