/* SPDX-License-Identifier: MIT */
/*
 * The two things that everything else stands on: strand_kick(), and the channel's sleeping and waking. A tiny executor, one
 * thread and one condition for each strand, runs the real state machine; in the simulator every interleaving of its atomics
 * can happen, and a lost wake-up shows as "nobody can run".
 */
#include "check.h"
#include "core/strand.h"

struct host {
    struct env env; /* first */
    struct strand strand;
    struct plat_lock lock;
    struct plat_cond cond;
    bool ready, over;
    struct plat_thread thread;
    bool (*step)(struct host *host); /* one look at everything; false: nothing more will come, ever */
    void *arg;
};

static void host_ready(struct env *env, struct strand *s)
{
    struct host *host = (void *)env; /* env is its first field */
    CHECK(s == &host->strand);
    plat_lock(&host->lock);
    CHECK(!host->ready); /* a strand is made ready once, until it begins */
    host->ready = true;
    plat_signal(&host->cond);
    plat_unlock(&host->lock);
}

static void host_body(void *arg)
{
    struct host *host = arg;
    while (!host->over) {
        plat_lock(&host->lock);
        while (!host->ready)
            plat_wait(&host->cond, &host->lock, UINT64_MAX);
        host->ready = false;
        plat_unlock(&host->lock);
        strand_begin(&host->strand);
        do {
            host->strand.wakes_seen = at_acquire(&host->strand.wakes);
            host->over = !host->step(host);
        } while (!host->over && !strand_rest(&host->strand));
    }
}

static void host_start(struct host *host, bool (*step)(struct host *host), void *arg)
{
    memset(host, 0, sizeof *host);
    host->env = (struct env){.ready = host_ready, .batch_items = 16, .batch_bytes = 1 << 16, .queue_batches = 4};
    host->step = step;
    host->arg = arg;
    CHECK(plat_lock_init(&host->lock) == 0 && plat_cond_init(&host->cond) == 0);
    CHECK_EQ(strand_init(&host->strand, &host->env, 1), 0);
    host->strand.ports = ports_new(1, 1);
    CHECK(host->strand.ports != NULL);
    at_store(&host->strand.state, STRAND_IDLE);
    CHECK_EQ(plat_thread_start(&host->thread, "host", host_body, host), 0);
}

static void host_stop(struct host *host)
{
    plat_thread_join(&host->thread);
    ports_free(host->strand.ports);
    strand_destroy(&host->strand);
    plat_cond_free(&host->cond);
    plat_lock_free(&host->lock);
}

/* ---- kick ---------------------------------------------------------------------------------------------------------------- */

#ifdef SIM
#define KICKS 30
#define ITEMS 300
#else
#define KICKS 30000
#define ITEMS 1000000
#endif
#define KICKERS 3

struct tally {
    _Atomic int64_t posted;
    int64_t seen;
    struct host host;
};

static bool see(struct host *host)
{
    struct tally *tally = host->arg;
    tally->seen += at_exchange(&tally->posted, 0);
    return tally->seen < (int64_t)KICKERS * KICKS;
}

static void kick_often(void *arg)
{
    struct tally *tally = arg;
    for (int i = 0; i < KICKS; i++) {
        plat_point();
        atomic_fetch_add(&tally->posted, 1);
        strand_nudge(&tally->host.strand);
    }
}

/* Each of several threads changes something and kicks: the strand must see every change, and then rest. */
static void no_kick_is_lost(void *arg)
{
    (void)arg;
    static struct tally tally;
    memset(&tally, 0, sizeof tally);
    struct plat_thread kickers[KICKERS];
    host_start(&tally.host, see, &tally);
    for (int i = 0; i < KICKERS; i++)
        CHECK_EQ(plat_thread_start(&kickers[i], "kicker", kick_often, &tally), 0);
    for (int i = 0; i < KICKERS; i++)
        plat_thread_join(&kickers[i]);
    host_stop(&tally.host);
    CHECK_EQ(tally.seen, KICKERS * KICKS);
}

/* ---- the channel --------------------------------------------------------------------------------------------------------- */

struct pair {
    struct host writer, reader;
    struct channel *ch, *next;
    int64_t put, taken;
    int flushes_put, flushes_taken;
    bool cut; /* the writer has gone on to `next` */
    enum pill last;
};

