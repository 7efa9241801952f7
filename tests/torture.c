/* SPDX-License-Identifier: MIT */
/*
 * Torture: pipelines at full rate, on real threads and through the public API, under edits of every kind as fast as they can be made,
 * until so many items and so many edits are reached; `make torture` asks for 10^9 and 10^5. One pipeline comes after the other, each
 * with another graph, which its seed decides:
 *
 *     source -> stamp -> tally -> detour -> gate -> q1 -> try -> CORE -> m -> q2 -> last -> picky -> sieve -> twice -> sink
 *
 * CORE is nothing, a pool, an unordered pool, or a tee or a route with branches and a merge. Two sources, picky and twice are there or
 * not. The oracle is exact, and costs a few nanoseconds an item:
 *
 *   G1, G2   the sink knows which number comes next on each path, and for each number that is missing why: `sieve` drops it, `picky`
 *            makes a dead letter of it, its version had no such branch, or it was in the hands of a stage that was diverted. Behind
 *            an unordered pool a bit for each number says that it has come once. The totals add up, at any time.
 *   G3, G4   stamp, gate, the branches and `last` are replaced together, also when a branch or the detour comes and goes, and compare the
 *            version that the stamp wrote with their own; so do q1 and q2, around the core. `m` is moved, and must be met once.
 *   G6, G7   each stage is opened at most once, is entered by one thread at a time, flushed behind its last item, closed once.
 *   G8       the tally counts by key, in one lane or several, and is handed over: it must expect each number when it comes.
 *   G10      receipts: the revisions of all edits that were made are those from 2 to the last one, each once.
 *
 * What it does not do: run out of memory, lose wake-ups on purpose, fail and try again. The storms (storm_test.c) do.
 */
#include <weir/weir.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SOURCES_MAX   2
#define BRANCHES_MAX  3
#define WAYS          8  /* 0: no branch; 1 to 3: a branch; 4 more: the second copy */
#define KEYS          16 /* of the tally */
#define PATHS         (SOURCES_MAX * WAYS * KEYS)
#define VERSIONS_MAX  (1u << 17)
#define LOST_MAX      4096
#define STAGES_MAX    96
#define EXTRAS_MAX    8
#define ASYNC_MAX     8
#define REVISIONS_MAX (1u << 18)
#define HELD_MAX      8
#define BITS          (UINT64_C(1) << 27) /* numbers of a round behind an unordered pool */
#define SIEVED        97                  /* every 97th number is dropped by the sieve */
#define PICKED        1009                /* every 1009th is a dead letter, where there is a picky stage */
#define RUN_LENGTH    6                   /* a route sends so many numbers (2^6) one way, and then the other */
#define BURST         50                  /* so many edits in a row, at least */
#define STALL_S       60                  /* the watchdog's patience */

struct item {
    uint64_t number;
    uint32_t guard; /* of the number: an item that was torn or mixed up does not fit */
    uint32_t version, q;
    uint8_t source, way;
    uint8_t moved; /* how often it has met `m` */
    uint8_t flags;
};
enum { COUNTED = 1, DETOURED = 2 };

static const weir_type item_type = {.name = "numbered", .size = sizeof(struct item), .align = 8};

enum role {
    SOURCE,
    STAMP,
    TALLY,
    DETOUR,
    GATE,
    Q1,
    Q2,
    TRY,
    BRANCH,
    POOLED,
    MOVED,
    LAST,
    PICKY,
    SIEVE,
    TWICE,
    SINK,
    GRAVE,
    EXTRA
};
enum shape { BATCH, MAP, EACH, HOLD };
enum core { NONE, POOL, UNORDERED, TEE, ROUTE, CORES };

/* How a stage is made, the first time and again: the recipe of all its lanes and of its return by an undo. */
struct mould {
    weir_recipe recipe; /* first: the recipe is the mould */
    char name[16];
    enum role role;
    enum shape shape;
    unsigned number;  /* of the source, or of the branch */
    uint32_t version; /* of those that are replaced together */
    bool fails_to_open;
    bool sleeps;
    bool bad, shadow;   /* a candidate: spoils items and fails on them, or in a shadow keeps some spoilt */
    _Atomic int shares; /* references that the library has */
    struct mould *next;
};

/* One instance, from its making to the end of the round. */
struct probe {
    const struct mould *mould;
    _Atomic bool inside;
    _Atomic int opened, closed;
    bool met;              /* an item, since the last flush; its strand only, as all below */
    uint64_t last[PATHS];  /* one more than the number that came last */
    uint64_t seq[PATHS];   /* tally: how many of source and key have gone by, lost ones too */
    uint64_t count[PATHS]; /* tally: how many it has counted */
    struct item held[HELD_MAX];
    size_t held_count;
    _Atomic bool armed; /* a sleeper: falls asleep on the next item */
    struct probe *next;
};

/* What a version of the stamp stands for. */
struct config {
    uint8_t branches; /* of a tee: a bit for each that is connected */
    bool detour;
};

/* From that number on the source's items had that version. */
struct segment {
    uint64_t start;
    uint32_t version;
};

/* An item in the hands of a stage that was diverted. */
struct loss {
    struct item item;
    bool sure; /* the receipt has said so */
};

struct graph {
    unsigned sources, branches, lanes;
    enum core core;
    bool sources_by_key, joint_by_key, keyed, picky, twice, pool_in_branch;
    bool sorted;  /* numbers never fall at the sink */
    bool ordered; /* each path is in order */
    bool exact;   /* each item arrives at most once: sums can be compared */
    bool aborts;  /* bad trials end by themselves: revisions come from nobody */
    unsigned queue_batches, batch_items;
};

/* One pipeline from beginning to end. */
static struct round {
    weir_pipeline *p;
    uint64_t seed;
    struct graph g;
    unsigned key_mask;  /* paths are told apart by the key, if only keys keep order */
    _Atomic bool stop;  /* the sources end */
    _Atomic bool loose; /* it was aborted: items may be missing */
    _Atomic bool over;  /* nobody looks any more */
    struct mould *moulds;
    struct probe *_Atomic probes;
    struct config configs[VERSIONS_MAX];
    uint32_t versions, q_versions; /* that were given out */
    uint32_t current;              /* the version in force */
    uint32_t remade;               /* the version of a stamp that an undo has made again */
    struct segment *segments[SOURCES_MAX];
    uint32_t segment_count[SOURCES_MAX]; /* with the segments under the lock for them */
    uint64_t made[SOURCES_MAX];          /* the sources': the next number, one after the other */
    uint64_t sum_made[SOURCES_MAX], sum_taken, sum_sieved, sum_picked;
    uint64_t next[PATHS]; /* the sink's: the number that is due */
    uint64_t last_any, taken, letters, picked, sieved;
    _Atomic uint64_t counted; /* by tallies that were closed */
    uint8_t *bits;
    struct loss lost[LOST_MAX];
    _Atomic unsigned lost_count;
    uint64_t late;                /* as the receipts say */
    bool bad_asked, bad_on_trial; /* the candidate of the edit at hand, and of the trial that was begun last */
    struct probe *sleeping;       /* diverted, and has not come back */
    uint8_t revisions[REVISIONS_MAX];
    _Atomic uint64_t asked, answered; /* asynchronously */
    _Atomic bool tapped;
    uint64_t edits_from, edits_wanted, items_from, items_wanted;
    uint64_t end_ns; /* or 0 */
} now;

/* For sleepers and whoever waits for them, or for asynchronous edits. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static bool asleep, wake; /* under the lock */

static pthread_mutex_t segments_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- checks ------------------------------------------------------------------------------------------------------------------ */

static struct {
    uint64_t items, edits, seconds, seed;
    const char *only; /* names of kinds, or NULL */
    bool talk;
} wish = {.items = UINT64_C(1000000000), .edits = 100000, .seed = 1};

static _Atomic unsigned passed;
static void describe(FILE *to);

static void fail(int line, const char *what, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));

static void fail(int line, const char *what, const char *format, ...)
{
    va_list args;
    static _Atomic bool failing;
    while (atomic_exchange(&failing, true)) /* one failure is enough to read */
        pause();
    fprintf(stderr, "\nnot ok: torture.c:%d: %s: ", line, what);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  the pipeline was: ");
    describe(stderr);
    fprintf(stderr, "  to build it again: torture --seed %" PRIu64 "\n", now.seed);
    printf("%u passed, 1 failed\n", passed);
    fflush(stdout);
    abort();
}

