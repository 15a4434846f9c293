//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::limits;

/// Measures everything docs/PERFORMANCE.md speaks of, and prints one table.
#[derive(Debug, Parser)]
#[command(name = "benches/run")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    part: Option<Choice>,
    /// Measures little of everything: to see that the harness works, not for figures.
    #[arg(long, global = true)]
    quick: bool,
    /// Keeps what is stored below this directory, which decides which disk is measured.
    /// Each run has a directory of its own there, and removes it. [default: the
    /// system's for temporary files]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Choice {
    /// The stages of a request, by criterion.
    Criterion,
    /// The gateway over HTTP, a bare handler and a loop over sled, in turns.
    Http(HttpArguments),
    /// Throughput, memory, disk and starts with more and more profiles.
    Growth(GrowthArguments),
    /// Disk used by updates of the same profiles, and after `gateway compact`.
    Disk(DiskArguments),
    /// Serves the bare handler; the harness starts this itself.
    #[command(hide = true)]
    Bare { listen: SocketAddr },
}

#[derive(Debug, Args)]
struct HttpArguments {
    /// Seconds of each run [default: 6]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=limits::RUN_SECONDS))]
    seconds: Option<u64>,
    /// Rounds, in each of which everything has its turn [default: 2]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=9))]
    rounds: Option<u64>,
    /// Profiles that are there before updates are sent [default: 1000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
}

#[derive(Debug, Args)]
struct GrowthArguments {
    /// Profiles of the last step; the others have 100 thousand and 1 million, if that
    /// is fewer [default: 5000000, or as many as there is time for in a quarter of an hour]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
}

#[derive(Debug, Args)]
struct DiskArguments {
    /// Updates that are stored [default: 500000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..))]
    updates: Option<u64>,
    /// Profiles that are updated in turn [default: 20000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Plan {
    /// To be the bare handler.
    Bare(SocketAddr),
    /// To measure these parts.
    Measure {
        /// What is measured, in order.
        parts: Vec<Part>,
        /// Where the data are kept.
        dir: Option<PathBuf>,
    },
}

/// One part of the harness, and how much of it.
#[derive(Debug)]
pub(crate) enum Part {
    Criterion(StagesOptions),
    Http(HttpOptions),
    Growth(GrowthOptions),
    Disk(DiskOptions),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct StagesOptions {
    pub(crate) quick: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpOptions {
    pub(crate) seconds: u64,
    pub(crate) rounds: u64,
    pub(crate) profiles: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct GrowthOptions {
    pub(crate) steps: Vec<u64>,
    pub(crate) seconds: u64,
    /// Whether the last step may be made smaller, so that the whole does not take too long.
    pub(crate) hurried: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskOptions {
    pub(crate) updates: u64,
    pub(crate) profiles: u64,
}

impl Arguments {
    /// What these arguments ask for.
    pub(crate) fn plan(self) -> Plan {
        let quick = self.quick;
        let parts = match self.part {
            Some(Choice::Bare { listen }) => return Plan::Bare(listen),
            Some(Choice::Criterion) => vec![Part::Criterion(StagesOptions { quick })],
            Some(Choice::Http(arguments)) => vec![Part::Http(http(quick, &arguments))],
            Some(Choice::Growth(arguments)) => {
                vec![Part::Growth(growth(quick, arguments.profiles))]
            }
            Some(Choice::Disk(arguments)) => vec![Part::Disk(disk(quick, &arguments))],
            None => all(quick),
        };
        Plan::Measure { parts, dir: self.dir }
    }
}

fn all(quick: bool) -> Vec<Part> {
    vec![
        Part::Criterion(StagesOptions { quick }),
        Part::Http(http(quick, &HttpArguments { seconds: None, rounds: None, profiles: None })),
        Part::Disk(disk(quick, &DiskArguments { updates: None, profiles: None })),
        // Last, since it takes what time is left.
        Part::Growth(growth(quick, None)),
    ]
}

fn http(quick: bool, arguments: &HttpArguments) -> HttpOptions {
    let standard = |usual, short| if quick { short } else { usual };
    HttpOptions {
        seconds: arguments.seconds.unwrap_or(standard(6, 1)),
        rounds: arguments.rounds.unwrap_or(standard(2, 1)),
        profiles: arguments.profiles.unwrap_or(standard(1_000_000, 20_000)),
    }
}

fn growth(quick: bool, profiles: Option<u64>) -> GrowthOptions {
    let steps = if quick { [5_000, 10_000] } else { [100_000, 1_000_000] };
    let last = profiles.unwrap_or(if quick { 20_000 } else { 5_000_000 });
    let earlier = steps.into_iter().filter(|&step| step < last);
    GrowthOptions {
        steps: earlier.chain([last]).collect(),
        seconds: if quick { 1 } else { 5 },
        hurried: profiles.is_none(),
    }
}

fn disk(quick: bool, arguments: &DiskArguments) -> DiskOptions {
    let standard = |usual, short| if quick { short } else { usual };
    DiskOptions {
        updates: arguments.updates.unwrap_or(standard(500_000, 20_000)),
        profiles: arguments.profiles.unwrap_or(standard(20_000, 2_000)),
    }
}

impl Part {
    /// Room on disk that it may need.
    pub(crate) fn bytes(&self) -> u64 {
        let needed = match self {
            Part::Criterion(_) => 0,
            Part::Http(options) => 2 * options.profiles * limits::DISK_PER_PROFILE,
            Part::Growth(options) => {
                options.steps.last().map_or(0, |last| last * limits::DISK_PER_PROFILE)
            }
            Part::Disk(options) => {
                2 * options.profiles * limits::DISK_PER_PROFILE
                    + options.updates * limits::DISK_PER_UPDATE
            }
        };
        needed.max(limits::DISK_AT_LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_growth_end_with_what_was_asked_for() {
        assert_eq!(growth(false, None).steps, [100_000, 1_000_000, 5_000_000]);
        assert_eq!(growth(false, Some(1_000_000)).steps, [100_000, 1_000_000]);
        assert_eq!(growth(false, Some(50_000)).steps, [50_000]);
    }
}
