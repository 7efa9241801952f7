/* SPDX-License-Identifier: MIT */
/* stop.c - weir stop: ends a pipeline, and waits for its end. */
#include "cli/command.h"
#include "cli/outcome.h"
#include "cli/remote.h"

static int stop(const struct arguments *args)
{
    json_t *outcome = NULL;
    int status = remote_ask(args, &outcome);
    return status == DONE ? outcome_print(args, outcome) : status;
}

const struct command stop_command = {&stop_verb, stop};
