//! Copies of a store that serves: how long backups, an export and an import take, and how much of a
//! load is left meanwhile.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    clock,
    driving::{self, LoadSample},
    error::{ErrorContext, HarnessError},
    figures::{self, Percentiles, count, duration, median, megabytes, per_second},
    gateway::GatewayProcess,
    limits,
    options::CopiesOptions,
    people, process, progress,
    report::{Ratio, ResultRow, ResultTable},
    scratch, seed,
    testbed::Testbed,
    wrk::{LoadKind, LoadRun},
};

/// Runs of the load beside which nothing else runs.
const ALONE_RUNS: u64 = 3;

/// The target for the longest time of a request while a store is copied.
const LONGEST_MICROS: f64 = 100_000.0;

/// Fills a store, serves it, and copies it while its people are updated. Then imports what was
/// exported into a store of its own.
pub(crate) fn measure(
    testbed: &Testbed,
    options: CopiesOptions,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    progress::print(&format!("Copies: {} profiles", count(options.profiles)));
    let data = testbed.scratch.fresh("copied")?;
    seed::people(&data, 0..options.profiles)?;
    let archive = testbed.scratch.fresh("archive")?;
    fs::create_dir(&archive).while_doing("create the archive of the journal")?;
    let gateway = testbed.gateway.start_archived(&data, &archive)?;
    let mut copying = Copying { testbed, options, gateway, runs: 0, alone: Vec::new(), table };
    copying.alone()?;
    let (backup, export) = (testbed.scratch.fresh("backup")?, testbed.scratch.fresh("export")?);
    copying.copy("whole backup", &["backup"], "--into", &backup)?;
    copying.copy("backup that is added to", &["backup"], "--into", &backup)?;
    let company = people::company(0);
    let words = ["export", "--company", &company, "--format", "jsonl"];
    copying.copy("export", &words, "--output", &export)?;
    copying.memory()?;
    copying.gateway.server.stop()?;
    let rows = options.profiles.min(limits::IMPORTED_ROWS);
    keep_first(&export, rows)?;
    import(testbed, rows, &export, table)?;
    fs::remove_file(&export).while_doing("remove the export")?;
    scratch::remove(&backup)?;
    scratch::remove(&archive)?;
    scratch::remove(&data)
}

/// A gateway whose store is copied under load.
struct Copying<'a> {
    testbed: &'a Testbed,
    options: CopiesOptions,
    gateway: GatewayProcess,
    /// Runs of the load so far.
    runs: u64,
    /// Those beside which nothing else ran.
    alone: Vec<LoadSample>,
    table: &'a mut ResultTable,
}

impl Copying<'_> {
    fn load(&mut self, seconds: u64) -> Result<LoadSample, HarnessError> {
        let number = self.runs;
        self.runs += 1;
        let stored = self.options.profiles;
        let load = LoadRun { kind: LoadKind::Update, stored, companies: 1, seconds, number };
        driving::drive(&self.testbed.scratch, &self.gateway, &load)
    }

    /// Measures the load alone.
    fn alone(&mut self) -> Result<(), HarnessError> {
        self.load(limits::WARM_UP_SECONDS)?;
        for _ in 0..ALONE_RUNS {
            let sample = self.load(self.options.seconds)?;
            self.alone.push(sample);
        }
        let row = self.load_row("updates alone", &self.alone);
        self.table.add(row);
        Ok(())
    }

    /// Runs a command that copies the store, and the load until it ends.
    fn copy(
        &mut self,
        what: &str,
        words: &[&str],
        option: &str,
        target: &Path,
    ) -> Result<(), HarnessError> {
        let before = bytes(target)?;
        let mut command = self.testbed.gateway.command(words);
        command.args(["--admin-url", &format!("http://{}", self.gateway.admin)]);
        command.arg(option).arg(target);
        let (cost, samples) = thread::scope(|scope| {
            let running = scope.spawn(|| CommandCost::of(command));
            let mut samples = Vec::new();
            while !running.is_finished() {
                samples.push(self.load(self.options.seconds)?);
            }
            // The last run went on after the command had ended.
            if 1 < samples.len() {
                samples.pop();
            }
            let panicked = || HarnessError::new("the thread that waits for a command panicked");
            let cost = running.join().unwrap_or_else(|_| Err(panicked()))?;
            Ok::<_, HarnessError>((cost, samples))
        })?;
        let written = bytes(target)?.saturating_sub(before);
        self.table.add(cost.row(self.name(&format!("{what}, under updates")), written));
        let row = self.load_row(&format!("updates during that {what}"), &samples);
        self.table.add(self.relative(row, &samples));
        Ok(())
    }

    fn memory(&mut self) -> Result<(), HarnessError> {
        let result = megabytes(self.gateway.server.resident_bytes()?);
        let what = self.name("resident memory of the gateway, at most");
        self.table.add(ResultRow { what, result, ..ResultRow::default() });
        Ok(())
    }

    fn name(&self, what: &str) -> String {
        format!("{} profiles: {what}", count(self.options.profiles))
    }

    fn load_row(&self, what: &str, samples: &[LoadSample]) -> ResultRow {
        let times: Vec<Percentiles> = samples.iter().map(|sample| sample.result.times).collect();
        let longest = longest(samples);
        ResultRow {
            what: self.name(what),
            result: per_second(rate(samples)),
            times: Some(Percentiles::median(&times)),
            note: format!("{} runs, longest {}", samples.len(), duration(longest)),
            ..ResultRow::default()
        }
    }

    /// The row with its ratio to the load alone.
    fn relative(&self, row: ResultRow, samples: &[LoadSample]) -> ResultRow {
        let value = rate(samples) / rate(&self.alone);
        let wanted = format!("longest ≤ {}", duration(LONGEST_MICROS));
        ResultRow {
            ratios: vec![Ratio { value, of: "updates alone".to_owned(), bound: None }],
            wanted: vec![(wanted, longest(samples) <= LONGEST_MICROS)],
            ..row
        }
    }
}

