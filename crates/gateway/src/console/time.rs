//! Times on pages.

use maud::{Markup, html};

/// A time of the API in UTC, to the second, with all of it for programs.
pub(super) fn shown_time(rfc3339: &str) -> Markup {
    let words = rfc3339.get(..19).map_or(rfc3339.to_owned(), |text| text.replace('T', " "));
    html! { time datetime=(rfc3339) title="UTC" { (words) } }
}