#define CHECK(condition)                                                                                                       \
    do {                                                                                                                       \
        if (!(condition))                                                                                                      \
            fail(__LINE__, #condition, "is false");                                                                            \
    } while (0)

#define CHECK_EQ(got, expected)                                                                                                \
    do {                                                                                                                       \
        uint64_t got_ = (uint64_t)(got), expected_ = (uint64_t)(expected);                                                     \
        if (got_ != expected_)                                                                                                 \
            fail(__LINE__, #got " == " #expected, "%" PRIu64 " and %" PRIu64, got_, expected_);                                \
    } while (0)

#define CHECK_OK(call)                                                                                                         \
    do {                                                                                                                       \
        int status_ = (call);                                                                                                  \
        if (status_ != WEIR_OK)                                                                                                \
            fail(__LINE__, #call, "%d: %s", status_, weir_error(now.p));                                                       \
    } while (0)

static _Thread_local uint64_t random_state;

static uint64_t some(uint64_t n)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % n;
}

static bool one_in(uint64_t n)
{
    return some(n) == 0;
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void rest_us(uint64_t us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

/* ---- the tally of tallies: what the summary prints --------------------------------------------------------------------------- */

enum kind {
    INSERT,
    POP,
    REPLACE,
    HAND_OVER,
    MOVE,
    MOVE_M,
    VERSION,
    PAIR,
    REROUTE,
    CONNECT,
    SCALE,
    ENDS,
    DIVERT,
    CANARY,
    SHADOW,
    PROMOTE,
    ABORT,
    UNDO,
    REDO,
    SEVERAL,
    ASYNC,
    SAME,
    REPEAT,
    STALE,
    UNOPENED,
    REFUSED,
    KINDS
};

#define SLOTS 64 /* of the times, in each power of two */
static struct {
    _Atomic uint64_t items; /* that the sources have made */
    _Atomic uint64_t taken; /* by the sinks */
    _Atomic uint64_t edits; /* that were made */
    _Atomic uint64_t tried[KINDS], made[KINDS], refused[KINDS];
    _Atomic uint64_t flushes, pauses, taps, looks;
    uint64_t times[64 * SLOTS], timed, longest_ns; /* of commits; the editor's */
    uint64_t since_ns;
    _Atomic bool editing; /* edits must come on */
} total;

static void note_time(uint64_t ns)
{
    unsigned power = ns < SLOTS ? 0 : 63 - (unsigned)__builtin_clzll(ns) - 5;
    total.times[power * SLOTS + (ns >> power) % SLOTS]++;
    total.timed++;
    if (ns > total.longest_ns)
        total.longest_ns = ns;
}

static double percentile_ms(double part)
{
    uint64_t seen = 0, wanted = (uint64_t)((double)total.timed * part);
    for (size_t i = 0; i < 64 * SLOTS; i++) {
        seen += total.times[i];
        if (seen > wanted)
            return (double)((uint64_t)(i % SLOTS) << (i / SLOTS)) / 1e6;
    }
    return (double)total.longest_ns / 1e6;
}

/* ---- which numbers are due ----------------------------------------------------------------------------------------------------- */

static uint32_t guard_of(uint64_t number)
{
    return (uint32_t)(number * 0x9e3779b97f4a7c15u >> 32);
}

static unsigned path_of(const struct item *item)
{
    return (item->source * WAYS + item->way) * KEYS + ((unsigned)item->number & now.key_mask);
}

/* Notes where the version begins. A stamp may still be at work when the next one begins, so that notes come late. */
static void note_segment(unsigned source, uint64_t start, uint32_t version)
{
    struct segment *s = now.segments[source];
    pthread_mutex_lock(&segments_lock);
    uint32_t at = now.segment_count[source]++;
    CHECK(at < VERSIONS_MAX);
    for (; at > 0 && s[at - 1].start > start; at--)
        s[at] = s[at - 1];
    s[at] = (struct segment){start, version};
    pthread_mutex_unlock(&segments_lock);
}

/* The version of the number; *end is where the next one begins. Whoever asks has seen a later item on a way behind the stamps, where order
 * holds: the version was noted before. */
static const struct config *config_at(unsigned source, uint64_t number, uint64_t *end)
{
    const struct segment *s = now.segments[source];
    pthread_mutex_lock(&segments_lock);
    uint32_t low = 0, count = now.segment_count[source], high = count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        *(s[middle].start <= number ? &low : &high) = middle;
    }
    *end = low + 1 < count ? s[low + 1].start : UINT64_MAX;
    uint32_t version = count && s[low].start <= number ? s[low].version : 0; /* 0: lost in front of the stamp */
    pthread_mutex_unlock(&segments_lock);
    return &now.configs[version];
}

static bool is_lost(unsigned source, unsigned branch, uint64_t number)
{
    unsigned count = atomic_load_explicit(&now.lost_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        const struct item *item = &now.lost[i].item;
        if (item->number == number && item->source == source && (item->way % 4 == 0 || item->way % 4u == branch))
            return true;
    }
    return false;
}

static bool may_be_missing(unsigned source, unsigned way, uint64_t number)
{
    unsigned branch = way % 4;
    return number % SIEVED == 0 || (now.g.picky && number % PICKED == 0) ||
           (now.g.core == ROUTE && (number >> RUN_LENGTH) % 2 + 1 != branch) || is_lost(source, branch, number) ||
           atomic_load(&now.loose);
}

/* Numbers from `from` up to `to` have not come that way: is there a reason for each? */
static void check_gap(unsigned source, unsigned way, uint64_t from, uint64_t to)
{
    unsigned step = now.key_mask + 1;
    for (uint64_t n = from; n < to; n += step) {
        uint64_t end = 0;
        if (now.g.core == TEE && !(config_at(source, n, &end)->branches >> (way % 4 - 1) & 1)) {
            uint64_t skip = (end < to ? end : to) - n;
            n += (skip + step - 1) / step * step - step; /* the whole segment went other ways */
            if (skip)
                continue;
        }
        if (!may_be_missing(source, way, n))
            fail(__LINE__, "an item is missing", "number %" PRIu64 " of source %u, way %u; %" PRIu64 " came instead", n, source,
                 way, to);
    }
}

/* ---- what stages do -------------------------------------------------------------------------------------------------------------- */

static void go_in(struct probe *probe)
{
    if (atomic_load_explicit(&probe->inside, memory_order_relaxed) ||
        atomic_load_explicit(&probe->closed, memory_order_relaxed))
        fail(__LINE__, probe->mould->name, "is entered %s", atomic_load(&probe->closed) ? "after its close" : "twice at once");
    atomic_store_explicit(&probe->inside, true, memory_order_relaxed);
}

static void go_out(struct probe *probe)
{
    atomic_store_explicit(&probe->inside, false, memory_order_relaxed);
}

static void check_order(struct probe *probe, const struct item *items, size_t n)
{
    probe->met = true;
    for (size_t i = 0; now.g.ordered && i < n; i++) {
        uint64_t *last = &probe->last[path_of(&items[i])];
        if (items[i].number < *last)
            fail(__LINE__, probe->mould->name, "%" PRIu64 " came after %" PRIu64 " (source %u, way %u)", items[i].number,
                 *last - 1, items[i].source, items[i].way);
        *last = items[i].number + 1;
    }
}

static void stamp(struct probe *probe, struct item *items, size_t n)
{
    unsigned s = probe->mould->number;
    if (!probe->seq[0]) /* its first */
        note_segment(s, items[0].number, probe->mould->version);
    probe->seq[0] = 1;
    for (size_t i = 0; i < n; i++)
        items[i].version = probe->mould->version;
}

/* Lost ones apart, the number that comes is the one that is due. */
static void tally(struct probe *probe, struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned key = (unsigned)items[i].number % KEYS, at = items[i].source * KEYS + key;
        for (; probe->seq[at] * KEYS + key != items[i].number; probe->seq[at]++)
            if (probe->seq[at] * KEYS + key > items[i].number || !is_lost(items[i].source, 0, probe->seq[at] * KEYS + key))
                fail(__LINE__, "the tally", "expected %" PRIu64 ", and %" PRIu64 " of source %u came",
                     probe->seq[at] * KEYS + key, items[i].number, items[i].source);
        probe->seq[at]++;
        probe->count[at]++;
        items[i].flags |= COUNTED;
    }
}

static void check_version(const struct probe *probe, const struct item *items, size_t n)
{
    const struct config *config = &now.configs[probe->mould->version];
    unsigned flags = config->detour ? DETOURED : 0;
    for (size_t i = 0; i < n; i++) {
        if (items[i].version != probe->mould->version)
            fail(__LINE__, "half an edit", "item %" PRIu64 " met version %u at the stamp and %u at a %s", items[i].number,
                 items[i].version, probe->mould->version, probe->mould->role == GATE ? "gate" : "stage behind it");
        if ((items[i].flags & DETOURED) != flags)
            fail(__LINE__, "half an edit", "item %" PRIu64 " of version %u has %stoken the detour", items[i].number,
                 items[i].version, flags ? "not " : "");
    }
}

static void check_pair(const struct probe *probe, const struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].q != probe->mould->version)
            fail(__LINE__, "half an edit", "item %" PRIu64 " met version %u at q1 and %u at q2", items[i].number, items[i].q,
                 probe->mould->version);
}

static void branch(const struct probe *probe, struct item *items, size_t n)
{
    check_version(probe, items, n);
    CHECK(now.g.core == ROUTE || now.configs[probe->mould->version].branches >> probe->mould->number & 1);
    for (size_t i = 0; i < n; i++) {
        CHECK(now.g.core == TEE || (items[i].number >> RUN_LENGTH) % 2 == probe->mould->number);
        items[i].way = (uint8_t)(1 + probe->mould->number);
    }
}

