//! Logging: the destination and the format of log lines, and which of them are written.

use std::{
    fmt,
    io::{self, IsTerminal},
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::LevelFilter,
    fmt::MakeWriter,
    reload,
    util::{SubscriberInitExt, TryInitError},
};

/// The target of the lines about refused requests.
pub const REFUSALS: &str = "gateway::refusals";

/// The target of the access log.
pub const ACCESS: &str = "gateway::access";

/// The target at which the HTTP library logs each connection that sends malformed HTTP, as an
/// error. Any client can cause such lines without end, and the operator cannot prevent them.
const BROKEN_HTTP: &str = "actix_http::h1::dispatcher";

/// The target at which the HTTP library logs values of headers that it cannot read.
const BROKEN_HEADERS: &str = "actix_http::h1::decoder";

/// Writes log lines that pass `filter` to standard error: readable text on a terminal, one JSON
/// object per line otherwise. The access log is off.
pub fn init(filter: &LogFilter) -> Result<LogControl, TryInitError> {
    let format = if io::stderr().is_terminal() { LogFormat::Human } else { LogFormat::Json };
    let (subscriber, control) = subscriber(filter, format, io::stderr);
    subscriber.try_init()?;
    Ok(control)
}

/// Which log lines are written: a level, or a list such as `warn,gateway=debug`. The default is
/// `info`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogFilter {
    // Invariant: a list of directives that `EnvFilter` can parse.
    text: Box<str>,
}

impl Default for LogFilter {
    fn default() -> LogFilter {
        LogFilter { text: "info".into() }
    }
}

impl LogFilter {
    /// The default, without the lines about refused requests.
    pub(crate) fn without_refusals() -> LogFilter {
        LogFilter { text: format!("info,{REFUSALS}=off").into() }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A bare word that is not a level is an error: it would enable one target of that name and disable
/// all others.
impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    fn from_str(text: &str) -> Result<LogFilter, InvalidLogFilter> {
        let meaningful = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
        let is_valid = text.split(',').all(|part| meaningful(part.trim()))
            && EnvFilter::builder().parse(text).is_ok();
        if is_valid { Ok(LogFilter { text: text.into() }) } else { Err(InvalidLogFilter) }
    }
}

/// The text is not a [`LogFilter`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be a level, or a list as in warn,gateway=debug")]
pub struct InvalidLogFilter;

/// What changes the log while the process runs.
pub struct LogControl {
    current: Mutex<(LogFilter, bool)>,
    replace: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>,
}

impl LogControl {
    fn new<S: 'static>(filter: &LogFilter, handle: reload::Handle<EnvFilter, S>) -> LogControl {
        let replace = Box::new(move |filter| handle.reload(filter));
        LogControl { current: Mutex::new((filter.clone(), false)), replace }
    }

    /// Replaces the filter, and switches the access log on or off. A change is logged by the
    /// filter before it.
    pub fn apply(&self, filter: &LogFilter, access_log: bool) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let new = (filter.clone(), access_log);
        if *current == new {
            return;
        }
        tracing::info!(log = %filter, access_log, "changing what is logged");
        match (self.replace)(env_filter(filter, access_log)) {
            Ok(()) => *current = new,
            Err(error) => tracing::error!(%error, "what is logged could not be changed"),
        }
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogControl").field("current", &self.current).finish_non_exhaustive()
    }
}

/// The directives of these settings. Those of single targets come first, so a filter that names the
/// target wins, and no other one does.
fn env_filter(filter: &LogFilter, access_log: bool) -> EnvFilter {
    let access = if access_log { "info" } else { "off" };
    let directives = format!("{BROKEN_HTTP}=off,{BROKEN_HEADERS}=off,{ACCESS}={access},{filter}");
    EnvFilter::builder().parse_lossy(directives)
}

#[derive(Clone, Copy, Debug)]
enum LogFormat {
    Human,
    Json,
}

