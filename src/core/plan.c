/* SPDX-License-Identifier: MIT */
/*
 * Operations on a plan. Pipelines have tens of stages, so everything is a walk over an array. Invariant: a link leads from a
 * stage of the plan to one of the same plan, no two stages have the same name, nothing leads to a source, and an out port has at most
 * one link. What makes a plan fit to run is in wiring.c.
 */
#include "core/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wiring.h"

#define NAME_SIZE 64

/* ---- the lists ----------------------------------------------------------------------------------------------------------- */

struct plan *plan_new(void)
{
    return plat_alloc(sizeof(struct plan));
}

void pool_drop(struct pool *pool)
{
    if (pool && atomic_fetch_sub(&pool->refs, 1) == 1)
        plat_free(pool);
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->count; i++)
        pool_drop(plan->nodes[i].pool);
    if (plan->own_nodes)
        plat_free(plan->nodes);
    if (plan->own_links)
        plat_free(plan->links);
    plat_free(plan);
}

/* A longer list with the same contents. NULL: no memory. */
static void *longer(const void *list, size_t count, size_t size)
{
    void *copy = plat_alloc((count + 8) * size);
    if (copy && count)
        memcpy(copy, list, count * size);
    return copy;
}

/* Room for one more of both, so that what follows cannot fail half way. */
static bool reserve(struct plan *plan)
{
    if (plan->count == plan->capacity) {
        struct node *nodes = longer(plan->nodes, plan->count, sizeof *nodes);
        if (!nodes)
            return false;
        if (plan->own_nodes)
            plat_free(plan->nodes);
        plan->nodes = nodes;
        plan->own_nodes = true;
        plan->capacity += 8;
    }
    if (plan->link_count == plan->link_capacity) {
        struct link *links = longer(plan->links, plan->link_count, sizeof *links);
        if (!links)
            return false;
        if (plan->own_links)
            plat_free(plan->links);
        plan->links = links;
        plan->own_links = true;
        plan->link_capacity += 8;
    }
    return true;
}

bool plan_room(struct plan *plan, size_t nodes, size_t links)
{
    while (plan->capacity < nodes || plan->link_capacity < links) {
        size_t count = plan->count, link_count = plan->link_count;
        plan->count = plan->capacity < nodes ? plan->capacity : count; /* so that what is too short grows */
        plan->link_count = plan->link_capacity < links ? plan->link_capacity : link_count;
        bool grown = reserve(plan);
        plan->count = count;
        plan->link_count = link_count;
        if (!grown)
            return false;
    }
    return true;
}

void plan_assign(struct plan *plan, struct plan *from)
{
    for (size_t i = 0; i < plan->count; i++)
        pool_drop(plan->nodes[i].pool);
    memcpy(plan->nodes, from->nodes, from->count * sizeof *from->nodes);
    memcpy(plan->links, from->links, from->link_count * sizeof *from->links);
    plan->count = from->count;
    plan->link_count = from->link_count;
    from->count = from->link_count = 0; /* the pools that it counted are counted by the plan */
}

struct plan *plan_copy(const struct plan *plan)
{
    size_t nodes = plan->count + 2, links = plan->link_count + 2;
    struct plan *copy = plat_alloc(sizeof *copy + nodes * sizeof *copy->nodes + links * sizeof *copy->links);
    if (!copy)
        return NULL;
    *copy = (struct plan){.revision = plan->revision,
                          .count = plan->count,
                          .capacity = nodes,
                          .nodes = (struct node *)(copy + 1),
                          .link_count = plan->link_count,
                          .link_capacity = links};
    copy->links = (struct link *)(copy->nodes + nodes);
    if (plan->count)
        memcpy(copy->nodes, plan->nodes, plan->count * sizeof *plan->nodes);
    if (plan->link_count)
        memcpy(copy->links, plan->links, plan->link_count * sizeof *plan->links);
    for (size_t i = 0; i < copy->count; i++)
        if (copy->nodes[i].pool)
            atomic_fetch_add(&copy->nodes[i].pool->refs, 1);
    return copy;
}

struct node *plan_node(const struct plan *plan, const struct instance *stage)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->nodes[i].stage == stage)
            return &plan->nodes[i];
    return NULL;
}

