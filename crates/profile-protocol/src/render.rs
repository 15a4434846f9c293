//! Renders a request as the body that the parser reads back to an equal request.

use std::collections::HashSet;

use crate::{
    AnonymousId, Change, ClaimedId, Email, ExchangeToken, ExternalId, Field, Fields,
    IdentifierKind, Identifiers, PhoneNumber, PropertyName, PropertyValue, Text,
    endpoint::ProfileEndpoint,
    grammar::{FieldName, IdentifierField, PROFILE_RESOURCE},
    json_writer::{ArrayWriter, MemberName, ObjectWriter},
    request::ProfileRequest,
    text::parse_coordinate,
};

/// The id in place of the id of another system, whose text a request does not keep.
const FOREIGN_ID: &str = "foreign";

impl MemberName for FieldName {
    fn as_str(&self) -> &str {
        FieldName::as_str(*self)
    }
}

impl MemberName for IdentifierField {
    fn as_str(&self) -> &str {
        self.name()
    }
}

impl MemberName for IdentifierKind {
    fn as_str(&self) -> &str {
        self.name()
    }
}

impl MemberName for Field {
    fn as_str(&self) -> &str {
        self.name()
    }
}

impl MemberName for &PropertyName {
    fn as_str(&self) -> &str {
        PropertyName::as_str(self)
    }
}

impl ProfileRequest {
    /// The body, as JSON. If the endpoint accepts what the request says, it parses the body to an
    /// equal request.
    ///
    /// The body is in canonical form, so it need not be the one that was parsed, and it may be
    /// longer: a request of almost [`limits::BODY_BYTES`](crate::limits::BODY_BYTES) may render to
    /// more. An id of another system is rendered as another such id, because its text is not kept.
    pub fn to_json(&self, endpoint: ProfileEndpoint) -> String {
        let mut json = String::new();
        let mut document = ObjectWriter::open(&mut json);
        document.object(FieldName::Data, |data| {
            data.text(FieldName::Type, PROFILE_RESOURCE.resource);
            write_id(data, self.identifiers());
            let lists = PatchLists::from_request(self, endpoint);
            data.object_unless_empty(FieldName::Attributes, |attributes| {
                write_attributes(attributes, self, &lists);
            });
            data.object_unless_empty(FieldName::Meta, |meta| write_meta(meta, self, &lists));
        });
        document.close();
        json
    }
}

/// The lists of a patch of properties, divided among the two members that take them.
struct PatchLists<'r> {
    /// Those in `attributes.properties`.
    attributes: PatchSteps<'r>,
    /// Those in `meta.patch_properties`.
    meta: PatchSteps<'r>,
}

#[derive(Default)]
struct PatchSteps<'r> {
    append: &'r [NamedElements],
    unappend: &'r [NamedElements],
    unset: &'r [PropertyName],
}

