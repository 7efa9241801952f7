/* SPDX-License-Identifier: MIT */
/*
 * stdin: the lines of standard input. A thin cover for weir_read_lines(), which does the work.
 */
#include <weir/weir.h>

#include "stages/builtin.h"

static const char *const examples[] = {"stdin | grep error | stdout", NULL};

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    (void)values;
    (void)error;
    (void)size;
    *stage = *weir_read_lines(0, "stdin");
    return 0;
}

const struct builtin builtin_stdin = {
    .name = "stdin",
    .kind = BUILTIN_SOURCE,
    .summary = "lines of standard input",
    .details =
        "A line is passed on as soon as it has come. The last line counts also if no newline ends it. Lines may hold any\n"
        "bytes and may be up to 64 MiB long. An expression without a source reads standard input by itself.",
    .examples = examples,
    .in = "none",
    .out = "bytes",
    .make = make,
};
