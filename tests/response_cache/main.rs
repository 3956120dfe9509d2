//! What clients see of `ResponseCache`, and what attackers do not get from it: real servers, and every byte that came.

mod bodies;
mod collapse;
mod credentials;
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