static bool pool_has(const struct pool *pool, const struct instance *in)
{
    bool has = pool && (pool->deal == in || pool->collect == in);
    for (size_t i = 0; pool && i < pool->count; i++)
        has |= pool->lanes[i] == in;
    return has;
}

bool plan_has(const struct plan *plan, const struct instance *in)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->nodes[i].stage == in || pool_has(plan->nodes[i].pool, in) || instance_inside(in, plan->nodes[i].stage))
            return true;
    return false;
}

void plan_each(const struct plan *plan, void (*each)(void *arg, struct instance *in), void *arg)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct pool *pool = plan->nodes[i].pool;
        struct instance *const tried[] = {plan->nodes[i].stage->tried[0], plan->nodes[i].stage->tried[1]};
        each(arg, plan->nodes[i].stage); /* which may free it */
        for (size_t j = 0; j < 2 && tried[j]; j++)
            each(arg, tried[j]);
        for (size_t j = 1; pool && j < pool->count; j++)
            each(arg, pool->lanes[j]);
        if (pool) {
            each(arg, pool->deal);
            each(arg, pool->collect);
        }
    }
}

struct instance *plan_trial(const struct plan *plan, const struct instance *in)
{
    for (size_t i = 0; i < plan->count; i++)
        if (instance_inside(in, plan->nodes[i].stage))
            return plan->nodes[i].stage;
    return NULL;
}

struct instance *plan_find(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->nodes[i].stage->name, name) == 0)
            return plan->nodes[i].stage;
    return NULL;
}

static void list_names(const struct plan *plan, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < plan->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", plan->nodes[i].stage->name);
}

/* The stage called name, or a refusal that says which there are. */
static struct instance *known(const struct plan *plan, const char *name, struct plan_error *error)
{
    struct instance *stage = plan_find(plan, name);
    if (stage)
        return stage;
    char names[300];
    list_names(plan, names, sizeof names);
    plan_refuse(error, "no stage is called \"%.63s\"; expected one of: %s", name, *names ? names : "(there are none yet)");
    return NULL;
}

/* ---- ports and links ------------------------------------------------------------------------------------------------------ */

/* A port as one says it. */
struct place {
    struct instance *stage;
    char port[PORT_NAME_SIZE];
};

static struct link *link_from(const struct plan *plan, const struct place *place)
{
    for (size_t i = 0; i < plan->link_count; i++)
        if (plan->links[i].from == place->stage && strcmp(plan->links[i].out, place->port) == 0)
            return &plan->links[i];
    return NULL;
}

static size_t links_of(const struct plan *plan, const struct instance *stage, bool out)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->link_count; i++)
        n += (out ? plan->links[i].from : plan->links[i].to) == stage;
    return n;
}

static struct link *only_link(const struct plan *plan, const struct instance *stage, bool out)
{
    for (size_t i = 0; i < plan->link_count; i++)
        if ((out ? plan->links[i].from : plan->links[i].to) == stage)
            return &plan->links[i];
    return NULL;
}

static bool port_used(const struct plan *plan, const struct instance *stage, const char *port, bool out)
{
    for (size_t i = 0; i < plan->link_count; i++) {
        const struct link *l = &plan->links[i];
        if ((out ? l->from : l->to) == stage && strcmp(out ? l->out : l->in, port) == 0)
            return true;
    }
    return false;
}

/* The first number that no port of the stage has as its name. */
static void free_port(const struct plan *plan, struct place *place, bool out)
{
    unsigned n = 0;
    do
        snprintf(place->port, sizeof place->port, "%u", ++n);
    while (port_used(plan, place->stage, place->port, out));
}

static void list_ports(const struct port_list *list, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < list->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", list->ports[i].name);
}

static bool no_port(const struct place *place, const struct port_list *list, const char *port, bool out,
                    struct plan_error *error)
{
    char names[200];
    list_ports(list, names, sizeof names);
    if (!port)
        return plan_refuse(error, "\"%s\" has several %s ports; expected one of %s:{%s}", place->stage->name,
                           out ? "out" : "in", place->stage->name, names);
    return plan_refuse(error, "\"%s\" has no %s port \"%.40s\"; expected one of: %s", place->stage->name, out ? "out" : "in",
                       port, *names ? names : "(it has none)");
}

