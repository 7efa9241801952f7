/* SPDX-License-Identifier: MIT */
/*
 * Taps: items seen as they pass a stage.
 *
 * A stage that is tapped points at the pipeline's `struct probe`, and its strand calls tap_seen() for each item while it does; a stage
 * that is not pays for one look a batch. There is one probe for all, and it lives as long as the pipeline: so a strand that still
 * holds it does no harm. A tap knows its stage by name. Its lock is held while `seen` runs: once weir_untap() has had it, nothing
 * is seen any more.
 *
 * BOTH SIDES. What goes in is decided on (every so many, and the filter); what comes out of the same item follows that. A stage works on
 * one item at a time, but lanes of a pool work beside each other, so the decision is kept for each of them.
 */
#include <string.h>

#include "api/pipeline.h"

#define LANES_SEEN PORTS_MAX

/* Under the tap's lock. */
static bool chosen(struct tap *tap, const struct instance *stage, const weir_sight *sight)
{
    size_t lane = stage->strand_id % LANES_SEEN; /* a strand runs one item at a time */
    if (sight->out && tap->def.in)
        return tap->chosen[lane] == sight->number && sight->number;
    bool fits = (tap->def.every < 2 || sight->number % tap->def.every == 0) &&
                (!tap->def.filter || !sight->item || tap->def.filter(tap->def.arg, sight));
    tap->chosen[lane] = fits ? sight->number : 0;
    return fits;
}

void tap_seen(struct env *env, struct probe *probe, const struct instance *stage, bool out, const void *item,
              const weir_type *type, uint64_t number, int verdict)
{
    weir_pipeline *p = (weir_pipeline *)env;
    weir_sight sight = {
        .stage = stage->name, .out = out, .item = item, .type = type, .number = number, .verdict = (weir_verdict)verdict};
    (void)probe;
    for (uint32_t used = at_acquire(&p->taps_used); used; used &= used - 1) {
        struct tap *tap = &p->taps[__builtin_ctz(used)];
        uint64_t every = at_relaxed(&tap->every);
        if (every == 0 || (every > 1 && number % every)) /* the same on both sides: they have the same number */
            continue;
        plat_lock(&tap->lock);
        bool wanted = tap->active && strcmp(tap->stage, stage->name) == 0 && (out ? tap->def.out : tap->def.in);
        if (wanted && chosen(tap, stage, &sight))
            tap->def.seen(tap->def.arg, &sight);
        plat_unlock(&tap->lock);
    }
}

/* ---- where taps are ---------------------------------------------------------------------------------------------------------- */

static bool is_tapped(weir_pipeline *p, const char *name)
{
    for (size_t i = 0; i < TAPS_MAX; i++)
        if (p->taps[i].active && strcmp(p->taps[i].stage, name) == 0)
            return true;
    return false;
}

static void point_one(void *arg, struct instance *in)
{
    weir_pipeline *p = arg;
    bool probed = in->shape != SHAPE_DEAL && in->shape != SHAPE_COLLECT && is_tapped(p, in->name);
    at_release(&in->probe, probed ? &p->probe : NULL); /* pairs with work.c: the tap is set up */
}

void taps_point(weir_pipeline *p)
{
    plan_each(p->plan, point_one, p);
}

/* The stage that led to one that is not there any more. */
static const struct instance *front_of(const struct plan *plan, const struct instance *stage)
{
    for (size_t i = 0; i < plan->link_count; i++)
        if (plan->links[i].to == stage)
            return plan->links[i].from;
    return NULL;
}

void taps_follow(weir_pipeline *p, const struct plan *old)
{
    for (size_t i = 0; i < TAPS_MAX; i++) {
        struct tap *tap = &p->taps[i];
        const struct instance *at = tap->active ? plan_find(old, tap->stage) : NULL;
        if (!at || plan_find(p->plan, tap->stage))
            continue;
        while (at && !plan_find(p->plan, at->name))
            at = front_of(old, at);
        if (!at)
            continue;
        plat_lock(&tap->lock); /* what comes out of the stage in front is what went into the one that left */
        memcpy(tap->stage, at->name, sizeof tap->stage);
        tap->def.in = false;
        tap->def.out = true;
        plat_unlock(&tap->lock);
    }
    taps_point(p);
}

/* ---- adding and taking away --------------------------------------------------------------------------------------------------- */

int weir_tap_add(weir_pipeline *p, const weir_tap *tap)
{
    size_t slot = 0;
    plat_lock(&p->lock);
    bool known = tap->stage && plan_find(p->plan, tap->stage);
    while (known && slot < TAPS_MAX && p->taps[slot].active)
        slot++;
    if (known && slot < TAPS_MAX) {
        struct tap *t = &p->taps[slot];
        plat_lock(&t->lock);
        t->def = *tap;
        t->def.in = tap->in || !tap->out;
        t->def.out = tap->out || !tap->in;
        strncpy(t->stage, tap->stage, sizeof t->stage - 1);
        memset(t->chosen, 0, sizeof t->chosen);
        t->active = true;
        plat_unlock(&t->lock);
        at_release(&t->every, tap->every ? tap->every : 1);
        at_store(&p->taps_used, at_relaxed(&p->taps_used) | 1u << slot); /* pairs with tap_seen(): the tap is set up */
        taps_point(p);
    }
    plat_unlock(&p->lock);
    if (!known)
        return pipeline_error(WEIR_EREFUSED, "no stage is called \"%.63s\"; expected one to tap", tap->stage ? tap->stage : "");
    if (slot == TAPS_MAX)
        return pipeline_error(WEIR_EREFUSED, "pipeline \"%s\" has %d taps; expected no more", p->name, TAPS_MAX);
    return (int)slot + 1;
}

int weir_untap(weir_pipeline *p, int number)
{
    bool was = false;
    if (number >= 1 && number <= TAPS_MAX) {
        struct tap *tap = &p->taps[number - 1];
        plat_lock(&p->lock);
        plat_lock(&tap->lock);
        was = tap->active;
        tap->active = false;
        plat_unlock(&tap->lock);
        at_release(&tap->every, 0);
        at_store(&p->taps_used, at_relaxed(&p->taps_used) & ~(1u << (number - 1)));
        taps_point(p);
        plat_unlock(&p->lock);
    }
    return was ? WEIR_OK : pipeline_error(WEIR_EREFUSED, "there is no tap number %d", number);
}

int taps_init(weir_pipeline *p)
{
    for (size_t i = 0; i < TAPS_MAX; i++)
        if (plat_lock_init(&p->taps[i].lock)) {
            while (i-- > 0)
                plat_lock_free(&p->taps[i].lock);
            return -1;
        }
    return 0;
}

void taps_free(weir_pipeline *p)
{
    for (size_t i = 0; i < TAPS_MAX; i++)
        plat_lock_free(&p->taps[i].lock);
}
