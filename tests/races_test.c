/* SPDX-License-Identifier: MIT */
/*
 * Races that were in the engine once, each with the least that showed it. In the simulator most hung or failed within a few of the
 * seeds that they run here, one within some hundred; on Linux, where it runs once, it is there for ThreadSanitizer and for what the
 * simulator does not know. A test that hangs in the simulator is reported as a lost wake-up.
 */
#include "stages.h"

#include <time.h>

static struct numbers n, other;
static struct kept k;

/* ---- small helpers ------------------------------------------------------------------------------------------------------- */

/* For what must not happen as time goes by; in the simulator it costs nothing. */
static void pass_time(uint64_t ns)
{
    struct plat_lock lock;
    struct plat_cond cond;
    CHECK(plat_lock_init(&lock) == 0 && plat_cond_init(&cond) == 0);
    plat_lock(&lock);
    uint64_t until = plat_now_ns() + ns;
    while (plat_now_ns() < until)
        plat_wait(&cond, &lock, until);
    plat_unlock(&lock);
    plat_cond_free(&cond);
    plat_lock_free(&lock);
}

/* A few instants more or less, so that seeds differ in when things meet. */
static void dawdle(uint64_t points)
{
    for (uint64_t i = 0; i < points; i++)
        plat_point();
}

static void relax(uint64_t times)
{
    for (uint64_t i = 0; i < times; i++)
        plat_relax();
}

static void append(weir_pipeline *p, weir_stage stage)
{
    CHECK_EQ(weir_append(p, &stage), 0);
}

static void put_before_sink(weir_pipeline *p, weir_stage stage)
{
    CHECK_EQ(weir_insert_before(p, "sink", &stage, NULL), 0);
}

/* Not started; its channels fill up at once. */
static weir_pipeline *tight_pipeline(void)
{
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_configure(p, &(weir_config){.queue_batches = 2, .batch_items = 8}), 0);
    return p;
}

static void release(weir_pipeline *p)
{
    weir_free(p);
    kept_free(&k);
    numbers_free(&n);
}

static weir_verdict pass_on(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_KEEP;
}

static int put_copies(void *item, weir_out *out, int copies)
{
    for (int i = 0; i < copies; i++) {
        int64_t *put = weir_emit(out);
        if (!put)
            return weir_fail_memory();
        *put = *(int64_t *)item;
    }
    return 0;
}

static int count_tick(void *state, weir_out *out)
{
    (void)out;
    event_raise(state, 1);
    return 0;
}

/* Gets stuck at the item whose number is its state. */
static struct event stuck, let_go;
static weir_verdict stick_at(void *state, void *item)
{
    if (*(int64_t *)item == (int64_t)(intptr_t)state) {
        event_raise(&stuck, 1);
        event_wait(&let_go, 1);
    }
    return WEIR_KEEP;
}

/* ---- edits that follow one another --------------------------------------------------------------------------------------- */

/* A stage was popped and put back in while what it had worked on still waited in front of the sink. The second edit cut in the
 * sink's strand, ahead of those items, so that they met the stage twice (G3). */
static void an_item_meets_one_revision_of_a_place(void *arg)
{
    (void)arg;
    numbers_init(&n, 2000);
    kept_init(&k);
    k.blocked = true;
    weir_pipeline *p = weir_new("test");
    CHECK_EQ(weir_configure(p, &(weir_config){.batch_items = 8, .queue_batches = 8}), 0);
    weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink");
    sink.blocking = false;
    source.place = WEIR_OWN; /* so that the second x runs in the strand of the sink */
    append(p, source);
    append(p, (weir_stage){.name = "x", .in = WEIR_I64, .map = times_ten, .place = WEIR_OWN});
    append(p, sink);
    CHECK_EQ(weir_start(p), 0);
    event_wait(&k.entered, 1);
    CHECK_EQ(weir_pop(p, "x", NULL), 0);
    weir_edit *e = weir_edit_begin(p);
    CHECK(e != NULL);
    weir_edit_insert_before(e, "sink", &(weir_stage){.name = "x", .in = WEIR_I64, .map = times_ten});
    CHECK_EQ(weir_commit_async(e, NULL, NULL), 0);
    pass_time(1000000);
    event_raise(&k.go, 1);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 2000);
    for (int64_t i = 0; i < 2000; i++)
        CHECK(k.values[i] == i || k.values[i] == i * 10);
    release(p);
}

