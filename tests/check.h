/* SPDX-License-Identifier: MIT */
/*
 * check.h - what the engine's tests are written with. They are compiled twice, for plat/linux and for plat/sim; in the simulator a
 * check may fail on a fiber's stack, which no longjmp may leave, so that a failed check ends the program with both values and,
 * in the simulator, the seed.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plat/plat.h"

#ifdef SIM
#include "plat/sim/sim.h"
#define PLATFORM "sim"
#else
#define PLATFORM "linux"
#endif

extern const char *check_test; /* the test that runs */
extern uint64_t check_seed;

void check_failed(const char *file, int line, const char *what, const char *values, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

#define CHECK(condition)                                                                                                       \
    do {                                                                                                                       \
        if (!(condition))                                                                                                      \
            check_failed(__FILE__, __LINE__, #condition, "is false");                                                          \
    } while (0)

#define CHECK_EQ(got, expected)                                                                                                \
    do {                                                                                                                       \
        int64_t got_ = (int64_t)(got), expected_ = (int64_t)(expected);                                                        \
        if (got_ != expected_)                                                                                                 \
            check_failed(__FILE__, __LINE__, #got " == " #expected, "%" PRId64 " and %" PRId64, got_, expected_);              \
    } while (0)

#define CHECK_HAS(text, part)                                                                                                  \
    do {                                                                                                                       \
        const char *text_ = (text), *part_ = (part);                                                                           \
        if (!strstr(text_, part_))                                                                                             \
            check_failed(__FILE__, __LINE__, #text " contains " #part, "\"%s\" and \"%s\"", text_, part_);                     \
    } while (0)

/* Runs the test: once on Linux; in the simulator with `seeds` seeds (times WEIR_SEEDS if that is set; WEIR_SEED=n: only that;
 * WEIR_SECONDS=s: for so long, on Linux as well, with the seeds from WEIR_FROM on). WEIR_TEST=name: only that test. */
void check_run(const char *name, unsigned seeds, void (*test)(void *arg));

/* A pseudo-random number from the run's seed; on Linux from a fixed one, or WEIR_SEED. */
uint64_t check_random(void);

int check_done(void); /* prints "N passed, N failed"; main's return value */

/* A counter that one side raises and the other waits for: tests wait for events, never for time. */
struct event {
    struct plat_lock lock;
    struct plat_cond cond;
    uint64_t count;
};
void event_init(struct event *event);
void event_free(struct event *event);
void event_raise(struct event *event, uint64_t by);
uint64_t event_count(struct event *event);
void event_wait(struct event *event, uint64_t count); /* until it is at least that */

#endif
