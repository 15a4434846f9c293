//! The client of `GET /backup`.

use std::io::{self, Read};

use profile_store::engine::JournalPosition;
use ureq::{Agent, http::header};

use super::frame::{Frame, InvalidFrame};
use crate::{hexadecimal, limits, settings::AdminKey};

/// Why a gateway sent no backup.
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

/// Reads the frames of a response.
pub(super) struct FrameReader {
    body: Box<dyn Read>,
}

impl FrameReader {
    pub(super) fn next(&mut self) -> Result<Frame, InvalidFrame> {
        Frame::read(&mut self.body)
    }
}

/// Asks the gateway with this admin listener for a backup: for a whole one, or for what was
/// committed after a position.
pub(super) fn request(
    url: &str,
    key: &AdminKey,
    after: Option<JournalPosition>,
) -> Result<FrameReader, RequestError> {
    let query =
        after.map(|position| format!("?after={}", hexadecimal::encode(&position.to_bytes())));
    let target = format!("{}/backup{}", url.trim_end_matches('/'), query.unwrap_or_default());
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(limits::BACKUP_CONNECT_TIMEOUT))
        .timeout_recv_response(Some(limits::BACKUP_BEGIN_TIMEOUT))
        .build();
    let unreachable =
        |error| RequestError::Unreachable { url: url.to_owned(), source: Box::new(error) };
    let authorization = format!("Bearer {}", key.reveal());
    let response = Agent::new_with_config(config)
        .get(target)
        .header(header::AUTHORIZATION, authorization)
        .call()
        .map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut body = response.into_body().into_reader();
    if status == 200 {
        return Ok(FrameReader { body: Box::new(body) });
    }
    let mut text = String::new();
    let beginning = body.by_ref().take(limits::BACKUP_REFUSAL_BYTES).read_to_string(&mut text);
    let text =
        beginning.map_or_else(|error: io::Error| error.to_string(), |_| text.trim().to_owned());
    Err(RequestError::Refused { url: url.to_owned(), status, text })
}
