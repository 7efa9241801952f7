/* SPDX-License-Identifier: MIT */
/* check.c - weir check: an expression's normal form, its stages and their types, or what is wrong with it. Opens nothing. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/compose.h"
#include "cli/state.h"
#include "cli/table.h"
#include "expr/print.h"

#include <stdlib.h>

static const struct arg_desc check_args[] = {
    {"expr", ARG_EXPR, .positional = true, .word = "'EXPR'", .help = "the pipeline, as for weir run"},
    {"file", ARG_FILE, 'f', .word = "FILE", .help = "read the pipeline from this YAML file instead; see PIPELINE FILES"},
    {"json", ARG_FLAG, 'j', .help = "print JSON"},
    {0},
};
static const char *const check_examples[] = {"weir check 'grep error | upper'", "weir check -f web.yaml", NULL};
static const struct verb check_verb = {
    .name = "check",
    .summary = "check an expression without running it",
    .details = "Prints the expression in normal form, and each stage with the types of what comes in and goes out; or the "
               "error, with the "
               "word that it is about. Nothing is opened and nothing runs.",
    .args = check_args,
    .examples = check_examples,
};

static void print_stages(const json_t *state)
{
    static const char *const heads[] = {"STAGE", "IN", "OUT", "PLACE", "TEXT"};
    struct table table = {.alignment = "lllll"};
    size_t i;
    json_t *stage;
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(&table, heads[i]);
    json_array_foreach(json_object_get(state, "stages"), i, stage)
    {
        table_add(&table, state_text(stage, "name"));
        table_add(&table, state_text(stage, "in")[0] ? state_text(stage, "in") : "-");
        table_add(&table, state_text(stage, "out")[0] ? state_text(stage, "out") : "-");
        table_add(&table, state_text(stage, "place"));
        table_add(&table, state_text(stage, "text"));
    }
    table_print(&table, 0, stdout);
}

static int print(struct session *session, const struct graph *graph, bool as_json)
{
    json_t *state = session_snapshot(session);
    char *form = graph_to_expr(graph);
    if (!state || !form)
        return json_decref(state), free(form), complain(FAILED, "out of memory");
    if (as_json) {
        json_t *json = json_object();
        json_object_set_new(json, "expression", json_text(form));
        json_object_set(json, "stages", json_object_get(state, "stages"));
        json_object_set(json, "links", json_object_get(state, "links"));
        state_print_json(json);
        json_decref(json);
    } else {
        puts(form);
        print_stages(state);
    }
    json_decref(state);
    free(form);
    return DONE;
}

static int check(const struct arguments *args)
{
    struct graph *graph = NULL;
    struct session *session = NULL;
    int status = compose_read(args, &graph);
    if (status == 0)
        status = compose("check", graph, 0, &session);
    if (status != 0)
        return graph_free(graph), status;
    if (weir_check(session_pipeline(session)) != WEIR_OK)
        status = complain(USAGE, "%s", weir_error(session_pipeline(session)));
    else
        status = print(session, graph, argument_flag(args, "json"));
    session_free(session);
    graph_free(graph);
    return status;
}

const struct command check_command = {&check_verb, check};
