//! `POST /import` of the admin listener: some rows of an import, for `gateway import`.

use actix_web::{
    HttpRequest, HttpResponse,
    rt::time::timeout,
    web::{Data, Payload},
};

use super::{carry_out, part::ImportPart};
use crate::{
    capacity::open_connection::ConnectionActivity, http::deadline::DeadlineExtension, limits,
    ops::admin_key, state::GatewayState,
};

/// Carries out a part of an import, if the request has an admin key.
pub(crate) async fn import(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    if let Err(refused) = admin_key::authorize(&request, &gateway) {
        return refused.response();
    }
    // Rows wait while other companies are served, for longer than other answers may take.
    if let Some(extension) = request.conn_data::<DeadlineExtension>() {
        extension.grant_until_answered();
    }
    // The connection is not idle while the rows are stored.
    let activity = request.conn_data::<ConnectionActivity>();
    let _in_progress = activity.and_then(ConnectionActivity::begin);
    let Ok(Ok(body)) = payload.to_bytes_limited(limits::TRANSFER_BODY_BYTES).await else {
        let most = limits::TRANSFER_BODY_BYTES;
        return HttpResponse::PayloadTooLarge().body(format!("a part has at most {most} bytes\n"));
    };
    match serde_json::from_slice::<ImportPart>(&body) {
        Ok(part) => carried_out(gateway, part).await,
        Err(error) => HttpResponse::BadRequest().body(format!("the body is no part: {error}\n")),
    }
}

async fn carried_out(gateway: Data<GatewayState>, part: ImportPart) -> HttpResponse {
    let Some(company) = gateway.companies.find(&part.company) else {
        let message = format!("company {:?} is not configured\n", part.company);
        return HttpResponse::NotFound().body(message);
    };
    // Parts and bulk imports of one company are carried out one after the other, so a part that is
    // repeated never meets itself.
    let slot = gateway.import_slots.take(&company.id);
    let Ok(Some(slot)) = timeout(limits::IMPORT_WAIT, slot).await else {
        return HttpResponse::ServiceUnavailable().body("another import is being carried out\n");
    };
    let carrying_out = Data::clone(&gateway);
    // A command that is killed cancels neither the rows nor their slot.
    let answer = actix_web::rt::spawn(async move {
        let answer = carry_out::carry_out(&carrying_out, &company, &part).await;
        drop(slot);
        answer
    });
    match answer.await {
        Ok(Ok(answer)) => HttpResponse::Ok().json(answer),
        Ok(Err(refusal)) => {
            let reason = carry_out::reason(&refusal);
            HttpResponse::ServiceUnavailable().body(format!("{reason}\n"))
        }
        Err(_) => HttpResponse::ServiceUnavailable().body("the import was broken off\n"),
    }
}
