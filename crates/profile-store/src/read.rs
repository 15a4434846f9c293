//! What readers are answered from committed data.

pub(crate) mod history;
pub(crate) mod listing;
pub(crate) mod outcomes;
pub(crate) mod profile_walk;
pub(crate) mod profiles;
pub(crate) mod push_tokens;
pub(crate) mod unflushed;
pub(crate) mod writers;
