/* SPDX-License-Identifier: MIT */
/*
 * lower.c - turns ASCII letters into lower case, in place. The loop has no branch, so that the compiler makes vectors of it.
 */
#include "stages/builtin.h"

static const char *const examples[] = {"lower", NULL};

static weir_verdict change(void *state, void *item)
{
    (void)state;
    weir_bytes *line = item;
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->data[i];
        line->data[i] = (char)(c ^ ((unsigned char)(c - 'A') < 26) << 5);
    }
    return WEIR_KEEP;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    (void)values, (void)error, (void)size;
    *stage = (weir_stage){.in = WEIR_BYTES, .map = change};
    return 0;
}

const struct builtin builtin_lower = {
    .name = "lower",
    .kind = BUILTIN_FILTER,
    .summary = "turn ASCII letters into lower case",
    .details =
        "On records the fields change with the line, for they are parts of it; names that stand in the line, too, as in JSON.",
    .examples = examples,
    .in = "bytes",
    .out = "same",
    .make = make,
};
