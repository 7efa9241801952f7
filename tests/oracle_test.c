/* SPDX-License-Identifier: MIT */
/*
 * The oracle for G1 to G4 and G7: numbered items flow while stages are inserted, popped and replaced at random, in every placement
 * and shape. The sink knows what must come: each number once, in order (G1, G2); the versions that stages `a` and `b` wrote, which
 * are always replaced by one edit together, equal and never falling (G3, G4). Every inserted stage checks its own life: opened
 * once, calls that never overlap, flushed once and closed once, in that order, and nothing after that (G6, G7).
 *
 * Runs of `everything` do all there is, from three threads at once: sources are replaced as well, stages are parked and come back,
 * edits time out or are committed behind the caller's back, another thread asks for edits of its own, a third flushes, wakes,
 * settles and looks at the totals; and the pipeline ends in the middle of it, by itself, closed, aborted or because a stage fails.
 */
#include <weir/weir.h>

#include <stdatomic.h>

#include "check.h"

#define STAGES_MAX 4096

struct item {
    int64_t number;
    uint32_t a, b;
};
static const weir_type item_type = {.name = "item", .size = sizeof(struct item)};

/* One stage that the test has made. */
struct probe {
    struct run *run;
    uint32_t version;
    char tag;                  /* 'a' or 'b': writes its version there; else 0 */
    bool has_flush, has_close; /* one that has neither leaves without a call */
    bool idles;                /* a source: says now and then that it has nothing, until its tick wakes it */
    _Atomic int inside, opened, closed;
    bool flushed; /* since the last item */
    int64_t last;
    struct item held[8]; /* a stage that holds items: puts them out when it has `hold`, at a tick, or at the flush */
    size_t held_count, hold;
};

struct run {
    weir_pipeline *p;
    bool slow;
    bool everything;         /* set once before start: edits may be refused, or be withdrawn */
    _Atomic bool fails;      /* items may be missing: it will be aborted, or a stage will fail */
    int64_t fail_at;         /* the item that the failing stage fails on, at the earliest */
    int64_t items;           /* the source's: how many it makes; it ends then, or when it is closed */
    int64_t next;            /* the source's; of several one after the other */
    int64_t expected, taken; /* the sink's */
    uint32_t last_version;   /* the sink's */
    _Atomic uint32_t version;
    struct probe *probes[STAGES_MAX];
    _Atomic size_t probe_count;
    struct event arrived;
    _Atomic uint64_t asked; /* edits that were committed asynchronously */
    struct event answered;  /* those whose `done` was called */
    _Atomic bool stop_looking;
};

/* ---- stages -------------------------------------------------------------------------------------------------------------- */

static void go_in(struct probe *probe)
{
    CHECK_EQ(atomic_fetch_add(&probe->inside, 1), 0);
    CHECK_EQ(atomic_load(&probe->closed), 0);
}

static void go_out(struct probe *probe)
{
    atomic_fetch_sub(&probe->inside, 1);
}

static void touch(struct probe *probe, struct item *item)
{
    CHECK(item->number > probe->last);
    probe->last = item->number;
    probe->flushed = false;
    if (probe->tag == 'a')
        item->a = probe->version;
    if (probe->tag == 'b')
        item->b = probe->version;
}

static weir_verdict map_item(void *state, void *item)
{
    go_in(state);
    touch(state, item);
    go_out(state);
    return WEIR_KEEP;
}

static size_t map_batch(void *state, void *items, size_t n)
{
    go_in(state);
    for (size_t i = 0; i < n; i++)
        touch(state, (struct item *)items + i);
    go_out(state);
    return n;
}

static int put_held(struct probe *probe, weir_out *out)
{
    for (size_t i = 0; i < probe->held_count; i++) {
        struct item *put = weir_emit(out);
        if (!put)
            return weir_fail_memory();
        *put = probe->held[i];
    }
    probe->held_count = 0;
    return 0;
}

static int each_item(void *state, void *item, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    touch(probe, item);
    probe->held[probe->held_count++] = *(struct item *)item;
    int status = probe->held_count >= probe->hold ? put_held(probe, out) : 0;
    go_out(probe);
    return status;
}

static int tick_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int status = put_held(probe, out);
    go_out(probe);
    return status;
}

static int open_probe(void *state)
{
    struct probe *probe = state;
    CHECK_EQ(atomic_fetch_add(&probe->opened, 1), 0);
    return 0;
}

static int flush_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    probe->flushed = true;
    int status = put_held(probe, out);
    go_out(probe);
    return status;
}

