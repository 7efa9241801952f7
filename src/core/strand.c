/* SPDX-License-Identifier: MIT */
/*
 * Strands: the wake-up, the loop over batches, the pills, and the applying of changes.
 *
 * Invariants. Only the thread that has the strand in RUNNING, CALL or HELD touches it. At a boundary no item is inside the program:
 * all are in the inlets, in the outlets or gone. A step begins only when nothing is unsent but perhaps a last, partly filled batch,
 * and when there is room behind it. What a batch expands to beyond that room waits in the outlets, which therefore never hold more
 * than one batch's worth of work.
 */
#include "core/crew.h"

#include <string.h>

/* ---- the wake-up -------------------------------------------------------------------------------------------------------- */

/* The same life of the strand, in another state. */
static unsigned in_state(unsigned state, unsigned base)
{
    return state - strand_base(state) + base;
}

void strand_wake(struct strand *s)
{
    unsigned state = at_relaxed(&s->state);
    if (strand_base(state) == STRAND_IDLE && at_cas(&s->state, &state, in_state(state, STRAND_READY)))
        s->env->ready(s->env, s);
}

void strand_kick(struct strand *s)
{
    plat_fence();
    strand_wake(s);
}

void strand_nudge(struct strand *s)
{
    atomic_fetch_add(&s->wakes, 1);
    strand_kick(s);
}

/* What the strand looked at before it found nothing to do, so that it can look again when it no longer owns itself. */
static void looked_at(struct strand *s, struct looks *looks)
{
    looks->wakes = s->wakes_seen;
    /* No edit is made while an item waits inside the program, or a pill for those in a crew's window. */
    looks->mailbox = !s->again.batch && !s->again.waiting.first && !(s->crew && s->flushing.why);
    looks->in_count = looks->out_count = 0;
    looks->full = NULL;
    if (s->waits_input)
        inlets_look(s, looks);
    if (s->waits_room) {
        looks->full = s->ports->outs[s->room_at].ch;
        looks->tail = at_relaxed(&looks->full->tail);
    }
}

static bool changed(struct strand *s, const struct looks *looks)
{
    return (looks->mailbox && at_acquire(&s->mailbox)) || at_acquire(&s->wakes) != looks->wakes || inlets_changed(looks) ||
           (looks->full && channel_has_room(looks->full, looks->tail));
}

bool strand_pending(struct strand *s)
{
    struct looks looks;
    looked_at(s, &looks);
    return changed(s, &looks);
}

bool strand_quick(const struct strand *s)
{
    const struct ports *ports = s->ports;
    for (size_t i = 0; i < ports->in_count; i++)
        if (ports->ins[i].ch && at_relaxed(&ports->ins[i].ch->quick))
            return true;
    for (size_t i = 0; i < ports->out_count; i++)
        if (ports->outs[i].ch && at_relaxed(&ports->outs[i].ch->quick))
            return true;
    return false;
}

/* Ends quick mode on both sides, while the strand is still ours. Then both sides of all channels fence, until a reader sets
 * `quick` again. Notes the outlets, whose readers may do that. */
static void end_quick(struct strand *s, struct looks *looks)
{
    bool any = false;
    for (size_t i = 0; i < s->ports->in_count; i++) {
        if (!s->ports->ins[i].ch)
            continue;
        s->ports->ins[i].ch->streak = 0;
        any |= at_exchange(&s->ports->ins[i].ch->quick, false);
    }
    for (size_t i = 0; i < s->ports->out_count; i++) {
        if (!s->ports->outs[i].ch)
            continue;
        looks->outs[looks->out_count++] = s->ports->outs[i].ch;
        any |= at_exchange(&s->ports->outs[i].ch->quick, false);
    }
    if (any)
        plat_fence_all();
}

static bool quick_again(const struct looks *looks)
{
    for (size_t i = 0; i < looks->out_count; i++)
        if (at_acquire(&looks->outs[i]->quick))
            return true;
    return false;
}

/*
 * Why no wake-up is lost. Somebody changes something (W: puts a batch, frees a place, posts a change, counts up `wakes`), then
 * fences, then loads the state (strand_wake), or in the case of a freed place first loads writer_waits. We announce (store IDLE,
 * then writer_waits), then fence, then look at all of it once more. Of two fenced threads, one comes second and sees what the
 * other stored: either they see our announcement and make us READY, or we see the change. While we are RUNNING nobody needs to
 * tell us anything, since this look is still to come.
 *
 * In a quick channel the other side leaves its fence out. So we end that first, and fence for all threads: a thread that has read
 * `quick` as set gets a fence before its next load, or has had it behind its store, which we then see. `quick` may be set again
 * by the reader of an outlet, who fences after setting it. If our look at it finds it set, we start over; if not, that fence is
 * still to come, and what the reader loads behind it is our announcement; or the reader has ended quick mode again in order to rest,
 * with a fence for all, and then what it stored before is seen by the looks that follow. So `quick` is looked at first
 * (models/channel.pml found a lost wake-up in the other order).
 */
