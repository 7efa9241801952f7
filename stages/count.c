/* SPDX-License-Identifier: MIT */
/*
 * count.c - counts items, all or by the values of fields, and puts the counts out at the end, at each tick, or at a flush.
 *
 * Each distinct key is a node with its count and its bytes; a table of chains finds it. An item whose key is known costs a hash,
 * mostly one node and one comparison, and no memory. Nodes rather than an array, because a successor takes them over one by one,
 * and that must not need memory: all that can fail is that the table does not grow, and then it is slower. The number of
 * distinct keys has no limit but that of memory; every= empties the table.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/builtin.h"
#include "stages/hash.h"
#include "stages/names.h"

enum { BY, EVERY };

static const struct option_desc options[] = {
    [BY] = {.name = "by",
            .kind = OPTION_NAMES,
            .help = "count for each distinct value of these fields; default: all items together"},
    [EVERY] = {.name = "every",
               .kind = OPTION_DURATION,
               .help = "put out the counts this often and begin again at zero; default: once, at the end"},
    {.name = NULL},
};

static const char *const examples[] = {"count", "count by=status", "count by=service,level every=10s", NULL};

struct counter {
    struct counter *next; /* in its chain */
    uint64_t hash, count;
    size_t len;
    char key[];
};

struct count {
    struct names *names; /* owned; NULL: all items together */
    uint64_t all;        /* without names */
    bool said;           /* without names: a count was put out, and nothing has come since */

    struct counter **chains; /* owned; a power of two, which grows to the number of counters */
    size_t chain_count, count;
    uint64_t seed;    /* the same for all, since counters move */
    char *state_type; /* owned */
};

#define CHAINS_MIN 64

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void add_node(struct count *count, struct counter *counter)
{
    struct counter **chain = &count->chains[counter->hash & (count->chain_count - 1)];
    counter->next = *chain;
    *chain = counter;
    count->count++;
}

/* Without memory the chains stay as long as they are. */
static void grow_chains(struct count *count)
{
    size_t old_count = count->chain_count;
    struct counter **old = count->chains, **chains = calloc(old_count * 2, sizeof *chains), *next;
    if (!chains)
        return;
    count->chains = chains;
    count->chain_count = old_count * 2;
    count->count = 0;
    for (size_t i = 0; i < old_count; i++)
        for (struct counter *counter = old[i]; counter; counter = next) {
            next = counter->next;
            add_node(count, counter);
        }
    free(old);
}

static struct counter *find_counter(const struct count *count, uint64_t hash, weir_bytes key)
{
    struct counter *counter = count->chains[hash & (count->chain_count - 1)];
    while (counter && (counter->hash != hash || counter->len != key.len || memcmp(counter->key, key.data, key.len) != 0))
        counter = counter->next;
    return counter;
}

static __attribute__((noinline)) int add_counter(struct count *count, uint64_t hash, weir_bytes key)
{
    struct counter *counter = malloc(sizeof *counter + key.len);
    if (!counter)
        return weir_fail_memory();
    if (count->count >= count->chain_count)
        grow_chains(count);
    *counter = (struct counter){.hash = hash, .count = 1, .len = key.len};
    memcpy(counter->key, key.data, key.len);
    add_node(count, counter);
    return 0;
}

static int count_key(struct count *count, weir_bytes key)
{
    uint64_t hash = hash_bytes(key.data, key.len, count->seed);
    struct counter *counter = find_counter(count, hash, key);
    if (!counter)
        return add_counter(count, hash, key);
    counter->count++;
    return 0;
}

static void reset(struct count *count)
{
    for (size_t i = 0; i < count->chain_count; i++)
        for (struct counter *next; count->chains[i]; count->chains[i] = next) {
            next = count->chains[i]->next;
            free(count->chains[i]);
        }
    count->count = 0;
    count->all = 0;
}

/* ---- putting out ------------------------------------------------------------------------------------------------- */

static weir_bytes counter_key(const struct counter *counter)
{
    return (weir_bytes){(char *)(uintptr_t)counter->key, counter->len};
}

/* Most first; the same number: by the bytes of the values. */
static int order(const void *left, const void *right, void *state)
{
    const struct counter *a = *(struct counter *const *)left, *b = *(struct counter *const *)right;
    const struct count *count = state;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    weir_bytes a_key = counter_key(a), b_key = counter_key(b);
    for (uint32_t i = 0; i < count->names->count; i++) {
        weir_bytes x = names_part(count->names, &a_key), y = names_part(count->names, &b_key);
        int differs = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
        if (differs || x.len != y.len)
            return differs ? differs : x.len < y.len ? -1 : 1;
    }
    return 0;
}

/* A value as one column of a line: a tab or a line's end in it would break the form, and is written as \t, \n, \r. */
static char *put_value(char *out, weir_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '\t' || c == '\n' || c == '\r') {
            *out++ = '\\';
            c = c == '\t' ? 't' : c == '\n' ? 'n' : 'r';
        }
        *out++ = c;
    }
    return out;
}