static void close_probe(void *state)
{
    struct probe *probe = state;
    CHECK_EQ(atomic_load(&probe->inside), 0);
    CHECK_EQ(atomic_fetch_add(&probe->closed, 1), 0);
    CHECK(probe->held_count == 0 || probe->run->fails);
}

static int make_items(struct run *run, weir_out *out)
{
    size_t got;
    if (run->next == run->items)
        return WEIR_END;
    struct item *items = weir_emit_many(out, 1 + check_random() % 300, &got);
    if (!items)
        return weir_fail_memory();
    for (size_t i = 0; i < got; i++)
        items[i] = (struct item){.number = run->next++};
    if (run->next > run->items)
        run->items = run->next;
    return WEIR_MORE;
}

/* A source is a probe too: where one is replaced they come one after the other, never beside each other. */
static int pull_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int says = make_items(probe->run, out);
    if (says == WEIR_MORE && probe->idles && check_random() % 8 == 0)
        says = WEIR_IDLE;
    go_out(probe);
    return says;
}

static weir_verdict take_item(void *state, void *arg)
{
    struct run *run = state;
    struct item *item = arg;
    if (run->fails) /* what was returned is missing */
        CHECK(item->number >= run->expected);
    else
        CHECK_EQ(item->number, run->expected);
    CHECK_EQ(item->a, item->b);
    CHECK(item->a >= run->last_version);
    run->last_version = item->a;
    run->expected = item->number + 1;
    run->taken++;
    return WEIR_KEEP;
}

static weir_verdict fail_in_time(void *state, void *arg)
{
    struct run *run = state;
    struct item *item = arg;
    return item->number >= run->fail_at ? weir_fail("on purpose") : WEIR_KEEP;
}

static int batch_taken(void *state)
{
    struct run *run = state;
    event_raise(&run->arrived, 1);
    if (run->slow) /* as if writing took its time: everything in front fills up */
        for (int i = 0; i < 20; i++)
            plat_relax();
    return 0;
}

/* ---- making and checking runs -------------------------------------------------------------------------------------------- */

static struct probe *new_probe(struct run *run, char tag)
{
    struct probe *probe = calloc(1, sizeof *probe);
    size_t at = atomic_fetch_add(&run->probe_count, 1);
    CHECK(probe != NULL && at < STAGES_MAX);
    probe->run = run;
    probe->tag = tag;
    probe->version = run->version;
    probe->last = -1;
    probe->hold = 1 + check_random() % 8;
    run->probes[at] = probe;
    return probe;
}

/* A stage in a random shape and placement. */
static weir_stage new_stage(struct run *run, const char *name, char tag)
{
    weir_stage stage = {.name = name,
                        .in = &item_type,
                        .state = new_probe(run, tag),
                        .open = open_probe,
                        .flush = flush_probe,
                        .close = close_probe};
    switch (check_random() % 3) {
    case 0:
        stage.map = map_item;
        break;
    case 1:
        stage.batch = map_batch;
        break;
    default:
        stage.each = each_item;
    }
    stage.place = check_random() % 3 == 0 ? WEIR_OWN : WEIR_FUSED;
    stage.blocking = check_random() % 8 == 0;
    struct probe *probe = stage.state;
    probe->has_flush = probe->has_close = stage.each || check_random() % 3 != 0;
    if (!probe->has_flush) {
        stage.flush = NULL;
        stage.close = NULL;
    } else if (check_random() % 4 == 0) {
        stage.tick = tick_probe;
        stage.tick_ms = 1 + (uint32_t)(check_random() % 2);
    }
    return stage;
}

static weir_stage new_source(struct run *run)
{
    struct probe *probe = new_probe(run, 0);
    weir_stage stage = {.name = "source",
                        .out = &item_type,
                        .state = probe,
                        .pull = pull_probe,
                        .open = open_probe,
                        .blocking = check_random() % 3 == 0,
                        .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED};
    probe->has_close = check_random() % 3 != 0;
    if (probe->has_close)
        stage.close = close_probe;
    probe->idles = run->everything && !stage.blocking;
    if (probe->idles) {
        stage.tick = tick_probe;
        stage.tick_ms = 1;
    }
    return stage;
}

