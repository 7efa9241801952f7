/* SPDX-License-Identifier: MIT */
/*
 * What comes into a strand. With one inlet it is what its channel brings. With several, `collect` says which is read: whatever has
 * something; the lanes of a pool, turn by turn; or by key, for which each inlet holds the batch that is being merged.
 *
 * Pills concern the strand as a whole, so they are gathered: a flush counts when it has come to all inlets (an inlet goes on being
 * read meanwhile), a cut when all inlets have reached it (and an inlet that has is not read any more), the end when all have ended.
 */
#include "core/run.h"

#include <string.h>

static bool readable(const struct inlet *in)
{
    return in->ch && !in->cut;
}

/* ---- pills --------------------------------------------------------------------------------------------------------------- */

/* A flush that every open inlet has brought is everybody's. */
static enum pill gather_flush(struct ports *ports, struct inlet *in)
{
    in->flushes++;
    for (size_t i = 0; i < ports->in_count; i++)
        if (ports->ins[i].ch && ports->ins[i].flushes == 0)
            return PILL_TURN;
    for (size_t i = 0; i < ports->in_count; i++)
        if (ports->ins[i].flushes)
            ports->ins[i].flushes--;
    return PILL_FLUSH;
}

static enum pill gather_cut(struct ports *ports, struct inlet *in, struct change *c, struct change **change)
{
    *change = c;
    ports->cut_at = (size_t)(in - ports->ins);
    if (c->soft)
        return PILL_CUT;
    in->cut = true;
    for (size_t i = 0; i < ports->in_count; i++)
        if (ports->ins[i].ch && !ports->ins[i].cut && !control_breaks(SKIP_ALIGNMENT))
            return PILL_TURN;
    return PILL_CUT;
}

/* An inlet that has ended brings no cut any more: who waits for one waits for the others. */
static enum pill gather_end(struct ports *ports, struct inlet *in, struct change **change)
{
    in->ch = NULL;
    bool cut = false;
    for (size_t i = 0; i < ports->in_count; i++) {
        if (readable(&ports->ins[i]) && !control_breaks(END_AT_FIRST))
            return PILL_TURN;
        if (ports->ins[i].cut) {
            cut = true;
            *change = ports->ins[i].ch->change;
        }
    }
    return cut ? PILL_CUT : PILL_END;
}

static enum pill gather(struct ports *ports, struct inlet *in, enum pill pill, struct change **change)
{
    switch (pill) {
    case PILL_FLUSH:
        return ports->in_count == 1 ? PILL_FLUSH : gather_flush(ports, in);
    case PILL_CUT:
        return gather_cut(ports, in, in->ch->change, change);
    case PILL_END:
        return gather_end(ports, in, change);
    default:
        return pill;
    }
}

/* ---- what comes, as it comes ------------------------------------------------------------------------------------------------ */

static enum pill take_arrival(struct strand *s, struct batch **batch, struct change **change)
{
    struct ports *ports = s->ports;
    for (size_t k = 0; k < ports->in_count; k++) {
        size_t i = ports->cur;
        ports->cur = i + 1 == ports->in_count ? 0 : i + 1;
        if (!readable(&ports->ins[i]))
            continue;
        enum pill pill = channel_take(ports->ins[i].ch, batch);
        if (pill == PILL_NONE)
            continue;
        s->in_port = i;
        if (pill == PILL_BATCH)
            (*batch)->turn = false;
        return gather(ports, &ports->ins[i], pill, change);
    }
    return PILL_NONE;
}

/* ---- turn by turn ------------------------------------------------------------------------------------------------------------ */

static void advance(const struct ports *ports, struct instance *collect)
{
    collect->turn = collect->turn + 1 == ports->in_count ? 0 : collect->turn + 1;
}

/* A lane whose turn it is not may have nothing to come but the end of its channel. */
static enum pill take_closed(struct strand *s, struct change **change)
{
    struct ports *ports = s->ports;
    for (size_t i = 0; i < ports->in_count; i++) {
        struct inlet *in = &ports->ins[i];
        enum pill pill = readable(in) ? channel_closed(in->ch) : PILL_NONE;
        if (pill != PILL_NONE)
            return gather(ports, in, pill, change);
    }
    return PILL_NONE;
}

