//! The web console on the admin listener: what is stored about people, why, and what the gateway
//! does, in a browser. Its pages call the same functions as the server API.

mod actions;
mod alert_trends;
mod alerts;
mod api_call;
mod asset;
mod chart;
pub(crate) mod company_history;
mod curl_line;
mod explain;
mod export_download;
pub(crate) mod export_progress;
mod exports;
mod form;
mod history;
mod imports;
mod inspected_body;
pub(crate) mod inspector;
mod inspector_pages;
mod layout;
mod live;
pub(crate) mod live_streams;
mod merge_tree;
pub(crate) mod metric_history;
pub(crate) mod metric_values;
mod overview;
mod page;
mod people;
mod person;
mod person_forms;
mod read_access;
mod refusal;
pub(crate) mod refusal_feed;
mod routing;
mod session_cookie;
pub(crate) mod sessions;
mod sign_in;
mod stored_values;
mod table;
mod time;
mod visit;

pub(crate) use self::routing::routes;
