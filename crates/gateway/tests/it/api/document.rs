//! The `OpenAPI` document, and the page of documentation about the same endpoints.

use std::{fs, net::Ipv4Addr, path::Path};

use expect_test::expect_file;

use super::Api;
use crate::wire::RawRequest;

#[test]
fn the_document_that_is_served_is_the_one_in_the_documentation() {
    let answer = Api::new().send(&RawRequest::new("GET", "/openapi.json"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    expect_file!["../../../../../docs/openapi.json"].assert_eq(answer.text());
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = Api::new().send(&RawRequest::new("GET", "/openapi.json")).json();
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut followed = 0;
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
        followed += 1;
    }
    assert!(50 < followed, "{followed}");
}

#[test]
fn the_documentation_shows_every_endpoint() {
    let document = Api::new().send(&RawRequest::new("GET", "/openapi.json")).json();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/API.md");
    let page = fs::read_to_string(page).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let heading = format!("`{} {path}`", method.to_uppercase());
            assert!(page.contains(&heading), "{heading}");
        }
    }
}

#[test]
fn a_caller_that_has_the_document_gets_it_no_second_time_and_others_are_limited() {
    let gateway = Api::new();
    let request = RawRequest::new("GET", "/openapi.json");
    let first = gateway.send(&request);
    let tag = first.header("Etag").unwrap().to_owned();
    let mut statuses = Vec::new();
    for _ in 0..40 {
        let again = gateway.send(&request.clone().with("If-None-Match", &tag));
        assert_eq!((again.status, again.text()), (304, ""));
        statuses.push(gateway.send(&request).status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    // One stranger leaves the document to others.
    let elsewhere = gateway.gateway.connect_from(Ipv4Addr::new(127, 0, 0, 2)).exchange(&request);
    assert_eq!(elsewhere.status, 200);
}
