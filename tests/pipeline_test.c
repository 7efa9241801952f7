/* SPDX-License-Identifier: MIT */
/*
 * The data path: shapes, failing, flushing, ticking, ending early, memory that comes back, and every allocation failing in turn.
 */
#include "stages.h"

static struct numbers n;
static struct kept k;

static void begin(int64_t last)
{
    numbers_init(&n, last);
    kept_init(&k);
}

static weir_totals totals(weir_pipeline *p)
{
    weir_totals t;
    weir_totals_get(p, &t);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned + t.in_flight);
    return t;
}

static void end(weir_pipeline *p, int status)
{
    int got = weir_drain(p);
    if (got != status)
        fprintf(stderr, "%s\n", weir_error(p));
    CHECK_EQ(got, status);
    CHECK_EQ(totals(p).in_flight, 0);
    CHECK(weir_ended(p));
}

static void release(weir_pipeline *p)
{
    weir_free(p);
    kept_free(&k);
    numbers_free(&n);
}

static void add(weir_pipeline *p, weir_stage stage)
{
    stage.place = check_random() % 3 == 0 ? WEIR_OWN : stage.place;
    CHECK_EQ(weir_insert_before(p, "sink", &stage, NULL), 0);
}

/* ---- shapes -------------------------------------------------------------------------------------------------------------- */

static weir_verdict drop_odd(void *state, void *item)
{
    (void)state;
    return *(int64_t *)item % 2 ? WEIR_DROP : WEIR_KEEP;
}

static size_t halve_batch(void *state, void *items, size_t count)
{
    (void)state;
    int64_t *v = items;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (v[i] % 4 == 0)
            v[kept++] = v[i] / 2;
    return kept;
}

struct pair_of {
    double a, b;
};
static const weir_type pair_type = {.name = "pair", .size = sizeof(struct pair_of)};

static int to_pairs(void *state, void *item, weir_out *out)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct pair_of *p = weir_emit(out);
        if (!p)
            return weir_fail_memory();
        *p = (struct pair_of){(double)*(int64_t *)item, i};
    }
    return 0;
}

static int from_pairs(void *state, void *item, weir_out *out)
{
    (void)state;
    struct pair_of *p = item;
    int64_t *v = weir_emit(out);
    if (!v)
        return weir_fail_memory();
    *v = (int64_t)p->a * 10 + (int64_t)p->b;
    return 0;
}

static void all_shapes_and_types(void *arg)
{
    (void)arg;
    begin(1000);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    add(p, (weir_stage){.name = "even", .in = WEIR_I64, .map = drop_odd});
    add(p, (weir_stage){.name = "half", .in = WEIR_I64, .batch = halve_batch});
    weir_edit *e = weir_edit_begin(p); /* alone, each of the two would not fit */
    weir_edit_insert_before(e, "sink", &(weir_stage){.name = "from", .in = &pair_type, .out = WEIR_I64, .each = from_pairs});
    weir_edit_insert_before(e, "from", &(weir_stage){.name = "to", .in = WEIR_I64, .out = &pair_type, .each = to_pairs});
    CHECK_EQ(weir_commit(e, NULL), 0);
    CHECK_EQ(weir_check(p), 0);
    end(p, 0);
    CHECK_EQ(k.count, 500);
    for (int64_t i = 0; i < 500; i++)
        CHECK_EQ(k.values[i], i / 2 * 2 * 10 + i % 2);
    weir_totals t = totals(p);
    CHECK_EQ(t.admitted, 1000);
    CHECK_EQ(t.filtered, 750);
    CHECK_EQ(t.created, 250);
    CHECK_EQ(t.delivered, 500);
    release(p);
}

static int thousandfold(void *state, void *item, weir_out *out)
{
    (void)state;
    for (int64_t i = 0; i < 1000; i++) {
        int64_t *v = weir_emit(out);
        if (!v)
            return weir_fail_memory();
        *v = *(int64_t *)item * 1000 + i;
    }
    return 0;
}

static void one_item_becomes_a_thousand(void *arg)
{
    (void)arg;
    begin(100);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_configure(p, &(weir_config){.queue_batches = 2, .batch_items = 16}), 0);
    add(p, (weir_stage){.name = "many", .in = WEIR_I64, .out = WEIR_I64, .each = thousandfold});
    end(p, 0);
    CHECK_EQ(k.count, 100000);
    for (int64_t i = 0; i < 100000; i++)
        CHECK_EQ(k.values[i], i);
    CHECK_EQ(totals(p).created, 100000 - 100);
    release(p);
}

/* ---- variable-size data -------------------------------------------------------------------------------------------------- */