bool strand_rest(struct strand *s)
{
    struct looks looks; /* another thread may run the strand, and an edit give it other ports, as soon as it is IDLE */
    looked_at(s, &looks);
    end_quick(s, &looks);
    unsigned running = at_relaxed(&s->state), idle = in_state(running, STRAND_IDLE);
    at_release(&s->state, idle);
    if (looks.full)
        at_release(&looks.full->writer_waits, true); /* behind IDLE: who takes the announcement must find somebody to wake */
    plat_fence();
    bool again = !control_breaks(REST_WITHOUT_LOOK) && (quick_again(&looks) || changed(s, &looks)); /* in this order */
    return !again || !at_cas(&s->state, &idle, running); /* or somebody else has it by now */
}

/* Goes from one state to another that only who runs the strand may leave; waits while it is held. */
static void change_state(struct strand *s, unsigned from, unsigned to)
{
    for (;;) {
        unsigned state = at_load(&s->state), expected = in_state(state, from);
        if (at_cas(&s->state, &expected, in_state(state, to)))
            return;
        plat_lock(&s->hold);
        plat_unlock(&s->hold);
    }
}

void strand_begin(struct strand *s)
{
    change_state(s, STRAND_READY, STRAND_RUNNING);
}

void strand_yield(struct strand *s)
{
    at_release(&s->state, in_state(at_relaxed(&s->state), STRAND_READY)); /* the queue's lock hands the strand over */
}

static void adopt(struct strand *s);

void strand_activate(struct strand *s)
{
    if (at_load(
            &s->env->aborting)) /* whom its stages come from may not have flushed them: what they hold is of the old version */
        s->broken = s->program->count;
    adopt(s);
    at_store(&s->state, in_state(at_relaxed(&s->state), STRAND_IDLE));
    strand_kick(s);
}

/* ---- blocking calls, and taking hold of a strand ------------------------------------------------------------------------- */

/* Dekker with strand_post(): we store CALL, then look at the mailbox; the edit stores the mailbox, then looks
 * for CALL. One sees the other, so no change waits for a function that has not returned. */
static bool enter_call(struct strand *s)
{
    s->put_at_call = count_get(&s->program->stages[0]->put);
    change_state(s, STRAND_RUNNING, STRAND_CALL);
    if (!at_load(&s->mailbox) || control_breaks(ENTER_CALL_BLIND))
        return true;
    change_state(s, STRAND_CALL, STRAND_RUNNING);
    return false;
}

static void leave_call(struct strand *s)
{
    change_state(s, STRAND_CALL, STRAND_RUNNING);
}

/* Makes the calling thread the strand's one thread for a moment, if the strand is idle or in a call, and if the change allows
 * it: an idle strand must not call a stage's function on the editor's thread; inside a call the program must stay. If we find
 * it neither idle nor in a call, it will look at its mailbox by itself, before it rests or enters one. */
static void release(struct strand *s);

/* Inside a call the outlets may get other channels, one for one; the inlets stay. */
static bool fits_in_call(const struct strand *s, const struct change *c)
{
    if (c->program || c->retire || c->flush_count || s->flushing.why)
        return false;
    if (!c->ports)
        return true;
    bool same = c->ports->out_count == s->ports->out_count && c->ports->in_count == s->ports->in_count;
    for (size_t i = 0; same && i < s->ports->in_count; i++)
        same = !s->ports->ins[i].ch || s->ports->ins[i].ch == c->ports->ins[i].ch;
    for (size_t i = 0; same && i < s->ports->out_count; i++)
        same = s->ports->outs[i].discards == c->ports->outs[i].discards; /* the call looks at that */
    return same;
}

/* What is in the window of a crew may not stay there: it belongs in front of the cut, or the stage leaves. */
static bool empties_window(const struct change *c)
{
    return c->by_cut || c->program || c->retire || c->flush_count || c->leave_count;
}

/* Nothing is in the program, and nothing is to be flushed. */
static bool fits_at_rest(const struct strand *s, const struct change *c)
{
    if (s->crew && empties_window(c))
        return false;
    return !s->again.batch && !s->again.waiting.first && !s->flushing.why && !(s->broken && c->program);
}

static bool hold(struct strand *s, const struct change *change)
{
    for (;;) {
        unsigned state = at_load(&s->state);
        unsigned base = strand_base(state);
        bool rests = (base == STRAND_IDLE || base == STRAND_READY) && !change->user_code && !change->retire;
        if (!rests && (base != STRAND_CALL || control_breaks(NO_HOLD_IN_CALL)))
            return false;
        plat_lock(&s->hold);
        if (at_cas(&s->state, &state, in_state(state, STRAND_HELD))) {
            s->held_from = base;
            if (base == STRAND_CALL ? fits_in_call(s, change) : fits_at_rest(s, change))
                return true;
            release(s);
            return false;
        }
        plat_unlock(&s->hold);
    }
}

static void release(struct strand *s)
{
    unsigned from = s->held_from, held = at_relaxed(&s->state);
    at_store(&s->state, in_state(held, from == STRAND_CALL ? STRAND_CALL : STRAND_READY));
    plat_unlock(&s->hold);
    if (from == STRAND_IDLE)      /* else it is called, or queued, already */
        s->env->ready(s->env, s); /* it may have room now, or another program: let it look */
}

