/* SPDX-License-Identifier: MIT */
/*
 * expr.c - the stages of an expression that is one chain, for those who put them into a pipeline one by one.
 *
 * It is a graph in which each stage leads to the next one, and this is the check that it is so.
 */
#include "expr/graph.h"

#include <stdlib.h>
#include <string.h>

struct expr {
    struct graph *graph; /* owned; the hidden stages stand behind all others */
    size_t count;        /* of the stages that are not hidden */
};

/* True if the link leads from one stage to the next one, or to a hidden one. */
static bool is_linear(const struct graph *graph, const struct graph_link *link)
{
    if (link->to < GRAPH_DISCARD && graph->stages[link->to].hidden)
        return true;
    return link->to == link->from + 1 &&
           !(graph->stages[link->from].stage.on_error == WEIR_DEAD && strcmp(link->out, "dead") == 0);
}

static bool is_follower(const struct graph *graph, size_t i)
{
    for (size_t j = 0; j < graph->link_count; j++)
        if (graph->links[j].to == i)
            return true;
    return i == 0 && !graph->stages[i].from_nowhere;
}

static int check(const struct graph *graph, struct expr_error *error)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (!is_linear(graph, &graph->links[i]))
            return expr_refuse(
                error, graph->links[i].offset, graph->links[i].length,
                "stages one behind the other were expected here, and no branch; weir edit takes a whole pipeline");
    for (size_t i = 0; i < graph->stage_count; i++)
        if (!is_follower(graph, i) || graph->stages[i].to_nowhere)
            return expr_refuse(error, graph->stages[i].offset, graph->stages[i].length,
                               "one chain of stages was expected here, and \"%s\" %s; weir edit takes a whole pipeline",
                               graph_label(graph, i), graph->stages[i].to_nowhere ? "leads nowhere" : "begins another one");
    return 0;
}

static struct expr *make(struct graph *graph, struct expr_error *error)
{
    if (check(graph, error) != 0)
        return NULL;
    struct expr *expr = calloc(1, sizeof *expr);
    if (!expr) {
        expr_refuse_memory(error);
        return NULL;
    }
    expr->graph = graph;
    for (size_t i = 0; i < graph->stage_count; i++)
        expr->count += !graph->stages[i].hidden;
    return expr;
}

struct expr *expr_parse_at(const char *text, bool first, struct expr_error *error)
{
    struct graph *graph = graph_parse(text, first, error);
    struct expr *expr = graph ? make(graph, error) : NULL;
    if (!expr)
        graph_free(graph);
    return expr;
}

struct expr *expr_parse(const char *text, struct expr_error *error)
{
    return expr_parse_at(text, true, error);
}

void expr_free(struct expr *expr)
{
    if (!expr)
        return;
    graph_free(expr->graph);
    free(expr);
}

size_t expr_count(const struct expr *expr)
{
    return expr->count;
}

const struct builtin *expr_builtin(const struct expr *expr, size_t i)
{
    return expr->graph->stages[i].spec->builtin;
}

const char *expr_label(const struct expr *expr, size_t i)
{
    return graph_label(expr->graph, i);
}

const char *expr_text(const struct expr *expr, size_t i)
{
    return expr->graph->stages[i].spec->text;
}

const weir_stage *expr_stage(const struct expr *expr, size_t i)
{
    return &expr->graph->stages[i].stage;
}

size_t expr_letters(const struct expr *expr, size_t i)
{
    for (size_t j = 0; j < expr->graph->link_count; j++)
        if (expr->graph->links[j].from == i && expr->graph->stages[expr->graph->links[j].to].hidden)
            return expr->graph->links[j].to;
    return 0;
}

weir_stage expr_take(struct expr *expr, size_t i, const char *label)
{
    return graph_take(expr->graph, i, label);
}
