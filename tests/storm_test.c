/* SPDX-License-Identifier: MIT */
/*
 * Storms: random graphs of random stages, under random edits of every kind and random faults, against an exact oracle.
 *
 * A graph is a line of *elements* behind one to three sources: stages that pass an item on, make several of it, drop it, hold it, fail
 * on it, are pools, and diamonds (a tee or a route, two branches of elements, a merge). What an element makes of an item is one
 * function, transform(), that its stage calls, in whatever shape, and the oracle as well. An element has a small number, its
 * *config*, that decides what it does; a *version* is a set of configs. The first stage behind each source, the stamp, notes which
 * version each item has met; an edit that changes configs replaces the stamps too. So
 *
 *   G1, G3, G4   each item of each source must arrive as the model says for the version that it was stamped with: as often, by the
 *                same ways, changed in the same way, at the sink or as a dead letter; versions never fall;
 *   G3           elements of the group P are replaced together, without the stamps; and Q alone: all that came of one item has met one
 *                version of each (but in graphs with stages that hold items: those keep parts of an item as they like);
 *   G1           each item lives once: what was made is destroyed once (weir_type.destroy), and the totals add up at any time;
 *   G2           what comes through the same branches from the same source comes in order;
 *   G4, G10      an edit that is refused has changed nothing; one that is made twice under the same id is made once; what a preview
 *                says is what the edit does;
 *   G6, G7       each stage is opened at most once, is never entered twice, is flushed behind its last item, and is closed once;
 *   G8           a stage that counts has always counted what its place has met, whoever stands there: by key, if it is a pool by key;
 *   G9           a stage that is stuck is popped or diverted while it is: it comes back only afterwards. What it had in its hands may
 *                be missing, and nothing else.
 *
 * All other edits change nothing that the oracle can see: extra stages come, move and go, pools are scaled, elements are replaced by
 * equal ones, taps come and go, opens fail, memory runs out, deadlines pass, the clock jumps.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <weir/weir.h>

#include "check.h"

#ifdef SIM
#define SIZE(sim, linux) (sim)
#else
#define SIZE(sim, linux) (linux)
#endif

#define SOURCES_MAX  3
#define NUMBERS_MAX  SIZE(600, 40000)
#define ELEMENTS_MAX 24
#define VERSIONS_MAX 256
#define PROBES_MAX   4096
#define IDS_MAX      ((uint32_t)SIZE(1 << 18, 1 << 23))
#define MADE_MAX     256 /* of one item */
#define PATHS        16
#define KEYS         5
#define OVER         (UINT64_C(1) << 40) /* pulled: a source has ended, nobody waits for more */

struct item {
    uint32_t id; /* 0: not alive */
    uint32_t source, number, stamp;
    uint32_t path; /* the branches that it came through */
    uint32_t p, q;
    uint32_t reserved;
    uint64_t hash; /* of all that was done to it */
};

enum kind {
    PLAIN,
    MANY,
    FILTER,
    HOLD,
    FAIL_SKIP,
    FAIL_DEAD,
    RETRY,
    POOL,
    COUNT,
    KEYED,
    KINDS,
    BRANCH = KINDS,
    GROUP_P,
    GROUP_Q,
    EXTRA
};

struct element {
    enum kind kind;
    unsigned number;
    int branch;     /* BRANCH: which; else -1 */
    bool unordered; /* POOL */
    char name[16];
};

/* A diamond: elements [first[b], end[b]) are branch b. */
struct diamond {
    bool tee, by_key;
    unsigned first[2], end[2];
};

struct version {
    uint8_t config[ELEMENTS_MAX];
    uint8_t branches; /* of a diamond that is a tee: a bit for each that is connected */
};

struct outcome {
    uint64_t sum;
    uint32_t count, p, q;
};

struct probe {
    weir_recipe recipe; /* first: the recipe is the probe */
    struct run *run;
    const struct element *el; /* NULL: a source */
    unsigned config, source;
    bool fails_to_open, tried, has_life, given;
    uint64_t sticks_until;  /* run.freed is so many */
    uint64_t counted[KEYS]; /* COUNT (all in the first) and KEYED */
    _Atomic int inside, opened, closed;
    bool flushed, met; /* met: an item since the last flush */
    struct item held[8];
    size_t held_count, hold;
};

struct run {
    weir_pipeline *p;
    bool fails; /* items may be missing */
    bool holds; /* stages may hold items */
    bool slow, ordered, keyed;
    bool hurry;         /* a stage is stuck: edits must not wait for it for long */
    bool aborts_trials; /* by themselves, so that the revision may change at any time */
    unsigned sources, elements;
    struct element el[ELEMENTS_MAX];
    bool has_diamond;
    struct diamond diamond;
    unsigned line[ELEMENTS_MAX], line_count,
        diamond_at; /* elements on the line; the diamond stands in front of line[diamond_at] */
    struct version versions[VERSIONS_MAX];
    unsigned version, versions_made, p_version, q_version;
    uint32_t next[SOURCES_MAX], last[SOURCES_MAX];
    _Atomic uint32_t stamped[SOURCES_MAX][NUMBERS_MAX]; /* two stamps may be at work, on both sides of a cut */
    struct outcome arrived[SOURCES_MAX][NUMBERS_MAX], dead[SOURCES_MAX][NUMBERS_MAX];
    uint32_t seen[SOURCES_MAX][PATHS][KEYS];     /* the last number at the sink, plus one; by key if there is a pool by key */
    _Atomic bool lost[SOURCES_MAX][NUMBERS_MAX]; /* was in the hands of a stage that was stuck */
    _Atomic uint64_t counted[ELEMENTS_MAX][KEYS];
    uint64_t taken, letters;
    _Atomic unsigned edits; /* begun */
    _Atomic uint32_t ids;
    _Atomic uint64_t alive;
    struct probe *probes[PROBES_MAX];
    _Atomic size_t probe_count;
    struct event pulled, stuck, freed;
    _Atomic uint64_t asked;
    struct event answered;
    _Atomic bool stop_looking;
    unsigned names, extras;       /* of edits; of extra stages */
    unsigned made[32], tried[32]; /* edits of each kind */
};

static struct run run;
static _Atomic uint8_t *life; /* of each id: 0 not born, 1 alive, 2 dead */

/* WEIR_TALK=1: what a seed does, for who looks into a failing one. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;
    if (!getenv("WEIR_TALK"))
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

/* ---- items ------------------------------------------------------------------------------------------------------------------- */

static void give_birth(struct item *item)
{
    item->id = atomic_fetch_add(&run.ids, 1) + 1;
    CHECK(item->id < IDS_MAX);
    CHECK_EQ(atomic_exchange(&life[item->id], 1), 0);
    atomic_fetch_add(&run.alive, 1);
}

