//! `gateway stats`: what a store has of each company.

use std::fmt;

use profile_protocol::CompanyId;
use profile_store::{CompanyStatistics, StatisticsCounter};
use serde_json::Value;

use super::{
    backup::store_source::{SourceError, StoreSource},
    command_progress::CommandProgress,
};

/// One company, as a line of output.
#[derive(Debug)]
pub struct StatisticsLine {
    company: String,
    counts: [(&'static str, u64); 12],
    is_being_deleted: bool,
}

impl StatisticsLine {
    fn new((company, statistics): (CompanyId, CompanyStatistics)) -> StatisticsLine {
        let counts = [
            ("profiles", statistics.profiles),
            ("external_ids", statistics.external_ids),
            ("emails", statistics.emails),
            ("phone_numbers", statistics.phone_numbers),
            ("anonymous_ids", statistics.anonymous_ids),
            ("push_tokens", statistics.push_tokens),
            ("merged_profiles", statistics.merged),
            ("undoable_merges", statistics.merges),
            ("outcomes", statistics.outcomes),
            ("entries", statistics.entries),
            ("bytes", statistics.bytes),
            ("unreadable", statistics.unreadable),
        ];
        let is_being_deleted = statistics.is_being_deleted;
        StatisticsLine { company: company.as_str().to_owned(), counts, is_being_deleted }
    }

    /// The line as JSON.
    pub fn to_json(&self) -> String {
        let counts = self.counts.iter().map(|(name, count)| (*name, Value::from(*count)));
        let company = ("company", Value::from(self.company.as_str()));
        let deleted = ("being_deleted", Value::from(self.is_being_deleted));
        let members = [company].into_iter().chain(counts).chain([deleted]);
        Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect()).to_string()
    }
}

impl fmt::Display for StatisticsLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "company {}:", self.company)?;
        for (position, (name, count)) in self.counts.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma} {}: {count}", name.replace('_', " "))?;
        }
        if self.is_being_deleted {
            write!(f, "; a deletion was begun, and goes on or is finished by the next start")?;
        }
        Ok(())
    }
}

/// Reads a whole store, and prints a line about each company, or about this one.
pub async fn count(
    source: &StoreSource,
    company: Option<&CompanyId>,
    mut print: impl FnMut(&StatisticsLine),
) -> Result<(), SourceError> {
    let (mut counter, progress) =
        (StatisticsCounter::default(), CommandProgress::start("entries read"));
    let mut show = |counted: (CompanyId, CompanyStatistics)| {
        if company.is_none_or(|company| *company == counted.0) {
            progress.aside(|| print(&StatisticsLine::new(counted)));
        }
    };
    source
        .each_page(&progress, async |entries| {
            let complete = entries.iter().filter_map(|(key, value)| counter.add(key, value));
            complete.for_each(&mut show);
            Ok::<(), SourceError>(())
        })
        .await?;
    counter.finish().for_each(show);
    Ok(())
}
