//! Who may ask, and how we answer.

pub mod limits;
pub mod quota;
