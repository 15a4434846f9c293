//! The harness: measures everything docs/PERFORMANCE.md reports, on this machine.
//!
//! `benches/run` builds the gateway and this program, and starts it. Results that are compared are
//! measured in one run and in alternation, since machines differ, and the same machine differs from
//! minute to minute.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod arguments;
mod attack;
mod bare;
mod client;
mod clock;
mod comparison;
mod console;
mod copies;
mod disk;
mod driving;
mod error;
mod figures;
mod gateway;
mod growth;
mod hostile;
mod http;
mod limits;
mod machine;
mod neighbours;
mod options;
mod people;
mod preload;
mod process;
mod progress;
mod recording;
mod replay;
mod report;
mod scratch;
mod seed;
mod stages;
mod testbed;
mod wrk;

use std::{fs, path::Path, process::ExitCode};

use arguments::{HarnessArguments, HarnessPlan, MeasuredProgram};
// For its allocator, which is the gateway's.
use benches as _;
use clap::Parser;
use error::{ErrorContext, HarnessError};
use gateway::GatewayProgram;
use options::{BenchPart, ComparisonOptions};
use report::ResultTable;
use testbed::Testbed;

fn main() -> ExitCode {
    let done = match HarnessArguments::parse().plan() {
        HarnessPlan::ServeBare(listen) => bare::serve(listen),
        HarnessPlan::Measure(parts, program) => measure(parts, &program),
        HarnessPlan::Compare(options, program, other) => compare(&options, &program, &other),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("harness: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(parts: Vec<BenchPart>, program: &MeasuredProgram) -> Result<(), HarnessError> {
    let began = clock::now();
    let bytes = parts.iter().map(BenchPart::bytes).max().unwrap_or(0);
    report(program, bytes, |testbed, table| {
        for part in parts {
            match part {
                BenchPart::Criterion(options) => stages::measure(&testbed.scratch, options, table)?,
                BenchPart::Http(options) => http::measure(testbed, options, table)?,
                BenchPart::Neighbours(options) => neighbours::measure(testbed, &options, table)?,
                BenchPart::Growth(options) => growth::measure(testbed, &options, began, table)?,
                BenchPart::Console(options) => console::measure(testbed, options, table)?,
                BenchPart::Copies(options) => copies::measure(testbed, options, table)?,
                BenchPart::Disk(options) => disk::measure(testbed, options, table)?,
            }
        }
        Ok(())
    })
}

fn compare(
    options: &ComparisonOptions,
    program: &MeasuredProgram,
    other: &Path,
) -> Result<(), HarnessError> {
    report(program, options.bytes(), |testbed, table| {
        // A directory of its own: the two may accept different configurations.
        let directory = testbed.scratch.fresh("other")?;
        fs::create_dir(&directory).while_doing("create the directory of the other gateway")?;
        let other = GatewayProgram::new(Some(other), &directory)?;
        comparison::measure(testbed, &other, options, table)
    })
}

/// Measures, and prints the facts about the machine and the table.
fn report(
    program: &MeasuredProgram,
    bytes: u64,
    measure: impl FnOnce(&Testbed, &mut ResultTable) -> Result<(), HarnessError>,
) -> Result<(), HarnessError> {
    let began = clock::now();
    let testbed = Testbed::new(program.gateway.as_deref(), program.dir.as_deref())?;
    testbed.scratch.require(bytes)?;
    let facts = machine::facts(&testbed.scratch)?;
    println!("{facts}");
    let mut table = ResultTable::default();
    measure(&testbed, &mut table)?;
    println!("\n{facts}\n{}", table.markdown());
    println!("Measured in {} s.", began.elapsed().as_secs());
    Ok(())
}
