/* SPDX-License-Identifier: MIT */
/* pop.c - weir pop: an edit, asked of the pipeline. */
#include "cli/command.h"
#include "cli/remote.h"

const struct command pop_command = {&pop_verb, remote_edit};
