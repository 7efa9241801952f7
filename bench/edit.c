/* SPDX-License-Identifier: MIT */
/*
 * How long does an edit take at full rate, and what does the stream feel of it?
 *
 * A source and two functions run as fast as they can while a third function is put between them and taken out again, a thousand
 * times a second. Measured for each edit: the time from the call until the edit was in effect (the receipt's word for it),
 * until the new function saw its first item, and until the call returned. Measured at the sink: items a second, the largest
 * gap between two batches in each millisecond, and that every single item arrives, once and in order. All of it stands beside
 * runs in which nothing is edited.
 *
 * Once the chain is one strand; once each function has its own. The baseline is a table of function pointers that one thread
 * runs through and another swaps: no counts, no checks, no drain, no order between threads.
 *
 * A stage in its own strand costs throughput just by being there. So the steady state with it out, the one with it in, and
 * the edited one are three runs, and the edited one is held against the mean of the two between which it goes to and fro.
 */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <weir/weir.h>

#define BATCH     256
#define TABLE_MAX 4
#define TICK_NS   1000000U /* an edit each millisecond */

struct item {
    uint64_t number;
    uint64_t value;
};

static const weir_type item_type = {.name = "numbered", .size = sizeof(struct item)};

/* What the two ends share with the thread that edits. */
struct flow {
    _Atomic bool stop;
    _Atomic uint64_t delivered; /* sink writes, anybody reads */
    _Atomic uint64_t gap_ns;    /* sink writes the largest gap so far, the editor sets it back to 0 */
    uint64_t made;              /* source only */
    uint64_t last_ns;           /* sink only: when the last batch came */
    uint64_t wrong;             /* sink only: not 0 if an item was not the next one */
};

/* State of the function that comes and goes. */
struct probe {
    _Atomic uint64_t first_ns; /* when it saw its first item; 0: not yet */
};

/* ---- the functions that everybody calls ------------------------------------------------------------------------------- */

static void fill(struct flow *flow, struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i] = (struct item){.number = flow->made + i, .value = flow->made + i};
    flow->made += n;
}

static size_t mix(void *state, void *items, size_t n)
{
    (void)state;
    struct item *x = items;
    for (size_t i = 0; i < n; i++)
        x[i].value = x[i].value * 6364136223846793005U + 1442695040888963407U;
    return n;
}

static size_t look(void *state, void *items, size_t n)
{
    (void)items;
    struct probe *probe = state;
    if (atomic_load_explicit(&probe->first_ns, memory_order_relaxed) == 0)
        atomic_store(&probe->first_ns, bench_now_ns());
    return n;
}

static size_t arrive(void *state, void *items, size_t n)
{
    struct flow *flow = state;
    const struct item *x = items;
    uint64_t next = atomic_load_explicit(&flow->delivered, memory_order_relaxed), wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong |= x[i].number ^ (next + i);
    uint64_t now = bench_now_ns(), gap = now - flow->last_ns;
    flow->wrong |= wrong;
    flow->last_ns = now;
    if (next > 0 && gap > atomic_load_explicit(&flow->gap_ns, memory_order_relaxed))
        atomic_store_explicit(&flow->gap_ns, gap, memory_order_relaxed);
    atomic_store_explicit(&flow->delivered, next + n, memory_order_relaxed);
    return n;
}

/* ---- three things that can be edited ---------------------------------------------------------------------------------- */

/* By hand: a table is immutable; the runner picks up a new one between two batches. */
struct table {
    size_t count;
    size_t (*functions[TABLE_MAX])(void *state, void *items, size_t n);
    void *states[TABLE_MAX];
    _Atomic uint64_t picked_ns; /* when the runner took it; 0: not yet */
};

struct subject {
    struct flow flow;
    weir_pipeline *p; /* by the engine; NULL: by hand */
    weir_place place;
    pthread_t runner; /* by hand */
    _Atomic(struct table *) table;
};

static void *run_table(void *arg)
{
    struct subject *s = arg;
    struct item items[BATCH];
    struct table *mine = NULL;
    while (!atomic_load_explicit(&s->flow.stop, memory_order_relaxed)) {
        struct table *table = atomic_load_explicit(&s->table, memory_order_acquire);
        if (table != mine) {
            mine = table;
            atomic_store_explicit(&table->picked_ns, bench_now_ns(), memory_order_release);
        }
        fill(&s->flow, items, BATCH);
        size_t n = BATCH;
        for (size_t k = 0; k < table->count; k++)
            n = table->functions[k](table->states[k], items, n);
        arrive(&s->flow, items, n);
    }
    return NULL;
}

static struct table *new_table(struct probe *probe)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        bench_die("edit: no memory");
    table->functions[table->count++] = mix;
    if (probe) {
        table->functions[table->count] = look;
        table->states[table->count++] = probe;
    }
    table->functions[table->count++] = mix;
    return table;
}

