/* SPDX-License-Identifier: MIT */
/*
 * timer: a line at intervals. A source that is a task: it costs no thread while it sleeps.
 */
#include "stages/builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ASYNC
#include <weir/async.h>
#endif

struct timer {
    uint64_t every_ns;
    uint64_t count; /* lines; 0: no end */
    char *text;     /* NULL: the line's number */
};

enum { EVERY, COUNT, TEXT };

static const struct option_desc options[] = {
    {.name = "every", .kind = OPTION_DURATION, .positional = true, .required = true, .help = "from one line to the next"},
    {.name = "count", .kind = OPTION_COUNT, .help = "so many lines, then the end; without it there is none"},
    {.name = "text", .kind = OPTION_TEXT, .help = "what the line says; without it, its number, counted from 1"},
    {0},
};

static const char *const examples[] = {"timer 1s", "timer 100ms count=3 | stdout", "timer 1m text=now | stdout", NULL};

#ifdef HAVE_ASYNC
/* Late lines are not made up for: a machine that has slept does not put out an hour's worth at once. */
static int run(weir_task *t, void *state)
{
    const struct timer *timer = state;
    uint64_t due = weir_task_now_ns(t);
    for (uint64_t i = 1; timer->count == 0 || i <= timer->count; i++) {
        char number[24];
        int len = snprintf(number, sizeof number, "%llu", (unsigned long long)i);
        uint64_t now = weir_task_now_ns(t);
        due += timer->every_ns;
        due = due < now ? now : due;
        if (weir_sleep_until_ns(t, due) < 0)
            return 0;
        int sent = timer->text ? weir_send_bytes(t, timer->text, strlen(timer->text)) : weir_send_bytes(t, number, (size_t)len);
        if (sent < 0)
            return weir_cancelled(t) ? 0 : sent;
    }
    return 0;
}
#endif

static void close_timer(void *state)
{
    struct timer *timer = state;
    free(timer->text);
    free(timer);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct timer *timer = calloc(1, sizeof *timer);
    if (timer && values[TEXT].text)
        timer->text = strdup(values[TEXT].text);
    if (!timer || (values[TEXT].text && !timer->text)) {
        free(timer);
        snprintf(error, size, "timer: out of memory");
        return -1;
    }
    timer->every_ns = values[EVERY].ns;
    timer->count = values[COUNT].text ? (uint64_t)values[COUNT].number : 0;
    *stage = (weir_stage){.out = WEIR_BYTES, .state = timer, .close = close_timer};
#ifdef HAVE_ASYNC
    stage->loop = run;
#endif
    return 0;
}

const struct builtin builtin_timer = {
    .name = "timer",
    .kind = BUILTIN_SOURCE,
    .summary = "put out a line at intervals",
    .details = "The first line comes after the first interval. Lines that are late are not made up for.",
    .options = options,
    .examples = examples,
    .in = "none",
    .out = "bytes",
#ifndef HAVE_ASYNC
    .missing = "libuv and Boost.Context",
#endif
    .make = make,
};
