//! The places of a body: which fields each has, and what becomes of them.

use std::{borrow::Cow, marker::PhantomData};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::{ProfileEndpoint, draft::Draft};
use crate::{
    Change, Fault, Field, IdentifierKind,
    json::{Members, Object, Scalar, Shape},
    violation::{echo, pointer},
};

const RESOURCE: &str = "profile";
pub(super) const ATTRIBUTES: &str = "/data/attributes";
pub(super) const PROPERTIES: &str = "/data/attributes/properties";

/// Reads a whole body.
pub(super) fn read_document<'de, D: Deserializer<'de>>(
    draft: &mut Draft,
    deserializer: D,
) -> Result<(), D::Error> {
    let mut document = Known::<Document>::new(draft);
    let shape = Object(&mut document).deserialize(deserializer)?;
    if shape != Shape::Object {
        wrong_shape(draft, "");
    } else if !document.saw("data") {
        draft.report.add("/data".to_owned(), Fault::Missing { name: "data" });
    }
    Ok(())
}

/// Reads the `data` of a body, once it is known from where.
pub(super) fn read_data<E>(
    draft: &mut Draft,
    read: impl FnOnce(Object<'_, Known<'_, Data>>) -> Result<Shape, E>,
) -> Result<(), E> {
    let mut data = Known::<Data>::new(draft);
    if read(Object(&mut data))? != Shape::Object {
        wrong_shape(draft, Data::AT);
        return Ok(());
    }
    let typed = data.saw("type");
    let identified = data.saw("id");
    let filled =
        ["attributes", "id", "meta", "relationships"].into_iter().any(|name| data.saw(name));
    if !typed {
        draft.report.add(pointer(Data::AT, "type"), Fault::Missing { name: "type" });
    }
    if draft.endpoint == ProfileEndpoint::Update {
        if !identified {
            missing_id(draft);
        }
    } else if filled {
        draft.require_identifier();
    } else {
        draft.report.add(Data::AT.to_owned(), Fault::EmptyData);
    }
    Ok(())
}

/// An object whose members all have known names.
pub(super) trait Place {
    /// Its pointer.
    const AT: &'static str;
    /// The names of its members, at most 32.
    const FIELDS: &'static [&'static str];

    /// Whether this endpoint takes the member `name`, one of `FIELDS`.
    fn takes(_: ProfileEndpoint, _: &'static str) -> bool {
        true
    }

    /// Takes in the member `name`, one of `FIELDS`.
    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// Reads a [`Place`]: turns unknown and repeated members away, hands the rest on.
pub(super) struct Known<'d, P> {
    draft: &'d mut Draft,
    seen: u32,
    place: PhantomData<P>,
}

impl<'d, P: Place> Known<'d, P> {
    fn new(draft: &'d mut Draft) -> Known<'d, P> {
        Known { draft, seen: 0, place: PhantomData }
    }

    fn saw(&self, name: &str) -> bool {
        let number = P::FIELDS.iter().position(|&field| field == name);
        number.is_some_and(|number| self.seen & (1 << number) != 0)
    }
}

impl<'de, P: Place> Members<'de> for Known<'_, P> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let known = P::FIELDS.iter().enumerate().find(|&(_, &field)| field == name);
        let fault = match known {
            Some((number, &field)) if self.seen & (1 << number) == 0 => {
                self.seen |= 1 << number;
                if P::takes(self.draft.endpoint, field) {
                    return P::field(self.draft, field, map);
                }
                unknown(field)
            }
            Some((_, &field)) => Fault::Duplicate { name: field.to_owned() },
            None => unknown(&name),
        };
        self.draft.report.add(pointer(P::AT, &name), fault);
        map.next_value::<IgnoredAny>().map(drop)
    }
}

fn unknown(name: &str) -> Fault {
    Fault::UnknownField { name: echo(name).to_owned(), resource: RESOURCE }
}

