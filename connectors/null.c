/* SPDX-License-Identifier: MIT */
/*
 * null: the sink that takes everything and does nothing, for measuring and for pipelines whose stages are the point.
 */
#include "stages/builtin.h"

static const char *const examples[] = {"seq 1000000 | null", "file big.log | count every=1s | null", NULL};

static weir_verdict take(void *state, void *item)
{
    (void)state;
    (void)item;
    return WEIR_KEEP;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    (void)values;
    (void)error;
    (void)size;
    stage->in = WEIR_ANY;
    stage->out = WEIR_NONE;
    stage->map = take;
    return 0;
}

const struct builtin builtin_null = {
    .name = "null",
    .kind = BUILTIN_SINK,
    .summary = "take items of any type and do nothing with them",
    .details = "They count as delivered.",
    .examples = examples,
    .in = "any",
    .out = "none",
    .make = make,
};
