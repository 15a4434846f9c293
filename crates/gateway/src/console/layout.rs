//! What all pages have around their content.

use maud::{DOCTYPE, Markup, html};
use profile_protocol::CompanyId;

use super::{
    asset::{script_url, style_url},
    form::TOKEN,
    visit::Visit,
};

/// The parts of the console of one company, with the last part of their paths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ConsoleSection {
    Overview,
    People,
    Explain,
    Live,
    Inspector,
    Imports,
    Exports,
}

impl ConsoleSection {
    const ALL: [ConsoleSection; 7] = [
        ConsoleSection::Overview,
        ConsoleSection::People,
        ConsoleSection::Explain,
        ConsoleSection::Live,
        ConsoleSection::Inspector,
        ConsoleSection::Imports,
        ConsoleSection::Exports,
    ];

    fn path(self) -> &'static str {
        match self {
            ConsoleSection::People => "people",
            ConsoleSection::Explain => "explain",
            ConsoleSection::Live => "live",
            ConsoleSection::Imports => "imports",
            ConsoleSection::Exports => "exports",
            ConsoleSection::Overview => "overview",
            ConsoleSection::Inspector => "inspector",
        }
    }

    fn title(self) -> &'static str {
        match self {
            ConsoleSection::People => "People",
            ConsoleSection::Explain => "Explain",
            ConsoleSection::Live => "Live",
            ConsoleSection::Imports => "Imports",
            ConsoleSection::Exports => "Exports",
            ConsoleSection::Overview => "Overview",
            ConsoleSection::Inspector => "Inspector",
        }
    }
}

/// The path of a page of a company.
pub(super) fn path_of(company: &CompanyId, page: &str) -> String {
    format!("/console/c/{company}/{page}")
}

/// A whole page without navigation, for visitors who are not signed in.
pub(super) fn bare(title: &str, content: &Markup) -> Markup {
    document(title, &html! {}, content)
}

/// A whole page for a visitor who is signed in.
pub(super) fn framed(
    visit: &Visit<'_>,
    place: Option<(&CompanyId, ConsoleSection)>,
    title: &str,
    content: &Markup,
) -> Markup {
    let navigation = html! {
        nav aria-label="Companies" {
            ul.companies {
                @for principal in &visit.principals {
                    @let company = &principal.company.id;
                    @let is_current = place.is_some_and(|(current, _)| current == company);
                    li {
                        a href=(path_of(company, "people")) aria-current=[is_current.then_some("true")] {
                            (company)
                        }
                    }
                }
                li { a href="/console/sign-in" { "Add a key" } }
            }
        }
        @if let Some((company, section)) = place {
            nav aria-label="Pages" {
                ul.sections {
                    @for other in ConsoleSection::ALL {
                        li {
                            a href=(path_of(company, other.path()))
                                aria-current=[(other == section).then_some("page")] {
                                (other.title())
                            }
                        }
                    }
                }
            }
        }
        form.sign-out method="post" action="/console/sign-out" {
            (form_token(visit))
            button.quiet type="submit" { "Sign out" }
        }
    };
    document(title, &navigation, content)
}

/// The hidden field that every form of a session has.
pub(super) fn form_token(visit: &Visit<'_>) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(visit.session.form_token.reveal()); }
}

fn document(title: &str, navigation: &Markup, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · profile-gateway" }
                link rel="stylesheet" href=(style_url());
                link rel="icon" href="data:,";
                script type="module" src=(script_url()) {}
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header {
                    p.product { a href="/console/" { "profile-gateway" } }
                    (navigation)
                }
                main #content tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}
