/* SPDX-License-Identifier: MIT */
/* report.h - what is said when debugging, and to whom. */
#ifndef ASYNC_REPORT_H
#define ASYNC_REPORT_H

#include <weir/async.h>

#include "async/loop.h"

/* The settings for a loop that is made now. */
void report_config(weir_async_config *config);

/* Whether tasks that nobody awaited are reported. */
bool report_wanted(const weir_async_config *config);

void report(const weir_async_config *config, const char *format, ...) WEIR_PRINTF(2, 3);

#endif
