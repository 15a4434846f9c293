//! The page of a person: everything stored, and its history.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::StatusCode};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    api_call::{CompanyVisit, ListPage, OneResource, PersonDocument, query_of},
    claim_values::ClaimValues,
    history::{self, OutcomeDocument},
    layout::{ConsoleSection, path_of},
    merge_tree::{self, MergeFacts},
    page,
    people::name_of,
    person_forms,
    push_tokens::{self, PersonWithTokens},
    refusal::ConsoleRefusal,
    stored_values,
    time::shown_time,
    writer_facts::{WriterFacts, writer_cells},
};
use crate::{endpoints::Endpoint, http::refusal::Refusal, limits, tenants::scope::KeyScope};

/// What the page shows beside the attributes that every response has.
const EVERYTHING: (&str, &str) =
    ("additional-fields[profile]", "identifiers,former_identifiers,writers,merges");

/// What adds the push tokens.
const TOKENS: (&str, &str) = ("include", "push-tokens");

/// Everything that is stored about the person with this id, or that the id was merged into.
pub(super) async fn everything(of: &CompanyVisit<'_>, id: &str) -> Result<PersonDocument, Refusal> {
    let read = of.read(Endpoint::GetProfile, id, &query_of(&[EVERYTHING])).await;
    read.map(|document: OneResource<PersonDocument>| document.data)
}

/// The page of a person.
pub(super) async fn page(of: &CompanyVisit<'_>, id: &str) -> Result<HttpResponse, ConsoleRefusal> {
    let query = query_of(&[EVERYTHING, TOKENS]);
    let PersonWithTokens { data: person, tokens } =
        of.read(Endpoint::GetProfile, id, &query).await?;
    let asked = of.asked();
    let size = limits::CONSOLE_PAGE.to_string();
    let query = query_of(&[("page[size]", &size), ("page[cursor]", asked.text("history"))]);
    let history: ListPage<OutcomeDocument> =
        of.read(Endpoint::ListHistory, &person.id, &query).await?;
    let content = html! {
        @if person.id != id {
            p role="status" { "The profile " (id) " was merged into this person." }
        }
        (overview(of, &person))
        (push_tokens::section(&tokens))
        (values_section(of, &person))
        (merges_section(of, &person))
        (person_forms::all(of, &person))
        (history_section(of, &person, &history))
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::People, &name_of(&person), &content))
}

fn overview(of: &CompanyVisit<'_>, person: &PersonDocument) -> Markup {
    let download = format!("people/{}/download", person.id);
    let writers: BTreeMap<String, WriterFacts> = person.part("writers");
    html! {
        dl {
            dt { "Profile id" } dd { code { (person.id) } }
            dt { "Created" } dd { (shown_time(&person.text("created"))) }
            dt { "Changed" } dd { (shown_time(&person.text("updated"))) }
        }
        p {
            a href=(path_of(&of.principal.company.id, &download)) download {
                "Download everything (JSON)"
            }
        }
        h2 { "Identifiers" }
        (stored_values::identifiers_table(person, &writers, &person.part::<Vec<MergeFacts>>("merges")))
    }
}

fn values_section(of: &CompanyVisit<'_>, person: &PersonDocument) -> Markup {
    let writers: BTreeMap<String, WriterFacts> = person.part("writers");
    let values = stored_values::values(&person.attributes);
    let may_write = of.principal.scopes.contains(KeyScope::ProfilesWrite);
    html! {
        h2 { "Attributes" }
        @if values.is_empty() { p { "No attribute is stored." } } @else {
            table {
                thead {
                    tr {
                        th scope="col" { "Attribute" }
                        th scope="col" { "Value" }
                        th scope="col" { "Since" }
                        th scope="col" { "Written by" }
                        @if may_write { th scope="col" { span.visually-hidden { "Remove" } } }
                    }
                }
                tbody {
                    @for (path, value) in &values {
                        tr {
                            th.value scope="row" { (path) }
                            td.value { (stored_values::shown(value)) }
                            (writer_cells(writers.get(path)))
                            @if may_write { td { (person_forms::unset(of, person, path)) } }
                        }
                    }
                }
            }
        }
    }
}

fn merges_section(of: &CompanyVisit<'_>, person: &PersonDocument) -> Markup {
    let merges: Vec<MergeFacts> = person.part("merges");
    let may_write = of.principal.scopes.contains(KeyScope::ProfilesWrite);
    merge_tree::drawn(&of.principal.company.id, &person.id, &merges, may_write)
}

fn history_section(
    of: &CompanyVisit<'_>,
    person: &PersonDocument,
    history: &ListPage<OutcomeDocument>,
) -> Markup {
    let company = &of.principal.company.id;
    html! {
        h2 #history { "History" }
        @if history.data.is_empty() { p { "No outcome about this person is kept." } }
        (history::list(company, &person.id, &history.data, &ClaimValues::of(of, person)))
        @if let Some(cursor) = history.next_cursor() {
            @let query = query_of(&[("history", &cursor)]);
            p {
                a href=(format!("{}?{query}#history", path_of(company, &format!("people/{}", person.id)))) {
                    "Earlier"
                }
            }
        }
    }
}

/// A person with the push tokens, as the API shows them.
#[derive(Deserialize)]
struct DownloadedPerson {
    data: Box<RawValue>,
    included: Box<RawValue>,
}

/// Everything about a person, as a file has it. Each part is as the API wrote it.
#[derive(Serialize)]
struct PersonFile {
    profile: Box<RawValue>,
    push_tokens: Box<RawValue>,
    history: Vec<Box<RawValue>>,
    history_is_complete: bool,
}

/// The pages of a history that a download reads: as many outcomes as are read to find writers.
const HISTORY_PAGES: usize = 10;

/// Everything that is stored about a person, and the history, as one JSON document.
pub(super) async fn download(
    of: &CompanyVisit<'_>,
    id: &str,
) -> Result<HttpResponse, ConsoleRefusal> {
    let query = query_of(&[EVERYTHING, TOKENS]);
    let profile: DownloadedPerson = of.read(Endpoint::GetProfile, id, &query).await?;
    let (mut outcomes, mut cursor) = (Vec::new(), String::new());
    let mut is_complete = false;
    for _ in 0..HISTORY_PAGES {
        let size = limits::PAGE.to_string();
        let query = query_of(&[("page[size]", &size), ("page[cursor]", &cursor)]);
        let page: ListPage<Box<RawValue>> = of.read(Endpoint::ListHistory, id, &query).await?;
        let next = page.next_cursor();
        outcomes.extend(page.data);
        is_complete = next.is_none();
        let Some(next) = next else { break };
        cursor = next;
    }
    // An id has digits and letters only once the API has found it.
    let name = serde_json::from_str(profile.data.get()).map(|person: PersonDocument| person.id);
    let name = name.unwrap_or_else(|_| "person".to_owned());
    let file = PersonFile {
        profile: profile.data,
        push_tokens: profile.included,
        history: outcomes,
        history_is_complete: is_complete,
    };
    let body = serde_json::to_vec_pretty(&file).unwrap_or_default();
    Ok(page::download(&format!("{name}.json"), "application/json", body))
}
