/* SPDX-License-Identifier: MIT */
/*
 * Operations on a plan, and the rules of wiring. Pipelines have tens of stages, so everything is a walk over an array. Invariant: a
 * link leads to a stage of the same plan, no two stages have the same name, and nothing leads to a source.
 */
#include "core/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool refuse(struct plan_error *error, const char *format, ...) WEIR_PRINTF(2, 3);

static bool refuse(struct plan_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

static bool no_memory(struct plan_error *error)
{
    error->no_memory = true;
    return refuse(error, "no memory for the plan");
}

struct plan *plan_new(void)
{
    return plat_alloc(sizeof(struct plan));
}

void plan_free(struct plan *plan)
{
    if (plan)
        plat_free(plan->nodes);
    plat_free(plan);
}

static bool reserve(struct plan *plan, size_t capacity)
{
    if (capacity <= plan->capacity)
        return true;
    struct node *nodes = plat_alloc((capacity + 4) * sizeof *nodes);
    if (!nodes)
        return false;
    if (plan->count)
        memcpy(nodes, plan->nodes, plan->count * sizeof *nodes);
    plat_free(plan->nodes);
    plan->nodes = nodes;
    plan->capacity = capacity + 4;
    return true;
}

struct plan *plan_copy(const struct plan *plan)
{
    struct plan *copy = plan_new();
    if (!copy || !reserve(copy, plan->count + 1)) {
        plan_free(copy);
        return NULL;
    }
    copy->revision = plan->revision;
    copy->count = plan->count;
    if (plan->count)
        memcpy(copy->nodes, plan->nodes, plan->count * sizeof *plan->nodes);
    return copy;
}

static struct node *node_of(const struct plan *plan, const struct instance *stage)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->nodes[i].stage == stage)
            return &plan->nodes[i];
    return NULL;
}

bool plan_has(const struct plan *plan, const struct instance *stage)
{
    return node_of(plan, stage) != NULL;
}

struct instance *plan_find(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->nodes[i].stage->name, name) == 0)
            return plan->nodes[i].stage;
    return NULL;
}

struct instance *plan_source(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->nodes[i].stage->shape == SHAPE_PULL)
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
    refuse(error, "no stage is called \"%.63s\"; expected one of: %s", name, *names ? names : "(there are none yet)");
    return NULL;
}

bool plan_path(const struct plan *plan, struct instance **path, size_t *count, struct plan_error *error)
{
    *count = 0;
    for (struct instance *at = plan_source(plan); at; at = node_of(plan, at)->next) {
        for (size_t i = 0; i < *count; i++)
            if (path[i] == at)
                return refuse(error, "the links go in a circle: \"%s\" leads to \"%s\", which stands in front of it",
                              path[*count - 1]->name, at->name);
        path[(*count)++] = at;
    }
    return true;
}

bool plan_add(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    if (plan_find(plan, stage->name))
        return refuse(error, "a stage is called \"%s\" already; expected a name that is not in use", stage->name);
    if (stage->shape == SHAPE_PULL && plan_source(plan))
        return refuse(error, "\"%s\" is a source and the pipeline has one, \"%s\"; replace that one", stage->name,
                      plan_source(plan)->name);
    if (!reserve(plan, plan->count + 1))
        return no_memory(error);
    plan->nodes[plan->count++] = (struct node){.stage = stage};
    return true;
}

static struct instance *path_end(const struct plan *plan)
{
    struct instance *at = plan_source(plan);
    for (size_t steps = 0; at && steps < plan->count; steps++) {
        struct instance *next = node_of(plan, at)->next;
        if (!next)
            return at;
        at = next;
    }
    return at;
}

bool plan_append(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    struct instance *end = path_end(plan);
    if (end && end->sink)
        return refuse(error, "nothing can follow \"%s\", which is a sink", end->name);
    if (!end && stage->shape != SHAPE_PULL)
        return refuse(error, "\"%s\" is no source; expected a source first (a stage with a pull function)", stage->name);
    if (!plan_add(plan, stage, error))
        return false;
    if (end)
        node_of(plan, end)->next = stage;
    return true;
}

static bool insertable(const struct instance *stage, struct plan_error *error)
{
    if (stage->shape == SHAPE_PULL)
        return refuse(error, "\"%s\" is a source and cannot be inserted; expected a stage with input, or replace the source",
                      stage->name);
    return true;
}

bool plan_insert_after(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error)
{
    struct instance *at = known(plan, where, error);
    if (!at || !insertable(stage, error))
        return false;
    if (at->sink)
        return refuse(error, "\"%s\" cannot follow \"%s\", which is a sink", stage->name, at->name);
    if (stage->sink && node_of(plan, at)->next)
        return refuse(error, "\"%s\" is a sink and cannot stand between \"%s\" and \"%s\"", stage->name, at->name,
                      node_of(plan, at)->next->name);
    if (!plan_add(plan, stage, error))
        return false;
    struct node *before = node_of(plan, at);
    node_of(plan, stage)->next = before->next;
    before->next = stage;
    return true;
}

bool plan_insert_before(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error)
{
    struct instance *at = known(plan, where, error);
    if (!at || !insertable(stage, error))
        return false;
    if (at->shape == SHAPE_PULL)
        return refuse(error, "\"%s\" cannot stand in front of \"%s\", which is the source", stage->name, at->name);
    if (stage->sink)
        return refuse(error, "\"%s\" is a sink and cannot stand in front of \"%s\"", stage->name, at->name);
    if (!plan_add(plan, stage, error))
        return false;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->nodes[i].next == at)
            plan->nodes[i].next = stage;
    node_of(plan, stage)->next = at;
    return true;
}

