//! The journal: the newest batches, in the order in which they were committed.
//!
//! There is one file for each generation of changes, which is named by the number of the
//! generation. A file has a header and a sequence of records, one for each batch;
//! docs/STORAGE.md describes their bytes. A memtable holds the changes of one generation. Once its
//! changes are in the table, a later generation overwrites its file, because a sync is much faster
//! where a file does not grow: the file system has no metadata to write.
//!
//! The table knows which generation it has checkpointed, so the journal must have the next one.
//! Each generation ends with a record that is written when the file of the next one is durable.
//! Each file says in its header how long it is. So a file that is missing, cut off or exchanged
//! is noticed. Only the end of the newest file may be torn.

mod archived_file;
mod files;
mod header;
mod record;
mod recovery;
#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests;

use std::{io, sync::Arc};

use self::{
    files::begin,
    header::FileHeader,
    record::{Head, encode, encode_end},
    recovery::{RecoveredFile, recover, write_again},
};
use super::{
    disk::{Disk, DiskFile},
    mark::{JournalEnd, JournalPosition, Mark, StoreId},
};
use crate::{EngineError, Write, limits};

pub(super) use self::{
    archived_file::{ArchivedFile, archived_bytes},
    files::{file_name, generation_of, generations, make_spare, retire, set_aside},
    header::PAGE,
};

/// The journal of an engine, open for writing.
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    header: FileHeader,
    /// Bytes by which a file grows.
    step: u64,
    /// How many records the generation before has.
    before: u32,
    /// Where the last batch of that generation ends in its file.
    end_before: u64,
    /// Where the next record goes.
    end: u64,
    /// How many records the file has.
    records: u32,
    /// How many of them are known to be on disk.
    synced: u32,
    /// How many records were appended to earlier generations since the journal was opened.
    earlier: u64,
    /// The record that is written next.
    record: Vec<u8>,
}

/// Passes the batches of the journal of the table with this name to `found`, oldest first, and
/// changes nothing. Returns where the journal ends, if the table knows of it.
pub(super) fn read(
    disk: &dyn Disk,
    table: &str,
    mark: Option<&Mark>,
    mut found: impl FnMut(Vec<Write>),
) -> Result<Option<JournalPosition>, EngineError> {
    let files = recover(disk, table, mark, &mut found)?;
    let end = |mark: &Mark| match files.last() {
        Some(RecoveredFile { generation, records, .. }) => {
            JournalPosition { store: mark.store, generation: *generation, records: *records }
        }
        None => JournalPosition::after_generation(mark.store, mark.checkpointed),
    };
    Ok(mark.map(end))
}

