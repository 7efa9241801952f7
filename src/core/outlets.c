/* SPDX-License-Identifier: MIT */
/*
 * What leaves a strand. Invariant: what waits in an outlet is in order, its owed pills behind it; a step begins only when nothing
 * waits but perhaps a last, partly filled batch, and when there is room: asking before working is all the back-pressure there is.
 */
#include "core/run.h"

static void discard(struct strand *s, struct batch *b)
{
    batch_destroy(b, 0, b->count);
    batch_release(b, &s->returns);
}

/* Joins a batch that is still waiting if both fit into one. */
static void tail(struct strand *s, struct outlet *o, struct batch *b)
{
    struct batch *last = o->unsent.last;
    if (!last || last->turn || batch_full(last, s->env->batch_bytes) || !batch_append(last, b))
        list_add(&o->unsent, b);
}

/* The last stage; NULL: a program that a stuck stage was taken out of, and that only passes on what comes. */
static const struct instance *last_of(const struct strand *s)
{
    return s->program->count ? s->program->stages[s->program->count - 1] : NULL;
}

static bool deals_turns(const struct strand *s)
{
    const struct instance *last = last_of(s);
    return last && last->shape == SHAPE_DEAL && !last->def.key;
}

void outlets_add(struct strand *s, size_t outlet, struct batch *b)
{
    struct ports *ports = s->ports;
    s->open_turn = true;
    if (outlet == NO_INDEX) { /* the dealer's choice */
        struct instance *deal = s->program->stages[s->program->count - 1];
        outlet = deal->turn;
        deal->turn = outlet + 1 == ports->out_count ? 0 : outlet + 1;
        if (control_breaks(DEAL_SKIPS_LANE) && outlet % 2)
            deal->turn = outlet;
        b->turn = true;
        list_add(&ports->outs[outlet].unsent, b);
        return;
    }
    struct outlet *o = &ports->outs[outlet];
    if (o->discards)
        discard(s, b);
    else
        tail(s, o, b);
}

static void end_turn(struct outlet *o)
{
    if (o->discards) /* not `ch`, which an edit may change inside a call */
        return;
    if (o->unsent.last && !o->unsent.last->turn)
        o->unsent.last->turn = true;
    else
        o->turns_owed++;
}

void outlets_end_turn(struct strand *s)
{
    if (s->ports->out_count == 1 && !s->ports->marks && !(last_of(s) && instance_forks(last_of(s))))
        end_turn(&s->ports->outs[0]);
}

void outlets_mark_turn(struct strand *s)
{
    for (size_t k = 0; s->ports->marks && s->open_turn && k < s->ports->out_count; k++)
        end_turn(&s->ports->outs[k]);
    s->open_turn = false;
}

/* ---- sending ------------------------------------------------------------------------------------------------------------- */

static bool has_room(struct strand *s, size_t k)
{
    struct channel *ch = s->ports->outs[k].ch;
    if (!ch || channel_room(ch))
        return true;
    s->waits_room = true;
    s->room_at = k;
    return false;
}

bool outlets_room(struct strand *s)
{
    struct ports *ports = s->ports;
    if (ports->out_count == 1)
        return has_room(s, 0);
    if (ports->out_count && deals_turns(s))
        return has_room(s, last_of(s)->turn);
    for (size_t k = 0; k < ports->out_count; k++)
        if (!has_room(s, k))
            return false;
    return true;
}

/* A batch that is less than full waits for more while the reader is busy: small batches when little flows, large ones when much
 * does, and no timer. */
static bool may_grow(struct strand *s, const struct outlet *o, const struct batch *b)
{
    return !b->next && !b->turn && !s->blocking && !o->flush_owed && !o->turns_owed && !batch_full(b, s->env->batch_bytes) &&
           channel_busy(o->ch);
}

static bool send_pill(struct strand *s, size_t k, enum pill pill)
{
    struct outlet *o = &s->ports->outs[k];
    if (!has_room(s, k))
        return false;
    if (o->ch)
        channel_put_pill(o->ch, pill);
    return true;
}

static bool send_one(struct strand *s, size_t k, bool all)
{
    struct outlet *o = &s->ports->outs[k];
    while (o->unsent.first) {
        if (!all && may_grow(s, o, o->unsent.first))
            return true;
        if (!has_room(s, k))
            return false;
        channel_put(o->ch, list_take(&o->unsent));
    }
    for (; o->turns_owed; o->turns_owed--)
        if (!send_pill(s, k, PILL_TURN))
            return false;
    if (o->flush_owed && !send_pill(s, k, PILL_FLUSH))
        return false;
    o->flush_owed = false;
    return true;
}

/* Also behind an outlet that is full: the others' readers may be what makes room there. */
bool outlets_send(struct strand *s, bool all)
{
    bool sent = true;
    for (size_t k = 0; k < s->ports->out_count; k++)
        sent &= send_one(s, k, all);
    return sent;
}

void outlets_flush(struct strand *s)
{
    for (size_t k = 0; k < s->ports->out_count && !control_breaks(STOP_FLUSHES); k++)
        s->ports->outs[k].flush_owed = s->ports->outs[k].ch != NULL;
}

void outlets_close(struct strand *s, enum pill last)
{
    for (size_t k = 0; k < s->ports->out_count; k++) {
        struct outlet *o = &s->ports->outs[k];
        if (o->ch)
            channel_close(o->ch, last, &o->unsent, o->turns_owed, o->flush_owed);
        o->ch = NULL;
        o->turns_owed = 0;
        o->flush_owed = false;
    }
}
