//! Work on large bodies, off the threads that serve requests.
//!
//! Decompressing 5 MB takes about 14 ms. On a serving thread, every other connection of the
//! thread would wait that long.

use actix_web::{rt::time::timeout, web};
use profile_protocol::CompanyId;
use profile_store::StoreError;

use crate::{capacity::company_slots::CompanySlots, http::refusal::Refusal, limits};

/// Runs `work` on a body of this size: on the calling thread if the body is small, otherwise on
/// a blocking thread.
///
/// Of the large bodies, one per company and [`limits::LARGE_BODIES_AT_ONCE`] in total are worked
/// on at a time. The others wait for [`limits::LARGE_BODY_WAIT`] at most.
pub(crate) async fn run<T: Send + 'static>(
    slots: &CompanySlots,
    company: &CompanyId,
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    if bytes < limits::LARGE_BODY_BYTES { Ok(work()) } else { run_off(slots, company, work).await }
}

/// Runs `work` on a blocking thread, as [`run`] does for a large body.
pub(crate) async fn run_off<T: Send + 'static>(
    slots: &CompanySlots,
    company: &CompanyId,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let slot = timeout(limits::LARGE_BODY_WAIT, slots.take(company)).await;
    let Ok(Some(slot)) = slot else {
        return Err(Refusal::Store(StoreError::Overloaded));
    };
    // The thread owns the slot: a client that disconnects does not free it while the work runs.
    let done = web::block(move || {
        let result = work();
        drop(slot);
        result
    });
    done.await.or(Err(Refusal::Store(StoreError::Unavailable)))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread::{self, ThreadId},
        time::Duration,
    };

    use actix_web::rt::System;
    use futures_util::future::join_all;

    use super::*;

    fn company(id: &str) -> CompanyId {
        id.parse().unwrap()
    }

    fn thread_of_work_on(bytes: usize) -> ThreadId {
        let slots = CompanySlots::new(limits::LARGE_BODIES_AT_ONCE);
        let company = company("ABC123");
        let work = run(&slots, &company, bytes, || thread::current().id());
        System::new().block_on(work).unwrap()
    }

    #[test]
    fn work_on_a_large_body_leaves_the_serving_thread_and_on_a_small_one_stays() {
        let own = thread::current().id();
        assert_eq!(thread_of_work_on(limits::LARGE_BODY_BYTES - 1), own);
        assert_ne!(thread_of_work_on(limits::LARGE_BODY_BYTES), own);
    }

    #[test]
    fn one_large_body_of_a_company_is_worked_on_at_a_time() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        let (slots, company) = (CompanySlots::new(2), company("ABC123"));
        let work = || {
            let others = RUNNING.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            others
        };
        let all = (0..10).map(|_| run_off(&slots, &company, work));
        let others = System::new().block_on(join_all(all));
        assert!(others.into_iter().all(|others| others.unwrap() == 0));
    }

    #[test]
    fn a_client_that_disconnects_keeps_its_slot_until_the_work_ends() {
        let (slots, company) = (CompanySlots::new(2), company("ABC123"));
        System::new().block_on(async {
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let work = move || ended.recv().is_err();
            let started = timeout(Duration::from_millis(50), run_off(&slots, &company, work));
            assert!(started.await.is_err());
            let waiting = timeout(Duration::from_millis(50), slots.take(&company));
            assert!(waiting.await.is_err());
            drop(end);
            assert!(timeout(Duration::from_mins(1), slots.take(&company)).await.is_ok());
        });
    }
}
