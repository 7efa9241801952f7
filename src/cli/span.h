/* SPDX-License-Identifier: MIT */
/* span.h - spans of time and counts in few characters, for tables that fit a terminal. */
#ifndef CLI_SPAN_H
#define CLI_SPAN_H

#define SPAN_ROOM 24

/* 850us, 12ms, 3.2s, 4m10s, 2h05m. Returns `text`. */
const char *span_text(double seconds, char text[SPAN_ROOM]);

/* 0, 17, 1234, 56.7k, 1.23M, 45.6G. Returns `text`. */
const char *span_count(double count, char text[SPAN_ROOM]);

#endif