static enum pill take_turns(struct strand *s, struct batch **batch, struct change **change)
{
    struct ports *ports = s->ports;
    struct instance *collect = s->program->stages[0];
    for (size_t k = 0; !ports->ins[collect->turn].ch; k++, advance(ports, collect))
        if (k == ports->in_count)
            return PILL_NONE;
    struct inlet *in = &ports->ins[collect->turn];
    if (in->cut) /* it is this lane's turn still when data goes on behind the cut */
        return take_closed(s, change);
    enum pill pill = channel_take(in->ch, batch);
    s->in_port = collect->turn;
    if (pill == PILL_NONE)
        return take_closed(s, change);
    if (pill == PILL_TURN || pill == PILL_FLUSH || (pill == PILL_BATCH && (*batch)->turn))
        advance(ports, collect);
    if (pill == PILL_BATCH)
        (*batch)->turn = false;
    return gather(ports, in, pill, change);
}

/* ---- by key ------------------------------------------------------------------------------------------------------------------ */

static const struct instance *merge_of(const struct strand *s)
{
    return s->program->stages[0];
}

static int64_t key_at(const struct strand *s, const struct inlet *in)
{
    const struct instance *merge = merge_of(s);
    return merge->def.order(merge->def.state, batch_item(in->held, in->at));
}

/* Makes every inlet hold what it has. PILL_NONE: all that may still bring something do, or *missing. */
static enum pill fill(struct strand *s, bool *missing, struct change **change)
{
    struct ports *ports = s->ports;
    *missing = false;
    for (size_t i = 0; i < ports->in_count; i++) {
        struct inlet *in = &ports->ins[i];
        if (in->held || in->over || !readable(in))
            continue;
        enum pill pill = channel_take(in->ch, &in->held);
        if (pill == PILL_BATCH) {
            in->at = 0;
            continue;
        }
        in->held = NULL;
        *missing |= pill == PILL_NONE;
        if (pill == PILL_TURN && ports->turns)
            in->over = true;
        else if (pill != PILL_NONE)
            return gather(ports, in, pill, change);
    }
    return PILL_NONE;
}

/* The held batch is used up. */
static void let_go(struct strand *s, struct inlet *in, bool release)
{
    in->over = s->ports->turns && in->held->turn;
    in->held->turn = false;
    if (release)
        batch_release(in->held, &s->returns);
    in->held = NULL;
}

/* The inlet with the smallest key, the first of several; *rest: the smallest key of the others, *before: an inlet with that key
 * comes first. NO_INDEX: none holds anything. */
static size_t smallest(const struct strand *s, int64_t *rest, size_t *rest_at)
{
    size_t best = NO_INDEX;
    int64_t best_key = 0;
    *rest_at = NO_INDEX;
    for (size_t i = 0; i < s->ports->in_count; i++) {
        if (!s->ports->ins[i].held)
            continue;
        int64_t key = key_at(s, &s->ports->ins[i]);
        if (best == NO_INDEX || key < best_key) {
            *rest = best_key;
            *rest_at = best;
            best_key = key;
            best = i;
        } else if (*rest_at == NO_INDEX || key < *rest) {
            *rest = key;
            *rest_at = i;
        }
    }
    return best;
}

/* How many items of the inlet's batch come before the others' first. */
static uint32_t run_length(const struct strand *s, size_t best, int64_t rest, size_t rest_at)
{
    struct inlet probe = s->ports->ins[best];
    if (rest_at == NO_INDEX)
        return probe.held->count - probe.at;
    uint32_t n = 0;
    while (probe.at < probe.held->count) {
        int64_t key = key_at(s, &probe);
        if (key > rest || (key == rest && rest_at < best))
            break;
        probe.at++;
        n++;
    }
    return n ? n : 1; /* its first is the smallest by choice */
}

/* Moves items of a held batch behind those in *to; a whole batch that comes first is passed on as it is. False: no memory, or no
 * room. */
static bool move_run(struct strand *s, struct inlet *in, uint32_t n, struct batch **to)
{
    struct batch *from = in->held;
    if (!*to && in->at == 0 && n == from->count) {
        *to = from;
        let_go(s, in, false);
        return true;
    }
    if (!*to && !(*to = batch_new(&s->store, from->type, s->env->batch_items)))
        return false;
    uint32_t room = (*to)->capacity - (*to)->count;
    n = n < room ? n : room;
    if (n == 0 || batch_full(*to, s->env->batch_bytes) || !batch_hold_all(*to, from))
        return false;
    memcpy(batch_item(*to, (*to)->count), batch_item(from, in->at), n * from->type->size);
    (*to)->bytes += from->bytes * n / from->count;
    (*to)->count += n;
    in->at += n;
    if (in->at == from->count)
        let_go(s, in, true);
    return true;
}

