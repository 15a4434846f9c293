//! Configurations as text: the default file with its comments, and the configuration in force.

use std::sync::Arc;

use super::{
    Configuration, SettingsError,
    arguments::{ConfigArguments, ServeArguments},
    descriptions::Descriptions,
    expected::{ExpectedSetting, ExpectedTable, ExpectedValue},
    file::ConfigurationFile,
    problem::Problems,
    schema::{path_of, schema},
    written::{WrittenTable, WrittenValue},
};
use crate::tenants::directory::Company;

/// The least that a file must have.
const LEAST_FILE: &str = "[[company]]\nid = \"ABC123\"\n";

/// The table of the companies, which a file has last.
const COMPANY: &str = "company";

/// The widest line of a comment.
const COLUMNS: usize = 100;

const HEADING: &str = "\
# The configuration of profile-gateway.
#
# A line that begins with `#` and a name, without a space between them, is a setting with its
# default. Remove the `#` to change it. SIGHUP reloads the file, and `gateway check` checks it.
";

impl ConfigArguments {
    /// The text that is asked for. The configuration in force is that of `gateway serve` with the
    /// same arguments.
    pub fn text(&self) -> Result<String, SettingsError> {
        if self.schema {
            return Ok(format!("{:#}\n", schema()));
        }
        if self.print_default {
            return default_file();
        }
        Ok(in_force(&self.serve.configure()?))
    }
}

/// A file with every setting, its meaning and its default.
pub(super) fn default_file() -> Result<String, SettingsError> {
    let invalid = |problems: Problems| SettingsError::Invalid { path: "-".into(), problems };
    let file = ConfigurationFile::parse(LEAST_FILE).map_err(invalid)?;
    let configuration = ServeArguments::default().configure_with(file)?;
    let writer = DefaultWriter { descriptions: Descriptions::new() };
    let expected = ConfigurationFile::expected();
    let settings = writer.settings(&expected, "", &WrittenTable::of_server(&configuration));
    let company = expected.settings().into_iter().find(|setting| setting.name == COMPANY);
    let companies: String = company
        .and_then(|setting| setting.value.table())
        .into_iter()
        .flat_map(|table| writer.companies(&configuration, &table))
        .collect();
    Ok(format!("{HEADING}{settings}{companies}"))
}

struct DefaultWriter {
    descriptions: Descriptions,
}

impl DefaultWriter {
    fn companies(&self, configuration: &Configuration, table: &ExpectedTable) -> Vec<String> {
        let company = |company: &Arc<Company>| {
            let heading = self.comment(COMPANY, "");
            let settings = self.settings(table, COMPANY, &WrittenTable::of_company(company));
            format!("\n{heading}[[{COMPANY}]]\n{settings}")
        };
        configuration.companies.iter().map(company).collect()
    }

    /// The settings of the table at a path, in the order of their names, the required ones first.
    fn settings(&self, table: &ExpectedTable, path: &str, values: &WrittenTable) -> String {
        let mut settings = table.settings();
        settings.retain(|setting| path_of(path, setting.name) != COMPANY);
        settings.sort_by_key(|setting| (!setting.is_required, setting.name));
        let write = |setting: ExpectedSetting| self.setting(&setting, path, values);
        settings.into_iter().map(write).collect()
    }

    fn setting(&self, setting: &ExpectedSetting, path: &str, values: &WrittenTable) -> String {
        let ExpectedSetting { name, is_required, value } = setting;
        let path = path_of(path, name);
        let sign = if *is_required { "" } else { "#" };
        let meaning = self.comment(&path, "");
        let written = match values.value(name) {
            Some(WrittenValue::Table(parts)) => {
                let part = |(part, value): &(&str, String)| {
                    let meaning = self.comment(&path_of(&path, part), "");
                    format!("{meaning}{sign}{name}.{part} = {value}\n")
                };
                parts.iter().map(part).collect()
            }
            Some(value @ WrittenValue::Plain(_)) => format!("{sign}{name} = {value}\n"),
            None => self.absent(name, &path, value),
        };
        format!("\n{meaning}{written}")
    }

    /// A setting without a default, and the parts that it may have.
    fn absent(&self, name: &str, path: &str, value: &ExpectedValue) -> String {
        let parts = value.table().into_iter().flat_map(|table| table.settings());
        let part = |part: ExpectedSetting| {
            self.comment(&path_of(path, part.name), &format!("  {}: ", part.name))
        };
        let parts: String = parts.map(part).collect();
        let default = self.descriptions.default_of(path).map(|text| format!(": {text}"));
        let absent = format!("{name} is absent by default{}.", default.unwrap_or_default());
        format!("{parts}{}", wrapped(&absent))
    }

    /// The meaning of a setting as a comment, after `start`.
    fn comment(&self, path: &str, start: &str) -> String {
        let text = self.descriptions.of(path).unwrap_or_default();
        wrapped(&format!("{start}{text}"))
    }
}

/// A text as lines of a comment.
fn wrapped(text: &str) -> String {
    let indent = text.len() - text.trim_start().len();
    let mut lines = vec![format!("# {:indent$}", "")];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let space = if line.ends_with(' ') { "" } else { " " };
            if line.len() + space.len() + word.len() <= COLUMNS {
                line.push_str(space);
                line.push_str(word);
                continue;
            }
        }
        lines.push(format!("# {:indent$}{word}", ""));
    }
    lines.join("\n") + "\n"
}

/// The configuration as a file, with `(not shown)` in place of secrets.
pub(super) fn in_force(configuration: &Configuration) -> String {
    let mut companies: Vec<&Arc<Company>> = configuration.companies.iter().collect();
    companies.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    let companies: String = companies.into_iter().map(|company| company_lines(company)).collect();
    format!("{}{companies}", WrittenTable::of_server(configuration).lines())
}

/// The settings above the first company as a file, without secrets.
pub(crate) fn server_text(configuration: &Configuration) -> String {
    WrittenTable::of_server(configuration).lines()
}

/// The settings of a company as a file, without secrets.
pub(crate) fn company_text(company: &Company) -> String {
    company_lines(company)
}

fn company_lines(company: &Company) -> String {
    let keys = company.keys.iter();
    let keys =
        keys.map(|key| format!("\n[[{COMPANY}.key]]\n{}", WrittenTable::of_key(key).lines()));
    let keys: Vec<String> = keys.collect();
    format!("\n[[{COMPANY}]]\n{}{}", WrittenTable::of_company(company).lines(), keys.concat())
}
