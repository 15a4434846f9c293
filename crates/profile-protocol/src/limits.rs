//! Every number this protocol promises to hold to, and where it comes from.

/// Length of a company id, in bytes. Public keys in the wild have six
/// characters; the rest is room for names people choose themselves.
pub const COMPANY_ID_BYTES: usize = 32;

/// Size of a request body after decompression, in bytes: the 100 KB that the
/// server endpoints of the original document.
pub const BODY_BYTES: usize = 102_400;
