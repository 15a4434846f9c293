//! Company slots: how many pieces of expensive work run at a time, and for which companies.

use std::sync::Arc;

use dashmap::DashMap;
use profile_protocol::CompanyId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots for one kind of expensive work, such as bulk imports.
///
/// A company occupies one slot at a time, and queues for the next one only after it has released
/// that. A company therefore waits for at most one piece of work of each other company, however
/// much work that company has sent.
#[derive(Debug)]
pub(crate) struct CompanySlots {
    total: Arc<Semaphore>,
    // Only configured companies may take a slot: that bounds the map.
    own: DashMap<CompanyId, Arc<Semaphore>>,
}

/// A slot. Dropping it releases the slot.
#[derive(Debug)]
pub(crate) struct CompanySlot {
    _total: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl CompanySlots {
    /// This many slots, of which a company may take one at a time.
    pub(crate) fn new(total: usize) -> CompanySlots {
        CompanySlots { total: Arc::new(Semaphore::new(total)), own: DashMap::new() }
    }
}

impl CompanySlots {
    /// Waits for a slot. Dropping the future leaves the queue.
    pub(crate) async fn take(&self, company: &CompanyId) -> Option<CompanySlot> {
        let own = self.own(company).acquire_owned().await.ok()?;
        let total = Arc::clone(&self.total).acquire_owned().await.ok()?;
        Some(CompanySlot { _total: total, _own: own })
    }

    /// Forgets the companies that are no longer configured. A company that has a slot, or waits for
    /// one, is kept until the next call: if it were configured again meanwhile, it would get two.
    pub(crate) fn retain(&self, is_served: impl Fn(&CompanyId) -> bool) {
        self.own.retain(|company, own| is_served(company) || 1 < Arc::strong_count(own));
    }

    fn own(&self, company: &CompanyId) -> Arc<Semaphore> {
        let one = || Arc::new(Semaphore::new(1));
        Arc::clone(&self.own.entry(company.clone()).or_insert_with(one))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use futures_util::FutureExt;

    use super::*;
    use crate::limits;

    fn company(id: &str) -> CompanyId {
        id.parse().unwrap()
    }

    /// An import in the queue.
    type QueuedTake<'t> = Pin<Box<dyn Future<Output = Option<CompanySlot>> + 't>>;

    fn enqueue<'t>(slots: &'t CompanySlots, company: &'t CompanyId) -> QueuedTake<'t> {
        let mut waiting: QueuedTake<'t> = Box::pin(slots.take(company));
        assert!(slot_of(&mut waiting).is_none());
        waiting
    }

    fn slot_of(waiting: &mut QueuedTake<'_>) -> Option<CompanySlot> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(slot) => slot,
            Poll::Pending => None,
        }
    }

    fn take_now(slots: &CompanySlots, company: &CompanyId) -> Option<CompanySlot> {
        slots.take(company).now_or_never().flatten()
    }

    #[test]
    fn a_company_with_many_imports_has_one_slot_and_other_companies_get_theirs() {
        let (slots, [many, other, third]) =
            (CompanySlots::new(limits::IMPORTS_AT_ONCE), ["MANY", "OTHER", "THIRD"].map(company));
        let first = take_now(&slots, &many).unwrap();
        let mut rest: Vec<QueuedTake<'_>> = (0..20).map(|_| enqueue(&slots, &many)).collect();
        let others = take_now(&slots, &other).unwrap();
        let mut thirds = enqueue(&slots, &third);
        // The released slot goes to the next company in the queue, not to the same company again.
        drop(first);
        assert!(rest.iter_mut().all(|next| slot_of(next).is_none()));
        let thirds = slot_of(&mut thirds).unwrap();
        drop(others);
        let second = slot_of(&mut rest[0]).unwrap();
        drop(thirds);
        assert!(rest[1..].iter_mut().all(|next| slot_of(next).is_none()));
        drop(second);
        assert!(slot_of(&mut rest[1]).is_some());
    }

    #[test]
    fn no_more_slots_are_taken_than_exist_and_each_is_released() {
        let slots = CompanySlots::new(limits::IMPORTS_AT_ONCE);
        let companies: Vec<CompanyId> =
            (0..5).map(|number| company(&format!("C{number}"))).collect();
        for _ in 0..3 {
            let taken = companies.iter().filter_map(|company| take_now(&slots, company));
            assert_eq!(taken.collect::<Vec<_>>().len(), limits::IMPORTS_AT_ONCE);
        }
    }

    #[test]
    fn an_import_that_stops_waiting_blocks_no_other_import() {
        let (slots, [one, other]) =
            (CompanySlots::new(limits::IMPORTS_AT_ONCE), ["ONE", "OTHER"].map(company));
        let first = take_now(&slots, &one).unwrap();
        let (gone, mut next) = (enqueue(&slots, &one), enqueue(&slots, &one));
        drop((gone, first));
        let (next, other) = (slot_of(&mut next).unwrap(), take_now(&slots, &other).unwrap());
        drop((next, other));
        assert!(take_now(&slots, &one).is_some());
    }

    #[test]
    fn a_company_no_longer_configured_is_forgotten_once_it_has_no_slot() {
        let (slots, one) = (CompanySlots::new(limits::IMPORTS_AT_ONCE), company("ONE"));
        let slot = take_now(&slots, &one).unwrap();
        slots.retain(|_| false);
        let mut waiting = enqueue(&slots, &one);
        drop(slot);
        slots.retain(|_| false);
        let slot = slot_of(&mut waiting).unwrap();
        assert!(take_now(&slots, &one).is_none());
        drop((waiting, slot));
        slots.retain(|_| false);
        assert!(slots.own.is_empty());
        assert!(take_now(&slots, &one).is_some());
    }
}