/// Reads a nested place, which may be `null` instead.
fn nested<'de, P: Place, A: MapAccess<'de>>(
    draft: &mut Draft,
    map: &mut A,
) -> Result<Shape, A::Error> {
    let shape = map.next_value_seed(Object(&mut Known::<P>::new(draft)))?;
    if shape == Shape::Other {
        wrong_shape(draft, P::AT);
    }
    Ok(shape)
}

fn wrong_shape(draft: &mut Draft, at: &str) {
    draft.report.add(at.to_owned(), Fault::WrongType { expected: "an object" });
}

struct Document;

impl Place for Document {
    const AT: &'static str = "";
    const FIELDS: &'static [&'static str] = &["data"];

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        _: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        read_data(draft, |data| map.next_value_seed(data))
    }
}

pub(super) struct Data;

impl Place for Data {
    const AT: &'static str = "/data";
    const FIELDS: &'static [&'static str] = &["type", "id", "attributes", "meta", "relationships"];

    fn takes(endpoint: ProfileEndpoint, name: &'static str) -> bool {
        endpoint != ProfileEndpoint::Create || !matches!(name, "id" | "meta")
    }

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "type" => resource_type(draft, map.next_value()?),
            "id" => id(draft, map.next_value()?),
            "attributes" => drop(nested::<Attributes, A>(draft, map)?),
            "meta" => drop(nested::<Meta, A>(draft, map)?),
            // Some browser clients send relationships; none that matter here.
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

fn id(draft: &mut Draft, raw: &RawValue) {
    if draft.endpoint == ProfileEndpoint::Update && matches!(Scalar::of(raw), Scalar::Null) {
        missing_id(draft);
    }
    draft.identifiers.id = draft.identifier(Data::AT, "id", raw);
}

fn missing_id(draft: &mut Draft) {
    draft.report.add(pointer(Data::AT, "id"), Fault::Missing { name: "id" });
}

fn resource_type(draft: &mut Draft, raw: &RawValue) {
    if !matches!(Scalar::of(raw), Scalar::Text(Some(text)) if text == RESOURCE) {
        let fault = Fault::WrongResource { resource: RESOURCE };
        draft.report.add(pointer(Data::AT, "type"), fault);
    }
}

struct Attributes;

impl Place for Attributes {
    const AT: &'static str = ATTRIBUTES;
    const FIELDS: &'static [&'static str] = &[
        "email",
        "phone_number",
        "external_id",
        "anonymous_id",
        "_kx",
        "first_name",
        "last_name",
        "organization",
        "title",
        "image",
        "locale",
        "location",
        "properties",
    ];

    fn takes(endpoint: ProfileEndpoint, name: &'static str) -> bool {
        name != "_kx" || endpoint.looks_up()
    }

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "location" => location(draft, map),
            "properties" => properties(draft, map),
            _ => {
                let raw = map.next_value()?;
                if let Some(field) = field_named(name) {
                    draft.field(Self::AT, field, raw);
                } else {
                    clear(draft, name, raw);
                    identifier(draft, Whose::Attributes, Self::AT, name, raw);
                }
                Ok(())
            }
        }
    }
}

fn field_named(name: &str) -> Option<Field> {
    Field::ALL.into_iter().find(|field| field.name() == name)
}

/// Notes an identifier that is taken away, where that can be said.
fn clear(draft: &mut Draft, name: &str, raw: &RawValue) {
    if !draft.endpoint.clears_identifiers() || !matches!(Scalar::of(raw), Scalar::Null) {
        return;
    }
    let kinds = [IdentifierKind::Email, IdentifierKind::PhoneNumber, IdentifierKind::ExternalId];
    draft.cleared.extend(kinds.into_iter().filter(|kind| kind.name() == name));
}

/// Which of a request's two sets of identifiers a member belongs to.
#[derive(Clone, Copy)]
enum Whose {
    Attributes,
    Subject,
}