static int to_text(void *state, void *item, weir_out *out)
{
    (void)state;
    char text[64];
    int64_t v = *(int64_t *)item;
    int len = snprintf(text, sizeof text, "%" PRId64, v);
    if (v % 100)
        return weir_emit_bytes(out, text, (size_t)len);
    weir_bytes *b = weir_emit(out); /* now and then a large one */
    char *large = b ? weir_alloc(out, 300000) : NULL;
    if (!large)
        return weir_fail_memory();
    memset(large, ' ', 300000);
    memcpy(large, text, (size_t)len);
    *b = (weir_bytes){large, 300000};
    return 0;
}

/* Passes a slice of what came in: the bytes must outlive the batch that they came in. */
static int pass_slice(void *state, void *item, weir_out *out)
{
    (void)state;
    weir_bytes *in = item, *b = weir_emit(out);
    if (!b)
        return weir_fail_memory();
    *b = (weir_bytes){in->data, in->len > 20 ? 20 : in->len};
    return 0;
}

static int from_text(void *state, void *item, weir_out *out)
{
    (void)state;
    weir_bytes *b = item;
    char text[32] = "";
    memcpy(text, b->data, b->len);
    int64_t *v = weir_emit(out);
    if (!v)
        return weir_fail_memory();
    *v = strtoll(text, NULL, 10);
    return 0;
}

static void bytes_live_as_long_as_their_items(void *arg)
{
    (void)arg;
    begin(3000);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_configure(p, &(weir_config){.queue_batches = 2, .batch_items = 64}), 0);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_insert_before(e, "sink", &(weir_stage){.name = "to", .in = WEIR_I64, .out = WEIR_BYTES, .each = to_text});
    for (int i = 0; i < 3; i++) {
        char name[] = {'p', (char)('0' + i), 0};
        weir_edit_insert_before(e, "sink",
                                &(weir_stage){.name = name,
                                              .in = WEIR_BYTES,
                                              .out = WEIR_BYTES,
                                              .each = pass_slice,
                                              .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED});
    }
    weir_edit_insert_before(e, "sink", &(weir_stage){.name = "from", .in = WEIR_BYTES, .out = WEIR_I64, .each = from_text});
    CHECK_EQ(weir_commit(e, NULL), 0);
    end(p, 0);
    CHECK_EQ(k.count, 3000);
    for (int64_t i = 0; i < 3000; i++)
        CHECK_EQ(k.values[i], i);
    release(p);
}

/* Whole batches at once, and memory for them afterwards: it belongs to the batch that is full, not to the next. */
static int pull_texts(void *state, weir_out *out)
{
    int64_t *next = state;
    size_t got;
    weir_bytes *items = weir_emit_many(out, 64, &got);
    char *text = items ? weir_alloc(out, got * 8) : NULL;
    if (!text)
        return weir_fail_memory();
    for (size_t i = 0; i < got; i++, text += 8)
        items[i] = (weir_bytes){text, (size_t)snprintf(text, 8, "%" PRId64, (*next)++)};
    return *next < 64 * 100 ? WEIR_MORE : WEIR_END;
}

static void memory_allocated_for_a_full_batch(void *arg)
{
    (void)arg;
    int64_t next = 0;
    kept_init(&k);
    weir_pipeline *p = weir_new("test");
    weir_stage sink = kept_stage(&k, "sink");
    CHECK_EQ(weir_configure(p, &(weir_config){.queue_batches = 4, .batch_items = 64}), 0);
    CHECK_EQ(weir_append(p, &(weir_stage){.name = "texts", .out = WEIR_BYTES, .pull = pull_texts, .state = &next}), 0);
    CHECK_EQ(
        weir_append(p, &(weir_stage){.name = "from", .in = WEIR_BYTES, .out = WEIR_I64, .each = from_text, .place = WEIR_OWN}),
        0);
    CHECK_EQ(weir_append(p, &sink), 0);
    end(p, 0);
    CHECK_EQ(k.count, 6400);
    for (int64_t i = 0; i < 6400; i++)
        CHECK_EQ(k.values[i], i);
    weir_free(p);
    kept_free(&k);
}

static _Atomic int objects;

static void destroy_object(void *item)
{
    atomic_fetch_sub(&objects, 1);
    free(*(int64_t **)item);
}

static const weir_type object_type = {.name = "object", .size = sizeof(int64_t *), .destroy = destroy_object};

