/* SPDX-License-Identifier: MIT */
/*
 * What does the way from a worker to a loop and back cost? A pipeline with a loop stage between two strands on workers,
 * beside the same with a plain stage on a worker in its place: at full rate, and for one item in an idle pipeline.
 */
#include "async.h"

#include <stdatomic.h>
#include <weir/async.h>
#include <weir/weir.h>

struct journey {
    uint64_t items, made;
    uint64_t sum;
    _Atomic uint64_t arrived; /* pairs with itself: the source sends one more when the last one has arrived */
    bool one_by_one;
    struct samples *ages_ns;
    weir_pipeline *p;
};

static int pull_many(struct journey *journey, weir_out *out)
{
    uint64_t left = journey->items - journey->made;
    size_t want = weir_room(out), got;
    if (left == 0)
        return WEIR_END;
    uint64_t *items = weir_emit_many(out, left < want ? left : want, &got);
    if (!items)
        return weir_fail_memory();
    for (size_t i = 0; i < got; i++)
        items[i] = journey->made++;
    return WEIR_MORE;
}

static int pull(void *state, weir_out *out)
{
    struct journey *journey = state;
    if (!journey->one_by_one)
        return pull_many(journey, out);
    if (atomic_load(&journey->arrived) < journey->made)
        return WEIR_IDLE;
    if (journey->made == journey->items)
        return WEIR_END;
    uint64_t *item = weir_emit(out);
    if (!item)
        return weir_fail_memory();
    journey->made++;
    *item = bench_now_ns();
    return WEIR_IDLE;
}

static weir_verdict arrive(void *state, void *item)
{
    struct journey *journey = state;
    if (!journey->one_by_one) {
        journey->sum += *(uint64_t *)item;
        return WEIR_KEEP;
    }
    samples_add(journey->ages_ns, (double)(bench_now_ns() - *(uint64_t *)item));
    atomic_fetch_add(&journey->arrived, 1);
    weir_wake(journey->p, "source");
    return WEIR_KEEP;
}

static int pass_on(weir_task *t, void *state)
{
    int64_t item;
    (void)state;
    while (weir_recv(t, &item) == 0)
        weir_send(t, &item);
    return 0;
}

static weir_verdict keep(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_KEEP;
}

static const weir_stage by_loop = {.name = "middle", .in = WEIR_I64, .out = WEIR_I64, .loop = pass_on, .concurrency = 1};
static const weir_stage by_worker = {.name = "middle", .in = WEIR_I64, .map = keep, .place = WEIR_OWN};

static void travel(struct journey *journey, const weir_stage *middle)
{
    weir_pipeline *p = journey->p = weir_new("crossing");
    weir_stage source = {.name = "source", .out = WEIR_I64, .pull = pull, .state = journey};
    weir_stage sink = {.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .map = arrive, .state = journey, .place = WEIR_OWN};
    if (!p || weir_append(p, &source) || weir_append(p, middle) || weir_append(p, &sink) || weir_run_to_end(p))
        bench_die("async: crossing: %s", weir_error(p));
    weir_free(p);
}

/* ns an item, of many. */
static double travel_many(struct bench *b, const weir_stage *middle, uint64_t items)
{
    struct journey journey = {.items = items};
    uint64_t start = bench_now_ns();
    travel(&journey, middle);
    double spent = (double)(bench_now_ns() - start);
    bench_check(b, journey.sum == items * (items - 1) / 2, "the sum of the items is %llu", (unsigned long long)journey.sum);
    return spent / (double)items;
}

static void travel_one_by_one(struct bench *b, const weir_stage *middle, uint64_t items, struct samples *ages_us)
{
    struct samples ages_ns = {0};
    struct journey journey = {.items = items, .one_by_one = true, .ages_ns = &ages_ns};
    travel(&journey, middle);
    bench_check(b, ages_ns.count == items, "%zu items arrived, not %llu", ages_ns.count, (unsigned long long)items);
    for (size_t i = 0; i < ages_ns.count; i++)
        samples_add(ages_us, ages_ns.values[i] / 1e3);
    samples_free(&ages_ns);
}

void measure_crossing(struct bench *b)
{
    struct samples loop = {0}, worker = {0}, loop_ages = {0}, worker_ages = {0};
    uint64_t many = b->quick ? 10000 : 3000000, few = b->quick ? 100 : 3000;
    for (unsigned round = 0; round < b->rounds; round++) {
        samples_add(&loop, travel_many(b, &by_loop, many));
        samples_add(&worker, travel_many(b, &by_worker, many));
        travel_one_by_one(b, &by_loop, few, &loop_ages);
        travel_one_by_one(b, &by_worker, few, &worker_ages);
    }
    bench_value(b, samples_quantile(&loop, 0.5), "ns", "an item, worker, loop, worker: recv and send, concurrency 1");
    bench_value(b, samples_quantile(&worker, 0.5), "ns", "an item, worker, worker, worker: map");
    bench_value(b, samples_ratio(&loop, &worker), "x", "loop in the middle / worker in the middle");
    bench_spread(b, &loop_ages, "us", 0, 0, "one item, idle pipeline: worker, loop, worker");
    bench_spread(b, &worker_ages, "us", 0, 0, "one item, idle pipeline: worker, worker, worker");
    samples_free(&loop);
    samples_free(&worker);
    samples_free(&loop_ages);
    samples_free(&worker_ages);
}
