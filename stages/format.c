/* SPDX-License-Identifier: MIT */
/*
 * format.c - makes lines from a template with the names of fields in it.
 *
 * The template is cut into pieces once: a run of text, a field, or the item's own text. For each item one pass finds how long
 * the line can become, and one writes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/builtin.h"

enum { TEMPLATE };

static const struct option_desc options[] = {
    [TEMPLATE] = {.name = "template",
                  .kind = OPTION_TEXT,
                  .positional = true,
                  .required = true,
                  .help = "the line to write: {name} is a field, {} the item's text, {{ and }} are braces"},
    {.name = NULL},
};

static const char *const examples[] = {"format '{status} {path}'", "format 'line: {}'", NULL};

enum piece_kind { PIECE_TEXT, PIECE_FIELD, PIECE_ITEM };

struct piece {
    enum piece_kind kind;
    const char *text; /* TEXT: the run; FIELD: the name */
    uint32_t len;
    uint32_t hint;
    const weir_field *field; /* FIELD: of the item at hand, between the two passes */
};

struct format {
    char *text;           /* owned; the template, its doubled braces made one */
    struct piece *pieces; /* owned */
    size_t count;
    bool fields; /* at least one field is named */
};

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t measure(struct piece *piece, const weir_bytes *item)
{
    switch (piece->kind) {
    case PIECE_TEXT:
        return piece->len;
    case PIECE_ITEM:
        return item->len;
    default: /* then the item is a record */
        piece->field = weir_record_find((const weir_record *)(const void *)item, piece->text, piece->len, &piece->hint);
        return piece->field ? piece->field->value_len : 0;
    }
}

static char *put_bytes(char *out, const char *bytes, size_t len)
{
    if (len)
        memcpy(out, bytes, len);
    return out + len;
}

static char *put_piece(char *out, const struct piece *piece, const weir_bytes *item)
{
    switch (piece->kind) {
    case PIECE_TEXT:
        return put_bytes(out, piece->text, piece->len);
    case PIECE_ITEM:
        return put_bytes(out, item->data, item->len);
    default:
        return piece->field ? out + weir_field_text(piece->field, out, piece->field->value_len) : out;
    }
}

static int write_line(void *state, void *item, weir_out *out)
{
    struct format *format = state;
    size_t size = 0;
    for (size_t i = 0; i < format->count; i++)
        size += measure(&format->pieces[i], item);
    weir_bytes *line = weir_emit(out);
    char *text = line ? weir_alloc(out, size ? size : 1) : NULL, *p = text;
    if (!text)
        return weir_fail_memory();
    for (size_t i = 0; i < format->count; i++)
        p = put_piece(p, &format->pieces[i], item);
    *line = (weir_bytes){text, (size_t)(p - text)};
    return 0;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void close(void *state)
{
    struct format *format = state;
    free(format->pieces);
    free(format->text);
    free(format);
}

static void add(struct format *format, enum piece_kind kind, const char *text, const char *end)
{
    if (kind != PIECE_TEXT || end > text)
        format->pieces[format->count++] = (struct piece){.kind = kind, .text = text, .len = (uint32_t)(end - text)};
    format->fields |= kind == PIECE_FIELD;
}

/* Cuts the template, in place: a doubled brace ends a run behind its first byte, and its second is skipped. */
static int cut(struct format *format, char *error, size_t size)
{
    const char *run = format->text, *p = run;
    while (*p) {
        if (*p != '{' && *p != '}') {
            p++;
        } else if (p[1] == *p) {
            add(format, PIECE_TEXT, run, p + 1);
            run = p += 2;
        } else if (*p == '}') {
            snprintf(error, size, "the closing brace at byte %zu has no opening one; write }} for a brace: %s",
                     (size_t)(p - format->text), format->text);
            return -1;
        } else {
            const char *end = p + strcspn(p, "}");
            if (!*end) {
                snprintf(error, size, "the brace at byte %zu is not closed; write {{ for a brace: %s",
                         (size_t)(p - format->text), format->text);
                return -1;
            }
            add(format, PIECE_TEXT, run, p);
            add(format, end == p + 1 ? PIECE_ITEM : PIECE_FIELD, p + 1, end);
            run = p = end + 1;
        }
    }
    add(format, PIECE_TEXT, run, p);
    return 0;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    const char *template = values[TEMPLATE].text;
    struct format *format = calloc(1, sizeof *format);
    if (!format) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    format->text = strdup(template);
    format->pieces = calloc(strlen(template) + 2, sizeof *format->pieces);
    if (!format->text || !format->pieces)
        snprintf(error, size, "out of memory");
    if (!format->text || !format->pieces || cut(format, error, size) != 0) {
        close(format);
        return -1;
    }
    *stage = (weir_stage){
        .in = format->fields ? WEIR_RECORD : WEIR_BYTES,
        .out = WEIR_BYTES,
        .each = write_line,
        .close = close,
        .state = format,
    };
    return 0;
}

const struct builtin builtin_format = {
    .name = "format",
    .kind = BUILTIN_FILTER,
    .summary = "write lines from a template",
    .details = "A field that is not there is written as nothing; escapes in JSON strings are resolved.",
    .options = options,
    .examples = examples,
    .in = "record; bytes if no field is named",
    .out = "bytes",
    .make = make,
};
