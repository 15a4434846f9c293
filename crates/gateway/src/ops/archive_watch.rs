//! Archives the journal from time to time, so that an archive is never older than that.

use actix_web::{rt, web::Data};

use super::periodic_task::PeriodicTask;
use crate::{settings::ArchiveSettings, state::GatewayState};

/// `None` if there is no archive.
pub(crate) fn start(
    gateway: &Data<GatewayState>,
    settings: &ArchiveSettings,
) -> Option<PeriodicTask> {
    settings.directory.as_ref()?;
    let task = PeriodicTask::start(gateway, settings.period, |gateway| {
        if let Some(origin) = &gateway.backups {
            let engine = std::sync::Arc::clone(&origin.engine);
            // A failure is one of the disk, or of the archive, and is logged where it happens.
            rt::spawn(async move { drop(engine.archive_all().await) });
        }
    });
    Some(task)
}
