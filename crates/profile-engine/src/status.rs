//! What an engine reports about itself, for metrics and health.

/// The state of an engine at one moment. An engine reports zero for what it does not have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EngineStatus {
    /// Commits that are applied and not known to be on disk.
    pub unsynced_commits: u64,
    /// Bytes of changes that the table does not have yet.
    pub pending_bytes: u64,
    /// The checkpoint that is under way.
    pub checkpoint: Option<CheckpointStatus>,
    /// Checkpoints that were completed since the engine was opened.
    pub checkpoints: u64,
    /// Files of the journal that should be archived and are not, because the archive fails, hangs
    /// or is slow. They stay until they are.
    pub unarchived_files: u64,
    /// The cache of the table.
    pub cache: CacheStatus,
}

/// How far a checkpoint is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CheckpointStatus {
    /// Its number: how many were completed before.
    pub number: u64,
    /// Bytes of changes that it has put into the table.
    pub bytes: u64,
}

/// The cache of a table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CacheStatus {
    /// Bytes in the cache.
    pub bytes: u64,
    /// Reads of pages that were in the cache.
    pub hits: u64,
    /// Reads of pages that were not.
    pub misses: u64,
    /// Pages that were removed to make space for others.
    pub evictions: u64,
}
