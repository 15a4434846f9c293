//! The endpoint for browsers and apps: `POST /client/profiles`.

pub mod exchange_token;

pub(crate) mod issued_token;
pub(crate) mod other_paths;
pub(crate) mod profiles;
pub(crate) mod signed_identity;
