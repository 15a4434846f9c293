//! The merges that made a person, drawn as a tree.

use maud::{Markup, html};
use profile_protocol::CompanyId;
use serde::Deserialize;

use super::{layout::path_of, table::columns, time::shown_time, writer_facts::WriterFacts};

/// A merge as the API shows it.
#[derive(Deserialize)]
pub(super) struct MergeFacts {
    pub(super) profile_id: String,
    into: String,
    #[serde(flatten)]
    pub(super) written: WriterFacts,
}

impl MergeFacts {
    fn at(&self) -> &str {
        self.written.at.as_deref().unwrap_or_default()
    }
}

/// A profile of the tree.
struct TreeRow<'a> {
    id: &'a str,
    depth: usize,
    /// The row of the profile that it was merged into.
    parent: Option<usize>,
    merge: Option<&'a MergeFacts>,
}

const ROW: usize = 34;
const INDENT: usize = 28;
const WIDTH: usize = 560;

/// The tree, and a table that says the same and leads to the undoing of each merge.
pub(super) fn drawn(
    company: &CompanyId,
    person: &str,
    merges: &[MergeFacts],
    may_write: bool,
) -> Markup {
    let rows = rows(person, merges);
    html! {
        h2 #merges { "Merges" }
        @if merges.is_empty() {
            p { "This person was not merged with others." }
        } @else {
            div.scrolls { (picture(&rows)) }
            (table(company, person, merges, may_write))
        }
    }
}

/// The profiles in the order of the picture: each is followed by those that were merged into it.
fn rows<'a>(person: &'a str, merges: &'a [MergeFacts]) -> Vec<TreeRow<'a>> {
    let mut rows = Vec::with_capacity(merges.len() + 1);
    let mut pending = vec![TreeRow { id: person, depth: 0, parent: None, merge: None }];
    while let Some(row) = pending.pop() {
        // Each merge is of another profile, so the tree has no circle; damage may have one.
        if merges.len() < rows.len() {
            break;
        }
        let (id, depth, place) = (row.id, row.depth + 1, rows.len());
        rows.push(row);
        let children = merges.iter().rev().filter(|merge| merge.into == id);
        pending.extend(children.map(|merge| TreeRow {
            id: &merge.profile_id,
            depth,
            parent: Some(place),
            merge: Some(merge),
        }));
    }
    rows
}

fn picture(rows: &[TreeRow<'_>]) -> Markup {
    let deepest = rows.iter().map(|row| row.depth).max().unwrap_or_default();
    let (width, height) = (WIDTH + deepest * INDENT, rows.len() * ROW + 8);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
            viewBox=(format!("0 0 {width} {height}")) role="img" aria-labelledby="tree-title" {
            title #tree-title { "Which profiles were merged into which; the table below says the same" }
            @for (place, row) in rows.iter().enumerate() {
                @let (x, y) = (row.depth * INDENT + 4, place * ROW + 4);
                @if let Some(parent) = row.parent {
                    path.line d=(format!(
                        "M {} {} V {} H {x}", x - INDENT + 12, parent * ROW + 30, y + 13
                    )) {}
                }
                rect.box x=(x) y=(y) width="520" height="26" rx="4" {}
                text x=(x + 8) y=(y + 18) {
                    (row.id)
                    @match row.merge {
                        Some(merge) => { " · merged " (merge.at().get(..10).unwrap_or_default()) },
                        None => { " · this person" },
                    }
                }
            }
        }
    }
}

fn table(company: &CompanyId, person: &str, merges: &[MergeFacts], may_write: bool) -> Markup {
    html! {
        table {
            (columns(&["Profile", "Merged into", "When", "By", "Undo"], &[]))
            tbody {
                @for merge in merges {
                    tr {
                        th scope="row" { (merge.profile_id) }
                        td { (merge.into) }
                        td { (shown_time(merge.at())) }
                        td { (merge.written.words()) }
                        td {
                            @if may_write {
                                @let page = format!("people/{person}/undo/{}", merge.profile_id);
                                a href=(path_of(company, &page)) {
                                    "Undo…" span.visually-hidden { " the merge of " (merge.profile_id) }
                                }
                            } @else { span.faint { "needs profiles:write" } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merge(id: &str, into: &str) -> MergeFacts {
        let merge = json!({ "profile_id": id, "into": into, "at": "", "outcome": "1" });
        serde_json::from_value(merge).unwrap()
    }

    #[test]
    fn each_profile_is_below_the_one_that_it_was_merged_into() {
        let merges = [merge("c", "b"), merge("b", "a"), merge("d", "a")];
        let rows = rows("a", &merges);
        let drawn: Vec<_> = rows.iter().map(|row| (row.id, row.depth, row.parent)).collect();
        let expected = [("a", 0, None), ("b", 1, Some(0)), ("c", 2, Some(1)), ("d", 1, Some(0))];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_circle_in_damaged_records_ends() {
        assert!(rows("a", &[merge("a", "a"), merge("b", "a")]).len() <= 3);
    }
}
