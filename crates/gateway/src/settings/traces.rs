//! The settings about traces.

use super::{
    arguments::ServeArguments, document::SettingsTable, otlp_endpoint::OtlpEndpoint,
    problem::ProblemReport,
};
use crate::limits;

/// The settings about traces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceSettings {
    /// Where spans are sent. `None`: there are none.
    pub endpoint: Option<OtlpEndpoint>,
    /// Of 100 traces that begin here, how many are recorded.
    pub sample_percent: u8,
}

/// What a configuration file has of these settings.
#[derive(Clone, Debug, Default)]
pub(super) struct TraceFields {
    endpoint: Option<OtlpEndpoint>,
    sample_percent: Option<u64>,
}

impl TraceFields {
    pub(super) fn read(table: &mut SettingsTable<'_>, report: &mut ProblemReport) -> TraceFields {
        let endpoint = table.take("otlp_endpoint");
        let percent = table.take("otlp_sample_percent");
        TraceFields {
            endpoint: endpoint.and_then(|field| field.parse(report)),
            sample_percent: percent
                .and_then(|field| field.number(&limits::SAMPLE_PERCENT_RANGE, report)),
        }
    }
}

impl TraceSettings {
    /// Flags take precedence over the file, and the file over defaults.
    pub(super) fn new(arguments: &ServeArguments, file: TraceFields) -> TraceSettings {
        let percent = arguments.otlp_sample_percent.or(file.sample_percent);
        let percent = percent.and_then(|percent| percent.try_into().ok());
        TraceSettings {
            endpoint: arguments.otlp_endpoint.clone().or(file.endpoint),
            sample_percent: percent.unwrap_or(limits::SAMPLE_PERCENT),
        }
    }
}
