//! The client of the admin listener of a gateway that serves.

use std::{
    io::{self, Read},
    time::Duration,
};

use ureq::{Agent, http::header};

use crate::{limits, settings::AdminKey};

/// Why a gateway did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There was no response.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// The URL of the admin listener.
        url: String,
        /// The cause.
        source: Box<ureq::Error>,
    },
    /// The gateway refused.
    #[error("{url} answered with status {status}: {text}")]
    Refused {
        /// The URL of the admin listener.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of the response.
        text: String,
    },
}

impl RequestError {
    /// Whether the same request may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            RequestError::Unreachable { .. } => true,
            RequestError::Refused { status, .. } => 500 <= *status,
        }
    }
}

/// The body of a response with status 200.
pub(crate) type ResponseBody = Box<dyn Read>;

/// Asks for a path of the admin listener at this URL.
pub(crate) fn get(
    url: &str,
    key: &AdminKey,
    path: &str,
    timeout: Duration,
) -> Result<ResponseBody, RequestError> {
    let request = agent(timeout).get(target(url, path));
    answered(url, request.header(header::AUTHORIZATION, authorization(key)).call())
}

/// Sends a body to a path of the admin listener at this URL.
pub(crate) fn post(
    url: &str,
    key: &AdminKey,
    path: &str,
    body: &[u8],
    timeout: Duration,
) -> Result<ResponseBody, RequestError> {
    let request = agent(timeout).post(target(url, path));
    let request = request.header(header::CONTENT_TYPE, "application/json");
    answered(url, request.header(header::AUTHORIZATION, authorization(key)).send(body))
}

fn target(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}

fn authorization(key: &AdminKey) -> String {
    format!("Bearer {}", key.reveal())
}

fn agent(timeout: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(limits::BACKUP_CONNECT_TIMEOUT))
        .timeout_recv_response(Some(timeout))
        .build();
    Agent::new_with_config(config)
}

fn answered(
    url: &str,
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<ResponseBody, RequestError> {
    let unreachable =
        |error| RequestError::Unreachable { url: url.to_owned(), source: Box::new(error) };
    let response = response.map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut body = response.into_body().into_reader();
    if status == 200 {
        return Ok(Box::new(body));
    }
    let mut text = String::new();
    let beginning = body.by_ref().take(limits::BACKUP_REFUSAL_BYTES).read_to_string(&mut text);
    let text =
        beginning.map_or_else(|error: io::Error| error.to_string(), |_| text.trim().to_owned());
    Err(RequestError::Refused { url: url.to_owned(), status, text })
}
