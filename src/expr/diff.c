/* SPDX-License-Identifier: MIT */
/*
 * diff.c - compares two graphs, and turns the difference into operations of an edit.
 *
 * A link of the old graph is kept if the new one has it too and both of its stages stay what they are; all others are
 * disconnected, and what the new graph has beyond the kept ones is connected. So the links at each moment are a part of the old or of
 * the new graph's, and neither has a circle.
 */
#include "expr/diff.h"

#include <stdlib.h>
#include <string.h>

/* ---- labels ------------------------------------------------------------------------------------------------------ */

static bool has_own_label(const struct graph *graph, size_t i)
{
    return graph->stages[i].spec->general[GENERAL_AS] || graph->stages[i].hidden;
}

/* Gives the label of an old stage that suits new stage i and is free to it. */
static void adopt(const struct graph *old, struct graph *new, size_t i, bool equal)
{
    struct spec *spec = new->stages[i].spec;
    for (size_t j = 0; !*spec->label && j < old->stage_count; j++) {
        const struct spec *other = old->stages[j].spec;
        bool suits = other->builtin == spec->builtin && (!equal || spec_equal(other, spec, GENERAL_LANES));
        if (suits && !old->stages[j].hidden && graph_find(new, other->label) == GRAPH_NOWHERE)
            memcpy(spec->label, other->label, LABEL_SIZE);
    }
}

/* The sinks of dead letters are called after their stages. */
static void rename_letters(struct graph *graph)
{
    for (size_t i = 0; i < graph->link_count; i++) {
        const struct graph_link *link = &graph->links[i];
        if (link->to < GRAPH_DISCARD && graph->stages[link->to].hidden)
            snprintf(graph->stages[link->to].spec->label, LABEL_SIZE, "%.58s.dead", graph_label(graph, link->from));
    }
}

