//! The stages of a request: criterion's benches, run shortly, and what they say.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use serde_json::Value;

use crate::{
    arguments::StagesOptions,
    report::{Report, Row, duration, per_second},
    scratch::{self, Scratch},
    tell,
    trouble::{Trouble, While},
};

/// Microseconds that some may take at most, by the beginning of their names.
const WANTED_MICROS: [(&str, f64); 3] =
    [("parse/today", 3.0), ("resolve/", 0.3), ("merge/typical", 1.0)];

/// The stages, in the order in which a request passes them.
const STAGES: [&str; 7] = ["parse", "resolve", "merge", "patch", "decide", "encode", "commit"];

/// Runs all of them.
pub(crate) fn measure(
    scratch: &Scratch,
    options: StagesOptions,
    report: &mut Report,
) -> Result<(), Trouble> {
    tell("Stages: criterion");
    let results = scratch.fresh("criterion")?;
    let [warm_up, measurement] = if options.quick { ["0.05", "0.1"] } else { ["0.3", "1"] };
    let mut command = Command::new("cargo");
    command.args(["bench", "--quiet", "--locked", "--package", "benches", "--"]);
    command.args(["--noplot", "--sample-size", "20", "--warm-up-time", warm_up]);
    command.args(["--measurement-time", measurement]).env("CRITERION_HOME", &results);
    let output = command.output().while_doing("run cargo bench")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(Trouble::new(format!("cargo bench failed: {error}")));
    }
    for row in rows(&results)? {
        report.add(row);
    }
    scratch::remove(&results)
}

/// A line for each result, stage by stage, and in the order in which they were measured.
fn rows(results: &Path) -> Result<Vec<Row>, Trouble> {
    let mut found = Vec::new();
    gather(results, &mut found)?;
    let stage = |directory: &Path| {
        let group = directory.strip_prefix(results).ok()?.iter().next()?;
        STAGES.iter().position(|stage| group == *stage)
    };
    // What is none of them comes last, not first.
    let place = |directory: &Path| stage(directory).unwrap_or(STAGES.len());
    found.sort_by_key(|(written, directory)| (place(directory), *written));
    if found.is_empty() {
        return Err(Trouble::new("criterion left no results: run cargo bench to see why"));
    }
    found.iter().map(|(_, directory)| row(directory)).collect()
}

/// The directories that hold the newest result of a bench, and when it was written.
fn gather(directory: &Path, found: &mut Vec<(SystemTime, PathBuf)>) -> Result<(), Trouble> {
    let reading = "read criterion's results";
    for entry in fs::read_dir(directory).while_doing(reading)? {
        let path = entry.while_doing(reading)?.path();
        if path.is_dir() {
            gather(&path, found)?;
        } else if path.ends_with("new/estimates.json") {
            let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
            found.push((written.while_doing(reading)?, directory.to_owned()));
        }
    }
    Ok(())
}

fn row(directory: &Path) -> Result<Row, Trouble> {
    let (bench, estimates) =
        (document(directory, "benchmark.json")?, document(directory, "estimates.json")?);
    let misread = || Trouble::new("criterion's results are not laid out as they were");
    let name = text(&bench, "/full_id").ok_or_else(misread)?;
    let nanos = estimates.pointer("/median/point_estimate").and_then(Value::as_f64);
    let micros = nanos.ok_or_else(misread)? / 1e3;
    let elements = bench.pointer("/throughput/Elements").and_then(Value::as_f64);
    let rate = elements.map(|elements| per_second(elements * 1e6 / micros));
    let wanted = WANTED_MICROS.iter().filter(|(start, _)| name.starts_with(start));
    let judged = |&(_, most): &(&str, f64)| (format!("≤ {}", duration(most)), micros <= most);
    Ok(Row {
        what: name.to_owned(),
        result: duration(micros),
        wanted: wanted.map(judged).collect(),
        note: rate.unwrap_or_default(),
        ..Row::default()
    })
}

fn text<'a>(document: &'a Value, pointer: &str) -> Option<&'a str> {
    document.pointer(pointer).and_then(Value::as_str)
}

fn document(directory: &Path, name: &str) -> Result<Value, Trouble> {
    let reading = format!("read {name} of criterion's results");
    let bytes = fs::read(directory.join(name)).while_doing(&reading)?;
    serde_json::from_slice(&bytes).while_doing(&reading)
}