static void apply_held(struct strand *s);

void strand_post(struct strand *s, struct change *change)
{
    at_store(&s->mailbox, change);
    if (hold(s, change)) {
        apply_held(s);
        release(s);
    } else if (!control_breaks(POST_WITHOUT_KICK)) {
        strand_kick(s);
    }
}

struct change *strand_withdraw(struct strand *s)
{
    return at_exchange(&s->mailbox, NULL);
}

/*
 * Why strand and editor agree. The editor stores `lost`, fences for all threads, and loads `inside`; the strand stores `inside` = false,
 * then loads `lost`. If the editor sees `inside`, the strand's store is still to come, and so is its load, which sees `lost`: it stops
 * here, before it touches anything. If the editor does not, it takes `lost` back; the strand may have seen it, and waits here for that.
 */
bool strand_found(struct strand *s)
{
    plat_lock(&s->hold);
    s->gone = at_load(&s->lost);
    plat_unlock(&s->hold);
    return !s->gone;
}

/* Nothing in front of the stage is in the middle of a batch of its own; and what the stage has made of earlier items is not in its
 * hands any more, as it is of an `each` that is not blocking. */
static bool stands_free(const struct strand *s, size_t stage)
{
    for (size_t i = 0; i < stage; i++)
        if (s->program->stages[i]->shape == SHAPE_EACH || s->program->stages[i]->shape == SHAPE_PULL)
            return false;
    return s->program->stages[stage]->shape != SHAPE_EACH || s->blocking;
}

/* Under `hold`, while the strand is inside: what of its batch is not in the function's hands goes to the heir. */
static enum seized share_batch(struct strand *s, struct strand *heir, uint64_t *late)
{
    const struct hand *h = &s->hand;
    struct batch *b = h->batch, *past = NULL;
    uint32_t rest = h->whole ? 0 : b->count - h->at - 1, kept = h->whole ? 0 : h->kept;
    struct instance *stuck = s->program->stages[h->stage];
    *late = h->whole ? b->count : 1;
    if (kept + rest == 0 || control_breaks(DIVERT_LOSES))
        return SEIZED;
    past = batch_new(&heir->store, b->type, b->count);
    if (!past || past->capacity < kept + rest || !batch_hold_all(past, b)) {
        if (past)
            batch_release(past, NULL);
        return SEIZED_NO_MEMORY;
    }
    memcpy(past->items, b->items, kept * b->type->size);
    memcpy(batch_item(past, kept), batch_item(b, h->at + 1), rest * b->type->size);
    past->count = kept + rest;
    past->entry = (uint32_t)h->stage; /* in the heir's program that is the stage behind */
    list_add(&heir->again.waiting, past);
    count_add(&stuck->put, kept + rest);
    return SEIZED;
}

static void take_over(struct strand *s, struct strand *heir)
{
    struct ports *ports = heir->ports = s->ports;
    s->ports = NULL;
    for (size_t i = 0; i < ports->in_count; i++)
        if (ports->ins[i].ch)
            at_store(&ports->ins[i].ch->reader, heir);
    for (size_t i = 0; i < ports->out_count; i++)
        if (ports->outs[i].ch)
            at_store(&ports->outs[i].ch->writer, heir);
    list_join(&heir->again.waiting, &s->again.older); /* behind what goes past the stage */
    heir->ends_turn = s->ends_turn;
    heir->open_turn = s->open_turn;
    heir->broken =
        s->broken > s->hand.stage ? s->broken - 1 : s->broken; /* one of the stages may have failed since the edit began */
    atomic_fetch_add(&heir->cuts_pending, at_load(&s->cuts_pending));
    atomic_fetch_add(&heir->cuts_due, at_load(&s->cuts_due));
    heir->flushes_done = at_load(&heir->flushes_asked);
}

enum seized strand_seize(struct strand *s, struct instance *stuck, struct strand *heir, uint64_t *late)
{
    enum seized says = SEIZED_NOT;
    plat_lock(&s->hold);
    at_store(&s->lost, true);
    plat_fence_all();
    const struct hand *h = &s->hand;
    if (at_acquire(&s->inside) && s->program->stages[h->stage] == stuck && !s->flushing.why && !s->making &&
        stands_free(s, h->stage))
        says = share_batch(s, heir, late);
    if (says == SEIZED)
        take_over(s, heir);
    else
        at_store(&s->lost, false);
    plat_unlock(&s->hold);
    return says;
}

bool strand_inside(const struct env *env)
{
    const struct strand *s = plat_self()->strand;
    return s && s->env == env;
}

int strand_init(struct strand *s, struct env *env, unsigned id)
{
    s->env = env;
    s->id = id;
    strand_reset(s);
    return plat_lock_init(&s->hold);
}

