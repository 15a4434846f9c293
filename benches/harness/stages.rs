//! The stages of a request: the criterion benches, run briefly, and their results.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use serde_json::Value;

use crate::{
    error::{ErrorContext, HarnessError},
    figures::{duration, per_second},
    options::StagesOptions,
    progress,
    report::{ResultRow, ResultTable},
    scratch::{self, ScratchDirectory},
};

/// Targets in microseconds, by the beginning of a bench's name.
const WANTED_MICROS: [(&str, f64); 3] =
    [("parse/today", 3.0), ("resolve/", 0.3), ("merge/typical", 1.0)];

/// The stages, in the order in which a request passes them.
const STAGES: [&str; 7] = ["parse", "resolve", "merge", "patch", "decide", "encode", "commit"];

/// Runs all benches.
pub(crate) fn measure(
    scratch: &ScratchDirectory,
    options: StagesOptions,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    progress::print("Stages: criterion");
    let results = scratch.fresh("criterion")?;
    let [warm_up, measurement] = if options.quick { ["0.05", "0.1"] } else { ["0.3", "1"] };
    let mut command = Command::new("cargo");
    command.args(["bench", "--quiet", "--locked", "--package", "benches", "--"]);
    command.args(["--noplot", "--sample-size", "20", "--warm-up-time", warm_up]);
    command.args(["--measurement-time", measurement]).env("CRITERION_HOME", &results);
    let output = command.output().while_doing("run cargo bench")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(HarnessError::new(format!("cargo bench failed: {error}")));
    }
    for row in rows(&results)? {
        table.add(row);
    }
    scratch::remove(&results)
}

/// A row for each result, in the order of stages, within a stage in the order of measurement.
fn rows(results: &Path) -> Result<Vec<ResultRow>, HarnessError> {
    let mut found = Vec::new();
    collect(results, &mut found)?;
    let stage = |directory: &Path| {
        let group = directory.strip_prefix(results).ok()?.iter().next()?;
        STAGES.iter().position(|stage| group == *stage)
    };
    // A result of no stage comes last.
    let rank = |directory: &Path| stage(directory).unwrap_or(STAGES.len());
    found.sort_by_key(|(written, directory)| (rank(directory), *written));
    if found.is_empty() {
        return Err(HarnessError::new("criterion left no results: run cargo bench to see why"));
    }
    found.iter().map(|(_, directory)| row(directory)).collect()
}

/// Collects the directories with the newest result of each bench, and when it was written.
fn collect(directory: &Path, found: &mut Vec<(SystemTime, PathBuf)>) -> Result<(), HarnessError> {
    let reading = "read criterion's results";
    for entry in fs::read_dir(directory).while_doing(reading)? {
        let path = entry.while_doing(reading)?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.ends_with("new/estimates.json") {
            let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
            found.push((written.while_doing(reading)?, directory.to_owned()));
        }
    }
    Ok(())
}

fn row(directory: &Path) -> Result<ResultRow, HarnessError> {
    let (bench, estimates) =
        (document(directory, "benchmark.json")?, document(directory, "estimates.json")?);
    let misread = || HarnessError::new("criterion's results have an unexpected layout");
    let name = text_at(&bench, "/full_id").ok_or_else(misread)?;
    let nanos = estimates.pointer("/median/point_estimate").and_then(Value::as_f64);
    let micros = nanos.ok_or_else(misread)? / 1e3;
    let elements = bench.pointer("/throughput/Elements").and_then(Value::as_f64);
    let rate = elements.map(|elements| per_second(elements * 1e6 / micros));
    let wanted = WANTED_MICROS.iter().filter(|(start, _)| name.starts_with(start));
    let verdict = |&(_, most): &(&str, f64)| (format!("≤ {}", duration(most)), micros <= most);
    Ok(ResultRow {
        what: name.to_owned(),
        result: duration(micros),
        wanted: wanted.map(verdict).collect(),
        note: rate.unwrap_or_default(),
        ..ResultRow::default()
    })
}

fn text_at<'a>(document: &'a Value, pointer: &str) -> Option<&'a str> {
    document.pointer(pointer).and_then(Value::as_str)
}

fn document(directory: &Path, name: &str) -> Result<Value, HarnessError> {
    let reading = format!("read {name} of criterion's results");
    let bytes = fs::read(directory.join(name)).while_doing(&reading)?;
    serde_json::from_slice(&bytes).while_doing(&reading)
}
