//! The default file, and the configuration in force, as `gateway config` prints them.

use regex::Regex;

use super::{
    super::{
        configuration_text::{default_file, in_force},
        written::WrittenTable,
    },
    *,
};

/// What `gateway config --print` prints about a file.
fn printed(text: &str) -> String {
    in_force(&TemporaryFile::new(text).configure(&[]).unwrap())
}

#[test]
fn the_default_file_has_the_defaults_with_and_without_its_number_signs() {
    let text = default_file().unwrap();
    let uncommented = Regex::new("(?m)^#([a-z])").unwrap().replace_all(&text, "$1").into_owned();
    assert!(20 < uncommented.lines().filter(|line| line.contains(" = ")).count());
    let least = printed(&with_company(""));
    for text in [text, uncommented] {
        accepted(&text);
        assert_eq!(printed(&text), least, "{text}");
    }
}

#[test]
fn the_default_file_names_every_setting_with_its_meaning() {
    let text = default_file().unwrap();
    let mut meaning = false;
    for line in text.lines() {
        let setting = line.trim_start_matches(['#', ' ']).split(' ').next().unwrap();
        let is_setting = line.contains(" = ") || line.contains(" is absent by default");
        assert!(!is_setting || meaning, "{setting} has no meaning");
        meaning = line.starts_with("# ");
    }
    let expected = ConfigurationFile::expected().settings();
    assert!(20 < expected.len());
    for name in expected.iter().map(|setting| setting.name).filter(|name| *name != "company") {
        let is_named = |line: &str| {
            line.starts_with(&format!("#{name} = "))
                || line.starts_with(&format!("#{name}."))
                || line.starts_with(&format!("# {name} is absent by default"))
        };
        assert!(text.lines().any(is_named), "{name}");
    }
}

#[test]
fn every_setting_with_a_value_is_one_that_the_file_may_have() {
    let configuration = TemporaryFile::new(with_company("")).configure(&[]).unwrap();
    let names: Vec<&str> =
        ConfigurationFile::expected().settings().iter().map(|setting| setting.name).collect();
    for line in WrittenTable::of_server(&configuration).lines().lines() {
        let name = line.split(' ').next().unwrap();
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn what_is_printed_of_a_file_without_secrets_is_a_file_with_the_same_meaning() {
    let text = format!(
        "listen = \"127.0.0.1:81\"\ndurability = \"relaxed\"\ncache_mib = 300\nworkers = 3\n\
         data_dir = \"a \\\"b\\\\c\\u007F\"\nlog = \"warn,gateway=debug\"\naccess_log = true\n\
         trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nexchange_token_days = 7\n\
         otlp_endpoint = \"http://collector/v2\"\noutcomes = {{ days = 1 }}\n{}{}",
        with_company(
            "allowed_origins = [\"https://shop.example\"]\nlimits = \"none\"\n\
             network_limits = {{ burst = 3 }}\napi_limits_factor = 9\nprotect = false\ninspect = true\n\
             identity = {{ sentinels = [\"kiosk \\t\"], merges = 0 }}\n"
        )
        .replace("{{", "{")
        .replace("}}", "}"),
        "[[company]]\nid = \"A\"\nallowed_origins = []\napi_limits = \"none\"\n",
    );
    accepted(&text);
    let first = printed(&text);
    assert!(first.contains("data_dir = \"a \\\"b\\\\c\\u007F\"\n"), "{first}");
    assert!(first.contains("sentinels = [\"kiosk \\t\"]"), "{first}");
    assert!(first.contains("api_limits = \"none\""), "{first}");
    assert_eq!(printed(&first), first);
}

#[test]
fn no_secret_is_printed_and_a_file_that_lacks_them_is_refused() {
    let key = "0f".repeat(32);
    let text = format!(
        "exchange_keys = [\"{key}\", \"{key}\"]\n{}",
        with_company(&format!(
            "signed_identity = {{ keys = [\"{key}\"] }}\n[[company.key]]\nname = \"a\"\n\
             sha256 = \"{DIGEST}\"\nscopes = [\"profiles:read\"]\n"
        ))
    );
    let printed = printed(&text);
    assert!(!printed.contains("0f0f") && !printed.contains(&DIGEST[..8]), "{printed}");
    assert!(printed.contains("exchange_keys = [\"(not shown)\", \"(not shown)\"]"), "{printed}");
    assert_eq!(ConfigurationFile::parse(&printed).unwrap_err().iter().count(), 4);
}

#[test]
fn the_configuration_in_force_is_that_of_the_arguments() {
    let file = TemporaryFile::new(format!("cache_mib = 300\n{}", with_company("")));
    let path = file.path.to_str().unwrap();
    let all = ["gateway", "config", "--print", "--config", path, "--cache-mib", "400"];
    let command = CommandLine::try_parse_from(all).unwrap().command;
    let GatewayCommand::Config(arguments) = command else { panic!("not config but {command:?}") };
    let text = arguments.text().unwrap();
    assert!(text.contains("cache_mib = 400\n") && text.contains("id = \"ABC123\""), "{text}");
    for wrong in [&["gateway", "config"][..], &["gateway", "config", "--print", "--schema"]] {
        assert!(CommandLine::try_parse_from(wrong).is_err(), "{wrong:?}");
    }
}
