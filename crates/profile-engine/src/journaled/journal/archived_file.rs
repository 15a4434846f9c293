//! A file of the journal as it is archived: its first page, its records, and the record that ends
//! its generation.

use super::{
    files::file_name,
    header::{FileHeader, PAGE},
    record::{Head, encode_end},
    recovery::{damaged, read_records},
};
use crate::{
    EngineError, Write,
    journaled::{disk::Disk, mark::StoreId},
};

/// What the archive keeps of the file of a generation that has ended. `None` if the file was
/// written by a version of the engine before files had a first page.
pub(crate) fn archived_bytes(
    disk: &dyn Disk,
    store: StoreId,
    generation: u64,
) -> Result<Option<Vec<u8>>, EngineError> {
    let bytes = disk.read(&file_name(generation)).map_err(EngineError::Io)?;
    let Some(header) = FileHeader::newest(&bytes) else { return Ok(None) };
    if header.store != store || header.generation != generation {
        return Err(damaged(generation, "has the header of another file"));
    }
    let file = read_records(bytes, generation, PAGE, None, &mut drop)?;
    if !file.has_ended {
        return Err(damaged(generation, "has lost its end"));
    }
    let (before, records) = (file.before, file.records);
    let mut kept = file.kept;
    kept.extend(encode_end(Head { generation, before, number: records, synced: records }));
    let length = kept.len() as u64;
    let page = FileHeader { length, revision: 0, ..header }.page();
    kept.iter_mut().zip(page).for_each(|(byte, header)| *byte = header);
    Ok(Some(kept))
}

/// A file of an archive.
pub(crate) struct ArchivedFile {
    /// Its batches, oldest first.
    pub(crate) batches: Vec<Vec<Write>>,
}

impl ArchivedFile {
    /// Reads a file as [`archived_bytes`] has made it. It has all its records: they are numbered,
    /// and the last one ends the generation.
    pub(crate) fn parse(
        bytes: Vec<u8>,
        store: StoreId,
        generation: u64,
    ) -> Result<ArchivedFile, EngineError> {
        let damaged =
            |what: &str| EngineError::Damaged(format!("{} {what}", file_name(generation)));
        let header = FileHeader::newest(&bytes).ok_or_else(|| damaged("has no first page"))?;
        if header.store != store || header.generation != generation {
            return Err(damaged("has the header of another file"));
        }
        let mut batches = Vec::new();
        let file = read_records(bytes, generation, PAGE, None, &mut |batch| batches.push(batch))?;
        if file.has_ended { Ok(ArchivedFile { batches }) } else { Err(damaged("was cut off")) }
    }
}
