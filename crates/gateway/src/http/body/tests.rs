//! What the endpoints promise about large bodies, with every slot for them occupied.

use std::{io::Write, sync::Arc, time::Duration};

use actix_web::{
    App,
    dev::{Service, ServiceResponse},
    http::StatusCode,
    rt::{System, time::timeout},
    test::{TestRequest, init_service},
    web::Data,
};
use flate2::{Compression, write::GzEncoder};
use profile_store::{Store, StoreOptions, SystemIdGenerator, engine::MemoryEngine};

use super::*;
use crate::{capacity::company_slots::CompanySlot, server, settings::ServeArguments};

/// Longer than a request takes that does not wait.
const WAIT: Duration = Duration::from_millis(200);

async fn gateway() -> Data<GatewayState> {
    let configuration = ServeArguments::default().configure().unwrap();
    let (engine, ids) = (Arc::new(MemoryEngine::new()), Arc::new(SystemIdGenerator::default()));
    let store = Store::open(engine, ids, StoreOptions::default()).await.unwrap();
    Data::new(GatewayState::new(configuration, store))
}

/// Occupies every slot for large bodies, each for another company.
async fn occupy_all(gateway: &GatewayState) -> Vec<CompanySlot> {
    let mut slots = Vec::new();
    for number in 0..limits::LARGE_BODIES_AT_ONCE {
        let company = format!("OTHER{number}").parse().unwrap();
        slots.push(gateway.large_body_slots.take(&company).await.unwrap());
    }
    slots
}

/// A request body of about this many bytes, with text that does not compress well.
fn body(bytes: usize) -> Vec<u8> {
    let digit = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Some(char::from(b"0123456789abcdef"[usize::try_from(*state >> 60).unwrap()]))
    };
    let text: String =
        std::iter::repeat_with(|| ()).scan(7, |state, ()| digit(state)).take(bytes).collect();
    let properties: Vec<String> = text
        .as_bytes()
        .chunks(1_000)
        .enumerate()
        .map(|(number, chunk)| format!(r#""p{number}":"{}""#, String::from_utf8_lossy(chunk)))
        .collect();
    let attributes =
        format!(r#""email":"sarah@example.com","properties":{{{}}}"#, properties.join(","));
    format!(r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#).into_bytes()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn request(body: Vec<u8>, encoding: &str) -> TestRequest {
    TestRequest::post()
        .uri("/client/profiles?company_id=DEMO01")
        .insert_header(("content-type", "application/json"))
        .insert_header(("content-encoding", encoding))
        .insert_header(("revision", "2026-07-15"))
        .set_payload(body)
}

#[test]
fn small_requests_are_answered_while_large_bodies_occupy_every_slot() {
    System::new().block_on(async {
        let gateway = gateway().await;
        let service = init_service(App::new().app_data(gateway.clone()).configure(server::routes));
        let service = service.await;
        let status = async |request: TestRequest| {
            let answer: ServiceResponse = service.call(request.to_request()).await.unwrap();
            answer.status()
        };
        let occupied = occupy_all(&gateway).await;
        for small in [request(body(100), "identity"), request(gzip(&body(20_000)), "gzip")] {
            assert_eq!(status(small).await, StatusCode::ACCEPTED);
        }
        let (large, swelling) = (body(90_000), vec![b' '; 90_000]);
        let all = [
            request(large.clone(), "identity"),
            request(gzip(&large), "gzip"),
            // A small body that decodes to a large one.
            request(gzip(&swelling), "gzip"),
        ];
        for request in all {
            assert!(timeout(WAIT, status(request)).await.is_err(), "a large body did not wait");
        }
        drop(occupied);
        assert_eq!(status(request(gzip(&large), "gzip")).await, StatusCode::ACCEPTED);
    });
}
