//! The names of endpoints in metrics and traces: a method and a path without any id.

use std::sync::LazyLock;

use actix_web::{HttpRequest, http::Method};

use crate::endpoints::{ENDPOINTS, Endpoint};

/// The endpoints that are not under `/api`.
const OUTSIDE_API: [(Method, &str); 7] = [
    (Method::POST, CLIENT_PROFILES),
    (Method::OPTIONS, CLIENT_PROFILES),
    (Method::POST, PUSH_TOKENS),
    (Method::OPTIONS, PUSH_TOKENS),
    (Method::POST, PUSH_TOKEN_UNREGISTER),
    (Method::OPTIONS, PUSH_TOKEN_UNREGISTER),
    (Method::GET, "/openapi.json"),
];

const CLIENT_PROFILES: &str = "/client/profiles";
const PUSH_TOKENS: &str = "/client/push-tokens";
const PUSH_TOKEN_UNREGISTER: &str = "/client/push-token-unregister";

/// The number of an endpoint in [`endpoint_names`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct EndpointNumber(usize);

/// The names of all endpoints, and an empty one for other paths and methods.
pub(crate) fn endpoint_names() -> &'static [&'static str] {
    static NAMES: LazyLock<Box<[&'static str]>> = LazyLock::new(|| {
        let api = ENDPOINTS.iter().map(|row| (&row.method, row.path));
        let all = OUTSIDE_API.iter().map(|(method, path)| (method, *path)).chain(api);
        // They are needed until the process ends.
        let name = |(method, path)| &*Box::leak(format!("{method} {path}").into_boxed_str());
        all.map(name).chain([""]).collect()
    });
    &NAMES
}

impl EndpointNumber {
    /// The endpoint that serves profiles of clients.
    pub(crate) const CLIENT_PROFILES: EndpointNumber = EndpointNumber(0);

    /// The endpoint of a request. HEAD counts as GET.
    pub(crate) fn of_request(request: &HttpRequest) -> EndpointNumber {
        let (method, path) = (request.method(), request.path().trim_end_matches('/'));
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let outside = OUTSIDE_API.iter().position(|row| row.0 == *method && row.1 == path);
        let in_api = || {
            let pattern = request.match_pattern()?;
            let pattern = pattern.trim_end_matches('/');
            let row = ENDPOINTS.iter().position(|row| row.method == *method && row.path == pattern);
            row.map(|row| OUTSIDE_API.len() + row)
        };
        EndpointNumber(outside.or_else(in_api).unwrap_or(OUTSIDE_API.len() + ENDPOINTS.len()))
    }

    /// An endpoint under `/api`.
    pub(crate) fn in_api(endpoint: Endpoint) -> EndpointNumber {
        let row = ENDPOINTS.iter().position(|row| row.endpoint == endpoint);
        EndpointNumber(OUTSIDE_API.len() + row.unwrap_or(ENDPOINTS.len()))
    }

    /// The place of its name.
    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// The name, which is empty for a path or a method that does not exist.
    pub(crate) fn name(self) -> &'static str {
        endpoint_names().get(self.0).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_request_outside_the_api_has_the_name_of_its_endpoint() {
        for (method, path, name) in [
            (Method::POST, "/client/profiles", "POST /client/profiles"),
            (Method::POST, "/client/profiles/", "POST /client/profiles"),
            (Method::POST, "/client/profiles?company_id=ABC123", "POST /client/profiles"),
            (Method::OPTIONS, "/client/profiles", "OPTIONS /client/profiles"),
            (Method::HEAD, "/openapi.json", "GET /openapi.json"),
            (Method::POST, "/client/push-tokens/", "POST /client/push-tokens"),
            (Method::POST, "/client/push-token-unregister", "POST /client/push-token-unregister"),
            (Method::DELETE, "/client/profiles", ""),
            (Method::POST, "/client/profiles/sarah@example.com", ""),
            (Method::GET, "/nowhere", ""),
        ] {
            let request = TestRequest::with_uri(path).method(method).to_http_request();
            assert_eq!(EndpointNumber::of_request(&request).name(), name, "{path}");
        }
        assert_eq!(EndpointNumber::CLIENT_PROFILES.name(), "POST /client/profiles");
    }

    #[test]
    fn every_endpoint_of_the_api_has_a_name() {
        for row in &ENDPOINTS {
            let name = format!("{} {}", row.method, row.path);
            assert_eq!(EndpointNumber::in_api(row.endpoint).name(), name);
        }
    }
}
