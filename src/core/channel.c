/* SPDX-License-Identifier: MIT */
/*
 * The ring. Invariants: head <= tail <= head + ring size; places [head, tail) are the reader's to take; nothing is put after
 * `closed` is set. Why no wake-up is lost is written at strand_rest().
 */
#include "core/channel.h"

#include "core/strand.h"

#define QUICK_AFTER 32 /* batches; see QUICK in channel.h */

static struct batch flush_mark, turn_mark; /* their addresses stand in the ring for pills */

struct channel *channel_new(uint32_t batches)
{
    uint32_t places = 2;
    while (places < batches)
        places *= 2;
    struct channel *ch = plat_alloc_lines(sizeof *ch);
    if (!ch)
        return NULL;
    ch->ring = plat_alloc(places * sizeof *ch->ring);
    if (!ch->ring) {
        plat_free(ch);
        return NULL;
    }
    ch->mask = places - 1;
    return ch;
}

void channel_free(struct channel *ch)
{
    plat_free(ch->ring);
    plat_free(ch);
}

void channel_reset(struct channel *ch, struct strand *writer, struct strand *reader, uint32_t limit)
{
    ch->change = NULL;
    ch->next = NULL;
    ch->parted = ch->turned = false;
    ch->in_port[0] = 0;
    ch->turns_left = 0;
    ch->flush_left = false;
    ch->leftovers = (struct batch_list){0};
    ch->head_seen = ch->tail_seen = 0;
    ch->streak = 0;
    at_store(&ch->quick, false);
    at_store(&ch->tail, 0);
    at_store(&ch->head, 0);
    at_store(&ch->closed, PILL_NONE);
    at_store(&ch->writer_waits, false);
    atomic_store_explicit(&ch->items_put, 0, memory_order_relaxed);
    atomic_store_explicit(&ch->items_taken, 0, memory_order_relaxed);
    at_store(&ch->limit, limit <= ch->mask + 1 ? limit : ch->mask + 1);
    at_store(&ch->writer, writer);
    at_store(&ch->reader, reader);
}

static bool fits(const struct channel *ch)
{
    return at_relaxed(&ch->tail) - ch->head_seen < at_relaxed(&ch->limit);
}

bool channel_room(struct channel *ch)
{
    if (fits(ch))
        return true;
    ch->head_seen = at_acquire(&ch->head); /* pairs with the reader's store of head: it has emptied those places */
    return fits(ch);
}

bool channel_has_room(struct channel *ch, uint64_t tail)
{
    return tail - at_acquire(&ch->head) < at_relaxed(&ch->limit);
}

bool channel_has_more(struct channel *ch, uint64_t head)
{
    return at_acquire(&ch->tail) != head || at_acquire(&ch->closed) != PILL_NONE;
}

bool channel_busy(struct channel *ch)
{
    if (at_relaxed(&ch->tail) == ch->head_seen)
        return false;
    ch->head_seen = at_acquire(&ch->head);
    return at_relaxed(&ch->tail) != ch->head_seen;
}

/* Who reads is looked up behind the store and the fence, since the reader's place may be taken by another strand (strand_seize): either
 * we see that one here, or it sees what we stored (of a quick channel, which has no fence here, by the fence for all that the other
 * strand makes before it rests). If the reader has given the channel away by then, somebody is woken for nothing.
 * The acquire pairs with the store of who seizes. */
static void wake_reader(struct channel *ch)
{
    atomic_signal_fence(memory_order_seq_cst); /* nor may the compiler look it up before the store */
    strand_wake(at_acquire(&ch->reader));
}

static void put(struct channel *ch, struct batch *batch)
{
    uint64_t tail = at_relaxed(&ch->tail); /* ours */
    ch->ring[tail & ch->mask] = batch;
    at_release(&ch->tail, tail + 1); /* publishes the place; pairs with ring_empty() */
    if (!at_relaxed(&ch->quick))
        plat_fence(); /* the store before the wake's load of the state; see strand_rest() */
    if (!control_breaks(PUT_WITHOUT_WAKE) || tail % 4 != 3)
        wake_reader(ch);
}

void channel_put(struct channel *ch, struct batch *batch)
{
    count_add(&ch->items_put, batch->count);
    put(ch, batch);
}

