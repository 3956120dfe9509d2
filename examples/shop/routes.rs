//! Which handler answers what.

use actix_web::{
    HttpRequest, Resource,
    web::{self, ServiceConfig, get, head, post, put},
};

use crate::{catalogue, config, data, errors, errors::ShopError, listing, loads, people, posts, stats};

pub(crate) fn routes(app: &mut ServiceConfig) {
    errors::extractors(app);
    app.service(
        resource("/products/{id}", "GET, HEAD, PUT")
            .route(get().to(catalogue::show))
            .route(head().to(catalogue::show))
            .route(put().to(catalogue::set_price)),
    )
    .service(resource("/products", "GET, HEAD").route(get().to(listing::show)).route(head().to(listing::show)))
    .service(
        resource("/users/{id}", "GET, HEAD, PUT")
            .route(get().to(people::show))
            .route(head().to(people::show))
            .route(put().to(people::rename)),
    )
    .service(
        resource("/users/{id}/permissions", "GET, HEAD")
            .route(get().to(people::show_permissions))
            .route(head().to(people::show_permissions)),
    )
    .service(resource("/users/{id}/permissions/clear", "POST").route(post().to(people::clear_permissions)))
    .service(resource("/data/{user_id}", "GET, HEAD").route(get().to(data::show)).route(head().to(data::show)))
    // This one has its route in an attribute; the resource after it answers the other methods.
    .service(posts::post)
    .service(resource("/posts/{id}", "GET, HEAD"))
    .service(resource("/config", "GET, HEAD").route(get().to(config::show)).route(head().to(config::show)))
    .service(resource("/stats", "GET, HEAD").route(get().to(stats::show)).route(head().to(stats::show)))
    .service(resource("/loads", "GET, HEAD").route(get().to(loads::show)).route(head().to(loads::show)))
    .default_service(web::to(nothing_here));
}

/// A path that answers methods without a route with 405.
fn resource(path: &str, allowed: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move { Err::<String, _>(ShopError::Method(allowed)) }))
}

async fn nothing_here(request: HttpRequest) -> Result<String, ShopError> {
    Err(ShopError::NotFound(request.path().to_owned()))
}