static struct batch *numbered(struct pair *pair, uint32_t n)
{
    struct batch *b = batch_new(&pair->writer.strand.store, WEIR_I64, 16);
    CHECK(b != NULL);
    b->count = n;
    for (uint32_t i = 0; i < n; i++)
        *(int64_t *)batch_item(b, i) = pair->put++;
    return b;
}

/* Goes on with the second channel, handing over what found no room with the cut. */
static void write_cut(struct pair *pair)
{
    struct batch_list leftovers = {0};
    list_add(&leftovers, numbered(pair, 3));
    list_add(&leftovers, numbered(pair, 2));
    channel_close(pair->ch, PILL_CUT, &leftovers, 0, false);
    pair->cut = true;
}

static bool write_some(struct host *host)
{
    struct pair *pair = host->arg;
    for (;;) {
        struct channel *ch = pair->cut ? pair->next : pair->ch;
        if (!pair->cut && pair->put > ITEMS / 2) {
            write_cut(pair);
            continue;
        }
        host->strand.ports->outs[0].ch = ch;
        host->strand.waits_room = !channel_room(ch);
        if (host->strand.waits_room)
            return true;
        if (pair->put >= ITEMS) {
            channel_close(ch, PILL_END, &(struct batch_list){0}, 0, false);
            return false;
        }
        if (check_random() % 8 == 0) {
            pair->flushes_put++;
            channel_put_pill(ch, PILL_FLUSH);
        } else {
            channel_put(ch, numbered(pair, 1 + (uint32_t)(check_random() % 16)));
        }
    }
}

static bool read_all(struct host *host)
{
    struct pair *pair = host->arg;
    static int64_t *values;
    for (;;) {
        struct batch *b = NULL;
        struct channel *ch = host->strand.ports->ins[0].ch = pair->last == PILL_CUT ? pair->next : pair->ch;
        enum pill pill = channel_take(ch, &b);
        switch (pill) {
        case PILL_NONE:
            host->strand.waits_input = true;
            return true;
        case PILL_BATCH:
            values = batch_item(b, 0);
            for (uint32_t i = 0; i < b->count; i++)
                CHECK_EQ(values[i], pair->taken++);
            batch_release(b, NULL);
            break;
        case PILL_FLUSH:
            pair->flushes_taken++;
            break;
        default:
            pair->last = pill;
            if (pill == PILL_END)
                return false;
        }
    }
}

/* A full ring, an empty one, a cut with leftovers, another channel, the end: all batches and pills, in order, and nobody sleeps
 * for ever. */
static void batches_and_pills_in_order(void *arg)
{
    (void)arg;
    static struct pair pair;
    memset(&pair, 0, sizeof pair);
    pair.ch = channel_new(4);
    pair.next = channel_new(2);
    CHECK(pair.ch && pair.next);
    host_start(&pair.writer, write_some, &pair);
    host_start(&pair.reader, read_all, &pair);
    channel_reset(pair.ch, &pair.writer.strand, &pair.reader.strand, 4);
    channel_reset(pair.next, &pair.writer.strand, &pair.reader.strand, 1);
    strand_nudge(&pair.writer.strand);
    for (int i = 0; i < 10; i++) { /* an edit that settles meanwhile */
        plat_point();
        channel_set_limit(pair.next, 1 + (uint32_t)(i % 2));
    }
    host_stop(&pair.reader);
    host_stop(&pair.writer);
    CHECK_EQ(pair.taken, pair.put);
    CHECK_EQ(pair.flushes_taken, pair.flushes_put);
    CHECK_EQ(pair.last, PILL_END);
    CHECK_EQ(count_get(&pair.ch->items_put) + count_get(&pair.next->items_put), pair.put);
    CHECK_EQ(count_get(&pair.ch->items_taken) + count_get(&pair.next->items_taken), pair.taken);
    channel_free(pair.ch);
    channel_free(pair.next);
}

int main(void)
{
    check_run("no_kick_is_lost", 2000, no_kick_is_lost);
    check_run("batches_and_pills_in_order", 2000, batches_and_pills_in_order);
    return check_done();
}
