//! The body budget: how many bytes of request bodies are in memory at a time.
//!
//! The rate limits bound how often a company may send, and the queue of the store
//! how many requests wait. Neither bounds how large they are: 1,024 bodies of
//! 100 KB of each company, waiting for a slow disk, would be gigabytes once parsed.
//!
//! No company has more than a portion of any budget, so no company can use up what another
//! one needs. Bodies sent with a private key have budgets of their own, so requests without a
//! key cannot crowd them out.
//!
//! The counts are kept under one lock and not in semaphores: a permit takes from two counts at
//! once, and the size of a company's portion changes on reload.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use ahash::HashMap;
use profile_protocol::{
    CompanyId,
    limits::{BODY_BYTES, BULK_BODY_BYTES},
};

use crate::{limits, metrics::BodyBudgetReading};

/// The kind of a body. It decides how large a body may be and which budget pays for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyKind {
    /// The body of a request to the client endpoint, which takes no private key.
    Client,
    /// The body of a request with a private key.
    Server,
    /// The body of a bulk import.
    Bulk,
}

impl BodyKind {
    /// The largest size, in bytes, before and after decoding.
    pub(crate) fn max_bytes(self) -> usize {
        match self {
            BodyKind::Client | BodyKind::Server => BODY_BYTES,
            BodyKind::Bulk => BULK_BODY_BYTES,
        }
    }
}

/// The budget does not have the bytes that a body needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BodyBudgetExhausted;

/// The memory budget for the bodies of all requests.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    clients: CallerBudgets,
    servers: CallerBudgets,
    imports: Arc<ByteBudget>,
    portions: Arc<PortionCount>,
}

/// The budgets for the bodies of one group of callers: clients, or servers with a private key.
#[derive(Debug)]
struct CallerBudgets {
    arriving: Arc<ByteBudget>,
    large: Arc<ByteBudget>,
    small: Arc<ByteBudget>,
}

impl CallerBudgets {
    fn new(arriving: usize, large: usize, small: usize, portions: &Arc<PortionCount>) -> Self {
        CallerBudgets {
            arriving: ByteBudget::new(arriving, portions),
            large: ByteBudget::new(large, portions),
            small: ByteBudget::new(small, portions),
        }
    }
}

impl BodyBudget {
    /// The budget for the bodies of this many companies.
    pub(crate) fn for_companies(companies: usize) -> BodyBudget {
        let portions = Arc::new(PortionCount::for_companies(companies));
        BodyBudget {
            clients: CallerBudgets::new(
                limits::ARRIVING_BYTES,
                limits::HELD_BYTES,
                limits::HELD_SMALL_BYTES,
                &portions,
            ),
            servers: CallerBudgets::new(
                limits::SERVER_ARRIVING_BYTES,
                limits::SERVER_HELD_BYTES,
                limits::SERVER_HELD_SMALL_BYTES,
                &portions,
            ),
            imports: ByteBudget::new(limits::IMPORT_BYTES, &portions),
            portions,
        }
    }

    /// Divides the budgets among this many companies from now on. Permits already given out
    /// stay valid.
    pub(crate) fn set_companies(&self, companies: usize) {
        self.portions.set_companies(companies);
    }

    /// A permit for a body of which nothing has arrived yet. Only configured companies may ask
    /// for one: that bounds the number of companies counted.
    pub(crate) fn arriving(&self, kind: BodyKind, company: &CompanyId) -> ArrivingPermit {
        let permit = BodyPermit::empty(&self.caller_budgets(kind).arriving, company);
        ArrivingPermit { received: 0, permit }
    }

    /// Reserves memory for a decoded body until its request is answered. Small bodies and bulk
    /// imports have budgets of their own.
    pub(crate) fn reserve(
        &self,
        kind: BodyKind,
        company: &CompanyId,
        bytes: usize,
    ) -> Result<BodyPermit, BodyBudgetExhausted> {
        let budget = match kind {
            BodyKind::Bulk => &self.imports,
            BodyKind::Client | BodyKind::Server if bytes <= limits::BODY_FREE_BYTES => {
                &self.caller_budgets(kind).small
            }
            BodyKind::Client | BodyKind::Server => &self.caller_budgets(kind).large,
        };
        let mut permit = BodyPermit::empty(budget, company);
        permit.grow(bytes)?;
        Ok(permit)
    }

    /// How much of each budget is used.
    pub(crate) fn readings(&self) -> [BodyBudgetReading; 7] {
        let read = |name, budget: &ByteBudget| budget.reading(name);
        [
            read("client_arriving", &self.clients.arriving),
            read("client_large", &self.clients.large),
            read("client_small", &self.clients.small),
            read("server_arriving", &self.servers.arriving),
            read("server_large", &self.servers.large),
            read("server_small", &self.servers.small),
            read("imports", &self.imports),
        ]
    }

