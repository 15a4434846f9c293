//! Builds requests out of values that are valid by themselves.

use crate::{
    AnonymousId, Change, Email, ExchangeToken, ExternalId, Field, IdentifierKind, Identifiers,
    PhoneNumber, ProfileId, PropertyName, PropertyValue, Revision, Text, Violations,
    endpoint::ProfileEndpoint,
    identifiers::ClaimedId,
    request::{ProfileRequest, RequestParts},
};

/// Builds a [`ProfileRequest`] for one endpoint.
///
/// Each setter takes a value that is valid by itself. [`build`](ProfileRequestBuilder::build)
/// checks the request as a whole: it renders the body and parses it again, so a request that was
/// built is one that the endpoint accepts. Of two calls that contradict each other, the later one
/// counts.
///
/// ```
/// use profile_protocol::{Field, ProfileEndpoint, ProfileRequest, ProfileRequestBuilder, Revision};
///
/// let request = ProfileRequestBuilder::new(ProfileEndpoint::Client, Revision::LATEST)
///     .email("Sarah@Example.com".parse()?)
///     .attribute(Field::City, "Boston".parse()?)
///     .property("plan".parse()?, "7".parse()?)
///     .build()?;
/// let body = request.to_json(ProfileEndpoint::Client);
/// assert!(body.contains(r#""email":"sarah@example.com","location":{"city":"Boston"}"#));
/// assert_eq!(ProfileRequest::parse(body.as_bytes(), Revision::LATEST)?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ProfileRequestBuilder {
    endpoint: ProfileEndpoint,
    parts: RequestParts,
}

/// Why a request cannot be built.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnbuildableRequest {
    /// The endpoint would refuse the body.
    #[error("the endpoint refuses the request: {0}")]
    Refused(#[from] Violations),
    /// No body says this: a property has one of the names with a meaning of their own, such as
    /// `$append`; or properties are set although all of them are cleared; or an identifier is
    /// removed at an endpoint, or of a kind, that does not allow it.
    #[error("no body of this endpoint can say what the request says")]
    Inexpressible,
}

impl ProfileRequestBuilder {
    /// Begins a request for this endpoint.
    pub fn new(endpoint: ProfileEndpoint, revision: Revision) -> ProfileRequestBuilder {
        ProfileRequestBuilder { endpoint, parts: RequestParts::new(revision) }
    }

    /// The request. Fails if the endpoint does not accept it, for example without an identifier.
    pub fn build(self) -> Result<ProfileRequest, UnbuildableRequest> {
        let ProfileRequestBuilder { endpoint, parts } = self;
        let request = ProfileRequest::from_parsed(parts);
        let body = request.to_json(endpoint);
        let parsed = ProfileRequest::parse_at(endpoint, body.as_bytes(), request.revision())?;
        if parsed == request { Ok(request) } else { Err(UnbuildableRequest::Inexpressible) }
    }

    /// Identifies the profile by its id.
    pub fn id(mut self, id: ProfileId) -> ProfileRequestBuilder {
        self.parts.identifiers.id = Some(ClaimedId::Profile(id));
        self
    }

    /// Identifies the profile by an exchange token.
    pub fn exchange_token(mut self, token: ExchangeToken) -> ProfileRequestBuilder {
        self.parts.identifiers.exchange_token = Some(token);
        self
    }

    /// Identifies the profile by the id in the company's own system.
    pub fn external_id(mut self, id: ExternalId) -> ProfileRequestBuilder {
        self.parts.identifiers.external_id = Some(id);
        self.keep(IdentifierKind::ExternalId)
    }

    /// Identifies the profile by its email address.
    pub fn email(mut self, email: Email) -> ProfileRequestBuilder {
        self.parts.identifiers.email = Some(email);
        self.keep(IdentifierKind::Email)
    }

    /// Identifies the profile by its phone number.
    pub fn phone_number(mut self, number: PhoneNumber) -> ProfileRequestBuilder {
        self.parts.identifiers.phone_number = Some(number);
        self.keep(IdentifierKind::PhoneNumber)
    }