/* What `run` asks for is set: items, slow, everything, fails. */
static void start(struct run *run)
{
    event_init(&run->arrived);
    event_init(&run->answered);
    run->p = weir_new("oracle");
    CHECK(run->p != NULL);
    unsigned r = (unsigned)check_random();
    CHECK_EQ(weir_configure(run->p, &(weir_config){.queue_batches = r % 2 ? 2 : 16, .batch_items = r % 4 < 2 ? 8 : 256}), 0);
    weir_stage source = new_source(run), a = new_stage(run, "a", 'a'), b = new_stage(run, "b", 'b');
    CHECK_EQ(weir_append(run->p, &source), 0);
    CHECK_EQ(weir_append(run->p, &a), 0);
    CHECK_EQ(weir_append(run->p, &b), 0);
    CHECK_EQ(weir_append(run->p, &(weir_stage){.name = "sink",
                                               .in = &item_type,
                                               .out = WEIR_NONE,
                                               .map = take_item,
                                               .batch_end = batch_taken,
                                               .state = run,
                                               .blocking = check_random() % 3 == 0,
                                               .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED}),
             0);
    CHECK_EQ(weir_start(run->p), 0);
}

static void check_totals(struct run *run, bool at_end)
{
    weir_totals t;
    weir_totals_get(run->p, &t);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned + t.in_flight);
    CHECK((int64_t)t.in_flight >= 0);
    if (!run->fails)
        CHECK_EQ(t.failed + t.returned, 0);
    if (!at_end)
        return;
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.admitted, run->next);
    CHECK_EQ(t.delivered, run->taken);
    if (run->fails)
        return;
    CHECK_EQ(t.delivered, run->next);
    CHECK_EQ(t.created, t.filtered); /* what holding stages held, they put out again */
}

static void check_life(const struct probe *probe)
{
    if (probe->has_close)
        CHECK_EQ(probe->closed, 1);
    if (probe->has_flush && !probe->run->fails)
        CHECK(probe->flushed || probe->last < 0); /* the flush came after the last item; a stage of a refused edit saw none */
}

static void finish(struct run *run)
{
    int status = weir_drain(run->p);
    if (status != WEIR_OK && !(run->fails && status == WEIR_ESTAGE))
        check_failed(__FILE__, __LINE__, "weir_drain()", "%d: %s", status, weir_error(run->p));
    event_wait(&run->answered, run->asked);
    if (!run->fails)
        CHECK_EQ(run->expected, run->next);
    check_totals(run, true);
    weir_free(run->p);
    CHECK_EQ(run->answered.count, run->asked);
    for (size_t i = 0; i < run->probe_count; i++) {
        check_life(run->probes[i]);
        free(run->probes[i]);
    }
    event_free(&run->arrived);
    event_free(&run->answered);
}

/* ---- random edits -------------------------------------------------------------------------------------------------------- */

enum which { ANY, INSERTED };

/* A stage with that status, at random; "" if there is none. */
static void some_stage(struct run *run, char *name, const char *status, enum which which)
{
    weir_stage_info info[64];
    size_t n = weir_stages(run->p, info, 64), candidates = 0;
    name[0] = 0;
    for (size_t i = 0; i < n && i < 64; i++) {
        bool fits = strcmp(info[i].status, status) == 0 && (which == ANY || info[i].name[0] == 'x');
        if (fits && check_random() % ++candidates == 0)
            strcpy(name, info[i].name);
    }
}

static int insert_one(struct run *run, weir_edit *e, unsigned number)
{
    char name[64], where[64];
    some_stage(run, where, "running", ANY);
    snprintf(name, sizeof name, "x%u", number);
    weir_stage stage = new_stage(run, name, 0);
    switch (check_random() % 4) {
    case 0:
        return weir_edit_insert_first(e, &stage);
    case 1:
        return weir_edit_insert_last(e, &stage);
    case 2:
        return weir_edit_insert_before(e, strcmp(where, "source") == 0 ? "a" : where, &stage);
    default:
        return weir_edit_insert_after(e, strcmp(where, "sink") == 0 ? "b" : where, &stage);
    }
}

/* Both in one edit: no item may see the new `a` and the old `b`. */
static void replace_both(struct run *run, weir_edit *e)
{
    run->version++;
    weir_stage a = new_stage(run, "a", 'a'), b = new_stage(run, "b", 'b');
    weir_edit_replace(e, "a", &a);
    weir_edit_replace(e, "b", &b);
}

/* What is parked comes back, or goes. */
static void move_parked(struct run *run, weir_edit *e)
{
    char parked[64];
    some_stage(run, parked, "parked", ANY);
    if (!*parked)
        return;
    if (check_random() % 2) {
        weir_edit_connect(e, "a", parked);
        weir_edit_connect(e, parked, "b");
    } else {
        weir_edit_pop(e, parked);
    }
}

enum change { POP, REPLACE, REPLACE_BOTH, INSERT, CHANGES, REPLACE_SOURCE = CHANGES, GO_AROUND, MOVE_PARKED, ALL_CHANGES };

