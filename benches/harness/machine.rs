//! Facts about the machine.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    thread,
    time::Duration,
};

use crate::{
    clock,
    error::{ErrorContext, HarnessError},
    figures::{Percentiles, duration},
    limits,
    scratch::ScratchDirectory,
};

/// Everything about the machine that results depend on, in lines of text.
pub(crate) fn facts(scratch: &ScratchDirectory) -> Result<String, HarnessError> {
    let cores = thread::available_parallelism().while_doing("count the processors")?;
    let kernel = first_line(Path::new("/proc/sys/kernel/osrelease"));
    let processor = field(Path::new("/proc/cpuinfo"), "model name");
    let memory = field(Path::new("/proc/meminfo"), "MemTotal");
    let (file_system, free) = scratch.file_system()?;
    let Percentiles { p50, p99, p999 } = flushes(scratch)?;
    Ok(format!(
        "Machine: {cores} processors ({processor}), {memory} of memory, Linux {kernel}.\n\
         Disk: {file_system}, {} GB free; fdatasync after 4 KiB takes {} (p50), {} (p99), {} (p999).",
        free / 1_000_000_000,
        duration(p50),
        duration(p99),
        duration(p999),
    ))
}

fn first_line(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

fn field(path: &Path, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

/// How long `fdatasync` takes after a small append.
fn flushes(scratch: &ScratchDirectory) -> Result<Percentiles, HarnessError> {
    let doing = "write to the disk that is to be measured";
    let path = scratch.path().join("flushes");
    let mut file = File::create(&path).while_doing(doing)?;
    let mut times: Vec<Duration> = Vec::with_capacity(limits::FLUSHES);
    for _ in 0..limits::FLUSHES {
        let began = clock::now();
        file.write_all(&[0xa5; 4_096]).while_doing(doing)?;
        file.sync_data().while_doing(doing)?;
        times.push(began.elapsed());
    }
    fs::remove_file(&path).while_doing(doing)?;
    Ok(Percentiles::from_times(&mut times))
}
