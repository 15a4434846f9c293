//! Open files: every connection is one, and the system allows so many.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits;

/// How many of the connections wanted there may be, once this process is allowed
/// as many files as the system lets it ask for.
///
/// Were there more, accepting would fail, and so would opening any other file. Fewer
/// only wait to be accepted.
pub(crate) fn connections(wanted: usize, workers: usize) -> usize {
    let allowed = raised(getrlimit(Resource::Nofile));
    let allowed = allowed.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    let others = limits::OTHER_FILES + limits::FILES_PER_WORKER * workers;
    let connections = wanted.min(allowed.saturating_sub(others)).max(1);
    if connections < wanted {
        tracing::warn!(
            wanted,
            connections,
            "the system allows too few open files for the connections configured"
        );
    }
    connections
}

/// Raises the limit on open files to the most this process may ask for, and
/// returns what is in force. `None` is no limit.
fn raised(limit: Rlimit) -> Option<u64> {
    let Rlimit { current, maximum } = limit;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}
