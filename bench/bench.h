/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what every measuring program shares: a clock, samples and their percentiles, and a report.
 *
 * A program asks one question. It runs the engine and a hand-written baseline in turn, round after round, so that whatever
 * else the machine does hits both; ratios are taken within a round, and the median of those is what counts. A report is a
 * list of rows; a row that has a target says whether it was met. A missed target is an answer and no failure: the exit status
 * is 1 only if a check failed, that is, if somebody computed something wrong.
 *
 * What is measured of many things in several ways is a grid: its parts stand below each other, each with the same lines and
 * with columns of its own. A cell is a row of the report like any other; the printed table only lays it out differently.
 *
 * Options of every program: --quick (few items, one round: a smoke test), --json, --markdown (for docs/performance.md; a
 * grid's parts stand beside each other there), --rounds N, --cpu (CPU time in place of the wall clock, where a program says
 * that it may: for a machine that others use).
 *
 * One thread uses these functions. Running out of memory here ends the program: it is a program, not the library.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ROWS_MAX 256

enum bench_relation { BENCH_NO_TARGET, BENCH_AT_MOST, BENCH_AT_LEAST, BENCH_SKIPPED };
enum bench_form { BENCH_ONE, BENCH_SPREAD, BENCH_EMPTY };
enum bench_print { BENCH_TABLE, BENCH_JSON, BENCH_MARKDOWN };

struct bench_row {
    char what[72];    /* of a cell: its line */
    const char *part; /* of a cell: where in the grid it is; NULL: not a cell */
    const char *column;
    enum bench_form form;
    double value; /* of a spread: the median */
    double p99, max;
    const char *unit;
    enum bench_relation relation;
    double target;
    double p99_target;
    const char *why; /* BENCH_SKIPPED */
};

/* A growing list of measurements. Zero is empty. */
struct samples {
    double *values;
    size_t count, capacity;
};

struct bench {
    const char *name;
    const char *question;
    const char *weir; /* path of the command, for the programs that run it; --weir PATH */
    bool quick;
    enum bench_print print;
    bool cpu;
    unsigned rounds;
    double load; /* the machine's load average at the start: above its number of cores, times mean little */
    bool failed; /* a check did not hold */
    size_t count;
    struct bench_row rows[BENCH_ROWS_MAX];
};

/* Reads the options; ends the program with status 2 and a usage line if it does not know one. */
void bench_begin(struct bench *b, const char *name, const char *question, unsigned rounds, int argc, char **argv);

/* Adds a row. `unit` is kept, not copied. */
void bench_value(struct bench *b, double value, const char *unit, const char *what, ...) __attribute__((format(printf, 4, 5)));
void bench_at_most(struct bench *b, double value, const char *unit, double target, const char *what, ...)
    __attribute__((format(printf, 5, 6)));
void bench_at_least(struct bench *b, double value, const char *unit, double target, const char *what, ...)
    __attribute__((format(printf, 5, 6)));

/* A row for how samples are spread: median, p99 and largest. Targets of 0: none. */
void bench_spread(struct bench *b, struct samples *samples, const char *unit, double p50_target, double p99_target,
                  const char *what, ...) __attribute__((format(printf, 6, 7)));

/* A cell of the grid. All names are kept, not copied. The cells of a part come one after the other, line by line; every line
 * of a part has the same columns, every part the same lines. Without samples the cell is empty. */
void bench_cell_spread(struct bench *b, struct samples *samples, const char *unit, const char *part, const char *line,
                       const char *column);
void bench_cell_value(struct bench *b, double value, const char *unit, const char *part, const char *line, const char *column);

void bench_skip(struct bench *b, const char *what, const char *why);

/* Says on standard error what is wrong if !ok, and makes the program fail in the end. Returns ok. */
bool bench_check(struct bench *b, bool ok, const char *what, ...) __attribute__((format(printf, 3, 4)));

/* Prints the report. Returns the exit status. */
int bench_end(const struct bench *b);

/* Ends the program: something that a measurement needs is not there. */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t bench_now_ns(void);                    /* monotonic */
uint64_t bench_spent_ns(const struct bench *b); /* the same, or with --cpu the process's CPU time */
void bench_pause(void);                         /* a breath in a loop that waits for another core */
void bench_sleep_until(uint64_t ns);            /* by the monotonic clock */

void samples_add(struct samples *s, double value);
double samples_quantile(struct samples *s, double fraction); /* sorts; 0 when empty */
double samples_max(struct samples *s);
double samples_ratio(const struct samples *a, const struct samples *b); /* median of a[i] / b[i]: before either is sorted */
void samples_append(struct samples *s, const struct samples *more);
void samples_free(struct samples *s);

#endif
