/* SPDX-License-Identifier: MIT */
/*
 * where.c - keeps the records for which a condition is true.
 */
#include "stages/builtin.h"
#include "stages/condition.h"

enum { CONDITION };

static const struct option_desc options[] = {
    [CONDITION] = {.name = "condition",
                   .kind = OPTION_TEXT,
                   .positional = true,
                   .rest = true,
                   .required = true,
                   .help = "what must be true of a record, such as: status >= 500 and method == GET"},
    {.name = NULL},
};

static const char *const examples[] = {"where status >= 500", "where 'method == GET and path =~ \"^/img\"'",
                                       "where 'not (level == debug or exists trace)'", NULL};

static weir_verdict test(void *state, void *item)
{
    int answer = condition_test(state, item);
    return answer < 0 ? WEIR_FAIL : answer ? WEIR_KEEP : WEIR_DROP;
}

static void close(void *state)
{
    condition_free(state);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct condition *condition = condition_new(values[CONDITION].text, error, size);
    if (!condition)
        return -1;
    *stage = (weir_stage){.in = WEIR_RECORD, .map = test, .close = close, .state = condition};
    return 0;
}

const struct builtin builtin_where = {
    .name = "where",
    .kind = BUILTIN_FILTER,
    .summary = "keep records for which a condition is true",
    .details =
        "On the left of a comparison stands a field's name, on the right a value, bare or in quotes. == != < <= > >= compare "
        "as\n"
        "numbers when the field's value and a bare right side both are numbers, else byte by byte; =~ and !~ match a regular\n"
        "expression (PCRE2). `exists NAME` is true if the field is there. `or` (||) binds weakest, then `and` (&&), then "
        "`not`\n"
        "(!); parentheses group. A comparison with a field that is not there is false, whatever the operator.",
    .options = options,
    .examples = examples,
    .in = "record",
    .out = "same",
    .make = make,
};
