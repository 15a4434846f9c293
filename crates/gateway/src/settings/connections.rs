//! The limits on client connections.

use std::time::Duration;

use super::{
    document::{SettingValue, SettingsTable},
    problem::ProblemReport,
};
use crate::limits;

/// The limits on client connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connections {
    /// Client connections at a time, over all workers.
    pub most: usize,
    /// Client connections of one network at a time, unless the network is exempt.
    pub per_network: usize,
    /// The time for the head of a request to arrive.
    pub head_timeout: Duration,
    /// The time for a body to arrive after its head.
    pub body_timeout: Duration,
    /// The same for a bulk import, which is fifty times as large.
    pub import_timeout: Duration,
    /// The time for a response to be computed and read.
    pub answer_timeout: Duration,
    /// The time an idle connection is kept open.
    pub keep_alive: Duration,
}

impl Default for Connections {
    fn default() -> Connections {
        Connections {
            most: limits::CONNECTIONS,
            per_network: limits::NETWORK_CONNECTIONS,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            import_timeout: limits::IMPORT_BODY_TIMEOUT,
            answer_timeout: limits::ANSWER_TIMEOUT,
            keep_alive: limits::KEEP_ALIVE,
        }
    }
}

impl Connections {
    /// The request deadline of a connection: the sum of the times for each part of a request.
    pub fn request_deadline(&self) -> Duration {
        self.deadline_with_body(self.body_timeout)
    }

    /// The request deadline after a bulk import was authorized.
    pub fn import_deadline(&self) -> Duration {
        self.deadline_with_body(self.body_timeout.max(self.import_timeout))
    }

    fn deadline_with_body(&self, body: Duration) -> Duration {
        self.head_timeout.saturating_add(body).saturating_add(self.answer_timeout)
    }

    pub(super) fn read(field: SettingValue<'_>, report: &mut ProblemReport) -> Connections {
        let standard = Connections::default();
        let Some(mut table) = field.table(report) else { return standard };
        let read = Connections {
            most: count(&mut table, "most", standard.most, report),
            per_network: count(&mut table, "per_network", standard.per_network, report),
            head_timeout: seconds(&mut table, "head_seconds", standard.head_timeout, report),
            body_timeout: seconds(&mut table, "body_seconds", standard.body_timeout, report),
            import_timeout: seconds(&mut table, "import_seconds", standard.import_timeout, report),
            answer_timeout: seconds(&mut table, "answer_seconds", standard.answer_timeout, report),
            keep_alive: seconds(&mut table, "idle_seconds", standard.keep_alive, report),
        };
        table.finish(report);
        read
    }
}

fn count(
    table: &mut SettingsTable<'_>,
    name: &'static str,
    standard: usize,
    report: &mut ProblemReport,
) -> usize {
    let field = table.take(name);
    let count = field.and_then(|field| field.number(&limits::CONNECTIONS_RANGE, report));
    count.and_then(|count| count.try_into().ok()).unwrap_or(standard)
}

fn seconds(
    table: &mut SettingsTable<'_>,
    name: &'static str,
    standard: Duration,
    report: &mut ProblemReport,
) -> Duration {
    let field = table.take(name);
    let seconds = field.and_then(|field| field.number(&limits::TIMEOUT_SECONDS_RANGE, report));
    seconds.map_or(standard, Duration::from_secs)
}
