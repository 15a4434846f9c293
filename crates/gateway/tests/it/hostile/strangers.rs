//! Strangers who send what is no request: they spend the limit of their own network, and nothing of
//! the company that they name.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use actix_web::{
    App,
    rt::System,
    test::{TestRequest, call_service, init_service},
};
use gateway::{capacity::network_limiter::default_network_limits, limits, server};

use super::{
    Form, HostileRandom,
    companies::{Mounted, own_memory_kib},
    figure, report,
};
use crate::{
    serving::{Home, Serving},
    stop_flag::StopFlag,
    wire::{RawRequest, RawResponse},
};

/// One company with all the default limits.
const SHOP: &str = "[[company]]\nid = \"ABC123\"\n";

/// Connections that send what is no request.
const STRANGERS: usize = 2;

/// Requests that a stranger sends before it reads the answers.
const AT_ONCE: usize = 50;

/// The address of all strangers. Each honest visitor has another one.
const STRANGER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The address of an honest visitor.
fn visitor(number: usize) -> Ipv4Addr {
    let [.., third, fourth] = u32::try_from(number).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 1, third, fourth)
}

/// What strangers send.
#[derive(Default)]
struct Junk {
    /// Requests after which a connection stays open.
    kept: Vec<RawRequest>,
    /// Requests after which it is closed, at the latest once the network sends too much.
    closed: Vec<RawRequest>,
}

/// Sends the same as fast as it is answered, until `over`. Returns how many were answered.
fn send_until(gateway: &Serving, over: &StopFlag, junk: &Junk) -> u64 {
    let mut connection = gateway.connect_from(STRANGER);
    let bytes: Vec<u8> =
        junk.kept.iter().cycle().take(AT_ONCE).flat_map(RawRequest::bytes).collect();
    let mut answered = 0;
    let mut refused = |answer: RawResponse| {
        let status = answer.status;
        assert!([400, 404, 405, 415, 429].contains(&status), "{status}");
        answered += 1;
    };
    while !over.is_set() {
        assert!(connection.send(&bytes));
        (0..AT_ONCE).for_each(|_| refused(connection.receive()));
        for request in &junk.closed {
            refused(gateway.connect_from(STRANGER).exchange(request));
        }
    }
    answered
}

/// Lets visitors come one after the other, each from an address of its own, while strangers send.
/// Returns how many of them were served.
fn visitors_served_beside(junk: &Junk, visitors: usize) -> usize {
    let home = Home::configured(SHOP);
    let gateway = home.serve();
    let (over, sent) = (StopFlag::default(), AtomicU64::new(0));
    let served = thread::scope(|scope| {
        let _ends = over.set_on_drop();
        for _ in 0..STRANGERS {
            scope.spawn(|| {
                let answered = send_until(&gateway, &over, junk);
                sent.fetch_add(answered, Ordering::Relaxed);
            });
        }
        let visit = |number| {
            let request = RawRequest::email(&format!("visitor{number}@example.com"));
            let status = gateway.connect_from(visitor(number)).exchange(&request).status;
            thread::sleep(Duration::from_millis(20));
            status == 202
        };
        (0..visitors).filter(|number| visit(*number)).count()
    });
    let sent = sent.load(Ordering::Relaxed);
    figure("honest_visitors", visitors);
    figure("honest_visitors_not_served", visitors - served);
    report(
        "strangers",
        format_args!("{served} of {visitors} visitors served beside {sent} requests of strangers"),
    );
    served
}

#[test]
fn visitors_are_served_while_two_connections_send_empty_requests() {
    let visitors = Form::asked().pick(140, 2_000);
    let junk = Junk { kept: vec![RawRequest::bare()], ..Junk::default() };
    let served = visitors_served_beside(&junk, visitors);
    assert!(visitors * 95 <= served * 100, "{served} of {visitors}");
}

