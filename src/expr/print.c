/* SPDX-License-Identifier: MIT */
/*
 * print.c - a graph as an expression, and as a drawing for Graphviz.
 */
#include "expr/print.h"

#include <stdlib.h>
#include <string.h>

#include "expr/chains.h"

/* ---- an expression ----------------------------------------------------------------------------------------------- */

static void put_chain(struct chains *chains, size_t i);

static void put_arrow(const struct chains *chains, const struct graph_link *link)
{
    char place[PLACE_SIZE];
    fputs("-> ", chains->out);
    spec_put_word(chains->out, chains_target(chains, link, place), false);
}

static void put_way(struct chains *chains, const struct graph_link *link)
{
    fprintf(chains->out, "%s: ", link->out);
    if (link->to == GRAPH_DISCARD)
        fputs("discard", chains->out);
    else if (chains_inlines(chains, link))
        put_chain(chains, link->to);
    else
        put_arrow(chains, link);
}

static void put_stage(struct chains *chains, size_t i)
{
    fputs(chains->graph->stages[i].spec->text, chains->out);
    if (chains_labels(chains, i)) {
        fputs(" as=", chains->out);
        spec_put_word(chains->out, graph_label(chains->graph, i), false);
    }
    const char *between = " { ", *loose;
    for (const struct graph_link *link = chains_side(chains, i, NULL); link; link = chains_side(chains, i, link)) {
        fputs(between, chains->out);
        put_way(chains, link);
        between = " ; ";
    }
    for (size_t n = 0; (loose = chains_loose(chains, i, n)); n++) {
        fprintf(chains->out, "%s%s: nowhere", between, loose);
        between = " ; ";
    }
    if (strcmp(between, " ; ") == 0)
        fputs(" }", chains->out);
}

static void put_chain(struct chains *chains, size_t i)
{
    for (;;) {
        put_stage(chains, i);
        const struct graph_link *main = chains_main(chains, i);
        if (!main)
            return;
        putc(' ', chains->out);
        if (!chains_inlines(chains, main)) {
            put_arrow(chains, main);
            return;
        }
        fputs("| ", chains->out);
        i = main->to;
    }
}

static void put_expression(struct chains *chains)
{
    bool any = false;
    for (size_t i = 0; i < chains->graph->stage_count; i++) {
        if (!chains->head[i])
            continue;
        if (any)
            fputs(" ; ", chains->out);
        if (chains->graph->stages[i].from_nowhere)
            fputs("nowhere | ", chains->out);
        put_chain(chains, i);
        any = true;
    }
}

char *graph_to_expr(const struct graph *graph)
{
    return chains_write(graph, put_expression);
}

/* ---- a drawing --------------------------------------------------------------------------------------------------- */

/* In quotes; Graphviz knows \" and \\ in them, and \n as the line's end. */
static void put_quoted(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            putc('\\', out);
        fputs(*p == '\n' ? "\\n" : "", out);
        if (*p != '\n')
            putc(*p, out);
    }
}

static void draw_stage(FILE *out, const struct graph *graph, size_t i)
{
    const struct graph_stage *stage = &graph->stages[i];
    fprintf(out, "    s%zu [label=\"", i);
    put_quoted(out, graph_label(graph, i));
    if (strcmp(stage->spec->text, graph_label(graph, i)) != 0) {
        fputs("\\n", out);
        put_quoted(out, stage->spec->text);
    }
    fprintf(out, "\"%s];\n", stage->parked ? ", style=dashed" : "");
}

static void draw_link(FILE *out, const struct graph *graph, size_t i)
{
    const struct graph_link *link = &graph->links[i];
    if (link->to == GRAPH_DISCARD)
        fprintf(out, "    d%zu [shape=point];\n    s%zu -> d%zu", i, link->from, i);
    else
        fprintf(out, "    s%zu -> s%zu", link->from, link->to);
    bool out_said = strcmp(link->out, "out") != 0, in_said = link->to != GRAPH_DISCARD && strcmp(link->in, "in") != 0;
    if (out_said || in_said)
        fprintf(out, " [%s%s%s%s%s%s%s]", out_said ? "taillabel=\"" : "", out_said ? link->out : "", out_said ? "\"" : "",
                out_said && in_said ? ", " : "", in_said ? "headlabel=\"" : "", in_said ? link->in : "", in_said ? "\"" : "");
    fputs(";\n", out);
}

static void draw(struct chains *chains)
{
    const struct graph *graph = chains->graph;
    fputs("digraph \"", chains->out);
    put_quoted(chains->out, *graph->name ? graph->name : "weir");
    fputs("\" {\n    rankdir=LR;\n    node [shape=box, fontname=monospace];\n    edge [fontsize=10];\n", chains->out);
    for (size_t i = 0; i < graph->stage_count; i++)
        draw_stage(chains->out, graph, i);
    for (size_t i = 0; i < graph->link_count; i++)
        draw_link(chains->out, graph, i);
    fputs("}\n", chains->out);
}

char *graph_to_dot(const struct graph *graph)
{
    return chains_write(graph, draw);
}
