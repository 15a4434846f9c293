//! For how long exchange tokens count.

use profile_protocol::ProfileId;
use profile_store::{Timestamp, TokenContent, TokenTerms};

use super::*;

/// The number of days for which a token of this configuration counts.
fn token_days(configuration: &Configuration) -> u64 {
    let (company, issued) = ("ABC123".parse().unwrap(), Timestamp::default());
    let terms = TokenTerms { issued, device: None };
    let content = TokenContent { profile: ProfileId::from_bits(1), terms };
    let token = configuration.exchange.seal(&company, content).unwrap().parse().unwrap();
    let counts =
        |days: &u64| configuration.exchange.open(&company, &token, days * 24 * 60 * 60).is_ok();
    (1..=1_000).take_while(counts).last().unwrap()
}

#[test]
fn tokens_count_for_30_days_unless_the_file_or_an_argument_says_otherwise() {
    let without = TemporaryFile::new(with_company(""));
    assert_eq!(token_days(&without.configure(&[]).unwrap()), 30);
    assert_eq!(token_days(&serve(&[]).configure().unwrap()), 30);
    let file = TemporaryFile::new(format!("exchange_token_days = 7\n{}", with_company("")));
    assert_eq!(token_days(&file.configure(&[]).unwrap()), 7);
    let arguments = ["--exchange-token-days", "730"];
    assert_eq!(token_days(&file.configure(&arguments).unwrap()), 730);
    assert_eq!(token_days(&serve(&arguments).configure().unwrap()), 730);
    for wrong in ["0", "731", "many"] {
        let arguments = ["gateway", "serve", "--exchange-token-days", wrong];
        assert!(CommandLine::try_parse_from(arguments).is_err(), "{wrong}");
        refuses(
            &format!("exchange_token_days = \"{wrong}\"\n{}", with_company("")),
            &["line 1: exchange_token_days must be a whole number from 1 to 730"],
        );
    }
    let command = CommandLine::command();
    let serve = command.find_subcommand("serve").unwrap();
    let days = serve.get_arguments().find(|one| one.get_id() == "exchange_token_days").unwrap();
    assert_eq!(days.get_env(), Some("GATEWAY_EXCHANGE_TOKEN_DAYS".as_ref()));
}