    /// Identifies the profile by a browser or device.
    pub fn anonymous_id(mut self, id: AnonymousId) -> ProfileRequestBuilder {
        self.parts.identifiers.anonymous_id = Some(id);
        self
    }

    /// Replaces all identifiers among the attributes, and the id.
    pub fn identifiers(mut self, identifiers: Identifiers) -> ProfileRequestBuilder {
        self.parts.identifiers = identifiers;
        self.parts.cleared.clear();
        self
    }

    /// Replaces the identifiers that are looked up first (`meta.identifiers`).
    pub fn subject(mut self, identifiers: Identifiers) -> ProfileRequestBuilder {
        self.parts.subject = identifiers;
        self
    }

    /// Removes an identifier from the profile.
    pub fn clear_identifier(mut self, kind: IdentifierKind) -> ProfileRequestBuilder {
        let identifiers = &mut self.parts.identifiers;
        match kind {
            IdentifierKind::AnonymousId => identifiers.anonymous_id = None,
            IdentifierKind::PhoneNumber => identifiers.phone_number = None,
            IdentifierKind::Email => identifiers.email = None,
            IdentifierKind::ExternalId => identifiers.external_id = None,
            IdentifierKind::Id => identifiers.id = None,
        }
        self = self.keep(kind);
        self.parts.cleared.push(kind);
        self
    }

    fn keep(mut self, kind: IdentifierKind) -> ProfileRequestBuilder {
        self.parts.cleared.retain(|&cleared| cleared != kind);
        self
    }

    /// Adds a secondary email address.
    pub fn append_email(mut self, email: Email) -> ProfileRequestBuilder {
        self.parts.secondary_emails.append.push(email);
        self
    }

    /// Removes a secondary email address.
    pub fn unappend_email(mut self, email: Email) -> ProfileRequestBuilder {
        self.parts.secondary_emails.unappend.push(email);
        self
    }

    /// Sets an attribute. A latitude or longitude must be a number of degrees.
    pub fn attribute(mut self, field: Field, value: Text) -> ProfileRequestBuilder {
        self.parts.patch.fields[field] = Change::Set(value);
        self
    }

    /// Clears an attribute.
    pub fn clear_attribute(mut self, field: Field) -> ProfileRequestBuilder {
        self.parts.patch.fields[field] = Change::Clear;
        self
    }

    /// Sets a custom property.
    pub fn property(mut self, name: PropertyName, value: PropertyValue) -> ProfileRequestBuilder {
        let set = &mut self.parts.patch.properties.set;
        set.retain(|(earlier, _)| *earlier != name);
        set.push((name, value));
        self
    }

    /// Removes a custom property.
    pub fn unset_property(mut self, name: PropertyName) -> ProfileRequestBuilder {
        self.parts.patch.properties.unset.push(name);
        self
    }

    /// Removes all custom properties. The same request cannot set any.
    pub fn clear_properties(mut self) -> ProfileRequestBuilder {
        self.parts.patch.properties.clear = true;
        self
    }

    /// Adds these elements to an array property.
    pub fn append_to_property(
        mut self,
        name: PropertyName,
        elements: Vec<PropertyValue>,
    ) -> ProfileRequestBuilder {
        gather(&mut self.parts.patch.properties.append, name, elements);
        self
    }

    /// Removes these elements from an array property.
    pub fn unappend_from_property(
        mut self,
        name: PropertyName,
        elements: Vec<PropertyValue>,
    ) -> ProfileRequestBuilder {
        gather(&mut self.parts.patch.properties.unappend, name, elements);
        self
    }
}

/// Adds elements to the list of this name.
fn gather(
    lists: &mut Vec<(PropertyName, Vec<PropertyValue>)>,
    name: PropertyName,
    elements: Vec<PropertyValue>,
) {
    match lists.iter_mut().find(|(earlier, _)| *earlier == name) {
        Some((_, list)) => list.extend(elements),
        None => lists.push((name, elements)),
    }
}
