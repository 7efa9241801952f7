/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - the atomics of the protocols, as macros that tell the simulator "a switch may happen just before this".
 *
 * The at_ forms without an order are sequentially consistent. They are used where a store must be ordered before a later load
 * of another variable (the Dekker shape: "I announce, then I look; you change, then you look for announcements"), which
 * acquire and release do not give. Counters are written by their own strand only, so adding is a load and a store; the store
 * releases, so that who reads counts with acquire, ends before beginnings, never sees an item end that has not begun.
 */
#ifndef CORE_ATOMIC_H
#define CORE_ATOMIC_H

#include <stdatomic.h>

#include "core/control.h"
#include "plat/plat.h"

#define at_load(p)           (plat_point(), atomic_load(p))
#define at_store(p, v)       (plat_point(), atomic_store(p, v))
#define at_exchange(p, v)    (plat_point(), atomic_exchange(p, v))
#define at_cas(p, expect, v) (plat_point(), atomic_compare_exchange_strong(p, expect, v))
#define at_acquire(p)        (plat_point(), atomic_load_explicit(p, memory_order_acquire))
#define at_release(p, v)     (plat_point(), atomic_store_explicit(p, v, memory_order_release))
#define at_relaxed(p)        atomic_load_explicit(p, memory_order_relaxed)

typedef _Atomic uint64_t counter;

#define count_get(c) atomic_load_explicit(c, memory_order_acquire)
#define count_add(c, n)                                                                                                        \
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + (uint64_t)(n), memory_order_release)

#endif
