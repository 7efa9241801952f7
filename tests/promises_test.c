/* SPDX-License-Identifier: MIT */
/*
 * What docs/guarantees.md promises in numbers and names, and what no random run shows when it is broken, since every item
 * arrives all the same: who goes on while others wait, how much fits, how often something is called, and who is said to hold
 * an edit up.
 */
#include "stages.h"

static struct numbers n;
static struct kept k;

/* A stage that gets stuck in its first item until the test says go. */
struct trap {
    struct event entered, go;
};

static struct trap trap;

static void begin(int64_t last)
{
    numbers_init(&n, last);
    n.gated = true;
    kept_init(&k);
    event_init(&trap.entered);
    event_init(&trap.go);
}

static void end(weir_pipeline *p)
{
    weir_totals t;
    CHECK_EQ(weir_drain(p), 0);
    weir_totals_get(p, &t);
    CHECK_EQ(t.in_flight, 0);
    weir_free(p);
    numbers_free(&n);
    kept_free(&k);
    event_free(&trap.entered);
    event_free(&trap.go);
}

static weir_verdict spring(void *state, void *item)
{
    (void)state;
    (void)item;
    event_raise(&trap.entered, 1);
    event_wait(&trap.go, 1);
    return WEIR_KEEP;
}

static weir_stage trap_stage(bool blocking)
{
    return (weir_stage){.name = "trap", .in = WEIR_I64, .map = spring, .blocking = blocking};
}

static weir_stage plus(const char *name, weir_place place)
{
    return (weir_stage){.name = name, .in = WEIR_I64, .map = add_one, .place = place};
}

