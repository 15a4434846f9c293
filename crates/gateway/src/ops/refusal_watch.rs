//! Says in the log how many lines about refused requests were left out.

use std::sync::{Arc, Weak};

use actix_web::{
    rt::{self, task::JoinHandle, time::interval},
    web::Data,
};

use crate::{http::refusal_log, limits, state::GatewayState};

/// Watches until it is dropped.
pub(crate) struct RefusalWatch(JoinHandle<()>);

impl Drop for RefusalWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) fn start(gateway: &Data<GatewayState>) -> RefusalWatch {
    let gateway = Arc::downgrade(&Data::clone(gateway).into_inner());
    RefusalWatch(rt::spawn(watch(gateway)))
}

async fn watch(watched: Weak<GatewayState>) {
    let mut ticks = interval(limits::LEFT_OUT_EVERY);
    loop {
        ticks.tick().await;
        let Some(gateway) = watched.upgrade() else { return };
        let now = gateway.clock.elapsed();
        refusal_log::report_all_left_out(&gateway.refusal_lines.take_left_out(now));
    }
}
