//! Who may ask, and how we answer.

pub mod companies;
pub mod encoding;
pub mod limits;
pub mod meters;
pub mod origin;
pub mod private_key;
pub mod quota;
pub mod scope;
pub mod settings;
pub mod telemetry;
