//! The client of `GET /backup`.

use std::io::Read;

use profile_store::engine::JournalPosition;

use super::frame::{Frame, InvalidFrame};
use crate::{
    hexadecimal, limits,
    ops::admin_client::{AdminListener, RequestError},
};

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
    listener: &AdminListener,
    after: Option<JournalPosition>,
) -> Result<FrameReader, RequestError> {
    let query =
        after.map(|position| format!("?after={}", hexadecimal::encode(&position.to_bytes())));
    let path = format!("/backup{}", query.unwrap_or_default());
    let body = listener.get(&path, limits::BACKUP_BEGIN_TIMEOUT)?;
    Ok(FrameReader { body })
}
