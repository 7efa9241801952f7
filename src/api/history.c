/* SPDX-License-Identifier: MIT */
/*
 * The history of a pipeline's edits. Undoing is an ordinary edit that restores the plan before another; it is committed in edit.c.
 */
#include <stdio.h>
#include <string.h>

#include "api/pipeline.h"
#include "core/crew.h"

struct past_entry *history_new(void)
{
    return plat_alloc(sizeof(struct past_entry));
}

static void keep_one(void *arg, struct instance *in)
{
    (void)arg;
    in->kept++;
}

static void let_go_one(void *arg, struct instance *in)
{
    (void)arg;
    if (--in->kept == 0 && in->forgotten)
        instance_free(in);
}

static void forget(struct past_entry *entry)
{
    plan_each(entry->before, let_go_one, NULL);
    plan_free(entry->before);
    plat_free(entry);
}

void history_push(weir_pipeline *p, struct past_entry *entry, struct plan *before)
{
    entry->before = before;
    plan_each(before, keep_one, NULL);
    if (p->past_count == PAST_MAX) {
        forget(p->past[0]);
        memmove(p->past, p->past + 1, (PAST_MAX - 1) * sizeof *p->past);
        p->past_count--;
    }
    p->past[p->past_count++] = entry;
}

/* The lanes and ends of the old one are let go of with it. */
static void rename_in(struct plan *plan, struct instance *old, struct instance *new)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct node was = plan->nodes[i];
        if (was.stage != old)
            continue;
        plan->nodes[i].stage = new;
        plan->nodes[i].pool = NULL;
        new->kept++;
        plan_each(&(struct plan){.count = 1, .nodes = &was}, let_go_one, NULL);
        pool_drop(was.pool);
    }
    for (size_t i = 0; i < plan->link_count; i++) {
        struct link *l = &plan->links[i];
        l->from = l->from == old ? new : l->from;
        l->to = l->to == old ? new : l->to;
    }
}

void history_rename(weir_pipeline *p, struct instance *old, struct instance *new)
{
    for (size_t i = 0; i < p->past_count; i++)
        rename_in(p->past[i]->before, old, new);
}

const struct past_entry *history_find(const weir_pipeline *p, const char *id)
{
    for (size_t i = p->past_count; *id && i-- > 0;)
        if (strcmp(p->past[i]->info.id, id) == 0)
            return p->past[i];
    return NULL;
}

struct past_entry *history_last(weir_pipeline *p, enum past_kind kind)
{
    for (size_t i = p->past_count; i-- > 0;) {
        struct past_entry *entry = p->past[i];
        if (kind == PAST_UNDO && entry->kind != PAST_UNDO && !entry->undone)
            return entry;
        if (kind == PAST_REDO && entry->kind == PAST_EDIT)
            return NULL; /* what was undone before it is a way not taken */
        if (kind == PAST_REDO && entry->kind == PAST_UNDO && !entry->undone)
            return entry;
    }
    return NULL;
}

bool history_can_make(const struct instance *old, const char **why)
{
    *why = "it was a trial, which is begun anew";
    if (old->tried[0])
        return false;
    *why = old->def.close && !old->def.recipe ? "it has a close function and no recipe to make it again" : "";
    return !**why;
}

/* The ports as they were described. */
static const weir_port *ports_of(const struct port_list *list, size_t dead, weir_port *ports)
{
    size_t n = 0;
    if (list->open || list->count - (dead < list->count) < 2)
        return NULL;
    for (size_t i = 0; i < list->count; i++)
        if (i != dead)
            ports[n++] = (weir_port){list->ports[i].name, list->ports[i].type};
    ports[n] = (weir_port){0};
    return ports;
}

struct instance *history_make(const struct instance *old, size_t lanes, unsigned tasks)
{
    const weir_stage *def = &old->def;
    weir_stage stage = *def;
    weir_port ins[PORTS_MAX + 1], outs[PORTS_MAX + 1];
    char error[256];
    const char *why;
    bool no_memory;
    if (!history_can_make(old, &why)) {
        pipeline_error(WEIR_EREFUSED, "stage \"%s\" cannot be made again: %s", old->name, why);
        return NULL;
    }
    if (def->recipe) {
        stage = (weir_stage){0};
        plat_self()->error[0] = 0;
        if (def->recipe->make(def->recipe, &stage) < 0) {
            pipeline_error(WEIR_ESTAGE, "stage \"%s\" could not be made again: %s", old->name, plat_self()->error);
            return NULL;
        }
    } else {
        stage.ins = ports_of(&old->ins, PORTS_MAX, ins);
        stage.outs = ports_of(&old->outs, old->dead, outs);
    }
    stage.name = old->name;
    stage.place = def->place;
    stage.on_error = def->on_error;
    stage.retry = def->retry;
    stage.timeout_ms = def->timeout_ms;
    stage.recipe = def->recipe;
    stage.unordered = def->unordered;
    stage.lanes = lanes > 1 ? (uint32_t)lanes : 0;
    stage.concurrency = tasks;
    struct instance *in = instance_new(&stage, error, sizeof error, &no_memory);
    if (in)
        return in;
    if (stage.close && def->recipe)
        stage.close(stage.state);
    pipeline_error(no_memory ? WEIR_ENOMEM : WEIR_EREFUSED, "%s", error);
    return NULL;
}

void history_count(weir_pipeline *p, struct instance *in)
{
    for (size_t i = 0; in->left_by && i < p->past_count; i++) {
        weir_receipt *r = &p->past[i]->info.receipt;
        if (p->past[i]->info.revision != in->left_by)
            continue;
        r->drained += count_get(&in->crew->drained);
        r->diverted += count_get(&in->crew->diverted);
        r->cancelled += count_get(&in->crew->cut_short);
        in->left_by = 0;
        return;
    }
}

void history_free(weir_pipeline *p)
{
    for (size_t i = 0; i < p->past_count; i++)
        forget(p->past[i]);
    p->past_count = 0;
}

size_t weir_history(weir_pipeline *p, weir_past *past, size_t max)
{
    plat_lock(&p->lock);
    size_t count = p->past_count;
    for (size_t i = 0; i < count && i < max; i++)
        past[i] = p->past[count - 1 - i]->info;
    plat_unlock(&p->lock);
    return count;
}
