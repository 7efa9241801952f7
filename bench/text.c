/* SPDX-License-Identifier: MIT */
/*
 * How fast does the command filter and count JSON lines?
 *
 * A temporary file of 200 MB is written, one JSON object of about 200 bytes a line, one line in eight with level "error"; some
 * messages have escaped quotes in them. Then everybody counts the errors of each service: `weir run`, a scan written in C for
 * exactly these lines (it looks for the text "level":"error", which is no more JSON than what grep does), `grep | mawk`, and
 * `jq`. The counts must be equal. The file is in the page cache for all of them.
 */
#include "bench.h"
#include "child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICES 8

static const char *const services[SERVICES] = {"api", "auth", "billing", "cart", "mail", "search", "stock", "web"};
static const char *const levels[8] = {"info", "debug", "info", "error", "info", "warn", "info", "debug"};

/* What everybody must find: errors of each service, in the order of `services`. */
struct counts {
    uint64_t of[SERVICES];
};

/* ---- the lines -------------------------------------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static const char *const messages[4] = {
    "request finished after the upstream answered and the reply was written to the client",
    "cache entry was stale, fetched again from the primary and stored for the next reader",
    "user said \\\"try again\\\" and the session was renewed with a token of the same scope",
    "connection was reset by the peer while the body was being sent; the retry is scheduled",
};

static void write_lines(const char *path, size_t size)
{
    FILE *file = fopen(path, "w");
    if (!file)
        bench_die("text: cannot write %s", path);
    uint64_t seed = 88172645463325252U;
    for (size_t written = 0; written < size;) {
        uint64_t r = random_next(&seed);
        int n =
            fprintf(file,
                    "{\"ts\":\"2026-11-22T%02u:%02u:%02u.%03uZ\",\"level\":\"%s\",\"service\":\"%s\",\"latency_ms\":%u.%02u,"
                    "\"msg\":\"%s, request %08x\"}\n",
                    (unsigned)(r >> 8) % 24, (unsigned)(r >> 16) % 60, (unsigned)(r >> 24) % 60, (unsigned)(r >> 32) % 1000,
                    levels[r % 8], services[(r >> 3) % SERVICES], (unsigned)(r >> 40) % 900, (unsigned)(r >> 50) % 100,
                    messages[(r >> 6) % 4], (unsigned)(r >> 20));
        if (n < 0)
            bench_die("text: cannot write %s", path);
        written += (size_t)n;
    }
    if (fclose(file) != 0)
        bench_die("text: cannot write %s: is the disk full?", path);
}

/* ---- the scan by hand ------------------------------------------------------------------------------------------------- */

#define PIECE (256 << 10) /* stays in the second-level cache between read() and the scan */

static void count_service(struct counts *counts, const char *name, size_t len)
{
    for (size_t i = 0; i < SERVICES; i++)
        if (strlen(services[i]) == len && memcmp(services[i], name, len) == 0)
            counts->of[i]++;
}

/* Whole lines only. */
static void scan(struct counts *counts, const char *at, const char *end)
{
    static const char level[] = "\"level\":\"error\"", service[] = "\"service\":\"";
    for (const char *newline; at < end; at = newline + 1) {
        newline = memchr(at, '\n', (size_t)(end - at));
        const char *error = memmem(at, (size_t)(newline - at), level, sizeof level - 1);
        const char *name = error ? memmem(error, (size_t)(newline - error), service, sizeof service - 1) : NULL;
        if (!name)
            continue;
        name += sizeof service - 1;
        const char *quote = memchr(name, '"', (size_t)(newline - name));
        count_service(counts, name, (size_t)(quote - name));
    }
}

static void scan_file(const char *path, struct counts *counts)
{
    static char buffer[PIECE];
    size_t held = 0; /* the beginning of a line whose end was not read yet */
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (got = read(fd, buffer + held, sizeof buffer - held)) > 0) {
        const char *end = buffer + held + (size_t)got;
        const char *last = memrchr(buffer, '\n', (size_t)(end - buffer));
        if (!last)
            bench_die("text: a line is too long");
        scan(counts, buffer, last + 1);
        held = (size_t)(end - (last + 1));
        memmove(buffer, last + 1, held);
    }
    close(fd);
}

/* ---- the contenders --------------------------------------------------------------------------------------------------- */

enum contender { WEIR, HAND, GREP_MAWK, JQ, CONTENDERS };

static const char *const names[CONTENDERS] = {"weir run", "C scan by hand", "grep | mawk", "jq | mawk"};

static const char *const mawk_count = "mawk '{n[$0]++} END {for (s in n) print s, n[s]}'";

