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
