//! Whether a response that takes long may go on.

use std::sync::Arc;

use actix_web::web::Data;

use super::api_call::CompanyVisit;
use crate::{
    state::GatewayState,
    tenants::{directory::Company, scope::KeyScope},
};

/// The right of a session to read the profiles of a company, which may end while it is used.
pub(super) struct ReadAccess {
    pub(super) gateway: Data<GatewayState>,
    pub(super) company: Arc<Company>,
    /// The id of the session.
    session: String,
}

impl ReadAccess {
    pub(super) fn of(visit: &CompanyVisit<'_>) -> ReadAccess {
        ReadAccess {
            gateway: Data::clone(visit.visit.gateway),
            company: Arc::clone(&visit.principal.company),
            session: visit.visit.session_id.to_owned(),
        }
    }

    /// Whether the session is open and has a key that may read the company. It does not count as
    /// used.
    pub(super) fn is_open(&self) -> bool {
        let now = self.gateway.clock.elapsed();
        let session = self.gateway.console_sessions.look(&self.session, now);
        let keys = session.map(|session| session.keys).unwrap_or_default();
        keys.into_iter().filter_map(|key| self.gateway.companies.principal(key)).any(|principal| {
            principal.company.id == self.company.id
                && principal.scopes.contains(KeyScope::ProfilesRead)
        })
    }

    /// The same. The session counts as used, since what was asked for is still being received.
    pub(super) fn is_open_and_used(&self) -> bool {
        let now = self.gateway.clock.elapsed();
        self.gateway.console_sessions.find(&self.session, now).is_some() && self.is_open()
    }
}
