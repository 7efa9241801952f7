/* SPDX-License-Identifier: MIT */
/* replace.c - weir replace: an edit, asked of the pipeline. */
#include "cli/command.h"
#include "cli/remote.h"

const struct command replace_command = {&replace_verb, remote_edit};
