//! What is worth an alert now: those rules of deploy/prometheus/alerts.yml that the values of one
//! moment show, and that failed requests of the last minutes show. Rules about other rates,
//! forecasts and single companies need Prometheus, and so does the rule that a gateway is down.
//! None waits as long as its `for:` says, so an alert may appear here that Prometheus does not
//! raise.

use std::time::Duration;

use super::{metric_history::MetricSample, metric_values::MetricValues};
use crate::limits;

/// A condition that an operator should look at: the name of its alert, and what is wrong.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct RaisedAlert {
    pub(super) name: &'static str,
    pub(super) words: &'static str,
}

/// The minutes over which failed requests count.
const FAILED_MINUTES: usize = 5;

/// The alerts that apply to these values. `minutes` are the newest samples, one for each minute.
pub(super) fn raised(
    values: &MetricValues,
    minutes: &[MetricSample],
    now: Duration,
) -> Vec<RaisedAlert> {
    let used = |used: &str, limit: &str| 0.9 * values.get(limit) < values.get(used);
    let files = values.get("process_max_fds") > 0.0 && used("process_open_fds", "process_max_fds");
    let rules: [(bool, &'static str, &'static str); 11] = [
        (
            values.get("gateway_ready") < 1.0,
            "GatewayNotReady",
            "the store does not accept all requests",
        ),
        (
            have_failed(values, minutes),
            "GatewayRequestsFail",
            "requests failed in the last minutes",
        ),
        (
            1.0 < values.get("gateway_disk_wait_seconds"),
            "GatewayDiskWaits",
            "commits wait for the disk",
        ),
        (
            values.get("gateway_disk_free_bytes") < 1_073_741_824.0,
            "GatewayDiskAlmostFull",
            "little disk space is free",
        ),
        (
            1_000.0 < values.get("gateway_commit_queue_depth"),
            "GatewayQueueIsLong",
            "many requests wait to be stored",
        ),
        (1.0 < values.greatest("gateway_lane_wait_seconds"), "GatewayLaneIsSlow", "a lane is slow"),
        (
            30.0 < values.get("gateway_checkpoint_stall_seconds"),
            "GatewayCheckpointStalls",
            "the checkpoint makes no progress",
        ),
        (files, "GatewayOpenFilesRunOut", "nearly all open files are used"),
        (
            values.get("gateway_clock_trusted") < 1.0,
            "GatewayClockIsNotTrusted",
            "the clock is not trusted",
        ),
        (
            values.get("gateway_config_last_reload_successful") < 1.0,
            "GatewayReloadWasRefused",
            "the last reload was refused; see the log",
        ),
        (ends_soon(values, now), "GatewayCertificateExpires", "the certificate ends soon"),
    ];
    let unarchived = 0.0 < values.get("gateway_journal_unarchived_files");
    let archive = (unarchived, "GatewayJournalIsNotArchived", "the journal is not archived");
    let bodies = (
        is_body_memory_full(values),
        "GatewayBodyMemoryIsFull",
        "the memory for request bodies is nearly used up",
    );
    let raised = rules.into_iter().chain([archive, bodies]).filter(|(applies, ..)| *applies);
    raised.map(|(_, name, words)| RaisedAlert { name, words }).collect()
}

/// Whether the certificate ends within the notice.
fn ends_soon(values: &MetricValues, now: Duration) -> bool {
    let end = values.get("gateway_tls_certificate_not_after_timestamp_seconds");
    0.0 < end && end - now.as_secs_f64() < limits::CERTIFICATE_NOTICE.as_secs_f64()
}

/// Whether one of the budgets for request bodies is nearly used up.
fn is_body_memory_full(values: &MetricValues) -> bool {
    values.beginning("gateway_body_bytes{").any(|(series, used)| {
        let limit = series.replacen("gateway_body_bytes", "gateway_body_limit_bytes", 1);
        0.9 * values.get(&limit) < used
    })
}

fn have_failed(values: &MetricValues, minutes: &[MetricSample]) -> bool {
    const FAILED: &str = "gateway_requests_total{outcome=\"failed\"}";
    let before = minutes.iter().rev().nth(FAILED_MINUTES).or(minutes.first());
    before.is_some_and(|before| before.get(FAILED) < values.get(FAILED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::metric_history::MetricHistory;

    const SOUND: &str = "gateway_ready 1\ngateway_disk_free_bytes 9000000000\n\
        gateway_clock_trusted 1\ngateway_config_last_reload_successful 1\n";

    fn names(text: &str) -> Vec<&'static str> {
        let values = MetricValues::read(&format!("{SOUND}{text}"));
        raised(&values, &[], Duration::from_secs(1_000)).iter().map(|alert| alert.name).collect()
    }

    /// The alerts of a gateway to which everything happens at once.
    fn all_raised() -> Vec<RaisedAlert> {
        let history = MetricHistory::default();
        history.add(&MetricValues::read("gateway_requests_total{outcome=\"failed\"} 1\n"), 0);
        let values = MetricValues::read(
            "gateway_ready 0\ngateway_requests_total{outcome=\"failed\"} 2\n\
             gateway_disk_wait_seconds 2\ngateway_disk_free_bytes 100\n\
             gateway_commit_queue_depth 1001\ngateway_lane_wait_seconds{lane=\"3\"} 2\n\
             gateway_checkpoint_stall_seconds 31\nprocess_max_fds 100\nprocess_open_fds 91\n\
             gateway_clock_trusted 0\ngateway_config_last_reload_successful 0\n\
             gateway_tls_certificate_not_after_timestamp_seconds 2000\n\
             gateway_journal_unarchived_files 1\ngateway_body_bytes{budget=\"bulk\"} 91\n\
             gateway_body_limit_bytes{budget=\"bulk\"} 100\n",
        );
        raised(&values, &history.hour(), Duration::from_secs(1_000))
    }

    #[test]
    fn a_sound_gateway_raises_nothing_and_each_fault_its_alert() {
        assert_eq!(names(""), [""; 0]);
        for (line, name) in [
            ("gateway_ready 0", "GatewayNotReady"),
            ("gateway_disk_free_bytes 100", "GatewayDiskAlmostFull"),
            ("gateway_lane_wait_seconds{lane=\"3\"} 2", "GatewayLaneIsSlow"),
            (
                "gateway_tls_certificate_not_after_timestamp_seconds 2000",
                "GatewayCertificateExpires",
            ),
            ("gateway_journal_unarchived_files 1", "GatewayJournalIsNotArchived"),
        ] {
            assert_eq!(names(line), [name], "{line}");
        }
    }

    #[test]
    fn every_alert_is_one_of_the_rules_of_prometheus() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus/alerts.yml");
        let rules = std::fs::read_to_string(root).unwrap();
        let all = all_raised();
        assert_eq!(all.len(), 13, "{all:?}");
        for alert in all {
            assert!(rules.contains(&format!("alert: {}\n", alert.name)), "{alert:?}");
        }
    }
}
