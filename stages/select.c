/* SPDX-License-Identifier: MIT */
/*
 * select.c - makes records of a few of a record's fields; the text of the new record is a JSON object.
 *
 * Two passes over the chosen fields: how long will the text be at most, and writing it. All that the record points to, names
 * included, lies in its own text, so it outlives the stage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/builtin.h"
#include "stages/names.h"

enum { NAMES };

static const struct option_desc options[] = {
    [NAMES] = {.name = "names",
               .kind = OPTION_NAMES,
               .positional = true,
               .required = true,
               .help = "the fields to keep, in this order, with commas between them"},
    {.name = NULL},
};

static const char *const examples[] = {"select ts,msg", "select client,status,path", NULL};

/* ---- writing JSON ------------------------------------------------------------------------------------------------ */

/* The most that put_escaped() makes of a byte: \u00xx. */
#define ESCAPED_MAX 6

/* The length of the UTF-8 sequence at p, or 0 if there is none. */
static size_t utf8_length(const unsigned char *p, const unsigned char *end)
{
    size_t len = *p < 0x80 ? 1 : *p >= 0xC2 && *p < 0xE0 ? 2 : *p >= 0xE0 && *p < 0xF0 ? 3 : *p >= 0xF0 && *p < 0xF5 ? 4 : 0;
    if (len == 0 || (size_t)(end - p) < len)
        return 0;
    if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90) ||
        (*p == 0xF4 && p[1] > 0x8F))
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

static char *put_escape(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    *out++ = '\\';
    switch (c) {
    case '"':
    case '\\':
        *out++ = (char)c;
        return out;
    case '\t':
        *out++ = 't';
        return out;
    case '\n':
        *out++ = 'n';
        return out;
    case '\r':
        *out++ = 'r';
        return out;
    default:
        memcpy(out, "u00", 3);
        out[3] = hex[c >> 4];
        out[4] = hex[c & 15];
        return out + 5;
    }
}

/* Any bytes as the inside of a JSON string; what is not UTF-8 becomes U+FFFD. */
static char *put_escaped(char *out, const char *text, size_t len, bool *escaped)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        if (*p < 0x20 || *p == '"' || *p == '\\') {
            *escaped = true;
            out = put_escape(out, *p++);
            continue;
        }
        size_t whole = utf8_length(p, end);
        memcpy(out, whole ? (const char *)p : "\xEF\xBF\xBD", whole ? whole : 3);
        out += whole ? whole : 3;
        p += whole ? whole : 1;
    }
    return out;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static size_t longest(const struct name *name, const weir_field *field)
{
    return (size_t)ESCAPED_MAX * name->len + (size_t)ESCAPED_MAX * field->value_len + sizeof "\"\":\"\",";
}

/* "name":value and what the new field says about it. A name that had to be escaped stands once more behind the text. */
static char *put_member(char *out, const struct name *name, const weir_field *field, weir_field *made, char **spare)
{
    bool escaped = false;
    *out++ = '"';
    *made = (weir_field){.name = out, .kind = field->kind};
    out = put_escaped(out, name->text, name->len, &escaped);
    made->name_len = (uint32_t)(out - made->name);
    if (made->name_len != name->len) {
        made->name = *spare;
        made->name_len = name->len;
        memcpy(*spare, name->text, name->len);
        *spare += name->len;
    }
    *out++ = '"';
    *out++ = ':';
    bool quoted = field->kind == WEIR_KIND_TEXT || field->kind == WEIR_KIND_ESCAPED;
    if (quoted)
        *out++ = '"';
    made->value = out;
    escaped = false;
    if (field->kind == WEIR_KIND_TEXT) {
        out = put_escaped(out, field->value, field->value_len, &escaped);
        made->kind = escaped ? WEIR_KIND_ESCAPED : WEIR_KIND_TEXT;
    } else {
        memcpy(out, field->value, field->value_len);
        out += field->value_len;
    }
    made->value_len = (uint32_t)(out - made->value);
    if (quoted)
        *out++ = '"';
    return out;
}

static int choose(void *state, void *item, weir_out *out)
{
    struct names *names = state;
    const weir_record *record = item;
    size_t size = sizeof "{}";
    for (uint32_t i = 0; i < names->count; i++) {
        struct name *name = &names->list[i];
        const weir_field *field = weir_record_find(record, name->text, name->len, &name->hint);
        size += field ? longest(name, field) : 0;
    }
    weir_record *made = weir_emit(out);
    char *memory = made ? weir_alloc(out, names->count * sizeof(weir_field) + names->text_len + size) : NULL;
    if (!memory)
        return weir_fail_memory();
    char *spare = memory + names->count * sizeof(weir_field), *text = spare + names->text_len, *p = text;
    *made = (weir_record){.text.data = text, .fields = (weir_field *)(void *)memory};
    *p++ = '{';
    for (uint32_t i = 0; i < names->count; i++) {
        struct name *name = &names->list[i];
        const weir_field *field = weir_record_find(record, name->text, name->len, &name->hint);
        if (!field)
            continue;
        if (made->count)
            *p++ = ',';
        p = put_member(p, name, field, &made->fields[made->count++], &spare);
    }
    *p++ = '}';
    made->text.len = (size_t)(p - text);
    return 0;
}

static void close(void *state)
{
    names_free(state);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    struct names *names = names_new(values[NAMES].text);
    if (!names) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    *stage = (weir_stage){.in = WEIR_RECORD, .out = WEIR_RECORD, .each = choose, .close = close, .state = names};
    return 0;
}

const struct builtin builtin_select = {
    .name = "select",
    .kind = BUILTIN_FILTER,
    .summary = "keep some of a record's fields, as a JSON object",
    .details =
        "The new record's text is a JSON object with these fields, those that are there. Numbers, objects and arrays stay as\n"
        "they are written; bytes that are not UTF-8 become U+FFFD.",
    .options = options,
    .examples = examples,
    .in = "record",
    .out = "record",
    .make = make,
};
