//! A file that keeps disk space for a start, for checkpoints and for erasures. Its space is given
//! back when other programs have filled the file system.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use rustix::{
    fs::{FallocateFlags, Mode, OFlags, fallocate, fstatvfs, openat},
    io::Errno,
};

use crate::capacity::disk_space::DiskMarks;

/// The name of the file in the data directory.
const FILE: &str = "reserve";

/// What is to be done with the reserve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ReserveStep {
    Keep,
    Release,
    Allocate,
}

/// The step for a reserve of `held` bytes that should have `wanted` bytes, at so many free bytes.
/// It is released when less than its own size is free. It is allocated when that neither makes
/// requests be refused, nor leads to its release.
fn next_step(held: u64, wanted: u64, free: u64, marks: DiskMarks) -> ReserveStep {
    let rest = marks.level_end().max(wanted);
    if held > wanted || is_needed(held, free) {
        ReserveStep::Release
    } else if held < wanted && free >= rest.saturating_add(wanted - held) {
        ReserveStep::Allocate
    } else {
        ReserveStep::Keep
    }
}

/// Whether a reserve of `held` bytes has to be given back at so many free bytes.
fn is_needed(held: u64, free: u64) -> bool {
    free < held
}

/// The reserve of a data directory. Only one process at a time has it.
#[derive(Debug)]
pub(crate) struct DiskReserve {
    directory: File,
    /// Locked. `None` while there is no file.
    file: Option<File>,
    /// Whether the file system refused the space. It is not asked again.
    is_refused: bool,
}

impl DiskReserve {
    /// Opens the reserve of a data directory, before the store. Gives its space back if less than
    /// its own size is free. Errors are logged: a store can be opened without its reserve.
    pub(crate) fn open(directory: &Path) -> io::Result<DiskReserve> {
        let directory = File::open(directory)?;
        let mut reserve = DiskReserve { directory, file: None, is_refused: false };
        match reserve.open_file(OFlags::empty()) {
            Ok(()) => reserve.release_if_needed(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => reserve.refuse(&error),
        }
        Ok(reserve)
    }

    /// Brings the reserve to the bytes that are wanted, as far as the free space permits.
    pub(crate) fn adjust(&mut self, wanted: u64, free: u64, marks: DiskMarks) {
        match next_step(self.bytes(), wanted, free, marks) {
            ReserveStep::Keep => {}
            ReserveStep::Release => self.release(free),
            ReserveStep::Allocate if self.is_refused => {}
            ReserveStep::Allocate => match self.allocate(wanted) {
                Ok(()) => tracing::info!(bytes = wanted, "disk space is reserved"),
                Err(error) => {
                    self.refuse(&error);
                    self.release(free);
                }
            },
        }
    }

    /// Bytes that are reserved.
    pub(crate) fn bytes(&self) -> u64 {
        let length = |file: &File| file.metadata().map(|metadata| metadata.len());
        self.file.as_ref().and_then(|file| length(file).ok()).unwrap_or(0)
    }

    fn release_if_needed(&mut self) {
        let (held, free) = (self.bytes(), free_bytes(&self.directory).unwrap_or(u64::MAX));
        if is_needed(held, free) {
            self.release(free);
        }
    }

    fn release(&mut self, free_bytes: u64) {
        let bytes = self.bytes();
        match self.file.as_ref().map(|file| file.set_len(0)) {
            Some(Ok(())) if bytes > 0 => {
                tracing::warn!(bytes, free_bytes, "the reserved disk space was given back");
            }
            Some(Err(error)) => self.refuse(&error),
            Some(Ok(())) | None => {}
        }
    }

    fn allocate(&mut self, bytes: u64) -> io::Result<()> {
        if self.file.is_none() {
            self.open_file(OFlags::CREATE)?;
        }
        let Some(file) = &self.file else { return Ok(()) };
        fallocate(file, FallocateFlags::empty(), 0, bytes)?;
        file.sync_all()
    }

    fn open_file(&mut self, flags: OFlags) -> io::Result<()> {
        let flags = flags | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(openat(&self.directory, FILE, flags, Mode::from_raw_mode(0o600))?);
        match file.try_lock() {
            Ok(()) => {
                self.file = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(Errno::WOULDBLOCK.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn refuse(&mut self, error: &io::Error) {
        self.is_refused = true;
        tracing::warn!(%error, "no disk space can be reserved");
    }
}

/// Bytes that are free on the file system of a directory.
pub(crate) fn free_bytes(directory: &File) -> io::Result<u64> {
    let found = fstatvfs(directory)?;
    Ok(found.f_frsize.saturating_mul(found.f_bavail))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: DiskMarks = DiskMarks { client_bytes: 800, server_bytes: 400 };

    #[test]
    fn space_is_reserved_only_if_no_request_is_refused_for_it() {
        assert_eq!(next_step(0, 100, 1_000, MARKS), ReserveStep::Allocate);
        assert_eq!(next_step(0, 100, 999, MARKS), ReserveStep::Keep);
        assert_eq!(next_step(100, 100, 1_000_000, MARKS), ReserveStep::Keep);
        assert_eq!(next_step(40, 100, 960, MARKS), ReserveStep::Allocate);
    }

    #[test]
    fn reserved_space_is_given_back_when_less_than_that_is_free() {
        assert_eq!(next_step(100, 100, 100, MARKS), ReserveStep::Keep);
        assert_eq!(next_step(100, 100, 99, MARKS), ReserveStep::Release);
        assert_eq!(next_step(0, 100, 99, MARKS), ReserveStep::Keep);
    }

    #[test]
    fn a_reserve_that_is_no_longer_wanted_is_given_back() {
        assert_eq!(next_step(100, 0, 1_000_000, MARKS), ReserveStep::Release);
        assert_eq!(next_step(100, 50, 1_000_000, MARKS), ReserveStep::Release);
        assert_eq!(next_step(0, 0, 1_000_000, MARKS), ReserveStep::Keep);
    }

    #[test]
    fn what_was_just_reserved_is_not_given_back_at_once() {
        let without_marks = DiskMarks { client_bytes: 0, server_bytes: 0 };
        for (wanted, marks) in [(100, MARKS), (5_000, MARKS), (100, without_marks)] {
            let free = (0..20_000)
                .find(|free| next_step(0, wanted, *free, marks) == ReserveStep::Allocate);
            let left = free.unwrap() - wanted;
            assert_eq!(next_step(wanted, wanted, left, marks), ReserveStep::Keep);
        }
    }

    #[test]
    fn only_one_process_has_the_reserve_and_another_leaves_it_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let marks = DiskMarks { client_bytes: 0, server_bytes: 0 };
        let mut first = DiskReserve::open(directory.path()).unwrap();
        first.adjust(4_096, u64::MAX, marks);
        assert_eq!(first.bytes(), 4_096);
        let mut second = DiskReserve::open(directory.path()).unwrap();
        second.adjust(0, 0, marks);
        second.adjust(8_192, u64::MAX, marks);
        assert_eq!((first.bytes(), second.bytes()), (4_096, 0));
        drop((first, second));
        let mut third = DiskReserve::open(directory.path()).unwrap();
        assert_eq!(third.bytes(), 4_096);
        third.adjust(4_096, 4_095, marks);
        assert_eq!(third.bytes(), 0);
    }
}
