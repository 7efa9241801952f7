/* SPDX-License-Identifier: MIT */
/*
 * report.h - prints what a measuring program has found: for people, for programs, and for docs/performance.md.
 *
 * All three show the same rows. A grid (bench.h) is printed where its first cell stands among them.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench.h"

void report_table(const struct bench *b);
void report_json(const struct bench *b); /* one line */
void report_markdown(const struct bench *b);

#endif
