/* SPDX-License-Identifier: MIT */
/*
 * Stages whose function is a loop of tasks, from the outside: order, failing, cancelling, sources, and edits of every kind while tasks
 * sleep. In the simulator all sleeping is virtual.
 */
#include <errno.h>
#include <weir/async.h>

#include "stages.h"

#define ITEMS 2000

static struct numbers n;
static struct kept k;

static weir_pipeline *pipeline(const weir_stage *middle)
{
    kept_init(&k);
    numbers_init(&n, ITEMS);
    weir_pipeline *p = weir_new("loops");
    weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink");
    CHECK_EQ(weir_configure(p, &(weir_config){.batch_items = 8, .queue_batches = 4, .loops = 2}), WEIR_OK);
    CHECK_EQ(weir_append(p, &source), WEIR_OK);
    CHECK_EQ(weir_append(p, middle), WEIR_OK);
    CHECK_EQ(weir_append(p, &sink), WEIR_OK);
    return p;
}

static void done(weir_pipeline *p)
{
    weir_totals t;
    weir_totals_get(p, &t);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned + t.in_flight);
    CHECK_EQ(t.in_flight, 0);
    weir_free(p);
    if (n.opened)
        numbers_free(&n);
    n.opened = 0;
    kept_free(&k);
}

/* Each item is kept for another while. */
static int nap(weir_task *t, void *state)
{
    int64_t item;
    int says;
    (void)state;
    while ((says = weir_recv(t, &item)) == 0) {
        if (weir_sleep_ms(t, (uint64_t)(item * 7919 % 3)) < 0)
            return weir_fail("cancelled in its sleep");
        if (weir_send(t, &item) < 0)
            weir_reject(t, "%s", weir_error(NULL));
    }
    return says == WEIR_END ? 0 : says;
}

static void tasks_sleep_and_order_is_kept(void *arg)
{
    (void)arg;
    weir_pipeline *p = pipeline(&(weir_stage){.name = "nap", .in = WEIR_I64, .loop = nap, .concurrency = 50});
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS);
    for (int64_t i = 0; i < ITEMS; i++)
        CHECK_EQ(k.values[i], i);
    done(p);
}

/* Rejects, fails, returns early, sends nothing, sends twice. */
static int mixed(weir_task *t, void *state)
{
    int64_t item;
    int says;
    (void)state;
    while ((says = weir_recv(t, &item)) == 0) {
        CHECK_EQ(weir_yield(t), 0);
        if (item % 10 == 1)
            CHECK_EQ(weir_reject(t, "%d ends in one", (int)item), -1);
        if (item % 10 == 2)
            return weir_fail("%d ends in two", (int)item);
        if (item % 10 == 3)
            continue;
        CHECK_EQ(weir_send(t, &item), 0);
        if (item % 10 == 4)
            CHECK_EQ(weir_send(t, &item), 0);
        if (item % 10 == 5)
            return 0;
    }
    int64_t last = -1;
    CHECK_EQ(says, WEIR_END);
    CHECK_EQ(weir_send(t, &last), 0);
    return 0;
}

static void items_fail_end_and_multiply(void *arg)
{
    (void)arg;
    weir_pipeline *p =
        pipeline(&(weir_stage){.name = "mixed", .in = WEIR_I64, .loop = mixed, .concurrency = 3, .on_error = WEIR_SKIP});
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    size_t at = 0;
    for (int64_t i = 0; i < ITEMS; i++)
        for (int c = i % 10 >= 1 && i % 10 <= 3 ? 0 : i % 10 == 4 ? 2 : 1; c > 0; c--)
            CHECK_EQ(k.values[at++], i);
    CHECK(k.count > at); /* what the tasks put out at their end */
    for (; at < k.count; at++)
        CHECK_EQ(k.values[at], -1);
    weir_totals t;
    weir_totals_get(p, &t);
    CHECK_EQ(t.failed, 2 * ITEMS / 10);
    done(p);
}

static int counting(weir_task *t, void *state)
{
    int64_t *last = state;
    for (int64_t i = 0; i < *last; i++) {
        if (i % 64 == 0 && weir_sleep_ms(t, 1) < 0)
            return -ECANCELED;
        int says = weir_send(t, &i);
        if (says < 0)
            return says;
    }
    return 0;
}

static weir_pipeline *counted(int64_t *last)
{
    kept_init(&k);
    weir_pipeline *p = weir_new("loops");
    weir_stage sink = kept_stage(&k, "sink");
    CHECK_EQ(weir_configure(p, &(weir_config){.batch_items = 8, .queue_batches = 2}), WEIR_OK);
    CHECK_EQ(weir_append(p, &(weir_stage){.name = "source", .out = WEIR_I64, .loop = counting, .state = last}), WEIR_OK);
    CHECK_EQ(weir_append(p, &sink), WEIR_OK);
    return p;
}

