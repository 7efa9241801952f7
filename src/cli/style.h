/* SPDX-License-Identifier: MIT */
/* style.h - bold and red, on terminals that want it: not with NO_COLOR, not with TERM=dumb. */
#ifndef CLI_STYLE_H
#define CLI_STYLE_H

#include <stdio.h>

enum style { STYLE_NONE, STYLE_HEAD, STYLE_ERROR };

/* What to print to begin the style, or "" where there is none. */
const char *style(FILE *stream, enum style style);

#endif