static int to_object(void *state, void *item, weir_out *out)
{
    (void)state;
    int64_t *number = malloc(sizeof *number), **v = number ? weir_emit(out) : NULL;
    if (!v) {
        free(number);
        return weir_fail_memory();
    }
    *number = *(int64_t *)item;
    *v = number;
    atomic_fetch_add(&objects, 1);
    return *number % 50 == 7 ? weir_fail("a seven") : 0; /* what a failing call has put out is taken back */
}

static weir_verdict some_objects(void *state, void *item)
{
    (void)state;
    return **(int64_t **)item % 3 == 0 ? WEIR_DROP : **(int64_t **)item % 50 == 8 ? weir_fail("an eight") : WEIR_KEEP;
}

static int from_object(void *state, void *item, weir_out *out)
{
    (void)state;
    int64_t *v = weir_emit(out);
    if (!v)
        return weir_fail_memory();
    *v = **(int64_t **)item;
    return 0;
}

static void items_are_destroyed_once(void *arg)
{
    (void)arg;
    begin(2000);
    objects = 0;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_insert_before(e, "sink", &(weir_stage){.name = "from", .in = &object_type, .out = WEIR_I64, .each = from_object});
    weir_edit_insert_before(
        e, "from", &(weir_stage){.name = "to", .in = WEIR_I64, .out = &object_type, .each = to_object, .on_error = WEIR_SKIP});
    weir_edit_insert_before(e, "from",
                            &(weir_stage){.name = "some",
                                          .in = &object_type,
                                          .map = some_objects,
                                          .on_error = WEIR_SKIP,
                                          .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED});
    CHECK_EQ(weir_commit(e, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    bool early = check_random() % 2;
    if (early)
        weir_abort(p);
    end(p, 0);
    CHECK_EQ(objects, 0);
    if (!early) {
        CHECK_EQ(totals(p).failed, 40 + 27); /* 8, 58, 108, ... without those that three divides */
        CHECK_EQ(totals(p).delivered + totals(p).filtered, 2000 - 67);
    }
    release(p);
}

/* ---- failing ------------------------------------------------------------------------------------------------------------- */

static weir_verdict fail_at_500(void *state, void *item)
{
    (void)state;
    return *(int64_t *)item == 500 ? weir_fail("%" PRId64 " is one too many; expected less than 500", *(int64_t *)item)
                                   : WEIR_KEEP;
}

static void failing_stops_behind_the_item(void *arg)
{
    (void)arg;
    begin(100000);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    add(p, (weir_stage){.name = "check", .in = WEIR_I64, .map = fail_at_500});
    end(p, WEIR_ESTAGE);
    CHECK_HAS(weir_error(p), "stage \"check\", item 501: 500 is one too many; expected less than 500");
    CHECK_EQ(k.count, 500); /* what was ahead arrived */
    CHECK_EQ(totals(p).failed, 1);
    CHECK_EQ(totals(p).returned, totals(p).admitted - 501);
    release(p);
}

static void failing_skips_the_item(void *arg)
{
    (void)arg;
    begin(1000);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    add(p, (weir_stage){.name = "check", .in = WEIR_I64, .map = fail_at_500, .on_error = WEIR_SKIP});
    end(p, 0);
    CHECK_EQ(k.count, 999);
    CHECK_EQ(totals(p).failed, 1);
    CHECK_EQ(totals(p).returned, 0);
    release(p);
}

static int full_disk(void *state)
{
    (void)state;
    weir_fail_from(3);
    return weir_fail("no space left");
}

static weir_verdict swallow(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_KEEP;
}

static void a_sink_says_how_much_it_wrote(void *arg)
{
    (void)arg;
    begin(100);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_replace(
                 p, "sink",
                 &(weir_stage){.name = "disk", .in = WEIR_ANY, .out = WEIR_NONE, .map = swallow, .batch_end = full_disk}, NULL),
             0);
    end(p, WEIR_ESTAGE);
    CHECK_HAS(weir_error(p), "stage \"disk\", item 4: no space left");
    CHECK_EQ(totals(p).delivered, 3);
    CHECK_EQ(totals(p).failed, 7);
    CHECK_EQ(totals(p).returned, totals(p).admitted - 10);
    release(p);
}

/* ---- flush, tick, finish, idle ------------------------------------------------------------------------------------------- */

static weir_verdict sum_up(void *state, void *item)
{
    *(int64_t *)state += *(int64_t *)item;
    return WEIR_DROP;
}

static int put_sum(void *state, weir_out *out)
{
    int64_t *v = weir_emit(out);
    if (!v)
        return weir_fail_memory();
    *v = *(int64_t *)state;
    return 0;
}

static void a_flush_pill_passes_every_stage(void *arg)
{
    (void)arg;
    int64_t sum = 0, last = 0;
    begin(20);
    n.gated = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    add(p, (weir_stage){.name = "sum", .in = WEIR_I64, .map = sum_up, .flush = put_sum, .state = &sum});
    add(p, (weir_stage){.name = "last", .in = WEIR_I64, .map = add_one, .flush = put_sum, .state = &last, .place = WEIR_OWN});
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 10);
    numbers_await_waiting(&n);
    CHECK_EQ(weir_flush(p), 0);
    event_wait(&k.arrived, 2);
    CHECK_EQ(k.values[0], 45 + 1);
    CHECK_EQ(k.values[1], 0); /* the second stage's own, behind what the first put out */
    numbers_allow(&n, 20);
    end(p, 0);
    CHECK_EQ(k.count, 4);
    CHECK_EQ(k.values[2], 190 + 1);
    release(p);
}

