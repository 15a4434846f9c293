//! The only place where the harness reads a clock.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "measuring time is the purpose of this program")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
