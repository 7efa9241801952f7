/* SPDX-License-Identifier: MIT */
/*
 * Edits one by one: what each does, what is refused and with which words, and that nobody waits for an edit: neither behind a source
 * that has nothing, nor behind a sink that is stuck.
 */
#include "stages.h"

static struct numbers n;
static struct kept k;

static const weir_stage plus = {.name = "plus", .in = WEIR_I64, .map = add_one};
static const weir_stage tens = {.name = "tens", .in = WEIR_I64, .map = times_ten};

static void end(weir_pipeline *p)
{
    weir_totals t;
    CHECK_EQ(weir_drain(p), 0);
    weir_totals_get(p, &t);
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned);
    weir_free(p);
    kept_free(&k);
    numbers_free(&n);
}

static void gate(int64_t last)
{
    numbers_init(&n, last);
    n.gated = true;
    kept_init(&k);
}

/* Ten items each meet: nothing; plus; plus and tens; tens; nothing. */
static void insert_and_pop_in_order(void *arg)
{
    (void)arg;
    weir_receipt r;
    gate(50);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    numbers_allow(&n, 10);
    event_wait(&k.arrived, 10);
    CHECK_EQ(weir_insert_after(p, "source", &plus, &r), 0);
    CHECK(r.changed);
    CHECK_EQ(r.revision, 2);
    CHECK_EQ(r.items_before, 10);
    CHECK_EQ(r.items_after, 0);
    numbers_allow(&n, 20);
    event_wait(&k.arrived, 20);
    CHECK_EQ(weir_insert_before(p, "sink", &tens, &r), 0);
    CHECK_EQ(r.items_before, 20 - 10); /* what `plus` had put out since it started */
    numbers_allow(&n, 30);
    event_wait(&k.arrived, 30);
    CHECK_EQ(weir_pop(p, "plus", &r), 0);
    numbers_allow(&n, 40);
    event_wait(&k.arrived, 40);
    CHECK_EQ(weir_pop(p, "tens", &r), 0);
    CHECK_EQ(r.revision, 5);
    numbers_allow(&n, 50);
    end(p);
    CHECK_EQ(k.count, 50);
    for (int64_t i = 0; i < 50; i++) {
        int64_t expected = i < 10 ? i : i < 20 ? i + 1 : i < 30 ? (i + 1) * 10 : i < 40 ? i * 10 : i;
        CHECK_EQ(k.values[i], expected);
    }
}

