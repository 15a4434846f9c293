//! The parts of the harness, and how much of each is measured.

use clap::ValueEnum;

use crate::limits;

/// A part, with its options.
#[derive(Debug)]
pub(crate) enum BenchPart {
    Criterion(StagesOptions),
    Http(HttpOptions),
    Neighbours(NeighboursOptions),
    Console(ConsoleOptions),
    Copies(CopiesOptions),
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
pub(crate) struct NeighboursOptions {
    pub(crate) seconds: u64,
    pub(crate) rounds: u64,
    /// People of the company that is measured.
    pub(crate) profiles: u64,
    /// Large profiles of the company that attacks.
    pub(crate) large_profiles: u64,
    pub(crate) attacks: Vec<AttackName>,
}

#[derive(Clone, Debug)]
pub(crate) struct GrowthOptions {
    pub(crate) steps: Vec<u64>,
    pub(crate) seconds: u64,
    /// Whether the last step may be made smaller where there is too little time for it.
    pub(crate) may_shrink: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ConsoleOptions {
    pub(crate) profiles: u64,
    /// How often each page is opened.
    pub(crate) visits: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CopiesOptions {
    pub(crate) profiles: u64,
    /// Seconds of each run of the load.
    pub(crate) seconds: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskOptions {
    pub(crate) updates: u64,
    pub(crate) profiles: u64,
}

/// How two gateways are compared.
#[derive(Clone, Debug)]
pub(crate) struct ComparisonOptions {
    pub(crate) seconds: u64,
    pub(crate) rounds: u64,
    /// Profiles of the large store. The small one has a tenth.
    pub(crate) profiles: u64,
    pub(crate) loads: Vec<ComparedLoad>,
}

/// What a company at its rate limits sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum AttackName {
    /// `profile-explain` of requests that name 100 large profiles, 750 in a minute, evenly
    ExplainSteady,
    /// The same, 75 in a second
    ExplainBurst,
    /// Public requests that name 8 large profiles and change nothing, 3,500 in a minute, evenly
    ClientSteady,
    /// The same, 350 in a second
    ClientBurst,
    /// Public requests that name 8 large profiles and change one of them, 350 in a second
    ClientUpdateBurst,
    /// Bulk imports of 5 MB with new people, 10 in a second
    ImportNew,
    /// Bulk imports of 5 MB whose rows name 100 large profiles each, 10 in a second
    ImportLarge,
    /// Bulk imports of 5 MB, compressed, that turn out to be malformed at their end, 10 in a second
    Gzip,
}

/// A load by which two gateways are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ComparedLoad {
    /// New people, into an empty store
    New,
    /// New people of 200 companies, into an empty store
    Companies,
    /// Updates, in the small store
    UpdateSmall,
    /// Updates, in the large store
    UpdateLarge,
    /// Requests that change nothing, in the small store
    SameSmall,
    /// Requests that change nothing, in the large store
    SameLarge,
    /// Only the identifiers of people, in the small store
    PageViewSmall,
    /// Only the identifiers of people with a profile of 8 KB
    PageViewRich,
    /// 80 % updates, 15 % new people, 5 % merges, in the large store
    Mix,
    /// Updates of one profile, in the large store
    Hot,
}

impl BenchPart {
    /// Free space on disk that it may need.
    pub(crate) fn bytes(&self) -> u64 {
        let needed = match self {
            BenchPart::Criterion(_) => 0,
            BenchPart::Http(options) => 2 * options.profiles * limits::DISK_PER_PROFILE,
            BenchPart::Neighbours(options) => {
                2 * options.profiles * limits::DISK_PER_PROFILE + limits::DISK_OF_ATTACK
            }
            BenchPart::Console(options) => options.profiles * limits::DISK_PER_PROFILE,
            // The store, its backup, an export and what is imported from that.
            BenchPart::Copies(options) => 4 * options.profiles * limits::DISK_PER_PROFILE,
            BenchPart::Growth(options) => {
                options.steps.last().map_or(0, |last| last * limits::DISK_PER_PROFILE)
            }
            BenchPart::Disk(options) => {
                2 * options.profiles * limits::DISK_PER_PROFILE
                    + options.updates * limits::DISK_PER_UPDATE
            }
        };
        needed.max(limits::DISK_AT_LEAST)
    }
}

impl ComparisonOptions {
    /// Free space on disk that it may need.
    pub(crate) fn bytes(&self) -> u64 {
        (3 * self.profiles * limits::DISK_PER_PROFILE).max(limits::DISK_AT_LEAST)
    }
}