void strand_reset(struct strand *s)
{
    s->blocking = false;
    s->program = NULL;
    s->ports = NULL;
    s->crew = NULL;
    s->broken = 0;
    s->again = (struct again){0};
    s->flushing = (struct flushing){0};
    s->making = false;
    s->random = s->id;
    s->tick_ns = UINT64_MAX;
    s->waits_input = s->waits_room = s->at_end = s->ends_turn = s->open_turn = false;
    s->gone = false;
    s->flushes_done = at_load(&s->flushes_asked);
    at_store(&s->inside, false);
    at_store(&s->lost, false);
    at_store(&s->finishing, false);
    at_store(&s->pins, 0);
    at_store(&s->mailbox, NULL);
    at_store(&s->cuts_pending, 0);
    at_store(&s->cuts_due, 0);
    at_store(&s->due_ns, UINT64_MAX);
    at_store(&s->call_due_ns, UINT64_MAX);
    at_store(&s->state, in_state(at_relaxed(&s->state), STRAND_FREE) + STRAND_STATES);
}

void strand_destroy(struct strand *s)
{
    store_free(&s->store);
    plat_lock_free(&s->hold);
}

/* ---- flush, tick, end ---------------------------------------------------------------------------------------------------- */

static void flush_stage(struct strand *s, size_t i)
{
    if (i >= s->broken && s->program->stages[i]->def.flush)
        work_make(s, i, s->program->stages[i]->def.flush);
}

static bool is_listed(struct instance *const *list, size_t count, const struct instance *in)
{
    for (size_t k = 0; k < count; k++)
        if (list[k] == in)
            return true;
    return false;
}

static bool is_leaver(const struct leaver *list, size_t count, const struct instance *in)
{
    for (size_t k = 0; k < count; k++)
        if (list[k].in == in)
            return true;
    return false;
}

static bool leaves_by(const struct change *c, const struct instance *in)
{
    return is_leaver(c->leave, c->leave_count, in) || (c->gate && is_leaver(c->gate->owners, c->gate->owner_count, in));
}

/* At a cut, what is held in front of it is put out through the stages that were behind it, so that it keeps its place in the order.
 * Nothing reaches the stages behind one that has failed any more, and install() forgets which they are: their turn is now. */
static bool is_to_flush(const struct strand *s, size_t i)
{
    const struct change *c = s->flushing.change;
    if (c && (control_breaks(FORGET_FLUSH) || control_breaks(FLUSH_BEFORE_LAST)))
        return false;
    return !c || (s->broken && c->program) || is_listed(c->flush, c->flush_count, s->program->stages[i]);
}

static enum strand_says make_part(struct strand *s, struct change *c, bool in_call);
static bool is_source(const struct strand *s);
static enum strand_says end_all(struct strand *s);

static bool closes(const struct change *c, const struct instance *in)
{
    for (size_t k = 0; k < c->leave_count; k++)
        if (c->leave[k].in == in)
            return c->leave[k].for_good;
    for (size_t k = 0; c->gate && k < c->gate->owner_count; k++)
        if (c->gate->owners[k].in == in)
            return c->gate->owners[k].for_good;
    return false;
}

/* All that is in front of the pill has left the crew's window; and of a stage that leaves for good, no task is left. */
static bool crew_drained(struct strand *s)
{
    const struct change *c = s->flushing.change;
    struct instance *in = s->program->stages[0];
    if (c && (!empties_window(c) || (control_breaks(CREW_CUTS_EARLY) && !closes(c, in))))
        return true;
    if (!crew_empty(s->crew))
        return false;
    bool leaves = s->flushing.why == FLUSH_END || (c && closes(c, in));
    if (!leaves || !crew_alive(s->crew))
        return true;
    crew_end(s, is_source(s) || (c && in->fate == FATE_HAND_OVER)); /* who hands its state over puts nothing out any more */
    return !crew_alive(s->crew);
}

static enum strand_says crew_rest(struct strand *s)
{
    outlets_send(s, true);
    if (crew_can_go_on(s))
        return STRAND_GOES_ON;
    at_release(&s->due_ns, crew_due(s));
    return STRAND_RESTS;
}

/* Goes on with flushing, up to an item that waits to be tried again: step() comes back here when that is through. */
static enum strand_says flush_on(struct strand *s)
{
    struct flushing *f = &s->flushing;
    if (s->crew && !crew_drained(s))
        return crew_rest(s);
    while (f->at < s->program->count) {
        size_t i = control_breaks(FLUSH_BACKWARDS) ? s->program->count - 1 - f->at : f->at;
        struct instance *in = s->program->stages[i];
        f->at++;
        if (f->change)
            in->edited_out = leaves_by(f->change, in);
        if (is_to_flush(s, i))
            flush_stage(s, i);
        if (s->again.batch)
            return STRAND_GOES_ON;
    }
    struct flushing done = *f;
    *f = (struct flushing){0};
    if (done.why == FLUSH_END)
        return end_all(s);
    outlets_mark_turn(s);
    if (done.why == FLUSH_CHANGE)
        return make_part(s, done.change, false);
    outlets_flush(s);
    return STRAND_GOES_ON;
}

static enum strand_says flush_all(struct strand *s)
{
    s->flushing = (struct flushing){.why = FLUSH_PILL};
    return flush_on(s);
}

