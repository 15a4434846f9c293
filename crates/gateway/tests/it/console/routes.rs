//! The routes of the console, as its routing has them, so that a test looks at every one.

use std::{fs, path::Path};

/// A page, or an action.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Route {
    pub(super) method: &'static str,
    /// The path below `/console/`. Each part that may be anything is `*`.
    pub(super) pattern: String,
}

impl Route {
    /// The path with this in place of each part that may be anything.
    pub(super) fn path(&self, id: &str) -> String {
        format!("/console/{}", self.pattern.replace('*', id))
    }
}

/// The routes in the order of their paths.
pub(super) fn routes() -> Vec<Route> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/routing.rs");
    let mut routes = read(&fs::read_to_string(source).unwrap());
    routes.sort();
    routes
}

/// What the arms of the functions match that read a page, and that do what a form asks for.
fn read(source: &str) -> Vec<Route> {
    let (mut routes, mut method, mut company) = (Vec::new(), None, "");
    for line in source.lines().map(str::trim) {
        if let Some(function) = line.strip_prefix("async fn ") {
            company = "";
            method = match function.split('(').next() {
                Some("answer") => Some(&["GET", "POST"][..]),
                Some("shown") => Some(&["GET"][..]),
                Some("changed") => Some(&["POST"][..]),
                _ => None,
            };
        }
        let Some(pattern) = line.strip_prefix('[').filter(|rest| rest.contains("] ")) else {
            continue;
        };
        let (pattern, rest) = pattern.split_once(']').unwrap();
        if !rest.contains("=>") {
            continue;
        }
        let parts: Vec<&str> = pattern.split(", ").filter(|part| !part.is_empty()).collect();
        if parts.first() == Some(&"\"c\"") {
            company = "c/ABC123/";
        } else if !parts.is_empty() && !pattern.contains("..") {
            let literal = |part: &&str| match part.strip_prefix('"') {
                Some(text) => text.trim_end_matches('"').to_owned(),
                None => "*".to_owned(),
            };
            let pattern: Vec<String> = parts.iter().map(literal).collect();
            let pattern = format!("{company}{}", pattern.join("/"));
            let of_method = |method: &&'static str| Route { method, pattern: pattern.clone() };
            routes.extend(method.unwrap_or_default().iter().map(of_method));
        }
    }
    routes.sort();
    routes.dedup();
    routes
}

#[test]
fn the_routes_of_the_console_are_found_in_its_routing() {
    let routes: Vec<(&str, String)> =
        routes().into_iter().map(|route| (route.method, route.pattern)).collect();
    for (method, pattern) in [
        ("GET", "sign-in"),
        ("POST", "sign-in"),
        ("POST", "sign-out"),
        ("GET", "c/ABC123/people"),
        ("GET", "c/ABC123/people/*/undo/*"),
        ("POST", "c/ABC123/people/*/undo/*"),
        ("GET", "c/ABC123/live/events"),
        ("POST", "c/ABC123/exports"),
    ] {
        assert!(routes.contains(&(method, pattern.to_owned())), "{method} {pattern}: {routes:?}");
    }
}
