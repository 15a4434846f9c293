//! The admin listener: health and metrics. Clients cannot reach it.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    http::header,
    web::{self, Data, ServiceConfig},
};

use crate::{
    capacity::{disk_space::SpaceLevel, disk_wait},
    metrics::MetricsFormat,
    ops::readings,
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

/// This listener has a thread of its own, so what is read here may block it.
async fn metrics(request: HttpRequest, gateway: Data<GatewayState>) -> impl Responder {
    gateway.metrics.set_readings(readings::read(&gateway).await);
    let accept = request.headers().get_all(header::ACCEPT);
    let format = MetricsFormat::negotiate(accept.filter_map(|value| value.to_str().ok()));
    HttpResponse::Ok().content_type(format.media_type()).body(gateway.metrics.render(format))
}
