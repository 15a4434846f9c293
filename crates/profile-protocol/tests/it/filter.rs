//! Filters that servers send, and what is wrong with others.

use profile_protocol::{
    Bound, ClaimedId, Condition, Date, FilterFault, ProfileFilter, ProfileId, limits,
};
use proptest::prelude::*;

const ID: &str = "01GDDKASAP8TKDDA2GRZDSVP4H";
/// 2023-03-01T01:00:00Z.
const MOMENT: u64 = 1_677_632_400_000;

#[track_caller]
fn reads(text: &str, expected: &[Condition]) {
    match ProfileFilter::parse(text) {
        Ok(filter) => assert_eq!(filter.conditions, expected, "{text}"),
        Err(invalid) => panic!("{invalid}\n{text}"),
    }
}

#[track_caller]
fn refuses(text: &str, expected: &str) {
    assert_eq!(ProfileFilter::parse(text).unwrap_err().to_string(), expected, "{text}");
}

fn emails(addresses: &[&str]) -> Condition {
    Condition::Email(addresses.iter().map(|address| address.parse().unwrap()).collect())
}

#[test]
fn every_identifier_can_be_asked_for() {
    reads(r#"equals(email,"A@Example.com")"#, &[emails(&["a@example.com"])]);
    reads("equals(email,'a@example.com')", &[emails(&["a@example.com"])]);
    reads(r#"any(email,["a@x.co",'b@x.co'])"#, &[emails(&["a@x.co", "b@x.co"])]);
    let number = "+15005550006".parse().unwrap();
    reads(r#"equals(phone_number,"+15005550006")"#, &[Condition::PhoneNumber(vec![number])]);
    let ids = ["e-1", "e-2"].map(|id| id.parse().unwrap()).to_vec();
    reads(r#"any(external_id,["e-1","e-2"])"#, &[Condition::ExternalId(ids)]);
    let device = "d4cb b1d9".parse().unwrap();
    reads(r#"equals(anonymous_id,"d4cb b1d9")"#, &[Condition::AnonymousId(vec![device])]);
    let ids = vec![ID.parse().unwrap(), ClaimedId::Foreign];
    reads(&format!(r#"any(id,["{ID}","ABC123"])"#), &[Condition::Id(ids)]);
    let token = "t.ABC123".parse().unwrap();
    reads(r#"equals(_kx,"t.ABC123")"#, &[Condition::ExchangeToken(token)]);
}

#[test]
fn quotes_and_backslashes_in_a_text_are_escaped() {
    let external_id = |text: &str| [Condition::ExternalId(vec![text.parse().unwrap()])];
    reads(r#"equals(external_id,"a\"b\\c'd\'e")"#, &external_id(r#"a"b\c'd'e"#));
    reads(r"equals(external_id,'\\')", &external_id(r"\"));
    reads(r#"equals(external_id,"\u00e9\ud83d\ude00\/")"#, &external_id("é😀/"));
    reads(r#"equals(external_id,"),(\",é")"#, &external_id(r#"),(",é"#));
}

#[test]
fn a_moment_is_an_end_that_is_left_out() {
    let created = |bound| [Condition::Created(bound)];
    reads("greater-than(created,2023-03-01T01:00:00Z)", &created(Bound::After(MOMENT)));
    reads("less-than(created,2023-03-01T01:00:00Z)", &created(Bound::Before(MOMENT)));
    reads("greater-or-equal(created,2023-03-01T01:00:00Z)", &created(Bound::After(MOMENT - 1)));
    reads("less-or-equal(created,2023-03-01T01:00:00Z)", &created(Bound::Before(MOMENT + 1)));
    reads(
        "greater-than(updated,'2023-03-01T03:00:00 02:00')",
        &[Condition::Updated(Bound::After(MOMENT))],
    );
    reads("less-than( created , 2023-03-01T03:00:00 02:00 )", &created(Bound::Before(MOMENT)));
    reads("greater-than(created,1969-01-01T00:00:00Z)", &created(Bound::After(0)));
    reads("less-than(created,0000-01-01T00:00:00+23:59)", &created(Bound::Before(0)));
}

#[test]
fn a_moment_between_two_milliseconds_leaves_out_just_what_it_says() {
    let created = |bound| [Condition::Created(bound)];
    let between = "2023-03-01T01:00:00.0005Z";
    for (operator, bound) in [
        ("greater-than", Bound::After(MOMENT)),
        ("greater-or-equal", Bound::After(MOMENT)),
        ("less-than", Bound::Before(MOMENT + 1)),
        ("less-or-equal", Bound::Before(MOMENT + 1)),
    ] {
        reads(&format!("{operator}(created,{between})"), &created(bound));
    }
}

#[test]
fn conditions_are_joined_by_commas_or_by_and() {
    let after = Condition::Created(Bound::After(MOMENT));
    let email = emails(&["a@x.co"]);
    let (first, second) = ("greater-than(created,2023-03-01T01:00:00Z)", "equals(email,'a@x.co')");
    let both = [after.clone(), email.clone()];
    reads(&format!("{first},{second}"), &both);
    reads(&format!(" and( {first} ,{second} ) "), &both);
    reads(&format!("and(and({first}),{second})"), &both);
    reads(
        &format!("and({first}),and(and({second},{first}),{second})"),
        &[after.clone(), email.clone(), after, email],
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_would_be_right() {
    refuses("", r#"must have a condition, such as equals(id,"…"), there, at byte 0"#);
    refuses("equals(email,'a@x.co'),", {
        r#"must have a condition, such as equals(id,"…"), there, at byte 23"#
    });
    refuses(
        "or(equals(email,'a@x.co'))",
        "must use and(…) or one of the operators equals, any, greater-than, greater-or-equal, \
         less-than, less-or-equal and starts-with, not 'or', at byte 0",
    );
    refuses(
        "and(equals(name,'a'))",
        "must ask for one of id, email, phone_number, external_id, _kx, created, updated and \
         subscriptions.email.marketing.suppression.reason, not \
         'name', at byte 11",
    );
    refuses(
        "equals(created,2023-03-01T01:00:00Z)",
        "must ask for created with greater-than, greater-or-equal, less-than or less-or-equal, \
         not equals, at byte 0",
    );
    refuses("any(_kx,['a'])", "must ask for _kx with equals, not any, at byte 0");
    refuses("less-than(id,'a')", "must ask for id with equals or any, not less-than, at byte 0");
    let moment = "must have a time there, such as 2023-03-01T01:00:00Z or 2023-03-01, at byte 18";
    refuses("less-than(created,2023-03)", moment);
    refuses("less-than(created,'soon')", moment);
}

#[test]
fn the_name_of_a_field_may_be_in_quotes() {
    reads(r#"equals("email",'a@x.co')"#, &[emails(&["a@x.co"])]);
    reads(r#"any( 'email' ,["a@x.co"])"#, &[emails(&["a@x.co"])]);
    reads("less-than('created',2023-03-01 01:00)", &[Condition::Created(Bound::Before(MOMENT))]);
    refuses("equals(\"email,'a@x.co')", "must close what is quoted, at byte 7");
    let told = ProfileFilter::parse("equals('name','a')").unwrap_err().to_string();
    assert!(told.ends_with("not 'name', at byte 7"), "{told}");
}

#[test]
fn a_plus_that_was_not_escaped_is_named() {
    let advice = "(a + of the query is read as a space; send it as %2B)";
    for (text, at) in [
        ("equals(email,\"a b@x.co\")", 13),
        ("equals(phone_number,' 15005550006')", 20),
        ("any(email,['a@x.co','a b@x.co'])", 20),
    ] {
        let told = ProfileFilter::parse(text).unwrap_err().to_string();
        assert!(told.ends_with(&format!("{advice}, at byte {at}")), "{told}");
    }
    let told = ProfileFilter::parse("equals(email,'a')").unwrap_err().to_string();
    assert!(!told.contains(advice), "{told}");
}

#[test]
fn a_value_has_to_be_one_of_its_field() {
    refuses(
        "any(email,['a@x.co', 'b'])",
        "must have a valid email address there, which must look like name@example.com, the name \
         in ASCII, at byte 21",
    );
    refuses(
        "equals(phone_number,'5005550006')",
        "must have a valid phone number there, which must start with + and the country code, at \
         byte 20",
    );
    refuses(
        "equals(external_id,\"\")",
        "must have a valid identifier there, which must not be empty or only white space, at byte \
         19",
    );
    let null = "must not ask for null: what a profile lacks cannot be asked for, at byte";
    refuses("equals(email,null)", &format!("{null} 13"));
    refuses("less-than(created,null)", &format!("{null} 18"));
    reads("equals(external_id,'null')", &[Condition::ExternalId(vec!["null".parse().unwrap()])]);
    refuses("equals(email,a@x.co)", "must have a text in quotes there, at byte 13");
}

#[test]
fn only_email_addresses_are_found_by_their_beginning() {
    reads("starts-with(email,'Sa')", &[Condition::EmailPrefix("sa".parse().unwrap())]);
    refuses(
        "starts-with(email,'')",
        "must have the beginning of an email address there, which must be 1 to 254 ASCII \
         characters without a space, at byte 18",
    );
    refuses(
        "starts-with(external_id,'Sa')",
        "must ask for external_id with equals or any, not starts-with, at byte 0",
    );
}

#[test]
fn marks_have_to_stand_where_they_belong() {
    refuses("equals", "must have an opening parenthesis there, at byte 6");
    refuses("and equals(email,'a@x.co')", "must have an opening parenthesis there, at byte 4");
    refuses("equals(email 'a@x.co')", "must have a comma there, at byte 13");
    refuses("equals(email,)", "must have a value there, at byte 13");
    refuses("equals(email,['a@x.co'])", "must have a value there, at byte 13");
    refuses("equals(email,'a@x.co'", "must have a closing parenthesis there, at byte 21");
    refuses("equals(email,'a@x.co','b@x.co')", "must have a closing parenthesis there, at byte 21");
    refuses("equals(email,'a@x.co)", "must close what is quoted, at byte 13");
    refuses(
        r"equals(external_id,'a\x')",
        "must have an escape of JSON after a backslash, at byte 21",
    );
    refuses(r"equals(external_id,'a\", "must have an escape of JSON after a backslash, at byte 21");
    refuses("any(email,'a@x.co')", r#"must have a list, such as ["a","b"], there, at byte 10"#);
    refuses("any(email,[])", "must have a value there, at byte 11");
    refuses("any(email,['a@x.co'", "must have a comma or a closing bracket there, at byte 19");
    refuses("and(equals(id,'a')", "must have a comma or a closing parenthesis there, at byte 18");
    refuses("equals(id,'a'))", "must have a comma, or the end of the filter there, at byte 14");
}

#[test]
fn a_filter_is_bounded_in_every_direction() {
    let fault = |text: &str| ProfileFilter::parse(text).unwrap_err().fault;
    let one = "equals(id,'a')";
    let nested = |depth: usize| format!("{}{one}{}", "and(".repeat(depth), ")".repeat(depth));
    assert!(ProfileFilter::parse(&nested(limits::FILTER_DEPTH)).is_ok());
    assert_eq!(fault(&nested(limits::FILTER_DEPTH + 1)), FilterFault::TooDeep);
    let many = |number: usize| vec![one; number].join(",");
    assert!(ProfileFilter::parse(&many(limits::FILTER_CONDITIONS)).is_ok());
    assert_eq!(fault(&many(limits::FILTER_CONDITIONS + 1)), FilterFault::TooManyConditions);
    let any = |number: usize| format!("any(id,[{}])", vec!["'a'"; number].join(","));
    assert!(ProfileFilter::parse(&any(limits::FILTER_VALUES)).is_ok());
    assert_eq!(fault(&any(limits::FILTER_VALUES + 1)), FilterFault::TooManyValues);
    let padded = |bytes: usize| format!("{one}{}", " ".repeat(bytes - one.len()));
    assert!(ProfileFilter::parse(&padded(limits::FILTER_BYTES)).is_ok());
    assert_eq!(fault(&padded(limits::FILTER_BYTES + 1)), FilterFault::TooLong);
}

#[test]
fn an_answer_does_not_outgrow_its_question() {
    let invalid = ProfileFilter::parse(&"x".repeat(limits::FILTER_BYTES)).unwrap_err();
    assert!(invalid.to_string().len() < 300);
}

/// The filter as a server would write it. A foreign id is gone for good.
fn printed(filter: &ProfileFilter) -> String {
    let conditions: Vec<String> = filter.conditions.iter().map(condition).collect();
    conditions.join(",")
}

fn condition(condition: &Condition) -> String {
    let text = |text: &str| format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
    let any = |field: &str, values: Vec<String>| format!("any({field},[{}])", values.join(","));
    match condition {
        Condition::Id(ids) => {
            let id = |id: &ClaimedId| match id {
                ClaimedId::Profile(id) => text(&id.to_string()),
                ClaimedId::Foreign => text("ABC123"),
            };
            any("id", ids.iter().map(id).collect())
        }
        Condition::Email(emails) => any("email", emails.iter().map(|e| text(e.as_str())).collect()),
        Condition::EmailPrefix(prefix) => format!("starts-with(email,{})", text(prefix.as_str())),
        Condition::PhoneNumber(numbers) => {
            any("phone_number", numbers.iter().map(|n| text(n.as_str())).collect())
        }
        Condition::ExternalId(ids) => {
            any("external_id", ids.iter().map(|id| text(id.as_str())).collect())
        }
        Condition::AnonymousId(ids) => {
            any("anonymous_id", ids.iter().map(|id| text(id.as_str())).collect())
        }
        Condition::ExchangeToken(token) => format!("equals(_kx,{})", text(token.as_str())),
        Condition::Created(bound) => compared("created", *bound),
        Condition::Updated(bound) => compared("updated", *bound),
        Condition::Suppression(reason) => {
            let field = "subscriptions.email.marketing.suppression.reason";
            format!("equals({field},{})", text(reason.as_str()))
        }
    }
}

fn compared(field: &str, bound: Bound) -> String {
    let (operator, milliseconds) = match bound {
        Bound::After(milliseconds) => ("greater-than", milliseconds),
        Bound::Before(milliseconds) => ("less-than", milliseconds),
    };
    let date = Date::from_unix_days(u32::try_from(milliseconds / 86_400_000).unwrap());
    let (seconds, fraction) = (milliseconds / 1_000 % 86_400, milliseconds % 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{operator}({field},{date}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}Z)")
}

fn conditions() -> impl Strategy<Value = Condition> {
    let several = 1..4usize;
    let id = prop_oneof![
        Just(ClaimedId::Foreign),
        any::<u128>().prop_map(|bits| ClaimedId::Profile(ProfileId::from_bits(bits))),
    ];
    let bound = prop_oneof![
        (0u64..253_000_000_000_000).prop_map(Bound::After),
        (0u64..253_000_000_000_000).prop_map(Bound::Before),
    ];
    let email = "[a-z.+]{1,8}@[a-z]{1,8}\\.co".prop_filter_map("an address", |e| e.parse().ok());
    let prefix = "[a-z.+@\"]{1,8}".prop_map(|start| start.parse().unwrap());
    let number = "\\+[1-9][0-9]{7,12}".prop_map(|n| n.parse().unwrap());
    let external_id = "\\PC{1,12}".prop_filter_map("an id", |id| id.parse().ok());
    let anonymous_id = "\\PC{1,12}".prop_filter_map("an id", |id| id.parse().ok());
    let token = "\\PC{1,12}".prop_filter_map("a token", |token| token.parse().ok());
    prop_oneof![
        prop::collection::vec(id, several.clone()).prop_map(Condition::Id),
        prop::collection::vec(email, several.clone()).prop_map(Condition::Email),
        prefix.prop_map(Condition::EmailPrefix),
        prop::collection::vec(number, several.clone()).prop_map(Condition::PhoneNumber),
        prop::collection::vec(external_id, several.clone()).prop_map(Condition::ExternalId),
        prop::collection::vec(anonymous_id, several).prop_map(Condition::AnonymousId),
        token.prop_map(Condition::ExchangeToken),
        bound.clone().prop_map(Condition::Created),
        bound.prop_map(Condition::Updated),
    ]
}

proptest! {
    #[test]
    fn a_printed_filter_is_read_as_what_it_was(
        conditions in prop::collection::vec(conditions(), 1..6),
    ) {
        let filter = ProfileFilter { conditions };
        let text = printed(&filter);
        prop_assert_eq!(ProfileFilter::parse(&text), Ok(filter.clone()), "{}", text);
        prop_assert_eq!(ProfileFilter::parse(&format!("and({text})")), Ok(filter));
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = ProfileFilter::parse(&text);
    }

    #[test]
    fn a_fault_lies_within_the_text(
        text in "((and|any|equals|less-than|email|created|id|_kx|null|x|é)?[(),'\"\\\\\\[\\] ]?){0,30}",
    ) {
        if let Err(invalid) = ProfileFilter::parse(&text) {
            prop_assert!(text.is_char_boundary(invalid.offset), "{}", invalid);
        }
    }
}

#[test]
fn the_longest_texts_are_refused_like_short_ones() {
    for piece in ["and(", "(", "'", "\\'", "equals(id,'", "any(id,['a',", "a,", " ", "é", "\\\\"] {
        let number = limits::FILTER_BYTES / piece.len();
        assert!(ProfileFilter::parse(&piece.repeat(number)).is_err(), "{piece}");
        let value = format!("equals(id,'{}", piece.repeat(number - 8));
        assert!(ProfileFilter::parse(&value).is_err(), "{value}");
    }
}