static void a_source_is_a_loop_that_sends(void *arg)
{
    (void)arg;
    int64_t last = ITEMS;
    weir_pipeline *p = counted(&last);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS);
    for (int64_t i = 0; i < ITEMS; i++)
        CHECK_EQ(k.values[i], i);
    done(p);
}

static void closing_cancels_an_endless_source(void *arg)
{
    (void)arg;
    int64_t last = INT64_MAX;
    weir_pipeline *p = counted(&last);
    CHECK_EQ(weir_start(p), WEIR_OK);
    event_wait(&k.arrived, 200);
    weir_close(p);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    for (size_t i = 0; i < k.count; i++)
        CHECK_EQ(k.values[i], (int64_t)i);
    done(p);
}

static int forever(weir_task *t, void *state)
{
    int64_t item;
    int says;
    while ((says = weir_recv(t, &item)) == 0) {
        event_raise(state, 1);
        says = weir_sleep_until_ns(t, UINT64_MAX);
        CHECK_EQ(says, -ECANCELED);
        return says;
    }
    return says < 0 ? says : 0;
}

static void what_hangs_is_diverted(void *arg)
{
    (void)arg;
    struct event taken;
    event_init(&taken);
    weir_pipeline *p =
        pipeline(&(weir_stage){.name = "hangs", .in = WEIR_I64, .loop = forever, .state = &taken, .concurrency = 5});
    CHECK_EQ(weir_start(p), WEIR_OK);
    event_wait(&taken, 5);
    weir_receipt r;
    CHECK_EQ(weir_divert(p, "hangs", &r), WEIR_OK);
    CHECK_EQ(r.late, 5);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS - 5);
    for (int64_t i = 0; i < ITEMS - 5; i++)
        CHECK_EQ(k.values[i], i + 5);
    weir_past past;
    CHECK_EQ(weir_history(p, &past, 1), 1);
    CHECK_EQ(past.receipt.cancelled, 5);
    done(p);
    event_free(&taken);
}

static void what_hangs_is_cancelled_at_the_deadline(void *arg)
{
    (void)arg;
    struct event taken;
    event_init(&taken);
    weir_pipeline *p =
        pipeline(&(weir_stage){.name = "hangs", .in = WEIR_I64, .loop = forever, .state = &taken, .concurrency = 5});
    CHECK_EQ(weir_start(p), WEIR_OK);
    event_wait(&taken, 5);
    weir_edit *e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_pop_within(e, "source", 20), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "\"source\" has no tasks that could be cancelled");
    weir_edit_discard(e);
    e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_pop_within(e, "hangs", 20), WEIR_OK);
    CHECK_EQ(weir_commit(e, NULL), WEIR_OK);
    CHECK_EQ(weir_settle(p, 0), WEIR_OK);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    weir_totals t;
    weir_totals_get(p, &t);
    CHECK(t.failed >= 5);
    CHECK_EQ(t.failed + t.delivered, ITEMS);
    done(p);
    event_free(&taken);
}

static void aborting_cancels(void *arg)
{
    (void)arg;
    struct event taken;
    event_init(&taken);
    weir_pipeline *p =
        pipeline(&(weir_stage){.name = "hangs", .in = WEIR_I64, .loop = forever, .state = &taken, .concurrency = 5});
    CHECK_EQ(weir_start(p), WEIR_OK);
    event_wait(&taken, 5);
    weir_abort(p);
    weir_drain(p);
    done(p);
    event_free(&taken);
}

/* Stages with tasks come, go, are replaced, scaled, moved and diverted under load; nothing is lost, and order holds. */
static void edits_while_tasks_sleep(void *arg)
{
    (void)arg;
    weir_stage stage = {.name = "nap", .in = WEIR_I64, .loop = nap, .concurrency = 8};
    weir_pipeline *p = pipeline(&stage);
    uint64_t failed = 0;
    bool in = true, other = false, ended = false;
    CHECK_EQ(weir_start(p), WEIR_OK);
    for (int i = 0; i < 25 && !ended; i++) {
        weir_stage second = {.name = "second", .in = WEIR_I64, .loop = nap, .concurrency = 4};
        int status = WEIR_OK;
        switch (check_random() % 7) {
        case 0:
            status = in ? weir_pop(p, "nap", NULL) : weir_insert_after(p, "source", &stage, NULL);
            in ^= status == WEIR_OK;
            break;
        case 1:
            status = other ? weir_pop(p, "second", NULL) : weir_insert_before(p, "sink", &second, NULL);
            other ^= status == WEIR_OK;
            break;
        case 2:
            status = in ? weir_replace(p, "nap", &stage, NULL) : WEIR_OK;
            break;
        case 3:
            status = in ? weir_scale(p, "nap", 1 + (unsigned)(check_random() % 30), NULL) : WEIR_OK;
            break;
        case 4:
            status = in && other ? weir_move_after(p, "nap", "second", NULL) : WEIR_OK;
            break;
        case 5:
            status = weir_undo(p, NULL) == WEIR_OK ? WEIR_OK : WEIR_OK;
            weir_stage_info info[8];
            size_t count = weir_stages(p, info, 8);
            in = other = false;
            for (size_t s = 0; s < count && s < 8; s++) {
                bool here = strcmp(info[s].status, "running") == 0;
                in |= here && strcmp(info[s].name, "nap") == 0;
                other |= here && strcmp(info[s].name, "second") == 0;
            }
            break;
        default:
            status = weir_flush(p);
        }
        ended = status == WEIR_EENDED || weir_ended(p);
        if (!ended)
            CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS - failed);
    for (size_t i = 0; i < k.count; i++)
        CHECK_EQ(k.values[i], (int64_t)i);
    done(p);
}

