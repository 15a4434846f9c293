//! What a process did to its disk, in the order in which it did it.

use std::{fs, ops::Range, path::Path};

/// The number of a file in the recording. The file system may use the number of a removed file
/// again.
pub(super) type Inode = u64;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum RecordedCall {
    Create { inode: Inode, path: String },
    MakeDirectory { inode: Inode, path: String },
    Write { inode: Inode, offset: usize, data: Range<usize> },
    SetLength { inode: Inode, length: usize },
    Allocate { inode: Inode, end: usize },
    Rename { from: String, to: String },
    Unlink { path: String },
    RemoveDirectory { path: String },
    SyncBegin { inode: Inode, sync: Sync },
    SyncEnd { inode: Inode, sync: Sync },
}

/// How a process asked for durability.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sync {
    /// `fsync`.
    Whole,
    /// `fdatasync`.
    Data,
    /// `sync_file_range`.
    Range,
}

/// All calls of a process.
#[derive(Debug)]
pub(super) struct Recording {
    bytes: Vec<u8>,
    calls: Vec<RecordedCall>,
    /// For each call, the length of the recording once it was recorded.
    ends: Vec<u64>,
}

/// Bytes of `struct head` of the library.
const HEAD: usize = 32;

impl Recording {
    /// Reads a recording. A record that the end of the process cut off is left out.
    pub(super) fn read(path: &Path) -> Recording {
        let bytes = fs::read(path).unwrap();
        let (mut calls, mut ends, mut at) = (Vec::new(), Vec::new(), 0);
        while let Some((call, end)) = call_at(&bytes, at) {
            calls.push(call);
            ends.push(end as u64);
            at = end;
        }
        Recording { bytes, calls, ends }
    }

    pub(super) fn calls(&self) -> &[RecordedCall] {
        &self.calls
    }

    pub(super) fn data(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }

    /// How many of the calls were recorded when the recording had this length.
    pub(super) fn calls_within(&self, length: u64) -> usize {
        self.ends.partition_point(|end| *end <= length)
    }
}

/// The call that is recorded at this place, and where the next one is.
fn call_at(bytes: &[u8], at: usize) -> Option<(RecordedCall, usize)> {
    let head = bytes.get(at..at + HEAD)?;
    let small = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().unwrap()) as usize;
    let large = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().unwrap());
    let (kind, inode) = (small(0), large(16));
    let number = usize::try_from(large(24)).unwrap();
    let path_end = at + HEAD + small(4);
    let second_end = path_end + small(8);
    let end = second_end + small(12);
    bytes.get(..end)?;
    let text = |range: Range<usize>| String::from_utf8(bytes[range].to_vec()).unwrap();
    let (path, second) = (text(at + HEAD..path_end), text(path_end..second_end));
    let sync = if number == 1 { Sync::Whole } else { Sync::Data };
    let call = match kind {
        1 => RecordedCall::Create { inode, path },
        2 => RecordedCall::MakeDirectory { inode, path },
        3 => RecordedCall::Write { inode, offset: number, data: second_end..end },
        4 => RecordedCall::SetLength { inode, length: number },
        5 => RecordedCall::Allocate { inode, end: number },
        6 => RecordedCall::Rename { from: path, to: second },
        7 => RecordedCall::Unlink { path },
        8 => RecordedCall::RemoveDirectory { path },
        9 => RecordedCall::SyncBegin { inode, sync },
        10 => RecordedCall::SyncEnd { inode, sync },
        11 => RecordedCall::SyncBegin { inode, sync: Sync::Range },
        12 => RecordedCall::SyncEnd { inode, sync: Sync::Range },
        other => panic!("a recorded call of kind {other}"),
    };
    Some((call, end))
}
