/* SPDX-License-Identifier: MIT */
/*
 * Pipelines that are not a line: what goes through tees, routes, merges and pools, and edits of them while data flows. The items are
 * numbers; what stages do to them is added above bit 32, so that an item tells which version of what it has met.
 */
#include "stages.h"

static struct numbers n, other;
static struct kept k, k2;

#define MARK(version) ((int64_t)(version) << 32)
#define NUMBER(item)  ((item)&0xffffffff)

static void begin(int64_t last, bool gated)
{
    numbers_init(&n, last);
    n.gated = gated;
    kept_init(&k);
    kept_init(&k2);
}

static void finish(weir_pipeline *p)
{
    weir_totals t;
    CHECK_EQ(weir_drain(p), 0);
    weir_totals_get(p, &t);
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned);
    weir_free(p);
    numbers_free(&n);
    kept_free(&k);
    if (!k2.closed) /* not used in this test */
        k2.closed = 1;
    kept_free(&k2);
}

static void add(weir_pipeline *p, const weir_stage *stage)
{
    if (weir_add(p, stage) != WEIR_OK)
        check_failed(__FILE__, __LINE__, stage->name, "%s", weir_error(p));
}

static void join(weir_pipeline *p, const char *from, const char *to)
{
    if (weir_connect(p, from, to, NULL) != WEIR_OK)
        check_failed(__FILE__, __LINE__, from, "%s", weir_error(p));
}

static void start(weir_pipeline *p)
{
    weir_config config = {.queue_batches = check_random() % 2 ? 2 : 0, .batch_items = 1 + (unsigned)(check_random() % 16)};
    CHECK_EQ(weir_configure(p, &config), 0);
    if (weir_start(p) != WEIR_OK)
        check_failed(__FILE__, __LINE__, "start", "%s", weir_error(p));
}

static weir_verdict mark(void *state, void *item)
{
    *(int64_t *)item += MARK(*(int *)state);
    return WEIR_KEEP;
}

static int versions[] = {0, 1, 2, 3, 4, 5, 6, 7};

static weir_stage marker(const char *name, int version)
{
    return (weir_stage){.name = name,
                        .in = WEIR_I64,
                        .map = mark,
                        .state = &versions[version],
                        .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED};
}

static size_t by_parity(void *state, const void *item, size_t ports)
{
    (void)state;
    return (size_t)(*(const int64_t *)item % (int64_t)ports);
}

static int64_t own_order(void *state, const void *item)
{
    (void)state;
    return NUMBER(*(const int64_t *)item);
}

static const weir_stage tee = {.name = "tee", .in = WEIR_ANY, .tee = true};
static const weir_stage parity = {.name = "parity", .in = WEIR_I64, .route = by_parity};
static const weir_stage merge = {.name = "merge", .in = WEIR_ANY, .merge = true};
static const weir_stage sorter = {.name = "merge", .in = WEIR_I64, .merge = true, .order_by = WEIR_BY_KEY, .order = own_order};

/* source -> split -> a, b -> joint -> sink */
static weir_pipeline *diamond(const weir_stage *split, const weir_stage *joint)
{
    weir_pipeline *p = weir_new("diamond");
    weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink");
    weir_stage a = marker("a", 0), b = marker("b", 0);
    add(p, &source);
    add(p, split);
    add(p, &a);
    add(p, &b);
    add(p, joint);
    add(p, &sink);
    join(p, "source", split->name);
    join(p, split->name, "a");
    join(p, split->name, "b");
    join(p, "a", joint->name);
    join(p, "b", joint->name);
    join(p, joint->name, "sink");
    return p;
}

/* ---- what flows ------------------------------------------------------------------------------------------------------------ */

