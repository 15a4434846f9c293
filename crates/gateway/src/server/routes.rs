//! The URL table of the client listener.

use actix_web::web::{self, ServiceConfig};

use crate::{
    api,
    client::{other_paths, profiles},
};

/// The routes of the client listener.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/client/profiles", web::route().to(profiles::client_profiles))
        .route("/client/profiles/", web::route().to(profiles::client_profiles))
        .configure(other_paths::routes)
        .configure(api::routes)
        .default_service(web::route().to(profiles::unknown_path));
}
