//! What an operation logs.

use std::{io::Write as _, sync::Once};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use super::*;

/// The events of an operation on this thread, each in one line.
pub(super) fn logged(operation: impl FnOnce()) -> String {
    listen();
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), operation);
    let lines = log.0.lock().unwrap().clone();
    String::from_utf8(lines).unwrap()
}

/// Lets events be recorded. The first thread that reaches an event decides whether any subscriber
/// listens to it, and a subscriber that is added at that moment may miss the event for ever. So one
/// subscriber listens from the start.
pub(super) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Log::default()).unwrap());
}

/// Writes each event in one line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

struct LogFields(Vec<u8>);

impl Visit for LogFields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(error), |error| error.source());
        causes.for_each(|cause| write!(self.0, " {field}={cause}").unwrap());
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = LogFields(event.metadata().level().to_string().into_bytes());
        event.record(&mut fields);
        fields.0.push(b'\n');
        self.0.lock().unwrap().extend(fields.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
