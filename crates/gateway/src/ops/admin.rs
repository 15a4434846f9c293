//! The admin listener: health and metrics. Clients cannot reach it.

use actix_web::{
    HttpResponse, Responder,
    web::{self, Data, ServiceConfig},
};

use crate::{
    capacity::{disk_space::SpaceLevel, disk_wait},
    metrics::Metrics,
    state::GatewayState,
};

/// The routes of the admin listener.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/health/live").get(live).head(live))
        .service(web::resource("/health/ready").get(ready).head(ready))
        .route("/metrics", web::get().to(metrics));
}

/// The process runs.
async fn live() -> impl Responder {
    HttpResponse::Ok().body("live\n")
}

/// The store accepts all requests.
async fn ready(gateway: Data<GatewayState>) -> impl Responder {
    match unready(&gateway) {
        None => HttpResponse::Ok().body("ready\n"),
        Some(reason) => HttpResponse::ServiceUnavailable().body(format!("{reason}\n")),
    }
}

/// Why some requests are refused, if any are.
fn unready(gateway: &GatewayState) -> Option<&'static str> {
    if !gateway.store.is_healthy() {
        Some("the store accepts no requests; see the log")
    } else if disk_wait::is_over(gateway) {
        Some("the disk does not answer; requests that write are refused until it does")
    } else {
        match gateway.disk_space.level() {
            SpaceLevel::Enough => None,
            level @ (SpaceLevel::ServersOnly | SpaceLevel::ErasuresOnly) => Some(level.as_str()),
        }
    }
}

/// This listener has a thread of its own, so the store may block it while it asks the file system
/// for its size.
async fn metrics(gateway: Data<GatewayState>) -> impl Responder {
    gateway.metrics.set_connections(gateway.client_connections.counts());
    gateway.metrics.set_commit_queue_depth(gateway.store.queue_depth() as u64);
    gateway.metrics.set_commit_batches(gateway.store.batches());
    gateway.metrics.set_disk_wait(gateway.store.oldest_disk_wait());
    gateway.metrics.set_disk_free_bytes(gateway.disk_space.free());
    gateway.metrics.set_disk_reserved_bytes(gateway.disk_space.reserved());
    let (by_age, by_count) = (gateway.store.pruned_by_age(), gateway.store.pruned_by_count());
    gateway.metrics.set_pruned(by_age, by_count);
    gateway.metrics.set_clock_trusted(gateway.store.trusts_clock());
    match gateway.store.bytes().await {
        Ok(bytes) => gateway.metrics.set_store_bytes(bytes),
        Err(error) => tracing::warn!(%error, "the size of the store could not be read"),
    }
    HttpResponse::Ok().content_type(Metrics::CONTENT_TYPE).body(gateway.metrics.render())
}
