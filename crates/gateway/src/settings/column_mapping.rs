//! What a column of a table means, as an argument says it: `HEADER=ATTRIBUTE`.

use std::str::FromStr;

use profile_protocol::Field;

/// What the cells of a column are.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ColumnTarget {
    /// Nothing that is imported.
    LeftOut,
    /// The id of a profile.
    Id,
    /// An identifier.
    Identifier(&'static str),
    /// A field, which may belong to the location.
    Attribute(Field),
    /// A JSON array of devices.
    AnonymousIds,
    /// A JSON array of email addresses.
    SecondaryEmails,
    /// A JSON object of custom properties.
    Properties,
    /// A custom property whose value is the text of the cell.
    Property(String),
    /// A custom property whose value is the JSON in the cell.
    JsonProperty(String),
}

/// The column with this header is this.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ColumnMapping {
    /// The header.
    pub header: String,
    /// What its cells are.
    pub target: ColumnTarget,
}

/// What arguments say about columns.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ColumnRules {
    /// The columns with a meaning.
    pub mapped: Vec<ColumnMapping>,
    /// The headers of columns that are left out.
    pub ignored: Vec<String>,
    /// What is done with all others.
    pub others: OtherColumns,
}

/// What is done with columns that nothing is said about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum OtherColumns {
    /// The table is refused.
    #[default]
    Refuse,
    /// They are custom properties with the names of their headers.
    Properties,
}

/// The text is not a [`ColumnMapping`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "must be HEADER=ATTRIBUTE, where ATTRIBUTE is email, phone_number, external_id, anonymous_id, \
     anonymous_ids, secondary_emails, an attribute such as first_name or city, properties, \
     properties.NAME, or properties.NAME:json"
)]
pub struct InvalidColumnMapping;

/// The identifiers of which a column may have one in each cell.
const IDENTIFIERS: [&str; 4] = ["email", "phone_number", "external_id", "anonymous_id"];

/// The columns of an export that an import leaves out.
const SHOWN_ONLY: [&str; 2] = ["created", "updated"];

impl ColumnRules {
    /// What the column with this header is, if it is known.
    pub(crate) fn target(&self, header: &str) -> Option<ColumnTarget> {
        if self.ignored.iter().any(|ignored| ignored == header) {
            return Some(ColumnTarget::LeftOut);
        }
        let mapped = self.mapped.iter().find(|mapping| mapping.header == header);
        let target = mapped.map(|mapping| mapping.target.clone());
        target.or_else(|| ColumnTarget::named(header)).or_else(|| match self.others {
            OtherColumns::Refuse => None,
            OtherColumns::Properties => Some(ColumnTarget::Property(header.to_owned())),
        })
    }
}

impl FromStr for ColumnMapping {
    type Err = InvalidColumnMapping;

    fn from_str(text: &str) -> Result<ColumnMapping, InvalidColumnMapping> {
        // A header may have the sign, too.
        let (header, target) = text.rsplit_once('=').ok_or(InvalidColumnMapping)?;
        let target = ColumnTarget::named(target).ok_or(InvalidColumnMapping)?;
        Ok(ColumnMapping { header: header.to_owned(), target })
    }
}

impl ColumnTarget {
    /// What a column is that has this name.
    pub(crate) fn named(name: &str) -> Option<ColumnTarget> {
        if let Some(property) = name.strip_prefix("properties.") {
            return Some(match property.strip_suffix(":json") {
                Some(property) => ColumnTarget::JsonProperty(property.to_owned()),
                None => ColumnTarget::Property(property.to_owned()),
            });
        }
        if let Some(identifier) = IDENTIFIERS.into_iter().find(|known| *known == name) {
            return Some(ColumnTarget::Identifier(identifier));
        }
        let in_location = name.strip_prefix("location.");
        let named = in_location.unwrap_or(name);
        let is_meant =
            |field: &Field| field.name() == named && (in_location.is_none() || field.is_location());
        match name {
            "id" => Some(ColumnTarget::Id),
            "anonymous_ids" => Some(ColumnTarget::AnonymousIds),
            "secondary_emails" => Some(ColumnTarget::SecondaryEmails),
            "properties" => Some(ColumnTarget::Properties),
            name if SHOWN_ONLY.contains(&name) => Some(ColumnTarget::LeftOut),
            _ => Field::ALL.into_iter().find(is_meant).map(ColumnTarget::Attribute),
        }
    }

    /// Whether a profile cannot have the values of both.
    pub(crate) fn excludes(&self, other: &ColumnTarget) -> bool {
        use ColumnTarget::{JsonProperty, LeftOut, Property};
        match (self, other) {
            (LeftOut, LeftOut) => false,
            (Property(one) | JsonProperty(one), Property(other) | JsonProperty(other)) => {
                one == other
            }
            (one, other) => one == other,
        }
    }

    /// Where its value is in the body that a row becomes.
    pub(crate) fn pointer(&self) -> String {
        match self {
            ColumnTarget::LeftOut => String::new(),
            ColumnTarget::Id => "/data/id".to_owned(),
            ColumnTarget::Identifier(name) => format!("/data/attributes/{name}"),
            ColumnTarget::Attribute(field) if field.is_location() => {
                format!("/data/attributes/location/{}", field.name())
            }
            ColumnTarget::Attribute(field) => format!("/data/attributes/{}", field.name()),
            ColumnTarget::AnonymousIds => "/data/attributes/anonymous_id".to_owned(),
            ColumnTarget::SecondaryEmails => "/data/meta/patch_identifiers/append/email".to_owned(),
            ColumnTarget::Properties => "/data/attributes/properties".to_owned(),
            ColumnTarget::Property(name) | ColumnTarget::JsonProperty(name) => {
                let name = name.replace('~', "~0").replace('/', "~1");
                format!("/data/attributes/properties/{name}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_a_header_and_an_attribute() {
        for (text, header, target) in [
            ("E-Mail=email", "E-Mail", ColumnTarget::Identifier("email")),
            ("a=b=city", "a=b", ColumnTarget::Attribute(Field::City)),
            ("Ort=location.city", "Ort", ColumnTarget::Attribute(Field::City)),
            ("Plan=properties.plan", "Plan", ColumnTarget::Property("plan".to_owned())),
            ("Age=properties.age:json", "Age", ColumnTarget::JsonProperty("age".to_owned())),
            ("created=created", "created", ColumnTarget::LeftOut),
        ] {
            let mapping = ColumnMapping { header: header.to_owned(), target };
            assert_eq!(text.parse(), Ok(mapping), "{text}");
        }
        for text in [
            "email",
            "E-Mail=mail",
            "=",
            "x=",
            "x=property.plan",
            "x=location.title",
            "x=location.first_name",
            "x=location.email",
            "x=location.location.city",
            "x=location.",
        ] {
            assert_eq!(text.parse::<ColumnMapping>(), Err(InvalidColumnMapping), "{text}");
        }
    }
}
