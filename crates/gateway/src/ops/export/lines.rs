//! Profiles as lines of JSON.

use std::io::{self, Write};

use profile_store::Profile;

use crate::api::{ExportedProfile, Fieldset};

/// Writes a JSON document on each line, as `GET /api/profiles` shows the profile.
pub(super) struct LineWriter<W> {
    output: W,
    fields: Fieldset,
}

impl<W: Write> LineWriter<W> {
    pub(super) fn new(output: W) -> LineWriter<W> {
        LineWriter { output, fields: Fieldset::with_identifiers() }
    }

    pub(super) fn write(&mut self, profile: &Profile) -> io::Result<()> {
        serde_json::to_writer(&mut self.output, &ExportedProfile::of(profile, &self.fields))?;
        self.output.write_all(b"\n")
    }

    pub(super) fn into_output(self) -> W {
        self.output
    }
}
