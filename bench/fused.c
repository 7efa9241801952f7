/* SPDX-License-Identifier: MIT */
/*
 * What does the engine add to a chain of K functions in one strand?
 *
 * Eight-byte items go through K stages x = x * A + C. Two loops written by hand do the same work through the same function
 * pointers: one takes each item through all functions, one takes a batch through one function after the other. All of them
 * fill their batches with the same source function and add up the results with the same sink function, also through pointers,
 * which are loaded from volatile variables so that the compiler can't see what they point to. The loops that count look at
 * every verdict, as a real loop must; those that ignore it are shown beside them.
 */
#include "bench.h"

#include <stdio.h>
#include <weir/weir.h>

#define BATCH     256 /* the engine's default */
#define DEPTH_MAX 16

typedef weir_verdict map_function(void *state, void *item);
typedef void fill_function(uint64_t first, uint64_t *items, size_t n);
typedef size_t batch_function(void *state, void *items, size_t n);

/* One run: what goes in and what must come out. The engine's source and sink use it too, each its own fields. */
struct work {
    size_t depth;
    uint64_t items;
    uint64_t made;     /* source */
    uint64_t checksum; /* sink */
    uint64_t dropped, failed;
};

/* ---- the functions that everybody calls ------------------------------------------------------------------------------- */

static weir_verdict step(void *state, void *item)
{
    (void)state;
    uint64_t *x = item;
    *x = *x * 6364136223846793005U + 1442695040888963407U;
    return WEIR_KEEP;
}

static size_t step_batch(void *state, void *items, size_t n)
{
    (void)state;
    uint64_t *x = items;
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] * 6364136223846793005U + 1442695040888963407U;
    return n;
}

static void fill(uint64_t first, uint64_t *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        items[i] = first + i;
}

static size_t add_up(void *state, void *items, size_t n)
{
    struct work *work = state;
    const uint64_t *x = items;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    work->checksum += sum;
    return n;
}

static map_function *volatile the_step = step;
static fill_function *volatile the_fill = fill;
static batch_function *volatile the_sink = add_up;

/* ---- by hand ---------------------------------------------------------------------------------------------------------- */

static void count_loss(struct work *work, weir_verdict verdict)
{
    if (verdict == WEIR_DROP)
        work->dropped++;
    else
        work->failed++;
}

static size_t items_through_all(struct work *work, map_function *const *maps, uint64_t *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        weir_verdict verdict = WEIR_KEEP;
        for (size_t k = 0; k < work->depth && verdict == WEIR_KEEP; k++)
            verdict = maps[k](NULL, &items[i]);
        if (verdict != WEIR_KEEP) {
            count_loss(work, verdict);
            continue;
        }
        if (kept != i)
            items[kept] = items[i];
        kept++;
    }
    return kept;
}

static size_t batch_through_one(struct work *work, map_function *map, uint64_t *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        weir_verdict verdict = map(NULL, &items[i]);
        if (verdict != WEIR_KEEP) {
            count_loss(work, verdict);
            continue;
        }
        if (kept != i)
            items[kept] = items[i];
        kept++;
    }
    return kept;
}

static size_t batch_through_all(struct work *work, map_function *const *maps, uint64_t *items, size_t n)
{
    for (size_t k = 0; k < work->depth; k++)
        n = batch_through_one(work, maps[k], items, n);
    return n;
}

static size_t items_through_all_blindly(struct work *work, map_function *const *maps, uint64_t *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < work->depth; k++)
            maps[k](NULL, &items[i]);
    return n;
}

static size_t batch_through_all_blindly(struct work *work, map_function *const *maps, uint64_t *items, size_t n)
{
    for (size_t k = 0; k < work->depth; k++)
        for (size_t i = 0; i < n; i++)
            maps[k](NULL, &items[i]);
    return n;
}

typedef size_t loop_function(struct work *work, map_function *const *maps, uint64_t *items, size_t n);

static void run_by_hand(struct work *work, loop_function *loop)
{
    map_function *maps[DEPTH_MAX];
    uint64_t items[BATCH];
    fill_function *source = the_fill;
    batch_function *sink = the_sink;
    for (size_t k = 0; k < work->depth; k++)
        maps[k] = the_step;
    while (work->made < work->items) {
        size_t n = work->items - work->made < BATCH ? (size_t)(work->items - work->made) : BATCH;
        source(work->made, items, n);
        work->made += n;
        sink(work, items, loop(work, maps, items, n));
    }
}

/* ---- by the engine ---------------------------------------------------------------------------------------------------- */

static int pull(void *state, weir_out *out)
{
    struct work *work = state;
    size_t want = weir_room(out), got;
    if (want > work->items - work->made)
        want = (size_t)(work->items - work->made);
    if (want == 0)
        return WEIR_END;
    uint64_t *items = weir_emit_many(out, want, &got);
    if (!items)
        return weir_fail_memory();
    the_fill(work->made, items, got);
    work->made += got;
    return WEIR_MORE;
}

