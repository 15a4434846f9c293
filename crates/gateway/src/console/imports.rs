//! Bulk imports: those that run, those that ended with their faulty rows, and new ones.

use actix_web::{HttpResponse, http::StatusCode};
use maud::{Markup, html};
use profile_store::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    api_call::{CompanyVisit, ListPage, OneResource, decoded, query_of},
    form::FormFields,
    layout::{ConsoleSection, form_token, path_of},
    page::see_other,
    refusal::{ConsoleRefusal, errors_of},
    table::columns,
    time::shown_time,
};
use crate::{
    api::rfc3339, endpoints::Endpoint, http::refusal::Refusal, limits, tenants::scope::KeyScope,
};

/// An import as the API shows it.
#[derive(Deserialize)]
struct ImportDocument {
    id: String,
    attributes: ImportFacts,
}

#[derive(Deserialize)]
struct ImportFacts {
    created_at: String,
    completed_at: Option<String>,
    total_count: u32,
    completed_count: u32,
    failed_count: u32,
}

/// An error of a row as the API shows it.
#[derive(Deserialize)]
struct RowErrorDocument {
    attributes: RowErrorFacts,
}

#[derive(Deserialize)]
struct RowErrorFacts {
    code: String,
    detail: String,
    source: RowErrorSource,
    original_payload: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct RowErrorSource {
    pointer: String,
}

#[derive(Deserialize)]
struct ImportedPerson {
    id: String,
}

/// The imports of the company, and the form for another one.
pub(super) async fn list(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    shown(of, StatusCode::OK, "", &html! {}).await
}

async fn shown(
    of: &CompanyVisit<'_>,
    status: StatusCode,
    rows: &str,
    wrong: &Markup,
) -> Result<HttpResponse, ConsoleRefusal> {
    let company = &of.principal.company.id;
    let asked = of.asked();
    let size = limits::CONSOLE_PAGE.to_string();
    let query = query_of(&[("page[size]", &size), ("page[cursor]", asked.text("cursor"))]);
    let imports: ListPage<ImportDocument> = of.read(Endpoint::ListBulkImports, "", &query).await?;
    let content = html! {
        (running(of))
        h2 { "Ended" }
        @if imports.data.is_empty() { p { "There was no import." } } @else { (table(of, &imports.data)) }
        @if let Some(cursor) = imports.next_cursor() {
            @let query = query_of(&[("cursor", &cursor)]);
            p { a href=(format!("{}?{query}", path_of(company, "imports"))) { "Earlier" } }
        }
        (new_form(of, rows, wrong))
    };
    Ok(of.page(status, ConsoleSection::Imports, "Imports", &content))
}

/// The imports that are being carried out. The script looks again from time to time.
fn running(of: &CompanyVisit<'_>) -> Markup {
    let steps = of.visit.gateway.running_imports.of_company(&of.principal.company.id);
    html! {
        section #running data-refresh aria-labelledby="running-title" {
            h2 #running-title { "Under way" }
            @if steps.is_empty() { p { "No import is under way." } }
            @for step in &steps {
                @let done = step.completed + step.failed;
                @let began = u64::try_from(step.began.as_millis()).unwrap_or(u64::MAX);
                p {
                    label {
                        (done) " of " (step.total) " rows, of which " (step.failed) " failed; began "
                        (shown_time(&rfc3339(Timestamp::from_millis(began)))) " "
                        progress max=(step.total) value=(done) { (done) " of " (step.total) }
                    }
                }
            }
        }
    }
}

fn table(of: &CompanyVisit<'_>, imports: &[ImportDocument]) -> Markup {
    html! {
        table {
            (columns(&["Import", "Began", "Ended"], &["Rows", "Stored", "Failed"]))
            tbody {
                @for ImportDocument { id, attributes: facts } in imports {
                    tr {
                        th scope="row" {
                            a href=(path_of(&of.principal.company.id, &format!("imports/{id}"))) { (id) }
                        }
                        td { (shown_time(&facts.created_at)) }
                        td { @if let Some(at) = &facts.completed_at { (shown_time(at)) } }
                        td.number { (facts.total_count) }
                        td.number { (facts.completed_count) }
                        td.number { (facts.failed_count) }
                    }
                }
            }
        }
    }
}

fn new_form(of: &CompanyVisit<'_>, rows: &str, wrong: &Markup) -> Markup {
    html! {
        h2 #new { "Import people" }
        @if of.principal.scopes.contains(KeyScope::ProfilesWrite) {
            (wrong)
            form method="post" action=(path_of(&of.principal.company.id, "imports")) {
                (form_token(of.visit))
                p {
                    label for="rows" { "One person on each line, as JSON attributes" }
                    textarea #rows name="rows" rows="8" required spellcheck="false"
                        aria-describedby="rows-hint" { "\n" (rows) }
                }
                p #rows-hint.hint {
                    "As in " code { "{\"email\": \"ann@example.com\", \"properties\": {\"plan\": \"gold\"}}" }
                    ". Larger imports go to " code { "POST /api/profile-bulk-import-jobs" } "."
                }
                button type="submit" { "Import" }
            }
        } @else {
            p.faint { "To import, sign in with a key that has the scope profiles:write." }
        }
    }
}

