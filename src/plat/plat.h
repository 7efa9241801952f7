/* SPDX-License-Identifier: MIT */
/*
 * plat.h - what the engine needs of the world: memory, a clock, threads, locks. Nothing else in src/ calls the system for these.
 *
 * There are two implementations with equal file names. plat/linux is the real one. plat/sim runs the same engine on one thread:
 * "threads" are fibers, time is virtual, and a seeded scheduler may switch fibers at every lock, wait and plat_point(), so that
 * one seed is one interleaving, replayed exactly. The core is compiled once for each.
 */
#ifndef PLAT_H
#define PLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plat_types.h" /* struct plat_lock, plat_cond, plat_thread, and the plat_point() macro */

/* Zeroed memory, aligned for any type, or (plat_alloc_lines) to cache lines of 64 bytes, which costs more. NULL when there is none. The
 * simulator can make any one fail. */
void *plat_alloc(size_t size);
void *plat_alloc_lines(size_t size);
void plat_free(void *memory);

uint64_t plat_now_ns(void);
uint64_t plat_real_ns(void); /* since 1970; virtual in the simulator */
unsigned plat_cpus(void);

/* How long a worker may look for work before it parks, at most; the instruction between two looks; and what lets another thread have
 * the core between some of them: it may be the one that is to bring the work. */
uint64_t plat_spin_ns(void);
void plat_relax(void);
void plat_yield(void);

/* Orders what the calling thread stored before it against what it loads after it; and the same for every thread of the process at
 * once, at the price of a system call. Where the second exists (plat_can_fence_all), the others can do without the first. */
void plat_fence(void);
bool plat_can_fence_all(void);
void plat_fence_all(void);

/* The core that the calling thread runs on; -1 if that is not known. */
int plat_cpu(void);

/* What belongs to the calling thread: the strand that it runs, and its last error. Never NULL. */
struct plat_self {
    void *strand;
    char error[512];
};
struct plat_self *plat_self(void);

int plat_lock_init(struct plat_lock *lock); /* 0 or -1 */
void plat_lock_free(struct plat_lock *lock);
void plat_lock(struct plat_lock *lock);
void plat_unlock(struct plat_lock *lock);

int plat_cond_init(struct plat_cond *cond); /* 0 or -1 */
void plat_cond_free(struct plat_cond *cond);
/* Waits with the lock held, as pthread_cond_wait() does; may wake for nothing. deadline_ns is on plat_now_ns()'s clock;
 * UINT64_MAX: none. False when the deadline has passed. */
bool plat_wait(struct plat_cond *cond, struct plat_lock *lock, uint64_t deadline_ns);
void plat_signal(struct plat_cond *cond);
void plat_broadcast(struct plat_cond *cond);

int plat_thread_start(struct plat_thread *thread, const char *name, void (*body)(void *arg), void *arg); /* 0 or -1 */
void plat_thread_join(struct plat_thread *thread);

#endif
