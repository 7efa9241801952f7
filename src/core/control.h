/* SPDX-License-Identifier: MIT */
/*
 * control.h - the negative controls: ways to break the engine on purpose, to see that the tests notice.
 *
 * A test that has never failed proves little. So each guarantee has controls: named places where one line of the engine can be
 * made wrong, one at a time. tests/controls runs the simulator's tests with each of them, and fails if a control goes
 * unnoticed, or if a test fails without any.
 *
 * They exist in one build only, that of the tests called *_controls (WEIR_CONTROLS is defined). Everywhere else
 * control_breaks() is the constant false, and the object code is the same as if it did not stand there. In that build the
 * environment variable WEIR_CONTROL chooses the control (tests/check.c); without it nothing is broken.
 *
 * A new control: a line here, and control_breaks() at the place. Say what is broken, in words that a reader of the table
 * understands, and which tests are to notice: programs, or program:test. The first one that does ends the search.
 */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

/* clang-format off */
#define CONTROLS(X) \
    X(LOSE_LEFTOVERS, "G1", "a channel is closed without the batches that found no room", \
      "oracle:no_edits") \
    X(FILTERED_TWICE, "G1", "an item that a map drops counts twice", \
      "pipeline:all_shapes_and_types") \
    X(FORGET_GONE, "G1", "the counts of a stage that has left are forgotten", \
      "oracle:edits_at_full_rate") \
    X(COUNT_LEAVING_TWICE, "G1", "totals see a leaving stage in the old plan and among those that left", \
      "races:totals_count_a_leaving_stage_once") \
    X(CREW_FORGETS_FAILED, "G1", "an item that a task has failed is not counted", \
      "crew:more_and_fewer_items_and_failing_ones") \
    X(CREW_LOSES_WAITING, "G1", "a divert of a stage with tasks loses what no task has taken", \
      "crew:diverting_lets_the_waiting_ones_pass") \
    X(CREW_OUT_OF_ORDER, "G2", "a stage with tasks puts out what is done first", \
      "crew:items_come_out_in_order") \
    X(CREW_CUTS_EARLY, "G2", "a cut goes on while tasks still have items from in front of it", \
      "crew:edits_keep_order") \
    X(CREW_FORGETS_SENDERS, "G9", "a source rests although its tasks have more to send and there is room", \
      "crew:a_source_with_tasks") \
    X(DIVERT_LOSES, "G1", "a divert loses what waits behind the stuck item in its batch", \
      "divert:one_item_of_a_blocking_stage") \
    X(END_AT_FIRST, "G1", "where ways join, the end of the first is taken for the end of all", \
      "flows:a_source_ends_before_the_other flows:a_merge_by_key_restores_the_order") \
    X(DEAL_SKIPS_LANE, "G2", "a pool's dealer skips a lane now and then", \
      "flows:a_pool_keeps_order_while_it_is_scaled") \
    X(COLLECT_AS_IT_COMES, "G2", "a pool's collector takes what comes", \
      "flows:a_pool_keeps_order_while_it_is_scaled") \
    X(NEW_BEFORE_OLD, "G2", "behind a cut the new channel is read before the old is empty", \
      "oracle:edits_at_full_rate") \
    X(MERGE_WITHOUT_WAITING, "G2", "a merge by key does not wait for an input that has nothing yet", \
      "flows:a_merge_by_key_restores_the_order") \
    X(SKIP_ALIGNMENT, "G3", "where ways join, the first of two cuts is followed", \
      "flows:an_edit_of_both_branches_and_behind") \
    X(ENTER_BEHIND_PARTED, "G3", "an edit begins behind a stage that makes several items of one", \
      "flows:an_edit_behind_one_to_many") \
    X(ENTER_BEFORE_CUT, "G3", "an edit begins in a strand that an earlier edit's cut has not come to", \
      "oracle:edits_at_full_rate") \
    X(NO_FLUSH_BETWEEN, "G3", "a stage between two changed places carries items across the cut", \
      "oracle:edits_at_full_rate") \
    X(HALF_AN_EDIT, "G4", "the last operation of an edit is left out", \
      "edits:several_in_one_edit") \
    X(BRANCHES_APART, "G4", "the second way out of a tee is cut some items earlier than the first", \
      "flows:an_edit_of_both_branches_and_behind") \
    X(IGNORE_EXPECTED, "G4", "the expected revision is ignored", \
      "edits:stale_revision_is_a_conflict") \
    X(DROP_ASKED, "G4", "an edit that others wait behind is dropped without an answer", \
      "oracle:everything_by_itself") \
    X(SHARE_THE_TURN, "G4", "two edits are made at once", \
      "oracle:everything_by_itself") \
    X(NO_HOLD_IN_CALL, "G5", "a commit waits for the function of a stage with a thread of its own", \
      "edits:behind_a_source_that_waits") \
    X(SHUT_UNTIL_SETTLED, "G5", "nothing goes into a new channel before the old items have drained", \
      "promises:new_items_are_computed_while_old_ones_finish") \
    X(PAUSE_FOR_COMMIT, "G5", "the sources rest while an edit waits to be committed", \
      "promises:sources_go_on_while_a_commit_waits") \
    X(CUT_BEFORE_OPEN, "G6", "the cut is made before the new stages are opened", \
      "edits:a_failing_open_changes_nothing") \
    X(REFUSED_NOT_CLOSED, "G6", "a stage of an edit that was not made is not closed", \
      "edits:refused_with_words") \
    X(REFUSED_CLOSED_TWICE, "G6", "a stage of an edit that was not made is closed twice", \
      "edits:refused_with_words") \
    X(LEAVE_ANNOUNCED, "G6", "a withdrawn edit leaves behind that cuts are due", \
      "promises:a_withdrawn_edit_leaves_nothing_behind") \
    X(KEEP_MADE, "G6", "lanes that were made for an edit are kept when it is not made", \
      "memory") \
    X(FORGET_FLUSH, "G7", "a stage that leaves is not flushed", \
      "oracle:edits_at_full_rate") \
    X(FLUSH_BEFORE_LAST, "G7", "a stage that leaves is flushed in front of its last batch", \
      "promises:a_stage_that_leaves_is_flushed_once_and_closed_once oracle:edits_at_full_rate") \
    X(FLUSH_BACKWARDS, "G7", "the stages of a strand are flushed from the last to the first", \
      "oracle:no_edits oracle:edits_at_full_rate") \
    X(FLUSH_TWICE, "G7", "a stage that leaves is flushed again behind the cut", \
      "promises:a_stage_that_leaves_is_flushed_once_and_closed_once") \
    X(STOP_FLUSHES, "G7", "a flush goes no further than the first strand", \
      "pipeline:a_flush_pill_passes_every_stage") \
    X(CLOSE_AT_COMMIT, "G7", "a stage that leaves is closed when its edit is committed, while it works", \
      "oracle:edits_at_full_rate") \
    X(CLOSE_TWICE, "G7", "a stage is closed again at the end", \
      "edits:insert_and_pop_in_order") \
    X(KEEP_TICKS, "G7", "a stage that comes to rest keeps its tick", \
      "promises:a_tick_counts_from_when_its_stage_runs_again") \
    X(NO_HAND_OVER, "G8", "the state is not handed over", \
      "flows:a_replaced_stage_hands_its_state_over") \
    X(HAND_OVER_EARLY, "G8", "the state is handed over at the commit, in front of the last old items", \
      "flows:a_replaced_stage_hands_its_state_over flows:state_by_key_moves_with_its_lane") \
    X(BOTH_OWN, "G8", "the new owner of a state starts before the old one has let go", \
      "flows:state_by_key_moves_with_its_lane") \
    X(FIRST_LANE_ONLY, "G8", "of a pool's states only the first lane's is handed over", \
      "flows:state_by_key_moves_with_its_lane") \
    X(PUT_WITHOUT_WAKE, "G9", "one put in four wakes nobody", \
      "promises:whoever_rests_is_woken") \
    X(TAKE_WITHOUT_WAKE, "G9", "a writer that waits for room is not woken", \
      "channel:batches_and_pills_in_order") \
    X(CLOSE_WITHOUT_KICK, "G9", "the closing of a channel wakes nobody", \
      "channel:batches_and_pills_in_order") \
    X(POST_WITHOUT_KICK, "G9", "a change in the mailbox wakes nobody", \
      "promises:whoever_rests_is_woken") \
    X(REST_WITHOUT_LOOK, "G9", "a strand comes to rest without looking again", \
      "channel:no_kick_is_lost") \
    X(ENTER_CALL_BLIND, "G9", "a call is entered without a look at the mailbox", \
      "promises:an_edit_meets_a_call_that_begins") \
    X(TURN_WITHOUT_WAKE, "G9", "who waits for the turn is not told that it is his", \
      "oracle:no_edits oracle:everything_by_itself") \
    X(KEEP_NO_TIME, "G9", "a strand comes to rest with a tick ahead, and nobody keeps time for it", \
      "races:a_tick_is_not_forgotten_while_the_channel_is_full pipeline:ticks_come_while_nothing_flows") \
    X(LIMIT_STAYS_LOW, "G9", "the channels of a settled edit stay as small as they began", \
      "promises:the_channel_of_a_settled_edit_takes_as_much_as_others") \
    X(LIMIT_BEGINS_HIGH, "G9", "the channels of an edit that drains take as much as all others", \
      "promises:the_channel_of_an_edit_that_drains_takes_little") \
    X(ASK_FOR_NO_ROOM, "G9", "a strand works without asking for room", \
      "promises:who_has_no_room_does_not_work") \
    X(NO_END_OF_EDITS, "G9", "any number of edits may drain at once", \
      "promises:so_many_edits_may_drain_and_no_more") \
    X(OLD_REVISION, "G10", "a receipt has the revision before the edit", \
      "edits:insert_and_pop_in_order") \
    X(POSITION_IN_CALL, "G10", "the cut's position counts what the function at work has put out behind it", \
      "races:a_receipt_says_where_the_cut_is") \
    X(NO_OP_COUNTS, "G10", "an edit equal to the plan counts as a change", \
      "edits:an_edit_equal_to_the_plan_does_nothing") \
    X(NAME_ANOTHER, "G10", "who held an edit up is named wrongly", \
      "edits:withdrawn_at_the_deadline") \
    X(HIDE_RETIRING, "G10", "a stage that has left and is stuck does not show as pending", \
      "promises:new_items_are_computed_while_old_ones_finish") \
    X(FORGET_IDS, "G10", "an edit that is asked for again with its id is made again", \
      "history:an_id_is_made_once") \
    X(REFUSED_COUNTS, "G10", "an edit that was refused raises the revision", \
      "edits:refused_with_words")
/* clang-format on */

#ifdef WEIR_CONTROLS
#define CONTROL_NAME(name, guarantee, what, tests) CONTROL_##name,
enum control { CONTROL_NONE, CONTROLS(CONTROL_NAME) };
#undef CONTROL_NAME
extern enum control control_chosen; /* set once, before the first pipeline */
#define control_breaks(name) (control_chosen == CONTROL_##name)
#else
#define control_breaks(name) false
#endif

#endif
