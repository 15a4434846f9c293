//! Turns: how many bulk imports are carried out at a time, and whose.

use std::sync::Arc;

use dashmap::DashMap;
use profile_protocol::CompanyId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits;

/// The turns of bulk imports.
///
/// A company has one turn at a time, and lines up for the next only when it has given
/// that back. So nobody waits for more than one import of any other company, however
/// many that one has sent.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    // Only companies that are served may take a turn: that is what bounds the map.
    own: DashMap<CompanyId, Arc<Semaphore>>,
}

/// A turn. It is given back when this goes.
#[derive(Debug)]
pub(crate) struct Turn {
    _one_of_all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { all: Arc::new(Semaphore::new(limits::IMPORTS_AT_ONCE)), own: DashMap::new() }
    }
}

impl Turns {
    /// Waits for a turn of this company. Whoever stops waiting leaves the line.
    pub(crate) async fn take(&self, company: &CompanyId) -> Option<Turn> {
        let own = self.own(company).acquire_owned().await.ok()?;
        let one_of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn { _one_of_all: one_of_all, _own: own })
    }

    /// Forgets the companies that are served no more. One that has a turn, or waits for
    /// one, is forgotten the next time: were it served again meanwhile, it would have two.
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

    fn company(id: &str) -> CompanyId {
        id.parse().unwrap()
    }

    /// Somebody in the line.
    type Waiting<'t> = Pin<Box<dyn Future<Output = Option<Turn>> + 't>>;

    fn line_up<'t>(turns: &'t Turns, company: &'t CompanyId) -> Waiting<'t> {
        let mut waiting: Waiting<'t> = Box::pin(turns.take(company));
        assert!(turn_of(&mut waiting).is_none());
        waiting
    }

    fn turn_of(waiting: &mut Waiting<'_>) -> Option<Turn> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => turn,
            Poll::Pending => None,
        }
    }

    fn at_once(turns: &Turns, company: &CompanyId) -> Option<Turn> {
        turns.take(company).now_or_never().flatten()
    }

    #[test]
    fn a_company_with_many_imports_has_one_turn_and_others_have_theirs() {
        let (turns, [many, other, third]) =
            (Turns::default(), ["MANY", "OTHER", "THIRD"].map(company));
        let first = at_once(&turns, &many).unwrap();
        let mut rest: Vec<Waiting<'_>> = (0..20).map(|_| line_up(&turns, &many)).collect();
        let others = at_once(&turns, &other).unwrap();
        let mut thirds = line_up(&turns, &third);
        // The turn of the one goes to whoever came next, and not to its own next.
        drop(first);
        assert!(rest.iter_mut().all(|next| turn_of(next).is_none()));
        let thirds = turn_of(&mut thirds).unwrap();
        drop(others);
        let second = turn_of(&mut rest[0]).unwrap();
        drop(thirds);
        assert!(rest[1..].iter_mut().all(|next| turn_of(next).is_none()));
        drop(second);
        assert!(turn_of(&mut rest[1]).is_some());
    }

    #[test]
    fn no_more_turns_are_taken_than_there_are_and_each_is_given_back() {
        let turns = Turns::default();
        let companies: Vec<CompanyId> =
            (0..5).map(|number| company(&format!("C{number}"))).collect();
        for _ in 0..3 {
            let taken = companies.iter().filter_map(|company| at_once(&turns, company));
            assert_eq!(taken.collect::<Vec<_>>().len(), limits::IMPORTS_AT_ONCE);
        }
    }

    #[test]
    fn whoever_stops_waiting_keeps_nobody_waiting() {
        let (turns, [one, other]) = (Turns::default(), ["ONE", "OTHER"].map(company));
        let first = at_once(&turns, &one).unwrap();
        let (gone, mut next) = (line_up(&turns, &one), line_up(&turns, &one));
        drop((gone, first));
        let (next, other) = (turn_of(&mut next).unwrap(), at_once(&turns, &other).unwrap());
        drop((next, other));
        assert!(at_once(&turns, &one).is_some());
    }

    #[test]
    fn a_company_that_is_served_no_more_is_forgotten_once_it_has_no_turn() {
        let (turns, one) = (Turns::default(), company("ONE"));
        let turn = at_once(&turns, &one).unwrap();
        turns.retain(|_| false);
        let mut waiting = line_up(&turns, &one);
        drop(turn);
        turns.retain(|_| false);
        let turn = turn_of(&mut waiting).unwrap();
        assert!(at_once(&turns, &one).is_none());
        drop((waiting, turn));
        turns.retain(|_| false);
        assert!(turns.own.is_empty());
        assert!(at_once(&turns, &one).is_some());
    }
}
