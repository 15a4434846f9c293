//! The web console on the admin listener: what is stored about people, why, and what the gateway
//! does, in a browser. Its pages call the same functions as the server API.

mod actions;
mod api_call;
mod asset;
mod curl_line;
mod explain;
mod form;
mod history;
mod layout;
mod merge_tree;
mod page;
mod people;
mod person;
mod person_forms;
mod refusal;
mod routing;
mod session_cookie;
pub(crate) mod sessions;
mod sign_in;
mod stored_values;
mod time;
mod visit;

pub(crate) use self::routing::routes;
