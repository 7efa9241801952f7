/* SPDX-License-Identifier: MIT */
/*
 * names.c - a list of field names, and the key that a record's values under them make.
 */
#include "stages/names.h"

#include "stages/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char no_bytes[] = "";

struct names *names_new(const char *text)
{
    struct names *names = calloc(1, sizeof *names);
    size_t commas = 0;
    for (const char *p = text; *p; p++)
        commas += *p == ',';
    if (!names || !(names->text = strdup(text)) || !(names->list = calloc(commas + 1, sizeof *names->list))) {
        names_free(names);
        return NULL;
    }
    for (const char *p = names->text;; p++) {
        size_t len = strcspn(p, ",");
        names->list[names->count++] = (struct name){.text = p, .len = (uint32_t)len};
        names->text_len += len;
        if (!*(p += len))
            return names;
    }
}

void names_free(struct names *names)
{
    if (!names)
        return;
    free(names->scratch);
    free(names->list);
    free(names->text);
    free(names);
}

static bool reserve(struct names *names, size_t size)
{
    if (size <= names->scratch_size)
        return true;
    char *scratch = realloc(names->scratch, size * 2);
    if (!scratch)
        return false;
    names->scratch = scratch;
    names->scratch_size = size * 2;
    return true;
}

static weir_bytes one_key(struct names *names, const weir_record *record)
{
    struct name *name = &names->list[0];
    const weir_field *field = weir_record_find(record, name->text, name->len, &name->hint);
    if (!field)
        return (weir_bytes){no_bytes, 0};
    if (field->kind != WEIR_KIND_ESCAPED)
        return (weir_bytes){(char *)(uintptr_t)field->value, field->value_len};
    if (!reserve(names, field->value_len))
        return (weir_bytes){NULL, 0};
    return (weir_bytes){names->scratch, weir_field_text(field, names->scratch, field->value_len)};
}

weir_bytes names_key(struct names *names, const weir_record *record)
{
    if (names->count == 1)
        return one_key(names, record);
    size_t used = 0;
    for (uint32_t i = 0; i < names->count; i++) {
        struct name *name = &names->list[i];
        const weir_field *field = weir_record_find(record, name->text, name->len, &name->hint);
        uint32_t len = field ? field->value_len : 0;
        if (!reserve(names, used + sizeof len + len))
            return (weir_bytes){NULL, 0};
        if (field)
            len = (uint32_t)weir_field_text(field, names->scratch + used + sizeof len, len);
        memcpy(names->scratch + used, &len, sizeof len);
        used += sizeof len + len;
    }
    return (weir_bytes){names->scratch, used};
}

weir_bytes names_part(const struct names *names, weir_bytes *key)
{
    weir_bytes part = *key;
    uint32_t len;
    if (names->count == 1) {
        key->len = 0;
        return part;
    }
    memcpy(&len, key->data, sizeof len);
    part = (weir_bytes){key->data + sizeof len, len};
    key->data += sizeof len + len;
    key->len -= sizeof len + len;
    return part;
}

/* ---- hashes --------------------------------------------------------------------------------------------------------- */

/* So much of a value counts. */
#define HASHED_MAX 256

static uint64_t add_hash(uint64_t hash, const char *data, size_t len)
{
    return hash_bytes(data, len < HASHED_MAX ? len : HASHED_MAX, hash);
}

static uint64_t add_field(uint64_t hash, const weir_field *field)
{
    char text[HASHED_MAX];
    if (!field)
        return add_hash(hash, "", 0);
    if (field->kind != WEIR_KIND_ESCAPED)
        return add_hash(hash, field->value, field->value_len);
    return add_hash(hash, text, weir_field_text(field, text, sizeof text));
}

uint32_t names_hash(const struct names *names, const weir_record *record)
{
    uint64_t hash = hash_seed_shared();
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t hint = i;
        hash = add_field(hash, weir_record_find(record, names->list[i].text, names->list[i].len, &hint));
    }
    return (uint32_t)(hash >> 32);
}

uint32_t names_hash_key(const struct names *names, weir_bytes key)
{
    uint64_t hash = hash_seed_shared();
    for (uint32_t i = 0; i < names->count; i++) {
        weir_bytes part = names_part(names, &key);
        hash = add_hash(hash, part.data, part.len);
    }
    return (uint32_t)(hash >> 32);
}

char *names_state_type(const struct names *names, const char *stage)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs(stage, out);
    for (uint32_t i = 0; names && i < names->count; i++)
        fprintf(out, "%s%.*s", i ? "," : " by=", (int)names->list[i].len, names->list[i].text);
    return fclose(out) == 0 ? text : NULL;
}
