//! Archives the journal from time to time, so that an archive is never older than that.

use std::sync::Arc;

use actix_web::{
    rt::{self, task::JoinHandle},
    web::Data,
};

use super::periodic_task::PeriodicTask;
use crate::{settings::ArchiveSettings, state::GatewayState};

/// `None` if there is no archive.
pub(crate) fn start(
    gateway: &Data<GatewayState>,
    settings: &ArchiveSettings,
) -> Option<PeriodicTask> {
    settings.directory.as_ref()?;
    let mut archiving: Option<JoinHandle<()>> = None;
    let task = PeriodicTask::start(gateway, settings.period, move |gateway| {
        // One that waits for a slow disk is not joined by others.
        if archiving.as_ref().is_none_or(JoinHandle::is_finished)
            && let Some(origin) = &gateway.backups
        {
            let engine = Arc::clone(&origin.engine);
            // A failure is one of the disk, or of the archive, and is logged where it happens.
            archiving = Some(rt::spawn(async move { drop(engine.archive_all().await) }));
        }
    });
    Some(task)
}
