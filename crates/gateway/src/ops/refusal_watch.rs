//! Says in the log how many lines about refused requests were left out.

use actix_web::web::Data;

use crate::{http::refusal_log, limits, ops::periodic_task::PeriodicTask, state::GatewayState};

pub(crate) fn start(gateway: &Data<GatewayState>) -> PeriodicTask {
    PeriodicTask::start(gateway, limits::LEFT_OUT_EVERY, |gateway| {
        let now = gateway.clock.elapsed();
        refusal_log::report_all_left_out(&gateway.refusal_lines.take_left_out(now));
    })
}
