/* SPDX-License-Identifier: MIT */
/*
 * Stages that are done with their items later: order, counts, errors, edits and ends, with a runtime of this test's own that finishes
 * items in any order. So what is seen here is the engine's part alone.
 *
 * The runtime: one thread; a member has so many hands, each of which takes an item, keeps it for a random number of rounds, and hands
 * it in. A hand that is cancelled fails its item at once, or keeps it (`stubborn`).
 */
#include <errno.h>
#include <weir/runtime.h>

#include "stages.h"

#define ITEMS 3000

/* ---- the runtime ------------------------------------------------------------------------------------------------------------ */

struct behaviour {
    bool unordered;
    int64_t fails_every; /* items whose value is a multiple of that fail, the first time or always */
    bool fails_once, expands, drops, stubborn;
    _Atomic bool hold; /* hands keep what they have */
    int64_t last;      /* of a source: puts out 0 .. last - 1, and comes to its end */
    int64_t next;
    int64_t parting; /* put out at the end, if not 0 */
    _Atomic int opened, closed;
    _Atomic uint64_t seen;
};

struct hand {
    bool busy;
    weir_slot *slot;
    int64_t item;
    unsigned rounds;
};

struct loops;
struct member {
    struct member *next;
    struct loops *loops;
    weir_crew *crew;
    struct behaviour *behaviour;
    struct hand *hands;
    unsigned count; /* of hands that there are */
    _Atomic unsigned wanted;
    bool source, over, ended, cancelled, parted;
    _Atomic bool busy;
};

struct loops {
    struct plat_lock lock;
    struct plat_cond cond;
    struct plat_thread thread;
    weir_turn *turns, **turns_end;
    struct member *members;
    bool quit;
};

#define HANDS_MAX 64

static struct event taken; /* items, of a stage that holds them */

static void run_loop(void *arg)
{
    struct loops *l = arg;
    plat_lock(&l->lock);
    for (;;) {
        weir_turn *turn = l->turns;
        if (turn) {
            l->turns = turn->next;
            if (!l->turns)
                l->turns_end = &l->turns;
            plat_unlock(&l->lock);
            weir_turn_run(turn);
            plat_lock(&l->lock);
            continue;
        }
        bool any = false;
        for (struct member *m = l->members; m; m = m->next)
            if (atomic_load(&m->busy)) {
                any = true;
                plat_unlock(&l->lock);
                weir_crew_nudge(m->crew);
                plat_lock(&l->lock);
                break;
            }
        if (l->quit)
            break;
        if (!any)
            plat_wait(&l->cond, &l->lock, UINT64_MAX);
    }
    plat_unlock(&l->lock);
}

static void *loops_new(unsigned count)
{
    (void)count;
    struct loops *l = plat_alloc(sizeof *l);
    if (!l) {
        weir_fail_memory();
        return NULL;
    }
    l->turns_end = &l->turns;
    CHECK_EQ(plat_lock_init(&l->lock), 0);
    CHECK_EQ(plat_cond_init(&l->cond), 0);
    CHECK_EQ(plat_thread_start(&l->thread, "loop", run_loop, l), 0);
    return l;
}

static void loops_free(void *loops)
{
    struct loops *l = loops;
    plat_lock(&l->lock);
    CHECK(!l->members);
    l->quit = true;
    plat_signal(&l->cond);
    plat_unlock(&l->lock);
    plat_thread_join(&l->thread);
    plat_cond_free(&l->cond);
    plat_lock_free(&l->lock);
    plat_free(l);
}

static void *member_new(void *loops, weir_crew *crew, const weir_stage *stage)
{
    struct member *m = plat_alloc(sizeof *m);
    if (m)
        m->hands = plat_alloc(HANDS_MAX * sizeof *m->hands);
    if (!m || !m->hands) {
        plat_free(m);
        weir_fail_memory();
        return NULL;
    }
    m->loops = loops;
    m->crew = crew;
    m->behaviour = stage->state;
    m->count = stage->concurrency ? stage->concurrency : 1;
    m->wanted = m->count;
    m->source = !stage->in;
    plat_lock(&m->loops->lock);
    m->next = m->loops->members;
    m->loops->members = m;
    plat_unlock(&m->loops->lock);
    return m;
}

