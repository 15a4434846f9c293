//! A disk whose calls are repeated from a recording, and which loses its power.
//!
//! Two models say what may be left. Both are harder than a real machine has to be, and softer than
//! none.
//!
//! - **Strict**: only what `fsync` and `fdatasync` covered is sure. Of all else any part may be on
//!   the disk: every 512 bytes, every length and the names in every directory for themselves.
//! - **Ordered**, as ext4 with `data=ordered`: names and lengths become durable in the order in
//!   which they changed, at a sync or by themselves. What a file has grown by is on the disk
//!   before its new length is. Other pages are written in any order. `sync_file_range` writes
//!   pages, and no length.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use super::{
    super::HostileRandom,
    recording::{Inode, RecordedCall, Recording, Sync},
};

/// What a disk promises.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DiskModel {
    Strict,
    Ordered,
}

impl DiskModel {
    /// Bytes that are on the disk together or not at all.
    fn unit(self) -> usize {
        match self {
            DiskModel::Strict => 512,
            DiskModel::Ordered => 4_096,
        }
    }
}

/// The number of a file in the simulation.
type FileId = usize;

/// A disk at one moment of a recording.
#[derive(Debug)]
pub(super) struct ReplayedDisk<'r> {
    recording: &'r Recording,
    model: DiskModel,
    /// How many calls were repeated.
    repeated: usize,
    files: Vec<ReplayedFile>,
    inodes: HashMap<Inode, FileId>,
    names: Names,
    /// The names that are sure to be on the disk.
    durable_names: Names,
    pending_names: Vec<(usize, NameChange)>,
    /// The syncs that began and did not end yet, and when they began.
    syncs: Vec<(Inode, Sync, usize)>,
}

/// The files and directories by path. The root is "".
type Names = BTreeMap<String, DiskEntry>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum DiskEntry {
    File(FileId),
    Directory,
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(String, DiskEntry),
    Remove(String),
    Move(String, String),
}

#[derive(Debug, Default)]
struct ReplayedFile {
    durable: Vec<u8>,
    pending: Vec<(usize, DiskChange)>,
    /// `sync_file_range` wrote the pages of all changes before this call.
    written: usize,
}

#[derive(Clone, Debug)]
enum DiskChange {
    Write { offset: usize, data: std::ops::Range<usize> },
    SetLength(usize),
    Grow(usize),
}

impl DiskChange {
    /// The length of a file that had this length before.
    fn length_after(&self, before: usize) -> usize {
        match self {
            DiskChange::Write { offset, data } => before.max(offset + data.len()),
            DiskChange::SetLength(length) => *length,
            DiskChange::Grow(end) => before.max(*end),
        }
    }
}

/// How much of what is not sure is kept.
#[derive(Clone, Copy, Debug)]
enum Keep {
    Nothing,
    Everything,
    Some,
}

impl Keep {
    fn random(random: &mut HostileRandom) -> Keep {
        match random.below(4) {
            0 => Keep::Nothing,
            1 => Keep::Everything,
            _ => Keep::Some,
        }
    }

    /// A number from `least` to `most`.
    fn pick(self, least: usize, most: usize, random: &mut HostileRandom) -> usize {
        match self {
            Keep::Nothing => least,
            Keep::Everything => most,
            Keep::Some => least + random.below(most.saturating_sub(least) + 1),
        }
    }
}