static void set_due(struct strand *s)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = s->broken; i < s->program->count; i++) { /* a stage that has failed ticks no more */
        struct instance *in = s->program->stages[i];
        if (!in->def.tick || !in->def.tick_ms)
            continue;
        if (!in->tick_at_ns)
            in->tick_at_ns = plat_now_ns() + in->def.tick_ms * (uint64_t)1000000;
        due = in->tick_at_ns < due ? in->tick_at_ns : due;
    }
    s->tick_ns = due;
    at_release(&s->due_ns, due); /* pairs with nothing: only a number, for whoever keeps time */
}

/* The stages of the program are ours from now on. */
static void adopt(struct strand *s)
{
    for (size_t i = 0; i < s->program->count; i++) {
        struct instance *in = s->program->stages[i];
        for (size_t port = 0; port < in->out->port_count; port++)
            in->out[port].strand = s;
        at_store(&in->strand_id, s->id);
        in->edited_out = false;
    }
    if (s->crew)
        crew_adopt(s->crew, s);
    set_due(s);
}

static bool run_ticks(struct strand *s)
{
    uint64_t now = plat_now_ns();
    if (now < s->tick_ns) {
        at_release(&s->due_ns, s->tick_ns); /* whoever keeps time may have taken it to kick us */
        return false;
    }
    for (size_t i = s->broken; i < s->program->count; i++) {
        struct instance *in = s->program->stages[i];
        if (!in->tick_at_ns || now < in->tick_at_ns)
            continue;
        uint64_t period = in->def.tick_ms * (uint64_t)1000000;
        in->tick_at_ns += period * (1 + (now - in->tick_at_ns) / period); /* late ticks are not made up for */
        work_make(s, i, in->def.tick);
        if (s->again.batch) /* the others' ticks are still due when that is through */
            break;
    }
    if (!s->again.batch)
        outlets_mark_turn(s);
    set_due(s);
    return true;
}

/* Lets go of an instance: it is closed, or comes to rest, and belongs to no strand any more. */
static void dismiss(struct strand *s, struct instance *in, bool for_good)
{
    for (size_t port = 0; port < in->out->port_count; port++)
        out_discard(&in->out[port]);
    in->tick_at_ns = control_breaks(KEEP_TICKS) ? in->tick_at_ns : 0;
    at_store(&in->strand_id, 0);
    if (in->crew)
        crew_leave(in->crew, s);
    s->env->dismissed(s->env, in, for_good);
}

static enum strand_says end(struct strand *s)
{
    at_release(&s->due_ns, UINT64_MAX);
    return STRAND_OVER;
}

bool strand_pin(struct strand *s)
{
    atomic_fetch_add(&s->pins, 1);
    if (!at_load(&s->finishing))
        return true;
    strand_unpin(s);
    return false;
}

void strand_unpin(struct strand *s)
{
    atomic_fetch_sub(&s->pins, 1);
    strand_nudge(s);
}

/* The end of the data: everything is flushed in order and closed, and the pill goes on. But who is pinned waits for the change
 * that an edit is about to post. */
static enum strand_says finish(struct strand *s)
{
    s->at_end = true;
    at_store(&s->finishing, true);
    if (at_load(&s->pins) > 0) {
        at_store(&s->finishing, false);
        s->waits_input = s->waits_room = false;
        return STRAND_RESTS;
    }
    if (at_load(&s->env->aborting))
        s->broken = s->program->count;
    s->flushing = (struct flushing){.why = FLUSH_END};
    return flush_on(s);
}

static enum strand_says end_all(struct strand *s)
{
    for (size_t i = 0; i < s->program->count; i++)
        dismiss(s, s->program->stages[i], true);
    outlets_close(s, PILL_END);
    return end(s);
}

/* ---- changes ------------------------------------------------------------------------------------------------------------- */

static void note_position(const struct strand *s, struct change *c, bool in_call)
{
    if (in_call && !control_breaks(POSITION_IN_CALL)) /* what the call has put out so far goes behind the cut */
        c->position = s->put_at_call;
    else if (c->mark)
        c->position = count_get(c->mark_put ? &c->mark->put : &c->mark->taken);
    if (c->after)
        c->after_base = count_get(&c->after->taken);
}

/* The strand is held inside a call: outlets that are cut go on with another channel, in place. */
static void rewire_in_call(struct ports *ports, const struct ports *new)
{
    for (size_t k = 0; k < ports->out_count; k++) {
        struct batch_list none = {0};
        struct outlet *o = &ports->outs[k];
        if (new->outs[k].was != NO_INDEX)
            continue;
        struct channel *old = o->ch;
        o->ch = new->outs[k].ch;
        if (old)
            channel_close(old, PILL_CUT, &none, 0, false);
    }
}