static void destroy_item(void *arg)
{
    struct item *item = arg;
    if (item->id == 0)
        return;
    CHECK_EQ(atomic_exchange(&life[item->id], 2), 1);
    atomic_fetch_sub(&run.alive, 1);
    item->id = 0;
}

static int copy_item(void *to, const void *from, weir_out *out)
{
    (void)out;
    memcpy(to, from, sizeof(struct item));
    give_birth(to);
    return 0;
}

static const weir_type item_type = {.name = "item", .size = sizeof(struct item), .destroy = destroy_item, .copy = copy_item};

static uint64_t mix(uint64_t hash, uint64_t with)
{
    hash = (hash ^ (with + 1)) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

/* What the element makes of an item. Returns how many, or -1 if it fails on it. */
static int transform(const struct element *el, unsigned config, const struct item *in, struct item *made)
{
    *made = *in;
    if (el->kind == EXTRA || el->kind == GROUP_P || el->kind == GROUP_Q)
        return 1;
    made->hash = mix(in->hash, el->number * 16 + config);
    if (el->kind == BRANCH)
        made->path = in->path * 3 + 1 + (uint32_t)el->branch;
    if (el->kind == FILTER)
        return in->number % (config + 2) == 0 ? 0 : 1;
    if (el->kind == FAIL_SKIP || el->kind == FAIL_DEAD)
        return in->number % (config + 3) == 0 ? -1 : 1;
    if (el->kind != MANY)
        return 1;
    for (unsigned i = 0; i < config; i++) {
        made[i] = *in;
        made[i].hash = mix(in->hash, el->number * 1000 + config * 16 + i);
    }
    return (int)config;
}

/* What only stages do: the groups' marks, and that no item meets two versions of one. */
static void mark(const struct probe *probe, struct item *item)
{
    if (probe->el->kind == BRANCH || probe->el->kind == GROUP_P) {
        if (item->p)
            CHECK_EQ(item->p, probe->config >> 8);
        item->p = probe->config >> 8;
    }
    if (probe->el->kind == GROUP_Q)
        item->q = probe->config >> 8;
}

/* ---- stages -------------------------------------------------------------------------------------------------------------------- */

static void go_in(struct probe *probe)
{
    CHECK_EQ(atomic_fetch_add(&probe->inside, 1), 0);
    CHECK_EQ(atomic_load(&probe->closed), 0);
}

static void go_out(struct probe *probe)
{
    atomic_fetch_sub(&probe->inside, 1);
}

/* The state of a place is handed from stage to stage, and to the right lane. */
static void count_item(struct probe *probe, const struct item *item)
{
    if (probe->el->kind != COUNT && probe->el->kind != KEYED)
        return;
    size_t key = probe->el->kind == KEYED ? item->number % KEYS : 0;
    CHECK(!probe->given);
    uint64_t met = atomic_fetch_add(&run.counted[probe->el->number][key], 1);
    if (met != probe->counted[key])
        check_failed(__FILE__, __LINE__, probe->el->name, "has counted %" PRIu64 " of %" PRIu64 " (key %zu, %s)",
                     probe->counted[key], met, key, probe->el->kind == KEYED ? "by key" : "all");
    probe->counted[key]++;
}

static void take_count(void *state, void *from, size_t lane, size_t lanes)
{
    struct probe *heir = state, *owner = from;
    CHECK_EQ(atomic_load(&owner->inside), 0);
    CHECK_EQ(atomic_load(&heir->inside), 0);
    CHECK_EQ(atomic_load(&owner->closed), 0);
    owner->given = true;
    for (size_t key = 0; key < KEYS; key++)
        if (key % lanes == lane) {
            heir->counted[key] += owner->counted[key];
            owner->counted[key] = 0;
        }
}

static uint64_t key_of(void *state, const void *item)
{
    (void)state;
    return ((const struct item *)item)->number % KEYS;
}

static int work(struct probe *probe, const struct item *in, struct item *made)
{
    probe->met = true;
    count_item(probe, in);
    probe->flushed = false;
    if (probe->el->kind == RETRY && in->number % 7 == 0 && !probe->tried) {
        probe->tried = true;
        return -1;
    }
    probe->tried = false;
    int n = transform(probe->el, probe->config & 255, in, made);
    for (int i = 0; i < n; i++)
        mark(probe, &made[i]);
    return n;
}

static weir_verdict map_item(void *state, void *item)
{
    struct item made[4];
    go_in(state);
    int n = work(state, item, made);
    go_out(state);
    if (n == 1)
        memcpy(item, made, sizeof *made);
    return n < 0 ? weir_fail("on purpose") : n ? WEIR_KEEP : WEIR_DROP;
}

static size_t map_batch(void *state, void *items, size_t n)
{
    struct item *item = items, made[4];
    size_t kept = 0;
    go_in(state);
    for (size_t i = 0; i < n; i++) {
        if (work(state, &item[i], made) == 1)
            item[kept++] = made[0];
        else
            destroy_item(&item[i]);
    }
    go_out(state);
    return kept;
}

/* What it gets, it does not let go of until somebody has done something about it. */
static weir_verdict stick(void *state, void *arg)
{
    struct probe *probe = state;
    const struct item *item = arg;
    if (event_count(&run.freed) < probe->sticks_until) {
        go_in(probe);
        atomic_store(&run.lost[item->source][item->number], true);
        event_raise(&run.stuck, 1);
        event_wait(&run.freed, probe->sticks_until);
        go_out(probe);
    }
    return WEIR_KEEP;
}

static int put(weir_out *out, const struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct item *to = weir_emit(out);
        if (!to)
            return weir_fail_memory();
        *to = items[i];
        give_birth(to);
    }
    return 0;
}

static int put_held(struct probe *probe, weir_out *out)
{
    size_t n = probe->held_count;
    probe->held_count = 0;
    return put(out, probe->held, n);
}

static int each_item(void *state, void *item, weir_out *out)
{
    struct probe *probe = state;
    struct item made[4];
    go_in(probe);
    int n = work(probe, item, made), status;
    if (n < 0) {
        status = weir_fail("on purpose");
    } else if (probe->hold) {
        for (int i = 0; i < n; i++)
            probe->held[probe->held_count++] = made[i];
        status = probe->held_count >= probe->hold ? put_held(probe, out) : 0;
    } else {
        status = put(out, made, (size_t)n);
    }
    go_out(probe);
    return status;
}

