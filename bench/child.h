/* SPDX-License-Identifier: MIT */
/*
 * child.h - runs another program and says what it printed and what it cost.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a program that has ended leaves behind. Free with child_result_free(). */
struct child_result {
    char *output; /* what it wrote to standard output, ended by a zero */
    size_t length;
    int status; /* exit status; 128 + signal if one ended it */
    double wall_ms;
    double cpu_ms; /* of it and of those of its children that it waited for */
    long rss_kib;  /* its peak; not less than ours, since a new process begins as a copy of us */
};

/* Runs argv (found through PATH) with empty input to its end. Ends this program if the other cannot be started. */
void child_run(const char *const *argv, struct child_result *result);

/* The same for a line of shell. */
void child_run_shell(const char *line, struct child_result *result);

void child_result_free(struct child_result *result);

/* Starts argv with a pipe to its input and one from its output, for a program that is to be watched while it runs. */
pid_t child_start(const char *const *argv, int *input, int *output);

/* Waits for the child and fills all but the output and the wall time. */
void child_wait(pid_t pid, struct child_result *result);

/* CPU time so far of a running child, nanoseconds, and its resident memory in KiB; from /proc. */
uint64_t child_cpu_ns(pid_t pid);
long child_rss_kib(pid_t pid);

/* True if `name` is a program that can be run. */
int child_exists(const char *name);

#endif
