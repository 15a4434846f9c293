//! What a visitor does with a person: edit, merge, undo a merge, erase.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::StatusCode};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    api_call::{CompanyVisit, OneResource, PersonDocument, decoded, text_of},
    form::FormFields,
    history::kind_words,
    layout::{ConsoleSection, form_token, path_of},
    page::see_other,
    people::name_of,
    person,
    refusal::ConsoleRefusal,
    stored_values::{self, IDENTIFIERS, PATH, PROPERTY},
    time::shown_time,
};
use crate::{
    endpoints::Endpoint,
    http::{auth, refusal::Refusal},
    tenants::scope::KeyScope,
};

/// The page of a person after a change.
fn back_to(of: &CompanyVisit<'_>, id: &str) -> HttpResponse {
    see_other(&path_of(&of.principal.company.id, &format!("people/{id}")))
}

/// Writes a value, or removes one.
pub(super) async fn edit(
    of: &CompanyVisit<'_>,
    id: &str,
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    let path = path_in(form)?;
    let (attributes, meta) = if form.text("unset").is_empty() {
        (EditedAttributes::new(&path, value_of(form)?), None)
    } else {
        match path.strip_prefix("properties.") {
            Some(name) => (
                EditedAttributes::Flat(BTreeMap::new()),
                Some(json!({ "patch_properties": { "unset": [name] } })),
            ),
            None => (EditedAttributes::new(&path, RawValue::NULL.to_owned()), None),
        }
    };
    let data = EditedPerson { kind: "profile", id, attributes, meta };
    of.send(Endpoint::UpdateProfile, id, &EditDocument { data }).await?;
    Ok(back_to(of, id))
}

/// The path of the value that the form is about. Each character of a name counts.
fn path_in(form: &FormFields) -> Result<String, ConsoleRefusal> {
    let path = form.raw(PATH);
    if !path.is_empty() {
        return serde_json::from_str(path).or(Err(ConsoleRefusal::Form(
            "Its path must be a JSON text, as pages of people send.",
        )));
    }
    Ok(match form.raw("attribute") {
        PROPERTY => format!("properties.{}", form.raw("property")),
        path => path.to_owned(),
    })
}

/// The body of a request that edits a person.
#[derive(Serialize)]
struct EditDocument<'a> {
    data: EditedPerson<'a>,
}

#[derive(Serialize)]
struct EditedPerson<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    attributes: EditedAttributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}

/// The value of the form: a text, or JSON if the visitor says so. A number keeps its digits.
fn value_of(form: &FormFields) -> Result<Box<RawValue>, ConsoleRefusal> {
    let text = form.raw("value");
    let json = if form.text("is_json").is_empty() {
        Value::from(text).to_string()
    } else {
        text.to_owned()
    };
    RawValue::from_string(json).or(Err(ConsoleRefusal::Form(
        "The value is not JSON. Texts need double quotes, as in \"gold\".",
    )))
}

/// The attributes of an edit.
#[derive(Serialize)]
#[serde(untagged)]
enum EditedAttributes<'a> {
    Flat(BTreeMap<&'a str, Box<RawValue>>),
    Within(BTreeMap<&'a str, BTreeMap<&'a str, Box<RawValue>>>),
}

impl EditedAttributes<'_> {
    /// The attributes that give this path this value. Coordinates are numbers.
    fn new(path: &str, value: Box<RawValue>) -> EditedAttributes<'_> {
        match path.split_once('.') {
            Some((outer @ ("location" | "properties"), name)) => {
                let is_number = outer == "location" && ["latitude", "longitude"].contains(&name);
                let number = is_number.then(|| text_of(&value)).flatten();
                let number = number.and_then(|text| RawValue::from_string(text).ok());
                let inner = BTreeMap::from([(name, number.unwrap_or(value))]);
                EditedAttributes::Within(BTreeMap::from([(outer, inner)]))
            }
            _ => EditedAttributes::Flat(BTreeMap::from([(path, value)])),
        }
    }
}