static int open_probe(void *state)
{
    struct probe *probe = state;
    CHECK_EQ(atomic_fetch_add(&probe->opened, 1), 0);
    return probe->fails_to_open ? weir_fail("does not open") : 0;
}

static int flush_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    CHECK(!probe->fails_to_open);
    CHECK(!probe->given);
    probe->flushed = true;
    probe->met = false;
    int status = put_held(probe, out);
    go_out(probe);
    return status;
}

static int tick_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    int status = put_held(probe, out);
    go_out(probe);
    return status;
}

static void close_probe(void *state)
{
    struct probe *probe = state;
    CHECK_EQ(atomic_load(&probe->inside), 0);
    CHECK_EQ(atomic_fetch_add(&probe->closed, 1), 0);
    CHECK(probe->held_count == 0 || run.fails);
}

static int pull_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    size_t got;
    unsigned s = probe->source;
    go_in(probe);
    uint32_t left = run.last[s] - run.next[s];
    struct item *items = left ? weir_emit_many(out, 1 + check_random() % (left < 60 ? left : 60), &got) : NULL;
    if (left && !items) {
        go_out(probe);
        return weir_fail_memory();
    }
    for (size_t i = 0; left && i < got; i++) {
        items[i] = (struct item){.source = s, .number = run.next[s]++, .hash = s};
        give_birth(&items[i]);
    }
    bool over = run.next[s] == run.last[s];
    go_out(probe);
    event_raise(&run.pulled, over ? OVER : 1);
    return over ? WEIR_END : check_random() % 16 == 0 ? WEIR_IDLE : WEIR_MORE;
}

static weir_verdict stamp_item(void *state, void *arg)
{
    struct probe *probe = state;
    struct item *item = arg;
    go_in(probe);
    _Atomic uint32_t *stamped = &run.stamped[item->source][item->number];
    CHECK_EQ(atomic_load(stamped), 0);
    CHECK(item->number == 0 || atomic_load(stamped - 1) <= probe->config); /* 0: was returned, or is still in the older one */
    atomic_store(stamped, item->stamp = probe->config);
    go_out(probe);
    return WEIR_KEEP;
}

static void note_outcome(struct outcome *o, const struct item *item, uint64_t hash)
{
    if (o->count && !run.holds) {
        CHECK_EQ(item->p, o->p);
        CHECK_EQ(item->q, o->q);
    }
    o->p = item->p;
    o->q = item->q;
    o->sum += hash;
    o->count++;
}

static weir_verdict take_item(void *state, void *arg)
{
    const struct item *item = arg;
    (void)state;
    CHECK_EQ(atomic_load(&life[item->id]), 1);
    CHECK(item->path < PATHS);
    uint32_t *seen = &run.seen[item->source][item->path][run.keyed ? item->number % KEYS : 0];
    if (run.ordered && item->number + 1 < *seen)
        check_failed(__FILE__, __LINE__, "order", "%u after %u (source %u, path %u)", item->number, *seen - 1, item->source,
                     item->path);
    *seen = item->number + 1;
    note_outcome(&run.arrived[item->source][item->number], item, mix(item->hash, item->path));
    run.taken++;
    for (int i = 0; run.slow && i < 6; i++)
        plat_relax();
    return WEIR_KEEP;
}

static weir_verdict take_letter(void *state, void *arg)
{
    const weir_letter *letter = arg;
    const struct item *item = (const void *)letter->item.data;
    (void)state;
    CHECK_EQ(letter->item.len, sizeof *item);
    CHECK(letter->stage.len > 1 && letter->attempts == 1);
    struct outcome *o = &run.dead[item->source][item->number];
    o->sum += mix(item->hash, (uint64_t)atoi(letter->stage.data + 1));
    o->count++;
    run.letters++;
    return WEIR_KEEP;
}

static size_t route_item(void *state, const void *item, size_t ports)
{
    (void)state;
    return ((const struct item *)item)->number / 3 % ports;
}

static int64_t order_of(void *state, const void *item)
{
    (void)state;
    return ((const struct item *)item)->number;
}

/* ---- making stages --------------------------------------------------------------------------------------------------------------- */

static void nothing(weir_recipe *recipe)
{
    (void)recipe;
}

static int make_lane(weir_recipe *recipe, weir_stage *stage);

static struct probe *new_probe(const struct element *el, unsigned config)
{
    struct probe *probe = calloc(1, sizeof *probe);
    size_t at = atomic_fetch_add(&run.probe_count, 1);
    CHECK(probe && at < PROBES_MAX);
    probe->recipe = (weir_recipe){.make = make_lane, .share = nothing, .drop = nothing};
    probe->el = el;
    probe->config = config;
    run.probes[at] = probe;
    return probe;
}

static const struct element extra = {.kind = EXTRA, .branch = -1};

static weir_stage stage_with(struct probe *probe, const char *name)
{
    return (weir_stage){.name = name, .in = &item_type, .state = probe, .open = open_probe, .close = close_probe};
}

static bool may_batch(enum kind kind)
{
    return kind != FAIL_SKIP && kind != FAIL_DEAD && kind != RETRY;
}

static void shape(weir_stage *stage, struct probe *probe, enum kind kind)
{
    unsigned r = (unsigned)(check_random() % 3);
    if (kind == HOLD || kind == MANY || r == 0)
        stage->each = each_item;
    else if (r == 1 && may_batch(kind))
        stage->batch = map_batch;
    else
        stage->map = map_item;
    if (kind == HOLD || (kind == EXTRA && stage->each && run.holds && !run.diamond.by_key && check_random() % 2)) {
        probe->hold = 1 + check_random() % 6;
        stage->holds = true;
        if (check_random() % 3 == 0) {
            stage->tick = tick_probe;
            stage->tick_ms = 1;
        }
    }
    if (probe->hold || check_random() % 2) {
        stage->flush = flush_probe;
        probe->has_life = true;
    }
}

static weir_stage new_stage(const struct element *el, const char *name, unsigned config)
{
    struct probe *probe = new_probe(el, config);
    weir_stage stage = stage_with(probe, name);
    shape(&stage, probe, el->kind);
    stage.place = check_random() % 3 == 0 ? WEIR_OWN : WEIR_FUSED;
    stage.blocking = el->kind != POOL && el->kind != KEYED && check_random() % 8 == 0;
    if (el->kind == POOL || el->kind == KEYED) {
        stage.recipe = &probe->recipe;
        stage.lanes = 1 + (uint32_t)(check_random() % 4);
        stage.unordered = el->unordered;
    }
    if (el->kind == COUNT || el->kind == KEYED) {
        stage.state_type = "count";
        stage.take_over = take_count;
        stage.key = el->kind == KEYED ? key_of : NULL;
    }
    if (el->kind == FAIL_SKIP)
        stage.on_error = WEIR_SKIP;
    if (el->kind == FAIL_DEAD)
        stage.on_error = WEIR_DEAD;
    if (el->kind == RETRY)
        stage.retry = (weir_retry){.count = 2, .backoff_ms = check_random() % SIZE(2, 32) == 0};
    return stage;
}