static bool new_port(const struct place *place, const char *port, bool out, struct plan_error *error)
{
    if (wiring_port_name(port))
        return true;
    return plan_refuse(error, "\"%.40s\" cannot be an %s port of \"%s\"; expected 1 to 31 letters, digits, - or _", port,
                       out ? "out" : "in", place->stage->name);
}

/* The port that a stage has when none is said: its only one; of an open side the one it has if `existing`, else a new one. */
static bool default_port(const struct plan *plan, struct place *place, bool out, bool existing, struct plan_error *error)
{
    const struct port_list *list = out ? &place->stage->outs : &place->stage->ins;
    if (list->open) {
        size_t n = links_of(plan, place->stage, out);
        const struct link *only = only_link(plan, place->stage, out);
        if (existing && n == 1)
            snprintf(place->port, sizeof place->port, "%s", out ? only->out : only->in);
        else if (existing && n > 1)
            return plan_refuse(error, "\"%s\" has several %s ports; expected \"%s:PORT\"", place->stage->name,
                               out ? "out" : "in", place->stage->name);
        else
            free_port(plan, place, out);
        return true;
    }
    size_t plain = list->count - (out && place->stage->dead != PORTS_MAX && list->count > 1);
    if (plain != 1)
        return no_port(place, list, NULL, out, error);
    snprintf(place->port, sizeof place->port, "%s", list->ports[0].name);
    return true;
}