/// The page on which a visitor confirms that two people are one.
pub(super) async fn confirm_merge(
    of: &CompanyVisit<'_>,
    id: &str,
) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::ProfilesWrite)?;
    let asked = of.asked();
    let (person, other) =
        (person::everything(of, id).await?, person::everything(of, asked.text("other")).await?);
    let action = path_of(&of.principal.company.id, &format!("people/{}/merge", person.id));
    let content = html! {
        p {
            strong { (name_of(&other)) } " is merged into " strong { (name_of(&person)) }
            ", who keeps their values; gaps are filled. The merge can be undone."
        }
        div.columns { (sketch("Stays", &person)) (sketch("Is merged into it", &other)) }
        form method="post" action=(action) {
            (form_token(of.visit))
            input type="hidden" name="other" value=(other.id);
            p.buttons {
                button type="submit" { "Merge" }
                a href=(path_of(&of.principal.company.id, &format!("people/{}", person.id))) { "Cancel" }
            }
        }
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::People, "Merge two people", &content))
}

/// Merges two people.
pub(super) async fn merge(
    of: &CompanyVisit<'_>,
    id: &str,
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    let source = json!([{ "type": "profile", "id": form.text("other") }]);
    let body = json!({ "data": {
        "type": "profile-merge", "id": id, "relationships": { "profiles": { "data": source } },
    }});
    let merged = of.send(Endpoint::MergeProfiles, "", &body).await?;
    let merged: OneResource<IdOnly> = decoded(&merged)?;
    Ok(back_to(of, &merged.data.id))
}

#[derive(Deserialize)]
struct IdOnly {
    id: String,
}

/// What undoing a merge leaves, as the API shows it.
#[derive(Deserialize)]
struct UndoDocument {
    data: [PersonDocument; 2],
    meta: UndoFacts,
}

#[derive(Deserialize)]
struct UndoFacts {
    kept: Vec<String>,
    lost: Vec<String>,
}

fn unmerge_body(absorbed: &str, mode: &str) -> Value {
    let attributes = json!({ "profile_id": absorbed, "mode": mode });
    json!({ "data": { "type": "profile-unmerge", "attributes": attributes } })
}

/// What will be where when a merge is undone.
pub(super) async fn preview_undo(
    of: &CompanyVisit<'_>,
    id: &str,
    absorbed: &str,
) -> Result<HttpResponse, ConsoleRefusal> {
    let previewed = of.send(Endpoint::UnmergeProfile, "", &unmerge_body(absorbed, "preview")).await;
    let UndoDocument { data: [survivor, restored], meta } = decoded(&previewed?)?;
    let page = format!("people/{id}/undo/{absorbed}");
    let content = html! {
        p { "After the undo there are two people again. Nothing has changed yet." }
        div.columns {
            (sketch("Stays", &survivor))
            (sketch("Is a person of their own again", &restored))
        }
        @if !meta.kept.is_empty() {
            p { "Written again since the merge, so these stay where they are: " (meta.kept.join(", ")) "." }
        }
        @if !meta.lost.is_empty() {
            @let lost: Vec<&str> = meta.lost.iter().map(|kind| kind_words(kind)).collect();
            p { "Of another person by now, so these do not return: " (lost.join(", ")) "." }
        }
        form method="post" action=(path_of(&of.principal.company.id, &page)) {
            (form_token(of.visit))
            p.buttons {
                button type="submit" { "Undo the merge" }
                a href=(path_of(&of.principal.company.id, &format!("people/{id}"))) { "Cancel" }
            }
        }
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::People, "Undo a merge", &content))
}

/// Undoes a merge.
pub(super) async fn undo(
    of: &CompanyVisit<'_>,
    absorbed: &str,
) -> Result<HttpResponse, ConsoleRefusal> {
    let undone = of.send(Endpoint::UnmergeProfile, "", &unmerge_body(absorbed, "apply")).await?;
    let UndoDocument { data: [_, restored], .. } = decoded(&undone)?;
    Ok(back_to(of, &restored.id))
}

/// A person in short.
fn sketch(title: &str, person: &PersonDocument) -> Markup {
    html! {
        section {
            h2 { (title) }
            dl {
                dt { "Profile id" } dd { (person.id) }
                @for kind in IDENTIFIERS {
                    @let value = person.text(kind);
                    @if !value.is_empty() { dt { (kind_words(kind)) } dd { (value) } }
                }
                @for (path, value) in stored_values::values(&person.attributes) {
                    dt { (path) } dd { (stored_values::shown(&value)) }
                }
            }
        }
    }
}

/// The words that a visitor types to erase a person.
const CONFIRMATION: &str = "erase";

