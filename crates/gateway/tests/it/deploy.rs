//! The dashboard and the alerts in `deploy`, which use the metrics that there are.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use gateway::metrics::{CATALOGUE, MetricKind};
use regex::Regex;
use serde_json::Value;

use crate::promtool;

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const CASES: &str = "deploy/prometheus/alerts_test.yml";
const DASHBOARD: &str = "deploy/grafana/gateway.json";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The metrics of the gateway that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let names = Regex::new(r"\b(gateway|process)_[a-z_]+").unwrap();
    names.find_iter(text).map(|name| name.as_str().to_owned()).collect()
}

/// The series of all metrics in the catalogue.
fn series() -> BTreeSet<String> {
    let of_entry = |name: &str, kind: MetricKind| match kind {
        MetricKind::Histogram => {
            ["_bucket", "_count", "_sum"].map(|suffix| format!("{name}{suffix}")).to_vec()
        }
        MetricKind::Counter | MetricKind::Gauge | MetricKind::Info => vec![name.to_owned()],
    };
    CATALOGUE.iter().flat_map(|entry| of_entry(entry.name, entry.kind)).collect()
}

/// The labels that a text selects or groups by.
fn labels(text: &str) -> BTreeSet<String> {
    let selected = Regex::new(r#"([a-z_]+)(?:=|!=|=~|!~)""#).unwrap();
    let grouped = Regex::new(r"\bby \(([a-z_, ]+)\)").unwrap();
    let selected = selected.captures_iter(text).map(|found| found[1].to_owned());
    let grouped = grouped
        .captures_iter(text)
        .flat_map(|found| found[1].split(", ").map(str::to_owned).collect::<Vec<_>>());
    selected.chain(grouped).collect()
}

/// The labels of the catalogue, and those that a Prometheus or a histogram adds.
fn known_labels() -> BTreeSet<String> {
    let of_metrics = CATALOGUE.iter().flat_map(|entry| {
        entry.labels.trim_matches(['{', '}']).split(',').filter(|label| !label.is_empty())
    });
    of_metrics.chain(["instance", "job", "le"]).map(str::to_owned).collect()
}

/// The expressions of all panels of the dashboard.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_metric_of_a_panel_or_an_alert_exists() {
    let used = named(&format!("{} {}", expressions().join(" "), text(ALERTS)));
    assert!(30 < used.len(), "{used:?}");
    let absent: Vec<_> = used.difference(&series()).cloned().collect();
    assert_eq!(absent, [""; 0]);
}

#[test]
fn every_label_of_a_panel_or_an_alert_exists() {
    let used = labels(&format!("{} {}", expressions().join(" "), text(ALERTS)));
    let absent: Vec<_> = used.difference(&known_labels()).cloned().collect();
    assert_eq!(absent, [""; 0]);
}

#[test]
fn every_metric_is_in_a_panel() {
    let shown = named(&expressions().join(" "));
    let is_shown = |name: &str| shown.iter().any(|shown| shown.starts_with(name));
    let absent = CATALOGUE.iter().map(|entry| entry.name).filter(|name| !is_shown(name));
    assert_eq!(absent.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn every_alert_has_a_case_and_a_runbook() {
    let (alerts, cases) = (text(ALERTS), text(CASES));
    let after = |text: &str, key: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(key)).map(str::to_owned).collect()
    };
    let names = after(&alerts, "- alert: ");
    assert!(10 < names.len());
    for name in &names {
        assert!(cases.contains(&format!("alertname: {name}\n")), "{name} has no case");
    }
    let runbooks = after(&alerts, "runbook: docs/OPERATIONS.md#");
    assert_eq!(runbooks.len(), names.len());
    let anchor = |heading: &str| {
        let kept = |char: &char| char.is_alphanumeric() || *char == ' ' || *char == '-';
        let heading: String = heading.trim_start_matches(['#', ' ']).chars().filter(kept).collect();
        heading.to_lowercase().replace(' ', "-")
    };
    let manual = text("docs/OPERATIONS.md");
    let anchors: BTreeSet<String> =
        manual.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    for runbook in runbooks {
        assert!(anchors.contains(&runbook), "there is no section {runbook}");
    }
}

#[test]
fn promtool_finds_no_fault_in_the_alerts() {
    for (what, arguments) in [
        ("the rules of the alerts", ["check", "rules"]),
        ("the cases of the alerts", ["test", "rules"]),
    ] {
        let file = path(if arguments[0] == "check" { ALERTS } else { CASES });
        let [command, subject] = arguments;
        let faults = promtool::faults(what, &[command, subject, file.to_str().unwrap()], "");
        assert_eq!(faults, None);
    }
}

#[test]
fn promtool_finds_no_fault_in_the_expressions_of_the_dashboard() {
    let rule = |(number, expression): (usize, String)| {
        let expression = expression.replace("$__rate_interval", "5m");
        format!("      - record: panel{number}\n        expr: '{expression}'\n")
    };
    let rules: String = expressions().into_iter().enumerate().map(rule).collect();
    let file = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
    fs::write(&file, format!("groups:\n  - name: panels\n    rules:\n{rules}")).unwrap();
    let arguments = ["check", "rules", file.path().to_str().unwrap()];
    assert_eq!(promtool::faults("the expressions of the dashboard", &arguments, ""), None);
}