    fn caller_budgets(&self, kind: BodyKind) -> &CallerBudgets {
        match kind {
            BodyKind::Client => &self.clients,
            BodyKind::Server | BodyKind::Bulk => &self.servers,
        }
    }
}

/// Permission to hold the received part of a body in memory.
#[derive(Debug)]
pub(crate) struct ArrivingPermit {
    received: usize,
    permit: BodyPermit,
}

impl ArrivingPermit {
    /// Extends the permit by `more` received bytes. The first
    /// [`BODY_FREE_BYTES`](limits::BODY_FREE_BYTES) of a body are not counted.
    pub(crate) fn extend(&mut self, more: usize) -> Result<(), BodyBudgetExhausted> {
        let counted = |bytes: usize| bytes.saturating_sub(limits::BODY_FREE_BYTES);
        let received = self.received.saturating_add(more);
        self.permit.grow(counted(received) - counted(self.received))?;
        self.received = received;
        Ok(())
    }
}

/// Permission to hold a number of bytes in memory. Dropping the permit returns them.
#[derive(Debug)]
pub(crate) struct BodyPermit {
    budget: Arc<ByteBudget>,
    company: CompanyId,
    bytes: usize,
}

impl BodyPermit {
    fn empty(budget: &Arc<ByteBudget>, company: &CompanyId) -> BodyPermit {
        BodyPermit { budget: Arc::clone(budget), company: company.clone(), bytes: 0 }
    }

    fn grow(&mut self, more: usize) -> Result<(), BodyBudgetExhausted> {
        self.budget.take(&self.company, more)?;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        self.budget.give_back(&self.company, self.bytes);
    }
}

/// The number of equal portions that each budget is divided into.
#[derive(Debug)]
struct PortionCount {
    // Invariant: from one to `limits::COMPANY_PORTIONS`.
    count: AtomicUsize,
}

impl PortionCount {
    fn for_companies(companies: usize) -> PortionCount {
        PortionCount { count: AtomicUsize::new(PortionCount::clamp(companies)) }
    }

    fn set_companies(&self, companies: usize) {
        self.count.store(PortionCount::clamp(companies), Ordering::Relaxed);
    }

    fn clamp(companies: usize) -> usize {
        companies.clamp(1, limits::COMPANY_PORTIONS)
    }

    fn portion_of(&self, capacity: usize) -> usize {
        capacity / self.count.load(Ordering::Relaxed)
    }
}

/// A number of bytes, of which each company may use one portion.
#[derive(Debug)]
struct ByteBudget {
    capacity: usize,
    portions: Arc<PortionCount>,
    // Both counts change under one lock. Neither bound is ever exceeded, and no request is
    // refused because of bytes that another request is about to return.
    usage: Mutex<ByteUsage>,
}

#[derive(Debug, Default)]
struct ByteUsage {
    total: usize,
    // Invariant: no value is zero, and the values add up to `total`.
    by_company: HashMap<CompanyId, usize>,
}

impl ByteBudget {
    fn new(capacity: usize, portions: &Arc<PortionCount>) -> Arc<ByteBudget> {
        Arc::new(ByteBudget { capacity, portions: Arc::clone(portions), usage: Mutex::default() })
    }

    fn reading(&self, name: &'static str) -> BodyBudgetReading {
        BodyBudgetReading { name, used: self.lock().total, capacity: self.capacity }
    }

    /// Takes all of `bytes`, or none.
    fn take(&self, company: &CompanyId, bytes: usize) -> Result<(), BodyBudgetExhausted> {
        let mut usage = self.lock();
        let own = usage.by_company.get(company).copied().unwrap_or(0).saturating_add(bytes);
        let total = usage.total.saturating_add(bytes);
        if self.capacity < total || self.portions.portion_of(self.capacity) < own {
            return Err(BodyBudgetExhausted);
        }
        if 0 < bytes {
            usage.total = total;
            match usage.by_company.get_mut(company) {
                Some(counted) => *counted = own,
                None => drop(usage.by_company.insert(company.clone(), own)),
            }
        }
        Ok(())
    }

    fn give_back(&self, company: &CompanyId, bytes: usize) {
        let mut usage = self.lock();
        usage.total = usage.total.saturating_sub(bytes);
        if let Some(own) = usage.by_company.get_mut(company) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                usage.by_company.remove(company);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ByteUsage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
