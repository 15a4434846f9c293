//! wrk, the load generator: what it sends, and what it measured.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    error::{ErrorContext, HarnessError},
    figures::{self, Percentiles},
    limits, people, process,
    scratch::ScratchDirectory,
};

/// Threads of the generator. One core's worth of it sends more than the rest of a small machine
/// can answer, and a second thread would only take the processor away.
const THREADS: u64 = 1;

/// What is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoadKind {
    /// New people.
    New,
    /// Changed values of stored people.
    Update,
    /// Exactly what is stored of stored people.
    Same,
    /// The identifiers of stored people, and nothing else.
    PageView,
    /// Changed values of one person.
    Hot,
    /// 80 % updates, 15 % new people, 5 % visitors who are merged into stored people.
    Mix,
    /// Half new people, half updates.
    NewAndUpdate,
}

impl LoadKind {
    /// Its name in `load.lua`.
    fn as_str(self) -> &'static str {
        match self {
            LoadKind::New => "new",
            LoadKind::Update => "update",
            LoadKind::Same => "same",
            LoadKind::PageView => "page_view",
            LoadKind::Hot => "hot",
            LoadKind::Mix => "mix",
            LoadKind::NewAndUpdate => "new_and_update",
        }
    }
}

/// One run of wrk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadRun {
    pub(crate) kind: LoadKind,
    /// People who are stored before the run.
    pub(crate) stored: u64,
    /// Companies that new people are spread over.
    pub(crate) companies: u64,
    pub(crate) seconds: u64,
    /// The number of this run against the same data. Runs with different numbers create different
    /// people, and choose differently whom to update.
    pub(crate) number: u64,
}

/// What wrk measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadResult {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// Requests answered with success, per second.
    pub(crate) rate: f64,
    pub(crate) times: Percentiles,
    /// The longest time of a request, in microseconds.
    pub(crate) longest: f64,
    /// Answers with a status over 399.
    pub(crate) refused: u64,
    /// Errors of connections, and requests that were not answered within 10 s.
    pub(crate) broken: u64,
    /// Processors that the generator kept busy.
    pub(crate) processors: f64,
}

impl LoadResult {
    /// Fails if any request failed.
    fn require_success(self) -> Result<LoadResult, HarnessError> {
        let LoadResult { requests, refused, broken, .. } = self;
        if refused != 0 || broken != 0 || requests == 0 {
            return Err(HarnessError::new(format!(
                "of {requests} requests {refused} were refused, and connections failed {broken} \
                 times: such a run measures nothing"
            )));
        }
        Ok(self)
    }
}

/// Sends a load over [`limits::CONNECTIONS`] connections. Fails if any request failed.
pub(crate) fn run(
    scratch: &ScratchDirectory,
    to: SocketAddr,
    load: &LoadRun,
) -> Result<LoadResult, HarnessError> {
    run_with_failures(scratch, to, load)?.require_success()
}

/// The same; failed requests are counted.
pub(crate) fn run_with_failures(
    scratch: &ScratchDirectory,
    to: SocketAddr,
    load: &LoadRun,
) -> Result<LoadResult, HarnessError> {
    let mut command = Command::new("wrk");
    command.args([format!("-t{THREADS}"), format!("-c{}", limits::CONNECTIONS)]);
    command.args([format!("-d{}s", load.seconds), "--timeout=10s".to_owned(), "-s".to_owned()]);
    command.arg(script(scratch)?).arg(format!("http://{to}")).arg("--").args([
        load.kind.as_str(),
        people::CUSTOMER,
        people::SIGN_UP,
        people::PAGE_VIEW,
    ]);
    let first_new = limits::SEEDED + load.number * limits::NEW_PER_RUN;
    let first_visitor = load.number * limits::VISITORS_PER_RUN;
    let numbers = [load.stored, load.companies, THREADS, first_new, first_visitor];
    command.args(numbers.map(|number| number.to_string()));

    let before = process::time_of_ended()?;
    let output = command.output().while_doing("run wrk (is it installed?)")?;
    let busy = process::time_of_ended()?.saturating_sub(before);
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut result = parse(&printed).ok_or_else(|| {
        let error = String::from_utf8_lossy(&output.stderr);
        HarnessError::new(format!("wrk printed no result: {error}{printed}"))
    })?;
    let length = Duration::from_secs(load.seconds);
    result.processors = busy.as_secs_f64() / length.as_secs_f64();
    if result.requests == 0 {
        // Every connection waited for the whole run, and wrk has no time of that.
        let whole = figures::micros(length);
        result.times = Percentiles { p50: whole, p99: whole, p999: whole };
        result.longest = whole;
    }
    Ok(result)
}

fn script(scratch: &ScratchDirectory) -> Result<PathBuf, HarnessError> {
    let path: &Path = scratch.path();
    let path = path.join("load.lua");
    fs::write(&path, include_str!("load.lua")).while_doing("write the script for wrk")?;
    Ok(path)
}

/// Reads the line that the script prints last.
fn parse(printed: &str) -> Option<LoadResult> {
    let line = printed.lines().find_map(|line| line.strip_prefix("harness "))?;
    let number = |name: &str| {
        let (_, after) = line.split_once(&format!("{name}="))?;
        after.split(' ').next()?.parse::<u32>().ok()
    };
    let [requests, refused, broken] =
        [number("requests")?, number("refused")?, number("broken")?].map(u64::from);
    let took = Duration::from_micros(number("micros")?.into());
    let time = |name| number(name).map(f64::from);
    let times = Percentiles { p50: time("p50")?, p99: time("p99")?, p999: time("p999")? };
    let longest = time("longest")?;
    let rate = figures::rate(requests.saturating_sub(refused), took);
    Some(LoadResult { requests, rate, times, longest, refused, broken, processors: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "Running\nharness requests=1000 micros=500000 p50=1 p99=2 p999=3 longest=4 refused=0 broken=0\n";

    #[test]
    fn the_result_that_the_script_prints_is_parsed() {
        let result = parse(LINE).unwrap().require_success().unwrap();
        assert_eq!(result.requests, 1_000);
        assert_eq!(result.rate.to_bits(), 2_000.0_f64.to_bits());
        assert_eq!(result.times, Percentiles { p50: 1.0, p99: 2.0, p999: 3.0 });
        assert_eq!(result.longest.to_bits(), 4.0_f64.to_bits());
    }

    #[test]
    fn a_run_with_a_failed_request_is_an_error() {
        for failed in ["refused=1", "broken=1"] {
            let name = failed.split('=').next().unwrap();
            let line = LINE.replace(&format!("{name}=0"), failed);
            parse(&line).unwrap().require_success().unwrap_err();
        }
        assert!(parse("unable to connect").is_none());
    }
}
