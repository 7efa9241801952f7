/* SPDX-License-Identifier: MIT */
/*
 * The oracle for G1 to G4 and G7: numbered items flow while stages are inserted, popped and replaced at random, in every placement
 * and shape. The sink knows what must come: each number once, in order (G1, G2); the versions that stages `a` and `b` wrote, which
 * are always replaced by one edit together, equal and never falling (G3, G4). Every inserted stage checks its own life: opened
 * once, calls that never overlap, flushed once and closed once, in that order, and nothing after that (G6, G7).
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
    char tag; /* 'a' or 'b': writes its version there; else 0 */
    _Atomic int inside, opened, closed;
    int flushed; /* since the last item */
    int64_t last;
    struct item held[8]; /* a stage that holds items: puts them out when it has eight, or at the flush */
    size_t held_count, hold;
};

struct run {
    weir_pipeline *p;
    int64_t items; /* how many the source makes; it ends then, or when it is closed */
    int64_t next;  /* the source's */
    int64_t expected;
    uint32_t version;
    uint32_t last_version; /* the sink's */
    struct probe *probes[STAGES_MAX];
    size_t probe_count;
    struct event arrived;
    bool slow;
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
    probe->flushed = 0;
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
    probe->flushed = 1;
    int status = put_held(probe, out);
    go_out(probe);
    return status;
}

static void close_probe(void *state)
{
    struct probe *probe = state;
    CHECK_EQ(atomic_load(&probe->inside), 0);
    CHECK_EQ(atomic_fetch_add(&probe->closed, 1), 0);
    CHECK_EQ(probe->held_count, 0);
}

static int pull_items(void *state, weir_out *out)
{
    struct run *run = state;
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

static weir_verdict take_item(void *state, void *arg)
{
    struct run *run = state;
    struct item *item = arg;
    CHECK_EQ(item->number, run->expected);
    CHECK_EQ(item->a, item->b);
    CHECK(item->a >= run->last_version);
    run->last_version = item->a;
    run->expected++;
    return WEIR_KEEP;
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
    CHECK(probe != NULL && run->probe_count < STAGES_MAX);
    probe->run = run;
    probe->tag = tag;
    probe->version = run->version;
    probe->last = -1;
    probe->hold = 1 + check_random() % 8;
    run->probes[run->probe_count++] = probe;
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
    return stage;
}

static void start(struct run *run, int64_t items, bool slow)
{
    memset(run, 0, sizeof *run);
    event_init(&run->arrived);
    run->items = items;
    run->slow = slow;
    run->p = weir_new("oracle");
    CHECK(run->p != NULL);
    unsigned r = (unsigned)check_random();
    CHECK_EQ(weir_configure(run->p, &(weir_config){.queue_batches = r % 2 ? 2 : 16, .batch_items = r % 4 < 2 ? 8 : 256}), 0);
    weir_stage a = new_stage(run, "a", 'a'), b = new_stage(run, "b", 'b');
    CHECK_EQ(weir_append(run->p, &(weir_stage){.name = "source",
                                               .out = &item_type,
                                               .pull = pull_items,
                                               .state = run,
                                               .blocking = check_random() % 3 == 0}),
             0);
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
    CHECK_EQ(t.failed + t.returned, 0);
    if (!at_end)
        return;
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.delivered, run->next);
    CHECK_EQ(t.admitted, run->next);
    CHECK_EQ(t.created, t.filtered); /* what holding stages held, they put out again */
}

static void finish(struct run *run)
{
    int status = weir_drain(run->p);
    if (status != WEIR_OK)
        fprintf(stderr, "%s\n", weir_error(run->p));
    CHECK_EQ(status, 0);
    CHECK_EQ(run->expected, run->next);
    check_totals(run, true);
    weir_free(run->p);
    for (size_t i = 0; i < run->probe_count; i++) {
        struct probe *probe = run->probes[i];
        CHECK_EQ(probe->closed, 1);
        CHECK(probe->flushed || probe->last < 0); /* the flush came after the last item; a stage of a refused edit saw none */
        free(probe);
    }
    event_free(&run->arrived);
}

