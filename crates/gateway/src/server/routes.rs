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
        .route("/client/push-tokens", web::route().to(profiles::push_tokens))
        .route("/client/push-tokens/", web::route().to(profiles::push_tokens))
        .route("/client/push-token-unregister", web::route().to(profiles::push_token_unregister))
        .route("/client/push-token-unregister/", web::route().to(profiles::push_token_unregister))
        .configure(other_paths::routes)
        .configure(api::routes)
        .default_service(web::route().to(profiles::unknown_path));
}
