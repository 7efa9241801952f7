/* SPDX-License-Identifier: MIT */
/*
 * A stage that is stuck in its function is popped with divert: what waits in front of it goes past, in order, while it still sits there;
 * the item in its hands is late.
 */
#include "stages.h"

static struct numbers n;
static struct kept k;

/* Adds a thousand, and gets stuck in the item `at` until the test says go. */
struct trap {
    int64_t at;
    struct event entered, go;
    _Atomic int closed;
    bool forget; /* drops the item when it comes back: nobody may care */
};

static struct trap trap;

static weir_verdict spring(void *state, void *item)
{
    struct trap *t = state;
    int64_t *value = item;
    if (*value % 1000 == t->at) {
        event_raise(&t->entered, 1);
        event_wait(&t->go, 1);
    }
    *value += 1000;
    return WEIR_KEEP;
}

static int spring_each(void *state, void *item, weir_out *out)
{
    int64_t *made = weir_emit(out);
    if (!made)
        return weir_fail_memory();
    *made = *(int64_t *)item;
    return spring(state, made) == WEIR_KEEP ? 0 : -1;
}

static void trap_closed(void *state)
{
    atomic_fetch_add(&((struct trap *)state)->closed, 1);
}

static void trap_init(int64_t at)
{
    memset(&trap, 0, sizeof trap);
    trap.at = at;
    event_init(&trap.entered);
    event_init(&trap.go);
    numbers_init(&n, 2000);
    kept_init(&k);
}

static weir_stage trap_stage(void)
{
    return (weir_stage){.name = "trap", .in = WEIR_I64, .map = spring, .state = &trap, .close = trap_closed, .place = WEIR_OWN};
}

static void end(weir_pipeline *p)
{
    weir_totals t;
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(trap.closed, 1);
    weir_totals_get(p, &t);
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.admitted, t.delivered + t.failed);
    weir_free(p);
    numbers_free(&n);
    kept_free(&k);
    event_free(&trap.entered);
    event_free(&trap.go);
}

/* Every number but those from `late` on, as many as are late, has arrived once, in order; all before them have met the stage. */
static void check_kept(int64_t at, int64_t late, bool met)
{
    size_t i = 0;
    for (int64_t v = 0; v < 2000; v++) {
        if (v >= at && v < at + late)
            continue;
        CHECK(i < k.count);
        CHECK_EQ(k.values[i], v < at && met ? v + 1000 : v);
        i++;
    }
    CHECK_EQ(k.count, i);
}

