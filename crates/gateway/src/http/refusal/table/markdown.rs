//! The table of refusals as documentation.

use std::fmt::Write;

use super::{ErrorSource, RefusalRow, TABLE};

/// The table as docs/PROTOCOL.md shows it.
pub fn table_markdown() -> String {
    let mut table = "| when | status | code | title | detail | pointer | also in `source` |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in &TABLE {
        let source = match row.source {
            Some(ErrorSource::Header(name)) => format!("`header`: `{name}`"),
            Some(ErrorSource::Parameter(name)) => format!("`parameter`: `{name}`"),
            None => String::new(),
        };
        let RefusalRow { when, status, code, title, detail, pointer, .. } = row;
        let status = status.as_u16();
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {when} | {status} | `{code}` | {title} | {detail} | `\"{pointer}\"` | {source} |"
        );
    }
    table
}
