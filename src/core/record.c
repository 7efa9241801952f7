/* SPDX-License-Identifier: MIT */
/*
 * record.c - looking into records.
 *
 * A record's fields are slices of its text, and nothing here copies them but weir_field_text(). Names are unique within a
 * record that `parse` made; if another stage's has doubles, the last one counts, unless a hint stands on an earlier one.
 */
#include <string.h>
#include <weir/stage.h>

static bool named(const weir_field *field, const char *name, size_t len)
{
    return field->name_len == len && memcmp(field->name, name, len) == 0;
}

const weir_field *weir_record_find(const weir_record *record, const char *name, size_t len, uint32_t *hint)
{
    if (*hint < record->count && named(&record->fields[*hint], name, len))
        return &record->fields[*hint];
    for (uint32_t i = record->count; i-- > 0;)
        if (named(&record->fields[i], name, len)) {
            *hint = i;
            return &record->fields[i];
        }
    return NULL;
}

/* ---- escapes ----------------------------------------------------------------------------------------------------- */

/* What has been written so far; `len` counts on past the end of the buffer. */
struct sink {
    char *buffer;
    size_t size, len;
};

static void put(struct sink *sink, unsigned byte)
{
    if (sink->len < sink->size)
        sink->buffer[sink->len] = (char)byte;
    sink->len++;
}

static void put_utf8(struct sink *sink, unsigned code)
{
    if (code < 0x80) {
        put(sink, code);
    } else if (code < 0x800) {
        put(sink, 0xC0 | code >> 6);
        put(sink, 0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(sink, 0xE0 | code >> 12);
        put(sink, 0x80 | (code >> 6 & 0x3F));
        put(sink, 0x80 | (code & 0x3F));
    } else {
        put(sink, 0xF0 | code >> 18);
        put(sink, 0x80 | (code >> 12 & 0x3F));
        put(sink, 0x80 | (code >> 6 & 0x3F));
        put(sink, 0x80 | (code & 0x3F));
    }
}

/* Four hexadecimal digits, or -1. */
static int hex4(const char *p, const char *end)
{
    int code = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* p stands behind `\u`; returns what follows the escape, of which a surrogate pair has two. */
static const char *unescape_code(const char *p, const char *end, struct sink *sink)
{
    int code = hex4(p, end);
    if (code < 0) { /* no JSON that a parser let through; it must not become longer than it was */
        put(sink, 'u');
        return p;
    }
    p += 4;
    if (code >= 0xD800 && code < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        int low = hex4(p + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
            put_utf8(sink, 0x10000 + ((unsigned)(code - 0xD800) << 10) + (unsigned)(low - 0xDC00));
            return p + 6;
        }
    }
    put_utf8(sink, code >= 0xD800 && code < 0xE000 ? 0xFFFD : (unsigned)code);
    return p;
}

static const char *unescape_one(const char *p, const char *end, struct sink *sink)
{
    switch (*p) {
    case 'b':
        put(sink, '\b');
        return p + 1;
    case 'f':
        put(sink, '\f');
        return p + 1;
    case 'n':
        put(sink, '\n');
        return p + 1;
    case 'r':
        put(sink, '\r');
        return p + 1;
    case 't':
        put(sink, '\t');
        return p + 1;
    case 'u':
        return unescape_code(p + 1, end, sink);
    default: /* a quote, a slash or a backslash */
        put(sink, (unsigned char)*p);
        return p + 1;
    }
}

static size_t unescape(const char *p, const char *end, struct sink *sink)
{
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        if (plain && sink->len < sink->size)
            memcpy(sink->buffer + sink->len, p, plain < sink->size - sink->len ? plain : sink->size - sink->len);
        sink->len += plain;
        p += plain;
        if (slash && ++p < end)
            p = unescape_one(p, end, sink);
    }
    return sink->len;
}

size_t weir_field_text(const weir_field *field, char *buffer, size_t size)
{
    if (field->kind == WEIR_KIND_ESCAPED)
        return unescape(field->value, field->value + field->value_len, &(struct sink){buffer, size, 0});
    if (field->value_len && size)
        memcpy(buffer, field->value, field->value_len < size ? field->value_len : size);
    return field->value_len;
}
