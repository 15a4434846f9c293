//! Free space on the file system of the data directory, and who may write how little there is.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use crate::limits;

/// The free bytes below which requests are refused. Erasures are never refused for want of space.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DiskMarks {
    /// Below this, requests of clients are refused.
    pub client_bytes: u64,
    /// Below this, requests with a private key that write are refused as well.
    pub server_bytes: u64,
}

impl Default for DiskMarks {
    fn default() -> DiskMarks {
        DiskMarks {
            client_bytes: limits::CLIENT_FREE_MIB * MIB,
            server_bytes: limits::SERVER_FREE_MIB * MIB,
        }
    }
}

/// Bytes of a MiB.
pub(crate) const MIB: u64 = 1024 * 1024;

/// How much of what is asked may be written.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SpaceLevel {
    /// Everything.
    Enough,
    /// Nothing that clients ask for.
    ServersOnly,
    /// Erasures only.
    ErasuresOnly,
}

impl SpaceLevel {
    /// What this level means, as health and the log report it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SpaceLevel::Enough => "there is enough free space",
            SpaceLevel::ServersOnly => "little disk space is free; requests of clients are refused",
            SpaceLevel::ErasuresOnly => {
                "hardly any disk space is free; all writes but erasures are refused"
            }
        }
    }

    fn from_code(code: u8) -> SpaceLevel {
        match code {
            0 => SpaceLevel::Enough,
            1 => SpaceLevel::ServersOnly,
            _ => SpaceLevel::ErasuresOnly,
        }
    }
}

impl DiskMarks {
    /// The free bytes from which on every level below [`SpaceLevel::Enough`] is left.
    pub(crate) fn level_end(self) -> u64 {
        let mark = self.client_bytes.max(self.server_bytes);
        mark.saturating_add(mark / limits::DISK_MARGIN_DIVISOR)
    }

    /// The level at this many free bytes after a level before. A level is left only when an eighth
    /// more than its mark is free, so that a file system around a mark does not alternate.
    pub fn level(self, before: SpaceLevel, free: u64) -> SpaceLevel {
        let is_below = |mark: u64, level: SpaceLevel| {
            let margin = if level <= before { mark / limits::DISK_MARGIN_DIVISOR } else { 0 };
            free < mark.saturating_add(margin)
        };
        if is_below(self.server_bytes, SpaceLevel::ErasuresOnly) {
            SpaceLevel::ErasuresOnly
        } else if is_below(self.client_bytes, SpaceLevel::ServersOnly) {
            SpaceLevel::ServersOnly
        } else {
            SpaceLevel::Enough
        }
    }
}

/// A change of the level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SpaceChange {
    pub(crate) from: SpaceLevel,
    pub(crate) to: SpaceLevel,
}

/// The free space as it was measured last.
#[derive(Debug)]
pub(crate) struct DiskSpace {
    marks: DiskMarks,
    free: AtomicU64,
    reserved: AtomicU64,
    level: AtomicU8,
    changing: Mutex<()>,
}

impl DiskSpace {
    /// Counts as enough until it is measured.
    pub(crate) fn new(marks: DiskMarks) -> DiskSpace {
        DiskSpace {
            marks,
            free: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            level: AtomicU8::new(SpaceLevel::Enough as u8),
            changing: Mutex::new(()),
        }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how many bytes are free.
    pub(crate) fn note(&self, free: u64) -> Option<SpaceChange> {
        let _changing = self.changing();
        let from = self.level();
        let to = self.marks.level(from, free);
        self.free.store(free, Ordering::Relaxed);
        self.level.store(to as u8, Ordering::Relaxed);
        (from != to).then_some(SpaceChange { from, to })
    }

    pub(crate) fn marks(&self) -> DiskMarks {
        self.marks
    }

    /// Notes how many bytes are reserved.
    pub(crate) fn note_reserved(&self, bytes: u64) {
        self.reserved.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that are reserved.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Relaxed)
    }

    pub(crate) fn level(&self) -> SpaceLevel {
        SpaceLevel::from_code(self.level.load(Ordering::Relaxed))
    }

    /// Bytes that were free when they were measured last.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: DiskMarks = DiskMarks { client_bytes: 800, server_bytes: 400 };

    #[test]
    fn clients_are_refused_before_servers() {
        let space = DiskSpace::new(MARKS);
        let level = |free| {
            space.note(free);
            space.level()
        };
        assert_eq!(level(800), SpaceLevel::Enough);
        assert_eq!(level(799), SpaceLevel::ServersOnly);
        assert_eq!(level(400), SpaceLevel::ServersOnly);
        assert_eq!(level(399), SpaceLevel::ErasuresOnly);
        assert_eq!(level(0), SpaceLevel::ErasuresOnly);
    }

    #[test]
    fn a_level_is_left_only_with_a_margin() {
        let space = DiskSpace::new(MARKS);
        let level = |free| {
            space.note(free);
            space.level()
        };
        assert_eq!(level(399), SpaceLevel::ErasuresOnly);
        assert_eq!(level(449), SpaceLevel::ErasuresOnly);
        assert_eq!(level(450), SpaceLevel::ServersOnly);
        assert_eq!(level(899), SpaceLevel::ServersOnly);
        assert_eq!(level(900), SpaceLevel::Enough);
        assert_eq!(level(800), SpaceLevel::Enough);
    }

    #[test]
    fn marks_of_zero_refuse_nothing() {
        let marks = DiskMarks { client_bytes: 0, server_bytes: 0 };
        assert_eq!(marks.level(SpaceLevel::Enough, 0), SpaceLevel::Enough);
        assert_eq!(marks.level(SpaceLevel::ErasuresOnly, 0), SpaceLevel::Enough);
    }

    #[test]
    fn a_level_is_reported_once() {
        let space = DiskSpace::new(MARKS);
        assert_eq!(space.note(1_000), None);
        let fell = SpaceChange { from: SpaceLevel::Enough, to: SpaceLevel::ServersOnly };
        assert_eq!(space.note(500), Some(fell));
        assert_eq!(space.note(500), None);
        assert_eq!(space.free(), 500);
    }
}