static void member_free(void *member)
{
    struct member *m = member;
    plat_lock(&m->loops->lock);
    struct member **at = &m->loops->members;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    plat_unlock(&m->loops->lock);
    for (unsigned i = 0; i < HANDS_MAX; i++)
        CHECK(!m->hands[i].busy);
    plat_free(m->hands);
    plat_free(m);
}

static int member_resize(void *member, unsigned concurrency)
{
    atomic_store(&((struct member *)member)->wanted, concurrency);
    return 0;
}

static void ready(void *member, weir_turn *turn)
{
    struct loops *l = ((struct member *)member)->loops;
    plat_lock(&l->lock);
    turn->next = NULL;
    *l->turns_end = turn;
    l->turns_end = &turn->next;
    plat_signal(&l->cond);
    plat_unlock(&l->lock);
}

static void finish_item(struct member *m, struct hand *h)
{
    struct behaviour *b = m->behaviour;
    bool fails = b->fails_every && h->item % b->fails_every == 0 && !(b->fails_once && h->rounds == 99);
    int n = b->drops && h->item % 5 == 0 ? 0 : b->expands && h->item % 3 == 0 ? 3 : 1;
    for (int i = 0; i < n; i++)
        CHECK_EQ(weir_crew_emit(m->crew, h->slot, 0, &h->item), 0);
    h->busy = false;
    if (fails || (m->cancelled && !b->stubborn))
        weir_slot_fail(m->crew, h->slot, fails ? "it is one of those" : "cancelled");
    else
        weir_slot_done(m->crew, h->slot);
    atomic_fetch_add(&b->seen, 1);
}

static void work_source(struct member *m)
{
    struct behaviour *b = m->behaviour;
    while (!m->over) {
        if (m->cancelled || b->next == b->last) {
            m->over = true;
        } else {
            int says = weir_crew_emit(m->crew, NULL, 0, &b->next);
            if (says == -EAGAIN)
                return;
            CHECK_EQ(says, 0);
            b->next++;
        }
    }
}

static bool any_busy(const struct member *m)
{
    for (unsigned i = 0; i < HANDS_MAX; i++)
        if (m->hands[i].busy)
            return true;
    return false;
}

static void part(struct member *m)
{
    if (any_busy(m) || m->parted || m->over)
        return;
    if (m->ended && !m->cancelled && m->behaviour->parting) {
        int says = weir_crew_emit(m->crew, NULL, 0, &m->behaviour->parting);
        if (says == -EAGAIN)
            return;
        CHECK_EQ(says, 0);
    }
    m->parted = m->over = true;
}

static void work(void *member)
{
    struct member *m = member;
    bool keeps = atomic_load(&m->behaviour->hold) && !m->cancelled;
    if (m->source) {
        work_source(m);
        return;
    }
    m->count = atomic_load(&m->wanted);
    for (unsigned i = 0; i < HANDS_MAX; i++) {
        struct hand *h = &m->hands[i];
        if (h->busy && !keeps && (h->rounds == 0 || m->cancelled))
            finish_item(m, h);
        else if (h->busy && h->rounds)
            h->rounds--;
        if (!h->busy && i < m->count && !m->ended && !m->cancelled && (h->slot = weir_crew_take(m->crew, &h->item))) {
            h->busy = true;
            h->rounds = (unsigned)(check_random() % 4);
            if (keeps)
                event_raise(&taken, 1);
        }
    }
    if (m->ended || m->cancelled)
        part(m);
    atomic_store(&m->busy, any_busy(m) && !keeps);
}

static void end(void *member)
{
    struct member *m = member;
    if (m->ended)
        return;
    m->ended = true;
    weir_crew_nudge(m->crew);
}

static void cancel(void *member)
{
    struct member *m = member;
    m->cancelled = true;
    weir_crew_nudge(m->crew);
}

