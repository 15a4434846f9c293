//! Finding people: by an identifier, or in lists.

use actix_web::{HttpResponse, http::StatusCode};
use maud::{Markup, html};
use serde_json::Value;

use super::{
    api_call::{CompanyVisit, ListPage, PersonDocument, query_of},
    form::FormFields,
    layout::{ConsoleSection, path_of},
    refusal::{ConsoleRefusal, errors_of},
    table::columns,
    time::shown_time,
};
use crate::{endpoints::Endpoint, http::refusal::Refusal, limits};

/// What people are found by: the name in a filter of the API, and in words.
const FINDABLE: [(&str, &str); 7] = [
    ("email", "email address"),
    (BEGINNING, "first letters of an email address"),
    ("phone_number", "phone number"),
    ("external_id", "external id"),
    ("anonymous_id", "anonymous id (browser or device)"),
    ("id", "profile id, also an old one"),
    ("_kx", "exchange token (_kx)"),
];

/// The choice that asks for the first letters of an address.
const BEGINNING: &str = "email_starts_with";

/// The orders of lists, as the API names them, and in words.
const ORDERS: [(&str, &str); 8] = [
    ("-updated", "changed last, newest first"),
    ("updated", "changed last, oldest first"),
    ("-created", "created, newest first"),
    ("created", "created, oldest first"),
    ("email", "email address, A to Z"),
    ("-email", "email address, Z to A"),
    ("id", "profile id, ascending"),
    ("-id", "profile id, descending"),
];

/// The ends of spans of time: the field, what the filter compares, and the words.
const SPANS: [(&str, &str, &str); 4] = [
    ("created_after", "greater-or-equal(created,", "created on or after"),
    ("created_before", "less-than(created,", "created before"),
    ("updated_after", "greater-or-equal(updated,", "changed on or after"),
    ("updated_before", "less-than(updated,", "changed before"),
];

/// The page of people.
pub(super) async fn list(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    let query = of.visit.request.query_string();
    let asked = FormFields::parse(query.as_bytes());
    let asked = asked.ok_or(ConsoleRefusal::Form("The address has too many parameters."))?;
    let (status, results) = match found(of, &asked).await {
        Ok(page) => (StatusCode::OK, results(of, &asked, &page)),
        Err(refusal) if is_about_query(&refusal) => (refusal.status(), wrong(&refusal)),
        Err(refusal) => return Err(refusal.into()),
    };
    let content = html! { (search_form(of, &asked)) (results) };
    Ok(of.page(status, ConsoleSection::People, "People", &content))
}

/// Whether what the visitor asked for is wrong, so that the form is shown again.
fn is_about_query(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Parameter(_) | Refusal::Cursor)
}

async fn found(
    of: &CompanyVisit<'_>,
    asked: &FormFields,
) -> Result<ListPage<PersonDocument>, Refusal> {
    let filter = filter(asked);
    let size = limits::CONSOLE_PAGE.to_string();
    let query = query_of(&[
        ("filter", &filter),
        ("sort", order(asked)),
        ("page[size]", &size),
        ("page[cursor]", asked.text("cursor")),
    ]);
    of.read(Endpoint::ListProfiles, "", &query).await
}

fn order(asked: &FormFields) -> &str {
    let is_beginning = asked.text("by") == BEGINNING && !asked.text("value").is_empty();
    match asked.text("sort") {
        // What begins alike is next to one another in no other order.
        "-email" => "-email",
        _ if is_beginning => "email",
        "" => "-updated",
        sort => sort,
    }
}

/// The filter of the API that the form asks for.
fn filter(asked: &FormFields) -> String {
    let mut conditions = Vec::new();
    let value = asked.text("value");
    if !value.is_empty() {
        // The escapes of a filter are those of JSON.
        let quoted = Value::from(value).to_string();
        conditions.push(match asked.text("by") {
            BEGINNING => format!("starts-with(email,{quoted})"),
            "" => format!("equals(email,{quoted})"),
            by => format!("equals({by},{quoted})"),
        });
    }
    for (field, comparison, _) in SPANS {
        let date = asked.text(field);
        if !date.is_empty() {
            let time = if date.contains('T') { "" } else { "T00:00:00Z" };
            conditions.push(format!(
                "{comparison}{}{time})",
                Value::from(date).to_string().replace('"', "")
            ));
        }
    }
    conditions.join(",")
}

