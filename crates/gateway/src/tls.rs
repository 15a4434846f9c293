//! TLS on client and admin connections.

pub mod certificate;

pub(crate) mod handshake;
