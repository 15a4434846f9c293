//! The admin listener: health and metrics. Clients cannot reach it.

use actix_web::{
    HttpResponse, Responder,
    web::{self, Data, ServiceConfig},
};

use crate::{metrics::Metrics, state::GatewayState};

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

/// The store accepts requests.
async fn ready(gateway: Data<GatewayState>) -> impl Responder {
    if gateway.store.is_healthy() {
        HttpResponse::Ok().body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable().body("the store accepts no requests; see the log\n")
    }
}

/// This listener has a thread of its own, so the store may block it while it asks the file system
/// for its size.
async fn metrics(gateway: Data<GatewayState>) -> impl Responder {
    gateway.metrics.set_commit_queue_depth(gateway.store.queue_depth() as u64);
    gateway.metrics.set_commit_batches(gateway.store.batches());
    match gateway.store.bytes().await {
        Ok(bytes) => gateway.metrics.set_store_bytes(bytes),
        Err(error) => tracing::warn!(%error, "the size of the store could not be read"),
    }
    HttpResponse::Ok().content_type(Metrics::CONTENT_TYPE).body(gateway.metrics.render())
}
