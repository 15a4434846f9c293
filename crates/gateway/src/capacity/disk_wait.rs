//! Waits for the disk that take too long: requests are refused instead of waiting on.

use std::{pin::pin, time::Duration};

use actix_web::rt::time::timeout;

use crate::{capacity::disk_space::SpaceLevel, http::refusal::Refusal, state::GatewayState};

/// What a request does to the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StoreUse {
    /// It only reads.
    Read,
    /// It writes, and a client sent it.
    ClientWrite,
    /// It writes, and it has a private key.
    ServerWrite,
    /// It erases, for which space is reserved.
    Erasure,
}

/// Refuses a request that the disk could not serve now, before its body is read.
pub(crate) fn admit(gateway: &GatewayState, store_use: StoreUse) -> Result<(), Refusal> {
    let least = match store_use {
        StoreUse::Read => return Ok(()),
        StoreUse::ClientWrite => Some(SpaceLevel::ServersOnly),
        StoreUse::ServerWrite => Some(SpaceLevel::ErasuresOnly),
        StoreUse::Erasure => None,
    };
    if is_over(gateway) {
        return Err(Refusal::DiskHangs);
    }
    match least {
        Some(least) if least <= gateway.disk_space.level() => Err(Refusal::DiskFull),
        Some(_) | None => Ok(()),
    }
}

/// Whether the oldest commit has been waiting for the disk for longer than the limit.
pub(crate) fn is_over(gateway: &GatewayState) -> bool {
    gateway.disk_wait_limit <= gateway.store.oldest_disk_wait()
}

/// The answer of the store to a request that may have been written. Gives up once the oldest commit
/// has been waiting for the disk for longer than the limit. The request may be stored afterwards.
pub(crate) async fn answered<T>(
    gateway: &GatewayState,
    answer: impl Future<Output = T>,
) -> Result<T, Refusal> {
    let mut answer = pin!(answer);
    loop {
        let left = gateway.disk_wait_limit.saturating_sub(gateway.store.oldest_disk_wait());
        match timeout(left, &mut answer).await {
            Ok(answer) => return Ok(answer),
            Err(_) if is_over(gateway) => {
                let seconds = gateway.disk_wait_limit.as_secs();
                return Err(Refusal::ResultUnknown { seconds });
            }
            Err(_) => {}
        }
    }
}

/// The answer of the store to a request that only reads.
pub(crate) async fn read<T>(
    gateway: &GatewayState,
    answer: impl Future<Output = T>,
) -> Result<T, Refusal> {
    timeout(gateway.disk_wait_limit, answer).await.or(Err(Refusal::DiskHangs))
}

/// What is to be logged about waits that are over the limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WaitEvent {
    /// A wait is over the limit, and none was before.
    Began,
    /// No wait is over the limit any more. The whole time took so long.
    Ended(Duration),
}

/// The time during which some wait is over the limit.
#[derive(Debug, Default)]
pub(crate) struct WaitEpisode {
    /// When the wait began that was over the limit first.
    began: Option<Duration>,
}

impl WaitEpisode {
    /// Notes the age of the oldest wait at `now`.
    pub(crate) fn note(
        &mut self,
        now: Duration,
        oldest: Duration,
        limit: Duration,
    ) -> Option<WaitEvent> {
        match self.began {
            None if limit <= oldest => {
                self.began = Some(now.saturating_sub(oldest));
                Some(WaitEvent::Began)
            }
            Some(began) if oldest < limit => {
                self.began = None;
                Some(WaitEvent::Ended(now.saturating_sub(began)))
            }
            None | Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_reported_when_it_begins_and_once_when_it_ends_with_its_length() {
        let seconds = Duration::from_secs;
        let mut episode = WaitEpisode::default();
        let mut note = |now, oldest| episode.note(seconds(now), seconds(oldest), seconds(5));
        assert_eq!(note(10, 4), None);
        assert_eq!(note(11, 5), Some(WaitEvent::Began));
        assert_eq!(note(12, 6), None);
        assert_eq!(note(20, 0), Some(WaitEvent::Ended(seconds(14))));
        assert_eq!(note(21, 0), None);
    }
}
