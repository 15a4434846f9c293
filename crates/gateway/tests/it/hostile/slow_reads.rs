//! Stored data that cannot be read for a long time: every request that reads is answered in time,
//! and says no more than is certain.

use std::{sync::Arc, time::Duration};

use actix_web::{
    App,
    body::to_bytes,
    http::{Method, header},
    rt::System,
    test::{TestRequest, call_service, init_service},
    web::Data,
};
use gateway::{server, settings::ServeArguments, state::GatewayState};
use profile_store::{Store, StoreOptions, SystemIdGenerator, engine::MemoryEngine};
use profile_store_suite::gated_engine::GatedEngine;
use serde_json::{Value, json};

use super::{UNLIMITED, Watch};
use crate::{
    api::{KEY, key},
    serving::Home,
    wire::TEST_TIMEOUT,
};

/// The routes of the gateway without sockets, over an engine whose reads can be held up. Reads may
/// take a second.
fn gateway(engine: &Arc<GatedEngine>) -> Data<GatewayState> {
    let settings = format!("disk_wait_seconds = 1\n{UNLIMITED}");
    let home = Home::configured(&format!("{settings}{}", key("all", KEY, r#""profiles:read""#)));
    let arguments = ServeArguments { config: Some(home.config()), ..ServeArguments::default() };
    let configuration = arguments.configure().unwrap();
    let ids = Arc::new(SystemIdGenerator::default());
    let store = Store::open(Arc::clone(engine) as _, ids, StoreOptions::default());
    let store = System::new().block_on(store).unwrap();
    Data::new(GatewayState::new(configuration, store))
}

/// The status of an answer, whether it says when to ask again, and its document.
async fn ask(
    gateway: &Data<GatewayState>,
    method: Method,
    target: &str,
    body: &Value,
) -> (u16, bool, Value) {
    let app = App::new().app_data(gateway.clone()).configure(server::routes);
    let service = init_service(app).await;
    let request = TestRequest::with_uri(target)
        .method(method)
        .insert_header((header::AUTHORIZATION, format!("Klaviyo-API-Key {KEY}")))
        .insert_header(("revision", "2026-07-15"))
        .insert_header((header::CONTENT_TYPE, "application/vnd.api+json"))
        .set_payload(body.to_string());
    let answer = call_service(&service, request.to_request()).await;
    let (status, again) =
        (answer.status().as_u16(), answer.headers().contains_key(header::RETRY_AFTER));
    let document = to_bytes(answer.into_body()).await.unwrap();
    (status, again, serde_json::from_slice(&document).unwrap())
}

#[test]
fn a_request_whose_reads_hang_is_refused_in_time_and_blames_the_disk_for_nothing() {
    let engine = Arc::new(GatedEngine::new(Arc::new(MemoryEngine::new())));
    let gateway = gateway(&engine);
    let profile = json!({ "data": { "type": "profile",
        "attributes": { "email": "ann@example.com" } } });
    let explanation = json!({ "data": { "type": "profile-explain",
        "attributes": { "scope": "server", "body": profile } } });
    let requests = [
        (Method::POST, "/api/profile-explain", explanation),
        (Method::GET, "/api/profiles/01ARZ3NDEKTSV4RRFFQ69G5FAV", Value::Null),
        (Method::GET, "/api/outcomes", Value::Null),
    ];
    let system = System::new();
    for (method, target, body) in requests {
        let held = engine.hold_reads();
        let watch = Watch::start();
        // The second explanation waits for the first, which hangs.
        for _ in 0..2 {
            let asked = ask(&gateway, method.clone(), target, &body);
            let (status, again, document) = system.block_on(asked);
            assert_eq!((status, again), (503, true), "{target}: {document}");
            let detail = document["errors"][0]["detail"].as_str().unwrap();
            assert_eq!(detail, "The stored data was not read within 1 seconds.");
        }
        assert!(watch.elapsed() < TEST_TIMEOUT / 2, "{target}: {:?}", watch.elapsed());
        assert_eq!(gateway.store.oldest_disk_wait(), Duration::ZERO);
        drop(held);
        let asked = ask(&gateway, method, target, &body);
        let (status, _, document) = system.block_on(asked);
        assert_ne!(status, 503, "{target}: {document}");
    }
}
