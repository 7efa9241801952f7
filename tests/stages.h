/* SPDX-License-Identifier: MIT */
/* Small stages that the engine's tests are built from: numbers go in, and the sink keeps what comes out. */
#ifndef TESTS_STAGES_H
#define TESTS_STAGES_H

#include <stdatomic.h>
#include <weir/weir.h>

#include "check.h"

#define KEPT_MAX 200000

struct numbers {
    int64_t next, last; /* puts out next, next + 1, ... up to last - 1 */
    int64_t allowed;    /* a gated source stops there until the test lets it go on */
    bool gated;         /* waits in its function (for a blocking stage) */
    bool idle;          /* says WEIR_IDLE at the gate */
    uint32_t at_once;   /* items a pull; default 10 */
    struct plat_lock lock;
    struct plat_cond cond;
    bool interrupted;
    _Atomic int waiting, opened, closed;
};

void numbers_init(struct numbers *n, int64_t last);
void numbers_free(struct numbers *n);
void numbers_allow(struct numbers *n, int64_t allowed); /* the gate opens up to there */
void numbers_await_waiting(struct numbers *n);          /* until the source waits at its gate */
weir_stage numbers_stage(struct numbers *n, const char *name);

struct kept {
    int64_t values[KEPT_MAX];
    size_t count;
    struct event arrived;
    _Atomic int closed;
    bool blocked; /* waits at the first item until the test says go */
    struct event entered, go;
};

void kept_init(struct kept *k);
void kept_free(struct kept *k);
weir_stage kept_stage(struct kept *k, const char *name);

weir_verdict add_one(void *state, void *item); /* state: NULL */
weir_verdict times_ten(void *state, void *item);

/* source -> ... -> sink with nothing between, started. */
weir_pipeline *numbers_pipeline(struct numbers *n, struct kept *k, bool start);

#endif