impl<'r> ReplayedDisk<'r> {
    /// An empty disk.
    pub(super) fn new(recording: &'r Recording, model: DiskModel) -> ReplayedDisk<'r> {
        ReplayedDisk {
            recording,
            model,
            repeated: 0,
            files: Vec::new(),
            inodes: HashMap::new(),
            names: Names::new(),
            durable_names: Names::new(),
            pending_names: Vec::new(),
            syncs: Vec::new(),
        }
    }

    /// Repeats the calls up to this one.
    pub(super) fn advance_to(&mut self, call: usize) {
        let recording = self.recording;
        while self.repeated < call {
            self.repeat(&recording.calls()[self.repeated]);
            self.repeated += 1;
        }
    }

    fn repeat(&mut self, call: &RecordedCall) {
        match call {
            RecordedCall::Create { inode, path } => {
                self.files.push(ReplayedFile::default());
                let file = self.files.len() - 1;
                self.inodes.insert(*inode, file);
                self.rename(NameChange::Add(path.clone(), DiskEntry::File(file)));
            }
            RecordedCall::MakeDirectory { inode, path } => {
                self.inodes.remove(inode);
                self.rename(NameChange::Add(path.clone(), DiskEntry::Directory));
            }
            RecordedCall::Write { inode, offset, data } => {
                self.change(*inode, DiskChange::Write { offset: *offset, data: data.clone() });
            }
            RecordedCall::SetLength { inode, length } => {
                self.change(*inode, DiskChange::SetLength(*length));
            }
            RecordedCall::Allocate { inode, end } => self.change(*inode, DiskChange::Grow(*end)),
            RecordedCall::Rename { from, to } => {
                self.rename(NameChange::Move(from.clone(), to.clone()));
            }
            RecordedCall::Unlink { path } | RecordedCall::RemoveDirectory { path } => {
                self.rename(NameChange::Remove(path.clone()));
            }
            RecordedCall::SyncBegin { inode, sync } => {
                self.syncs.push((*inode, *sync, self.repeated));
            }
            RecordedCall::SyncEnd { inode, sync } => self.end_sync(*inode, *sync),
        }
    }

    fn change(&mut self, inode: Inode, change: DiskChange) {
        let file = self.inodes[&inode];
        self.files[file].pending.push((self.repeated, change));
    }

    fn rename(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push((self.repeated, change));
    }

    /// The oldest sync of this kind that is in progress covers the least.
    fn end_sync(&mut self, inode: Inode, sync: Sync) {
        let oldest =
            self.syncs.iter().position(|begun| (begun.0, begun.1) == (inode, sync)).unwrap();
        let (_, _, began) = self.syncs.remove(oldest);
        let Some(file) = self.inodes.get(&inode).copied() else {
            self.sync_directory(inode, began);
            return;
        };
        match (self.model, sync) {
            (DiskModel::Strict, Sync::Range) => {}
            (DiskModel::Ordered, Sync::Range) => {
                let written = &mut self.files[file].written;
                *written = (*written).max(began);
            }
            (DiskModel::Strict, Sync::Whole | Sync::Data) => {
                self.files[file].sync(self.recording, began);
            }
            (DiskModel::Ordered, Sync::Whole | Sync::Data) => {
                let grew = self.files[file].sync(self.recording, began);
                if grew || sync == Sync::Whole {
                    self.make_names_durable(began, |_| true);
                }
            }
        }
    }

    fn sync_directory(&mut self, inode: Inode, began: usize) {
        match self.model {
            DiskModel::Ordered => self.make_names_durable(began, |_| true),
            DiskModel::Strict => {
                let path =
                    self.recording.calls()[..self.repeated].iter().rev().find_map(
                        |call| match call {
                            RecordedCall::MakeDirectory { inode: of, path } if *of == inode => {
                                Some(path)
                            }
                            _ => None,
                        },
                    );
                let path = path.expect("a directory that the recording has made").clone();
                self.make_names_durable(began, |changed| parent(changed) == Some(path.as_str()));
            }
        }
    }

    fn make_names_durable(&mut self, began: usize, is_covered: impl Fn(&str) -> bool) {
        let pending = std::mem::take(&mut self.pending_names);
        for (at, change) in pending {
            if at < began && is_covered(change.path()) {
                change.apply(&mut self.durable_names);
            } else {
                self.pending_names.push((at, change));
            }
        }
    }

    /// Writes a directory as it may be found after the power has come back.
    pub(super) fn lose_power(&self, into: &Path, random: &mut HostileRandom) {
        let keep = Keep::random(random);
        let committed = self.committed(keep, random);
        let mut names = self.durable_names.clone();
        for (_, change) in self.pending_names.iter().filter(|(at, _)| *at < committed) {
            change.apply(&mut names);
        }
        fs::create_dir_all(into).unwrap();
        for (path, entry) in &names {
            let at = into.join(path);
            match entry {
                DiskEntry::Directory => fs::create_dir_all(&at).unwrap(),
                DiskEntry::File(file) => {
                    let bytes = self.content(&self.files[*file], committed, keep, random);
                    fs::create_dir_all(at.parent().unwrap()).unwrap();
                    fs::write(&at, bytes).unwrap();
                }
            }
        }
    }

    /// The call up to which names are on the disk, and in the ordered model lengths as well.
    fn committed(&self, keep: Keep, random: &mut HostileRandom) -> usize {
        let oldest = self.pending_names.first().map_or(self.repeated, |(at, _)| *at);
        keep.pick(oldest, self.repeated, random)
    }

    fn content(
        &self,
        file: &ReplayedFile,
        committed: usize,
        keep: Keep,
        random: &mut HostileRandom,
    ) -> Vec<u8> {
        let (length, length_at) = self.length(file, committed, keep, random);
        let mut bytes = file.durable.clone();
        let fresh = bytes.len();
        let units = file.units(self.model.unit(), length);
        bytes.resize(bytes.len().max(length), 0);
        for (unit, changes) in units {
            let start = unit * self.model.unit();
            // What a file has grown by is on the disk before its length.
            let is_sure = |at: usize| {
                self.model == DiskModel::Ordered
                    && (at < file.written || fresh <= start && at <= length_at)
            };
            let least = changes.iter().take_while(|(at, _)| is_sure(*at)).count();
            let kept = keep.pick(least, changes.len(), random);
            for (_, change) in &changes[..kept] {
                self.put(&mut bytes, start..start + self.model.unit(), change);
            }
        }
        bytes.truncate(length);
        bytes
    }

    /// A length that the file may have, and the call that gave it this length.
    fn length(
        &self,
        file: &ReplayedFile,
        committed: usize,
        keep: Keep,
        random: &mut HostileRandom,
    ) -> (usize, usize) {
        let mut lengths = vec![(file.durable.len(), 0)];
        for (at, change) in &file.pending {
            let (before, _) = *lengths.last().unwrap();
            if self.model == DiskModel::Strict || *at < committed {
                lengths.push((change.length_after(before), *at));
            }
        }
        lengths[keep.pick(0, lengths.len() - 1, random)]
    }

    /// Puts the part of a change into the bytes that falls into `range`.
    fn put(&self, bytes: &mut [u8], range: std::ops::Range<usize>, change: &DiskChange) {
        let end = range.end.min(bytes.len());
        match change {
            DiskChange::Write { offset, data } => {
                let data = self.recording.data(data);
                let (from, to) = (range.start.max(*offset), end.min(offset + data.len()));
                if from < to {
                    bytes[from..to].copy_from_slice(&data[from - offset..to - offset]);
                }
            }
            DiskChange::SetLength(length) => {
                let from = range.start.max(*length);
                if from < end {
                    bytes[from..end].fill(0);
                }
            }
            DiskChange::Grow(_) => {}
        }
    }
}

impl ReplayedFile {
    /// Makes the changes durable that were made before this call. Returns whether the length of
    /// the file has changed.
    fn sync(&mut self, recording: &Recording, began: usize) -> bool {
        let before = self.durable.len();
        let pending = std::mem::take(&mut self.pending);
        for (at, change) in pending {
            if began <= at {
                self.pending.push((at, change));
                continue;
            }
            self.durable.resize(change.length_after(self.durable.len()), 0);
            if let DiskChange::Write { offset, data } = &change {
                self.durable[*offset..offset + data.len()].copy_from_slice(recording.data(data));
            }
        }
        self.durable.len() != before
    }

