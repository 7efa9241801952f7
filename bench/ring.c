/* SPDX-License-Identifier: MIT */
/*
 * The ring by hand; see ring.h. Each side keeps what it last saw of the other's index, and looks again only when that says
 * that it must wait.
 */
#include "ring.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define SPIN_LIMIT 200 /* looks at the other's index before one yields or parks; 50 and 1000 are no faster here */

void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Returns when *index is no longer `seen`, and says what it is then. */
static uint32_t await(struct ring *ring, _Atomic uint32_t *index, uint32_t seen, _Atomic bool *parked)
{
    uint32_t now;
    for (unsigned spins = 0; (now = atomic_load_explicit(index, memory_order_acquire)) == seen; spins++) {
        if (spins < SPIN_LIMIT) {
            bench_pause();
        } else if (!ring->parks) {
            sched_yield();
        } else {
            atomic_store(parked, true);
            if (atomic_load(index) == seen)
                futex_wait(index, seen);
            atomic_store(parked, false);
        }
    }
    return now;
}

static void publish(struct ring *ring, _Atomic uint32_t *index, _Atomic bool *parked)
{
    uint32_t value = atomic_load_explicit(index, memory_order_relaxed) + 1;
    if (!ring->parks) {
        atomic_store_explicit(index, value, memory_order_release);
        return;
    }
    atomic_store(index, value);
    if (atomic_load(parked))
        futex_wake(index);
}

void ring_init(struct ring *ring, bool parks)
{
    atomic_store(&ring->head, 0);
    atomic_store(&ring->tail, 0);
    ring->head_seen = ring->tail_seen = 0;
    ring->parks = parks;
}

struct slot *ring_room(struct ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head - ring->tail_seen == RING_SLOTS)
        ring->tail_seen = await(ring, &ring->tail, head - RING_SLOTS, &ring->writer_parked);
    return &ring->slots[head % RING_SLOTS];
}

void ring_put(struct ring *ring)
{
    publish(ring, &ring->head, &ring->reader_parked);
}

struct slot *ring_next(struct ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (ring->head_seen == tail)
        ring->head_seen = await(ring, &ring->head, tail, &ring->reader_parked);
    return &ring->slots[tail % RING_SLOTS];
}

void ring_take(struct ring *ring)
{
    publish(ring, &ring->tail, &ring->writer_parked);
}
