//! The text of a body.

use crate::{Fault, Violation, Violations};

/// The text of a body of at most `max_bytes`, without the byte order mark that some programs of
/// Windows write first.
pub(crate) fn body_text(body: &[u8], max_bytes: usize) -> Result<&str, Violations> {
    if max_bytes < body.len() {
        let fault = Fault::TooLarge { bytes: max_bytes };
        return Err(Violation { pointer: String::new(), fault }.into());
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        Violations::syntax(format_args!("not UTF-8 after byte {}", error.valid_up_to()))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