static void check_last(const struct probe *probe, const struct item *items, size_t n)
{
    check_version(probe, items, n);
    for (size_t i = 0; i < n; i++)
        if (items[i].moved != 1 || !(items[i].flags & COUNTED) || items[i].guard != guard_of(items[i].number))
            fail(__LINE__, "an item", "%" PRIu64 " has met m %u times; flags %x, guard %x", items[i].number, items[i].moved,
                 items[i].flags, items[i].guard);
}

static size_t sieve(struct item *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool drop = items[i].number % SIEVED == 0;
        now.sum_sieved += drop ? items[i].guard : 0;
        items[kept] = items[i];
        kept += !drop;
    }
    now.sieved += n - kept;
    return kept;
}

static void take_in_order(struct item *item)
{
    uint64_t *next = &now.next[path_of(item)];
    if (item->number < *next)
        fail(__LINE__, "order at the sink", "%" PRIu64 " came, and %" PRIu64 " was due (source %u, way %u)", item->number,
             *next, item->source, item->way);
    if (item->number > *next)
        check_gap(item->source, item->way, *next, item->number);
    *next = item->number + now.key_mask + 1;
}

static void take_once(const struct item *item)
{
    CHECK(item->number < BITS);
    uint8_t *byte = &now.bits[item->number / 8], bit = (uint8_t)(1u << item->number % 8);
    if (*byte & bit)
        fail(__LINE__, "doubled", "%" PRIu64 " came again", item->number);
    *byte |= bit;
}

static void take(struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (now.g.ordered)
            take_in_order(&items[i]);
        else
            take_once(&items[i]);
        if (now.g.sorted && items[i].number < now.last_any)
            fail(__LINE__, "order of a merge by key", "%" PRIu64 " after %" PRIu64, items[i].number, now.last_any);
        now.last_any = items[i].number;
        now.sum_taken += items[i].guard;
    }
    now.taken += n;
    atomic_fetch_add_explicit(&total.taken, n, memory_order_relaxed);
}

/* ---- their functions ------------------------------------------------------------------------------------------------------------- */

static size_t work(struct probe *probe, struct item *items, size_t n)
{
    if (probe->mould->role != SINK)
        check_order(probe, items, n);
    switch (probe->mould->role) {
    case STAMP:
        stamp(probe, items, n);
        break;
    case TALLY:
        tally(probe, items, n);
        break;
    case DETOUR:
        for (size_t i = 0; i < n; i++)
            items[i].flags |= DETOURED;
        break;
    case GATE:
        check_version(probe, items, n);
        break;
    case Q1:
        for (size_t i = 0; i < n; i++)
            items[i].q = probe->mould->version;
        break;
    case Q2:
        check_pair(probe, items, n);
        break;
    case BRANCH:
        branch(probe, items, n);
        break;
    case MOVED:
        for (size_t i = 0; i < n; i++)
            items[i].moved++;
        break;
    case LAST:
        check_last(probe, items, n);
        break;
    case SIEVE:
        return sieve(items, n);
    case SINK:
        take(items, n);
        break;
    default:
        break;
    }
    return n;
}

static size_t work_batch(void *state, void *items, size_t n)
{
    struct probe *probe = state;
    go_in(probe);
    size_t kept = work(probe, items, n);
    go_out(probe);
    return kept;
}

