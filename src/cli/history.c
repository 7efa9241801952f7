/* SPDX-License-Identifier: MIT */
/* history.c - weir history and weir pending: edits that were made, and edits that are not done yet. */
#include "cli/command.h"
#include "cli/notes.h"
#include "cli/remote.h"
#include "cli/state.h"
#include "cli/table.h"

#include <string.h>
#include <time.h>

/* In the time of where it is read. */
static void print_when(long long ns, char *text, size_t size)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm local;
    text[0] = '\0';
    if (localtime_r(&seconds, &local))
        strftime(text, size, "%Y-%m-%d %H:%M:%S", &local);
}

static void add_edit(struct table *table, const json_t *edit)
{
    char when[32];
    const char *what = state_text(edit, "what");
    print_when(state_count(edit, "when_ns"), when, sizeof when);
    table_add_count(table, state_count(edit, "revision"));
    table_add(table, when);
    table_add(table, state_text(edit, "who")[0] ? state_text(edit, "who") : "-");
    table_add_count(table, state_count(json_object_get(edit, "receipt"), "items_before"));
    table_add(table, what[0] ? what : "-");
}

static void print_history(const json_t *answer)
{
    static const char *const heads[] = {"REVISION", "WHEN", "WHO", "ITEMS", "WHAT"};
    struct table table = {.alignment = "rllrl"};
    size_t i;
    json_t *edit;
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(&table, heads[i]);
    json_array_foreach(json_object_get(answer, "edits"), i, edit) add_edit(&table, edit);
    if (i > 0)
        table_print(&table, 0, stdout);
    else
        printf("%s: revision %lld, no edits\n", state_text(answer, "name"), state_count(answer, "revision"));
    table_release(&table);
}

static void print_pending(const json_t *answer)
{
    if (json_array_size(json_object_get(answer, "pending")) > 0)
        notes_print_pending(answer);
    else
        printf("%s: revision %lld, no edits are pending\n", state_text(answer, "name"), state_count(answer, "revision"));
}

static int ask(const struct arguments *args, void (*print)(const json_t *))
{
    json_t *answer = NULL;
    int status = remote_ask(args, &answer);
    if (status != DONE)
        return status;
    (argument_flag(args, "json") ? state_print_json : print)(answer);
    json_decref(answer);
    return DONE;
}

static int history(const struct arguments *args)
{
    return ask(args, print_history);
}

static int pending(const struct arguments *args)
{
    return ask(args, print_pending);
}

const struct command history_command = {&history_verb, history};
const struct command pending_command = {&pending_verb, pending};
