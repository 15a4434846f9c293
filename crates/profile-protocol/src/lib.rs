//! What may be said to a profile gateway.

pub mod limits;

mod company;

pub use company::{CompanyId, InvalidCompanyId};
