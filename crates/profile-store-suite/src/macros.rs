//! The macro that runs the suite over the engines of another crate.

/// Runs all tests of the suite over the engines of another crate.
///
/// `engine_suite!(name, engines)` makes a module `name` with one test for each promise. `engines`
/// is an expression of type [`Engines`](crate::engines::Engines), evaluated once in each test.
#[macro_export]
macro_rules! engine_suite {
    ($name:ident, $engines:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "the expression may name items of its module")]
            use super::*;

            fn engines() -> $crate::engines::Engines {
                $engines
            }

            $crate::engine_suite_area! {
                adversary:
                a_stranger_reaches_nothing_that_belongs_to_a_customer
            }
            $crate::engine_suite_area! {
                audits:
                a_sound_store_has_nothing_wrong_and_everything_counted
                an_identifier_that_leads_to_another_profile_is_reported
                an_identifier_that_leads_to_no_profile_is_reported
                an_identifier_of_a_profile_without_a_pointer_is_reported
                a_pointer_to_a_profile_without_the_identifier_is_reported
                an_alias_of_a_missing_profile_is_reported
                an_absorbed_id_without_an_alias_is_reported
                an_alias_of_a_profile_that_did_not_absorb_it_is_reported
                a_merge_without_a_record_is_reported
                an_absorbed_profile_that_is_still_stored_is_reported
                a_profile_missing_from_an_index_is_reported
                a_stale_index_entry_is_reported
                a_damaged_record_of_any_kind_is_reported
                a_key_of_unknown_form_is_reported
                an_outcome_that_names_a_later_one_as_earlier_is_reported
                a_damaged_trusted_time_is_reported
                damage_beyond_the_limit_is_counted
                a_store_longer_than_a_page_is_audited_to_its_end
                damage_to_one_profile_affects_no_other
                data_of_another_program_or_layout_is_not_opened
                a_layout_that_cannot_be_opened_is_reported_as_it_is_when_a_store_opens
            }
            $crate::engine_suite_area! {
                client_identifiers:
                an_import_takes_what_a_client_attached_to_another_person
                an_update_takes_an_address_that_a_stranger_occupies
                a_lead_that_the_company_imports_is_one_profile
                an_external_id_of_a_stranger_stops_no_import
                a_device_of_another_person_stops_no_import
                a_stranger_merges_no_two_persons_that_the_company_knows
                an_undo_returns_identifiers_that_gave_way
                what_the_company_repeats_is_its_own
                the_device_seen_longest_ago_leaves_and_is_reported
                a_merge_keeps_the_devices_seen_last
                of_two_full_lists_the_devices_seen_last_stay_and_every_other_one_is_released
                an_undo_pushes_out_no_device
                strangers_push_out_no_device_that_has_returned
                a_device_in_use_is_never_pushed_out
                strangers_use_up_no_merges_of_the_company
                an_undo_keeps_what_the_company_has_named_since_the_merge
                an_undo_leaves_the_survivor_what_it_had_before_the_merge
                in_a_manual_merge_an_address_of_the_company_takes_precedence
            }
            $crate::engine_suite_area! {
                company_deletion:
                a_deleted_company_is_gone_and_counted_and_no_other_is_touched
                a_company_without_data_is_not_deleted_and_nothing_is_written
                a_deletion_that_is_cut_off_at_any_commit_is_finished_at_the_next_open
                damaged_entries_are_deleted_and_counted_as_unreadable
                a_deletion_that_names_no_company_is_damage
                whatever_was_sent_a_deletion_removes_one_company_and_leaves_every_other_sound
            }
            $crate::engine_suite_area! {
                decisions:
                a_request_that_finds_no_profile_creates_one_with_all_claimed_identifiers
                an_identifier_matches_the_profile_that_holds_it
                a_new_identifier_is_attached_where_the_profile_has_none_of_its_kind
                a_client_never_replaces_an_identifier
                a_taken_place_is_decided_without_the_attributes_of_its_profile
                the_company_itself_replaces_identifiers
                the_profile_holds_the_identifier_of_the_attributes_where_the_subject_differs
                two_profiles_of_one_person_are_merged_into_the_one_of_higher_authority
                the_subject_determines_the_survivor_first
                a_weaker_claim_never_merges_a_profile
                profiles_with_conflicting_identifiers_are_not_merged
                a_device_of_another_person_does_not_determine_the_survivor
                a_claim_that_names_no_profile_is_noted_and_never_attached
                only_the_company_itself_changes_secondary_addresses
                a_replaced_address_may_stay_as_a_secondary_one
                an_address_that_the_request_claims_is_not_removed
                the_oldest_secondary_address_is_removed_from_a_full_list
                the_oldest_device_is_removed_from_a_full_list
                a_device_that_the_request_claims_stays_in_a_full_list
                at_the_limit_of_merges_merging_stops_and_updating_continues
                an_outcome_links_to_the_previous_outcomes
                an_outcome_lists_changed_attributes_up_to_a_limit_and_counts_the_others
                of_thousands_of_addresses_the_first_are_attached_in_linear_time
            }
            $crate::engine_suite_area! {
                deletion:
                no_identifier_leads_to_a_deleted_profile
                a_deletion_by_an_absorbed_id_deletes_the_survivor
                a_deletion_that_finds_no_profile_is_an_outcome_and_changes_no_profile
                identifiers_of_a_deleted_profile_can_be_attached_to_a_new_one
                a_deletion_is_an_outcome
                requests_of_one_batch_see_a_deletion_in_their_order
                do_not_merge_marks_that_name_a_deleted_identifier_keep_nothing_of_it
                merge_records_that_name_a_deleted_identifier_keep_nothing_of_it
                nothing_of_a_deleted_profile_is_left
                the_store_decides_as_the_model_after_deletions
            }
            $crate::engine_suite_area! {
                different_external_id:
                by_default_a_request_writes_to_the_profile_of_the_known_address
                a_known_address_or_number_outranks_no_different_external_id
                an_import_of_a_different_external_id_is_refused_whole
                the_company_does_not_yield_to_an_external_id_of_a_client
                a_profile_that_a_bogus_external_id_split_off_is_merged_by_the_next_import
                an_id_or_a_token_of_the_profile_outranks_a_different_external_id
                an_external_id_that_a_manual_merge_removed_is_unknown
                the_choice_applies_from_the_next_request_on
                a_request_writes_to_no_profile_with_an_external_id_that_it_does_not_name
            }
            $crate::engine_suite_area! {
                engine:
                values_come_in_the_order_of_the_keys_that_were_read
                a_batch_is_visible_as_a_whole
                the_last_change_of_a_key_in_a_batch_counts
                removing_an_absent_key_changes_nothing
                a_scan_keeps_to_its_prefix_its_order_and_its_limit
                pages_of_any_number_of_bytes_are_a_whole_range_and_end_where_they_must
                prefixes_may_end_in_the_greatest_byte
                scans_that_continue_from_outside_their_prefix_stay_within_it
                a_scan_reads_across_tenants_in_the_order_of_keys
                readers_never_see_half_a_batch
                a_session_reads_all_that_was_committed_before_it
                a_session_waits_for_the_session_of_its_place
                a_session_that_is_dropped_changes_nothing_and_frees_its_place
                a_cancelled_begin_does_not_keep_the_place
                sessions_of_several_places_are_open_at_the_same_time
                a_commit_is_recognized_by_its_batch
                what_was_flushed_is_there_when_opened_again
                a_flushed_commit_is_there_when_opened_again_without_a_sync
                every_sequence_of_batches_leaves_what_a_sorted_map_holds
            }
            $crate::engine_suite_area! {
                erasure:
                a_person_is_erased_by_everything_that_leads_or_has_led_to_them
                a_person_is_erased_by_what_a_manual_merge_dropped
                an_identifier_that_has_gone_to_another_person_finds_that_one
                a_lost_identifier_leads_no_request_to_a_profile
                an_undone_merge_returns_what_was_lost_since_and_each_person_is_erased_alone
                what_was_replaced_while_a_profile_was_merged_is_erased_with_it
                a_profile_remembers_only_so_many_lost_identifiers
                a_device_that_leaves_a_full_list_is_not_remembered
                a_deletion_job_is_read_as_it_was_answered
                the_oldest_deletion_job_is_removed_when_there_are_too_many
                an_id_that_is_no_profiles_is_looked_up_as_the_next_target
                failed_rows_of_imports_lose_what_they_have_of_an_erased_person
                more_failed_rows_than_one_step_removes_leave_with_one_deletion
                failed_rows_leave_with_their_import_and_are_bounded
                an_audit_reports_what_an_erasure_would_not_find
            }
            $crate::engine_suite_area! {
                explanations:
                an_explanation_stores_nothing
                an_explained_request_is_decided_as_explained
            }
            $crate::engine_suite_area! {
                history:
                a_history_includes_that_of_every_merged_profile
                a_restored_profile_has_its_own_history_again
                a_history_is_read_page_by_page_without_gap_or_repeat
                an_unknown_profile_has_no_history
                a_consumer_follows_all_outcomes_without_gap_or_repeat
                after_an_undo_neither_history_includes_the_other
            }
            $crate::engine_suite_area! {
                imports:
                an_import_is_read_as_it_was_stored_last
                imports_are_listed_by_age_from_either_end_a_page_at_a_time
                the_oldest_import_is_removed_when_there_are_too_many
                the_record_of_an_import_is_bounded
                a_company_has_only_its_own_imports
                an_import_takes_no_outcome_number
                an_audit_reports_a_bulk_import_that_is_damaged_or_incomplete
            }
            $crate::engine_suite_area! {
                intents:
                an_import_merges_where_it_may_and_is_otherwise_refused_whole
                an_import_is_refused_where_a_merge_was_undone
                an_import_of_an_unknown_id_is_refused
                a_create_is_refused_if_a_claim_leads_to_a_profile
                an_update_is_about_the_profile_with_its_id_and_no_other
                an_update_by_an_absorbed_id_updates_the_survivor
                an_update_makes_a_secondary_address_that_it_names_the_primary_one
                a_cleared_identifier_leads_to_no_profile_and_can_be_attached_to_another
                a_named_identifier_is_not_cleared_and_a_client_clears_none
                an_address_that_is_cleared_may_stay_as_a_secondary_one
                the_last_identifier_of_a_profile_is_not_taken_away
                the_history_of_a_profile_contains_what_was_cleared
                the_store_decides_on_intents_as_the_model
                a_refused_request_changes_no_byte_of_the_store
                an_import_or_update_carried_out_twice_equals_it_carried_out_once
                a_profile_holds_what_an_update_names
                an_explained_intent_is_decided_as_explained
                requests_of_one_batch_find_the_profiles_of_those_before_them
            }
            $crate::engine_suite_area! {
                large_profiles:
                a_small_change_leaves_the_record_as_it_is_and_is_read_with_it
                a_record_is_written_anew_before_its_changes_are_too_many_or_too_large
                nothing_of_a_deleted_large_profile_is_left
                nothing_of_a_profile_that_was_restored_and_deleted_is_left_in_a_large_one
                a_damaged_change_affects_only_its_profile_and_is_reported
                a_change_that_belongs_to_no_profile_is_reported
                a_reader_sees_no_value_older_than_before_while_records_are_replaced
                large_profiles_behave_as_small_ones_do
            }
            $crate::engine_suite_area! {
                laws:
                the_store_decides_as_the_model
                each_identifier_leads_to_the_one_profile_that_holds_it
                no_client_loses_an_identifier_below_the_limits
                absorbed_ids_resolve_in_one_hop
                a_request_carried_out_twice_equals_it_carried_out_once
                a_sender_that_has_spent_its_merges_merges_nothing_and_may_merge_later
                the_result_of_a_claim_is_true
                companies_never_see_each_other
                requests_of_one_batch_are_decided_as_if_one_by_one
                without_refused_claims_identifiers_named_together_are_one_profile
                requests_without_conflict_give_the_same_profiles_in_any_order
            }
            $crate::engine_suite_area! {
                listing:
                a_count_has_each_profile_once_whatever_changes_meanwhile
                a_list_is_all_profiles_sorted
                addresses_that_begin_alike_are_listed_page_by_page_in_either_order
                changes_between_pages_lose_no_unchanged_profile
                a_page_of_a_large_store_takes_a_bounded_number_of_reads
                a_rare_match_is_found_by_following_empty_pages
                a_span_of_the_sort_key_reads_only_its_entries
                stale_index_entries_are_skipped
                both_indexes_of_created_are_read_to_the_same_time
                a_damaged_profile_makes_a_list_fail
                a_walk_reads_each_profile_once_in_the_order_of_ids_and_goes_past_damage
                no_list_shows_another_companys_profiles
                a_cursor_of_another_list_begins_no_page
                a_page_of_the_largest_profiles_comes_back_short
            }
            $crate::engine_suite_area! {
                manual_merge:
                the_destination_keeps_its_values_and_gaps_are_filled
                no_identifier_prevents_a_manual_merge
                the_sources_primary_address_follows_the_destinations_secondary_ones
                a_released_identifier_can_be_attached_elsewhere_and_an_undo_then_loses_it
                ids_of_absorbed_profiles_stand_for_their_survivors
                merging_a_profile_into_itself_changes_nothing
                a_refused_manual_merge_changes_nothing
                profiles_with_too_many_properties_together_are_not_merged
                what_clients_wrote_to_the_source_is_left_out_where_it_does_not_fit
                a_manual_merge_joins_the_histories
                after_an_undo_a_manual_merge_is_possible_again
                a_manual_merge_undone_at_once_restores_both_profiles
                manual_merges_undone_in_any_order_leave_nothing_behind
                the_store_is_sound_after_any_manual_merges
            }
            $crate::engine_suite_area! {
                property_limits:
                a_request_of_the_company_with_too_many_properties_is_refused_whole
                clients_cannot_use_the_property_count_reserved_for_the_company
                clients_can_change_and_remove_properties_of_a_full_profile
                profiles_that_together_have_too_many_properties_are_not_merged
                clients_cannot_use_the_bytes_reserved_for_the_company
                a_merge_uses_the_reserved_bytes_only_for_the_company
                clients_cannot_replace_the_companys_properties_with_their_own
                clients_cannot_grow_their_values_by_shrinking_the_companys
                common_properties_of_merged_profiles_count_once
                the_company_merges_profiles_that_clients_have_filled
                the_company_merges_profiles_though_clients_have_filled_the_survivor
                what_clients_wrote_leaves_for_what_the_company_writes
                what_clients_wrote_last_leaves_first
            }
            $crate::engine_suite_area! {
                protected_values:
                a_client_fills_gaps_and_changes_nothing_that_the_company_wrote
                a_request_whose_values_are_all_withheld_changes_nothing
                no_operator_of_a_client_changes_a_property_of_the_companys
                values_that_differ_only_in_the_order_of_members_are_the_same
                a_value_that_the_company_cleared_is_a_gap
                a_value_that_the_company_repeats_becomes_the_companys
                the_author_of_a_value_is_recorded_before_protection_begins
                withheld_names_are_listed_up_to_a_limit
                a_merge_prefers_the_companys_values_and_keeps_their_author
                a_location_that_the_company_wrote_is_kept_whole
                a_merge_is_undone_as_it_was_made_whatever_the_settings_are_by_then
                an_undo_keeps_the_author_of_values_written_since
                no_client_changes_what_the_company_wrote
                the_recorded_author_of_a_value_is_true
                a_request_of_a_client_carried_out_twice_withholds_the_same
            }
            $crate::engine_suite_area! {
                pruning:
                the_oldest_outcomes_are_removed_when_there_are_too_many
                outcomes_of_one_segment_are_removed_together_and_none_too_early
                outcomes_are_removed_when_they_are_too_old
                the_newest_outcome_is_kept_and_numbers_continue_from_it
                a_history_ends_where_its_past_was_pruned
                a_damaged_record_is_kept_and_does_not_keep_others
                the_newest_outcomes_of_a_profile_outlive_a_flood_about_others
                outcomes_of_a_deleted_profile_and_of_none_do_not_outlive_a_flood
                outcomes_of_a_segment_that_are_kept_stay_where_others_of_it_are_removed
                each_history_keeps_its_newest_outcomes_whatever_is_merged_undone_or_deleted
            }
            $crate::engine_suite_area! {
                push_tokens:
                a_token_belongs_to_the_profile_of_the_last_request
                a_token_without_a_profile_is_not_kept
                a_request_that_repeats_a_token_writes_no_token
                a_token_that_is_seen_on_a_later_day_is_noted_once_a_day
                what_a_request_does_not_say_of_a_token_stays
                tokens_follow_a_merge_and_return_with_its_undo
                a_token_that_was_registered_after_a_merge_stays_with_the_survivor
                a_token_moves_out_of_a_merged_profile
                a_person_takes_the_tokens_of_all_merged_profiles_along_when_deleted
                the_token_seen_longest_ago_leaves_a_full_list
                strangers_push_out_no_token_that_has_returned
                the_company_pushes_out_any_token
                a_merge_may_exceed_the_limit_until_the_next_token
                a_client_removes_a_token_only_of_a_profile_that_it_names
                the_company_removes_any_token
                a_token_that_moves_is_in_both_histories
                tokens_of_companies_are_separate
                tokens_of_one_batch_are_decided_in_order
                a_list_has_every_token_once_and_filters
                an_audit_reports_tokens_that_lead_to_no_profile
                the_store_keeps_tokens_as_the_model
                merges_undone_in_any_order_return_tokens_as_they_were
            }
            $crate::engine_suite_area! {
                repair:
                what_a_network_did_is_undone_and_what_others_did_is_not
                a_preview_tells_the_same_and_writes_nothing
                what_a_device_did_is_undone
                the_sender_of_an_outcome_is_found_by_its_digest
                what_was_done_before_stays
                what_the_company_has_named_since_stays
                a_merge_that_was_undone_since_is_left
                a_profile_that_others_have_merged_since_is_reported
                a_repair_that_is_given_again_undoes_what_is_left
                devices_that_left_in_a_merge_of_the_sender_return
                a_secondary_address_that_left_hides_no_address_of_the_sender
                an_identifier_that_others_brought_after_the_senders_left_stays
                what_a_stranger_attached_and_a_repair_removed_erases_no_one
                a_merge_that_the_company_has_confirmed_since_stays
                a_repair_does_not_split_a_customer_whom_the_company_has_completed
                a_device_that_came_for_a_merged_person_does_not_stay_with_the_stranger
                an_address_of_the_stranger_is_removed_though_a_secondary_one_left
                an_address_that_a_merge_brought_after_the_senders_was_cleared_stays
                push_tokens_of_the_sender_are_removed_and_those_that_it_took_return
                a_push_token_that_came_for_a_merged_person_is_given_to_that_person
                a_push_token_that_went_from_profile_to_profile_returns_to_the_first
                a_push_token_that_the_sender_moved_and_brought_back_stays
                a_push_token_stays_where_others_have_merged_the_profiles_that_had_it
                a_push_token_whose_way_is_not_known_for_certain_is_given_to_no_person
                a_push_token_that_the_company_has_named_since_stays
                a_push_token_that_another_profile_got_since_stays
            }
            $crate::engine_suite_area! {
                replaced_values:
                what_a_stranger_overwrote_and_cleared_comes_back
                what_a_stranger_overwrote_comes_back_though_the_outcome_is_gone
                what_others_wrote_since_stays
                what_the_company_said_since_stays
                a_value_of_the_company_comes_back_as_its_own
                one_network_cannot_push_out_what_it_replaced
                many_networks_have_a_bounded_number_of_values_kept
                a_long_list_to_which_a_client_adds_is_not_kept
                nothing_is_kept_without_days
                replaced_values_leave_after_their_days
                replaced_values_are_erased_with_the_person
                an_undo_divides_what_was_replaced
                values_come_back_before_and_after_a_merge_is_undone
                an_audit_finds_replaced_values_of_no_profile
                after_a_repair_values_are_as_if_the_stranger_had_sent_nothing
            }
            $crate::engine_suite_area! {
                shared_engine:
                stores_that_share_an_engine_carry_out_each_request_once_and_agree
            }
            $crate::engine_suite_area! {
                simulation:
                every_identifier_leads_to_its_profile_after_every_step
            }
            $crate::engine_suite_area! {
                store:
                a_profile_is_created_updated_and_read_back
                ids_of_merged_profiles_lead_to_the_survivor
                outcomes_are_numbered_and_read_in_pages
                requests_of_one_batch_see_each_other
                concurrent_requests_create_one_profile
                companies_have_nothing_in_common
                closing_and_opening_again_keeps_everything
            }
            $crate::engine_suite_area! {
                stories:
                a_visitor_who_signs_up_keeps_the_attributes_of_the_device
                a_customer_who_signs_in_on_a_new_device_is_one_profile
                a_shared_tablet_never_writes_one_person_onto_another
                an_address_is_added_to_the_profile_of_a_phone_number
                a_profile_of_a_phone_number_merges_into_that_of_an_address
                a_second_login_on_a_device_that_was_not_reset_is_another_profile
                long_chains_of_merges_end_at_one_profile
                a_form_that_always_sends_null_merges_no_profiles
                a_client_that_guesses_an_address_cannot_change_identities
            }
            $crate::engine_suite_area! {
                tokens:
                a_token_of_a_device_counts_as_that_device_and_for_no_more
                a_token_of_a_device_ends_with_the_device
                tokens_of_a_profile_do_not_count_after_their_revocation_and_others_do
                tokens_of_a_company_do_not_count_after_their_revocation
                a_revocation_is_an_outcome_in_the_history
                a_revocation_changes_nothing_else_of_a_profile
                a_revocation_for_an_unknown_profile_is_refused_and_writes_nothing
                a_revocation_covers_the_ids_of_all_merged_profiles
                a_merge_brings_no_revoked_token_back
                an_undo_keeps_what_was_revoked_since_the_merge_and_restores_the_rest
                a_deletion_leaves_nothing_of_a_revocation
                revocations_are_there_after_closing_and_opening_again
                requests_of_one_batch_see_a_revocation_in_their_order
                a_token_is_looked_up_by_the_rules_by_which_it_counts
                an_audit_reports_a_revocation_after_the_newest_outcome
                the_store_judges_tokens_as_the_model
                merges_undone_in_any_order_leave_revocations_as_they_were
            }
            $crate::engine_suite_area! {
                undo:
                an_undo_restores_both_profiles_if_nothing_was_written_since
                a_preview_of_an_undo_writes_nothing_and_shows_what_the_undo_leaves
                the_merges_that_made_a_profile_are_listed_until_they_are_undone
                values_written_since_stay_with_the_survivor_and_are_reported
                an_identifier_that_leads_to_another_profile_by_now_is_lost_and_reported
                an_identifier_in_place_of_one_of_the_absorbed_profile_returns_with_it
                an_identifier_returns_though_the_one_before_belongs_to_another_profile
                an_identifier_that_the_company_named_for_the_survivor_stays_with_it
                the_same_request_does_not_merge_again_and_a_new_claim_does
                an_undone_merge_stays_undone_when_the_survivor_is_merged_itself
                only_what_is_merged_can_be_undone_and_only_once
                merges_are_undone_in_any_order
                ids_that_led_to_a_restored_profile_lead_to_it_again
                devices_that_left_a_full_list_come_back
                devices_that_left_a_long_list_come_back
                undoing_leaves_an_outcome_in_the_history_of_both
                an_undo_after_any_merge_restores_both_profiles
                a_secondary_address_taken_away_since_stays_away
                a_later_survivor_keeps_its_own_values_when_an_earlier_merge_is_undone
                an_undone_merge_does_not_return_when_a_later_merge_is_undone
                values_that_an_undone_merge_displaced_return
                a_profile_merged_again_after_an_undo_stays_when_its_first_survivor_leaves
                merges_undone_in_any_order_leave_nothing_behind
                the_store_is_sound_after_any_requests_and_undos
                a_merge_with_a_damaged_record_is_not_undone_and_the_error_is_permanent
            }
            $crate::engine_suite_area! {
                writers:
                an_identifier_tells_which_request_brought_it
                a_lost_identifier_tells_which_request_took_it
                a_merge_tells_whose_request_led_to_it
                no_identifier_tells_a_request_that_did_not_bring_it
            }
        }
    };
}