static void ticks_come_while_nothing_flows(void *arg)
{
    (void)arg;
    int64_t sum = 7;
    begin(10);
    n.idle = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_insert_before(p, "sink",
                                &(weir_stage){.name = "sum",
                                              .in = WEIR_I64,
                                              .map = sum_up,
                                              .tick = put_sum,
                                              .tick_ms = 2,
                                              .state = &sum,
                                              .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED,
                                              .blocking = check_random() % 3 == 0},
                                NULL),
             0);
    uint64_t start = plat_now_ns();
    CHECK_EQ(weir_start(p), 0);
    event_wait(&k.arrived, 5);
    CHECK(plat_now_ns() - start >= 8 * 1000000u);
    CHECK_EQ(weir_pop(p, "sum", NULL), 0); /* and none after the stage is gone */
    CHECK_EQ(weir_settle(p, 0), 0);
    numbers_allow(&n, 10);
    CHECK_EQ(weir_wake(p, "source"), 0);
    end(p, 0);
    for (size_t i = 0; i < k.count - 10; i++)
        CHECK_EQ(k.values[i], 7);
    CHECK_EQ(k.values[k.count - 1], 9);
    release(p);
}

static weir_verdict first_ten(void *state, void *item)
{
    int *count = state;
    (void)item;
    if (++*count == 10)
        weir_finish();
    return *count <= 10 ? WEIR_KEEP : WEIR_DROP;
}

static void a_stage_may_have_enough(void *arg)
{
    (void)arg;
    int count = 0;
    begin(INT64_MAX);
    n.gated = check_random() % 2;
    n.allowed = n.gated ? 10 : 0; /* then the source waits for ever, unless it is interrupted */
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    add(p, (weir_stage){.name = "head", .in = WEIR_ANY, .map = first_ten, .state = &count});
    end(p, 0);
    CHECK_EQ(k.count, 10);
    CHECK_EQ(totals(p).filtered, totals(p).admitted - 10);
    release(p);
}

static void an_idle_source_is_woken(void *arg)
{
    (void)arg;
    begin(100);
    n.idle = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    for (int i = 1; i <= 10; i++) {
        numbers_allow(&n, i * 10);
        CHECK_EQ(weir_wake(p, "source"), 0);
        event_wait(&k.arrived, (uint64_t)(i * 10));
    }
    CHECK_EQ(weir_wake(p, "nobody"), WEIR_EREFUSED);
    end(p, 0);
    release(p);
}

/* ---- ending -------------------------------------------------------------------------------------------------------------- */

static void close_lets_everything_arrive(void *arg)
{
    (void)arg;
    begin(INT64_MAX);
    n.gated = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    numbers_allow(&n, 500);
    event_wait(&k.arrived, 10);
    weir_close(p);
    weir_close(p); /* twice is fine */
    end(p, 0);
    CHECK_EQ(k.count, totals(p).admitted);
    release(p);
}