fn identifier(draft: &mut Draft, whose: Whose, base: &str, name: &str, raw: &RawValue) {
    let mut read = match whose {
        Whose::Attributes => std::mem::take(&mut draft.identifiers),
        Whose::Subject => std::mem::take(&mut draft.subject),
    };
    match name {
        "id" => read.id = draft.identifier(base, name, raw),
        "_kx" => read.exchange_token = draft.identifier(base, name, raw),
        "external_id" => read.external_id = draft.identifier(base, name, raw),
        "email" => read.email = draft.identifier(base, name, raw),
        "phone_number" => read.phone_number = draft.identifier(base, name, raw),
        _ => read.anonymous_id = draft.identifier(base, name, raw),
    }
    match whose {
        Whose::Attributes => draft.identifiers = read,
        Whose::Subject => draft.subject = read,
    }
}

struct Location;

impl Place for Location {
    const AT: &'static str = "/data/attributes/location";
    const FIELDS: &'static [&'static str] = &[
        "address1",
        "address2",
        "city",
        "country",
        "region",
        "zip",
        "timezone",
        "ip",
        "latitude",
        "longitude",
    ];

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let raw = map.next_value()?;
        if let Some(field) = field_named(name) {
            draft.field(Self::AT, field, raw);
        }
        Ok(())
    }
}

/// `null` in place of a location clears all of it.
fn location<'de, A: MapAccess<'de>>(draft: &mut Draft, map: &mut A) -> Result<(), A::Error> {
    if nested::<Location, A>(draft, map)? == Shape::Null {
        for field in Field::ALL.into_iter().filter(|field| field.is_location()) {
            draft.patch.fields[field] = Change::Clear;
        }
    }
    Ok(())
}

/// `null` in place of the properties clears all of them.
fn properties<'de, A: MapAccess<'de>>(draft: &mut Draft, map: &mut A) -> Result<(), A::Error> {
    let mut members = PropertyMembers { draft: &mut *draft, names: Vec::new() };
    let shape = map.next_value_seed(Object(&mut members))?;
    let PropertyMembers { names, .. } = members;
    match shape {
        Shape::Object => report_duplicates(draft, PROPERTIES, names),
        Shape::Null => draft.patch.properties.clear = true,
        Shape::Other => wrong_shape(draft, PROPERTIES),
    }
    Ok(())
}

struct PropertyMembers<'d, 'de> {
    draft: &'d mut Draft,
    names: Vec<Cow<'de, str>>,
}

impl<'de> Members<'de> for PropertyMembers<'_, 'de> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let draft = &mut *self.draft;
        match name.as_ref() {
            "$append" => {
                lists(draft, ListStep::Append, "/data/attributes/properties/$append", map)?;
            }
            "$unappend" => {
                lists(draft, ListStep::Unappend, "/data/attributes/properties/$unappend", map)?;
            }
            "$unset" => draft.unset(PROPERTIES, "$unset", map.next_value()?),
            "$exchange_id" if !draft.endpoint.looks_up() => {
                draft.report.add(pointer(PROPERTIES, &name), unknown(&name));
                map.next_value::<IgnoredAny>()?;
            }
            "$exchange_id" => {
                draft.exchange_id = draft.identifier(PROPERTIES, "$exchange_id", map.next_value()?);
            }
            name => draft.property(PROPERTIES, name, map.next_value()?),
        }
        self.names.push(name);
        Ok(())
    }
}

/// Sorting finds repeated names in step with their number, however many a body
/// brings.
fn report_duplicates(draft: &mut Draft, at: &str, mut names: Vec<Cow<'_, str>>) {
    names.sort_unstable();
    for pair in names.windows(2) {
        if let [first, second] = pair
            && first == second
        {
            let name = echo(first).to_owned();
            draft.report.add(pointer(at, &name), Fault::Duplicate { name });
        }
    }
}

