//! Telemetry: where log lines go, and what they look like.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::LevelFilter,
    fmt::MakeWriter,
    util::{SubscriberInitExt, TryInitError},
};

/// Sends log lines that pass `filter` to standard error from now on: for people if
/// that is a terminal, and one JSON object a line otherwise.
///
/// A filter is a level, or a list like `warn,gateway=debug`. A bare word that is no
/// level is an error: it would turn on one target of that name, and all others off.
pub fn init(filter: &str) -> Result<(), TelemetryError> {
    let format = if io::stderr().is_terminal() { Format::Human } else { Format::Json };
    subscriber(filter, format, io::stderr)?.try_init()?;
    Ok(())
}

/// Why there is nowhere to log to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// Logging was set up before.
    #[error("logging is already set up")]
    AlreadySetUp(#[from] TryInitError),
    /// The filter has no meaning.
    #[error(transparent)]
    Filter(#[from] InvalidFilter),
}

/// Some text is no log filter.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the log filter must be a level, or a list as in warn,gateway=debug")]
pub struct InvalidFilter;

/// Where the HTTP library logs, as an error, each connection on which something
/// else than HTTP came. Anybody can make it do so without end, and nobody who runs
/// a gateway can mend it.
const BROKEN_HTTP: &str = "actix_http::h1::dispatcher";

#[derive(Clone, Copy, Debug)]
enum Format {
    Human,
    Json,
}

fn subscriber<W>(
    filter: &str,
    format: Format,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, InvalidFilter>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let meaningful = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
    if !filter.split(',').all(|part| meaningful(part.trim())) {
        return Err(InvalidFilter);
    }
    // First, so that a filter that names the target decides.
    let filter = EnvFilter::builder().parse(format!("{BROKEN_HTTP}=off,{filter}"));
    let filter = filter.or(Err(InvalidFilter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        Format::Human => Box::new(builder.finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged under a filter by one line each of error, info and debug.
    fn logged(filter: &str, format: Format) -> String {
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
        assert_eq!(logged("error", Format::Human).lines().count(), 1);
        assert_eq!(logged("info", Format::Human).lines().count(), 2);
        assert_eq!(logged("warn,gateway=debug", Format::Human).lines().count(), 3);
        assert_eq!(logged("off", Format::Human), "");
    }

    #[test]
    fn what_is_no_http_is_only_logged_where_that_is_asked_for() {
        assert!(!logged("trace", Format::Human).contains("stream error"));
        let asked = logged("off,actix_http::h1::dispatcher=error", Format::Human);
        assert!(asked.contains("stream error"), "{asked}");
    }

    #[test]
    fn json_is_one_object_a_line_with_its_fields_on_top() {
        let logged = logged("error", Format::Json);
        assert!(logged.starts_with('{') && logged.ends_with("}\n"), "{logged}");
        assert!(logged.contains(r#""message":"flush failed""#), "{logged}");
        assert!(logged.contains(r#""status":503"#), "{logged}");
    }

    #[test]
    fn a_filter_without_a_meaning_is_an_error() {
        for filter in ["gateway=loud", "loud", "info,gateway"] {
            assert!(subscriber(filter, Format::Json, io::sink).is_err(), "{filter}");
        }
    }
}