struct plain_source {
    int64_t next, last;
    _Atomic bool gone;
    _Atomic int pulled_when_gone;
};

static int pull_then_idle(void *state, weir_out *out)
{
    struct plain_source *s = state;
    if (atomic_load(&s->gone))
        atomic_fetch_add(&s->pulled_when_gone, 1);
    if (s->next >= s->last)
        return WEIR_IDLE;
    int64_t *item = weir_emit(out);
    if (!item)
        return weir_fail_memory();
    *item = s->next++;
    return WEIR_MORE;
}

static int pull_then_end(void *state, weir_out *out)
{
    int says = pull_then_idle(state, out);
    return says == WEIR_IDLE ? WEIR_END : says;
}

/* A source without `close`, alone in its strand and idle, was replaced: the edit took hold of the idle strand and made the cut
 * itself, although the strand had to retire. It was never over, and weir_drain() waited for ever. */
static void an_idle_source_that_is_replaced_ends(void *arg)
{
    (void)arg;
    static struct plain_source a, b;
    a = (struct plain_source){.last = 10};
    b = (struct plain_source){.next = 10, .last = 20};
    kept_init(&k);
    weir_pipeline *p = weir_new("test");
    weir_stage source = {.name = "source", .out = WEIR_I64, .pull = pull_then_idle, .state = &a, .place = WEIR_OWN};
    append(p, source);
    append(p, kept_stage(&k, "sink"));
    CHECK_EQ(weir_start(p), 0);
    event_wait(&k.arrived, 10);
    pass_time(1000000);
    source.pull = pull_then_end;
    source.state = &b;
    CHECK_EQ(weir_replace(p, "source", &source, NULL), 0);
    CHECK_EQ(weir_settle(p, 0), 0);
    atomic_store(&a.gone, true);
    event_wait(&k.arrived, 20);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(a.pulled_when_gone, 0);
    weir_free(p);
    kept_free(&k);
}

static void close_sometime(void *arg)
{
    dawdle(check_random() % 150);
    weir_close(arg);
}

/* weir_close() came between the cut and the new plan's being put in force: the new source ran already and was the only one that
 * nobody interrupted. It waited for ever. */
static void a_close_reaches_a_source_that_is_on_its_way_in(void *arg)
{
    (void)arg;
    struct plat_thread closer;
    numbers_init(&n, 1000);
    n.gated = true;
    n.allowed = 10;
    numbers_init(&other, 2000);
    other.gated = true;
    other.next = other.allowed = 1500;
    kept_init(&k);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    event_wait(&k.arrived, 10);
    CHECK_EQ(plat_thread_start(&closer, "closer", close_sometime, p), 0);
    weir_stage source = numbers_stage(&other, "source");
    int status = weir_replace(p, "source", &source, NULL);
    CHECK(status == WEIR_OK || status == WEIR_EENDED);
    plat_thread_join(&closer);
    CHECK_EQ(weir_drain(p), 0);
    release(p);
    numbers_free(&other);
}

static int open_slowly(void *state)
{
    (void)state;
    dawdle(30);
    return 0;
}

static void unblock_sink_sometime(void *arg)
{
    (void)arg;
    dawdle(check_random() % 200);
    event_raise(&k.go, 1);
}

/* A replaced sink with a thread of its own was the last to end, and its thread waited for the turn to say so. Who had the turn was
 * an edit, which saw that the strand had ended and waited for that thread. */
