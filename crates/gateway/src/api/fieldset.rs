//! Sparse fieldsets: the attributes of a resource that a response shows.

use profile_protocol::shortened;

use super::query::{Query, invalid};
use crate::{http::refusal::Refusal, limits};

/// The parameter that lists the attributes to show.
pub(super) const FIELDS: &str = "fields[profile]";
/// The parameter that lists attributes shown only on request.
pub(super) const ADDITIONAL_FIELDS: &str = "additional-fields[profile]";

/// The attributes of a profile, in the order of a response.
pub(super) const ATTRIBUTES: [&str; 14] = [
    "email",
    "phone_number",
    "external_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    "created",
    "updated",
    "last_event_date",
    "location",
    "properties",
];

/// Attributes that are shown only on request. The gateway never has anything for the first two, so
/// they are empty.
pub(super) const ADDITIONAL: [&str; 6] =
    [SUBSCRIPTIONS, PREDICTIONS, IDENTIFIERS, FORMER_IDENTIFIERS, WRITERS, MERGES];

/// What the person has agreed to receive.
pub(super) const SUBSCRIPTIONS: &str = "subscriptions";
/// What the original expects of the person.
pub(super) const PREDICTIONS: &str = "predictive_analytics";
/// The identifiers that have no attribute of their own.
pub(super) const IDENTIFIERS: &str = "identifiers";
/// The identifiers that the person has lost, and that an erasure still follows.
pub(super) const FORMER_IDENTIFIERS: &str = "former_identifiers";
/// Who wrote each value, and when.
pub(super) const WRITERS: &str = "writers";
/// The merges that made the person.
pub(super) const MERGES: &str = "merges";

/// Those of [`ADDITIONAL`] that take many reads for each profile.
const OF_ONE_PROFILE: [&str; 3] = [FORMER_IDENTIFIERS, WRITERS, MERGES];

/// The members of a location, in the order of a response.
pub(super) const LOCATION: [&str; 10] = [
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
];

/// The attributes of one kind of resource that a parameter may list.
pub(super) struct ListableFields {
    pub(super) parameter: &'static str,
    /// The kind of the resource.
    pub(super) resource: &'static str,
    pub(super) is_known: fn(&str) -> bool,
}

const OF_PROFILE: ListableFields =
    ListableFields { parameter: FIELDS, resource: "profile", is_known };

/// The paths of attributes that a parameter lists.
#[derive(Debug, Default)]
pub(super) struct ListedFields {
    /// Without the parameter, all attributes are listed.
    paths: Option<Vec<String>>,
}

impl ListedFields {
    /// Reads the parameter of a request.
    pub(super) fn from_query(
        query: &Query<'_>,
        listable: &ListableFields,
    ) -> Result<ListedFields, Refusal> {
        let paths = query.get(listable.parameter).map(|text| paths(text, listable)).transpose()?;
        Ok(ListedFields { paths })
    }

    /// Whether all attributes are listed because the parameter is absent.
    fn are_all(&self) -> bool {
        self.paths.is_none()
    }

    /// Whether an attribute is listed, at least in part.
    pub(super) fn lists(&self, attribute: &str) -> bool {
        let in_part = |path: &String| {
            path.strip_prefix(attribute)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.paths.as_ref().is_none_or(|paths| paths.iter().any(in_part))
    }

    /// Whether a member of an attribute is listed.
    pub(super) fn lists_member(&self, attribute: &str, member: &str) -> bool {
        let Some(paths) = &self.paths else { return true };
        paths.iter().any(|path| match path.strip_prefix(attribute) {
            Some("") => true,
            Some(rest) => rest.strip_prefix('.') == Some(member),
            None => false,
        })
    }
}

/// The attributes that a response shows.
#[derive(Debug, Default)]
pub(crate) struct Fieldset {
    listed: ListedFields,
    /// Whether each of [`ADDITIONAL`] was requested.
    additional: [bool; ADDITIONAL.len()],
}

impl Fieldset {
    /// All attributes, and all identifiers: everything but what takes many reads for each profile,
    /// and what is always empty.
    pub(crate) fn with_identifiers() -> Fieldset {
        let additional = ADDITIONAL.map(|name| name == IDENTIFIERS);
        Fieldset { listed: ListedFields::default(), additional }
    }

    /// Reads the fieldset of a request that may show several profiles, or change one.
    pub(super) fn from_query(query: &Query<'_>) -> Result<Fieldset, Refusal> {
        let fields = Fieldset::of_one_profile(query)?;
        match OF_ONE_PROFILE.into_iter().find(|name| fields.shows(name)) {
            None => Ok(fields),
            Some(name) => {
                let parameter = if fields.adds(name) { ADDITIONAL_FIELDS } else { FIELDS };
                let message = format!("'{name}' is shown by GET /api/profiles/{{id}} only.");
                Err(invalid(parameter, message))
            }
        }
    }