static void free_in_the_middle(void *arg)
{
    (void)arg;
    begin(INT64_MAX);
    n.gated = check_random() % 2;
    n.allowed = 1000;
    k.blocked = false;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_replace(p, "sink", &(weir_stage){.name = "sink", .in = WEIR_ANY, .out = WEIR_NONE, .map = swallow}, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    release(p);
}

static void starting_is_checked(void *arg)
{
    (void)arg;
    weir_pipeline *p = weir_new("empty");
    CHECK_EQ(weir_start(p), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "no stages");
    weir_free(p);
    begin(1);
    p = weir_new("no sink");
    weir_stage source = numbers_stage(&n, "source");
    CHECK_EQ(weir_append(p, &source), 0);
    CHECK_EQ(weir_check(p), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "\"source\" puts out i64 and leads nowhere");
    CHECK_EQ(weir_start(p), WEIR_EREFUSED);
    weir_free(p);
    numbers_free(&n);
    CHECK_EQ(n.opened, 0);
}

static void counts_while_it_runs(void *arg)
{
    (void)arg;
    begin(20000);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    add(p, (weir_stage){.name = "even", .in = WEIR_I64, .map = drop_odd});
    CHECK_EQ(weir_start(p), 0);
    while (!weir_ended(p)) {
        weir_totals t = totals(p);
        CHECK((int64_t)t.in_flight >= 0);
        weir_stage_info info[4];
        CHECK_EQ(weir_stages(p, info, 4), 3);
        CHECK(strcmp(info[1].name, "even") == 0 && strcmp(info[1].in, "i64") == 0);
        plat_point();
    }
    end(p, 0);
    release(p);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

#ifdef SIM
static int copy_number(void *state, void *item, weir_out *out)
{
    (void)state;
    int64_t *v = weir_emit(out);
    if (!v)
        return weir_fail_memory();
    *v = *(int64_t *)item;
    return 0;
}

static void scenario(void *arg)
{
    (void)arg;
    begin(300);
    weir_pipeline *p = weir_new("test");
    int closed = 0;
    if (p) {
        weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink");
        int status = weir_append(p, &source);
        status = weir_append(p, &sink) ? WEIR_ENOMEM : status;
        if (status == 0 && weir_start(p) == 0) {
            uint64_t before = weir_revision(p);
            status = weir_insert_after(
                p, "source",
                &(weir_stage){.name = "own", .in = WEIR_I64, .out = WEIR_I64, .each = copy_number, .place = WEIR_OWN}, NULL);
            CHECK(status != 0 || weir_revision(p) == before + 1);
            weir_edit *e = weir_edit_begin(p);
            if (e) {
                weir_edit_insert_first(e, &(weir_stage){.name = "one", .in = WEIR_I64, .map = add_one, .blocking = true});
                weir_edit_insert_last(e, &(weir_stage){.name = "two", .in = WEIR_I64, .map = add_one});
                before = weir_revision(p);
                status = weir_commit(e, NULL);
                CHECK_EQ(weir_revision(p), status == 0 ? before + 1 : before);
            }
            status = weir_drain(p);
            weir_totals t;
            weir_totals_get(p, &t);
            CHECK_EQ(t.in_flight, 0);
            CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned);
            if (status == 0)
                CHECK_EQ(t.delivered, 300);
        }
        closed = 1;
    }
    weir_free(p);
    if (closed) {
        CHECK_EQ(n.closed, 1);
        CHECK_EQ(k.closed, 1);
    }
}

/* Every allocation (and every thread) fails once in turn, until the scenario passes untouched: nothing leaks, nothing that
 * answered with an error has changed anything, and the counts add up. */
static void every_allocation_fails_once(void *arg)
{
    (void)arg;
    for (size_t i = 1;; i++) {
        sim_fail_allocation(i);
        scenario(NULL);
        size_t made = sim_fail_allocation(0);
        CHECK_EQ(sim_live_allocations(), 0);
        if (made < i)
            break;
        CHECK(i < 1000);
    }
}
#endif

int main(void)
{
    check_run("all_shapes_and_types", 50, all_shapes_and_types);
    check_run("one_item_becomes_a_thousand", 4, one_item_becomes_a_thousand);
    check_run("bytes_live_as_long_as_their_items", 20, bytes_live_as_long_as_their_items);
    check_run("memory_allocated_for_a_full_batch", 20, memory_allocated_for_a_full_batch);
    check_run("items_are_destroyed_once", 100, items_are_destroyed_once);
    check_run("failing_stops_behind_the_item", 50, failing_stops_behind_the_item);
    check_run("failing_skips_the_item", 50, failing_skips_the_item);
    check_run("a_sink_says_how_much_it_wrote", 20, a_sink_says_how_much_it_wrote);
    check_run("a_flush_pill_passes_every_stage", 200, a_flush_pill_passes_every_stage);
    check_run("ticks_come_while_nothing_flows", 100, ticks_come_while_nothing_flows);
    check_run("a_stage_may_have_enough", 200, a_stage_may_have_enough);
    check_run("an_idle_source_is_woken", 100, an_idle_source_is_woken);
    check_run("close_lets_everything_arrive", 100, close_lets_everything_arrive);
    check_run("free_in_the_middle", 200, free_in_the_middle);
    check_run("starting_is_checked", 5, starting_is_checked);
    check_run("counts_while_it_runs", 20, counts_while_it_runs);
#ifdef SIM
    check_run("every_allocation_fails_once", 10, every_allocation_fails_once);
#endif
    return check_done();
}
