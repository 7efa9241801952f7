/* SPDX-License-Identifier: MIT */
/*
 * What do tasks on a loop cost: a switch, and a hundred thousand of them asleep? The way from a worker to a loop and back is
 * in async_cross.c, the echo server in async_echo.c, HTTP requests are in async_fetch.c, and async_serve.c has the servers
 * by hand.
 */
#include "async.h"
#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <weir/async.h>

/* ---- a switch --------------------------------------------------------------------------------------------------------- */

/* Boost.Context's C entry points, which its static archive has. */
typedef struct transfer {
    void *from;
    void *data;
} transfer;
transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*fn)(transfer));

static void bounce(transfer in)
{
    for (;;)
        in = jump_fcontext(in.from, NULL);
}

/* ns a switch: there and back are two. */
static double switch_by_hand(size_t switches)
{
    size_t size = 65536;
    char *stack = malloc(size);
    if (!stack)
        bench_die("async: no memory for a stack");
    transfer other = {.from = make_fcontext(stack + size, size, bounce)};
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < switches / 2; i++)
        other = jump_fcontext(other.from, NULL);
    double spent = (double)(bench_now_ns() - start);
    free(stack);
    return spent / (double)switches;
}

struct ring {
    size_t tasks;
    size_t yields; /* of each */
    size_t done;   /* of all */
    uint64_t start_ns, end_ns;
};

static int yield_often(weir_task *t, void *arg)
{
    struct ring *ring = arg;
    for (size_t i = 0; i < ring->yields; i++, ring->done++)
        if (weir_yield(t) < 0)
            return -1;
    return 0;
}

static int yield_in_turn(weir_task *t, void *arg)
{
    struct ring *ring = arg;
    weir_group *g = weir_group_begin(t);
    if (!g)
        return -1;
    for (size_t i = 0; i < ring->tasks; i++)
        weir_group_start(g, "yielding", yield_often, ring);
    ring->start_ns = bench_now_ns();
    int result = weir_group_end(t, g);
    ring->end_ns = bench_now_ns();
    return result;
}

/* ns a call. */
static double switch_by_yield(struct bench *b, size_t tasks, size_t yields)
{
    struct ring ring = {.tasks = tasks, .yields = yields / tasks};
    int result = weir_async_run(yield_in_turn, &ring);
    bench_check(b, result >= 0 && ring.done == yields, "%zu yields of %zu; result %d", ring.done, yields, result);
    return (double)(ring.end_ns - ring.start_ns) / (double)yields;
}

/* A loop looks at its timers and the world after a round of all tasks that were ready: two tasks pay for that alone, many
 * share it. */
static void measure_switch(struct bench *b)
{
    struct samples hand = {0}, two = {0}, many = {0};
    size_t n = b->quick ? 10000 : 5000000;
    for (unsigned round = 0; round < b->rounds; round++) {
        samples_add(&two, switch_by_yield(b, 2, n));
        samples_add(&hand, switch_by_hand(n));
        samples_add(&many, switch_by_yield(b, 100, n));
    }
    bench_value(b, samples_quantile(&hand, 0.5), "ns", "jump_fcontext(), bare");
    bench_value(b, samples_quantile(&two, 0.5), "ns", "weir_yield() between two tasks");
    bench_value(b, samples_ratio(&two, &hand), "x", "between two tasks / bare");
    bench_value(b, samples_quantile(&many, 0.5), "ns", "weir_yield() among 100 tasks");
    bench_value(b, samples_ratio(&many, &hand), "x", "among 100 tasks / bare");
    samples_free(&hand);
    samples_free(&two);
    samples_free(&many);
}

/* ---- asleep ----------------------------------------------------------------------------------------------------------- */

struct sleepers {
    size_t tasks;
    uint64_t ms;
    uint64_t due_ns;
    size_t asleep, woken;
    double started_ms, bytes, woken_ms; /* found */
};

static double resident_bytes(void)
{
    return (double)child_rss_kib(getpid()) * 1024;
}

static int sleep_once(weir_task *t, void *arg)
{
    struct sleepers *s = arg;
    s->asleep++;
    int result = weir_sleep_until_ns(t, s->due_ns);
    s->woken += result == 0;
    return result;
}

