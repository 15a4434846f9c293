//! What the columns of a table are: by its header row, and as the arguments map it.

use std::collections::HashSet;

use csv::{ByteRecord, ReaderBuilder};

use crate::{
    limits,
    ops::export::table::columns as exported_columns,
    settings::{ColumnRules, ColumnTarget},
};

/// Why nothing of a table is imported.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// There is no header row.
    #[error("the table has no header row")]
    Missing,
    /// The header row is not text.
    #[error("the header row must be UTF-8 and have at most {} columns", limits::TRANSFER_COLUMNS)]
    NotText,
    /// The header row is more than a record.
    #[error("the header row cannot be read as one record of a table")]
    NotOneRecord,
    /// Two columns have one header.
    #[error("the header {header:?} occurs twice: rename one of the columns")]
    Twice {
        /// The header.
        header: String,
    },
    /// It is unknown what columns are.
    #[error(
        "it is unknown what these columns are: {headers}. For each of them add --map \
         HEADER=ATTRIBUTE or --ignore HEADER, or --other properties for all"
    )]
    Unknown {
        /// The headers.
        headers: String,
    },
    /// An argument names a column that is not there.
    #[error("the table has no column {header:?}; it has: {headers}")]
    NoColumn {
        /// The header.
        header: String,
        /// The headers of the table.
        headers: String,
    },
    /// Two columns are the same.
    #[error("the columns {one:?} and {other:?} are both {pointer}")]
    SameTarget {
        /// The header of the first.
        one: String,
        /// The header of the second.
        other: String,
        /// What they are.
        pointer: String,
    },
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) header: String,
    pub(crate) target: ColumnTarget,
}

/// The columns of a table.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) columns: Vec<Column>,
    /// Whether the table has exactly the columns of an export, so that apostrophes in front of what
    /// looks like a formula are those of the export.
    pub(crate) are_exported: bool,
}

impl Columns {
    /// Reads the header row.
    pub(crate) fn read(header: &[u8], rules: &ColumnRules) -> Result<Columns, InvalidHeader> {
        let headers = headers(header)?;
        let mut seen = HashSet::new();
        if let Some(header) = headers.iter().find(|header| !seen.insert(header.as_str())) {
            return Err(InvalidHeader::Twice { header: header.clone() });
        }
        let mapped = rules.mapped.iter().map(|mapping| &mapping.header);
        if let Some(missing) =
            mapped.chain(&rules.ignored).find(|header| !seen.contains(header.as_str()))
        {
            let (header, headers) = (missing.clone(), quoted(&headers));
            return Err(InvalidHeader::NoColumn { header, headers });
        }
        let found: Vec<Option<ColumnTarget>> =
            headers.iter().map(|header| rules.target(header)).collect();
        let unknown = headers.iter().zip(&found).filter(|(_, target)| target.is_none());
        let unknown: Vec<String> = unknown.map(|(header, _)| header.clone()).collect();
        if !unknown.is_empty() {
            return Err(InvalidHeader::Unknown { headers: quoted(&unknown) });
        }
        let are_exported = headers.iter().map(String::as_str).eq(exported_columns());
        let columns = headers.into_iter().zip(found);
        let columns =
            columns.filter_map(|(header, target)| Some(Column { header, target: target? }));
        Columns { columns: columns.collect(), are_exported }.with_one_column_each()
    }

    fn with_one_column_each(self) -> Result<Columns, InvalidHeader> {
        for (place, column) in self.columns.iter().enumerate() {
            let earlier = self.columns.iter().take(place);
            let same = |other: &&Column| other.target.excludes(&column.target);
            if let Some(other) = earlier.into_iter().find(same) {
                return Err(InvalidHeader::SameTarget {
                    one: other.header.clone(),
                    other: column.header.clone(),
                    pointer: column.target.pointer(),
                });
            }
        }
        Ok(self)
    }