    /// The pending changes by the unit of the disk that they change, as far as this length.
    fn units(&self, unit: usize, length: usize) -> BTreeMap<usize, Vec<(usize, &DiskChange)>> {
        let mut units: BTreeMap<usize, Vec<(usize, &DiskChange)>> = BTreeMap::new();
        for (at, change) in &self.pending {
            let range = match change {
                DiskChange::Write { offset, data } => *offset..(offset + data.len()).min(length),
                DiskChange::SetLength(from) => *from..self.durable.len().max(length),
                DiskChange::Grow(_) => continue,
            };
            for unit in range.start / unit..range.end.div_ceil(unit) {
                units.entry(unit).or_default().push((*at, change));
            }
        }
        units
    }
}

impl NameChange {
    /// The path whose directory changes.
    fn path(&self) -> &str {
        match self {
            NameChange::Add(path, _) | NameChange::Remove(path) | NameChange::Move(_, path) => path,
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            NameChange::Add(path, entry) => {
                names.insert(path.clone(), *entry);
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
            NameChange::Move(from, to) => {
                if let Some(entry) = names.remove(from) {
                    names.insert(to.clone(), entry);
                }
            }
        }
    }
}

fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None if path.is_empty() => None,
        None => Some(""),
    }
}

/// The directory of an image.
pub(super) fn image_directory(of: &Path, number: usize) -> PathBuf {
    of.join(format!("image-{number}"))
}
