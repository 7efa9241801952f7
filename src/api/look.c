/* SPDX-License-Identifier: MIT */
/*
 * Looking at a pipeline: counts, stages, whether edits have settled. Everything here takes the lock for a moment and reads counters
 * that the strands go on writing.
 */
#include <stdio.h>
#include <string.h>

#include "api/pipeline.h"
#include "core/crew.h"

static void add_ends(const struct instance *in, weir_totals *t)
{
    if (in->sink)
        t->delivered += count_get(&in->put);
    t->filtered += count_get(&in->filtered);
    t->failed += count_get(&in->failed);
    t->returned += count_get(&in->returned);
}

static void add_beginnings(const struct instance *in, weir_totals *t)
{
    *(instance_is_source(in) ? &t->admitted : &t->created) += count_get(&in->created);
}

struct adding {
    weir_totals *totals;
    const struct plan *except; /* counted already */
    void (*add)(const struct instance *, weir_totals *);
};

static void add_one(void *arg, struct instance *in)
{
    const struct adding *a = arg;
    if (!a->except || !plan_has(a->except, in))
        a->add(in, a->totals);
}

static void add_all(const weir_pipeline *p, weir_totals *t, void (*add)(const struct instance *, weir_totals *))
{
    struct adding a = {.totals = t, .add = add};
    plan_each(p->plan, add_one, &a);
    for (const struct instance *in = p->retiring; in; in = in->next)
        add(in, t);
    a.except = p->plan;
    if (p->coming)
        plan_each(p->coming, add_one, &a);
}

void weir_totals_get(weir_pipeline *p, weir_totals *t)
{
    plat_lock(&p->lock);
    *t = p->gone;
    add_all(p, t, add_ends); /* first the ends, so that no item is seen to end that is not seen to begin */
    add_all(p, t, add_beginnings);
    t->revision = p->plan->revision;
    t->in_flight = t->admitted + t->created - t->delivered - t->filtered - t->failed - t->returned;
    plat_unlock(&p->lock);
}

uint64_t weir_revision(weir_pipeline *p)
{
    plat_lock(&p->lock);
    uint64_t revision = p->plan->revision;
    plat_unlock(&p->lock);
    return revision;
}

/* What waits in the channels that lead to the stage's strand, if the stage is the strand's first. */
static uint64_t queued(const weir_pipeline *p, const struct instance *in)
{
    for (size_t i = 0; i < p->layout.count; i++) {
        const struct seat *seat = &p->layout.seats[i];
        uint64_t waiting = 0;
        if (seat->program->count == 0 || seat->program->stages[0] != in)
            continue;
        for (size_t k = 0; k < seat->in_count; k++) {
            uint64_t taken = seat->ins[k] ? count_get(&seat->ins[k]->items_taken) : 0;
            waiting += seat->ins[k] ? count_get(&seat->ins[k]->items_put) - taken : 0;
        }
        return waiting;
    }
    return 0;
}

static struct strand *strand_of(const weir_pipeline *p, const struct instance *in)
{
    unsigned id = at_load(&in->strand_id);
    for (struct strand *s = at_acquire(&p->supply.all); s && id; s = s->all_next)
        if (s->id == id)
            return s;
    return NULL;
}

static void add_counts(const weir_pipeline *p, const struct instance *in, weir_stage_info *info)
{
    info->taken += count_get(&in->taken);
    info->put += count_get(&in->put);
    info->filtered += count_get(&in->filtered);
    info->failed += count_get(&in->failed);
    info->created += count_get(&in->created);
    info->returned += count_get(&in->returned);
    info->retried += count_get(&in->retried);
    info->queued += queued(p, in);
    struct strand *s = strand_of(p, in);
    uint64_t since = s ? at_relaxed(&s->run_ns) : 0, now = plat_now_ns();
    info->busy_ns += s ? at_relaxed(&s->busy_ns) + (since && now > since ? now - since : 0) : 0;
}

/* What a stage that should be gone has in its hands. */
static void add_item(const weir_pipeline *p, const struct instance *in, weir_stage_info *info)
{
    const struct strand *s = strand_of(p, in);
    uint64_t since = s ? at_relaxed(&s->run_ns) : 0;
    if (!s || at_relaxed(&s->current) != in)
        return;
    info->item = at_relaxed(&s->at_item);
    info->item_ns = since ? plat_now_ns() - since : 0;
}

static void describe(const weir_pipeline *p, struct instance *in, const weir_type *out, const char *status,
                     weir_stage_info *info)
{
    const struct node *node = plan_node(p->plan, in);
    const struct pool *pool = node && node->lanes > 1 ? node->pool : NULL;
    *info = (weir_stage_info){
        .in = in->def.in ? in->def.in->name : "",
        .out = out ? out->name : "",
        .place = node && node->lanes > 1 ? "pool" : instance_place(in),
        .status = status,
        .strand = at_load(&in->strand_id),
        .lanes = !node         ? 1
                 : node->tasks ? node->tasks
                               : (unsigned)node->lanes,
    };
    memcpy(info->name, in->name, sizeof info->name);
    add_counts(p, in, info);
    for (size_t i = 1; pool && i < pool->count; i++)
        add_counts(p, pool->lanes[i], info);
    if (pool)
        info->queued += queued(p, pool->deal);
    if (strcmp(status, "retiring") == 0)
        add_item(p, in, info);
}

struct listing {
    weir_pipeline *p;
    weir_stage_info *info;
    size_t max, count;
};

