/* SPDX-License-Identifier: MIT */
/*
 * Clock, samples and rows of the measuring programs; see bench.h. A row is printed when the program ends (report.c), so that
 * nothing that is being measured is disturbed by printing.
 */
#include "bench.h"
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t bench_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t bench_spent_ns(const struct bench *b)
{
    return read_clock(b->cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC);
}

void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void bench_sleep_until(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

_Noreturn void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static _Noreturn void usage(const char *name)
{
    fprintf(stderr, "usage: %s [--quick] [--json | --markdown] [--cpu] [--rounds N] [--weir PATH]\n", name);
    exit(2);
}

void bench_begin(struct bench *b, const char *name, const char *question, unsigned rounds, int argc, char **argv)
{
    *b = (struct bench){.name = name, .question = question, .weir = "weir", .rounds = rounds};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            b->quick = true;
        else if (strcmp(argv[i], "--json") == 0)
            b->print = BENCH_JSON;
        else if (strcmp(argv[i], "--markdown") == 0)
            b->print = BENCH_MARKDOWN;
        else if (strcmp(argv[i], "--cpu") == 0)
            b->cpu = true;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0)
            b->rounds = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "--weir") == 0 && i + 1 < argc)
            b->weir = argv[++i];
        else
            usage(name);
    }
    if (b->quick)
        b->rounds = 1;
    if (getloadavg(&b->load, 1) != 1)
        b->load = -1;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */

static struct bench_row *add_row(struct bench *b, const char *what, va_list args)
{
    if (b->count == BENCH_ROWS_MAX)
        bench_die("%s: more than %d rows", b->name, BENCH_ROWS_MAX);
    struct bench_row *row = &b->rows[b->count++];
    vsnprintf(row->what, sizeof row->what, what, args);
    return row;
}

void bench_value(struct bench *b, double value, const char *unit, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    struct bench_row *row = add_row(b, what, args);
    va_end(args);
    row->value = value;
    row->unit = unit;
}

void bench_at_most(struct bench *b, double value, const char *unit, double target, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    struct bench_row *row = add_row(b, what, args);
    va_end(args);
    row->value = value;
    row->unit = unit;
    row->relation = BENCH_AT_MOST;
    row->target = target;
}

void bench_at_least(struct bench *b, double value, const char *unit, double target, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    struct bench_row *row = add_row(b, what, args);
    va_end(args);
    row->value = value;
    row->unit = unit;
    row->relation = BENCH_AT_LEAST;
    row->target = target;
}

static void fill_spread(struct bench_row *row, struct samples *samples, const char *unit)
{
    row->form = BENCH_SPREAD;
    row->value = samples_quantile(samples, 0.5);
    row->p99 = samples_quantile(samples, 0.99);
    row->max = samples_max(samples);
    row->unit = unit;
}

void bench_spread(struct bench *b, struct samples *samples, const char *unit, double p50_target, double p99_target,
                  const char *what, ...)
{
    va_list args;
    va_start(args, what);
    struct bench_row *row = add_row(b, what, args);
    va_end(args);
    fill_spread(row, samples, unit);
    row->relation = p50_target > 0 ? BENCH_AT_MOST : BENCH_NO_TARGET;
    row->target = p50_target;
    row->p99_target = p99_target;
}

static struct bench_row *place(struct bench *b, const char *part, const char *column)
{
    struct bench_row *row = &b->rows[b->count - 1];
    row->part = part;
    row->column = column;
    return row;
}

void bench_cell_spread(struct bench *b, struct samples *samples, const char *unit, const char *part, const char *line,
                       const char *column)
{
    bench_spread(b, samples, unit, 0, 0, "%s", line);
    struct bench_row *row = place(b, part, column);
    if (samples->count == 0)
        row->form = BENCH_EMPTY;
}

void bench_cell_value(struct bench *b, double value, const char *unit, const char *part, const char *line, const char *column)
{
    bench_value(b, value, unit, "%s", line);
    place(b, part, column);
}

void bench_skip(struct bench *b, const char *what, const char *why)
{
    bench_value(b, 0, "", "%s", what);
    b->rows[b->count - 1].relation = BENCH_SKIPPED;
    b->rows[b->count - 1].why = why;
}

bool bench_check(struct bench *b, bool ok, const char *what, ...)
{
    if (ok)
        return true;
    b->failed = true;
    va_list args;
    va_start(args, what);
    fprintf(stderr, "%s: wrong: ", b->name);
    vfprintf(stderr, what, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

int bench_end(const struct bench *b)
{
    static void (*const print[])(const struct bench *b) = {
        [BENCH_TABLE] = report_table, [BENCH_JSON] = report_json, [BENCH_MARKDOWN] = report_markdown};
    print[b->print](b);
    return b->failed;
}

/* ---- samples ---------------------------------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void samples_add(struct samples *s, double value)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        s->values = realloc(s->values, s->capacity * sizeof *s->values);
        if (!s->values)
            bench_die("no memory for %zu samples", s->capacity);
    }
    s->values[s->count++] = value;
}

double samples_quantile(struct samples *s, double fraction)
{
    if (s->count == 0)
        return 0;
    qsort(s->values, s->count, sizeof *s->values, compare_doubles);
    size_t i = (size_t)(fraction * (double)s->count);
    return s->values[i < s->count ? i : s->count - 1];
}

double samples_max(struct samples *s)
{
    return samples_quantile(s, 1.0);
}

double samples_ratio(const struct samples *a, const struct samples *b)
{
    struct samples ratios = {0};
    for (size_t i = 0; i < a->count && i < b->count; i++)
        samples_add(&ratios, a->values[i] / b->values[i]);
    double median = samples_quantile(&ratios, 0.5);
    samples_free(&ratios);
    return median;
}

void samples_append(struct samples *s, const struct samples *more)
{
    for (size_t i = 0; i < more->count; i++)
        samples_add(s, more->values[i]);
}

void samples_free(struct samples *s)
{
    free(s->values);
    *s = (struct samples){0};
}
