/* SPDX-License-Identifier: MIT */
/*
 * Popping a stage that is stuck. Everything that can fail is done by divert_prepare(); divert_seize() decides, in one moment, whether
 * the strand is given up or goes on.
 */
#include "api/divert.h"

#include <string.h>

#include "core/supply.h"

static struct strand *strand_of(weir_pipeline *p, const struct instance *in)
{
    unsigned id = at_load(&in->strand_id);
    for (struct strand *s = at_acquire(&p->supply.all); s && id; s = s->all_next)
        if (s->id == id)
            return s;
    return NULL;
}

static bool is_inside(weir_pipeline *p, const struct instance *in)
{
    const struct strand *s = strand_of(p, in);
    return s && at_acquire(&s->inside) && atomic_load_explicit(&s->current, memory_order_relaxed) == in;
}

struct instance *divert_find(weir_pipeline *p, const char *name)
{
    const struct instance *stage = plan_find(p->plan, name);
    const struct node *node = stage ? plan_node(p->plan, stage) : NULL;
    if (node && node->pool)
        for (size_t i = 0; i < node->pool->count; i++)
            if (is_inside(p, node->pool->lanes[i]))
                return node->pool->lanes[i];
    if (node)
        return is_inside(p, node->stage) ? node->stage : NULL;
    for (struct instance *in = p->retiring; in; in = in->next)
        if (strcmp(in->name, name) == 0 && at_acquire(&in->busy) && is_inside(p, in))
            return in;
    return NULL;
}

static struct program *without(const struct program *program, const struct instance *stage)
{
    struct program *less = plat_alloc(sizeof *less + program->count * sizeof(struct instance *));
    for (size_t i = 0; less && i < program->count; i++)
        if (program->stages[i] != stage)
            less->stages[less->count++] = program->stages[i];
    return less;
}

static void give_back(weir_pipeline *p, struct diversion *d)
{
    if (d->heir) {
        plat_free(d->heir->program);
        supply_give_strand(&p->supply, d->heir);
    }
    if (d->grave)
        record_free(d->grave);
    *d = (struct diversion){0};
}

int divert_prepare(weir_pipeline *p, struct instance *stuck, struct diversion *d)
{
    *d = (struct diversion){.stuck = stuck, .from = strand_of(p, stuck)};
    bool pulls = instance_is_source(stuck) || stuck->sink || stuck->fate == FATE_HAND_OVER;
    if (pulls || !d->from || at_load(&d->from->mailbox)) { /* a change that waits there comes first */
        *d = (struct diversion){0};
        return WEIR_OK;
    }
    for (size_t i = 0; i < p->layout.count; i++)
        if (p->layout.seats[i].strand == d->from)
            d->seat = &p->layout.seats[i];
    d->before = d->seat ? d->seat->program : NULL;
    d->heir = supply_take_strand(&p->supply);
    d->grave = record_new(1, 1, 1);
    if (d->heir && d->grave)
        d->heir->program = without(d->from->program, stuck);
    struct program *after = d->before && d->before != d->from->program ? without(d->before, stuck) : NULL;
    bool whole = d->heir && d->heir->program && d->grave && (after || !d->before || d->before == d->from->program);
    if (!whole || (!d->from->blocking && exec_add_worker(&p->exec))) {
        plat_free(after);
        give_back(p, d);
        return pipeline_error(WEIR_ENOMEM, "no memory to divert what waits in front of \"%s\"", stuck->name);
    }
    d->heir->blocking = d->heir->program->count && d->heir->program->stages[0]->def.blocking;
    plat_lock(&p->lock);
    stuck->seized = true;
    if (d->seat) {
        d->seat->strand = d->heir;
        d->seat->program = after ? after : d->heir->program;
    }
    plat_unlock(&p->lock);
    return WEIR_OK;
}

void divert_cancel(weir_pipeline *p, struct diversion *d)
{
    plat_lock(&p->lock);
    d->stuck->seized = false;
    if (d->seat) {
        if (d->seat->program != d->heir->program)
            plat_free(d->seat->program);
        d->seat->strand = d->from;
        d->seat->program = d->before;
    }
    plat_unlock(&p->lock);
    give_back(p, d);
}

static void forget(struct instance **list, size_t *count, const struct instance *stage)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (list[i] != stage)
            list[kept++] = list[i];
    *count = kept;
}

static void forget_leaver(struct change *c, const struct instance *stage)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->leave_count; i++)
        if (c->leave[i].in != stage)
            c->leave[kept++] = c->leave[i];
    c->leave_count = kept;
}

/* Channels that the strand was to get are the heir's, too. */
static void bequeath_channels(const struct diversion *d, const struct edit_record *r)
{
    for (size_t i = 0; i < r->channel_count; i++) {
        struct channel *ch = r->channels[i];
        if (at_load(&ch->writer) == d->from)
            at_store(&ch->writer, d->heir);
        if (at_load(&ch->reader) == d->from)
            at_store(&ch->reader, d->heir);
    }
}

/* Parts of earlier edits that the strand has not come to are the heir's now, and are not about the stage any more. */
static void bequeath(weir_pipeline *p, const struct diversion *d)
{
    for (struct edit_record *r = p->records; r; r = r->next) {
        bequeath_channels(d, r);
        for (size_t i = 0; i < r->change_count; i++) {
            struct change *c = &r->changes[i];
            if (c->strand != d->from || at_acquire(&c->applied))
                continue;
            c->strand = d->heir;
            forget_leaver(c, d->stuck);
            forget(c->flush, &c->flush_count, d->stuck);
            if (c->program && (!d->seat || c->program != d->seat->program))
                forget(c->program->stages, &c->program->count, d->stuck);
        }
        for (size_t i = 0; i < r->retired_count; i++)
            if (r->retired[i] == d->from)
                r->retired[i] = d->heir;
    }
}

/* The newest program of the seat is what the last of those parts will install. */
static void point_at(weir_pipeline *p, const struct diversion *d, struct program *program)
{
    for (struct edit_record *r = p->records; r; r = r->next)
        for (size_t i = 0; i < r->change_count; i++)
            if (r->changes[i].program == d->before && r->changes[i].strand == d->heir)
                r->changes[i].program = program;
}

bool divert_seize(weir_pipeline *p, struct diversion *d)
{
    if (strand_seize(d->from, d->stuck, d->heir, &d->late) != SEIZED) {
        divert_cancel(p, d);
        return false;
    }
    bequeath(p, d);
    if (d->seat && d->seat->program != d->heir->program) {
        point_at(p, d, d->seat->program);
        plat_free(d->before);
    }
    d->grave->retired[d->grave->retired_count++] = d->from;
    d->grave->next = p->records;
    p->records = d->grave;
    p->record_count++;
    plat_lock(&p->lock);
    p->live++;
    plat_unlock(&p->lock);
    strand_activate(d->heir);
    return true;
}
