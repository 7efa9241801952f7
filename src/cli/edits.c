/* SPDX-License-Identifier: MIT */
/* edits.c - the commands that ask for an edit and print its receipt. Each is its verb's description, and nothing else. */
#include "cli/command.h"
#include "cli/remote.h"

const struct command insert_command = {&insert_verb, remote_edit};
const struct command pop_command = {&pop_verb, remote_edit};
const struct command replace_command = {&replace_verb, remote_edit};
const struct command move_command = {&move_verb, remote_edit};
const struct command route_command = {&route_verb, remote_edit};
const struct command scale_command = {&scale_verb, remote_edit};
const struct command canary_command = {&canary_verb, remote_edit};
const struct command promote_command = {&promote_verb, remote_edit};
const struct command abort_command = {&abort_verb, remote_edit};
const struct command undo_command = {&undo_verb, remote_edit};
const struct command redo_command = {&redo_verb, remote_edit};
