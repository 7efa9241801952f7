/* SPDX-License-Identifier: MIT */
/* show.c - weir show: a pipeline's stages in order, and its account. */
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/state.h"
#include "cli/style.h"
#include "cli/table.h"

static void print_stages(const json_t *state)
{
    static const char *const heads[] = {"STAGE", "STATUS",   "PLACE",  "STRAND", "TAKEN",
                                        "PUT",   "FILTERED", "FAILED", "QUEUED", "TEXT"};
    struct table table = {.alignment = "lllrrrrrrl"};
    size_t i;
    json_t *stage;
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(&table, heads[i]);
    json_array_foreach(json_object_get(state, "stages"), i, stage)
    {
        table_add(&table, state_text(stage, "name"));
        table_add(&table, state_text(stage, "status"));
        table_add(&table, state_text(stage, "place"));
        table_add_count(&table, state_count(stage, "strand"));
        table_add_count(&table, state_count(stage, "taken"));
        table_add_count(&table, state_count(stage, "put"));
        table_add_count(&table, state_count(stage, "filtered"));
        table_add_count(&table, state_count(stage, "failed"));
        table_add_count(&table, state_count(stage, "queued"));
        table_add(&table, state_text(stage, "text"));
    }
    table_print(&table, 0, stdout);
}

static int show(const struct arguments *args)
{
    json_t *state = NULL;
    int status = remote_ask(args, &state);
    if (status != DONE)
        return status;
    if (argument_flag(args, "json")) {
        state_print_json(state);
    } else {
        printf("%s%s%s: process %lld, revision %lld\n", style(stdout, STYLE_HEAD), state_text(state, "name"),
               style(stdout, STYLE_NONE), state_count(state, "pid"), state_count(state, "revision"));
        print_stages(state);
        state_print_equation(state, stdout);
    }
    json_decref(state);
    return DONE;
}

const struct command show_command = {&show_verb, show};