static bool alive(void *member)
{
    return !((struct member *)member)->over;
}

static void stop(void *member)
{
    struct member *m = member;
    m->over = true; /* nothing runs here, and no hand has anything: what rests has been drained */
    CHECK(!any_busy(m));
}

static const weir_runtime runtime = {sizeof runtime, loops_new, loops_free, member_new, member_free, member_resize, ready,
                                     work,           end,       cancel,     alive,      stop,        NULL};

/* ---- stages ------------------------------------------------------------------------------------------------------------------ */

static int no_loop(struct weir_task *t, void *state)
{
    (void)t;
    (void)state;
    return 0;
}

static int open_stage(void *state)
{
    atomic_fetch_add(&((struct behaviour *)state)->opened, 1);
    return 0;
}

static void close_stage(void *state)
{
    CHECK_EQ(atomic_fetch_add(&((struct behaviour *)state)->closed, 1), 0);
}

static weir_stage loop_stage(struct behaviour *b, const char *name, uint32_t concurrency)
{
    return (weir_stage){.name = name,
                        .in = WEIR_I64,
                        .loop = no_loop,
                        .concurrency = concurrency,
                        .unordered = b->unordered,
                        .on_error = WEIR_SKIP,
                        .state = b,
                        .open = open_stage,
                        .close = close_stage};
}

static struct numbers n;
static struct kept k;

static weir_pipeline *pipeline(const weir_stage *middle, bool start)
{
    kept_init(&k);
    numbers_init(&n, ITEMS);
    weir_pipeline *p = weir_new("crew");
    weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink");
    CHECK_EQ(weir_configure(p, &(weir_config){.batch_items = 8, .queue_batches = 4}), WEIR_OK);
    CHECK_EQ(weir_append(p, &source), WEIR_OK);
    if (middle)
        CHECK_EQ(weir_append(p, middle), WEIR_OK);
    CHECK_EQ(weir_append(p, &sink), WEIR_OK);
    if (start)
        CHECK_EQ(weir_start(p), WEIR_OK);
    return p;
}

static void totals(weir_pipeline *p, weir_totals *t)
{
    weir_totals_get(p, t);
    CHECK_EQ(t->admitted + t->created, t->delivered + t->filtered + t->failed + t->returned + t->in_flight);
}

static void done(weir_pipeline *p)
{
    weir_totals t;
    totals(p, &t);
    CHECK_EQ(t.in_flight, 0);
    weir_free(p);
    if (n.opened)
        numbers_free(&n);
    kept_free(&k);
    n.opened = 0;
}

/* ---- tests --------------------------------------------------------------------------------------------------------------------- */

static void items_come_out_in_order(void *arg)
{
    (void)arg;
    struct behaviour b = {0};
    weir_stage s = loop_stage(&b, "later", 8);
    weir_pipeline *p = pipeline(&s, true);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS);
    for (int64_t i = 0; i < ITEMS; i++)
        CHECK_EQ(k.values[i], i);
    CHECK_EQ(b.opened, 1);
    CHECK_EQ(b.closed, 1);
    done(p);
}

static void an_unordered_stage_loses_none(void *arg)
{
    (void)arg;
    static bool seen[ITEMS];
    struct behaviour b = {.unordered = true};
    weir_stage s = loop_stage(&b, "later", 8);
    weir_pipeline *p = pipeline(&s, true);
    memset(seen, 0, sizeof seen);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        CHECK(!seen[k.values[i]]);
        seen[k.values[i]] = true;
    }
    done(p);
}

/* What comes of item i: nothing, one or three of it, or it fails. */
static void more_and_fewer_items_and_failing_ones(void *arg)
{
    (void)arg;
    struct behaviour b = {.expands = true, .drops = true, .fails_every = 7, .parting = -5};
    weir_stage s = loop_stage(&b, "later", 5);
    weir_pipeline *p = pipeline(&s, true);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    size_t at = 0, failed = 0;
    for (int64_t i = 0; i < ITEMS; i++) {
        failed += i % 7 == 0;
        for (int c = i % 7 == 0 || i % 5 == 0 ? 0 : i % 3 == 0 ? 3 : 1; c > 0; c--)
            CHECK_EQ(k.values[at++], i);
    }
    CHECK_EQ(k.values[at++], -5);
    CHECK_EQ(k.count, at);
    weir_totals t;
    totals(p, &t);
    CHECK_EQ(t.failed, failed);
    done(p);
}

