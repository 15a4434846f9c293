//! Traces: a collector gets a span for each recorded request, and nothing of a person.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use crate::{
    serving::{Home, Serving},
    wire::{RawRequest, RawResponse, TEST_TIMEOUT},
};

/// A collector of traces that accepts everything.
struct Collector {
    address: SocketAddr,
    requests: Receiver<(String, Vec<u8>)>,
}

impl Collector {
    fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            listener.incoming().map_while(Result::ok).for_each(|stream| answer(&stream, &sender));
        });
        Collector { address, requests }
    }

    /// The heads and the bodies of all requests, once one of them has these bytes.
    fn received_with(&self, bytes: &[u8]) -> (String, Vec<u8>) {
        let (mut heads, mut all) = (String::new(), Vec::new());
        while !contains(&all, bytes) {
            let (head, body) = self.requests.recv_timeout(TEST_TIMEOUT).unwrap();
            heads.push_str(&head);
            all.extend(body);
        }
        (heads, all)
    }
}

/// Reads one request and accepts it.
fn answer(stream: &TcpStream, requests: &Sender<(String, Vec<u8>)>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let mut writer = stream;
    writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    // The test may be over.
    let _ = requests.send((head, body));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The bytes of hexadecimal digits.
fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The parts of the header `traceparent` of a response: trace, span, flags.
fn traceparent(answer: &RawResponse) -> [String; 3] {
    let mut parts = answer.header("Traceparent").unwrap().split('-').skip(1);
    [(); 3].map(|()| parts.next().unwrap().to_owned())
}

fn serve(home: &Home, collector: SocketAddr, arguments: &[&str]) -> Serving {
    let mut command = home.serve_command();
    command.arg("--otlp-endpoint").arg(format!("http://{collector}")).args(arguments);
    Serving::start(command)
}

const RECORDED: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const NOT_RECORDED: &str = "5bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

#[test]
fn each_recorded_request_is_a_span_in_its_trace_without_a_value_of_a_person() {
    let (home, collector) = (Home::new(), Collector::start());
    let gateway = serve(&home, collector.address, &[]);
    let sarah = RawRequest::email("sarah.mason@klaviyo-demo.com");
    let not_recorded = format!("00-{NOT_RECORDED}-{CALLER}-00");
    gateway.send(&sarah.clone().with("traceparent", &not_recorded)).assert_accepted();
    let refused = sarah.clone().to("/sarah.mason@klaviyo-demo.com?email=sarah.mason");
    assert_eq!(gateway.send(&refused.with("User-Agent", "sarah.mason")).status, 404);
    let recorded = format!("00-{RECORDED}-{CALLER}-01");
    let sent = sarah.with("traceparent", &recorded).with("X-Request-Id", "sarah-1");
    let answer = gateway.send(&sent);
    answer.assert_accepted();
    let [trace, span, flags] = traceparent(&answer);
    assert_eq!((trace.as_str(), flags.as_str()), (RECORDED, "01"));

    let (heads, spans) = collector.received_with(&bytes_of(RECORDED));
    assert!(heads.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{heads}");
    assert!(heads.to_lowercase().contains("content-type: application/x-protobuf"), "{heads}");
    for id in [span.as_str(), CALLER] {
        assert!(contains(&spans, &bytes_of(id)), "{id}");
    }
    for text in [
        "profile-gateway",
        "POST /client/profiles",
        "http.response.status_code",
        "http.route",
        "gateway.company",
        "ABC123",
        "not_found",
    ] {
        assert!(contains(&spans, text.as_bytes()), "{text} is in no span");
    }
    assert!(!contains(&spans, &bytes_of(NOT_RECORDED)), "that trace is not recorded");
    for value in ["sarah", "mason", "klaviyo-demo", "127.0.0.1"] {
        assert!(!contains(&spans, value.as_bytes()), "{value} is in a span");
    }
    gateway.stop().assert_exit(0);
}

#[test]
fn what_waits_is_sent_before_the_process_ends() {
    let (home, collector) = (Home::new(), Collector::start());
    let gateway = serve(&home, collector.address, &[]);
    let [trace, ..] = traceparent(&gateway.send(&RawRequest::email("sarah@example.com")));
    gateway.stop().assert_exit(0);
    collector.received_with(&bytes_of(&trace));
}

#[test]
fn so_many_of_the_traces_that_begin_here_are_recorded_as_is_set() {
    let (home, collector) = (Home::new(), Collector::start());
    for (percent, expected) in [("100", "01"), ("0", "00")] {
        let gateway = serve(&home, collector.address, &["--otlp-sample-percent", percent]);
        for _ in 0..5 {
            let [.., flags] = traceparent(&gateway.send(&RawRequest::email("sarah@example.com")));
            assert_eq!(flags, expected, "{percent}");
        }
        gateway.stop().assert_exit(0);
    }
}

#[test]
fn a_collector_that_does_not_answer_is_logged_once_and_disturbs_nothing() {
    let home = Home::new();
    // Nothing listens there once this is dropped.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = serve(&home, closed, &[]);
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    gateway.logged("traces cannot be sent");
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    assert_eq!(gateway.meter(r#"gateway_spans_total{result="ended"}"#), 2);
    assert_eq!(gateway.meter(r#"gateway_spans_total{result="exported"}"#), 0);
    let finished = gateway.stop();
    finished.assert_exit(0);
    assert_eq!(finished.output.matches("traces cannot be sent").count(), 1, "{}", finished.output);
}

#[test]
fn without_an_endpoint_no_trace_is_recorded() {
    let home = Home::new();
    let gateway = home.serve();
    let [.., flags] = traceparent(&gateway.send(&RawRequest::email("sarah@example.com")));
    assert_eq!(flags, "00");
    assert!(!gateway.ask("/metrics").text().contains("gateway_spans_total{"));
}
