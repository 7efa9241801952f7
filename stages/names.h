/* SPDX-License-Identifier: MIT */
/*
 * names.h - a list of field names, as in `by=service,level`, and the key that a record's values under them make.
 */
#ifndef STAGES_NAMES_H
#define STAGES_NAMES_H

#include <weir/stage.h>

struct name {
    const char *text;
    uint32_t len;
    uint32_t hint; /* for weir_record_find */
};

struct names {
    struct name *list;
    uint32_t count;
    size_t text_len; /* of all names together */
    char *text;      /* owned; what the names are slices of */
    char *scratch;   /* owned; the last key, where it could not be a slice of the record */
    size_t scratch_size;
};

/* From checked text with commas. NULL: no memory. */
struct names *names_new(const char *text);
void names_free(struct names *names); /* NULL is fine */

/* The record's values under these names as one run of bytes; a field that is missing counts as empty. Of one name it is the
 * value itself, of several each value with its length in front (see names_part). Escapes are resolved, so that two ways to
 * write a value are one key. Valid until the next call and as long as the record. data NULL: no memory. */
weir_bytes names_key(struct names *names, const weir_record *record);

/* A hash of the values that is the same for equal keys, in this process. Unlike names_key() it changes nothing, and needs no memory, so
 * that it may be called beside it; long values count with their beginning only. */
uint32_t names_hash(const struct names *names, const weir_record *record);

/* The same of a key that names_key() made. */
uint32_t names_hash_key(const struct names *names, weir_bytes key);

/* The name of a state that depends on the names: "count" or "count by=a,b". A new string, or NULL: no memory. */
char *names_state_type(const struct names *names, const char *stage);

/* Takes the next value off the front of a key. */
weir_bytes names_part(const struct names *names, weir_bytes *key);

#endif
