//! Connections that do nothing, in large numbers: other clients are served meanwhile, and the
//! metrics and the log say what happened.

use std::{
    cell::Cell,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use actix_web::rt::{Runtime, net::TcpSocket};

use super::{Form, UNLIMITED, Watch, connections, report};
use crate::{
    serving::{Home, Serving},
    stop_flag::StopFlag,
    wire::{self, Connection, RawRequest, TEST_TIMEOUT},
};

/// The address of the honest client.
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// The address from which one attacker connects. It is not that of a proxy on the same machine.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The most that the 99th percentile of an honest client may be. What is promised is 100 ms, which
/// the long form sees; the ordinary tests run beside others, and are not optimized.
const HONEST_P99: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 10_000 } else { 100 });

const BEGAN: &str = "there are too many connections";
const ENDED: &str = "no more connections are closed";

/// Connects from chosen addresses of the loopback network.
struct Connector {
    runtime: Runtime,
    /// Ports are chosen here: the system chooses slowly once half of them are taken.
    port: Cell<u16>,
}

impl Connector {
    fn new() -> Connector {
        Connector { runtime: Runtime::new().unwrap(), port: Cell::new(10_000) }
    }

    fn connect(&self, from: Ipv4Addr, to: SocketAddr) -> TcpStream {
        let taken = [ErrorKind::AddrInUse, ErrorKind::AddrNotAvailable];
        let stream = loop {
            let port = self.port.get();
            self.port.set(port.checked_add(1).unwrap_or(10_000));
            match self.runtime.block_on(connect_from((from, port).into(), to)) {
                Ok(stream) => break stream,
                Err(error) => assert!(taken.contains(&error.kind()), "{error}"),
            }
        };
        stream.set_nonblocking(false).unwrap();
        stream
    }

    fn open(&self, from: Ipv4Addr, to: SocketAddr) -> Connection {
        Connection::over(self.connect(from, to))
    }
}

async fn connect_from(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    socket.connect(to).await?.into_std()
}

/// One of the addresses of a flood from many.
fn address(number: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// Whether the other side has closed the connection. Drops what it sent.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let closed = loop {
        match stream.read(&mut [0; 4_096]) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != ErrorKind::WouldBlock,
        }
    };
    stream.set_nonblocking(false).unwrap();
    closed
}

/// Keeps `count` connections. Looks at one after another, 333 times a second at most: one that was
/// closed is replaced, and one that is open sends a preflight, after which it is idle again. As
/// often it opens a connection for an unknown path.
fn flood(to: SocketAddr, count: usize, from: impl Fn(usize) -> Ipv4Addr, over: &StopFlag) {
    const PAUSE: Duration = Duration::from_millis(3);
    let connector = Connector::new();
    let mut idle: Vec<TcpStream> = (0..count).map(|n| connector.connect(from(n), to)).collect();
    let request = preflight().bytes();
    let unknown = RawRequest::new("GET", "/x").bytes();
    for number in (0..count).cycle() {
        if over.is_set() {
            return;
        }
        // A path that does not exist, which closes its connection.
        let _ = connector.connect(from(number), to).write_all(&unknown);
        if is_closed(&mut idle[number]) {
            idle[number] = connector.connect(from(number), to);
        } else {
            let _ = idle[number].write_all(&request);
        }
        thread::sleep(PAUSE);
    }
}

/// A request after which the gateway keeps the connection.
fn preflight() -> RawRequest {
    RawRequest::new("OPTIONS", "/client/profiles/?company_id=ABC123")
        .with("Origin", "https://shop.example")
        .with("Access-Control-Request-Method", "POST")
}

