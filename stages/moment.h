/* SPDX-License-Identifier: MIT */
/*
 * moment.h - text that says how much or when, as a number to compare by.
 *
 *     12.5  -3  1e9
 *     2026-11-22T23:39:54.125Z    2026-11-22 23:39:54+01:00    2026-11-22       (no zone: UTC)
 *     22/Nov/2026:23:39:54 +0100                                                (a web server's log)
 */
#ifndef STAGES_MOMENT_H
#define STAGES_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number, or the seconds since 1970, in *value. False: the text is neither. Does not depend on the locale. */
bool moment_parse(const char *text, size_t len, double *value);

/* The same as an integer that compares as the number does; INT64_MIN if the text is neither. */
int64_t moment_order(const char *text, size_t len);

#endif
