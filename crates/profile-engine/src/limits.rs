//! Every bound of the engines, and its reason.

/// Places of an embedded engine, at most. Every place has one batch in progress, and its commit
/// occupies one blocking thread. More places than processors only divide the same work into
/// smaller batches, so the bound allows for the largest machines that run one process.
pub const MAX_PLACES: u32 = 16;

/// Memory that cached pages of the embedded engine take, unless it is set otherwise.
pub const CACHE_BYTES: u64 = 1_024 * 1_024 * 1_024;

/// Memory that changes take until their memtable is closed and checkpointed. Meanwhile the next
/// memtable fills. A key that changes again in the same memtable is checkpointed once: a larger
/// memtable saves more of that work, and takes longer to recover after a crash.
pub const MEMTABLE_BYTES: usize = 16 * 1_024 * 1_024;

/// Memory that one change takes beside the bytes of its key and its value: two allocations, and
/// its node in a map.
pub const CHANGE_OVERHEAD_BYTES: usize = 96;

/// The file of a memtable may be this many times as large as the memtable before the memtable is
/// closed. A key that changes many times is in the file each time.
pub const JOURNAL_FACTOR: usize = 2;

/// A file of the journal grows by one part in this many of the memory of a memtable, in whole
/// pages: by 4 MiB where a memtable takes 16. Its length is made durable before it is used, so
/// that a file that was cut off is noticed. Growth takes a few syncs, and what a file has too
/// much is small beside a memtable.
pub const JOURNAL_STEP_DIVISOR: usize = 4;

/// Seconds without checkpoint progress after which waiting commits fail, and with them the engine.
/// Flushing a megabyte takes milliseconds, and a second on a busy disk. Network storage that fails
/// over hangs for a minute or two, and then the commits must go on by themselves.
pub const STALL_SECONDS: u64 = 300;

/// Seconds that a caller waits for the archive of the journal to take one file of tens of MB. An
/// archive on another machine takes a second or two. One that takes longer is reported, and goes
/// on meanwhile.
pub const ARCHIVE_WAIT_SECONDS: u64 = 20;

/// Seconds that a stop waits for the archive to take the file that it is getting. What is not
/// archived then is archived after the next start, and a process may have no more than ten seconds
/// to end.
pub const ARCHIVE_STOP_SECONDS: u64 = 2;

/// The open memtable may be ahead of the checkpoint of the closed one by one part in this many:
/// by a quarter of a memtable.
pub const AHEAD_DIVISOR: usize = 4;

/// Bytes of changes that are put into the table between two reports of progress: a few
/// milliseconds of work, for which a commit may have to wait.
pub const PROGRESS_BYTES: usize = 64 * 1_024;

/// Changes in one transaction of redb. Each may replace a page of 4 KiB, and the space of the old
/// pages is free only after the transaction: so a checkpoint makes the file grow by tens of MiB,
/// however many changes it has.
pub const TRANSACTION_CHANGES: usize = 2_048;

/// Bytes of keys and values in one transaction of redb, for the same reason.
pub const TRANSACTION_BYTES: usize = 4 * 1_024 * 1_024;

/// Bytes that a checkpoint writes to the file of redb, or to one of the journal that it retires,
/// between two syncs of it. A sync of the journal waits behind one that is running. A checkpoint
/// writes tens of MiB, whose sync at once takes a tenth of a second; so much takes a few
/// milliseconds.
pub const CHECKPOINT_STEP_BYTES: usize = 512 * 1_024;

/// Bytes of changes that are put into sled between two flushes of it. Small flushes keep a sync of
/// the journal from waiting behind a large one.
pub const UNFLUSHED_BYTES: usize = 2 * 1_024 * 1_024;

/// Removed keys that one step of a scan passes over.
pub const SCANNED_REMOVALS: usize = 1_024;

/// Memory that is kept for encoding the next record of the journal. The buffer of a larger record
/// is released.
pub const RECORD_BUFFER_BYTES: usize = 1_024 * 1_024;