int diff_adopt_labels(const struct graph *old, struct graph *new)
{
    struct expr_error error;
    for (size_t i = 0; i < new->stage_count; i++)
        if (!has_own_label(new, i))
            *new->stages[i].spec->label = 0;
    for (int equal = 1; equal >= 0; equal--)
        for (size_t i = 0; i < new->stage_count; i++)
            adopt(old, new, i, equal);
    if (graph_give_labels(new, &error) != 0)
        return -1;
    rename_letters(new);
    return 0;
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static bool same_names(const weir_port *a, const weir_port *b)
{
    if (!a || !b)
        return a == b;
    for (; a->name && b->name && strcmp(a->name, b->name) == 0; a++, b++)
        ;
    return !a->name && !b->name;
}

/* Whether one can stand in the other's place, with its links. The port "dead" may come and go. */
static bool same_ports(const weir_stage *a, const weir_stage *b)
{
    return (a->in == NULL) == (b->in == NULL) && (a->out == WEIR_NONE) == (b->out == WEIR_NONE) && a->tee == b->tee &&
           a->merge == b->merge && (a->route != NULL) == (b->route != NULL) && same_names(a->ins, b->ins) &&
           same_names(a->outs, b->outs);
}

/* The stage of the same label in the other graph that it stays or replaces, or GRAPH_NOWHERE: then it comes, or goes. */
static size_t counterpart(const struct graph *graph, size_t i, const struct graph *other)
{
    size_t j = graph_find(other, graph_label(graph, i));
    if (j == GRAPH_NOWHERE || !same_ports(&graph->stages[i].stage, &other->stages[j].stage))
        return GRAPH_NOWHERE;
    return j;
}

static struct diff_op *add_op(struct diff *diff, enum diff_kind kind)
{
    if (diff->count == diff->capacity) {
        size_t capacity = diff->capacity ? diff->capacity * 2 : 16;
        struct diff_op *ops = realloc(diff->ops, capacity * sizeof *ops);
        if (!ops)
            return NULL;
        diff->ops = ops;
        diff->capacity = capacity;
    }
    struct diff_op *op = &diff->ops[diff->count++];
    *op = (struct diff_op){.kind = kind, .old = GRAPH_NOWHERE, .new = GRAPH_NOWHERE};
    return op;
}

/* The new stages; those whose label an old stage has must wait until that has gone. */
static int add_stages(struct diff *diff, bool reused)
{
    for (size_t i = 0; i < diff->new->stage_count; i++) {
        bool used = graph_find(diff->old, graph_label(diff->new, i)) != GRAPH_NOWHERE;
        if (used != reused || counterpart(diff->new, i, diff->old) != GRAPH_NOWHERE)
            continue;
        struct diff_op *op = add_op(diff, DIFF_ADD);
        if (!op)
            return -1;
        op->new = i;
        op->hidden = diff->new->stages[i].hidden;
    }
    return 0;
}

static int pop_stages(struct diff *diff)
{
    for (size_t i = 0; i < diff->old->stage_count; i++) {
        if (counterpart(diff->old, i, diff->new) != GRAPH_NOWHERE)
            continue;
        struct diff_op *op = add_op(diff, DIFF_POP);
        if (!op)
            return -1;
        op->old = i;
        op->hidden = diff->old->stages[i].hidden;
    }
    return 0;
}

static bool loses_state(const weir_stage *old, const weir_stage *new)
{
    return old->state_type && !(new->state_type &&strcmp(old->state_type, new->state_type) == 0);
}

static int change_stages(struct diff *diff)
{
    for (size_t i = 0; i < diff->new->stage_count; i++) {
        const struct graph_stage *new = &diff->new->stages[i];
        size_t j = counterpart(diff->new, i, diff->old);
        if (j == GRAPH_NOWHERE || spec_equal(diff->old->stages[j].spec, new->spec, GENERAL_COUNT))
            continue;
        bool scales = spec_equal(diff->old->stages[j].spec, new->spec, GENERAL_LANES);
        struct diff_op *op = add_op(diff, scales ? DIFF_SCALE : DIFF_REPLACE);
        if (!op)
            return -1;
        op->old = j;
        op->new = i;
        op->lanes = spec_lanes(new->spec);
        op->fresh = !scales && loses_state(&diff->old->stages[j].stage, &new->stage);
        op->hidden = new->hidden;
    }
    return 0;
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

static bool is_open_merge(const struct graph *graph, size_t i)
{
    return graph->stages[i].stage.merge && !graph->stages[i].stage.ins;
}

static bool same_link(const struct graph *a, const struct graph_link *x, const struct graph *b, const struct graph_link *y)
{
    if (strcmp(graph_label(a, x->from), graph_label(b, y->from)) != 0 || strcmp(x->out, y->out) != 0)
        return false;
    if (x->to == GRAPH_DISCARD || y->to == GRAPH_DISCARD)
        return x->to == y->to;
    return strcmp(graph_label(a, x->to), graph_label(b, y->to)) == 0 &&
           (strcmp(x->in, y->in) == 0 || (is_open_merge(a, x->to) && is_open_merge(b, y->to)));
}

/* The link number n of those from the stage, or NULL. */
static const struct graph_link *nth_from(const struct graph *graph, size_t from, size_t n)
{
    for (size_t i = 0; i < graph->link_count; i++)
        if (graph->links[i].from == from && n-- == 0)
            return &graph->links[i];
    return NULL;
}

/* A route counts its links: there, a link stays only if all those before it do. */
static bool same_so_far(const struct graph *a, const struct graph_link *link, const struct graph *b, size_t from)
{
    for (size_t n = 0;; n++) {
        const struct graph_link *x = nth_from(a, link->from, n), *y = nth_from(b, from, n);
        if (!x || !y || !same_link(a, x, b, y))
            return false;
        if (x == link)
            return true;
    }
}

/* Whether a link of graph a is in graph b, too, between stages that stay. */
static bool is_kept(const struct graph *a, const struct graph_link *link, const struct graph *b)
{
    size_t from = counterpart(a, link->from, b);
    if (from == GRAPH_NOWHERE || (link->to < GRAPH_DISCARD && counterpart(a, link->to, b) == GRAPH_NOWHERE))
        return false;
    if (a->stages[link->from].stage.route && graph_is_open(a, link->from))
        return same_so_far(a, link, b, from);
    for (size_t i = 0; i < b->link_count; i++)
        if (same_link(a, link, b, &b->links[i]))
            return true;
    return false;
}

static int change_links(struct diff *diff, const struct graph *a, const struct graph *b, enum diff_kind kind)
{
    for (size_t i = 0; i < a->link_count; i++) {
        const struct graph_link *link = &a->links[i];
        if (is_kept(a, link, b))
            continue;
        bool discards = link->to == GRAPH_DISCARD;
        struct diff_op *op = add_op(diff, kind == DIFF_CONNECT && discards ? DIFF_DISCARD : kind);
        if (!op)
            return -1;
        graph_from(a, link, op->from);
        graph_to(a, link, op->to);
        if (!discards && is_open_merge(a, link->to))
            snprintf(op->to, sizeof op->to, "%s", graph_label(a, link->to));
        op->hidden = !discards && a->stages[link->to].hidden;
    }
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

struct diff *diff_new(const struct graph *old, struct graph *new)
{
    struct diff *diff = calloc(1, sizeof *diff);
    if (!diff)
        return NULL;
    diff->old = old;
    diff->new = new;
    if (add_stages(diff, false) == 0 && change_links(diff, old, new, DIFF_DISCONNECT) == 0 && change_stages(diff) == 0 &&
        pop_stages(diff) == 0 && add_stages(diff, true) == 0 && change_links(diff, new, old, DIFF_CONNECT) == 0)
        return diff;
    diff_free(diff);
    return NULL;
}

void diff_free(struct diff *diff)
{
    if (!diff)
        return;
    free(diff->ops);
    free(diff);
}

static int apply(struct diff *diff, const struct diff_op *op, weir_edit *edit, bool fresh)
{
    bool takes = op->kind == DIFF_ADD || op->kind == DIFF_REPLACE;
    weir_stage stage = takes ? graph_take(diff->new, op->new, NULL) : (weir_stage){0};
    const char *old = op->old == GRAPH_NOWHERE ? "" : graph_label(diff->old, op->old);
    switch (op->kind) {
    case DIFF_ADD:
        return weir_edit_add(edit, &stage);
    case DIFF_REPLACE:
        return op->fresh && fresh ? weir_edit_replace_fresh(edit, old, &stage) : weir_edit_replace(edit, old, &stage);
    case DIFF_SCALE:
        return weir_edit_scale(edit, old, op->lanes);
    case DIFF_POP:
        return weir_edit_pop(edit, old);
    case DIFF_DISCONNECT:
        return weir_edit_disconnect(edit, op->from);
    case DIFF_CONNECT:
        return weir_edit_connect(edit, op->from, op->to);
    default:
        return weir_edit_connect(edit, op->from, WEIR_DISCARD);
    }
}

int diff_apply(struct diff *diff, weir_edit *edit, bool fresh)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < diff->count && status == WEIR_OK; i++)
        status = apply(diff, &diff->ops[i], edit, fresh);
    return status;
}

/* ---- in words ---------------------------------------------------------------------------------------------------- */

/* "label: text", or the text alone if it begins with the label. */
static void put_stage(FILE *out, char mark, const struct graph *graph, size_t i)
{
    const char *label = graph_label(graph, i), *text = graph->stages[i].spec->text;
    bool same = strcmp(label, graph->stages[i].spec->builtin->name) == 0;
    fprintf(out, "%c %s%s%s%s\n", mark, same ? "" : label, same ? "" : ": ", text,
            graph->stages[i].parked ? " (nothing leads to it)" : "");
}

static void put_op(FILE *out, const struct diff *diff, const struct diff_op *op)
{
    const char *label = op->old == GRAPH_NOWHERE ? "" : graph_label(diff->old, op->old);
    switch (op->kind) {
    case DIFF_ADD:
        put_stage(out, '+', diff->new, op->new);
        return;
    case DIFF_POP:
        put_stage(out, '-', diff->old, op->old);
        return;
    case DIFF_REPLACE:
        fprintf(out, "~ %s: %s => %s%s\n", label, diff->old->stages[op->old].spec->text, diff->new->stages[op->new].spec->text,
                op->fresh ? " (its state is lost)" : "");
        return;
    case DIFF_SCALE:
        fprintf(out, "~ %s: lanes %u => %u\n", label, spec_lanes(diff->old->stages[op->old].spec), op->lanes);
        return;
    default:
        fprintf(out, "%c %s -> %s\n", op->kind == DIFF_DISCONNECT ? '-' : '+', op->from, op->to);
        return;
    }
}

/* Stages first: who reads it wants to know them before what leads where. */
char *diff_render(const struct diff *diff)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (int links = 0; links < 2; links++)
        for (size_t i = 0; i < diff->count; i++) {
            const struct diff_op *op = &diff->ops[i];
            bool link = op->kind == DIFF_DISCONNECT || op->kind == DIFF_CONNECT || op->kind == DIFF_DISCARD;
            if (link == links && !op->hidden)
                put_op(out, diff, op);
        }
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}