static void failing_is_tried_again_in_place(void *arg)
{
    (void)arg;
    struct behaviour b = {.fails_every = 11};
    weir_stage s = loop_stage(&b, "later", 5);
    s.retry = (weir_retry){.count = 2, .backoff_ms = 1};
    weir_pipeline *p = pipeline(&s, true);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    size_t at = 0;
    for (int64_t i = 0; i < ITEMS; i++)
        if (i % 11)
            CHECK_EQ(k.values[at++], i);
    CHECK_EQ(k.count, at);
    CHECK_EQ(b.seen, ITEMS + 2 * ((ITEMS + 10) / 11));
    done(p);
}

static void a_failure_that_stops_returns_what_is_behind(void *arg)
{
    (void)arg;
    struct behaviour b = {.fails_every = 501};
    weir_stage s = loop_stage(&b, "later", 5);
    s.on_error = WEIR_STOP;
    weir_pipeline *p = pipeline(&s, false);
    n.next = 1;
    CHECK_EQ(weir_start(p), WEIR_OK);
    CHECK_EQ(weir_run_to_end(p), WEIR_ESTAGE);
    CHECK_HAS(weir_error(p), "it is one of those");
    CHECK_EQ(k.count, 500);
    for (int64_t i = 0; i < 500; i++)
        CHECK_EQ(k.values[i], i + 1);
    done(p);
}

static void a_source_with_tasks(void *arg)
{
    (void)arg;
    struct behaviour b = {.last = ITEMS};
    kept_init(&k);
    weir_pipeline *p = weir_new("crew");
    weir_stage source = loop_stage(&b, "source", 1), sink = kept_stage(&k, "sink");
    source.in = NULL;
    source.out = WEIR_I64;
    CHECK_EQ(weir_configure(p, &(weir_config){.batch_items = 8, .queue_batches = 2}), WEIR_OK);
    CHECK_EQ(weir_append(p, &source), WEIR_OK);
    CHECK_EQ(weir_append(p, &sink), WEIR_OK);
    CHECK_EQ(weir_start(p), WEIR_OK);
    CHECK_EQ(weir_flush(p), WEIR_OK);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS);
    for (int64_t i = 0; i < ITEMS; i++)
        CHECK_EQ(k.values[i], i);
    CHECK_EQ(b.closed, 1);
    done(p);
}

static int64_t in_order; /* what has come, one after the other: more than fits anywhere */

static weir_verdict count_up(void *state, void *item)
{
    CHECK_EQ(*(int64_t *)item, in_order++);
    if (in_order == 100)
        event_raise(state, 1);
    return WEIR_KEEP;
}

static void closing_ends_an_endless_source(void *arg)
{
    (void)arg;
    struct behaviour b = {.last = INT64_MAX};
    struct event some;
    event_init(&some);
    in_order = 0;
    weir_pipeline *p = weir_new("crew");
    weir_stage source = loop_stage(&b, "source", 1);
    source.in = NULL;
    source.out = WEIR_I64;
    CHECK_EQ(weir_append(p, &source), WEIR_OK);
    CHECK_EQ(weir_append(p, &(weir_stage){.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .map = count_up, .state = &some}),
             WEIR_OK);
    CHECK_EQ(weir_start(p), WEIR_OK);
    event_wait(&some, 1);
    weir_close(p);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK(in_order >= 100);
    weir_free(p);
    CHECK_EQ(b.closed, 1);
    event_free(&some);
}

static void aborting_returns_what_is_in_hands(void *arg)
{
    (void)arg;
    struct behaviour b = {0};
    weir_stage s = loop_stage(&b, "later", 5);
    weir_pipeline *p = pipeline(&s, true);
    event_wait(&k.arrived, 10);
    weir_abort(p);
    weir_drain(p);
    CHECK_EQ(b.closed, 1);
    done(p);
}

