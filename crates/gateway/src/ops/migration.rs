//! `gateway migrate`: what the next start would do to the layout of a store, or just that.

use std::{fmt, path::Path, time::Duration};

use profile_store::{
    FormatError, MigrationError, MigrationPlan, SystemIdGenerator, engine::EmbeddedOptions,
    migrate_layout, planned_migration,
};

use super::data_directory::{self, DataDirectoryError};
use crate::{clock::Clock, limits};

/// Why a store was not migrated, or its migration not planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// There is no store in the directory, or it cannot be opened.
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    /// The layout cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The migration failed. It goes on with the next attempt, or with the next start.
    #[error("the migration was not finished: run the command again, or start the gateway")]
    Failed(#[source] MigrationError),
}

/// A migration that was planned, with what it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlannedMigration {
    /// What it would do.
    pub plan: MigrationPlan,
    /// How long it took to read the store.
    pub read: Duration,
}

/// Finds out what a migration of the store in `directory` would do, and changes nothing in it.
pub async fn plan(directory: &Path) -> Result<PlannedMigration, MigrateError> {
    let clock = Clock::start();
    let engine = data_directory::open_read_only(directory)?;
    let plan = planned_migration(&engine).await?;
    Ok(PlannedMigration { plan, read: clock.elapsed() })
}

/// Migrates the store in `directory`, which no gateway serves and whose journal goes into
/// `archive`. Returns what was planned.
pub async fn migrate(
    directory: &Path,
    archive: Option<&Path>,
) -> Result<PlannedMigration, MigrateError> {
    let planned = plan(directory).await?;
    let options = EmbeddedOptions {
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        ..EmbeddedOptions::default()
    };
    let store = data_directory::open_existing(directory, options, archive)?;
    let migrated = migrate_layout(&store.engine, &SystemIdGenerator::default()).await;
    migrated.map_err(MigrateError::Failed)?;
    store.engine.close().map_err(DataDirectoryError::from)?;
    Ok(planned)
}

impl PlannedMigration {
    /// The time of a start with a disk that flushes quickly, and with one that flushes slowly. The
    /// start reads no more than the plan has read.
    fn time(&self) -> [Duration; 2] {
        let flushes = u32::try_from(self.plan.commits).unwrap_or(u32::MAX);
        [limits::FAST_FLUSH, limits::SLOW_FLUSH]
            .map(|flush| self.read.saturating_add(flush.saturating_mul(flushes)))
    }

    /// The disk space that the migration takes at most until the next checkpoint.
    fn bytes(&self) -> u64 {
        self.plan.commits.saturating_mul(limits::MIGRATION_COMMIT_BYTES)
    }
}

impl fmt::Display for PlannedMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MigrationPlan { from, to, is_begun, entries, written, commits } = self.plan;
        writeln!(f, "layout: {from}, layout of this version: {to}")?;
        if is_begun {
            writeln!(f, "a migration was begun, and goes on")?;
        }
        writeln!(f, "entries: {entries}, entries to write: {written}, commits: {commits}")?;
        let [quick, slow] = self.time().map(|time| time.as_secs_f64());
        writeln!(f, "time: {quick:.1} s, or {slow:.1} s with a disk that flushes slowly")?;
        write!(f, "free disk space needed: {} bytes", self.bytes())
    }
}