static void an_edit_joins_no_thread_that_waits_for_its_turn(void *arg)
{
    (void)arg;
    static struct kept second;
    struct plat_thread unblocker;
    numbers_init(&n, 10);
    n.gated = true;
    n.allowed = 5;
    kept_init(&k);
    k.blocked = true;
    kept_init(&second);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    event_wait(&k.entered, 1);
    weir_stage sink2 = kept_stage(&second, "sink2");
    CHECK_EQ(weir_replace(p, "sink", &sink2, NULL), 0);
    numbers_allow(&n, 10);
    event_wait(&second.arrived, 5);
    CHECK_EQ(plat_thread_start(&unblocker, "unblocker", unblock_sink_sometime, NULL), 0);
    weir_stage x = {.name = "x", .in = WEIR_I64, .map = add_one, .open = open_slowly};
    int status = weir_insert_before(p, "sink2", &x, NULL);
    CHECK(status == WEIR_OK || status == WEIR_EENDED);
    plat_thread_join(&unblocker);
    CHECK_EQ(weir_drain(p), 0);
    release(p);
    kept_free(&second);
}

static weir_verdict negate(void *state, void *item)
{
    (void)state;
    *(int64_t *)item = -*(int64_t *)item - 1;
    return WEIR_KEEP;
}

/* The edit took hold of the source inside its function: what the call had put out so far went behind the cut, but the receipt counted
 * it as ahead. */
static void a_receipt_says_where_the_cut_is(void *arg)
{
    (void)arg;
    enum { EDITS_MAX = 64 };
    static const weir_stage x = {.name = "x", .in = WEIR_I64, .map = negate, .place = WEIR_OWN};
    weir_receipt r;
    uint64_t at[EDITS_MAX];
    int made = 0;
    numbers_init(&n, 3000);
    n.gated = true;
    n.allowed = 3000;
    kept_init(&k);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    event_wait(&k.arrived, 20);
    while (made < EDITS_MAX && (made % 2 ? weir_pop(p, "x", &r) : weir_insert_after(p, "source", &x, &r)) == 0)
        at[made++] = r.items_before;
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 3000);
    int edits = 0;
    for (int64_t i = 0; i < 3000; i++) {
        while (edits < made && (uint64_t)i >= at[edits])
            edits++;
        CHECK_EQ(k.values[i], edits % 2 ? -i - 1 : i);
    }
    release(p);
}

/* The only worker was stuck in a stage's function. The strand in front was ready and ran nowhere, but an edit of it waited for a
 * worker to make the cut (G5). */
static void an_edit_of_a_ready_strand_needs_no_worker(void *arg)
{
    (void)arg;
    event_init(&stuck);
    event_init(&let_go);
    numbers_init(&n, 1000000);
    kept_init(&k);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_configure(p, &(weir_config){.workers = 1, .queue_batches = 4096, .batch_items = 8}), 0);
    put_before_sink(p, (weir_stage){.name = "s", .in = WEIR_I64, .map = stick_at, .state = (void *)3, .place = WEIR_OWN});
    CHECK_EQ(weir_start(p), 0);
    event_wait(&stuck, 1);
    weir_edit *e = weir_edit_begin(p);
    CHECK(e != NULL);
    weir_edit_timeout(e, 1000);
    weir_edit_insert_after(e, "source", &(weir_stage){.name = "x", .in = WEIR_I64, .map = pass_on});
    int status = weir_commit(e, NULL);
    if (status != WEIR_OK)
        check_failed(__FILE__, __LINE__, "the edit", "%d: %s", status, weir_error(p));
    weir_abort(p);
    event_raise(&let_go, 1);
    CHECK_EQ(weir_drain(p), 0);
    release(p);
    event_free(&stuck);
    event_free(&let_go);
}

static _Atomic int closed;

static void close_slowly(void *state)
{
    (void)state;
    dawdle(10);
    atomic_store(&closed, 1);
}

static void pop_a(void *arg)
{
    CHECK_EQ(weir_pop(arg, "a", NULL), 0);
}

