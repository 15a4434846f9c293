//! Where traces are sent: the URL of a collector.

use std::{fmt, str::FromStr};

use crate::limits;

/// The URL at which a collector takes traces by OTLP over HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtlpEndpoint {
    // Invariant: visible ASCII without a slash, with a port.
    authority: Box<str>,
    // Invariant: visible ASCII, beginning with a slash.
    path: Box<str>,
}

/// The path of traces where the URL has none.
const TRACES: &str = "/v1/traces";

/// The port of the protocol where the URL has none.
const PORT: u16 = 4318;

impl OtlpEndpoint {
    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl FromStr for OtlpEndpoint {
    type Err = InvalidOtlpEndpoint;

    fn from_str(text: &str) -> Result<OtlpEndpoint, InvalidOtlpEndpoint> {
        if text.starts_with("https://") {
            return Err(InvalidOtlpEndpoint::Tls);
        }
        let rest = text.strip_prefix("http://").ok_or(InvalidOtlpEndpoint::Malformed)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
        let is_valid = (1..=limits::HOST_BYTES).contains(&authority.len())
            && authority.bytes().all(is_host)
            && path.len() <= limits::HOST_BYTES
            && is_visible(path);
        if !is_valid {
            return Err(InvalidOtlpEndpoint::Malformed);
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:{PORT}") };
        let path = if path.len() <= 1 { TRACES } else { path };
        Ok(OtlpEndpoint { authority: authority.into(), path: path.into() })
    }
}

/// The text is not an [`OtlpEndpoint`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidOtlpEndpoint {
    /// The text is no URL.
    #[error("must be the URL of a collector, as in http://127.0.0.1:4318")]
    Malformed,
    /// The URL is one of TLS.
    #[error("must begin with http://; a collector on this machine forwards traces with TLS")]
    Tls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_port_and_a_path_of_its_own_or_those_of_the_protocol() {
        for (text, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://collector", "http://collector:4318/v1/traces"),
            ("http://collector/", "http://collector:4318/v1/traces"),
            ("http://[::1]:9/otlp/v1/traces?a=b", "http://[::1]:9/otlp/v1/traces?a=b"),
        ] {
            let endpoint: OtlpEndpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), expected);
        }
        for text in ["", "collector:4318", "http://", "http:///v1", "http://a b", "http://a/ b"] {
            assert_eq!(text.parse::<OtlpEndpoint>(), Err(InvalidOtlpEndpoint::Malformed), "{text}");
        }
        assert_eq!("https://a".parse::<OtlpEndpoint>(), Err(InvalidOtlpEndpoint::Tls));
    }
}
