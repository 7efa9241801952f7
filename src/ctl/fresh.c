/* SPDX-License-Identifier: MIT */
/*
 * fresh.c - parsing and naming what an edit brings.
 *
 * An as= in the text that says the built-in's own name, or that with a number, cannot be told from none. It matters only where that
 * label is taken: then the stage gets another one.
 */
#include "ctl/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse_expression(struct request *request, const struct expr_error *error)
{
    refuse(request->refusal, "expression", "%s", error->message);
    request->refusal->placed = true;
    request->refusal->offset = error->offset;
    request->refusal->length = error->length;
    return -1;
}

int fresh_parse(struct request *request, bool first)
{
    struct expr_error error;
    struct fresh *fresh = &request->fresh;
    fresh->expr = expr_parse_at(edit_text(request, "text"), first, &error);
    if (!fresh->expr)
        return refuse_expression(request, &error);
    fresh->count = expr_count(fresh->expr);
    fresh->labels = calloc(fresh->count, sizeof *fresh->labels);
    if (!fresh->labels)
        return refuse(request->refusal, "memory", "out of memory"), -1;
    if (fresh->count > 1 && edit_text(request, "as"))
        return refuse(request->refusal, "usage", "--as names one stage, and \"%.200s\" has %zu: write as=LABEL in the text",
                      edit_text(request, "text"), fresh->count),
               -1;
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */

/* Stages of the pipeline, but for those that have left, and those that were named before. */
struct names {
    weir_stage_info *stages;
    size_t count;
};

static bool is_taken(const struct request *request, const struct names *names, const char *label)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->stages[i].name, label) == 0 && strcmp(names->stages[i].status, "retiring") != 0)
            return true;
    for (size_t i = 0; i < request->fresh.count; i++)
        if (strcmp(request->fresh.labels[i], label) == 0)
            return true;
    return false;
}

static bool is_numbered(const char *label, const char *name)
{
    size_t len = strlen(name);
    return strncmp(label, name, len) == 0 && label[len + strspn(label + len, "0123456789")] == '\0';
}

static void number(const struct request *request, const struct names *names, const char *name, char *label)
{
    char fresh[FRESH_LABEL_ROOM];
    snprintf(fresh, sizeof fresh, "%.40s", name);
    for (size_t i = 2; is_taken(request, names, fresh); i++)
        snprintf(fresh, sizeof fresh, "%.40s%zu", name, i);
    memcpy(label, fresh, sizeof fresh);
}

/* What was written: --as, or as= in the text. NULL: nothing. */
static const char *written(const struct request *request, const struct names *names, size_t i)
{
    const char *as = edit_text(request, "as"), *label = expr_label(request->fresh.expr, i);
    const char *name = expr_builtin(request->fresh.expr, i)->name;
    if (as)
        return as;
    bool is_default = strcmp(label, name) == 0 || (is_numbered(label, name) && is_taken(request, names, label));
    return is_default ? NULL : label;
}

static int name_one(struct request *request, const struct names *names, size_t i, const char *inherited)
{
    const char *label = written(request, names, i);
    if (!label)
        label = inherited;
    if (!label)
        return number(request, names, expr_builtin(request->fresh.expr, i)->name, request->fresh.labels[i]), 0;
    const char *fault = label == inherited ? NULL : expr_label_fault(label);
    snprintf(request->fresh.labels[i], FRESH_LABEL_ROOM, "%s", label);
    return fault ? (refuse(request->refusal, "usage", "--as: \"%.80s\" %s", label, fault), -1) : 0;
}

int fresh_name(struct request *request, size_t heir, const char *inherited)
{
    struct names names;
    names.stages = session_stages(request->session, &names.count);
    if (!names.stages)
        return refuse(request->refusal, "memory", "out of memory"), -1;
    /* The heir first: its label is the only one that may be taken. */
    int status = name_one(request, &names, heir, inherited);
    for (size_t i = 0; status == 0 && i < request->fresh.count; i++)
        if (i != heir)
            status = name_one(request, &names, i, NULL);
    free(names.stages);
    return status;
}

weir_stage fresh_take(struct request *request, size_t i)
{
    return expr_take(request->fresh.expr, i, request->fresh.labels[i]);
}

/* ---- dead letters ----------------------------------------------------------------------------------------------------- */

static void name_letters(const char *stage, char label[FRESH_LABEL_ROOM])
{
    snprintf(label, FRESH_LABEL_ROOM, "%.58s.dead", stage);
}

static bool is_link(const json_t *link, const char *from, const char *out, const char *to)
{
    return strcmp(json_string_value(json_object_get(link, "from")), from) == 0 &&
           strcmp(json_string_value(json_object_get(link, "out")), out) == 0 &&
           strcmp(json_string_value(json_object_get(link, "to")), to) == 0;
}

bool fresh_find_letters(const struct request *request, const char *stage, char label[FRESH_LABEL_ROOM], char **text)
{
    size_t i;
    json_t *link, *about = json_object(), *state = session_snapshot(request->session);
    bool found = false;
    name_letters(stage, label);
    json_array_foreach(json_object_get(state, "links"), i, link) found |= is_link(link, stage, "dead", label);
    session_add_text(request->session, label, about);
    const char *builtin = json_string_value(json_object_get(about, "builtin"));
    found = found && builtin && strcmp(builtin, "letters") == 0;
    *text = found ? strdup(json_string_value(json_object_get(about, "text"))) : NULL;
    json_decref(about);
    json_decref(state);
    return *text != NULL;
}

void fresh_add_letters(struct request *request, size_t i, weir_edit *edit)
{
    char label[FRESH_LABEL_ROOM], port[FRESH_LABEL_ROOM + 8];
    size_t letters = expr_letters(request->fresh.expr, i);
    if (letters == 0)
        return;
    name_letters(request->fresh.labels[i], label);
    snprintf(port, sizeof port, "%s:dead", request->fresh.labels[i]);
    weir_stage stage = expr_take(request->fresh.expr, letters, label);
    weir_edit_add(edit, &stage);
    weir_edit_connect(edit, port, label);
}

/* ---- texts ------------------------------------------------------------------------------------------------------------ */

static void describe(struct request *request, size_t i, const char *label)
{
    const struct expr *expr = request->fresh.expr;
    session_describe(request->session, label, expr_builtin(expr, i)->name, expr_text(expr, i));
}

void fresh_describe(struct request *request)
{
    char label[FRESH_LABEL_ROOM];
    struct fresh *fresh = &request->fresh;
    for (size_t i = 0; i < fresh->count; i++) {
        size_t letters = expr_letters(fresh->expr, i);
        name_letters(fresh->labels[i], label);
        describe(request, i, fresh->labels[i]);
        if (letters)
            describe(request, letters, label);
    }
}

void fresh_release(struct fresh *fresh)
{
    expr_free(fresh->expr);
    free(fresh->labels);
}
