//! The admin listener: health and metrics, never served to clients.

use actix_web::{
    HttpResponse, Responder,
    web::{self, Data, ServiceConfig},
};

use crate::{meters::Meters, state::Gateway};

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

/// Requests can be stored.
async fn ready(gateway: Data<Gateway>) -> impl Responder {
    if gateway.store.is_healthy() {
        HttpResponse::Ok().body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable().body("the store takes no requests; see the log\n")
    }
}

/// This listener has a thread of its own, which the store may block while it asks
/// the file system for its size.
async fn metrics(gateway: Data<Gateway>) -> impl Responder {
    gateway.meters.set_commit_queue_depth(gateway.store.queue_depth() as u64);
    gateway.meters.set_commit_batches(gateway.store.batches());
    match gateway.store.bytes().await {
        Ok(bytes) => gateway.meters.set_store_bytes(bytes),
        Err(error) => tracing::warn!(%error, "the size of the store is not known"),
    }
    HttpResponse::Ok().content_type(Meters::CONTENT_TYPE).body(gateway.meters.render())
}
