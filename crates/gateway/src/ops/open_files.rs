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
    let connections = wanted.min(fitting(allowed.saturating_sub(others))).max(1);
    if connections < wanted {
        tracing::warn!(
            wanted,
            connections,
            "the limit on open files is too low for the configured connections"
        );
    }
    connections
}

/// How many of so many connections may be closed by the table and still have a file.
pub(crate) fn closing(connections: usize) -> usize {
    limits::CLOSING_CONNECTIONS.max(connections / limits::CLOSING_DIVISOR)
}

/// The number of connections that need no more than `files` together with those being closed.
fn fitting(files: usize) -> usize {
    let fixed = files.saturating_sub(limits::CLOSING_CONNECTIONS);
    fixed.min(files - files.div_ceil(limits::CLOSING_DIVISOR + 1))
}

/// Raises the limit on open files to the maximum for this process and returns the limit in force.
/// `None` is unlimited.
fn raised(limit: Rlimit) -> Option<u64> {
    let Rlimit { current, maximum } = limit;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_those_being_closed_fit_into_the_files_there_are() {
        for files in (0..100_000).step_by(7) {
            let connections = fitting(files);
            assert!(connections == 0 || connections + closing(connections) <= files, "{files}");
            let next = connections + 2;
            assert!(files < next + closing(next), "{files} files, {connections} connections");
        }
    }
}
