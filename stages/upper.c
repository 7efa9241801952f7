/* SPDX-License-Identifier: MIT */
/*
 * upper.c - turns ASCII letters into upper case, in place. The loop has no branch, so that the compiler makes vectors of it.
 */
#include "stages/builtin.h"

static const char *const examples[] = {"upper", NULL};

static weir_verdict change(void *state, void *item)
{
    (void)state;
    weir_bytes *line = item;
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->data[i];
        line->data[i] = (char)(c ^ ((unsigned char)(c - 'a') < 26) << 5);
    }
    return WEIR_KEEP;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    (void)values, (void)error, (void)size;
    *stage = (weir_stage){.in = WEIR_BYTES, .map = change};
    return 0;
}

const struct builtin builtin_upper = {
    .name = "upper",
    .kind = BUILTIN_FILTER,
    .summary = "turn ASCII letters into upper case",
    .details =
        "On records the fields change with the line, for they are parts of it; names that stand in the line, too, as in JSON.",
    .examples = examples,
    .in = "bytes",
    .out = "same",
    .make = make,
};