#[derive(Clone, Copy)]
enum ListStep {
    Append,
    Unappend,
}

/// Reads what joins or leaves arrays: an object of names and elements, or `null`.
fn lists<'de, A: MapAccess<'de>>(
    draft: &mut Draft,
    step: ListStep,
    at: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    let mut members = ListMembers { draft: &mut *draft, step, at, names: Vec::new() };
    let shape = map.next_value_seed(Object(&mut members))?;
    let ListMembers { names, .. } = members;
    match shape {
        Shape::Object => report_duplicates(draft, at, names),
        Shape::Null => {}
        Shape::Other => wrong_shape(draft, at),
    }
    Ok(())
}

struct ListMembers<'d, 'de> {
    draft: &'d mut Draft,
    step: ListStep,
    at: &'static str,
    names: Vec<Cow<'de, str>>,
}

impl<'de> Members<'de> for ListMembers<'_, 'de> {
    fn member<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let elements = self.draft.elements(self.at, &name, map.next_value()?);
        let properties = &mut self.draft.patch.properties;
        match self.step {
            ListStep::Append => properties.append.extend(elements),
            ListStep::Unappend => properties.unappend.extend(elements),
        }
        self.names.push(name);
        Ok(())
    }
}

struct Meta;

impl Place for Meta {
    const AT: &'static str = "/data/meta";
    const FIELDS: &'static [&'static str] =
        &["identifiers", "patch_properties", "patch_identifiers"];

    fn takes(endpoint: ProfileEndpoint, name: &'static str) -> bool {
        name != "identifiers" || endpoint.looks_up()
    }

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "identifiers" => nested::<MetaIdentifiers, A>(draft, map),
            "patch_properties" => nested::<PatchProperties, A>(draft, map),
            _ => nested::<PatchIdentifiers, A>(draft, map),
        }
        .map(drop)
    }
}

struct MetaIdentifiers;

impl Place for MetaIdentifiers {
    const AT: &'static str = "/data/meta/identifiers";
    const FIELDS: &'static [&'static str] =
        &["id", "external_id", "email", "phone_number", "anonymous_id", "_kx"];

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        identifier(draft, Whose::Subject, Self::AT, name, map.next_value()?);
        Ok(())
    }
}

struct PatchProperties;

impl Place for PatchProperties {
    const AT: &'static str = "/data/meta/patch_properties";
    const FIELDS: &'static [&'static str] = &["append", "unappend", "unset"];

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "append" => lists(draft, ListStep::Append, "/data/meta/patch_properties/append", map),
            "unappend" => {
                lists(draft, ListStep::Unappend, "/data/meta/patch_properties/unappend", map)
            }
            _ => {
                draft.unset(Self::AT, name, map.next_value()?);
                Ok(())
            }
        }
    }
}

struct PatchIdentifiers;

impl Place for PatchIdentifiers {
    const AT: &'static str = "/data/meta/patch_identifiers";
    const FIELDS: &'static [&'static str] = &["append", "unappend"];

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "append" => nested::<AppendedIdentifiers, A>(draft, map),
            _ => nested::<UnappendedIdentifiers, A>(draft, map),
        }
        .map(drop)
    }
}

struct AppendedIdentifiers;

impl Place for AppendedIdentifiers {
    const AT: &'static str = "/data/meta/patch_identifiers/append";
    const FIELDS: &'static [&'static str] = &["email"];

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        draft.secondary_emails.append = draft.emails(Self::AT, name, map.next_value()?);
        Ok(())
    }
}

struct UnappendedIdentifiers;

impl Place for UnappendedIdentifiers {
    const AT: &'static str = "/data/meta/patch_identifiers/unappend";
    const FIELDS: &'static [&'static str] = &["email"];

    fn field<'de, A: MapAccess<'de>>(
        draft: &mut Draft,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        draft.secondary_emails.unappend = draft.emails(Self::AT, name, map.next_value()?);
        Ok(())
    }
}
