//! Bodies that only servers send: what is read from them, and what is wrong with
//! others.

use std::fmt::Debug;

use profile_protocol::{
    BulkImport, ClaimedId, DeletionId, DeletionSubject, ExplainedScope, IdentifierKind,
    ProfileExplain, ProfileMerge, ProfileRequest, ProfileUnmerge, Revision, TokenRevocation,
    Violations, limits,
};
use proptest::prelude::*;

const ID: &str = "01GDDKASAP8TKDDA2GRZDSVP4H";
const OTHER: &str = "01GDDKASAP8TKDDA2GRZDSVP4J";

fn refused<T: Debug>(result: Result<T, Violations>, expected: &[&str]) {
    let violations = result.unwrap_err();
    let found: Vec<String> =
        violations.iter().map(|v| format!("{} {}", v.pointer, v.fault)).collect();
    assert_eq!(found, expected);
}

fn claimed(id: &str) -> ClaimedId {
    id.parse().unwrap()
}

fn merge(body: &str) -> Result<ProfileMerge, Violations> {
    ProfileMerge::parse(body.as_bytes())
}

/// A merge into `ID` of these.
fn sources(list: &str) -> String {
    format!(
        r#"{{"data":{{"type":"profile-merge","id":"{ID}",
            "relationships":{{"profiles":{{"data":{list}}}}}}}}}"#
    )
}

