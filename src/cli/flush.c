/* SPDX-License-Identifier: MIT */
/* flush.c - weir flush: a flush pill, from the source on. */
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/state.h"

static int flush(const struct arguments *args)
{
    json_t *answer = NULL;
    int status = remote_ask(args, &answer);
    if (status == DONE && argument_flag(args, "json"))
        state_print_json(answer);
    json_decref(answer);
    return status;
}

const struct command flush_command = {&flush_verb, flush};