impl<'r> PatchLists<'r> {
    /// All lists are in `meta`, where the endpoint takes it. Only if a body had both, a name may be
    /// in a list twice; the lists up to its second mention are then among the attributes.
    fn from_request(request: &'r ProfileRequest, endpoint: ProfileEndpoint) -> PatchLists<'r> {
        let patch = &request.patch().properties;
        if endpoint == ProfileEndpoint::Create {
            let (append, unappend, unset) = (&*patch.append, &*patch.unappend, &*patch.unset);
            let attributes = PatchSteps { append, unappend, unset };
            return PatchLists { attributes, meta: PatchSteps::default() };
        }
        let (first_append, append) = before_repeats(&patch.append);
        let (first_unappend, unappend) = before_repeats(&patch.unappend);
        PatchLists {
            attributes: PatchSteps { append: first_append, unappend: first_unappend, unset: &[] },
            meta: PatchSteps { append, unappend, unset: &patch.unset },
        }
    }
}

/// The elements for one property.
type NamedElements = (PropertyName, Vec<PropertyValue>);

/// The lists before the first repeated name, and the others. Without any repeated name, all are
/// others.
fn before_repeats(lists: &[NamedElements]) -> (&[NamedElements], &[NamedElements]) {
    let mut names = HashSet::with_capacity(lists.len());
    let repeated = lists.iter().position(|(name, _)| !names.insert(name)).unwrap_or(0);
    lists.split_at(repeated)
}

fn write_attributes(
    attributes: &mut ObjectWriter<'_>,
    request: &ProfileRequest,
    lists: &PatchLists<'_>,
) {
    for &kind in request.cleared() {
        attributes.raw(kind, "null");
    }
    write_contacts(attributes, request.identifiers());
    let patch = request.patch();
    write_fields(attributes, &patch.fields, |field| !field.is_location());
    attributes.object_unless_empty(FieldName::Location, |location| {
        write_fields(location, &patch.fields, Field::is_location);
    });
    if patch.properties.clear {
        attributes.raw(FieldName::Properties, "null");
        return;
    }
    attributes.object_unless_empty(FieldName::Properties, |properties| {
        for (name, value) in &patch.properties.set {
            properties.raw(name, value.as_json());
        }
        write_steps(
            properties,
            &lists.attributes,
            [FieldName::DollarAppend, FieldName::DollarUnappend, FieldName::DollarUnset],
        );
    });
}

fn write_meta(meta: &mut ObjectWriter<'_>, request: &ProfileRequest, lists: &PatchLists<'_>) {
    meta.object_unless_empty(FieldName::Identifiers, |subject| {
        write_id(subject, request.subject());
        write_contacts(subject, request.subject());
    });
    meta.object_unless_empty(FieldName::PatchProperties, |patch| {
        write_steps(patch, &lists.meta, [FieldName::Append, FieldName::Unappend, FieldName::Unset]);
    });
    let emails = request.secondary_emails();
    meta.object_unless_empty(FieldName::PatchIdentifiers, |patch| {
        patch.object_unless_empty(FieldName::Append, |append| write_emails(append, &emails.append));
        patch.object_unless_empty(FieldName::Unappend, |unappend| {
            write_emails(unappend, &emails.unappend);
        });
    });
}

fn write_id(object: &mut ObjectWriter<'_>, identifiers: &Identifiers) {
    match identifiers.id {
        None => {}
        Some(ClaimedId::Profile(id)) => {
            object.text(IdentifierField::Id, &id.to_string());
        }
        Some(ClaimedId::Foreign) => object.text(IdentifierField::Id, FOREIGN_ID),
    }
}

/// Writes all identifiers but the id.
fn write_contacts(object: &mut ObjectWriter<'_>, identifiers: &Identifiers) {
    let Identifiers { id: _, exchange_token, external_id, email, phone_number, anonymous_id } =
        identifiers;
    let texts = [
        (IdentifierField::Email, email.as_ref().map(Email::as_str)),
        (IdentifierField::PhoneNumber, phone_number.as_ref().map(PhoneNumber::as_str)),
        (IdentifierField::ExternalId, external_id.as_ref().map(ExternalId::as_str)),
        (IdentifierField::AnonymousId, anonymous_id.as_ref().map(AnonymousId::as_str)),
        (IdentifierField::ExchangeToken, exchange_token.as_ref().map(ExchangeToken::as_str)),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            object.text(field, text);
        }
    }
}

fn write_fields(
    object: &mut ObjectWriter<'_>,
    fields: &Fields<Change<Text>>,
    included: impl Fn(Field) -> bool,
) {
    for (field, change) in fields.iter().filter(|&(field, _)| included(field)) {
        match change {
            Change::Keep => {}
            Change::Clear => object.raw(field, "null"),
            Change::Set(text) if is_number(field, text) => object.raw(field, text.as_str()),
            Change::Set(text) => object.text(field, text.as_str()),
        }
    }
}

/// Whether the field is a coordinate with a valid value, which is written as a number.
fn is_number(field: Field, text: &Text) -> bool {
    let read = field.max_degrees().map(|degrees| parse_coordinate(text.as_str(), degrees));
    read.is_some_and(|read| read.as_ref() == Ok(text))
}

fn write_steps(
    object: &mut ObjectWriter<'_>,
    steps: &PatchSteps<'_>,
    [append, unappend, unset]: [FieldName; 3],
) {
    for (name, lists) in [(append, steps.append), (unappend, steps.unappend)] {
        object.object_unless_empty(name, |object| {
            for (name, elements) in lists {
                object.array(name, |array| {
                    elements.iter().for_each(|element| array.raw(element.as_json()));
                });
            }
        });
    }
    if !steps.unset.is_empty() {
        let write = |array: &mut ArrayWriter<'_>| {
            steps.unset.iter().for_each(|name| array.text(name.as_str()));
        };
        object.array(unset, write);
    }
}

fn write_emails(object: &mut ObjectWriter<'_>, emails: &[Email]) {
    if !emails.is_empty() {
        object.array(IdentifierField::Email, |array| {
            emails.iter().for_each(|email| array.text(email.as_str()));
        });
    }
}
