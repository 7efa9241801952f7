/* SPDX-License-Identifier: MIT */
/*
 * clf.c - finds the fields of a line of a web server's log.
 *
 * One walk from left to right. Each step takes the place where a field begins and returns the place behind it and the space
 * that follows, or NULL after saying what was expected. The field names are constants: a record may outlive its stage.
 */
#include "stages/clf.h"

#include <string.h>

static const char *refuse(struct clf_line *line, const char *text, const char *at, const char *error)
{
    line->error = error;
    line->offset = (size_t)(at - text);
    return NULL;
}

static bool all_digits(const char *p, const char *end)
{
    const char *start = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p == end && p > start;
}

static void add(struct clf_line *line, const char *name, size_t name_len, const char *value, const char *end)
{
    line->fields[line->count++] = (weir_field){
        .name = name,
        .name_len = (uint32_t)name_len,
        .value = value,
        .value_len = (uint32_t)(end - value),
        .kind = WEIR_KIND_TEXT,
    };
}

#define ADD(line, name, value, end) add(line, name, sizeof(name) - 1, value, end)

/* The end of the word that begins at p, or NULL if there is none or no space behind it. */
static const char *word_end(const char *p, const char *end)
{
    const char *space = p < end ? memchr(p, ' ', (size_t)(end - p)) : NULL;
    return space == p ? NULL : space;
}

/* The closing quote of the field whose first byte p is. An escaped quote has an odd number of backslashes in front. */
static const char *quote_end(const char *p, const char *end)
{
    for (const char *from = p; from < end; from++) {
        if (!(from = memchr(from, '"', (size_t)(end - from))))
            return NULL;
        const char *slash = from;
        while (slash > p && slash[-1] == '\\')
            slash--;
        if ((from - slash) % 2 == 0)
            return from;
    }
    return NULL;
}

/* client ident user: a user's name may have spaces in it, so it goes up to the time. */
static const char *take_who(struct clf_line *line, const char *text, const char *end)
{
    const char *stop = word_end(text, end);
    if (!stop)
        return refuse(line, text, text, "the client's address and a space");
    ADD(line, "client", text, stop);
    const char *p = stop + 1;
    if (!(stop = word_end(p, end)))
        return refuse(line, text, p, "the identity (mostly -) and a space");
    ADD(line, "ident", p, stop);
    p = stop + 1;
    for (stop = p; (stop = stop < end ? memchr(stop, '[', (size_t)(end - stop)) : NULL); stop++)
        if (stop > p + 1 && stop[-1] == ' ')
            break;
    if (!stop)
        return refuse(line, text, p, "the user's name, a space and the time in brackets");
    ADD(line, "user", p, stop - 1);
    return stop;
}

static const char *take_time(struct clf_line *line, const char *text, const char *p, const char *end)
{
    const char *stop = memchr(p, ']', (size_t)(end - p));
    if (!stop)
        return refuse(line, text, p, "a closing bracket behind the time");
    ADD(line, "time", p + 1, stop);
    if (end - stop < 3 || stop[1] != ' ' || stop[2] != '"')
        return refuse(line, text, stop + 1, "a space and the request in quotes");
    return stop + 2;
}

/* METHOD PATH [PROTOCOL]: a path may have spaces in it, so the protocol is what begins with HTTP/ behind the last one. */
static void split_request(struct clf_line *line, const char *p, const char *end)
{
    const char *space = word_end(p, end);
    if (!space || space + 1 == end)
        return;
    const char *last = memrchr(space + 1, ' ', (size_t)(end - space - 1));
    if (last && (end - last < 6 || memcmp(last + 1, "HTTP/", 5) != 0 || last == space + 1))
        last = NULL;
    ADD(line, "method", p, space);
    ADD(line, "path", space + 1, last ? last : end);
    if (last)
        ADD(line, "protocol", last + 1, end);
}

/* p stands on the opening quote. */
static const char *take_request(struct clf_line *line, const char *text, const char *p, const char *end)
{
    const char *stop = quote_end(p + 1, end);
    if (!stop)
        return refuse(line, text, p, "a closing quote behind the request");
    ADD(line, "request", p + 1, stop);
    split_request(line, p + 1, stop);
    if (end - stop < 2 || stop[1] != ' ')
        return refuse(line, text, stop + 1, "a space and the status");
    return stop + 2;
}

/* A number as JSON writes it, since that is what the kind says. */
static void mark_number(struct clf_line *line)
{
    weir_field *field = &line->fields[line->count - 1];
    bool zero = *field->value == '0' && field->value_len > 1;
    field->kind = *field->value == '-' || zero ? WEIR_KIND_TEXT : WEIR_KIND_NUMBER;
}

/* status bytes: either may be a minus. */
static const char *take_numbers(struct clf_line *line, const char *text, const char *p, const char *end)
{
    const char *stop = word_end(p, end);
    if (!stop || !(all_digits(p, stop) || (stop == p + 1 && *p == '-')))
        return refuse(line, text, p, "the status, a number, and a space");
    ADD(line, "status", p, stop);
    mark_number(line);
    p = stop + 1;
    stop = word_end(p, end);
    stop = stop ? stop : end;
    if (!(all_digits(p, stop) || (stop == p + 1 && *p == '-')))
        return refuse(line, text, p, "the number of bytes, or -");
    ADD(line, "bytes", p, stop);
    mark_number(line);
    return stop;
}

/* Nothing, or ` "referer" "agent"`. */
static const char *take_combined(struct clf_line *line, const char *text, const char *p, const char *end)
{
    if (p == end)
        return p;
    if (end - p < 2 || p[1] != '"')
        return refuse(line, text, p, "the end of the line, or the referer in quotes");
    const char *stop = quote_end(p + 2, end);
    if (!stop)
        return refuse(line, text, p + 1, "a closing quote behind the referer");
    ADD(line, "referer", p + 2, stop);
    p = stop + 1;
    if (end - p < 2 || p[0] != ' ' || p[1] != '"')
        return refuse(line, text, p, "a space and the agent in quotes");
    stop = quote_end(p + 2, end);
    if (!stop) { /* writers of logs cut long lines off, and then all but the agent is whole */
        ADD(line, "agent", p + 2, end);
        return end;
    }
    ADD(line, "agent", p + 2, stop);
    return stop + 1 == end ? end : refuse(line, text, stop + 1, "the end of the line");
}

int clf_index(struct clf_line *line, const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    line->count = 0;
    if (len > UINT32_MAX) {
        refuse(line, text, text, "a line of at most 4 GiB");
        return -1;
    }
    if (len && end[-1] == '\r')
        end--;
    if (!(p = take_who(line, text, end)) || !(p = take_time(line, text, p, end)) || !(p = take_request(line, text, p, end)) ||
        !(p = take_numbers(line, text, p, end)) || !take_combined(line, text, p, end))
        return -1;
    return 0;
}