/* What the outlets that go on were about to send goes on with them. */
static void keep_outlets(struct ports *ports, struct ports *new)
{
    for (size_t k = 0; k < new->out_count; k++) {
        struct outlet *o = &new->outs[k];
        if (o->was == NO_INDEX)
            continue;
        struct outlet *old = &ports->outs[o->was];
        *o = *old;
        o->was = NO_INDEX;
        *old = (struct outlet){.was = NO_INDEX};
    }
    if (control_breaks(BRANCHES_APART) && ports->out_count == 2 && new->out_count == 2 && ports->outs[1].ch &&new->outs[1].ch)
        list_join(&new->outs[1].unsent, &ports->outs[1].unsent);
}

static void keep_inlets(const struct ports *ports, struct ports *new)
{
    for (size_t k = 0; k < new->in_count; k++)
        for (size_t j = 0; new->ins[k].ch &&j < ports->in_count; j++)
            if (ports->ins[j].ch == new->ins[k].ch)
                new->ins[k] = ports->ins[j];
}

static bool all_ended(const struct ports *ports)
{
    for (size_t i = 0; i < ports->in_count; i++)
        if (ports->ins[i].ch)
            return false;
    return true;
}

static void rewire(struct strand *s, struct change *c)
{
    struct ports *old = s->ports;
    keep_outlets(old, c->ports);
    keep_inlets(old, c->ports);
    outlets_close(s, PILL_CUT); /* those that do not go on */
    s->ports = c->ports;
    c->ports = old; /* for the edit to free */
    if (s->ports->in_count && s->at_end)
        s->at_end = all_ended(s->ports);
}

/* A trial and what runs inside of it change places: the state stays where it is. Once, and then it is nobody's heir any more: those
 * whose it was are freed some edits later, and others may come to lie in the same memory. */
static void hand_over(struct instance *heir)
{
    for (size_t i = 0; i < heir->heir_of_count && !control_breaks(NO_HAND_OVER) && !control_breaks(HAND_OVER_EARLY); i++)
        if (!instance_inside(heir, heir->heir_of[i]) && !instance_inside(heir->heir_of[i], heir))
            heir->def.take_over(heir->def.state, heir->heir_of[i]->def.state, heir->lane, heir->lanes);
    heir->heir_of_count = 0;
}

/* States that go from stage to stage in this strand; others wait for a gate. */
static void hand_over_here(const struct change *c, const struct program *program)
{
    for (size_t i = 0; i < program->count; i++)
        for (size_t k = 0; program->stages[i]->heir_of_count == 1 && k < c->leave_count; k++)
            if (program->stages[i]->heir_of[0] == c->leave[k].in)
                hand_over(program->stages[i]);
}

static void install(struct strand *s, struct change *c)
{
    struct program *old = s->program;
    s->program = c->program;
    c->program = old; /* for the edit to free */
    if (s->broken)
        s->broken = s->program->count; /* a strand that has failed goes on returning */
    hand_over_here(c, s->program);
    adopt(s);
}

static void edit_out(struct strand *s, const struct leaver *leaver)
{
    leaver->in->edited_out = true;
    if (control_breaks(FLUSH_TWICE) && leaver->in->def.flush)
        leaver->in->def.flush(leaver->in->def.state, leaver->in->out);
    dismiss(s, leaver->in, leaver->for_good);
}

static void open_gate(struct strand *s, struct gate *gate)
{
    for (size_t i = 0; i < gate->start_count; i++)
        for (size_t k = 0; k < gate->starts[i]->program->count; k++)
            hand_over(gate->starts[i]->program->stages[k]);
    for (size_t i = 0; i < gate->owner_count; i++)
        edit_out(s, &gate->owners[i]);
    for (size_t i = 0; i < gate->start_count && !control_breaks(BOTH_OWN); i++)
        strand_activate(gate->starts[i]);
}

/* Makes this strand's part of an edit. We are at a boundary; or the strand is held inside a call, and then nothing leaves, the
 * program stays, and what the call will put out belongs behind the cut. */
static enum strand_says make_part(struct strand *s, struct change *c, bool in_call)
{
    if (!in_call)
        atomic_store_explicit(&s->current, NULL, memory_order_relaxed); /* it may leave us, and be freed some edits later */
    note_position(s, c, in_call);
    if (c->ports && in_call)
        rewire_in_call(s->ports, c->ports);
    else if (c->ports)
        rewire(s, c);
    else if (c->retire)
        outlets_close(s, PILL_CUT);
    if (c->program)
        install(s, c);
    c->applied_ns = plat_now_ns();
    for (size_t i = 0; i < c->start_count; i++)
        strand_activate(c->starts[i]);
    for (size_t i = 0; i < c->leave_count; i++)
        edit_out(s, &c->leave[i]);
    if (c->gate && atomic_fetch_sub_explicit(&c->gate->remaining, 1, memory_order_acq_rel) == 1)
        open_gate(s, c->gate);
    if (c->by_cut) {
        atomic_fetch_sub(&s->cuts_pending, 1);
        atomic_fetch_sub(&s->cuts_due, 1);
    }
    bool retire = c->retire;
    s->env->applied(s->env, s, c); /* c may be gone now */
    return retire ? end(s) : STRAND_GOES_ON;
}