/* A parked stage that was popped was out of the plan before it was closed, and nobody was told when it was: weir_settle() beside the
 * pop slept on. */
static void settling_waits_for_a_parked_stage_that_leaves(void *arg)
{
    (void)arg;
    struct plat_thread popper;
    closed = 0;
    numbers_init(&n, 100);
    n.gated = true;
    n.allowed = 5;
    kept_init(&k);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_add(p, &(weir_stage){.name = "a", .in = WEIR_I64, .map = add_one, .close = close_slowly}), 0);
    CHECK_EQ(weir_start(p), 0);
    numbers_await_waiting(&n);
    CHECK_EQ(plat_thread_start(&popper, "popper", pop_a, p), 0);
    for (int i = 0; i < 20; i++) {
        plat_point();
        bool out = weir_stages(p, NULL, 0) == 2;
        CHECK_EQ(weir_settle(p, 0), 0);
        if (out)
            CHECK_EQ(closed, 1);
    }
    plat_thread_join(&popper);
    numbers_allow(&n, 100);
    CHECK_EQ(weir_drain(p), 0);
    release(p);
}

/* ---- ticks and flushes --------------------------------------------------------------------------------------------------- */

static int put_twice(void *state, void *item, weir_out *out)
{
    (void)state;
    return put_copies(item, out, 2);
}

/* A tick came due while the channel behind the stage was full. It was taken off the clock but not made, and no other ever came. */
static void a_tick_is_not_forgotten_while_the_channel_is_full(void *arg)
{
    (void)arg;
    static struct event ticks;
    event_init(&ticks);
    numbers_init(&n, 1000);
    n.idle = true;
    n.allowed = 8 + (int64_t)(check_random() % 60);
    uint64_t made = 2 * (uint64_t)n.allowed;
    kept_init(&k);
    k.blocked = true;
    weir_pipeline *p = tight_pipeline();
    put_before_sink(p, (weir_stage){.name = "t",
                                    .in = WEIR_I64,
                                    .out = WEIR_I64,
                                    .each = put_twice,
                                    .tick = count_tick,
                                    .tick_ms = 2,
                                    .state = &ticks,
                                    .place = WEIR_OWN});
    CHECK_EQ(weir_start(p), 0);
    event_wait(&k.entered, 1);
    pass_time(20000000);
    event_raise(&k.go, 1);
    event_wait(&k.arrived, made);
    event_wait(&ticks, event_count(&ticks) + 5);
    weir_close(p);
    CHECK_EQ(weir_drain(p), 0);
    release(p);
    event_free(&ticks);
}

