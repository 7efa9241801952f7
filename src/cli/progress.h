/* SPDX-License-Identifier: MIT */
/*
 * progress.h - one line on the terminal that says how far a run has come.
 *
 * Where standard error is no terminal nothing happens at all: no timer, no line. A short run does not show it either.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <uv.h>
#include <weir/weir.h>

struct progress {
    uv_timer_t timer;
    weir_pipeline *pipeline;
    weir_totals last; /* what the line shows */
    uint64_t last_ms, begin_ms;
    uint64_t interval_ms; /* doubles while nothing changes */
    bool on, shown;
};

void progress_start(struct progress *progress, uv_loop_t *loop, weir_pipeline *pipeline, bool wanted);
void progress_stop(struct progress *progress); /* clears the line, closes the timer */

#endif
