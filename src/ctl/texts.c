/* SPDX-License-Identifier: MIT */
/*
 * texts.c - the graph of a running pipeline.
 *
 * The engine says which stages there are and what leads where, the session what each of them was written as. Together they are
 * what one would write to get the same pipeline again.
 */
#include "ctl/texts.h"

#include <string.h>

#include "ctl/session.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is_source(const json_t *stage)
{
    return strcmp(text_of(stage, "in"), "") == 0 || strcmp(text_of(stage, "in"), "none") == 0;
}

static int add_stage(struct graph *graph, const json_t *stage, struct expr_error *error)
{
    char why[sizeof error->message];
    const char *name = text_of(stage, "name"), *text = text_of(stage, "text");
    if (!*text)
        return expr_refuse(error, 0, 0, "it is not known how the stage \"%s\" was written", name);
    size_t i = graph_add_text(graph, name, text, is_source(stage), error);
    unsigned lanes = (unsigned)json_integer_value(json_object_get(stage, "lanes"));
    if (i != GRAPH_NOWHERE) {
        if (lanes > 0 && lanes != spec_lanes(graph->stages[i].spec) && spec_set_lanes(graph->stages[i].spec, lanes) != 0)
            return expr_refuse_memory(error);
        graph->stages[i].parked = strcmp(text_of(stage, "status"), "parked") == 0;
        return 0;
    }
    memcpy(why, error->message, sizeof why);
    return expr_refuse(error, 0, 0, "the stage \"%s\", %.100s, is not understood: %.250s", name, text, why);
}

/* Links of stages that are left out are left out, too. */
static int add_link(struct graph *graph, const json_t *link, struct expr_error *error)
{
    size_t from = graph_find(graph, text_of(link, "from")), to = GRAPH_DISCARD;
    if (*text_of(link, "to"))
        to = graph_find(graph, text_of(link, "to"));
    if (from == GRAPH_NOWHERE || to == GRAPH_NOWHERE)
        return 0;
    return graph_link(graph, from, text_of(link, "out"), to, text_of(link, "in"), 0, 0, error);
}

/* The sink of a stage's letters, where an edit has not led them somewhere else; else GRAPH_NOWHERE. */
static size_t find_letters(const struct graph *graph, size_t i)
{
    char label[LABEL_SIZE];
    snprintf(label, sizeof label, "%.58s.dead", graph_label(graph, i));
    for (size_t j = 0; j < graph->link_count; j++) {
        const struct graph_link *link = &graph->links[j];
        if (link->from != i || strcmp(link->out, "dead") != 0 || link->to >= GRAPH_DISCARD)
            continue;
        const struct spec *sink = graph->stages[link->to].spec;
        if (strcmp(sink->builtin->name, "letters") == 0 && strcmp(sink->label, label) == 0 &&
            strcmp(sink->own[0], graph->stages[i].spec->general[GENERAL_DEAD]) == 0)
            return link->to;
    }
    return GRAPH_NOWHERE;
}

static bool is_led_to(const struct graph *graph, size_t to)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (graph->links[i].to == to)
            return true;
    return false;
}

/* What a text must say about stages that the edits have left in a state in which nobody would write them. */
static int mark(struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->stage_count; i++) {
        struct graph_stage *stage = &graph->stages[i];
        stage->from_nowhere = stage->parked && !graph_is_source(graph, i) && !is_led_to(graph, i);
        stage->to_nowhere = stage->parked && graph_loose(graph, i, 0);
        if (stage->spec->general[GENERAL_DEAD] && find_letters(graph, i) == GRAPH_NOWHERE && spec_open_dead(stage->spec) != 0)
            return expr_refuse_memory(error);
    }
    return 0;
}

static int add_all(struct graph *graph, const json_t *state, struct expr_error *error)
{
    size_t i;
    json_t *stage, *link;
    snprintf(graph->name, sizeof graph->name, "%s", text_of(state, "name"));
    json_array_foreach(json_object_get(state, "stages"), i, stage)
    {
        if (strcmp(text_of(stage, "status"), "retiring") != 0 && add_stage(graph, stage, error) != 0)
            return -1;
    }
    json_array_foreach(json_object_get(state, "links"), i, link) if (add_link(graph, link, error) != 0) return -1;
    return mark(graph, error) != 0 ? -1 : graph_settle(graph, error);
}

struct graph *texts_graph(const json_t *state, struct expr_error *error)
{
    struct graph *graph = graph_new();
    if (!graph) {
        expr_refuse_memory(error);
        return NULL;
    }
    if (add_all(graph, state, error) == 0)
        return graph;
    graph_free(graph);
    return NULL;
}

struct graph *texts_session(struct session *session, struct expr_error *error)
{
    json_t *state = session_snapshot(session);
    struct graph *graph = NULL;
    if (state)
        graph = texts_graph(state, error);
    else
        expr_refuse_memory(error);
    json_decref(state);
    return graph;
}

void texts_describe(struct session *session, const struct graph *graph)
{
    for (size_t i = 0; i < graph->stage_count; i++)
        session_describe(session, graph_label(graph, i), graph->stages[i].spec->builtin->name, graph->stages[i].spec->text);
}