static int make_lane(weir_recipe *recipe, weir_stage *stage)
{
    struct probe *like = (struct probe *)(void *)recipe;
    struct probe *probe = new_probe(like->el, like->config);
    *stage = stage_with(probe, like->el->name);
    stage->map = map_item;
    if (like->el->kind == KEYED) {
        stage->state_type = "count";
        stage->take_over = take_count;
        stage->key = key_of;
    }
    return 0;
}

static weir_stage new_stamp(const char *name, unsigned version)
{
    weir_stage stage = stage_with(new_probe(&extra, version), name);
    stage.map = stamp_item;
    stage.place = check_random() % 3 == 0 ? WEIR_OWN : WEIR_FUSED;
    return stage;
}

static weir_stage new_source(unsigned s, const char *name)
{
    struct probe *probe = new_probe(NULL, 0);
    probe->source = s;
    weir_stage stage = {
        .name = name, .out = &item_type, .state = probe, .open = open_probe, .close = close_probe, .pull = pull_probe};
    stage.tick = tick_probe;
    stage.tick_ms = 1; /* wakes it when it has said that it is idle */
    return stage;
}

/* ---- making graphs ---------------------------------------------------------------------------------------------------------------- */

static unsigned config_of(unsigned e)
{
    enum kind kind = run.el[e].kind;
    if (kind == BRANCH || kind == GROUP_P)
        return run.versions[run.version].config[e] | run.p_version << 8;
    return run.versions[run.version].config[e] | (kind == GROUP_Q ? run.q_version << 8 : 0);
}

static unsigned add_element(enum kind kind, int branch)
{
    unsigned e = run.elements++;
    CHECK(e < ELEMENTS_MAX);
    run.el[e] = (struct element){.kind = kind, .number = e, .branch = branch};
    snprintf(run.el[e].name, sizeof run.el[e].name, "e%u", e);
    run.el[e].unordered = kind == POOL && !run.diamond.by_key && check_random() % 6 == 0;
    run.ordered &= !run.el[e].unordered;
    run.keyed |= kind == KEYED;
    run.versions[1].config[e] = kind == MANY ? 1 + (uint8_t)(check_random() % 2) : (uint8_t)(check_random() % 3);
    return e;
}

static enum kind some_kind(bool inside)
{
    for (;;) {
        enum kind kind = (enum kind)(check_random() % KINDS);
        bool outside = kind == POOL || kind == KEYED || kind == FAIL_DEAD;
        if ((kind == HOLD && (!run.holds || (inside && run.diamond.by_key))) || (inside && outside) ||
            (kind == KEYED && run.diamond.by_key))
            continue;
        return kind;
    }
}

static void plan_branches(void)
{
    struct diamond *d = &run.diamond;
    d->tee = check_random() % 2;
    d->by_key = run.sources == 1 && check_random() % 2;
    for (int b = 0; b < 2; b++) {
        d->first[b] = add_element(BRANCH, b);
        for (uint64_t n = check_random() % 3; n > 0; n--)
            add_element(some_kind(true), -1);
        d->end[b] = run.elements;
    }
}

static void plan_graph(void)
{
    run.sources = check_random() % 3 == 0 ? 2 + (unsigned)(check_random() % 2) : 1;
    run.has_diamond = check_random() % 2;
    if (run.has_diamond)
        plan_branches();
    unsigned many = 0, count = 1 + (unsigned)(check_random() % 5);
    for (unsigned i = 0; i < count; i++) {
        enum kind kind = some_kind(false);
        if (kind == MANY && many++)
            kind = PLAIN;
        run.line[run.line_count++] = add_element(kind, -1);
    }
    run.diamond_at = (unsigned)(check_random() % (count + 1));
    run.line[run.line_count++] = add_element(GROUP_P, -1);
    run.line[run.line_count++] = add_element(GROUP_Q, -1);
    run.versions[1].branches = 3;
}

static const char *const kind_names[] = {"plain", "many",  "filter", "hold",   "fail_skip", "fail_dead", "retry",
                                         "pool",  "count", "keyed",  "branch", "group_p",   "group_q",   "extra"};

static void say_stage(const weir_stage *stage)
{
    const struct probe *probe = stage->state;
    say("  %s: %s%s%s%s%s lanes %u\n", stage->name, probe && probe->el ? kind_names[probe->el->kind] : "",
        stage->map     ? " map"
        : stage->each  ? " each"
        : stage->batch ? " batch"
                       : "",
        stage->place ? " own" : "", stage->blocking ? " blocking" : "", stage->holds ? " holds" : "", stage->lanes);
}

static void add(const weir_stage *stage)
{
    say_stage(stage);
    if (weir_add(run.p, stage) != WEIR_OK)
        check_failed(__FILE__, __LINE__, stage->name, "%s", weir_error(run.p));
}

static void join(const char *from, const char *to)
{
    say("  %s -> %s\n", from, to);
    if (weir_connect(run.p, from, to, NULL) != WEIR_OK)
        check_failed(__FILE__, __LINE__, from, "to %s: %s", to, weir_error(run.p));
}

static void build_element(unsigned e)
{
    weir_stage stage = new_stage(&run.el[e], run.el[e].name, config_of(e));
    add(&stage);
    if (run.el[e].kind == FAIL_DEAD) {
        char dead[32];
        snprintf(dead, sizeof dead, "%s:dead", run.el[e].name);
        join(dead, "letters");
    }
}

/* `name` of the stage, with the port that leads on. */
static void way_on(unsigned e, char *name)
{
    sprintf(name, run.el[e].kind == FAIL_DEAD ? "%s:out" : "%s", run.el[e].name);
}

static void build_diamond(char *last)
{
    const struct diamond *d = &run.diamond;
    weir_stage split = {.name = "split", .in = &item_type, .tee = d->tee, .route = d->tee ? NULL : route_item};
    weir_stage joint = {.name = "joint", .in = &item_type, .merge = true};
    joint.order_by = d->by_key ? WEIR_BY_KEY : WEIR_ARRIVAL;
    joint.order = d->by_key ? order_of : NULL;
    add(&split);
    add(&joint);
    join(last, "split");
    for (int b = 0; b < 2; b++) {
        strcpy(last, b ? "split:b" : "split:a");
        for (unsigned e = d->first[b]; e < d->end[b]; e++) {
            build_element(e);
            join(last, run.el[e].name);
            way_on(e, last);
        }
        join(last, "joint");
    }
    strcpy(last, "joint");
}