    /// Reads the fieldset of a request that shows one profile as it is.
    pub(super) fn of_one_profile(query: &Query<'_>) -> Result<Fieldset, Refusal> {
        let listed = ListedFields::from_query(query, &OF_PROFILE)?;
        let mut additional = [false; ADDITIONAL.len()];
        let requested = query.get(ADDITIONAL_FIELDS).unwrap_or_default().split(',');
        for asked in requested.filter(|asked| !asked.is_empty()) {
            let found = ADDITIONAL.iter().zip(&mut additional).find(|(name, _)| **name == asked);
            let (_, shown) = found.ok_or_else(|| unknown(ADDITIONAL_FIELDS, "profile", asked))?;
            *shown = true;
        }
        Ok(Fieldset { listed, additional })
    }

    /// Whether an attribute is shown, at least in part.
    pub(super) fn shows(&self, attribute: &str) -> bool {
        if self.listed.are_all() {
            return !ADDITIONAL.contains(&attribute) || self.adds(attribute);
        }
        self.listed.lists(attribute) || self.adds(attribute)
    }

    /// Whether a member of an attribute is shown.
    pub(super) fn shows_member(&self, attribute: &str, member: &str) -> bool {
        self.listed.lists_member(attribute, member)
    }

    fn adds(&self, attribute: &str) -> bool {
        ADDITIONAL.iter().zip(self.additional).any(|(name, asked)| asked && *name == attribute)
    }
}

fn paths(text: &str, listable: &ListableFields) -> Result<Vec<String>, Refusal> {
    let ListableFields { parameter, resource, is_known } = *listable;
    let paths: Vec<&str> = list(text).collect();
    if limits::SPARSE_FIELDS < paths.len() {
        let message = format!("At most {} fields may be named.", limits::SPARSE_FIELDS);
        return Err(invalid(parameter, message));
    }
    match paths.iter().find(|path| !is_known(path)) {
        Some(path) => Err(unknown(parameter, resource, path)),
        None => Ok(paths.into_iter().map(str::to_owned).collect()),
    }
}

fn is_known(path: &str) -> bool {
    let (attribute, member) = match path.split_once('.') {
        Some((attribute, member)) => (attribute, Some(member)),
        None => (path, None),
    };
    match (attribute, member) {
        ("location", Some(member)) => LOCATION.contains(&member),
        // Every response has an id and a type.
        ("properties", Some(_)) | ("id" | "type", None) => true,
        (attribute, Some(_)) => ADDITIONAL.contains(&attribute),
        (attribute, None) => ATTRIBUTES.contains(&attribute) || ADDITIONAL.contains(&attribute),
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn unknown(parameter: &str, resource: &str, name: &str) -> Refusal {
    let name = shortened(name);
    let message = format!("'{name}' is not a valid field for the resource '{resource}'.");
    invalid(parameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Fieldset {
        let listed = ListedFields { paths: Some(paths(text, &OF_PROFILE).unwrap()) };
        Fieldset { listed, ..Fieldset::default() }
    }

    #[test]
    fn everything_is_shown_but_what_has_to_be_asked_for() {
        let fields = Fieldset::default();
        assert!(ATTRIBUTES.iter().all(|name| fields.shows(name)));
        assert!(!fields.shows("subscriptions"));
        let additional = [true, false, false, false, false, false];
        let fields = Fieldset { additional, ..Fieldset::default() };
        assert!(fields.shows("subscriptions") && !fields.shows("predictive_analytics"));
    }

    #[test]
    fn only_what_is_named_is_shown() {
        let fields = named("email,location.city,properties.a.b");
        assert!(fields.shows("email") && fields.shows("location") && fields.shows("properties"));
        assert!(!fields.shows("phone_number") && !fields.shows("loc"));
        assert!(fields.shows_member("location", "city"));
        assert!(!fields.shows_member("location", "zip"));
        assert!(fields.shows_member("properties", "a.b"));
        assert!(named("location").shows_member("location", "zip"));
        assert!(!named("").shows("email"));
        assert!(!named("id,type").shows("email"));
    }

    #[test]
    fn additional_fields_are_taken_exactly_as_the_openapi_document_lists_them() {
        let additional = |listed: &str| {
            let text = format!("{ADDITIONAL_FIELDS}={listed}");
            let query = Query::read(&text, &[ADDITIONAL_FIELDS]);
            query.and_then(|query| Fieldset::from_query(&query)).map(|fields| fields.additional)
        };
        assert_eq!(additional("").unwrap(), [false; 6]);
        assert_eq!(
            additional("subscriptions,").unwrap(),
            [true, false, false, false, false, false]
        );
        let three = "subscriptions,predictive_analytics,identifiers";
        assert_eq!(additional(three).unwrap(), [true, true, true, false, false, false]);
        for one in OF_ONE_PROFILE {
            assert!(additional(one).is_err(), "{one}");
        }
        for listed in ["%20", "%20subscriptions", "email", "Subscriptions", "null"] {
            assert!(additional(listed).is_err(), "{listed}");
        }
    }

    #[test]
    fn a_field_that_no_profile_has_is_refused() {
        for text in ["nickname", "location.planet", "email.domain", "properties,x", "id.x"] {
            assert!(paths(text, &OF_PROFILE).is_err(), "{text}");
        }
        assert!(paths(&"email,".repeat(201), &OF_PROFILE).is_err());
        assert!(paths("subscriptions.email.marketing.consent", &OF_PROFILE).is_ok());
    }
}
