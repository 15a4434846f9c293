//! Takes a sample of metrics each minute, for the charts of the console.

use actix_web::web::Data;

use crate::{
    console::metric_values::MetricValues, limits, metrics::MetricsFormat,
    ops::periodic_task::PeriodicTask, state::GatewayState,
};

pub(crate) fn start(gateway: &Data<GatewayState>) -> PeriodicTask {
    PeriodicTask::start(gateway, limits::METRIC_SAMPLE, |gateway| {
        let values = MetricValues::read(&gateway.metrics.render(MetricsFormat::Text));
        gateway.metric_history.add(&values, gateway.store.batches());
    })
}
