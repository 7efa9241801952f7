/* SPDX-License-Identifier: MIT */
/*
 * chains.c - cuts a graph into chains for writing.
 */
#include "expr/chains.h"

#include <stdlib.h>
#include <string.h>

static bool is_hidden(const struct graph *graph, const struct graph_link *link)
{
    return link->to < GRAPH_DISCARD && graph->stages[link->to].hidden;
}

/* The name that the only way into a stage gets when nobody says one. */
static bool is_default_in(const struct graph *graph, const struct graph_link *link)
{
    const weir_stage *stage = &graph->stages[link->to].stage;
    return strcmp(link->in, stage->ins ? stage->ins[0].name : stage->merge ? "1" : "in") == 0;
}

/* A stage can stand behind the one that leads to it if that is the only one, and there is nothing to say about the port. */
static bool can_follow(const struct graph *graph, size_t i)
{
    const struct graph_link *only = NULL;
    for (size_t j = 0; j < graph->link_count; j++) {
        if (graph->links[j].to != i)
            continue;
        if (only)
            return false;
        only = &graph->links[j];
    }
    return only && is_default_in(graph, only);
}

/* Marks what can be reached from stage i without pointing. */
static void reach(const struct chains *chains, size_t i, bool *reached)
{
    reached[i] = true;
    for (size_t j = 0; j < chains->graph->link_count; j++) {
        const struct graph_link *link = &chains->graph->links[j];
        if (link->from == i && link->to < GRAPH_DISCARD && !chains->head[link->to] && !reached[link->to])
            reach(chains, link->to, reached);
    }
}

/* What is not reached from any head goes in a circle, which must be cut open somewhere. */
static int find_heads(struct chains *chains)
{
    const struct graph *graph = chains->graph;
    bool *reached = calloc(graph->stage_count + 1, sizeof *reached);
    if (!reached)
        return -1;
    for (size_t i = 0; i < graph->stage_count; i++)
        chains->head[i] = !graph->stages[i].hidden && !can_follow(graph, i);
    for (size_t i = 0; i < graph->stage_count; i++)
        if (chains->head[i])
            reach(chains, i, reached);
    for (size_t i = 0; i < graph->stage_count; i++)
        if (!reached[i] && !graph->stages[i].hidden) {
            chains->head[i] = true;
            reach(chains, i, reached);
        }
    free(reached);
    return 0;
}

static char *write_once(struct chains *chains, void (*write)(struct chains *))
{
    char *text = NULL;
    size_t size;
    chains->out = open_memstream(&text, &size);
    if (!chains->out)
        return NULL;
    memset(chains->met, 0, chains->graph->stage_count * sizeof *chains->met);
    write(chains);
    bool failed = ferror(chains->out);
    if (fclose(chains->out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

char *chains_write(const struct graph *graph, void (*write)(struct chains *))
{
    size_t count = graph->stage_count + 1;
    char *text = NULL;
    struct chains chains = {.graph = graph,
                            .head = calloc(count, sizeof *chains.head),
                            .met = calloc(count, sizeof *chains.met),
                            .named = calloc(count, sizeof *chains.named)};
    if (chains.head && chains.met && chains.named && find_heads(&chains) == 0) {
        free(write_once(&chains, write));
        text = write_once(&chains, write);
    }
    free(chains.head);
    free(chains.met);
    free(chains.named);
    return text;
}

const struct graph_link *chains_main(const struct chains *chains, size_t i)
{
    const struct graph *graph = chains->graph;
    const struct graph_link *main = NULL;
    size_t count = 0;
    const char *port = graph_is_open(graph, i) ? "1" : "out";
    for (size_t j = 0; j < graph->link_count; j++) {
        const struct graph_link *link = &graph->links[j];
        if (link->from != i || is_hidden(graph, link))
            continue;
        count++;
        if (strcmp(link->out, port) == 0 && link->to != GRAPH_DISCARD)
            main = link;
    }
    return graph->stages[i].stage.outs || (graph_is_open(graph, i) && count > 1) ? NULL : main;
}

const struct graph_link *chains_side(const struct chains *chains, size_t i, const struct graph_link *link)
{
    const struct graph *graph = chains->graph;
    const struct graph_link *main = chains_main(chains, i);
    for (size_t j = link ? (size_t)(link - graph->links) + 1 : 0; j < graph->link_count; j++) {
        link = &graph->links[j];
        if (link->from == i && link != main && !is_hidden(graph, link))
            return link;
    }
    return NULL;
}

const char *chains_loose(const struct chains *chains, size_t i, size_t n)
{
    return chains->graph->stages[i].to_nowhere ? graph_loose(chains->graph, i, n) : NULL;
}

bool chains_inlines(struct chains *chains, const struct graph_link *link)
{
    if (link->to == GRAPH_DISCARD)
        return false;
    char expected[PORT_SIZE];
    snprintf(expected, sizeof expected, "%zu", ++chains->met[link->to]);
    if (chains->graph->stages[link->to].stage.merge && strcmp(link->in, expected) != 0)
        chains->named[link->to] = true;
    return !chains->head[link->to];
}

char *chains_target(const struct chains *chains, const struct graph_link *link, char place[PLACE_SIZE])
{
    if (link->to == GRAPH_DISCARD)
        return strcpy(place, "discard");
    bool plain = chains->graph->stages[link->to].stage.merge ? !chains->named[link->to] : is_default_in(chains->graph, link);
    snprintf(place, PLACE_SIZE, plain ? "%s" : "%s:%s", graph_label(chains->graph, link->to), link->in);
    return place;
}

bool chains_labels(const struct chains *chains, size_t i)
{
    return strcmp(graph_label(chains->graph, i), chains->graph->stages[i].spec->builtin->name) != 0;
}