/* Random edits around, and of, a stage with tasks; what comes out is in order and has been through each stage once. */
static void edits_keep_order(void *arg)
{
    (void)arg;
    struct behaviour b[40] = {0};
    size_t made = 1;
    weir_stage s = loop_stage(&b[0], "later", 4);
    weir_pipeline *p = pipeline(&s, true);
    bool in = true, before = false, behind = false;
    for (int i = 0; i < 30; i++) {
        weir_stage map = {.name = "before", .in = WEIR_I64, .map = add_one, .recipe = NULL};
        int status = WEIR_OK;
        switch (check_random() % 8) {
        case 0:
            status = before ? weir_pop(p, "before", NULL) : weir_insert_after(p, "source", &map, NULL);
            before ^= status == WEIR_OK;
            break;
        case 1:
            map.name = "behind";
            status = behind ? weir_pop(p, "behind", NULL) : weir_insert_before(p, "sink", &map, NULL);
            behind ^= status == WEIR_OK;
            break;
        case 2:
            if (in) {
                status = weir_pop(p, "later", NULL);
            } else {
                s = loop_stage(&b[made++], "later", 1 + (uint32_t)(check_random() % 8));
                status = weir_insert_after(p, before ? "before" : "source", &s, NULL);
            }
            in ^= status == WEIR_OK;
            break;
        case 3:
            if (in) {
                s = loop_stage(&b[made++], "later", 3);
                status = weir_replace(p, "later", &s, NULL);
            }
            break;
        case 4:
            if (in)
                status = weir_scale(p, "later", 1 + (unsigned)(check_random() % 12), NULL);
            break;
        case 5:
            status = weir_flush(p);
            break;
        case 6:
            if (in && before)
                status = weir_move_before(p, "later", "before", NULL);
            break;
        default:
            status = weir_settle(p, 0);
        }
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
        weir_totals t;
        totals(p, &t);
    }
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS);
    for (int64_t i = 0; i < ITEMS; i++) {
        CHECK(k.values[i] >= i && k.values[i] <= i + 2);
    }
    weir_free(p);
    for (size_t i = 0; i < made; i++)
        CHECK_EQ(b[i].closed, 1);
    numbers_free(&n);
    kept_free(&k);
}

static void popping_waits_for_those_in_hands(void *arg)
{
    (void)arg;
    struct behaviour b = {.hold = true};
    event_init(&taken);
    weir_stage s = loop_stage(&b, "later", 4);
    weir_pipeline *p = pipeline(&s, true);
    event_wait(&taken, 4);
    weir_receipt r;
    CHECK_EQ(weir_pop(p, "later", &r), WEIR_OK);
    CHECK(r.changed);
    CHECK_EQ(k.count, 0);
    CHECK_EQ(weir_settle(p, 1), WEIR_EBUSY);
    CHECK_HAS(weir_error(p), "later");
    weir_past past;
    atomic_store(&b.hold, false);
    CHECK_EQ(weir_divert(p, "later", &r), WEIR_OK); /* the one that retires */
    CHECK(r.late <= 4);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(weir_history(p, &past, 1), 1);
    CHECK(past.receipt.drained + past.receipt.diverted + past.receipt.cancelled > 0);
    weir_totals t;
    totals(p, &t);
    CHECK_EQ(t.delivered + t.failed, ITEMS);
    done(p);
    event_free(&taken);
}

static void diverting_lets_the_waiting_ones_pass(void *arg)
{
    (void)arg;
    struct behaviour b = {.hold = true};
    event_init(&taken);
    weir_stage s = loop_stage(&b, "later", 4);
    weir_pipeline *p = pipeline(&s, true);
    event_wait(&taken, 4);
    weir_receipt r;
    CHECK_EQ(weir_divert(p, "later", &r), WEIR_OK);
    CHECK(r.changed);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    weir_totals t;
    totals(p, &t);
    CHECK_EQ(t.delivered + t.failed, ITEMS);
    CHECK(t.failed <= 4);
    for (size_t i = 1; i < k.count; i++)
        CHECK(k.values[i] > k.values[i - 1]);
    weir_past past;
    CHECK_EQ(weir_history(p, &past, 1), 1);
    CHECK_EQ(past.receipt.cancelled, t.failed);
    done(p);
    event_free(&taken);
}