/// The page on which a visitor confirms an erasure.
pub(super) async fn confirm_erasure(
    of: &CompanyVisit<'_>,
    id: &str,
    wrong: Option<&str>,
) -> Result<HttpResponse, ConsoleRefusal> {
    auth::require(of.principal, KeyScope::DataPrivacyWrite)?;
    let person = person::everything(of, id).await?;
    let page = format!("people/{}/erase", person.id);
    let content = html! {
        p {
            "Everything about this person is removed from this gateway, with the people who were "
            "merged into them, and with what failed rows of imports say about them. "
            strong { "This cannot be undone." } " Backups that were made before still have it."
        }
        (sketch("Will be erased", &person))
        form method="post" action=(path_of(&of.principal.company.id, &page)) {
            (form_token(of.visit))
            @if let Some(wrong) = wrong { div.wrong role="alert" { (wrong) } }
            p {
                label for="confirmation" { "Type " strong { (CONFIRMATION) } " to confirm" }
                input #confirmation name="confirmation" autocomplete="off" required;
            }
            p.buttons {
                button.danger type="submit" { "Erase this person" }
                a href=(path_of(&of.principal.company.id, &format!("people/{}", person.id))) { "Cancel" }
            }
        }
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::People, "Erase a person", &content))
}

/// Erases a person, and leads to the receipt.
pub(super) async fn erase(
    of: &CompanyVisit<'_>,
    id: &str,
    form: &FormFields,
) -> Result<HttpResponse, ConsoleRefusal> {
    if form.text("confirmation") != CONFIRMATION {
        let wrong = "Nothing was erased: the confirmation was another word.";
        return confirm_erasure(of, id, Some(wrong)).await;
    }
    // An id that no profile has would count as an external id, and find another person.
    let person = person::everything(of, id).await?;
    let profile = json!({ "data": { "type": "profile", "id": person.id } });
    let body = json!({ "data": {
        "type": "data-privacy-deletion-job", "attributes": { "profile": profile },
    }});
    let response = of.send(Endpoint::DeleteProfile, "", &body).await?;
    let job = response.location.as_deref().and_then(|url| url.rsplit('/').next());
    let job = job.ok_or(Refusal::NotFound { what: "deletion job", pointer: "/data" })?;
    Ok(see_other(&path_of(&of.principal.company.id, &format!("erasures/{job}"))))
}

/// The receipt of an erasure, as the API shows it.
#[derive(Deserialize)]
struct ReceiptDocument {
    id: String,
    attributes: ReceiptFacts,
}

#[derive(Deserialize)]
struct ReceiptFacts {
    created_at: String,
    identifier: String,
    found: Option<String>,
    profiles_count: u32,
    import_errors_count: u32,
}

/// The receipt of an erasure: no value of the person is in it.
pub(super) async fn receipt(
    of: &CompanyVisit<'_>,
    id: &str,
) -> Result<HttpResponse, ConsoleRefusal> {
    let job: OneResource<ReceiptDocument> = of.read(Endpoint::GetDeletionJob, id, "").await?;
    let ReceiptDocument { id, attributes: facts } = job.data;
    let content = html! {
        p role="status" { "The erasure is complete. Keep this page as the receipt." }
        dl {
            dt { "Deletion job" } dd { code { (id) } }
            dt { "Company" } dd { (of.principal.company.id) }
            dt { "Erased" } dd { (shown_time(&facts.created_at)) }
            dt { "Asked for by" } dd { (kind_words(&facts.identifier)) }
            dt { "Found" } dd { (facts.found.as_deref().unwrap_or("no person")) }
            dt { "Profiles erased" } dd { (facts.profiles_count) }
            dt { "Failed rows of imports cleared" } dd { (facts.import_errors_count) }
        }
    };
    Ok(of.page(StatusCode::OK, ConsoleSection::People, "Receipt of an erasure", &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_the_attributes_of_a_request() {
        let body = |path: &str, value: &str| {
            let value = RawValue::from_string(value.to_owned()).unwrap();
            serde_json::to_string(&EditedAttributes::new(path, value)).unwrap()
        };
        assert_eq!(body("first_name", r#""Ann""#), r#"{"first_name":"Ann"}"#);
        assert_eq!(body("location.city", r#""Bonn""#), r#"{"location":{"city":"Bonn"}}"#);
        assert_eq!(body("location.latitude", r#""1.50""#), r#"{"location":{"latitude":1.50}}"#);
        assert_eq!(body("properties.a.b", "[1.50]"), r#"{"properties":{"a.b":[1.50]}}"#);
    }
}
