/* SPDX-License-Identifier: MIT */
/*
 * count.c - counts items, all or by the values of fields, and puts the counts out at the end, at each tick, or at a flush.
 *
 * The counters are one array in the order in which their keys first came; a table of slots over it finds them, and all keys lie
 * in one growing buffer. An item whose key is known costs a hash, mostly one slot and one comparison, and no memory. The table
 * grows with the number of distinct keys, without a limit but that of memory; every= empties it.
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
    uint64_t hash;
    uint64_t count;
    size_t offset; /* of the key in `keys` */
    size_t len;
};

struct count {
    struct names *names; /* owned; NULL: all items together */
    uint64_t all;        /* without names */
    bool said;           /* without names: a count was put out, and nothing has come since */

    struct counter *counters; /* owned */
    size_t count, capacity;
    uint64_t *slots; /* owned; the upper half of the hash, and the counter's index plus one; 0: free. Twice `capacity`. */
    char *keys;      /* owned */
    size_t keys_len, keys_size;
    uint64_t seed;
};

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void set_slot(struct count *count, uint64_t hash, size_t index)
{
    size_t mask = count->capacity * 2 - 1, at = hash & mask;
    while (count->slots[at])
        at = (at + 1) & mask;
    count->slots[at] = (hash >> 32 << 32) | (index + 1);
}

/* Finds the counters where they stand now. */
static void set_slots(struct count *count)
{
    memset(count->slots, 0, count->capacity * 2 * sizeof *count->slots);
    for (size_t i = 0; i < count->count; i++)
        set_slot(count, count->counters[i].hash, i);
}

static int grow_counters(struct count *count)
{
    size_t capacity = count->capacity ? count->capacity * 2 : 64;
    if (capacity > UINT32_MAX / 2)
        return -1;
    uint64_t *slots = malloc(capacity * 2 * sizeof *slots);
    struct counter *counters = slots ? realloc(count->counters, capacity * sizeof *counters) : NULL;
    if (!counters) {
        free(slots);
        return -1;
    }
    free(count->slots);
    count->slots = slots;
    count->counters = counters;
    count->capacity = capacity;
    set_slots(count);
    return 0;
}

static int grow_keys(struct count *count, size_t len)
{
    size_t size = (count->keys_len + len) * 2;
    char *keys = realloc(count->keys, size);
    if (!keys)
        return -1;
    count->keys = keys;
    count->keys_size = size;
    return 0;
}

static __attribute__((noinline)) int add_counter(struct count *count, uint64_t hash, weir_bytes key)
{
    if (count->count == count->capacity && grow_counters(count) != 0)
        return weir_fail_memory();
    if (count->keys_len + key.len >= count->keys_size && grow_keys(count, key.len + 1) != 0)
        return weir_fail_memory();
    count->counters[count->count] = (struct counter){.hash = hash, .count = 1, .offset = count->keys_len, .len = key.len};
    memcpy(count->keys + count->keys_len, key.data, key.len);
    count->keys_len += key.len;
    set_slot(count, hash, count->count);
    count->count++;
    return 0;
}

static int count_key(struct count *count, weir_bytes key)
{
    uint64_t hash = hash_bytes(key.data, key.len, count->seed);
    size_t mask = count->capacity * 2 - 1;
    for (size_t at = hash & mask; count->capacity && count->slots[at]; at = (at + 1) & mask) {
        if (count->slots[at] >> 32 != hash >> 32)
            continue;
        struct counter *counter = &count->counters[(uint32_t)count->slots[at] - 1];
        if (counter->len == key.len && memcmp(count->keys + counter->offset, key.data, key.len) == 0) {
            counter->count++;
            return 0;
        }
    }
    return add_counter(count, hash, key);
}

static void reset(struct count *count)
{
    count->count = 0;
    count->keys_len = 0;
    count->all = 0;
    if (count->slots)
        set_slots(count);
}

/* ---- putting out ------------------------------------------------------------------------------------------------- */

static weir_bytes counter_key(const struct count *count, const struct counter *counter)
{
    return (weir_bytes){count->keys + counter->offset, counter->len};
}

/* Most first; the same number: by the bytes of the values. */
static int order(const void *left, const void *right, void *state)
{
    const struct counter *a = left, *b = right;
    struct count *count = state;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    weir_bytes a_key = counter_key(count, a), b_key = counter_key(count, b);
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

static int put_all(struct count *count, weir_out *out)
{
    if (!count->names)
        return emit_counter(count, count->all, (weir_bytes){NULL, 0}, out);
    if (count->count)
        qsort_r(count->counters, count->count, sizeof *count->counters, order, count);
    for (size_t i = 0; i < count->count; i++)
        if (emit_counter(count, count->counters[i].count, counter_key(count, &count->counters[i]), out) != 0) {
            set_slots(count); /* nothing was put out, and counting goes on */
            return -1;
        }
    return 0;
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

static void close(void *state)
{
    struct count *count = state;
    names_free(count->names);
    free(count->counters);
    free(count->slots);
    free(count->keys);
    free(count);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    uint64_t every_ms = values[EVERY].ns / 1000000;
    if (values[EVERY].text && (every_ms == 0 || every_ms > UINT32_MAX)) {
        snprintf(error, size, "every: \"%s\" is out of range; from 1ms to 49d is possible", values[EVERY].text);
        return -1;
    }
    struct count *count = calloc(1, sizeof *count);
    if (!count || (values[BY].text && !(count->names = names_new(values[BY].text)))) {
        free(count);
        snprintf(error, size, "out of memory");
        return -1;
    }
    count->seed = hash_seed();
    *stage = (weir_stage){
        .in = count->names ? WEIR_RECORD : WEIR_ANY,
        .out = WEIR_RECORD,
        .each = count->names ? count_by : count_all,
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
        "distinct value.",
    .options = options,
    .examples = examples,
    .in = "any; record with by=",
    .out = "record",
    .make = make,
};
