//! The gateway, over HTTP.