static void build_sources(char *last)
{
    for (unsigned s = 0; s < run.sources; s++) {
        char source[24], stamp[24];
        snprintf(source, sizeof source, "source%u", s);
        snprintf(stamp, sizeof stamp, "stamp%u", s);
        weir_stage a = new_source(s, source), b = new_stamp(stamp, 1);
        add(&a);
        add(&b);
        join(source, stamp);
        strcpy(last, stamp);
        if (run.sources == 1)
            return;
        if (s == 0)
            add(&(weir_stage){.name = "all", .in = &item_type, .merge = true});
        join(stamp, "all");
    }
    strcpy(last, "all");
}

static void build_graph(void)
{
    char last[32];
    add(&(weir_stage){.name = "letters", .in = WEIR_LETTER, .merge = true});
    add(&(weir_stage){.name = "grave", .in = WEIR_LETTER, .out = WEIR_NONE, .map = take_letter});
    join("letters", "grave");
    build_sources(last);
    for (unsigned i = 0; i < run.line_count; i++) {
        if (run.has_diamond && i == run.diamond_at)
            build_diamond(last);
        build_element(run.line[i]);
        join(last, run.el[run.line[i]].name);
        way_on(run.line[i], last);
    }
    add(&(weir_stage){.name = "sink",
                      .in = &item_type,
                      .out = WEIR_NONE,
                      .map = take_item,
                      .blocking = check_random() % 4 == 0,
                      .place = check_random() % 2 ? WEIR_OWN : WEIR_FUSED});
    join(last, "sink");
}

/* ---- the model --------------------------------------------------------------------------------------------------------------------- */

struct bag {
    struct item items[MADE_MAX];
    size_t count;
};

static void model_element(const struct version *v, unsigned e, struct bag *bag, struct outcome *dead)
{
    static struct bag from;
    from = *bag;
    bag->count = 0;
    for (size_t i = 0; i < from.count; i++) {
        struct item made[4];
        int n = transform(&run.el[e], v->config[e], &from.items[i], made);
        for (int k = 0; k < n; k++) {
            CHECK(bag->count < MADE_MAX);
            bag->items[bag->count++] = made[k];
        }
        if (n < 0 && run.el[e].kind == FAIL_DEAD) {
            dead->sum += mix(from.items[i].hash, e);
            dead->count++;
        }
    }
}

static void model_diamond(const struct version *v, struct bag *bag, struct outcome *dead)
{
    static struct bag in, branch;
    in = *bag;
    bag->count = 0;
    for (unsigned b = 0; b < 2; b++) {
        branch = in;
        for (size_t i = 0; !run.diamond.tee && i < in.count; i++)
            if (in.items[i].number / 3 % 2 != b)
                branch.count = 0; /* all that came of an item have its number */
        if (run.diamond.tee && !(v->branches & 1 << b))
            continue;
        for (unsigned e = run.diamond.first[b]; e < run.diamond.end[b]; e++)
            model_element(v, e, &branch, dead);
        for (size_t i = 0; i < branch.count; i++) {
            CHECK(bag->count < MADE_MAX);
            bag->items[bag->count++] = branch.items[i];
        }
    }
}

static void check_item(unsigned s, uint32_t number)
{
    static struct bag bag;
    uint32_t stamp = run.stamped[s][number];
    const struct outcome *got = &run.arrived[s][number], *got_dead = &run.dead[s][number];
    struct outcome all = {0}, dead = {0};
    if (run.lost[s][number])
        return;
    CHECK(stamp > 0 && stamp <= run.versions_made);
    const struct version *v = &run.versions[stamp];
    bag.count = 1;
    bag.items[0] = (struct item){.source = s, .number = number, .hash = s};
    for (unsigned i = 0; i < run.line_count; i++) {
        if (run.has_diamond && i == run.diamond_at)
            model_diamond(v, &bag, &dead);
        model_element(v, run.line[i], &bag, &dead);
    }
    for (size_t i = 0; i < bag.count; i++)
        all.sum += mix(bag.items[i].hash, bag.items[i].path);
    if (got->count != bag.count || got->sum != all.sum)
        check_failed(__FILE__, __LINE__, "item", "%u of source %u, version %u: %u came, of %zu; %s", number, s, stamp,
                     got->count, bag.count, got->count == bag.count ? "they have met other versions" : "");
    CHECK_EQ(got_dead->count, dead.count);
    CHECK(got_dead->sum == dead.sum);
}

/* ---- edits --------------------------------------------------------------------------------------------------------------------------- */

enum change {
    INSERT,
    POP,
    REPLACE_EXTRA,
    MOVE,
    REPLACE_SAME,
    SCALE,
    RECONFIGURE,
    REPLACE_P,
    REPLACE_Q,
    FAILING_OPEN,
    SEVERAL,
    CANARY,
    SHADOW,
    PROMOTE,
    ABORT,
    UNDO,
    REDO,
    STUCK,
    CHANGES
};

/* What an edit asks for beside its operations, and what it turned out to be. */
struct wish {
    bool expects, wrong, async, previewed;
    uint64_t revision;
    unsigned version;
    char id[24];
    weir_preview preview;
};

/* Some allocation from now on fails; or none. */
static void fail_soon(bool faults)
{
#ifdef SIM
    sim_fail_allocation(faults && check_random() % 2 ? 1 + check_random() % 60 : 0);
#else
    (void)faults;
#endif
}

static void some_extra(char *name)
{
    weir_stage_info info[96];
    size_t n = weir_stages(run.p, info, 96), candidates = 0;
    name[0] = 0;
    for (size_t i = 0; i < n && i < 96; i++)
        if (info[i].name[0] == 'x' && strcmp(info[i].status, "retiring") != 0 && check_random() % ++candidates == 0)
            strcpy(name, info[i].name);
}

static const char *some_place(void)
{
    return run.el[check_random() % run.elements].name;
}

static void insert(weir_edit *e)
{
    char name[16];
    snprintf(name, sizeof name, "x%u", ++run.extras);
    weir_stage stage = new_stage(&extra, name, 0);
    const char *place = check_random() % 6 == 0 ? "sink" : some_place();
    say_stage(&stage);
    say("    before %s\n", place);
    weir_edit_insert_before(e, place, &stage);
}

static void replace_element(weir_edit *e, unsigned at)
{
    weir_stage stage = new_stage(&run.el[at], run.el[at].name, config_of(at));
    say_stage(&stage);
    weir_edit_replace(e, run.el[at].name, &stage);
}

