//! The URL at which a caller reaches the gateway, which trusted proxies report in headers.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
};

use crate::{
    http::{
        admission::{is_behind_proxy, only},
        forwarded::{elements, parameter},
        peer::Peer,
    },
    limits,
    state::GatewayState,
};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The absolute URL of a path of this gateway, as the caller of this request reaches it.
pub(crate) fn link(request: &HttpRequest, gateway: &GatewayState, path: &str) -> String {
    let is_encrypted = Peer::of_request(request).is_some_and(Peer::is_encrypted);
    public_origin(request.headers(), is_encrypted, is_behind_proxy(request, gateway)) + path
}

/// The absolute URL of this request.
pub(crate) fn own_link(request: &HttpRequest, gateway: &GatewayState) -> String {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    link(request, gateway, target)
}

/// The scheme and the host of the URL.
///
/// The scheme is that of the connection unless a proxy reports another one. The headers of proxies
/// count only if the connection is that of a trusted proxy. Of several
/// values the first is that of the proxy that the caller reached. If both headers have a value and
/// they differ, a caller may have sent one of them, so neither counts.
fn public_origin(headers: &HeaderMap, is_encrypted: bool, is_behind_proxy: bool) -> String {
    let reported = |parameter: &str, x_header: &HeaderName| {
        if is_behind_proxy { reported(headers, parameter, x_header) } else { None }
    };
    let proto = reported("proto", &X_FORWARDED_PROTO);
    let is_tls = proto.map_or(is_encrypted, |proto| proto.eq_ignore_ascii_case("https"));
    let host = reported("host", &X_FORWARDED_HOST).filter(|host| is_host(host));
    let own = || only(headers, &header::HOST).filter(|host| is_host(host));
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}", host.or_else(own).unwrap_or("localhost"))
}

/// What the headers of proxies report, if they agree.
fn reported<'h>(headers: &'h HeaderMap, name: &str, x_header: &HeaderName) -> Option<&'h str> {
    let forwarded = elements(headers, &header::FORWARDED).next();
    let forwarded = forwarded.and_then(|element| parameter(element, name));
    let other = elements(headers, x_header).next();
    match (forwarded, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other).then_some(one),
        (one, other) => one.or(other),
    }
}

/// Whether the text may be used as a host, with or without a port, in a link.
fn is_host(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    (1..=limits::HOST_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL behind a trusted proxy, and without one.
    fn origins(lines: &[(HeaderName, &str)]) -> [String; 2] {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "gateway:8080".parse().unwrap());
        for (name, value) in lines {
            headers.append(name.clone(), value.parse().unwrap());
        }
        [true, false].map(|is_behind_proxy| public_origin(&headers, false, is_behind_proxy))
    }

    #[test]
    fn only_a_trusted_proxy_says_how_the_gateway_is_reached() {
        for (lines, expected) in [
            (&[][..], "http://gateway:8080"),
            (&[(X_FORWARDED_PROTO, "https")], "https://gateway:8080"),
            (&[(X_FORWARDED_PROTO, "HTTPS")], "https://gateway:8080"),
            (&[(X_FORWARDED_PROTO, "https,http")], "https://gateway:8080"),
            (&[(X_FORWARDED_PROTO, "https"), (X_FORWARDED_PROTO, "http")], "https://gateway:8080"),
            (&[(X_FORWARDED_PROTO, "http, https")], "http://gateway:8080"),
            (&[(X_FORWARDED_PROTO, "javascript")], "http://gateway:8080"),
            (&[(X_FORWARDED_HOST, "shop.example")], "http://shop.example"),
            (&[(X_FORWARDED_HOST, "shop.example:444, inner")], "http://shop.example:444"),
            (&[(X_FORWARDED_HOST, "evil.example/path")], "http://gateway:8080"),
            (
                &[(header::FORWARDED, "for=192.0.2.1;proto=https;host=shop.example, for=10.0.0.1")],
                "https://shop.example",
            ),
            (
                &[(header::FORWARDED, "Proto=Https;Host=\"shop.example:444\"")],
                "https://shop.example:444",
            ),
            (&[(header::FORWARDED, "proto=https;proto=http")], "http://gateway:8080"),
            (
                &[(header::FORWARDED, "proto=https;host=a.example"), (X_FORWARDED_PROTO, "https")],
                "https://a.example",
            ),
            (
                &[(header::FORWARDED, "proto=https;host=a.example"), (X_FORWARDED_PROTO, "http")],
                "http://a.example",
            ),
            (
                &[(header::FORWARDED, "host=a.example"), (X_FORWARDED_HOST, "b.example")],
                "http://gateway:8080",
            ),
        ] {
            let [behind, without] = origins(lines);
            assert_eq!(behind, expected, "{lines:?}");
            assert_eq!(without, "http://gateway:8080", "{lines:?}");
        }
    }

    #[test]
    fn the_scheme_of_an_encrypted_connection_is_https_unless_a_trusted_proxy_reports_another() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "shop.example".parse().unwrap());
        assert_eq!(public_origin(&headers, true, false), "https://shop.example");
        assert_eq!(public_origin(&headers, true, true), "https://shop.example");
        headers.insert(X_FORWARDED_PROTO, "http".parse().unwrap());
        assert_eq!(public_origin(&headers, true, false), "https://shop.example");
        assert_eq!(public_origin(&headers, true, true), "http://shop.example");
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
