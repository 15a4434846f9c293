//! Explaining a request: what it would do, claim by claim, and what it would change.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderValue},
    },
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    api_call::{CompanyVisit, OneResource, PersonDocument, RawMembers, decoded, query_of, text_of},
    curl_line::CurlLine,
    form::FormFields,
    history::{self, OutcomeDocument},
    layout::{ConsoleSection, form_token, path_of},
    refusal::{ConsoleRefusal, errors_of},
    stored_values,
    table::columns,
};
use crate::{
    client::signed_identity::SIGNATURE,
    endpoints::Endpoint,
    http::{auth, refusal::Refusal},
    tenants::scope::KeyScope,
};

/// The senders of a request, as the API names them, and in words.
const SENDERS: [(&str, &str); 2] =
    [("client", "a browser or app"), ("server", "your company, as an import")];

/// An explanation as the API shows it.
#[derive(Deserialize)]
struct ExplanationDocument {
    data: Option<OutcomeDocument>,
    meta: ExplanationFacts,
}

#[derive(Deserialize)]
struct ExplanationFacts {
    errors: Vec<ErrorFacts>,
    profile: Option<RawMembers>,
}

#[derive(Deserialize)]
struct ErrorFacts {
    detail: String,
}

/// The field that the inspector sends with a request of which it has not kept everything.
pub(super) const PICKED: &str = "picked";

/// The page with the form.
pub(super) fn form(of: &CompanyVisit<'_>) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    Ok(shown(of, StatusCode::OK, ("client", ""), &html! {}))
}

fn shown(
    of: &CompanyVisit<'_>,
    status: StatusCode,
    (sender, text): (&str, &str),
    result: &Markup,
) -> HttpResponse {
    let company = &of.principal.company.id;
    let content = html! {
        p.hint { "Paste the body of a request, or a curl command. Nothing is written." }
        form method="post" action=(path_of(company, "explain")) {
            (form_token(of.visit))
            p {
                label for="sender" { "Sent by" }
                select #sender name="sender" {
                    @for (value, words) in SENDERS {
                        option value=(value) selected[value == sender] { (words) }
                    }
                }
            }
            p {
                label for="request" { "Body or curl command" }
                // A line break after the tag belongs to the tag, so one more keeps the text whole.
                textarea #request name="request" rows="10" required spellcheck="false" { "\n" (text) }
            }
            button type="submit" { "Explain" }
        }
        (result)
    };
    of.page(status, ConsoleSection::Explain, "Explain", &content)
}

/// Explains the request of a form.
pub(super) async fn explain(
    of: &CompanyVisit<'_>,
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesRead)?;
    let asked = (form.text("sender"), form.raw("request"));
    match explained(of, asked).await {
        Ok(result) => {
            let result = html! {
                @if !form.text(PICKED).is_empty() { (not_kept()) }
                (result)
            };
            Ok(shown(of, StatusCode::OK, asked, &result))
        }
        Err(ConsoleRefusal::Form(detail)) => {
            let wrong = html! { div.wrong role="alert" { (detail) } };
            Ok(shown(of, StatusCode::BAD_REQUEST, asked, &wrong))
        }
        Err(ConsoleRefusal::Api(refusal @ Refusal::Violations(_))) => {
            Ok(shown(of, refusal.status(), asked, &refused(&errors_of(&refusal))))
        }
        Err(other) => Err(other),
    }
}

/// What a request from the inspector lacks.
fn not_kept() -> Markup {
    html! {
        p.hint {
            "This is the body of a request from the inspector, which keeps no signature "
            "(" code { "X-Identity-Signature" } "), and replaces private keys and exchange tokens "
            "(" code { "_kx" } ") by MASKED. If the request had one of them, it did other things "
            "than are explained here."
        }
    }
}

async fn explained(
    of: &CompanyVisit<'_>,
    (sender, text): (&str, &str),
) -> Result<Markup, ConsoleRefusal> {
    let line = if CurlLine::is_one(text) {
        CurlLine::parse(text).ok_or(ConsoleRefusal::Form(
            "The curl command has no body, or a quote is not closed.",
        ))?
    } else {
        CurlLine { body: text.to_owned(), ..CurlLine::default() }
    };
    if line.url.as_deref().is_some_and(|url| !is_explained(url)) {
        return Err(ConsoleRefusal::Form(NOT_EXPLAINED));
    }
    let body: &RawValue =
        serde_json::from_str(&line.body).or(Err(ConsoleRefusal::Form("The body is not JSON.")))?;
    let scope = Value::from(sender);
    let document = format!(
        r#"{{"data":{{"type":"profile-explain","attributes":{{"scope":{scope},"body":{}}}}}}}"#,
        body.get()
    );
    let headers = signature(&line.headers);
    let response =
        of.call(Endpoint::ExplainProfile, "", "", headers, document.into_bytes()).await?;
    let explanation: ExplanationDocument = decoded(&response)?;
    result(of, explanation).await
}

