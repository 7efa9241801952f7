/* SPDX-License-Identifier: MIT */
/*
 * grep.c - keeps the lines that match a pattern.
 */
#include <stdio.h>
#include <stdlib.h>

#include "stages/builtin.h"
#include "stages/pattern.h"

enum { PATTERN, INVERT, IGNORE_CASE, FIXED };

static const struct option_desc options[] = {
    [PATTERN] = {.name = "pattern",
                 .kind = OPTION_TEXT,
                 .positional = true,
                 .required = true,
                 .help = "the regular expression (PCRE2) to look for in each line"},
    [INVERT] = {.name = "invert", .kind = OPTION_FLAG, .deflt = "no", .help = "keep the lines that do not match"},
    [IGNORE_CASE] = {.name = "ignore_case",
                     .kind = OPTION_FLAG,
                     .deflt = "no",
                     .help = "a letter matches in both cases (ASCII)"},
    [FIXED] = {.name = "fixed", .kind = OPTION_FLAG, .deflt = "no", .help = "the pattern is plain text"},
    {.name = NULL},
};

static const char *const examples[] = {"grep error", "grep '^(GET|HEAD) ' invert=yes", "grep a.b fixed=yes ignore_case=yes",
                                       NULL};

struct grep {
    struct pattern *pattern; /* owned */
    bool invert;
};

static weir_verdict match(void *state, void *item)
{
    struct grep *grep = state;
    weir_bytes *line = item;
    int matches = pattern_match(grep->pattern, line->data, line->len);
    if (matches < 0)
        return WEIR_FAIL;
    return (matches == 1) != grep->invert ? WEIR_KEEP : WEIR_DROP;
}

static void close(void *state)
{
    struct grep *grep = state;
    pattern_free(grep->pattern);
    free(grep);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct grep *grep = calloc(1, sizeof *grep);
    if (!grep) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    grep->invert = values[INVERT].flag;
    struct pattern_options how = {.fixed = values[FIXED].flag, .ignore_case = values[IGNORE_CASE].flag};
    if (!(grep->pattern = pattern_new(values[PATTERN].text, how, error, size))) {
        free(grep);
        return -1;
    }
    *stage = (weir_stage){.in = WEIR_BYTES, .map = match, .close = close, .state = grep};
    return 0;
}

const struct builtin builtin_grep = {
    .name = "grep",
    .kind = BUILTIN_FILTER,
    .summary = "keep lines that match a pattern",
    .details =
        "The pattern is matched against bytes: `.` is one byte, and lines need not be UTF-8. On records it looks at the\n"
        "whole line. A pattern without special characters needs no PCRE2 and is searched for as it is.",
    .options = options,
    .examples = examples,
    .in = "bytes",
    .out = "same",
    .make = make,
};