#[test]
fn a_merge_has_one_destination_and_one_source() {
    let one = format!(r#"{{"type":"profile","id":"{OTHER}"}}"#);
    let read = merge(&sources(&format!("[{one}]"))).unwrap();
    assert_eq!((read.destination, read.source), (claimed(ID), claimed(OTHER)));
    let at = "/data/relationships/profiles/data";
    let not_one = format!("{at} Must contain exactly one profile.");
    refused(merge(&sources("[]")), &[&not_one]);
    refused(merge(&sources(&format!("[{one},{one}]"))), &[&not_one]);
    refused(merge(&sources(&one)), &[&format!("{at} Must be an array.")]);
    refused(merge(&sources("null")), &[&format!("{at} 'data' is required.")]);
}

#[test]
fn every_fault_of_a_merge_is_reported_at_its_place() {
    refused(
        merge(
            r#"{"data":{"type":"profile","attributes":{},"id":1,"id":2,"relationships":{"profiles":
                {"data":[{"type":"list","id":"","name":"x"}]},"lists":{}}},"meta":{}}"#,
        ),
        &[
            "/meta 'meta' is not a valid field for the resource 'profile-merge'.",
            "/data/attributes 'attributes' is not a valid field for the resource 'profile-merge'.",
            "/data/id 'id' is given more than once.",
            "/data/type 'type' must be 'profile-merge'.",
            "/data/id Must be a string.",
            "/data/relationships/lists 'lists' is not a valid field for the resource \
             'profile-merge'.",
            "/data/relationships/profiles/data/0/name 'name' is not a valid field for the \
             resource 'profile'.",
            "/data/relationships/profiles/data/0/type 'type' must be 'profile'.",
            "/data/relationships/profiles/data/0/id The identifier must not be empty or only \
             white space.",
        ],
    );
    for other in ["[]", "[{}]", "null", "1e400", r#""\ud800""#] {
        refused(merge(other), &[" Must be an object."]);
    }
    refused(merge("{}"), &["/data 'data' is required."]);
    refused(
        merge(r#"{"data":{}}"#),
        &[
            "/data/type 'type' is required.",
            "/data/id 'id' is required.",
            "/data/relationships 'relationships' is required.",
        ],
    );
    refused(
        merge(r#"{"data":{"type":"profile-merge","\ud800":1}}"#),
        &[
            r"/data/\ud800 Must not contain half of a surrogate pair.",
            "/data/id 'id' is required.",
            "/data/relationships 'relationships' is required.",
        ],
    );
}

#[test]
fn what_is_no_json_or_too_much_of_it_is_refused_whole() {
    refused(merge("{"), &[" Invalid JSON: EOF while parsing an object at line 1 column 1."]);
    refused(merge("{}x"), &[" Invalid JSON: trailing characters at line 1 column 3."]);
    refused(ProfileMerge::parse(b"{\xff"), &[" Invalid JSON: not UTF-8 after byte 1."]);
    let body = vec![b' '; limits::BODY_BYTES + 1];
    refused(ProfileMerge::parse(&body), &[" The body must be at most 102400 bytes."]);
}

#[test]
fn an_unmerge_names_the_profile_that_was_absorbed() {
    let parse = |attributes: &str| {
        let body = format!(r#"{{"data":{{"type":"profile-unmerge","attributes":{attributes}}}}}"#);
        ProfileUnmerge::parse(body.as_bytes())
    };
    let read = parse(&format!(r#"{{"profile_id":"{ID}"}}"#)).unwrap();
    assert_eq!(read.profile, claimed(ID));
    refused(parse("{}"), &["/data/attributes/profile_id 'profile_id' is required."]);
    refused(
        parse(r#"{"profile_id":"x","id":"y"}"#),
        &["/data/attributes/id 'id' is not a valid field for the resource 'profile-unmerge'."],
    );
}

#[test]
fn a_revocation_says_whether_it_concerns_one_profile_or_the_company() {
    let parse = |attributes: &str| {
        let body = format!(
            r#"{{"data":{{"type":"exchange-token-revocation","attributes":{attributes}}}}}"#
        );
        TokenRevocation::parse(body.as_bytes())
    };
    let profile = parse(&format!(r#"{{"scope":"profile","profile_id":"{ID}"}}"#)).unwrap();
    assert_eq!(profile, TokenRevocation::Profile(claimed(ID)));
    for company in [r#"{"scope":"company"}"#, r#"{"scope":"company","profile_id":null}"#] {
        assert_eq!(parse(company).unwrap(), TokenRevocation::Company);
    }
    refused(parse("{}"), &["/data/attributes/scope 'scope' is required."]);
    refused(
        parse(r#"{"scope":"all","profile_id":"x"}"#),
        &["/data/attributes/scope Must be 'company' or 'profile'."],
    );
    refused(
        parse(r#"{"scope":"profile"}"#),
        &["/data/attributes/profile_id 'profile_id' is required."],
    );
    refused(
        parse(r#"{"scope":"company","profile_id":"x"}"#),
        &["/data/attributes/profile_id 'profile_id' is not a valid field for the resource \
           'exchange-token-revocation'."],
    );
}

fn deletion(attributes: &str) -> Result<DeletionSubject, Violations> {
    let body =
        format!(r#"{{"data":{{"type":"data-privacy-deletion-job","attributes":{attributes}}}}}"#);
    DeletionSubject::parse(body.as_bytes())
}

/// The same, in the form that nests a profile.
fn nested_deletion(members: &str) -> Result<DeletionSubject, Violations> {
    deletion(&format!(r#"{{"profile":{{"data":{{"type":"profile"{members}}}}}}}"#))
}

#[test]
fn who_is_deleted_may_be_said_in_two_forms() {
    let email = DeletionSubject::Email("a@example.com".parse().unwrap());
    let number = DeletionSubject::PhoneNumber("+15005550006".parse().unwrap());
    let id = DeletionSubject::Id(ID.parse().unwrap());
    assert_eq!(deletion(r#"{"email":"A@example.com","phone_number":null}"#).unwrap(), email);
    assert_eq!(deletion(r#"{"phone_number":"+15005550006"}"#).unwrap(), number);
    assert_eq!(deletion(&format!(r#"{{"profile_id":"{ID}"}}"#)).unwrap(), id);
    let nested = |members: &str| nested_deletion(members).unwrap();
    assert_eq!(nested(r#","attributes":{"email":"a@example.com"}"#), email);
    assert_eq!(nested(r#","id":null,"attributes":{"phone_number":"+15005550006"}"#), number);
    assert_eq!(nested(&format!(r#","id":"{ID}","attributes":{{}}"#)), id);
}

#[test]
fn an_id_to_delete_may_be_an_external_id_whatever_its_form() {
    for (text, profile) in [(ID, ID.parse().ok()), ("customer 7", None)] {
        let subject = nested_deletion(&format!(r#","id":"{text}""#)).unwrap();
        let external_id = text.parse().unwrap();
        assert_eq!(subject, DeletionSubject::Id(DeletionId { profile, external_id }));
    }
    refused(
        nested_deletion(r#","id":" ""#),
        &["/data/attributes/profile/data/id The identifier must not be empty or only white space."],
    );
}

#[test]
fn exactly_one_is_named_whom_to_delete() {
    let not_one = "/data/attributes Exactly one of `id`, `email` or `phone_number` must be \
                   included to say whom to delete.";
    refused(deletion("{}"), &[not_one]);
    refused(deletion(r#"{"email":null}"#), &[not_one]);
    refused(deletion(r#"{"email":"a@b.co","phone_number":"+15005550006"}"#), &[not_one]);
    refused(nested_deletion(""), &[not_one]);
    refused(nested_deletion(r#","id":"x","attributes":{"email":"a@b.co"}"#), &[not_one]);
    let both = r#"{"email":"a@b.co","profile":{"data":{"type":"profile","id":"x"}}}"#;
    refused(deletion(both), &[not_one]);
}

#[test]
fn every_fault_of_a_deletion_is_reported_at_its_place() {
    refused(
        nested_deletion(r#","attributes":{"email":"x","external_id":"y"}"#),
        &[
            "/data/attributes/profile/data/attributes/external_id 'external_id' is not a valid \
             field for the resource 'profile'.",
            "/data/attributes/profile/data/attributes/email Invalid email address",
        ],
    );
    refused(
        deletion(r#"{"profile":{"data":[]}}"#),
        &["/data/attributes/profile/data Must be an object."],
    );
    refused(
        deletion(r#"{"profile_id":1,"email":2}"#),
        &[
            "/data/attributes/profile_id Must be a string.",
            "/data/attributes/email Must be a string.",
            "/data/attributes Exactly one of `id`, `email` or `phone_number` must be included to \
             say whom to delete.",
        ],
    );
}

#[test]
fn who_is_to_be_deleted_does_not_reach_logs() {
    let subject = deletion(r#"{"email":"a@example.com"}"#).unwrap();
    assert!(!format!("{subject:?}").contains("example"));
}

fn explain(attributes: &str) -> Result<ProfileExplain, Violations> {
    let body = format!(r#"{{"data":{{"type":"profile-explain","attributes":{attributes}}}}}"#);
    ProfileExplain::parse(body.as_bytes(), Revision::LATEST)
}

#[test]
fn an_explained_request_is_read_as_its_scope_would_have_it() {
    let body = r#"{"data":{"type":"profile","attributes":{"email":null,"anonymous_id":"a"}}}"#;
    let client = explain(&format!(r#"{{"scope":"client","body":{body}}}"#)).unwrap();
    assert_eq!(client.scope, ExplainedScope::Client);
    let direct = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap();
    assert_eq!(client.request, direct);
    let server = explain(&format!(r#"{{"scope":"server","body":{body}}}"#)).unwrap();
    assert_eq!(server.scope, ExplainedScope::Server);
    assert_eq!(server.request.cleared(), [IdentifierKind::Email]);
}

#[test]
fn faults_of_an_explained_request_stand_below_it() {
    refused(
        explain(
            r#"{"scope":"visitor","body":{"data":{"type":"profile","attributes":{"email":1}}}}"#,
        ),
        &[
            "/data/attributes/scope Must be 'client' or 'server'.",
            "/data/attributes/body/data/attributes/email Must be a string.",
        ],
    );
    refused(
        explain("{}"),
        &[
            "/data/attributes/scope 'scope' is required.",
            "/data/attributes/body 'body' is required.",
        ],
    );
    refused(
        explain(r#"{"scope":"client","body":[]}"#),
        &["/data/attributes/body Must be an object."],
    );
}

fn bulk_body(list: &str) -> String {
    format!(
        r#"{{"data":{{"type":"profile-bulk-import-job","attributes":{{"profiles":{{"data":{list}}}}},
            "relationships":{{"lists":{{"data":[{{"type":"list","id":"Y6nRLr"}}]}}}}}}}}"#
    )
}

fn bulk(list: &str) -> Result<BulkImport, Violations> {
    BulkImport::parse(bulk_body(list).as_bytes(), Revision::LATEST)
}

#[test]
fn a_faulty_profile_does_not_spoil_the_others() {
    let read = bulk(
        r#"[{"type":"profile","attributes":{"email":"a@b.co","phone_number":null}},
            {"type":"profile","attributes":{"email":"x"}},
            7,
            {"type":"profile","attributes":{"email":"a@b.co","\ud800":1}},
            {"type":"profile","id":"01GDDKASAP8TKDDA2GRZDSVP4H",
             "meta":{"patch_properties":{"unset":"old"}}}]"#,
    )
    .unwrap();
    let [first, second, third, fourth, fifth] = <[_; 5]>::try_from(read.into_profiles()).unwrap();
    let first = first.unwrap().into_parts();
    assert_eq!(first.identifiers.email.unwrap().as_str(), "a@b.co");
    assert_eq!(first.cleared, [IdentifierKind::PhoneNumber]);
    let at = "/data/attributes/profiles/data";
    refused(second, &[&format!("{at}/1/attributes/email Invalid email address")]);
    refused(third, &[&format!("{at}/2 Must be an object.")]);
    let surrogate = "Must not contain half of a surrogate pair.";
    refused(fourth, &[&format!(r"{at}/3/attributes/\ud800 {surrogate}")]);
    let fifth = fifth.unwrap().into_parts();
    assert_eq!(fifth.identifiers.id, Some(claimed(ID)));
    assert_eq!(fifth.patch.properties.unset.len(), 1);
}

#[test]
fn half_a_surrogate_pair_is_refused_in_the_ignored_relationships_of_an_import() {
    let body = r#"{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[
        {"type":"profile","attributes":{"email":"a@b.co"}}]}},"relationships":["\ud800"]}}"#;
    let violations = BulkImport::parse(body.as_bytes(), Revision::LATEST).unwrap_err();
    let pointers: Vec<&str> = violations.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(pointers, ["/data/relationships"]);
}

#[test]
fn one_of_many_is_read_as_an_import_of_its_own() {
    let elements = [
        r#"{"type":"profile","attributes":{"email":"a@b.co","_kx":"t"}}"#,
        r#"{"type":"profile","attributes":{"external_id":null}}"#,
        r#"{"type":"event","meta":{"identifiers":{"email":"b@b.co"}}}"#,
        "{}",
    ];
    let read = bulk(&format!("[{}]", elements.join(","))).unwrap();
    for (number, (element, read)) in elements.iter().zip(read.into_profiles()).enumerate() {
        let alone = ProfileRequest::parse_at(
            profile_protocol::ProfileEndpoint::Import,
            format!(r#"{{"data":{element}}}"#).as_bytes(),
            Revision::LATEST,
        );
        let at = format!("/data/attributes/profiles/data/{number}");
        let told = |violations: Violations, from: &str, to: &str| -> Vec<String> {
            violations
                .into_iter()
                .map(|v| format!("{} {}", v.pointer.replacen(from, to, 1), v.fault))
                .collect()
        };
        assert_eq!(
            read.map_err(|violations| told(violations, "", "")),
            alone.map_err(|violations| told(violations, "/data", &at)),
        );
    }
}

#[test]
fn faults_of_the_document_refuse_all_of_it() {
    let at = "/data/attributes/profiles/data";
    let number = format!("{at} Must contain 1 to 10000 profiles.");
    refused(bulk("[]"), &[&number]);
    let many = vec!["1"; limits::BULK_PROFILES + 1].join(",");
    refused(bulk(&format!("[{many}]")), &[&number]);
    refused(bulk("{}"), &[&format!("{at} Must be an array.")]);
    let body = bulk_body(r#"[{"type":"profile","attributes":{"email":"a@b.co"}}]"#);
    let body = body.replace(r#""attributes":{"profiles""#, r#""x":1,"attributes":{"profiles""#);
    refused(
        BulkImport::parse(body.as_bytes(), Revision::LATEST),
        &["/data/x 'x' is not a valid field for the resource 'profile-bulk-import-job'."],
    );
}

#[test]
fn as_many_profiles_as_may_be_are_read_and_no_byte_more() {
    let one = r#"{"type":"profile","attributes":{"email":"a@b.co"}}"#;
    let most = bulk(&format!("[{}]", vec![one; limits::BULK_PROFILES].join(","))).unwrap();
    assert_eq!(most.profiles().len(), limits::BULK_PROFILES);
    assert!(most.profiles().iter().all(Result::is_ok));
    let body = vec![b' '; limits::BULK_BODY_BYTES + 1];
    refused(
        BulkImport::parse(&body, Revision::LATEST),
        &[" The body must be at most 5000000 bytes."],
    );
}

#[test]
fn one_of_many_may_be_as_large_as_one_alone() {
    let sized = |bytes: usize| {
        let start = r#"{"type":"profile","attributes":{"email":"a@b.co"}"#;
        format!("{start}{}}}", " ".repeat(bytes - start.len() - 1))
    };
    let (fits, over) = (sized(limits::BODY_BYTES), sized(limits::BODY_BYTES + 1));
    let read = bulk(&format!("[{fits},{over}]")).unwrap();
    let [fits, over] = <[_; 2]>::try_from(read.into_profiles()).unwrap();
    assert!(fits.is_ok());
    let expected = "/data/attributes/profiles/data/1 The profile must be at most 102400 bytes.";
    refused(over, &[expected]);
}

#[test]
fn the_faults_of_many_profiles_are_bounded_and_each_profile_is_told_of_one() {
    let faulty = (0..90).map(|n| format!(r#""{n}":1"#)).collect::<Vec<_>>().join(",");
    let faulty = format!(r#"{{"type":"profile","attributes":{{{faulty}}}}}"#);
    let read = bulk(&format!("[{}]", vec![faulty; 1_000].join(","))).unwrap();
    let told: Vec<usize> =
        read.profiles().iter().map(|profile| profile.as_ref().unwrap_err().iter().len()).collect();
    assert_eq!(told[0], 91);
    assert!(told.iter().all(|&number| 0 < number));
    assert!(told.iter().sum::<usize>() <= limits::BULK_VIOLATIONS + told.len());
}

/// What can be wrong with a document is drawn from what may be in one.
fn documents() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1".to_owned()),
        Just(format!("\"{ID}\"")),
        Just(r#""a@example.com""#.to_owned()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""profile""#.to_owned()),
        Just(r#""profile-merge""#.to_owned()),
        Just(r#""client""#.to_owned()),
    ];
    let name = prop_oneof![
        Just("data"),
        Just("type"),
        Just("id"),
        Just("attributes"),
        Just("relationships"),
        Just("profiles"),
        Just("profile"),
        Just("profile_id"),
        Just("email"),
        Just("scope"),
        Just("body"),
        Just("\\ud800"),
    ];
    leaf.prop_recursive(7, 48, 6, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((name.clone(), inner.clone()), 0..6).prop_map(|members| {
                let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
            1 => prop::collection::vec(inner, 0..3)
                .prop_map(|values| format!("[{}]", values.join(","))),
        ]
    })
}

fn reads_all(body: &[u8]) {
    let _ = ProfileMerge::parse(body);
    let _ = ProfileUnmerge::parse(body);
    let _ = DeletionSubject::parse(body);
    let _ = ProfileExplain::parse(body, Revision::LATEST);
    let _ = TokenRevocation::parse(body);
    let _ = BulkImport::parse(body, Revision::LATEST);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        reads_all(&body);
    }

    #[test]
    fn no_document_makes_it_panic(document in documents()) {
        reads_all(document.as_bytes());
        reads_all(bulk_body(&document).as_bytes());
    }
}
