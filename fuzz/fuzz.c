/* SPDX-License-Identifier: MIT */
/* fuzz.c - what the targets share. Without memory a target ends: that is no finding. */
#include "fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    dprintf(STDERR_FILENO, "%s:%d: ", file, line);
    vdprintf(STDERR_FILENO, format, args);
    dprintf(STDERR_FILENO, "\n");
    va_end(args);
    abort();
}

unsigned input_byte(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

char *input_line(struct input *input, size_t *len)
{
    const uint8_t *newline = input->left ? memchr(input->at, '\n', input->left) : NULL;
    *len = newline ? (size_t)(newline - input->at) : input->left;
    char *copy = malloc(*len);
    REQUIRE(copy, "no memory");
    if (*len)
        memcpy(copy, input->at, *len);
    size_t passed = *len + (newline != NULL);
    if (passed)
        input->at += passed;
    input->left -= passed;
    return copy;
}

char *input_text(struct input *input)
{
    size_t len;
    char *line = input_line(input, &len), *text = strndup(line, len);
    REQUIRE(text, "no memory");
    free(line);
    return text;
}
