//! Which address counts as that of the client, whatever clients write into headers.

use actix_web::http::header::HeaderValue;
use proptest::{collection::vec, prelude::*};

use super::*;

const FORWARDED: HeaderName = header::FORWARDED;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn tcp(text: &str) -> Peer {
    Peer::Tcp(ip(text))
}

/// The proxies of these tests.
fn trusted() -> TrustedProxies {
    let blocks = ["10.0.0.0/8", "2001:db8:f::/48"];
    blocks.map(|block| block.parse().unwrap()).to_vec().into()
}

fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The address of a request that the trusted proxy 10.0.0.1 hands on.
fn behind_proxy(lines: &[(HeaderName, &str)]) -> String {
    client_address(Some(tcp("10.0.0.1")), &headers(lines), &trusted()).to_string()
}

#[test]
fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
    for (value, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        ("198.51.100.9, 192.0.2.1", "192.0.2.1"),
        ("198.51.100.9, 192.0.2.1, 10.0.0.3,10.0.0.2", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711, 2001:db8:f::1", "2001:db8::1"),
        ("::ffff:192.0.2.1, ::ffff:10.0.0.9", "192.0.2.1"),
        // All are trusted, so the first one is the client.
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ] {
        assert_eq!(behind_proxy(&[(X_FORWARDED_FOR, value)]), expected, "{value}");
    }
    for (value, expected) in [
        ("for=192.0.2.1", "192.0.2.1"),
        ("for=198.51.100.9, For=\"192.0.2.1\";proto=https;by=10.0.0.1", "192.0.2.1"),
        ("for=\"192.0.2.1:4711\", for=10.0.0.2", "192.0.2.1"),
        ("proto=http;for=\"[2001:db8::1]:4711\";host=\"shop.example:80\"", "2001:db8::1"),
        ("for=192.0.2.1, for=\"[2001:db8:f::1]\"", "192.0.2.1"),
    ] {
        assert_eq!(behind_proxy(&[(FORWARDED, value)]), expected, "{value}");
    }
}

#[test]
fn an_element_without_an_address_makes_the_proxy_that_added_it_the_client() {
    for value in ["", "unknown", "192.0.2.1,", "192.0.2.1 10.0.0.2", "192.0.2.256", "192.0.2.1:x"] {
        assert_eq!(behind_proxy(&[(X_FORWARDED_FOR, value)]), "10.0.0.1", "{value}");
        let behind_two = format!("192.0.2.1, {value}, 10.0.0.2");
        assert_eq!(behind_proxy(&[(X_FORWARDED_FOR, &behind_two)]), "10.0.0.2", "{behind_two}");
    }
    for value in [
        "",
        "192.0.2.1",
        "for=unknown",
        "for=_hidden",
        "for=",
        "for=192.0.2.1;",
        "for=192.0.2.1:80",
        "for=[2001:db8::1]",
        "for=192.0.2.1;for=192.0.2.2",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=\"192.0.2.\\1\"",
        "proto=https",
        // A proxy that repeats the host of the client, with a comma in it.
        "for=192.0.2.1;host=\"a,for=192.0.2.2\"",
        "for=192.0.2.1;host=\"a,for=192.0.2.2;x=\"",
    ] {
        assert_eq!(behind_proxy(&[(FORWARDED, value)]), "10.0.0.1", "{value}");
        let behind_two = format!("for=192.0.2.1, {value}, for=10.0.0.2");
        assert_eq!(behind_proxy(&[(FORWARDED, &behind_two)]), "10.0.0.2", "{behind_two}");
    }
}

#[test]
fn lines_of_one_header_are_one_list() {
    let lines = [(X_FORWARDED_FOR, "198.51.100.9"), (X_FORWARDED_FOR, "192.0.2.1, 10.0.0.2")];
    assert_eq!(behind_proxy(&lines), "192.0.2.1");
    let [first, second] = lines;
    assert_eq!(behind_proxy(&[second, first]), "198.51.100.9");
    let bytes = HeaderValue::from_bytes(b"192.0.2.1, \xff").unwrap();
    let mut headers = headers(&[(X_FORWARDED_FOR, "192.0.2.9")]);
    headers.append(X_FORWARDED_FOR, bytes);
    assert_eq!(client_address(Some(tcp("10.0.0.1")), &headers, &trusted()), ip("10.0.0.1"));
}

#[test]
fn two_headers_count_if_they_lead_to_the_same_address() {
    let both = |forwarded, for_| behind_proxy(&[(FORWARDED, forwarded), (X_FORWARDED_FOR, for_)]);
    assert_eq!(both("for=192.0.2.1", "198.51.100.9, 192.0.2.1"), "192.0.2.1");
    assert_eq!(both("for=192.0.2.1", "192.0.2.2"), "10.0.0.1");
    assert_eq!(both("for=10.0.0.2", "192.0.2.2"), "10.0.0.1");
}

#[test]
fn a_request_without_a_peer_has_no_address_and_nothing_is_believed_of_it() {
    let headers = headers(&[(X_FORWARDED_FOR, "192.0.2.1"), (FORWARDED, "for=192.0.2.1")]);
    assert_eq!(client_address(None, &headers, &trusted()), NO_ADDRESS);
    let everything: TrustedProxies =
        vec!["::/0".parse().unwrap(), "0.0.0.0/0".parse().unwrap()].into();
    assert_eq!(client_address(None, &headers, &everything), NO_ADDRESS);
}