/* Without memory the order cannot be kept: what is left of the batch goes on as it is. strand.c lets the stage fail. */
static void move_rest(struct strand *s, struct inlet *in, struct batch **to)
{
    struct batch *from = in->held;
    memmove(from->items, batch_item(from, in->at), (from->count - in->at) * from->type->size);
    from->count -= in->at;
    *to = from;
    let_go(s, in, false);
}

static bool next_turn(struct ports *ports)
{
    bool any = false;
    for (size_t i = 0; i < ports->in_count; i++) {
        any |= ports->ins[i].over;
        ports->ins[i].over = false;
    }
    return any;
}

/* An inlet must be asked before the merge can go on. */
static bool lacks(const struct ports *ports)
{
    for (size_t i = 0; i < ports->in_count; i++) {
        const struct inlet *in = &ports->ins[i];
        if (readable(in) && !in->held && !in->over)
            return true;
    }
    return false;
}

static enum pill take_key(struct strand *s, struct batch **batch, struct change **change)
{
    bool missing;
    *batch = NULL;
    for (;;) {
        int64_t rest = 0;
        size_t rest_at;
        if (*batch && lacks(s->ports)) /* a pill may be what comes, and it belongs behind this */
            return PILL_BATCH;
        enum pill pill = fill(s, &missing, change);
        if (pill != PILL_NONE)
            return pill;
        size_t best = missing && !control_breaks(MERGE_WITHOUT_WAITING) ? NO_INDEX : smallest(s, &rest, &rest_at);
        if (best == NO_INDEX && !*batch && !missing && next_turn(s->ports))
            continue;
        if (best == NO_INDEX)
            return *batch ? PILL_BATCH : PILL_NONE;
        if (!move_run(s, &s->ports->ins[best], run_length(s, best, rest, rest_at), batch)) {
            if (!*batch)
                move_rest(s, &s->ports->ins[best], batch);
            else if ((*batch)->count == 0)
                return batch_release(*batch, NULL), move_rest(s, &s->ports->ins[best], batch), PILL_BATCH;
            return PILL_BATCH;
        }
    }
}

/* ---- both ---------------------------------------------------------------------------------------------------------------------- */

/* For a negative control: what stands behind the cut. */
static inline bool take_early(struct channel *ch, struct batch **batch)
{
    bool follows = at_acquire(&ch->closed) == PILL_CUT && ch->change && ch->change->soft && ch->next;
    return follows && channel_closed(ch->next) == PILL_NONE && channel_take(ch->next, batch) == PILL_BATCH;
}

enum pill inlets_take(struct strand *s, struct batch **batch, struct change **change)
{
    struct ports *ports = s->ports;
    if (ports->in_count == 1 && ports->collect != COLLECT_KEY) {
        if (control_breaks(NEW_BEFORE_OLD) && take_early(ports->ins[0].ch, batch))
            return PILL_BATCH;
        enum pill pill = channel_take(ports->ins[0].ch, batch);
        return __builtin_expect(pill == PILL_BATCH, 1) ? pill : gather(ports, &ports->ins[0], pill, change);
    }
    return ports->collect == COLLECT_KEY     ? take_key(s, batch, change)
           : ports->collect == COLLECT_TURNS ? take_turns(s, batch, change)
                                             : take_arrival(s, batch, change);
}

static void look_at(struct looks *looks, const struct inlet *in, bool whole)
{
    if (!whole && at_acquire(&in->ch->closed) != PILL_NONE && channel_closed(in->ch) == PILL_NONE)
        return; /* what stands in front of its end must wait for its turn */
    looks->ins[looks->in_count] = in->ch;
    looks->heads[looks->in_count++] = whole ? at_relaxed(&in->ch->head) : UINT64_MAX;
}

void inlets_look(struct strand *s, struct looks *looks)
{
    struct ports *ports = s->ports;
    for (size_t i = 0; i < ports->in_count; i++) {
        const struct inlet *in = &ports->ins[i];
        if (!readable(in) || in->held || in->over)
            continue;
        look_at(looks, in, ports->collect != COLLECT_TURNS || i == s->program->stages[0]->turn);
    }
}

bool inlets_changed(const struct looks *looks)
{
    for (size_t i = 0; i < looks->in_count; i++) {
        struct channel *ch = looks->ins[i];
        if (looks->heads[i] == UINT64_MAX ? at_acquire(&ch->closed) != PILL_NONE : channel_has_more(ch, looks->heads[i]))
            return true;
    }
    return false;
}
