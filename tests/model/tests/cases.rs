//! Every case, as it is expected to end.

use cachet_model::Case;

/// Checks a case and says how it went where that is not as expected.
fn check(name: &str) {
    let case = Case::named(name).expect("the case exists");
    let report = case.check();
    println!("{name}: {report}");
    assert_eq!(report.broken.is_some(), case.fails, "{name}: {report}");
}

macro_rules! cases {
    ($($sentence:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $sentence() {
                check($name);
            }
        )*

        #[test]
        fn every_case_has_a_test() {
            let names: Vec<_> = Case::all().iter().map(|case| case.name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

cases! {
    cache_aside_stores_an_old_row_after_the_invalidation: "cache-aside",
    a_lock_does_not_keep_an_outdated_load_from_storing: "set-nx-del",
    a_late_command_revives_a_token_that_its_caller_uses_again: "reused-token",
    a_late_joiner_is_given_a_value_from_before_it_came: "join-any-time",
    a_late_joiner_in_an_outage_is_too: "join-in-outage",
    a_message_overtakes_a_reply: "plain-pubsub",
    a_cut_link_loses_messages: "no-flush",
    a_message_comes_between_the_flush_and_the_subscription: "flush-before-subscribing",
    a_half_open_link_seems_up: "trust-while-up",
    a_deadline_that_is_reached_is_over: "trust-inclusive",
    a_reader_brings_the_old_value_back_while_its_node_invalidates: "no-second-drop",
    a_queued_invalidation_is_undone_by_asking_the_tier: "asking-with-a-queue",
    a_restarted_server_shows_what_was_invalidated: "no-incarnation",
    a_restarted_server_takes_a_fill_for_a_lease_that_was_invalidated: "old-lease-fills",
    a_server_that_goes_on_has_what_another_node_is_still_to_invalidate: "no-grace",
    so_has_memory_that_is_trusted_again: "trust-after-lapse",
    a_writer_dies_between_commit_and_invalidation: "one-phase",
    a_writer_lifts_the_fence_of_another_one: "one-writers-fence",
    memory_outlives_a_fence_that_was_not_announced: "silent-fence",
    an_evicted_counter_counts_again: "tag-counter",
    a_version_read_after_the_load_is_too_new: "tag-after-load",
    a_caller_joins_a_load_whose_tag_was_invalidated: "join-over-tag",
    a_writer_dies_whose_fence_a_restart_dropped: "restart-drops-fence",
    a_node_dies_with_its_queue: "crash-drops-queue",
    one_node_loads_while_redis_answers: "one-load",
    one_node_loads_while_redis_answers_again_and_again: "one-load-twice",
    late_commands_and_lost_replies_do_no_harm: "late",
    a_holder_that_dies_does_no_harm: "crash",
    whoever_joins_in_time_is_given_nothing_outdated: "join",
    whoever_joins_over_an_invalidated_tag_is_not_either: "join-tag",
    whoever_joins_over_a_restart_is_not_either: "join-restart",
    time_travel_shows_nothing: "restart",
    time_travel_of_a_tag_shows_nothing: "restart-tag",
    an_outage_brings_nothing_back: "outage",
    whoever_joins_over_an_outage_is_given_nothing_outdated: "outage-join",
    a_refresh_stores_nothing_outdated: "stale",
    a_tag_may_be_evicted: "tag",
    a_refresh_stores_nothing_that_a_tag_outdated: "tag-stale",
    memory_is_current_after_the_messages: "memory",
    memory_is_current_after_two_writes: "memory-two-writes",
    memory_is_current_after_a_death: "memory-crash",
    memory_is_current_after_a_restart: "memory-restart",
    memory_is_current_after_an_outage: "memory-outage",
    memory_is_current_with_stale_values: "memory-stale",
    memory_is_current_after_tags: "memory-tag",
    trust_ends_in_time_on_a_cut_link: "trust",
    trust_ends_in_time_with_late_commands: "trust-late",
    trust_ends_in_time_on_two_nodes_that_write: "trust-both",
    two_writers_may_die: "fence",
    two_writers_of_a_tag_may_die: "fence-tag",
    memory_is_current_after_a_writer_died: "fence-memory",
    memory_is_current_after_a_writer_of_a_tag_died: "fence-tag-memory",
    late_fences_do_no_harm: "fence-late",
    a_restart_under_a_fence_does_no_harm: "fence-restart",
}
