//! Room for bodies: how much of them is in memory at a time.
//!
//! The rate limits bound how often a company may send, and the queue of the store
//! how many requests wait. Neither bounds how large they are: 4,096 bodies of
//! 100 KB waiting for a slow disk would be gigabytes once parsed.

use std::sync::Arc;

use profile_protocol::limits::BODY_BYTES;
use profile_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{limits, refusal::Refusal};

/// Room for the bodies of all requests.
#[derive(Debug)]
pub(crate) struct Room {
    arriving: Arc<Semaphore>,
    imports: Arc<Semaphore>,
    large: Arc<Semaphore>,
    small: Arc<Semaphore>,
}

/// What a body takes of the room. It is given back when this goes.
#[derive(Debug, Default)]
pub(crate) struct Share {
    taken: Option<OwnedSemaphorePermit>,
}

impl Default for Room {
    fn default() -> Room {
        Room {
            arriving: Arc::new(Semaphore::new(limits::ARRIVING_BYTES)),
            imports: Arc::new(Semaphore::new(limits::IMPORT_BYTES)),
            large: Arc::new(Semaphore::new(limits::HELD_BYTES)),
            small: Arc::new(Semaphore::new(limits::HELD_SMALL_BYTES)),
        }
    }
}

impl Room {
    /// Makes room for a body of which `read` bytes have arrived, and now `more`.
    pub(crate) fn admit(&self, share: &mut Share, read: usize, more: usize) -> Result<(), Refusal> {
        let counted = |bytes: usize| bytes.saturating_sub(limits::BODY_FREE_BYTES);
        share.grow(&self.arriving, counted(read.saturating_add(more)) - counted(read))
    }

    /// Makes room for a body that has arrived, until it is answered. Small ones have
    /// room of their own, and so have those larger than any but a bulk import.
    pub(crate) fn hold(&self, bytes: usize) -> Result<Share, Refusal> {
        let mut share = Share::default();
        let room = if bytes <= limits::BODY_FREE_BYTES {
            &self.small
        } else if bytes <= BODY_BYTES {
            &self.large
        } else {
            &self.imports
        };
        share.grow(room, bytes)?;
        Ok(share)
    }
}

impl Share {
    fn grow(&mut self, room: &Arc<Semaphore>, bytes: usize) -> Result<(), Refusal> {
        let full = Refusal::Store(StoreError::Overloaded);
        let Ok(bytes) = u32::try_from(bytes) else { return Err(full) };
        let more = Arc::clone(room).try_acquire_many_owned(bytes).or(Err(full))?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use profile_protocol::limits::BULK_BODY_BYTES;

    use super::*;

    /// Takes all the room there is for large bodies.
    fn fill(room: &Room) -> Vec<Share> {
        let some = 64 * 1_024;
        (0..limits::HELD_BYTES / some).map(|_| room.hold(some).unwrap()).collect()
    }

    #[test]
    fn what_was_taken_is_given_back_and_no_more_can_be_taken_than_there_is() {
        let room = Room::default();
        let some = 64 * 1_024;
        let mut all = fill(&room);
        assert!(room.hold(limits::BODY_FREE_BYTES + 1).is_err());
        all.pop();
        assert!(room.hold(some + 1).is_err());
        drop(room.hold(some).unwrap());
        drop(all);
        assert!(!fill(&room).is_empty());
    }

    #[test]
    fn small_bodies_find_room_when_large_ones_find_none() {
        let room = Room::default();
        let (mut large, mut small) = (Share::default(), Share::default());
        let all = limits::ARRIVING_BYTES + limits::BODY_FREE_BYTES;
        room.admit(&mut large, 0, all / 2).unwrap();
        room.admit(&mut large, all / 2, all / 2).unwrap();
        assert!(room.admit(&mut large, all, 1).is_err());
        room.admit(&mut small, 0, limits::BODY_FREE_BYTES).unwrap();
        assert!(room.admit(&mut small, limits::BODY_FREE_BYTES, 1).is_err());
        let _held = fill(&room);
        assert!(room.hold(limits::BODY_FREE_BYTES).is_ok());
        assert!(room.hold(BULK_BODY_BYTES).is_ok());
        drop(large);
        room.admit(&mut small, limits::BODY_FREE_BYTES, 1).unwrap();
    }

    #[test]
    fn a_body_too_large_for_any_room_is_refused() {
        let room = Room::default();
        assert!(room.hold(usize::MAX).is_err());
        assert!(room.admit(&mut Share::default(), 0, usize::MAX).is_err());
    }
}
