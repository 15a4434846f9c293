//! What the gateway does: health, charts, limits, and the configuration in force.

use std::iter::zip;

use actix_web::{HttpResponse, http::StatusCode};
use maud::{Markup, html};
use profile_protocol::CompanyId;

use super::{
    alert_trends::Observed,
    alerts::{self, NOT_RAISED},
    api_call::CompanyVisit,
    chart,
    layout::{ConsoleSection, path_of},
    metric_history::{BATCHES, MERGED, MetricSample, increases, quantile},
    metric_values::{MetricValues, label},
    profile_counting,
    refusal::ConsoleRefusal,
    table::columns,
};
use crate::{
    http::auth,
    metrics::MetricsFormat,
    ops::{readiness, readings},
    settings::company_text,
    state::GatewayState,
    tenants::{directory::Company, scope::KeyScope},
};

const ACCEPTED: &str = "gateway_requests_total{outcome=\"accepted\"}";
const REFUSED: &str = "gateway_requests_total{outcome=\"refused\"}";
const FAILED: &str = "gateway_requests_total{outcome=\"failed\"}";

/// The page. What it shows of the whole gateway is what `/metrics` shows to each who reaches this
/// listener; of companies it shows those that a key of the session may read.
pub(super) async fn page(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    let gateway = of.visit.gateway;
    gateway.metrics.set_readings(readings::read(gateway).await);
    let values = MetricValues::read(&gateway.metrics.render(MetricsFormat::Text));
    let asked = of.asked();
    let is_day = asked.text("range") == "day";
    let companies_seen = of.visit.readable_companies().map(|company| company.id.clone());
    profile_counting::refresh(gateway, companies_seen).await;
    let history = &gateway.metric_history;
    let samples = if is_day { history.day() } else { history.hour() };
    let content = html! {
        (alerts_section(of, &values))
        (charts(of, &samples, is_day))
        (refusals_section(&samples))
        (status(gateway, &values))
        (companies(of, &values))
        (configuration(&of.principal.company, gateway))
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::Overview, "Overview", &content))
}

fn alerts_section(of: &CompanyVisit<'_>, values: &MetricValues) -> Markup {
    let gateway = of.visit.gateway;
    let observed = Observed {
        values,
        minutes: &gateway.metric_history.hour(),
        day: &gateway.metric_history.day(),
        companies: &gateway.company_history.minutes(),
        now: gateway.clock.unix_time(),
    };
    let companies = of.visit.readable_companies().map(|company| company.id.as_str());
    let raised = alerts::raised(&observed, companies);
    let reasons = readiness::reasons_against(gateway);
    html! {
        @if raised.is_empty() && reasons.is_empty() {
            p.good role="status" {
                "Ready: the store accepts all requests, and none of these alerts applies."
            }
        } @else {
            div.wrong role="alert" {
                @for reason in reasons { p { "Not ready: " (reason) } }
                @for alert in &raised {
                    p {
                        strong { (alert.name) } ": "
                        @if let Some(company) = &alert.company { "company " (company) ": " }
                        (alert.words)
                    }
                }
            }
        }
        p.hint {
            "Shown are the alerts of Prometheus that the values of this moment and of the last day "
            "raise, without the time that Prometheus waits, and those about single companies of "
            "yours. The day is that of this page's memory, which begins with the gateway."
            @for (name, reason) in NOT_RAISED { " " (name) " needs Prometheus: " (reason) "." }
        }
    }
}

fn charts(of: &CompanyVisit<'_>, samples: &[MetricSample], is_day: bool) -> Markup {
    let page = path_of(&of.principal.company.id, "overview");
    let unit = if is_day { "in 5 minutes" } else { "in a minute" };
    let of_series = |series| increases(samples, series);
    let times = |part| {
        let pairs = zip(samples, samples.iter().skip(1));
        pairs.map(|(before, after)| quantile(before, after, part).unwrap_or_default()).collect()
    };
    let (half, nearly_all): (Vec<f64>, Vec<f64>) = (times(0.5), times(0.99));
    let stored = zip(of_series(ACCEPTED), of_series(BATCHES));
    let sizes: Vec<f64> = stored
        .map(|(requests, batches)| if batches > 0.0 { requests / batches } else { 0.0 })
        .collect();
    html! {
        h2 #charts { @if is_day { "The last day" } @else { "The last hour" } }
        p {
            @if is_day { a href=(page) { "The last hour" } }
            @else { a href=(format!("{page}?range=day")) { "The last day" } }
        }
        @if samples.len() < 2 { p.faint { "Charts begin a minute after the start." } }
        div.columns {
            (chart::bars("Accepted requests", unit, &of_series(ACCEPTED)))
            (chart::bars("Refused requests", unit, &of_series(REFUSED)))
            (chart::bars("Failed requests", unit, &of_series(FAILED)))
            (chart::bars("Requests that merged people", unit, &of_series(MERGED)))
            (chart::bars("Time of half of the clients' requests", "ms", &half))
            (chart::bars("Time of 99 of 100 clients' requests", "ms", &nearly_all))
            (chart::bars("Accepted requests in one batch", "requests", &sizes))
        }
    }
}

