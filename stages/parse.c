/* SPDX-License-Identifier: MIT */
/*
 * parse.c - turns lines into records: finds the named fields in them.
 *
 * Three formats, one contract: a format's function fills fields that are slices of the line, or says what it expected where.
 * The record shares the line's memory; only the array of fields is new, and names that are not in the line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/builtin.h"
#include "stages/clf.h"
#include "stages/json.h"
#include "stages/pattern.h"

enum { FORMAT, PATTERN, BAD };
enum { FORMAT_CLF, FORMAT_JSON, FORMAT_REGEX };
enum { BAD_FAIL, BAD_DROP, BAD_KEEP };

static const struct option_desc options[] = {
    [FORMAT] = {.name = "format",
                .kind = OPTION_CHOICE,
                .positional = true,
                .required = true,
                .choices = "clf json regex",
                .help = "what the lines look like: a web server's log, JSON objects, or a pattern with named groups"},
    [PATTERN] = {.name = "pattern",
                 .kind = OPTION_TEXT,
                 .positional = true,
                 .help = "for regex: the pattern; each group (?<name>...) is a field"},
    [BAD] = {.name = "bad",
             .kind = OPTION_CHOICE,
             .deflt = "fail",
             .choices = "fail drop keep",
             .help = "what to do with a line that is not of that form; keep makes a record without fields"},
    {.name = NULL},
};

static const char *const examples[] = {"parse clf", "parse json bad=drop", "parse regex '^(?<level>\\w+): (?<text>.*)'", NULL};

struct parse {
    int format, bad;
    struct json_index json;
    struct clf_line clf;
    struct pattern *pattern; /* owned; regex only */
    size_t names_len;        /* of all group names together */
};

/* ---- failing ----------------------------------------------------------------------------------------------------- */

/* The line around `offset`, printable, with dots where it was cut. */
static void excerpt(const weir_bytes *line, size_t offset, char *out, size_t size)
{
    size_t from = offset > 40 ? offset - 40 : 0, to = line->len - from > 72 ? from + 72 : line->len;
    FILE *text = fmemopen(out, size, "w");
    if (!text) {
        snprintf(out, size, "(a line of %zu bytes)", line->len);
        return;
    }
    fputs(from ? "..." : "", text);
    for (size_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)line->data[i];
        if (c < 0x20 || c >= 0x7F)
            fprintf(text, "\\x%02x", c);
        else
            putc(c, text);
    }
    fputs(to < line->len ? "..." : "", text);
    fclose(text);
}

static int refuse(const weir_bytes *line, size_t offset, const char *format, const char *what)
{
    char around[400];
    if (line->len == 0)
        return weir_fail("%s: the line is empty", format);
    excerpt(line, offset, around, sizeof around);
    return weir_fail("%s: at byte %zu: %s, in: %s", format, offset, what, around);
}

static int refuse_line(const struct parse *parse, const weir_bytes *line)
{
    char what[160];
    switch (parse->format) {
    case FORMAT_CLF:
        snprintf(what, sizeof what, "expected %s", parse->clf.error);
        return refuse(line, parse->clf.offset, "not a line of the common log format", what);
    case FORMAT_JSON:
        return refuse(line, parse->json.offset, "not a JSON object", parse->json.error);
    default:
        return refuse(line, 0, "the pattern does not match", "expected something of its form");
    }
}

/* ---- putting out ------------------------------------------------------------------------------------------------- */

/* Puts out a record with room for `count` fields and `more` bytes, which *spare points to. NULL: no memory. */
static weir_record *emit(weir_out *out, const weir_bytes *line, uint32_t count, size_t more, char **spare)
{
    weir_record *record = weir_emit(out);
    *spare = NULL;
    if (!record)
        return NULL;
    *record = (weir_record){.text = *line, .count = count};
    if (count + more == 0)
        return record;
    record->fields = weir_alloc(out, count * sizeof *record->fields + more);
    *spare = (char *)record->fields + count * sizeof *record->fields;
    return record->fields ? record : NULL;
}

static int emit_fields(weir_out *out, const weir_bytes *line, const weir_field *fields, uint32_t count)
{
    char *spare;
    weir_record *record = emit(out, line, count, 0, &spare);
    if (!record)
        return weir_fail_memory();
    if (count)
        memcpy(record->fields, fields, count * sizeof *fields);
    return 0;
}

/* Names with escapes in them are rare, and must be compared as what they mean. */
static int emit_unescaped(weir_out *out, const weir_bytes *line, const struct json_index *json)
{
    size_t more = 0;
    for (uint32_t i = 0; i < json->count; i++)
        more += json->fields[i].name_len;
    char *spare;
    weir_record *record = emit(out, line, json->count, more, &spare);
    if (!record)
        return weir_fail_memory();
    for (uint32_t i = 0; i < json->count; i++) {
        weir_field *field = &record->fields[i];
        *field = json->fields[i];
        weir_field name = {.value = field->name, .value_len = field->name_len, .kind = WEIR_KIND_ESCAPED};
        field->name_len = (uint32_t)weir_field_text(&name, spare, field->name_len);
        field->name = spare;
        spare += field->name_len;
    }
    return 0;
}

