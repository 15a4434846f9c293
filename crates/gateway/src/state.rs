//! What all requests share.

use std::sync::{Arc, PoisonError, RwLock};

use profile_protocol::CompanyId;
use profile_store::Store;

use crate::{
    api::Endpoint,
    clock::Clock,
    companies::CompanyDirectory,
    exchange::KeyRing,
    meters::Meters,
    quota::Quotas,
    refusal,
    room::Rooms,
    settings::{Configuration, Connections},
    turns::Turns,
};

/// What all requests share. One for each process.
#[derive(Debug)]
pub struct Gateway {
    /// What each company has used of the windows of each endpoint of its own.
    pub(crate) api_quotas: Quotas<(CompanyId, Endpoint)>,
    /// How many connections there may be, and how long each may take.
    pub(crate) connections: Connections,
    /// The clocks.
    pub clock: Clock,
    /// The turns of bulk imports.
    pub(crate) imports: Turns,
    /// The companies served.
    pub companies: CompanyDirectory,
    /// What is counted and timed.
    pub meters: Meters,
    /// What each company has used of its windows.
    pub quotas: Quotas,
    /// How much of bodies may be in memory.
    pub(crate) rooms: Rooms,
    /// The profiles.
    pub store: Store,
    // Invariant: held for as long as it takes to copy the pointer.
    exchange: RwLock<Arc<KeyRing>>,
}

impl Gateway {
    /// Serves what is configured, out of this store.
    pub fn new(configuration: Configuration, store: Store) -> Gateway {
        let Configuration { companies, exchange, development: _, server } = configuration;
        let rooms = Rooms::of(companies.len());
        Gateway {
            api_quotas: Quotas::default(),
            connections: server.connections,
            clock: Clock::start(),
            imports: Turns::default(),
            companies: CompanyDirectory::new(companies),
            meters: Meters::new(&refusal::codes()),
            quotas: Quotas::default(),
            rooms,
            store,
            exchange: RwLock::new(Arc::new(exchange)),
        }
    }

    /// The keys that seal and open exchange tokens now.
    pub fn exchange(&self) -> Arc<KeyRing> {
        Arc::clone(&self.exchange.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves what is configured anew. How it is served takes a restart to change.
    pub fn reload(&self, configuration: Configuration) {
        let Configuration { companies, exchange, development: _, server: _ } = configuration;
        *self.exchange.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(exchange);
        self.companies.replace(companies);
        let current = self.companies.current();
        let is_served = |company: &CompanyId| current.find(company.as_str()).is_some();
        self.quotas.retain(is_served);
        self.api_quotas.retain(|(company, _)| is_served(company));
        self.imports.retain(is_served);
        self.rooms.divide(current.len());
    }
}
