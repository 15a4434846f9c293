//! Why the console refuses a request.

use actix_web::http::StatusCode;

use crate::{http::refusal::Refusal, limits, tenants::scope::KeyScope};

/// Why the console refuses a request.
#[derive(Debug)]
pub(super) enum ConsoleRefusal {
    /// The request has no session.
    SignedOut,
    /// The request has the id of a session that is not open.
    SessionEnded,
    /// The request has several cookies of a session.
    SeveralSessions,
    /// There is no such page.
    NoPage,
    /// The session has no key of this company, which may exist or not.
    OtherCompany,
    /// The page does not support the method.
    Method,
    /// The form does not come from a page of this session.
    Forged,
    /// The form cannot be read.
    Form(&'static str),
    /// The form has more than [`limits::CONSOLE_FORM_BYTES`].
    FormTooLarge,
    /// Too many attempts to sign in.
    SignIns {
        /// Seconds after which an attempt is admitted.
        retry_after_seconds: u64,
    },
    /// Too many live views are open.
    Streams,
    /// Too many exports are under way.
    Exports,
    /// The version of HTTP has no mark for the end of a response.
    OldHttp,
    /// The key that was presented is not configured.
    UnknownKey,
    /// The system gave no entropy.
    NoEntropy,
    /// The API refused.
    Api(Refusal),
}

impl From<Refusal> for ConsoleRefusal {
    fn from(refusal: Refusal) -> ConsoleRefusal {
        ConsoleRefusal::Api(refusal)
    }
}

impl ConsoleRefusal {
    /// The status of the page that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            ConsoleRefusal::SignedOut
            | ConsoleRefusal::SessionEnded
            | ConsoleRefusal::SeveralSessions
            | ConsoleRefusal::OtherCompany
            | ConsoleRefusal::Forged
            | ConsoleRefusal::UnknownKey => StatusCode::FORBIDDEN,
            ConsoleRefusal::NoPage => StatusCode::NOT_FOUND,
            ConsoleRefusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            ConsoleRefusal::Form(_) | ConsoleRefusal::FormTooLarge => StatusCode::BAD_REQUEST,
            ConsoleRefusal::SignIns { .. } => StatusCode::TOO_MANY_REQUESTS,
            ConsoleRefusal::NoEntropy | ConsoleRefusal::Streams | ConsoleRefusal::Exports => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ConsoleRefusal::OldHttp => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            ConsoleRefusal::Api(refusal) => refusal.status(),
        }
    }

    /// What the page has as its heading.
    pub(super) fn title(&self) -> &'static str {
        match self {
            ConsoleRefusal::SignedOut | ConsoleRefusal::SessionEnded => "You are signed out",
            ConsoleRefusal::SeveralSessions => "The browser sent several sessions",
            ConsoleRefusal::NoPage => "There is no such page",
            ConsoleRefusal::OtherCompany => "This session has no key of that company",
            ConsoleRefusal::Method => "This page cannot be asked that way",
            ConsoleRefusal::Forged => "This form is not of your session",
            ConsoleRefusal::Form(_) | ConsoleRefusal::FormTooLarge => "The form cannot be read",
            ConsoleRefusal::SignIns { .. } => "Too many attempts",
            ConsoleRefusal::Streams => "Too many live views",
            ConsoleRefusal::Exports => "Too many exports",
            ConsoleRefusal::OldHttp => "The download needs HTTP/1.1",
            ConsoleRefusal::UnknownKey => "The key is not known",
            ConsoleRefusal::NoEntropy => "The gateway cannot open a session",
            ConsoleRefusal::Api(Refusal::Scope(_)) => "Your key may not do that",
            ConsoleRefusal::Api(refusal) if refusal.status() == StatusCode::NOT_FOUND => {
                "There is nothing with this id"
            }
            ConsoleRefusal::Api(_) => "The gateway refused that",
        }
    }

    /// What is wrong, and what would be right.
    pub(super) fn detail(&self) -> String {
        match self {
            ConsoleRefusal::SignedOut => "Sign in with a private key.".to_owned(),
            ConsoleRefusal::SessionEnded => "The session has ended: it was unused for half an \
                hour, is older than twelve hours, its keys were removed, or the gateway was \
                restarted. Sign in again."
                .to_owned(),
            ConsoleRefusal::SeveralSessions => "Another program may have set a cookie of this \
                name. Delete the cookies of this address in your browser, and sign in again."
                .to_owned(),
            ConsoleRefusal::NoPage => "The address is mistyped, or the link is old.".to_owned(),
            ConsoleRefusal::OtherCompany => {
                "Sign in with a key of that company to see it.".to_owned()
            }
            ConsoleRefusal::Method => {
                "Pages are read with GET, and forms sent with POST.".to_owned()
            }
            ConsoleRefusal::Forged => {
                "Nothing was changed. Open the page again, and send the form \
                from there."
                    .to_owned()
            }
            ConsoleRefusal::Form(detail) => (*detail).to_owned(),
            ConsoleRefusal::FormTooLarge => {
                format!("It is too large: {} KiB are allowed.", limits::CONSOLE_FORM_BYTES / 1_024)
            }
            ConsoleRefusal::SignIns { retry_after_seconds } => {
                format!("Try again in {retry_after_seconds} s.")
            }
            ConsoleRefusal::Streams => {
                format!(
                    "At most {} of a company are open at a time, and {} of all.",
                    limits::CONSOLE_COMPANY_STREAMS,
                    limits::CONSOLE_STREAMS
                )
            }
            ConsoleRefusal::Exports => {
                format!(
                    "At most {} of a company is under way at a time, and {} of all. Try again \
                     when it has ended.",
                    limits::CONSOLE_COMPANY_EXPORTS,
                    limits::CONSOLE_EXPORTS
                )
            }
            ConsoleRefusal::OldHttp => "With HTTP/1.0 a file that was cut off would look whole. \
                If a proxy is in between, let it speak HTTP/1.1 to the gateway; for nginx, write \
                proxy_http_version 1.1."
                .to_owned(),
            ConsoleRefusal::UnknownKey => "Paste a private key (pk_…) that the configuration of \
                this gateway has the digest of."
                .to_owned(),
            ConsoleRefusal::NoEntropy => "The operating system gave no random bytes.".to_owned(),
            ConsoleRefusal::Api(Refusal::Scope(scope)) => lacking(*scope),
            ConsoleRefusal::Api(refusal) => errors_of(refusal).join(" "),
        }
    }

    /// What the log says: nothing that the request has in it. `None` for what is everyday.
    pub(super) fn logged(&self) -> Option<&'static str> {
        match self {
            ConsoleRefusal::SessionEnded => Some("its session is not open"),
            ConsoleRefusal::SeveralSessions => Some("it has cookies of several sessions"),
            ConsoleRefusal::OtherCompany => Some("its session has no key of the company"),
            ConsoleRefusal::Forged => Some("its form is not of its session"),
            ConsoleRefusal::SignIns { .. } => Some("too many attempts to sign in"),
            ConsoleRefusal::UnknownKey => Some("it tried to sign in with an unknown key"),
            ConsoleRefusal::NoEntropy => Some("the system gave no entropy"),
            ConsoleRefusal::Api(Refusal::Scope(_)) => Some("its key lacks the scope"),
            // It may be an id of another company, of which no other is told.
            ConsoleRefusal::Api(refusal) if refusal.status() == StatusCode::NOT_FOUND => {
                Some("its company has nothing with this id")
            }
            ConsoleRefusal::SignedOut
            | ConsoleRefusal::NoPage
            | ConsoleRefusal::Method
            | ConsoleRefusal::Form(_)
            | ConsoleRefusal::FormTooLarge
            | ConsoleRefusal::Streams
            | ConsoleRefusal::Exports
            | ConsoleRefusal::OldHttp
            | ConsoleRefusal::Api(_) => None,
        }
    }
}

fn lacking(scope: KeyScope) -> String {
    format!(
        "The private key lacks the scope {scope}. Sign in with a key that has it, or add the scope \
         to the key in the configuration, and reload."
    )
}

/// The errors of a refusal, each with where it is in the body.
pub(super) fn errors_of(refusal: &Refusal) -> Vec<String> {
    let document = refusal.document();
    let error = |error: &profile_protocol::ErrorObject| match error.source.pointer.as_str() {
        "" | "/data" => error.detail.clone(),
        pointer => format!("{} (at {pointer})", error.detail),
    };
    document.errors.iter().map(error).collect()
}
