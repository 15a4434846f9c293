//! The rows of a file as the bodies of requests, with a digest of the rows so far.

use std::{
    fmt::{self, Debug},
    io::BufRead,
};

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{
    columns::{Columns, InvalidHeader},
    input::{InputError, RawRow, RowReader},
    json_row::json_row,
    part::RowFault,
    row_profile::IdUse,
    table_row::table_row,
};
use crate::{
    hexadecimal, limits,
    settings::{ColumnRules, TransferFormat},
};

/// Why no row of a file is read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenRowsError {
    /// The header row of the table.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
    /// The file.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// A row of the file.
#[derive(Debug)]
pub(crate) struct ReadRow {
    /// Its number, counted from 1 without the header row.
    pub(crate) row: u64,
    /// Its line.
    pub(crate) line: u64,
    pub(crate) documents: Result<Vec<Box<RawValue>>, Vec<RowFault>>,
}

/// A digest of rows, of which each follows the digest of those before it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct RowDigest([u8; 32]);

impl RowDigest {
    fn add(&mut self, bytes: &[u8]) {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(bytes);
        self.0 = hasher.finalize().into();
    }

    /// The digest of arguments, which are told apart by what `Debug` shows of them.
    pub(crate) fn of_arguments(arguments: &dyn Debug) -> String {
        let mut digest = RowDigest::default();
        digest.add(format!("{arguments:?}").as_bytes());
        digest.to_string()
    }
}

impl fmt::Display for RowDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal::encode(&self.0))
    }
}

/// What the rows of a file are.
enum RowForm {
    Json,
    Table(Columns),
}

/// The rows of a file.
pub(crate) struct FileRows {
    reader: RowReader,
    form: RowForm,
    ids: IdUse,
    /// How many rows were read.
    pub(crate) count: u64,
    /// Their digest, and that of the header row.
    pub(crate) digest: RowDigest,
}

impl FileRows {
    /// Reads the header row, if the file has one.
    pub(crate) fn open(
        input: Box<dyn BufRead>,
        format: TransferFormat,
        rules: &ColumnRules,
        ids: IdUse,
    ) -> Result<FileRows, OpenRowsError> {
        let (mut reader, mut digest) = (RowReader::new(input, format), RowDigest::default());
        let form = match format {
            TransferFormat::Jsonl => RowForm::Json,
            TransferFormat::Csv => {
                let header = reader.next()?;
                let header = header.ok_or(InvalidHeader::Missing)?;
                digest.add(&header.bytes);
                RowForm::Table(Columns::read(&header.bytes, rules)?)
            }
        };
        Ok(FileRows { reader, form, ids, count: 0, digest })
    }

    /// The columns of a table.
    pub(crate) fn columns(&self) -> Option<&Columns> {
        match &self.form {
            RowForm::Json => None,
            RowForm::Table(columns) => Some(columns),
        }
    }

    /// The next row. `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<ReadRow>, InputError> {
        let Some(raw) = self.reader.next()? else { return Ok(None) };
        self.count += 1;
        self.digest.add(&raw.bytes);
        Ok(Some(ReadRow { row: self.count, line: raw.line, documents: self.documents(&raw) }))
    }

    fn documents(&self, raw: &RawRow) -> Result<Vec<Box<RawValue>>, Vec<RowFault>> {
        if raw.is_cut {
            let detail =
                format!("The line must have at most {} bytes.", limits::TRANSFER_ROW_BYTES);
            return Err(vec![RowFault::in_file("", detail)]);
        }
        let profile = match &self.form {
            RowForm::Json => json_row(&raw.bytes)?,
            RowForm::Table(columns) => table_row(columns, &raw.bytes)?,
        };
        profile.documents(self.ids)
    }
}