static int emit_counter(const struct count *count, uint64_t number, weir_bytes key, weir_out *out)
{
    char digits[24];
    int digits_len = snprintf(digits, sizeof digits, "%" PRIu64, number);
    uint32_t names = count->names ? count->names->count : 0, fields = names + 1;
    size_t names_len = count->names ? count->names->text_len : 0;
    weir_record *record = weir_emit(out);
    char *memory =
        record ? weir_alloc(out, fields * sizeof(weir_field) + names_len + (size_t)digits_len + names + 2 * key.len) : NULL;
    if (!memory)
        return weir_fail_memory();
    char *name = memory + fields * sizeof(weir_field), *text = name + names_len, *p = text + digits_len;
    memcpy(text, digits, (size_t)digits_len);
    *record = (weir_record){.text.data = text, .fields = (weir_field *)(void *)memory, .count = fields};
    record->fields[0] = (weir_field){
        .name = "count", .name_len = 5, .value = text, .value_len = (uint32_t)digits_len, .kind = WEIR_KIND_NUMBER};
    for (uint32_t i = 0; i < names; i++) {
        const struct name *by = &count->names->list[i];
        *p++ = '\t';
        char *value = p;
        p = put_value(p, names_part(count->names, &key));
        memcpy(name, by->text, by->len);
        record->fields[i + 1] =
            (weir_field){.name = name, .name_len = by->len, .value = value, .value_len = (uint32_t)(p - value)};
        name += by->len;
    }
    record->text.len = (size_t)(p - text);
    return 0;
}

static int put_sorted(struct count *count, struct counter **counters, weir_out *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count->chain_count; i++)
        for (struct counter *counter = count->chains[i]; counter; counter = counter->next)
            counters[n++] = counter;
    qsort_r(counters, n, sizeof(struct counter *), order, count);
    for (size_t i = 0; i < n; i++)
        if (emit_counter(count, counters[i]->count, counter_key(counters[i]), out) != 0)
            return -1; /* nothing was put out, and counting goes on */
    return 0;
}

static int put_all(struct count *count, weir_out *out)
{
    if (!count->names)
        return emit_counter(count, count->all, (weir_bytes){NULL, 0}, out);
    struct counter **counters = malloc((count->count + 1) * sizeof(struct counter *));
    int answer = counters ? put_sorted(count, counters, out) : weir_fail_memory();
    free(counters);
    return answer;
}

static int tick(void *state, weir_out *out)
{
    struct count *count = state;
    if (put_all(count, out) != 0)
        return -1;
    count->said = true;
    reset(count);
    return 0;
}

/* A zero is worth saying once, as by `wc`, but not again at the end when a tick has just said it. */
static int flush(void *state, weir_out *out)
{
    struct count *count = state;
    return count->names || count->all || !count->said ? tick(state, out) : 0;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static int count_all(void *state, void *item, weir_out *out)
{
    (void)item, (void)out;
    struct count *count = state;
    count->all++;
    return 0;
}

static int count_by(void *state, void *item, weir_out *out)
{
    (void)out;
    struct count *count = state;
    weir_bytes key = names_key(count->names, item);
    return key.data ? count_key(count, key) : weir_fail_memory();
}

static uint64_t lane_of(void *state, const void *item)
{
    return names_hash(((const struct count *)state)->names, item);
}

static void take_counter(struct count *count, struct counter *counter)
{
    struct counter *known = find_counter(count, counter->hash, counter_key(counter));
    if (!known) {
        add_node(count, counter);
        return;
    }
    known->count += counter->count;
    free(counter);
}

static void take_over(void *state, void *from, size_t lane, size_t lanes)
{
    struct count *count = state, *old = from;
    count->all += old->all;
    count->said = old->said && count->all == 0;
    old->all = 0;
    for (size_t i = 0; i < old->chain_count; i++)
        for (struct counter **at = &old->chains[i], *counter; (counter = *at);) {
            if (lanes > 1 && names_hash_key(count->names, counter_key(counter)) % lanes != lane) {
                at = &counter->next;
                continue;
            }
            *at = counter->next;
            take_counter(count, counter);
        }
    while (count->count > 2 * count->chain_count) {
        size_t before = count->chain_count;
        grow_chains(count);
        if (count->chain_count == before)
            return;
    }
}

static void close(void *state)
{
    struct count *count = state;
    names_free(count->names);
    if (count->chains)
        reset(count);
    free(count->chains);
    free(count->state_type);
    free(count);
}

static struct count *count_new(const char *by)
{
    struct count *count = calloc(1, sizeof *count);
    if (!count)
        return NULL;
    count->names = by ? names_new(by) : NULL;
    count->chain_count = CHAINS_MIN;
    count->chains = calloc(CHAINS_MIN, sizeof *count->chains);
    count->state_type = names_state_type(count->names, "count");
    count->seed = hash_seed_shared();
    if ((count->names || !by) && count->chains && count->state_type)
        return count;
    close(count);
    return NULL;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    uint64_t every_ms = values[EVERY].ns / 1000000;
    if (values[EVERY].text && (every_ms == 0 || every_ms > UINT32_MAX)) {
        snprintf(error, size, "every: \"%s\" is out of range; from 1ms to 49d is possible", values[EVERY].text);
        return -1;
    }
    struct count *count = count_new(values[BY].text);
    if (!count) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    *stage = (weir_stage){
        .in = count->names ? WEIR_RECORD : WEIR_ANY,
        .out = WEIR_RECORD,
        .each = count->names ? count_by : count_all,
        .key = count->names ? lane_of : NULL,
        .state_type = count->state_type,
        .take_over = take_over,
        .flush = flush,
        .tick = values[EVERY].text ? tick : NULL,
        .tick_ms = (uint32_t)every_ms,
        .close = close,
        .state = count,
    };
    return 0;
}

const struct builtin builtin_count = {
    .name = "count",
    .kind = BUILTIN_FILTER,
    .summary = "count items, all or by the values of fields",
    .details =
        "Puts out one line for each value: the count, a tab, the value (and more tabs and values for more names), most\n"
        "frequent first; as fields: `count` and the names. A missing field counts as an empty one. Needs memory for each\n"
        "distinct value. A count by the same names that replaces one goes on from where that was. In a pool (lanes=) each "
        "lane\n"
        "puts out its own lines.",
    .options = options,
    .examples = examples,
    .in = "any; record with by=",
    .out = "record",
    .make = make,
};
