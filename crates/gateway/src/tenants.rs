//! The companies that this gateway serves, and the keys and origins that act for them.

pub mod directory;
pub mod origin;
pub mod private_key;
pub mod scope;