static void fill_edit(struct run *run, weir_edit *e, enum change change, unsigned number)
{
    char name[64];
    weir_stage stage;
    some_stage(run, name, "running", INSERTED);
    if (!*name && (change == POP || change == REPLACE))
        change = INSERT;
    switch (change) {
    case POP:
        weir_edit_pop(e, name);
        break;
    case REPLACE:
        stage = new_stage(run, name, 0);
        weir_edit_replace(e, name, &stage);
        break;
    case REPLACE_BOTH:
        replace_both(run, e);
        break;
    case REPLACE_SOURCE:
        stage = new_source(run);
        weir_edit_replace(e, "source", &stage);
        break;
    case GO_AROUND: /* whatever stands between them is parked */
        weir_edit_connect(e, "a", "b");
        break;
    case MOVE_PARKED:
        move_parked(run, e);
        break;
    default:
        insert_one(run, e, number);
    }
}

static void check_answer(const struct run *run, int status, const char *error)
{
    bool fine = status == WEIR_OK || status == WEIR_EENDED;
    if (run->everything) /* others edit too: a stage may be gone, or a deadline pass */
        fine = fine || status == WEIR_EBUSY || status == WEIR_EREFUSED;
    if (!fine)
        check_failed(__FILE__, __LINE__, "the edit", "%d: %s", status, error);
}

static void note_answer(void *arg, int status, const weir_receipt *receipt, const char *error)
{
    struct run *run = arg;
    (void)receipt;
    check_answer(run, status, error);
    event_raise(&run->answered, 1);
}

static void commit_later(struct run *run, weir_edit *e)
{
    atomic_fetch_add(&run->asked, 1);
    CHECK_EQ(weir_commit_async(e, note_answer, run), 0);
}

static int commit_now(struct run *run, weir_edit *e)
{
    weir_receipt receipt;
    uint64_t before = weir_revision(run->p);
    int status = weir_commit(e, &receipt);
    check_answer(run, status, weir_error(run->p));
    if (status == WEIR_OK && receipt.changed && !run->everything)
        CHECK_EQ(receipt.revision, before + 1);
    return status;
}

static int random_edit(struct run *run, unsigned number)
{
    weir_edit *e = weir_edit_begin(run->p);
    char name[64];
    CHECK(e != NULL);
    enum change change = (enum change)(check_random() % (run->everything ? ALL_CHANGES : CHANGES));
    fill_edit(run, e, change, number);
    some_stage(run, name, "running", INSERTED);
    if (check_random() % 4 == 0 && *name && (change == REPLACE_BOTH || change == INSERT))
        weir_edit_pop(e, name); /* several operations, one cut */
    if (run->everything && check_random() % 6 == 0)
        weir_edit_timeout(e, 1);
    if (run->everything && check_random() % 6 == 0 && change != REPLACE_BOTH) { /* a later version might overtake it */
        commit_later(run, e);
        return WEIR_OK;
    }
    return commit_now(run, e);
}

/* ---- edits alone --------------------------------------------------------------------------------------------------------- */

#ifdef SIM
#define SIZE(sim, linux) (sim)
#else
#define SIZE(sim, linux) (linux)
#endif

#define ENDLESS (INT64_MAX - 1000)

static void edit_a_run(int64_t items, unsigned edits, bool slow)
{
    static struct run run;
    memset(&run, 0, sizeof run);
    run.items = items;
    run.slow = slow;
    start(&run);
    unsigned made = 0;
    while (made < edits && run.probe_count < STAGES_MAX - 4) {
        if (random_edit(&run, made) == WEIR_EENDED)
            break;
        made++;
        if (check_random() % 4 == 0)
            check_totals(&run, false);
        if (check_random() % 8 == 0 && items == ENDLESS) /* now and then let the data pass by */
            event_wait(&run.arrived, event_count(&run.arrived) + 3);
    }
    if (items == ENDLESS) {
        CHECK_EQ(made, edits);
        weir_close(run.p);
    }
    finish(&run);
}

static void edits_at_full_rate(void *arg)
{
    (void)arg;
    edit_a_run(ENDLESS, SIZE(12, 1300), false);
}

static void edits_with_full_queues(void *arg)
{
    (void)arg;
    edit_a_run(ENDLESS, SIZE(12, 600), true);
}

static void edits_while_the_data_ends(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 50); i++)
        edit_a_run((int64_t)(check_random() % SIZE(3000, 100000)), SIZE(12, 40), false);
}

static void no_edits(void *arg)
{
    (void)arg;
    edit_a_run(SIZE(5000, 1000000), 0, false);
}

