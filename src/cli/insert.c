/* SPDX-License-Identifier: MIT */
/* insert.c - weir insert: an edit, asked of the pipeline. */
#include "cli/command.h"
#include "cli/remote.h"

const struct command insert_command = {&insert_verb, remote_edit};