fn refusals_section(samples: &[MetricSample]) -> Markup {
    const START: &str = "gateway_refusals_total{";
    let ends = samples.first().zip(samples.last());
    let counts = ends.into_iter().flat_map(|(first, last)| {
        let increase = |(name, value): (&str, f64)| (name.to_owned(), value - first.get(name));
        last.beginning(START).map(increase).collect::<Vec<_>>()
    });
    let counts: Vec<(String, f64)> = counts.filter(|(_, count)| *count > 0.0).collect();
    html! {
        h2 { "Refusals by code" }
        @if counts.is_empty() { p { "There were none." } } @else {
            table {
                (columns(&["Code"], &["Requests"]))
                tbody {
                    @for (name, count) in &counts {
                        tr {
                            th scope="row" { (label(name, "code").unwrap_or_default()) }
                            td.number { (chart::number(*count)) }
                        }
                    }
                }
            }
        }
    }
}

fn status(gateway: &GatewayState, values: &MetricValues) -> Markup {
    let mebibytes = |series| format!("{} MiB", chart::number(values.get(series) / 1_048_576.0));
    let seconds = |series| format!("{} s", chart::number(values.get(series)));
    let up = gateway.clock.elapsed().as_secs();
    html! {
        h2 { "State" }
        dl {
            dt { "Version" } dd { (env!("CARGO_PKG_VERSION")) }
            dt { "Up for" } dd { (up / 3_600) " h " (up / 60 % 60) " min" }
            dt { "Free disk space" } dd { (mebibytes("gateway_disk_free_bytes")) }
            dt { "Store on disk" } dd { (mebibytes("gateway_store_bytes")) }
            dt { "Memory of the process" } dd { (mebibytes("process_resident_memory_bytes")) }
            dt { "Checkpoint without progress" } dd { (seconds("gateway_checkpoint_stall_seconds")) }
            dt { "Oldest wait for the disk" } dd { (seconds("gateway_disk_wait_seconds")) }
            dt { "Waiting to be stored" } dd { (values.get("gateway_commit_queue_depth")) }
            dt { "Client networks counted" } dd { (values.get("gateway_client_networks")) }
        }
    }
}

/// The companies that the session may read: their requests, and how much of their limits is used.
fn companies(of: &CompanyVisit<'_>, values: &MetricValues) -> Markup {
    html! {
        @for company in of.visit.readable_companies() {
            @let company = &company.id;
            @let requests = format!("gateway_company_requests_total{{company=\"{company}\"");
            @let used = format!("gateway_rate_limit_used_ratio{{company=\"{company}\"");
            h2 { "Company " (company) }
            (profiles(of.visit.gateway, company))
            table {
                (columns(&["Endpoint", "Answer"], &["Requests since the start"]))
                tbody {
                    @for (name, count) in values.beginning(&requests) {
                        tr {
                            th scope="row" { (label(name, "endpoint").unwrap_or_default()) }
                            td { (label(name, "code").unwrap_or_default()) }
                            td.number { (count) }
                        }
                    }
                }
            }
            @for (name, part) in values.beginning(&used) {
                p {
                    "Limit used of " (label(name, "endpoint").unwrap_or_default()) ", "
                    (label(name, "window").unwrap_or_default()) " window: "
                    (chart::number(part * 100.0)) " %"
                }
            }
        }
    }
}

/// How many profiles the company has, as of its last count.
fn profiles(gateway: &GatewayState, company: &CompanyId) -> Markup {
    html! {
        p {
            @match gateway.profile_counts.of(company) {
                Some(count) => {
                    @let age = gateway.clock.elapsed().saturating_sub(count.at).as_secs();
                    strong { (grouped(count.profiles)) }
                    @if count.profiles == 1 { " profile" } @else { " profiles" }
                    ", counted " (age / 60) " min " (age % 60) " s ago."
                },
                None => "The profiles are being counted. Load the page again later.",
            }
        }
    }
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.char_indices() {
        if place != 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn configuration(company: &Company, gateway: &GatewayState) -> Markup {
    html! {
        h2 { "Configuration in force" }
        details {
            summary { "Settings of the gateway since its start, and of this company, without secrets" }
            pre { (gateway.server_text) "\n" (company_text(company)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let numbers = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in numbers {
            assert_eq!(grouped(number), text);
        }
    }
}
