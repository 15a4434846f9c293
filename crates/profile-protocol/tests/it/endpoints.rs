//! What one body means at the endpoints it may be sent to.

use profile_protocol::{
    Change, ClaimedId, Field, IdentifierKind,
    ProfileEndpoint::{self, Client, Create, Import, Update},
    ProfileRequest, RequestParts, Revision, limits,
};

const ALL: [ProfileEndpoint; 4] = [Client, Create, Update, Import];
const ID: &str = "01GDDKASAP8TKDDA2GRZDSVP4H";

fn reads(endpoint: ProfileEndpoint, body: &str) -> RequestParts {
    ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST)
        .unwrap_or_else(|violations| panic!("{violations}\n{body}"))
        .into_parts()
}

fn refuses(endpoint: ProfileEndpoint, body: &str, expected: &[&str]) {
    let violations =
        ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST).unwrap_err();
    let found: Vec<String> =
        violations.iter().map(|v| format!("{} {}", v.pointer, v.fault)).collect();
    assert_eq!(found, expected, "{endpoint:?} {body}");
}

/// A body with these members of `data`, and an id where one has to be.
fn data(endpoint: ProfileEndpoint, members: &str) -> String {
    let id = if endpoint == Update { format!(r#","id":"{ID}""#) } else { String::new() };
    format!(r#"{{"data":{{"type":"profile"{id},{members}}}}}"#)
}

#[test]
fn what_says_nothing_of_the_endpoint_is_read_alike_at_all_of_them() {
    for endpoint in ALL {
        let attributes = r#""attributes":{"email":"A@Example.com","phone_number":"+15005550006",
            "external_id":"e-1","anonymous_id":"device","first_name":null,"locale":"en-US",
            "location":{"ip":"127.0.0.1"},"properties":{"plan":1,"$unset":"old"}},
            "relationships":{}"#;
        let request = reads(endpoint, &data(endpoint, attributes));
        assert_eq!(request.identifiers.email.unwrap().as_str(), "a@example.com");
        assert_eq!(request.identifiers.anonymous_id.unwrap().as_str(), "device");
        assert_eq!(request.patch.fields[Field::FirstName], Change::Clear);
        assert_eq!(request.patch.properties.unset.len(), 1);
        assert_eq!(request.cleared, []);
    }
}

#[test]
fn null_takes_identifiers_away_for_servers_and_says_nothing_from_clients() {
    use IdentifierKind::{Email, ExternalId, PhoneNumber};
    let nulls = r#""attributes":{"phone_number":null,"email":null,"external_id":null,
        "anonymous_id":"device"}"#;
    assert_eq!(reads(Client, &data(Client, nulls)).cleared, []);
    for endpoint in [Create, Update, Import] {
        let request = reads(endpoint, &data(endpoint, nulls));
        assert_eq!(request.cleared, [PhoneNumber, Email, ExternalId]);
        assert_eq!(request.identifiers.email, None);
    }
    // What no server can take away is absent.
    let absent = r#""id":null,"attributes":{"email":"a@example.com","anonymous_id":null,"_kx":null},
        "meta":{"identifiers":{"email":null}}"#;
    assert_eq!(reads(Import, &data(Import, absent)).cleared, []);
}

#[test]
fn who_is_only_taken_away_is_not_named() {
    let nulls = r#""attributes":{"email":null,"phone_number":null}"#;
    let no_identifier = "/data/attributes One of `id`, `_kx`, `external_id`, `email`, `phone_number` or \
                  `anonymous_id` must be included to say whom the request is about.";
    let no_identifier_to_create = "/data/attributes One of `external_id`, `email`, `phone_number` or \
                            `anonymous_id` must be included to say whom to create.";
    refuses(Client, &data(Client, nulls), &[no_identifier]);
    refuses(Import, &data(Import, nulls), &[no_identifier]);
    refuses(Create, &data(Create, nulls), &[no_identifier_to_create]);
    reads(Update, &data(Update, nulls));
}

#[test]
fn an_update_needs_an_id_and_nothing_else() {
    let request = reads(Update, &format!(r#"{{"data":{{"type":"profile","id":"{ID}"}}}}"#));
    assert!(matches!(request.identifiers.id, Some(ClaimedId::Profile(_))));
    let missing = &["/data/id 'id' is required."];
    refuses(Update, r#"{"data":{"type":"profile"}}"#, missing);
    refuses(Update, r#"{"data":{"type":"profile","attributes":{"email":"a@b.co"}}}"#, missing);
    refuses(Update, r#"{"data":{"type":"profile","id":null,"attributes":{}}}"#, missing);
    let faulty = &["/data/id Must be a string."];
    refuses(Update, r#"{"data":{"type":"profile","id":1}}"#, faulty);
}

#[test]
fn no_profile_is_created_with_an_id_a_token_or_a_patch() {
    let body = format!(
        r#"{{"data":{{"type":"profile","id":"{ID}","meta":{{"patch_properties":{{"x":1}}}},
            "attributes":{{"email":"a@b.co","_kx":"t.ABC123","properties":{{"$exchange_id":"t"}}}}}}}}"#
    );
    let unknown = |pointer: &str, name: &str| {
        format!("{pointer} '{name}' is not a valid field for the resource 'profile'.")
    };
    let expected = [
        unknown("/data/id", "id"),
        unknown("/data/meta", "meta"),
        unknown("/data/attributes/_kx", "_kx"),
        unknown("/data/attributes/properties/$exchange_id", "$exchange_id"),
    ];
    refuses(Create, &body, &expected.each_ref().map(String::as_str));
}

#[test]
fn an_update_may_patch_but_names_no_other_profile() {
    let patched = reads(
        Update,
        &data(
            Update,
            r#""meta":{"patch_properties":{"unset":"old"},
                "patch_identifiers":{"append":{"email":"b@example.com"}}}"#,
        ),
    );
    assert_eq!(patched.secondary_emails.append.len(), 1);
    refuses(
        Update,
        &data(
            Update,
            r#""attributes":{"_kx":"t"},"meta":{"identifiers":{"email":"b@example.com"}}"#,
        ),
        &[
            "/data/attributes/_kx '_kx' is not a valid field for the resource 'profile'.",
            "/data/meta/identifiers 'identifiers' is not a valid field for the resource 'profile'.",
        ],
    );
}

#[test]
fn an_import_takes_all_that_a_client_may_say() {
    let all = format!(
        r#""id":"{ID}","attributes":{{"_kx":"t.ABC123","properties":{{"$exchange_id":"u"}}}},
            "meta":{{"identifiers":{{"email":"b@example.com"}}}}"#
    );
    assert_eq!(reads(Import, &data(Import, &all)), reads(Client, &data(Client, &all)));
}

#[test]
fn a_list_of_further_addresses_is_bounded() {
    let patch = |number: usize| {
        let addresses: Vec<String> =
            (0..number).map(|n| format!(r#""a{n}@example.com""#)).collect();
        let list = addresses.join(",");
        format!(
            r#""attributes":{{"email":"a@b.co"}},"meta":{{"patch_identifiers":
                {{"append":{{"email":[{list}]}},"unappend":{{"email":[{list}]}}}}}}"#
        )
    };
    for endpoint in [Client, Update, Import] {
        let most = reads(endpoint, &data(endpoint, &patch(limits::PATCHED_EMAILS)));
        assert_eq!(most.secondary_emails.append.len(), limits::PATCHED_EMAILS);
        refuses(
            endpoint,
            &data(endpoint, &patch(limits::PATCHED_EMAILS + 1)),
            &[
                "/data/meta/patch_identifiers/append/email Must contain at most 100 addresses.",
                "/data/meta/patch_identifiers/unappend/email Must contain at most 100 addresses.",
            ],
        );
    }
}
