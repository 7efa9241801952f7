/* SPDX-License-Identifier: MIT */
/*
 * letters: dead letters to a file, as one JSON object a line. What stands behind a stage's dead=FILE.
 *
 * The file is always appended to: letters are kept for somebody who will look at them later. Each line is written as a whole at the
 * end of its batch; until then it is kept in a list, since lines_out borrows it.
 */
#include "connectors/lines.h"
#include "stages/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
    struct line *next;
    char *text;
};

struct letters {
    struct lines_out out;
    int fd;             /* -1: not open */
    struct line *lines; /* owned; of this batch */
    char *label;        /* owned */
    char path[];
};

enum { PATH };

static const struct option_desc options[] = {
    {.name = "path", .kind = OPTION_TEXT, .positional = true, .required = true, .help = "the file to append to"},
    {0},
};

static const char *const examples[] = {"parse clf on_error=dead { dead: letters bad.json } | count", NULL};

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 character at p, or 0 if there is none (RFC 3629: no surrogates, nothing longer than needed). */
static size_t character(const unsigned char *p, size_t left)
{
    size_t len = p[0] < 0x80                   ? 1
                 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
                 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
                 : p[0] >= 0xF0 && p[0] < 0xF5 ? 4
                                               : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    bool wrong = len > 2 && ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
                             (p[0] == 0xF4 && p[1] > 0x8F));
    return wrong ? 0 : len;
}

static bool is_utf8(const weir_bytes *text)
{
    const unsigned char *p = (const unsigned char *)text->data;
    for (size_t at = 0, len; at < text->len; at += len)
        if ((len = character(p + at, text->len - at)) == 0)
            return false;
    return true;
}

static void put_text(FILE *out, const weir_bytes *text)
{
    putc('"', out);
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            fprintf(out, "\\u%04x", c);
        else
            putc(c, out);
    }
    putc('"', out);
}

static void put_base64(FILE *out, const weir_bytes *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    putc('"', out);
    for (size_t i = 0; i < bytes->len; i += 3) {
        size_t left = bytes->len - i;
        uint32_t three = 0;
        for (size_t j = 0; j < 3; j++)
            three = three << 8 | (j < left ? (unsigned char)bytes->data[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            putc(j <= left ? digits[three >> (18 - 6 * j) & 63] : '=', out);
    }
    putc('"', out);
}

static void put_member(FILE *out, const char *name, const weir_bytes *value)
{
    bool text = is_utf8(value);
    fprintf(out, ",\"%s%s\":", name, text ? "" : "_base64");
    if (text)
        put_text(out, value);
    else
        put_base64(out, value);
}

/* The letter as a line of its own, or NULL without memory. */
static char *letter_line(const weir_letter *letter, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    weir_bytes type = {(char *)(uintptr_t)letter->type, strlen(letter->type)};
    if (!out)
        return NULL;
    fprintf(out, "{\"number\":%" PRIu64 ",\"attempts\":%" PRIu64 ",\"late\":%s", letter->number, letter->attempts,
            letter->late ? "true" : "false");
    put_member(out, "stage", &letter->stage);
    put_member(out, "reason", &letter->reason);
    put_member(out, "type", &type);
    put_member(out, "item", &letter->item);
    putc('}', out);
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static int letters_open(void *state)
{
    struct letters *s = state;
    s->fd = open(s->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
    if (s->fd < 0)
        return weir_fail("letters: cannot open \"%s\": %s", s->path, strerror(errno));
    return lines_out_open(&s->out, s->fd);
}

static weir_verdict letters_item(void *state, void *item)
{
    struct letters *s = state;
    size_t size;
    struct line *line = malloc(sizeof *line);
    char *text = line ? letter_line(item, &size) : NULL;
    if (!text) {
        free(line);
        return weir_fail_memory();
    }
    *line = (struct line){.next = s->lines, .text = text};
    s->lines = line;
    lines_out_put(&s->out, &(weir_bytes){text, size});
    return WEIR_KEEP;
}

static void drop_lines(struct letters *s)
{
    for (struct line *next; s->lines; s->lines = next) {
        next = s->lines->next;
        free(s->lines->text);
        free(s->lines);
    }
}

static int letters_batch_end(void *state)
{
    struct letters *s = state;
    int answer = lines_out_end(&s->out);
    drop_lines(s);
    return answer;
}

static void letters_close(void *state)
{
    struct letters *s = state;
    lines_out_close(&s->out);
    if (s->fd >= 0)
        close(s->fd);
    drop_lines(s);
    free(s->label);
    free(s);
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    const char *path = values[PATH].text;
    struct letters *s = calloc(1, sizeof *s + strlen(path) + 1);
    if (!s || asprintf(&s->label, "letters \"%s\"", path) < 0) {
        free(s);
        snprintf(error, size, "out of memory");
        return -1;
    }
    memcpy(s->path, path, strlen(path) + 1);
    s->fd = -1;
    lines_out_init(&s->out, s->label);
    *stage = (weir_stage){
        .in = WEIR_LETTER,
        .out = WEIR_NONE,
        .state = s,
        .open = letters_open,
        .map = letters_item,
        .batch_end = letters_batch_end,
        .close = letters_close,
        .blocking = true,
    };
    return 0;
}

const struct builtin builtin_letters = {
    .name = "letters",
    .kind = BUILTIN_SINK,
    .summary = "append dead letters to a file, as JSON lines",
    .details =
        "For the port dead of a stage with on_error=dead; dead=FILE does the same in one word. Each line is an object with\n"
        "number (of the item in the stage, from 1), attempts, late (the stage had left when it gave the item back), stage,\n"
        "reason, type and item. A text that is not UTF-8 stands in base64, and its name ends in _base64.",
    .options = options,
    .examples = examples,
    .in = "letter",
    .out = "none",
    .make = make,
};