static void list(struct listing *l, struct instance *in, const weir_type *out, const char *status)
{
    if (l->count < l->max)
        describe(l->p, in, out, status, &l->info[l->count]);
    l->count++;
}

/* The type that comes into the vertex, as far as its first input says. */
static const weir_type *type_into(const struct flow *flow, size_t v)
{
    for (size_t i = 0; i < flow->link_count; i++)
        if (flow->links[i].to == v) {
            const struct flow_link *l = &flow->links[i];
            return instance_passes_port(flow->stages[l->from], l->out, type_into(flow, l->from));
        }
    return NULL;
}

static void list_flow(struct listing *l, const struct flow *flow)
{
    for (size_t v = 0; v < flow->count; v++) {
        struct instance *in = flow->stages[v];
        if (plan_node(l->p->plan, in)) /* lanes and ends are counted with their pool */
            list(l, in, instance_passes(in, type_into(flow, v)), l->p->ended ? "ended" : l->p->started ? "running" : "ready");
    }
}

static void list_others(struct listing *l, const struct flow *flow)
{
    for (size_t i = 0; i < l->p->plan->count; i++) {
        struct instance *in = l->p->plan->nodes[i].stage;
        if (flow_find(flow, in) == NO_INDEX)
            list(l, in, instance_passes(in, NULL), "parked");
    }
    for (struct instance *in = l->p->retiring; in; in = in->next)
        if (at_acquire(&in->busy) && in->shape != SHAPE_DEAL && in->shape != SHAPE_COLLECT)
            list(l, in, instance_passes(in, NULL), "retiring");
}

size_t weir_stages(weir_pipeline *p, weir_stage_info *info, size_t max)
{
    struct listing l = {.p = p, .info = info, .max = max};
    struct plan_error error;
    struct flow flow;
    plat_lock(&p->lock);
    if (plan_flow(p->plan, &flow, &error)) {
        list_flow(&l, &flow);
        list_others(&l, &flow);
        flow_free(&flow);
    }
    plat_unlock(&p->lock);
    return l.count;
}

static bool leads_somewhere(const struct flow *flow, const struct instance *from)
{
    return flow_find(flow, from) != NO_INDEX;
}

size_t weir_links(weir_pipeline *p, weir_link_info *info, size_t max)
{
    struct plan_error error;
    struct flow flow;
    plat_lock(&p->lock);
    size_t count = p->plan->link_count;
    bool known = plan_flow(p->plan, &flow, &error);
    for (size_t i = 0; i < count && i < max; i++) {
        const struct link *l = &p->plan->links[i];
        info[i] = (weir_link_info){.active = known && leads_somewhere(&flow, l->from)};
        memcpy(info[i].from, l->from->name, sizeof info[i].from);
        memcpy(info[i].out, l->out, sizeof info[i].out);
        if (l->to) {
            memcpy(info[i].to, l->to->name, sizeof info[i].to);
            memcpy(info[i].in, l->in, sizeof info[i].in);
        }
    }
    if (known)
        flow_free(&flow);
    plat_unlock(&p->lock);
    return count;
}

struct unsettled {
    const weir_pipeline *p;
    const struct instance *found;
};

static void look_unsettled(void *arg, struct instance *in)
{
    struct unsettled *u = arg;
    if (at_acquire(&in->busy) && !layout_has(&u->p->layout, in))
        u->found = in;
}

/* Under the lock: a stage that left and has not come to rest. */
static const struct instance *unsettled(const weir_pipeline *p)
{
    for (const struct instance *in = p->retiring; in; in = in->next)
        if (at_acquire(&in->busy) || !in->closed)
            return in;
    struct unsettled u = {.p = p};
    plan_each(p->plan, look_unsettled, &u);
    return u.found;
}

int weir_settle(weir_pipeline *p, uint64_t timeout_ms)
{
    if (strand_inside(&p->env))
        return pipeline_error(WEIR_EINSIDE, "weir_settle() inside a stage's function would wait for itself");
    uint64_t deadline = timeout_ms ? plat_now_ns() + timeout_ms * (uint64_t)1000000 : UINT64_MAX;
    const struct instance *in;
    bool in_time = true;
    char name[64] = "";
    plat_lock(&p->lock);
    while ((in = unsettled(p)) && in_time)
        in_time = plat_wait(&p->changed, &p->lock, deadline);
    if (in)
        memcpy(name, in->name, sizeof name);
    plat_unlock(&p->lock);
    return *name ? pipeline_error(WEIR_EBUSY, "stage \"%s\" left and has not finished after %llu ms", name,
                                  (unsigned long long)timeout_ms)
                 : WEIR_OK;
}

/* ---- tasks ---------------------------------------------------------------------------------------------------------------- */

struct task_listing {
    struct weir_task_info *info;
    size_t count, max;
};

static void list_task(void *arg, const struct weir_task_info *info)
{
    struct task_listing *l = arg;
    if (l->count < l->max)
        l->info[l->count] = *info;
    l->count++;
}

static void list_tasks_of(void *arg, struct instance *in)
{
    if (in->crew && !in->closed && in->crew->runtime->tasks)
        in->crew->runtime->tasks(in->crew->member, list_task, arg);
}

size_t weir_tasks(weir_pipeline *p, struct weir_task_info *info, size_t max)
{
    struct task_listing l = {info, 0, max};
    plat_lock(&p->lock);
    plan_each(p->plan, list_tasks_of, &l);
    for (struct instance *in = p->retiring; in; in = in->next)
        list_tasks_of(&l, in);
    plat_unlock(&p->lock);
    return l.count;
}