static void several_in_one_edit(void *arg)
{
    (void)arg;
    weir_receipt r;
    gate(20);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    numbers_allow(&n, 10);
    event_wait(&k.arrived, 10);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_expect(e, 1);
    CHECK_EQ(weir_edit_insert_first(e, &plus), 0);
    CHECK_EQ(weir_edit_insert_last(e, &tens), 0);
    CHECK_EQ(
        weir_edit_insert_after(e, "plus", &(weir_stage){.name = "again", .in = WEIR_I64, .map = add_one, .place = WEIR_OWN}),
        0);
    CHECK_EQ(weir_commit(e, &r), 0);
    CHECK_EQ(r.revision, 2);
    numbers_allow(&n, 20);
    end(p);
    for (int64_t i = 10; i < 20; i++)
        CHECK_EQ(k.values[i], (i + 2) * 10);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------ */

static int closes;
static void count_close(void *state)
{
    (void)state;
    closes++;
}

static weir_verdict any_f64(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_KEEP;
}

#define REFUSED(call, words)                                                                                                   \
    do {                                                                                                                       \
        closes = 0;                                                                                                            \
        CHECK_EQ(call, WEIR_EREFUSED);                                                                                         \
        CHECK_HAS(weir_error(p), words);                                                                                       \
        CHECK_EQ(weir_revision(p), 1);                                                                                         \
        CHECK_EQ(weir_stages(p, NULL, 0), 3);                                                                                  \
    } while (0)

static void refused_with_words(void *arg)
{
    (void)arg;
    gate(10);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_insert_before(p, "sink", &plus, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    weir_stage floats = {.name = "floats", .in = WEIR_F64, .map = any_f64, .close = count_close};
    REFUSED(weir_insert_after(p, "nobody", &tens, NULL), "no stage is called \"nobody\"; expected one of: source, ");
    REFUSED(weir_insert_after(p, "source", &plus, NULL), "\"plus\" already");
    REFUSED(weir_insert_after(p, "source", &floats, NULL), "\"source\" puts out i64, and \"floats\" takes f64");
    CHECK_EQ(closes, 1); /* handed over, so closed, once */
    REFUSED(weir_pop(p, "source", NULL), "\"source\" is the last source");
    REFUSED(weir_pop(p, "sink", NULL), "leads nowhere");
    REFUSED(weir_insert_after(p, "sink", &tens, NULL), "\"sink\", which is a sink");
    REFUSED(weir_insert_before(p, "source", &tens, NULL), "\"source\", which is the source");
    REFUSED(weir_connect(p, "plus", "source", NULL), "is a source and has no in port");
    REFUSED(weir_connect(p, "plus", "plus", NULL), "circle");
    REFUSED(weir_connect(p, "plus", "nobody", NULL), "nobody");
    REFUSED(weir_replace(p, "plus", &floats, NULL), "takes f64");
    REFUSED(weir_insert_first(p, &(weir_stage){.name = "odd", .in = WEIR_I64}, NULL), "none of map, each, batch, pull");
    REFUSED(weir_insert_first(p, &(weir_stage){.name = "", .in = WEIR_I64, .map = add_one}, NULL), "no name");
    weir_stage second = {.name = "second", .out = WEIR_I64, .pull = numbers_stage(&n, "x").pull};
    REFUSED(weir_insert_first(p, &second, NULL), "is a source and cannot be inserted");
    REFUSED(weir_append(p, &second), "nothing can follow");
    numbers_allow(&n, 10);
    end(p);
    CHECK_EQ(k.count, 10);
}

static void all_or_nothing(void *arg)
{
    (void)arg;
    gate(10);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    weir_edit *e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_insert_first(e, &plus), 0);
    CHECK_EQ(weir_edit_pop(e, "nobody"), WEIR_EREFUSED);
    CHECK_EQ(weir_edit_insert_first(e, &tens), WEIR_EREFUSED); /* the first error stays */
    CHECK_EQ(weir_commit(e, NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "nobody");
    CHECK_EQ(weir_revision(p), 1);
    CHECK_EQ(weir_stages(p, NULL, 0), 2);
    numbers_allow(&n, 10);
    end(p);
    CHECK_EQ(k.values[9], 9);
}

static void stale_revision_is_a_conflict(void *arg)
{
    (void)arg;
    weir_receipt r;
    gate(10);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    weir_edit *first = weir_edit_begin(p), *second = weir_edit_begin(p);
    weir_edit_expect(first, 1);
    weir_edit_expect(second, 1);
    weir_edit_insert_first(first, &plus);
    weir_edit_insert_first(second, &tens);
    CHECK_EQ(weir_commit(first, &r), 0);
    CHECK_EQ(weir_commit(second, &r), WEIR_ECONFLICT);
    CHECK_HAS(weir_error(p), "expected revision 1, and revision 2 is in force");
    numbers_allow(&n, 10);
    end(p);
}

static void an_edit_equal_to_the_plan_does_nothing(void *arg)
{
    (void)arg;
    weir_receipt r;
    gate(10);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    CHECK_EQ(weir_connect(p, "source", "sink", &r), 0);
    CHECK(!r.changed);
    CHECK_EQ(r.revision, 1);
    weir_edit *e = weir_edit_begin(p); /* in and out again: never opened, closed once */
    closes = 0;
    weir_edit_insert_first(e, &(weir_stage){.name = "x", .in = WEIR_I64, .map = add_one, .close = count_close});
    weir_edit_pop(e, "x");
    CHECK_EQ(weir_commit(e, &r), 0);
    CHECK(!r.changed);
    CHECK_EQ(closes, 1);
    numbers_allow(&n, 10);
    end(p);
}

static int failing_open(void *state)
{
    (void)state;
    return weir_fail("no such %s", "thing");
}

static void a_failing_open_changes_nothing(void *arg)
{
    (void)arg;
    gate(10);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    closes = 0;
    weir_stage bad = {.name = "bad", .in = WEIR_I64, .map = add_one, .open = failing_open, .close = count_close};
    weir_stage good = {.name = "good", .in = WEIR_I64, .map = add_one, .close = count_close};
    weir_edit *e = weir_edit_begin(p);
    CHECK_EQ(weir_edit_insert_first(e, &good), 0);
    CHECK_EQ(weir_edit_insert_last(e, &bad), 0);
    CHECK_EQ(weir_commit(e, NULL), WEIR_ESTAGE);
    CHECK_HAS(weir_error(p), "stage \"bad\" could not be opened: no such thing");
    CHECK_EQ(closes, 2);
    CHECK_EQ(weir_revision(p), 1);
    numbers_allow(&n, 10);
    end(p);
    CHECK_EQ(k.values[9], 9);
}

/* ---- nobody waits -------------------------------------------------------------------------------------------------------- */

/* The source waits inside its function for data that does not come: edits behind it commit all the same. */
static void behind_a_source_that_waits(void *arg)
{
    (void)arg;
    gate(10);
    k.blocked = check_random() % 2;
    event_raise(&k.go, 1);
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    numbers_await_waiting(&n);
    weir_stage own = {.name = "own", .in = WEIR_I64, .map = add_one, .place = WEIR_OWN};
    weir_stage blocking = {.name = "blocking", .in = WEIR_I64, .map = add_one, .blocking = true};
    CHECK_EQ(weir_insert_after(p, "source", &own, NULL), 0);
    CHECK_EQ(weir_insert_after(p, "source", &blocking, NULL), 0);
    CHECK_EQ(weir_insert_after(p, "source", &plus, NULL), 0);
    CHECK_EQ(weir_pop(p, "own", NULL), 0);
    CHECK_EQ(atomic_load(&n.waiting), 1);
    numbers_allow(&n, 10);
    end(p);
    CHECK_EQ(k.values[9], 11);
}

/* The sink is stuck and every queue is full: edits in front of it commit, and what was ahead of them keeps its place. */
static void in_front_of_a_sink_that_is_stuck(void *arg)
{
    (void)arg;
    numbers_init(&n, 20000);
    kept_init(&k);
    k.blocked = true;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_configure(p, &(weir_config){.queue_batches = 2, .batch_items = 8}), 0);
    CHECK_EQ(weir_start(p), 0);
    event_wait(&k.entered, 1);
    for (int i = 0; i < 12; i++) {
        weir_stage own = {.name = "own", .in = WEIR_I64, .map = add_one, .place = i % 2 ? WEIR_OWN : WEIR_FUSED};
        CHECK_EQ(weir_insert_before(p, "sink", &own, NULL), 0);
        CHECK_EQ(weir_pop(p, "own", NULL), 0);
    }
    CHECK_EQ(weir_insert_after(p, "source", &plus, NULL), 0);
    CHECK_EQ(k.count, 0);
    weir_totals t;
    weir_totals_get(p, &t);
    CHECK(t.admitted < 2000); /* bounded: the source stands still too */
    event_raise(&k.go, 1);
    end(p);
    CHECK_EQ(k.count, 20000);
    for (size_t i = 1; i < k.count; i++)
        CHECK(k.values[i] == k.values[i - 1] + 1 || k.values[i] == k.values[i - 1] + 2 || k.values[i] == k.values[i - 1]);
    CHECK_EQ(k.values[k.count - 1], 20000);
}

struct stuck {
    struct event entered, go;
};

static weir_verdict get_stuck(void *state, void *item)
{
    struct stuck *stuck = state;
    (void)item;
    event_raise(&stuck->entered, 1);
    event_wait(&stuck->go, 1);
    return WEIR_KEEP;
}

/* An edit of the strand whose function does not return is withdrawn at its deadline: it names the stage, and nothing changed. */
static void withdrawn_at_the_deadline(void *arg)
{
    (void)arg;
    struct stuck stuck;
    event_init(&stuck.entered);
    event_init(&stuck.go);
    gate(10);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(
        weir_insert_before(p, "sink", &(weir_stage){.name = "stuck", .in = WEIR_I64, .map = get_stuck, .state = &stuck}, NULL),
        0);
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 5);
    event_wait(&stuck.entered, 1);
    closes = 0;
    weir_edit *e = weir_edit_begin(p);
    weir_edit_timeout(e, 5);
    weir_edit_insert_after(e, "stuck", &(weir_stage){.name = "x", .in = WEIR_I64, .map = add_one, .close = count_close});
    CHECK_EQ(weir_commit(e, NULL), WEIR_EBUSY);
    CHECK_HAS(weir_error(p), "\"stuck\"");
    CHECK_EQ(closes, 1);
    CHECK_EQ(weir_revision(p), 1);
    event_raise(&stuck.go, 1);
    numbers_allow(&n, 10);
    end(p);
    CHECK_EQ(k.values[9], 9);
    event_free(&stuck.entered);
    event_free(&stuck.go);
}

