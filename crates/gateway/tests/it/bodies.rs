//! Bodies: every coding a client may use, and the bounds of size and time.

use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use profile_protocol::limits::BODY_BYTES;

use crate::{
    serving::Home,
    stored::StoredProfiles,
    wire::{RawRequest, RawResponse},
};

fn profile(email: &str, length: usize) -> Vec<u8> {
    let start = format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"{email}","properties":{{"long":""#
    );
    let end = r#""}}}}"#;
    let padding = "x".repeat(length.saturating_sub(start.len() + end.len()));
    [start.as_str(), &padding, end].concat().into_bytes()
}

#[track_caller]
fn assert_too_large(answer: &RawResponse) {
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["errors"][0]["code"], "payload_too_large");
    assert_eq!(answer.header("Connection"), Some("close"));
}

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn brotli(body: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
    brotli::BrotliCompress(&mut &body[..], &mut encoded, &parameters).unwrap();
    encoded
}

pub(crate) fn zstd(body: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(zstd_safe::compress_bound(body.len()));
    zstd_safe::compress(&mut encoded, body, 3).unwrap();
    encoded
}

#[test]
fn a_body_may_come_in_any_of_the_codings() {
    let home = Home::new();
    let gateway = home.serve();
    let encoded = |number: usize, encode: fn(&[u8]) -> Vec<u8>| {
        encode(&profile(&format!("person{number}@example.com"), BODY_BYTES))
    };
    let codings = [
        ("gzip", encoded(0, gzip)),
        ("GZIP", encoded(1, gzip)),
        ("x-gzip", encoded(2, gzip)),
        ("deflate", encoded(3, zlib)),
        ("deflate", encoded(4, bare_deflate)),
        ("br", encoded(5, brotli)),
        ("zstd", encoded(6, zstd)),
        ("identity", encoded(7, <[u8]>::to_vec)),
    ];
    for (coding, body) in &codings {
        gateway.send(&RawRequest::profile(body).with("Content-Encoding", coding)).assert_accepted();
    }
    gateway.stop().assert_exit(0);
    let stored = StoredProfiles::open(&home);
    for number in 0..codings.len() {
        let profile = stored.by_email("ABC123", &format!("person{number}@example.com")).unwrap();
        assert!(100_000 < profile.attributes.properties.bytes());
    }
}

#[test]
fn a_body_may_be_as_large_as_the_limit_and_not_a_byte_larger() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let body = profile("sarah.mason@klaviyo-demo.com", BODY_BYTES);
    gateway.send(&RawRequest::profile(&body)).assert_accepted();
    let body = profile("sarah.mason@klaviyo-demo.com", BODY_BYTES + 1);
    assert_too_large(&gateway.send(&RawRequest::profile(&body)));
    for (coding, encoded) in [
        ("gzip", gzip(&body)),
        ("deflate", zlib(&body)),
        ("br", brotli(&body)),
        ("zstd", zstd(&body)),
    ] {
        assert!(encoded.len() < 1_024);
        let answer = gateway.send(&RawRequest::profile(encoded).with("Content-Encoding", coding));
        assert_too_large(&answer);
    }
}

#[test]
fn a_body_announced_too_large_is_refused_before_any_of_it_is_sent() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    let request = RawRequest::bare().with("Content-Length", "102401");
    assert!(connection.send(request.head()));
    assert_too_large(&connection.receive());
    assert!(connection.ends());
}

#[test]
fn a_client_that_sends_a_large_body_all_the_same_can_read_why_it_is_refused() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for length in [BODY_BYTES + 1, 1 << 20] {
        let mut connection = gateway.connect();
        let body = profile("sarah.mason@klaviyo-demo.com", length);
        connection.send(RawRequest::profile(body).bytes());
        assert_too_large(&connection.receive());
    }
}

#[test]
fn a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_large() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    assert!(connection.send(RawRequest::bare().with("Transfer-Encoding", "chunked").head()));
    let chunk = [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat();
    // One chunk more than fits, and never the last one.
    for _ in 0..=BODY_BYTES / 0x1000 {
        connection.send(&chunk);
    }
    assert_too_large(&connection.receive());
}

#[test]
fn a_body_of_unknown_length_that_is_not_too_large_is_read() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    assert!(connection.send(RawRequest::bare().with("Transfer-Encoding", "chunked").head()));
    for piece in profile("sarah.mason@klaviyo-demo.com", 60_000).chunks(7_000) {
        let size = format!("{:x}\r\n", piece.len());
        assert!(connection.send([size.as_bytes(), piece, b"\r\n"].concat()));
    }
    assert!(connection.send("0\r\n\r\n"));
    connection.receive().assert_accepted();
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_not_waited_for() {
    let home = Home::new();
    let gateway = home.serve();
    let mut connection = gateway.connect();
    let bytes = RawRequest::email("sarah.mason@klaviyo-demo.com").bytes();
    assert!(connection.send(&bytes[..bytes.len() - 1]));
    // Others are served meanwhile.
    gateway.send(&RawRequest::email("other@example.com")).assert_accepted();
    let answer = connection.receive();
    assert_eq!(answer.status, 408);
    assert_eq!(answer.json()["errors"][0]["detail"], "The body must arrive within 10 seconds.");
    assert_eq!(answer.header("Connection"), Some("close"));
    assert!(connection.ends());
    gateway.stop().assert_exit(0);
    assert_eq!(StoredProfiles::open(&home).audit().profiles, 1);
}

