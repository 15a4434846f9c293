//! The JSON Schema of the configuration file.

use serde_json::{Map, Value, json};

use super::{
    descriptions::Descriptions,
    expected::{ExclusiveSettings, ExpectedForm, ExpectedTable, ExpectedValue},
    file::ConfigurationFile,
};

/// The schema of a configuration file. TOML has the types of JSON that the settings use.
pub(super) fn schema() -> Value {
    let writer = SchemaWriter { descriptions: Descriptions::new() };
    let mut schema = writer.table(&ConfigurationFile::expected(), "");
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("The configuration file of profile-gateway"));
    schema.into()
}

struct SchemaWriter {
    descriptions: Descriptions,
}

impl SchemaWriter {
    fn table(&self, table: &ExpectedTable, path: &str) -> Map<String, Value> {
        let settings = table.settings();
        let required: Vec<&str> =
            settings.iter().filter(|one| one.is_required).map(|one| one.name).collect();
        let property = |name: &'static str, value: &ExpectedValue| {
            let path = path_of(path, name);
            (name.to_owned(), self.setting(value, &path))
        };
        let properties: Map<String, Value> =
            settings.iter().map(|one| property(one.name, &one.value)).collect();
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("required".to_owned(), json!(required));
        schema.insert("additionalProperties".to_owned(), json!(false));
        let groups: Vec<Value> = table.exclusive().iter().flat_map(exclusion).collect();
        if !groups.is_empty() {
            schema.insert("allOf".to_owned(), groups.into());
        }
        schema
    }

    fn setting(&self, value: &ExpectedValue, path: &str) -> Value {
        let mut schema = self.value(value, path);
        if let (Some(schema), Some(text)) = (schema.as_object_mut(), self.descriptions.of(path)) {
            schema.insert("description".to_owned(), text.into());
        }
        schema
    }

    fn value(&self, value: &ExpectedValue, path: &str) -> Value {
        let mut forms: Vec<Value> =
            value.forms().into_iter().map(|form| self.form(form, path)).collect();
        match forms.len() {
            1 => forms.remove(0),
            _ => json!({ "anyOf": forms }),
        }
    }

    fn form(&self, form: ExpectedForm, path: &str) -> Value {
        match form {
            ExpectedForm::Boolean => json!({ "type": "boolean" }),
            ExpectedForm::List { lengths, element } => json!({
                "type": "array",
                "minItems": lengths.start(),
                "maxItems": lengths.end(),
                "items": self.value(&element, path),
            }),
            ExpectedForm::Number(range) => {
                json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
            }
            ExpectedForm::Table(table) => self.table(&table, path).into(),
            ExpectedForm::Text => match self.descriptions.words(path) {
                words if words.is_empty() => json!({ "type": "string" }),
                words => json!({ "type": "string", "enum": words }),
            },
            ExpectedForm::Word(word) => json!({ "const": word }),
        }
    }
}

/// The path of a setting of the table at a path.
pub(super) fn path_of(table: &str, name: &str) -> String {
    if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") }
}

/// What a table must satisfy if only one of these settings may be present.
fn exclusion(group: &ExclusiveSettings) -> Vec<Value> {
    let ExclusiveSettings { names, is_required } = group;
    let pairs = names.iter().enumerate().flat_map(|(index, first)| {
        let later = names.iter().skip(index + 1);
        later.map(move |second| json!({ "not": { "required": [first, second] } }))
    });
    let any: Vec<Value> = names.iter().map(|name| json!({ "required": [name] })).collect();
    let one = is_required.then(|| json!({ "anyOf": any }));
    pairs.chain(one).collect()
}