/* Bytes whose memory comes from the task. */
static int spell(weir_task *t, void *state)
{
    int64_t item;
    (void)state;
    while (weir_recv(t, &item) == 0) {
        char text[32];
        int len = snprintf(text, sizeof text, "number %d", (int)item);
        if (weir_sleep_ms(t, (uint64_t)item % 2) < 0 || weir_send_bytes(t, text, (size_t)len) < 0)
            return -1;
    }
    return 0;
}

static weir_verdict check_text(void *state, void *item)
{
    int64_t *next = state;
    char text[32];
    weir_bytes *b = item;
    int len = snprintf(text, sizeof text, "number %d", (int)(*next)++);
    CHECK_EQ(b->len, len);
    CHECK_EQ(memcmp(b->data, text, b->len), 0);
    return WEIR_KEEP;
}

static void what_items_point_to_lives_as_long_as_they_do(void *arg)
{
    (void)arg;
    int64_t next = 0;
    numbers_init(&n, ITEMS);
    weir_pipeline *p = weir_new("loops");
    weir_stage source = numbers_stage(&n, "source");
    CHECK_EQ(weir_append(p, &source), WEIR_OK);
    CHECK_EQ(
        weir_append(p, &(weir_stage){.name = "spell", .in = WEIR_I64, .out = WEIR_BYTES, .loop = spell, .concurrency = 20}),
        WEIR_OK);
    CHECK_EQ(
        weir_append(p, &(weir_stage){.name = "check", .in = WEIR_BYTES, .out = WEIR_NONE, .map = check_text, .state = &next}),
        WEIR_OK);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(next, ITEMS);
    weir_free(p);
    numbers_free(&n);
    n.opened = 0;
}

#ifdef SIM
static _Atomic int opened, closed;

static int open_one(void *state)
{
    (void)state;
    atomic_fetch_add(&opened, 1);
    return 0;
}

static void close_one(void *state)
{
    (void)state;
    atomic_fetch_add(&closed, 1);
}

static weir_stage nap_stage(const char *name, uint32_t concurrency)
{
    static int nothing;
    return (weir_stage){.name = name,
                        .in = WEIR_I64,
                        .loop = nap,
                        .concurrency = concurrency,
                        .on_error = WEIR_SKIP,
                        .state = &nothing,
                        .open = open_one,
                        .close = close_one};
}

/* Whatever fails: each stage handed over is closed once, what was not refused arrives or is counted, and nothing is left. */
static void play(void)
{
    weir_pipeline *p = weir_new("loops");
    int64_t last = 100;
    int handed = 0;
    opened = closed = 0;
    kept_init(&k);
    if (p) {
        weir_stage sink = kept_stage(&k, "sink"), one = nap_stage("one", 3), two = nap_stage("two", 2),
                   three = nap_stage("three", 4);
        bool whole =
            weir_append(p, &(weir_stage){.name = "source", .out = WEIR_I64, .loop = counting, .state = &last}) == WEIR_OK;
        whole = weir_append(p, &one) == WEIR_OK && whole;
        handed++;
        whole = weir_append(p, &sink) == WEIR_OK && whole;
        if (whole && weir_start(p) == WEIR_OK) {
            weir_scale(p, "one", 7, NULL);
            weir_insert_after(p, "one", &two, NULL);
            weir_replace(p, "one", &three, NULL);
            handed += 2;
            weir_divert(p, "two", NULL);
            weir_drain(p);
            weir_totals t;
            weir_totals_get(p, &t);
            CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned);
        }
    }
    weir_free(p);
    CHECK_EQ(closed, handed);
    CHECK(opened <= handed);
    k.closed = 1;
    kept_free(&k);
}

