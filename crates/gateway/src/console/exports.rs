//! Exports: those that are under way, those that ended, and new ones.

use actix_web::{
    HttpResponse,
    http::{StatusCode, Version},
};
use maud::{Markup, html};
use profile_protocol::NamedTime;
use profile_store::Timestamp;

use super::{
    api_call::CompanyVisit,
    export_download,
    export_progress::{EndedExport, ExportEnd, ExportNote, ExportWish},
    form::FormFields,
    layout::{ConsoleSection, form_token, path_of},
    read_access::ReadAccess,
    refusal::ConsoleRefusal,
    table::columns,
    time::shown_time,
};
use crate::{
    api::rfc3339,
    capacity::open_connection::ConnectionActivity,
    http::{admission::client_address_of, auth},
    settings::TransferFormat,
    tenants::scope::KeyScope,
};

/// The forms of a file, as the form of the page names them, and in words.
const FORMATS: [(&str, TransferFormat, &str); 2] = [
    ("csv", TransferFormat::Csv, "a table (CSV)"),
    ("jsonl", TransferFormat::Jsonl, "lines of JSON (JSONL)"),
];

/// The exports of the company, and the form for another one.
pub(super) fn list(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    Ok(shown(of, StatusCode::OK, ("csv", ""), &html! {}))
}

fn shown(
    of: &CompanyVisit<'_>,
    status: StatusCode,
    asked: (&str, &str),
    wrong: &Markup,
) -> HttpResponse {
    let content = html! {
        (new_form(of, asked, wrong))
        (exports(of))
    };
    of.page(status, ConsoleSection::Exports, "Exports", &content)
}

fn new_form(of: &CompanyVisit<'_>, (format, since): (&str, &str), wrong: &Markup) -> Markup {
    html! {
        h2 #new { "Export people" }
        (wrong)
        form method="post" action=(path_of(&of.principal.company.id, "exports")) {
            (form_token(of.visit))
            div.fields {
                p {
                    label for="format" { "As" }
                    select #format name="format" {
                        @for (value, _, words) in FORMATS {
                            option value=(value) selected[value == format] { (words) }
                        }
                    }
                }
                p {
                    label for="since" { "Only people who were updated since" }
                    input #since name="since" value=(since) autocomplete="off" spellcheck="false"
                        placeholder="2026-11-30T12:00:00Z" aria-describedby="since-hint";
                }
            }
            p #since-hint.hint {
                "A time in UTC, such as 2026-11-30T12:00:00Z or 2026-11-30; empty for everyone. A "
                "table has an apostrophe before each cell that a spreadsheet would take for a "
                "formula."
            }
            button type="submit" { "Export" }
        }
    }
}

/// What is under way, and what ended. The script looks again from time to time.
fn exports(of: &CompanyVisit<'_>) -> Markup {
    let (company, exports) = (&of.principal.company.id, &of.visit.gateway.console_exports);
    let (running, ended) = (exports.running(company), exports.ended(company));
    html! {
        section #exports data-refresh aria-labelledby="running-title" {
            h2 #running-title { "Under way" }
            @if running.is_empty() { p { "No export is under way." } }
            @for export in &running {
                p {
                    (export.done.rows) " rows, " (export.done.bytes) " bytes so far of "
                    (format_words(export.wish.format)) (since_words(export.wish)) "; began "
                    (began(export))
                }
            }
            h2 { "Ended" }
            @if ended.is_empty() { p { "No export has ended since the gateway started." } }
            @else { (table(&ended)) }
        }
    }
}

fn table(ended: &[EndedExport]) -> Markup {
    html! {
        table {
            (columns(&["Began", "Content", "End"], &["Rows", "Bytes", "Seconds"]))
            tbody {
                @for EndedExport { export, took, end } in ended {
                    tr {
                        th scope="row" { (began(export)) }
                        td { (format_words(export.wish.format)) (since_words(export.wish)) }
                        td { (end_words(export, *end)) }
                        td.number { (export.done.rows) }
                        td.number { (export.done.bytes) }
                        td.number { (format!("{:.1}", took.as_secs_f64())) }
                    }
                }
            }
        }
        p.hint {
            "A whole file has so many bytes. One that was cut off is shorter, and the browser "
            "reports its download as failed: do not use it."
        }
    }
}

fn end_words(export: &ExportNote, end: ExportEnd) -> Markup {
    html! {
        @match end {
            ExportEnd::Whole => { span.good { "Whole" } }
            ExportEnd::CutOff(cut) => { strong.bad { "Cut off" } ": " (cut) }
        }
        @if export.done.damaged != 0 { "; damaged ones left out: " (export.done.damaged) }
    }
}

fn began(export: &ExportNote) -> Markup {
    let began = u64::try_from(export.began.as_millis()).unwrap_or(u64::MAX);
    shown_time(&rfc3339(Timestamp::from_millis(began)))
}

fn format_words(format: TransferFormat) -> &'static str {
    FORMATS.iter().find(|(_, other, _)| *other == format).map_or("", |(_, _, words)| words)
}

fn since_words(wish: ExportWish) -> String {
    let since = wish.since.map(|since| rfc3339(Timestamp::from_millis(since.unix_millis())));
    since.map(|since| format!(", updated since {since}")).unwrap_or_default()
}

/// Exports what a form asks for.
pub(super) fn create(
    of: &CompanyVisit<'_>,
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    let request = of.visit.request;
    // An older client would take a response that was cut off for a whole one.
    if request.version() < Version::HTTP_11 {
        return Err(ConsoleRefusal::OldHttp);
    }
    let wish = match wish_of(form) {
        Ok(wish) => wish,
        Err(wrong) => {
            let asked = (form.text("format"), form.text("since"));
            let wrong = html! { div.wrong role="alert" { (wrong) } };
            return Ok(shown(of, StatusCode::BAD_REQUEST, asked, &wrong));
        }
    };
    let (gateway, company) = (of.visit.gateway, &of.principal.company.id);
    let running = gateway.console_exports.begin(company, wish, gateway.clock);
    let running = running.ok_or(ConsoleRefusal::Exports)?;
    let client = client_address_of(request, gateway);
    tracing::info!(%company, %client, "profiles are being exported from the console");
    // The connection is not idle until the export ends.
    let activity = request.conn_data::<ConnectionActivity>();
    let in_progress = activity.and_then(ConnectionActivity::begin);
    Ok(export_download::streamed(ReadAccess::of(of), wish, running, in_progress))
}

/// What a form asks for, or what is wrong with it.
fn wish_of(form: &FormFields) -> Result<ExportWish, String> {
    let asked = form.text("format");
    let format = FORMATS.iter().find(|(name, ..)| *name == asked);
    let (_, format, _) = format.ok_or("Choose one of the forms of a file.")?;
    let since = match form.text("since") {
        "" => None,
        text => Some(text.parse::<NamedTime>().map_err(|error| format!("The time {error}."))?),
    };
    Ok(ExportWish { format: *format, since })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_without_a_known_form_of_a_file_or_time_says_what_would_be_right() {
        let wish = |text: &str| wish_of(&FormFields::parse(text.as_bytes()).unwrap());
        assert_eq!(wish("format=csv&since=").unwrap().since, None);
        assert!(wish("format=jsonl&since=2026-11-30T12:00:00Z").unwrap().since.is_some());
        assert!(wish("format=xml").unwrap_err().contains("Choose one"));
        assert!(wish("format=csv&since=yesterday").unwrap_err().contains("2026-11-30T12:00:00Z"));
    }
}
