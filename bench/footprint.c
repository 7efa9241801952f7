/* SPDX-License-Identifier: MIT */
/*
 * What does weir cost when it has nothing to do: CPU time of an idle pipeline, memory, and the time to start?
 *
 * The pipelines are idle because nothing comes in: the command's standard input is a pipe that nobody writes to any more, the
 * library's source has said WEIR_IDLE. That they run is known because a first item has come out.
 */
#include "bench.h"
#include "child.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

static void sleep_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* ---- the library, idle ------------------------------------------------------------------------------------------------ */

struct bell {
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    bool has_arrived;
    bool sent; /* source only */
};

static int pull_one(void *state, weir_out *out)
{
    struct bell *bell = state;
    if (bell->sent)
        return WEIR_IDLE;
    bell->sent = true;
    int64_t *item = weir_emit(out);
    if (!item)
        return weir_fail_memory();
    *item = 1;
    return WEIR_IDLE;
}

static weir_verdict keep(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_KEEP;
}

static weir_verdict arrive(void *state, void *item)
{
    (void)item;
    struct bell *bell = state;
    pthread_mutex_lock(&bell->mutex);
    bell->has_arrived = true;
    pthread_cond_signal(&bell->arrived);
    pthread_mutex_unlock(&bell->mutex);
    return WEIR_KEEP;
}

static void measure_library(struct bench *b, unsigned ms)
{
    struct bell bell = {.mutex = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER};
    struct bench cpu = {.cpu = true};
    weir_pipeline *p = weir_new("idle");
    weir_stage source = {.name = "source", .out = WEIR_I64, .pull = pull_one, .state = &bell};
    weir_stage middle = {.name = "middle", .in = WEIR_I64, .map = keep, .place = WEIR_OWN};
    weir_stage sink = {.name = "sink", .in = WEIR_I64, .out = WEIR_NONE, .map = arrive, .state = &bell, .place = WEIR_OWN};
    if (!p || weir_append(p, &source) || weir_append(p, &middle) || weir_append(p, &sink) || weir_start(p))
        bench_die("footprint: %s", weir_error(p));
    pthread_mutex_lock(&bell.mutex);
    while (!bell.has_arrived)
        pthread_cond_wait(&bell.arrived, &bell.mutex);
    pthread_mutex_unlock(&bell.mutex);
    sleep_ms(10); /* the workers park */
    uint64_t before = bench_spent_ns(&cpu);
    sleep_ms(ms);
    double spent_ms = (double)(bench_spent_ns(&cpu) - before) / 1e6;
    bench_at_most(b, spent_ms * 100 / ms, "%", 0.05, "library, three strands, idle: CPU");
    bench_check(b, weir_stop(p) == WEIR_OK, "the idle pipeline ended with: %s", weir_error(p));
    weir_free(p);
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static void measure_idle_command(struct bench *b, unsigned ms)
{
    int input, output;
    char byte = 0;
    pid_t pid = child_start((const char *const[]){b->weir, "run", "upper", NULL}, &input, &output);
    signal(SIGPIPE, SIG_IGN);
    if (write(input, "a\n", 2) != 2 || read(output, &byte, 1) != 1 || byte != 'A') {
        bench_check(b, false, "weir run upper did not answer a line");
        kill(pid, SIGTERM);
    } else {
        sleep_ms(10); /* the workers park */
        uint64_t before = child_cpu_ns(pid);
        sleep_ms(ms);
        double spent_ms = (double)(child_cpu_ns(pid) - before) / 1e6;
        bench_at_most(b, spent_ms * 100 / ms, "%", 0.05, "weir run upper, idle: CPU");
        bench_value(b, (double)child_rss_kib(pid) / 1024, "MiB", "weir run upper, idle: resident");
    }
    close(input);
    struct child_result result = {0};
    child_wait(pid, &result);
    close(output);
}

enum contender { WEIR, TRUE, CAT, CONTENDERS };

static const char *const names[CONTENDERS] = {"weir run 'seq 1 | null'", "/bin/true", "cat </dev/null"};

static void measure_start(struct bench *b)
{
    const char *const argv[CONTENDERS][4] = {{b->weir, "run", "seq 1 | null", NULL}, {"/bin/true", NULL}, {"cat", NULL}};
    struct samples ms[CONTENDERS] = {{0}}, rss[CONTENDERS] = {{0}};
    for (unsigned round = 0; round < b->rounds; round++)
        for (int who = 0; who < CONTENDERS; who++) {
            struct child_result result;
            child_run(argv[who], &result);
            bench_check(b, result.status == 0, "%s ended with status %d", names[who], result.status);
            samples_add(&ms[who], result.wall_ms);
            samples_add(&rss[who], (double)result.rss_kib / 1024);
            child_result_free(&result);
        }
    for (int who = 0; who < CONTENDERS; who++)
        bench_value(b, samples_quantile(&rss[who], 0.5), "MiB", "peak resident: %s", names[who]);
    for (int who = 0; who < CONTENDERS; who++) {
        bench_spread(b, &ms[who], "ms", 0, 0, "start to end: %s", names[who]);
        samples_free(&ms[who]);
        samples_free(&rss[who]);
    }
}

int main(int argc, char **argv)
{
    struct bench b;
    bench_begin(&b, "footprint", "what does weir cost when it has nothing to do?", 50, argc, argv);
    unsigned ms = b.quick ? 50 : 2000;
    measure_library(&b, ms);
    if (child_exists(b.weir)) {
        measure_idle_command(&b, ms);
        measure_start(&b);
    } else {
        bench_skip(&b, "weir run", "the command weir was not found (--weir PATH)");
    }
    return bench_end(&b);
}