impl Journal {
    /// Opens the journal of the table with this name and this mark, passes its batches to `found`,
    /// oldest first, and begins a new generation. Files grow by `step` bytes, which are whole
    /// pages.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        table: &str,
        mark: Option<&Mark>,
        step: u64,
        mut found: impl FnMut(Vec<Write>),
    ) -> Result<Journal, EngineError> {
        disk.create().map_err(EngineError::Io)?;
        let files = recover(&*disk, table, mark, &mut found)?;
        Journal::continuing(disk, mark, step, &files).map_err(EngineError::Io)
    }

    fn continuing(
        disk: Arc<dyn Disk>,
        mark: Option<&Mark>,
        step: u64,
        files: &[RecoveredFile],
    ) -> io::Result<Journal> {
        files.iter().try_for_each(|file| write_again(&*disk, file))?;
        let checkpointed = mark.map_or(0, |mark| mark.checkpointed);
        let store = mark.map_or_else(StoreId::random, |mark| mark.store);
        let last = files.last();
        let generation = last.map_or(checkpointed, |last| last.generation) + 1;
        let (file, header) = begin(&*disk, store, generation, step)?;
        for file in files.iter().filter(|file| file.has_header && !file.has_ended) {
            end_generation(&*disk, file)?;
        }
        Ok(Journal {
            disk,
            file,
            header,
            step,
            before: last.map_or(0, |last| last.records),
            // A file that was not read has nothing that is still needed.
            end_before: last.map_or(PAGE as u64, |last| last.kept.len() as u64),
            end: PAGE as u64,
            records: 0,
            synced: 0,
            earlier: 0,
            record: Vec::new(),
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.header.generation
    }

    pub(super) fn store(&self) -> StoreId {
        self.header.store
    }

    /// Where the last batch of the generation before ends in its file.
    pub(super) fn end_before(&self) -> u64 {
        self.end_before
    }

    /// The file that receives the records of this generation.
    pub(super) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Bytes of the generation's records.
    pub(super) fn bytes(&self) -> u64 {
        self.end - PAGE as u64
    }

    /// How many records were appended since the journal was opened.
    pub(super) fn position(&self) -> u64 {
        self.earlier + u64::from(self.records)
    }

    /// Where the journal ends.
    pub(super) fn end(&self) -> JournalEnd {
        JournalEnd { generation: self.generation(), records: self.records }
    }

    /// Notes that the records up to this position are on disk.
    pub(super) fn note_durable(&mut self, position: u64) {
        let of_this_file = position.saturating_sub(self.earlier);
        self.synced = u32::try_from(of_this_file).map_or(self.records, |of| of.min(self.records));
    }

    /// Encodes the batch that is appended next. Returns whether the file has to grow for it.
    pub(super) fn prepare(&mut self, batch: &[Write]) -> io::Result<bool> {
        self.record.clear();
        let head = self.head();
        encode(&mut self.record, head, batch)?;
        Ok(self.header.length < self.end + self.record.len() as u64)
    }

    /// Lets the file grow for the batch that was prepared. All records must be on disk.
    pub(super) fn grow(&mut self) -> io::Result<()> {
        self.require_durable()?;
        let records = self.bytes() + self.record.len() as u64;
        let length = PAGE as u64 + records.next_multiple_of(self.step);
        self.file.grow(length)?;
        self.file.sync_all()?;
        let header = FileHeader { length, revision: self.header.revision + 1, ..self.header };
        self.file.write_all_at(&header.encode(), header.offset())?;
        self.file.sync_data()?;
        self.header = header;
        Ok(())
    }

    /// Appends the batch that was prepared. A crash may lose it until the file is synced.
    pub(super) fn append(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.record, self.end)?;
        self.end += self.record.len() as u64;
        self.records += 1;
        self.record.shrink_to(limits::RECORD_BUFFER_BYTES);
        Ok(())
    }

    /// Ends this generation, and begins the next. Fails if a record is not known to be on disk.
    pub(super) fn begin_next(&mut self) -> io::Result<()> {
        self.require_durable()?;
        let (file, header) = begin(&*self.disk, self.store(), self.generation() + 1, self.step)?;
        self.file.write_all_at(&encode_end(self.head()), self.end)?;
        self.file.sync_all()?;
        self.earlier = self.position();
        (self.before, self.end_before) = (self.records, self.end);
        (self.file, self.header) = (file, header);
        (self.end, self.records, self.synced) = (PAGE as u64, 0, 0);
        Ok(())
    }

    fn require_durable(&self) -> io::Result<()> {
        let is_durable = self.synced == self.records;
        is_durable.then_some(()).ok_or_else(|| io::Error::other("the journal is not on disk"))
    }

    fn head(&self) -> Head {
        Head {
            generation: self.generation(),
            before: self.before,
            number: self.records,
            synced: self.synced,
        }
    }
}

/// Notes that the generation after a recovered one has begun.
fn end_generation(disk: &dyn Disk, file: &RecoveredFile) -> io::Result<()> {
    let RecoveredFile { generation, before, records, .. } = *file;
    let head = Head { generation, before, number: records, synced: records };
    let open = disk.open(&file_name(generation))?;
    open.write_all_at(&encode_end(head), file.kept.len() as u64)?;
    open.sync_all()
}
