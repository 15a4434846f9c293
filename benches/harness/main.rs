//! The harness: everything docs/PERFORMANCE.md speaks of, measured on this machine.
//!
//! `benches/run` builds the gateway and this program, and starts it. What is held
//! against each other is measured in one run and in turns, since machines differ
//! and the same one differs from minute to minute.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where people are told")]

mod arguments;
mod bare;
mod clock;
mod disk;
mod driving;
mod gateway;
mod growth;
mod http;
mod limits;
mod machine;
mod people;
mod process;
mod recording;
mod replay;
mod report;
mod scratch;
mod seed;
mod stages;
mod trouble;
mod wrk;

use std::process::ExitCode;

use arguments::{Arguments, Part, Plan};
// For its allocator, which is the gateway's.
use benches as _;
use clap::Parser;
use report::Report;
use scratch::Scratch;
use trouble::Trouble;

fn main() -> ExitCode {
    let done = match Arguments::parse().plan() {
        Plan::Bare(listen) => bare::serve(listen),
        Plan::Measure { parts, dir } => measure(parts, dir.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("harness: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn measure(parts: Vec<Part>, dir: Option<&std::path::Path>) -> Result<(), Trouble> {
    let began = clock::now();
    let scratch = Scratch::new(dir)?;
    scratch.require(parts.iter().map(Part::bytes).max().unwrap_or(0))?;
    let facts = machine::facts(&scratch)?;
    println!("{facts}");
    let mut report = Report::default();
    for part in parts {
        match part {
            Part::Criterion(options) => stages::measure(&scratch, options, &mut report)?,
            Part::Http(options) => http::measure(&scratch, options, &mut report)?,
            Part::Growth(options) => growth::measure(&scratch, &options, began, &mut report)?,
            Part::Disk(options) => disk::measure(&scratch, options, &mut report)?,
        }
    }
    println!("\n{facts}\n{}", report.markdown());
    println!("Measured in {} s.", began.elapsed().as_secs());
    Ok(())
}

/// Says what is being done, to whoever waits for the table.
fn tell(text: &str) {
    println!("{text}");
}