static void replace_group(weir_edit *e, bool p)
{
    for (unsigned i = 0; i < run.elements; i++)
        if (p ? run.el[i].kind == BRANCH || run.el[i].kind == GROUP_P : run.el[i].kind == GROUP_Q)
            replace_element(e, i);
}

static void reconnect(weir_edit *e, unsigned was, unsigned is)
{
    for (unsigned b = 0; b < 2; b++) {
        const char *port = b ? "split:b" : "split:a";
        if ((was ^ is) >> b & 1) {
            if (is >> b & 1)
                weir_edit_connect(e, port, run.el[run.diamond.first[b]].name);
            else
                weir_edit_disconnect(e, port);
        }
    }
}

/* A new version: some elements do something else, a branch comes or goes, and the stamps say so. */
static unsigned reconfigure(weir_edit *e)
{
    unsigned before = run.version, v = ++run.versions_made;
    CHECK(v < VERSIONS_MAX);
    struct version *version = &run.versions[v];
    *version = run.versions[before];
    run.version = v;
    if (run.has_diamond && run.diamond.tee && check_random() % 3 == 0) {
        version->branches = (uint8_t)(1 + check_random() % 3);
        reconnect(e, run.versions[before].branches, version->branches);
    }
    for (uint64_t n = check_random() % 3; n > 0; n--) {
        unsigned at = (unsigned)(check_random() % run.elements);
        version->config[at] = (uint8_t)(check_random() % 3);
        replace_element(e, at);
    }
    for (unsigned s = 0; s < run.sources; s++) {
        char name[24];
        snprintf(name, sizeof name, "stamp%u", s);
        weir_stage stage = new_stamp(name, v);
        weir_edit_replace(e, name, &stage);
    }
    run.version = before; /* until it is committed */
    return v;
}

/* The candidate does what the stage in force does: who gets an item makes no difference. */
static void try_out(weir_edit *e, bool shadow, const char *name)
{
    bool is_extra = *name && check_random() % 2;
    unsigned at = (unsigned)(check_random() % run.elements);
    is_extra |= run.el[at].kind == COUNT || run.el[at].kind == KEYED; /* a candidate has a state of its own */
    if (is_extra && !*name)
        name = "x";
    weir_stage stage =
        new_stage(is_extra ? &extra : &run.el[at], is_extra ? name : run.el[at].name, is_extra ? 0 : config_of(at));
    stage.lanes = 0;
    weir_trial trial = {.percent = 50, .errors_max = run.aborts_trials ? 0 : -1};
    say_stage(&stage);
    (shadow ? weir_edit_shadow : weir_edit_canary)(e, stage.name, &stage, &trial);
}

static void some_on_trial(char *name)
{
    weir_trial_info info;
    weir_stage_info stages[96];
    size_t n = weir_stages(run.p, stages, 96);
    name[0] = 0;
    for (size_t i = 0; i < n && i < 96; i++)
        if (weir_trial_get(run.p, stages[i].name, &info) == WEIR_OK)
            strcpy(name, info.name);
}

static void insert_sticking(weir_edit *e)
{
    weir_stage stage = stage_with(new_probe(&extra, 0), "sticks");
    ((struct probe *)stage.state)->sticks_until = event_count(&run.freed) + 1;
    stage.map = stick;
    stage.blocking = true;
    weir_edit_insert_before(e, some_place(), &stage);
}

static void fill(weir_edit *e, enum change change)
{
    char name[64];
    weir_stage stage;
    some_extra(name);
    say("edit %d, %s\n", (int)change, name);
    switch (change) {
    case POP:
        weir_edit_pop(e, *name ? name : "x");
        break;
    case REPLACE_EXTRA:
        stage = new_stage(&extra, *name ? name : "x", 0);
        weir_edit_replace(e, *name ? name : "x", &stage);
        break;
    case MOVE:
        weir_edit_move_before(e, *name ? name : "x", some_place());
        break;
    case REPLACE_SAME:
        replace_element(e, (unsigned)(check_random() % run.elements));
        break;
    case SCALE:
        weir_edit_scale(e, some_place(), 1 + (unsigned)(check_random() % 4));
        break;
    case REPLACE_P:
        run.p_version++;
        replace_group(e, true);
        break;
    case REPLACE_Q:
        run.q_version++;
        replace_group(e, false);
        break;
    case CANARY:
    case SHADOW:
        try_out(e, change == SHADOW, name);
        break;
    case PROMOTE:
    case ABORT:
        some_on_trial(name);
        (change == PROMOTE ? weir_edit_promote : weir_edit_abort)(e, *name ? name : "x");
        break;
    case FAILING_OPEN:
        insert(e);
        stage = new_stage(&extra, "unopened", 0);
        ((struct probe *)stage.state)->fails_to_open = true;
        weir_edit_insert_before(e, some_place(), &stage);
        break;
    case STUCK:
        insert_sticking(e);
        break;
    case SEVERAL:
        insert(e);
        insert(e);
        if (*name)
            weir_edit_move_before(e, name, some_place());
        replace_element(e, (unsigned)(check_random() % run.elements));
        break;
    default:
        insert(e);
    }
}

static void check_totals(bool at_end)
{
    weir_totals t;
    weir_totals_get(run.p, &t);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned + t.in_flight);
    CHECK((int64_t)t.in_flight >= 0);
    if (!run.fails)
        CHECK_EQ(t.returned, 0);
    if (!at_end)
        return;
    uint64_t admitted = 0;
    for (unsigned s = 0; s < run.sources; s++)
        admitted += run.next[s];
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.admitted, admitted);
    CHECK_EQ(t.delivered, run.taken + run.letters);
}

static void note_answer(void *arg, int status, const weir_receipt *receipt, const char *error)
{
    (void)arg;
    (void)receipt;
    if (status == WEIR_ECONFLICT || status == WEIR_EINSIDE)
        check_failed(__FILE__, __LINE__, "an edit", "%d: %s", status, error);
    event_raise(&run.answered, 1);
}

/* The plan and all that can be seen of it, before and after what must not have changed it. */
static uint64_t plan_hash(void)
{
    weir_stage_info info[96];
    uint64_t hash = weir_revision(run.p);
    size_t n = weir_stages(run.p, info, 96);
    for (size_t i = 0; i < n && i < 96; i++)
        if (strcmp(info[i].status, "retiring") != 0)
            for (const char *c = info[i].name; *c; c++)
                hash = mix(hash, (uint64_t)*c);
    return hash;
}

