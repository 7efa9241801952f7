/* SPDX-License-Identifier: MIT */
/* show.c - weir show: a pipeline's stages in order, and its account. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/notes.h"
#include "cli/remote.h"
#include "cli/state.h"
#include "cli/style.h"
#include "cli/table.h"
#include "ctl/texts.h"
#include "expr/print.h"

#include <stdlib.h>
#include <string.h>

/* Columns that say nothing about most pipelines are left out of them. */
struct columns {
    bool lanes, retried;
    char alignment[TABLE_COLUMNS_MAX];
};

static struct columns choose_columns(const json_t *state)
{
    size_t i;
    json_t *stage;
    struct columns columns = {0};
    json_array_foreach(json_object_get(state, "stages"), i, stage)
    {
        columns.lanes |= state_count(stage, "lanes") > 1;
        columns.retried |= state_count(stage, "retried") > 0;
    }
    snprintf(columns.alignment, sizeof columns.alignment, "lll%srrrrr%sl", columns.lanes ? "rr" : "r",
             columns.retried ? "r" : "");
    return columns;
}

static void add_head(struct table *table, const struct columns *columns)
{
    static const char *const heads[] = {"STAGE", "STATUS",   "PLACE",  "LANES",   "STRAND", "TAKEN",
                                        "PUT",   "FILTERED", "FAILED", "RETRIED", "QUEUED", "TEXT"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if ((columns->lanes || strcmp(heads[i], "LANES") != 0) && (columns->retried || strcmp(heads[i], "RETRIED") != 0))
            table_add(table, heads[i]);
}

static void add_stage(struct table *table, const struct columns *columns, const json_t *stage)
{
    table_add(table, state_text(stage, "name"));
    table_add(table, state_text(stage, "status"));
    table_add(table, state_text(stage, "place"));
    if (columns->lanes)
        table_add_count(table, state_count(stage, "lanes"));
    table_add_count(table, state_count(stage, "strand"));
    table_add_count(table, state_count(stage, "taken"));
    table_add_count(table, state_count(stage, "put"));
    table_add_count(table, state_count(stage, "filtered"));
    table_add_count(table, state_count(stage, "failed"));
    if (columns->retried)
        table_add_count(table, state_count(stage, "retried"));
    table_add_count(table, state_count(stage, "queued"));
    table_add(table, state_text(stage, "text"));
}

static void print_stages(const json_t *state)
{
    struct columns columns = choose_columns(state);
    struct table table = {.alignment = columns.alignment};
    size_t i;
    json_t *stage;
    add_head(&table, &columns);
    json_array_foreach(json_object_get(state, "stages"), i, stage) add_stage(&table, &columns, stage);
    table_print(&table, 0, stdout);
}

/* How one would write the pipeline. */
static int print_text(const json_t *state, const char *form)
{
    struct expr_error error;
    bool dot = strcmp(form, "dot") == 0, yaml = strcmp(form, "yaml") == 0;
    if (!dot && !yaml && strcmp(form, "expr") != 0)
        return complain(USAGE, "show: --output: \"%s\" is none of expr, yaml, dot", form);
    struct graph *graph = texts_graph(state, &error);
    if (!graph)
        return complain(FAILED, "%s", error.message);
    char *text = dot ? graph_to_dot(graph) : yaml ? graph_to_yaml(graph) : graph_to_expr(graph);
    if (text)
        printf("%s%s", text, dot || yaml ? "" : "\n");
    free(text);
    graph_free(graph);
    return text ? DONE : complain(FAILED, "out of memory");
}

static int show(const struct arguments *args)
{
    json_t *state = NULL;
    int status = remote_ask(args, &state);
    if (status != DONE)
        return status;
    if (argument_flag(args, "output")) {
        status = print_text(state, argument_text(args, "output"));
    } else if (argument_flag(args, "json")) {
        state_print_json(state);
    } else {
        printf("%s%s%s: process %lld, revision %lld\n", style(stdout, STYLE_HEAD), state_text(state, "name"),
               style(stdout, STYLE_NONE), state_count(state, "pid"), state_count(state, "revision"));
        print_stages(state);
        notes_print(state);
        state_print_equation(state, stdout);
    }
    json_decref(state);
    return status;
}

const struct command show_command = {&show_verb, show};