/* The pattern's names go with each record: it may outlive the stage. Groups that took no part are no fields. */
static int emit_groups(weir_out *out, const weir_bytes *line, const struct parse *parse)
{
    uint32_t names = pattern_names(parse->pattern);
    char *spare;
    weir_record *record = emit(out, line, names, parse->names_len, &spare);
    if (!record)
        return weir_fail_memory();
    record->count = 0;
    for (uint32_t i = 0; i < names; i++) {
        const char *name = pattern_name(parse->pattern, i);
        size_t offset, len, name_len = strlen(name);
        pattern_group(parse->pattern, i, &offset, &len);
        if (len == SIZE_MAX)
            continue;
        memcpy(spare, name, name_len);
        record->fields[record->count++] = (weir_field){
            .name = spare, .name_len = (uint32_t)name_len, .value = line->data + offset, .value_len = (uint32_t)len};
        spare += name_len;
    }
    return 0;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static int parse_bad(const struct parse *parse, const weir_bytes *line, weir_out *out)
{
    if (parse->bad == BAD_DROP)
        return 0;
    if (parse->bad == BAD_KEEP)
        return emit_fields(out, line, NULL, 0);
    return refuse_line(parse, line);
}

static int parse_clf(void *state, void *item, weir_out *out)
{
    struct parse *parse = state;
    weir_bytes *line = item;
    if (clf_index(&parse->clf, line->data, line->len) != 0)
        return parse_bad(parse, line, out);
    return emit_fields(out, line, parse->clf.fields, parse->clf.count);
}

static int parse_json(void *state, void *item, weir_out *out)
{
    struct parse *parse = state;
    weir_bytes *line = item;
    if (json_index(&parse->json, line->data, line->len) != 0)
        return parse_bad(parse, line, out);
    if (parse->json.escaped_names)
        return emit_unescaped(out, line, &parse->json);
    return emit_fields(out, line, parse->json.fields, parse->json.count);
}

static int parse_regex(void *state, void *item, weir_out *out)
{
    struct parse *parse = state;
    weir_bytes *line = item;
    int matches = line->len <= UINT32_MAX ? pattern_match(parse->pattern, line->data, line->len) : 0;
    if (matches < 0)
        return -1;
    return matches ? emit_groups(out, line, parse) : parse_bad(parse, line, out);
}

static void close(void *state)
{
    struct parse *parse = state;
    json_free(&parse->json);
    pattern_free(parse->pattern);
    free(parse);
}

static int make_regex(struct parse *parse, const char *pattern, char *error, size_t size)
{
    if (!pattern) {
        snprintf(error, size, "regex needs a pattern with named groups, such as '^(?<level>\\w+): (?<text>.*)'");
        return -1;
    }
    parse->pattern = pattern_new(pattern, (struct pattern_options){0}, error, size);
    if (!parse->pattern)
        return -1;
    if (pattern_names(parse->pattern) == 0) {
        snprintf(error, size, "the pattern \"%s\" has no named group; write (?<name>...) around what is to be a field",
                 pattern);
        return -1;
    }
    for (uint32_t i = 0; i < pattern_names(parse->pattern); i++)
        parse->names_len += strlen(pattern_name(parse->pattern, i));
    return 0;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    static int (*const parsers[])(void *, void *, weir_out *) = {parse_clf, parse_json, parse_regex};
    int format = values[FORMAT].choice;
    if (format != FORMAT_REGEX && values[PATTERN].text) {
        snprintf(error, size, "\"%s\" is one word too many: only regex takes a pattern", values[PATTERN].text);
        return -1;
    }
    struct parse *parse = calloc(1, sizeof *parse);
    if (!parse) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    parse->format = format;
    parse->bad = values[BAD].choice;
    if (format == FORMAT_REGEX && make_regex(parse, values[PATTERN].text, error, size) != 0) {
        close(parse);
        return -1;
    }
    *stage = (weir_stage){.in = WEIR_BYTES, .out = WEIR_RECORD, .each = parsers[format], .close = close, .state = parse};
    return 0;
}

const struct builtin builtin_parse = {
    .name = "parse",
    .kind = BUILTIN_FILTER,
    .summary = "find the named fields of each line",
    .details =
        "clf: the Common and the Combined Log Format of web servers. Fields: client, ident, user, time, request, method, "
        "path,\n"
        "protocol, status, bytes, referer, agent; the last two only where they are written, and method, path and protocol "
        "only\n"
        "where the request has that form. Escapes in quoted fields stay as they are.\n"
        "\n"
        "json: one object a line, fully checked, UTF-8 included. Its members are the fields; if a name stands twice, the last\n"
        "one counts. Nested objects and arrays are fields whose value is their text.\n"
        "\n"
        "regex: each named group of the pattern that took part in the match is a field.",
    .options = options,
    .examples = examples,
    .in = "bytes",
    .out = "record",
    .make = make,
};
