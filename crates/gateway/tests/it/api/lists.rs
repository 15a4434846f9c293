//! Lists of profiles: filters, orders and pages.

use serde_json::json;

use super::{Api, ids, refused};
use crate::wire::RawResponse;

/// Follows a list to its end, a page at a time, passing on what is next as `follow`
/// does it.
fn all_pages(api: &Api, first: &str, follow: impl Fn(&str) -> String) -> Vec<String> {
    let mut found = Vec::new();
    let mut target = first.to_owned();
    for _ in 0..50 {
        let answer = api.get(&target);
        assert_eq!(answer.status, 200, "{target} {answer:?}");
        found.extend(ids(&answer));
        match next(&answer) {
            Some(link) => target = follow(&link),
            None => return found,
        }
    }
    panic!("the list does not end");
}

fn next(answer: &RawResponse) -> Option<String> {
    answer.json()["links"]["next"].as_str().map(str::to_owned)
}

/// The path and query of a link.
fn path_of(link: &str) -> String {
    let (_, rest) = link.split_once("://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

#[test]
fn addresses_that_begin_alike_are_listed_in_their_order_and_no_other() {
    let api = Api::new();
    let named = ["sarah", "sam", "tom", "sabine"];
    let made = named.map(|name| api.create(&json!({ "email": format!("{name}@example.com") })));
    let [sarah, sam, _, sabine] = &made;
    let list = |query: &str| {
        let first = format!("/api/profiles?filter=starts-with(email,%22SA%22){query}&page[size]=2");
        all_pages(&api, &first, path_of)
    };
    let expected = [sabine, sam, sarah].map(String::clone);
    assert_eq!(list(""), expected);
    assert_eq!(list("&sort=email"), expected);
    let mut reversed = expected;
    reversed.reverse();
    assert_eq!(list("&sort=-email"), reversed);
    let wrong = api.get("/api/profiles?filter=starts-with(email,%22sa%22)&sort=updated");
    assert_eq!(refused(&wrong).0, 400);
    let twice = "/api/profiles?filter=starts-with(email,%22s%22),starts-with(email,%22t%22)";
    assert_eq!(refused(&api.get(twice)).0, 400);
}

/// What the official clients make of a link: the list, and nothing but the cursor.
fn only_the_cursor(link: &str) -> String {
    let (_, cursor) = link.split_once("page%5Bcursor%5D=").unwrap();
    format!("/api/profiles?page[cursor]=={cursor}")
}

/// Seven profiles, the third of which has no address, in the order of their
/// creation.
fn seven(api: &Api) -> Vec<String> {
    let names = ["d", "b", "", "g", "a", "c", "e"];
    let create = |name: &&str| match *name {
        "" => api.create(&json!({ "phone_number": "+15005550006" })),
        name => api.create(&json!({ "email": format!("{name}@example.com") })),
    };
    names.iter().map(create).collect()
}

#[test]
fn every_order_lists_every_profile_once_both_ways() {
    let api = Api::new();
    let profiles = seven(&api);
    let by_email: Vec<String> =
        [4, 1, 5, 0, 6, 3, 2].iter().map(|&at: &usize| profiles[at].clone()).collect();
    for (sort, expected) in
        [("id", &profiles), ("created", &profiles), ("updated", &profiles), ("email", &by_email)]
    {
        for size in [1, 3, 7] {
            let first = format!("/api/profiles?sort={sort}&page[size]={size}");
            assert_eq!(&all_pages(&api, &first, path_of), expected, "{sort} by {size}");
            let first = format!("/api/profiles?sort=-{sort}&page[size]={size}");
            let mut turned = all_pages(&api, &first, only_the_cursor);
            turned.reverse();
            assert_eq!(&turned, expected, "-{sort} by {size}");
        }
    }
    // Twenty a page, unless asked otherwise.
    assert_eq!(ids(&api.get("/api/profiles")).len(), 7);
}

#[test]
fn a_change_moves_a_profile_to_the_end_of_the_updated() {
    let api = Api::new();
    let profiles = seven(&api);
    api.client(&json!({ "email": "b@example.com", "first_name": "B" }));
    let newest = api.get("/api/profiles?sort=-updated&page[size]=1");
    assert_eq!(ids(&newest), [profiles[1].clone()]);
}

#[test]
fn each_identifier_finds_its_profile() {
    let api = Api::new();
    let ann = api.create(&json!({ "email": "a+b@example.com", "phone_number": "+15005550006",
        "external_id": "it's, \"7\"" }));
    let bob = api.create(&json!({ "email": "bob@example.com" }));
    for filter in [
        "equals(email,%22a%2Bb@example.com%22)".to_owned(),
        "equals(email,'A%2BB@example.com')".to_owned(),
        "equals(phone_number,'%2B15005550006')".to_owned(),
        r"equals(external_id,'it\'s, %227%22')".to_owned(),
        format!("equals(id,'{ann}')"),
        format!("and(any(id,['{ann}','{bob}']),equals(email,'a%2Bb@example.com'))"),
        format!("any(id,['{bob}','{ann}']),any(email,['a%2Bb@example.com'])"),
    ] {
        let found = api.get(&format!("/api/profiles?filter={}", filter.replace(' ', "%20")));
        assert_eq!(ids(&found), [ann.as_str()], "{filter}");
    }
    let both =
        "/api/profiles?filter=any(email,['bob@example.com','a%2Bb@example.com','x@example.com'])";
    assert_eq!(ids(&api.get(both)), [ann.clone(), bob.clone()]);
    assert_eq!(ids(&api.get(&format!("{both}&sort=-id"))), [bob.clone(), ann.clone()]);
    let first = format!("{both}&sort=-email&page[size]=1");
    assert_eq!(all_pages(&api, &first, path_of), [bob.clone(), ann.clone()]);
    assert_eq!(all_pages(&api, &first, only_the_cursor), [bob, ann]);
    let unknown = api.get("/api/profiles?filter=equals(id,'ABC123')");
    assert_eq!((ids(&unknown).len(), next(&unknown)), (0, None));
}

#[test]
fn spans_of_time_leave_what_lies_in_them() {
    let api = Api::new();
    let profiles = seven(&api);
    let created = |id: &str| api.attributes(id)["created"].as_str().unwrap().replace('+', "%2B");
    let (second, fifth) = (created(&profiles[1]), created(&profiles[4]));
    let between =
        |name: &str| format!("and(greater-than({name},{second}),less-than({name},{fifth}))");
    // Some may have been created in one millisecond.
    let inner: Vec<String> =
        profiles.iter().filter(|id| second < created(id) && created(id) < fifth).cloned().collect();
    for name in ["created", "updated"] {
        for sort in ["", "&sort=id", "&sort=created", "&sort=updated"] {
            let first = format!("/api/profiles?filter={}{sort}&page[size]=1", between(name));
            assert_eq!(all_pages(&api, &first, path_of), inner, "{name}{sort}");
        }
    }
    let past = "/api/profiles?filter=less-than(created,2020-01-01T00:00:00Z)";
    assert_eq!(ids(&api.get(past)).len(), 0);
}

#[test]
fn a_token_finds_its_profile() {
    let api = Api::new();
    let ann = super::profile(&json!({ "email": "ann@example.com", "anonymous_id": "tab" }));
    let request = crate::wire::RawRequest::profile(ann.to_string()).with("X-Klaviyo-Onsite", "1");
    let token = api.send(&request).json()["meta"]["exchange_id"].as_str().unwrap().to_owned();
    let found = api.get(&format!("/api/profiles?filter=equals(_kx,'{token}')")).json();
    assert_eq!(found["data"][0]["attributes"]["email"], "ann@example.com");
    let forged = api.get("/api/profiles?filter=equals(_kx,'AAAA.ABC123')");
    assert_eq!(ids(&forged).len(), 0);
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_parameter_at_fault() {
    let api = Api::new();
    let at_fault = |query: &str| {
        let answer = api.get(&format!("/api/profiles?{query}"));
        assert_eq!(answer.status, 400, "{query} {answer:?}");
        assert_eq!(refused(&answer).1, "invalid");
        answer.json()["errors"][0]["source"]["parameter"].as_str().unwrap().to_owned()
    };
    assert_eq!(at_fault("filter=contains(email,'x')"), "filter");
    assert_eq!(at_fault("filter=equals(first_name,'x')"), "filter");
    assert_eq!(at_fault("filter=equals(email,'x')"), "filter");
    assert_eq!(at_fault("sort=name"), "sort");
    assert_eq!(at_fault("page[size]=0"), "page[size]");
    assert_eq!(at_fault("page[size]=101"), "page[size]");
    assert_eq!(at_fault("page[cursor]=nonsense"), "page[cursor]");
    assert_eq!(at_fault("include=profiles"), "include");
    assert_eq!(at_fault("fields[profile]=x"), "fields[profile]");
    assert_eq!(at_fault("additional-fields[profile]=x"), "additional-fields[profile]");
}

#[test]
fn a_cursor_begins_no_page_of_another_list() {
    let api = Api::new();
    seven(&api);
    let link = next(&api.get("/api/profiles?sort=-id&page[size]=2")).unwrap();
    let (_, cursor) = link.split_once("page%5Bcursor%5D=").unwrap();
    for query in ["sort=id", "sort=-email", "sort=-id&filter=equals(id,'x')"] {
        let answer = api.get(&format!("/api/profiles?{query}&page[cursor]={cursor}"));
        assert_eq!(refused(&answer), (400, "invalid".into(), "/data".into()), "{query}");
        assert_eq!(answer.json()["errors"][0]["detail"], "Invalid cursor provided.");
    }
    // Pages may be of another size from one to the next.
    let larger = api.get(&format!("/api/profiles?page[size]=5&page[cursor]={cursor}"));
    assert_eq!(ids(&larger).len(), 5);
    let of_outcomes = api.get("/api/outcomes?page[size]=1").json();
    let cursor = of_outcomes["meta"]["cursor"].as_str().unwrap();
    assert_eq!(api.get(&format!("/api/profiles?page[cursor]={cursor}")).status, 400);
    let whole = form_urlencoded::byte_serialize(link.as_bytes()).collect::<String>();
    assert_eq!(ids(&api.get(&format!("/api/profiles?page[cursor]={whole}"))).len(), 2);
}

#[test]
fn times_are_read_as_programs_write_them_and_links_repeat_them_as_they_were_sent() {
    let api = Api::new();
    let profiles = seven(&api);
    for time in [
        "2012-01-01T00:00:00+0000",
        "2012-01-01T00:00:00%2B0000",
        "2012-01-01",
        "2012-01-01%2001:00",
        "2012-01-01T00:00:00+00:00",
    ] {
        let filter = format!("filter=greater-than(updated,{time})");
        let target = format!("/api/profiles?{filter}&sort=updated&page[size]=3");
        let answer = api.get(&target);
        assert_eq!(ids(&answer), profiles[..3], "{time}");
        let link = next(&answer).unwrap();
        let sent = format!("http://gateway{target}&page%5Bcursor%5D=");
        assert!(link.starts_with(&sent), "{link} does not begin with {sent}");
        assert_eq!(all_pages(&api, &target, path_of), profiles, "{time}");
    }
}

#[test]
fn related_resources_are_none_and_id_is_a_field() {
    let api = Api::new();
    let profiles = seven(&api);
    let one = format!("/api/profiles/{}", profiles[0]);
    for target in
        ["/api/profiles?include=push-tokens,conversations", &format!("{one}?include=lists")]
    {
        let answer = api.get(target);
        assert_eq!((answer.status, &answer.json()["included"]), (200, &json!([])), "{target}");
    }
    assert!(api.get(&one).json().get("included").is_none());
    let answer = api.get("/api/profiles?include=profiless");
    assert_eq!(refused(&answer), (400, "invalid".into(), "/data".into()));
    let answer = api.get(&format!("{one}?fields[profile]=id,type,email"));
    assert_eq!(answer.json()["data"]["attributes"], json!({ "email": "d@example.com" }));
}