/* ---- random edits -------------------------------------------------------------------------------------------------------- */

/* A stage that is in the pipeline, at random; "" if there is none that may be popped. */
static void some_stage(struct run *run, char *name, bool inserted_only)
{
    weir_stage_info info[64];
    size_t n = weir_stages(run->p, info, 64), candidates = 0;
    name[0] = 0;
    for (size_t i = 0; i < n && i < 64; i++) {
        bool fits = strcmp(info[i].status, "running") == 0 && (!inserted_only || info[i].name[0] == 'x');
        if (fits && check_random() % ++candidates == 0)
            strcpy(name, info[i].name);
    }
}

static int insert_one(struct run *run, weir_edit *e, unsigned number)
{
    char name[64], where[64];
    some_stage(run, where, false);
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

static int random_edit(struct run *run, unsigned number)
{
    weir_edit *e = weir_edit_begin(run->p);
    char name[64];
    CHECK(e != NULL);
    unsigned choice = (unsigned)(check_random() % 4);
    some_stage(run, name, true);
    if (choice == 0 && *name)
        weir_edit_pop(e, name);
    else if (choice == 1 && *name) {
        weir_stage stage = new_stage(run, name, 0);
        weir_edit_replace(e, name, &stage);
    } else if (choice == 2) { /* both in one edit: no item may see the new `a` and the old `b` */
        run->version++;
        weir_stage a = new_stage(run, "a", 'a'), b = new_stage(run, "b", 'b');
        weir_edit_replace(e, "a", &a);
        weir_edit_replace(e, "b", &b);
    } else {
        insert_one(run, e, number);
    }
    some_stage(run, name, true);
    if (check_random() % 4 == 0 && *name && choice > 1)
        weir_edit_pop(e, name); /* several operations, one cut */
    weir_receipt receipt;
    uint64_t before = weir_revision(run->p);
    int status = weir_commit(e, &receipt);
    if (status == WEIR_OK && receipt.changed)
        CHECK_EQ(receipt.revision, before + 1);
    if (status != WEIR_OK && status != WEIR_EENDED) {
        fprintf(stderr, "edit %u: %d: %s\n", number, status, weir_error(run->p));
        CHECK_EQ(status, WEIR_OK);
    }
    return status;
}

static void edit_a_run(int64_t items, unsigned edits, bool slow, bool endless)
{
    static struct run run;
    start(&run, endless ? INT64_MAX - 1000 : items, slow);
    unsigned made = 0;
    while (made < edits && run.probe_count < STAGES_MAX - 4) {
        if (random_edit(&run, made) == WEIR_EENDED)
            break;
        made++;
        if (check_random() % 4 == 0)
            check_totals(&run, false);
        if (check_random() % 8 == 0 && endless) { /* now and then let the data pass by */
            plat_lock(&run.arrived.lock);
            uint64_t seen = run.arrived.count;
            plat_unlock(&run.arrived.lock);
            event_wait(&run.arrived, seen + 3);
        }
    }
    if (endless) {
        CHECK_EQ(made, edits);
        weir_close(run.p);
    }
    finish(&run);
}

#ifdef SIM
#define SIZE(sim, linux) (sim)
#else
#define SIZE(sim, linux) (linux)
#endif

static void edits_at_full_rate(void *arg)
{
    (void)arg;
    edit_a_run(0, SIZE(12, 1300), false, true);
}

static void edits_with_full_queues(void *arg)
{
    (void)arg;
    edit_a_run(0, SIZE(12, 600), true, true);
}

static void edits_while_the_data_ends(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 50); i++)
        edit_a_run((int64_t)(check_random() % SIZE(3000, 100000)), SIZE(12, 40), false, false);
}

static void no_edits(void *arg)
{
    (void)arg;
    edit_a_run(SIZE(5000, 3000000), 0, false, false);
}

int main(void)
{
    check_run("no_edits", 200, no_edits);
    check_run("edits_at_full_rate", 400, edits_at_full_rate);
    check_run("edits_with_full_queues", 300, edits_with_full_queues);
    check_run("edits_while_the_data_ends", 400, edits_while_the_data_ends);
    return check_done();
}
