/* SPDX-License-Identifier: MIT */
/*
 * delay.c - holds every item up for a while: for trying out what a slow stage does to a pipeline.
 *
 * It waits on an event descriptor, so that an interrupt ends the wait at hand; the item then passes early.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "stages/builtin.h"

enum { TIME };

static const struct option_desc options[] = {
    [TIME] =
        {.name = "time", .kind = OPTION_DURATION, .positional = true, .required = true, .help = "how long each item waits"},
    {.name = NULL},
};

static const char *const examples[] = {"delay 10ms", NULL};

struct delay {
    struct timespec time;
    int event; /* written to by interrupt_wait(), any thread */
};

static weir_verdict wait_a_while(void *state, void *item)
{
    (void)item;
    struct delay *delay = state;
    struct pollfd interrupted = {.fd = delay->event, .events = POLLIN};
    uint64_t times;
    if (ppoll(&interrupted, 1, &delay->time, NULL) > 0)
        (void)!read(delay->event, &times, sizeof times);
    return WEIR_KEEP;
}

static void interrupt_wait(void *state)
{
    struct delay *delay = state;
    uint64_t once = 1;
    (void)!write(delay->event, &once, sizeof once);
}

static int open_event(void *state)
{
    struct delay *delay = state;
    delay->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return delay->event >= 0 ? 0 : weir_fail("delay: no event descriptor: %s", strerror(errno));
}

static void close_event(void *state)
{
    struct delay *delay = state;
    if (delay->event >= 0)
        close(delay->event);
    free(delay);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct delay *delay = calloc(1, sizeof *delay);
    if (!delay) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    delay->event = -1;
    delay->time.tv_sec = (time_t)(values[TIME].ns / 1000000000);
    delay->time.tv_nsec = (long)(values[TIME].ns % 1000000000);
    *stage = (weir_stage){
        .in = WEIR_ANY,
        .map = wait_a_while,
        .open = open_event,
        .close = close_event,
        .interrupt = interrupt_wait,
        .blocking = true,
        .state = delay,
    };
    return 0;
}

const struct builtin builtin_delay = {
    .name = "delay",
    .kind = BUILTIN_FILTER,
    .summary = "hold every item up for a while",
    .details = "One after the other: `delay 1s` lets one item pass each second.",
    .options = options,
    .examples = examples,
    .in = "any",
    .out = "same",
    .make = make,
};