static void popping_cancels_at_the_deadline(void *arg)
{
    (void)arg;
    struct behaviour b = {.hold = true};
    event_init(&taken);
    weir_stage s = loop_stage(&b, "later", 4);
    weir_pipeline *p = pipeline(&s, true);
    event_wait(&taken, 4);
    weir_edit *e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_pop_within(e, "later", 5), WEIR_OK);
    CHECK_EQ(weir_commit(e, NULL), WEIR_OK);
    CHECK_EQ(weir_settle(p, 0), WEIR_OK);
    CHECK_EQ(b.closed, 1);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    weir_past past;
    CHECK_EQ(weir_history(p, &past, 1), 1);
    weir_totals t;
    totals(p, &t);
    CHECK_EQ(past.receipt.cancelled, t.failed);
    CHECK_EQ(t.delivered + t.failed, ITEMS);
    done(p);
    event_free(&taken);
}

static void concurrency_is_part_of_the_plan(void *arg)
{
    (void)arg;
    struct behaviour b = {0};
    weir_stage s = loop_stage(&b, "later", 4);
    weir_pipeline *p = pipeline(&s, false);
    n.gated = true;
    n.allowed = 10;
    CHECK_EQ(weir_scale(p, "later", 3, NULL), WEIR_OK);
    CHECK_EQ(weir_start(p), WEIR_OK);
    weir_stage_info info[3];
    weir_receipt r;
    CHECK_EQ(weir_scale(p, "later", 9, &r), WEIR_OK);
    CHECK(r.changed);
    CHECK_EQ(weir_stages(p, info, 3), 3);
    CHECK_EQ(info[1].lanes, 9);
    CHECK_HAS(info[1].place, "async");
    CHECK_EQ(weir_scale(p, "later", 9, &r), WEIR_OK);
    CHECK(!r.changed);
    CHECK_EQ(weir_undo(p, &r), WEIR_OK);
    CHECK_EQ(weir_stages(p, info, 3), 3);
    CHECK_EQ(info[1].lanes, 3);
    CHECK_EQ(weir_scale(p, "later", 100001, &r), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "100001 tasks for \"later\"; expected 1 to 100000");
    numbers_allow(&n, ITEMS);
    CHECK_EQ(weir_run_to_end(p), WEIR_OK);
    CHECK_EQ(k.count, ITEMS);
    done(p);
}

int main(void)
{
    weir_runtime_provide(&runtime);
    check_run("items_come_out_in_order", 20, items_come_out_in_order);
    check_run("an_unordered_stage_loses_none", 10, an_unordered_stage_loses_none);
    check_run("more_and_fewer_items_and_failing_ones", 20, more_and_fewer_items_and_failing_ones);
    check_run("failing_is_tried_again_in_place", 10, failing_is_tried_again_in_place);
    check_run("a_failure_that_stops_returns_what_is_behind", 20, a_failure_that_stops_returns_what_is_behind);
    check_run("a_source_with_tasks", 10, a_source_with_tasks);
    check_run("closing_ends_an_endless_source", 10, closing_ends_an_endless_source);
    check_run("aborting_returns_what_is_in_hands", 20, aborting_returns_what_is_in_hands);
    check_run("edits_keep_order", 60, edits_keep_order);
    check_run("popping_waits_for_those_in_hands", 10, popping_waits_for_those_in_hands);
    check_run("diverting_lets_the_waiting_ones_pass", 20, diverting_lets_the_waiting_ones_pass);
    check_run("popping_cancels_at_the_deadline", 20, popping_cancels_at_the_deadline);
    check_run("concurrency_is_part_of_the_plan", 10, concurrency_is_part_of_the_plan);
    return check_done();
}
