/* SPDX-License-Identifier: MIT */
/*
 * Strands: the wake-up, the loop over batches, the pills, and the applying of changes.
 *
 * Invariants. Only the thread that has the strand in RUNNING, CALL or HELD touches it. At a boundary no item is inside the program:
 * all are in `in`, in `unsent` or gone. A step begins only when nothing is unsent but perhaps a last, partly filled batch, and when
 * `out` has room: asking before working is all the back-pressure there is. What a batch expands to beyond that room waits in
 * `unsent`, which therefore never holds more than one batch's worth of work.
 */
#include "core/strand.h"

#include <stdio.h>
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

/* What a strand looked at before it found nothing to do, so that it can look again when it no longer owns itself. */
struct looks {
    struct channel *in, *out; /* NULL: not waited for */
    uint64_t head, tail;
    unsigned wakes;
};

static struct looks looked_at(const struct strand *s)
{
    struct looks looks = {.wakes = s->wakes_seen};
    if (s->waits_input && s->in) {
        looks.in = s->in;
        looks.head = at_relaxed(&s->in->head);
    }
    if (s->waits_room && s->out) {
        looks.out = s->out;
        looks.tail = at_relaxed(&s->out->tail);
    }
    return looks;
}

static bool changed(struct strand *s, const struct looks *looks)
{
    return at_acquire(&s->mailbox) || at_acquire(&s->wakes) != looks->wakes ||
           (looks->in && channel_has_more(looks->in, looks->head)) || (looks->out && channel_has_room(looks->out, looks->tail));
}

bool strand_pending(struct strand *s)
{
    struct looks looks = looked_at(s);
    return changed(s, &looks);
}

bool strand_quick(const struct strand *s)
{
    return (s->in && at_relaxed(&s->in->quick)) || (s->out && at_relaxed(&s->out->quick));
}

/* Ends quick mode on both sides, while the strand is still ours. Then both sides of both channels fence, until the reader sets
 * `quick` again. */