/// Imports the rows of a form.
pub(super) async fn create(
    of: &CompanyVisit<'_>,
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    let rows = form.raw("rows");
    let body = match body_of(rows) {
        Ok(body) => body,
        Err(line) => {
            let wrong = html! { div.wrong role="alert" { "Line " (line) " is not JSON." } };
            return shown(of, StatusCode::BAD_REQUEST, rows, &wrong).await;
        }
    };
    let headers = actix_web::http::header::HeaderMap::new();
    match of.call(Endpoint::CreateBulkImport, "", "", headers, body).await {
        Ok(response) => {
            let import: OneResource<ImportDocument> = decoded(&response)?;
            let page = format!("imports/{}", import.data.id);
            Ok(see_other(&path_of(&of.principal.company.id, &page)))
        }
        Err(refusal @ Refusal::Violations(_)) => {
            let wrong = html! {
                div.wrong role="alert" { @for error in errors_of(&refusal) { p { (error) } } }
            };
            shown(of, refusal.status(), rows, &wrong).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The body of an import of these rows, or the number of the first line that is not JSON.
fn body_of(rows: &str) -> Result<Vec<u8>, usize> {
    let lines = (1_usize..).zip(rows.lines()).filter(|(_, line)| !line.trim().is_empty());
    let resources = lines.map(|(number, line)| {
        let attributes: &RawValue = serde_json::from_str(line).or(Err(number))?;
        Ok(format!(r#"{{"type":"profile","attributes":{}}}"#, attributes.get()))
    });
    let resources = resources.collect::<Result<Vec<_>, usize>>()?.join(",");
    let body = format!(
        r#"{{"data":{{"type":"profile-bulk-import-job","attributes":{{"profiles":{{"data":[{resources}]}}}}}}}}"#
    );
    Ok(body.into_bytes())
}

/// The report of an import: its counts, its faulty rows and its people.
pub(super) async fn report(
    of: &CompanyVisit<'_>,
    id: &str,
) -> Result<HttpResponse, ConsoleRefusal> {
    let company = &of.principal.company.id;
    let asked = of.asked();
    let import: OneResource<ImportDocument> = of.read(Endpoint::GetBulkImport, id, "").await?;
    let size = limits::PAGE.to_string();
    let query = query_of(&[("page[size]", &size), ("page[cursor]", asked.text("errors"))]);
    let errors: ListPage<RowErrorDocument> =
        of.read(Endpoint::ListBulkImportErrors, id, &query).await?;
    let query = query_of(&[("page[size]", &size), ("page[cursor]", asked.text("people"))]);
    let people: ListPage<ImportedPerson> =
        of.read(Endpoint::ListBulkImportProfileIds, id, &query).await?;
    let link = |name, cursor: &str| {
        format!("{}?{}", path_of(company, &format!("imports/{id}")), query_of(&[(name, cursor)]))
    };
    let content = html! {
        (table(of, &[import.data]))
        h2 { "Faulty rows" }
        @if errors.data.is_empty() { p { "No row failed." } } @else { (errors_table(&errors.data)) }
        @if let Some(cursor) = errors.next_cursor() {
            p { a href=(link("errors", &cursor)) { "More faulty rows" } }
        }
        h2 { "People" }
        ul {
            @for person in &people.data {
                li { a href=(path_of(company, &format!("people/{}", person.id))) { (person.id) } }
            }
        }
        @if let Some(cursor) = people.next_cursor() {
            p { a href=(link("people", &cursor)) { "More people" } }
        }
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::Imports, "Report of an import", &content))
}

fn errors_table(errors: &[RowErrorDocument]) -> Markup {
    html! {
        table {
            (columns(&["Where", "Code", "What is wrong", "Identifiers of the row"], &[]))
            tbody {
                @for RowErrorDocument { attributes: error } in errors {
                    tr {
                        th scope="row" { (place_of(&error.source.pointer)) }
                        td { (error.code) }
                        td { (error.detail) }
                        td {
                            @for (name, value) in error.original_payload.iter().flatten() {
                                (name) ": " (value.as_str().unwrap_or_default()) " "
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The row of a pointer, counted from one, and the rest of the pointer.
fn place_of(pointer: &str) -> String {
    let row = || {
        let rest = pointer.strip_prefix("/data/attributes/profiles/data/")?;
        let (row, rest) = rest.split_once('/').unwrap_or((rest, ""));
        Some(format!("row {} {rest}", row.parse::<u32>().ok()? + 1))
    };
    row().unwrap_or_else(|| pointer.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_body_and_the_first_that_is_no_json_is_named() {
        let body = body_of("{\"a\":1.50}\n\n{\"b\":2}\n").unwrap();
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(r#"{"type":"profile","attributes":{"a":1.50}},{"type""#), "{text}");
        assert_eq!(body_of("{}\n{\n"), Err(2));
    }

    #[test]
    fn a_row_is_counted_from_one() {
        assert_eq!(
            place_of("/data/attributes/profiles/data/0/attributes/email"),
            "row 1 attributes/email"
        );
        assert_eq!(place_of("/data"), "/data");
    }
}
