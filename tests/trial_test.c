/* SPDX-License-Identifier: MIT */
/*
 * Trials: a canary shares the items and loses none, a shadow compares and changes nothing, both end by themselves when the candidate is
 * bad, and however they end, state stays and each stage is closed once.
 */
#include "stages.h"

#define ITEMS 2000

static struct numbers n;
static struct kept k;

/* A stage that counts what it has seen: the state that must survive. */
struct side {
    int64_t seen;
    int64_t add;
    bool fails;
    _Atomic int opened, closed;
};

static struct side old, new;

static weir_verdict work(void *state, void *item)
{
    struct side *s = state;
    s->seen++;
    if (s->fails) {
        *(int64_t *)item = -1; /* what the stage in force must not see */
        return weir_fail("no good");
    }
    *(int64_t *)item += s->add;
    return WEIR_KEEP;
}

static int work_each(void *state, void *item, weir_out *out)
{
    struct side *s = state;
    s->seen++;
    for (int i = 0; i < 2; i++) {
        int64_t *v = weir_emit(out);
        if (!v)
            return weir_fail_memory();
        *v = s->fails ? -1 : *(int64_t *)item * 2 + i;
    }
    return s->fails ? weir_fail("no good") : 0;
}

static int open_side(void *state)
{
    atomic_fetch_add(&((struct side *)state)->opened, 1);
    return 0;
}

static void close_side(void *state)
{
    CHECK_EQ(atomic_fetch_add(&((struct side *)state)->closed, 1), 0);
}

static weir_stage side_stage(struct side *s, bool each, const char *name)
{
    weir_stage stage = {.name = name, .in = WEIR_I64, .state = s, .open = open_side, .close = close_side};
    if (each) {
        stage.out = WEIR_I64;
        stage.each = work_each;
    } else {
        stage.map = work;
    }
    return stage;
}

static weir_pipeline *begin(bool each)
{
    numbers_init(&n, ITEMS);
    n.gated = true;
    kept_init(&k);
    old = new = (struct side){0};
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage = side_stage(&old, each, "stage");
    stage.place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED;
    CHECK_EQ(weir_insert_first(p, &stage, NULL), 0);
    CHECK_EQ(weir_start(p), 0);
    return p;
}

static uint64_t hundreds(void *key_arg, const void *item)
{
    (void)key_arg;
    return (uint64_t)(*(const int64_t *)item / 100);
}

static void key_done(void *key_arg)
{
    ++*(int *)key_arg;
}

static int try_out(weir_pipeline *p, bool shadow, bool each, weir_trial trial)
{
    weir_stage stage = side_stage(&new, each, "candidate");
    weir_edit *e = weir_edit_begin(p);
    int status = (shadow ? weir_edit_shadow : weir_edit_canary)(e, "stage", &stage, &trial);
    if (status != 0) {
        weir_edit_discard(e);
        return status;
    }
    return weir_commit(e, NULL);
}

static int end_trial(weir_pipeline *p, bool promote)
{
    weir_edit *e = weir_edit_begin(p);
    (promote ? weir_edit_promote : weir_edit_abort)(e, "stage");
    return weir_commit(e, NULL);
}

static void balanced(weir_pipeline *p)
{
    weir_totals t;
    weir_totals_get(p, &t);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned + t.in_flight);
    CHECK((int64_t)t.in_flight >= 0);
}

static void end(weir_pipeline *p)
{
    numbers_allow(&n, ITEMS);
    CHECK_EQ(weir_drain(p), 0);
    balanced(p);
    CHECK_EQ(old.opened, 1);
    CHECK_EQ(old.closed, 1);
    CHECK_EQ(new.closed, 1);
    weir_free(p);
    kept_free(&k);
    numbers_free(&n);
}

static void pass(weir_pipeline *p, int64_t until, size_t arrived)
{
    numbers_allow(&n, until);
    event_wait(&k.arrived, arrived);
    balanced(p);
}

