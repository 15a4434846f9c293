//! The lines that development mode prints, one about each request.

use std::{
    collections::HashMap,
    fmt::{self, Write},
    sync::{Mutex, PoisonError},
};

use profile_store::{ClaimResult, Outcome, RequestId};

use crate::limits;

/// Prints a line to the operator.
type LinePrinter = Box<dyn Fn(&str) + Send + Sync>;

/// Prints a line about each request, with what it did.
pub(crate) struct DevelopmentLines {
    print: LinePrinter,
    /// What requests did that are stored and not answered yet.
    stored: Mutex<HashMap<RequestId, String>>,
}

impl DevelopmentLines {
    pub(crate) fn new(print: impl Fn(&str) + Send + Sync + 'static) -> DevelopmentLines {
        DevelopmentLines { print: Box::new(print), stored: Mutex::default() }
    }

    /// Notes the outcome of a request, until it is answered.
    pub(crate) fn note_outcome(&self, outcome: &Outcome) {
        if let Some(ids) = &outcome.request_ids {
            self.note(&ids.request, result(outcome));
        }
    }

    /// Notes what a request did, until it is answered.
    pub(crate) fn note(&self, id: &RequestId, result: String) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        // Requests that nothing waited for are not answered.
        if limits::DEVELOPMENT_RESULTS <= stored.len() {
            stored.clear();
        }
        stored.insert(id.clone(), result);
    }

    /// Prints the line about a request that is answered: its head, and its refusal or what it did.
    pub(crate) fn print(&self, id: &RequestId, head: &str, refusal: Option<&str>) {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let result = refusal.or(stored.as_deref()).unwrap_or_default();
        (self.print)(format!("{head} {result}").trim_end());
    }
}

/// The effect, the profile, the profiles that were merged into it or separated from it, and each
/// claim that did not count.
fn result(outcome: &Outcome) -> String {
    let mut text = outcome.effect.as_str().to_owned();
    // Writing to a string cannot fail.
    if let Some(profile) = outcome.survivor {
        let _ = write!(text, " {profile}");
    }
    for absorbed in outcome.absorbed() {
        let _ = write!(text, " from {absorbed}");
    }
    let restored = outcome.claims.iter().find_map(|claim| {
        if let ClaimResult::Restored(id) = claim.result { Some(id) } else { None }
    });
    if let Some(restored) = restored {
        let _ = write!(text, " and {restored}");
    }
    for claim in &outcome.claims {
        let _ = match claim.result {
            ClaimResult::Refused(reason) => write!(text, "; {} refused: {reason}", claim.kind),
            ClaimResult::Ignored(reason) => write!(text, "; {} ignored: {reason}", claim.kind),
            ClaimResult::Moved(id) => write!(text, "; {} moved from {id}", claim.kind),
            ClaimResult::Matched
            | ClaimResult::Attached
            | ClaimResult::Replaced
            | ClaimResult::Absorbed(_)
            | ClaimResult::Restored(_)
            | ClaimResult::Released => Ok(()),
        };
    }
    text
}

impl fmt::Debug for DevelopmentLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DevelopmentLines(…)")
    }
}
