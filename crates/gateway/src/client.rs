//! The endpoints for browsers and apps: profiles, and push tokens with their profiles.

pub mod exchange_token;

pub(crate) mod issued_token;
pub(crate) mod other_paths;
pub(crate) mod profiles;
mod request;
pub(crate) mod signed_identity;
