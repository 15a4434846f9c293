//! Waits for the disk that take too long: requests are refused instead of waiting on.

use std::{pin::pin, time::Duration};

use actix_web::rt::time::{Instant, timeout};

use crate::{
    capacity::disk_space::SpaceLevel, http::refusal::Refusal, limits, state::GatewayState,
};

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

/// The answer of the store to a request that writes. Gives up once the oldest commit has been
/// waiting for the disk for longer than the limit; once the request itself has waited for as long,
/// behind whatever commits, and a commit is slow; and in any case once the time for an answer is
/// over. The request may be stored afterwards.
pub(crate) async fn answered<T>(
    gateway: &GatewayState,
    answer: impl Future<Output = T>,
) -> Result<T, Refusal> {
    let limits = WaitLimits::from_gateway(gateway);
    until_given_up(gateway, answer, |waited, oldest| limits.left_for_write(waited, oldest)).await
}

/// The answer of the store to a bulk import, which is many writes. Gives up once the oldest commit
/// has been waiting for the disk for longer than the limit. The import goes on.
pub(crate) async fn import_answered<T>(
    gateway: &GatewayState,
    answer: impl Future<Output = T>,
) -> Result<T, Refusal> {
    let limits = WaitLimits::from_gateway(gateway);
    until_given_up(gateway, answer, |_, oldest| limits.left_for_commit(oldest)).await
}

/// The answer of the store to a request that only reads. Gives up after the limit, whatever the
/// reason why it takes so long.
pub(crate) async fn read<T>(
    gateway: &GatewayState,
    answer: impl Future<Output = T>,
) -> Result<T, Refusal> {
    let limit = gateway.disk_wait_limit;
    timeout(limit, answer).await.or(Err(Refusal::ReadOverdue { seconds: limit.as_secs() }))
}

/// Waits for an answer for as long as `left` says, given how long the request has waited and the
/// age of the oldest commit that waits for the disk.
async fn until_given_up<T>(
    gateway: &GatewayState,
    answer: impl Future<Output = T>,
    left: impl Fn(Duration, Duration) -> TimeLeft,
) -> Result<T, Refusal> {
    let (began, mut answer) = (Instant::now(), pin!(answer));
    loop {
        let TimeLeft { time, reason } = left(began.elapsed(), gateway.store.oldest_disk_wait());
        match timeout(time, &mut answer).await {
            Ok(answer) => return Ok(answer),
            Err(_) if time.is_zero() => return Err(reason.into()),
            // Meanwhile another commit may be the oldest.
            Err(_) => {}
        }
    }
}

/// How long a request that writes may wait.
#[derive(Clone, Copy, Debug)]
struct WaitLimits {
    disk: Duration,
    answer: Duration,
}

/// For how long a request may wait before its limits are checked again, and why it is refused if
/// that is zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct TimeLeft {
    time: Duration,
    reason: WaitEnd,
}

/// Why a request waits no longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum WaitEnd {
    /// A commit has been waiting for the disk for this long.
    CommitHangs(Duration),
    /// The request itself has waited for this long.
    Overdue(Duration),
}

impl From<WaitEnd> for Refusal {
    fn from(end: WaitEnd) -> Refusal {
        match end {
            WaitEnd::CommitHangs(limit) => Refusal::ResultUnknown { seconds: limit.as_secs() },
            WaitEnd::Overdue(limit) => Refusal::ResultOverdue { seconds: limit.as_secs() },
        }
    }
}

impl WaitLimits {
    fn from_gateway(gateway: &GatewayState) -> WaitLimits {
        WaitLimits { disk: gateway.disk_wait_limit, answer: gateway.connections.answer_timeout }
    }

    fn left_for_commit(self, oldest: Duration) -> TimeLeft {
        let time = self.disk.saturating_sub(oldest);
        TimeLeft { time, reason: WaitEnd::CommitHangs(self.disk) }
    }

    fn left_for_write(self, waited: Duration, oldest: Duration) -> TimeLeft {
        let commit = self.left_for_commit(oldest);
        let until_slow = limits::SLOW_COMMIT.saturating_sub(oldest);
        let behind_slow_commits = TimeLeft {
            time: self.disk.saturating_sub(waited).max(until_slow),
            reason: WaitEnd::Overdue(self.disk),
        };
        let in_all = TimeLeft {
            time: self.answer.saturating_sub(waited),
            reason: WaitEnd::Overdue(self.answer),
        };
        let earlier = |a: TimeLeft, b: TimeLeft| if b.time < a.time { b } else { a };
        earlier(earlier(commit, behind_slow_commits), in_all)
    }
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

    const LIMITS: WaitLimits =
        WaitLimits { disk: Duration::from_secs(5), answer: Duration::from_secs(30) };

    /// Why a request is refused that has waited this long, while the oldest commit is this old.
    fn refused(waited: f64, oldest: f64) -> Option<WaitEnd> {
        let [waited, oldest] = [waited, oldest].map(Duration::from_secs_f64);
        let left = LIMITS.left_for_write(waited, oldest);
        left.time.is_zero().then_some(left.reason)
    }

    #[test]
    fn a_request_behind_several_slow_commits_waits_no_longer_than_behind_one() {
        assert_eq!(refused(4.9, 4.0), None);
        assert_eq!(refused(5.0, 4.0), Some(WaitEnd::Overdue(LIMITS.disk)));
        // The commit before has just ended, and the next one becomes slow as well.
        assert_eq!(refused(5.0, 0.1), None);
        assert_eq!(refused(5.9, 1.0), Some(WaitEnd::Overdue(LIMITS.disk)));
        let left = LIMITS.left_for_write(Duration::from_secs(5), Duration::from_millis(100));
        assert_eq!(left.time, Duration::from_millis(900));
    }

    #[test]
    fn a_request_that_waits_for_something_else_than_the_disk_waits_until_its_answer_is_overdue() {
        assert_eq!(refused(29.9, 0.9), None);
        assert_eq!(refused(30.0, 0.0), Some(WaitEnd::Overdue(LIMITS.answer)));
    }

    #[test]
    fn a_request_is_refused_at_once_while_a_commit_hangs_whenever_it_arrived() {
        for waited in [0.0, 4.0, 40.0] {
            assert_eq!(refused(waited, 5.0), Some(WaitEnd::CommitHangs(LIMITS.disk)));
        }
    }

    #[test]
    fn an_import_waits_however_long_it_takes_unless_a_commit_hangs() {
        let left = |oldest| LIMITS.left_for_commit(Duration::from_secs(oldest)).time;
        assert_eq!([0, 4, 5, 6].map(left), [5, 1, 0, 0].map(Duration::from_secs));
    }

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