#[test]
fn a_body_that_breaks_off_is_not_stored() {
    let home = Home::new();
    let gateway = home.serve();
    let mut connection = gateway.connect();
    // What arrives is a whole profile, but not all that was announced.
    let request = RawRequest::email("sarah.mason@klaviyo-demo.com").with("Content-Length", "500");
    assert!(connection.send(request.bytes()));
    connection.finish();
    if let Some(answer) = connection.receive_or_end() {
        assert_eq!(answer.status, 400);
    }
    gateway.stop().assert_exit(0);
    assert_eq!(StoredProfiles::open(&home).audit().profiles, 0);
}

#[test]
fn a_client_that_expects_100_continue_gets_it() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    let request = RawRequest::email("sarah.mason@klaviyo-demo.com").with("Expect", "100-continue");
    let (head, whole) = (request.head(), request.bytes());
    assert!(connection.send(&head));
    assert_eq!(connection.receive().status, 100);
    assert!(connection.send(&whole[head.len()..]));
    connection.receive().assert_accepted();
}

#[test]
fn a_refusal_leaves_the_connection_to_the_next_request() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    let good = || RawRequest::email("sarah.mason@klaviyo-demo.com");
    connection.exchange(&good().of("ONCE01")).assert_accepted();
    let large = profile("sarah.mason@klaviyo-demo.com", BODY_BYTES);
    for (request, status) in [
        (good().of("UNKNOWN"), 400),
        (good().of("SHOP01").with("Origin", "https://evil.example"), 403),
        (good().of("ONCE01"), 429),
        (good().without("revision"), 400),
        (good().with("Content-Type", "text/plain"), 415),
        (good().body("{"), 400),
        (good().of("UNKNOWN").body(large), 400),
    ] {
        let answer = connection.exchange(&request);
        assert_eq!(answer.status, status);
        assert!(!answer.has("Connection"), "{answer:?}");
    }
    connection.exchange(&good()).assert_accepted();
}

#[test]
fn a_request_for_a_path_or_a_method_that_does_not_exist_is_answered_and_closes_the_connection() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let large = profile("sarah.mason@klaviyo-demo.com", BODY_BYTES);
    for (request, status) in [
        (RawRequest::new("GET", "/x"), 404),
        (RawRequest::profile(&large).to("/nowhere"), 404),
        (RawRequest::new("GET", "/client/profiles?company_id=ABC123"), 405),
        (RawRequest::new("PATCH", "/client/profiles?company_id=ABC123").body(large), 405),
        (RawRequest::new("DELETE", "/api/profiles"), 405),
    ] {
        let mut connection = gateway.connect();
        let answer = connection.exchange(&request);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("Connection"), Some("close"), "{answer:?}");
        assert!(connection.ends());
    }
}

#[test]
fn a_refusal_waits_for_no_body_that_does_not_come() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for framing in [("Content-Length", "500"), ("Transfer-Encoding", "chunked")] {
        let mut connection = gateway.connect();
        let request = RawRequest::bare().of("UNKNOWN").with(framing.0, framing.1);
        assert!(connection.send(request.head()));
        let answer = connection.receive();
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["errors"][0]["detail"], "Invalid Company ID");
    }
}

#[test]
fn a_refused_body_is_not_taken_for_the_next_request() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    // Inside the body lies what looks like a request.
    let smuggled = RawRequest::email("sarah.mason@klaviyo-demo.com").bytes();
    let mut body = profile("sarah.mason@klaviyo-demo.com", 90_000);
    body.truncate(80_000);
    body.extend(smuggled);
    for refused in [
        RawRequest::profile(&body).of("UNKNOWN"),
        RawRequest::profile(&body).without("revision"),
        RawRequest::profile(&body).with("Content-Type", "text/plain"),
        RawRequest::profile(&body).to("/nowhere"),
    ] {
        let mut connection = gateway.connect();
        connection.send(refused.bytes());
        let answer = connection.receive();
        assert!([400, 404, 415].contains(&answer.status), "{answer:?}");
        // The connection either goes on with what follows, or ends.
        let next = RawRequest::new("GET", "/client/profiles");
        let answered = connection.send(next.bytes()).then(|| connection.receive_or_end()).flatten();
        match answered {
            Some(next) => assert_eq!(next.status, 405),
            None => assert_eq!(answer.header("Connection"), Some("close")),
        }
    }
    assert_eq!(gateway.meter(r#"gateway_requests_total{outcome="accepted"}"#), 0);
}