static weir_pipeline *start(const weir_stage *stage)
{
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_insert_after(p, "source", stage, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    event_wait(&trap.entered, 1);
    return p;
}

static bool retires(weir_pipeline *p, uint64_t *item)
{
    weir_stage_info info[8];
    size_t count = weir_stages(p, info, 8);
    for (size_t i = 0; i < count; i++)
        if (strcmp(info[i].name, "trap") == 0 && strcmp(info[i].status, "retiring") == 0) {
            *item = info[i].item;
            return true;
        }
    return false;
}

/* A stage with a thread of its own: one item is late, all others pass, before it comes back. */
static void one_item_of_a_blocking_stage(void *arg)
{
    (void)arg;
    trap_init(700);
    weir_stage stage = trap_stage();
    bool each = check_random() % 2;
    stage.map = each ? NULL : spring;
    stage.each = each ? spring_each : NULL;
    stage.blocking = true;
    weir_pipeline *p = start(&stage);
    weir_receipt r;
    uint64_t item = 0;
    CHECK_EQ(weir_divert(p, "trap", &r), 0);
    CHECK(r.changed);
    CHECK_EQ(r.late, 1);
    event_wait(&k.arrived, 1999);
    CHECK(retires(p, &item));
    CHECK_EQ(item, 701);
    CHECK_EQ(weir_settle(p, 1), WEIR_EBUSY);
    event_raise(&trap.go, 1);
    end(p);
    check_kept(700, 1, true);
}

/* Without a thread of its own the batch is in its hands. A worker is lost to it, and another takes its place. */
static void the_batch_of_another(void *arg)
{
    (void)arg;
    trap_init(0);
    weir_stage stage = trap_stage(), behind = {.name = "behind", .in = WEIR_I64, .map = add_one};
    weir_pipeline *p = start(&stage);
    CHECK_EQ(weir_insert_after(p, "trap", &behind, NULL), 0);
    CHECK_EQ(weir_pop(p, "behind", NULL), 0);
    weir_receipt r;
    CHECK_EQ(weir_divert(p, "trap", &r), 0);
    CHECK(r.late >= 1);
    event_wait(&k.arrived, 2000 - r.late);
    event_raise(&trap.go, 1);
    end(p);
    CHECK_EQ(k.count, 2000 - r.late);
    for (size_t i = 1; i < k.count; i++)
        CHECK(k.values[i] > k.values[i - 1]);
}

/* Popped first as usual: then everything behind the cut waits. A divert of the retiring stage lets it pass. */
static void a_stage_that_has_left_already(void *arg)
{
    (void)arg;
    trap_init(700);
    n.gated = true;
    n.allowed = 1000;
    weir_stage stage = trap_stage();
    stage.blocking = true;
    weir_pipeline *p = start(&stage);
    weir_receipt r;
    CHECK_EQ(weir_pop(p, "trap", NULL), 0);
    numbers_allow(&n, 2000);
    CHECK_EQ(weir_divert(p, "trap", &r), 0);
    CHECK_EQ(r.late, 1);
    event_wait(&k.arrived, 1999);
    event_raise(&trap.go, 1);
    end(p);
}

/* One that is not stuck is popped as by weir_pop(): nothing is late. */
static void one_that_is_not_stuck(void *arg)
{
    (void)arg;
    trap_init(-1);
    n.gated = true;
    weir_stage stage = trap_stage();
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_insert_after(p, "source", &stage, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 100);
    event_wait(&k.arrived, 100);
    weir_receipt r;
    CHECK_EQ(weir_divert(p, "trap", &r), 0);
    CHECK_EQ(r.late, 0);
    numbers_allow(&n, 2000);
    end(p);
    check_kept(100, 0, true);
}

/* The function returns at the very moment. */
static void let_go(void *arg)
{
    (void)arg;
    for (unsigned i = (unsigned)(check_random() % 200); i > 0; i--)
        plat_yield();
    event_raise(&trap.go, 1);
}

static void while_it_comes_back(void *arg)
{
    (void)arg;
    struct plat_thread thread;
    trap_init(700);
    weir_stage stage = trap_stage();
    stage.blocking = check_random() % 2;
    weir_pipeline *p = start(&stage);
    weir_receipt r;
    CHECK_EQ(plat_thread_start(&thread, "let go", let_go, NULL), 0);
    int status = weir_divert(p, "trap", &r);
    CHECK(status == WEIR_OK || status == WEIR_EENDED); /* it came back, and the source had ended: then a pop comes too late */
    plat_thread_join(&thread);
    CHECK_EQ(weir_drain(p), 0);
    size_t count = k.count;
    end(p);
    CHECK_EQ(count, 2000 - (int64_t)r.late);
}

static int ticks_made;

static int three_batches(void *state, weir_out *out)
{
    (void)state;
    if (ticks_made++)
        return 0;
    for (int64_t i = 0; i < 600; i++) {
        int64_t *v = weir_emit(out);
        if (!v)
            return weir_fail_memory();
        *v = i;
    }
    return 0;
}

static weir_verdict keep(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_KEEP;
}

/* A strand that is in the middle of what a tick puts out is not given up: the pop is an ordinary one. */
static void a_stage_stuck_in_what_a_tick_makes(void *arg)
{
    (void)arg;
    ticks_made = 0;
    trap_init(100);
    n.gated = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage = trap_stage(),
               ticker = {.name = "ticker", .in = WEIR_I64, .map = keep, .tick = three_batches, .tick_ms = 5};
    stage.place = WEIR_FUSED;
    CHECK_EQ(weir_insert_after(p, "source", &stage, NULL), 0);
    CHECK_EQ(weir_insert_after(p, "source", &ticker, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    event_wait(&trap.entered, 1);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_divert(e, stage.name);
    weir_edit_timeout(e, 5);
    weir_receipt r;
    int status = weir_commit(e, &r);
    CHECK(status == WEIR_EBUSY || (status == WEIR_OK && r.late == 0));
    event_raise(&trap.go, 1);
    numbers_allow(&n, 2000);
    weir_totals t;
    CHECK_EQ(weir_drain(p), 0);
    weir_totals_get(p, &t);
    CHECK_EQ(t.created, 600);
    CHECK_EQ(t.delivered, 2600);
    weir_free(p);
    CHECK_EQ(trap.closed, 1);
    numbers_free(&n);
    kept_free(&k);
    event_free(&trap.entered);
    event_free(&trap.go);
}

int main(void)
{
    check_run("one_item_of_a_blocking_stage", 300, one_item_of_a_blocking_stage);
    check_run("the_batch_of_another", 300, the_batch_of_another);
    check_run("a_stage_that_has_left_already", 300, a_stage_that_has_left_already);
    check_run("one_that_is_not_stuck", 100, one_that_is_not_stuck);
    check_run("while_it_comes_back", 1000, while_it_comes_back);
    check_run("a_stage_stuck_in_what_a_tick_makes", 100, a_stage_stuck_in_what_a_tick_makes);
    return check_done();
}