static void check_receipt(const weir_receipt *r, uint64_t before)
{
    if (!run.aborts_trials)
        CHECK_EQ(r->revision, before + r->changed);
    CHECK_EQ(r->position, r->items_before);
    CHECK(r->effect_ns <= r->total_ns);
}

static bool fine(int status, enum change change)
{
    bool may_miss = change != FAILING_OPEN && change != INSERT;
    return status == WEIR_OK || status == WEIR_EENDED || status == WEIR_EBUSY ||
           ((status == WEIR_ENOMEM || status == WEIR_ESYSTEM) && run.fails) ||
           (status == WEIR_ESTAGE && change == FAILING_OPEN) || (status == WEIR_EREFUSED && (may_miss || run.fails));
}

static int commit_waiting(weir_edit *e)
{
    if (weir_commit_async(e, note_answer, NULL) != WEIR_OK) {
        CHECK(run.fails);
        return WEIR_ENOMEM;
    }
    atomic_fetch_add(&run.asked, 1);
    event_wait(&run.answered, run.asked);
    return WEIR_OK;
}

/* Whose answer is not known: what has it made of the versions? */
static bool may_be_async(enum change change)
{
    return change == INSERT || change == POP || change == MOVE;
}

static int make_edit(enum change change, struct wish *wish, weir_receipt *receipt)
{
    weir_edit *e = weir_edit_begin(run.p);
    if (!e) {
        CHECK(run.fails);
        return WEIR_ENOMEM;
    }
    if (change == RECONFIGURE)
        wish->version = reconfigure(e);
    else
        fill(e, change);
    if (wish->expects)
        weir_edit_expect(e, wish->revision);
    if (run.hurry || check_random() % 6 == 0)
        weir_edit_timeout(e, 1);
    if (check_random() % 8 == 0)
        wish->previewed = weir_edit_preview(e, &wish->preview) == WEIR_OK;
    if (*wish->id)
        weir_edit_id(e, wish->id);
    if (!wish->expects && may_be_async(change) && check_random() % 4 == 0)
        return wish->async = true, commit_waiting(e);
    return weir_commit(e, receipt);
}

static void check_refusal(int status, enum change change, const struct wish *wish, uint64_t hash)
{
    if (status != WEIR_ECONFLICT && !fine(status, change))
        check_failed(__FILE__, __LINE__, "an edit", "kind %d: %d: %s", (int)change, status, weir_error(run.p));
    CHECK(status != WEIR_ECONFLICT || wish->wrong || run.aborts_trials);
    if (status != WEIR_EENDED && !run.aborts_trials)
        CHECK(plan_hash() == hash);
}

/* The edit has been made: to ask for it again under the same id changes nothing. */
static void ask_again(const struct wish *wish, const weir_receipt *receipt)
{
    weir_receipt again;
    uint64_t hash = plan_hash();
    weir_edit *e = weir_edit_begin(run.p);
    weir_edit_id(e, wish->id);
    weir_edit_pop(e, "e0");
    int status = weir_commit(e, &again);
    if (status == WEIR_EENDED || run.aborts_trials)
        return;
    CHECK_EQ(status, WEIR_OK);
    CHECK_EQ(again.revision, receipt->revision);
    CHECK(plan_hash() == hash);
}

static void edit_once(enum change change, bool faults)
{
    atomic_fetch_add(&run.edits, 1);
    uint64_t before = weir_revision(run.p), hash = plan_hash();
    weir_receipt receipt;
    unsigned p_version = run.p_version, q_version = run.q_version;
    bool expects = check_random() % 4 == 0, wrong = expects && check_random() % 2;
    struct wish wish = {.expects = expects, .wrong = wrong, .revision = before + wrong};
    if (change != UNDO && change != REDO && check_random() % 8 == 0)
        snprintf(wish.id, sizeof wish.id, "id%u", ++run.names);
    fail_soon(faults);
    int status = change == UNDO   ? weir_undo(run.p, &receipt)
                 : change == REDO ? weir_redo(run.p, &receipt)
                                  : make_edit(change, &wish, &receipt);
    fail_soon(false);
    run.tried[change]++;
    say("kind %d: %d %s\n", (int)change, status, status ? weir_error(run.p) : "");
    if (wish.async)
        return;
    if (status != WEIR_OK) {
        run.p_version = p_version;
        run.q_version = q_version;
        check_refusal(status, change, &wish, hash);
        return;
    }
    run.made[change]++;
    run.version = wish.version ? wish.version : run.version;
    check_receipt(&receipt, before);
    if (wish.previewed && !run.aborts_trials)
        CHECK_EQ(wish.preview.changes, receipt.changed);
    if (*wish.id && receipt.changed && !faults)
        ask_again(&wish, &receipt);
    CHECK(!wrong || run.aborts_trials || change == UNDO || change == REDO);
    CHECK(change != FAILING_OPEN);
}

/* ---- a storm --------------------------------------------------------------------------------------------------------------------------- */

/* Waits until the stage is stuck, for a moment: it may get no item. */
static bool is_stuck(uint64_t stucks)
{
    for (int i = 0; i < SIZE(200, 2000) && event_count(&run.stuck) == stucks; i++) {
        weir_resume(run.p);
        plat_relax();
    }
    return event_count(&run.stuck) > stucks;
}

/* A stage gets stuck, other edits are made around it, and it is popped: in one way or the other, but without its function having
 * returned. */
static void edit_around_stuck(bool faults)
{
    uint64_t stucks = event_count(&run.stuck);
    weir_receipt receipt;
    edit_once(STUCK, faults);
    if (is_stuck(stucks)) {
        run.hurry = true;
        for (uint64_t n = check_random() % 3; n > 0; n--)
            edit_once((enum change)(check_random() % UNDO), faults);
        run.hurry = false;
        weir_edit *e = weir_edit_begin(run.p);
        weir_edit_timeout(e, 10000);
        (check_random() % 3 ? weir_edit_divert : weir_edit_pop)(e, "sticks");
        fail_soon(faults);
        int status = weir_commit(e, &receipt);
        fail_soon(false);
        say("sticks: %d %s\n", status, status ? weir_error(run.p) : "");
        if (status != WEIR_OK && (status == WEIR_EBUSY || !fine(status, POP)))
            check_failed(__FILE__, __LINE__, "a stuck stage", "%d: %s", status, weir_error(run.p));
    }
    event_raise(&run.freed, 1);
    weir_edit *e = weir_edit_begin(run.p);
    weir_edit_pop(e, "sticks");
    weir_commit(e, NULL);
}

static void see(void *arg, const weir_sight *sight)
{
    (void)arg;
    if (sight->item && sight->type == &item_type)
        CHECK_EQ(atomic_load(&life[((const struct item *)sight->item)->id]), 1);
}