/* Reads "stage" or "stage:port". `existing`: of a side where any name is a port, the one that is there is meant. */
static bool read_place(const struct plan *plan, const char *text, bool out, bool existing, struct place *place,
                       struct plan_error *error)
{
    char name[NAME_SIZE];
    const char *colon = strchr(text, ':');
    snprintf(name, sizeof name, "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
    place->stage = known(plan, name, error);
    if (!place->stage)
        return false;
    if (!colon)
        return default_port(plan, place, out, existing, error);
    const struct port_list *list = out ? &place->stage->outs : &place->stage->ins;
    if (list->open ? !new_port(place, colon + 1, out, error)
                   : port_find(list, colon + 1) == PORTS_MAX && !no_port(place, list, colon + 1, out, error))
        return false;
    snprintf(place->port, sizeof place->port, "%s", colon + 1);
    return true;
}

/* Points a port at another, or at nothing (`to` NULL: discarded). There is room. */
static void set_link(struct plan *plan, const struct place *from, const struct place *to)
{
    struct link *l = link_from(plan, from);
    if (!l)
        l = &plan->links[plan->link_count++];
    *l = (struct link){.from = from->stage, .to = to ? to->stage : NULL};
    memcpy(l->out, from->port, sizeof l->out);
    if (to)
        memcpy(l->in, to->port, sizeof l->in);
}

static void remove_link(struct plan *plan, struct link *l)
{
    memmove(l, l + 1, (size_t)(plan->links + plan->link_count - (l + 1)) * sizeof *l);
    plan->link_count--;
}

static void remove_links_of(struct plan *plan, const struct instance *stage)
{
    for (size_t i = plan->link_count; i-- > 0;)
        if (plan->links[i].from == stage || plan->links[i].to == stage)
            remove_link(plan, &plan->links[i]);
}

/* ---- operations ---------------------------------------------------------------------------------------------------------- */

static bool check_new(const struct plan *plan, const struct instance *stage, struct plan_error *error)
{
    if (plan_find(plan, stage->name))
        return plan_refuse(error, "a stage is called \"%s\" already; expected a name that is not in use", stage->name);
    return true;
}

static struct node node_for(struct instance *stage)
{
    struct node node = {.stage = stage, .lanes = stage->def.lanes > 1 ? stage->def.lanes : 1};
    if (stage->shape == SHAPE_LOOP)
        node.tasks = stage->def.concurrency ? stage->def.concurrency : 1;
    return node;
}

static bool add_node(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    if (!reserve(plan))
        return wiring_no_memory(error);
    plan->nodes[plan->count++] = node_for(stage);
    return true;
}

bool plan_add(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    return check_new(plan, stage, error) && add_node(plan, stage, error);
}

/* The stage at the end of the way from the first source. NULL: there is no source, or the way branches (then error is set). */
static struct instance *way_end(const struct plan *plan, struct plan_error *error)
{
    struct instance *at = NULL;
    for (size_t i = 0; i < plan->count && !at; i++)
        if (instance_is_source(plan->nodes[i].stage))
            at = plan->nodes[i].stage;
    for (size_t steps = 0; at && steps <= plan->count; steps++) {
        if (links_of(plan, at, true) > 1) {
            plan_refuse(error, "the pipeline branches at \"%s\"; expected a place by name (after, before, or connect)",
                        at->name);
            return NULL;
        }
        const struct link *l = only_link(plan, at, true);
        if (!l || !l->to)
            return at;
        at = l->to;
    }
    return at;
}

bool plan_append(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    struct instance *end = way_end(plan, error);
    if (!end && *error->text)
        return false;
    if (end && end->sink)
        return plan_refuse(error, "nothing can follow \"%s\", which is a sink", end->name);
    if (!end && !instance_is_source(stage))
        return plan_refuse(error, "\"%s\" is no source; expected a source first (a stage with a pull function)", stage->name);
    if (end && instance_is_source(stage))
        return plan_refuse(error,
                           "\"%s\" is a source and cannot follow \"%s\"; expected weir_add() and weir_connect() to a merge",
                           stage->name, end->name);
    struct place from = {.stage = end}, to = {.stage = stage};
    if (end && (!default_port(plan, &from, true, false, error) || !default_port(plan, &to, false, false, error)))
        return false;
    if (!plan_add(plan, stage, error))
        return false;
    if (end)
        set_link(plan, &from, &to);
    return true;
}

static bool insertable(const struct instance *stage, struct plan_error *error)
{
    if (instance_is_source(stage))
        return plan_refuse(error,
                           "\"%s\" is a source and cannot be inserted; expected a stage with input, or replace the source",
                           stage->name);
    return true;
}

/* Puts the stage into the link that leaves `from`: what it led to is led to from the stage's first port. */
static bool splice(struct plan *plan, const struct place *from, struct instance *stage, struct plan_error *error)
{
    struct place in = {.stage = stage}, out = {.stage = stage};
    const struct link *before = link_from(plan, from);
    if (before && stage->sink)
        return plan_refuse(error, "\"%s\" is a sink and cannot stand between \"%s\" and \"%s\"", stage->name, from->stage->name,
                           before->to ? before->to->name : WEIR_DISCARD_NAME);
    if (!default_port(plan, &in, false, false, error))
        return false;
    if (before) {
        struct place to = {.stage = before->to};
        memcpy(to.port, before->in, sizeof to.port);
        bool discards = !before->to;
        if (stage->outs.open)
            free_port(plan, &out, true);
        else
            memcpy(out.port, stage->outs.ports[0].name, sizeof out.port);
        set_link(plan, &out, discards ? NULL : &to);
    }
    set_link(plan, from, &in);
    return true;
}

bool plan_insert_after(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error)
{
    struct place from;
    if (!insertable(stage, error))
        return false;
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(where, ":"), where);
    const struct instance *at = known(plan, name, error);
    if (!at)
        return false;
    if (at->sink && at->outs.count == 0)
        return plan_refuse(error, "\"%s\" cannot follow \"%s\", which is a sink", stage->name, at->name);
    return read_place(plan, where, true, true, &from, error) && plan_add(plan, stage, error) &&
           (splice(plan, &from, stage, error) || (plan->count--, false));
}

/* All links into the port are led into the stage, and it leads there. */
static void splice_before(struct plan *plan, const struct place *to, struct instance *stage)
{
    struct place in = {.stage = stage}, out = {.stage = stage};
    for (size_t i = 0; i < plan->link_count; i++) {
        struct link *l = &plan->links[i];
        if (l->to != to->stage || strcmp(l->in, to->port) != 0)
            continue;
        if (stage->ins.open)
            free_port(plan, &in, false);
        else
            memcpy(in.port, stage->ins.ports[0].name, sizeof in.port);
        l->to = stage;
        memcpy(l->in, in.port, sizeof l->in);
    }
    if (stage->outs.open)
        free_port(plan, &out, true);
    else
        memcpy(out.port, stage->outs.ports[0].name, sizeof out.port);
    set_link(plan, &out, to);
}

