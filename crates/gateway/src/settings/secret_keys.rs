//! Settings that are lists of secret keys: in the configuration file, in a file of their own, or in
//! an environment variable.

use std::{env, fmt::Display, path::Path, str::FromStr};

use super::{
    document::{SettingValue, SettingsTable},
    problem::ProblemReport,
    secret_file::{self, InvalidSecret},
};

/// The names of a setting that is a list of secret keys. The three exclude one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecretNames {
    /// The setting with the keys themselves.
    pub(super) listed: &'static str,
    /// The setting with the path of a file that has the keys.
    pub(super) file: &'static str,
    /// The setting with the name of an environment variable that has the keys.
    pub(super) variable: &'static str,
}

/// The setting of a table that has the keys.
pub(super) struct SecretSetting<'d> {
    listed: Option<SettingValue<'d>>,
    file: Option<SettingValue<'d>>,
    variable: Option<SettingValue<'d>>,
}

/// The keys that were read.
pub(super) struct SecretList<T> {
    pub(super) keys: Vec<T>,
    /// Whether the configuration file itself has them.
    pub(super) is_listed: bool,
}

impl SecretNames {
    /// Takes the setting, which is optional.
    pub(super) fn take<'d>(
        self,
        table: &mut SettingsTable<'d>,
        report: &mut ProblemReport,
    ) -> SecretSetting<'d> {
        SecretSetting::new(table.take_one_of([self.listed, self.file, self.variable], report))
    }

    /// Takes the setting, which is required.
    pub(super) fn require<'d>(
        self,
        table: &mut SettingsTable<'d>,
        report: &mut ProblemReport,
    ) -> SecretSetting<'d> {
        SecretSetting::new(table.require_one_of([self.listed, self.file, self.variable], report))
    }
}

impl<'d> SecretSetting<'d> {
    fn new([listed, file, variable]: [Option<SettingValue<'d>>; 3]) -> SecretSetting<'d> {
        SecretSetting { listed, file, variable }
    }

    /// The keys, of which there are 1 to `most`. Without the setting there are none.
    pub(super) fn read<T>(self, most: usize, report: &mut ProblemReport) -> SecretList<T>
    where
        T: FromStr<Err: Display>,
    {
        let is_listed = self.listed.is_some();
        let listed = self.listed.map(|field| {
            let elements = field.elements(1..=most, report);
            elements.into_iter().filter_map(|element| element.parse(report)).collect()
        });
        let of_file = self
            .file
            .and_then(|field| field.read(report, |path| secret_file::read(Path::new(path), most)));
        let of_variable =
            self.variable.and_then(|field| field.read(report, |name| read_variable(name, most)));
        let keys: Option<Vec<T>> = listed.or(of_file).or(of_variable);
        SecretList { keys: keys.unwrap_or_default(), is_listed }
    }
}

/// The keys in an environment variable.
#[expect(clippy::disallowed_methods, reason = "the configuration file names the variable")]
fn read_variable<T>(name: &str, most: usize) -> Result<Vec<T>, InvalidSecret>
where
    T: FromStr<Err: Display>,
{
    // The system call fails, or panics, for a name that no variable can have.
    let is_name = !name.is_empty() && !name.contains(['=', '\0']);
    let value = is_name.then(|| env::var(name).ok()).flatten();
    secret_file::parse(&value.ok_or(InvalidSecret::NoVariable)?, most)
}
