/* SPDX-License-Identifier: MIT */
/*
 * progress.c - items in, items out, rate, in flight.
 *
 * The line is written about twice a second while the counts change, and ever more rarely while they do not, so that a
 * pipeline that waits for data costs next to nothing here. It is left out where the pipeline's own output goes to a terminal,
 * which the line would tear apart (watch.c sees to that), and while the process is in the background.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_MS        1000
#define INTERVAL_MS     500
#define INTERVAL_MS_MAX 8000

static void print_line(struct progress *progress, const weir_totals *totals, uint64_t now_ms)
{
    uint64_t span_ms = now_ms > progress->last_ms ? now_ms - progress->last_ms : 1;
    uint64_t seconds = (now_ms - progress->begin_ms) / 1000;
    double rate = (double)(totals->admitted - progress->last.admitted) * 1000.0 / (double)span_ms;
    fprintf(stderr, "\r%s: %llu in, %llu out, %.0f/s, %llu in flight, %llu:%02llu\033[K", weir_name(progress->pipeline),
            (unsigned long long)totals->admitted, (unsigned long long)totals->delivered, rate,
            (unsigned long long)totals->in_flight, (unsigned long long)(seconds / 60), (unsigned long long)(seconds % 60));
    fflush(stderr);
    progress->shown = true;
}

static bool is_same(const weir_totals *a, const weir_totals *b)
{
    return a->admitted == b->admitted && a->delivered == b->delivered && a->in_flight == b->in_flight;
}

static void on_tick(uv_timer_t *timer)
{
    struct progress *progress = timer->data;
    weir_totals totals = {0};
    uint64_t now_ms = uv_now(timer->loop);
    weir_totals_get(progress->pipeline, &totals);
    bool same = is_same(&totals, &progress->last);
    progress->interval_ms = same ? progress->interval_ms * 2 : INTERVAL_MS;
    if (progress->interval_ms > INTERVAL_MS_MAX)
        progress->interval_ms = INTERVAL_MS_MAX;
    if (tcgetpgrp(STDERR_FILENO) == getpgrp())
        print_line(progress, &totals, now_ms);
    progress->last = totals;
    progress->last_ms = now_ms;
    uv_timer_start(timer, on_tick, progress->interval_ms, 0);
}

void progress_start(struct progress *progress, uv_loop_t *loop, weir_pipeline *pipeline, bool wanted)
{
    *progress = (struct progress){.pipeline = pipeline, .interval_ms = INTERVAL_MS};
    progress->on = wanted && isatty(STDERR_FILENO);
    if (!progress->on)
        return;
    progress->begin_ms = progress->last_ms = uv_now(loop);
    progress->timer.data = progress;
    uv_timer_init(loop, &progress->timer);
    uv_timer_start(&progress->timer, on_tick, FIRST_MS, 0);
}

void progress_stop(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    if (progress->on)
        uv_close((uv_handle_t *)&progress->timer, NULL);
    progress->on = progress->shown = false;
}
