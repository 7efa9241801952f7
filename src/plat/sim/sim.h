/* SPDX-License-Identifier: MIT */
/*
 * sim.h - the engine on one thread, with every interleaving decided by a seed.
 *
 * sim_run() runs `body` as the first fiber; each plat_thread is another. At every plat_point(), lock, wait and wake-up the seeded
 * scheduler may go on with any fiber that can run. Time is virtual: it creeps while fibers run, and jumps to the next deadline when
 * none can. If none can and there is no deadline either, a wake-up was lost (or a lock never freed): that is reported with the
 * seed, and the process exits. The same seed replays the same run, switch by switch.
 */
#ifndef PLAT_SIM_H
#define PLAT_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs body(arg) to its end; all threads that it started must have been joined. */
void sim_run(uint64_t seed, void (*body)(void *arg), void *arg);

/* Makes the n-th allocation from now fail, counted from 1; 0: none. Says how many allocations there were since the last call. */
size_t sim_fail_allocation(size_t n);

/* Makes the n-th allocation from now fail, and all that follow. */
void sim_fail_from(size_t n);

/* While spared, no allocation fails, and none is counted: for a test that looks. */
void sim_spare(bool spared);

/* Allocations that were not freed. */
size_t sim_live_allocations(void);

/* The clock is so much later at once. */
void sim_jump(uint64_t ns);

uint64_t sim_random(void);   /* from the run's seed */
uint64_t sim_switches(void); /* how often the last run switched fibers */

#endif
