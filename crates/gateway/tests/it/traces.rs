//! Traces: a collector gets a span for each recorded request, and nothing of a person.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;

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

    /// What was received, once it has a span of this trace.
    fn received_with(&self, trace: &str) -> Received {
        let mut received = Received::default();
        while received.spans.iter().all(|span| span.trace_id != bytes_of(trace)) {
            let (head, body) = self.requests.recv_timeout(TEST_TIMEOUT).unwrap();
            received.add(&head, &body);
        }
        received
    }
}

/// What a collector has received.
#[derive(Default)]
struct Received {
    heads: String,
    bytes: Vec<u8>,
    /// The attributes of what sent the spans.
    resource: Vec<(String, Value)>,
    spans: Vec<Span>,
}

impl Received {
    fn add(&mut self, head: &str, body: &[u8]) {
        self.heads.push_str(head);
        self.bytes.extend(body);
        for of_resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
            self.resource.extend(attributes(&of_resource.resource.unwrap().attributes));
            let scopes = of_resource.scope_spans.into_iter();
            self.spans.extend(scopes.flat_map(|of_scope| of_scope.spans));
        }
    }
}

fn attributes(attributes: &[KeyValue]) -> Vec<(String, Value)> {
    let value = |one: &KeyValue| one.value.clone().unwrap().value.unwrap();
    attributes.iter().map(|one| (one.key.clone(), value(one))).collect()
}

fn text(name: &str, value: &str) -> (String, Value) {
    (name.to_owned(), Value::StringValue(value.to_owned()))
}

fn number(name: &str, value: i64) -> (String, Value) {
    (name.to_owned(), Value::IntValue(value))
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

    let Received { heads, bytes, resource, spans } = collector.received_with(RECORDED);
    assert!(heads.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{heads}");
    assert!(heads.to_lowercase().contains("content-type: application/x-protobuf"), "{heads}");
    assert!(resource.contains(&text("service.name", "profile-gateway")), "{resource:?}");
    let [not_found, accepted] = &spans[..] else { panic!("{spans:?}") };
    for span in [not_found, accepted] {
        assert_eq!(span.kind(), SpanKind::Server);
        assert!(0 < span.start_time_unix_nano, "{span:?}");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
    }
    assert!(not_found.parent_span_id.is_empty(), "{not_found:?}");
    assert_eq!(not_found.name, "HTTP");
    assert_eq!(
        attributes(&not_found.attributes),
        [text("gateway.code", "not_found"), number("http.response.status_code", 404)]
    );
    assert_eq!(
        [&accepted.trace_id, &accepted.parent_span_id, &accepted.span_id],
        [&bytes_of(RECORDED), &bytes_of(CALLER), &bytes_of(&span)]
    );
    assert_eq!(accepted.name, "POST /client/profiles");
    assert_eq!(
        attributes(&accepted.attributes),
        [
            text("gateway.code", "accepted"),
            text("http.request.method", "POST"),
            text("http.route", "/client/profiles"),
            number("http.response.status_code", 202),
            text("gateway.company", "ABC123"),
        ]
    );
    assert!(!contains(&bytes, &bytes_of(NOT_RECORDED)), "that trace is not recorded");
    for value in ["sarah", "mason", "klaviyo-demo", "127.0.0.1"] {
        assert!(!contains(&bytes, value.as_bytes()), "{value} is in a span");
    }
    gateway.stop().assert_exit(0);
}

#[test]
fn what_waits_is_sent_before_the_process_ends() {
    let (home, collector) = (Home::new(), Collector::start());
    let gateway = serve(&home, collector.address, &[]);
    let [trace, ..] = traceparent(&gateway.send(&RawRequest::email("sarah@example.com")));
    gateway.stop().assert_exit(0);
    collector.received_with(&trace);
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
