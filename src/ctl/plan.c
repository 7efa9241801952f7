/* SPDX-License-Identifier: MIT */
/*
 * plan.c - see plan.h. Reading a graph makes its stages and opens none; those that no edit takes are closed again.
 */
#include "ctl/plan.h"

#include "ctl/answer.h"
#include "ctl/edit.h"
#include "ctl/texts.h"
#include "expr/print.h"
#include "expr/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_S 10 /* how long it may take until nobody edits */

static int refuse_memory(struct refusal *refusal)
{
    return refuse(refusal, "memory", "out of memory"), -1;
}

/* An error in what this process tells of itself says nothing about a place in what somebody wrote. */
static struct graph *read_running(struct session *session, struct refusal *refusal)
{
    struct expr_error error;
    struct graph *graph = texts_session(session, &error);
    if (!graph)
        refuse(refusal, "refused", "the running pipeline cannot be told as text: %s", error.message);
    return graph;
}

/* ---- what was written ------------------------------------------------------------------------------------------------- */

static struct graph *read_written(const json_t *args, struct refusal *refusal)
{
    struct expr_error error = {0};
    const json_t *text = json_object_get(args, "text");
    const char *format = json_string_value(json_object_get(args, "format"));
    bool is_yaml = format && strcmp(format, "yaml") == 0;
    if (!text || !format || (!is_yaml && strcmp(format, "expression") != 0))
        return refuse(refusal, "usage", "the plan's \"text\" is missing, or its \"format\": yaml or expression"), NULL;
    struct graph *graph = is_yaml ? yaml_read(json_string_value(text), json_string_length(text), &error)
                                  : graph_parse(json_string_value(text), true, &error);
    if (graph && graph_complete(graph, &error) == 0)
        return graph;
    graph_free(graph);
    refuse(refusal, "expression", "%s", error.message);
    refusal->placed = true;
    refusal->offset = error.offset;
    refusal->length = error.length;
    return NULL;
}

int plan_make(struct plan *plan, struct session *session, const json_t *args, struct refusal *refusal)
{
    plan->new = read_written(args, refusal);
    plan->old = plan->new ? read_running(session, refusal) : NULL;
    if (!plan->old)
        return -1;
    if (diff_adopt_labels(plan->old, plan->new) != 0 || !(plan->diff = diff_new(plan->old, plan->new)))
        return refuse_memory(refusal);
    return 0;
}

void plan_release(struct plan *plan)
{
    diff_free(plan->diff);
    graph_free(plan->old);
    graph_free(plan->new);
}

/* ---- the verbs -------------------------------------------------------------------------------------------------------- */

static json_t *answer_new(struct session *session)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(weir_name(session_pipeline(session))));
    json_object_set_new(json, "revision", json_integer((json_int_t)weir_revision(session_pipeline(session))));
    return json;
}

static void add_difference(json_t *json, const struct diff *diff)
{
    char *text = diff_render(diff);
    json_object_set_new(json, "difference", json_text(text ? text : ""));
    free(text);
}

/* No edit may change what is looked at. False and the refusal: one takes too long. */
static bool lock(struct session *session, struct refusal *refusal)
{
    if (session_edit_lock_for(session, LOOK_S))
        return true;
    refuse(refusal, "busy", "an edit is being made, and has not come to its end (weir pending %s)",
           weir_name(session_pipeline(session)));
    return false;
}

json_t *answer_diff(struct session *session, const json_t *args, struct refusal *refusal)
{
    json_t *json = NULL;
    struct plan plan = {0};
    if (!lock(session, refusal))
        return NULL;
    if (plan_make(&plan, session, args, refusal) == 0) {
        json = answer_new(session);
        json_object_set_new(json, "changes", json_boolean(plan.diff->count > 0));
        add_difference(json, plan.diff);
    }
    session_edit_unlock(session);
    plan_release(&plan);
    return json;
}

/* As YAML if this weir can read it again. */
static const char *write_text(const struct graph *graph, char **text)
{
    struct expr_error error;
    struct graph *again;
    *text = graph_to_yaml(graph);
    again = *text ? yaml_read(*text, strlen(*text), &error) : NULL;
    if (again) {
        graph_free(again);
        return "yaml";
    }
    free(*text);
    *text = graph_to_expr(graph);
    return "expression";
}

json_t *answer_edit(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args;
    char *text = NULL;
    json_t *json = NULL;
    if (!lock(session, refusal))
        return NULL;
    struct graph *graph = read_running(session, refusal);
    if (graph) {
        json = answer_new(session);
        json_object_set_new(json, "format", json_string(write_text(graph, &text)));
        json_object_set_new(json, "text", json_text(text ? text : ""));
    }
    session_edit_unlock(session);
    graph_free(graph);
    free(text);
    return json;
}

static int apply(struct request *request, weir_edit *edit)
{
    if (plan_make(&request->plan, request->session, request->args, request->refusal) != 0)
        return -1;
    request->extra = json_object();
    add_difference(request->extra, request->plan.diff);
    diff_apply(request->plan.diff, edit, edit_flag(request, "fresh"));
    return 0;
}

json_t *answer_apply(struct session *session, const json_t *args, struct refusal *refusal)
{
    return edit_answer(&apply_verb, apply, session, args, refusal);
}