/// Runs the tests of one area.
#[doc(hidden)]
#[macro_export]
macro_rules! engine_suite_area {
    ($area:ident: $($test:ident)*) => {
        mod $area {
            $(
                #[test]
                fn $test() {
                    $crate::tests::$area::$test(&super::engines());
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    /// The areas, and the source of each.
    const AREAS: &[(&str, &str)] = &[
        ("adversary", include_str!("tests/adversary.rs")),
        ("audits", include_str!("tests/audits.rs")),
        ("client_identifiers", include_str!("tests/client_identifiers.rs")),
        ("company_deletion", include_str!("tests/company_deletion.rs")),
        ("decisions", include_str!("tests/decisions.rs")),
        ("deletion", include_str!("tests/deletion.rs")),
        ("different_external_id", include_str!("tests/different_external_id.rs")),
        ("engine", include_str!("tests/engine.rs")),
        ("erasure", include_str!("tests/erasure.rs")),
        ("explanations", include_str!("tests/explanations.rs")),
        ("history", include_str!("tests/history.rs")),
        ("imports", include_str!("tests/imports.rs")),
        ("intents", include_str!("tests/intents.rs")),
        ("large_profiles", include_str!("tests/large_profiles.rs")),
        ("laws", include_str!("tests/laws.rs")),
        ("listing", include_str!("tests/listing.rs")),
        ("manual_merge", include_str!("tests/manual_merge.rs")),
        ("property_limits", include_str!("tests/property_limits.rs")),
        ("protected_values", include_str!("tests/protected_values.rs")),
        ("pruning", include_str!("tests/pruning.rs")),
        ("push_tokens", include_str!("tests/push_tokens.rs")),
        ("repair", include_str!("tests/repair.rs")),
        ("replaced_values", include_str!("tests/replaced_values.rs")),
        ("shared_engine", include_str!("tests/shared_engine.rs")),
        ("simulation", include_str!("tests/simulation.rs")),
        ("store", include_str!("tests/store.rs")),
        ("stories", include_str!("tests/stories.rs")),
        ("tokens", include_str!("tests/tokens.rs")),
        ("undo", include_str!("tests/undo.rs")),
        ("writers", include_str!("tests/writers.rs")),
    ];

    #[test]
    fn every_test_of_the_suite_is_run() {
        let this = include_str!("macros.rs");
        let listed = |area: &str, test: &str| {
            let (_, rest) = this
                .split_once(&format!("engine_suite_area! {{\n                {area}:"))
                .unwrap();
            let (tests, _) = rest.split_once('}').unwrap();
            tests.split_whitespace().any(|listed| listed == test)
        };
        let declared = include_str!("tests.rs").lines().filter(|line| line.starts_with("pub mod "));
        assert_eq!(declared.count(), AREAS.len());
        for (area, source) in AREAS {
            for (name, rest) in
                source.split("\npub fn ").skip(1).filter_map(|one| one.split_once('('))
            {
                if rest.trim_start().starts_with("engines: &Engines") {
                    assert!(listed(area, name), "{area}::{name} is not run");
                }
            }
        }
    }
}
