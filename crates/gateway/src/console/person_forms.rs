//! The forms on the page of a person.

use maud::{Markup, html};
use serde_json::Value;

use super::{
    api_call::{CompanyVisit, PersonDocument},
    layout::{form_token, path_of},
    stored_values::{IDENTIFIERS, PATH, PROPERTY, TEXTS},
};
use crate::tenants::scope::KeyScope;

/// The members of a location that a visitor can edit.
const PLACES: [&str; 10] = [
    "location.address1",
    "location.address2",
    "location.city",
    "location.country",
    "location.region",
    "location.zip",
    "location.timezone",
    "location.latitude",
    "location.longitude",
    "location.ip",
];

/// What the visitor may do with the person, as far as the key allows it.
pub(super) fn all(of: &CompanyVisit<'_>, person: &PersonDocument) -> Markup {
    let has = |scope| of.principal.scopes.contains(scope);
    let page = path_of(&of.principal.company.id, &format!("people/{}", person.id));
    html! {
        h2 #change { "Change" }
        @if has(KeyScope::ProfilesWrite) {
            (edit(of, &page))
            (merge(&page))
        } @else {
            p.faint { "To edit and merge, sign in with a key that has the scope profiles:write." }
        }
        @if has(KeyScope::DataPrivacyWrite) {
            p { a href=(format!("{page}/erase")) { "Erase this person…" } }
        } @else {
            p.faint { "To erase, sign in with a key that has the scope data-privacy:write." }
        }
    }
}

fn edit(of: &CompanyVisit<'_>, page: &str) -> Markup {
    html! {
        h3 { "Edit an attribute" }
        form method="post" action=(format!("{page}/edit")) {
            (form_token(of.visit))
            div.fields {
                p {
                    label for="attribute" { "Attribute" }
                    select #attribute name="attribute" {
                        @for name in TEXTS.iter().chain(&IDENTIFIERS).chain(&PLACES) {
                            option value=(name) { (name) }
                        }
                        option value=(PROPERTY) { "a property, named beside" }
                    }
                }
                p {
                    label for="property" { "Name of the property" }
                    input #property name="property" autocomplete="off";
                }
                p {
                    label for="new-value" { "Value" }
                    input #new-value name="value" autocomplete="off";
                }
                p {
                    input #is-json name="is_json" type="checkbox" value="yes";
                    label for="is-json" { "The value is JSON" }
                }
            }
            p.buttons {
                button type="submit" { "Save" }
                button.quiet type="submit" name="unset" value="yes" { "Remove the attribute" }
            }
        }
    }
}

fn merge(page: &str) -> Markup {
    html! {
        h3 { "Merge with another person" }
        form method="get" action=(format!("{page}/merge")) {
            p {
                label for="other" { "Profile id of the other person" }
                input #other name="other" required autocomplete="off" spellcheck="false";
                button type="submit" { "Compare…" }
            }
        }
    }
}

/// A button that removes one attribute.
pub(super) fn unset(of: &CompanyVisit<'_>, person: &PersonDocument, path: &str) -> Markup {
    let page = format!("people/{}/edit", person.id);
    html! {
        form method="post" action=(path_of(&of.principal.company.id, &page)) {
            (form_token(of.visit))
            input type="hidden" name=(PATH) value=(Value::from(path).to_string());
            button.quiet type="submit" name="unset" value="yes" {
                "Remove" span.visually-hidden { " " (path) }
            }
        }
    }
}
