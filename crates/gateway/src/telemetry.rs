//! Logging: the destination and the format of log lines.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::LevelFilter,
    fmt::MakeWriter,
    util::{SubscriberInitExt, TryInitError},
};

/// Writes log lines that pass `filter` to standard error: readable text on a terminal, one JSON
/// object per line otherwise.
///
/// A filter is a level, or a list such as `warn,gateway=debug`. A bare word that is not a level is
/// an error: it would enable one target of that name and disable all others.
pub fn init(filter: &str) -> Result<(), TelemetryError> {
    let format = if io::stderr().is_terminal() { LogFormat::Human } else { LogFormat::Json };
    subscriber(filter, format, io::stderr)?.try_init()?;
    Ok(())
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// Logging is already set up.
    #[error("logging is already set up")]
    AlreadySetUp(#[from] TryInitError),
    /// The filter is invalid.
    #[error(transparent)]
    Filter(#[from] InvalidLogFilter),
}

/// The text is not a log filter.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the log filter must be a level, or a list as in warn,gateway=debug")]
pub struct InvalidLogFilter;

/// The target at which the HTTP library logs each connection that sends malformed HTTP, as an
/// error. Any client can cause such lines without end, and the operator cannot prevent them.
const BROKEN_HTTP: &str = "actix_http::h1::dispatcher";

#[derive(Clone, Copy, Debug)]
enum LogFormat {
    Human,
    Json,
}

fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, InvalidLogFilter>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let meaningful = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
    if !filter.split(',').all(|part| meaningful(part.trim())) {
        return Err(InvalidLogFilter);
    }
    // The target's own directive comes first, so that a filter that names the target wins.
    let filter = EnvFilter::builder().parse(format!("{BROKEN_HTTP}=off,{filter}"));
    let filter = filter.or(Err(InvalidLogFilter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        LogFormat::Human => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The messages logged under a filter, from one line each of error, info and debug.
    fn logged(filter: &str, format: LogFormat) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let writer = move || Sink(Arc::clone(&sink));
        tracing::subscriber::with_default(subscriber(filter, format, writer).unwrap(), || {
            tracing::error!(status = 503, "flush failed");
            tracing::info!("listening");
            tracing::debug!("parsed");
            tracing::error!(target: "actix_http::h1::dispatcher", "stream error");
        });
        let written = written.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_filter_decides_what_is_logged() {
        assert_eq!(logged("error", LogFormat::Human).lines().count(), 1);
        assert_eq!(logged("info", LogFormat::Human).lines().count(), 2);
        assert_eq!(logged("warn,gateway=debug", LogFormat::Human).lines().count(), 3);
        assert_eq!(logged("off", LogFormat::Human), "");
    }

    #[test]
    fn what_is_no_http_is_only_logged_where_that_is_asked_for() {
        assert!(!logged("trace", LogFormat::Human).contains("stream error"));
        let asked = logged("off,actix_http::h1::dispatcher=error", LogFormat::Human);
        assert!(asked.contains("stream error"), "{asked}");
    }

    #[test]
    fn json_is_one_object_a_line_with_its_fields_on_top() {
        let logged = logged("error", LogFormat::Json);
        assert!(logged.starts_with('{') && logged.ends_with("}\n"), "{logged}");
        assert!(logged.contains(r#""message":"flush failed""#), "{logged}");
        assert!(logged.contains(r#""status":503"#), "{logged}");
    }

    #[test]
    fn a_filter_without_a_meaning_is_an_error() {
        for filter in ["gateway=loud", "loud", "info,gateway"] {
            assert!(subscriber(filter, LogFormat::Json, io::sink).is_err(), "{filter}");
        }
    }
}
