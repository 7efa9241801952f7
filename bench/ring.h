/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the hand-written baseline for whatever goes from one thread to another: a ring of 64 batches of 256 items, for one
 * writer and one reader, in which batches are filled and read where they lie.
 *
 *     writer:  slot = ring_room(ring); ... fill it ...; ring_put(ring);
 *     reader:  slot = ring_next(ring); ... read it ...; ring_take(ring);
 *
 * ring_room() waits while the ring is full, and ring_next() while it is empty: at first by looking again, then by yielding
 * or, if the ring `parks`, on a futex. A slot with no items is the end, by agreement of the two.
 */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_BATCH 256
#define RING_SLOTS 64

struct slot {
    size_t n; /* 0: the end */
    uint64_t items[RING_BATCH];
};

/* head and tail count for ever; head - tail slots are full. Each is also the futex that the other side parks on. */
struct ring {
    _Alignas(64) _Atomic uint32_t head;      /* writer writes */
    uint32_t tail_seen;                      /* writer only: tail when it last looked */
    _Alignas(64) _Atomic uint32_t tail;      /* reader writes */
    uint32_t head_seen;                      /* reader only */
    _Alignas(64) _Atomic bool reader_parked; /* pairs with head */
    _Alignas(64) _Atomic bool writer_parked; /* pairs with tail */
    bool parks;                              /* set once, before the start */
    struct slot slots[RING_SLOTS];
};

/* Makes it empty. Nobody uses it. */
void ring_init(struct ring *ring, bool parks);

struct slot *ring_room(struct ring *ring);
void ring_put(struct ring *ring);

struct slot *ring_next(struct ring *ring);
void ring_take(struct ring *ring);

/* One thread waits for, or wakes, another on a number that is no longer what it was. */
void futex_wait(_Atomic uint32_t *word, uint32_t value);
void futex_wake(_Atomic uint32_t *word);

#endif
