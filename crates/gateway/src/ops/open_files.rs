//! Open files: each connection needs one, and the system limits them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits;

/// The number of connections that this process can have, at most `wanted`, after raising its limit
/// on open files.
///
/// With more connections, accepting one would fail, and so would opening any other file.
pub(crate) fn connections(wanted: usize, workers: usize) -> usize {
    let allowed = raised(getrlimit(Resource::Nofile));
    let allowed = allowed.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    let others = limits::OTHER_FILES + limits::FILES_PER_WORKER * workers;
    let connections = wanted.min(allowed.saturating_sub(others)).max(1);
    if connections < wanted {
        tracing::warn!(
            wanted,
            connections,
            "the limit on open files is too low for the configured connections"
        );
    }
    connections
}

/// Raises the limit on open files to the maximum for this process and returns the limit in force.
/// `None` is unlimited.
fn raised(limit: Rlimit) -> Option<u64> {
    let Rlimit { current, maximum } = limit;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}