void channel_put_pill(struct channel *ch, enum pill pill)
{
    put(ch, pill == PILL_FLUSH ? &flush_mark : &turn_mark);
}

void channel_close(struct channel *ch, enum pill last, struct batch_list *leftovers, uint32_t turns, bool flush)
{
    ch->leftovers = control_breaks(LOSE_LEFTOVERS) ? (struct batch_list){0} : *leftovers;
    ch->turns_left = turns;
    ch->flush_left = flush;
    *leftovers = (struct batch_list){0};
    for (const struct batch *b = ch->leftovers.first; b; b = b->next)
        count_add(&ch->items_put, b->count);
    at_release(&ch->closed, last); /* pairs with channel_take() */
    plat_fence();
    if (!control_breaks(CLOSE_WITHOUT_KICK))
        wake_reader(ch);
}

static void wake_writer(struct channel *ch, uint64_t head)
{
    uint64_t waiting = at_acquire(&ch->tail) - head;
    if (waiting > at_load(&ch->limit) / 2 || control_breaks(TAKE_WITHOUT_WAKE))
        return;
    if (at_exchange(&ch->writer_waits, false)) /* first take the announcement, then read who made it */
        strand_kick(at_load(&ch->writer));
}

/* The store of head before the load of writer_waits; and the store of quick before all that leaves its fence out. */
static void fence_or_quicken(struct channel *ch)
{
    if (++ch->streak == QUICK_AFTER) {
        ch->streak = 0;
        if (plat_can_fence_all())
            at_release(&ch->quick, true);
    }
    plat_fence();
}

static struct batch *take_ring(struct channel *ch)
{
    uint64_t head = at_relaxed(&ch->head); /* ours */
    struct batch *batch = ch->ring[head & ch->mask];
    if (batch != &flush_mark && batch != &turn_mark)
        count_add(&ch->items_taken, batch->count);
    at_release(&ch->head, head + 1); /* the place is free; pairs with channel_room() */
    if (!at_relaxed(&ch->quick))
        fence_or_quicken(ch);
    if (at_relaxed(&ch->writer_waits))
        wake_writer(ch, head + 1);
    return batch;
}

static bool ring_empty(struct channel *ch)
{
    if (at_relaxed(&ch->head) == ch->tail_seen)
        ch->tail_seen = at_acquire(&ch->tail); /* pairs with put() */
    return at_relaxed(&ch->head) == ch->tail_seen;
}

static enum pill take_last(struct channel *ch, enum pill last, struct batch **batch)
{
    struct batch *b = list_take(&ch->leftovers);
    if (!b && ch->turns_left) {
        ch->turns_left--;
        return PILL_TURN;
    }
    if (!b && ch->flush_left) {
        ch->flush_left = false;
        return PILL_FLUSH;
    }
    if (!b)
        return last;
    count_add(&ch->items_taken, b->count);
    *batch = b;
    return PILL_BATCH;
}

enum pill channel_take(struct channel *ch, struct batch **batch)
{
    if (ring_empty(ch)) {
        enum pill last = (enum pill)at_acquire(&ch->closed); /* pairs with channel_close() */
        if (last == PILL_NONE)
            return PILL_NONE;
        if (ring_empty(ch)) /* again: something may have been put between our look and the closing */
            return take_last(ch, last, batch);
    }
    *batch = take_ring(ch);
    return *batch == &flush_mark ? PILL_FLUSH : *batch == &turn_mark ? PILL_TURN : PILL_BATCH;
}

enum pill channel_closed(struct channel *ch)
{
    enum pill last = (enum pill)at_acquire(&ch->closed); /* pairs with channel_close(): what was put before it is seen below */
    if (last == PILL_NONE || at_acquire(&ch->tail) != at_relaxed(&ch->head) || ch->leftovers.first || ch->turns_left ||
        ch->flush_left)
        return PILL_NONE;
    return last;
}

void channel_set_limit(struct channel *ch, uint32_t limit)
{
    at_store(&ch->limit, limit <= ch->mask + 1 ? limit : ch->mask + 1);
    if (at_exchange(&ch->writer_waits, false))
        strand_kick(at_load(&ch->writer));
}
