/* SPDX-License-Identifier: MIT */
/* help.h - help in words, made from descriptions. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "ctl/verb.h"

#include <stdio.h>

void help_overview(FILE *stream);
void help_verb(const struct verb *verb);

#endif
