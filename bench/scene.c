/* SPDX-License-Identifier: MIT */
/*
 * The scene of the measuring program `kinds`; see scene.h. The sink looks at every item, so at full rate it is the sink, with
 * the stamping, that sets the rate: about a nanosecond an item and stage.
 */
#include "scene.h"

#include <sched.h>

#define SLOW_NS    10000U /* what a slow sink takes for a batch; 64 batches on either side of a stage wait 1.3 ms then */
#define WARM_ITEMS 30000U

const weir_type item_type = {.name = "numbered", .size = sizeof(struct item)};

void scene_need(const struct scene *s, int status, const char *what)
{
    if (status != WEIR_OK)
        bench_die("kinds: %s: %s", what, weir_error(s->p));
}

/* ---- the stages ------------------------------------------------------------------------------------------------------- */

static int pull(void *state, weir_out *out)
{
    struct scene *s = state;
    size_t want = weir_room(out), got;
    if (atomic_load(&s->stop))
        return WEIR_END;
    if (s->condition == IDLE) {
        uint64_t left = atomic_load(&s->allowed) - s->made;
        want = left < want ? (size_t)left : want;
    }
    if (want == 0)
        return WEIR_IDLE;
    struct item *items = weir_emit_many(out, want, &got);
    if (!items)
        return weir_fail_memory();
    for (size_t i = 0; i < got; i++)
        items[i] = (struct item){.number = s->made + i};
    s->made += got;
    return WEIR_MORE;
}

static size_t pass(void *state, void *items, size_t n)
{
    (void)state;
    (void)items;
    return n;
}

weir_verdict scene_stamp_item(void *state, void *item)
{
    (void)state;
    ((struct item *)item)->stamps++;
    return WEIR_KEEP;
}

weir_stage scene_stamp(const char *name)
{
    return (weir_stage){.name = name, .in = &item_type, .map = scene_stamp_item, .place = WEIR_OWN};
}

static void check_items(struct scene *s, const struct item *items, size_t n)
{
    uint64_t next = atomic_load_explicit(&s->next, memory_order_relaxed), missing = 0, wrong = 0;
    for (size_t i = 0; i < n; i++) {
        wrong += items[i].number < next || items[i].stamps < s->stamps_min || items[i].stamps > s->stamps_max;
        missing += items[i].number - next;
        next = items[i].number + 1;
    }
    s->missing += missing;
    s->wrong += wrong;
    atomic_store_explicit(&s->next, next, memory_order_release);
}

/* The editor may open a window between the look at since_ns and the store: then a gap of the time before gets in, which is no
 * larger than any other without an edit. */
static void note_gap(struct scene *s, uint64_t now)
{
    uint64_t last = atomic_load_explicit(&s->last_ns, memory_order_relaxed), since = atomic_load(&s->since_ns);
    uint64_t gap = now - (last > since ? last : since);
    if (now > since && gap > atomic_load_explicit(&s->gap_ns, memory_order_relaxed))
        atomic_store_explicit(&s->gap_ns, gap, memory_order_relaxed);
    atomic_store_explicit(&s->last_ns, now, memory_order_relaxed);
}

static size_t arrive(void *state, void *items, size_t n)
{
    struct scene *s = state;
    uint64_t now = bench_now_ns();
    note_gap(s, now);
    check_items(s, items, n);
    while (s->condition == SLOW && bench_now_ns() - now < SLOW_NS)
        bench_pause();
    return n;
}

/* ---- its life --------------------------------------------------------------------------------------------------------- */

void scene_begin(struct scene *s, enum condition condition, uint64_t stamps_min, uint64_t stamps_max)
{
    *s = (struct scene){.condition = condition, .stamps_min = stamps_min, .stamps_max = stamps_max};
    s->p = weir_new("scene");
    if (!s->p)
        bench_die("kinds: no memory");
    scene_need(s, weir_append(s->p, &(weir_stage){.name = "source", .out = &item_type, .pull = pull, .state = s}), "source");
    scene_need(s, weir_append(s->p, &(weir_stage){.name = "first", .in = &item_type, .batch = pass}), "first");
}

void scene_start(struct scene *s)
{
    weir_stage second = {.name = "second", .in = &item_type, .batch = pass, .place = WEIR_OWN};
    weir_stage sink = {.name = "sink", .in = &item_type, .out = WEIR_NONE, .batch = arrive, .state = s};
    scene_need(s, weir_append(s->p, &second), "second");
    scene_need(s, weir_append(s->p, &sink), "sink");
    scene_need(s, weir_start(s->p), "start");
    if (s->condition == IDLE)
        scene_pass(s, 1000);
    else
        while (atomic_load(&s->next) < WARM_ITEMS)
            sched_yield();
}

void scene_allow(struct scene *s, uint64_t n)
{
    atomic_fetch_add(&s->allowed, n);
    scene_need(s, weir_wake(s->p, "source"), "wake");
}

/* A number that a divert took away is not waited for, since a later one comes. */
void scene_pass(struct scene *s, uint64_t n)
{
    scene_allow(s, n);
    while (atomic_load(&s->next) < atomic_load(&s->allowed))
        sched_yield();
}

void scene_await_batch(const struct scene *s)
{
    uint64_t last = atomic_load(&s->last_ns);
    while (atomic_load(&s->last_ns) == last)
        sched_yield();
}

void scene_open_window(struct scene *s)
{
    atomic_store(&s->since_ns, bench_now_ns());
    atomic_store(&s->gap_ns, 0);
}

double scene_close_window(struct scene *s)
{
    uint64_t now = bench_now_ns(), last = atomic_load(&s->last_ns), since = atomic_load(&s->since_ns);
    uint64_t from = last > since ? last : since, gap = atomic_load(&s->gap_ns);
    uint64_t open = now > from ? now - from : 0; /* the gap that has not ended; a batch may have come since `now` was read */
    return (double)(open > gap ? open : gap);
}

void scene_end(struct scene *s, struct bench *b, const char *what)
{
    weir_totals t;
    atomic_store(&s->stop, true);
    scene_need(s, weir_wake(s->p, "source"), "wake");
    bench_check(b, weir_drain(s->p) == WEIR_OK, "%s: the pipeline ended with: %s", what, weir_error(s->p));
    weir_totals_get(s->p, &t);
    weir_free(s->p);
    uint64_t next = atomic_load(&s->next);
    bench_check(b, s->wrong == 0, "%s: %llu items were doubled, out of order, or between two versions", what,
                (unsigned long long)s->wrong);
    bench_check(b, next == s->made && s->missing == s->late,
                "%s: %llu items were made, the last that came is %llu, %llu are missing", what, (unsigned long long)s->made,
                (unsigned long long)next, (unsigned long long)s->missing);
    bench_check(b, t.admitted + t.created == t.delivered + t.filtered + t.failed + t.returned && t.failed == s->late,
                "%s: the account is not balanced", what);
}
