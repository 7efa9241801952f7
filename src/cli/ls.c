/* SPDX-License-Identifier: MIT */
/*
 * ls.c - weir ls: which pipelines are running, by asking each.
 *
 * One that does not answer within a second (its process is stopped, say) is listed all the same.
 */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/remote.h"
#include "cli/state.h"
#include "cli/table.h"
#include "ctl/socket.h"

#include <stdlib.h>

static const struct arg_desc ls_args[] = {
    {"json", ARG_FLAG, 'j', .help = "print JSON"},
    {0},
};
static const char *const ls_examples[] = {"weir ls", NULL};
static const struct verb ls_verb = {
    .name = "ls",
    .summary = "list the running pipelines",
    .args = ls_args,
    .examples = ls_examples,
};

static void print_row(struct table *table, const char *name, const json_t *state)
{
    const json_t *totals = json_object_get(state, "totals");
    table_add(table, name);
    if (!state) {
        for (int i = 0; i < 5; i++)
            table_add(table, i < 4 ? "-" : "no answer");
        return;
    }
    table_add_count(table, state_count(state, "pid"));
    table_add_count(table, state_count(state, "revision"));
    table_add_count(table, (long long)json_array_size(json_object_get(state, "stages")));
    table_add_count(table, state_count(totals, "admitted"));
    table_add_count(table, state_count(totals, "delivered"));
}

static json_t *row_json(const char *name, const json_t *state)
{
    json_t *row = json_object();
    json_object_set_new(row, "name", json_string(name));
    json_object_set_new(row, "answers", json_boolean(state != NULL));
    if (!state)
        return row;
    json_object_set(row, "pid", json_object_get(state, "pid"));
    json_object_set(row, "revision", json_object_get(state, "revision"));
    json_object_set_new(row, "stages", json_integer((json_int_t)json_array_size(json_object_get(state, "stages"))));
    json_object_set(row, "totals", json_object_get(state, "totals"));
    return row;
}

static int ls(const struct arguments *args)
{
    static const char *const heads[] = {"NAME", "PID", "REVISION", "STAGES", "ADMITTED", "DELIVERED"};
    char error[512], **names;
    size_t count;
    if (socket_names(&names, &count, error, sizeof error) != 0)
        return complain(FAILED, "%s", error);
    struct table table = {.alignment = "lrrrrr"};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(&table, heads[i]);
    for (size_t i = 0; i < count; i++) {
        json_t *state = remote_state(names[i]);
        print_row(&table, names[i], state);
        json_array_append_new(list, row_json(names[i], state));
        json_decref(state);
    }
    if (argument_flag(args, "json"))
        state_print_json(list);
    else if (count > 0)
        table_print(&table, 0, stdout);
    table_release(&table);
    json_decref(list);
    free(names);
    return DONE;
}

const struct command ls_command = {&ls_verb, ls};