static enum strand_says apply(struct strand *s, struct change *c)
{
    if (at_load(&s->env->aborting))
        s->broken = s->program->count;
    s->flushing = (struct flushing){.why = FLUSH_CHANGE, .change = c};
    return flush_on(s);
}

/* One inlet goes on with another channel. */
static void apply_soft(struct strand *s, struct change *c)
{
    struct inlet *in = &s->ports->ins[s->ports->cut_at];
    in->ch = in->ch->next;
    c->applied_ns = plat_now_ns();
    atomic_fetch_sub(&s->cuts_pending, 1);
    s->env->applied(s->env, s, c);
}

static enum strand_says take_cut(struct strand *s, struct change *c)
{
    if (!c->soft)
        return apply(s, c);
    apply_soft(s, c);
    return STRAND_GOES_ON;
}

static enum strand_says look_at_mailbox(struct strand *s)
{
    struct change *c = at_exchange(&s->mailbox, NULL); /* the poster or we get it, never both */
    return c ? apply(s, c) : STRAND_GOES_ON;
}

static void apply_held(struct strand *s)
{
    struct plat_self *self = plat_self();
    void *outer = self->strand;
    self->strand = s;
    struct change *c = at_exchange(&s->mailbox, NULL);
    if (c && s->held_from == STRAND_CALL)
        make_part(s, c, true);
    else if (c)
        apply(s, c);
    self->strand = outer;
}

/* ---- the loop ------------------------------------------------------------------------------------------------------------ */

/* A program that a stuck stage was taken out of may be empty: it passes on what comes. */
static bool is_source(const struct strand *s)
{
    return s->program->count && instance_is_source(s->program->stages[0]);
}

/* The function has returned after all, and the strand has been seized: what is in its hands has come too late. */
static enum strand_says bury(struct strand *s)
{
    const struct hand *h = &s->hand;
    struct instance *in = s->program->stages[h->stage];
    uint32_t from = h->whole ? 0 : h->at, to = h->whole ? h->batch->count : h->at + 1;
    count_add(&in->failed, to - from);
    batch_destroy(h->batch, from, to);
    batch_release(h->batch, NULL);
    for (size_t port = 0; port < in->out->port_count; port++) /* what the function has put out meanwhile */
        work_forget(&in->out[port]);
    dismiss(s, in, true);
    return end(s);
}

/* The work of a step is done: if it ended a turn, so does what came of it. */
static void end_work(struct strand *s)
{
    if (s->again.batch)
        return;
    if (s->ends_turn)
        outlets_end_turn(s);
    s->ends_turn = false;
    outlets_mark_turn(s);
}

static enum strand_says run_batch(struct strand *s, struct batch *b)
{
    for (size_t i = 0; control_breaks(FLUSH_BEFORE_LAST) && at_load(&s->cuts_due) && i < s->program->count; i++)
        flush_stage(s, i);
    s->ends_turn = b->turn;
    b->turn = false;
    work_batch(s, b);
    if (__builtin_expect(s->gone, 0))
        return bury(s);
    end_work(s);
    return STRAND_GOES_ON;
}

/* All that is not a batch. */
static enum strand_says take_pill(struct strand *s, enum pill pill, struct change *change)
{
    switch (pill) {
    case PILL_TURN: /* an empty turn; with several inlets, or none that is open: look again */
        if (s->ports->in_count == 1)
            outlets_end_turn(s);
        return STRAND_GOES_ON;
    case PILL_FLUSH:
        return flush_all(s);
    case PILL_CUT:
        return take_cut(s, change);
    case PILL_END:
        return finish(s);
    default:
        s->waits_input = true;
        return STRAND_RESTS;
    }
}

static enum strand_says take_step(struct strand *s)
{
    struct batch *b;
    struct change *change;
    enum pill pill = inlets_take(s, &b, &change);
    if (__builtin_expect(pill == PILL_BATCH, 1))
        return run_batch(s, b);
    if (pill == PILL_NONE)
        outlets_send(s, true); /* without room the reader wakes us; without input the writer does */
    return take_pill(s, pill, change);
}

/* A blocking strand looks for input first, so that inside the call it has some. */
static enum strand_says call_step(struct strand *s)
{
    struct batch *b = NULL;
    struct change *change;
    enum pill pill = inlets_take(s, &b, &change);
    if (pill != PILL_BATCH)
        return take_pill(s, pill, change);
    while (!enter_call(
        s)) /* there is a change that may concern what this batch meets: it comes first, the batch is ours already */
        if (look_at_mailbox(s) == STRAND_OVER)
            return STRAND_OVER;
    enum strand_says says = run_batch(s, b);
    leave_call(s);
    return says;
}

static enum strand_says pull_step(struct strand *s)
{
    if (s->broken > 0 || at_load(&s->env->closing) || at_load(&s->env->aborting))
        return finish(s);
    if (at_load(&s->env->paused)) {
        outlets_send(s, true);
        return STRAND_RESTS; /* who ends the pause nudges us */
    }
    if (s->blocking && !enter_call(s))
        return STRAND_GOES_ON;
    int says = work_pull(s);
    end_work(s);
    if (s->blocking)
        leave_call(s);
    if (says == WEIR_END || (says < 0 && s->broken == 0))
        s->at_end = true; /* what waits to be tried again comes first */
    if (says != WEIR_IDLE || s->at_end)
        return STRAND_GOES_ON;
    outlets_send(s, true);
    return STRAND_RESTS;
}