/* What the process has done so far: switches of fibers, or microseconds of its processors' time. */
#ifdef SIM
#define EFFORT_MAX 5000
static uint64_t effort(void)
{
    return sim_switches();
}
#else
#define EFFORT_MAX 20000
static uint64_t effort(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
#endif

static struct event second_pull, may_end;

static int pull_twice(void *state, weir_out *out)
{
    bool *put = state;
    if (!*put) {
        int64_t *item = weir_emit(out);
        if (!item)
            return weir_fail_memory();
        *item = 1;
        *put = true;
        return WEIR_MORE;
    }
    event_raise(&second_pull, 1);
    event_wait(&may_end, 1);
    return WEIR_END;
}

static weir_verdict fail_behind_the_pull(void *state, void *item)
{
    (void)state;
    (void)item;
    event_wait(&second_pull, 1);
    return weir_fail("on purpose");
}

/* The next tick of a stage that had failed was never made and so stayed due: its strand was woken again and again, and a worker
 * was busy with that until the end. */
static void a_stage_that_has_failed_ticks_no_more(void *arg)
{
    (void)arg;
    static struct event ticks;
    bool put = false;
    event_init(&ticks);
    event_init(&second_pull);
    event_init(&may_end);
    kept_init(&k);
    weir_pipeline *p = weir_new("test");
    append(p, (weir_stage){.name = "source", .out = WEIR_I64, .pull = pull_twice, .state = &put, .blocking = true});
    append(p, (weir_stage){.name = "t",
                           .in = WEIR_I64,
                           .map = fail_behind_the_pull,
                           .tick = count_tick,
                           .tick_ms = 2,
                           .state = &ticks,
                           .place = WEIR_OWN});
    append(p, kept_stage(&k, "sink"));
    CHECK_EQ(weir_start(p), 0);
    event_wait(&second_pull, 1);
    uint64_t before = effort();
    pass_time(50000000);
    uint64_t spent = effort() - before;
    if (spent >= EFFORT_MAX)
        CHECK_EQ(spent, 0);
    event_raise(&may_end, 1);
    CHECK_EQ(weir_drain(p), WEIR_ESTAGE);
    weir_free(p);
    kept_free(&k);
    event_free(&ticks);
    event_free(&second_pull);
    event_free(&may_end);
}

static struct event go_past_b;

static weir_verdict wait_in_b(void *state, void *item)
{
    (void)state;
    (void)item;
    event_raise(&stuck, 1);
    event_wait(&go_past_b, 1);
    return WEIR_KEEP;
}

/* Of three workers two got stuck in stages' functions. One of them had been told of the next tick; the third slept on without a
 * deadline, and nobody kept time. */
static void the_last_free_worker_keeps_time(void *arg)
{
    (void)arg;
    static struct event ticks;
    event_init(&ticks);
    event_init(&stuck);
    event_init(&let_go);
    event_init(&go_past_b);
    numbers_init(&n, 100);
    n.gated = true;
    n.next = 1;
    kept_init(&k);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_configure(p, &(weir_config){.workers = 3}), 0);
    put_before_sink(p, (weir_stage){.name = "s2", .in = WEIR_I64, .map = stick_at, .state = (void *)2, .place = WEIR_OWN});
    put_before_sink(p, (weir_stage){.name = "b", .in = WEIR_I64, .map = wait_in_b, .blocking = true});
    put_before_sink(p, (weir_stage){.name = "s1", .in = WEIR_I64, .map = stick_at, .state = (void *)1, .place = WEIR_OWN});
    put_before_sink(
        p,
        (weir_stage){
            .name = "t", .in = WEIR_I64, .map = pass_on, .tick = count_tick, .tick_ms = 2, .state = &ticks, .place = WEIR_OWN});
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 2);
    event_wait(&stuck, 1); /* item 1 is in b */
    event_wait(&ticks, 1 + check_random() % 3);
    dawdle(60);
    event_raise(&go_past_b, 1); /* item 1 goes on to s1, item 2 comes to s2 */
    numbers_allow(&n, 3);
    event_wait(&stuck, 3);
    event_wait(&ticks, event_count(&ticks) + 4);
    event_raise(&let_go, 1);
    weir_close(p);
    CHECK_EQ(weir_drain(p), 0);
    release(p);
    event_free(&ticks);
    event_free(&stuck);
    event_free(&let_go);
    event_free(&go_past_b);
}

static _Atomic int64_t flushed;

static int flush_eight(void *state, weir_out *out)
{
    (void)state;
    int64_t item = -1;
    atomic_fetch_add(&flushed, 8);
    return put_copies(&item, out, 8);
}

/* The source made every flush that was asked for although there was no room for what it would put out: behind a stuck sink memory
 * grew with each. */
static void flushes_wait_for_room(void *arg)
{
    (void)arg;
    flushed = 0;
    numbers_init(&n, 1000000);
    kept_init(&k);
    k.blocked = true;
    weir_pipeline *p = tight_pipeline();
    put_before_sink(p, (weir_stage){.name = "f", .in = WEIR_I64, .map = pass_on, .flush = flush_eight});
    CHECK_EQ(weir_start(p), 0);
    event_wait(&k.entered, 1);
    for (int i = 0; i < 300; i++) {
        CHECK_EQ(weir_flush(p), 0);
        relax(40);
    }
    int64_t put = atomic_load(&flushed);
    if (put >= 100)
        CHECK_EQ(put, 0);
    weir_abort(p);
    event_raise(&k.go, 1);
    CHECK_EQ(weir_drain(p), 0);
    release(p);
}

