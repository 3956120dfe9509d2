//! The rules between options and function, each a function of its own.

mod handlers;
mod keys;
mod returns;
mod tiers;

use crate::{args::Args, errors::Errors, freshness, signature::Function};

pub(crate) fn check(args: &Args, function: &Function, errors: &Errors) {
    ttl_is_given(args, errors);
    tiers::plain_functions_stay_in_memory(args, function, errors);
    tiers::capacity_needs_the_memory_tier(args, errors);
    tiers::a_bound_in_bytes_is_whole(args, errors);
    tiers::the_memory_tier_has_one_bound(args, errors);
    tiers::memory_ttl_is_within_ttl(args, errors);
    keys::skipped_arguments_exist(args, function, errors);
    keys::key_mentions_what_is_not_skipped(args, errors);
    keys::keyed_arguments_are_only_read(args, function, errors);
    keys::key_template_names_arguments(args, function, errors);
    keys::key_template_tells_calls_apart(args, errors);
    keys::tags_follow_from_the_key(args, function, errors);
    returns::return_type_has_a_name(args, function, errors);
    returns::shared_values_are_owned(args, function, errors);
    handlers::routes_need_http(args, function, errors);
    handlers::handle_is_free(args, function, errors);
    handlers::handlers_are_async(args, function, errors);
    handlers::handlers_key_on_values(args, function, errors);
    handlers::public_answers_depend_on_no_identity(args, function, errors);
    handlers::max_age_is_within_ttl(args, errors);
    handlers::fields_are_of_handlers(args, errors);
    handlers::networks_keep_what_is_for_everyone(args, errors);
    handlers::variants_are_counted_in_memory(args, function, errors);
    handlers::handlers_store_responses(args, errors);
    handlers::handlers_are_free_functions(args, function, errors);
    tiers::codec_needs_the_shared_tier(args, errors);
    tiers::outages_are_of_the_shared_tier(args, errors);
    returns::error_ttl_has_errors(args, function, errors);
    returns::impl_trait_can_be_named(args, function, errors);
    keys::arguments_fit_a_tuple(function, errors);
    keys::batch_has_keys(args, function, errors);
    freshness::check(args, function, errors);
}

/// An entry without an end is the first mistake of caching, so there is no default to fall into. A `ttl` whose value
/// is wrong was reported already.
fn ttl_is_given(args: &Args, errors: &Errors) {
    if !args.seems_to_have_ttl() {
        errors.at(
            proc_macro2::Span::call_site(),
            "`ttl` is required: an entry without one lives until it is evicted; write `ttl = \"5m\"`",
        );
    }
}