bool plan_insert_before(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error)
{
    struct place to;
    if (!insertable(stage, error))
        return false;
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(where, ":"), where);
    const struct instance *at = known(plan, name, error);
    if (!at)
        return false;
    if (instance_is_source(at))
        return plan_refuse(error, "\"%s\" cannot stand in front of \"%s\", which is the source", stage->name, at->name);
    if (stage->sink)
        return plan_refuse(error, "\"%s\" is a sink and cannot stand in front of \"%s\"", stage->name, at->name);
    if (!read_place(plan, where, false, true, &to, error) || !plan_add(plan, stage, error))
        return false;
    splice_before(plan, &to, stage);
    return true;
}

/* The one source or sink that takes part. NULL with the error. */
static struct instance *the_end(const struct plan *plan, bool source, struct plan_error *error)
{
    struct instance *found = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        struct instance *in = plan->nodes[i].stage;
        bool fits = source ? instance_is_source(in) : in->sink && links_of(plan, in, false) > 0;
        if (fits && found) {
            plan_refuse(error, "the pipeline has several %s, \"%s\" and \"%s\"; expected a place by name (after or before)",
                        source ? "sources" : "sinks", found->name, in->name);
            return NULL;
        }
        found = fits ? in : found;
    }
    return found;
}

bool plan_insert_first(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    const struct instance *source = the_end(plan, true, error);
    if (source)
        return plan_insert_after(plan, source->name, stage, error);
    return *error->text ? false : plan_refuse(error, "the pipeline has no source to put \"%s\" behind", stage->name);
}

bool plan_insert_last(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    const struct instance *sink = the_end(plan, false, error);
    if (sink)
        return plan_insert_before(plan, sink->name, stage, error);
    const struct instance *end = *error->text ? NULL : way_end(plan, error);
    if (end)
        return plan_insert_after(plan, end->name, stage, error);
    return *error->text ? false : plan_refuse(error, "the pipeline has no source to put \"%s\" behind", stage->name);
}

static size_t count_sources(const struct plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->count; i++)
        n += instance_is_source(plan->nodes[i].stage);
    return n;
}

/* The link by which the stage's neighbours are to be joined; NULL: there is nothing behind it. */
static bool way_through(const struct plan *plan, const struct instance *at, struct link **behind, struct plan_error *error)
{
    size_t ins = links_of(plan, at, false), outs = 0;
    *behind = NULL;
    for (size_t i = 0; i < plan->link_count; i++) {
        struct link *l = &plan->links[i];
        bool dead = at->dead != PORTS_MAX && strcmp(l->out, "dead") == 0;
        if (l->from != at || dead)
            continue;
        *behind = l;
        outs++;
    }
    if (outs > 1)
        return plan_refuse(error,
                           "\"%s\" leads to several stages, which cannot all follow what is in front of it; disconnect all "
                           "but one of its out ports first",
                           at->name);
    if (instance_begins(at) && ins > 1 && outs > 0)
        return plan_refuse(error,
                           "several stages lead into \"%s\", which cannot all lead to what is behind it; disconnect all but "
                           "one of them first",
                           at->name);
    return true;
}

/* What led to the stage leads to what it led to. */
static void join_around(struct plan *plan, const struct instance *at, const struct link *behind)
{
    struct link way = behind ? *behind : (struct link){0};
    bool nowhere = !behind || way.to == at;
    for (size_t i = plan->link_count; i-- > 0;) {
        struct link *l = &plan->links[i];
        if (l->to != at || l->from == at)
            continue;
        if (nowhere) {
            remove_link(plan, l);
            continue;
        }
        l->to = way.to;
        memcpy(l->in, way.in, sizeof l->in);
    }
    remove_links_of(plan, at);
}

static void remove_node(struct plan *plan, struct node *node)
{
    pool_drop(node->pool);
    memmove(node, node + 1, (size_t)(plan->nodes + plan->count - (node + 1)) * sizeof *node); /* messages list them in order */
    plan->count--;
}

bool plan_pop(struct plan *plan, const char *name, struct plan_error *error)
{
    struct instance *at = known(plan, name, error);
    struct link *behind;
    if (!at)
        return false;
    if (instance_is_source(at) && count_sources(plan) == 1)
        return plan_refuse(error, "\"%s\" is the last source, and a pipeline needs one; replace it, or stop the pipeline",
                           at->name);
    bool source = instance_is_source(at);
    if (!source && !way_through(plan, at, &behind, error))
        return false;
    if (source)
        remove_links_of(plan, at);
    else
        join_around(plan, at, behind);
    remove_node(plan, plan_node(plan, at));
    return true;
}

