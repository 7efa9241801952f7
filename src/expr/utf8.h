/* SPDX-License-Identifier: MIT */
/* utf8.h - characters of UTF-8, as Unicode has them: none too long, no surrogates, none beyond U+10FFFF. */
#ifndef EXPR_UTF8_H
#define EXPR_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the character at the beginning of text[0..len), which is not empty. Its length, or 0 if there is none. */
size_t utf8_decode(const char *text, size_t len, uint32_t *c);

/* How many bytes at the beginning of the text are UTF-8: len if all of it is. */
size_t utf8_span(const char *text, size_t len);

#endif
