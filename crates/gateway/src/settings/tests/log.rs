//! The settings about the log.

use clap::Parser;

use super::{super::*, TemporaryFile, refuses, with_company};

#[test]
fn what_is_logged_is_set_by_a_flag_or_by_the_file_or_is_usual() {
    let text = format!(
        "log = \"warn,gateway=debug\"\naccess_log = true\nrefusal_lines = 7\n{}",
        with_company("")
    );
    let log = |filter: &str, access_log, refusal_lines| LogSettings {
        filter: filter.parse().unwrap(),
        access_log,
        refusal_lines,
    };
    let configured =
        |text: &str, arguments: &[&str]| TemporaryFile::new(text).configure(arguments).unwrap().log;
    assert_eq!(configured(&with_company(""), &[]), log("info", false, limits::REFUSAL_LINES));
    assert_eq!(configured(&text, &[]), log("warn,gateway=debug", true, 7));
    let flags = ["--access-log", "false", "--refusal-lines", "0"];
    assert_eq!(configured(&text, &flags), log("warn,gateway=debug", false, 0));
    assert!(configured(&with_company(""), &["--access-log"]).access_log);
    // The filter is an argument of all commands.
    let filter = Some("error".parse().unwrap());
    let development = ServeArguments { log: filter, ..ServeArguments::default() };
    assert_eq!(development.configure().unwrap().log, log("error", false, limits::REFUSAL_LINES));
}

#[test]
fn settings_of_the_log_that_are_wrong_are_reported() {
    refuses(
        &format!("log = \"loud\"\naccess_log = \"yes\"\nrefusal_lines = -1\n{}", with_company("")),
        &[
            "line 1: log must be a level, or a list as in warn,gateway=debug",
            "line 2: access_log must be true or false",
            "line 3: refusal_lines must be a whole number from 0 to 10000",
        ],
    );
    for wrong in [&["--log", "loud"][..], &["--refusal-lines", "10001"], &["--access-log", "maybe"]]
    {
        let arguments = ["gateway", "serve"].iter().chain(wrong);
        assert!(CommandLine::try_parse_from(arguments).is_err(), "{wrong:?}");
    }
    let parsed = CommandLine::try_parse_from(["gateway", "serve", "--log", "warn"]).unwrap();
    assert_eq!(parsed.log, "warn".parse().ok());
}