static void a_canary_shares_the_items(void *arg)
{
    (void)arg;
    weir_trial_info info;
    bool promote = check_random() % 2;
    weir_pipeline *p = begin(false);
    pass(p, 100, 100);
    CHECK_EQ(weir_trial_get(p, "stage", &info), WEIR_EREFUSED);
    CHECK_EQ(try_out(p, false, false, (weir_trial){.percent = 30}), 0);
    CHECK_EQ(old.closed, 0);
    pass(p, 1100, 1100);
    CHECK_EQ(weir_trial_get(p, "stage", &info), 0);
    CHECK_EQ(info.items + info.candidate_items, 1000);
    CHECK(info.candidate_items > 200 && info.candidate_items < 400);
    CHECK_EQ(old.seen, 1100 - (int64_t)info.candidate_items);
    CHECK_EQ(end_trial(p, promote), 0);
    CHECK_EQ(weir_settle(p, 0), 0);
    CHECK_EQ(promote ? old.closed : new.closed, 1);
    CHECK_EQ(promote ? new.closed : old.closed, 0);
    CHECK_EQ(end_trial(p, promote), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "not on trial");
    int64_t seen = promote ? new.seen : old.seen;
    end(p);
    CHECK_EQ((promote ? new.seen : old.seen) - seen, ITEMS - 1100);
    CHECK_EQ(k.count, ITEMS);
    for (int64_t i = 0; i < ITEMS; i++)
        CHECK_EQ(k.values[i], i);
}

/* Items with equal keys meet the same stage, whether it is the candidate or not. */
static void a_canary_by_key(void *arg)
{
    (void)arg;
    int done = 0;
    weir_trial trial = {.percent = 50, .key = hundreds, .key_arg = &done, .key_done = key_done};
    weir_pipeline *p = begin(false);
    new.add = 10000;
    CHECK_EQ(try_out(p, false, true, trial), WEIR_EREFUSED);
    CHECK_EQ(done, 1);
    new.closed = 0;
    CHECK_EQ(try_out(p, false, false, trial), 0);
    end(p);
    CHECK_EQ(done, 2);
    CHECK_EQ(k.count, ITEMS);
    CHECK(new.seen > 0 && new.seen < ITEMS);
    for (int64_t i = 0; i < ITEMS; i++) {
        CHECK_EQ(k.values[i] % 10000, i);
        CHECK_EQ(k.values[i] / 10000, k.values[i - i % 100] / 10000);
    }
}

static void ends_by_itself(bool shadow, bool each)
{
    weir_past past;
    weir_trial_info info;
    weir_pipeline *p = begin(each);
    size_t many = each ? 2 : 1;
    new.fails = true;
    CHECK_EQ(try_out(p, shadow, each, (weir_trial){.percent = 50}), 0);
    pass(p, 1000, 1000 * many);
    while (weir_trial_get(p, "stage", &info) == 0) {
        CHECK_EQ(info.candidate_items, 100); /* it gets no more */
        plat_yield();
    }
    CHECK_EQ(weir_history(p, &past, 1), 2);
    CHECK_HAS(past.what, "aborted by itself: 100 of 100 items");
    end(p);
    CHECK_EQ(new.seen, 100);
    CHECK_EQ(old.seen, ITEMS);
    CHECK_EQ(k.count, ITEMS * many);
    for (int64_t i = 0; i < ITEMS * (int64_t)many; i++)
        CHECK_EQ(k.values[i], i);
}

static void a_bad_canary_loses_nothing(void *arg)
{
    (void)arg;
    ends_by_itself(false, check_random() % 2);
}

static void a_bad_shadow_is_aborted(void *arg)
{
    (void)arg;
    ends_by_itself(true, check_random() % 2);
}

static void a_shadow_compares(void *arg)
{
    (void)arg;
    weir_trial_info info;
    bool each = check_random() % 2, differs = !each && check_random() % 2;
    weir_pipeline *p = begin(each);
    new.add = differs;
    CHECK_EQ(try_out(p, true, each, (weir_trial){.errors_max = -1}), 0);
    pass(p, 1000, each ? 2000 : 1000);
    CHECK_EQ(weir_trial_get(p, "stage", &info), 0);
    CHECK(info.shadow);
    CHECK_EQ(info.items, info.candidate_items);
    CHECK_EQ(info.differed, differs ? info.items : 0);
    end(p); /* in the middle of the trial */
    CHECK_EQ(new.seen, ITEMS);
    CHECK_EQ(k.values[k.count - 1], (int64_t)k.count - 1);
}

