/* SPDX-License-Identifier: MIT */
/*
 * tee.c - each item to all of several ways out. The engine makes the copies.
 */
#include "stages/builtin.h"

static const char *const examples[] = {"seq 10 | tee { all: file all.txt ; some: sample 10% }",
                                       "parse clf | tee { a: file access.json ; b: where 'status >= 500' | count by=path }",
                                       NULL};

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    (void)values, (void)error, (void)size;
    *stage = (weir_stage){.in = WEIR_ANY, .tee = true};
    return 0;
}

const struct builtin builtin_tee = {
    .name = "tee",
    .kind = BUILTIN_FILTER,
    .summary = "send each item to all of several ways out",
    .details = "The ways out stand in braces behind it, each with a name of one's own choice: `tee { a: upper ; b: lower }`.\n"
               "Each of them gets its own copy. The slowest of them sets the pace for all.",
    .examples = examples,
    .in = "any",
    .out = "same",
    .make = make,
};