/* Whether the stage has a port for each link that the old one had. */
static bool ports_fit(const struct plan *plan, const struct instance *at, const struct instance *stage,
                      struct plan_error *error)
{
    for (size_t i = 0; i < plan->link_count; i++) {
        const struct link *l = &plan->links[i];
        struct place place = {.stage = (struct instance *)stage};
        bool renamed =
            stage->outs.count == 1 && at->outs.count == 1 && !stage->outs.open; /* each has one: they stand for another */
        if (l->from == at && !renamed && !stage->outs.open && port_find(&stage->outs, l->out) == PORTS_MAX)
            return no_port(&place, &stage->outs, l->out, true, error);
        renamed = stage->ins.count == 1 && at->ins.count == 1 && !stage->ins.open;
        if (l->to == at && !renamed && !stage->ins.open && port_find(&stage->ins, l->in) == PORTS_MAX)
            return no_port(&place, &stage->ins, l->in, false, error);
    }
    return true;
}

static bool same_state(const struct instance *a, const struct instance *b)
{
    return b->def.take_over && b->def.state_type && strcmp(a->def.state_type, b->def.state_type) == 0;
}

static bool check_kind(const struct instance *at, const struct instance *stage, struct plan_error *error)
{
    bool a = instance_is_source(at), b = instance_is_source(stage);
    if (a != b)
        return plan_refuse(error, "\"%s\" %s a source and \"%s\" %s; expected a stage of the same kind", at->name,
                           a ? "is" : "is not", stage->name, b ? "is" : "is not");
    if (at->sink != stage->sink)
        return plan_refuse(error, "\"%s\" %s a sink and \"%s\" %s; expected a stage of the same kind", at->name,
                           at->sink ? "is" : "is not", stage->name, stage->sink ? "is" : "is not");
    return true;
}

static void relink(struct plan *plan, const struct instance *at, struct instance *stage)
{
    for (size_t i = 0; i < plan->link_count; i++) {
        struct link *l = &plan->links[i];
        if (l->from == at) {
            l->from = stage;
            if (!stage->outs.open && stage->outs.count == 1)
                memcpy(l->out, stage->outs.ports[0].name, sizeof l->out);
        }
        if (l->to == at) {
            l->to = stage;
            if (!stage->ins.open && stage->ins.count == 1)
                memcpy(l->in, stage->ins.ports[0].name, sizeof l->in);
        }
    }
}

bool plan_replace(struct plan *plan, const char *name, struct instance *stage, bool fresh, struct plan_error *error)
{
    struct instance *at = known(plan, name, error);
    if (!at || !check_kind(at, stage, error))
        return false;
    struct instance *namesake = plan_find(plan, stage->name);
    if (namesake && namesake != at)
        return plan_refuse(error, "a stage is called \"%s\" already; expected a name that is not in use", stage->name);
    if (!fresh && at->def.state_type && !same_state(at, stage))
        return plan_refuse(error,
                           "\"%s\" has the state \"%.100s\", which \"%s\" (%s%.100s%s) cannot take over; expected the same "
                           "state type, or `fresh` to do without it",
                           at->name, at->def.state_type, stage->name, stage->def.state_type ? "\"" : "",
                           stage->def.state_type ? stage->def.state_type : "no state", stage->def.state_type ? "\"" : "");
    if (!ports_fit(plan, at, stage, error))
        return false;
    relink(plan, at, stage);
    struct node *node = plan_node(plan, at);
    pool_drop(node->pool);
    *node = node_for(stage);
    return true;
}

