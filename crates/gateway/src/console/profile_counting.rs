//! Counts profiles. That reads all of them, so it happens in the background, slowly, and only when
//! a visitor looks.

use std::{sync::Arc, time::Duration};

use actix_web::{
    rt::time::{sleep, timeout},
    web::{self, Data},
};
use profile_protocol::CompanyId;
use profile_store::{ProfileCountSoFar, engine::EngineError};
use tokio::runtime::Handle;

use super::profile_counts::{CountPermit, ProfileCount};
use crate::{limits, state::GatewayState};

/// Counts the profiles of these companies again, if that is due. Waits a moment for it, which is
/// enough for a small store.
pub(super) async fn refresh(
    gateway: &Data<GatewayState>,
    companies: impl Iterator<Item = CompanyId>,
) {
    let begun = gateway.profile_counts.begin(companies, gateway.clock.elapsed());
    let Some((permit, due)) = begun else { return };
    let counting = actix_web::rt::spawn(count_all(Data::clone(gateway), permit, due));
    // It goes on if it takes longer.
    drop(timeout(limits::PROFILE_COUNT_WAIT, counting).await);
}

async fn count_all(gateway: Data<GatewayState>, permit: CountPermit, due: Vec<CompanyId>) {
    let _until_the_end = permit;
    // The gateway may end meanwhile.
    let gateway = Arc::downgrade(&gateway.into_inner());
    for company in due {
        let (mut so_far, mut took) = (ProfileCountSoFar::default(), Duration::ZERO);
        loop {
            let Some(gateway) = gateway.upgrade() else { return };
            let began = gateway.clock.elapsed();
            match step(&gateway, &company, so_far).await {
                Ok(counted) => so_far = counted,
                Err(error) => {
                    tracing::warn!(%company, %error, "the profiles cannot be counted");
                    break;
                }
            }
            let now = gateway.clock.elapsed();
            let read = now.saturating_sub(began);
            took += read;
            if so_far.after.is_none() {
                let count = ProfileCount { profiles: so_far.profiles, at: now, took };
                gateway.profile_counts.keep(company, count);
                break;
            }
            drop(gateway);
            let pause = read * limits::PROFILE_COUNT_PAUSES;
            sleep(pause.max(limits::PROFILE_COUNT_PAUSE)).await;
        }
    }
}

/// Reads on a thread that may block on the disk.
async fn step(
    gateway: &Arc<GatewayState>,
    company: &CompanyId,
    so_far: ProfileCountSoFar,
) -> Result<ProfileCountSoFar, EngineError> {
    let (gateway, company) = (Arc::clone(gateway), company.clone());
    let runtime = Handle::current();
    let counted =
        web::block(move || runtime.block_on(gateway.store.count_profiles(&company, so_far)));
    counted.await.unwrap_or(Ok(ProfileCountSoFar::default()))
}
