/* SPDX-License-Identifier: MIT */
/*
 * scene.h - a pipeline whose stages are edited while it is idle, at full rate, or held up by a slow sink.
 *
 *     source first | what the program puts here | second sink
 *
 * Each bar is a channel with 64 batches if the stages in the middle say WEIR_OWN. At full rate the source is always ready;
 * with a slow sink it is, too, and all channels are full, since the sink takes its time for each batch; idle means that the
 * source has nothing and everybody is parked.
 *
 * THE ORACLE. Items are numbered, and the stages in the middle stamp what passes them. The sink wants the numbers in order,
 * each with as many stamps as the scene says it may have: what met two versions of a stage, or none, has too many or too few.
 * What never arrives must be what a divert reported as late.
 *
 * THE WINDOW. The largest gap between two batches at the sink between scene_open_window() and scene_close_window(), one at a
 * time. Of a gap that reaches over an end of the window, only what lies inside counts.
 *
 * One thread uses these functions; what others write is atomic.
 */
#ifndef BENCH_SCENE_H
#define BENCH_SCENE_H

#include <stdatomic.h>
#include <weir/weir.h>

#include "bench.h"

enum condition { IDLE, FULL, SLOW, CONDITIONS };

struct item {
    uint64_t number;
    uint64_t stamps;
};

extern const weir_type item_type;

struct scene {
    weir_pipeline *p;
    enum condition condition;
    uint64_t stamps_min, stamps_max; /* that an item may have; set before the start */
    uint64_t late;                   /* items that diverts reported; the editing thread's */
    uint64_t counted;                /* for a stage that counts what it sees, across hand-overs; read at the end */
    uint64_t aside_next;             /* for a sink beside the sink: the number that may come next */
    void *prop;                      /* for the program's own use */

    _Atomic bool stop;
    _Atomic uint64_t allowed; /* idle: how many items the source may have made by now */
    uint64_t made;            /* source only */

    _Atomic uint64_t next;     /* sink writes, anybody reads: the number that comes next */
    _Atomic uint64_t last_ns;  /* sink writes: when the last batch came */
    _Atomic uint64_t since_ns; /* editor writes: when the window was opened */
    _Atomic uint64_t gap_ns;   /* sink writes the largest so far, the editor sets it back to 0 */
    uint64_t missing;          /* sink only: numbers that were left out */
    uint64_t wrong;            /* sink only: items out of order, doubled, or with a wrong number of stamps */
};

/* A pipeline that has its source and the stage `first`; what is appended comes behind it. Release with scene_end(). */
void scene_begin(struct scene *s, enum condition condition, uint64_t stamps_min, uint64_t stamps_max);

/* Appends the stage `second` and the sink, starts, and returns when the pipeline is in its condition. */
void scene_start(struct scene *s);

/* Lets n more items into an idle pipeline. The second one also waits until all that were let in have arrived. */
void scene_allow(struct scene *s, uint64_t n);
void scene_pass(struct scene *s, uint64_t n);

/* Returns when a batch arrives. On a busy machine a window that begins then finds the pipeline running, with edits and without:
 * without edits it would begin at any time, but an edit that is over has just been made by a pipeline that runs. */
void scene_await_batch(const struct scene *s);

void scene_open_window(struct scene *s);
double scene_close_window(struct scene *s); /* nanoseconds */

/* Lets everything arrive, checks it, and frees the pipeline. `what` says in messages which scene it was. */
void scene_end(struct scene *s, struct bench *b, const char *what);

/* A stage of the middle, in a strand of its own: stamps what passes. It has no state and can be made again. */
weir_stage scene_stamp(const char *name);
weir_verdict scene_stamp_item(void *state, void *item);

/* Ends the program, with the library's message, if status is not WEIR_OK. */
void scene_need(const struct scene *s, int status, const char *what);

#endif