static int sleep_all(weir_task *t, void *arg)
{
    struct sleepers *s = arg;
    double before = resident_bytes();
    uint64_t start = weir_task_now_ns(t);
    int result = 0;
    s->due_ns = start + s->ms * 1000000;
    weir_group *g = weir_group_begin(t);
    if (!g)
        return -1;
    for (size_t i = 0; i < s->tasks && result == 0; i++)
        result = weir_group_start(g, "sleeper", sleep_once, s);
    while (result == 0 && s->asleep < s->tasks)
        result = weir_yield(t);
    s->started_ms = (double)(weir_task_now_ns(t) - start) / 1e6;
    s->bytes = (resident_bytes() - before) / (double)s->tasks;
    if (result < 0)
        weir_group_cancel(g);
    int ended = weir_group_end(t, g);
    s->woken_ms = ((double)weir_task_now_ns(t) - (double)s->due_ns) / 1e6;
    return result < 0 ? result : ended;
}

/* What async_sleep.py does and prints. */
static int play_sleepers(const char *tasks, const char *ms)
{
    struct sleepers s = {.tasks = strtoul(tasks, NULL, 10), .ms = strtoul(ms, NULL, 10)};
    int result = weir_async_run(sleep_all, &s);
    if (result < 0)
        fprintf(stderr, "async: %zu tasks asleep: %s\n", s.asleep, strerror(-result));
    printf("%f %f %f %zu\n", s.started_ms, s.bytes, s.woken_ms, s.woken);
    return result < 0;
}

struct slept {
    struct samples started_ms, kib, woken_ms;
};

static void sleep_in_child(struct bench *b, const char *who, const char *const *argv, size_t tasks, struct slept *slept)
{
    struct child_result result;
    double started_ms = 0, bytes = 0, woken_ms = 0;
    size_t woken = 0;
    child_run(argv, &result);
    bool good = result.status == 0 && sscanf(result.output, "%lf %lf %lf %zu", &started_ms, &bytes, &woken_ms, &woken) == 4;
    child_result_free(&result);
    bench_check(b, good && woken == tasks, "%s: %zu of %zu tasks slept and woke", who, woken, tasks);
    samples_add(&slept->started_ms, started_ms);
    samples_add(&slept->kib, bytes / 1024);
    samples_add(&slept->woken_ms, woken_ms);
}

static void report_slept(struct bench *b, const char *who, struct slept *slept)
{
    bench_cell_value(b, samples_quantile(&slept->started_ms, 0.5), "ms", "many tasks asleep", who, "start");
    bench_cell_value(b, samples_quantile(&slept->kib, 0.5), "KiB", "many tasks asleep", who, "each");
    bench_cell_value(b, samples_quantile(&slept->woken_ms, 0.5), "ms", "many tasks asleep", who, "wake");
    samples_free(&slept->started_ms);
    samples_free(&slept->kib);
    samples_free(&slept->woken_ms);
}

static void measure_asleep(struct bench *b)
{
    const char *tasks = b->quick ? "1000" : "100000", *ms = b->quick ? "100" : "3000";
    size_t n = strtoul(tasks, NULL, 10);
    bool has_python = child_exists("python3");
    struct slept weir = {0}, python = {0};
    for (unsigned round = 0; round < b->rounds && round < 3; round++) {
        sleep_in_child(b, "weir", (const char *const[]){"/proc/self/exe", "--play", "sleepers", tasks, ms, NULL}, n, &weir);
        if (has_python)
            sleep_in_child(b, "asyncio", (const char *const[]){"python3", script_path("async_sleep.py"), tasks, ms, NULL}, n,
                           &python);
    }
    bench_value(b, (double)n, "tasks", "asleep at once, below");
    report_slept(b, "weir", &weir);
    if (has_python)
        report_slept(b, "Python's asyncio", &python);
    else
        bench_skip(b, "tasks of Python's asyncio, asleep", "python3 is missing");
}

/* ---- roles ------------------------------------------------------------------------------------------------------------ */

static int play(int argc, char **argv)
{
    const char *role = argc > 2 ? argv[2] : "";
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strcmp(role, "sleepers") == 0 && argc == 5)
        return play_sleepers(argv[3], argv[4]);
    if (strcmp(role, "echo-weir") == 0)
        return serve_echo_by_weir();
    if (strcmp(role, "echo-uv") == 0)
        return serve_echo_by_uv();
    if (strcmp(role, "http-uv") == 0)
        return serve_http_by_uv();
    fprintf(stderr, "bench-async: no such role: %s\n", role);
    return 2;
}

int main(int argc, char **argv)
{
    struct bench b;
    if (argc > 1 && strcmp(argv[1], "--play") == 0)
        return play(argc, argv);
    bench_begin(&b, "async", "what do tasks on a loop cost?", 7, argc, argv);
    measure_switch(&b);
    measure_asleep(&b);
    measure_crossing(&b);
    measure_echo(&b);
    measure_fetch(&b);
    return bench_end(&b);
}
