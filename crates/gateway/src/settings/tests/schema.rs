//! The JSON Schema of the configuration file, compared with the reader of the file.

use std::{collections::BTreeSet, rc::Rc};

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::{
    super::{
        descriptions::{self, Descriptions},
        expected::ExpectedTable,
        schema::{path_of, schema},
    },
    *,
};

/// Parts of the problems that a schema finds as well. Others concern the content of a text, or two
/// values at different places.
const FOUND_BY_A_SCHEMA: [&str; 10] = [
    "is unknown; expected",
    "is missing",
    "must have one of",
    "excludes",
    "entries",
    "must be a whole number",
    "must be a string",
    "must be true or false",
    "must be a list",
    "must be a table",
];

fn is_accepted(text: &str) -> bool {
    let document: Value = toml::from_str(text).unwrap();
    let mut compiler = Compiler::new();
    compiler.add_resource("configuration.json", schema()).unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler.compile("configuration.json", &mut schemas).unwrap();
    schemas.validate(&document, schema).is_ok()
}

pub(super) fn assert_accepts(text: &str) {
    assert!(is_accepted(text), "{text}");
}

/// The schema refuses the file if any of these problems is one that a schema finds.
pub(super) fn assert_refuses(text: &str, problems: &[String]) {
    let is_found = |problem: &String| FOUND_BY_A_SCHEMA.iter().any(|part| problem.contains(part));
    if problems.iter().any(is_found) {
        assert!(!is_accepted(text), "{text}");
    }
}

/// The paths of all settings below the table at a path.
fn paths(table: &ExpectedTable, path: &str) -> Vec<String> {
    let of_setting = |name: &str, table: Option<Rc<ExpectedTable>>| {
        let path = path_of(path, name);
        let below = table.map(|table| paths(&table, &path)).unwrap_or_default();
        [vec![path], below].concat()
    };
    let settings = table.settings();
    settings.iter().flat_map(|setting| of_setting(setting.name, setting.value.table())).collect()
}

#[test]
fn every_setting_has_a_description_and_only_settings_have_one() {
    let paths = paths(&ConfigurationFile::expected(), "");
    let distinct: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(distinct.len(), paths.len(), "a setting is read twice");
    let descriptions = Descriptions::new();
    let without = paths.iter().filter(|path| descriptions.of(path).is_none());
    assert_eq!(without.collect::<Vec<_>>(), [""; 0]);
    let unknown = descriptions::described().filter(|path| !distinct.contains(path));
    assert_eq!(unknown.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_schema_knows_the_words_and_ranges_that_a_setting_may_have() {
    let schema = schema();
    let of = |pointer: &str| schema.pointer(&format!("/properties/{pointer}")).unwrap();
    assert_eq!(of("table/enum"), &serde_json::json!(["redb", "sled"]));
    assert_eq!(of("durability/enum"), &serde_json::json!(["flushed", "relaxed"]));
    assert_eq!(
        (of("cache_mib/minimum"), of("cache_mib/maximum")),
        (&Value::from(256), &Value::from(65_536))
    );
    assert_eq!(of("company/maxItems"), &Value::from(limits::COMPANIES));
    let company = of("company/items");
    assert_eq!(company["required"], serde_json::json!(["id"]));
    assert_eq!(company["properties"]["limits"]["anyOf"][0]["const"], "none");
}

#[test]
fn the_schema_refuses_what_the_reader_refuses_by_its_form() {
    for wrong in [
        "lisen = \"127.0.0.1:80\"\n",
        "table = \"sqlite\"\n",
        "exchange_keys_env = \"A\"\nexchange_keys_file = \"b\"\n",
        "workers = 0\n",
        "trusted_proxies = \"10.0.0.0/8\"\n",
    ] {
        let text = format!("{wrong}{}", with_company(""));
        assert!(ConfigurationFile::parse(&text).is_err() && !is_accepted(&text), "{text}");
    }
    for wrong in ["limits = \"some\"", "api_limits = \"all\"", "signed_identity = {}"] {
        let text = with_company(wrong);
        assert!(ConfigurationFile::parse(&text).is_err() && !is_accepted(&text), "{text}");
    }
}
