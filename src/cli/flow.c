/* SPDX-License-Identifier: MIT */
/* flow.c - weir flush, pause and resume: asked of the pipeline, and done at once. */
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

static int rest(const struct arguments *args)
{
    json_t *answer = NULL;
    int status = remote_ask(args, &answer);
    if (status != DONE)
        return status;
    bool changed = json_is_true(json_object_get(answer, "changed")), paused = json_is_true(json_object_get(answer, "paused"));
    if (argument_flag(args, "json"))
        state_print_json(answer);
    else
        printf("%s: %s%s\n", state_text(answer, "name"), changed ? "" : "already ", paused ? "paused" : "running");
    json_decref(answer);
    return DONE;
}

const struct command flush_command = {&flush_verb, flush};
const struct command pause_command = {&pause_verb, rest};
const struct command resume_command = {&resume_verb, rest};
