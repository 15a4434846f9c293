//! Handshakes that are slow, that end early, or that are none.

use std::{io::Write, net::TcpStream, thread, time::Duration};

use rustls::version::TLS13;

use super::{begin, certificates::Issued, client_config, connect, serving, trusts};
use crate::{
    hostile::Watch,
    serving::{Serving, wait_until},
    wire::{Connection, RawRequest},
};

fn failed(gateway: &Serving, reason: &str) -> u64 {
    gateway.meter(&format!("gateway_tls_handshakes_failed_total{{reason=\"{reason}\"}}"))
}

/// The first message of a client.
fn hello(issued: &Issued, gateway: &Serving) -> Vec<u8> {
    let mut stream = begin(client_config(issued, &[&TLS13], &[]), gateway.encrypted);
    let mut hello = Vec::new();
    stream.conn.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn a_slow_handshake_is_closed_by_the_deadline_of_a_head() {
    let issued = Issued::until(2040);
    let (_home, gateway) = serving(&issued, "connections = { head_seconds = 1 }\n");
    let hello = hello(&issued, &gateway);
    let began = Watch::start();
    let mut silent = Connection::open(gateway.encrypted);
    let mut slow = TcpStream::connect(gateway.encrypted).unwrap();
    let trickle = || {
        hello.iter().all(|byte| {
            thread::sleep(Duration::from_millis(50));
            slow.write_all(&[*byte]).is_ok()
        })
    };
    let has_finished = thread::scope(|scope| {
        let trickling = scope.spawn(trickle);
        wait_until("it counts", || 2 <= gateway.meter("gateway_connections"));
        assert!(silent.ends());
        trickling.join().unwrap()
    });
    assert!(!has_finished);
    assert!((1..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    wait_until("both are counted", || failed(&gateway, "timeout") == 2);
    wait_until("both are closed", || gateway.meter("gateway_connections") == 0);
    let line = gateway.logged("a TLS handshake failed");
    assert!(line.contains("\"reason\":\"timeout\""), "{line}");
    assert!(line.contains("\"client\":\"127.0.0.1\""), "{line}");
}

#[test]
fn half_handshakes_keep_no_other_client_from_being_served() {
    let issued = Issued::until(2040);
    let settings = "connections = { most = 4, head_seconds = 60 }\n";
    let (_home, gateway) = serving(&issued, settings);
    let hello = hello(&issued, &gateway);
    let half = || {
        let mut stream = TcpStream::connect(gateway.encrypted).unwrap();
        stream.write_all(&hello[..hello.len() / 2]).unwrap();
        stream
    };
    let halves: Vec<TcpStream> = (0..8).map(|_| half()).collect();
    wait_until("the table is full", || gateway.meter("gateway_connections") == 4);
    let request = RawRequest::email("ann@example.com");
    connect(&gateway, &issued).exchange(&request).assert_accepted();
    gateway.send(&request).assert_accepted();
    drop(halves);
}

#[test]
fn a_clean_stop_does_not_wait_for_handshakes() {
    let issued = Issued::until(2040);
    let settings = "drain_seconds = 60\nconnections = { head_seconds = 60 }\n";
    let (_home, mut gateway) = serving(&issued, settings);
    let hello = hello(&issued, &gateway);
    let mut half = Connection::open(gateway.encrypted);
    assert!(half.send(&hello[..hello.len() / 2]));
    let mut silent = Connection::open(gateway.encrypted);
    wait_until("both are open", || gateway.meter("gateway_connections") == 2);
    gateway.signal("TERM");
    assert!(gateway.ends_within(Duration::from_secs(20)), "it is still running");
    gateway.wait().assert_exit(0);
    assert!(half.ends() && silent.ends());
}

#[test]
fn a_request_without_encryption_is_refused_counted_and_logged_as_a_malformed_head_is() {
    let issued = Issued::until(2040);
    let (_home, gateway) = serving(&issued, "");
    let malformed = r#"gateway_refusals_total{code="parse_error"}"#;
    let refused = r#"gateway_requests_total{outcome="refused"}"#;
    let mut connection = Connection::open(gateway.encrypted);
    let answer = connection.exchange(&RawRequest::email("ann@example.com"));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(answer.header("Content-Type"), Some("application/vnd.api+json"));
    assert!(answer.has("Date") && answer.has("X-Request-Id") && answer.has("Traceparent"));
    let detail = answer.json()["errors"][0]["detail"].to_string();
    assert!(detail.contains("must be sent over TLS"), "{detail}");
    assert!(connection.ends());
    assert_eq!((gateway.meter(malformed), gateway.meter(refused)), (1, 1));
    let line = gateway.logged("refused a request");
    assert!(line.contains("must be sent over TLS"), "{line}");
    assert!(line.contains("\"client\":\"127.0.0.1\""), "{line}");
    // A client that never stops to send is not waited for.
    let mut endless = TcpStream::connect(gateway.encrypted).unwrap();
    let began = Watch::start();
    while endless.write_all(&[b'x'; 1024]).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(30), "it is still read");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(gateway.meter(malformed), 2);
    wait_until("both are closed", || gateway.meter("gateway_connections") == 0);
    assert!(trusts(&gateway, &issued));
}

#[test]
fn handshakes_that_fail_are_counted_by_reason() {
    let issued = Issued::until(2040);
    let (_home, gateway) = serving(&issued, "");
    let hello = hello(&issued, &gateway);
    let mut stream = TcpStream::connect(gateway.encrypted).unwrap();
    stream.write_all(&hello[..hello.len() / 2]).unwrap();
    drop(stream);
    wait_until("closed", || failed(&gateway, "closed") == 1);
    // The client trusts another certificate.
    assert!(!trusts(&gateway, &Issued::until(2040)));
    wait_until("refused", || failed(&gateway, "refused") == 1);
    // The client speaks HTTP/2 only.
    let mut other = begin(client_config(&issued, &[&TLS13], &["h2"]), gateway.encrypted);
    assert!(other.conn.complete_io(&mut other.sock).is_err());
    wait_until("no common protocol", || failed(&gateway, "protocol") == 1);
    // The first byte is that of a handshake, and the rest is nonsense.
    let mut nonsense = Connection::open(gateway.encrypted);
    assert!(nonsense.send([22; 64]));
    wait_until("nonsense", || failed(&gateway, "protocol") == 2);
    // A port scanner sends nothing, and is no failure.
    drop(TcpStream::connect(gateway.encrypted).unwrap());
    wait_until("all are closed", || gateway.meter("gateway_connections") == 0);
    let reasons = ["closed", "protocol", "refused", "timeout"];
    assert_eq!(reasons.map(|reason| failed(&gateway, reason)), [1, 2, 1, 0]);
    assert!(trusts(&gateway, &issued));
}
