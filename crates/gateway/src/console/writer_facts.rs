//! Who wrote a value, merged a profile or took an identifier away, and when.

use maud::{Markup, html};
use serde::Deserialize;

use super::time::shown_time;

/// Who did it and when, as the API shows it.
#[derive(Deserialize)]
pub(super) struct WriterFacts {
    by: Option<String>,
    pub(super) at: Option<String>,
    pub(super) outcome: Option<String>,
}

impl WriterFacts {
    /// Who it was, and which outcome says so.
    pub(super) fn words(&self) -> Markup {
        html! {
            @match self.by.as_deref() {
                Some("client") => "a browser or app",
                Some(_) => "your company",
                None => "a request that is not kept",
            }
            @if let Some(outcome) = &self.outcome {
                " (" a href=(format!("#outcome-{outcome}")) { "outcome " (outcome) } ")"
            }
        }
    }
}

/// When a value was written, and by whom.
pub(super) fn writer_cells(writer: Option<&WriterFacts>) -> Markup {
    html! {
        (time_cell(writer.and_then(|writer| writer.at.as_deref())))
        td { @if let Some(writer) = writer { (writer.words()) } }
    }
}

/// A time, or that none is kept.
pub(super) fn time_cell(at: Option<&str>) -> Markup {
    html! {
        td {
            @match at {
                Some(at) => (shown_time(at)),
                None => span.faint title="no outcome that is kept says so" { "not recorded" },
            }
        }
    }
}
