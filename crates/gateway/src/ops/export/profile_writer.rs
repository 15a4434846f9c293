//! Profiles in one of the forms.

use std::io::{self, Write};

use profile_store::Profile;

use super::{lines::LineWriter, table::TableWriter};
use crate::settings::TransferFormat;

/// Writes profiles in one of the forms.
pub(crate) struct ProfileWriter<W: Write> {
    form: WriterForm<W>,
}

enum WriterForm<W: Write> {
    Lines(LineWriter<W>),
    Table(Box<TableWriter<W>>),
}

impl<W: Write> ProfileWriter<W> {
    /// Writes what comes before the first profile.
    pub(crate) fn new(format: TransferFormat, output: W) -> io::Result<ProfileWriter<W>> {
        let form = match format {
            TransferFormat::Jsonl => WriterForm::Lines(LineWriter::new(output)),
            TransferFormat::Csv => WriterForm::Table(Box::new(TableWriter::new(output)?)),
        };
        Ok(ProfileWriter { form })
    }

    /// Goes on where another writer ended.
    pub(crate) fn continuing(format: TransferFormat, output: W) -> ProfileWriter<W> {
        let form = match format {
            TransferFormat::Jsonl => WriterForm::Lines(LineWriter::new(output)),
            TransferFormat::Csv => WriterForm::Table(Box::new(TableWriter::continuing(output))),
        };
        ProfileWriter { form }
    }

    pub(crate) fn write(&mut self, profile: &Profile) -> io::Result<()> {
        match &mut self.form {
            WriterForm::Lines(lines) => lines.write(profile),
            WriterForm::Table(table) => table.write(profile),
        }
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self.form {
            WriterForm::Lines(lines) => Ok(lines.into_output()),
            WriterForm::Table(table) => table.into_output(),
        }
    }
}