#[test]
fn visitors_are_served_while_two_connections_send_all_that_is_refused() {
    let visitors = Form::asked().pick(100, 2_000);
    let kept = vec![
        RawRequest::bare(),
        RawRequest::profile("{"),
        RawRequest::profile(r#"{"data":{"type":"profile","attributes":{"email":"no"}}}"#),
        RawRequest::email("a@example.com").with("Content-Type", "text/plain"),
        RawRequest::email("a@example.com").with("revision", "soon"),
    ];
    let closed = vec![
        RawRequest::email("a@example.com").of("UNKNOWN"),
        RawRequest::email("a@example.com").to("/nowhere"),
        RawRequest::new("PUT", "/client/profiles?company_id=ABC123"),
    ];
    let served = visitors_served_beside(&Junk { kept, closed }, visitors);
    assert!(visitors * 95 <= served * 100, "{served} of {visitors}");
}

/// Sends a request of each of these addresses without sockets. Returns how many were accepted.
fn accepted(mounted: &Mounted, addresses: impl Iterator<Item = IpAddr>) -> usize {
    System::new().block_on(async {
        let app = App::new().app_data(mounted.0.clone()).configure(server::routes);
        let service = init_service(app).await;
        let mut accepted = 0;
        for address in addresses {
            let request = TestRequest::post()
                .uri("/client/profiles?company_id=ABC123")
                .peer_addr(SocketAddr::new(address, 4_711))
                .insert_header(("content-type", "application/json"))
                .insert_header(("revision", "2026-07-15"))
                .set_payload(RawRequest::email("honest@example.com").body_text());
            let answer = call_service(&service, request.to_request()).await;
            accepted += usize::from(answer.status() == 202);
        }
        accepted
    })
}

/// An address of IPv4 or IPv6.
fn any_address(random: &mut HostileRandom) -> IpAddr {
    let bits = random.next();
    match bits.to_be_bytes() {
        [a, b, c, d, ..] if bits.is_multiple_of(2) => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from((u128::from(bits) << 64).to_be_bytes()),
    }
}

/// How much memory may grow, whatever the number of networks: what the reasons of the limits give,
/// and 8 MiB for the store and for what the allocator keeps.
const GROWTH_KIB: u64 = (25 + 4 + 8) * 1024;

#[test]
fn networks_without_number_take_a_bounded_memory_and_visitors_are_served() {
    let form = Form::asked();
    let count = form.pick(200_000_u32, 20_000_000);
    let mut random = HostileRandom::seeded("strangers");
    let mounted = Mounted::new(SHOP);
    let company = "ABC123".parse().unwrap();
    let visitors = || (0..100).map(|number| IpAddr::V4(visitor(number)));
    assert_eq!(accepted(&mounted, visitors()), 100);
    let before = own_memory_kib();
    let gateway = &mounted.0;
    let network_limits = default_network_limits(limits::CLIENT_RATE_LIMIT);
    let mut most_counted = 0;
    for number in 0..count {
        let (network, now) = (any_address(&mut random).into(), gateway.clock.elapsed());
        // What a request is charged before anything else of it is looked at.
        let _ = gateway.network_limiter.charge(network, Some(&company), network_limits, now);
        if number.is_multiple_of(10_000) {
            most_counted = most_counted.max(gateway.network_limiter.counted());
        }
    }
    let grown = own_memory_kib().saturating_sub(before);
    figure("client_networks", count);
    figure("client_networks_grown_kib", grown);
    report("strangers", format_args!("{count} networks: memory grown by {grown} KiB"));
    assert!(most_counted <= limits::COUNTED_NETWORKS, "{most_counted}");
    // Those counted before, and others.
    assert_eq!(accepted(&mounted, visitors()), 100);
    let others = (1_000..1_100).map(|number| IpAddr::V4(visitor(number)));
    let others = accepted(&mounted, others);
    assert!(95 <= others, "{others} of 100");
    // Other tests run in this process, but not beside those of the long form.
    assert!(form == Form::Short || grown < GROWTH_KIB, "{grown} KiB");
}
