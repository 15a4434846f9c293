//! Push tokens: what both mobile SDKs send with push switched on, and what the company reads.

use super::*;

/// The body of the SDK for Android: a token and a profile with these attributes.
fn android(token: &str, profile: &Value) -> Value {
    json!({"data": {"type": "push-token", "attributes": {
        "token": token, "platform": "Android", "vendor": "FCM",
        "enablement_status": "AUTHORIZED", "background": "AVAILABLE",
        "profile": {"data": {"type": "profile", "attributes": profile}},
        "device_metadata": {
            "device_id": "b54d1d1b-0f6c-4f5c-9d7e-1a0f8a1a6f63", "klaviyo_sdk": "android",
            "sdk_version": "4.4.0", "device_model": "Pixel 9", "os_name": "Android",
            "os_version": "35", "manufacturer": "google", "app_name": "Shop",
            "app_version": "2.1.0", "app_build": "210", "app_id": "com.example.shop",
            "environment": "release"}}}})
}

/// The body of the SDK for Swift.
fn swift(token: &str, profile: &Value) -> Value {
    json!({"data": {"type": "push-token", "attributes": {
        "token": token, "platform": "ios", "vendor": "APNs",
        "enablement_status": "PROVISIONAL", "background": "RESTRICTED",
        "device_metadata": {
            "app_build": "1", "app_id": "com.shop.example", "app_name": "Shop",
            "app_version": "1.0.0", "device_id": "fe-fi-fo-fum", "device_model": "iPhone17,1",
            "environment": "debug", "klaviyo_sdk": "swift", "manufacturer": "Apple",
            "os_name": "iOS", "os_version": "17.2.0", "sdk_version": "5.3.1"},
        "profile": {"data": {"type": "profile", "attributes": profile}}}}})
}

fn unregister(token: &str, profile: &Value) -> Value {
    json!({"data": {"type": "push-token-unregister", "attributes": {
        "token": token, "platform": "Android", "vendor": "FCM",
        "profile": {"data": {"type": "profile", "attributes": profile}}}}})
}

const REGISTER: &str = "/client/push-tokens";
const UNREGISTER: &str = "/client/push-token-unregister";
const ANDROID_TOKEN: &str = "c0mEVJqkR5yAPA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8";
const SWIFT_TOKEN: &str = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad";

/// What an SDK sends to this path of the company, whose revision and media type are its own.
fn of_app(path: &str, company: &str, body: &Value) -> RawRequest {
    RawRequest::new("POST", &format!("{path}?company_id={company}"))
        .with("Content-Type", "application/json")
        .with("Accept", "application/json")
        .with("Revision", "2026-01-15")
        .with("X-Klaviyo-Mobile", "1")
        .with("X-Klaviyo-Attempt-Count", "1/50")
        .body(body.to_string())
}

impl Api {
    #[track_caller]
    fn app(&self, path: &str, body: &Value) {
        self.send(&of_app(path, "ABC123", body)).assert_accepted();
    }

