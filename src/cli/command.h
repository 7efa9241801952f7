/* SPDX-License-Identifier: MIT */
/*
 * command.h - the commands of weir: one file each, all listed in commands.c.
 *
 * A command is a verb's description (ctl/verb.h) and a function that does it with checked arguments and returns the exit
 * status. Whoever returns a status other than 0 has said why on standard error.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/arguments.h"
#include "ctl/verb.h"

enum exit_status {
    DONE = 0,
    FAILED = 1,      /* at run time: a file, a full disk, a stage that failed on an item */
    USAGE = 2,       /* the command line or the expression makes no sense */
    NO_PIPELINE = 3, /* none of that name is running */
    REFUSED = 4,     /* the edit was refused; nothing changed */
    CONFLICT = 5,    /* the pipeline's revision was another one than --expect said; nothing changed */
    BUSY = 6,        /* not done in time; an edit was withdrawn */
};

struct command {
    const struct verb *verb;
    int (*run)(const struct arguments *args);
};

extern const struct command *const commands[]; /* in the order of the help; ended by NULL */

const struct command *command_find(const char *name); /* NULL: there is none */

/* For the completion script: prints what may stand in the place of the last one of words[0..count), given those before it.
 * words[0] is the command. The exit status. */
int completion_words(int count, char **words);

/* One line for each exit status, for the help. */
extern const char exit_status_help[];

extern const struct command run_command, ls_command, show_command, pending_command, history_command, tasks_command, tap_command, top_command,
    insert_command, pop_command, replace_command, move_command, route_command, scale_command, canary_command, promote_command,
    abort_command, edit_command, diff_command, apply_command, undo_command, redo_command, flush_command, pause_command,
    resume_command, drain_command, stop_command, stages_command, check_command, completion_command, help_command;

#endif
