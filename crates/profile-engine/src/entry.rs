//! Keys, values and their changes.

/// A key. Keys are ordered by their bytes. What precedes the first zero byte names the tenant.
pub type Key = Vec<u8>;

/// A value.
pub type Value = Vec<u8>;

/// One change: the new value of a key, or `None` to remove the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// The key that changes.
    pub key: Key,
    /// Its new value.
    pub value: Option<Value>,
}

/// The length that stands for the value of a removed key.
const REMOVED: u32 = u32::MAX;

/// Appends the bytes of some changes, as docs/STORAGE.md describes those of the journal. `None` if
/// a key or a value is too large.
pub fn encode_writes(bytes: &mut Vec<u8>, writes: &[Write]) -> Option<()> {
    for Write { key, value } in writes {
        bytes.extend_from_slice(&length(key)?.to_be_bytes());
        let of_value = value.as_deref().map_or(Some(REMOVED), length)?;
        bytes.extend_from_slice(&of_value.to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    Some(())
}

fn length(bytes: &[u8]) -> Option<u32> {
    u32::try_from(bytes.len()).ok().filter(|length| *length < REMOVED)
}

/// See [`encode_writes`]. `None` if no changes are written so.
pub fn decode_writes(mut bytes: &[u8]) -> Option<Vec<Write>> {
    let mut writes = Vec::new();
    while !bytes.is_empty() {
        let (of_key, rest) = bytes.split_first_chunk()?;
        let (of_value, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u32::from_be_bytes(*of_key).try_into().ok()?)?;
        let (value, rest) = match u32::from_be_bytes(*of_value) {
            REMOVED => (None, rest),
            length => {
                let (value, rest) = rest.split_at_checked(length.try_into().ok()?)?;
                (Some(value.to_vec()), rest)
            }
        };
        writes.push(Write { key: key.to_vec(), value });
        bytes = rest;
    }
    Some(writes)
}
