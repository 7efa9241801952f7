/* SPDX-License-Identifier: MIT */
/* outcome.c - see outcome.h. */
#include "cli/outcome.h"

#include "cli/command.h"
#include "cli/complain.h"
#include "cli/state.h"

int outcome_print(const struct arguments *args, json_t *outcome)
{
    int status = DONE;
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
