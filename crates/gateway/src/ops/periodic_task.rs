//! A task that looks at the gateway from time to time.

use std::{sync::Arc, time::Duration};

use actix_web::{
    rt::{self, task::JoinHandle, time::interval},
    web::Data,
};

use crate::state::GatewayState;

/// Runs until it is dropped, or until the gateway is.
pub(crate) struct PeriodicTask(JoinHandle<()>);

impl Drop for PeriodicTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl PeriodicTask {
    /// Calls `look` at once, and then once in each period.
    pub(crate) fn start(
        gateway: &Data<GatewayState>,
        period: Duration,
        mut look: impl FnMut(&GatewayState) + 'static,
    ) -> PeriodicTask {
        let watched = Arc::downgrade(&Data::clone(gateway).into_inner());
        PeriodicTask(rt::spawn(async move {
            let mut ticks = interval(period);
            loop {
                ticks.tick().await;
                let Some(gateway) = watched.upgrade() else { return };
                look(&gateway);
            }
        }))
    }
}
