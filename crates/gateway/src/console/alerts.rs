//! What is worth an alert now, by the rules of deploy/prometheus/alerts.yml.

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
    let certificate = values.get("gateway_tls_certificate_not_after_timestamp_seconds");
    let notice = limits::CERTIFICATE_NOTICE.as_secs_f64();
    let ends_soon = certificate > 0.0 && certificate - now.as_secs_f64() < notice;
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
        (ends_soon, "GatewayCertificateExpires", "the certificate ends soon"),
    ];
    let unarchived = 0.0 < values.get("gateway_journal_unarchived_files");
    let archive = (unarchived, "GatewayJournalIsNotArchived", "the journal is not archived");
    let raised = rules.into_iter().chain([archive]).filter(|(applies, ..)| *applies);
    raised.map(|(_, name, words)| RaisedAlert { name, words }).collect()
}

fn have_failed(values: &MetricValues, minutes: &[MetricSample]) -> bool {
    const FAILED: &str = "gateway_requests_total{outcome=\"failed\"}";
    let before = minutes.iter().rev().nth(FAILED_MINUTES).or(minutes.first());
    before.is_some_and(|before| before.get(FAILED) < values.get(FAILED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "gateway_ready 1\ngateway_disk_free_bytes 9000000000\n\
        gateway_clock_trusted 1\ngateway_config_last_reload_successful 1\n";

    fn names(text: &str) -> Vec<&'static str> {
        let values = MetricValues::read(&format!("{SOUND}{text}"));
        raised(&values, &[], Duration::from_secs(1_000)).iter().map(|alert| alert.name).collect()
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
        let all = raised(&MetricValues::read("gateway_lane_wait_seconds 2"), &[], Duration::ZERO);
        assert!(2 < all.len());
        for alert in all {
            assert!(rules.contains(&format!("alert: {}\n", alert.name)), "{alert:?}");
        }
    }
}
