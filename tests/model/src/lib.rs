//! x
mod call;
mod cases;
mod check;
mod fault;
mod judge;
mod node;
mod redis;
mod rename;
mod rules;
mod step;
mod world;
mod write;

pub use self::{
    cases::Case,
    check::Report,
    judge::Promise,
    rules::{Bounds, Budget, Protocol, Rule, Rules, Target},
    step::Step,
    world::World,
};
