//! Watches both listeners for connections that are closed to admit others, and says so in the log.

use std::{mem, time::Duration};

use actix_web::web::Data;

use crate::{
    capacity::connection_table::{ConnectionCounts, ConnectionTable},
    limits,
    ops::periodic_task::PeriodicTask,
    state::GatewayState,
};

pub(crate) fn start(gateway: &Data<GatewayState>) -> PeriodicTask {
    let [mut clients, mut admin] = [CloseEpisode::default(); 2];
    PeriodicTask::start(gateway, limits::CONNECTIONS_EVERY, move |gateway| {
        let now = gateway.clock.elapsed();
        report("clients", &gateway.client_connections, &mut clients, now);
        report("admin", &gateway.admin_connections, &mut admin, now);
    })
}

fn report(
    listener: &'static str,
    table: &ConnectionTable,
    episode: &mut CloseEpisode,
    now: Duration,
) {
    let counts = table.counts();
    match episode.note(now, counts) {
        Some(CloseEvent::Began) => {
            let (network, of_network) = table.largest_network().unzip();
            tracing::warn!(
                listener,
                connections = counts.open,
                largest_network = network.map(tracing::field::display),
                connections_of_network = of_network,
                "there are too many connections; idle ones are closed to admit new ones"
            );
        }
        Some(CloseEvent::Ended { closed_idle, refused }) => tracing::warn!(
            listener,
            connections = counts.open,
            closed_idle,
            refused,
            "no more connections are closed to admit new ones"
        ),
        None => {}
    }
}

/// A change to report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CloseEvent {
    /// The first connections were closed.
    Began,
    /// None was closed for [`limits::CONNECTIONS_QUIET`].
    Ended {
        /// Idle connections that were closed since it began.
        closed_idle: u64,
        /// New connections that were refused since it began.
        refused: u64,
    },
}

/// A time in which connections are closed.
#[derive(Clone, Copy, Debug, Default)]
struct CloseEpisode {
    /// The last counts.
    counts: ConnectionCounts,
    current: Option<CurrentEpisode>,
}

#[derive(Clone, Copy, Debug)]
struct CurrentEpisode {
    before: ConnectionCounts,
    last_closed: Duration,
}

impl CloseEpisode {
    /// Notes the counts of the table. They are compared with those of the last call.
    fn note(&mut self, now: Duration, counts: ConnectionCounts) -> Option<CloseEvent> {
        let before = mem::replace(&mut self.counts, counts);
        let has_closed = before.closed() < counts.closed();
        match &mut self.current {
            None if has_closed => {
                self.current = Some(CurrentEpisode { before, last_closed: now });
                Some(CloseEvent::Began)
            }
            None => None,
            Some(current) if has_closed => {
                current.last_closed = now;
                None
            }
            Some(current) if now < current.last_closed + limits::CONNECTIONS_QUIET => None,
            Some(CurrentEpisode { before, .. }) => {
                let closed_idle = counts.closed_idle - before.closed_idle;
                let refused = counts.closed() - before.closed() - closed_idle;
                self.current = None;
                Some(CloseEvent::Ended { closed_idle, refused })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(closed_idle: u64, refused_full: u64) -> ConnectionCounts {
        ConnectionCounts { closed_idle, refused_full, ..ConnectionCounts::default() }
    }

    #[test]
    fn a_flood_is_reported_when_it_begins_and_once_it_has_been_over_for_a_while() {
        let mut episode = CloseEpisode::default();
        let mut note =
            |seconds, idle, full| episode.note(Duration::from_secs(seconds), counts(idle, full));
        assert_eq!(note(0, 0, 0), None);
        assert_eq!(note(1, 5, 0), Some(CloseEvent::Began));
        assert_eq!(note(2, 9, 2), None);
        assert_eq!(note(11, 9, 2), None);
        assert_eq!(note(11, 9, 3), None);
        assert_eq!(note(20, 9, 3), None);
        assert_eq!(note(21, 9, 3), Some(CloseEvent::Ended { closed_idle: 9, refused: 3 }));
        assert_eq!(note(60, 9, 3), None);
        assert_eq!(note(61, 10, 3), Some(CloseEvent::Began));
        assert_eq!(note(71, 10, 3), Some(CloseEvent::Ended { closed_idle: 1, refused: 0 }));
    }
}
