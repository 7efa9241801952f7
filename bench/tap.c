/* SPDX-License-Identifier: MIT */
/*
 * What does a tap cost?
 *
 * Items of eight bytes go through a function in one strand with its source and its sink, and the function is tapped, on both
 * sides: not at all; by a tap that has left again; one item in a thousand; by a filter that wants none; every item. One run
 * after the other, the cost of an item is held against that of the untapped run of the same round. What is seen is counted,
 * and that every item arrives.
 *
 * The source waits until the tap is there, so that it is there for the first item. One strand does all the work, so --cpu is
 * fair.
 */
#include "bench.h"

#include <stdatomic.h>
#include <weir/weir.h>

#define EVERY 1000

struct work {
    _Atomic bool open; /* the source may begin */
    uint64_t items;
    uint64_t made;     /* source only */
    uint64_t arrived;  /* sink only */
    uint64_t checksum; /* sink only */
    uint64_t seen;     /* the tap's: one call at a time */
    uint64_t asked;    /* the filter's */
};

/* ---- the stages and the taps ------------------------------------------------------------------------------------------ */

static int pull(void *state, weir_out *out)
{
    struct work *work = state;
    uint64_t left = work->items - work->made;
    size_t want = weir_room(out), got;
    if (!atomic_load_explicit(&work->open, memory_order_acquire))
        return WEIR_IDLE;
    if (left == 0)
        return WEIR_END;
    uint64_t *items = weir_emit_many(out, left < want ? (size_t)left : want, &got);
    if (!items)
        return weir_fail_memory();
    for (size_t i = 0; i < got; i++)
        items[i] = work->made + i;
    work->made += got;
    return WEIR_MORE;
}

static weir_verdict double_it(void *state, void *item)
{
    (void)state;
    *(uint64_t *)item *= 2;
    return WEIR_KEEP;
}

static size_t add_up(void *state, void *items, size_t n)
{
    struct work *work = state;
    const uint64_t *x = items;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    work->checksum += sum;
    work->arrived += n;
    return n;
}

static void see(void *arg, const weir_sight *sight)
{
    (void)sight;
    ((struct work *)arg)->seen++;
}

static bool want_none(void *arg, const weir_sight *sight)
{
    (void)sight;
    ((struct work *)arg)->asked++;
    return false;
}

enum contender { UNTAPPED, LEFT, SAMPLED, FILTERED, TAPPED_IN, TAPPED, CONTENDERS };

struct contender_desc {
    const char *name;
    weir_tap tap;            /* without stage and arg; `seen` NULL: no tap */
    bool leaves;             /* before the first item */
    uint64_t sights_in, per; /* so many sights in `per` items */
};

static const struct contender_desc contenders[CONTENDERS] = {
    [UNTAPPED] = {.name = "no tap", .per = 1},
    [LEFT] = {.name = "a tap that has left", .tap = {.seen = see}, .leaves = true, .per = 1},
    [SAMPLED] = {.name = "one item in 1000, both sides", .tap = {.seen = see, .every = EVERY}, .sights_in = 2, .per = EVERY},
    [FILTERED] = {.name = "a filter that wants none", .tap = {.seen = see, .filter = want_none}, .per = 1},
    [TAPPED_IN] = {.name = "every item, going in", .tap = {.seen = see, .in = true}, .sights_in = 1, .per = 1},
    [TAPPED] = {.name = "every item, both sides", .tap = {.seen = see}, .sights_in = 2, .per = 1},
};

/* ---- one run ---------------------------------------------------------------------------------------------------------- */

static void need(bool ok, const weir_pipeline *p)
{
    if (!ok)
        bench_die("tap: %s", weir_error(p));
}

static void attach(weir_pipeline *p, const struct contender_desc *who, struct work *work)
{
    weir_tap tap = who->tap;
    if (!tap.seen)
        return;
    tap.stage = "double";
    tap.arg = work;
    int number = weir_tap_add(p, &tap);
    need(number > 0, p);
    if (who->leaves)
        need(weir_untap(p, number) == WEIR_OK, p);
}

static void check(struct bench *b, const struct contender_desc *who, const struct work *work)
{
    uint64_t sights = work->items / who->per * who->sights_in, asked = who->tap.filter ? work->items : 0;
    bench_check(b, work->arrived == work->items && work->checksum == work->items * (work->items - 1),
                "%s: %llu items arrived, with the sum %llu", who->name, (unsigned long long)work->arrived,
                (unsigned long long)work->checksum);
    bench_check(b, work->seen == sights, "%s: %llu sights, not %llu", who->name, (unsigned long long)work->seen,
                (unsigned long long)sights);
    bench_check(b, work->asked == asked, "%s: the filter was asked %llu times", who->name, (unsigned long long)work->asked);
}

/* Nanoseconds an item. */
static double measure(struct bench *b, const struct contender_desc *who, uint64_t items)
{
    struct work work = {.items = items};
    weir_pipeline *p = weir_new("tap");
    need(p && weir_append(p, &(weir_stage){.name = "source", .out = WEIR_I64, .pull = pull, .state = &work}) == WEIR_OK, p);
    need(weir_append(p, &(weir_stage){.name = "double", .in = WEIR_I64, .map = double_it}) == WEIR_OK, p);
    need(weir_append(p, &(weir_stage){.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .batch = add_up, .state = &work}) ==
             WEIR_OK,
         p);
    need(weir_start(p) == WEIR_OK, p);
    attach(p, who, &work);
    uint64_t start = bench_spent_ns(b);
    atomic_store_explicit(&work.open, true, memory_order_release);
    need(weir_wake(p, "source") == WEIR_OK && weir_drain(p) == WEIR_OK, p);
    double spent = (double)(bench_spent_ns(b) - start);
    weir_free(p);
    check(b, who, &work);
    return spent / (double)items;
}

/* ---- the report ------------------------------------------------------------------------------------------------------- */

/* The median of what an item costs more than in the untapped run of the same round. */
static double extra(const struct samples *with, const struct samples *without)
{
    struct samples differences = {0};
    for (size_t i = 0; i < with->count; i++)
        samples_add(&differences, with->values[i] - without->values[i]);
    double median = samples_quantile(&differences, 0.5);
    samples_free(&differences);
    return median;
}

static void report(struct bench *b, struct samples *times)
{
    double extras[CONTENDERS]; /* before anything is sorted */
    for (int who = 0; who < CONTENDERS; who++)
        extras[who] = extra(&times[who], &times[UNTAPPED]);
    for (int who = 0; who < CONTENDERS; who++)
        bench_value(b, samples_quantile(&times[who], 0.5), "ns/item", "%s", contenders[who].name);
    for (int who = UNTAPPED + 1; who < CONTENDERS; who++)
        bench_value(b, extras[who], "ns/item", "%s: beyond no tap", contenders[who].name);
}

int main(int argc, char **argv)
{
    struct samples times[CONTENDERS] = {{0}};
    struct bench b;
    bench_begin(&b, "tap", "what does a tap cost?", 11, argc, argv);
    uint64_t items = b.quick ? 10000 : 2000000;
    for (unsigned round = 0; round < b.rounds; round++)
        for (int i = 0; i < CONTENDERS; i++) {
            int who = (i + (int)round) % CONTENDERS;
            samples_add(&times[who], measure(&b, &contenders[who], items));
        }
    report(&b, times);
    for (int who = 0; who < CONTENDERS; who++)
        samples_free(&times[who]);
    return bench_end(&b);
}
