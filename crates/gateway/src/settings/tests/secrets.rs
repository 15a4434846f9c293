//! Secret keys in files and environment variables.

use std::{env, os::unix::fs::PermissionsExt};

use super::*;

fn key(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// A setting that names a file.
fn file_setting(name: &str, file: &TemporaryFile) -> String {
    format!("{name} = \"{}\"", file.path.display())
}

fn signature_keys(file: &ConfigurationFile) -> usize {
    file.companies.find("ABC123").unwrap().signed_identity.as_ref().unwrap().keys.len()
}

#[test]
fn keys_are_read_from_a_file_of_their_own() {
    let keys = TemporaryFile::new(format!("{}\n{}\n", key('1'), key('2')));
    let text = format!(
        "{}\n{}",
        file_setting("exchange_keys_file", &keys),
        with_company(&format!("signed_identity = {{ {} }}", file_setting("keys_file", &keys)))
    );
    let file = accepted(&text);
    let expected: Vec<ExchangeKey> = ['1', '2'].map(|digit| key(digit).parse().unwrap()).to_vec();
    assert_eq!(file.exchange_keys, expected);
    assert_eq!(signature_keys(&file), 2);
    assert!(!file.has_secrets);
    // A reload reads the file again.
    fs::write(&keys.path, key('3')).unwrap();
    assert_eq!(accepted(&text).exchange_keys, [key('3').parse().unwrap()]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the variable is one that every process has")]
fn keys_are_read_from_a_variable_that_the_file_names() {
    // A variable that is set wherever tests run, and has no key.
    let (name, value) = ("PATH", env::var("PATH").unwrap());
    let text = format!("exchange_keys_env = \"{name}\"\n{}", with_company(""));
    let problems = problems(&text);
    let expected = "line 1: exchange_keys_env names secrets of which line 1 must be 64 hexadecimal";
    assert!(problems[0].starts_with(expected), "{problems:?}");
    assert!(!problems[0].contains(&value), "{problems:?}");
    for name in ["", "A=B", "NO_SUCH_VARIABLE_IS_SET"] {
        refuses(
            &format!("exchange_keys_env = \"{name}\"\n{}", with_company("")),
            &["line 1: exchange_keys_env must name an environment variable that is set"],
        );
    }
}

#[test]
fn keys_come_from_one_place() {
    refuses(
        &format!(
            "exchange_keys = [\"{}\"]\nexchange_keys_file = \"a\"\nexchange_keys_env = \"B\"\n{}",
            key('1'),
            with_company("signed_identity = { keys_env = \"A\", keys_file = \"b\" }"),
        ),
        &[
            "line 2: exchange_keys_file excludes exchange_keys",
            "line 3: exchange_keys_env excludes exchange_keys",
            "line 6: company[ABC123].signed_identity.keys_env excludes keys_file",
            "line 6: company[ABC123].signed_identity.keys_file must name a file that can be read: \
             No such file or directory (os error 2)",
        ],
    );
}

#[test]
fn a_file_that_has_no_keys_is_refused_and_not_repeated() {
    let large = "0".repeat(usize::try_from(limits::SECRET_FILE_BYTES).unwrap() + 1);
    let bound = "must name a file of at most 4096 bytes";
    let wrong = format!("{}\nsecret\n", key('1'));
    for (content, message) in [
        (large.as_str(), bound),
        ("", "must name secrets of 1 to 16 keys, each on a line"),
        (&wrong, "names secrets of which line 2 must be 64 hexadecimal digits"),
    ] {
        let file = TemporaryFile::new(content);
        let setting = file_setting("exchange_keys_file", &file);
        let problems = problems(&format!("{setting}\n{}", with_company("")));
        assert_eq!(problems.len(), 1);
        let expected = format!("line 1: exchange_keys_file {message}");
        assert!(problems[0].starts_with(&expected), "{problems:?}");
        assert!(!problems[0].contains("secret\n") && !problems[0].contains("111"), "{problems:?}");
    }
    refuses(
        &format!("exchange_keys_file = \"/\"\n{}", with_company("")),
        &[&format!("line 1: exchange_keys_file {bound}")],
    );
    let error = serve(&["--exchange-keys-file", "/nowhere"]).configure().unwrap_err();
    let expected = "--exchange-keys-file /nowhere: must name a file that can be read: ";
    assert!(chain(&error).starts_with(expected), "{}", chain(&error));
}

#[test]
fn the_argument_wins_over_the_keys_of_the_configuration_file() {
    let keys = TemporaryFile::new(format!("{}\n{}\n", key('1'), key('2')));
    let file =
        TemporaryFile::new(format!("exchange_keys = [\"{}\"]\n{}", key('3'), with_company("")));
    let count = |arguments: &[&str]| file.configure(arguments).unwrap().exchange_keys;
    assert_eq!(count(&[]), 1);
    assert_eq!(count(&["--exchange-keys-file", keys.path.to_str().unwrap()]), 2);
}

#[test]
fn a_file_with_secrets_that_every_user_may_read_is_logged_without_them() {
    let logged = |mode: u32, text: &str| {
        let file = TemporaryFile::new(text);
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode)).unwrap();
        crate::telemetry::tests::logged_during(|| {
            file.configure(&[]).unwrap();
        })
    };
    let with_keys = format!("exchange_keys = [\"{}\"]\n{}", key('1'), with_company(""));
    let message = "every user of this machine may read this file, which has secrets";
    let warned = logged(0o644, &with_keys);
    assert!(warned.contains(message) && !warned.contains("1111"), "{warned}");
    assert_eq!(logged(0o640, &with_keys), "");
    assert_eq!(logged(0o644, &with_company("")), "");

    let keys = TemporaryFile::new(key('1'));
    fs::set_permissions(&keys.path, fs::Permissions::from_mode(0o604)).unwrap();
    let text = format!("{}\n{}", file_setting("exchange_keys_file", &keys), with_company(""));
    let warned = logged(0o644, &text);
    assert!(warned.contains(&keys.path.display().to_string()), "{warned}");
    assert_eq!(warned.matches(message).count(), 1, "{warned}");
}
