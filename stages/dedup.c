/* SPDX-License-Identifier: MIT */
/*
 * dedup.c - drops items that were seen before.
 *
 * What is remembered of an item is a fingerprint of 128 bits under a random seed, not its bytes: the memory is bounded by the
 * window alone, whatever the length of the lines. That two of a million different keys meet has a chance of 1 in 10^26.
 *
 * The fingerprints stand in a ring, oldest first out; a table of slots over the ring finds them (linear probing, with the gap
 * closed when one leaves, so that look-ups never slow down).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/builtin.h"
#include "stages/hash.h"
#include "stages/names.h"

enum { BY, WINDOW };

#define WINDOW_MAX (1 << 30)

static const struct option_desc options[] = {
    [BY] = {.name = "by",
            .kind = OPTION_NAMES,
            .help = "what makes two items the same: the values of these fields; default: the whole text"},
    [WINDOW] = {.name = "window", .kind = OPTION_COUNT, .deflt = "100000", .help = "how many distinct keys are remembered"},
    {.name = NULL},
};

static const char *const examples[] = {"dedup", "dedup by=client window=1M", NULL};

struct print {
    uint64_t low, high;
};

struct dedup {
    struct names *names; /* owned; NULL: the whole text */
    struct print *ring;  /* owned; grows up to `window` */
    uint32_t *slots;     /* owned; index in the ring plus one; 0: free. Always at least twice the ring. */
    size_t count, capacity, window;
    size_t oldest; /* the next to go, once the ring is full */
    size_t mask;   /* of the slots */
    uint64_t seed[2];
};

static size_t home(const struct dedup *dedup, size_t slot)
{
    return dedup->ring[dedup->slots[slot] - 1].low & dedup->mask;
}

/* The slot that the fingerprint is in, or the free one that it would be in. */
static size_t find(const struct dedup *dedup, struct print print)
{
    size_t at = print.low & dedup->mask;
    while (dedup->slots[at]) {
        const struct print *other = &dedup->ring[dedup->slots[at] - 1];
        if (other->low == print.low && other->high == print.high)
            break;
        at = (at + 1) & dedup->mask;
    }
    return at;
}

/* Frees the slot, and moves up what would not be found behind a free one. */
static void forget(struct dedup *dedup, size_t gap)
{
    dedup->slots[gap] = 0;
    for (size_t at = (gap + 1) & dedup->mask; dedup->slots[at]; at = (at + 1) & dedup->mask) {
        size_t wants = home(dedup, at);
        if (((at - wants) & dedup->mask) < ((at - gap) & dedup->mask))
            continue;
        dedup->slots[gap] = dedup->slots[at];
        dedup->slots[at] = 0;
        gap = at;
    }
}

static int grow(struct dedup *dedup)
{
    size_t capacity = dedup->capacity ? dedup->capacity * 2 : 1024, size = 4 * capacity;
    struct print *ring = realloc(dedup->ring, capacity * sizeof *ring);
    if (!ring)
        return -1;
    dedup->ring = ring;
    uint32_t *slots = calloc(size, sizeof *slots);
    if (!slots)
        return -1;
    free(dedup->slots);
    dedup->slots = slots;
    dedup->mask = size - 1;
    dedup->capacity = capacity;
    for (size_t i = 0; i < dedup->count; i++)
        slots[find(dedup, ring[i])] = (uint32_t)i + 1;
    return 0;
}

static weir_verdict judge(struct dedup *dedup, weir_bytes key)
{
    if (dedup->count == dedup->capacity && dedup->count < dedup->window && grow(dedup) != 0)
        return weir_fail_memory();
    struct print print = {hash_bytes(key.data, key.len, dedup->seed[0]), hash_bytes(key.data, key.len, dedup->seed[1])};
    if (dedup->slots[find(dedup, print)])
        return WEIR_DROP;
    size_t place = dedup->count;
    if (dedup->count == dedup->window) {
        place = dedup->oldest;
        dedup->oldest = (dedup->oldest + 1) % dedup->window;
        forget(dedup, find(dedup, dedup->ring[place]));
    } else {
        dedup->count++;
    }
    dedup->ring[place] = print;
    dedup->slots[find(dedup, print)] = (uint32_t)place + 1;
    return WEIR_KEEP;
}

static weir_verdict by_text(void *state, void *item)
{
    return judge(state, *(weir_bytes *)item);
}

static weir_verdict by_names(void *state, void *item)
{
    struct dedup *dedup = state;
    weir_bytes key = names_key(dedup->names, item);
    return key.data ? judge(dedup, key) : weir_fail_memory();
}

static void close(void *state)
{
    struct dedup *dedup = state;
    names_free(dedup->names);
    free(dedup->ring);
    free(dedup->slots);
    free(dedup);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    if (values[WINDOW].number < 1 || values[WINDOW].number > WINDOW_MAX) {
        snprintf(error, size, "window: \"%s\" is out of range; from 1 to %d is possible", values[WINDOW].text, WINDOW_MAX);
        return -1;
    }
    struct dedup *dedup = calloc(1, sizeof *dedup);
    if (!dedup || (values[BY].text && !(dedup->names = names_new(values[BY].text)))) {
        free(dedup);
        snprintf(error, size, "out of memory");
        return -1;
    }
    dedup->window = (size_t)values[WINDOW].number;
    dedup->seed[0] = hash_seed();
    dedup->seed[1] = hash_seed();
    *stage = (weir_stage){
        .in = dedup->names ? WEIR_RECORD : WEIR_BYTES,
        .map = dedup->names ? by_names : by_text,
        .close = close,
        .state = dedup,
    };
    return 0;
}

const struct builtin builtin_dedup = {
    .name = "dedup",
    .kind = BUILTIN_FILTER,
    .summary = "drop items that were seen before",
    .details =
        "Remembers the most recent distinct keys, as many as window= says, each for 32 to 64 bytes of memory; a key that\n"
        "was forgotten passes again. Keys are told apart by a fingerprint of 128 bits.",
    .options = options,
    .examples = examples,
    .in = "bytes; record with by=",
    .out = "same",
    .make = make,
};
