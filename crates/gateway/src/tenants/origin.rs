//! Origins: the web sites whose pages may send profiles.

use std::{net::Ipv6Addr, str::FromStr};

use crate::limits;

/// A web origin in the spelling of browsers: scheme, host and, unless it is the scheme's default,
/// port, all in lower case.
///
/// ```
/// use gateway::tenants::origin::Origin;
///
/// let origin: Origin = "HTTPS://Shop.Example:443".parse()?;
/// assert_eq!(origin.as_str(), "https://shop.example");
/// # Ok::<(), gateway::tenants::origin::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    // Invariant: parsing this text again yields this text.
    text: Box<str>,
}

impl Origin {
    /// The origin in the spelling of browsers.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the value of an `Origin` header names this origin.
    pub fn matches(&self, header: &str) -> bool {
        self.text.eq_ignore_ascii_case(header)
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Origin, InvalidOrigin> {
        if limits::ORIGIN_BYTES < text.len() {
            return Err(InvalidOrigin::TooLong);
        }
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin::Scheme)?;
        if !is_scheme(scheme) {
            return Err(InvalidOrigin::Scheme);
        }
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidOrigin::Path);
        }
        let (host, port) = host_and_port(authority)?;
        let host = canonical_host(host)?;
        let text = match port.filter(|port| own_port(scheme) != Some(*port)) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        Ok(Origin { text: text.into() })
    }
}

/// Why the text is not an [`Origin`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrigin {
    #[error("must have a host of ASCII letters, digits, '.', '-' and '_', or an address")]
    Host,
    #[error("must end after the host and port, without a path or a slash")]
    Path,
    #[error("must have a port from 1 to 65535, or none")]
    Port,
    #[error("must start with a scheme, as in https://shop.example")]
    Scheme,
    #[error("must be at most {} bytes", limits::ORIGIN_BYTES)]
    TooLong,
    #[error("must name one host, because wildcards are not supported")]
    Wildcard,
}

/// Apps have origins with schemes of their own, such as `capacitor`, so any scheme is allowed.
fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), InvalidOrigin> {
    let host_ends = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority.get(host_ends..).and_then(|rest| rest.split_once(':')) {
        Some((before, port)) => {
            let host = authority.get(..host_ends + before.len()).ok_or(InvalidOrigin::Host)?;
            Ok((host, Some(port_number(port)?)))
        }
        None => Ok((authority, None)),
    }
}

fn port_number(text: &str) -> Result<u16, InvalidOrigin> {
    // The parser of numbers also accepts `+443`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(InvalidOrigin::Port),
    }
}

fn canonical_host(host: &str) -> Result<String, InvalidOrigin> {
    if host.contains('*') {
        return Err(InvalidOrigin::Wildcard);
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().or(Err(InvalidOrigin::Host))?;
        return Ok(format!("[{address}]"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let named = !host.is_empty() && !host.starts_with('.') && host.bytes().all(allowed);
    if named { Ok(host.to_owned()) } else { Err(InvalidOrigin::Host) }
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(text: &str, expected: &str) {
        let origin: Origin = text.parse().unwrap();
        assert_eq!(origin.as_str(), expected);
        assert_eq!(origin.as_str().parse(), Ok(origin.clone()), "{text} is a fixed point");
    }

    fn refuses(text: &str, expected: InvalidOrigin) {
        assert_eq!(text.parse::<Origin>(), Err(expected), "{text}");
    }

    #[test]
    fn an_origin_is_kept_as_browsers_spell_it() {
        parses("https://shop.example", "https://shop.example");
        parses("HTTPS://Shop.Example", "https://shop.example");
        parses("https://shop.example:443", "https://shop.example");
        parses("http://shop.example:80", "http://shop.example");
        parses("http://shop.example:443", "http://shop.example:443");
        parses("http://127.0.0.1:3000", "http://127.0.0.1:3000");
        parses("http://[0:0::1]:3000", "http://[::1]:3000");
        parses("capacitor://localhost", "capacitor://localhost");
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_narrowest_reason() {
        refuses("", InvalidOrigin::Scheme);
        refuses("shop.example", InvalidOrigin::Scheme);
        refuses("://shop.example", InvalidOrigin::Scheme);
        refuses("https://", InvalidOrigin::Host);
        refuses("https://shop.example/", InvalidOrigin::Path);
        refuses("https://shop.example/a", InvalidOrigin::Path);
        refuses("https://shop.example?a", InvalidOrigin::Path);
        refuses("https://*.shop.example", InvalidOrigin::Wildcard);
        refuses("https://me@shop.example", InvalidOrigin::Host);
        refuses("https://bücher.example", InvalidOrigin::Host);
        refuses("https://shop.example:", InvalidOrigin::Port);
        refuses("https://shop.example:0", InvalidOrigin::Port);
        refuses("https://shop.example:+443", InvalidOrigin::Port);
        refuses("https://shop.example:65536", InvalidOrigin::Port);
        refuses("https://[::1", InvalidOrigin::Port);
        refuses("https://[shop]", InvalidOrigin::Host);
        refuses(&format!("https://{}", "a".repeat(400)), InvalidOrigin::TooLong);
    }

    #[test]
    fn a_header_matches_whole_or_not_at_all() {
        let origin: Origin = "https://shop.example".parse().unwrap();
        assert!(origin.matches("https://shop.example"));
        assert!(!origin.matches("https://shop.example.evil"));
        assert!(!origin.matches("http://shop.example"));
        assert!(!origin.matches("null"));
    }
}