static void run_by_engine(struct work *work, const weir_stage *step_stage)
{
    weir_stage source = {.name = "source", .out = WEIR_I64, .pull = pull, .state = work};
    weir_stage sink = {.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .batch = the_sink, .state = work};
    weir_pipeline *p = weir_new("fused");
    int status = weir_append(p, &source);
    for (size_t k = 0; k < work->depth && status == WEIR_OK; k++) {
        char name[32];
        snprintf(name, sizeof name, "step%zu", k);
        weir_stage stage = *step_stage;
        stage.name = name;
        status = weir_append(p, &stage);
    }
    if (status != WEIR_OK || weir_append(p, &sink) || weir_run_to_end(p))
        bench_die("fused: %s", weir_error(p));
    weir_free(p);
}

/* ---- the comparison --------------------------------------------------------------------------------------------------- */

enum contender { ENGINE_MAP, ENGINE_BATCH, HAND_ITEMS, HAND_BATCHES, HAND_ITEMS_BLIND, HAND_BATCHES_BLIND, CONTENDERS };

static const char *const contender_names[CONTENDERS] = {
    [ENGINE_MAP] = "engine, one call an item",
    [ENGINE_BATCH] = "engine, one call a batch",
    [HAND_ITEMS] = "by hand, item by item",
    [HAND_BATCHES] = "by hand, batch by batch",
    [HAND_ITEMS_BLIND] = "by hand, item by item, verdict ignored",
    [HAND_BATCHES_BLIND] = "by hand, batch by batch, verdict ignored",
};

static loop_function *const loops[CONTENDERS] = {
    [HAND_ITEMS] = items_through_all,
    [HAND_BATCHES] = batch_through_all,
    [HAND_ITEMS_BLIND] = items_through_all_blindly,
    [HAND_BATCHES_BLIND] = batch_through_all_blindly,
};

/* Nanoseconds an item. */
static double measure(struct bench *b, enum contender who, size_t depth, uint64_t items, uint64_t *checksum)
{
    struct work work = {.depth = depth, .items = items};
    uint64_t start = bench_spent_ns(b);
    if (who == ENGINE_MAP)
        run_by_engine(&work, &(weir_stage){.in = WEIR_I64, .map = the_step});
    else if (who == ENGINE_BATCH)
        run_by_engine(&work, &(weir_stage){.in = WEIR_I64, .batch = step_batch});
    else
        run_by_hand(&work, loops[who]);
    double spent = (double)(bench_spent_ns(b) - start);
    *checksum = work.checksum;
    return spent / (double)items;
}

static void report(struct bench *b, size_t depth, struct samples *times, struct samples *better, struct samples *better_blind)
{
    double map_ratio = samples_ratio(&times[ENGINE_MAP], better);
    double blind_ratio = samples_ratio(&times[ENGINE_MAP], better_blind);
    double batch_ratio = samples_ratio(&times[HAND_ITEMS], &times[ENGINE_BATCH]);
    for (int who = 0; who < CONTENDERS; who++)
        bench_value(b, samples_quantile(&times[who], 0.5), "ns/item", "K=%zu  %s", depth, contender_names[who]);
    bench_at_most(b, map_ratio, "x", 1.05, "K=%zu  engine (item) / better hand-written loop", depth);
    bench_value(b, blind_ratio, "x", "K=%zu  engine (item) / better loop that ignores the verdict", depth);
    if (depth == DEPTH_MAX)
        bench_at_least(b, batch_ratio, "x", 3.0, "K=%zu  item-by-item loop / engine (batch)", depth);
    else
        bench_value(b, batch_ratio, "x", "K=%zu  item-by-item loop / engine (batch)", depth);
}

static void compare(struct bench *b, size_t depth, uint64_t items)
{
    struct samples times[CONTENDERS] = {{0}}, better = {0}, better_blind = {0};
    for (unsigned round = 0; round < b->rounds; round++) {
        double t[CONTENDERS];
        uint64_t checksum, expected = 0;
        for (int i = 0; i < CONTENDERS; i++) {
            int who = (i + (int)round) % CONTENDERS; /* nobody always comes first */
            t[who] = measure(b, who, depth, items, &checksum);
            samples_add(&times[who], t[who]);
            if (i == 0)
                expected = checksum;
            bench_check(b, checksum == expected, "%s has checksum %llx, not %llx", contender_names[who],
                        (unsigned long long)checksum, (unsigned long long)expected);
        }
        samples_add(&better, t[HAND_ITEMS] < t[HAND_BATCHES] ? t[HAND_ITEMS] : t[HAND_BATCHES]);
        samples_add(&better_blind, t[HAND_ITEMS_BLIND] < t[HAND_BATCHES_BLIND] ? t[HAND_ITEMS_BLIND] : t[HAND_BATCHES_BLIND]);
    }
    report(b, depth, times, &better, &better_blind);
    for (int who = 0; who < CONTENDERS; who++)
        samples_free(&times[who]);
    samples_free(&better);
    samples_free(&better_blind);
}

int main(int argc, char **argv)
{
    static const size_t depths[] = {1, 4, DEPTH_MAX};
    struct bench b;
    bench_begin(&b, "fused", "what does the engine add to a chain of K functions in one strand?", 15, argc, argv);
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        compare(&b, depths[i], b.quick ? 10001 : 10000000);
    return bench_end(&b);
}
