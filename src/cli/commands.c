/* SPDX-License-Identifier: MIT */
/* commands.c - which commands there are. */
#include "cli/command.h"

#include <string.h>

const struct command *const commands[] = {
    &run_command,   &ls_command,     &show_command,    &pending_command, &history_command, &tasks_command, &tap_command,
    &top_command,   &insert_command, &pop_command,     &replace_command, &move_command,       &route_command,
    &scale_command, &canary_command, &promote_command, &abort_command,   &edit_command,       &diff_command,
    &apply_command, &undo_command,   &redo_command,    &flush_command,   &pause_command,      &resume_command,
    &drain_command, &stop_command,   &stages_command,  &check_command,   &completion_command, &help_command,
    NULL,
};

const char exit_status_help[] = "  0  done\n"
                                "  1  it failed at run time\n"
                                "  2  the command line or the expression makes no sense\n"
                                "  3  no pipeline of that name is running\n"
                                "  4  the edit was refused; nothing changed\n"
                                "  5  the revision is not the one that --expect named; nothing changed\n"
                                "  6  not done in time; an edit was withdrawn\n";

const struct command *command_find(const char *name)
{
    for (const struct command *const *command = commands; *command; command++)
        if (strcmp((*command)->verb->name, name) == 0)
            return *command;
    return NULL;
}
