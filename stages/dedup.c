/* SPDX-License-Identifier: MIT */
/*
 * dedup.c - drops items that were seen before.
 *
 * What is remembered of an item is a fingerprint of 128 bits under a random seed, not its bytes: the memory is bounded by the
 * window alone, whatever the length of the lines. 32 of the bits say to which lane of a pool the key belongs, and may know the
 * beginning of the values only, or be among the others; the other 96 make the chance that two of a million different keys meet 1 in 10^17.
 *
 * Each fingerprint is a node, in a queue, oldest first out, and in a chain of the table that finds it. Nodes rather than an array,
 * because a successor takes them over one by one, and that must not need memory.
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
    struct print *next;  /* in its chain */
    struct print *newer; /* in the queue */
    uint64_t low, high;  /* the lower half of `high` is the lane's */
};

struct dedup {
    struct names *names;   /* owned; NULL: the whole text */
    struct print **chains; /* owned; a power of two, which grows to the number of prints */
    struct print *oldest, *newest;
    size_t chain_count, count, window;
    uint64_t seed;    /* the same for all, since prints move */
    char *state_type; /* owned */
};

#define CHAINS_MIN 64

static struct print **chain_of(const struct dedup *dedup, uint64_t low)
{
    return &dedup->chains[low & (dedup->chain_count - 1)];
}

/* Without memory the chains stay as long as they are. */
static void grow_chains(struct dedup *dedup)
{
    struct print **chains = calloc(dedup->chain_count * 2, sizeof *chains);
    if (!chains)
        return;
    free(dedup->chains);
    dedup->chains = chains;
    dedup->chain_count *= 2;
    for (struct print *print = dedup->oldest; print; print = print->newer) {
        struct print **chain = chain_of(dedup, print->low);
        print->next = *chain;
        *chain = print;
    }
}

static bool is_known(const struct dedup *dedup, uint64_t low, uint64_t high)
{
    const struct print *print = *chain_of(dedup, low);
    while (print && (print->low != low || print->high != high))
        print = print->next;
    return print != NULL;
}

static void add_print(struct dedup *dedup, struct print *print)
{
    struct print **chain = chain_of(dedup, print->low);
    print->next = *chain;
    print->newer = NULL;
    *chain = print;
    *(dedup->newest ? &dedup->newest->newer : &dedup->oldest) = print;
    dedup->newest = print;
    dedup->count++;
}

/* The oldest, which leaves. */
static struct print *take_oldest(struct dedup *dedup)
{
    struct print *print = dedup->oldest, **at = chain_of(dedup, print->low);
    while (*at != print)
        at = &(*at)->next;
    *at = print->next;
    dedup->oldest = print->newer;
    dedup->newest = dedup->oldest ? dedup->newest : NULL;
    dedup->count--;
    return print;
}

static weir_verdict judge(struct dedup *dedup, weir_bytes key, uint64_t low, uint32_t lane)
{
    uint64_t high = hash_bytes(key.data, key.len, ~dedup->seed) >> 32 << 32 | lane;
    if (is_known(dedup, low, high))
        return WEIR_DROP;
    struct print *print = dedup->count == dedup->window ? take_oldest(dedup) : malloc(sizeof *print);
    if (!print)
        return weir_fail_memory();
    if (dedup->count >= dedup->chain_count)
        grow_chains(dedup);
    *print = (struct print){.low = low, .high = high};
    add_print(dedup, print);
    return WEIR_KEEP;
}

static uint64_t low_of(const struct dedup *dedup, weir_bytes key)
{
    return hash_bytes(key.data, key.len, dedup->seed);
}

static weir_verdict by_text(void *state, void *item)
{
    uint64_t low = low_of(state, *(weir_bytes *)item);
    return judge(state, *(weir_bytes *)item, low, (uint32_t)(low >> 32));
}

static weir_verdict by_names(void *state, void *item)
{
    struct dedup *dedup = state;
    weir_bytes key = names_key(dedup->names, item);
    return key.data ? judge(dedup, key, low_of(dedup, key), names_hash(dedup->names, item)) : weir_fail_memory();
}

static uint64_t lane_of(void *state, const void *item)
{
    const struct dedup *dedup = state;
    return dedup->names ? names_hash(dedup->names, item) : (uint32_t)(low_of(dedup, *(const weir_bytes *)item) >> 32);
}

/* What is left for others is put into a queue again: that needs no memory. */
static void take_over(void *state, void *from, size_t lane, size_t lanes)
{
    struct dedup *dedup = state, *old = from;
    for (size_t left = old->count; left > 0; left--) {
        struct print *print = take_oldest(old);
        if (lanes > 1 && (uint32_t)print->high % lanes != lane) {
            add_print(old, print);
            continue;
        }
        if (is_known(dedup, print->low, print->high)) {
            free(print);
            continue;
        }
        if (dedup->count == dedup->window)
            free(take_oldest(dedup));
        if (dedup->count >= dedup->chain_count)
            grow_chains(dedup);
        add_print(dedup, print);
    }
}

static void close(void *state)
{
    struct dedup *dedup = state;
    while (dedup->oldest)
        free(take_oldest(dedup));
    names_free(dedup->names);
    free(dedup->chains);
    free(dedup->state_type);
    free(dedup);
}

static struct dedup *dedup_new(const char *by)
{
    struct dedup *dedup = calloc(1, sizeof *dedup);
    if (!dedup)
        return NULL;
    dedup->names = by ? names_new(by) : NULL;
    dedup->chain_count = CHAINS_MIN;
    dedup->chains = calloc(CHAINS_MIN, sizeof *dedup->chains);
    dedup->state_type = names_state_type(dedup->names, "dedup");
    dedup->seed = hash_seed_shared();
    if ((dedup->names || !by) && dedup->chains && dedup->state_type)
        return dedup;
    close(dedup);
    return NULL;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    if (values[WINDOW].number < 1 || values[WINDOW].number > WINDOW_MAX) {
        snprintf(error, size, "window: \"%s\" is out of range; from 1 to %d is possible", values[WINDOW].text, WINDOW_MAX);
        return -1;
    }
    struct dedup *dedup = dedup_new(values[BY].text);
    if (!dedup) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    dedup->window = (size_t)values[WINDOW].number;
    *stage = (weir_stage){
        .in = dedup->names ? WEIR_RECORD : WEIR_BYTES,
        .map = dedup->names ? by_names : by_text,
        .key = lane_of,
        .state_type = dedup->state_type,
        .take_over = take_over,
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
        "was forgotten passes again. Keys are told apart by a fingerprint of 128 bits. A dedup by the same names that replaces "
        "one\n"
        "remembers what that did. In a pool (lanes=) each lane has a window of its own.",
    .options = options,
    .examples = examples,
    .in = "bytes; record with by=",
    .out = "same",
    .make = make,
};
