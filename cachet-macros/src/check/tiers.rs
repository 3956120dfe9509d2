//! Rules about where an entry is kept.

use crate::{
    args::{Args, Lifetime, OnOutage, Tiers},
    errors::Errors,
    signature::Function,
};

/// Asking Redis takes a wait, and a plain function has nothing to wait with but its thread.
pub(super) fn plain_functions_stay_in_memory(args: &Args, function: &Function, errors: &Errors) {
    if let Some(tier) = &args.tier
        && tier.value.has_shared()
        && !function.is_async()
    {
        errors.over(
            &tier.written,
            "a plain `fn` cannot wait for Redis; make it `async fn`, or write `tier = \"memory\"`",
        );
    }
}

/// The bound is the memory tier's; Redis has its own (`maxmemory`).
pub(super) fn capacity_needs_the_memory_tier(args: &Args, errors: &Errors) {
    let Some(tier) = args.tier.as_ref().filter(|tier| !tier.value.has_memory()) else { return };
    for option in ["capacity", "max_bytes", "weight", "memory_ttl"] {
        if let Some(name) = args.mentioned_at(option) {
            let tier = &tier.written;
            errors.at(
                name,
                format_args!(
                    "`{option}` is about the memory tier, which `tier = {tier}` leaves out; \
                     write `tier = \"memory,redis\"`"
                ),
            );
        }
    }
}

/// A bound in bytes and the weight of a value make no sense alone.
pub(super) fn a_bound_in_bytes_is_whole(args: &Args, errors: &Errors) {
    let halves = [
        (
            "max_bytes",
            "weight",
            "`max_bytes` needs the size of a value, and what a value has on the heap is not known; \
             write `weight = |value| value.len()`",
        ),
        ("weight", "max_bytes", "`weight` is for a bound in bytes, and there is none; write `max_bytes = \"64 MiB\"`"),
    ];
    for (given, other, mistake) in halves {
        if let Some(name) = args.mentioned_at(given).filter(|_| !args.mentions(other) && !args.mentions("http")) {
            errors.at(name, mistake);
        }
    }
}

/// With two bounds nobody could say which one evicts.
pub(super) fn the_memory_tier_has_one_bound(args: &Args, errors: &Errors) {
    if args.mentions("capacity")
        && let Some(name) = args.mentioned_at("max_bytes")
    {
        errors.at(
            name,
            "`capacity` counts entries and `max_bytes` weighs them, and one bounds the memory tier; keep one",
        );
    }
}

/// Memory never outlives the entry, so a longer life there would do nothing. Expressions are not known here; the
/// runtime takes the lesser of the two.
pub(super) fn memory_ttl_is_within_ttl(args: &Args, errors: &Errors) {
    let (Some(memory_ttl), Some(ttl)) = (&args.memory_ttl, &args.ttl) else { return };
    if let (Lifetime::Known(memory), Lifetime::Known(whole)) = (&memory_ttl.value, &ttl.value)
        && memory > whole
    {
        errors.over(
            &memory_ttl.written,
            "`memory_ttl` is longer than `ttl`, but memory never outlives the entry; write a shorter one",
        );
    }
}

/// Memory holds the values themselves.
pub(super) fn codec_needs_the_shared_tier(args: &Args, errors: &Errors) {
    let shared = args.tier.as_ref().is_some_and(|tier| tier.value.has_shared());
    if let Some(name) = args.mentioned_at("codec").filter(|_| !shared) {
        errors.at(
            name,
            "`codec` is about the shared tier, which this function does not use; write `tier = \"memory,redis\"`",
        );
    }
}

/// Without a shared tier nothing can be out of reach; what memory does not keep, it cannot serve; and neither a batch nor
/// a handler has an error for it.
pub(super) fn outages_are_of_the_shared_tier(args: &Args, errors: &Errors) {
    let Some(place) = args.mentioned_at("on_outage") else { return };
    let tiers = args.tier.as_ref().map(|tier| tier.value);
    if !tiers.is_some_and(Tiers::has_shared) {
        errors.at(
            place,
            "`on_outage` is about the shared tier, which this function does not use; write `tier = \"memory,redis\"`",
        );
        return;
    }
    let then = args.on_outage.as_ref().map(|then| then.value);
    if then == Some(OnOutage::Stale) && !tiers.is_some_and(Tiers::has_memory) {
        errors.at(place, "`on_outage = \"stale\"` serves what memory has; write `tier = \"memory,redis\"`");
    }
    if then == Some(OnOutage::Fail) && args.batch.is_some() {
        errors.at(place, "a batch loads in an outage; write `on_outage = \"load\"`, or remove it");
    }
    if then == Some(OnOutage::Fail) && args.http.is_some() {
        errors.at(place, "a handler loads in an outage; write `on_outage = \"load\"`, or remove it");
    }
}