static void refused_with_words(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin(false);
    CHECK_EQ(try_out(p, false, true, (weir_trial){0}), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "not of one shape");
    CHECK_EQ(new.closed, 1);
    new.closed = 0;
    CHECK_EQ(try_out(p, false, false, (weir_trial){0}), 0);
    CHECK_EQ(weir_replace(p, "stage", &(weir_stage){.name = "stage", .in = WEIR_I64, .map = add_one}, NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "is on trial");
    CHECK_EQ(weir_scale(p, "stage", 2, NULL), WEIR_EREFUSED);
    weir_receipt r;
    CHECK_EQ(weir_undo(p, NULL), 0); /* as good as an abort */
    CHECK_EQ(weir_redo(p, &r), 0);   /* a trial is not begun anew */
    CHECK(!r.changed);
    end(p);
}

/* Trials that follow each other closely, popped, freed or ended in the middle. */
static void begun_and_ended_in_a_row(void *arg)
{
    (void)arg;
    weir_pipeline *p = begin(false);
    struct side more[8] = {0};
    int made = 0;
    for (int64_t i = 0; i < 8; i++) {
        weir_stage stage = side_stage(&more[i], false, "x");
        weir_edit *e = weir_edit_begin(p);
        numbers_allow(&n, i * 100);
        CHECK_EQ(weir_edit_canary(e, "stage", &stage, NULL), 0);
        CHECK_EQ(weir_commit(e, NULL), 0);
        made++;
        if (check_random() % 8 == 0)
            break;
        CHECK_EQ(end_trial(p, check_random() % 4 == 0), 0);
        balanced(p);
    }
    if (check_random() % 4 == 0)
        CHECK_EQ(weir_pop(p, "stage", NULL), 0);
    bool whole = check_random() % 2;
    numbers_allow(&n, ITEMS);
    if (whole) {
        CHECK_EQ(weir_drain(p), 0);
        CHECK_EQ(k.count, ITEMS);
        for (int64_t i = 0; i < ITEMS; i++)
            CHECK_EQ(k.values[i], i);
    }
    weir_free(p);
    CHECK_EQ(old.closed, 1);
    for (int i = 0; i < made; i++)
        CHECK_EQ(more[i].closed, 1);
    kept_free(&k);
    numbers_free(&n);
}

#ifdef SIM
static void scenario(void)
{
    numbers_init(&n, 300);
    kept_init(&k);
    old = new = (struct side){0};
    weir_pipeline *p = weir_new("test");
    weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink"), a = side_stage(&old, false, "stage"),
               b = side_stage(&new, false, "b");
    int status = p ? weir_append(p, &source) : WEIR_ENOMEM;
    bool added = status == 0 && weir_append(p, &a) == 0, brought = false;
    if (added && weir_append(p, &sink) == 0 && weir_start(p) == 0) {
        weir_edit *e = weir_edit_begin(p);
        brought = e != NULL;
        if (e) {
            uint64_t before = weir_revision(p);
            weir_edit_canary(e, "stage", &b, NULL);
            status = weir_commit(e, NULL);
            CHECK_EQ(weir_revision(p), status == 0 ? before + 1 : before);
        }
        e = weir_edit_begin(p);
        if (e) {
            weir_edit_abort(e, "stage");
            weir_commit(e, NULL);
        }
        status = weir_drain(p);
        balanced(p);
        if (status == 0)
            CHECK_EQ(k.count, 300);
    }
    weir_free(p);
    if (added)
        CHECK_EQ(old.closed, 1);
    if (brought)
        CHECK_EQ(new.closed, 1);
}

static void every_allocation_fails_once(void *arg)
{
    (void)arg;
    for (size_t i = 1;; i++) {
        sim_fail_allocation(i);
        scenario();
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
    check_run("a_canary_shares_the_items", 50, a_canary_shares_the_items);
    check_run("a_canary_by_key", 50, a_canary_by_key);
    check_run("a_bad_canary_loses_nothing", 50, a_bad_canary_loses_nothing);
    check_run("a_bad_shadow_is_aborted", 50, a_bad_shadow_is_aborted);
    check_run("a_shadow_compares", 50, a_shadow_compares);
    check_run("refused_with_words", 50, refused_with_words);
    check_run("begun_and_ended_in_a_row", 100, begun_and_ended_in_a_row);
#ifdef SIM
    check_run("every_allocation_fails_once", 5, every_allocation_fails_once);
#endif
    return check_done();
}
