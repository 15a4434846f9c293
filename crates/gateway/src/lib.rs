//! Who may ask, and how we answer.

pub mod encoding;
pub mod limits;
pub mod quota;
