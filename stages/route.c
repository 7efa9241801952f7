/* SPDX-License-Identifier: MIT */
/*
 * route.c - each item to one of several ways out: by a condition, by the hash of a key, or by weights.
 *
 * The hash has no secret, so that a key goes the same way in every run. Weights are dealt as nginx does it (smooth weighted round
 * robin): in each turn every way gains its weight, the richest one is taken and pays the sum of all, so that 3,1 gives a a b a
 * and not a a a b.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/builtin.h"
#include "stages/condition.h"
#include "stages/hash.h"
#include "stages/names.h"

enum { CONDITION, BY, WEIGHTS };

#define WAYS_MAX   64
#define WEIGHT_MAX 1000000

static const struct option_desc options[] = {
    [CONDITION] = {.name = "condition",
                   .kind = OPTION_TEXT,
                   .positional = true,
                   .rest = true,
                   .help =
                       "records for which it is true leave through the port yes, the others through no; written as for where"},
    [BY] = {.name = "by",
            .kind = OPTION_NAMES,
            .help = "instead: records with the same values of these fields go the same way, out of as many as there are"},
    [WEIGHTS] = {.name = "weights",
                 .kind = OPTION_TEXT,
                 .help = "instead: the shares of the ways out, in their order, such as 3,1"},
    {.name = NULL},
};

static const char *const examples[] = {"parse clf | route 'status >= 500' { yes: file errors.log ; no: file fine.log }",
                                       "parse json | route by=user { upper -> m ; lower -> m } ; merge as=m",
                                       "route weights=9,1 { old: upper -> m ; new: lower -> m } ; merge as=m", NULL};

static const weir_port yes_and_no[] = {{.name = "yes"}, {.name = "no"}, {.name = NULL}};

/* ---- by a condition ---------------------------------------------------------------------------------------------- */

static size_t by_condition(void *state, const void *item, size_t ports)
{
    int answer = condition_test(state, item);
    return answer < 0 ? ports : answer ? 0 : 1;
}

static void close_condition(void *state)
{
    condition_free(state);
}

/* ---- by a key ---------------------------------------------------------------------------------------------------- */

static size_t by_key(void *state, const void *item, size_t ports)
{
    weir_bytes key = names_key(state, item);
    if (key.data)
        return hash_bytes(key.data, key.len, 0) % ports;
    weir_fail_memory();
    return ports;
}

static void close_names(void *state)
{
    names_free(state);
}

/* ---- by weights -------------------------------------------------------------------------------------------------- */

struct weights {
    size_t count;
    int64_t weight[WAYS_MAX], gained[WAYS_MAX];
};

static size_t by_weight(void *state, const void *item, size_t ports)
{
    (void)item;
    struct weights *weights = state;
    int64_t sum = 0;
    size_t best = 0;
    if (ports != weights->count) {
        weir_fail("route: there are %zu weights and %zu ways out", weights->count, ports);
        return ports;
    }
    for (size_t i = 0; i < ports; i++) {
        sum += weights->weight[i];
        weights->gained[i] += weights->weight[i];
        if (weights->gained[i] > weights->gained[best])
            best = i;
    }
    weights->gained[best] -= sum;
    return best;
}

static int read_weights(struct weights *weights, const char *text, char *error, size_t size)
{
    bool any = false;
    for (const char *p = text;; p++) {
        char *end;
        long long weight = strtoll(p, &end, 10);
        if (*p < '0' || *p > '9' || (*end && *end != ',') || weight > WEIGHT_MAX) {
            snprintf(error, size,
                     "weights: \"%s\" is not right; write whole numbers up to %d with one comma between them, such as 3,1",
                     text, WEIGHT_MAX);
            return -1;
        }
        if (weights->count == WAYS_MAX) {
            snprintf(error, size, "weights: there are more than %d of them", WAYS_MAX);
            return -1;
        }
        weights->weight[weights->count++] = weight;
        any = any || weight > 0;
        p = end;
        if (!*p)
            break;
    }
    if (!any)
        snprintf(error, size, "weights: \"%s\" are all zero", text);
    return any ? 0 : -1;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static int make_weights(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct weights *weights = calloc(1, sizeof *weights);
    if (!weights) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    if (read_weights(weights, values[WEIGHTS].text, error, size) != 0) {
        free(weights);
        return -1;
    }
    *stage = (weir_stage){.in = WEIR_ANY, .route = by_weight, .close = free, .state = weights};
    return 0;
}

static int make_names(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct names *names = names_new(values[BY].text);
    if (!names) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    *stage = (weir_stage){.in = WEIR_RECORD, .route = by_key, .close = close_names, .state = names};
    return 0;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    if ((values[CONDITION].text != NULL) + (values[BY].text != NULL) + (values[WEIGHTS].text != NULL) != 1) {
        snprintf(error, size, "say one of a condition, by=NAMES and weights=N,N");
        return -1;
    }
    if (values[BY].text)
        return make_names(values, stage, error, size);
    if (values[WEIGHTS].text)
        return make_weights(values, stage, error, size);
    struct condition *condition = condition_new(values[CONDITION].text, error, size);
    if (!condition)
        return -1;
    *stage = (weir_stage){
        .in = WEIR_RECORD, .route = by_condition, .outs = yes_and_no, .close = close_condition, .state = condition};
    return 0;
}

const struct builtin builtin_route = {
    .name = "route",
    .kind = BUILTIN_FILTER,
    .summary = "send each item to one of several ways out",
    .details =
        "By a condition there are two ways out, yes and no. By a key or by weights the ways out have names of one's own\n"
        "choice, or none, and count in the order in which they are written. `discard` is a way out, too.",
    .options = options,
    .examples = examples,
    .in = "record; any with weights=",
    .out = "same",
    .make = make,
};
