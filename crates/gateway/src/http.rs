//! HTTP: the checks before a body is read, bodies, and what every answer carries.

pub mod cidr;
pub mod client_address;
pub mod cors;
pub mod encoding;
pub mod peer;
pub mod refusal;
pub mod response;

pub(crate) mod access_log;
pub(crate) mod admission;
pub(crate) mod admitted_stream;
pub(crate) mod auth;
pub(crate) mod bare_response;
pub(crate) mod body;
pub(crate) mod deadline;
pub(crate) mod development_lines;
pub(crate) mod error_response;
pub(crate) mod forwarded;
pub(crate) mod inspection;
pub(crate) mod large_body;
pub(crate) mod log_text;
pub(crate) mod public_url;
pub(crate) mod raw_target;
pub(crate) mod refusal_log;
pub(crate) mod request_trace;
pub(crate) mod stream_layer;
pub(crate) mod trace_context;
pub(crate) mod user_agent;
