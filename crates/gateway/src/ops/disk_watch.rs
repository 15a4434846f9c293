//! Watches the disk of the data directory: its free space, and commits that wait for it.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
};

use actix_web::web::Data;

use crate::{
    capacity::{
        disk_space::{SpaceChange, SpaceLevel},
        disk_wait::{WaitEpisode, WaitEvent},
    },
    limits,
    ops::{
        disk_reserve::{self, DiskReserve},
        periodic_task::PeriodicTask,
    },
    state::GatewayState,
};

/// Watches until it is dropped.
pub(crate) struct DiskWatch {
    _waits: PeriodicTask,
    /// The thread ends when this is dropped.
    _space: Sender<()>,
}

/// Measures the free space once, and then watches it and the waits. Keeps `wanted` bytes in reserve
/// as far as the free space permits.
pub(crate) fn start(
    gateway: &Data<GatewayState>,
    directory: &Path,
    mut reserve: DiskReserve,
    wanted: u64,
) -> io::Result<DiskWatch> {
    let directory = File::open(directory)?;
    measure(gateway, &directory);
    let (stop, stopped) = mpsc::channel::<()>();
    let measured = Arc::downgrade(&Data::clone(gateway).into_inner());
    // A thread of its own: the call may hang with the disk. It is not waited for.
    thread::Builder::new().name("disk-space".into()).spawn(move || {
        while let Some(gateway) = measured.upgrade() {
            measure(&gateway, &directory);
            reserve.adjust(wanted, gateway.disk_space.free(), gateway.disk_space.marks());
            gateway.disk_space.note_reserved(reserve.bytes());
            drop(gateway);
            match stopped.recv_timeout(limits::DISK_SPACE_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok(DiskWatch { _waits: watch_waits(gateway), _space: stop })
}

/// Notes how much is free on the file system of a directory.
pub(crate) fn measure(gateway: &GatewayState, directory: &File) {
    match disk_reserve::free_bytes(directory) {
        Ok(free) => note_free(gateway, free),
        Err(error) => tracing::warn!(%error, "the free disk space could not be read"),
    }
}

fn note_free(gateway: &GatewayState, free_bytes: u64) {
    match gateway.disk_space.note(free_bytes) {
        Some(SpaceChange { to: level @ SpaceLevel::Enough, .. }) => {
            tracing::info!(free_bytes, "{}", level.as_str());
        }
        Some(SpaceChange { to: level, .. }) => tracing::warn!(free_bytes, "{}", level.as_str()),
        None => {}
    }
}

fn watch_waits(gateway: &Data<GatewayState>) -> PeriodicTask {
    let mut episode = WaitEpisode::default();
    PeriodicTask::start(gateway, limits::DISK_WAIT_EVERY, move |gateway| {
        let limit = gateway.disk_wait_limit;
        let oldest = gateway.store.oldest_disk_wait();
        match episode.note(gateway.clock.elapsed(), oldest, limit) {
            Some(WaitEvent::Began) => tracing::warn!(
                limit_seconds = limit.as_secs(),
                "the disk does not answer; requests that write are refused until it does"
            ),
            Some(WaitEvent::Ended(took)) => {
                tracing::warn!(seconds = took.as_secs_f64(), "the disk answers again");
            }
            None => {}
        }
    })
}
