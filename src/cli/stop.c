/* SPDX-License-Identifier: MIT */
/* stop.c - weir stop: ends a pipeline, and waits for its end. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/remote.h"
#include "cli/state.h"

static int stop(const struct arguments *args)
{
    json_t *outcome = NULL;
    int status = remote_ask(args, &outcome);
    if (status != DONE)
        return status;
    const char *error = state_text(outcome, "error");
    if (argument_flag(args, "json")) {
        state_print_json(outcome);
    } else {
        printf("%s: ended; ", state_text(outcome, "name"));
        state_print_equation(outcome, stdout);
    }
    if (error[0])
        status = complain(FAILED, "%s: %s", state_text(outcome, "name"), error);
    json_decref(outcome);
    return status;
}

const struct command stop_command = {&stop_verb, stop};