fn rate(samples: &[LoadSample]) -> f64 {
    median(samples.iter().map(|sample| sample.result.rate))
}

fn longest(samples: &[LoadSample]) -> f64 {
    samples.iter().map(|sample| sample.result.longest).fold(0.0, f64::max)
}

/// Cuts a file off after so many lines.
fn keep_first(file: &Path, lines: u64) -> Result<(), HarnessError> {
    let cutting = "cut off the export";
    let opened = File::options().read(true).write(true).open(file).while_doing(cutting)?;
    let mut reader = BufReader::new(&opened);
    let (mut line, mut bytes) = (Vec::new(), 0);
    for _ in 0..lines {
        line.clear();
        bytes += reader.read_until(b'\n', &mut line).while_doing(cutting)? as u64;
    }
    opened.set_len(bytes).while_doing(cutting)
}

/// Imports the export into a store that no gateway serves.
fn import(
    testbed: &Testbed,
    rows: u64,
    export: &Path,
    table: &mut ResultTable,
) -> Result<(), HarnessError> {
    let data = testbed.scratch.fresh("imported")?;
    let mut command =
        testbed.gateway.command(&["import", "--company", &people::company(0), "--format", "jsonl"]);
    command.arg("--config").arg(testbed.gateway.configuration());
    command.arg("--input").arg(export).arg("--data-dir").arg(&data);
    let cost = CommandCost::of(command)?;
    let per_second = per_second(figures::rate(rows, cost.took));
    let what = format!("{} profiles: import, nothing else", count(rows));
    let row = cost.row(what, scratch::bytes(&data)?);
    table.add(ResultRow { note: format!("{per_second}, {}", row.note), ..row });
    scratch::remove(&data)
}

/// Bytes of a file or a directory, if it exists.
fn bytes(path: &Path) -> Result<u64, HarnessError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => scratch::bytes(path),
        Ok(found) => Ok(found.len()),
        Err(_) => Ok(0),
    }
}

/// What a command took.
struct CommandCost {
    took: Duration,
    /// The most bytes of memory that were resident.
    resident: u64,
}

impl CommandCost {
    /// Runs a command, and fails unless it succeeds.
    fn of(mut command: Command) -> Result<CommandCost, HarnessError> {
        let began = clock::now();
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let name = PathBuf::from(command.get_program());
        let running = || format!("run {}", name.display());
        let mut child: Child = command.spawn().while_doing(running())?;
        let mut resident = 0;
        loop {
            if let Some(status) = child.try_wait().while_doing(running())? {
                let took = began.elapsed();
                return if status.success() {
                    Ok(CommandCost { took, resident })
                } else {
                    Err(HarnessError::new(format!("{command:?} failed: {status}")))
                };
            }
            // A process that has just ended has no memory.
            resident = process::resident_bytes(child.id()).unwrap_or(resident);
            thread::sleep(limits::COMMAND_POLL);
        }
    }

    fn row(&self, what: String, written: u64) -> ResultRow {
        ResultRow {
            what,
            result: duration(figures::micros(self.took)),
            note: format!(
                "{} written, at most {} resident",
                megabytes(written),
                megabytes(self.resident)
            ),
            ..ResultRow::default()
        }
    }
}