/* ---- counts and failures ------------------------------------------------------------------------------------------------- */

static _Atomic bool stop_looking;

static void look(void *arg)
{
    while (!atomic_load(&stop_looking)) {
        weir_totals t;
        weir_totals_get(arg, &t);
        CHECK((int64_t)t.in_flight >= 0);
        plat_relax();
    }
}

/* The stage is put in and popped while another thread looks at the totals. */
static void look_while_it_comes_and_goes(weir_stage stage)
{
    struct plat_thread looker;
    numbers_init(&n, 1500);
    stop_looking = false;
    kept_init(&k);
    weir_pipeline *p = tight_pipeline();
    CHECK_EQ(weir_start(p), 0);
    CHECK_EQ(plat_thread_start(&looker, "looker", look, p), 0);
    event_wait(&k.arrived, 10);
    if (weir_insert_after(p, "source", &stage, NULL) == WEIR_OK) {
        relax(check_random() % 2 ? 50 : 0);
        weir_pop(p, "x", NULL);
    }
    CHECK_EQ(weir_drain(p), 0);
    atomic_store(&stop_looking, true);
    plat_thread_join(&looker);
    release(p);
}

static int put_thrice(void *state, void *item, weir_out *out)
{
    (void)state;
    return put_copies(item, out, 3);
}

/* Between the cut and the new plan's being put in force the new stage was in neither list, so that what it had made was delivered but
 * not created: fewer than none were in flight. */
static void totals_know_what_a_new_stage_has_created(void *arg)
{
    (void)arg;
    look_while_it_comes_and_goes((weir_stage){
        .name = "x", .in = WEIR_I64, .out = WEIR_I64, .each = put_thrice, .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED});
}

static weir_verdict drop(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_DROP;
}

/* A stage that left was for an instant both in the plan and among those that had left: what it had filtered counted twice. */
static void totals_count_a_leaving_stage_once(void *arg)
{
    (void)arg;
    look_while_it_comes_and_goes(
        (weir_stage){.name = "x", .in = WEIR_I64, .map = drop, .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED});
}

struct holding {
    int64_t items[64];
    size_t count;
};

static int hold_item(void *state, void *item, weir_out *out)
{
    (void)out;
    struct holding *h = state;
    CHECK(h->count < 64);
    h->items[h->count++] = *(int64_t *)item;
    return 0;
}

static int put_held(void *state, weir_out *out)
{
    struct holding *h = state;
    for (size_t i = 0; i < h->count; i++)
        if (put_copies(&h->items[i], out, 1))
            return -1;
    h->count = 0;
    return 0;
}

static weir_verdict fail_at_five(void *state, void *item)
{
    if (*(int64_t *)item != 5)
        return WEIR_KEEP;
    event_raise(state, 1);
    return weir_fail("five");
}

/* An edit of a strand in which a stage had failed forgot which stages stood behind that one: what they held was never put out. */
static void an_edit_after_a_failure_loses_nothing_held(void *arg)
{
    (void)arg;
    static struct event failed;
    struct holding h = {0};
    event_init(&failed);
    numbers_init(&n, 1000);
    n.gated = true;
    kept_init(&k);
    weir_pipeline *p = weir_new("test");
    weir_stage source = numbers_stage(&n, "source");
    source.interrupt = NULL;
    append(p, source);
    append(p, (weir_stage){.name = "fail", .in = WEIR_I64, .map = fail_at_five, .state = &failed});
    append(p, (weir_stage){.name = "hold", .in = WEIR_I64, .out = WEIR_I64, .each = hold_item, .flush = put_held, .state = &h});
    append(p, kept_stage(&k, "sink"));
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 10);
    event_wait(&failed, 1);
    int status = weir_insert_before(p, "sink", &(weir_stage){.name = "x", .in = WEIR_I64, .map = pass_on}, NULL);
    CHECK(status == WEIR_OK || status == WEIR_EENDED);
    numbers_allow(&n, 1000);
    CHECK_EQ(weir_drain(p), WEIR_ESTAGE);
    CHECK_EQ(h.count, 0);
    CHECK_EQ(k.count, 5);
    release(p);
    event_free(&failed);
}

