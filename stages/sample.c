/* SPDX-License-Identifier: MIT */
/*
 * sample.c - keeps a random part of the items, or every nth.
 *
 * The random numbers are a function of the seed and the item's number (splitmix64: Steele, Lea, Flood 2014), so the same input
 * and seed give the same sample.
 */
#include <stdio.h>
#include <stdlib.h>

#include "stages/builtin.h"

enum { FRACTION, EVERY, SEED };

static const struct option_desc options[] = {
    [FRACTION] = {.name = "fraction",
                  .kind = OPTION_FRACTION,
                  .positional = true,
                  .help = "the part of the items to keep, such as 0.01 or 1%"},
    [EVERY] = {.name = "every", .kind = OPTION_COUNT, .help = "instead: keep the first of this many items, again and again"},
    [SEED] = {.name = "seed", .kind = OPTION_NUMBER, .deflt = "0", .help = "another seed, another sample"},
    {.name = NULL},
};

static const char *const examples[] = {"sample 1%", "sample 0.5 seed=7", "sample every=100", NULL};

struct sample {
    uint64_t limit; /* keep what is below; 2^64 - 1 keeps all */
    uint64_t every, until_next;
    uint64_t random; /* the state of the generator */
};

static uint64_t draw(struct sample *sample)
{
    uint64_t z = sample->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static weir_verdict keep_some(void *state, void *item)
{
    (void)item;
    struct sample *sample = state;
    return sample->limit == UINT64_MAX || draw(sample) < sample->limit ? WEIR_KEEP : WEIR_DROP;
}

static weir_verdict keep_every(void *state, void *item)
{
    (void)item;
    struct sample *sample = state;
    if (sample->until_next-- != 0)
        return WEIR_DROP;
    sample->until_next = sample->every - 1;
    return WEIR_KEEP;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    if ((values[FRACTION].text != NULL) == (values[EVERY].text != NULL)) {
        snprintf(error, size, "say either how large a part to keep, such as 1%%, or every=COUNT");
        return -1;
    }
    if (values[EVERY].text && values[EVERY].number == 0) {
        snprintf(error, size, "every: \"%s\" is out of range; at least 1 is needed", values[EVERY].text);
        return -1;
    }
    struct sample *sample = calloc(1, sizeof *sample);
    if (!sample) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    double limit = values[FRACTION].fraction * 0x1p64;
    sample->limit = limit >= 0x1p64 ? UINT64_MAX : (uint64_t)limit;
    sample->every = (uint64_t)values[EVERY].number;
    sample->random = (uint64_t)values[SEED].number;
    *stage = (weir_stage){.in = WEIR_ANY, .map = values[EVERY].text ? keep_every : keep_some, .close = free, .state = sample};
    return 0;
}

const struct builtin builtin_sample = {
    .name = "sample",
    .kind = BUILTIN_FILTER,
    .summary = "keep a random part of the items, or every nth",
    .details = "The same input and the same seed give the same sample.",
    .options = options,
    .examples = examples,
    .in = "any",
    .out = "same",
    .make = make,
};