    /// The id of the profile with this address.
    #[track_caller]
    fn id_of(&self, email: &str) -> String {
        let page = self.get(&format!("/api/profiles?filter=equals(email,'{email}')")).json();
        page["data"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The tokens of a profile.
    #[track_caller]
    fn tokens_of(&self, id: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/profiles/{id}/push-tokens"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let tokens = answer.json()["data"].as_array().unwrap().clone();
        let text = |one: &Value| one["attributes"]["token"].as_str().unwrap().to_owned();
        tokens.iter().map(text).collect()
    }

    /// The newest outcome of the company.
    fn newest(&self) -> Value {
        let page = self.get("/api/outcomes?page[size]=100").json();
        page["data"].as_array().unwrap().last().unwrap()["attributes"].clone()
    }
}

#[test]
fn the_session_of_an_android_app_keeps_its_token_with_the_user_who_is_signed_in() {
    let api = Api::new();
    let device = json!({"anonymous_id": "93bee61b-5f10-4c4c-a3b9-3bd7a0a5a5ee"});
    api.app(REGISTER, &android(ANDROID_TOKEN, &device));
    let mut ann = device.clone();
    ann["email"] = json!("ann@example.com");
    ann["properties"] = json!({"plan": "gold"});
    api.app(REGISTER, &android(ANDROID_TOKEN, &ann));
    // Resumed: identifiers only, which clears nothing.
    ann.as_object_mut().unwrap().remove("properties");
    api.app(REGISTER, &android(ANDROID_TOKEN, &ann));
    let id = api.id_of("ann@example.com");
    assert_eq!(api.tokens_of(&id), [ANDROID_TOKEN]);
    assert_eq!(api.attributes(&id)["properties"]["plan"], "gold");
    assert_eq!(api.newest()["effect"], "unchanged");
    assert_eq!(api.newest()["push_token"]["fate"], "matched");
    // Reset: a new device, and the token goes with it.
    let reset = json!({"anonymous_id": "0f3a1f34-1111-4c4c-a3b9-3bd7a0a5a5ee"});
    api.app(REGISTER, &android(ANDROID_TOKEN, &reset));
    assert_eq!(api.tokens_of(&id), [""; 0]);
    assert_eq!(api.newest()["push_token"]["profile_id"], id);
    // Another company takes over: the token is removed from this one.
    api.app(UNREGISTER, &unregister(ANDROID_TOKEN, &reset));
    assert_eq!(api.newest()["push_token"]["fate"], "released");
    let other = of_app(REGISTER, "XYZ789", &android(ANDROID_TOKEN, &reset));
    api.send(&other).assert_accepted();
    assert_eq!(api.get("/api/push-tokens").json()["data"], json!([]));
}

#[test]
fn the_session_of_a_swift_app_is_served_at_paths_with_a_slash() {
    let api = Api::new();
    let device = json!({"anonymous_id": "2C7B7E0B", "properties": {}});
    api.app("/client/push-tokens/", &swift(SWIFT_TOKEN, &device));
    let ann = json!({"anonymous_id": "2C7B7E0B", "email": "ann@example.com", "properties": {},
        "location": {"timezone": "Europe/Berlin"}});
    api.app("/client/push-tokens/", &swift(SWIFT_TOKEN, &ann));
    let id = api.id_of("ann@example.com");
    assert_eq!(api.tokens_of(&id), [SWIFT_TOKEN]);
    assert_eq!(api.attributes(&id)["location"]["timezone"], "Europe/Berlin");
    let mut gone = unregister(SWIFT_TOKEN, &ann);
    gone["data"]["attributes"]["platform"] = json!("ios");
    api.app("/client/push-token-unregister/", &gone);
    assert_eq!(api.tokens_of(&id), [""; 0]);
}

#[test]
fn a_token_is_shown_as_the_original_shows_it() {
    let api = Api::new();
    api.app(REGISTER, &swift(SWIFT_TOKEN, &json!({"email": "ann@example.com"})));
    let profile = api.id_of("ann@example.com");
    let answer = api.get(&format!("/api/push-tokens/{SWIFT_TOKEN}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let data = answer.json()["data"].clone();
    let id = data["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    let attributes = &data["attributes"];
    let shown: Vec<&String> = attributes.as_object().unwrap().keys().collect();
    assert_eq!(
        shown,
        [
            "background",
            "created",
            "enablement_status",
            "metadata",
            "platform",
            "recorded_date",
            "token",
            "vendor"
        ]
    );
    assert_eq!(attributes["vendor"], "APNs");
    assert_eq!(attributes["platform"], "ios");
    assert_eq!(attributes["enablement_status"], "PROVISIONAL");
    assert_eq!(attributes["metadata"]["os_name"], "ios");
    assert_eq!(attributes["metadata"].as_object().unwrap().len(), 12);
    assert_eq!(data["relationships"]["profile"]["data"]["id"], profile);
    // The id finds it as the token does.
    let by_id = api.get(&format!("/api/push-tokens/{id}")).json();
    assert_eq!(by_id["data"], data);
    let target = format!("/api/push-tokens/{id}?fields[push-token]=token,metadata.app_name");
    let few = api.get(&target).json()["data"]["attributes"].clone();
    assert_eq!(few, json!({"token": SWIFT_TOKEN, "metadata": {"app_name": "Shop"}}));
    let included = api.get(&format!("/api/push-tokens/{id}?include=profile")).json();
    assert_eq!(included["included"][0]["attributes"]["email"], "ann@example.com");
    let of = api.get(&format!("/api/push-tokens/{id}/profile")).json();
    assert_eq!(of["data"]["id"], profile);
    let named = api.get(&format!("/api/push-tokens/{id}/relationships/profile")).json();
    assert_eq!(named["data"], json!({"type": "profile", "id": profile}));
    let ids = api.get(&format!("/api/profiles/{profile}/relationships/push-tokens")).json();
    assert_eq!(ids["data"], json!([{"type": "push-token", "id": id}]));
    let with_tokens = api.get(&format!("/api/profiles/{profile}?include=push-tokens")).json();
    assert_eq!(with_tokens["included"][0]["id"], id);
    let listed = api.get("/api/profiles?include=push-tokens&fields[push-token]=token").json();
    assert_eq!(listed["included"][0]["attributes"], json!({"token": SWIFT_TOKEN}));
}

#[test]
fn a_list_is_filtered_and_paged() {
    let api = Api::new();
    for number in 0..5 {
        let profile = json!({"email": format!("person-{}@example.com", number / 2)});
        let token = format!("token-{number}");
        let body = if number == 3 { swift(&token, &profile) } else { android(&token, &profile) };
        assert_eq!(api.post("/api/push-tokens", &body).status, 202);
    }
    let (mut found, mut target) = (Vec::new(), "/api/push-tokens?page[size]=2".to_owned());
    loop {
        let page = api.get(&target).json();
        let tokens = page["data"].as_array().unwrap();
        assert!(tokens.len() <= 2);
        found.extend(tokens.iter().map(|one| one["attributes"]["token"].clone()));
        let Some(next) = page["links"]["next"].as_str() else { break };
        target = next.split_once("gateway").unwrap().1.to_owned();
    }
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, ["token-0", "token-1", "token-2", "token-3", "token-4"]);
    let profile = api.id_of("person-1@example.com");
    let count = |filter: &str| {
        let answer = api.get(&format!("/api/push-tokens?filter={filter}&include=profile"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"].as_array().unwrap().len()
    };
    assert_eq!(count("equals(platform,'ios')"), 1);
    assert_eq!(count("equals(enablement_status,'AUTHORIZED')"), 4);
    assert_eq!(count(&format!("equals(profile.id,'{profile}')")), 2);
    assert_eq!(count(&format!("equals(profile.id,'{profile}'),equals(platform,'android')")), 1);
    assert_eq!(count("equals(id,'token-2')"), 1);
    assert_eq!(count(&format!("and(equals(id,'token-0'),equals(profile.id,'{profile}'))")), 0);
    assert_eq!(count("equals(id,'unknown')"), 0);
    for target in [
        "/api/push-tokens?filter=equals(token,'x')",
        "/api/push-tokens?sort=id",
        "/api/push-tokens?page[size]=0",
        "/api/push-tokens?include=lists",
        "/api/push-tokens?fields[push-token]=email",
        "/api/push-tokens?page[cursor]=x",
    ] {
        assert_eq!(api.get(target).status, 400, "{target}");
    }
}

#[test]
fn the_company_removes_a_token_by_its_id_or_by_itself() {
    let api = Api::new();
    for token in ["token-1", "token-2"] {
        api.app(REGISTER, &android(token, &json!({"email": "ann@example.com"})));
    }
    let id = api.get("/api/push-tokens/token-1").json()["data"]["id"].clone();
    for token in [id.as_str().unwrap(), "token-2"] {
        let target = format!("/api/push-tokens/{token}");
        let answer = api.send(&asking("DELETE", &target));
        assert_eq!((answer.status, answer.text()), (204, ""));
        assert_eq!(refused(&api.send(&asking("DELETE", &target))).0, 404);
        assert_eq!(refused(&api.get(&target)).0, 404);
        assert_eq!(refused(&api.get(&format!("{target}/profile"))).0, 404);
    }
    assert_eq!(api.tokens_of(&api.id_of("ann@example.com")), [""; 0]);
    let unknown = "/api/profiles/01GDDKASAP8TKDDA2GRZDSVP4H/push-tokens";
    assert_eq!(refused(&api.get(unknown)).0, 404);
}

#[test]
fn a_key_needs_the_scopes_of_tokens_and_of_profiles() {
    let api = Api::new();
    let body = android("token", &json!({"email": "ann@example.com"})).to_string();
    for (method, target) in [
        ("GET", "/api/push-tokens"),
        ("GET", "/api/push-tokens/x"),
        ("GET", "/api/push-tokens/x/profile"),
        ("POST", "/api/push-tokens"),
        ("DELETE", "/api/push-tokens/x"),
    ] {
        let answer = api.send(&asking_with(READER, method, target).body(&body));
        assert_eq!(answer.status, 403, "{method} {target}");
    }
    api.app(REGISTER, &android("token", &json!({"email": "ann@example.com"})));
    let id = api.id_of("ann@example.com");
    let answer = api.send(&asking_with(READER, "GET", &format!("/api/profiles/{id}/push-tokens")));
    assert_eq!(answer.status, 200);
    // Another company sees nothing of it.
    let other = api.send(&asking_with(STRANGER, "GET", "/api/push-tokens/token"));
    assert_eq!(other.status, 404);
    let other = api.send(&asking_with(STRANGER, "GET", "/api/push-tokens"));
    assert_eq!(other.json()["data"], json!([]));
}

#[test]
fn nothing_of_a_bad_request_is_stored() {
    let api = Api::new();
    let good = android("token", &json!({"email": "ann@example.com"})).to_string();
    for bad in [
        good.replace("\"token\":\"token\"", "\"token\":\"\""),
        good.replace("\"token\":\"token\"", "\"token\":\"a\\u0000b\""),
        good.replace("\"token\":\"token\"", "\"token\":\"\\ud800\""),
        good.replace("\"token\":\"token\"", &format!("\"token\":\"{}\"", "x".repeat(4_097))),
        good.replace("\"AUTHORIZED\"", "1"),
        good.replace("\"AUTHORIZED\"", "[\"AUTHORIZED\"]"),
        good.replace("AUTHORIZED", "\\ud800"),
        good.replace("AUTHORIZED", &"x".repeat(161)),
        good.replace("AVAILABLE", "UNAVAILABLE"),
        good.replace("\"Android\"", "\"Windows\""),
        good.replace("FCM", "GCM"),
        good.replace("Pixel 9", &"x".repeat(161)),
        good.replace("Pixel 9", "\\u0000"),
        good.replace("ann@example.com", "not an address"),
        good.replace("\"profile\":{\"data\"", "\"profile\":{\"date\""),
        good.replace("\"push-token\"", "\"profile\""),
        "[]".to_owned(),
        good[..good.len() - 1].to_owned(),
    ] {
        assert_ne!(bad, good);
        for path in [REGISTER, UNREGISTER] {
            let request = of_app(path, "ABC123", &json!(null)).body(&bad);
            assert_eq!(api.send(&request).status, 400, "{bad}");
        }
        assert_eq!(api.send(&asking("POST", "/api/push-tokens").body(&bad)).status, 400);
    }
    let pointer = "/data/attributes/profile/data/attributes/email";
    let body = good.replace("ann@example.com", "not an address");
    let request = of_app(REGISTER, "ABC123", &json!(null)).body(&body);
    assert_eq!(refused(&api.send(&request)), (400, "invalid".to_owned(), pointer.to_owned()));
    assert_eq!(api.get("/api/push-tokens").json()["data"], json!([]));
    assert_eq!(api.get("/api/profiles").json()["data"], json!([]));
    let placeholder = android("token", &json!({"email": null, "external_id": "null"}));
    assert_eq!(api.send(&of_app(REGISTER, "ABC123", &placeholder)).status, 400);
    for method in ["GET", "DELETE", "PATCH"] {
        let request = RawRequest::new(method, &format!("{REGISTER}?company_id=ABC123"));
        assert_eq!(api.send(&request).status, 405);
    }
    assert_eq!(refused(&api.send(&of_app(REGISTER, "UNKNOWN", &json!({})))).0, 400);
}

#[test]
fn a_status_that_is_not_known_is_not_stored_and_the_rest_of_the_request_is() {
    let api = Api::new();
    let sent = |status: &str, name: &str| {
        let mut body = android("token", &json!({"email": "ann@example.com", "first_name": name}));
        body["data"]["attributes"]["enablement_status"] = json!(status);
        body
    };
    let stored = || {
        let token = api.get("/api/push-tokens/token").json();
        let profile = api.attributes(&api.id_of("ann@example.com"));
        let status = token["data"]["attributes"]["enablement_status"].clone();
        (status, profile["first_name"].clone())
    };
    api.app(REGISTER, &sent("EPHEMERAL", "Ann"));
    assert_eq!(stored(), (json!("AUTHORIZED"), json!("Ann")));
    api.app(REGISTER, &sent("DENIED", "Anne"));
    api.app(REGISTER, &sent("EPHEMERAL", "Anna"));
    assert_eq!(stored(), (json!("DENIED"), json!("Anna")));
    assert_eq!(api.post("/api/push-tokens", &sent("", "Annie")).status, 202);
    assert_eq!(stored(), (json!("DENIED"), json!("Annie")));
}

#[test]
fn a_stranger_removes_a_token_only_with_an_identifier_of_its_profile() {
    let api = Api::new();
    api.app(REGISTER, &android("token", &json!({"email": "ann@example.com", "anonymous_id": "a"})));
    let id = api.id_of("ann@example.com");
    for stranger in [json!({"email": "eve@example.com"}), json!({"anonymous_id": "eve"})] {
        api.app(UNREGISTER, &unregister("token", &stranger));
        assert_eq!(api.newest()["effect"], "unidentified");
    }
    assert_eq!(api.tokens_of(&id), ["token"]);
    // No profile was created.
    assert_eq!(api.get("/api/profiles").json()["data"].as_array().unwrap().len(), 1);
    api.app(UNREGISTER, &unregister("token", &json!({"anonymous_id": "a", "first_name": "Eve"})));
    assert_eq!(api.tokens_of(&id), [""; 0]);
    assert_eq!(api.attributes(&id)["first_name"], Value::Null);
}

#[test]
fn a_stranger_changes_no_protected_value_by_a_token() {
    let api = Api::new();
    let id = api.create(&json!({"email": "ann@example.com", "first_name": "Ann"}));
    let profile = json!({"email": "ann@example.com", "first_name": "Eve", "last_name": "X"});
    api.app(REGISTER, &android("token", &profile));
    assert_eq!(api.attributes(&id)["first_name"], "Ann");
    assert_eq!(api.newest()["withheld"], json!(["first_name"]));
    assert_eq!(api.tokens_of(&id), ["token"]);
}

#[test]
fn tokens_follow_merges_and_their_undo_and_are_erased_with_the_person() {
    let api = Api::new();
    for (token, email) in [("one", "ann@example.com"), ("two", "bob@example.com")] {
        api.app(REGISTER, &android(token, &json!({"email": email})));
    }
    let [ann, bob] = ["ann@example.com", "bob@example.com"].map(|email| api.id_of(email));
    let merge = json!({"data": {"type": "profile-merge", "id": ann, "relationships":
        {"profiles": {"data": [{"type": "profile", "id": bob}]}}}});
    assert_eq!(api.post("/api/profile-merge", &merge).status, 201);
    let mut both = api.tokens_of(&bob);
    both.sort();
    assert_eq!(both, ["one", "two"]);
    let token = api.get("/api/push-tokens/two").json();
    assert_eq!(token["data"]["relationships"]["profile"]["data"]["id"], ann);
    let undo = json!({"data": {"type": "profile-unmerge", "attributes": {"profile_id": bob}}});
    assert_eq!(api.post("/api/profile-unmerge", &undo).status, 200);
    assert_eq!(
        (api.tokens_of(&ann), api.tokens_of(&bob)),
        (vec!["one".into()], vec!["two".into()])
    );
    let erase = json!({"data": {"type": "data-privacy-deletion-job", "attributes":
        {"profile": {"data": {"type": "profile", "id": bob}}}}});
    assert_eq!(api.post("/api/data-privacy-deletion-jobs", &erase).status, 202);
    assert_eq!(api.get("/api/push-tokens/two").status, 404);
    assert_eq!(api.get("/api/push-tokens/one").status, 200);
}

#[test]
fn a_page_of_another_origin_may_send_tokens_and_gets_no_exchange_token() {
    let api = Api::new();
    let body = android("token", &json!({"anonymous_id": "a"}));
    let request = of_app(REGISTER, "ABC123", &body)
        .with("Origin", "https://shop.example")
        .with("X-Klaviyo-Onsite", "1");
    let answer = api.send(&request);
    answer.assert_accepted();
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
    for path in [REGISTER, UNREGISTER] {
        let preflight = RawRequest::new("OPTIONS", &format!("{path}?company_id=ABC123"))
            .with("Origin", "https://shop.example")
            .with("Access-Control-Request-Method", "POST");
        assert_eq!(api.send(&preflight).status, 204);
    }
}

#[test]
fn tokens_spend_the_windows_of_the_company_that_profiles_spend() {
    let home = Home::configured(
        "[[company]]\nid = \"ABC123\"\nlimits = { burst = 3, steady = 3 }\n\
         network_limits = { burst = 3, steady = 3 }\n",
    );
    let gateway = home.serve();
    let register = of_app(REGISTER, "ABC123", &android("token", &json!({"anonymous_id": "a"})));
    let remove = of_app(UNREGISTER, "ABC123", &unregister("token", &json!({"anonymous_id": "a"})));
    gateway.send(&register).assert_accepted();
    gateway.send(&RawRequest::email("ann@example.com")).assert_accepted();
    gateway.send(&remove).assert_accepted();
    assert_eq!(gateway.send(&register).status, 429);
}
