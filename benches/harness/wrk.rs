//! wrk, the load generator: what it is told to send, and what it says of the answers.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    clock, limits, people, process,
    report::Percentiles,
    scratch::Scratch,
    trouble::{Trouble, While},
};

/// Threads of the generator. One core's worth of it can send more than the rest of a
/// small machine can answer, and a second thread would only take the processor away.
const THREADS: u64 = 1;

/// What is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// People nobody knows.
    New,
    /// Changed values of people who are known.
    Update,
    /// What is known of them already.
    Same,
    /// Changed values of one person.
    Hot,
    /// 80 % updates, 15 % new people, 5 % visitors who turn out to be known.
    Mix,
}

impl Kind {
    /// As `load.lua` knows it.
    fn name(self) -> &'static str {
        match self {
            Kind::New => "new",
            Kind::Update => "update",
            Kind::Same => "same",
            Kind::Hot => "hot",
            Kind::Mix => "mix",
        }
    }
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    /// People who are known before.
    pub(crate) known: u64,
    /// Companies that new people are spread over.
    pub(crate) companies: u64,
    pub(crate) seconds: u64,
    /// The how-manieth run against the same data this is. It decides who is new, and
    /// by which dice the rest is thrown.
    pub(crate) run: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) requests: u64,
    pub(crate) rate: f64,
    pub(crate) times: Percentiles,
    /// Processors that the generator kept busy.
    pub(crate) processors: f64,
}

/// Sends it, with as many connections as the numbers to meet speak of. Fails if
/// anything went wrong with a connection, or was answered by a status over 399.
pub(crate) fn run(scratch: &Scratch, to: SocketAddr, load: &Load) -> Result<Measured, Trouble> {
    let mut command = Command::new("wrk");
    command.args([format!("-t{THREADS}"), format!("-c{}", limits::CONNECTIONS)]);
    command.args([format!("-d{}s", load.seconds), "--timeout=10s".to_owned(), "-s".to_owned()]);
    command.arg(script(scratch)?).arg(format!("http://{to}")).arg("--").args([
        load.kind.name(),
        people::CUSTOMER,
        people::SIGN_UP,
    ]);
    let first_new = limits::SEEDED + load.run * limits::NEW_PER_RUN;
    let first_visitor = load.run * limits::VISITORS_PER_RUN;
    let numbers = [load.known, load.companies, THREADS, first_new, first_visitor];
    command.args(numbers.map(|number| number.to_string()));

    let before = process::time_of_ended()?;
    let output = command.output().while_doing("run wrk (is it installed?)")?;
    let busy = process::time_of_ended()?.saturating_sub(before);
    let said = String::from_utf8_lossy(&output.stdout);
    let mut measured = parse(&said).ok_or_else(|| {
        let error = String::from_utf8_lossy(&output.stderr);
        Trouble::new(format!("wrk did not say what came of its run: {error}{said}"))
    })??;
    measured.processors = busy.as_secs_f64() / Duration::from_secs(load.seconds).as_secs_f64();
    Ok(measured)
}

fn script(scratch: &Scratch) -> Result<PathBuf, Trouble> {
    let path: &Path = scratch.path();
    let path = path.join("load.lua");
    fs::write(&path, include_str!("load.lua")).while_doing("write the script for wrk")?;
    Ok(path)
}

/// Reads the line that the script ends with.
fn parse(said: &str) -> Option<Result<Measured, Trouble>> {
    let line = said.lines().find_map(|line| line.strip_prefix("harness "))?;
    let number = |name: &str| {
        let (_, after) = line.split_once(&format!("{name}="))?;
        after.split(' ').next()?.parse::<u32>().ok()
    };
    let (refused, broken) = (number("refused")?, number("broken")?);
    let requests = u64::from(number("requests")?);
    if refused != 0 || broken != 0 || requests == 0 {
        return Some(Err(Trouble::new(format!(
            "of {requests} requests {refused} were refused, and connections failed {broken} times: \
             such a run measures nothing"
        ))));
    }
    let took = Duration::from_micros(number("micros")?.into());
    let time = |name| number(name).map(f64::from);
    let times = Percentiles { p50: time("p50")?, p99: time("p99")?, p999: time("p999")? };
    Some(Ok(Measured { requests, rate: clock::rate(requests, took), times, processors: 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "Running\nharness requests=1000 micros=500000 p50=1 p99=2 p999=3 refused=0 broken=0\n";

    #[test]
    fn what_the_script_says_is_understood() {
        let measured = parse(LINE).unwrap().unwrap();
        assert_eq!(measured.requests, 1_000);
        assert_eq!(measured.rate.to_bits(), 2_000.0_f64.to_bits());
        assert_eq!(measured.times, Percentiles { p50: 1.0, p99: 2.0, p999: 3.0 });
    }

    #[test]
    fn a_run_in_which_anything_failed_counts_for_nothing() {
        for failed in ["refused=1", "broken=1"] {
            let name = failed.split('=').next().unwrap();
            let line = LINE.replace(&format!("{name}=0"), failed);
            parse(&line).unwrap().unwrap_err();
        }
        assert!(parse("unable to connect").is_none());
    }
}
