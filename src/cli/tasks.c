/* SPDX-License-Identifier: MIT */
/* tasks.c - weir tasks: the tasks of a running pipeline's stages, a line each. */
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/span.h"
#include "cli/state.h"
#include "cli/table.h"

static void add_task(struct table *table, const json_t *task)
{
    char span[SPAN_ROOM] = "-";
    const char *waits = state_text(task, "waits");
    if (waits[0])
        span_text((double)state_count(task, "waits_ms") / 1000, span);
    table_add_count(table, state_count(task, "id"));
    table_add(table, state_text(task, "stage"));
    table_add(table, state_text(task, "task"));
    table_add_count(table, state_count(task, "item"));
    table_add(table, span);
    table_add(table, json_is_true(json_object_get(task, "cancelled")) ? "cancelled" : waits[0] ? waits : "runs");
}

static void print_tasks(const json_t *answer)
{
    static const char *const heads[] = {"ID", "STAGE", "TASK", "ITEM", "FOR", "WAITS FOR"};
    struct table table = {.alignment = "rllrrl"};
    size_t i;
    json_t *task;
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(&table, heads[i]);
    json_array_foreach(json_object_get(answer, "tasks"), i, task) add_task(&table, task);
    if (i > 0)
        table_print(&table, 0, stdout);
    else
        printf("%s: revision %lld, no stage runs as tasks\n", state_text(answer, "name"), state_count(answer, "revision"));
    table_release(&table);
}

static int tasks(const struct arguments *args)
{
    json_t *answer = NULL;
    int status = remote_ask(args, &answer);
    if (status != DONE)
        return status;
    (argument_flag(args, "json") ? state_print_json : print_tasks)(answer);
    json_decref(answer);
    return DONE;
}

const struct command tasks_command = {&tasks_verb, tasks};