/* ---- from inside --------------------------------------------------------------------------------------------------------- */

struct inside {
    weir_pipeline *p;
    int status, async_status;
    uint64_t revision;
    struct event done;
};

static void committed(void *arg, int status, const weir_receipt *receipt, const char *error)
{
    struct inside *inside = arg;
    inside->async_status = status;
    inside->revision = receipt->revision;
    CHECK_EQ(*error, 0);
    event_raise(&inside->done, 1);
}

static weir_verdict edit_inside(void *state, void *item)
{
    struct inside *inside = state;
    if (*(int64_t *)item != 3)
        return WEIR_KEEP;
    inside->status = weir_insert_after(inside->p, "source", &plus, NULL);
    CHECK_HAS(weir_error(inside->p), "weir_commit_async");
    CHECK_EQ(weir_drain(inside->p), WEIR_EINSIDE);
    CHECK_EQ(weir_stop(inside->p), WEIR_EINSIDE);
    CHECK_EQ(weir_settle(inside->p, 1), WEIR_EINSIDE);
    weir_edit *e = weir_edit_begin(inside->p);
    weir_edit_pop(e, "inside"); /* even its own stage */
    CHECK_EQ(weir_commit_async(e, committed, inside), 0);
    return WEIR_KEEP;
}

static void commit_from_inside_a_stage(void *arg)
{
    (void)arg;
    struct inside inside = {.async_status = 1};
    event_init(&inside.done);
    gate(20);
    weir_pipeline *p = inside.p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_insert_before(p, "sink",
                                &(weir_stage){.name = "inside", .in = WEIR_I64, .map = edit_inside, .state = &inside}, NULL),
             0);
    CHECK_EQ(weir_start(p), 0);
    numbers_allow(&n, 10);
    event_wait(&inside.done, 1);
    CHECK_EQ(inside.status, WEIR_EINSIDE);
    CHECK_EQ(inside.async_status, 0);
    CHECK_EQ(inside.revision, 2);
    CHECK_EQ(weir_settle(p, 0), 0);
    CHECK_EQ(weir_stages(p, NULL, 0), 2);
    numbers_allow(&n, 20);
    end(p);
    CHECK_EQ(k.count, 20);
    event_free(&inside.done);
}

