/* SPDX-License-Identifier: MIT */
/*
 * head.c - keeps the first items and then ends the pipeline.
 *
 * weir_finish() stops the sources, but what they had put out already still arrives here, and is dropped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "stages/builtin.h"

enum { COUNT };

static const struct option_desc options[] = {
    [COUNT] = {.name = "count", .kind = OPTION_COUNT, .positional = true, .deflt = "10", .help = "how many items to keep"},
    {.name = NULL},
};

static const char *const examples[] = {"head", "head 100", NULL};

struct head {
    uint64_t left, passed, limit;
};

static weir_verdict take(void *state, void *item)
{
    (void)item;
    struct head *head = state;
    if (head->left == 0) {
        weir_finish();
        return WEIR_DROP;
    }
    head->passed++;
    if (--head->left == 0)
        weir_finish();
    return WEIR_KEEP;
}

/* What has passed counts: `head 20` in the place of `head 10` lets 20 items pass in all. */
static void take_over(void *state, void *from, size_t lane, size_t lanes)
{
    (void)lane, (void)lanes;
    struct head *head = state;
    const struct head *old = from;
    head->passed += old->passed;
    head->left = head->passed < head->limit ? head->limit - head->passed : 0;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct head *head = calloc(1, sizeof *head);
    if (!head) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    head->left = head->limit = (uint64_t)values[COUNT].number;
    *stage =
        (weir_stage){.in = WEIR_ANY, .map = take, .state_type = "head", .take_over = take_over, .close = free, .state = head};
    return 0;
}

const struct builtin builtin_head = {
    .name = "head",
    .kind = BUILTIN_FILTER,
    .summary = "keep the first items, then end the pipeline",
    .options = options,
    .examples = examples,
    .in = "any",
    .out = "same",
    .make = make,
};