/// The ends of the addresses whose requests can be explained. A request to create a person, or to
/// edit one, is refused where an import is not.
const EXPLAINED: [&str; 2] = ["/client/profiles", "/api/profile-import"];

const NOT_EXPLAINED: &str = "Only requests to /client/profiles and /api/profile-import can be \
    explained, and this command sends another. Paste its body alone to see what an import of the \
    same would do.";

fn is_explained(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    EXPLAINED.iter().any(|end| path.ends_with(end))
}

/// The signature among the headers of a command.
fn signature(sent: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (_, value) in sent.iter().filter(|(name, _)| name.eq_ignore_ascii_case(SIGNATURE.as_str()))
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(SIGNATURE, value);
        }
    }
    headers
}

async fn result(
    of: &CompanyVisit<'_>,
    ExplanationDocument { data, meta }: ExplanationDocument,
) -> Result<Markup, ConsoleRefusal> {
    let Some(outcome) = data else {
        let errors: Vec<String> = meta.errors.into_iter().map(|error| error.detail).collect();
        return Ok(refused(&errors));
    };
    let company = &of.principal.company.id;
    let today = match outcome.person() {
        Some(id) => person_today(of, id).await?,
        None => RawMembers::new(),
    };
    let after = meta.profile.unwrap_or_default();
    Ok(html! {
        section aria-labelledby="result" {
            h2 #result { "What would happen" }
            (history::words(company, &outcome))
            @if let Some(id) = outcome.person() {
                p { "Person: " a href=(path_of(company, &format!("people/{id}"))) { (id) } }
            }
            (history::claims_table(company, &outcome))
            h2 { "What would change" }
            (difference(&flattened(&today), &flattened(&after)))
        }
    })
}

async fn person_today(of: &CompanyVisit<'_>, id: &str) -> Result<RawMembers, Refusal> {
    let query = query_of(&[("additional-fields[profile]", "identifiers")]);
    match of.read::<OneResource<PersonDocument>>(Endpoint::GetProfile, id, &query).await {
        Ok(document) => Ok(document.data.attributes),
        // It may have been erased meanwhile.
        Err(Refusal::NotFound { .. }) => Ok(RawMembers::new()),
        Err(refusal) => Err(refusal),
    }
}

fn refused(errors: &[String]) -> Markup {
    html! {
        section aria-labelledby="result" {
            h2 #result { "The request would be refused" }
            div.wrong role="alert" { @for error in errors { p { (error) } } }
        }
    }
}

/// Every value of a person by its path, with identifiers of which there are several.
fn flattened(attributes: &RawMembers) -> BTreeMap<String, String> {
    let single = stored_values::IDENTIFIERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text_of(attributes.get(*name)?)?)));
    let values = stored_values::values(attributes);
    let values = values.into_iter().map(|(path, value)| (path, stored_values::shown(&value)));
    let identifiers = attributes.get("identifiers");
    let identifiers: Option<Value> =
        identifiers.and_then(|all| serde_json::from_str(all.get()).ok());
    let list = |name: &'static str, member: Option<&'static str>| {
        let identifiers = identifiers.as_ref().and_then(|all| all.get(name));
        let items = identifiers.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(move |item| {
            let text = member.map_or(Some(item), |member| item.get(member))?.as_str()?;
            Some((format!("{name} {text}"), text.to_owned()))
        })
    };
    let lists = list("secondary_emails", None)
        .chain(list("anonymous_ids", Some("anonymous_id")))
        .chain(list("former_ids", None));
    single.chain(values).chain(lists).collect()
}

/// Both sides beside one another, with what differs marked.
fn difference(today: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Markup {
    let paths: BTreeSet<&String> = today.keys().chain(after.keys()).collect();
    html! {
        @if paths.is_empty() { p { "Nothing is stored, and nothing would be." } } @else {
            table {
                (columns(&["Attribute", "Today", "After the request"], &[]))
                tbody {
                    @for path in paths {
                        @let (before, then) = (today.get(path), after.get(path));
                        tr {
                            th.value scope="row" { (path) }
                            @if before == then {
                                td.value { (before.map_or("", String::as_str)) }
                                td.faint { "stays" }
                            } @else {
                                td.value { @if let Some(before) = before { del { (before) } } @else { "–" } }
                                td.value { @if let Some(then) = then { ins { (then) } } @else { "–" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_identifier_and_value_has_a_path_of_its_own() {
        let attributes = json!({
            "email": "a@b.de", "first_name": "Ann", "properties": { "plan": 1 },
            "identifiers": { "secondary_emails": ["c@d.de"], "former_ids": [],
                "anonymous_ids": [{ "anonymous_id": "x" }] }
        });
        let flattened = flattened(&serde_json::from_str(&attributes.to_string()).unwrap());
        let paths: Vec<&str> = flattened.keys().map(String::as_str).collect();
        let expected = [
            "anonymous_ids x",
            "email",
            "first_name",
            "properties.plan",
            "secondary_emails c@d.de",
        ];
        assert_eq!(paths, expected);
    }
}
