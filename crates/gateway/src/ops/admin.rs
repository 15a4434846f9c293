//! The admin listener: health, metrics, backups, imports, deletions and copies of companies, and
//! the console. Clients cannot reach it.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    http::header,
    web::{self, Data, ServiceConfig},
};

use crate::{
    console,
    metrics::MetricsFormat,
    ops::{
        backup::endpoint::backup, import::endpoint::import, readiness, readings, served_company,
    },
    state::GatewayState,
};

/// The routes of the admin listener.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/health/live").get(live).head(live))
        .service(web::resource("/health/ready").get(ready).head(ready))
        .route("/metrics", web::get().to(metrics))
        .route("/backup", web::get().to(backup))
        .route("/import", web::post().to(import))
        .route("/company-deletion", web::post().to(served_company::delete))
        .service(
            web::resource("/company-copy").get(served_company::may_copy).post(served_company::copy),
        )
        .configure(console::routes);
}

/// The process runs.
async fn live() -> impl Responder {
    HttpResponse::Ok().body("live\n")
}

/// The store accepts all requests. Otherwise each line says why not.
async fn ready(gateway: Data<GatewayState>) -> impl Responder {
    let reasons = readiness::reasons_against(&gateway);
    if reasons.is_empty() {
        HttpResponse::Ok().body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable().body(reasons.join("\n") + "\n")
    }
}

/// This listener has a thread of its own, so what is read here may block it.
async fn metrics(request: HttpRequest, gateway: Data<GatewayState>) -> impl Responder {
    gateway.metrics.set_readings(readings::read(&gateway).await);
    let accept = request.headers().get_all(header::ACCEPT);
    let format = MetricsFormat::negotiate(accept.filter_map(|value| value.to_str().ok()));
    HttpResponse::Ok().content_type(format.media_type()).body(gateway.metrics.render(format))
}