static void end_quick(struct strand *s)
{
    bool in = s->in && at_exchange(&s->in->quick, false);
    bool out = s->out && at_exchange(&s->out->quick, false);
    if (in || out)
        plat_fence_all();
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
 * by the reader of `out`, who fences after setting it. If our last look finds it set, we start over; if not, that fence is
 * still to come, and what the reader loads behind it is our announcement.
 */
bool strand_rest(struct strand *s)
{
    end_quick(s);
    struct looks looks = looked_at(s);
    struct channel *out = s->out; /* another thread may run the strand as soon as it is IDLE */
    unsigned running = at_relaxed(&s->state), idle = in_state(running, STRAND_IDLE);
    at_release(&s->state, idle);
    if (looks.out)
        at_release(&looks.out->writer_waits, true); /* behind IDLE: who takes the announcement must find somebody to wake */
    plat_fence();
    bool again = changed(s, &looks) || (out && at_acquire(&out->quick));
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
    if (!at_load(&s->mailbox))
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
static bool hold(struct strand *s, const struct change *change)
{
    for (;;) {
        unsigned state = at_load(&s->state);
        unsigned base = strand_base(state);
        bool rests = (base == STRAND_IDLE || base == STRAND_READY) && !change->user_code && !change->retire;
        bool calls = base == STRAND_CALL && !change->program && !change->retire;
        if (!rests && !calls)
            return false;
        plat_lock(&s->hold);
        if (at_cas(&s->state, &state, in_state(state, STRAND_HELD))) {
            s->held_from = base;
            return true;
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
    } else {
        strand_kick(s);
    }
}

struct change *strand_withdraw(struct strand *s)
{
    return at_exchange(&s->mailbox, NULL);
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
    s->in = s->out = NULL;
    s->unsent = (struct batch_list){0};
    s->flush_owed = false;
    s->broken = 0;
    s->tick_ns = UINT64_MAX;
    s->waits_input = s->waits_room = false;
    s->flushes_done = at_load(&s->flushes_asked);
    at_store(&s->mailbox, NULL);
    at_store(&s->cuts_pending, 0);
    at_store(&s->cuts_due, 0);
    at_store(&s->due_ns, UINT64_MAX);
    at_store(&s->state, in_state(at_relaxed(&s->state), STRAND_FREE) + STRAND_STATES);
}

void strand_destroy(struct strand *s)
{
    store_free(&s->store);
    plat_lock_free(&s->hold);
}

/* ---- failing ------------------------------------------------------------------------------------------------------------- */

/* A function of stage i has failed. Says whether the stage goes on. */
static bool goes_on(struct strand *s, size_t i)
{
    struct instance *in = s->program->stages[i];
    if (in->def.on_error == WEIR_SKIP)
        return true;
    char message[640];
    if (s->at_item)
        snprintf(message, sizeof message, "stage \"%s\", item %llu: %s", in->name, (unsigned long long)s->at_item,
                 plat_self()->error);
    else
        snprintf(message, sizeof message, "stage \"%s\": %s", in->name, plat_self()->error);
    if (s->broken < i + 1)
        s->broken = i + 1;
    s->env->failed(s->env, in, message);
    return false;
}

static void return_items(struct instance *in, struct batch *b, uint32_t from)
{
    count_add(&in->returned, b->count - from);
    batch_destroy(b, from, b->count);
    b->count = from;
}

/* ---- one stage, one batch ------------------------------------------------------------------------------------------------ */

static void run_from(struct strand *s, size_t i, struct batch *b);

static void enter(struct strand *s, struct instance *in)
{
    atomic_store_explicit(&s->current, in, memory_order_relaxed);
    s->fail_from = 0;
    s->at_item = 0;
}

/* The k-th item of the batch at hand, counted from 0, as a number since the stage started, counted from 1. */
static void at_item(struct strand *s, const struct instance *in, uint32_t batch_count, uint32_t k)
{
    s->at_item = count_get(&in->taken) - batch_count + k + 1;
}

/* Moves what stage i has sealed into the stages behind it. */
static void deliver(struct strand *s, size_t i)
{
    struct batch *b;
    while ((b = list_take(&s->program->stages[i]->out.full)))
        run_from(s, i + 1, b);
}

/* The items after `k`, which is the first that was not kept; keeps the rest compact. Returns how many are kept in all. */
static uint32_t map_rest(struct strand *s, size_t i, struct batch *b, uint32_t k, weir_verdict verdict)
{
    struct instance *in = s->program->stages[i];
    size_t size = b->type->size;
    uint32_t kept = k;
    for (;;) {
        char *item = batch_item(b, k++);
        if (verdict == WEIR_KEEP || (in->sink && verdict == WEIR_DROP)) {
            if (kept + 1 != k)
                memcpy(batch_item(b, kept), item, size);
            kept++;
        } else {
            batch_destroy(b, k - 1, k);
            counter *reason = verdict == WEIR_DROP ? &in->filtered : &in->failed;
            count_add(reason, 1);
            at_item(s, in, b->count, k - 1);
            if (verdict != WEIR_DROP && !goes_on(s, i)) {
                return_items(in, b, k);
                return kept;
            }
        }
        if (k == b->count)
            return kept;
        verdict = in->def.map(in->def.state, batch_item(b, k));
    }
}

static uint32_t map_all(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    weir_verdict (*map)(void *, void *) = in->def.map;
    void *state = in->def.state;
    size_t size = b->type->size;
    uint32_t n = b->count;
    char *item = b->items;
    for (uint32_t k = 0; k < n; k++, item += size) {
        weir_verdict verdict = map(state, item);
        if (__builtin_expect(verdict != WEIR_KEEP, 0))
            return map_rest(s, i, b, k, verdict);
    }
    return n;
}

/* `kept` items made it through the function; batch_end may still take that back. Returns how many did in the end. */
static uint32_t end_batch(struct strand *s, size_t i, uint32_t kept)
{
    struct instance *in = s->program->stages[i];
    if (!in->def.batch_end || in->def.batch_end(in->def.state) >= 0)
        return kept;
    uint32_t good = in->sink && s->fail_from < kept ? (uint32_t)s->fail_from : in->sink ? kept : 0;
    count_add(&in->failed, kept - good);
    at_item(s, in, kept, good);
    goes_on(s, i);
    return good;
}

/* What is left of the batch goes on, unless this was the end of it. */
static struct batch *passed(struct strand *s, struct instance *in, struct batch *b, uint32_t kept)
{
    count_add(&in->put, kept);
    if (kept < b->count)
        batch_destroy(b, kept, b->count);
    b->count = kept;
    if (kept && !in->sink)
        return b;
    batch_destroy(b, 0, kept);
    batch_release(b, &s->returns);
    return NULL;
}

static struct batch *work_map(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    uint32_t kept = map_all(s, i, b);
    b->count = kept;
    return passed(s, in, b, end_batch(s, i, kept));
}

static struct batch *work_batch(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    uint32_t n = b->count;
    size_t kept = in->def.batch(in->def.state, b->items, n);
    if (kept > n) { /* the whole batch failed, and by contract nothing of it was changed */
        count_add(&in->failed, n);
        goes_on(s, i);
        return passed(s, in, b, 0);
    }
    if (in->sink && kept < n) {
        count_add(&in->failed, 1);
        count_add(&in->put, kept);
        at_item(s, in, n, (uint32_t)kept);
        batch_destroy(b, 0, (uint32_t)kept + 1);
        uint32_t rest = n - (uint32_t)kept - 1;
        memmove(b->items, batch_item(b, (uint32_t)kept + 1), rest * b->type->size);
        b->count = rest;
        if (goes_on(s, i) && rest)
            return work_batch(s, i, b);
        return_items(in, b, 0);
        return passed(s, in, b, 0);
    }
    count_add(&in->filtered, n - kept);
    b->count = (uint32_t)kept; /* the function has destroyed what it dropped */
    return passed(s, in, b, (uint32_t)kept);
}

/* Takes back what the failing call has put out: all beyond the first `count` items of the batch that was open before it. */
static void rewind_out(struct weir_out *out, uint32_t count)
{
    struct batch *first = list_take(&out->full), *b;
    if (first) {
        out_seal(out);
        while ((b = list_take(&out->full))) {
            batch_destroy(b, 0, b->count);
            batch_release(b, NULL);
        }
        out->open = first;
    }
    if (out->open) {
        batch_destroy(out->open, count, out->open->count);
        out->open->count = count;
    }
    out->count = 0;
}

/* One item through an `each` function. Says whether the stage goes on. */
static bool each_one(struct strand *s, size_t i, void *item)
{
    struct instance *in = s->program->stages[i];
    uint32_t before = in->out.open ? in->out.open->count : 0;
    in->out.count = 0;
    bool failed = in->def.each(in->def.state, item, &in->out) < 0;
    if (failed)
        rewind_out(&in->out, before);
    uint64_t made = in->out.count;
    if (failed)
        count_add(&in->failed, 1);
    else if (in->sink)
        count_add(&in->put, 1);
    else if (made == 0)
        count_add(&in->filtered, 1);
    else
        count_add(&in->created, made - 1);
    count_add(&in->put, made);
    s->at_item++;
    return !failed || goes_on(s, i);
}

static struct batch *work_each(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    bool going = true;
    in->out.source = b;
    uint64_t first = count_get(&in->taken) - b->count;
    for (uint32_t k = 0; k < b->count && going; k++) {
        s->at_item = first + k;
        going = each_one(s, i, batch_item(b, k));
        batch_destroy(b, k, k + 1);
        if (in->out.full.first) {
            deliver(s, i);
            enter(s, in);
        }
        if (!going)
            return_items(in, b, k + 1);
    }
    if (going && in->def.batch_end && in->def.batch_end(in->def.state) < 0)
        goes_on(s, i);
    in->out.source = NULL;
    out_seal(&in->out);
    deliver(s, i);
    batch_release(b, &s->returns);
    return NULL;
}

static struct batch *work(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    count_add(&in->taken, b->count);
    if (i < s->broken) {
        return_items(in, b, 0);
        batch_release(b, &s->returns);
        return NULL;
    }
    enter(s, in);
    switch (in->shape) {
    case SHAPE_MAP:
        return work_map(s, i, b);
    case SHAPE_BATCH:
        return work_batch(s, i, b);
    default:
        return work_each(s, i, b);
    }
}

/* Behind the last stage: to be sent. Joins a batch that is still unsent if both fit into one. */
static void tail(struct strand *s, struct batch *b)
{
    struct batch *last = s->unsent.last;
    if (!last || batch_full(last, s->env->batch_bytes) || !batch_append(last, b))
        list_add(&s->unsent, b);
}

/* Runs the batch through the stages from i on. Takes it. */
static void run_from(struct strand *s, size_t i, struct batch *b)
{
    while (b && i < s->program->count)
        b = work(s, i++, b);
    if (b)
        tail(s, b);
}

/* ---- sending ------------------------------------------------------------------------------------------------------------- */

/* A batch that is less than full waits for more while the reader is busy: small batches when little flows, large ones when much
 * does, and no timer. */
static bool may_grow(struct strand *s, const struct batch *b)
{
    return !b->next && !s->blocking && !s->flush_owed && !batch_full(b, s->env->batch_bytes) && channel_busy(s->out);
}

/* Whether another batch fits into `out`; if not, that is what we wait for. */
static bool room(struct strand *s)
{
    if (channel_room(s->out))
        return true;
    s->waits_room = true;
    return false;
}

/* Sends what there is; `all`: also what might still grow. False: no room, the reader will kick us. */
static bool send(struct strand *s, bool all)
{
    while (s->unsent.first) {
        if (!all && may_grow(s, s->unsent.first))
            return true;
        if (!room(s))
            return false;
        channel_put(s->out, list_take(&s->unsent));
    }
    if (s->flush_owed) {
        if (s->out && !room(s))
            return false;
        s->flush_owed = false;
        if (s->out)
            channel_put_flush(s->out);
    }
    return true;
}

/* ---- flush, tick, end ---------------------------------------------------------------------------------------------------- */

/* Calls a function of stage i that puts out what nobody put in. */
static void make(struct strand *s, size_t i, int (*function)(void *, weir_out *))
{
    struct instance *in = s->program->stages[i];
    enter(s, in);
    in->out.count = 0;
    int status = function(in->def.state, &in->out);
    count_add(&in->created, in->out.count);
    count_add(&in->put, in->out.count);
    if (status < 0)
        goes_on(s, i);
    out_seal(&in->out);
    deliver(s, i);
}

static void flush_stage(struct strand *s, size_t i)
{
    if (i >= s->broken && s->program->stages[i]->def.flush)
        make(s, i, s->program->stages[i]->def.flush);
}

static void flush_all(struct strand *s)
{
    for (size_t i = 0; i < s->program->count; i++)
        flush_stage(s, i);
    s->flush_owed = s->out != NULL;
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
        s->program->stages[i]->out.strand = s;
        at_store(&s->program->stages[i]->strand_id, s->id);
    }
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
        make(s, i, in->def.tick);
    }
    set_due(s);
    return true;
}

/* Lets go of an instance: it is closed, or comes to rest, and belongs to no strand any more. */
static void dismiss(struct strand *s, struct instance *in, bool for_good)
{
    out_discard(&in->out);
    in->tick_at_ns = 0;
    at_store(&in->strand_id, 0);
    s->env->dismissed(s->env, in, for_good);
}

static enum strand_says end(struct strand *s)
{
    at_release(&s->due_ns, UINT64_MAX);
    return STRAND_OVER;
}

/* The end of the data: everything is flushed in order and closed, and the pill goes on. */
static enum strand_says finish(struct strand *s)
{
    if (at_load(&s->env->aborting))
        s->broken = s->program->count;
    for (size_t i = 0; i < s->program->count; i++)
        flush_stage(s, i);
    for (size_t i = 0; i < s->program->count; i++)
        dismiss(s, s->program->stages[i], true);
    if (s->out)
        channel_close(s->out, PILL_END, &s->unsent);
    return end(s);
}

/* ---- changes ------------------------------------------------------------------------------------------------------------- */

/* What is held in front of the cut is put out through the stages that were behind it, so that it keeps its place in the order. */
static void flush_held(struct strand *s, const struct change *c)
{
    for (size_t i = 0, k = 0; i < s->program->count && k < c->flush_count; i++) {
        if (s->program->stages[i] != c->flush[k])
            continue;
        flush_stage(s, i);
        k++;
    }
}

static void install(struct strand *s, struct change *c)
{
    struct program *old = s->program;
    s->program = c->program;
    c->program = old; /* for the edit to free */
    if (s->broken)
        s->broken = s->program->count; /* a strand that has failed goes on returning */
    adopt(s);
}

static void note_position(const struct strand *s, struct change *c, bool in_call)
{
    if (in_call) /* what the call has put out so far goes behind the cut */
        c->position = s->put_at_call;
    else if (c->mark)
        c->position = count_get(c->mark_put ? &c->mark->put : &c->mark->taken);
    if (c->after)
        c->after_base = count_get(&c->after->taken);
}

/* Makes this strand's part of an edit. We are at a boundary; or the strand is held inside a call, and then nothing leaves, the
 * program stays, and what the call will put out belongs behind the cut. */
static enum strand_says apply(struct strand *s, struct change *c, bool in_call)
{
    struct batch_list none = {0};
    if (s->broken &&
        c->program) /* nothing reaches the stages behind the failed one any more, and install() forgets which they are */
        for (size_t i = s->broken; i < s->program->count; i++)
            flush_stage(s, i);
    else
        flush_held(s, c);
    if (!in_call)
        atomic_store_explicit(&s->current, NULL, memory_order_relaxed); /* it may leave us, and be freed some edits later */
    note_position(s, c, in_call);
    struct channel *old = s->out;
    if (c->cut_out || c->out)
        s->out = c->out;
    if (c->cut_out)
        channel_close(old, PILL_CUT, in_call ? &none : &s->unsent);
    if (c->program)
        install(s, c);
    if (c->by_cut)
        c->old_in = s->in;
    if (c->by_cut || c->in)
        s->in = c->in;
    c->applied_ns = plat_now_ns();
    for (size_t i = 0; i < c->start_count; i++)
        strand_activate(c->starts[i]);
    for (size_t i = 0; i < c->leave_count; i++)
        dismiss(s, c->leave[i], c->leave[i]->fate == FATE_CLOSE);
    if (c->by_cut)
        atomic_fetch_sub(&s->cuts_pending, 1);
    if (c->by_cut && c->weighs)
        atomic_fetch_sub(&s->cuts_due, 1);
    bool retire = c->retire;
    s->env->applied(s->env, s, c); /* c may be gone now */
    return retire ? end(s) : STRAND_GOES_ON;
}

static enum strand_says look_at_mailbox(struct strand *s)
{
    struct change *c = at_exchange(&s->mailbox, NULL); /* the poster or we get it, never both */
    return c ? apply(s, c, false) : STRAND_GOES_ON;
}

static void apply_held(struct strand *s)
{
    struct plat_self *self = plat_self();
    void *outer = self->strand;
    self->strand = s;
    struct change *c = at_exchange(&s->mailbox, NULL);
    if (c)
        apply(s, c, s->held_from == STRAND_CALL);
    self->strand = outer;
}

/* ---- the loop ------------------------------------------------------------------------------------------------------------ */

static bool is_source(const struct strand *s)
{
    return s->program->stages[0]->shape == SHAPE_PULL;
}

static void run_batch(struct strand *s, struct batch *b)
{
    if (atomic_load_explicit(&s->env->aborting, memory_order_acquire))
        s->broken = s->program->count;
    run_from(s, 0, b);
}

static enum strand_says take_step(struct strand *s)
{
    struct batch *b;
    enum pill pill = channel_take(s->in, &b);
    switch (pill) {
    case PILL_BATCH:
        run_batch(s, b);
        return STRAND_GOES_ON;
    case PILL_FLUSH:
        flush_all(s);
        return STRAND_GOES_ON;
    case PILL_CUT:
        return apply(s, s->in->change, false);
    case PILL_END:
        return finish(s);
    default:
        send(s, true); /* without room the reader wakes us; without input the writer does */
        s->waits_input = true;
        return STRAND_RESTS;
    }
}

/* A blocking strand looks for input first, so that inside the call it has some. */
static enum strand_says call_step(struct strand *s)
{
    struct batch *b = NULL;
    enum pill pill = channel_take(s->in, &b);
    if (pill != PILL_BATCH) {
        if (pill == PILL_FLUSH)
            flush_all(s);
        else if (pill == PILL_CUT)
            return apply(s, s->in->change, false);
        else if (pill == PILL_END)
            return finish(s);
        else
            s->waits_input = true;
        return s->waits_input ? STRAND_RESTS : STRAND_GOES_ON;
    }
    while (!enter_call(
        s)) /* there is a change that may concern what this batch meets: it comes first, the batch is ours already */
        if (look_at_mailbox(s) == STRAND_OVER)
            return STRAND_OVER;
    run_batch(s, b);
    leave_call(s);
    return STRAND_GOES_ON;
}

static int pull_once(struct strand *s)
{
    struct instance *in = s->program->stages[0];
    enter(s, in);
    in->out.count = 0;
    int says = in->def.pull(in->def.state, &in->out);
    count_add(&in->created, in->out.count);
    count_add(&in->put, in->out.count);
    if (says < 0)
        goes_on(s, 0);
    out_seal(&in->out);
    deliver(s, 0);
    return says;
}

static enum strand_says pull_step(struct strand *s)
{
    if (s->broken > 0 || at_load(&s->env->closing) || at_load(&s->env->aborting))
        return finish(s);
    if (s->blocking && !enter_call(s))
        return STRAND_GOES_ON;
    int says = pull_once(s);
    if (s->blocking)
        leave_call(s);
    if (says == WEIR_END || (says < 0 && s->broken == 0))
        return finish(s);
    if (says != WEIR_IDLE)
        return STRAND_GOES_ON;
    send(s, true);
    return STRAND_RESTS;
}

static bool look_at_flushes(struct strand *s)
{
    unsigned asked = at_acquire(&s->flushes_asked);
    if (asked == s->flushes_done)
        return false;
    s->flushes_done = asked;
    flush_all(s);
    return true;
}

static enum strand_says step(struct strand *s)
{
    s->waits_input = s->waits_room = false;
    s->wakes_seen = at_acquire(&s->wakes);
    if (at_acquire(&s->mailbox) && look_at_mailbox(s) == STRAND_OVER)
        return STRAND_OVER;
    bool source = is_source(s);
    if (!send(s, s->blocking))
        return STRAND_RESTS;
    if (s->out && !room(s))
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
    atomic_store_explicit(&s->current, NULL, memory_order_relaxed);
    returns_give(&s->returns);
    self->strand = NULL;
    if (says != STRAND_OVER)
        return says;
    at_store(&s->state, in_state(at_relaxed(&s->state), STRAND_ENDED));
    s->env->ended(s->env, s);
    return STRAND_OVER;
}
