//! Secrets and digests as people paste them.

/// Exactly `N` bytes, written as hexadecimal digits of either case.
pub(crate) fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = base16ct::mixed::decode(text, &mut bytes).ok()?;
    (decoded.len() == N).then_some(bytes)
}

/// The bytes in lower-case hexadecimal digits.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}
