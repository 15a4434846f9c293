//! The header `Forwarded` (RFC 7239), and the lists in headers of proxies.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The elements of a header from left to right, over all its lines. A line that is not text is one
/// empty element.
pub(crate) fn elements<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'h str> {
    let lines: Vec<&HeaderValue> = headers.get_all(name).collect();
    lines.into_iter().flat_map(|line| line.to_str().unwrap_or("").split(',').map(str::trim))
}

/// The value of a parameter of an element of `Forwarded`, without quotation marks. `None` if
/// anything about the element is malformed: a value that was split at a comma has half of its
/// quotation marks, so nothing within it passes for an element.
pub(crate) fn parameter<'e>(element: &'e str, wanted: &str) -> Option<&'e str> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = unquoted(value)?;
        let is_wanted = name.eq_ignore_ascii_case(wanted);
        if !is_token(name) || (is_wanted && found.replace(value).is_some()) {
            return None;
        }
    }
    found
}

/// The text of a token or of a quoted string. Neither an address nor a host needs an escape.
fn unquoted(value: &str) -> Option<&str> {
    if is_token(value) {
        return Some(value);
    }
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['"', '\\'])).then_some(inner)
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}
