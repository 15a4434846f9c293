//! The origin under which a caller reaches this gateway, which links begin with.

use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap};

use crate::{
    http::{admission::only, client_address::TrustedProxies},
    limits,
};

const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// The origin, such as `https://gateway.example`. A trusted proxy reports the scheme and the host
/// that it was called with; where several proxies did, the first of them was nearest to the caller.
pub(crate) fn own_origin(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &TrustedProxies,
) -> String {
    let is_reported = peer.is_some_and(|peer| trusted.contains(peer));
    let reported = |name| if is_reported { first_value(headers, name) } else { None };
    let tls = reported(FORWARDED_PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let hosts = [reported(FORWARDED_HOST), only(headers, &header::HOST)];
    let host = hosts.into_iter().flatten().find(|host| is_host(host)).unwrap_or("localhost");
    format!("{}://{host}", if tls { "https" } else { "http" })
}

/// The first of the values of a header, which are separated by commas.
fn first_value<'h>(headers: &'h HeaderMap, name: &'static str) -> Option<&'h str> {
    let first = headers.get_all(name).next()?.to_str().ok()?;
    first.split(',').next().map(str::trim)
}

/// Whether the text may be used as a host, with or without a port, in a link.
fn is_host(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    (1..=limits::HOST_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn origin(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = TrustedProxies::from(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut map = HeaderMap::new();
        map.append(header::HOST, HeaderValue::from_static("gateway"));
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        own_origin(peer.parse().ok(), &map, &trusted)
    }

    #[test]
    fn a_trusted_proxy_reports_scheme_and_host() {
        assert_eq!(origin(PROXY, &[]), "http://gateway");
        for scheme in ["https", "HTTPS", "https,http", "https , http"] {
            assert_eq!(origin(PROXY, &[(FORWARDED_PROTO, scheme)]), "https://gateway", "{scheme}");
        }
        for scheme in ["http", "http,https", "javascript", ""] {
            assert_eq!(origin(PROXY, &[(FORWARDED_PROTO, scheme)]), "http://gateway", "{scheme}");
        }
        let host = |host| origin(PROXY, &[(FORWARDED_HOST, host), (FORWARDED_PROTO, "https")]);
        assert_eq!(host("shop.example:8443, inner"), "https://shop.example:8443");
        assert_eq!(host("a@b"), "https://gateway");
    }

    #[test]
    fn what_any_other_caller_reports_is_ignored() {
        let headers = [(FORWARDED_PROTO, "https"), (FORWARDED_HOST, "evil.example")];
        assert_eq!(origin("192.0.2.1", &headers), "http://gateway");
        assert_eq!(origin("no address", &headers), "http://gateway");
    }

    #[test]
    fn only_a_name_or_number_with_or_without_a_port_stands_in_a_link() {
        for text in ["gateway", "shop.example:8080", "127.0.0.1:1", "[::1]:8080"] {
            assert!(is_host(text), "{text}");
        }
        for text in ["", "a@b", "a/b", "a?b", "a#b", "a b", "é", &"a".repeat(300)] {
            assert!(!is_host(text), "{text}");
        }
    }
}