/* Returns when the new table was picked up. */
static uint64_t swap_table(struct subject *s, struct probe *probe)
{
    struct table *table = new_table(probe);
    struct table *old = atomic_exchange(&s->table, table);
    uint64_t picked;
    while ((picked = atomic_load_explicit(&table->picked_ns, memory_order_acquire)) == 0)
        bench_pause();
    free(old);
    return picked;
}

static int pull(void *state, weir_out *out)
{
    struct flow *flow = state;
    if (atomic_load_explicit(&flow->stop, memory_order_relaxed))
        return WEIR_END;
    size_t got;
    struct item *items = weir_emit_many(out, weir_room(out), &got);
    if (!items)
        return weir_fail_memory();
    fill(flow, items, got);
    return WEIR_MORE;
}

static weir_stage probe_stage(const struct subject *s, struct probe *probe)
{
    return (weir_stage){.name = "probe", .in = &item_type, .batch = look, .state = probe, .place = s->place};
}

static void start_engine(struct subject *s, bool with_probe, struct probe *probe)
{
    s->p = weir_new("edit");
    weir_stage source = {.name = "source", .out = &item_type, .pull = pull, .state = &s->flow};
    weir_stage first = {.name = "first", .in = &item_type, .batch = mix};
    weir_stage middle = probe_stage(s, probe);
    weir_stage second = {.name = "second", .in = &item_type, .batch = mix, .place = s->place};
    weir_stage sink = {.name = "sink", .in = &item_type, .out = WEIR_NONE, .batch = arrive, .state = &s->flow};
    if (!s->p || weir_append(s->p, &source) || weir_append(s->p, &first) || (with_probe && weir_append(s->p, &middle)) ||
        weir_append(s->p, &second) || weir_append(s->p, &sink) || weir_start(s->p))
        bench_die("edit: %s", weir_error(s->p));
}

static void start_by_hand(struct subject *s)
{
    atomic_store(&s->table, new_table(NULL));
    if (pthread_create(&s->runner, NULL, run_table, s) != 0)
        bench_die("edit: cannot start a thread");
}

static void stop(struct bench *b, struct subject *s)
{
    atomic_store(&s->flow.stop, true);
    if (s->p) {
        bench_check(b, weir_drain(s->p) == WEIR_OK, "the pipeline ended with: %s", weir_error(s->p));
        weir_free(s->p);
    } else {
        pthread_join(s->runner, NULL);
        free(atomic_load(&s->table));
    }
    uint64_t delivered = atomic_load(&s->flow.delivered);
    bench_check(b, s->flow.wrong == 0, "items were lost, doubled or out of order");
    bench_check(b, delivered == s->flow.made, "%llu items were made, %llu arrived", (unsigned long long)s->flow.made,
                (unsigned long long)delivered);
}

/* ---- one run ---------------------------------------------------------------------------------------------------------- */

enum mode { HAND_QUIET, HAND_EDITED, FUSED_QUIET, FUSED_EDITED, OWN_OUT, OWN_IN, OWN_EDITED, MODES };

struct mode_desc {
    const char *name;
    bool by_hand, edited, with_probe;
    weir_place place;
};

static const struct mode_desc modes[MODES] = {
    [HAND_QUIET] = {.name = "by hand, no edits", .by_hand = true},
    [HAND_EDITED] = {.name = "by hand, edits", .by_hand = true, .edited = true},
    [FUSED_QUIET] = {.name = "fused, no edits"},
    [FUSED_EDITED] = {.name = "fused, edits", .edited = true},
    [OWN_OUT] = {.name = "own strand, no edits, stage out", .place = WEIR_OWN},
    [OWN_IN] = {.name = "own strand, no edits, stage in", .place = WEIR_OWN, .with_probe = true},
    [OWN_EDITED] = {.name = "own strand, edits", .place = WEIR_OWN, .edited = true},
};

/* Times in microseconds. */
struct result {
    struct samples rate;                   /* millions of items a second, one a round */
    struct samples gap;                    /* the largest in each millisecond */
    struct samples effect[2], returned[2]; /* of inserts, of pops */
    struct samples first_item;             /* of inserts */
};

static void edit_once(struct subject *s, bool insert, struct probe *probe, struct result *result)
{
    weir_receipt receipt = {0};
    uint64_t start = bench_now_ns(), effect;
    if (!s->p) {
        effect = swap_table(s, insert ? probe : NULL) - start;
    } else {
        weir_stage stage = probe_stage(s, probe);
        int status = insert ? weir_insert_after(s->p, "first", &stage, &receipt) : weir_pop(s->p, "probe", &receipt);
        if (status != WEIR_OK)
            bench_die("edit: %s: %s", insert ? "insert" : "pop", weir_error(s->p));
        effect = receipt.effect_ns;
    }
    uint64_t returned = bench_now_ns() - start;
    samples_add(&result->effect[!insert], (double)effect / 1e3);
    samples_add(&result->returned[!insert], (double)returned / 1e3);
    if (!insert)
        return;
    while (atomic_load(&probe->first_ns) == 0)
        sched_yield();
    samples_add(&result->first_item, (double)(atomic_load(&probe->first_ns) - start) / 1e3);
}

