/* SPDX-License-Identifier: MIT */
/*
 * Pools: from "so many lanes" in a plan to the instances that run them.
 *
 * A pool whose lanes are alike keeps those that it has, and gets or loses some. A pool that is partitioned by key, with a state,
 * gets all of its lanes anew: each takes over, from all of the old ones, what its keys own (struct gate).
 */
#include <string.h>

#include "api/pipeline.h"

static bool by_key(const struct instance *in)
{
    return in->def.key && in->def.take_over;
}

/* Another lane of the stage, with a state of its own if there is a recipe. */
static int make_lane(const struct instance *chief, struct instance **lane)
{
    const weir_stage *def = &chief->def;
    weir_stage stage = *def;
    char error[256];
    bool no_memory;
    if (def->recipe) {
        stage = (weir_stage){0};
        plat_self()->error[0] = 0;
        if (def->recipe->make(def->recipe, &stage) < 0)
            return pipeline_error(WEIR_ESTAGE, "stage \"%s\": another lane could not be made: %s", chief->name,
                                  plat_self()->error);
    } else {
        stage.open = NULL; /* lane 0 does it for all, once */
        stage.flush = NULL;
        stage.tick = NULL;
    }
    stage.name = chief->name;
    stage.place = def->place;
    stage.on_error = def->on_error;
    stage.retry = def->retry;
    stage.timeout_ms = def->timeout_ms;
    stage.recipe = def->recipe;
    stage.lanes = 0;
    stage.ins = stage.outs = NULL;
    *lane = instance_new(&stage, error, sizeof error, &no_memory);
    if (*lane) {
        (*lane)->chief = chief;
        return WEIR_OK;
    }
    if (stage.close && def->recipe)
        stage.close(stage.state);
    return pipeline_error(no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, "%s", error);
}

static struct pool *pool_new(size_t lanes)
{
    struct pool *pool = plat_alloc(sizeof *pool + lanes * sizeof(struct instance *));
    if (!pool)
        return NULL;
    pool->refs = 1;
    pool->count = lanes;
    return pool;
}

/* What a pool that could not be completed made itself. */
static void throw_away(struct pool *pool, const struct pool *old, const struct instance *chief)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct instance *in = pool->lanes[i];
        bool kept = in == chief || (old && i < old->count && old->lanes[i] == in);
        if (!in || kept)
            continue;
        if (in->def.close && !in->closed)
            in->def.close(in->def.state);
        instance_free(in);
    }
    instance_free(pool->deal);
    instance_free(pool->collect);
    plat_free(pool);
}

/* The instances whose state the new lanes take over: those of the pool, or the single stage. */
static bool set_heir(struct instance *heir, const struct node *old, size_t lane, size_t lanes)
{
    size_t count = old->pool && !control_breaks(FIRST_LANE_ONLY) ? old->pool->count : 1;
    heir->heir_of = plat_alloc(count * sizeof(struct instance *));
    if (!heir->heir_of)
        return false;
    for (size_t i = 0; i < count; i++)
        heir->heir_of[i] = old->pool ? old->pool->lanes[i] : old->stage;
    heir->heir_of_count = count;
    heir->lane = lane;
    heir->lanes = lanes;
    return true;
}

bool pool_inherit(struct plan *plan, struct instance *heir, const struct node *old)
{
    struct node *node = plan_node(plan, heir);
    struct pool *pool = node->lanes > 1 ? node->pool : NULL;
    size_t count = pool ? pool->count : 1;
    for (size_t i = 0; i < count; i++) {
        struct instance *in = pool ? pool->lanes[i] : heir;
        if (in->heir_of_count == 0 && !set_heir(in, old, i, pool && by_key(heir) ? count : 1))
            return false;
        if (pool && !by_key(heir))
            break; /* a state that belongs to no key goes to the first lane */
    }
    return true;
}

static void relink(struct plan *plan, const struct instance *from, struct instance *to)
{
    for (size_t i = 0; i < plan->link_count; i++) {
        if (plan->links[i].from == from)
            plan->links[i].from = to;
        if (plan->links[i].to == from)
            plan->links[i].to = to;
    }
}

/* All lanes, or the single stage, anew, from the state of those in force. */
static int make_anew(struct plan *plan, struct node *node)
{
    struct instance *old = node->stage;
    struct node before = *node;
    struct pool *pool = node->lanes > 1 ? pool_new(node->lanes) : NULL;
    struct instance *lane = NULL;
    int status = node->lanes > 1 && !pool ? pipeline_error(WEIR_ENOMEM, "no memory for a pool") : WEIR_OK;
    for (size_t i = 0; i < node->lanes && status == WEIR_OK; i++) {
        status = make_lane(i ? pool->lanes[0] : old, &lane);
        if (status == WEIR_OK && pool)
            pool->lanes[i] = lane;
        if (status == WEIR_OK && !set_heir(lane, &before, i, node->lanes))
            status = pipeline_error(WEIR_ENOMEM, "no memory for a pool");
    }
    if (pool && status == WEIR_OK) {
        pool->deal = instance_new_end(pool->lanes[0], SHAPE_DEAL);
        pool->collect = instance_new_end(pool->lanes[0], SHAPE_COLLECT);
        if (!pool->deal || !pool->collect)
            status = pipeline_error(WEIR_ENOMEM, "no memory for a pool");
    }
    if (status != WEIR_OK) {
        if (pool)
            throw_away(pool, NULL, NULL);
        else if (lane) {
            if (lane->def.close)
                lane->def.close(lane->def.state);
            instance_free(lane);
        }
        return status;
    }
    struct instance *first = pool ? pool->lanes[0] : lane;
    first->chief = first;
    relink(plan, old, first);
    pool_drop(node->pool);
    node->stage = first;
    node->pool = pool;
    return WEIR_OK;
}

/* Those that there are stay. The ends come anew, for the turns begin anew. */
static int make_more(struct node *node)
{
    const struct pool *old = node->pool;
    struct pool *pool = pool_new(node->lanes);
    if (!pool)
        return pipeline_error(WEIR_ENOMEM, "no memory for a pool");
    int status = WEIR_OK;
    pool->lanes[0] = node->stage;
    for (size_t i = 1; i < node->lanes && status == WEIR_OK; i++) {
        if (old && i < old->count)
            pool->lanes[i] = old->lanes[i];
        else
            status = make_lane(node->stage, &pool->lanes[i]);
    }
    pool->deal = instance_new_end(node->stage, SHAPE_DEAL);
    pool->collect = instance_new_end(node->stage, SHAPE_COLLECT);
    if (status == WEIR_OK && (!pool->deal || !pool->collect))
        status = pipeline_error(WEIR_ENOMEM, "no memory for a pool");
    if (status != WEIR_OK) {
        throw_away(pool, old, node->stage);
        return status;
    }
    pool_drop(node->pool);
    node->pool = pool;
    return WEIR_OK;
}

static int build(struct plan *plan, struct node *node, bool in_force)
{
    size_t now = node->pool ? node->pool->count : 1;
    if (node->lanes == now)
        return WEIR_OK;
    if (in_force && by_key(node->stage))
        return make_anew(plan, node);
    if (node->lanes > 1)
        return make_more(node);
    pool_drop(node->pool);
    node->pool = NULL;
    return WEIR_OK;
}

int pools_build(struct plan *plan, const struct plan *old)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct node *node = &plan->nodes[i];
        bool in_force = plan != old && plan_node(old, node->stage) && node->stage->opened;
        int status = build(plan, node, in_force);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}
