/* SPDX-License-Identifier: MIT */
/*
 * Looking at a pipeline: counts, stages, whether edits have settled. Everything here takes the lock for a moment and reads counters
 * that the strands go on writing.
 */
#include <stdio.h>
#include <string.h>

#include "api/pipeline.h"

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
    *(in->shape == SHAPE_PULL ? &t->admitted : &t->created) += count_get(&in->created);
}

static void add_all(const weir_pipeline *p, weir_totals *t, void (*add)(const struct instance *, weir_totals *))
{
    for (size_t i = 0; i < p->plan->count; i++)
        add(p->plan->nodes[i].stage, t);
    for (const struct instance *in = p->retiring; in; in = in->next)
        add(in, t);
    for (size_t i = 0; p->coming && i < p->coming->count; i++)
        if (!plan_has(p->plan, p->coming->nodes[i].stage))
            add(p->coming->nodes[i].stage, t);
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

/* What waits in the channel that leads to the stage's strand, if the stage is the strand's first. */
static uint64_t queued(const weir_pipeline *p, const struct instance *in)
{
    for (size_t i = 0; i < p->layout.count; i++) {
        const struct seat *seat = &p->layout.seats[i];
        if (seat->program->stages[0] != in || !seat->in)
            continue;
        uint64_t taken = count_get(&seat->in->items_taken);
        return count_get(&seat->in->items_put) - taken;
    }
    return 0;
}

static void describe(const weir_pipeline *p, struct instance *in, const weir_type *out, const char *status,
                     weir_stage_info *info)
{
    *info = (weir_stage_info){
        .in = in->def.in ? in->def.in->name : "",
        .out = out ? out->name : "",
        .place = instance_place(in),
        .status = status,
        .strand = at_load(&in->strand_id),
        .taken = count_get(&in->taken),
        .put = count_get(&in->put),
        .filtered = count_get(&in->filtered),
        .failed = count_get(&in->failed),
        .created = count_get(&in->created),
        .returned = count_get(&in->returned),
        .queued = queued(p, in),
    };
    memcpy(info->name, in->name, sizeof info->name);
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

static void list_path(struct listing *l, struct instance **path, size_t n)
{
    const weir_type *type = NULL;
    for (size_t i = 0; i < n; i++) {
        type = instance_passes(path[i], type);
        list(l, path[i], type, l->p->ended ? "ended" : l->p->started ? "running" : "ready");
    }
}

static void list_others(struct listing *l, struct instance **path, size_t n)
{
    for (size_t i = 0; i < l->p->plan->count; i++) {
        struct instance *in = l->p->plan->nodes[i].stage;
        bool on_path = false;
        for (size_t j = 0; j < n; j++)
            on_path |= path[j] == in;
        if (!on_path)
            list(l, in, instance_passes(in, NULL), "parked");
    }
    for (struct instance *in = l->p->retiring; in; in = in->next)
        if (at_acquire(&in->busy))
            list(l, in, instance_passes(in, NULL), "retiring");
}

size_t weir_stages(weir_pipeline *p, weir_stage_info *info, size_t max)
{
    struct listing l = {.p = p, .info = info, .max = max};
    struct plan_error error;
    size_t n = 0;
    plat_lock(&p->lock);
    struct instance **path = plat_alloc((p->plan->count + 1) * sizeof(struct instance *));
    if (path) {
        plan_path(p->plan, path, &n, &error);
        list_path(&l, path, n);
        list_others(&l, path, n);
    }
    plat_unlock(&p->lock);
    plat_free(path);
    return l.count;
}

/* Under the lock: a stage that left and has not come to rest. */
static const struct instance *unsettled(const weir_pipeline *p)
{
    for (const struct instance *in = p->retiring; in; in = in->next)
        if (at_acquire(&in->busy) || !in->closed)
            return in;
    for (size_t i = 0; i < p->plan->count; i++) {
        const struct instance *in = p->plan->nodes[i].stage;
        if (at_acquire(&in->busy) && !pipeline_runs(p, in))
            return in;
    }
    return NULL;
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