static void a_tee_copies_to_all(void *arg)
{
    (void)arg;
    begin(500, false);
    weir_pipeline *p = weir_new("tee");
    weir_stage source = numbers_stage(&n, "source"), one = kept_stage(&k, "one"), two = kept_stage(&k2, "two");
    add(p, &source);
    add(p, &tee);
    add(p, &one);
    add(p, &two);
    join(p, "source", "tee");
    join(p, "tee:x", "one");
    join(p, "tee:y", "two");
    join(p, "tee:z", WEIR_DISCARD);
    start(p);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 500);
    CHECK_EQ(k2.count, 500);
    for (int64_t i = 0; i < 500; i++) {
        CHECK_EQ(k.values[i], i);
        CHECK_EQ(k2.values[i], i);
    }
    weir_totals t;
    weir_totals_get(p, &t);
    CHECK_EQ(t.filtered, 500);
    finish(p);
}

static void a_merge_by_key_restores_the_order(void *arg)
{
    (void)arg;
    begin(2000, false);
    weir_pipeline *p = diamond(&parity, &sorter);
    start(p);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 2000);
    for (int64_t i = 0; i < 2000; i++)
        CHECK_EQ(k.values[i], i);
    finish(p);
}

static void two_sources_are_merged_by_key(void *arg)
{
    (void)arg;
    begin(1000, false);
    numbers_init(&other, 1500);
    other.next = 500;
    weir_pipeline *p = weir_new("two");
    weir_stage a = numbers_stage(&n, "a"), b = numbers_stage(&other, "b"), sink = kept_stage(&k, "sink");
    add(p, &a);
    add(p, &b);
    add(p, &sorter);
    add(p, &sink);
    join(p, "a", "merge");
    join(p, "b", "merge");
    join(p, "merge", "sink");
    start(p);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 2000);
    for (size_t i = 1; i < k.count; i++)
        CHECK(k.values[i - 1] <= k.values[i]);
    finish(p);
    numbers_free(&other);
}