fn subscriber<W>(
    filter: &LogFilter,
    format: LogFormat,
    writer: W,
) -> (Box<dyn Subscriber + Send + Sync>, LogControl)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_writer(writer);
    let initial = env_filter(filter, false);
    match format {
        LogFormat::Human => {
            let builder = builder.with_env_filter(initial).with_filter_reloading();
            let control = LogControl::new(filter, builder.reload_handle());
            (Box::new(builder.finish()), control)
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true);
            let builder = builder.with_env_filter(initial).with_filter_reloading();
            let control = LogControl::new(filter, builder.reload_handle());
            (Box::new(builder.finish()), control)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;

    /// What is logged while a function runs.
    pub(crate) fn logged_during(run: impl FnOnce()) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let writer = move || Sink(Arc::clone(&sink));
        let (subscriber, _) = subscriber(&LogFilter::default(), LogFormat::Json, writer);
        tracing::subscriber::with_default(subscriber, run);
        let written = written.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    /// The messages logged under a filter, from one line each of error, info and debug, and one of
    /// the access log.
    fn logged(filter: &str, format: LogFormat) -> String {
        logged_after(filter, format, |_| {})
    }

    /// The same, after a change of the log.
    fn logged_after(filter: &str, format: LogFormat, change: impl FnOnce(&LogControl)) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let writer = move || Sink(Arc::clone(&sink));
        let (subscriber, control) = subscriber(&filter.parse().unwrap(), format, writer);
        tracing::subscriber::with_default(subscriber, || {
            change(&control);
            tracing::error!(status = 503, "flush failed");
            tracing::info!("listening");
            tracing::debug!("parsed");
            tracing::error!(target: "actix_http::h1::dispatcher", "stream error");
            tracing::debug!(target: "actix_http::h1::decoder", "illegal Content-Length");
            tracing::info!(target: ACCESS, "answered");
        });
        let written = written.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    /// Keeps what is logged.
    pub(crate) struct Sink(pub(crate) Arc<Mutex<Vec<u8>>>);

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
        for filter in ["trace", "actix_http=trace", "actix_http::h1=trace,debug"] {
            let logged = logged(filter, LogFormat::Human);
            assert!(!logged.contains("stream error"), "{logged}");
            assert!(!logged.contains("illegal Content-Length"), "{logged}");
        }
        for (filter, line) in [
            ("off,actix_http::h1::dispatcher=error", "stream error"),
            ("off,actix_http::h1::decoder=debug", "illegal Content-Length"),
        ] {
            let asked = logged(filter, LogFormat::Human);
            assert!(asked.contains(line), "{asked}");
        }
    }

    #[test]
    fn the_access_log_is_written_where_it_is_on_whatever_the_level() {
        assert!(!logged("trace", LogFormat::Human).contains("answered"));
        assert!(logged("off,gateway::access=info", LogFormat::Human).contains("answered"));
        for format in [LogFormat::Human, LogFormat::Json] {
            let error = "error".parse().unwrap();
            let on = logged_after("error", format, |control| control.apply(&error, true));
            assert!(on.contains("answered") && on.lines().count() == 2, "{on}");
            let off = logged_after("error", format, |control| {
                control.apply(&error, true);
                control.apply(&error, false);
            });
            assert!(!off.contains("answered"), "{off}");
        }
    }

    #[test]
    fn the_level_is_changed_while_the_process_runs() {
        for format in [LogFormat::Human, LogFormat::Json] {
            let change = |to: &str| {
                let to: LogFilter = to.parse().unwrap();
                move |control: &LogControl| control.apply(&to, false)
            };
            let more = logged_after("error", format, change("debug"));
            assert!(more.contains("parsed"), "{more}");
            let less = logged_after("info", format, change("off"));
            assert!(less.contains("changing what is logged"), "{less}");
            assert_eq!(less.lines().count(), 1, "{less}");
        }
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
            assert_eq!(filter.parse::<LogFilter>(), Err(InvalidLogFilter), "{filter}");
        }
    }
}