/// Sends requests of an honest client, each on a new connection, for this long. Returns how long
/// the answers took, in order.
fn honest(gateway: &Serving, lasts: Duration) -> Vec<Duration> {
    let (connector, began) = (Connector::new(), Watch::start());
    let mut took = Vec::new();
    while began.elapsed() < lasts {
        let watch = Watch::start();
        let request = RawRequest::email(&format!("honest{}@example.com", took.len()));
        connector.open(HONEST, gateway.clients).exchange(&request).assert_accepted();
        took.push(watch.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    took.sort_unstable();
    took
}

/// A flood of idle connections, and the limits that the gateway has.
struct IdleFlood {
    most: usize,
    per_network: usize,
    connections: usize,
    /// How many of them the gateway keeps.
    kept: usize,
}

/// Floods from these addresses while an honest client is served, and sees that it is, that the
/// table is within its limit, and that metrics and log say what happened.
fn serves_among_idle_connections(
    test: &str,
    flooding: &IdleFlood,
    from: impl Fn(usize) -> Ipv4Addr + Sync,
    network: &str,
) {
    let IdleFlood { most, per_network, connections: count, kept } = *flooding;
    let home = Home::configured(&format!(
        "connections = {{ most = {most}, per_network = {per_network} }}\n{UNLIMITED}"
    ));
    let (gateway, over) = (home.serve(), StopFlag::default());
    let closed =
        |reason| gateway.meter(&format!("gateway_connections_closed_total{{reason=\"{reason}\"}}"));
    let took = thread::scope(|scope| {
        let _ends = over.set_on_drop();
        let (to, over, from) = (gateway.clients, &over, &from);
        scope.spawn(move || flood(to, count, from, over));
        let began = gateway.logged(BEGAN);
        assert!(began.contains(network), "{began}");
        let took = honest(&gateway, Duration::from_secs(Form::asked().pick(2, 45)));
        // A busy machine may still have some of the connections to accept.
        let watch = Watch::start();
        while closed("idle") < (count - kept) as u64 {
            assert!(watch.elapsed() < TEST_TIMEOUT, "only {} were closed", closed("idle"));
            thread::sleep(Duration::from_millis(50));
        }
        let open = usize::try_from(gateway.meter("gateway_connections")).unwrap();
        assert!(open <= most, "{open}");
        took
    });
    let (idle, refused) = (closed("idle"), closed("full") + closed("network"));
    let (served, p99) = (took.len(), took[(took.len() * 99 / 100).min(took.len() - 1)]);
    report(
        test,
        format_args!(
            "{count} connections, of which {kept} fit: {idle} idle ones closed, {refused} new ones \
             refused; {served} honest requests served, 99 of 100 within \
             {p99:.1?}, the slowest in {:.0?}",
            took[served - 1]
        ),
    );
    assert_eq!(refused, 0);
    assert!(p99 < HONEST_P99, "{p99:?}");
    gateway.logged(ENDED);
    let finished = gateway.stop();
    finished.assert_exit(0);
    for line in [BEGAN, ENDED] {
        assert_eq!(finished.output.matches(line).count(), 1, "{}", finished.output);
    }
}

#[test]
fn idle_connections_from_one_address_keep_no_other_client_from_being_served() {
    let (most, per_network, count) = Form::asked().pick((200, 150, 300), (16_384, 512, 16_500));
    let count = connections(count);
    let flooding = IdleFlood { most, per_network, connections: count, kept: per_network };
    let network = format!("\"{ATTACKER}\"");
    serves_among_idle_connections("idle connections", &flooding, |_| ATTACKER, &network);
}

#[test]
fn idle_connections_from_many_addresses_keep_no_other_client_from_being_served() {
    let (most, per_network, count, addresses) =
        Form::asked().pick((100, 50, 200, 20), (8_000, 512, 10_000, 500));
    let count = connections(count);
    let most = most.min(count - count / 10);
    let flooding = IdleFlood { most, per_network, connections: count, kept: most };
    let from = move |number| address(number % addresses);
    let test = "idle connections from many addresses";
    serves_among_idle_connections(test, &flooding, from, "127.1.");
}

/// Connections on which a request is in progress: the gateway has read its head, and the body is
/// still to come.
fn in_progress(
    connector: &Connector,
    gateway: &Serving,
    from: impl Fn(usize) -> Ipv4Addr,
    count: usize,
) -> Vec<(Connection, Vec<u8>)> {
    let begin = |number| {
        let request = RawRequest::email(&format!("busy{number}@example.com"));
        let request = request.with("Expect", "100-continue");
        let (mut bytes, head) = (request.bytes(), request.head().len());
        let body = bytes.split_off(head);
        let mut connection = connector.open(from(number), gateway.clients);
        assert!(connection.send(bytes));
        assert_eq!(connection.receive().status, 100);
        (connection, body)
    };
    (0..count).map(begin).collect()
}

#[test]
fn a_request_in_progress_is_never_cut_to_admit_a_new_connection() {
    let home = Home::configured(&format!(
        "connections = {{ most = 20, per_network = 20, body_seconds = 60 }}\n{UNLIMITED}"
    ));
    let (gateway, connector) = (home.serve(), Connector::new());
    let mut idle = connector.open(HONEST, gateway.clients);
    idle.exchange(&RawRequest::email("idle@example.com")).assert_accepted();
    let busy = in_progress(&connector, &gateway, address, 19);
    // For the first one there is an idle connection to close, and for the others there is none.
    let mut last = in_progress(&connector, &gateway, |_| ATTACKER, 1);
    assert!(idle.ends());
    for _ in 0..5 {
        assert!(connector.open(ATTACKER, gateway.clients).ends());
    }
    last.extend(busy);
    for (mut connection, rest) in last {
        assert!(connection.send(rest));
        connection.receive().assert_accepted();
    }
    assert_eq!(gateway.meter(r#"gateway_connections_closed_total{reason="full"}"#), 5);
    assert_eq!(gateway.meter(r#"gateway_connections_closed_total{reason="idle"}"#), 1);
    gateway.send(&RawRequest::email("new@example.com")).assert_accepted();
}

#[test]
fn a_network_has_no_more_connections_than_one_may_have() {
    let home = Home::configured(&format!(
        "connections = {{ most = 100, per_network = 5, body_seconds = 60 }}\n{UNLIMITED}"
    ));
    let (gateway, connector) = (home.serve(), Connector::new());
    let mut idle: Vec<Connection> =
        (0..3).map(|_| connector.open(ATTACKER, gateway.clients)).collect();
    let watch = Watch::start();
    while gateway.meter("gateway_connections") < 3 {
        assert!(watch.elapsed() < TEST_TIMEOUT, "they are not admitted");
    }
    // Those that are idle are closed for new ones of the same network.
    let busy = in_progress(&connector, &gateway, |_| ATTACKER, 5);
    assert!(idle.iter_mut().all(Connection::ends));
    assert!(connector.open(ATTACKER, gateway.clients).ends());
    assert_eq!(gateway.meter(r#"gateway_connections_closed_total{reason="network"}"#), 1);
    assert_eq!(gateway.meter("gateway_connections"), 5);
    let request = RawRequest::email("ann@example.com");
    connector.open(HONEST, gateway.clients).exchange(&request).assert_accepted();
    // A proxy on the same machine may have more.
    let mut proxy: Vec<Connection> = (0..10).map(|_| gateway.connect()).collect();
    proxy.iter_mut().for_each(|connection| connection.exchange(&request).assert_accepted());
    for (mut connection, rest) in busy {
        assert!(connection.send(rest));
        connection.receive().assert_accepted();
    }
}

#[test]
fn idle_connections_to_the_admin_listener_keep_no_health_check_waiting() {
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let request = RawRequest::new("GET", "/health/live");
    let mut idle: Vec<Connection> = (0..60).map(|_| Connection::open(gateway.admin)).collect();
    for connection in &mut idle {
        // Some were closed for others.
        if connection.send(request.bytes()) {
            connection.receive_or_end();
        }
    }
    let watch = Watch::start();
    for _ in 0..5 {
        let answer = wire::exchange(gateway.admin, &RawRequest::new("GET", "/health/ready"));
        assert_eq!((answer.status, answer.text()), (200, "ready\n"));
    }
    // The connections would be closed after 75 seconds by themselves.
    assert!(watch.elapsed() < Duration::from_secs(20));
    assert!(gateway.logged(BEGAN).contains(r#""listener":"admin""#));
}
