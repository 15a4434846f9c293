//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    limits,
    options::{
        AttackName, BenchPart, ComparedLoad, ComparisonOptions, ConsoleOptions, CopiesOptions,
        DiskOptions, GrowthOptions, HttpOptions, NeighboursOptions, StagesOptions,
    },
};

/// Measures everything docs/PERFORMANCE.md reports, and prints one table.
#[derive(Debug, Parser)]
#[command(name = "benches/run")]
pub(crate) struct HarnessArguments {
    #[command(subcommand)]
    part: Option<PartCommand>,
    /// Measures little of everything: to see that the harness works, not for figures
    #[arg(long, global = true)]
    quick: bool,
    /// Keeps all data below this directory, which decides which disk is measured. Each run creates
    /// a directory of its own there, and removes it. [default: the system's for temporary files]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
    /// Measures this gateway [default: the one that benches/run builds]
    #[arg(long, global = true, value_name = "PROGRAM")]
    gateway: Option<PathBuf>,
    /// Measures only these parts, by commas, with their default options
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<PartName>,
    #[command(flatten)]
    comparison: ComparisonArguments,
}

#[derive(Debug, Args)]
struct ComparisonArguments {
    /// Compares the gateway with this other one: the same loads on both in alternation, each with
    /// data of its own. Ratios are gateway / other
    #[arg(long, value_name = "PROGRAM", conflicts_with = "only")]
    against: Option<PathBuf>,
    /// With --against: only these loads, by commas
    #[arg(long, requires = "against", value_delimiter = ',')]
    loads: Vec<ComparedLoad>,
    /// With --against: seconds of each run [default: 6]
    #[arg(
        long,
        requires = "against",
        value_parser = clap::value_parser!(u64).range(1..=limits::RUN_SECONDS)
    )]
    seconds: Option<u64>,
    /// With --against: rounds, in each of which both gateways run every load [default: 3]
    #[arg(long, requires = "against", value_parser = clap::value_parser!(u64).range(1..=9))]
    rounds: Option<u64>,
    /// With --against: profiles of the large store; the small one has a tenth [default: 1000000]
    #[arg(
        long,
        requires = "against",
        value_parser = clap::value_parser!(u64).range(10_000..=limits::SEEDED)
    )]
    profiles: Option<u64>,
}

#[derive(Debug, Subcommand)]
enum PartCommand {
    /// The stages of a request, by criterion
    Criterion,
    /// The gateway over HTTP, a bare handler and a loop over sled, in alternation
    Http(HttpArguments),
    /// A company's throughput and latency while another one attacks the gateway
    Neighbours(NeighboursArguments),
    /// Pages of the console
    Console(ConsoleArguments),
    /// Backups, an export and an import, and what a load has left meanwhile
    Copies(CopiesArguments),
    /// Throughput, memory, disk and start-up with more and more profiles
    Growth(GrowthArguments),
    /// Disk used by updates of the same profiles, and after `gateway compact`
    Disk(DiskArguments),
    /// Serves the bare handler; the harness starts this itself
    #[command(hide = true)]
    Bare { listen: SocketAddr },
}

/// The name of a part.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum PartName {
    Criterion,
    Http,
    Neighbours,
    Disk,
    Console,
    Copies,
    // Last, since it takes the time that is left.
    Growth,
}

#[derive(Debug, Default, Args)]
struct HttpArguments {
    /// Seconds of each run [default: 6]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=limits::RUN_SECONDS))]
    seconds: Option<u64>,
    /// Rounds, in each of which everything is measured once [default: 2]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=9))]
    rounds: Option<u64>,
    /// Profiles that are stored before updates are sent [default: 1000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
}

#[derive(Debug, Default, Args)]
struct NeighboursArguments {
    /// Seconds of each run. After ten, a burst has used up the limit of a minute [default: 6]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=limits::RUN_SECONDS))]
    seconds: Option<u64>,
    /// Rounds, in each of which every attack is measured between two runs without one [default: 2]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=9))]
    rounds: Option<u64>,
    /// Only these attacks, by commas
    #[arg(long, value_delimiter = ',')]
    attacks: Vec<AttackName>,
}