static void watch_stage(int *tap, const char *stage)
{
    if (*tap > 0)
        CHECK_EQ(weir_untap(run.p, *tap), WEIR_OK);
    *tap = weir_tap_add(run.p, &(weir_tap){.stage = stage, .every = check_random() % 3, .seen = see});
}

/* Who watches can always run, so that the simulator does not see it when nothing else can. */
static void check_that_it_goes_on(unsigned *edits, unsigned *looks)
{
    unsigned now = atomic_load(&run.edits);
    *looks = now == *edits ? *looks + 1 : 0;
    *edits = now;
    CHECK(*looks < SIZE(20000, UINT32_MAX));
}

static void watch(void *arg)
{
    int tap = 0;
    unsigned edits = 0, looks = 0;
    (void)arg;
    while (!atomic_load(&run.stop_looking)) {
        check_that_it_goes_on(&edits, &looks);
        weir_stage_info info[96];
        check_totals(false);
        size_t n = weir_stages(run.p, info, 96);
        weir_pending_info pending[4];
        weir_pending(run.p, pending, 4);
        if (n > 0 && check_random() % 16 == 0)
            watch_stage(&tap, info[check_random() % (n < 96 ? n : 96)].name);
#ifdef SIM
        if (check_random() % 32 == 0)
            sim_jump(check_random() % 10000000);
#endif
        if (check_random() % 16 == 0)
            weir_flush(run.p);
        if (check_random() % 16 == 0)
            weir_wake(run.p, "source0");
        if (check_random() % 32 == 0)
            weir_pause(run.p);
        if (check_random() % 4 == 0)
            weir_resume(run.p);
        for (int i = 0; i < SIZE(40, 8); i++)
            plat_relax();
    }
    if (tap > 0)
        weir_untap(run.p, tap);
    weir_resume(run.p);
}

static void check_lives(void)
{
    for (size_t i = 0; i < run.probe_count; i++) {
        struct probe *probe = run.probes[i];
        CHECK_EQ(probe->closed, 1);
        CHECK(probe->opened <= 1);
        if (probe->has_life && !run.fails)
            if (!probe->flushed && probe->met && !probe->given)
                check_failed(__FILE__, __LINE__, "a stage that was not flushed", "%s, probe %zu of %zu, opened %d",
                             probe->el ? probe->el->name : "", i, (size_t)run.probe_count, probe->opened);
        free(probe);
    }
}

static void begin(uint32_t items)
{
    uint32_t ids = run.ids;
    if (!life)
        life = calloc(IDS_MAX, 1);
    memset((void *)life, 0, ids + 2);
    memset(&run, 0, sizeof run);
    event_init(&run.pulled);
    event_init(&run.answered);
    event_init(&run.stuck);
    event_init(&run.freed);
    run.version = run.versions_made = run.p_version = run.q_version = 1;
    run.holds = check_random() % 2;
    run.slow = check_random() % 2;
    run.aborts_trials = check_random() % 4 == 0;
    run.ordered = true;
    for (unsigned s = 0; s < SOURCES_MAX; s++)
        run.last[s] = 1 + (uint32_t)(check_random() % items);
    run.p = weir_new("storm");
    CHECK(run.p != NULL);
    unsigned r = (unsigned)check_random();
    CHECK_EQ(weir_configure(run.p, &(weir_config){.queue_batches = r % 2 ? 2 : 8, .batch_items = r % 4 < 2 ? 8 : 64}), 0);
    plan_graph();
    build_graph();
    if (weir_start(run.p) != WEIR_OK)
        check_failed(__FILE__, __LINE__, "start", "%s", weir_error(run.p));
}

static void end(void)
{
    int status = weir_drain(run.p);
    if (status != WEIR_OK && !run.fails)
        check_failed(__FILE__, __LINE__, "weir_drain()", "%d: %s", status, weir_error(run.p));
    event_wait(&run.answered, run.asked);
    check_totals(true);
    weir_free(run.p);
    check_lives();
    CHECK_EQ(run.alive, 0);
    for (unsigned s = 0; s < run.sources && !run.fails; s++)
        for (uint32_t i = 0; i < run.next[s]; i++)
            check_item(s, i);
    event_free(&run.pulled);
    event_free(&run.answered);
    event_free(&run.stuck);
    event_free(&run.freed);
}

enum ending { BY_ITSELF, BY_CLOSE, BY_ABORT };

static void storm(uint32_t items, unsigned edits, enum ending ending, bool faults)
{
    struct plat_thread watcher;
    begin(items);
    run.fails = ending == BY_ABORT || faults;
    CHECK_EQ(plat_thread_start(&watcher, "watcher", watch, NULL), 0);
    unsigned end_at = (unsigned)(check_random() % (edits + 1));
    for (unsigned i = 0; i < edits; i++) {
        if (i == end_at && ending != BY_ITSELF)
            ending == BY_CLOSE ? weir_close(run.p) : weir_abort(run.p);
        enum change change = (enum change)(check_random() % CHANGES);
        change == STUCK ? edit_around_stuck(faults) : edit_once(change, faults);
        if (check_random() % 4 == 0)
            weir_settle(run.p, 1);
        if (check_random() % 2 && ending == BY_ITSELF && !faults)
            event_wait(&run.pulled, event_count(&run.pulled) % OVER + 1 + check_random() % 4);
    }
    atomic_store(&run.stop_looking, true);
    plat_thread_join(&watcher);
    end();
}

static void calm(void *arg)
{
    (void)arg;
    storm(SIZE(300, 20000), 0, BY_ITSELF, false);
}

static void storm_to_the_end(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 12); i++)
        storm(NUMBERS_MAX, SIZE(16, 200), BY_ITSELF, false);
}

static void storm_until_closed(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 12); i++)
        storm(NUMBERS_MAX, SIZE(16, 60), BY_CLOSE, false);
}

static void storm_until_aborted(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZE(1, 12); i++)
        storm(NUMBERS_MAX, SIZE(16, 60), BY_ABORT, false);
}

#ifdef SIM
static void storm_without_memory(void *arg)
{
    (void)arg;
    storm(NUMBERS_MAX, 16, BY_ITSELF, true);
}
#endif

int main(void)
{
    check_run("calm", 20, calm);
    check_run("storm_to_the_end", 30, storm_to_the_end);
    check_run("storm_until_closed", 10, storm_until_closed);
    check_run("storm_until_aborted", 12, storm_until_aborted);
#ifdef SIM
    check_run("storm_without_memory", 16, storm_without_memory);
#endif
    return check_done();
}
