//! Tables.

use maud::{Markup, html};

/// The head of a table: columns of texts, then columns of numbers.
pub(super) fn columns(texts: &[&str], numbers: &[&str]) -> Markup {
    html! {
        thead {
            tr {
                @for text in texts { th scope="col" { (text) } }
                @for number in numbers { th.number scope="col" { (number) } }
            }
        }
    }
}
