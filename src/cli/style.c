/* SPDX-License-Identifier: MIT */
/* style.c - escape sequences, or nothing. */
#include "cli/style.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_wanted(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(stream)) && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

const char *style(FILE *stream, enum style which)
{
    static const char *const sequences[] = {[STYLE_NONE] = "\033[0m", [STYLE_HEAD] = "\033[1m", [STYLE_ERROR] = "\033[1;31m"};
    return is_wanted(stream) ? sequences[which] : "";
}
