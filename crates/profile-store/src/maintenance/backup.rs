//! Backups: whole copies of a store, which know how far in its journal they go, and to which the
//! batches after that can be added.

use std::collections::BTreeMap;

use super::{
    commit::commit,
    copy::{Copied, CopyError, CopyTarget, StorePages},
    format::recorded_outcome,
    prune::next_company,
};
use crate::{
    Timestamp,
    engine::{BatchId, Durability, Engine, EngineError, JournalPosition, Key, Place, Value, Write},
    layout::{
        key::{self, BACKUP_POSITION, ParsedKey},
        record,
    },
    limits,
};

/// Reads the entries of a store that a backup gets. Nothing may write to the store meanwhile, or
/// `from` is a snapshot of it.
pub struct BackupSource<'a> {
    pages: StorePages<'a>,
}

impl BackupSource<'_> {
    /// Fails if there is no store, or if its layout is unknown.
    pub async fn new(from: &dyn Engine) -> Result<BackupSource<'_>, CopyError> {
        Ok(BackupSource { pages: StorePages::of(from).await? })
    }

    /// The next entries, in the order of their keys. `None` after the last.
    pub async fn next_entries(&mut self) -> Result<Option<Vec<(Key, Value)>>, CopyError> {
        self.pages.next().await
    }

    /// The layout of the store, which ends the backup: see [`BackupTarget::finish`].
    pub fn layout(&self) -> &[u8] {
        &self.pages.format
    }
}

/// Writes a whole backup. What was cut off is no store, and is not opened as one.
pub struct BackupTarget<'a> {
    target: CopyTarget<'a>,
}

impl BackupTarget<'_> {
    /// Fails if the engine has data.
    pub async fn begin(to: &dyn Engine) -> Result<BackupTarget<'_>, CopyError> {
        Ok(BackupTarget { target: CopyTarget::begin(to).await? })
    }

    /// Writes these entries.
    pub async fn write(&mut self, entries: Vec<(Key, Value)>) -> Result<(), CopyError> {
        self.target.write(entries).await
    }

    /// Makes a store of what was written, which has this layout and goes up to this position. It is
    /// on disk when this returns.
    pub async fn finish(
        self,
        layout: Vec<u8>,
        position: JournalPosition,
    ) -> Result<Copied, CopyError> {
        let position = record::encode_backup_position(position);
        let last = [(key::FORMAT.to_vec(), layout), (BACKUP_POSITION.to_vec(), position)];
        self.target.finish(last.into()).await
    }
}

/// A backup to which batches of the journal are added: several of them in one commit, of which only
/// the last value of each key is written.
pub struct GrowingBackup<'a> {
    engine: &'a dyn Engine,
    position: JournalPosition,
    /// How many batches were added.
    added: u64,
    /// What is not written yet, by key.
    pending: BTreeMap<Key, Option<Value>>,
    /// Bytes that were put into it.
    pending_bytes: usize,
    /// How many commits were made.
    commits: u64,
}

impl GrowingBackup<'_> {
    /// The backup that lies in `engine`, which has one place and no other writer.
    /// `None` if it is no backup, or if it was served as a store since.
    pub async fn open(engine: &dyn Engine) -> Result<Option<GrowingBackup<'_>>, EngineError> {
        let Some(position) = backup_position(engine).await? else { return Ok(None) };
        let pending = BTreeMap::new();
        Ok(Some(GrowingBackup {
            engine,
            position,
            added: 0,
            pending,
            pending_bytes: 0,
            commits: 0,
        }))
    }

    /// How far it goes, with all batches that were added.
    pub fn position(&self) -> JournalPosition {
        self.position
    }

    /// How many batches were added since it was opened.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Adds the batch before this position, which follows those that it has. A backup that is cut
    /// off has all batches up to one of them, which may be an earlier one than this.
    pub async fn add(
        &mut self,
        position: JournalPosition,
        batch: Vec<Write>,
    ) -> Result<(), EngineError> {
        for Write { key, value } in batch {
            self.pending_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            self.pending.insert(key, value);
        }
        self.added += 1;
        self.position = position;
        if self.pending_bytes < limits::BACKUP_COMMIT_BYTES { Ok(()) } else { self.commit().await }
    }

    /// Returns once everything that was added is on disk.
    pub async fn sync(&mut self) -> Result<(), EngineError> {
        if !self.pending.is_empty() {
            self.commit().await?;
        }
        self.engine.sync().await
    }

    /// Writes the batches that were added since the last commit, with the position after them.
    async fn commit(&mut self) -> Result<(), EngineError> {
        let position = record::encode_backup_position(self.position);
        self.pending.insert(BACKUP_POSITION.to_vec(), Some(position));
        self.pending_bytes = 0;
        let pending = std::mem::take(&mut self.pending).into_iter();
        let writes = pending.map(|(key, value)| Write { key, value }).collect();
        self.commits += 1;
        let id = BatchId { writer: 0, number: self.commits };
        let place = Place::of_key(BACKUP_POSITION, self.engine.places());
        commit(self.engine, place, id, writes, Durability::Relaxed).await
    }
}

/// How far the backup that lies in `engine` goes. `None` if it is no backup.
pub async fn backup_position(engine: &dyn Engine) -> Result<Option<JournalPosition>, EngineError> {
    let stored = engine.read(vec![BACKUP_POSITION.to_vec()]).await?.pop().flatten();
    Ok(stored.map(|stored| record::decode_backup_position(&stored)).transpose()?)
}

/// The greatest time of an outcome that a batch of a store has. Batches without outcomes, such as
/// those of a migration, have none.
pub fn batch_time(batch: &[Write]) -> Option<Timestamp> {
    let newest = batch.iter().filter_map(|write| {
        let is_newest = matches!(key::parse(&write.key), Some(ParsedKey::NewestOutcome(_)));
        let value = write.value.as_deref().filter(|_| is_newest)?;
        record::decode_newest_outcome(value).ok()
    });
    newest.map(|newest| newest.at).max()
}

/// The greatest time of an outcome that a store has, of all its companies.
pub async fn newest_outcome_time(engine: &dyn Engine) -> Result<Option<Timestamp>, EngineError> {
    let (mut newest, mut company) = (None, None);
    while let Some(next) = next_company(engine, company.as_ref()).await? {
        let stored = engine.read(vec![key::newest_outcome(&next)]).await?.pop().flatten();
        let found = match stored {
            Some(stored) => record::decode_newest_outcome(&stored)?,
            // The company of a store of layout 5.
            None => recorded_outcome(engine, &next).await?,
        };
        newest = newest.max(Some(found.at));
        company = Some(next);
    }
    Ok(newest)
}

/// Makes an ordinary store of a backup: it is about to get batches of its own, and those of the
/// journal that it was made from no longer follow.
pub async fn forget_backup_position(engine: &dyn Engine, writer: u64) -> Result<(), EngineError> {
    if backup_position(engine).await?.is_none() {
        return Ok(());
    }
    let place = Place::of_key(BACKUP_POSITION, engine.places());
    let write = Write { key: BACKUP_POSITION.to_vec(), value: None };
    let id = BatchId { writer, number: 1 };
    commit(engine, place, id, vec![write], Durability::Flushed).await
}