fn search_form(of: &CompanyVisit<'_>, asked: &FormFields) -> Markup {
    html! {
        form.search method="get" action=(path_of(&of.principal.company.id, "people")) role="search" {
            p {
                label for="by" { "Find by" }
                (choices("by", &FINDABLE, asked.text("by")))
                label.visually-hidden for="value" { "What to find" }
                input #value name="value" type="search" value=(asked.text("value"))
                    autocomplete="off" spellcheck="false";
                button type="submit" { "Find" }
            }
            details open[SPANS.iter().any(|(field, ..)| !asked.text(field).is_empty())] {
                summary { "Order and dates" }
                p {
                    label for="sort" { "Order by" }
                    (choices("sort", &ORDERS, order(asked)))
                }
                div.fields {
                    @for (field, _, words) in SPANS {
                        p {
                            label for=(field) { (words) }
                            input id=(field) name=(field) type="date" value=(asked.text(field));
                        }
                    }
                }
            }
        }
    }
}

fn choices(name: &str, all: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        select id=(name) name=(name) {
            @for (value, words) in all {
                option value=(value) selected[*value == chosen] { (words) }
            }
        }
    }
}

fn wrong(refusal: &Refusal) -> Markup {
    html! {
        div.wrong role="alert" {
            @for error in errors_of(refusal) { p { (error) } }
        }
    }
}

fn results(of: &CompanyVisit<'_>, asked: &FormFields, page: &ListPage<PersonDocument>) -> Markup {
    let company = &of.principal.company.id;
    html! {
        @if page.data.is_empty() {
            p role="status" { "There is no such person." }
        } @else {
            table {
                caption.visually-hidden { "People found" }
                (columns(
                    &["Person", "Email address", "Phone number", "External id", "Created", "Changed"],
                    &[],
                ))
                tbody {
                    @for person in &page.data {
                        tr {
                            th.value scope="row" {
                                a href=(path_of(company, &format!("people/{}", person.id))) {
                                    (name_of(person))
                                }
                            }
                            td.value { (person.text("email")) }
                            td { (person.text("phone_number")) }
                            td.value { (person.text("external_id")) }
                            td { (shown_time(&person.text("created"))) }
                            td { (shown_time(&person.text("updated"))) }
                        }
                    }
                }
            }
        }
        @if let Some(cursor) = page.next_cursor() {
            nav aria-label="Further people" {
                a href=(next_page(of, asked, &cursor)) rel="next" { "Next page" }
            }
        }
    }
}

fn next_page(of: &CompanyVisit<'_>, asked: &FormFields, cursor: &str) -> String {
    let fields = ["by", "value", "sort"].into_iter().chain(SPANS.map(|(field, ..)| field));
    let mut pairs: Vec<(&str, &str)> = fields.map(|field| (field, asked.text(field))).collect();
    pairs.push(("cursor", cursor));
    format!("{}?{}", path_of(&of.principal.company.id, "people"), query_of(&pairs))
}

/// What a person is called on a page: the name, or else the id.
pub(super) fn name_of(person: &PersonDocument) -> String {
    let names = [person.text("first_name"), person.text("last_name")];
    let name = names.join(" ");
    if name.trim().is_empty() { person.id.clone() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_filter_in_which_no_value_leaves_its_quotes() {
        let filter = |query: &str| filter(&FormFields::parse(query.as_bytes()).unwrap());
        assert_eq!(filter(""), "");
        assert_eq!(filter("value=a%40b.de"), r#"equals(email,"a@b.de")"#);
        assert_eq!(filter("by=external_id&value=a%22%29"), r#"equals(external_id,"a\")")"#);
        assert_eq!(filter("by=email_starts_with&value=sa"), r#"starts-with(email,"sa")"#);
        assert_eq!(
            filter("created_after=2026-01-02&updated_before=2026-02-03"),
            "greater-or-equal(created,2026-01-02T00:00:00Z),less-than(updated,2026-02-03T00:00:00Z)"
        );
    }
}