/* The line of shell of a contender, "" if it has none. */
static void write_command(const struct bench *b, enum contender who, const char *path, char *line, size_t size)
{
    line[0] = 0;
    if (who == WEIR)
        snprintf(line, size, "%s run 'file %s | parse json | where \"level == \\\"error\\\"\" | count by=service'", b->weir,
                 path);
    else if (who == GREP_MAWK)
        snprintf(line, size,
                 "LC_ALL=C grep -F '\"level\":\"error\"' %s | "
                 "mawk -F'\"service\":\"' '{split($2, a, \"\\\"\"); n[a[1]]++} END {for (s in n) print s, n[s]}'",
                 path);
    else if (who == JQ)
        snprintf(line, size, "jq -r 'select(.level == \"error\") | .service' %s | %s", path, mawk_count);
}

static const char *missing(const struct bench *b, enum contender who)
{
    if (who == WEIR && !child_exists(b->weir))
        return "the command weir was not found (--weir PATH)";
    if ((who == GREP_MAWK || who == JQ) && !child_exists("mawk"))
        return "mawk is not installed";
    if (who == JQ && !child_exists("jq"))
        return "jq is not installed";
    return NULL;
}

/* Reads counts from lines in any form in which a service's name and one number stand. */
static void read_counts(const char *output, struct counts *counts)
{
    for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n')
        for (size_t i = 0; i < SERVICES; i++) {
            const char *name = strstr(line, services[i]), *end = line + strcspn(line, "\n");
            size_t digits = strcspn(line, "0123456789");
            if (name && name < end && line + digits < end)
                counts->of[i] += strtoull(line + digits, NULL, 10);
        }
}

struct result {
    struct samples wall_ms, cpu_ms;
    const char *skipped;
};

static void measure(struct bench *b, enum contender who, const char *path, struct result *result, const struct counts *expected)
{
    struct counts counts = {{0}};
    char line[1024];
    write_command(b, who, path, line, sizeof line);
    uint64_t start = bench_now_ns();
    if (line[0] == 0) {
        scan_file(path, &counts);
        double ms = (double)(bench_now_ns() - start) / 1e6;
        samples_add(&result->wall_ms, ms);
        samples_add(&result->cpu_ms, ms);
    } else {
        struct child_result child;
        child_run_shell(line, &child);
        samples_add(&result->wall_ms, child.wall_ms);
        samples_add(&result->cpu_ms, child.cpu_ms);
        bench_check(b, child.status == 0, "%s ended with status %d", names[who], child.status);
        read_counts(child.output, &counts);
        child_result_free(&child);
    }
    for (size_t i = 0; expected && i < SERVICES; i++)
        bench_check(b, counts.of[i] == expected->of[i], "%s counts %llu errors of %s, not %llu", names[who],
                    (unsigned long long)counts.of[i], services[i], (unsigned long long)expected->of[i]);
}

static void report(struct bench *b, struct result *results, double megabytes)
{
    for (int who = 0; who < CONTENDERS; who++) {
        struct result *r = &results[who];
        if (r->skipped) {
            bench_skip(b, names[who], r->skipped);
            continue;
        }
        bench_value(b, megabytes * 1e3 / samples_quantile(&r->wall_ms, 0.5), "MB/s", "%s", names[who]);
        bench_value(b, megabytes * 1e3 / samples_quantile(&r->cpu_ms, 0.5), "MB/s", "%s, per second of CPU time", names[who]);
    }
    if (results[WEIR].skipped)
        return;
    bench_at_least(b, megabytes * 1e3 / samples_quantile(&results[WEIR].cpu_ms, 0.5), "MB/s", 1300,
                   "weir run, per second of CPU time (a later issue's)");
    for (int who = HAND; who < CONTENDERS; who++)
        if (!results[who].skipped)
            bench_value(b, samples_quantile(&results[who].wall_ms, 0.5) / samples_quantile(&results[WEIR].wall_ms, 0.5), "x",
                        "weir run / %s", names[who]);
}

int main(int argc, char **argv)
{
    static struct result results[CONTENDERS];
    struct bench b;
    bench_begin(&b, "text", "how fast does the command filter and count JSON lines?", 5, argc, argv);
    const char *directory = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/weir-bench-text-%ld.ndjson", directory ? directory : "/tmp", (long)getpid());
    size_t size = b.quick ? 1000000 : 200000000;
    write_lines(path, size);

    struct counts expected = {{0}};
    scan_file(path, &expected);
    for (int who = 0; who < CONTENDERS; who++)
        results[who].skipped = missing(&b, who);
    for (unsigned round = 0; round < b.rounds; round++)
        for (int who = 0; who < CONTENDERS; who++)
            if (!results[who].skipped)
                measure(&b, who, path, &results[who], who == HAND ? NULL : &expected);
    unlink(path);
    report(&b, results, (double)size / 1e6);
    return bench_end(&b);
}