#[test]
fn a_program_at_a_unix_socket_is_a_trusted_proxy_at_the_address_of_this_machine() {
    for trusted in [TrustedProxies::default(), trusted()] {
        let client = |lines: &[_]| client_address(Some(Peer::Unix), &headers(lines), &trusted);
        assert_eq!(client(&[]), ip("127.0.0.1"));
        assert_eq!(client(&[(X_FORWARDED_FOR, "198.51.100.9, 192.0.2.1")]), ip("192.0.2.1"));
        assert_eq!(client(&[(FORWARDED, "for=192.0.2.1")]), ip("192.0.2.1"));
        assert_eq!(client(&[(X_FORWARDED_FOR, "unknown")]), ip("127.0.0.1"));
    }
}

#[test]
fn encryption_makes_no_peer_trusted() {
    let headers = headers(&[(X_FORWARDED_FOR, "192.0.2.1")]);
    let client = |peer: &str| client_address(Some(Peer::Tls(ip(peer))), &headers, &trusted());
    assert_eq!(client("10.0.0.1"), ip("192.0.2.1"));
    assert_eq!(client("198.51.100.9"), ip("198.51.100.9"));
}

#[test]
fn a_list_without_end_is_read_up_to_its_bound() {
    let proxies = "10.0.0.2,".repeat(20_000);
    let value = format!("192.0.2.1,{}", proxies.trim_end_matches(','));
    assert_eq!(behind_proxy(&[(X_FORWARDED_FOR, &value)]), "10.0.0.2");
}

/// A header as proxies write it.
#[derive(Clone, Copy, Debug)]
enum Notation {
    Forwarded,
    ForwardedFor,
}

impl Notation {
    fn name(self) -> HeaderName {
        match self {
            Notation::Forwarded => FORWARDED,
            Notation::ForwardedFor => X_FORWARDED_FOR,
        }
    }

    fn element(self, address: IpAddr, with_port: bool) -> String {
        let node = match (address, with_port) {
            (IpAddr::V4(_), false) => address.to_string(),
            (IpAddr::V6(_), false) => format!("[{address}]"),
            (_, true) => SocketAddr::new(address, 4711).to_string(),
        };
        match self {
            Notation::Forwarded => format!("for=\"{node}\";proto=https"),
            Notation::ForwardedFor => node,
        }
    }
}

fn notations() -> impl Strategy<Value = Notation> {
    prop_oneof![Just(Notation::Forwarded), Just(Notation::ForwardedFor)]
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()).to_canonical()),
    ]
}

fn clients() -> impl Strategy<Value = IpAddr> {
    addresses().prop_filter("a client is no trusted proxy", |address| !trusted().contains(*address))
}

fn proxies() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a, b, c])),
        any::<u16>().prop_map(|last| IpAddr::from([0x2001, 0xdb8, 0xf, 0, 0, 0, 0, last])),
    ]
}

/// What a client writes into a header: anything, or what looks like the elements of proxies.
fn inventions() -> impl Strategy<Value = String> {
    let element = prop_oneof![
        "[ -~]{0,20}",
        Just("for=\"".to_owned()),
        (addresses(), notations()).prop_map(|(address, notation)| notation.element(address, false)),
        (proxies(), notations()).prop_map(|(address, notation)| notation.element(address, true)),
    ];
    vec(element, 0..6).prop_map(|elements| elements.join(","))
}

proptest! {
    #[test]
    fn headers_of_a_peer_that_is_not_trusted_never_count(
        peer in clients(),
        forwarded in inventions(),
        forwarded_for in inventions(),
    ) {
        let headers = headers(&[(FORWARDED, &forwarded), (X_FORWARDED_FOR, &forwarded_for)]);
        prop_assert_eq!(client_address(Some(Peer::Tcp(peer)), &headers, &trusted()), peer);
        let nothing = TrustedProxies::default();
        prop_assert_eq!(client_address(Some(tcp("10.0.0.1")), &headers, &nothing), ip("10.0.0.1"));
    }

    #[test]
    fn nothing_left_of_the_address_that_a_proxy_added_is_believed(
        invented in inventions(),
        client in clients(),
        hops in vec(proxies(), 1..6),
        notation in notations(),
        with_port in any::<bool>(),
        on_a_line_of_its_own in any::<bool>(),
    ) {
        let (peer, between) = hops.split_last().unwrap();
        let added = [&[client][..], between].concat();
        let added: Vec<String> =
            added.iter().map(|hop| notation.element(*hop, with_port)).collect();
        let added = added.join(", ");
        let lines = if on_a_line_of_its_own {
            headers(&[(notation.name(), &invented), (notation.name(), &added)])
        } else {
            headers(&[(notation.name(), &format!("{invented}, {added}"))])
        };
        prop_assert_eq!(client_address(Some(Peer::Tcp(*peer)), &lines, &trusted()), client);
    }

    #[test]
    fn a_header_that_no_proxy_wrote_invents_no_address(
        invented in inventions(),
        client in clients(),
        peer in proxies(),
        notation in notations(),
    ) {
        let other = match notation {
            Notation::Forwarded => Notation::ForwardedFor,
            Notation::ForwardedFor => Notation::Forwarded,
        };
        let added = notation.element(client, false);
        let headers = headers(&[(other.name(), &invented), (notation.name(), &added)]);
        let address = client_address(Some(Peer::Tcp(peer)), &headers, &trusted());
        prop_assert!(address == client || address == peer, "{}", address);
    }
}
