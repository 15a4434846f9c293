//! Floods: honest clients are served meanwhile, slow connections are closed, and memory stays under
//! the bound that docs/OPERATIONS.md states.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use profile_protocol::limits::BODY_BYTES;

use super::{Form, UNLIMITED, Watch, connections, memory_kib, peak_kib, report};
use crate::{
    api::{asking_with, key},
    bodies::{brotli, gzip, zlib, zstd},
    serving::{Home, Serving},
    stop_flag::StopFlag,
    stored::stored,
    wire::RawRequest,
};

/// How long an honest client waits for an answer, at most. It is answered in
/// milliseconds where it has a processor to itself; here it shares two with the
/// flood and with other tests, and without optimizations parsing is fifty times as
/// slow.
const HONEST_WAIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 5 });

/// Memory for each connection, whatever it sends: 128 KiB for a head, as much again
/// while the buffer grows, and what the runtime keeps of it.
const CONNECTION_KIB: u64 = 300;

/// Memory for a connection that sends nothing, or a little at a time.
const QUIET_CONNECTION_KIB: u64 = 40;

/// Memory for all bodies there can be at a time, parsed, with what allocating and
/// freeing them leaves behind.
const BODIES_KIB: u64 = 750 * 1024;

/// Memory for a batch of requests that each name three of the largest profiles.
const BATCH_KIB: u64 = 1024 * 1024;

/// Writes for an honest client as long as a flood lasts. Returns the slowest answer.
fn while_served<T>(gateway: &Serving, flood: impl FnOnce() -> T) -> (T, usize, Duration) {
    let over = StopFlag::default();
    thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let (mut served, mut slowest) = (0, Duration::ZERO);
            while !over.is_set() || served == 0 {
                let watch = Watch::start();
                let email = format!("honest{served}@example.com");
                gateway.send(&RawRequest::email(&email)).assert_accepted();
                (served, slowest) = (served + 1, slowest.max(watch.elapsed()));
                thread::sleep(Duration::from_millis(10));
            }
            (served, slowest)
        });
        let ends = over.set_on_drop();
        let flooded = flood();
        drop(ends);
        let (served, slowest) = honest.join().unwrap();
        assert!(slowest < HONEST_WAIT, "an honest client waited for {slowest:?}");
        (flooded, served, slowest)
    })
}

/// A connection of an attacker.
struct Slow {
    stream: TcpStream,
    bytes: Vec<u8>,
    next: usize,
}

