/* SPDX-License-Identifier: MIT */
/*
 * What does a pool cost against dealing by hand?
 *
 * A function that keeps a core busy for some hundred nanoseconds an item runs in two lanes, and what comes out is in order.
 * By hand that is a thread that deals batches in turn to two rings (ring.h), two threads that work, and one that collects
 * from two more rings in the same turn. Beside them, what the lanes are for: one thread with one loop, and the engine with
 * one lane.
 *
 * Everybody takes a batch of 256 items at a time through the same pointers, and the collecting end checks the order.
 */
#include "bench.h"
#include "ring.h"

#include <pthread.h>
#include <string.h>
#include <weir/weir.h>

#define LANES  2
#define STEPS  100 /* of the function, each a multiplication that waits for the one before: about a nanosecond */
#define FACTOR 6364136223846793005U

struct work {
    uint64_t items;
    uint64_t made;    /* source only */
    uint64_t arrived; /* sink only */
    uint64_t wrong;   /* sink only: items that are not what comes next */
};

/* ---- the functions that everybody calls ------------------------------------------------------------------------------- */

static size_t fill(struct work *work, uint64_t *items, size_t most)
{
    uint64_t left = work->items - work->made;
    size_t n = left < most ? (size_t)left : most;
    for (size_t i = 0; i < n; i++)
        items[i] = work->made + i;
    work->made += n;
    return n;
}

/* Multiplies by FACTOR to the power of STEPS, the long way, item by item. */
static size_t grind(void *state, void *items, size_t n)
{
    (void)state;
    uint64_t *x = items;
    for (size_t i = 0; i < n; i++) {
        uint64_t value = x[i];
        for (unsigned step = 0; step < STEPS; step++) {
            value *= FACTOR;
            __asm__ volatile("" : "+r"(value)); /* each step is done, and none beside another */
        }
        x[i] = value;
    }
    return n;
}

static uint64_t power_of_factor(void)
{
    uint64_t power = 1;
    for (unsigned step = 0; step < STEPS; step++)
        power *= FACTOR;
    return power;
}

static size_t arrive(void *state, void *items, size_t n)
{
    struct work *work = state;
    const uint64_t *x = items;
    const uint64_t power = power_of_factor(); /* about what one item costs, once a batch */
    for (size_t i = 0; i < n; i++)
        work->wrong += x[i] != (work->arrived + i) * power;
    work->arrived += n;
    return n;
}

static size_t (*volatile the_fill)(struct work *work, uint64_t *items, size_t most) = fill;
static size_t (*volatile the_grind)(void *state, void *items, size_t n) = grind;
static size_t (*volatile the_sink)(void *state, void *items, size_t n) = arrive;

/* ---- by hand ---------------------------------------------------------------------------------------------------------- */

static void run_one_thread(struct work *work)
{
    uint64_t items[RING_BATCH];
    for (size_t n; (n = the_fill(work, items, RING_BATCH)) > 0;) {
        the_grind(NULL, items, n);
        the_sink(work, items, n);
    }
}

/* A lane of the hand-written pool, and the work that all share. */
struct lane {
    struct ring in, out;
};

struct dealing {
    struct work *work;
    struct lane lanes[LANES];
};

/* Ends with an empty batch in each lane. */
static void *deal(void *arg)
{
    struct dealing *d = arg;
    for (size_t turn = 0, ends = 0; ends < LANES; turn++) {
        struct ring *ring = &d->lanes[turn % LANES].in;
        struct slot *slot = ring_room(ring);
        slot->n = the_fill(d->work, slot->items, RING_BATCH);
        ends += slot->n == 0;
        ring_put(ring);
    }
    return NULL;
}

static void *work_lane(void *arg)
{
    struct lane *lane = arg;
    for (size_t n = 1; n > 0; ring_put(&lane->out)) {
        struct slot *in = ring_next(&lane->in), *out = ring_room(&lane->out);
        out->n = n = in->n;
        memcpy(out->items, in->items, n * sizeof in->items[0]);
        ring_take(&lane->in);
        the_grind(NULL, out->items, n);
    }
    return NULL;
}

static void *collect(void *arg)
{
    struct dealing *d = arg;
    for (size_t turn = 0;; turn++) {
        struct ring *ring = &d->lanes[turn % LANES].out;
        struct slot *slot = ring_next(ring);
        if (slot->n == 0)
            return NULL;
        the_sink(d->work, slot->items, slot->n);
        ring_take(ring);
    }
}

static void begin(pthread_t *thread, void *(*function)(void *), void *arg)
{
    if (pthread_create(thread, NULL, function, arg) != 0)
        bench_die("pool: cannot start a thread");
}

