//! The gateway under faults and floods: kills, full disks, overload and malicious bodies.
//! docs/SECURITY.md states the promises.
//!
//! Each test has a short form, which always runs, and a long form, which `HOSTILE=long` selects.
//! `HOSTILE_SEED` repeats a random run.

mod body_budget;
mod clocks;
mod companies;
mod company_deletion;
mod connection_floods;
mod crash_load;
mod crashes;
mod disk;
mod each_call;
mod other_user;
mod overload;
mod parts;
mod poison;
mod power_loss;
mod preload;
mod slow_disk;
mod slow_reads;
mod stalls;
mod strangers;
mod timing;

use std::{
    fmt, fs,
    fs::File,
    io::{self, Write},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    serving::{Home, Serving},
    wire::TEST_TIMEOUT,
};

/// How much of a test to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Short,
    Long,
}

impl Form {
    fn asked() -> Form {
        match setting("HOSTILE").as_deref() {
            None | Some("short") => Form::Short,
            Some("long") => Form::Long,
            Some(other) => panic!("HOSTILE is short or long, and not {other}"),
        }
    }

    /// One of two numbers.
    fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Form::Short => short,
            Form::Long => long,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test takes its options from the environment")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reproducible random numbers: `SplitMix64`.
#[derive(Debug)]
struct HostileRandom(u64);

impl HostileRandom {
    /// A generator with the requested seed, or with a new one each time. The seed is printed, so
    /// that a failure can be repeated.
    fn seeded(test: &str) -> HostileRandom {
        let seed = match setting("HOSTILE_SEED") {
            Some(seed) => seed.parse().expect("HOSTILE_SEED is a number"),
            // No more than the arithmetic of a shell takes.
            None => uuid::Uuid::new_v4().as_u64_pair().0 >> 2,
        };
        println!("{test}: HOSTILE_SEED={seed}");
        HostileRandom(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// A generator with a seed of its own.
    fn fork(&mut self) -> HostileRandom {
        HostileRandom(self.next())
    }
}

/// Time since it was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "how long it took is what is looked for")]
    pub(crate) fn start() -> Watch {
        Watch(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Prints a figure of the long form.
fn report(test: &str, figures: fmt::Arguments<'_>) {
    println!("{test}: {figures}");
}

/// Prints a figure that is added to those of other tests. Of figures that end in `_kib` the largest
/// counts.
fn figure(name: &str, value: impl fmt::Display) {
    println!("figure: {name} {value}");
}

/// Says what this machine does not let us look at. It is seen whether or not the
/// output of tests is.
fn not_checked(what: &str, reason: fmt::Arguments<'_>) {
    writeln!(io::stderr(), "\nNOT CHECKED: {what}: {reason}").unwrap();
}

/// The peak memory of a process in KiB. It is printed as a figure.
fn peak_kib(gateway: &Serving) -> u64 {
    let peak = memory_kib(gateway, "VmHWM:");
    figure("peak_kib", peak);
    peak
}

fn memory_kib(gateway: &Serving, name: &str) -> u64 {
    status_kib(&gateway.id().to_string(), name)
}

fn status_kib(process: &str, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Waits until no thread holds the store. After a process or a handle has ended, its threads may
/// hold it a little longer.
fn wait_until_released(home: &Home) {
    let table = File::open(home.data_dir().join("table.redb")).unwrap();
    let watch = Watch::start();
    while table.try_lock().is_err() {
        assert!(watch.elapsed() < TEST_TIMEOUT, "the store is still locked");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The wanted number of connections, or the number that the system allows, which is then printed.
fn connections(wanted: usize) -> usize {
    const OTHERS: u64 = 1_000;
    let files = wanted as u64 + OTHERS;
    if open_files() < files {
        let (pid, limit) = (std::process::id().to_string(), format!("--nofile={files}:"));
        // Without the program or the right, what is allowed already has to do.
        let _ = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
    }
    let allowed = usize::try_from(open_files().saturating_sub(OTHERS)).unwrap();
    if allowed < wanted {
        let reason = format_args!("the system allows {allowed}");
        not_checked(&format!("{wanted} connections at a time"), reason);
    }
    wanted.min(allowed.max(1))
}

fn open_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap()
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A reserve that is allocated and copied fast.
const SMALL_RESERVE: &str = "reserve_mib = 1\n";

/// Settings that let a gateway write until the disk is full.
const NO_MARKS: &str = "client_free_mib = 0\nserver_free_mib = 0\n";

/// One company that may send without end.
const UNLIMITED: &str = "[[company]]\nid = \"ABC123\"\n\
                         limits = { burst = 1000000, steady = 1000000 }\n\
                         network_limits = { burst = 1000000, steady = 1000000 }\n";