impl Slow {
    /// One that has sent so many bytes, and has the rest still to send.
    fn open(address: SocketAddr, bytes: Vec<u8>, at_once: usize) -> Slow {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&bytes[..at_once]).unwrap();
        stream.set_nonblocking(true).unwrap();
        Slow { stream, bytes, next: at_once }
    }

    /// Sends one byte more. False once the gateway has closed the connection.
    fn drip(&mut self) -> bool {
        if let Some(byte) = self.bytes.get(self.next) {
            match self.stream.write(std::slice::from_ref(byte)) {
                Ok(written) => self.next += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        let mut answer = [0; 4_096];
        match self.stream.read(&mut answer) {
            Ok(0) => false,
            // A 408 may come before the end.
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Drips until all connections were closed. Returns how long that took.
fn drip_until_closed(mut slow: Vec<Slow>, at_most: Duration) -> Duration {
    let watch = Watch::start();
    while !slow.is_empty() {
        slow.retain_mut(Slow::drip);
        let left = slow.len();
        assert!(watch.elapsed() < at_most, "{left} slow connections are open after {at_most:?}");
        thread::sleep(Duration::from_millis(100));
    }
    watch.elapsed()
}

/// Connections that send a head a byte at a time, or a body.
fn slow(gateway: &Serving, count: usize) -> Vec<Slow> {
    let padding = "x".repeat(4_000);
    let head = RawRequest::email("slow@example.com").with("X-Padding", &padding).bytes();
    let body = RawRequest::profile(padding);
    let open = |number: usize| match number % 2 {
        0 => Slow::open(gateway.clients, head.clone(), 1),
        _ => Slow::open(gateway.clients, body.bytes(), body.head().len()),
    };
    (0..count).map(open).collect()
}

#[test]
fn honest_clients_are_served_among_slow_ones_which_are_closed_in_time() {
    let form = Form::asked();
    let count = connections(form.pick(1_500, 10_000));
    let limits = form.pick("connections = { head_seconds = 2, body_seconds = 4 }\n", "");
    let (home, timeout) = (Home::configured(&format!("{limits}{UNLIMITED}")), form.pick(4, 10));
    let gateway = home.serve();
    let before = memory_kib(&gateway, "VmRSS:");
    let (lasted, served, slowest) = while_served(&gateway, || {
        let slow = slow(&gateway, count);
        drip_until_closed(slow, Duration::from_secs(timeout) + HONEST_WAIT)
    });
    let peak = peak_kib(&gateway);
    report(
        "slow connections",
        format_args!(
            "{count}, closed after {lasted:.1?}; {served} honest requests served meanwhile, the \
             slowest in {slowest:.0?}; peak {} MiB, {} KiB a connection",
            peak / 1024,
            (peak - before) / count as u64
        ),
    );
    assert!(peak < before + 30 * 1024 + QUIET_CONNECTION_KIB * count as u64);
    gateway.stop().assert_exit(0);
    home.verify().assert_exit(0);
}

#[test]
fn heads_without_end_take_no_more_than_a_bounded_piece_of_memory_each() {
    let form = Form::asked();
    let count = connections(form.pick(300, 5_000));
    let gateway = Home::configured(UNLIMITED);
    let gateway = gateway.serve();
    let before = memory_kib(&gateway, "VmRSS:");
    // A head as long as may be, and a little more than that.
    let heads = [127 * 1024, 200 * 1024].map(|length| {
        let start = b"POST /client/profiles?company_id=ABC123 HTTP/1.1\r\nX-Long: ".as_slice();
        [start, &vec![b'x'; length]].concat()
    });
    let ((), served, slowest) = while_served(&gateway, || {
        let mut open = Vec::new();
        for number in 0..count {
            let mut stream = TcpStream::connect(gateway.clients).unwrap();
            // Of one that is too long, not all is taken.
            let _ = stream.write_all(&heads[number % 2]);
            open.push(stream);
        }
        for mut stream in open {
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut answer = Vec::new();
            if stream.read_to_end(&mut answer).is_ok() && !answer.is_empty() {
                let answer = String::from_utf8_lossy(&answer);
                let refused = ["HTTP/1.1 400 ", "HTTP/1.1 408 ", "HTTP/1.1 431 "];
                assert!(refused.iter().any(|status| answer.starts_with(status)), "{answer}");
            }
        }
    });
    let peak = peak_kib(&gateway);
    report(
        "huge heads",
        format_args!(
            "{count}; {served} honest requests served meanwhile, the slowest in {slowest:.0?}; \
             peak {} MiB, {} KiB a connection",
            peak / 1024,
            (peak - before) / count as u64
        ),
    );
    assert!(peak < before + 30 * 1024 + CONNECTION_KIB * count as u64);
}

/// A body of the largest size there is that becomes the largest there is in memory:
/// numbers of one digit, to be appended to a property.
fn swelling(email: &str) -> Vec<u8> {
    let start = format!(
        r#"{{"data":{{"type":"profile","attributes":{{"email":"{email}"}},"meta":{{"patch_properties":{{"append":{{"list":["#
    );
    let end = "0]}}}}}";
    let room = BODY_BYTES - start.len() - end.len();
    format!("{start}{}{end}", "0,".repeat(room / 2)).into_bytes()
}

#[test]
fn large_bodies_wait_within_a_budget_and_small_ones_are_served_all_the_same() {
    let form = Form::asked();
    let (count, rounds) = form.pick((200, 1), (500, 10));
    // While it parses so much, a worker without optimizations reads no head in time.
    // It takes four companies to exhaust the budget.
    let flooding = ["FLOOD1", "FLOOD2", "FLOOD3", "FLOOD4"];
    let unlimited = |id| {
        let limits = UNLIMITED.replace("ABC123", id);
        format!("{limits}api_limits_factor = 1000\n{}", key("all", id, r#""profiles:write""#))
    };
    let home = Home::configured(&format!(
        "connections = {{ head_seconds = 60, body_seconds = 60 }}\n{UNLIMITED}{}",
        flooding.map(unlimited).concat()
    ));
    let gateway = home.serve();
    let ((accepted, refused), served, slowest) = while_served(&gateway, || {
        let mut statuses = Vec::new();
        for _ in 0..rounds {
            let sent: Vec<_> = (0..count)
                .map(|number| {
                    let mut connection = gateway.connect();
                    let body = swelling(&format!("large{number}@example.com"));
                    let company = flooding[number / 2 % flooding.len()];
                    let request = match number % 2 {
                        0 => RawRequest::profile(body).of(company),
                        // Their keys are their names.
                        _ => asking_with(company, "POST", "/api/profile-import").body(body),
                    };
                    assert!(connection.send(request.bytes()));
                    connection
                })
                .collect();
            for mut connection in sent {
                let answer = connection.receive();
                let retry_after = answer.header("Retry-After");
                assert_eq!(answer.status == 503, retry_after == Some("1"), "{answer:?}");
                statuses.push(answer.status);
            }
        }
        let with = |status| statuses.iter().filter(|other| **other == status).count();
        let accepted = with(200) + with(201) + with(202);
        assert_eq!(accepted + with(503), count * rounds, "{statuses:?}");
        (accepted, with(503))
    });
    let peak = peak_kib(&gateway);
    report(
        "swelling bodies",
        format_args!(
            "{accepted} accepted, {refused} refused with 503; {served} honest requests served \
             meanwhile, the slowest in {slowest:.0?}; peak {} MiB",
            peak / 1024
        ),
    );
    assert!(0 < accepted && peak < BODIES_KIB, "{peak} KiB");
    gateway.stop().assert_exit(0);
    home.verify().assert_exit(0);
}

/// A request with these identifiers and 85 KB of properties. A profile can hold three times as
/// much.
fn filling(identifiers: &str, part: usize) -> RawRequest {
    let values: Vec<String> =
        (0..300).map(|n| format!(r#""{part}-{n}":"{}""#, "x".repeat(270))).collect();
    about(identifiers, &format!(r#""properties":{{{}}}"#, values.join(",")))
}

fn about(identifiers: &str, rest: &str) -> RawRequest {
    let attributes = format!("{{{identifiers},{rest}}}");
    RawRequest::profile(format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#))
}

#[test]
fn the_largest_profiles_looked_up_all_at_once_stay_within_the_bound() {
    let count = Form::asked().pick(10, 256);
    let home = Home::configured(&format!(
        "connections = {{ head_seconds = 60, body_seconds = 60 }}\n{UNLIMITED}"
    ));
    let gateway = home.serve();
    let mut connection = gateway.connect();
    // Three people whom one request names, and who do not become one by that.
    let (email, phone) = (
        |n: usize| format!(r#""email":"full{n}@example.com""#),
        |n: usize| format!(r#""phone_number":"+1500555{n:04}""#),
    );
    let first = |n: usize| format!(r#""external_id":"first-{n}""#);
    for number in 0..count {
        let second = format!(r#"{},"external_id":"second-{number}""#, email(number));
        let third = format!(r#"{},"external_id":"third-{number}""#, phone(number));
        for identifiers in [first(number), second, third] {
            for part in 0..3 {
                connection.exchange(&filling(&identifiers, part)).assert_accepted();
            }
        }
    }
    let before = peak_kib(&gateway);
    for round in 0..5 {
        let sent: Vec<_> = (0..count)
            .map(|number| {
                let mut connection = gateway.connect();
                let all = [first(number), email(number), phone(number)].join(",");
                let request = about(&all, &format!(r#""title":"{round}""#));
                assert!(connection.send(request.bytes()));
                connection
            })
            .collect();
        sent.into_iter().for_each(|mut connection| connection.receive().assert_accepted());
    }
    let peak = peak_kib(&gateway);
    report(
        "largest profiles",
        format_args!(
            "{} of 243 KiB at once; peak {} MiB, {} MiB before",
            3 * count,
            peak / 1024,
            before / 1024
        ),
    );
    assert!(peak < BATCH_KIB, "{peak} KiB");
    stored(&home, gateway, 3 * count);
}

#[test]
fn bombs_in_every_coding_are_refused_and_leave_no_mark() {
    let form = Form::asked();
    let zeros = vec![b' '; form.pick(4 << 20, 64 << 20)];
    let bombs = [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("br", brotli(&zeros)),
        ("zstd", zstd(&zeros)),
    ];
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let ((), served, slowest) = while_served(&gateway, || {
        thread::scope(|scope| {
            for (coding, bomb) in &bombs {
                let (gateway, request) =
                    (&gateway, RawRequest::profile(bomb).with("Content-Encoding", coding));
                scope.spawn(move || {
                    for _ in 0..form.pick(50, 2_000) {
                        assert_eq!(gateway.send(&request).status, 413, "{coding}");
                    }
                });
            }
        });
    });
    let peak = peak_kib(&gateway);
    report(
        "bombs",
        format_args!(
            "{} MiB each; {served} honest requests served meanwhile, the slowest in \
             {slowest:.0?}; peak {} MiB",
            zeros.len() >> 20,
            peak / 1024
        ),
    );
    assert!(peak < 150 * 1024, "{peak} KiB");
}

/// Sends until the connection is closed, which it has to be before this has passed.
fn send_until_cut_off(gateway: &Serving, request: &RawRequest, rest: &[u8], at_most: Duration) {
    let mut connection = gateway.connect();
    let watch = Watch::start();
    let mut open = connection.send(request.bytes());
    while open {
        assert!(watch.elapsed() < at_most, "it is open after {at_most:?}");
        open = connection.send(rest);
    }
}

#[test]
fn bodies_without_end_are_cut_off() {
    let count = Form::asked().pick(2, 8);
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let chunk = [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat();
    let endless = RawRequest::bare().with("Transfer-Encoding", "chunked");
    // Whatever it is refused for: its size, or something before that.
    let requests = [endless.clone(), endless.clone().of("UNKNOWN"), endless.to("/nowhere")];
    while_served(&gateway, || {
        thread::scope(|scope| {
            for request in requests.iter().cycle().take(3 * count) {
                let (gateway, chunk) = (&gateway, &chunk);
                let at_most = Duration::from_secs(20);
                scope.spawn(move || send_until_cut_off(gateway, request, chunk, at_most));
            }
        });
    });
    assert!(peak_kib(&gateway) < 150 * 1024);
}

#[test]
fn a_later_head_may_not_trickle_in_for_ever() {
    let home = Home::configured(&format!(
        "connections = {{ head_seconds = 1, body_seconds = 1, import_seconds = 1, answer_seconds = 1 }}\n{UNLIMITED}"
    ));
    let gateway = home.serve();
    let bytes = RawRequest::email("sarah.mason@klaviyo-demo.com").bytes();
    let mut slow = Slow::open(gateway.clients, bytes.repeat(2), bytes.len());
    // A byte at a time from the second request on, fewer than its head has.
    let watch = Watch::start();
    while slow.drip() {
        assert!(watch.elapsed() < Duration::from_secs(20), "it is still open");
        assert!(slow.next < bytes.len() + 150, "the head has arrived");
        thread::sleep(Duration::from_millis(300));
    }
    assert!(Duration::from_secs(2) < watch.elapsed(), "it was closed for another reason");
}

#[test]
fn a_client_that_does_not_read_its_answers_is_cut_off() {
    let home = Home::configured(&format!(
        "connections = {{ head_seconds = 1, body_seconds = 1, import_seconds = 1, answer_seconds = 1 }}\n{UNLIMITED}"
    ));
    let gateway = home.serve();
    // The connection does not close after this refusal.
    let refused = RawRequest::bare().of("UNKNOWN").bytes().repeat(100);
    let mut greedy = TcpStream::connect(gateway.clients).unwrap();
    greedy.set_nonblocking(true).unwrap();
    let watch = Watch::start();
    let mut sent = 0;
    loop {
        match greedy.write(&refused[sent % refused.len()..]) {
            Ok(written) => sent += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(_) => break,
        }
        assert!(watch.elapsed() < Duration::from_secs(30), "it is still open");
    }
    assert!(peak_kib(&gateway) < 100 * 1024);
    gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com")).assert_accepted();
}

/// Pipelines all these requests on a new connection each time. Each is answered in order, or not at
/// all once a response has announced the end of the connection.
fn pipeline(gateway: &Serving, kinds: &[(RawRequest, u16)], count: usize) -> usize {
    let mut connection = gateway.connect();
    let mut writer = connection.another();
    let requests = || kinds.iter().cycle().take(count);
    thread::scope(|scope| {
        let write = move || requests().all(|(request, _)| writer.send(request.bytes()));
        scope.spawn(write);
        for (number, (_, status)) in requests().enumerate() {
            let answer = connection.receive();
            assert_eq!(answer.status, *status);
            if answer.has("Connection") {
                return number + 1;
            }
        }
        count
    })
}

#[test]
fn hundreds_of_requests_sent_at_once_are_answered_one_by_one() {
    let (rounds, count) = Form::asked().pick((3, 500), (50, 2_000));
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let kinds = [
        (RawRequest::email("sarah.mason@klaviyo-demo.com"), 202),
        (RawRequest::profile("{}").with("Content-Type", "text/plain"), 415),
        (RawRequest::profile("{"), 400),
    ];
    let (answered, served, slowest) = while_served(&gateway, || {
        (0..rounds).map(|_| pipeline(&gateway, &kinds, count)).sum::<usize>()
    });
    report(
        "pipelines",
        format_args!(
            "{answered} answered; {served} honest requests served meanwhile, the slowest in \
             {slowest:.0?}"
        ),
    );
    assert!(rounds * 16 < answered && peak_kib(&gateway) < 100 * 1024);
}

#[test]
fn framing_that_can_be_read_in_two_ways_is_refused() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let good = || RawRequest::email("sarah.mason@klaviyo-demo.com");
    for framing in [
        good().and("Content-Length", "5").and("Content-Length", "7"),
        good().and("Content-Length", "+5"),
        good().and("Content-Length", "-1"),
        good().and("Content-Length", "5, 5"),
        good().and("Content-Length", "99999999999999999999999999"),
        good().and("Content-Length", "5").and("Transfer-Encoding", "chunked"),
        good().and("Transfer-Encoding", "gzip, gzip"),
    ] {
        let mut connection = gateway.connect();
        connection.send(framing.bytes());
        let answer = connection.receive_or_end();
        let status = answer.as_ref().map(|answer| answer.status);
        assert!(status.is_none_or(|status| [400, 413].contains(&status)), "{framing:?} {answer:?}");
        connection.finish();
        while connection.receive_or_end().is_some() {}
    }
    assert_eq!(gateway.meter(r#"gateway_requests_total{outcome="accepted"}"#), 0);
    gateway.send(&good()).assert_accepted();
}

#[test]
fn no_connection_becomes_anything_but_http() {
    let home = Home::configured(&format!("connections = {{ body_seconds = 1 }}\n{UNLIMITED}"));
    let gateway = home.serve();
    let good = || RawRequest::email("sarah.mason@klaviyo-demo.com");
    // What follows a wish for a web socket has no end, so it does not come in time.
    for (protocol, status) in [("h2c", 202), ("TLS/1.0", 202), ("websocket", 408)] {
        let mut connection = gateway.connect();
        let request = good().with("Connection", "Upgrade").with("Upgrade", protocol);
        let answer = connection.exchange(&request);
        assert_eq!(answer.status, status, "{protocol}: {answer:?}");
        assert!(!answer.has("Upgrade"), "{answer:?}");
    }
    let mut connection = gateway.connect();
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let status = connection.receive_or_end().map(|answer| answer.status);
    assert!(status.is_none_or(|status| [400, 404].contains(&status)), "{status:?}");
    let mut connection = gateway.connect();
    connection.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let status = connection.receive_or_end().map(|answer| answer.status);
    assert!(status.is_none_or(|status| 400 <= status), "{status:?}");
    gateway.send(&good()).assert_accepted();
}

#[test]
fn an_idle_connection_is_closed_when_its_time_is_over_and_no_later() {
    let home = Home::configured(&format!(
        "connections = {{ head_seconds = 1, body_seconds = 1, import_seconds = 1, answer_seconds = 1, idle_seconds = 5 }}\n\
         {UNLIMITED}"
    ));
    let gateway = home.serve();
    let mut connection = gateway.connect();
    connection.exchange(&RawRequest::email("ann@example.com")).assert_accepted();
    let since = Watch::start();
    assert!(connection.ends());
    let lasted = since.elapsed().as_secs_f64();
    // Had the other timers woken it after three seconds, it would have been eight.
    assert!((4.0..7.5).contains(&lasted), "{lasted}");
}