static bool look_at_flushes(struct strand *s)
{
    unsigned asked = at_acquire(&s->flushes_asked);
    if (asked == s->flushes_done)
        return false;
    s->flushes_done = asked;
    flush_all(s); /* of a source's strand: it does not end here */
    return true;
}

/* An item inside the program waits to be tried again: nothing else may happen here until it is through. */
static enum strand_says again_step(struct strand *s)
{
    if (work_again(s)) {
        if (s->gone)
            return bury(s);
        end_work(s);
        set_due(s);
        return STRAND_GOES_ON;
    }
    outlets_send(s, true);
    s->waits_room = false;
    at_release(&s->due_ns, s->again.due_ns);
    return STRAND_RESTS;
}

/* A source ends when its tasks have; it is asked to when the pipeline is closed. */
static enum strand_says crew_source_step(struct strand *s)
{
    if (s->broken > 0 || at_load(&s->env->closing) || at_load(&s->env->aborting))
        crew_cancel(s->crew);
    if (!crew_alive(s->crew))
        s->at_end = true;
    if (s->at_end || look_at_flushes(s))
        return STRAND_GOES_ON;
    bool goes_on = !control_breaks(CREW_FORGETS_SENDERS) && s->crew->wants_room && !at_load(&s->env->paused) && outlets_room(s);
    return goes_on ? STRAND_GOES_ON : crew_rest(s);
}

static enum strand_says crew_take_step(struct strand *s)
{
    struct batch *b;
    struct change *change;
    enum pill pill = inlets_take(s, &b, &change);
    if (pill == PILL_BATCH) {
        crew_feed(s, b);
        return STRAND_GOES_ON;
    }
    enum strand_says says = take_pill(s, pill, change);
    return says == STRAND_RESTS ? crew_rest(s) : says;
}

/* Of a strand whose stage has a `loop`: its tasks go on, what they have done goes out, and there is more for them. */
static enum strand_says crew_step(struct strand *s)
{
    crew_work(s);
    bool released = crew_release(s);
    if (s->flushing.why) {
        enum strand_says says = flush_on(s);
        return released && says == STRAND_RESTS ? STRAND_GOES_ON : says;
    }
    if (at_acquire(&s->mailbox) && look_at_mailbox(s) == STRAND_OVER)
        return STRAND_OVER;
    if (s->flushing.why)
        return STRAND_GOES_ON;
    if (s->at_end)
        return finish(s);
    if (!outlets_send(s, false)) /* what is done waits in the window, which fills up */
        return released ? STRAND_GOES_ON : crew_rest(s);
    if (is_source(s))
        return crew_source_step(s);
    if (crew_wants(s))
        return crew_take_step(s);
    return released ? STRAND_GOES_ON : crew_rest(s);
}

static enum strand_says step(struct strand *s)
{
    s->waits_input = s->waits_room = false;
    s->wakes_seen = at_acquire(&s->wakes);
    if (s->crew)
        return crew_step(s);
    if (s->again.batch || s->again.waiting.first)
        return again_step(s);
    if (s->flushing.why)
        return flush_on(s);
    if (at_acquire(&s->mailbox) && look_at_mailbox(s) == STRAND_OVER)
        return STRAND_OVER;
    if (s->flushing.why) /* the change waits for an item that is tried again */
        return STRAND_GOES_ON;
    if (s->at_end)
        return finish(s);
    bool source = is_source(s);
    if (!outlets_send(s, s->blocking) && !control_breaks(ASK_FOR_NO_ROOM))
        return STRAND_RESTS;
    if (!outlets_room(s) && !control_breaks(ASK_FOR_NO_ROOM))
        return STRAND_RESTS;
    if (source && look_at_flushes(s)) /* only now: what flushes and ticks make must not pile up behind a full channel */
        return STRAND_GOES_ON;
    if (s->tick_ns != UINT64_MAX && run_ticks(s))
        return STRAND_GOES_ON;
    return source ? pull_step(s) : s->blocking ? call_step(s) : take_step(s);
}

enum strand_says strand_run(struct strand *s, unsigned steps)
{
    struct plat_self *self = plat_self();
    self->strand = s;
    atomic_store_explicit(&s->cpu, plat_cpu(), memory_order_relaxed);
    enum strand_says says = STRAND_GOES_ON;
    while (says == STRAND_GOES_ON && steps-- > 0)
        says = step(s);
    if (!s->again.batch)
        atomic_store_explicit(&s->current, NULL, memory_order_relaxed);
    returns_give(&s->returns);
    self->strand = NULL;
    if (says != STRAND_OVER)
        return says;
    at_store(&s->state, in_state(at_relaxed(&s->state), STRAND_ENDED));
    s->env->ended(s->env, s);
    return STRAND_OVER;
}