static void wiring_is_refused_with_words(void *arg)
{
    (void)arg;
    begin(10, true);
    weir_pipeline *p = diamond(&parity, &merge);
    start(p);
    weir_edit *e = weir_edit_begin(p);
    weir_edit_connect(e, "a", "b");
    CHECK_EQ(weir_commit(e, NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "expected a merge in front of it");
    CHECK_EQ(weir_disconnect(p, "a", NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "leads nowhere");
    CHECK_EQ(weir_connect(p, "merge", "a", NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "in a circle: ");
    CHECK_EQ(weir_pop(p, "parity", NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "leads to several stages");
    CHECK_EQ(weir_connect(p, "a:up", "sink", NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "no out port \"up\"");
    numbers_allow(&n, 10);
    finish(p);
}

static int put_nothing(void *state, weir_out *out)
{
    (void)state;
    (void)out;
    return 0;
}

static int keep_each(void *state, void *item, weir_out *out)
{
    (void)state;
    int64_t *v = weir_emit(out);
    if (!v)
        return weir_fail_memory();
    *v = *(int64_t *)item;
    return 0;
}

/* What it holds, the merge would get behind items that it has to sort it in front of. */
static void a_sorted_branch_holds_nothing(void *arg)
{
    (void)arg;
    begin(10, true);
    weir_pipeline *p = diamond(&parity, &sorter);
    start(p);
    weir_stage holds = {.name = "holds", .in = WEIR_I64, .each = keep_each, .flush = put_nothing, .holds = true};
    CHECK_EQ(weir_insert_before(p, "b", &holds, NULL), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "\"holds\" holds items between \"parity\" and \"merge\"");
    CHECK_EQ(weir_insert_before(p, "parity", &holds, NULL), 0);
    numbers_allow(&n, 10);
    finish(p);
}

/* ---- edits ------------------------------------------------------------------------------------------------------------------- */

/* Both copies of an item meet the same version in both branches and behind them; each copy arrives once, each branch in order. */
static void check_copies(int versions_max)
{
    static int64_t met[2000], last[2];
    static int seen[2000];
    memset(seen, 0, sizeof seen);
    last[0] = last[1] = -1;
    for (size_t i = 0; i < k.count; i++) {
        int64_t number = NUMBER(k.values[i]), version = k.values[i] >> 32;
        int copy = seen[number]++;
        CHECK(copy < 2 && version <= versions_max);
        if (copy == 0)
            met[number] = version;
        else
            CHECK_EQ(version, met[number]);
        CHECK(number > last[copy]); /* the first copies are in order, and so are the second */
        last[copy] = number;
    }
}

static void an_edit_of_both_branches_and_behind(void *arg)
{
    (void)arg;
    begin(2000, false);
    weir_pipeline *p = diamond(&tee, &merge);
    weir_stage z = marker("z", 0);
    CHECK_EQ(weir_insert_before(p, "sink", &z, NULL), 0);
    start(p);
    for (int i = 1; i <= 3; i++) {
        weir_edit *e = weir_edit_begin(p);
        weir_stage a = marker("a", 2 * (i % 2)), b = marker("b", 2 * (i % 2)), c = marker("z", i % 2);
        weir_edit_replace(e, "a", &a);
        weir_edit_replace(e, "b", &b);
        if (check_random() % 2)
            weir_edit_replace(e, "z", &c);
        else if (c.close)
            c.close(c.state);
        int status = weir_commit(e, NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 4000);
    check_copies(3);
    finish(p);
}

/* Only what is behind the merge changes: the copies of an item must meet the same all the same. */
static void an_edit_behind_the_merge_only(void *arg)
{
    (void)arg;
    begin(2000, false);
    weir_pipeline *p = diamond(&tee, &merge);
    weir_stage z = marker("z", 0);
    CHECK_EQ(weir_insert_before(p, "sink", &z, NULL), 0);
    start(p);
    for (int i = 1; i <= 4; i++) {
        weir_stage c = marker("z", i);
        int status = weir_replace(p, "z", &c, NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 4000);
    check_copies(4);
    finish(p);
}

static int thrice(void *state, void *item, weir_out *out)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        int64_t *made = weir_emit(out);
        if (!made)
            return weir_fail_memory();
        *made = *(int64_t *)item;
    }
    return 0;
}

/* All that came of one item meets one version of what another strand does to it. */
static void an_edit_behind_one_to_many(void *arg)
{
    (void)arg;
    begin(1000, false);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage many = {.name = "many", .in = WEIR_I64, .each = thrice, .place = WEIR_OWN};
    weir_stage a = marker("a", 0); /* in a strand of its own, or with the sink: then only that strand's program changes */
    CHECK_EQ(weir_insert_before(p, "sink", &many, NULL), 0);
    CHECK_EQ(weir_insert_before(p, "sink", &a, NULL), 0);
    start(p);
    for (int i = 1; i <= 4; i++) {
        weir_stage c = marker("a", i);
        c.place = a.place;
        event_wait(&k.arrived, check_random() % 600 * (uint64_t)i); /* in the middle, not all at the beginning */
        int status = weir_replace(p, "a", &c, NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 3000);
    for (size_t i = 0; i < k.count; i += 3) {
        CHECK_EQ(NUMBER(k.values[i]), i / 3);
        CHECK_EQ(k.values[i], k.values[i + 1]);
        CHECK_EQ(k.values[i], k.values[i + 2]);
    }
    finish(p);
}

/* A branch comes and goes; the other does not notice. */
static void branches_come_and_go(void *arg)
{
    (void)arg;
    begin(2000, false);
    weir_pipeline *p = weir_new("branches");
    weir_stage source = numbers_stage(&n, "source"), one = kept_stage(&k, "one"), two = kept_stage(&k2, "two");
    add(p, &source);
    add(p, &tee);
    add(p, &one);
    add(p, &two);
    join(p, "source", "tee");
    join(p, "tee:a", "one");
    start(p);
    for (int i = 0; i < 4; i++) {
        int status = i % 2 ? weir_disconnect(p, "tee:b", NULL) : weir_connect(p, "tee:b", "two", NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 2000);
    for (int64_t i = 0; i < 2000; i++)
        CHECK_EQ(k.values[i], i);
    for (size_t i = 1; i < k2.count; i++)
        CHECK(k2.values[i] > k2.values[i - 1]);
    finish(p);
}

/* The split ends a turn for each of these edits, and while the sink is stuck there is no room for the turns: none must be forgotten. (Two
 * became one once, and the merge took the branches' turns for the same that were not.) */
static void a_sorted_diamond_is_edited_when_it_is_full(void *arg)
{
    (void)arg;
    begin(3000, false);
    k.blocked = true;
    weir_pipeline *p = diamond(&parity, &sorter);
    start(p);
    event_wait(&k.entered, 1);
    for (int i = 0; i < 8; i++) {
        weir_stage m = marker("m", 0);
        m.place = WEIR_FUSED;
        CHECK_EQ(i % 2 ? weir_pop(p, "m", NULL) : weir_insert_before(p, "parity", &m, NULL), WEIR_OK);
    }
    event_raise(&k.go, 1);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 3000);
    for (int64_t i = 0; i < 3000; i++)
        CHECK_EQ(k.values[i], i);
    finish(p);
}

/* A stage comes and goes between a branch and the merge: the link into the merge is another one, but it is the same port, and what comes
 * through it keeps its order. (It went on with the other branch's channel once.) */
static void a_branch_gets_longer_at_the_merge(void *arg)
{
    (void)arg;
    begin(3000, false);
    weir_pipeline *p = diamond(&parity, &merge);
    start(p);
    for (int i = 0; i < 8; i++) {
        weir_stage m = marker("m", 0);
        int status = i % 2 ? weir_pop(p, "m", NULL) : weir_insert_after(p, "a", &m, NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 3000);
    int64_t next[2] = {0, 1};
    for (size_t i = 0; i < k.count; i++) {
        CHECK_EQ(k.values[i], next[k.values[i] % 2]);
        next[k.values[i] % 2] += 2;
    }
    finish(p);
}

/* Stages change places across strands: each item meets all, in the old order or in the new one. */
static weir_verdict times_two(void *state, void *item)
{
    (void)state;
    *(int64_t *)item *= 2;
    return WEIR_KEEP;
}

static void stages_are_moved(void *arg)
{
    (void)arg;
    begin(3000, false);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage plus = {.name = "plus", .in = WEIR_I64, .map = add_one, .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED};
    weir_stage twice = {.name = "twice", .in = WEIR_I64, .map = times_two, .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED};
    weir_stage still = {.name = "still", .in = WEIR_I64, .map = mark, .state = &versions[0]};
    CHECK_EQ(weir_insert_before(p, "sink", &plus, NULL), 0);
    CHECK_EQ(weir_insert_before(p, "sink", &still, NULL), 0);
    CHECK_EQ(weir_insert_before(p, "sink", &twice, NULL), 0);
    start(p);
    for (int i = 0; i < 6; i++) {
        int status = i % 2 ? weir_move_before(p, "plus", "still", NULL) : weir_move_after(p, "plus", "twice", NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 3000);
    for (int64_t i = 0; i < 3000; i++)
        CHECK(k.values[i] == (i + 1) * 2 || k.values[i] == i * 2 + 1);
    finish(p);
}

/* One of two sources ends; edits go on behind the other. */
static void a_source_ends_before_the_other(void *arg)
{
    (void)arg;
    begin(300, false);
    numbers_init(&other, 1000000 + 600);
    other.next = 1000000;
    other.gated = true;
    other.allowed = 1000000 + 300;
    weir_pipeline *p = weir_new("two");
    weir_stage a = numbers_stage(&n, "a"), b = numbers_stage(&other, "b"), sink = kept_stage(&k, "sink");
    add(p, &a);
    add(p, &b);
    add(p, &merge);
    add(p, &sink);
    join(p, "a", "merge");
    join(p, "b", "merge");
    join(p, "merge", "sink");
    start(p);
    event_wait(&k.arrived, 600);
    for (int i = 1; i < 5; i++) {
        weir_stage m = marker("m", i);
        CHECK_EQ(i == 1 ? weir_insert_after(p, "b", &m, NULL) : weir_replace(p, "m", &m, NULL), WEIR_OK);
        numbers_allow(&other, 1000000 + 300 + 60 * i);
    }
    int status = weir_pop(p, "a", NULL);
    CHECK(status == WEIR_OK || status == WEIR_EENDED);
    numbers_allow(&other, 1000000 + 600);
    finish(p);
    numbers_free(&other);
}

/* ---- pools -------------------------------------------------------------------------------------------------------------------- */

static weir_verdict slow(void *state, void *item)
{
    (void)state;
    if (*(int64_t *)item % 7 == 0)
        plat_yield();
    return *(int64_t *)item % 5 == 0 ? WEIR_DROP : WEIR_KEEP;
}

static void a_pool_keeps_order_while_it_is_scaled(void *arg)
{
    (void)arg;
    begin(3000, false);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage pooled = {.name = "pooled", .in = WEIR_I64, .map = slow, .lanes = 1 + (uint32_t)(check_random() % 4)};
    CHECK_EQ(weir_insert_before(p, "sink", &pooled, NULL), 0);
    start(p);
    static const unsigned lanes[] = {4, 2, 1, 3, 8, 1};
    for (size_t i = 0; i < 6; i++) {
        int status = weir_scale(p, "pooled", lanes[i], NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 2400);
    for (size_t i = 1; i < k.count; i++)
        CHECK(k.values[i] > k.values[i - 1]);
    finish(p);
}

/* Counts by key: an item comes out as its key and how many of that key there have been. */
#define KEYS 10
struct tallies {
    int64_t counts[KEYS];
};

static _Atomic int tallies_alive;

static weir_verdict tally(void *state, void *item)
{
    struct tallies *t = state;
    int64_t *value = item, key = *value % KEYS;
    *value = key + MARK(++t->counts[key]);
    return WEIR_KEEP;
}

static uint64_t tally_key(void *state, const void *item)
{
    (void)state;
    return (uint64_t)(*(const int64_t *)item % KEYS);
}

static void tally_over(void *state, void *from, size_t lane, size_t lanes)
{
    struct tallies *to = state, *t = from;
    for (size_t key = 0; key < KEYS; key++)
        if (key % lanes == lane) {
            to->counts[key] += t->counts[key];
            t->counts[key] = 0;
        }
}

static void tally_close(void *state)
{
    plat_free(state);
    atomic_fetch_sub(&tallies_alive, 1);
}

static void nothing(weir_recipe *recipe)
{
    (void)recipe;
}

static int tally_make(weir_recipe *recipe, weir_stage *stage);
static weir_recipe tally_recipe = {.make = tally_make, .share = nothing, .drop = nothing};

static int tally_make(weir_recipe *recipe, weir_stage *stage)
{
    struct tallies *t = plat_alloc(sizeof *t);
    if (!t)
        return weir_fail_memory();
    atomic_fetch_add(&tallies_alive, 1);
    *stage = (weir_stage){.name = "tally",
                          .in = WEIR_I64,
                          .map = tally,
                          .state = t,
                          .close = tally_close,
                          .key = tally_key,
                          .state_type = "tallies",
                          .take_over = tally_over,
                          .recipe = recipe};
    return 0;
}

static void check_tallies(void)
{
    int64_t counts[KEYS] = {0};
    for (size_t i = 0; i < k.count; i++)
        CHECK_EQ(k.values[i] >> 32, ++counts[NUMBER(k.values[i])]);
}

static void state_by_key_moves_with_its_lane(void *arg)
{
    (void)arg;
    begin(3000, false);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage;
    CHECK_EQ(tally_make(&tally_recipe, &stage), 0);
    stage.lanes = 1 + (uint32_t)(check_random() % 3);
    CHECK_EQ(weir_insert_before(p, "sink", &stage, NULL), 0);
    start(p);
    static const unsigned lanes[] = {3, 1, 4, 2};
    for (size_t i = 0; i < 4; i++) {
        int status = weir_scale(p, "tally", lanes[i], NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 3000);
    check_tallies();
    finish(p);
    CHECK_EQ(tallies_alive, 0);
}

static void a_replaced_stage_hands_its_state_over(void *arg)
{
    (void)arg;
    begin(2000, false);
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage;
    CHECK_EQ(tally_make(&tally_recipe, &stage), 0);
    CHECK_EQ(weir_insert_before(p, "sink", &stage, NULL), 0);
    start(p);
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQ(tally_make(&tally_recipe, &stage), 0);
        stage.place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED;
        stage.blocking = check_random() % 3 == 0;
        int status = weir_replace(p, "tally", &stage, NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    weir_stage stranger = marker("stranger", 1);
    int status = weir_replace(p, "tally", &stranger, NULL);
    CHECK(status == WEIR_EREFUSED || status == WEIR_EENDED);
    if (status == WEIR_EREFUSED)
        CHECK_HAS(weir_error(p), "has the state \"tallies\"");
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 2000);
    check_tallies();
    finish(p);
    CHECK_EQ(tallies_alive, 0);
}

static weir_verdict drop(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_DROP;
}

/* A stage at rest is replaced and connected again in one edit: the new one, which runs at once, has its state from the first item on. */
static void a_stage_at_rest_hands_its_state_over(void *arg)
{
    (void)arg;
    begin(1000, true);
    weir_pipeline *p = weir_new("test");
    weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink"), stage;
    add(p, &source);
    add(p, &tee);
    CHECK_EQ(tally_make(&tally_recipe, &stage), 0);
    add(p, &stage);
    add(p, &(weir_stage){.name = "drop", .in = WEIR_I64, .map = drop});
    add(p, &merge);
    add(p, &sink);
    join(p, "source", "tee");
    join(p, "tee:a", "tally");
    join(p, "tee:b", "drop");
    join(p, "tally", "merge");
    join(p, "drop", "merge");
    join(p, "merge", "sink");
    start(p);
    for (int64_t i = 1; i <= 5; i++) {
        numbers_allow(&n, i * 200 - 100);
        CHECK_EQ(weir_disconnect(p, "tee:a", NULL), 0);
        numbers_allow(&n, i * 200);
        CHECK_EQ(tally_make(&tally_recipe, &stage), 0);
        stage.place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED;
        weir_edit *e = weir_edit_begin(p);
        weir_edit_replace(e, "tally", &stage);
        weir_edit_connect(e, "tee:a", "tally");
        int status = weir_commit(e, NULL);
        if (status == WEIR_EENDED)
            break;
        CHECK_EQ(status, WEIR_OK);
    }
    CHECK_EQ(weir_drain(p), 0);
    check_tallies();
    finish(p);
    CHECK_EQ(tallies_alive, 0);
}

/* ---- failing ------------------------------------------------------------------------------------------------------------------- */

static weir_verdict fail_twice(void *state, void *item)
{
    int *failures = state;
    if (*(int64_t *)item % 100 == 42 && (*failures)++ % 3 != 2)
        return weir_fail("not yet");
    return WEIR_KEEP;
}

static void what_fails_is_tried_again(void *arg)
{
    (void)arg;
    begin(1000, false);
    int failures = 0;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage = {.name = "shaky",
                        .in = WEIR_I64,
                        .map = fail_twice,
                        .state = &failures,
                        .retry = {.count = 2, .backoff_ms = 1, .jitter_percent = 50}};
    CHECK_EQ(weir_insert_before(p, "sink", &stage, NULL), 0);
    start(p);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 1000);
    for (int64_t i = 0; i < 1000; i++)
        CHECK_EQ(k.values[i], i);
    CHECK_EQ(failures, 30);
    finish(p);
}

static weir_verdict hate_42(void *state, void *item)
{
    (void)state;
    return *(int64_t *)item % 100 == 42 ? weir_fail("hates %d", 42) : WEIR_KEEP;
}

static _Atomic int letters;

static weir_verdict read_letter(void *state, void *item)
{
    const weir_letter *letter = item;
    (void)state;
    CHECK_EQ(letter->number, 43 + 100 * letters);
    CHECK_EQ(*(const int64_t *)(void *)letter->item.data, 42 + 100 * letters);
    CHECK(letter->reason.len == 8 && memcmp(letter->reason.data, "hates 42", 8) == 0);
    atomic_fetch_add(&letters, 1);
    return WEIR_KEEP;
}

static void what_fails_is_dead_lettered(void *arg)
{
    (void)arg;
    begin(1000, false);
    letters = 0;
    weir_pipeline *p = numbers_pipeline(&n, &k, false);
    weir_stage stage = {.name = "picky", .in = WEIR_I64, .map = hate_42, .on_error = WEIR_DEAD};
    weir_stage grave = {.name = "grave", .in = WEIR_LETTER, .out = WEIR_NONE, .map = read_letter};
    CHECK_EQ(weir_insert_before(p, "sink", &stage, NULL), 0);
    CHECK_EQ(weir_check(p), WEIR_EREFUSED);
    CHECK_HAS(weir_error(p), "\"dead\" of \"picky\" leads nowhere");
    add(p, &grave);
    join(p, "picky:dead", "grave");
    start(p);
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 990);
    CHECK_EQ(letters, 10);
    finish(p);
}

static size_t keep_batch(void *state, void *items, size_t count)
{
    (void)state;
    (void)items;
    return count;
}

/* What comes out of a stage's only port, and is discarded, is filtered: whatever the stage's shape. */
static void what_is_discarded_is_counted(void *arg)
{
    (void)arg;
    begin(1000, false);
    uint64_t shape = check_random() % 4;
    weir_pipeline *p = weir_new("test");
    weir_stage source = numbers_stage(&n, "source"), last = {.name = "last", .in = WEIR_I64};
    last.map = shape == 0 ? add_one : NULL;
    last.each = shape == 1 ? keep_each : NULL;
    last.batch = shape == 2 ? keep_batch : NULL;
    add(p, &source);
    if (shape < 3) {
        add(p, &last);
        join(p, "source", "last");
    }
    join(p, shape < 3 ? "last" : "source", WEIR_DISCARD);
    start(p);
    weir_totals t;
    CHECK_EQ(weir_drain(p), 0);
    weir_totals_get(p, &t);
    CHECK_EQ(t.filtered, 1000);
    k.closed = 1; /* there is no sink */
    finish(p);
}

/* Holds three items; the next is put out with them. */
struct window {
    int64_t held[3];
    size_t count;
};

static int put_window(void *state, weir_out *out)
{
    struct window *w = state;
    for (size_t i = 0; i < w->count; i++) {
        int64_t *v = weir_emit(out);
        if (!v)
            return weir_fail_memory();
        *v = w->held[i];
    }
    w->count = 0;
    return 0;
}

static int hold_three(void *state, void *item, weir_out *out)
{
    struct window *w = state;
    if (w->count == 3 && put_window(w, out) < 0)
        return -1;
    w->held[w->count++] = *(int64_t *)item;
    return 0;
}

/* Fails every item the first time. */
static weir_verdict fails_once(void *state, void *item)
{
    int64_t *last = state;
    if (*last == *(int64_t *)item)
        return WEIR_KEEP;
    *last = *(int64_t *)item;
    return weir_fail("not yet");
}

static int fails_once_each(void *state, void *item, weir_out *out)
{
    return fails_once(state, item) == WEIR_KEEP ? keep_each(NULL, item, out) : -1;
}

/* What a flush puts out may have to be tried again in the stages behind, which may wait for each other: at the end, at a pill and at a
 * cut, nothing is lost and order is kept. */
static void what_is_flushed_is_tried_again(void *arg)
{
    (void)arg;
    begin(200, true);
    struct window w = {0};
    int64_t a_last = -1, b_last = -1, c_last = -1;
    weir_retry retry = {.count = 1, .backoff_ms = (uint32_t)(check_random() % 2)};
    weir_pipeline *p = weir_new("test");
    weir_stage source = numbers_stage(&n, "source"), sink = kept_stage(&k, "sink"),
               hold = {.name = "hold", .in = WEIR_I64, .state = &w, .each = hold_three, .flush = put_window, .holds = true},
               a = {.name = "a", .in = WEIR_I64, .state = &a_last, .each = fails_once_each, .retry = retry},
               b = {.name = "b", .in = WEIR_I64, .state = &b_last, .each = fails_once_each, .retry = retry},
               c = {.name = "c", .in = WEIR_I64, .state = &c_last, .map = fails_once, .retry = retry};
    const weir_stage *chain[] = {&source, &hold, &a, &b, &c, &sink};
    for (size_t i = 0; i < 6; i++)
        CHECK_EQ(weir_append(p, chain[i]), 0);
    start(p);
    for (int64_t i = 1; i <= 4; i++) {
        numbers_allow(&n, i * 50);
        if (check_random() % 2)
            weir_flush(p);
        weir_stage plus = {.name = "x", .in = WEIR_I64, .map = add_one, .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED};
        if (check_random() % 2 && weir_insert_before(p, check_random() % 2 ? "hold" : "sink", &plus, NULL) == WEIR_OK)
            CHECK_EQ(weir_pop(p, "x", NULL), 0);
        if (i == 3)
            CHECK_EQ(weir_pop(p, "hold", NULL), 0);
    }
    CHECK_EQ(weir_drain(p), 0);
    CHECK_EQ(k.count, 200);
    for (size_t i = 0; i < 200; i++)
        CHECK(k.values[i] == (int64_t)i || k.values[i] == (int64_t)i + 1); /* x adds one while it is there */
    finish(p);
}

int main(void)
{
    check_run("a_tee_copies_to_all", 100, a_tee_copies_to_all);
    check_run("a_merge_by_key_restores_the_order", 100, a_merge_by_key_restores_the_order);
    check_run("two_sources_are_merged_by_key", 100, two_sources_are_merged_by_key);
    check_run("wiring_is_refused_with_words", 20, wiring_is_refused_with_words);
    check_run("a_sorted_branch_holds_nothing", 20, a_sorted_branch_holds_nothing);
    check_run("an_edit_of_both_branches_and_behind", 100, an_edit_of_both_branches_and_behind);
    check_run("an_edit_behind_the_merge_only", 100, an_edit_behind_the_merge_only);
    check_run("an_edit_behind_one_to_many", 100, an_edit_behind_one_to_many);
    check_run("branches_come_and_go", 100, branches_come_and_go);
    check_run("a_sorted_diamond_is_edited_when_it_is_full", 100, a_sorted_diamond_is_edited_when_it_is_full);
    check_run("a_branch_gets_longer_at_the_merge", 200, a_branch_gets_longer_at_the_merge);
    check_run("stages_are_moved", 100, stages_are_moved);
    check_run("a_source_ends_before_the_other", 100, a_source_ends_before_the_other);
    check_run("a_pool_keeps_order_while_it_is_scaled", 100, a_pool_keeps_order_while_it_is_scaled);
    check_run("state_by_key_moves_with_its_lane", 100, state_by_key_moves_with_its_lane);
    check_run("a_replaced_stage_hands_its_state_over", 100, a_replaced_stage_hands_its_state_over);
    check_run("a_stage_at_rest_hands_its_state_over", 200, a_stage_at_rest_hands_its_state_over);
    check_run("what_fails_is_tried_again", 50, what_fails_is_tried_again);
    check_run("what_fails_is_dead_lettered", 50, what_fails_is_dead_lettered);
    check_run("what_is_discarded_is_counted", 20, what_is_discarded_is_counted);
    check_run("what_is_flushed_is_tried_again", 200, what_is_flushed_is_tried_again);
    return check_done();
}
