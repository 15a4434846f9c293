//! An attack in progress: requests at a fixed pace, whatever the answers are.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{client::HttpClient, clock, figures::count, limits};

/// A minute, and a little more, so that requests do not meet the window before.
const MINUTE: Duration = Duration::from_millis(60_500);

/// What is sent, and how.
#[derive(Clone)]
pub(crate) struct AttackPlan {
    /// Sent one after the other, over and over.
    pub(crate) requests: Arc<Vec<Vec<u8>>>,
    pub(crate) pace: AttackPace,
    /// Requests that may wait for their answers at a time.
    pub(crate) connections: usize,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttackPace {
    /// Requests sent at once.
    pub(crate) burst: u32,
    /// From one burst to the next.
    pub(crate) period: Duration,
    /// Requests in a minute at most.
    pub(crate) per_minute: u32,
}

impl AttackPace {
    /// So many requests in a minute, evenly spaced.
    pub(crate) fn even(per_minute: u32) -> AttackPace {
        AttackPace { burst: 1, period: MINUTE / per_minute, per_minute }
    }

    /// When the request with this number is sent, from the beginning of the attack on.
    fn due(self, number: u64) -> Duration {
        let (per_minute, burst) = (u64::from(self.per_minute), u64::from(self.burst));
        let (minutes, in_minute) = (number / per_minute, number % per_minute);
        let times = |period: Duration, factor: u64| {
            period.saturating_mul(u32::try_from(factor).unwrap_or(u32::MAX))
        };
        times(MINUTE, minutes) + times(self.period, in_minute / burst)
    }
}

/// What the attacker was answered.
#[derive(Debug, Default)]
pub(crate) struct AttackTally {
    statuses: BTreeMap<u16, u64>,
    /// Connections that failed.
    broken: u64,
    /// Requests that were not answered by the end of the attack.
    unanswered: u64,
}

impl AttackTally {
    fn add(&mut self, other: &AttackTally) {
        for (status, number) in &other.statuses {
            *self.statuses.entry(*status).or_default() += number;
        }
        self.broken += other.broken;
        self.unanswered += other.unanswered;
    }

    /// In words: `350 × 202, 4 × 503, 2 unanswered`.
    pub(crate) fn describe(&self) -> String {
        let AttackTally { statuses, broken, unanswered } = self;
        let answered =
            statuses.iter().map(|(status, number)| format!("{} × {status}", count(*number)));
        let others = [(broken, "broken"), (unanswered, "unanswered")].into_iter();
        let others = others.filter(|(number, _)| 0 < **number);
        let others = others.map(|(number, what)| format!("{} {what}", count(*number)));
        answered.chain(others).collect::<Vec<_>>().join(", ")
    }
}

/// An attack in progress.
pub(crate) struct RunningAttack {
    control: Arc<AttackControl>,
    connections: Vec<JoinHandle<AttackTally>>,
}

struct AttackControl {
    to: SocketAddr,
    plan: AttackPlan,
    began: Instant,
    next: AtomicU64,
    ended: AtomicBool,
}

impl RunningAttack {
    pub(crate) fn start(to: SocketAddr, plan: AttackPlan) -> RunningAttack {
        let connections = plan.connections;
        let (next, ended) = (AtomicU64::new(0), AtomicBool::new(false));
        let control = Arc::new(AttackControl { to, plan, began: clock::now(), next, ended });
        let attack = |_| {
            let control = Arc::clone(&control);
            thread::spawn(move || control.attack())
        };
        let connections = (0..connections).map(attack).collect();
        RunningAttack { control, connections }
    }

    /// Ends it. Requests that wait for an answer are given up.
    pub(crate) fn stop(self) -> AttackTally {
        self.control.ended.store(true, Ordering::Relaxed);
        let mut tally = AttackTally::default();
        for connection in self.connections {
            if let Ok(of_connection) = connection.join() {
                tally.add(&of_connection);
            }
        }
        tally
    }
}

impl AttackControl {
    /// Sends requests over one connection at a time, until the attack ends.
    fn attack(&self) -> AttackTally {
        let (mut tally, mut connection) = (AttackTally::default(), None);
        while let Some(request) = self.next_request() {
            let client = match connection.take() {
                Some(client) => Ok(client),
                None => HttpClient::connect(self.to),
            };
            let Ok(mut client) = client else {
                tally.broken += 1;
                continue;
            };
            match client.exchange(request, &|| !self.has_ended()) {
                Ok(answer) => {
                    *tally.statuses.entry(answer.status).or_default() += 1;
                    connection = (!answer.closes).then_some(client);
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => tally.unanswered += 1,
                Err(_) => tally.broken += 1,
            }
        }
        tally
    }

    /// The next request, when it is due; `None` once the attack has ended.
    fn next_request(&self) -> Option<&[u8]> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due = self.plan.pace.due(number);
        while !self.has_ended() {
            let left = due.saturating_sub(self.began.elapsed());
            if left.is_zero() {
                let requests = &self.plan.requests;
                let index = usize::try_from(number).unwrap_or(0) % requests.len();
                return requests.get(index).map(Vec::as_slice);
            }
            thread::sleep(left.min(limits::CLIENT_POLL));
        }
        None
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_follow_each_other_until_the_minute_is_used_up() {
        let pace = AttackPace { burst: 10, period: Duration::from_secs(1), per_minute: 25 };
        let due: Vec<Duration> = [0, 9, 10, 24, 25].map(|number| pace.due(number)).into();
        let expected = [0, 0, 1_000, 2_000, 60_500].map(Duration::from_millis);
        assert_eq!(due, expected);
    }

    #[test]
    fn an_even_pace_spreads_the_requests_of_a_minute() {
        let pace = AttackPace::even(3_500);
        assert!(pace.due(3_499) < MINUTE && Duration::from_secs(59) < pace.due(3_499));
        assert_eq!(pace.due(3_500), MINUTE);
    }
}