static struct event up;

static weir_verdict fails_while_down(void *state, void *item)
{
    (void)state;
    (void)item;
    return event_count(&up) ? WEIR_KEEP : weir_fail("down");
}

/* What the cut flushes has to be tried again for a long time: the commit says so at its deadline, and that it is made. */
static void a_cut_that_waits_for_what_it_flushes(void *arg)
{
    (void)arg;
    struct holding h = {0};
    event_init(&up);
    numbers_init(&n, 20);
    n.gated = true;
    kept_init(&k);
    weir_pipeline *p = weir_new("test");
    append(p, numbers_stage(&n, "source"));
    append(p, (weir_stage){.name = "hold", .in = WEIR_I64, .out = WEIR_I64, .each = hold_item, .flush = put_held, .state = &h});
    append(p, (weir_stage){
                  .name = "flaky", .in = WEIR_I64, .map = fails_while_down, .retry = {.count = 1000000, .backoff_ms = 1}});
    append(p, kept_stage(&k, "sink"));
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 10);
    numbers_await_waiting(&n);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_timeout(e, 10);
    weir_edit_pop(e, "hold");
    weir_receipt r;
    uint64_t since = plat_now_ns();
    int status = weir_commit(e, &r);
    CHECK(plat_now_ns() - since < UINT64_C(5000000000));
    CHECK(status == WEIR_OK || status == WEIR_EBUSY);
    event_raise(&up, 1);
    numbers_allow(&n, 20);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 20);
    weir_free(p);
    numbers_free(&n);
    kept_free(&k);
    event_free(&up);
}

int main(void)
{
    check_run("an_item_meets_one_revision_of_a_place", 50, an_item_meets_one_revision_of_a_place);
    check_run("an_idle_source_that_is_replaced_ends", 50, an_idle_source_that_is_replaced_ends);
    check_run("a_close_reaches_a_source_that_is_on_its_way_in", 3000, a_close_reaches_a_source_that_is_on_its_way_in);
    check_run("an_edit_joins_no_thread_that_waits_for_its_turn", 3000, an_edit_joins_no_thread_that_waits_for_its_turn);
    check_run("a_receipt_says_where_the_cut_is", 200, a_receipt_says_where_the_cut_is);
    check_run("an_edit_of_a_ready_strand_needs_no_worker", 20, an_edit_of_a_ready_strand_needs_no_worker);
    check_run("settling_waits_for_a_parked_stage_that_leaves", 500, settling_waits_for_a_parked_stage_that_leaves);
    check_run("a_tick_is_not_forgotten_while_the_channel_is_full", 500, a_tick_is_not_forgotten_while_the_channel_is_full);
    check_run("a_stage_that_has_failed_ticks_no_more", 20, a_stage_that_has_failed_ticks_no_more);
    check_run("the_last_free_worker_keeps_time", 1000, the_last_free_worker_keeps_time);
    check_run("flushes_wait_for_room", 10, flushes_wait_for_room);
    check_run("totals_know_what_a_new_stage_has_created", 500, totals_know_what_a_new_stage_has_created);
    check_run("totals_count_a_leaving_stage_once", 500, totals_count_a_leaving_stage_once);
    check_run("an_edit_after_a_failure_loses_nothing_held", 100, an_edit_after_a_failure_loses_nothing_held);
    check_run("a_cut_that_waits_for_what_it_flushes", 100, a_cut_that_waits_for_what_it_flushes);
    return check_done();
}