/* Made on a copy, since joining the neighbours and finding the new place may each fail. */
bool plan_move(struct plan *plan, const char *name, const char *where, bool after, struct plan_error *error)
{
    struct instance *at = known(plan, name, error);
    if (!at)
        return false;
    if (instance_is_source(at) || at->sink)
        return plan_refuse(error, "\"%s\" is a %s and cannot be moved; expected a stage with input and output", at->name,
                           at->sink ? "sink" : "source");
    struct plan *copy = reserve(plan) ? plan_copy(plan) : NULL; /* a stage that had no place gets one more link */
    if (!copy)
        return wiring_no_memory(error);
    struct node *node = plan_node(copy, at);
    struct node kept = *node;
    if (kept.pool)
        kept.pool->refs++;
    bool ok = plan_pop(copy, name, error) &&
              (after ? plan_insert_after(copy, where, at, error) : plan_insert_before(copy, where, at, error));
    if (ok) {
        *plan_node(copy, at) = kept;
        memcpy(plan->nodes, copy->nodes, copy->count * sizeof *copy->nodes);
        memcpy(plan->links, copy->links, copy->link_count * sizeof *copy->links);
        plan->link_count = copy->link_count;
    } else {
        pool_drop(kept.pool);
    }
    plan_free(copy);
    return ok;
}

bool plan_scale(struct plan *plan, const char *name, size_t lanes, struct plan_error *error)
{
    struct instance *at = known(plan, name, error);
    if (!at)
        return false;
    if (at->shape == SHAPE_LOOP) {
        if (lanes < 1 || lanes > TASKS_MAX)
            return plan_refuse(error, "%zu tasks for \"%s\"; expected 1 to %d", lanes, at->name, TASKS_MAX);
        plan_node(plan, at)->tasks = (unsigned)lanes;
        return true;
    }
    if (lanes < 1 || lanes > PORTS_MAX)
        return plan_refuse(error, "%zu lanes for \"%s\"; expected 1 to %d", lanes, at->name, PORTS_MAX);
    if (lanes > 1 && !wiring_poolable(at, error))
        return false;
    plan_node(plan, at)->lanes = lanes;
    return true;
}

bool plan_connect(struct plan *plan, const char *from, const char *to, struct plan_error *error)
{
    struct place a, b = {0};
    bool discards = strcmp(to, WEIR_DISCARD_NAME) == 0 && !plan_find(plan, to);
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(from, ":"), from);
    const struct instance *at = known(plan, name, error);
    if (!at)
        return false;
    if (at->sink && at->outs.count == 0)
        return plan_refuse(error, "\"%s\" is a sink and has no out port to connect", at->name);
    if (!read_place(plan, from, true, false, &a, error))
        return false;
    char to_name[NAME_SIZE];
    snprintf(to_name, sizeof to_name, "%.*s", (int)strcspn(to, ":"), to);
    const struct instance *target = discards ? NULL : known(plan, to_name, error);
    if (target && instance_is_source(target))
        return plan_refuse(error, "\"%s\" is a source and has no in port to connect \"%s\" to", target->name, a.stage->name);
    if (!discards && (!target || !read_place(plan, to, false, false, &b, error)))
        return false;
    const struct link *old = link_from(plan, &a);
    if (old && !discards && old->to == b.stage && b.stage->ins.open && !strchr(to, ':'))
        return true; /* it leads there: not to another port of the same merge */
    if (!reserve(plan))
        return wiring_no_memory(error);
    set_link(plan, &a, discards ? NULL : &b);
    return true;
}

bool plan_disconnect(struct plan *plan, const char *from, struct plan_error *error)
{
    struct place a;
    if (!read_place(plan, from, true, true, &a, error))
        return false;
    struct link *l = link_from(plan, &a);
    if (!l)
        return plan_refuse(error, "the out port \"%s\" of \"%s\" leads nowhere; expected one that is connected", a.port,
                           a.stage->name);
    remove_link(plan, l);
    return true;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------ */

static bool has_link(const struct plan *plan, const struct link *l)
{
    for (size_t i = 0; i < plan->link_count; i++) {
        const struct link *other = &plan->links[i];
        if (other->from == l->from && other->to == l->to && strcmp(other->out, l->out) == 0 && strcmp(other->in, l->in) == 0)
            return true;
    }
    return false;
}

bool plan_same(const struct plan *a, const struct plan *b)
{
    if (a->count != b->count || a->link_count != b->link_count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct node *other = plan_node(b, a->nodes[i].stage);
        if (!other || other->lanes != a->nodes[i].lanes || other->tasks != a->nodes[i].tasks)
            return false;
    }
    for (size_t i = 0; i < a->link_count; i++)
        if (!has_link(b, &a->links[i]))
            return false;
    return true;
}