/* ---- routes -------------------------------------------------------------------------------------------------------------- */

static void connect_to_another_chain_and_back(void *arg)
{
    (void)arg;
    gate(40);
    closes = 0;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    bool own = check_random() % 2;
    weir_stage a = {.name = "a", .in = WEIR_I64, .map = add_one, .place = own ? WEIR_OWN : WEIR_FUSED, .close = count_close};
    weir_stage b = {.name = "b", .in = WEIR_I64, .map = times_ten, .close = count_close};
    CHECK_EQ(weir_insert_after(p, "source", &a, NULL), 0);
    CHECK_EQ(weir_add(p, &b), 0);
    CHECK_EQ(weir_connect(p, "b", "sink", NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    for (int i = 1; i <= 3; i++) {
        numbers_allow(&n, 10 * i);
        event_wait(&k.arrived, (uint64_t)(10 * i));
        CHECK_EQ(weir_connect(p, "source", i % 2 ? "b" : "a", NULL), 0);
    }
    CHECK_EQ(closes, 0); /* parked, not closed */
    CHECK_EQ(weir_pop(p, "a", NULL), 0);
    CHECK_EQ(weir_settle(p, 0), 0);
    CHECK_EQ(closes, 1);
    numbers_allow(&n, 40);
    end(p);
    CHECK_EQ(closes, 2);
    for (int64_t i = 0; i < 40; i++)
        CHECK_EQ(k.values[i], i / 10 % 2 ? i * 10 : i >= 30 ? i * 10 : i + 1);
}

static void replace_the_source(void *arg)
{
    (void)arg;
    static struct numbers other;
    gate(1000);
    numbers_init(&other, 2000);
    other.next = 1990;
    other.allowed = 2000;
    other.gated = check_random() % 2;
    weir_pipeline *p = numbers_pipeline(&n, &k, true);
    numbers_allow(&n, 10);
    event_wait(&k.arrived, 10);
    numbers_await_waiting(&n);
    weir_stage source = numbers_stage(&other, "source");
    CHECK_EQ(weir_replace(p, "source", &source, NULL), 0);
    CHECK_EQ(weir_settle(p, 0), 0);
    CHECK_EQ(n.closed, 1);
    end(p);
    numbers_free(&other);
    CHECK_EQ(k.count, 20);
    CHECK_EQ(k.values[9], 9);
    CHECK_EQ(k.values[10], 1990);
}

static void staying_stages_change_places(void *arg)
{
    (void)arg;
    gate(10);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    CHECK_EQ(weir_insert_before(p, "sink", &plus, NULL), 0);
    CHECK_EQ(weir_insert_before(p, "sink", &tens, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_connect(e, "source", "tens");
    weir_edit_connect(e, "plus", "sink");
    weir_edit_connect(e, "tens", "plus");
    CHECK_EQ(weir_commit(e, NULL), WEIR_OK);
    numbers_allow(&n, 10);
    end(p);
    CHECK_EQ(k.values[9], 91);
}

int main(void)
{
    check_run("insert_and_pop_in_order", 100, insert_and_pop_in_order);
    check_run("several_in_one_edit", 100, several_in_one_edit);
    check_run("refused_with_words", 20, refused_with_words);
    check_run("all_or_nothing", 20, all_or_nothing);
    check_run("stale_revision_is_a_conflict", 20, stale_revision_is_a_conflict);
    check_run("an_edit_equal_to_the_plan_does_nothing", 20, an_edit_equal_to_the_plan_does_nothing);
    check_run("a_failing_open_changes_nothing", 50, a_failing_open_changes_nothing);
    check_run("behind_a_source_that_waits", 200, behind_a_source_that_waits);
    check_run("in_front_of_a_sink_that_is_stuck", 30, in_front_of_a_sink_that_is_stuck);
    check_run("withdrawn_at_the_deadline", 50, withdrawn_at_the_deadline);
    check_run("commit_from_inside_a_stage", 200, commit_from_inside_a_stage);
    check_run("connect_to_another_chain_and_back", 200, connect_to_another_chain_and_back);
    check_run("replace_the_source", 200, replace_the_source);
    check_run("staying_stages_change_places", 20, staying_stages_change_places);
    return check_done();
}