bool plan_insert_first(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    struct instance *source = plan_source(plan);
    if (!source)
        return refuse(error, "the pipeline has no source to put \"%s\" behind", stage->name);
    return plan_insert_after(plan, source->name, stage, error);
}

bool plan_insert_last(struct plan *plan, struct instance *stage, struct plan_error *error)
{
    struct instance *end = path_end(plan);
    if (!end)
        return refuse(error, "the pipeline has no source to put \"%s\" behind", stage->name);
    return end->sink ? plan_insert_before(plan, end->name, stage, error) : plan_insert_after(plan, end->name, stage, error);
}

static void relink(struct plan *plan, const struct instance *from, struct instance *to)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->nodes[i].next == from)
            plan->nodes[i].next = to;
}

bool plan_pop(struct plan *plan, const char *name, struct plan_error *error)
{
    struct instance *at = known(plan, name, error);
    if (!at)
        return false;
    if (at->shape == SHAPE_PULL)
        return refuse(error, "\"%s\" is the last source, and a pipeline needs one; replace it, or stop the pipeline", at->name);
    struct node *node = node_of(plan, at);
    relink(plan, at, node->next == at ? NULL : node->next);
    memmove(node, node + 1, (size_t)(plan->nodes + plan->count - (node + 1)) * sizeof *node); /* messages list them in order */
    plan->count--;
    return true;
}

bool plan_replace(struct plan *plan, const char *name, struct instance *stage, struct plan_error *error)
{
    struct instance *at = known(plan, name, error);
    if (!at)
        return false;
    if ((at->shape == SHAPE_PULL) != (stage->shape == SHAPE_PULL))
        return refuse(error, "\"%s\" %s a source and \"%s\" %s; expected a stage of the same kind", at->name,
                      at->shape == SHAPE_PULL ? "is" : "is not", stage->name, stage->shape == SHAPE_PULL ? "is" : "is not");
    if (at->sink != stage->sink)
        return refuse(error, "\"%s\" %s a sink and \"%s\" %s; expected a stage of the same kind", at->name,
                      at->sink ? "is" : "is not", stage->name, stage->sink ? "is" : "is not");
    struct instance *namesake = plan_find(plan, stage->name);
    if (namesake && namesake != at)
        return refuse(error, "a stage is called \"%s\" already; expected a name that is not in use", stage->name);
    relink(plan, at, stage);
    node_of(plan, at)->stage = stage;
    return true;
}

bool plan_connect(struct plan *plan, const char *from, const char *to, struct plan_error *error)
{
    struct instance *a = known(plan, from, error);
    struct instance *b = a ? known(plan, to, error) : NULL;
    if (!a || !b)
        return false;
    if (a->sink)
        return refuse(error, "\"%s\" is a sink and has no out port to connect", a->name);
    if (b->shape == SHAPE_PULL)
        return refuse(error, "\"%s\" is a source and has no in port to connect \"%s\" to", b->name, a->name);
    node_of(plan, a)->next = b;
    return true;
}

static bool check_link(const struct instance *from, const weir_type *type, const struct instance *to, struct plan_error *error)
{
    if (instance_accepts(to, type))
        return true;
    return refuse(error, "the types do not fit: \"%s\" puts out %s, and \"%s\" takes %s", from->name,
                  type ? type->name : "nothing", to->name, to->def.in ? to->def.in->name : "nothing");
}

static bool check_path(struct instance **path, size_t n, struct plan_error *error)
{
    const weir_type *type = NULL;
    for (size_t i = 0; i < n; i++) {
        type = instance_passes(path[i], type);
        if (i + 1 < n && !check_link(path[i], type, path[i + 1], error))
            return false;
    }
    if (!path[n - 1]->sink)
        return refuse(error, "\"%s\" puts out %s and leads nowhere; expected a sink at the end", path[n - 1]->name,
                      type ? type->name : "nothing");
    return true;
}

/* Parked stages: what comes to them is not known yet, so that a stage that takes any type fits everywhere. */
static bool check_parked(const struct plan *plan, struct plan_error *error)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct node *node = &plan->nodes[i];
        const weir_type *type = instance_passes(node->stage, NULL);
        if (node->next && type && type != WEIR_ANY && !check_link(node->stage, type, node->next, error)) {
            bool passes = node->stage->shape == SHAPE_MAP; /* it may pass on an extension of the type that it asks for */
            if (!passes)
                return false;
            *error = (struct plan_error){0};
        }
    }
    return true;
}

bool plan_check(const struct plan *plan, struct plan_error *error)
{
    if (plan->count == 0)
        return refuse(error, "the pipeline has no stages; expected a source, functions and a sink");
    if (!plan_source(plan))
        return refuse(error, "the pipeline has no source; expected a stage with a pull function first");
    struct instance **path = plat_alloc(plan->count * sizeof(struct instance *));
    if (!path)
        return no_memory(error);
    size_t n;
    bool ok = plan_path(plan, path, &n, error) && check_path(path, n, error) && check_parked(plan, error);
    plat_free(path);
    return ok;
}

bool plan_same(const struct plan *a, const struct plan *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct node *other = node_of(b, a->nodes[i].stage);
        if (!other || other->next != a->nodes[i].next)
            return false;
    }
    return true;
}
