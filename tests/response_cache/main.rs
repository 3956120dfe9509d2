//! What clients see of `ResponseCache`, and what attackers do not get from it: real servers, and every byte that came.

mod bodies;
mod collapse;
mod credentials;
#[path = "../support/http2.rs"]
mod http2;
mod keys;
mod methods;
mod nodes;
mod origin;
mod reuse;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod unkeyed;
mod validation;
mod variants;
