/* SPDX-License-Identifier: MIT */
/* The settings of the process, and the way to whoever takes reports. */
#include "async/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "async/sanitizers.h"

#ifdef WITH_ASAN
#define STACK_BYTES ((size_t)256 << 10) /* its frames are several times as large */
#else
#define STACK_BYTES ((size_t)64 << 10)
#endif
#define SLOW_MS 100

static atomic_flag busy = ATOMIC_FLAG_INIT; /* guards `settings`, for moments */
static weir_async_config settings;

static void take(void)
{
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
        plat_relax();
}

static void give(void)
{
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

void weir_async_configure(const weir_async_config *config)
{
    take();
    settings = *config;
    give();
}

static bool debugging(void)
{
    const char *value = getenv("WEIR_ASYNC_DEBUG");
    return value && *value && strcmp(value, "0") != 0;
}

void report_config(weir_async_config *config)
{
    take();
    *config = settings;
    give();
    if (!config->stack_bytes)
        config->stack_bytes = STACK_BYTES;
    if (!config->slow_ms && debugging())
        config->slow_ms = SLOW_MS;
}

bool report_wanted(const weir_async_config *config)
{
    return config->slow_ms != 0;
}

void report(const weir_async_config *config, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (config->report)
        config->report(config->report_arg, text);
    else
        fprintf(stderr, "%s\n", text);
}