static void run_dealing(struct work *work, bool parks)
{
    static struct dealing d;
    pthread_t threads[LANES + 2];
    d.work = work;
    for (size_t i = 0; i < LANES; i++) {
        ring_init(&d.lanes[i].in, parks);
        ring_init(&d.lanes[i].out, parks);
        begin(&threads[i], work_lane, &d.lanes[i]);
    }
    begin(&threads[LANES], deal, &d);
    begin(&threads[LANES + 1], collect, &d);
    for (size_t i = 0; i < LANES + 2; i++)
        pthread_join(threads[i], NULL);
}

/* ---- by the engine ---------------------------------------------------------------------------------------------------- */

static int pull(void *state, weir_out *out)
{
    struct work *work = state;
    uint64_t left = work->items - work->made;
    size_t want = weir_room(out), got;
    if (left == 0)
        return WEIR_END;
    uint64_t *items = weir_emit_many(out, left < want ? (size_t)left : want, &got);
    if (!items)
        return weir_fail_memory();
    the_fill(work, items, got);
    return WEIR_MORE;
}

static void run_engine(struct work *work, uint32_t lanes)
{
    weir_pipeline *p = weir_new("pool");
    weir_stage source = {.name = "source", .out = WEIR_I64, .pull = pull, .state = work};
    weir_stage middle = {.name = "grind", .in = WEIR_I64, .batch = the_grind, .lanes = lanes};
    weir_stage sink = {.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .batch = the_sink, .state = work};
    if (!p || weir_append(p, &source) || weir_append(p, &middle) || weir_append(p, &sink) || weir_run_to_end(p))
        bench_die("pool: %s", weir_error(p));
    weir_free(p);
}

/* ---- the comparison --------------------------------------------------------------------------------------------------- */

enum contender { POOL, DEALT_PARKS, DEALT_SPINS, ONE_LANE, ONE_THREAD, CONTENDERS };

static const char *const names[CONTENDERS] = {
    [POOL] = "engine, pool of 2",
    [DEALT_PARKS] = "dealt by hand to 2 threads, rings park",
    [DEALT_SPINS] = "dealt by hand to 2 threads, rings spin",
    [ONE_LANE] = "engine, one lane",
    [ONE_THREAD] = "by hand, one thread",
};

/* Millions of items a second. */
static double measure(struct bench *b, enum contender who, uint64_t items)
{
    struct work work = {.items = items};
    uint64_t start = bench_now_ns();
    if (who == POOL || who == ONE_LANE)
        run_engine(&work, who == POOL ? LANES : 1);
    else if (who == ONE_THREAD)
        run_one_thread(&work);
    else
        run_dealing(&work, who == DEALT_PARKS);
    double spent = (double)(bench_now_ns() - start);
    bench_check(b, work.arrived == items && work.wrong == 0, "%s: %llu items arrived, %llu wrong", names[who],
                (unsigned long long)work.arrived, (unsigned long long)work.wrong);
    return (double)items * 1e3 / spent;
}

static void report(struct bench *b, struct samples *rates)
{
    double parks = samples_ratio(&rates[POOL], &rates[DEALT_PARKS]), spins = samples_ratio(&rates[POOL], &rates[DEALT_SPINS]);
    double gain = samples_ratio(&rates[POOL], &rates[ONE_LANE]);
    double hand_gain = samples_ratio(&rates[DEALT_PARKS], &rates[ONE_THREAD]);
    for (int who = 0; who < CONTENDERS; who++)
        bench_value(b, samples_quantile(&rates[who], 0.5), "M/s", "%s", names[who]);
    bench_value(b, parks, "x", "engine / dealt by hand, rings park");
    bench_value(b, spins, "x", "engine / dealt by hand, rings spin");
    bench_value(b, gain, "x", "pool of 2 / one lane");
    bench_value(b, hand_gain, "x", "dealt by hand / one thread");
}

int main(int argc, char **argv)
{
    struct samples rates[CONTENDERS] = {{0}};
    struct bench b;
    bench_begin(&b, "pool", "what does a pool cost against dealing by hand?", 11, argc, argv);
    uint64_t items = b.quick ? 20001 : 1500000;
    for (unsigned round = 0; round < b.rounds; round++)
        for (int i = 0; i < CONTENDERS; i++) {
            int who = (i + (int)round) % CONTENDERS;
            samples_add(&rates[who], measure(&b, who, items));
        }
    report(&b, rates);
    for (int who = 0; who < CONTENDERS; who++)
        samples_free(&rates[who]);
    return bench_end(&b);
}
