//! Says in the log how many lines about refused requests were left out, and lets the inspector
//! forget requests that are too old.

use actix_web::web::Data;

use crate::{http::refusal_log, limits, ops::periodic_task::PeriodicTask, state::GatewayState};

pub(crate) fn start(gateway: &Data<GatewayState>) -> PeriodicTask {
    PeriodicTask::start(gateway, limits::LEFT_OUT_EVERY, |gateway| {
        let now = gateway.clock.elapsed();
        gateway.inspector.forget_old(now);
        refusal_log::report_all_left_out(&gateway.refusal_lines.take_left_out(now));
    })
}
