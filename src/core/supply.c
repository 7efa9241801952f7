/* SPDX-License-Identifier: MIT */
/*
 * Strands and channels for use and reuse, and the records that use them.
 */
#include "core/supply.h"

struct strand *supply_take_strand(struct supply *supply)
{
    struct strand *s = supply->free_strands;
    if (s) {
        supply->free_strands = s->pool_next;
        return s;
    }
    s = plat_alloc(sizeof *s);
    if (!s || strand_init(s, supply->env, supply->strand_count + 1)) {
        plat_free(s);
        return NULL;
    }
    supply->strand_count++;
    s->all_next = at_relaxed(&supply->all);
    at_release(&supply->all, s); /* pairs with the walkers' acquire: they see a strand that is set up */
    return s;
}

void supply_give_strand(struct supply *supply, struct strand *s)
{
    strand_reset(s);
    s->pool_next = supply->free_strands;
    supply->free_strands = s;
}

struct channel *supply_take_channel(struct supply *supply)
{
    struct channel *ch = supply->free_channels;
    if (!ch)
        return channel_new(supply->env->queue_batches);
    supply->free_channels = ch->pool_next;
    return ch;
}

void supply_give_channel(struct supply *supply, struct channel *ch)
{
    ch->pool_next = supply->free_channels;
    supply->free_channels = ch;
}

void supply_free(struct supply *supply)
{
    while (supply->free_channels) {
        struct channel *ch = supply->free_channels;
        supply->free_channels = ch->pool_next;
        channel_free(ch);
    }
    struct strand *s = at_acquire(&supply->all);
    while (s) {
        struct strand *next = s->all_next;
        strand_destroy(s);
        plat_free(s);
        s = next;
    }
}

/* ---- records ------------------------------------------------------------------------------------------------------------- */

void record_free(struct edit_record *r)
{
    plat_free(r->changes);
    plat_free(r->gate.starts);
    plat_free(r->gate.owners);
    plat_free(r->retired);
    plat_free(r->leaving);
    plat_free(r->flushing);
    plat_free(r->fresh);
    plat_free(r->starting);
    plat_free(r->channels);
    plat_free(r->cut);
    layout_free(&r->layout);
    plat_free(r);
}

struct edit_record *record_new(size_t strands, size_t stages, size_t links)
{
    struct edit_record *r = plat_alloc(sizeof *r);
    if (!r)
        return NULL;
    r->changes = plat_alloc((strands + links + 1) * sizeof *r->changes);
    r->gate.starts = plat_alloc((strands + 1) * sizeof *r->gate.starts);
    r->gate.owners = plat_alloc((stages + 1) * sizeof(struct instance *));
    r->retired = plat_alloc((strands + 1) * sizeof *r->retired);
    r->leaving = plat_alloc((stages + 1) * sizeof(struct instance *));
    r->flushing = plat_alloc((stages + 1) * sizeof(struct instance *));
    r->fresh = plat_alloc((strands + 1) * sizeof *r->fresh);
    r->starting = plat_alloc((strands + 1) * sizeof *r->starting);
    r->channels = plat_alloc((links + 1) * sizeof *r->channels);
    r->cut = plat_alloc((links + 1) * sizeof *r->cut);
    r->layout.seats = plat_alloc((strands + 1) * sizeof *r->layout.seats);
    r->layout.channels = plat_alloc((2 * links + 1) * sizeof *r->layout.channels);
    if (r->changes && r->gate.starts && r->gate.owners && r->retired && r->leaving && r->flushing && r->fresh && r->starting &&
        r->channels && r->cut && r->layout.seats && r->layout.channels)
        return r;
    record_free(r);
    return NULL;
}

void record_discard(struct supply *supply, struct edit_record *r)
{
    for (size_t i = 0; i < r->channel_count; i++)
        supply_give_channel(supply, r->channels[i]);
    for (size_t i = 0; i < r->fresh_count; i++) {
        plat_free(r->fresh[i]->program);
        ports_free(r->fresh[i]->ports);
        supply_give_strand(supply, r->fresh[i]);
    }
    for (size_t i = 0; i < r->change_count; i++) {
        plat_free(r->changes[i].program);
        ports_free(r->changes[i].ports);
    }
    record_free(r);
}

void record_reap(struct supply *supply, struct edit_record *r)
{
    for (size_t i = 0; i < r->change_count; i++) {
        plat_free(r->changes[i].program); /* the old one, since the strand has exchanged them */
        ports_free(r->changes[i].ports);
    }
    for (size_t i = 0; i < r->cut_count; i++)
        supply_give_channel(supply, r->cut[i]);
    for (size_t i = 0; i < r->retired_count; i++) {
        plat_free(r->retired[i]->program);
        ports_free(r->retired[i]->ports);
        supply_give_strand(supply, r->retired[i]);
    }
    record_free(r);
}

void layout_free(struct layout *layout)
{
    plat_free(layout->seats);
    plat_free(layout->channels);
    *layout = (struct layout){0};
}
