/* SPDX-License-Identifier: MIT */
/*
 * complain.c - error messages.
 *
 * What was typed may hold anything, and goes to a terminal: control characters are not passed on.
 */
#include "cli/complain.h"

#include "cli/style.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 2048

static void print_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fputc((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i], stderr);
}

int complain(int status, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fprintf(stderr, "%sweir:%s ", style(stderr, STYLE_ERROR), style(stderr, STYLE_NONE));
    print_clean(message, strlen(message));
    fputc('\n', stderr);
    return status;
}

/* Columns of UTF-8 text, one a character: a byte that continues a character has none. */
static size_t columns(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

int complain_at(int status, const char *text, size_t offset, size_t length, const char *message)
{
    size_t len = strlen(text), begin = offset < len ? offset : len, end = begin;
    size_t word = begin;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    while (end < len && text[end] != '\n')
        end++;
    if (length > end - word)
        length = end - word;
    complain(status, "%s", message);
    fputs("    ", stderr);
    print_clean(text + begin, end - begin);
    fprintf(stderr, "\n    %*s%s^", (int)columns(text + begin, word - begin), "", style(stderr, STYLE_ERROR));
    for (size_t i = 1; i < columns(text + word, length); i++)
        fputc('~', stderr);
    fprintf(stderr, "%s\n", style(stderr, STYLE_NONE));
    return status;
}

int complain_in(int status, const char *path, const char *text, size_t offset, size_t length, const char *message)
{
    char placed[MESSAGE_MAX];
    size_t line = 1, begin = 0, len = strlen(text);
    offset = offset < len ? offset : len;
    for (size_t i = 0; i < offset; i++)
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    snprintf(placed, sizeof placed, "%.200s:%zu:%zu: %s", path, line, columns(text + begin, offset - begin) + 1, message);
    return complain_at(status, text, offset, length, placed);
}
