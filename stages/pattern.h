/* SPDX-License-Identifier: MIT */
/*
 * pattern.h - a regular expression, as grep, where and parse use it: PCRE2's, on bytes.
 *
 * Bytes, not characters: a line need not be UTF-8, `.` is one byte, and ignoring case knows ASCII only. A pattern without any
 * special byte is searched for as the plain text that it is.
 *
 * One user at a time. Without PCRE2 at configure time only plain patterns compile.
 */
#ifndef STAGES_PATTERN_H
#define STAGES_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;

struct pattern_options {
    bool fixed; /* the pattern is plain text, whatever bytes it has */
    bool ignore_case;
};

/* What configure did not find, or NULL: for `struct builtin`. */
extern const char *const pattern_missing;

/* NULL with a sentence in error[0..size). */
struct pattern *pattern_new(const char *text, struct pattern_options options, char *error, size_t size);
void pattern_free(struct pattern *pattern); /* NULL is fine */

/* 1: it matches, 0: it does not, -1: it took too long to say, and weir_fail() was called. Inside a stage's function. */
int pattern_match(struct pattern *pattern, const char *text, size_t len);

/* The named groups, by number; groups after a match: where they stand in the text, or length SIZE_MAX for one that took no
 * part. Plain patterns have none. */
uint32_t pattern_names(const struct pattern *pattern);
const char *pattern_name(const struct pattern *pattern, uint32_t i);
void pattern_group(const struct pattern *pattern, uint32_t i, size_t *offset, size_t *len);

#endif
