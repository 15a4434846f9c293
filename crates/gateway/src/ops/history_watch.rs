//! Takes a sample of metrics each minute, for the charts and the alerts of the console.

use actix_web::web::Data;

use crate::{
    console::{metric_history::MomentReadings, metric_values::MetricValues},
    limits,
    metrics::MetricsFormat,
    ops::periodic_task::PeriodicTask,
    state::GatewayState,
};

pub(crate) fn start(gateway: &Data<GatewayState>) -> PeriodicTask {
    PeriodicTask::start(gateway, limits::METRIC_SAMPLE, |gateway| {
        let values = MetricValues::read(&gateway.metrics.render(MetricsFormat::Text));
        let readings = MomentReadings {
            batches: gateway.store.batches(),
            disk_free: gateway.disk_space.free(),
            disk_wait: gateway.store.oldest_disk_wait(),
            connections_closed: gateway.client_connections.counts().closed(),
        };
        gateway.metric_history.add(&values, &readings);
        gateway.company_history.add(&values);
    })
}
