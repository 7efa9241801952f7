/* SPDX-License-Identifier: MIT */
/*
 * merge.c - several ways in, one way out; as the items come, or in the order of a number or a time in them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/builtin.h"
#include "stages/moment.h"

enum { ORDER };

static const struct option_desc options[] = {
    [ORDER] = {.name = "order",
               .kind = OPTION_TEXT,
               .help =
                   "put the items in order: by this field of records, a number or a time; `text`: by the whole line; `number`: "
                   "items that are integers"},
    {.name = NULL},
};

static const char *const examples[] = {
    "file a.log | parse clf -> m ; file b.log | parse clf -> m ; merge as=m order=time | stdout",
    "seq 10 | tee { a: upper -> m ; b: lower -> m } ; merge as=m", NULL};

struct merge {
    size_t len;
    uint32_t hint; /* for weir_record_find */
    char field[];
};

static int64_t by_number(void *state, const void *item)
{
    (void)state;
    return *(const int64_t *)item;
}

static int64_t by_text(void *state, const void *item)
{
    (void)state;
    const weir_bytes *line = item;
    return moment_order(line->data, line->len);
}

/* A record without the field, or with one that says nothing, goes at once: INT64_MIN. */
static int64_t by_field(void *state, const void *item)
{
    struct merge *merge = state;
    const weir_field *field = weir_record_find(item, merge->field, merge->len, &merge->hint);
    return field ? moment_order(field->value, field->value_len) : INT64_MIN;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    const char *order = values[ORDER].text;
    *stage = (weir_stage){.in = WEIR_ANY, .merge = true};
    if (!order)
        return 0;
    if (!*order) {
        snprintf(error, size, "order: the name of a field was expected");
        return -1;
    }
    stage->order_by = WEIR_BY_KEY;
    if (strcmp(order, "number") == 0 || strcmp(order, "text") == 0) {
        stage->in = *order == 'n' ? WEIR_I64 : WEIR_BYTES;
        stage->order = *order == 'n' ? by_number : by_text;
        return 0;
    }
    struct merge *merge = calloc(1, sizeof *merge + strlen(order) + 1);
    if (!merge) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    merge->len = strlen(order);
    memcpy(merge->field, order, merge->len + 1);
    stage->in = WEIR_RECORD;
    stage->order = by_field;
    stage->state = merge;
    stage->close = free;
    return 0;
}

const struct builtin builtin_merge = {
    .name = "merge",
    .kind = BUILTIN_FILTER,
    .summary = "bring several ways together",
    .details =
        "Chains lead into it with an arrow: -> m. Without order= the items pass as they come, and those of each way in keep their\n"
        "order. With order= each way in must be in that order by itself; then the whole is, too: an item waits until every\n"
        "other way in has shown what comes next there. Times are ISO 8601 (2026-11-22T23:39:54Z) or those of a web server's\n"
        "log. A record without the field goes at once.",
    .options = options,
    .examples = examples,
    .in = "any; record with order=",
    .out = "same",
    .make = make,
};
