/* SPDX-License-Identifier: MIT */
/* notes.c - see notes.h. */
#include "cli/notes.h"

#include "cli/span.h"
#include "cli/state.h"
#include "cli/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "slow is retiring, and has had its item 17 for 3.2s" */
static void print_item(const json_t *stage)
{
    char span[SPAN_ROOM];
    if (state_count(stage, "item") == 0)
        return;
    printf("%s%s has had its item %lld for %s\n", state_text(stage, "name"),
           strcmp(state_text(stage, "status"), "retiring") == 0 ? " is retiring, and" : "", state_count(stage, "item"),
           span_text((double)state_count(stage, "item_ns") / 1e9, span));
}

static double percent(long long part, long long whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void print_trial(const json_t *stage)
{
    const json_t *trial = json_object_get(stage, "trial");
    if (!trial)
        return;
    bool shadow = json_is_true(json_object_get(trial, "shadow"));
    const char *key = state_text(trial, "key");
    long long items = state_count(trial, "candidate_items"), errors = state_count(trial, "candidate_errors");
    printf("%s is on trial: %s", state_text(stage, "name"), state_text(trial, "text"));
    if (shadow)
        printf(" as its shadow, ");
    else
        printf(" gets %.4g%%%s%s, ", json_number_value(json_object_get(trial, "percent")), key[0] ? " by " : "", key);
    printf("%lld items, %lld failed (%.2g%%)", items, errors, percent(errors, items));
    if (shadow)
        printf(", %lld differed (%.2g%%)", state_count(trial, "differed"), percent(state_count(trial, "differed"), items));
    printf("; in force: %lld items, %lld failed (%.2g%%)\n", state_count(trial, "items"), state_count(trial, "errors"),
           percent(state_count(trial, "errors"), state_count(trial, "items")));
}

static void add_pending(struct table *table, const json_t *edit)
{
    char span[SPAN_ROOM];
    const char *by = state_text(edit, "held_up_by");
    table_add(table, span_text((double)state_count(edit, "age_ns") / 1e9, span));
    table_add(table, json_is_true(json_object_get(edit, "committed")) ? "committed" : "waits");
    table_add(table, state_text(edit, "who")[0] ? state_text(edit, "who") : "-");
    table_add(table, by[0] ? by : "-");
    if (state_count(edit, "held_up_item"))
        table_add_count(table, state_count(edit, "held_up_item"));
    else
        table_add(table, "-");
    table_add(table, by[0] ? span_text((double)state_count(edit, "held_up_ns") / 1e9, span) : "-");
    table_add(table, state_text(edit, "what"));
}

void notes_print_pending(const json_t *state)
{
    static const char *const heads[] = {"AGE", "STATE", "WHO", "HELD UP BY", "ITEM", "FOR", "WHAT"};
    struct table table = {.alignment = "rlllrrl"};
    size_t i;
    json_t *edit;
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(&table, heads[i]);
    json_array_foreach(json_object_get(state, "pending"), i, edit) add_pending(&table, edit);
    table_print(&table, 0, stdout);
}

void notes_print(const json_t *state)
{
    size_t i;
    json_t *stage;
    if (json_is_true(json_object_get(state, "paused")))
        printf("paused; weir resume %s lets it go on\n", state_text(state, "name"));
    json_array_foreach(json_object_get(state, "stages"), i, stage) print_item(stage);
    json_array_foreach(json_object_get(state, "stages"), i, stage) print_trial(stage);
    if (json_array_size(json_object_get(state, "pending")) > 0)
        notes_print_pending(state);
}