    /// The header of the column that a fault is about.
    pub(crate) fn header_at(&self, pointer: &str) -> Option<&str> {
        let within = |target: &ColumnTarget| {
            let at = target.pointer();
            let rest = pointer.strip_prefix(at.as_str());
            !at.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let found = self.columns.iter().filter(|column| within(&column.target));
        found
            .max_by_key(|column| column.target.pointer().len())
            .map(|column| column.header.as_str())
    }
}

/// Headers as an error shows them.
fn quoted(headers: &[String]) -> String {
    let shown =
        headers.iter().take(limits::TRANSFER_HEADERS_SHOWN).map(|header| format!("{header:?}"));
    let shown: Vec<String> = shown.collect();
    let more = headers.len().saturating_sub(shown.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

fn headers(row: &[u8]) -> Result<Vec<String>, InvalidHeader> {
    let record = record(row).ok_or(InvalidHeader::NotOneRecord)?;
    let texts = record.iter().map(|cell| std::str::from_utf8(cell).ok());
    let texts: Option<Vec<&str>> = texts.collect();
    let texts = texts.filter(|texts| texts.len() <= limits::TRANSFER_COLUMNS);
    let texts = texts.ok_or(InvalidHeader::NotText)?;
    Ok(texts.into_iter().map(|text| text.trim().to_owned()).collect())
}

/// The cells of a record, if all of these bytes are one record.
pub(crate) fn record(bytes: &[u8]) -> Option<ByteRecord> {
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut records = reader.into_byte_records();
    let record = records.next()?.ok()?;
    records.next().is_none().then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::OtherColumns;

    fn read(header: &str, rules: &ColumnRules) -> Result<Columns, InvalidHeader> {
        Columns::read(header.as_bytes(), rules)
    }

    fn message(header: &str, rules: &ColumnRules) -> String {
        read(header, rules).unwrap_err().to_string()
    }

    #[test]
    fn bytes_that_are_several_records_are_none() {
        assert_eq!(record(b"a,\"b\nc\"\r\n").unwrap().len(), 2);
        for several in [b"a\nb".as_slice(), b"a\rb\r", b"", b"\n"] {
            assert_eq!(record(several), None);
        }
        assert!(message("email\nx", &ColumnRules::default()).contains("as one record"));
    }

    #[test]
    fn every_column_has_a_meaning_or_the_table_is_refused() {
        let rules = |mapped: &[&str], ignored: &[&str]| ColumnRules {
            mapped: mapped.iter().map(|text| text.parse().unwrap()).collect(),
            ignored: ignored.iter().map(|&text| text.to_owned()).collect(),
            others: OtherColumns::Refuse,
        };
        let none = rules(&[], &[]);
        assert!(message("email,Plan,X", &none).contains(r#"these columns are: "Plan", "X"."#));
        assert!(message("email,email", &none).contains(r#"the header "email" occurs twice"#));
        assert!(message("email", &rules(&["Mail=email"], &[])).contains(r#"no column "Mail""#));
        assert!(message("email", &rules(&[], &["X"])).contains(r#"no column "X""#));
        let both = message("email,Mail", &rules(&["Mail=email"], &[]));
        assert!(both.contains("are both /data/attributes/email"), "{both}");
        let twice = rules(&["A=properties.x", "B=properties.x:json"], &[]);
        let twice = message("email,A,B", &twice);
        assert!(twice.contains(r#""A" and "B" are both /data/attributes/properties/x"#), "{twice}");
        assert!(read("email,A,B", &rules(&[], &["A", "B"])).is_ok());
        assert!(read("anonymous_id,anonymous_ids", &none).is_ok());
        let columns = read("email,Plan,X", &rules(&["Plan=properties.plan"], &["X"])).unwrap();
        assert_eq!(columns.header_at("/data/attributes/properties/plan"), Some("Plan"));
        assert_eq!(columns.header_at("/data/attributes/properties"), None);
        assert!(!columns.are_exported);
        let others = ColumnRules { others: OtherColumns::Properties, ..none };
        assert_eq!(
            read("email,Plan", &others).unwrap().columns[1].target,
            ColumnTarget::Property("Plan".to_owned())
        );
    }
}
