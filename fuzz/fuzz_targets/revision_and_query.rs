//! Arbitrary text as the revision, and as the query, of a request.
//!
//! The first line is the revision, the second the query. A revision is refused, or resolves to the
//! newest release not after it, which is also the last one in the order of the texts of dates. A
//! query is admitted exactly when it names one configured company, once. Every answer is of a
//! documented kind and always the same.
#![no_main]

use std::{
    cell::Cell,
    fs,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use actix_web::{App, http::Uri, rt::System, test, web::Data};
use gateway::{server, settings::ServeArguments, state::GatewayState};
use libfuzzer_sys::fuzz_target;
use profile_protocol::{Date, RequestedRevision, Revision, UnavailableRevision};
use profile_store::{Store, StoreOptions, engine::MemoryEngine};
use profile_store_suite::simulated_ids::SimulatedIds;

const COMPANY: &str = "ABC123";

/// As many requests as may be configured, so that no run is throttled.
const CONFIGURATION: &str =
    "[[company]]\nid = \"ABC123\"\nlimits = { burst = 1_000_000, steady = 1_000_000 }\n";

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (asked, query) = text.split_once('\n').unwrap_or((text, ""));
    revision(asked);
    let uri = format!("/client/profiles?{query}");
    // An invalid URI or query is refused, or cut off, before this.
    if uri.parse::<Uri>().is_ok_and(|uri| uri.query() == Some(query)) {
        let status = answer(&uri);
        assert_eq!(status, answer(&uri), "the answer differs");
        // An admitted request is refused because it has no media type.
        let expected = if names_the_company(query) { 415 } else { 400 };
        assert_eq!(status, expected, "{query}");
    }
});

fn revision(text: &str) {
    let asked = text.parse::<RequestedRevision>();
    assert_eq!(asked, text.parse(), "the answer differs");
    let Ok(asked) = asked else { return };
    let (date, suffix) = text.split_at(10);
    assert!(suffix.is_empty() || suffix.starts_with('.') && suffix.len() <= 17, "{suffix}");
    for today in [0, 19_282, 19_283, 20_780, 40_000].map(Date::from_unix_days) {
        match asked.resolve(today) {
            Ok(resolved) => {
                assert!(*resolved.to_string() <= *date && *date <= *today.to_string());
                assert!((Revision::FIRST..=Revision::LATEST).contains(&resolved));
                let spelt = resolved.to_string().parse::<RequestedRevision>();
                assert_eq!(spelt.expect("a release is a revision").resolve(today), Ok(resolved));
            }
            Err(UnavailableRevision::Future) => assert!(*today.to_string() < *date),
            Err(_) => assert!(*date < *Revision::FIRST.to_string()),
        }
    }
}

/// Whether the query names the company, and no other. A second reading of
/// `application/x-www-form-urlencoded`, without regard to speed.
fn names_the_company(query: &str) -> bool {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let ids: Vec<Vec<u8>> = pairs
        .filter(|(name, _)| decoded(name) == b"company_id")
        .map(|(_, value)| decoded(value))
        .collect();
    ids == [COMPANY.as_bytes()]
}

fn decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        let escape = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let escape = escape.filter(|_| *first == b'%');
        let escape = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        bytes = if escape.is_some() { &rest[2..] } else { rest };
        decoded.push(match escape {
            Some(digits) => u8::from_str_radix(digits, 16).expect("two digits"),
            None if *first == b'+' => b' ',
            None => *first,
        });
    }
    decoded
}

/// The status with which a gateway answers a `POST` to this address.
fn answer(uri: &str) -> u16 {
    thread_local! {
        // Never dropped: actix keeps pools in thread-local storage, which may be destroyed first.
        static ANSWER: &'static dyn Fn(&str) -> u16 = Box::leak(serve());
    }
    ANSWER.with(|answer| answer(uri))
}

/// A gateway without sockets, over an empty store in memory.
fn serve() -> Box<dyn Fn(&str) -> u16> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gateway.toml");
    fs::write(&path, CONFIGURATION).expect("a file");
    let arguments = ServeArguments { config: Some(path), ..ServeArguments::default() };
    let configuration = arguments.configure().expect("a configuration");
    let system = System::new();
    let service = system.block_on(async {
        let engine = Arc::new(MemoryEngine::new());
        let store =
            Store::open(engine, Arc::new(SimulatedIds::new()), StoreOptions::default()).await;
        let gateway = Data::new(GatewayState::new(configuration, store.expect("an empty store")));
        test::init_service(App::new().app_data(gateway).configure(server::routes)).await
    });
    // Each request comes from another address, so that no client network is throttled.
    let requests = Cell::new(0_u32);
    Box::new(move |uri| {
        requests.set(requests.get().wrapping_add(1));
        let peer = SocketAddr::new(IpAddr::from(requests.get().to_be_bytes()), 80);
        system.block_on(async {
            let request = test::TestRequest::post()
                .uri(uri)
                .peer_addr(peer)
                .insert_header(("revision", "2024-10-15"));
            let response = test::call_service(&service, request.to_request()).await;
            let status = response.status().as_u16();
            let body = test::read_body(response).await;
            let answer = std::str::from_utf8(&body).expect("an answer in UTF-8");
            assert!(answer.starts_with("{\"errors\":[{") && answer.len() < 4_096, "{answer}");
            status
        })
    })
}