/* Items that must be destroyed once, however little memory there is. */
struct thing {
    int64_t number;
    int64_t lives; /* 1; 0 in memory that nobody has filled */
};

static _Atomic int64_t things;

static void destroy_thing(void *item)
{
    struct thing *thing = item;
    CHECK(thing->lives == 0 || thing->lives == 1);
    atomic_fetch_sub(&things, thing->lives);
    thing->lives = 0;
}

static const weir_type thing_type = {.name = "thing", .size = sizeof(struct thing), .destroy = destroy_thing};

static int send_thing(weir_task *t, int64_t number)
{
    struct thing thing = {number, 1};
    atomic_fetch_add(&things, 1);
    int says = weir_send(t, &thing);
    if (says < 0)
        destroy_thing(&thing);
    return says;
}

static int make_things(weir_task *t, void *state)
{
    (void)state;
    for (int64_t i = 0; i < 60; i++)
        if (send_thing(t, i) == -ECANCELED)
            return -ECANCELED;
    return 0;
}

/* Five of each. */
static int multiply_things(weir_task *t, void *state)
{
    struct thing thing;
    int says;
    (void)state;
    while ((says = weir_recv(t, &thing)) == 0) {
        for (int i = 0; i < 5 && says == 0; i++)
            says = send_thing(t, thing.number);
        destroy_thing(&thing);
        if (says == -ENOMEM)
            weir_reject(t, "out of memory");
    }
    return says < 0 ? says : 0;
}

static weir_verdict see_thing(void *state, void *item)
{
    int64_t *last = state;
    struct thing *thing = item;
    CHECK_EQ(thing->lives, 1);
    CHECK(thing->number >= *last);
    *last = thing->number;
    return WEIR_KEEP;
}

static void play_with_things(void)
{
    int64_t last = 0;
    weir_pipeline *p = weir_new("things");
    if (!p)
        return;
    weir_configure(p, &(weir_config){.batch_items = 4, .queue_batches = 2});
    bool whole = weir_append(p, &(weir_stage){.name = "make", .out = &thing_type, .loop = make_things}) == WEIR_OK;
    whole = weir_append(p, &(weir_stage){.name = "multiply",
                                         .in = &thing_type,
                                         .loop = multiply_things,
                                         .concurrency = 3,
                                         .on_error = WEIR_SKIP}) == WEIR_OK &&
            whole;
    whole =
        weir_append(p, &(weir_stage){.name = "see", .in = &thing_type, .out = WEIR_NONE, .map = see_thing, .state = &last}) ==
            WEIR_OK &&
        whole;
    if (whole && weir_start(p) == WEIR_OK) {
        weir_totals t;
        weir_drain(p);
        weir_totals_get(p, &t);
        CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned);
        CHECK_EQ(t.in_flight, 0);
    }
    weir_free(p);
}

/* With the first allocation failing, the second, the third, ... alone, and with all that follow, until none is left to fail. */
static void fail_in_turn(void (*scene)(void))
{
    for (int all = 0; all < 2; all++)
        for (size_t i = 1;; i++) {
            all ? sim_fail_from(i) : (void)sim_fail_allocation(i);
            scene();
            size_t made = sim_fail_allocation(0);
            CHECK_EQ(things, 0);
            CHECK_EQ(sim_live_allocations(), 0);
            if (made >= i)
                continue;
            CHECK(i > 50); /* the scene has more than that */
            break;
        }
}

static void things_are_destroyed_once(void *arg)
{
    (void)arg;
    fail_in_turn(play_with_things);
}

static void every_allocation_fails(void *arg)
{
    (void)arg;
    fail_in_turn(play);
}
#endif

int main(void)
{
    check_run("tasks_sleep_and_order_is_kept", 10, tasks_sleep_and_order_is_kept);
    check_run("items_fail_end_and_multiply", 10, items_fail_end_and_multiply);
    check_run("a_source_is_a_loop_that_sends", 10, a_source_is_a_loop_that_sends);
    check_run("closing_cancels_an_endless_source", 10, closing_cancels_an_endless_source);
    check_run("what_hangs_is_diverted", 10, what_hangs_is_diverted);
    check_run("what_hangs_is_cancelled_at_the_deadline", 10, what_hangs_is_cancelled_at_the_deadline);
    check_run("aborting_cancels", 10, aborting_cancels);
    check_run("edits_while_tasks_sleep", 40, edits_while_tasks_sleep);
    check_run("what_items_point_to_lives_as_long_as_they_do", 5, what_items_point_to_lives_as_long_as_they_do);
#ifdef SIM
    check_run("every_allocation_fails", 2, every_allocation_fails);
    check_run("things_are_destroyed_once", 4, things_are_destroyed_once);
#endif
    return check_done();
}