/* In the hands of this stage the item will be lost, if the stage is diverted in time. */
static void sleep_on(const struct item *item)
{
    unsigned at = atomic_load(&now.lost_count);
    CHECK(at < LOST_MAX);
    pthread_mutex_lock(&lock);
    now.lost[at].item = *item;
    atomic_store(&now.lost_count, at + 1);
    asleep = true;
    pthread_cond_broadcast(&news);
    while (!wake)
        pthread_cond_wait(&news, &lock);
    asleep = wake = false;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

static weir_verdict work_item(void *state, void *arg)
{
    struct probe *probe = state;
    struct item *item = arg;
    weir_verdict verdict = WEIR_KEEP;
    go_in(probe);
    work(probe, item, 1);
    if (atomic_load_explicit(&probe->armed, memory_order_relaxed) && atomic_exchange(&probe->armed, false))
        sleep_on(item);
    if (probe->mould->bad && item->number % 32 < 3) {
        bool fails = item->number % 32 > 0 || !probe->mould->shadow;
        item->number = ~item->number; /* nobody else must see that */
        verdict = fails ? weir_fail("a bad candidate") : WEIR_KEEP;
    }
    if (probe->mould->role == PICKY && item->number % PICKED == 0) {
        now.sum_picked += item->guard;
        now.picked++;
        verdict = weir_fail("picky");
    }
    go_out(probe);
    return verdict;
}

static int put(const struct item *items, size_t n, weir_out *out)
{
    for (size_t i = 0; i < n; i++) {
        struct item *to = weir_emit(out);
        if (!to)
            return weir_fail_memory();
        *to = items[i];
    }
    return 0;
}

static int put_held(struct probe *probe, weir_out *out)
{
    size_t n = probe->held_count;
    probe->held_count = 0;
    return put(probe->held, n, out);
}

static int work_each(void *state, void *arg, weir_out *out)
{
    struct probe *probe = state;
    struct item two[2] = {*(struct item *)arg, *(struct item *)arg};
    int status = 0;
    go_in(probe);
    check_order(probe, two, 1);
    if (probe->mould->shape == HOLD) {
        probe->held[probe->held_count++] = two[0];
        status = probe->held_count == HELD_MAX ? put_held(probe, out) : 0;
    } else {
        two[1].way = (uint8_t)(two[1].way + WAYS / 2);
        status = put(two, probe->mould->role == TWICE ? 2 : 1, out);
    }
    go_out(probe);
    return status;
}

static int pull(void *state, weir_out *out)
{
    struct probe *probe = state;
    unsigned s = probe->mould->number;
    size_t got;
    if (now.bits && now.made[s] + 4096 > BITS)
        atomic_store(&now.stop, true);
    if (atomic_load_explicit(&now.stop, memory_order_relaxed))
        return WEIR_END;
    go_in(probe);
    struct item *items = weir_emit_many(out, weir_room(out), &got);
    if (!items)
        return weir_fail_memory();
    for (size_t i = 0; i < got; i++) {
        uint64_t number = now.made[s]++;
        items[i] = (struct item){.number = number, .guard = guard_of(number), .source = (uint8_t)s};
        now.sum_made[s] += items[i].guard;
    }
    atomic_fetch_add_explicit(&total.items, got, memory_order_relaxed);
    go_out(probe);
    return WEIR_MORE;
}

static weir_verdict bury(void *state, void *arg)
{
    const weir_letter *letter = arg;
    const struct item *item = (const void *)letter->item.data;
    struct probe *probe = state;
    go_in(probe);
    probe->met = true;
    CHECK_EQ(letter->item.len, sizeof *item);
    CHECK_EQ(item->number % PICKED, 0);
    CHECK_EQ(item->guard, guard_of(item->number));
    now.letters++;
    go_out(probe);
    return WEIR_KEEP;
}

static size_t route_item(void *state, const void *item, size_t ports)
{
    (void)state;
    return (((const struct item *)item)->number >> RUN_LENGTH) % ports;
}

static int64_t order_of(void *state, const void *item)
{
    (void)state;
    return (int64_t)((const struct item *)item)->number;
}

static uint64_t key_of(void *state, const void *item)
{
    (void)state;
    return ((const struct item *)item)->number % KEYS;
}

static void take_over(void *state, void *from, size_t lane, size_t lanes)
{
    struct probe *to = state, *old = from;
    CHECK(!atomic_load(&to->inside) && !atomic_load(&old->inside));
    for (unsigned at = 0; at < SOURCES_MAX * KEYS; at++) {
        if (at % KEYS % lanes != lane)
            continue;
        CHECK(to->seq[at] == 0 || old->seq[at] == 0);
        to->seq[at] += old->seq[at];
        to->count[at] += old->count[at];
        old->seq[at] = old->count[at] = 0;
    }
}

static int open_probe(void *state)
{
    struct probe *probe = state;
    CHECK_EQ(atomic_fetch_add(&probe->opened, 1), 0);
    return probe->mould->fails_to_open ? weir_fail("does not open") : 0;
}

static int flush_probe(void *state, weir_out *out)
{
    struct probe *probe = state;
    go_in(probe);
    CHECK_EQ(probe->opened, 1);
    probe->met = false;
    int status = put_held(probe, out);
    go_out(probe);
    return status;
}

static void close_probe(void *state)
{
    struct probe *probe = state;
    CHECK(!atomic_load(&probe->inside));
    CHECK_EQ(atomic_fetch_add(&probe->closed, 1), 0);
    CHECK(probe->held_count == 0 || atomic_load(&now.loose));
    if (probe->mould->role == TALLY)
        for (unsigned at = 0; at < SOURCES_MAX * KEYS; at++)
            atomic_fetch_add(&now.counted, probe->count[at]);
}

/* ---- making stages --------------------------------------------------------------------------------------------------------------- */

static void share(weir_recipe *recipe)
{
    atomic_fetch_add(&((struct mould *)(void *)recipe)->shares, 1);
}

static void drop(weir_recipe *recipe)
{
    CHECK(atomic_fetch_sub(&((struct mould *)(void *)recipe)->shares, 1) > 0);
}

static struct probe *new_probe(const struct mould *mould)
{
    struct probe *probe = calloc(1, sizeof *probe);
    CHECK(probe != NULL);
    probe->mould = mould;
    probe->next = atomic_load(&now.probes);
    while (!atomic_compare_exchange_weak(&now.probes, &probe->next, probe)) {
    }
    return probe;
}

static void shape(const struct mould *mould, weir_stage *stage)
{
    if (mould->role == SOURCE)
        stage->pull = pull;
    else if (mould->role == GRAVE)
        stage->map = bury;
    else if (mould->shape == MAP)
        stage->map = work_item;
    else if (mould->shape == BATCH)
        stage->batch = work_batch;
    else
        stage->each = work_each;
    stage->holds = mould->shape == HOLD;
}

/* The one way in which stages are made, by the test and by the library. */
static int make(weir_recipe *recipe, weir_stage *stage)
{
    struct mould *mould = (struct mould *)(void *)recipe;
    *stage = (weir_stage){.in = mould->role == SOURCE  ? NULL
                                : mould->role == GRAVE ? WEIR_LETTER
                                                       : &item_type,
                          .out = mould->role == SINK || mould->role == GRAVE ? WEIR_NONE : &item_type,
                          .state = new_probe(mould),
                          .open = open_probe,
                          .flush = mould->role == SOURCE ? NULL : flush_probe,
                          .close = close_probe,
                          .recipe = recipe};
    shape(mould, stage);
    if (mould->role == TALLY || mould->role == SINK) { /* a sink without a state would begin while the one before it ends */
        stage->state_type = mould->role == TALLY ? "tally" : "sink";
        stage->take_over = take_over;
        stage->key = mould->role == TALLY && now.g.keyed ? key_of : NULL;
    }
    if (mould->role == STAMP)
        now.remade = mould->version;
    stage->unordered = mould->role == POOLED && now.g.core == UNORDERED;
    stage->on_error = mould->role == PICKY ? WEIR_DEAD : WEIR_STOP;
    return 0;
}

static struct mould *new_mould(enum role role, unsigned number, uint32_t version)
{
    struct mould *mould = calloc(1, sizeof *mould);
    CHECK(mould != NULL);
    *mould =
        (struct mould){.recipe = {make, share, drop}, .role = role, .number = number, .version = version, .next = now.moulds};
    now.moulds = mould;
    if (role == TRY || role == PICKY)
        mould->shape = MAP;
    if (role == TWICE)
        mould->shape = EACH;
    return mould;
}

static weir_stage stage_of(struct mould *mould, const char *name)
{
    weir_stage stage;
    snprintf(mould->name, sizeof mould->name, "%s", name);
    make(&mould->recipe, &stage);
    stage.name = name;
    stage.place = one_in(4) ? WEIR_OWN : WEIR_FUSED;
    stage.blocking = one_in(24);
    return stage;
}

static weir_stage new_stage(enum role role, const char *name, unsigned number, uint32_t version)
{
    weir_stage stage = stage_of(new_mould(role, number, version), name);
    if (role == POOLED || (role == TALLY && now.g.keyed)) {
        stage.lanes = 1 + (uint32_t)some(4);
        stage.blocking = false;
    }
    return stage;
}

static weir_stage new_extra(const char *name)
{
    struct mould *mould = new_mould(EXTRA, 0, 0);
    uint64_t r = some(16);
    mould->shape = r == 0 && !now.g.joint_by_key ? HOLD : r == 1 ? EACH : r < 4 ? MAP : BATCH;
    return stage_of(mould, name);
}

/* ---- making graphs ----------------------------------------------------------------------------------------------------------------- */

static void choose_graph(struct graph *g)
{
    static const unsigned queues[] = {2, 16, 64}, batches[] = {64, 256, 256, 1024};
    *g = (struct graph){.sources = one_in(4) ? 2 : 1, .core = (enum core)some(CORES), .ordered = true};
    g->branches = g->core == TEE ? 2 + (unsigned)some(2) : 2;
    g->sources_by_key = g->sources == 2 && one_in(2);
    g->keyed = one_in(3);
    bool by_number = (g->sources == 1 || g->sources_by_key) && !g->keyed; /* the order in front of the core */
    bool diamond = g->core == TEE || g->core == ROUTE;
    g->joint_by_key = diamond && by_number && one_in(2);
    g->pool_in_branch = diamond && !g->joint_by_key && one_in(2);
    g->picky = one_in(3);
    g->twice = one_in(4);
    if (g->core == UNORDERED) {
        g->sources = 1;
        g->sources_by_key = g->twice = g->ordered = false;
    }
    g->sorted = by_number && g->sources == 1 && g->ordered && /* an edit cuts two sources at different keys */
                (!diamond || g->joint_by_key);
    g->exact = g->core != TEE && !g->twice;
    g->aborts = one_in(4);
    g->queue_batches = queues[some(3)];
    g->batch_items = batches[some(4)];
}

static void describe(FILE *to)
{
    static const char *const cores[] = {"no core", "a pool", "an unordered pool", "a tee", "a route"};
    const struct graph *g = &now.g;
    fprintf(to, "%u source%s%s, %s%s%s%s%s%s%s, batches of %u, queues of %u\n", g->sources, g->sources > 1 ? "s" : "",
            g->sources_by_key ? " by key" : "", g->keyed ? "a tally by key, " : "", cores[g->core],
            g->core == TEE && g->branches == 3 ? " of three" : "", g->joint_by_key ? " by key" : "",
            g->pool_in_branch ? " with a pool" : "", g->picky ? ", picky" : "", g->twice ? ", twice" : "", g->batch_items,
            g->queue_batches);
}

static void add(weir_stage stage)
{
    CHECK_OK(weir_add(now.p, &stage));
}

static void join(const char *from, const char *to)
{
    if (weir_connect(now.p, from, to, NULL) != WEIR_OK)
        fail(__LINE__, from, "to %s: %s", to, weir_error(now.p));
}

/* Adds the stage behind *last. */
static void chain(const char **last, weir_stage stage)
{
    add(stage);
    join(*last, stage.name);
    *last = stage.name;
}

static const char *const stamp_names[] = {"stamp0", "stamp1"}, *const source_names[] = {"source0", "source1"};
static const char *const branch_names[] = {"branch0", "branch1", "branch2"}, *const ports[] = {"split:a", "split:b", "split:c"};

static void build_sources(const char **last)
{
    if (now.g.sources > 1)
        add((weir_stage){.name = "all",
                         .in = &item_type,
                         .merge = true,
                         .order_by = now.g.sources_by_key ? WEIR_BY_KEY : WEIR_ARRIVAL,
                         .order = now.g.sources_by_key ? order_of : NULL});
    for (unsigned s = 0; s < now.g.sources; s++) {
        add(new_stage(SOURCE, source_names[s], s, 0));
        add(new_stage(STAMP, stamp_names[s], s, 1));
        join(source_names[s], stamp_names[s]);
        if (now.g.sources > 1)
            join(stamp_names[s], "all");
    }
    *last = now.g.sources > 1 ? "all" : stamp_names[0];
}

static void build_diamond(const char **last)
{
    bool tee = now.g.core == TEE;
    chain(last, (weir_stage){.name = "split", .in = &item_type, .tee = tee, .route = tee ? NULL : route_item});
    add((weir_stage){.name = "joint",
                     .in = &item_type,
                     .merge = true,
                     .order_by = now.g.joint_by_key ? WEIR_BY_KEY : WEIR_ARRIVAL,
                     .order = now.g.joint_by_key ? order_of : NULL});
    for (unsigned b = 0; b < now.g.branches; b++) {
        const char *end = ports[b];
        chain(&end, new_stage(BRANCH, branch_names[b], b, 1));
        if (now.g.pool_in_branch && b == 0)
            chain(&end, new_stage(POOLED, "pool", 0, 0));
        join(end, "joint");
    }
    *last = "joint";
}

static void build_graph(void)
{
    const char *last;
    build_sources(&last);
    chain(&last, new_stage(TALLY, "tally", 0, 0));
    chain(&last, new_stage(DETOUR, "detour", 0, 0));
    chain(&last, new_stage(GATE, "gate", 0, 1));
    chain(&last, new_stage(Q1, "q1", 0, 1));
    chain(&last, new_stage(TRY, "try", 0, 0));
    if (now.g.core == POOL || now.g.core == UNORDERED)
        chain(&last, new_stage(POOLED, "pool", 0, 0));
    if (now.g.core == TEE || now.g.core == ROUTE)
        build_diamond(&last);
    chain(&last, new_stage(MOVED, "m", 0, 0));
    chain(&last, new_stage(Q2, "q2", 0, 1));
    chain(&last, new_stage(LAST, "last", 0, 1));
    if (now.g.picky) {
        add(new_stage(GRAVE, "grave", 0, 0));
        chain(&last, new_stage(PICKY, "picky", 0, 0));
        join("picky:dead", "grave");
        last = "picky:out";
    }
    chain(&last, new_stage(SIEVE, "sieve", 0, 0));
    if (now.g.twice)
        chain(&last, new_stage(TWICE, "twice", 0, 0));
    chain(&last, new_stage(SINK, "sink", 0, 0));
}

static bool has_pool(void)
{
    return now.g.core == POOL || now.g.core == UNORDERED || now.g.pool_in_branch;
}

/* ---- edits: what they are made of ---------------------------------------------------------------------------------------------------- */

/* A stage that is always on the way. */
static const char *some_place(void)
{
    static const char *const places[] = {"tally", "gate", "q1", "try", "m", "q2", "last", "sieve", "sink"};
    if ((now.g.core == TEE || now.g.core == ROUTE) && one_in(4))
        return branch_names[some(now.g.branches)];
    return places[some(9)];
}

/* An extra stage, if there is one, and how many there are. `rests`: it may be one that nothing leads to. */
static unsigned some_extra(char *name, bool rests)
{
    weir_stage_info info[STAGES_MAX];
    size_t n = weir_stages(now.p, info, STAGES_MAX);
    unsigned extras = 0;
    strcpy(name, "x");
    for (size_t i = 0; i < n && i < STAGES_MAX; i++)
        if (info[i].name[0] == 'x' &&
            (strcmp(info[i].status, "running") == 0 || (rests && strcmp(info[i].status, "parked") == 0)) && one_in(++extras))
            strcpy(name, info[i].name);
    return extras;
}

static void insert(weir_edit *e)
{
    static unsigned number;
    char name[24];
    snprintf(name, sizeof name, "x%u", ++number);
    weir_stage stage = new_extra(name);
    const char *place = some_place();
    if (one_in(3) && strcmp(place, "sink") != 0 && strcmp(place, "last") != 0)
        weir_edit_insert_after(e, place, &stage);
    else
        weir_edit_insert_before(e, place, &stage);
}

static void pop(weir_edit *e)
{
    char name[64];
    some_extra(name, true);
    weir_edit_pop(e, name);
}

static void replace_extra(weir_edit *e)
{
    char name[64];
    some_extra(name, true);
    weir_stage stage = new_extra(name);
    weir_edit_replace(e, name, &stage);
}

static void hand_over(weir_edit *e)
{
    weir_stage stage = new_stage(TALLY, "tally", 0, 0);
    weir_edit_replace(e, "tally", &stage);
}

/* Not one that was led around: put back further down, it meets items again that had passed it before. */
static void move_extra(weir_edit *e)
{
    char name[64];
    some_extra(name, false);
    weir_edit_move_before(e, name, some_place());
}

/* Not beside the detour, which would take it off the way. */
static void move_m(weir_edit *e)
{
    switch (some(4)) {
    case 0:
        weir_edit_move_before(e, "m", "tally");
        break;
    case 1:
        weir_edit_move_after(e, "m", "gate");
        break;
    case 2:
        weir_edit_move_before(e, "m", "try");
        break;
    default:
        weir_edit_move_before(e, "m", "q2");
    }
}

static void replace(weir_edit *e, enum role role, const char *name, unsigned number, uint32_t version)
{
    weir_stage stage = new_stage(role, name, number, version);
    weir_edit_replace(e, name, &stage);
}

/* All that know of versions, at one cut. */
static void replace_versions(weir_edit *e, struct config config)
{
    uint32_t v = ++now.versions;
    CHECK(v < VERSIONS_MAX);
    now.configs[v] = config;
    for (unsigned s = 0; s < now.g.sources; s++)
        replace(e, STAMP, stamp_names[s], s, v);
    replace(e, GATE, "gate", 0, v);
    if (now.g.core == TEE || now.g.core == ROUTE)
        for (unsigned b = 0; b < now.g.branches; b++)
            replace(e, BRANCH, branch_names[b], b, v);
    replace(e, LAST, "last", 0, v);
}

static void new_version(weir_edit *e)
{
    replace_versions(e, now.configs[now.current]);
}

static void replace_pair(weir_edit *e)
{
    uint32_t q = ++now.q_versions;
    replace(e, Q1, "q1", 0, q);
    replace(e, Q2, "q2", 0, q);
}

/* The detour is left out, with whatever stands beside it; or it comes back. */
static void reroute(weir_edit *e)
{
    struct config config = now.configs[now.current];
    config.detour = !config.detour;
    weir_edit_connect(e, "tally", config.detour ? "detour" : "gate");
    if (config.detour)
        weir_edit_connect(e, "detour", "gate");
    replace_versions(e, config);
}

/* Branches of a tee come and go; one stays. */
static void connect_branches(weir_edit *e)
{
    struct config config = now.configs[now.current];
    if (now.g.core != TEE) {
        reroute(e);
        return;
    }
    uint8_t was = config.branches;
    config.branches = (uint8_t)(1 + some((1u << now.g.branches) - 1));
    for (unsigned b = 0; b < now.g.branches; b++) {
        if (config.branches & ~was & 1u << b)
            weir_edit_connect(e, ports[b], branch_names[b]);
        if (was & ~config.branches & 1u << b)
            weir_edit_disconnect(e, ports[b]);
    }
    replace_versions(e, config);
}

static void scale(weir_edit *e)
{
    char name[64] = "tally";
    if (has_pool() && one_in(2))
        strcpy(name, "pool");
    else if (!now.g.keyed || one_in(3))
        some_extra(name, true);
    weir_edit_scale(e, name, 1 + (unsigned)some(4));
}

static void replace_ends(weir_edit *e)
{
    unsigned s = (unsigned)some(now.g.sources);
    if (one_in(2))
        replace(e, SOURCE, source_names[s], s, 0);
    else
        replace(e, SINK, "sink", 0, 0);
}

static void try_out(weir_edit *e, bool shadow)
{
    struct mould *mould = new_mould(TRY, 0, 0);
    mould->bad = now.bad_asked = one_in(2);
    mould->shadow = shadow;
    weir_stage candidate = stage_of(mould, "try");
    weir_trial trial = {.percent = 1 + (double)some(100), .errors_max = now.g.aborts ? 0 : -1};
    (shadow ? weir_edit_shadow : weir_edit_canary)(e, "try", &candidate, &trial);
}

static void canary(weir_edit *e)
{
    try_out(e, false);
}

static void shadow(weir_edit *e)
{
    try_out(e, true);
}

/* A bad candidate must not come into force. */
static void promote(weir_edit *e)
{
    (now.bad_on_trial ? weir_edit_abort : weir_edit_promote)(e, "try");
}

static void abort_trial(weir_edit *e)
{
    weir_edit_abort(e, "try");
}

static void several(weir_edit *e)
{
    static void (*const parts[])(weir_edit * e) = {insert, insert, hand_over, move_m, replace_pair, replace_ends};
    for (uint64_t n = 2 + some(3); n > 0; n--)
        parts[some(6)](e);
    if (one_in(2))
        new_version(e);
}

/* Nothing would be different. */
static void same(weir_edit *e)
{
    weir_edit_scale(e, one_in(2) ? "last" : "gate", 1);
}

static void stale(weir_edit *e)
{
    insert(e);
    weir_edit_expect(e, one_in(2) ? weir_revision(now.p) + REVISIONS_MAX : 0);
}

static void unopened(weir_edit *e)
{
    insert(e);
    struct mould *mould = new_mould(EXTRA, 0, 0);
    mould->fails_to_open = true;
    weir_stage stage = stage_of(mould, "unopened");
    weir_edit_insert_before(e, some_place(), &stage);
    if (one_in(2))
        new_version(e);
}

static void wrong(weir_edit *e)
{
    weir_stage stage = new_extra(one_in(2) ? "gate" : "tally");
    if (one_in(2))
        new_version(e);
    switch (some(5)) {
    case 0:
        weir_edit_pop(e, "nobody");
        break;
    case 1:
        weir_edit_connect(e, "last", "gate"); /* a circle, and two ways into the gate */
        break;
    case 2:
        weir_edit_scale(e, "gate", 1000);
        break;
    case 3:
        weir_edit_connect(e, "gate", "nobody:in");
        break;
    default:
        break;
    }
    weir_edit_insert_before(e, "q2", &stage); /* the name is in use */
}

/* What each kind is made of, and what may come of it. */
static const struct {
    const char *name;
    unsigned weight;
    void (*fill)(weir_edit *e);
    int status;      /* that it must have */
    bool may_refuse; /* WEIR_EREFUSED will do as well: what it names may be gone, or be there */
} kinds[KINDS] = {
    [INSERT] = {"insert", 20, insert, WEIR_OK, false},
    [POP] = {"pop", 18, pop, WEIR_OK, true},
    [REPLACE] = {"replace", 10, replace_extra, WEIR_OK, true},
    [HAND_OVER] = {"hand over", 10, hand_over, WEIR_OK, false},
    [MOVE] = {"move", 8, move_extra, WEIR_OK, true},
    [MOVE_M] = {"move one that counts", 8, move_m, WEIR_OK, false},
    [VERSION] = {"replace all at once", 6, new_version, WEIR_OK, false},
    [PAIR] = {"replace a pair", 10, replace_pair, WEIR_OK, false},
    [REROUTE] = {"reroute", 5, reroute, WEIR_OK, false},
    [CONNECT] = {"connect, disconnect", 5, connect_branches, WEIR_OK, true},
    [SCALE] = {"scale", 8, scale, WEIR_OK, true},
    [ENDS] = {"replace an end", 5, replace_ends, WEIR_OK, false},
    [DIVERT] = {"divert", 2, NULL, WEIR_OK, false},
    [CANARY] = {"canary", 3, canary, WEIR_OK, true},
    [SHADOW] = {"shadow", 3, shadow, WEIR_OK, true},
    [PROMOTE] = {"promote", 5, promote, WEIR_OK, true},
    [ABORT] = {"abort", 5, abort_trial, WEIR_OK, true},
    [UNDO] = {"undo", 12, NULL, WEIR_OK, true},
    [REDO] = {"redo", 8, NULL, WEIR_OK, true},
    [SEVERAL] = {"several", 10, several, WEIR_OK, false},
    [ASYNC] = {"asynchronous", 12, NULL, WEIR_OK, true},
    [SAME] = {"nothing new", 2, same, WEIR_OK, false},
    [REPEAT] = {"repeat by id", 3, NULL, WEIR_OK, false},
    [STALE] = {"stale", 4, stale, WEIR_ECONFLICT, false},
    [UNOPENED] = {"failing open", 4, unopened, WEIR_ESTAGE, false},
    [REFUSED] = {"wrong", 4, wrong, WEIR_EREFUSED, false},
};

/* ---- edits: making them ---------------------------------------------------------------------------------------------------------------- */

static void note_revision(uint64_t revision)
{
    CHECK(revision > 1 && revision < REVISIONS_MAX);
    CHECK_EQ(now.revisions[revision]++, 0);
}

/* Of an edit that was made. `before` is the revision before it, or 0 if others edit as well. */
static void note_receipt(const weir_receipt *r, uint64_t before)
{
    CHECK_EQ(r->position, r->items_before);
    CHECK(r->effect_ns <= r->total_ns);
    if (before)
        CHECK_EQ(r->revision, before + r->changed);
    if (r->changed)
        note_revision(r->revision);
}

static void note_made(enum kind kind, bool changed)
{
    atomic_fetch_add(&total.made[kind], 1);
    if (changed)
        atomic_fetch_add(&total.edits, 1);
}

static bool fits(enum kind kind, int status)
{
    bool ending = atomic_load(&now.stop) || atomic_load(&now.loose);
    bool overtaken = status == WEIR_ECONFLICT && (kind == UNDO || kind == REDO); /* by an asynchronous one */
    return status == kinds[kind].status || status == WEIR_EBUSY || overtaken ||
           (status == WEIR_EREFUSED && (kinds[kind].may_refuse || ending)) || (status == WEIR_EENDED && ending);
}

static void check_status(enum kind kind, int status, const char *error)
{
    if (!fits(kind, status))
        fail(__LINE__, kinds[kind].name, "%d: %s; %s", status, error,
             strstr(error, "has failed") && weir_drain(now.p) != WEIR_OK ? weir_error(now.p) : "");
    if (status != WEIR_OK)
        atomic_fetch_add(&total.refused[kind], 1);
}

static void answered(void *arg, int status, const weir_receipt *receipt, const char *error)
{
    (void)arg;
    check_status(ASYNC, status, error);
    pthread_mutex_lock(&lock);
    if (status == WEIR_OK) {
        note_receipt(receipt, 0);
        note_made(ASYNC, receipt->changed);
    }
    atomic_fetch_add(&now.answered, 1);
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

/* Asks for an edit; waits for answers only if there are many to come. */
static void edit_later(void)
{
    static void (*const fills[])(weir_edit * e) = {insert, pop, move_extra, replace_extra};
    weir_edit *e = weir_edit_begin(now.p);
    CHECK(e != NULL);
    fills[some(4)](e);
    atomic_fetch_add(&now.asked, 1);
    CHECK_OK(weir_commit_async(e, answered, NULL));
    pthread_mutex_lock(&lock);
    while (atomic_load(&now.asked) - atomic_load(&now.answered) >= ASYNC_MAX)
        pthread_cond_wait(&news, &lock);
    pthread_mutex_unlock(&lock);
}

static void wake_sleeper(void)
{
    if (!now.sleeping)
        return;
    pthread_mutex_lock(&lock);
    wake = true;
    pthread_cond_broadcast(&news);
    while (wake)
        pthread_cond_wait(&news, &lock);
    pthread_mutex_unlock(&lock);
    now.sleeping = NULL;
}

/* False: no item came to it in time; it will not fall asleep any more. */
static bool falls_asleep(struct probe *sleeper)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    pthread_mutex_lock(&lock);
    while (!asleep) /* if it is not armed any more it is about to be */
        if (pthread_cond_timedwait(&news, &lock, &until) == ETIMEDOUT && atomic_exchange(&sleeper->armed, false))
            break;
    bool fell = asleep;
    pthread_mutex_unlock(&lock);
    return fell;
}

/* A stage that sleeps on an item, and is taken out. It wakes up when the next one comes, or at the end. */
static int divert(weir_receipt *receipt)
{
    static unsigned number;
    char name[24];
    static const char *const places[] = {"tally", "q1", "last", "sink"};
    wake_sleeper();
    snprintf(name, sizeof name, "s%u", ++number);
    struct mould *mould = new_mould(EXTRA, 0, 0);
    mould->shape = MAP;
    mould->sleeps = true;
    weir_stage stage = stage_of(mould, name);
    struct probe *sleeper = stage.state;
    stage.blocking = true;
    sleeper->armed = true;
    weir_receipt inserted;
    int status = weir_insert_before(now.p, places[some(4)], &stage, &inserted);
    if (status != WEIR_OK)
        return status;
    note_revision(inserted.revision);
    if (falls_asleep(sleeper))
        now.sleeping = sleeper;
    status = now.sleeping ? weir_divert(now.p, name, receipt) : weir_pop(now.p, name, receipt);
    if (status == WEIR_OK && receipt->late) {
        CHECK_EQ(receipt->late, 1);
        now.lost[now.lost_count - 1].sure = true;
        now.late++;
    }
    return status;
}

/* The answer to the second request is that to the first. */
static int repeat(weir_receipt *receipt)
{
    static unsigned number;
    char id[24];
    int status = WEIR_OK;
    weir_receipt again;
    snprintf(id, sizeof id, "id%u", ++number);
    for (int i = 0; i < 2 && status == WEIR_OK; i++) {
        weir_edit *e = weir_edit_begin(now.p);
        CHECK(e != NULL);
        weir_edit_id(e, id);
        insert(e);
        status = weir_commit(e, i ? &again : receipt);
    }
    if (status == WEIR_OK)
        CHECK_EQ(again.revision, receipt->revision);
    return status;
}

static int go_back(bool undo, weir_receipt *receipt)
{
    now.remade = 0;
    int status = (undo ? weir_undo : weir_redo)(now.p, receipt);
    if (status == WEIR_OK && now.remade)
        now.current = now.remade;
    return status;
}

static int edit_now(enum kind kind, weir_receipt *receipt)
{
    uint32_t versions = now.versions;
    weir_edit *e = weir_edit_begin(now.p);
    CHECK(e != NULL);
    kinds[kind].fill(e);
    if (one_in(16))
        weir_edit_timeout(e, 1);
    if (one_in(16)) {
        weir_preview preview;
        weir_edit_preview(e, &preview);
    }
    int status = weir_commit(e, receipt);
    if (status == WEIR_OK && now.versions != versions)
        now.current = now.versions;
    if (status == WEIR_OK && (kind == CANARY || kind == SHADOW))
        now.bad_on_trial = now.bad_asked;
    return status;
}

static int edit_as(enum kind kind, weir_receipt *receipt)
{
    switch (kind) {
    case DIVERT:
        return divert(receipt);
    case REPEAT:
        return repeat(receipt);
    case UNDO:
    case REDO:
        return go_back(kind == UNDO, receipt);
    default:
        return edit_now(kind, receipt);
    }
}

static enum kind some_kind(void)
{
    char name[64];
    unsigned sum = 0, weights[KINDS];
    for (int k = 0; k < KINDS; k++)
        sum += weights[k] = wish.only && !strstr(wish.only, kinds[k].name) ? 0 : kinds[k].weight;
    CHECK(sum > 0);
    int64_t at = (int64_t)some(sum);
    enum kind kind = 0;
    while ((at -= weights[kind]) >= 0)
        kind++;
    bool grows = kind == INSERT || kind == SEVERAL || kind == ASYNC || kind == REPEAT;
    return grows && some_extra(name, true) > EXTRAS_MAX ? POP : kind;
}

static void talk(enum kind kind, int status, const weir_receipt *receipt)
{
    weir_past past = {.what = ""};
    if (status == WEIR_OK)
        weir_history(now.p, &past, 1);
    fprintf(stderr, "%s: %s, revision %" PRIu64 "\n", kinds[kind].name, status == WEIR_OK ? past.what : weir_error(now.p),
            receipt->revision);
}

static int edit_once(void)
{
    enum kind kind = some_kind();
    weir_receipt receipt = {0};
    atomic_fetch_add(&total.tried[kind], 1);
    if (kind == ASYNC) {
        edit_later();
        return WEIR_OK;
    }
    bool alone = atomic_load(&now.asked) == atomic_load(&now.answered) && !now.g.aborts && kind != DIVERT && kind != REPEAT;
    uint64_t before = alone ? weir_revision(now.p) : 0, since = clock_ns();
    int status = edit_as(kind, &receipt);
    if (kind != DIVERT) /* that is mostly the time until it sleeps */
        note_time(clock_ns() - since);
    if (wish.talk)
        talk(kind, status, &receipt);
    check_status(kind, status, weir_error(now.p));
    if (status == WEIR_OK) {
        note_receipt(&receipt, before);
        note_made(kind, receipt.changed);
        CHECK(kind != SAME || !receipt.changed);
    } else if (before) {
        CHECK_EQ(weir_revision(now.p), before);
    }
    return status;
}

/* ---- somebody looks on ------------------------------------------------------------------------------------------------------------------ */

static void check_totals(void)
{
    weir_totals t;
    weir_totals_get(now.p, &t);
    CHECK_EQ(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned + t.in_flight);
    CHECK((int64_t)t.in_flight >= 0);
    CHECK(t.returned == 0 || atomic_load(&now.loose));
}

static void seen(void *arg, const weir_sight *sight)
{
    const struct item *item = sight->item;
    (void)arg;
    CHECK(atomic_load(&now.tapped));
    CHECK(!item || item->guard == guard_of(item->number));
}

static int tap(int number)
{
    static const char *const places[] = {"gate", "m", "last", "sieve"};
    atomic_fetch_add(&total.taps, 1);
    if (number > 0) {
        CHECK_OK(weir_untap(now.p, number));
        atomic_store(&now.tapped, false);
        return 0;
    }
    atomic_store(&now.tapped, true);
    weir_tap want = {.stage = places[some(4)], .in = one_in(2), .every = one_in(2) ? 1000 : 1, .seen = seen};
    return weir_tap_add(now.p, &want);
}

static void look_on(void)
{
    weir_stage_info stages[STAGES_MAX];
    weir_past past[8];
    weir_pending_info pending[8];
    weir_link_info links[8];
    atomic_fetch_add(&total.looks, 1);
    check_totals();
    if (one_in(8))
        weir_stages(now.p, stages, STAGES_MAX);
    if (one_in(64)) {
        weir_history(now.p, past, 8);
        weir_pending(now.p, pending, 8);
        weir_links(now.p, links, 8);
    }
    if (one_in(64))
        weir_settle(now.p, 1);
}

static void *look(void *arg)
{
    int tap_number = 0;
    random_state = now.seed * 3;
    (void)arg;
    while (!atomic_load(&now.over)) {
        look_on();
        if (one_in(16)) {
            weir_flush(now.p);
            atomic_fetch_add(&total.flushes, 1);
        }
        if (one_in(32)) {
            weir_pause(now.p);
            atomic_fetch_add(&total.pauses, 1);
            rest_us(some(300));
            weir_resume(now.p);
        }
        if (one_in(tap_number > 0 ? 8 : 64))
            tap_number = tap(tap_number);
        rest_us(500);
    }
    return NULL;
}

/* ---- a round ------------------------------------------------------------------------------------------------------------------------------ */

static void begin(uint64_t seed)
{
    struct segment *segments[SOURCES_MAX] = {now.segments[0], now.segments[1]};
    memset(&now, 0, sizeof now);
    now.seed = random_state = seed;
    choose_graph(&now.g);
    now.key_mask = now.g.keyed && now.g.ordered ? KEYS - 1 : 0;
    now.versions = now.q_versions = now.current = 1;
    now.configs[1] = (struct config){.branches = (uint8_t)((1u << now.g.branches) - 1), .detour = true};
    for (int s = 0; s < SOURCES_MAX; s++) {
        now.segments[s] = segments[s] ? segments[s] : calloc(VERSIONS_MAX, sizeof *segments[s]);
        CHECK(now.segments[s] != NULL);
    }
    for (unsigned path = 0; path < PATHS; path++)
        now.next[path] = path % KEYS & now.key_mask;
    if (!now.g.ordered)
        now.bits = calloc(BITS / 8, 1);
    now.p = weir_new("torture");
    CHECK(now.p && (now.g.ordered || now.bits));
    weir_config config = {.queue_batches = now.g.queue_batches, .batch_items = now.g.batch_items, .workers = one_in(3) ? 4 : 0};
    CHECK_OK(weir_configure(now.p, &config));
    build_graph();
    CHECK_OK(weir_start(now.p));
}

/* Who hands its state over, or is taken out with an item in its hands, is not. */
static bool is_flushed(const struct mould *mould)
{
    return mould->role != SOURCE && mould->role != TALLY && mould->role != SINK && !mould->sleeps;
}

static void check_lives(void)
{
    for (struct probe *probe = now.probes, *next; probe; probe = next) {
        next = probe->next;
        CHECK_EQ(probe->closed, 1);
        CHECK(probe->opened <= 1);
        CHECK(!probe->met || atomic_load(&now.loose) || !is_flushed(probe->mould));
        free(probe);
    }
    for (struct mould *mould = now.moulds, *next; mould; mould = next) {
        next = mould->next;
        CHECK_EQ(mould->shares, 0);
        free(mould);
    }
}

/* All that the sources have made has come, on each path that it should have come. */
static void check_arrived(void)
{
    bool diamond = now.g.core == TEE || now.g.core == ROUTE;
    for (uint64_t n = 0; !now.g.ordered && n < now.made[0]; n++)
        if (!(now.bits[n / 8] >> n % 8 & 1) && !may_be_missing(0, 0, n))
            fail(__LINE__, "an item is missing", "number %" PRIu64, n);
    for (unsigned path = 0; now.g.ordered && path < PATHS; path++) {
        unsigned source = path / KEYS / WAYS, way = path / KEYS % WAYS, first = diamond ? 1 : 0;
        bool used = source < now.g.sources && way % 4 >= first && way % 4 < first + (diamond ? now.g.branches : 1) &&
                    (way < 4 || now.g.twice) && path % KEYS <= now.key_mask;
        if (used)
            check_gap(source, way, now.next[path], now.made[source]);
        else
            CHECK_EQ(now.next[path], path % KEYS & now.key_mask);
    }
}

static void check_sums(const weir_totals *t)
{
    uint64_t made = now.made[0] + now.made[1], uncounted = 0, lost = 0;
    for (unsigned i = 0; i < now.lost_count; i++)
        if (now.lost[i].sure) {
            uncounted += !(now.lost[i].item.flags & COUNTED);
            lost += now.lost[i].item.guard;
        }
    CHECK_EQ(t->failed, now.late + now.picked);
    CHECK_EQ(now.letters, now.picked);
    CHECK_EQ(now.counted, made - uncounted);
    if (now.g.exact) {
        CHECK_EQ(now.sum_made[0] + now.sum_made[1], now.sum_taken + now.sum_sieved + now.sum_picked + lost);
        CHECK_EQ(made, now.taken + now.sieved + now.picked + now.late);
    }
}

/* The revisions are those of the edits that were made, each once. */
static void check_revisions(void)
{
    uint64_t last = weir_revision(now.p);
    for (uint64_t r = 2; r <= last && !now.g.aborts; r++)
        if (now.revisions[r] != 1)
            fail(__LINE__, "revisions", "nobody got a receipt for %" PRIu64 " of %" PRIu64, r, last);
    CHECK(last + 1 == REVISIONS_MAX || now.revisions[last + 1] == 0);
}

static void check_end(void)
{
    weir_totals t;
    weir_totals_get(now.p, &t);
    CHECK_EQ(t.in_flight, 0);
    CHECK_EQ(t.admitted, now.made[0] + now.made[1]);
    CHECK_EQ(t.delivered, now.taken + now.letters);
    check_totals();
    if (!atomic_load(&now.loose)) {
        check_arrived();
        check_sums(&t);
    }
}

enum ending { BY_ITSELF, BY_CLOSE, BY_ABORT };

static void begin_end(enum ending ending)
{
    if (ending == BY_ABORT)
        atomic_store(&now.loose, true);
    atomic_store(&now.stop, ending != BY_ABORT || one_in(2));
    if (ending == BY_CLOSE)
        weir_close(now.p);
    if (ending == BY_ABORT)
        weir_abort(now.p);
}

static void finish(void)
{
    for (int i = 0; i < 8 && one_in(2); i++) /* edits as it ends */
        edit_once();
    wake_sleeper();
    CHECK_OK(weir_drain(now.p));
    pthread_mutex_lock(&lock);
    while (atomic_load(&now.asked) != atomic_load(&now.answered))
        pthread_cond_wait(&news, &lock);
    pthread_mutex_unlock(&lock);
}

static bool goes_on(void)
{
    if (atomic_load(&now.stop)) /* behind an unordered pool there are no more bits */
        return false;
    if (now.end_ns)
        return clock_ns() < now.end_ns;
    return atomic_load(&total.items) < now.items_wanted || atomic_load(&total.edits) < now.edits_wanted;
}

/* When edits are ahead of items by a burst, they wait: else there would be ten times as many. */
static void let_items_catch_up(void)
{
    double ahead = (double)(atomic_load(&total.edits) - now.edits_from);
    while (!now.end_ns && goes_on() && now.edits_wanted > now.edits_from) {
        double items = (double)(atomic_load(&total.items) - now.items_from) / (double)(now.items_wanted - now.items_from + 1);
        if (ahead <= items * (double)(now.edits_wanted - now.edits_from) + BURST)
            return;
        rest_us(200);
    }
}

/* A pipeline from its building to its end, with so many more items and edits, or for so long. */
static void run_round(uint64_t seed, uint64_t items, uint64_t edits, uint64_t ns)
{
    pthread_t looker;
    begin(seed);
    now.items_from = atomic_load(&total.items);
    now.items_wanted = now.items_from + items;
    now.edits_from = atomic_load(&total.edits);
    now.edits_wanted = now.edits_from + edits;
    now.end_ns = ns ? clock_ns() + ns : 0;
    CHECK_EQ(pthread_create(&looker, NULL, look, NULL), 0);
    atomic_store(&total.editing, true);
    for (unsigned i = 1; goes_on() && edit_once() != WEIR_EENDED; i++)
        if (i % BURST == 0)
            let_items_catch_up();
    begin_end(one_in(8) ? BY_ABORT : one_in(2) ? BY_CLOSE : BY_ITSELF);
    atomic_store(&total.editing, false);
    finish();
    atomic_store(&now.over, true);
    pthread_join(looker, NULL);
    check_end();
    check_revisions();
    weir_free(now.p);
    check_lives();
    free(now.bits);
    passed++;
}

/* ---- the watchdog and the summary ----------------------------------------------------------------------------------------------------------- */

static void print_progress(double seconds)
{
    uint64_t items = atomic_load(&total.items), edits = atomic_load(&total.edits);
    fprintf(stderr, "\r%4.0f s  %u pipelines  %.1f M items (%.1f M/s)  %" PRIu64 " edits (%.0f/s) ", seconds, passed,
            (double)items / 1e6, (double)items / 1e6 / seconds, edits, (double)edits / seconds);
    for (int k = 0; k < KINDS; k++)
        fprintf(stderr, " %" PRIu64, atomic_load(&total.made[k]));
    fflush(stderr);
}

static void print_stages(void)
{
    static weir_stage_info info[STAGES_MAX];
    size_t n = weir_stages(now.p, info, STAGES_MAX);
    for (size_t i = 0; i < n && i < STAGES_MAX; i++)
        fprintf(stderr,
                "  %-10s %-9s %-8s strand %u lanes %u taken %" PRIu64 " put %" PRIu64 " queued %" PRIu64 " item %" PRIu64 "\n",
                info[i].name, info[i].status, info[i].place, info[i].strand, info[i].lanes, info[i].taken, info[i].put,
                info[i].queued, info[i].item);
}

static void print_pending(void)
{
    static weir_pending_info info[32];
    size_t n = weir_pending(now.p, info, 32);
    for (size_t i = 0; i < n && i < 32; i++)
        fprintf(stderr, "  pending: \"%s\", %s, for %.1f s, held up by %s at item %" PRIu64 "\n", info[i].what,
                info[i].committed ? "committed" : "not committed", (double)info[i].age_ns / 1e9,
                *info[i].held_up_by ? info[i].held_up_by : "nobody", info[i].held_up_item);
}

/* A core stays for the debugger; the alarm ends what hangs in printing. */
static void give_up(const char *what)
{
    fprintf(stderr, "\n%s for %d s\n", what, STALL_S);
    alarm(10);
    print_stages();
    print_pending();
    fail(__LINE__, "the watchdog", "%s", what);
}

/* Both must come on: the items, and while there are edits to be made those as well. */
static void *watch(void *arg)
{
    uint64_t items = 0, edits = 0, items_ns = clock_ns(), edits_ns = items_ns;
    (void)arg;
    for (;;) {
        sleep(1);
        uint64_t ns = clock_ns(), tried = 0, rounds = passed;
        for (int k = 0; k < KINDS; k++)
            tried += atomic_load(&total.made[k]) + atomic_load(&total.refused[k]);
        if (atomic_load(&total.taken) + rounds != items)
            items_ns = ns;
        if (tried != edits || !atomic_load(&total.editing))
            edits_ns = ns;
        items = atomic_load(&total.taken) + rounds;
        edits = tried;
        if (ns - items_ns > UINT64_C(1000000000) * STALL_S)
            give_up("no item has arrived");
        if (ns - edits_ns > UINT64_C(1000000000) * STALL_S)
            give_up("no edit has come to its end");
        if (isatty(2))
            print_progress((double)(ns - total.since_ns) / 1e9);
    }
    return NULL;
}

static void print_summary(void)
{
    double seconds = (double)(clock_ns() - total.since_ns) / 1e9;
    uint64_t items = atomic_load(&total.items), edits = atomic_load(&total.edits);
    if (isatty(2))
        fprintf(stderr, "\n");
    printf("%-22s %9s %9s %9s\n", "edit", "tried", "made", "refused");
    for (int k = 0; k < KINDS; k++)
        printf("%-22s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n", kinds[k].name, total.tried[k], total.made[k],
               total.refused[k]);
    printf("%" PRIu64 " items in, %" PRIu64 " out, %" PRIu64 " edits made in %.1f s: %.1f M items/s, %.0f edits/s\n", items,
           atomic_load(&total.taken), edits, seconds, (double)items / 1e6 / seconds, (double)edits / seconds);
    printf("commits: p50 %.3f ms, p99 %.3f ms, max %.3f ms; %" PRIu64 " flushes, %" PRIu64 " pauses, %" PRIu64 " taps, %" PRIu64
           " looks\n",
           percentile_ms(0.5), percentile_ms(0.99), (double)total.longest_ns / 1e6, total.flushes, total.pauses, total.taps,
           total.looks);
    printf("%u passed, 0 failed\n", passed);
}

/* ---- options --------------------------------------------------------------------------------------------------------------------------------- */

static const char help[] =
    "usage: torture [--items N] [--edits N] [--seconds N] [--seed N] [--only KINDS] [--talk]\n"
    "\n"
    "Pipelines at full rate under random edits of every kind, one pipeline after the other, against an exact oracle.\n"
    "\n"
    "  --items N    until so many items are made, and\n"
    "  --edits N    until so many edits; default 10^9 and 10^5\n"
    "  --seconds N  for so long instead\n"
    "  --seed N     of the first pipeline, the next ones have those that follow; default 1\n"
    "  --only KINDS edits of these kinds only, as the summary calls them: insert,pop\n"
    "  --talk       tells what edits are made\n";

static uint64_t number_of(const char *option, const char *text)
{
    char *end;
    errno = 0;
    double n = strtod(text, &end); /* so that 1e9 is one, too */
    if (*end || end == text || errno || !(n >= 0 && n < 1e18)) {
        fprintf(stderr, "torture: --%s %s; expected a number\n", option, text);
        exit(2);
    }
    return (uint64_t)n;
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"items", 1, NULL, 'i'}, {"edits", 1, NULL, 'e'}, {"seconds", 1, NULL, 's'}, {"seed", 1, NULL, 'r'},
        {"only", 1, NULL, 'o'},  {"talk", 0, NULL, 't'},  {"help", 0, NULL, 'h'},    {0}};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'i')
            wish.items = number_of("items", optarg);
        else if (c == 'e')
            wish.edits = number_of("edits", optarg);
        else if (c == 's')
            wish.seconds = number_of("seconds", optarg);
        else if (c == 'r')
            wish.seed = number_of("seed", optarg);
        else if (c == 'o')
            wish.only = optarg;
        else if (c == 't')
            wish.talk = true;
        else {
            fputs(help, c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "torture: %s; expected options only\n", argv[optind]);
        exit(2);
    }
}

#define ROUNDS 40 /* so many pipelines share the items and the edits */

int main(int argc, char **argv)
{
    pthread_t watchdog;
    read_options(argc, argv);
    total.since_ns = clock_ns();
    CHECK_EQ(pthread_create(&watchdog, NULL, watch, NULL), 0);
    uint64_t end_ns = total.since_ns + wish.seconds * 1000000000u, slice_ns = wish.seconds * 1000000000u / 8;
    for (uint64_t seed = wish.seed;; seed++) {
        bool done = atomic_load(&total.items) >= wish.items && atomic_load(&total.edits) >= wish.edits;
        if (wish.seconds ? clock_ns() >= end_ns : done)
            break;
        run_round(seed, wish.items / ROUNDS, wish.edits / ROUNDS, slice_ns);
    }
    print_summary();
    return 0;
}
