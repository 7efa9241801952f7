/* SPDX-License-Identifier: MIT */
/*
 * stdout: items to standard output, a line each. A thin cover for weir_write_lines(), which does the work.
 */
#include <weir/weir.h>

#include "stages/builtin.h"

static const char *const examples[] = {"seq 10 | stdout", NULL};

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    (void)values;
    (void)error;
    (void)size;
    *stage = *weir_write_lines(1, "stdout");
    return 0;
}

const struct builtin builtin_stdout = {
    .name = "stdout",
    .kind = BUILTIN_SINK,
    .summary = "write each item as a line to standard output",
    .details = "Each item is written with a newline behind it, and at once when nothing else is on its way. A slow reader is\n"
               "waited for. An expression without a sink writes to standard output by itself.",
    .examples = examples,
    .in = "bytes",
    .out = "none",
    .make = make,
};