/* ---- everything at once -------------------------------------------------------------------------------------------------- */

/* Another thread looks, flushes and wakes all the while: what it sees must be so at every instant. */
static void watch(void *arg)
{
    struct run *run = arg;
    while (!atomic_load(&run->stop_looking)) {
        weir_stage_info info[64];
        check_totals(run, false);
        weir_stages(run->p, info, 64);
        if (check_random() % 16 == 0)
            weir_flush(run->p);
        if (check_random() % 16 == 0)
            weir_wake(run->p, "source");
        if (check_random() % 64 == 0)
            weir_settle(run->p, 1);
        for (int i = 0; i < 8; i++)
            plat_relax();
    }
}

struct commits {
    struct run *run;
    unsigned edits;
};

/* Edits that are asked for beside the others: inserts and pops of stages that nobody else pops while they run. */
static void edit_beside(void *arg)
{
    struct commits *commits = arg;
    struct run *run = commits->run;
    for (unsigned i = 0; i < commits->edits; i++) {
        weir_edit *e = weir_edit_begin(run->p);
        char name[16];
        CHECK(e != NULL);
        snprintf(name, sizeof name, "y%u", i / 2);
        if (i % 2) {
            weir_edit_pop(e, name);
        } else {
            weir_stage stage = new_stage(run, name, 0);
            weir_edit_insert_after(e, "a", &stage);
        }
        commit_later(run, e);
        for (uint64_t j = check_random() % 30; j > 0; j--)
            plat_relax();
    }
}

enum ending { BY_ITSELF, BY_CLOSE, BY_ABORT, BY_FAILING };

static void begin_end(struct run *run, enum ending ending)
{
    weir_stage failing = {.name = "failing", .in = &item_type, .map = fail_in_time, .state = run};
    switch (ending) {
    case BY_CLOSE:
        weir_close(run->p);
        break;
    case BY_ABORT:
        weir_abort(run->p);
        break;
    case BY_FAILING:
        failing.place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED;
        weir_insert_before(run->p, "b", &failing, NULL);
        break;
    default:
        break;
    }
}

static void edit_everything(int64_t items, unsigned edits, enum ending ending)
{
    static struct run run;
    struct plat_thread watcher, beside;
    struct commits commits = {&run, edits / 2};
    memset(&run, 0, sizeof run);
    run.everything = true;
    run.items = items;
    run.slow = check_random() % 2;
    run.fails = ending == BY_ABORT || ending == BY_FAILING;
    run.fail_at = 200 + (int64_t)(check_random() % 3000);
    start(&run);
    CHECK_EQ(plat_thread_start(&watcher, "watcher", watch, &run), 0);
    CHECK_EQ(plat_thread_start(&beside, "beside", edit_beside, &commits), 0);
    unsigned end_at = (unsigned)(check_random() % (edits + 1));
    for (unsigned made = 0; made < edits; made++) { /* also when it has ended: then each is refused */
        if (made == end_at)
            begin_end(&run, ending);
        random_edit(&run, made);
        if (check_random() % 8 == 0)
            weir_flush(run.p);
        if (check_random() % 8 == 0)
            CHECK_EQ(weir_settle(run.p, 0), 0);
    }
    if (ending != BY_ITSELF)
        weir_close(run.p);
    plat_thread_join(&beside);
    weir_drain(run.p); /* is watched to the end; finish() looks at what it says */
    atomic_store(&run.stop_looking, true);
    plat_thread_join(&watcher);
    finish(&run);
}

static void everything_by_itself(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 6); i++)
        edit_everything((int64_t)(check_random() % SIZE(3000, 60000)), SIZE(14, 300), BY_ITSELF);
}

static void everything_by_close(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 6); i++)
        edit_everything(ENDLESS, SIZE(14, 300), BY_CLOSE);
}

static void everything_by_abort(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 6); i++)
        edit_everything(ENDLESS, SIZE(14, 300), BY_ABORT);
}

static void everything_by_failing(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 6); i++)
        edit_everything(ENDLESS, SIZE(14, 300), BY_FAILING);
}

int main(void)
{
    check_run("no_edits", 200, no_edits);
    check_run("edits_at_full_rate", 400, edits_at_full_rate);
    check_run("edits_with_full_queues", 300, edits_with_full_queues);
    check_run("edits_while_the_data_ends", 400, edits_while_the_data_ends);
    check_run("everything_by_itself", 400, everything_by_itself);
    check_run("everything_by_close", 400, everything_by_close);
    check_run("everything_by_abort", 400, everything_by_abort);
    check_run("everything_by_failing", 400, everything_by_failing);
    return check_done();
}
