/* SPDX-License-Identifier: MIT */
/*
 * builtins.c - the table of all stages that one can name in an expression.
 *
 * A new stage is one file with one `struct builtin`, one line in the list below, and one line in meson.build.
 */
#include <string.h>

#include "stages/builtin.h"

extern const struct builtin builtin_count, builtin_dedup, builtin_delay, builtin_exec, builtin_file, builtin_file_sink,
    builtin_format, builtin_grep, builtin_head, builtin_letters, builtin_lower, builtin_merge, builtin_null, builtin_parse,
    builtin_route, builtin_sample, builtin_select, builtin_seq, builtin_stdin, builtin_stdout, builtin_tee, builtin_timer,
    builtin_upper, builtin_where;

const struct builtin *const builtins[] = {
    &builtin_count,  &builtin_dedup,  &builtin_delay, &builtin_exec,    &builtin_file,   &builtin_file_sink,
    &builtin_format, &builtin_grep,   &builtin_head,  &builtin_letters, &builtin_lower,  &builtin_merge,
    &builtin_null,   &builtin_parse,  &builtin_route, &builtin_sample,  &builtin_select, &builtin_seq,
    &builtin_stdin,  &builtin_stdout, &builtin_tee,   &builtin_timer,   &builtin_upper,  &builtin_where,  NULL,
};

const struct builtin *builtin_find(const char *name)
{
    for (size_t i = 0; builtins[i]; i++)
        if (strcmp(builtins[i]->name, name) == 0)
            return builtins[i];
    return NULL;
}

const struct builtin *builtin_find_kind(const char *name, bool first)
{
    const struct builtin *any = NULL;
    for (size_t i = 0; builtins[i]; i++) {
        if (strcmp(builtins[i]->name, name) != 0)
            continue;
        if ((builtins[i]->kind == BUILTIN_SOURCE) == first)
            return builtins[i];
        any = builtins[i];
    }
    return any;
}
