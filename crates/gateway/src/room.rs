//! Room for bodies: how much of them is in memory at a time.
//!
//! The rate limits bound how often a company may send, and the queue of the store
//! how many requests wait. Neither bounds how large they are: 4,096 bodies of
//! 100 KB waiting for a slow disk would be gigabytes once parsed.
//!
//! No company has more than a part of any budget, so that none uses up what another
//! needs. What comes with a private key has budgets of its own: whatever anybody sends in
//! a company's name, the bodies of its own programs find room.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use profile_protocol::CompanyId;
use profile_store::StoreError;

use crate::{body::BodyKind, limits, refusal::Refusal};

/// Room for the bodies of all requests.
#[derive(Debug)]
pub(crate) struct Rooms {
    clients: Room,
    servers: Room,
    imports: Arc<Budget>,
    parts: Arc<Parts>,
}

/// Room for those bodies that come through one door.
#[derive(Debug)]
struct Room {
    arriving: Arc<Budget>,
    large: Arc<Budget>,
    small: Arc<Budget>,
}

impl Room {
    fn of([arriving, large, small]: [usize; 3], parts: &Arc<Parts>) -> Room {
        let [arriving, large, small] = [arriving, large, small].map(|most| Budget::of(most, parts));
        Room { arriving, large, small }
    }
}

impl Rooms {
    /// Room for the bodies of so many companies.
    pub(crate) fn of(companies: usize) -> Rooms {
        let parts = Arc::new(Parts::of(companies));
        let clients = [limits::ARRIVING_BYTES, limits::HELD_BYTES, limits::HELD_SMALL_BYTES];
        let servers = [
            limits::SERVER_ARRIVING_BYTES,
            limits::SERVER_HELD_BYTES,
            limits::SERVER_HELD_SMALL_BYTES,
        ];
        Rooms {
            clients: Room::of(clients, &parts),
            servers: Room::of(servers, &parts),
            imports: Budget::of(limits::IMPORT_BYTES, &parts),
            parts,
        }
    }

    /// Divides the room anew, among so many companies. What is taken stays taken.
    pub(crate) fn divide(&self, companies: usize) {
        self.parts.set(companies);
    }

    /// The share of a body of which nothing has arrived yet. It is for companies that
    /// are served, and no others: that is what bounds how many are counted.
    pub(crate) fn arriving(&self, kind: BodyKind, company: &CompanyId) -> Arriving {
        let share = Share::none(&self.door(kind).arriving, company);
        Arriving { read: 0, share }
    }

    /// Makes room for a body that has arrived, until it is answered. Small ones have
    /// room of their own, and so have bulk imports.
    pub(crate) fn hold(
        &self,
        kind: BodyKind,
        company: &CompanyId,
        bytes: usize,
    ) -> Result<Share, Refusal> {
        let budget = match kind {
            BodyKind::Bulk => &self.imports,
            BodyKind::Client | BodyKind::Server if bytes <= limits::BODY_FREE_BYTES => {
                &self.door(kind).small
            }
            BodyKind::Client | BodyKind::Server => &self.door(kind).large,
        };
        let mut share = Share::none(budget, company);
        share.grow(bytes)?;
        Ok(share)
    }

    fn door(&self, kind: BodyKind) -> &Room {
        match kind {
            BodyKind::Client => &self.clients,
            BodyKind::Server | BodyKind::Bulk => &self.servers,
        }
    }
}

/// What a body takes of the room while it arrives.
#[derive(Debug)]
pub(crate) struct Arriving {
    read: usize,
    share: Share,
}

impl Arriving {
    /// Makes room for that many bytes more.
    pub(crate) fn admit(&mut self, more: usize) -> Result<(), Refusal> {
        let counted = |bytes: usize| bytes.saturating_sub(limits::BODY_FREE_BYTES);
        let read = self.read.saturating_add(more);
        self.share.grow(counted(read) - counted(self.read))?;
        self.read = read;
        Ok(())
    }
}

/// What a body takes of a budget. It is given back when this goes.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    company: CompanyId,
    bytes: usize,
}

impl Share {
    fn none(budget: &Arc<Budget>, company: &CompanyId) -> Share {
        Share { budget: Arc::clone(budget), company: company.clone(), bytes: 0 }
    }

    fn grow(&mut self, more: usize) -> Result<(), Refusal> {
        if self.budget.take(&self.company, more) {
            self.bytes += more;
            return Ok(());
        }
        Err(Refusal::Store(StoreError::Overloaded))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(&self.company, self.bytes);
    }
}

/// Into how many parts each budget is divided.
#[derive(Debug)]
struct Parts {
    // Invariant: from one to `limits::COMPANY_PARTS`.
    count: AtomicUsize,
}

impl Parts {
    fn of(companies: usize) -> Parts {
        Parts { count: AtomicUsize::new(Parts::among(companies)) }
    }

    fn set(&self, companies: usize) {
        self.count.store(Parts::among(companies), Ordering::Relaxed);
    }

    fn among(companies: usize) -> usize {
        companies.clamp(1, limits::COMPANY_PARTS)
    }

    fn part(&self, most: usize) -> usize {
        most / self.count.load(Ordering::Relaxed)
    }
}

/// So many bytes at a time, of which each company has a part at most.
#[derive(Debug)]
struct Budget {
    most: usize,
    parts: Arc<Parts>,
    // Both counts change under one lock, so that neither bound is ever passed, not even
    // for a moment, and nobody is refused for what is about to be undone.
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    // Invariant: none is zero, and they add up to `all`.
    by_company: HashMap<CompanyId, usize>,
}

impl Budget {
    fn of(most: usize, parts: &Arc<Parts>) -> Arc<Budget> {
        Arc::new(Budget { most, parts: Arc::clone(parts), taken: Mutex::default() })
    }

    /// Takes all of that, or nothing. Returns whether it was there.
    fn take(&self, company: &CompanyId, bytes: usize) -> bool {
        let mut taken = self.lock();
        let own = taken.by_company.get(company).copied().unwrap_or(0).saturating_add(bytes);
        let all = taken.all.saturating_add(bytes);
        let fits = all <= self.most && own <= self.parts.part(self.most);
        if fits && 0 < bytes {
            taken.all = all;
            match taken.by_company.get_mut(company) {
                Some(counted) => *counted = own,
                None => drop(taken.by_company.insert(company.clone(), own)),
            }
        }
        fits
    }

    fn give_back(&self, company: &CompanyId, bytes: usize) {
        let mut taken = self.lock();
        taken.all = taken.all.saturating_sub(bytes);
        if let Some(own) = taken.by_company.get_mut(company) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                taken.by_company.remove(company);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