/* source -> trap -> (behind ->) sink, started, with the trap sprung by the first of five items. */
static weir_pipeline *trapped(bool blocking, const weir_stage *behind, const weir_config *config)
{
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage = trap_stage(blocking);
    if (config)
        CHECK_EQ(weir_configure(p, config), 0);
    CHECK_EQ(weir_insert_after(p, "source", &stage, NULL), 0);
    if (behind)
        CHECK_EQ(weir_insert_after(p, "trap", behind, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 5);
    event_wait(&trap.entered, 1);
    numbers_await_waiting(&n);
    return p;
}

static uint64_t admitted(weir_pipeline *p)
{
    weir_totals t;
    weir_totals_get(p, &t);
    return t.admitted;
}

#ifdef SIM
static void pass_time(uint64_t ns)
{
    struct event never;
    event_init(&never);
    uint64_t until = plat_now_ns() + ns;
    plat_lock(&never.lock);
    while (plat_now_ns() < until)
        plat_wait(&never.cond, &never.lock, until);
    plat_unlock(&never.lock);
    event_free(&never);
}
#endif

/* As far as it comes in a while: for what must not come farther. */
static uint64_t admitted_in_a_while(weir_pipeline *p)
{
    for (int i = 0; i < 3000; i++)
        plat_yield();
    return admitted(p);
}

/* ---- bounded stall ------------------------------------------------------------------------------------------------------- */

static struct event computed;

static weir_verdict compute(void *state, void *item)
{
    (void)state;
    (void)item;
    event_raise(&computed, 1);
    return WEIR_KEEP;
}

/* The stage that was replaced is stuck. What is behind the cut is computed by the new one, and waits to be released in order.
 * And who asks hears which stage, on which item. */
static void new_items_are_computed_while_old_ones_finish(void *arg)
{
    (void)arg;
    begin(15);
    event_init(&computed);
    weir_pipeline *p = trapped(true, NULL, NULL);
    weir_stage next = {.name = "next", .in = WEIR_I64, .map = compute, .place = WEIR_OWN};
    CHECK_EQ(weir_replace(p, "trap", &next, NULL), 0);
    numbers_allow(&n, 15);
    event_wait(&computed, 10);
    CHECK_EQ(k.count, 0);
    weir_pending_info info[2];
    CHECK_EQ(weir_pending(p, info, 2), 1);
    CHECK(info[0].committed && strcmp(info[0].held_up_by, "trap") == 0);
    CHECK_EQ(info[0].held_up_item, 1);
    event_raise(&trap.go, 1);
    end(p);
    CHECK_EQ(k.count, 15);
    for (int64_t i = 0; i < 15; i++)
        CHECK_EQ(k.values[i], i);
    event_free(&computed);
}

static void insert_behind(void *arg)
{
    weir_stage stage = plus("plus", WEIR_FUSED);
    CHECK_EQ(weir_insert_after(arg, "trap", &stage, NULL), 0);
}

/* The commit waits for the function of a stage that shares its thread: the source goes on, and the edit shows as pending. */
static void sources_go_on_while_a_commit_waits(void *arg)
{
    (void)arg;
    begin(100);
    struct plat_thread editor;
    weir_pending_info info[2];
    weir_pipeline *p = trapped(false, NULL, NULL);
    CHECK_EQ(plat_thread_start(&editor, "editor", insert_behind, p), 0);
    while (weir_pending(p, info, 2) == 0 || !*info[0].held_up_by)
        plat_yield();
    CHECK(!info[0].committed && strcmp(info[0].held_up_by, "trap") == 0);
    CHECK_HAS(info[0].what, "insert plus after trap");
    numbers_allow(&n, 40);
    numbers_await_waiting(&n);
    CHECK_EQ(admitted(p), 40);
    event_raise(&trap.go, 1);
    plat_thread_join(&editor);
    numbers_allow(&n, 100);
    end(p);
    CHECK_EQ(k.count, 100);
    CHECK_EQ(k.values[99], 100);
}

/* The source puts something out and goes into its next call, in which it will wait for long, at the moment when an edit is made
 * behind it: the edit is made all the same. */
static void an_edit_meets_a_call_that_begins(void *arg)
{
    (void)arg;
    begin(40);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    for (int64_t i = 1; i <= 40; i++) {
        weir_stage own = plus("own", WEIR_OWN);
        numbers_await_waiting(&n);
        numbers_allow(&n, i);
        for (uint64_t dawdle = check_random() % 80; dawdle > 0; dawdle--)
            plat_relax();
        int status = i % 2 ? weir_insert_after(p, "source", &own, NULL) : weir_pop(p, "own", NULL);
        CHECK(status == WEIR_OK || (i == 40 && status == WEIR_EENDED));
    }
    end(p);
    CHECK_EQ(k.count, 40);
}

/* ---- safe abort ---------------------------------------------------------------------------------------------------------- */

/* An edit of two strands is withdrawn, since the first is stuck. Then an edit of the second alone is made at once. */
static void a_withdrawn_edit_leaves_nothing_behind(void *arg)
{
    (void)arg;
    begin(20);
    weir_stage own = plus("own", WEIR_OWN), next = plus("next", WEIR_OWN), behind = plus("behind", WEIR_FUSED);
    weir_pipeline *p = trapped(false, &own, NULL);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_timeout(e, 5);
    weir_edit_insert_after(e, "trap", &behind);
    weir_edit_replace(e, "own", &next);
    CHECK_EQ(weir_commit(e, NULL), WEIR_EBUSY);
    CHECK_EQ(weir_revision(p), 1);
    CHECK_EQ(weir_insert_after(p, "own", &behind, NULL), 0);
    event_raise(&trap.go, 1);
    numbers_allow(&n, 20);
    end(p);
    CHECK_EQ(k.count, 20);
    CHECK_EQ(k.values[19], 21);
}

/* ---- retirement ---------------------------------------------------------------------------------------------------------- */

static struct {
    int items, flushes, items_at_flush, closes;
} calls;

static weir_verdict count_item(void *state, void *item)
{
    (void)state;
    (void)item;
    calls.items++;
    return WEIR_KEEP;
}

static int count_flush(void *state, weir_out *out)
{
    (void)state;
    (void)out;
    calls.flushes++;
    calls.items_at_flush = calls.items;
    return 0;
}

static void count_close(void *state)
{
    (void)state;
    CHECK_EQ(calls.flushes, 1);
    calls.closes++;
}

static void a_stage_that_leaves_is_flushed_once_and_closed_once(void *arg)
{
    (void)arg;
    begin(50);
    memset(&calls, 0, sizeof calls);
    bool by_edit = check_random() % 4;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage = {.name = "counted",
                        .in = WEIR_I64,
                        .map = count_item,
                        .flush = count_flush,
                        .close = count_close,
                        .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED,
                        .blocking = check_random() % 4 == 0};
    weir_stage front = plus("front", check_random() % 2 ? WEIR_OWN : WEIR_FUSED);
    CHECK_EQ(weir_insert_before(p, "sink", &front, NULL), 0);
    CHECK_EQ(weir_insert_before(p, "sink", &stage, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 20);
    if (by_edit) {
        CHECK_EQ(weir_pop(p, "counted", NULL), 0);
        CHECK_EQ(weir_settle(p, 0), 0);
    }
    numbers_allow(&n, 50);
    end(p);
    CHECK_EQ(k.count, 50);
    CHECK_EQ(calls.flushes, 1);
    CHECK_EQ(calls.closes, 1);
    CHECK_EQ(calls.items_at_flush, calls.items);
}

#ifdef SIM
#define TICK_MS 100

static _Atomic uint64_t first_tick_ns;

static int note_tick(void *state, weir_out *out)
{
    (void)out;
    if (!first_tick_ns)
        first_tick_ns = weir_now_ns();
    event_raise(state, 1);
    return 0;
}

/* A stage that was parked for long starts to tick when it runs again, and does not make up for what it missed. */
static void a_tick_counts_from_when_its_stage_runs_again(void *arg)
{
    (void)arg;
    static struct event ticks;
    event_init(&ticks);
    begin(10);
    first_tick_ns = 0;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage other = plus("other", WEIR_FUSED);
    weir_stage ticking = {.name = "ticking",
                          .in = WEIR_I64,
                          .map = add_one,
                          .tick = note_tick,
                          .tick_ms = TICK_MS,
                          .state = &ticks,
                          .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED};
    CHECK_EQ(weir_insert_before(p, "sink", &ticking, NULL), 0);
    CHECK_EQ(weir_add(p, &other), 0);
    CHECK_EQ(weir_connect(p, "other", "sink", NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    event_wait(&ticks, 1);
    CHECK_EQ(weir_connect(p, "source", "other", NULL), 0);
    CHECK_EQ(weir_settle(p, 0), 0);
    pass_time(UINT64_C(35000000) * TICK_MS / 10);
    uint64_t before = plat_now_ns();
    first_tick_ns = 0;
    CHECK_EQ(weir_connect(p, "source", "ticking", NULL), 0);
    event_wait(&ticks, event_count(&ticks) + 1);
    CHECK(first_tick_ns >= before + UINT64_C(1000000) * TICK_MS);
    numbers_allow(&n, 10);
    end(p);
    event_free(&ticks);
}
#endif

/* ---- liveness ------------------------------------------------------------------------------------------------------------ */

#ifdef SIM
static int flush_nothing(void *state, weir_out *out)
{
    (void)state;
    (void)out;
    return 0;
}

/* Every strand has come to rest, and is woken by what comes next: items, or an edit that it must make itself, since a stage's
 * function is to be called. At full rate nobody rests, and nobody needs to be woken. */
static void whoever_rests_is_woken(void *arg)
{
    (void)arg;
    begin(200);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    for (unsigned i = 0; i < 2; i++) {
        weir_stage own = plus(i ? "a" : "b", WEIR_OWN);
        own.blocking = check_random() % 4 == 0;
        CHECK_EQ(weir_insert_before(p, "sink", &own, NULL), 0);
    }
    weir_stage flushed = plus("flushed", WEIR_FUSED);
    flushed.flush = flush_nothing;
    CHECK_EQ(weir_insert_before(p, "sink", &flushed, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    for (int64_t i = 10; i < 200; i += 10) {
        pass_time(1000000);
        numbers_allow(&n, i);
        event_wait(&k.arrived, (uint64_t)i);
        if (i != 100)
            continue;
        pass_time(1000000);
        CHECK_EQ(weir_pop(p, "flushed", NULL), 0);
    }
    numbers_allow(&n, 200);
    end(p);
    CHECK_EQ(k.count, 200);
}
#endif

/* ---- bounded memory ------------------------------------------------------------------------------------------------------ */

#define BATCH 16

/* While old items drain a new channel takes two batches; the strand in front of it has one more in its hands. */
static void the_channel_of_an_edit_that_drains_takes_little(void *arg)
{
    (void)arg;
    begin(2000);
    weir_pipeline *p = trapped(true, NULL, &(weir_config){.queue_batches = 32, .batch_items = BATCH});
    CHECK_EQ(weir_pop(p, "trap", NULL), 0);
    numbers_allow(&n, 2000);
    CHECK(admitted_in_a_while(p) <= 5 + 3 * BATCH);
    event_raise(&trap.go, 1);
    end(p);
    CHECK_EQ(k.count, 2000);
}

/* When the edit has settled it takes as much as all others: all that the source puts out fits, though the sink is stuck. */
static void the_channel_of_a_settled_edit_takes_as_much_as_others(void *arg)
{
    (void)arg;
    begin(500);
    k.blocked = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage own = plus("own", WEIR_OWN);
    CHECK_EQ(weir_configure(p, &(weir_config){.queue_batches = 32, .batch_items = BATCH}), 0);
    CHECK_EQ(weir_start(p), 0);
    for (uint64_t i = check_random() % 3; i > 0; i--) {
        CHECK_EQ(weir_insert_after(p, "source", &own, NULL), 0);
        CHECK_EQ(weir_pop(p, "own", NULL), 0);
    }
    CHECK_EQ(weir_insert_after(p, "source", &own, NULL), 0);
    CHECK_EQ(weir_settle(p, 0), 0);
    numbers_allow(&n, 200); /* ten at a time: 20 batches */
    event_wait(&k.entered, 1);
    numbers_await_waiting(&n);
    CHECK_EQ(admitted(p), 200);
    event_raise(&k.go, 1);
    numbers_allow(&n, 500);
    end(p);
    CHECK_EQ(k.count, 500);
}

/* A source in front of a stuck sink: the channel's batches, one in the source's hands and one in the sink's. */
static void who_has_no_room_does_not_work(void *arg)
{
    (void)arg;
    begin(20000);
    n.gated = false;
    n.at_once = BATCH;
    k.blocked = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_configure(p, &(weir_config){.queue_batches = 2, .batch_items = BATCH}), 0);
    CHECK_EQ(weir_start(p), 0);
    event_wait(&k.entered, 1);
    CHECK(admitted_in_a_while(p) <= 4 * BATCH);
    event_raise(&k.go, 1);
    end(p);
    CHECK_EQ(k.count, 20000);
}

#define UNSETTLED_MAX 32

/* Each edit in front of a stuck sink keeps a channel or two: there is an end to that, and it is said. */
static void so_many_edits_may_drain_and_no_more(void *arg)
{
    (void)arg;
    begin(1000);
    k.blocked = true;
    int made = 0, status;
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    numbers_allow(&n, 20);
    event_wait(&k.entered, 1);
    do {
        weir_stage own = plus("own", WEIR_OWN);
        weir_edit *e = weir_edit_begin(p);
        weir_edit_timeout(e, 20);
        if (made % 2)
            weir_edit_pop(e, "own");
        else
            weir_edit_insert_before(e, "sink", &own);
        status = weir_commit(e, NULL);
        made += status == WEIR_OK;
    } while (status == WEIR_OK && made < 2 * UNSETTLED_MAX);
    CHECK_EQ(status, WEIR_EBUSY);
    CHECK_HAS(weir_error(p), "too many edits wait");
    CHECK_EQ(made, UNSETTLED_MAX);
    event_raise(&k.go, 1);
    numbers_allow(&n, 1000);
    end(p);
    CHECK_EQ(k.count, 1000);
}

int main(void)
{
    check_run("new_items_are_computed_while_old_ones_finish", 50, new_items_are_computed_while_old_ones_finish);
    check_run("sources_go_on_while_a_commit_waits", 50, sources_go_on_while_a_commit_waits);
    check_run("an_edit_meets_a_call_that_begins", 100, an_edit_meets_a_call_that_begins);
    check_run("a_withdrawn_edit_leaves_nothing_behind", 50, a_withdrawn_edit_leaves_nothing_behind);
    check_run("a_stage_that_leaves_is_flushed_once_and_closed_once", 100, a_stage_that_leaves_is_flushed_once_and_closed_once);
#ifdef SIM
    check_run("a_tick_counts_from_when_its_stage_runs_again", 20, a_tick_counts_from_when_its_stage_runs_again);
    check_run("whoever_rests_is_woken", 20, whoever_rests_is_woken);
#endif
    check_run("the_channel_of_an_edit_that_drains_takes_little", 20, the_channel_of_an_edit_that_drains_takes_little);
    check_run("the_channel_of_a_settled_edit_takes_as_much_as_others", 50,
              the_channel_of_a_settled_edit_takes_as_much_as_others);
    check_run("who_has_no_room_does_not_work", 20, who_has_no_room_does_not_work);
    check_run("so_many_edits_may_drain_and_no_more", 20, so_many_edits_may_drain_and_no_more);
    return check_done();
}
