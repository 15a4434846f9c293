//! What is worth an alert now: the rules of deploy/prometheus/alerts.yml, told from the values of
//! this moment and from the samples of the last hour and day. None waits as long as its `for:`
//! says, so an alert may appear here that Prometheus does not raise.

use super::{
    alert_trends::{
        Observed, connections_are_closed, disk_fills_up, disk_has_waited, have_failed,
        is_company_refused, is_company_throttled, is_slow, merges_many,
    },
    metric_values::label,
};
use crate::limits;

/// A condition that an operator should look at: the name of its alert, and what is wrong.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct RaisedAlert {
    pub(super) name: &'static str,
    /// The company that it is about, if it is about one.
    pub(super) company: Option<String>,
    pub(super) words: &'static str,
}

/// The name of a rule, what is wrong if it applies, and whether it does.
type GatewayRule = (&'static str, &'static str, fn(&Observed<'_>) -> bool);

/// The same of a rule that looks at one company.
type CompanyRule = (&'static str, &'static str, fn(&Observed<'_>, &str) -> bool);

/// The rules about the gateway.
const RULES: [GatewayRule; 17] = [
    ("GatewayNotReady", "the store does not accept all requests", |all| {
        is_no(all, "gateway_ready")
    }),
    ("GatewayRequestsFail", "requests failed in the last minutes", have_failed),
    ("GatewayDiskWaits", "commits wait for the disk, or did in the last minutes", disk_has_waited),
    ("GatewayDiskAlmostFull", "little disk space is free", |all| {
        all.values.get("gateway_disk_free_bytes") < 1_073_741_824.0
    }),
    (
        "GatewayDiskFillsUp",
        "at the rate of the last hours, the disk is full within a day",
        disk_fills_up,
    ),
    ("GatewayQueueIsLong", "many requests wait to be stored", |all| {
        1_000.0 < all.values.get("gateway_commit_queue_depth")
    }),
    ("GatewayLaneIsSlow", "a lane is slow", |all| {
        1.0 < all.values.greatest("gateway_lane_wait_seconds")
    }),
    ("GatewayCheckpointStalls", "the checkpoint makes no progress", |all| {
        30.0 < all.values.get("gateway_checkpoint_stall_seconds")
    }),
    ("GatewayIsSlow", "one in a hundred profiles of clients takes more than a second", is_slow),
    (
        "GatewayConnectionsAreClosed",
        "connections were closed or refused in the last minutes, since there are too many",
        connections_are_closed,
    ),
    (
        "GatewayBodyMemoryIsFull",
        "the memory for request bodies is nearly used up",
        is_body_memory_full,
    ),
    ("GatewayOpenFilesRunOut", "nearly all open files are used", |all| {
        let limit = all.values.get("process_max_fds");
        0.0 < limit && 0.9 * limit < all.values.get("process_open_fds")
    }),
    ("GatewayClockIsNotTrusted", "the clock is not trusted", |all| {
        is_no(all, "gateway_clock_trusted")
    }),
    ("GatewayReloadWasRefused", "the last reload was refused; see the log", |all| {
        is_no(all, "gateway_config_last_reload_successful")
    }),
    ("GatewayJournalIsNotArchived", "the journal is not archived", |all| {
        0.0 < all.values.get("gateway_journal_unarchived_files")
    }),
    ("GatewayCertificateExpires", "the certificate ends soon", ends_soon),
    ("GatewayMergesMany", "far more profiles merge than on the day before", merges_many),
];

/// The rules about single companies.
const COMPANY_RULES: [CompanyRule; 3] = [
    ("GatewayCompanyIsThrottled", "its requests exceed its rate limit", is_company_throttled),
    (
        "GatewayRateLimitIsNear",
        "it has nearly used its rate limit of an endpoint",
        is_rate_limit_near,
    ),
    ("GatewayCompanyIsRefused", "more than half of its requests are refused", is_company_refused),
];

/// The rules that the console cannot tell, each with the reason.
pub(super) const NOT_RAISED: [(&str, &str); 1] =
    [("GatewayDown", "a gateway that is down shows no page")];

/// The alerts that apply to the gateway, and to these companies: those whose keys the reader has.
pub(super) fn raised<'c>(
    observed: &Observed<'_>,
    companies: impl Iterator<Item = &'c str>,
) -> Vec<RaisedAlert> {
    let raised = |name, company, words| RaisedAlert { name, company, words };
    let of_gateway = RULES.into_iter().filter(|(.., applies)| applies(observed));
    let of_gateway = of_gateway.map(|(name, words, _)| raised(name, None, words));
    let of_companies = companies.flat_map(|company| {
        let rules = COMPANY_RULES.into_iter();
        let rules = rules.filter(move |(.., applies)| applies(observed, company));
        rules.map(move |(name, words, _)| raised(name, Some(company.to_owned()), words))
    });
    of_gateway.chain(of_companies).collect()
}

fn is_no(observed: &Observed<'_>, series: &str) -> bool {
    observed.values.get(series) < 1.0
}

/// Whether the certificate ends within the notice.
fn ends_soon(observed: &Observed<'_>) -> bool {
    let end = observed.values.get("gateway_tls_certificate_not_after_timestamp_seconds");
    let notice = limits::CERTIFICATE_NOTICE.as_secs_f64();
    0.0 < end && end - observed.now.as_secs_f64() < notice
}

/// Whether one of the budgets for request bodies is nearly used up.
fn is_body_memory_full(Observed { values, .. }: &Observed<'_>) -> bool {
    values.beginning("gateway_body_bytes{").any(|(series, used)| {
        let limit = series.replacen("gateway_body_bytes", "gateway_body_limit_bytes", 1);
        0.9 * values.get(&limit) < used
    })
}

fn is_rate_limit_near(observed: &Observed<'_>, company: &str) -> bool {
    let start = format!("gateway_rate_limit_used_ratio{{company=\"{company}\"");
    let steady = |series: &str| label(series, "window") == Some("steady");
    observed.values.beginning(&start).any(|(series, used)| steady(series) && 0.9 < used)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::console::{
        company_history::CompanyHistory,
        metric_history::{MetricHistory, MomentReadings},
        metric_values::MetricValues,
    };

    const SOUND: &str = "gateway_ready 1\ngateway_disk_free_bytes 9000000000\n\
        gateway_clock_trusted 1\ngateway_config_last_reload_successful 1\n";

    const SOUND_MOMENT: MomentReadings = MomentReadings {
        batches: 0,
        disk_free: 9_000_000_000,
        disk_wait: Duration::ZERO,
        connections_closed: 0,
    };

    /// The names of what is raised by the values of now, and by those of each minute before.
    fn names(
        now: &str,
        minutes: usize,
        before: impl Fn(usize) -> (String, MomentReadings),
    ) -> Vec<&'static str> {
        let (history, companies) = (MetricHistory::default(), CompanyHistory::default());
        for minute in 0..minutes {
            let (text, readings) = before(minute);
            let values = MetricValues::read(&text);
            history.add(&values, &readings);
            companies.add(&values);
        }
        let observed = Observed {
            values: &MetricValues::read(&format!("{SOUND}{now}")),
            minutes: &history.hour(),
            day: &history.day(),
            companies: &companies.minutes(),
            now: Duration::from_secs(1_000),
        };
        raised(&observed, ["ABC123"].into_iter()).iter().map(|alert| alert.name).collect()
    }

    fn now(text: &str) -> Vec<&'static str> {
        names(text, 0, |_| (String::new(), SOUND_MOMENT))
    }

    /// What each rule is raised by, in the order of the rules: the values of now, for how many
    /// minutes the gateway has run, and what was seen at each of them.
    fn raised_by_its_cause(name: &str) -> Vec<&'static str> {
        let quiet = |_: usize| (String::new(), SOUND_MOMENT);
        let requests = |company: &str, code: &str, count: usize| {
            format!(
                "gateway_company_requests_total{{company=\"{company}\",endpoint=\"x\",\
                 code=\"{code}\"}} {count}\n"
            )
        };
        let slow = |count: usize| {
            let series = "gateway_request_seconds_bucket{endpoint=\"POST /client/profiles\"";
            format!(
                "{series},le=\"1\"}} 0\n{series},le=\"2.5\"}} {count}\n{series},le=\"+Inf\"}} {count}\n"
            )
        };
        match name {
            "GatewayNotReady" => now("gateway_ready 0"),
            "GatewayRequestsFail" => {
                names("gateway_requests_total{outcome=\"failed\"} 1", 2, quiet)
            }
            "GatewayDiskWaits" => names("", 3, |minute| {
                let disk_wait = Duration::from_secs(if minute == 0 { 2 } else { 0 });
                (String::new(), MomentReadings { disk_wait, ..SOUND_MOMENT })
            }),
            "GatewayDiskAlmostFull" => now("gateway_disk_free_bytes 100"),
            "GatewayDiskFillsUp" => names("", 90, |minute| {
                let disk_free = 9_000_000_000 - 10_000_000 * minute as u64;
                (String::new(), MomentReadings { disk_free, ..SOUND_MOMENT })
            }),
            "GatewayQueueIsLong" => now("gateway_commit_queue_depth 1001"),
            "GatewayLaneIsSlow" => now("gateway_lane_wait_seconds{lane=\"3\"} 2"),
            "GatewayCheckpointStalls" => now("gateway_checkpoint_stall_seconds 31"),
            "GatewayIsSlow" => names(&slow(100), 2, |_| (slow(0), SOUND_MOMENT)),
            "GatewayConnectionsAreClosed" => {
                names("gateway_connections_closed_total{reason=\"full\"} 3", 2, quiet)
            }
            "GatewayBodyMemoryIsFull" => now(
                "gateway_body_bytes{budget=\"b\"} 91\ngateway_body_limit_bytes{budget=\"b\"} 100",
            ),
            "GatewayOpenFilesRunOut" => now("process_max_fds 100\nprocess_open_fds 91"),
            "GatewayClockIsNotTrusted" => now("gateway_clock_trusted 0"),
            "GatewayReloadWasRefused" => now("gateway_config_last_reload_successful 0"),
            "GatewayJournalIsNotArchived" => now("gateway_journal_unarchived_files 1"),
            "GatewayCertificateExpires" => {
                now("gateway_tls_certificate_not_after_timestamp_seconds 2000")
            }
            "GatewayMergesMany" => {
                let merged =
                    |count| format!("gateway_profiles_total{{effect=\"merged\"}} {count}\n");
                names(&merged(400), 200, |minute| (merged(minute / 10), SOUND_MOMENT))
            }
            "GatewayCompanyIsThrottled" => names(&requests("ABC123", "throttled", 1), 2, |_| {
                (requests("ABC123", "accepted", 1), SOUND_MOMENT)
            }),
            "GatewayRateLimitIsNear" => now(
                "gateway_rate_limit_used_ratio{company=\"ABC123\",endpoint=\"x\",window=\"steady\"} 0.95",
            ),
            "GatewayCompanyIsRefused" => names(&requests("ABC123", "invalid", 101), 3, quiet),
            other => panic!("{other} has no cause here"),
        }
    }

    #[test]
    fn a_sound_gateway_raises_nothing_and_each_rule_is_raised_by_its_cause_alone() {
        assert_eq!(now(""), [""; 0]);
        let steady = |minute: usize| {
            let text = format!("gateway_profiles_total{{effect=\"merged\"}} {}\n", 3 * minute);
            (text, MomentReadings { disk_free: 9_000_000_000 - minute as u64, ..SOUND_MOMENT })
        };
        let merged = "gateway_profiles_total{effect=\"merged\"} 600";
        assert_eq!(names(merged, 200, steady), [""; 0]);
        let rules = RULES.iter().map(|(name, ..)| *name);
        for name in rules.chain(COMPANY_RULES.iter().map(|(name, ..)| *name)) {
            assert_eq!(raised_by_its_cause(name), [name]);
        }
    }

    #[test]
    fn alerts_of_another_company_are_not_shown() {
        let near = "gateway_rate_limit_used_ratio{company=\"ABC1234\",endpoint=\"x\",\
            window=\"steady\"} 0.95";
        assert_eq!(now(near), [""; 0]);
    }

    #[test]
    fn every_rule_of_prometheus_is_raised_or_has_a_reason_why_it_is_not() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus/alerts.yml");
        let text = std::fs::read_to_string(root).unwrap();
        let mut theirs: Vec<&str> =
            text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
        let rules = RULES.iter().map(|(name, ..)| *name);
        let rules = rules.chain(COMPANY_RULES.iter().map(|(name, ..)| *name));
        let mut ours: Vec<&str> = rules.chain(NOT_RAISED.map(|(name, _)| name)).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, theirs);
    }
}