static void await_items(const struct subject *s, uint64_t n)
{
    while (atomic_load(&s->flow.delivered) < n)
        sched_yield();
}

static void run(struct bench *b, enum mode mode, unsigned ticks, struct result *result)
{
    struct probe *probes = calloc(ticks + 1, sizeof *probes); /* one an insert: each sees its own first item */
    struct subject s = {.place = modes[mode].place};
    if (!probes)
        bench_die("edit: no memory");
    if (modes[mode].by_hand)
        start_by_hand(&s);
    else
        start_engine(&s, modes[mode].with_probe, &probes[ticks]);
    await_items(&s, 100000);

    uint64_t start = bench_now_ns(), before = atomic_load(&s.flow.delivered), next = start;
    atomic_store(&s.flow.gap_ns, 0);
    for (unsigned tick = 0; tick < ticks; tick++) {
        if (modes[mode].edited)
            edit_once(&s, tick % 2 == 0, &probes[tick], result);
        next += TICK_NS;
        bench_sleep_until(next);
        samples_add(&result->gap, (double)atomic_exchange(&s.flow.gap_ns, 0) / 1e3);
    }
    uint64_t items = atomic_load(&s.flow.delivered) - before;
    samples_add(&result->rate, (double)items * 1e3 / (double)(bench_now_ns() - start));
    stop(b, &s);
    free(probes);
}

/* ---- the report ------------------------------------------------------------------------------------------------------- */

static void report_edits(struct bench *b, struct result *r, double p50_target, double p99_target, const char *who)
{
    bench_spread(b, &r->effect[0], "us", p50_target, p99_target, "%s: insert in effect", who);
    bench_spread(b, &r->effect[1], "us", p50_target, p99_target, "%s: pop in effect", who);
    bench_spread(b, &r->first_item, "us", 0, 0, "%s: insert until the new function's first item", who);
    bench_spread(b, &r->returned[0], "us", 0, 0, "%s: insert returns", who);
    bench_spread(b, &r->returned[1], "us", 0, 0, "%s: pop returns", who);
}

static void report_stream(struct bench *b, struct result *results)
{
    double fused = samples_ratio(&results[FUSED_EDITED].rate, &results[FUSED_QUIET].rate);
    double hand = samples_ratio(&results[HAND_EDITED].rate, &results[HAND_QUIET].rate);
    double out = samples_ratio(&results[OWN_EDITED].rate, &results[OWN_OUT].rate);
    double in = samples_ratio(&results[OWN_EDITED].rate, &results[OWN_IN].rate);
    for (int m = 0; m < MODES; m++)
        bench_spread(b, &results[m].gap, "us", 0, 0, "largest gap in each ms: %s", modes[m].name);
    for (int m = 0; m < MODES; m++)
        bench_value(b, samples_quantile(&results[m].rate, 0.5), "M/s", "throughput: %s", modes[m].name);
    bench_value(b, hand, "x", "throughput, 1,000 edits/s / none: by hand");
    bench_at_least(b, fused, "x", 0.95, "throughput, 1,000 edits/s / none: fused");
    bench_value(b, out, "x", "throughput, 1,000 edits/s / none: own strand, out");
    bench_value(b, in, "x", "throughput, 1,000 edits/s / none: own strand, in");
    bench_at_least(b, 2 / (1 / out + 1 / in), "x", 0.95, "throughput, 1,000 edits/s / none: own strand, mean");
}

static void free_result(struct result *r)
{
    samples_free(&r->rate);
    samples_free(&r->gap);
    samples_free(&r->first_item);
    for (int i = 0; i < 2; i++) {
        samples_free(&r->effect[i]);
        samples_free(&r->returned[i]);
    }
}

int main(int argc, char **argv)
{
    static struct result results[MODES];
    struct bench b;
    bench_begin(&b, "edit", "how long does an edit take at full rate, and what does the stream feel of it?", 7, argc, argv);
    for (unsigned round = 0; round < b.rounds; round++)
        for (int i = 0; i < MODES; i++) {
            int m = (i + (int)round) % MODES;
            run(&b, m, b.quick ? 20 : 600, &results[m]);
        }
    report_edits(&b, &results[HAND_EDITED], 0, 0, "by hand");
    report_edits(&b, &results[FUSED_EDITED], 5, 20, "fused");
    report_edits(&b, &results[OWN_EDITED], 100, 300, "own");
    report_stream(&b, results);
    for (int m = 0; m < MODES; m++)
        free_result(&results[m]);
    return bench_end(&b);
}