#[derive(Debug, Default, Args)]
struct GrowthArguments {
    /// Profiles of the last step; the others have 100 thousand and 1 million, if that is fewer
    /// [default: 5000000, or as many as there is time for]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
}

#[derive(Debug, Default, Args)]
struct DiskArguments {
    /// Updates that are stored [default: 500000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..))]
    updates: Option<u64>,
    /// Profiles that are updated in turn [default: 20000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
}

#[derive(Debug, Default, Args)]
struct ConsoleArguments {
    /// Profiles that are stored [default: 1000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
}

#[derive(Debug, Default, Args)]
struct CopiesArguments {
    /// Profiles that are stored [default: 1000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=limits::SEEDED))]
    profiles: Option<u64>,
    /// Seconds of each run of the load. Runs that do not end before the command that they are
    /// meant to slow down count only if no other did [default: 4]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=limits::RUN_SECONDS))]
    seconds: Option<u64>,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum HarnessPlan {
    /// Serve the bare handler.
    ServeBare(SocketAddr),
    /// Measure these parts, in order.
    Measure(Vec<BenchPart>, MeasuredProgram),
    /// Compare the gateway with another one.
    Compare(ComparisonOptions, MeasuredProgram, PathBuf),
}

/// Which gateway is measured, and where its data are.
#[derive(Debug)]
pub(crate) struct MeasuredProgram {
    pub(crate) gateway: Option<PathBuf>,
    pub(crate) dir: Option<PathBuf>,
}

impl HarnessArguments {
    /// What these arguments ask for.
    pub(crate) fn plan(self) -> HarnessPlan {
        let HarnessArguments { part, quick, dir, gateway, only, comparison } = self;
        let program = MeasuredProgram { gateway, dir };
        if let Some(other) = &comparison.against {
            return HarnessPlan::Compare(comparison.options(quick), program, other.clone());
        }
        let parts = match part {
            Some(PartCommand::Bare { listen }) => return HarnessPlan::ServeBare(listen),
            Some(PartCommand::Criterion) => vec![BenchPart::Criterion(StagesOptions { quick })],
            Some(PartCommand::Http(arguments)) => vec![arguments.part(quick)],
            Some(PartCommand::Neighbours(arguments)) => vec![arguments.part(quick)],
            Some(PartCommand::Console(arguments)) => vec![arguments.part(quick)],
            Some(PartCommand::Copies(arguments)) => vec![arguments.part(quick)],
            Some(PartCommand::Growth(arguments)) => vec![arguments.part(quick)],
            Some(PartCommand::Disk(arguments)) => vec![arguments.part(quick)],
            None => PartName::value_variants()
                .iter()
                .filter(|name| only.is_empty() || only.contains(name))
                .map(|name| name.part(quick))
                .collect(),
        };
        HarnessPlan::Measure(parts, program)
    }
}

impl PartName {
    /// The part with its default options.
    fn part(self, quick: bool) -> BenchPart {
        match self {
            PartName::Criterion => BenchPart::Criterion(StagesOptions { quick }),
            PartName::Http => HttpArguments::default().part(quick),
            PartName::Neighbours => NeighboursArguments::default().part(quick),
            PartName::Disk => DiskArguments::default().part(quick),
            PartName::Console => ConsoleArguments::default().part(quick),
            PartName::Copies => CopiesArguments::default().part(quick),
            PartName::Growth => GrowthArguments::default().part(quick),
        }
    }
}

/// What is measured by default, or to see that the harness works.
fn default(usual: u64, little: u64, quick: bool) -> u64 {
    if quick { little } else { usual }
}

/// These values, or all there are.
fn or_all<T: ValueEnum>(chosen: &[T]) -> Vec<T> {
    if chosen.is_empty() { T::value_variants().to_vec() } else { chosen.to_vec() }
}

impl ComparisonArguments {
    fn options(&self, quick: bool) -> ComparisonOptions {
        ComparisonOptions {
            seconds: self.seconds.unwrap_or(default(6, 1, quick)),
            rounds: self.rounds.unwrap_or(default(3, 1, quick)),
            profiles: self.profiles.unwrap_or(default(1_000_000, 20_000, quick)),
            loads: or_all(&self.loads),
        }
    }
}

impl HttpArguments {
    fn part(&self, quick: bool) -> BenchPart {
        BenchPart::Http(HttpOptions {
            seconds: self.seconds.unwrap_or(default(6, 1, quick)),
            rounds: self.rounds.unwrap_or(default(2, 1, quick)),
            profiles: self.profiles.unwrap_or(default(1_000_000, 20_000, quick)),
        })
    }
}

impl NeighboursArguments {
    fn part(&self, quick: bool) -> BenchPart {
        BenchPart::Neighbours(NeighboursOptions {
            seconds: self.seconds.unwrap_or(default(6, 1, quick)),
            rounds: self.rounds.unwrap_or(default(2, 1, quick)),
            profiles: default(100_000, 10_000, quick),
            large_profiles: default(1_000, 120, quick),
            attacks: or_all(&self.attacks),
        })
    }
}

impl GrowthArguments {
    fn part(&self, quick: bool) -> BenchPart {
        let steps = if quick { [5_000, 10_000] } else { [100_000, 1_000_000] };
        let last = self.profiles.unwrap_or(default(5_000_000, 20_000, quick));
        let earlier = steps.into_iter().filter(|&step| step < last);
        BenchPart::Growth(GrowthOptions {
            steps: earlier.chain([last]).collect(),
            seconds: default(5, 1, quick),
            may_shrink: self.profiles.is_none(),
        })
    }
}

impl DiskArguments {
    fn part(&self, quick: bool) -> BenchPart {
        BenchPart::Disk(DiskOptions {
            updates: self.updates.unwrap_or(default(500_000, 20_000, quick)),
            profiles: self.profiles.unwrap_or(default(20_000, 2_000, quick)),
        })
    }
}

impl ConsoleArguments {
    fn part(&self, quick: bool) -> BenchPart {
        BenchPart::Console(ConsoleOptions {
            profiles: self.profiles.unwrap_or(default(1_000_000, 20_000, quick)),
            visits: default(60, 20, quick),
        })
    }
}

impl CopiesArguments {
    fn part(&self, quick: bool) -> BenchPart {
        BenchPart::Copies(CopiesOptions {
            profiles: self.profiles.unwrap_or(default(1_000_000, 20_000, quick)),
            seconds: self.seconds.unwrap_or(default(4, 1, quick)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> HarnessPlan {
        let arguments = ["benches/run"].iter().chain(arguments);
        HarnessArguments::try_parse_from(arguments).unwrap().plan()
    }

    #[test]
    fn the_steps_of_growth_end_with_the_number_that_was_asked_for() {
        let steps = |profiles| match (GrowthArguments { profiles }).part(false) {
            BenchPart::Growth(options) => options.steps,
            other => panic!("{other:?}"),
        };
        assert_eq!(steps(None), [100_000, 1_000_000, 5_000_000]);
        assert_eq!(steps(Some(1_000_000)), [100_000, 1_000_000]);
        assert_eq!(steps(Some(50_000)), [50_000]);
    }

    #[test]
    fn only_the_parts_that_were_named_are_measured() {
        let HarnessPlan::Measure(parts, _) = plan(&["--only", "neighbours,http"]) else { panic!() };
        assert!(matches!(parts.as_slice(), [BenchPart::Http(_), BenchPart::Neighbours(_)]));
        let HarnessPlan::Measure(parts, _) = plan(&[]) else { panic!() };
        assert_eq!(parts.len(), 7);
    }

    #[test]
    fn a_comparison_runs_all_loads_unless_some_are_named() {
        let loads = |arguments: &[&str]| match plan(arguments) {
            HarnessPlan::Compare(options, _, other) => {
                assert_eq!(other, PathBuf::from("old"));
                options.loads
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(loads(&["--against", "old"]).len(), 10);
        let named = loads(&["--against", "old", "--loads", "new,same-large"]);
        assert_eq!(named, [ComparedLoad::New, ComparedLoad::SameLarge]);
    }
}
