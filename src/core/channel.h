/* SPDX-License-Identifier: MIT */
/*
 * channel.h - the bounded ring of batches between two strands: one writer, one reader, and the only buffering there is.
 *
 *              writer strand                                        reader strand
 *   channel_room? -> put, put, put -> close(cut | end)    take, take, take -> cut: go on with `next`, or end
 *
 * PILLS travel between batches, in order. `flush` has a place in the ring; so has `turn`, which says that a turn (ports.h) is over
 * if no batch could say it. `cut` and `end` are the last thing that a channel
 * ever carries, so they need no place: closing a channel never waits, not even when it is full, and batches that found no room
 * (leftovers) are handed over with the closing. After a `cut` the reader does what the channel's `change` says: at least it goes
 * on with another channel, `next`. That is how an edit reroutes data without taking anything apart: nobody's end of a channel ever moves.
 *
 * WAITING. Nobody waits here. A reader that finds the channel empty comes to rest (strand_rest), and the writer wakes it after a
 * put. A writer that finds no room announces that it waits (writer_waits) and comes to rest, and the reader wakes it when at least
 * half of the ring is free, so that a full ring costs a wake-up for half a ring of batches, not one for each.
 *
 * QUICK. "Store tail, then load the reader's state" needs a full fence between the two, and such a fence waits until the batch that
 * was just written has left this core: half of the cost of a hop. So a channel in which 32 batches were taken without a rest is
 * `quick`: both sides leave their fence out, and whoever comes to rest first ends that and fences for all threads (membarrier).
 * The order of things that makes this safe is written at strand_rest().
 *
 * THREADS. The writer's functions from the writer strand only, the reader's from the reader strand only; strands may move
 * between threads. Channels come from the pipeline's pool and go back to it, and stay valid memory until the pipeline is freed:
 * a kick through a stale channel wakes somebody for nothing, and that is all it does.
 */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "core/batch.h"
#include "core/instance.h"

struct strand;
struct change;

enum pill {
    PILL_NONE,  /* nothing there */
    PILL_BATCH, /* not a pill: a batch */
    PILL_TURN,
    PILL_FLUSH,
    PILL_CUT,
    PILL_END,
};

struct channel {
    struct channel *pool_next; /* the pool's, under the pipeline's lock */
    struct batch **ring;       /* set once; `mask` + 1 places */
    uint32_t mask;
    struct change *change; /* what the reader does at the cut; set by the edit before the writer closes (release) */
    bool parted; /* of one item, a part may be in here and another elsewhere; who has the edit turn, as for the next */
    bool turned; /* its batches stand in turns with those of other channels */
    char in_port[PORT_NAME_SIZE]; /* the reader's; "" inside a pool */
    struct channel *next; /* where the reader reads on after the cut, if that is all that changes for it; set with `change` */
    _Atomic(struct strand *) writer, reader; /* set before use; whom to kick */

    _Alignas(64) _Atomic uint64_t tail; /* batches put; writer stores (release), reader loads (acquire) */
    uint64_t head_seen;                 /* writer only: the reader's head as last seen */
    counter items_put;                  /* written by the writer */
    _Atomic int closed;                 /* enum pill; writer stores after the last put (release), reader loads (acquire) */
    struct batch_list leftovers;        /* writer's until closed, then the reader's */
    uint32_t turns_left;                /* the same: so many empty turns stand behind the leftovers */
    bool flush_left;                    /* the same: a flush pill, behind the turns */

    _Alignas(64) _Atomic uint64_t head; /* batches taken; reader stores (release), writer loads (acquire) */
    uint64_t tail_seen;                 /* reader only */
    unsigned streak;                    /* reader only: batches taken since somebody rested */
    counter items_taken;                /* written by the reader */

    _Alignas(
        64) _Atomic bool writer_waits; /* writer stores it, then loads head; reader stores head, then loads it: strand_rest() */
    _Atomic bool quick;                /* reader sets it (then a fence), either side clears it when it rests (RMW) */
    _Atomic uint32_t limit;            /* batches that fit now; small until the edit that made the channel has settled */
};

struct channel *channel_new(uint32_t batches); /* rounded up to a power of two; NULL: no memory */
void channel_free(struct channel *ch);
void channel_reset(struct channel *ch, struct strand *writer, struct strand *reader, uint32_t limit);

/* Writer. */
bool channel_room(struct channel *ch);
bool channel_busy(struct channel *ch);                     /* the reader has at least one batch in front of it */
void channel_put(struct channel *ch, struct batch *batch); /* there must be room */
void channel_put_pill(struct channel *ch, enum pill pill); /* PILL_FLUSH or PILL_TURN; there must be room */

/* Takes what is in the list; `turns` empty turns and, with `flush`, a flush pill belong behind it. The writer never touches the
 * channel again. */
void channel_close(struct channel *ch, enum pill last, struct batch_list *leftovers, uint32_t turns, bool flush);

/* Reader. PILL_BATCH sets *batch. PILL_CUT and PILL_END are answered once everything before them was taken. */
enum pill channel_take(struct channel *ch, struct batch **batch);

enum pill channel_closed(struct channel *ch); /* PILL_CUT or PILL_END if that is what comes next; else PILL_NONE */

/* For strand_rest(): whether there is room behind `tail`, or something to take at `head`, now. Any thread. */
bool channel_has_room(struct channel *ch, uint64_t tail);
bool channel_has_more(struct channel *ch, uint64_t head);

/* Any thread: sets how many batches fit, and lets a waiting writer know. */
void channel_set_limit(struct channel *ch, uint32_t limit);

#endif
