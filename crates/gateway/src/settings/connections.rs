//! Connections: how many there may be, and how long each may take.

use std::time::Duration;

use super::{
    document::{Field, Table},
    problem::Report,
};
use crate::limits;

/// How many connections there may be, and how long each may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connections {
    /// Connections of clients at a time, over all workers.
    pub most: usize,
    /// How long the head of a request may take to arrive.
    pub head_timeout: Duration,
    /// How long a body may take to arrive once its head has.
    pub body_timeout: Duration,
    /// The same of a bulk import, which is fifty times as large.
    pub import_timeout: Duration,
    /// How long an answer may take, to be made or to be read.
    pub answer_timeout: Duration,
    /// How long a connection is kept on which nothing is asked.
    pub keep_alive: Duration,
}

impl Default for Connections {
    fn default() -> Connections {
        Connections {
            most: limits::CONNECTIONS,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            import_timeout: limits::IMPORT_BODY_TIMEOUT,
            answer_timeout: limits::ANSWER_TIMEOUT,
            keep_alive: limits::KEEP_ALIVE,
        }
    }
}

impl Connections {
    /// How long a connection may leave something half done: as long as a request that
    /// uses up the time for each of its parts.
    pub fn patience(&self) -> Duration {
        self.patience_with(self.body_timeout)
    }

    /// The same on a connection on which a bulk import was allowed.
    pub fn import_patience(&self) -> Duration {
        self.patience_with(self.body_timeout.max(self.import_timeout))
    }

    fn patience_with(&self, body: Duration) -> Duration {
        self.head_timeout.saturating_add(body).saturating_add(self.answer_timeout)
    }

    pub(super) fn read(field: Field<'_>, report: &mut Report) -> Connections {
        let standard = Connections::default();
        let Some(mut table) = field.table(report) else { return standard };
        let most = table.take("most");
        let most = most.and_then(|field| field.number(&limits::CONNECTIONS_RANGE, report));
        let read = Connections {
            most: most.and_then(|most| most.try_into().ok()).unwrap_or(standard.most),
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

fn seconds(
    table: &mut Table<'_>,
    name: &'static str,
    standard: Duration,
    report: &mut Report,
) -> Duration {
    let field = table.take(name);
    let seconds = field.and_then(|field| field.number(&limits::TIMEOUT_SECONDS_RANGE, report));
    seconds.map_or(standard, Duration::from_secs)
}
