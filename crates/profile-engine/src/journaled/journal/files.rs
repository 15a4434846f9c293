//! The files of the journal: one for each generation, and the spare one.

use std::{io, sync::Arc};

use super::header::{FileHeader, PAGE};
use crate::{
    journaled::{
        disk::{Disk, DiskFile},
        mark::StoreId,
    },
    limits,
};

/// The extension of the journal's files.
const EXTENSION: &str = "journal";

/// The file that the next generation overwrites.
pub(super) const SPARE: &str = "spare";

/// The file that is about to become the spare one.
pub(super) const RETIRED: &str = "retired";

pub(crate) fn file_name(generation: u64) -> String {
    format!("{generation:016}.{EXTENSION}")
}

/// The generation whose file has this name.
pub(crate) fn generation_of(name: &str) -> Option<u64> {
    name.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}

/// The generations that have files, oldest first.
pub(crate) fn generations(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let names = disk.names()?;
    let mut found: Vec<u64> = names.iter().filter_map(|name| generation_of(name)).collect();
    found.sort_unstable();
    Ok(found)
}

/// Creates the file of a generation, from the spare one if there is one, with space for records of
/// `step` bytes at least. Returns once the file and its name are durable.
pub(super) fn begin(
    disk: &dyn Disk,
    store: StoreId,
    generation: u64,
    step: u64,
) -> io::Result<(Arc<dyn DiskFile>, FileHeader)> {
    let name = file_name(generation);
    match disk.rename(SPARE, &name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&name)?;
    let length = file.len()?.max(PAGE as u64 + step);
    let header = FileHeader { store, generation, length, revision: 0 };
    file.grow(length)?;
    file.write_all_at(&header.page(), 0)?;
    file.sync_all()?;
    disk.sync_names()?;
    Ok((file, header))
}

/// Removes the files up to that of this generation, oldest first: a newer file must not be missing
/// while an older one exists. The last is kept, to be overwritten, with nothing behind its `end`.
pub(crate) fn retire(disk: &dyn Disk, generation: u64, end: u64, step: u64) -> io::Result<()> {
    let old = generations(disk)?.into_iter().filter(|of| *of <= generation);
    let mut is_any = false;
    for generation in old {
        set_aside(disk, generation)?;
        is_any = true;
    }
    if is_any { make_spare(disk, end, step) } else { Ok(()) }
}

/// Takes its name from the file of a generation. Returns once that survives a crash, so the file
/// may be changed. It replaces the one that was set aside before.
pub(crate) fn set_aside(disk: &dyn Disk, generation: u64) -> io::Result<()> {
    disk.rename(&file_name(generation), RETIRED)?;
    disk.sync_names()
}

/// Lets the next generation overwrite the file that was set aside last, with nothing behind its
/// `end`.
pub(crate) fn make_spare(disk: &dyn Disk, end: u64, step: u64) -> io::Result<()> {
    clear_behind(&*disk.open(RETIRED)?, end, step)?;
    disk.rename(RETIRED, SPARE)
}

/// Puts zeros behind the last record, up to the next of the lengths that a file grows to. What was
/// there is left from a longer generation, and would stay for as long as later ones are shorter.
fn clear_behind(file: &dyn DiskFile, end: u64, step: u64) -> io::Result<()> {
    let records = end.saturating_sub(PAGE as u64);
    let length = file.len()?.min(PAGE as u64 + records.next_multiple_of(step).max(step));
    let mut cleared = end.min(length);
    file.cut(cleared)?;
    while cleared < length {
        cleared = length.min(cleared + limits::CHECKPOINT_STEP_BYTES as u64);
        file.grow(cleared)?;
        file.sync_all()?;
    }
    Ok(())
}
