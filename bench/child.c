/* SPDX-License-Identifier: MIT */
/*
 * Other programs, run and measured; see child.h. posix_spawn keeps the cost of a start small and independent of our size.
 */
#include "child.h"
#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* input < 0: /dev/null. Everything else that we have open is close-on-exec. */
static pid_t spawn(const char *const *argv, int input, int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (input < 0)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        bench_die("cannot run %s: %s", argv[0], strerror(error));
    return pid;
}

static void make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        bench_die("cannot make a pipe");
}

static void read_all(int fd, struct child_result *result)
{
    size_t capacity = 4096;
    ssize_t got;
    result->length = 0;
    result->output = malloc(capacity);
    while (result->output && (got = read(fd, result->output + result->length, capacity - result->length - 1)) > 0) {
        result->length += (size_t)got;
        if (capacity - result->length < 2)
            result->output = realloc(result->output, capacity *= 2);
    }
    if (!result->output)
        bench_die("no memory for a program's output");
    result->output[result->length] = 0;
}

void child_wait(pid_t pid, struct child_result *result)
{
    int status;
    struct rusage used;
    if (wait4(pid, &status, 0, &used) != pid)
        bench_die("cannot wait for process %ld", (long)pid);
    result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result->cpu_ms = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
    result->rss_kib = used.ru_maxrss;
}

void child_run(const char *const *argv, struct child_result *result)
{
    int output[2];
    make_pipe(output);
    uint64_t start = bench_now_ns();
    pid_t pid = spawn(argv, -1, output[1]);
    close(output[1]);
    read_all(output[0], result);
    child_wait(pid, result);
    result->wall_ms = (double)(bench_now_ns() - start) / 1e6;
    close(output[0]);
}

void child_run_shell(const char *line, struct child_result *result)
{
    child_run((const char *const[]){"sh", "-c", line, NULL}, result);
}

void child_result_free(struct child_result *result)
{
    free(result->output);
    *result = (struct child_result){0};
}

pid_t child_start(const char *const *argv, int *input, int *output)
{
    int in[2], out[2];
    make_pipe(in);
    make_pipe(out);
    pid_t pid = spawn(argv, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    *input = in[1];
    *output = out[0];
    return pid;
}

/* The number behind `key` in /proc/PID/status. */
static long read_status(pid_t pid, const char *key)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (got < 0)
        bench_die("cannot read %s", path);
    text[got] = 0;
    const char *at = strstr(text, key);
    return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

uint64_t child_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        bench_die("cannot read the CPU time of process %ld", (long)pid);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

long child_rss_kib(pid_t pid)
{
    return read_status(pid, "VmRSS:");
}

int child_exists(const char *name)
{
    if (strchr(name, '/'))
        return access(name, X_OK) == 0;
    char line[256];
    snprintf(line, sizeof line, "command -v %s >/dev/null 2>&1", name);
    struct child_result result;
    child_run_shell(line, &result);
    int status = result.status;
    child_result_free(&result);
    return status == 0;
}
