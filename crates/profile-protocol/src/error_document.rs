//! Error documents: what answers a refused request, in the form of JSON:API.

#![expect(
    missing_docs,
    reason = "a doc comment becomes a description of the OpenAPI document; the names say enough"
)]

use std::borrow::Cow;

use serde::Serialize;

use crate::{Fault, Violation, Violations};

/// The class of an error, which decides the status of the response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorClass {
    /// The body is not JSON.
    Malformed,
    /// The body is larger than its endpoint allows.
    TooLarge,
    /// The body is JSON that the endpoint does not accept.
    Invalid,
}

impl ErrorClass {
    /// The status of the response.
    pub const fn status(self) -> u16 {
        match self {
            ErrorClass::Malformed | ErrorClass::Invalid => 400,
            ErrorClass::TooLarge => 413,
        }
    }

    /// The machine-readable code.
    pub const fn code(self) -> &'static str {
        match self {
            ErrorClass::Malformed => "parse_error",
            ErrorClass::TooLarge => "payload_too_large",
            ErrorClass::Invalid => "invalid",
        }
    }

    /// The title.
    pub const fn title(self) -> &'static str {
        match self {
            ErrorClass::Malformed => "Malformed request.",
            ErrorClass::TooLarge => "Payload too large.",
            ErrorClass::Invalid => "Invalid input.",
        }
    }
}

impl Fault {
    /// The class of the error.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Fault::Syntax { .. } => ErrorClass::Malformed,
            Fault::TooLarge { .. } => ErrorClass::TooLarge,
            Fault::ProfileTooLarge
            | Fault::WrongType { .. }
            | Fault::Missing { .. }
            | Fault::UnknownField { .. }
            | Fault::Duplicate { .. }
            | Fault::WrongResource { .. }
            | Fault::EmptyData
            | Fault::NoIdentifier
            | Fault::NoIdentifierToCreate
            | Fault::NotOneSubject
            | Fault::NotOneSender
            | Fault::Email(_)
            | Fault::PhoneNumber(_)
            | Fault::Identifier(_)
            | Fault::BlankIdentifier
            | Fault::Text(_)
            | Fault::Coordinate(_)
            | Fault::Property(_)
            | Fault::NotAChoice { .. }
            | Fault::PushToken(_)
            | Fault::DeviceText(_)
            | Fault::WrongCount { .. }
            | Fault::TooManyProperties
            | Fault::Surrogate
            | Fault::More => ErrorClass::Invalid,
        }
    }
}

impl Violation {
    /// The violation as an element of an error document. `status` is that of the response.
    fn to_error_object(&self, id: String, status: u16) -> ErrorObject {
        let Violation { pointer, fault } = self;
        let class = fault.class();
        ErrorObject {
            id,
            status,
            code: class.code(),
            title: class.title(),
            detail: fault.to_string(),
            source: ErrorSourceObject { pointer: pointer.clone(), header: None, parameter: None },
            links: EmptyObject {},
            meta: ErrorMeta { reason: fault.reason(), duplicate_profile_id: None },
        }
    }
}

impl Violations {
    /// The class of the first violation, which is the class of the response.
    pub fn class(&self) -> ErrorClass {
        self.first_fault().class()
    }

    /// The document that answers the request, with the status of
    /// [`class`](Violations::class). `new_id` gives each error an id of its own.
    ///
    /// ```
    /// use profile_protocol::{ProfileRequest, Revision};
    ///
    /// let body = br#"{"data":{"type":"profile","attributes":{"email":"unknown"}}}"#;
    /// let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
    /// let mut ids = (1..).map(|number: u32| number.to_string());
    /// let document = violations.to_document(|| ids.next().unwrap());
    /// assert_eq!(violations.class().status(), 400);
    /// assert_eq!(
    ///     document.to_json(),
    ///     concat!(
    ///         r#"{"errors":[{"id":"1","status":400,"code":"invalid","title":"Invalid input.","#,
    ///         r#""detail":"Invalid email address","#,
    ///         r#""source":{"pointer":"/data/attributes/email"},"links":{},"#,
    ///         r#""meta":{"reason":"must look like name@example.com, the name in ASCII"}}]}"#,
    ///     ),
    /// );
    /// ```
    pub fn to_document(&self, mut new_id: impl FnMut() -> String) -> ErrorDocument {
        let status = self.class().status();
        let errors = self.iter().map(|violation| violation.to_error_object(new_id(), status));
        ErrorDocument { errors: errors.collect() }
    }
}

/// An error document.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Serialize)]
pub struct ErrorDocument {
    pub errors: Vec<ErrorObject>,
}

impl ErrorDocument {
    /// The document as JSON text.
    #[expect(clippy::missing_panics_doc, reason = "every member can be written as JSON")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("the keys of the document are strings")
    }
}

/// An error object. All members are present, in this order, because a mobile client cannot read it
/// otherwise.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Serialize)]
pub struct ErrorObject {
    /// A UUID, different in every response.
    pub id: String,
    /// The status of the response.
    pub status: u16,
    /// The machine-readable code of the error.
    pub code: &'static str,
    /// The title of the error.
    pub title: &'static str,
    /// The detail of this occurrence, with the remedy.
    pub detail: String,
    pub source: ErrorSourceObject,
    pub links: EmptyObject,
    pub meta: ErrorMeta,
}

#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Serialize)]
pub struct ErrorSourceObject {
    /// A JSON pointer into the body.
    pub pointer: String,
    /// The header that caused the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<&'static str>,
    /// The query parameter that caused the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Cow<'static, str>>,
}

#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ErrorMeta {
    /// The specific reason, if the wording of the detail is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The profile that already has the identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_profile_id: Option<String>,
}

#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct EmptyObject {}
