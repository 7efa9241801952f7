/* SPDX-License-Identifier: MIT */
/* The tests' runner: one process a program, one line a test, the seed of whatever fails. */
#include "check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <time.h>

#include "core/control.h"

const char *check_test = "";
uint64_t check_seed = 1;

static unsigned passed;
#ifndef SIM
static uint64_t random_state;
#endif

void check_failed(const char *file, int line, const char *what, const char *values, ...)
{
    va_list args;
    fprintf(stderr, "not ok %s (%s, WEIR_SEED=%" PRIu64 ")\n  %s:%d: %s: ", check_test, PLATFORM, check_seed, file, line, what);
    va_start(args, values);
    vfprintf(stderr, values, args);
    va_end(args);
    fprintf(stderr, "\n%u passed, 1 failed\n", passed);
    abort();
}

uint64_t check_random(void)
{
#ifdef SIM
    return sim_random();
#else
    uint64_t z = __atomic_add_fetch(&random_state, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
#endif
}

/* ---- negative controls --------------------------------------------------------------------------------------------------- */

#ifdef WEIR_CONTROLS
enum control control_chosen;

struct control_line {
    const char *name, *guarantee, *what, *tests;
};

#define CONTROL_LINE(name, guarantee, what, tests) {#name, guarantee, what, tests},
static const struct control_line control_lines[] = {CONTROLS(CONTROL_LINE)};
#define CONTROLS_COUNT (sizeof control_lines / sizeof *control_lines)

/* WEIR_CONTROL=NAME breaks the engine there; WEIR_CONTROL=list prints all, for tests/controls, and ends the program. */
static void choose_control(void)
{
    const char *name = getenv("WEIR_CONTROL");
    if (!name || control_chosen)
        return;
    for (size_t i = 0; i < CONTROLS_COUNT; i++) {
        const struct control_line *c = &control_lines[i];
        if (strcmp(name, "list") == 0)
            printf("%s\t%s\t%s\t%s\n", c->name, c->guarantee, c->what, c->tests);
        else if (strcmp(name, c->name) == 0)
            control_chosen = (enum control)(i + 1);
    }
    if (control_chosen == CONTROL_NONE)
        exit(strcmp(name, "list") == 0 ? 0 : 2);
}
#else
static void choose_control(void)
{
}
#endif

/* ---- running ------------------------------------------------------------------------------------------------------------- */

/* The next seed of a test that has `n` of them; or, with WEIR_SECONDS=s, that is run for so long, with the seeds from WEIR_FROM on. */
static bool more_seeds(uint64_t done, uint64_t n, time_t since)
{
    const char *seconds = getenv("WEIR_SECONDS");
    return seconds ? time(NULL) - since < atoi(seconds) : done < n;
}

static void run_once(uint64_t seed, void (*test)(void *arg))
{
    check_seed = seed;
#ifdef SIM
    sim_run(seed, test, NULL);
    CHECK_EQ(sim_live_allocations(), 0);
#else
    random_state = seed;
    test(NULL);
#endif
}

void check_run(const char *name, unsigned seeds, void (*test)(void *arg))
{
    const char *only = getenv("WEIR_SEED"), *times = getenv("WEIR_SEEDS"), *which = getenv("WEIR_TEST"),
               *from = getenv("WEIR_FROM");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1, done = 0;
    time_t since = time(NULL);
    check_test = name;
    choose_control();
    if (which && strcmp(which, name) != 0)
        return;
#ifndef SIM
    seeds = 1;
#endif
    uint64_t n = times && atoi(times) > 0 ? (uint64_t)seeds * (uint64_t)atoi(times) : seeds;
    if (only)
        run_once(strtoull(only, NULL, 10), test);
    else
        while (more_seeds(done, n, since))
            run_once(first + done++, test);
    passed++;
    printf("ok %s (%s, %" PRIu64 " seeds)\n", name, PLATFORM, only ? 1 : done);
    fflush(stdout);
}

int check_done(void)
{
    printf("%u passed, 0 failed\n", passed);
    return 0;
}

void event_init(struct event *event)
{
    event->count = 0;
    CHECK(plat_lock_init(&event->lock) == 0 && plat_cond_init(&event->cond) == 0);
}

void event_free(struct event *event)
{
    plat_cond_free(&event->cond);
    plat_lock_free(&event->lock);
}

void event_raise(struct event *event, uint64_t by)
{
    plat_lock(&event->lock);
    event->count += by;
    plat_broadcast(&event->cond);
    plat_unlock(&event->lock);
}

uint64_t event_count(struct event *event)
{
    plat_lock(&event->lock);
    uint64_t count = event->count;
    plat_unlock(&event->lock);
    return count;
}

void event_wait(struct event *event, uint64_t count)
{
    plat_lock(&event->lock);
    while (event->count < count)
        plat_wait(&event->cond, &event->lock, UINT64_MAX);
    plat_unlock(&event->lock);
}
