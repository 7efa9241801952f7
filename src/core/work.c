/* SPDX-License-Identifier: MIT */
/*
 * A batch on its way through a strand's program: one function for each shape of stage, what happens when one fails, and what a
 * stage puts out by itself.
 *
 * AGAIN. An item that is to be tried again later stops the strand where it stands: its batch is kept with the number of the item, and
 * what comes behind it inside the program (more batches of the same step) waits in a list. No thread waits. Until it is through
 * there is no boundary: no new batch is taken, and no edit is made.
 */
#include <stdio.h>
#include <string.h>

#include "core/run.h"

#define BACKOFF_MS_MAX 30000
#define NS_PER_MS      ((uint64_t)1000000)

static void run_from(struct strand *s, size_t i, struct batch *b);

/* ---- failing ------------------------------------------------------------------------------------------------------------- */

static void stop_at(struct strand *s, size_t i)
{
    struct instance *in = s->program->stages[i];
    char message[700];
    unsigned long long item = at_relaxed(&s->at_item);
    if (item)
        snprintf(message, sizeof message, "stage \"%s\", item %llu: %s", in->name, item, plat_self()->error);
    else
        snprintf(message, sizeof message, "stage \"%s\": %s", in->name, plat_self()->error);
    if (s->broken < i + 1)
        s->broken = i + 1;
    s->env->failed(s->env, in, message);
}

/* A function of stage i has failed, on no item that could leave as a letter. Says whether the stage goes on. */
static bool goes_on(struct strand *s, size_t i)
{
    if (s->program->stages[i]->def.on_error != WEIR_STOP)
        return true;
    stop_at(s, i);
    return false;
}

static weir_bytes bytes_of(const weir_type *type, const void *item)
{
    for (const weir_type *t = type; t; t = t->base)
        if (type_same(t, WEIR_BYTES))
            return *(const weir_bytes *)item;
    return (weir_bytes){(char *)(uintptr_t)item, type->size};
}

static bool copy_text(weir_out *out, weir_bytes *to, const char *data, size_t len)
{
    to->data = weir_alloc(out, len);
    to->len = len;
    if (to->data && len)
        memcpy(to->data, data, len);
    return to->data != NULL;
}

/* Puts the item out as a dead letter. False: no memory for it. */
static bool write_letter(struct strand *s, struct instance *in, const weir_type *type, const void *item, uint32_t attempts)
{
    weir_out *out = &in->out[in->dead];
    weir_letter *letter = weir_emit(out);
    if (!letter)
        return false;
    uint32_t count = out->open->count - 1;
    weir_bytes whole = bytes_of(type, item);
    const char *reason = plat_self()->error;
    *letter = (weir_letter){.number = at_relaxed(&s->at_item), .attempts = attempts, .type = type->name};
    bool ok = copy_text(out, &letter->item, whole.data, whole.len) &&
              copy_text(out, &letter->stage, in->name, strlen(in->name)) &&
              copy_text(out, &letter->reason, reason, strlen(reason));
    if (!ok)
        out->open->count = count;
    return ok;
}

/* Stage i has failed on the item, and is not to try again. Says whether it goes on. */
static bool fail_item(struct strand *s, size_t i, const weir_type *type, const void *item, uint32_t attempts)
{
    struct instance *in = s->program->stages[i];
    count_add(&in->failed, 1);
    if (in->def.on_error != WEIR_DEAD)
        return goes_on(s, i);
    if (in->dead == PORTS_MAX || s->ports->outs[in->dead].discards)
        return true;
    if (!write_letter(s, in, type, item, attempts)) {
        weir_fail_memory();
        stop_at(s, i);
        return false;
    }
    count_add(&in->created, 1);
    count_add(&in->put, 1);
    return true;
}

static void return_items(struct instance *in, struct batch *b, uint32_t from)
{
    count_add(&in->returned, b->count - from);
    batch_destroy(b, from, b->count);
    b->count = from;
}

/* ---- trying again ---------------------------------------------------------------------------------------------------------- */

static uint64_t next_random(struct strand *s)
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return s->random >> 33;
}

static uint64_t backoff_ns(struct strand *s, const weir_retry *r, uint32_t attempt)
{
    uint64_t most = r->backoff_ms_max ? r->backoff_ms_max : BACKOFF_MS_MAX, ms = r->backoff_ms;
    for (uint32_t i = 1; i < attempt && ms < most; i++)
        ms *= 2;
    uint64_t ns = (ms < most ? ms : most) * NS_PER_MS, spread = ns / 100 * r->jitter_percent;
    return spread ? ns - spread + next_random(s) % (2 * spread) : ns;
}

static bool has_tries_left(const struct strand *s, const struct instance *in, uint32_t attempt)
{
    return attempt < in->def.retry.count && !at_relaxed(&s->env->aborting);
}

static void set_again(struct strand *s, size_t i, struct batch *b, uint32_t kept)
{
    s->again.batch = b;
    s->again.stage = i;
    s->again.at = b->at;
    s->again.kept = kept;
    s->again.attempt = b->attempt;
    s->again.due_ns = b->due_ns;
    b->at = b->attempt = 0;
}

/* Keeps the batch until its item `at` is due again. If an item in a stage behind waits already, it waits behind that. */
static void keep_for_later(struct strand *s, size_t i, struct batch *b, uint32_t at, uint32_t kept, uint32_t attempt)
{
    struct instance *in = s->program->stages[i];
    b->entry = (uint32_t)i;
    b->at = at;
    b->attempt = attempt + 1;
    b->due_ns = plat_now_ns() + backoff_ns(s, &in->def.retry, attempt + 1);
    count_add(&in->retried, 1);
    if (s->again.batch)
        list_add(&s->again.waiting, b);
    else
        set_again(s, i, b, kept);
}

/* ---- taps -------------------------------------------------------------------------------------------------------------------- */

static struct probe *probe_of(const struct instance *in)
{
    return at_acquire(&in->probe); /* pairs with the store of who taps: the probe is set up */
}

static void see(struct strand *s, struct instance *in, bool out, const void *item, const weir_type *type, uint64_t number,
                int verdict)
{
    struct probe *probe = probe_of(in);
    if (probe)
        s->env->seen(s->env, probe, in, out, item, type, number, verdict);
}

static void see_batch(struct strand *s, struct instance *in, bool out, struct batch *b, uint64_t first)
{
    if (!probe_of(in))
        return;
    for (uint32_t k = 0; k < b->count; k++)
        see(s, in, out, batch_item(b, k), b->type, first + k, WEIR_KEEP);
}

/* What stage i has put out and not delivered yet. */
static void see_made(struct strand *s, struct instance *in, size_t port, uint64_t made, uint64_t number)
{
    struct weir_out *out = &in->out[port];
    if (!made || !probe_of(in))
        return;
    for (struct batch *b = out->full.first; b; b = b->next)
        for (uint32_t k = 0; k < b->count; k++)
            see(s, in, true, batch_item(b, k), b->type, number, WEIR_KEEP);
    uint32_t count = out->open ? out->open->count : 0;
    for (uint32_t k = made < count ? count - (uint32_t)made : 0; k < count; k++)
        see(s, in, true, batch_item(out->open, k), out->type, number, WEIR_KEEP);
}

/* ---- one stage, one batch ------------------------------------------------------------------------------------------------ */

static void enter(struct strand *s, struct instance *in)
{
    atomic_store_explicit(&s->current, in, memory_order_relaxed);
    s->fail_from = 0;
    atomic_store_explicit(&s->at_item, 0, memory_order_relaxed);
}

static void at_number(struct strand *s, uint64_t number)
{
    atomic_store_explicit(&s->at_item, number, memory_order_relaxed);
}

/* The number of the batch's first item since the stage started, counted from 1. The batch has been counted as taken. */
static uint64_t first_number(const struct instance *in, uint32_t batch_count)
{
    return count_get(&in->taken) - batch_count + 1;
}

/* Of a call that has a time limit. */
static void begin_call(struct strand *s, const struct instance *in)
{
    if (!in->def.timeout_ms)
        return;
    uint64_t due = plat_now_ns() + in->def.timeout_ms * NS_PER_MS;
    atomic_store_explicit(&s->call_due_ns, due, memory_order_relaxed);
    s->env->limit(s->env, due);
}

static void end_call(struct strand *s, const struct instance *in)
{
    if (in->def.timeout_ms)
        atomic_store_explicit(&s->call_due_ns, UINT64_MAX, memory_order_relaxed);
}

/* Moves what stage i has sealed into the stages behind it, or out. */
static void deliver(struct strand *s, size_t i)
{
    struct instance *in = s->program->stages[i];
    struct batch *b;
    if (!instance_forks(in)) {
        while ((b = list_take(&in->out->full)))
            run_from(s, i + 1, b);
        return;
    }
    for (size_t port = 0; port < in->out->port_count; port++)
        while ((b = list_take(&in->out[port].full)))
            outlets_add(s, port, b);
}

static void seal_all(struct instance *in)
{
    for (size_t port = 0; port < in->out->port_count; port++)
        if (in->out[port].open)
            out_seal(&in->out[port]);
}

static void reset_counts(struct instance *in)
{
    in->out->count = 0;
    for (size_t port = 1; port < in->out->port_count; port++)
        in->out[port].count = 0;
}

/* What leaves the stage by its first port. */
static bool is_discarded(const struct strand *s, const struct instance *in)
{
    const struct ports *ports = s->ports;
    return ports->out_count > 0 && ports->outs[0].discards && s->program->stages[s->program->count - 1] == in;
}

/* What the stage has put out since reset_counts(), but for dead letters; and how much of it is discarded. */
static uint64_t made_by(const struct strand *s, const struct instance *in, uint64_t *discarded)
{
    *discarded = 0;
    if (!instance_forks(in)) {
        *discarded = is_discarded(s, in) ? in->out->count : 0;
        return in->out->count;
    }
    uint64_t made = 0;
    for (size_t port = 0; port < in->out->port_count && port < s->ports->out_count; port++) {
        if (port == in->dead)
            continue;
        made += in->out[port].count;
        *discarded += s->ports->outs[port].discards ? in->out[port].count : 0;
    }
    return made;
}

/* Where the next item of a map is in its batch, while it is being compacted. */
struct mapping {
    uint32_t at, kept, attempt;
};

/* Item m->at has not been kept by the plain loop, or is watched, or is tried again: from here on with all the questions asked. False:
 * the batch waits to be tried again. */
static bool map_slowly(struct strand *s, size_t i, struct batch *b, struct mapping *m, bool called, weir_verdict verdict)
{
    struct instance *in = s->program->stages[i];
    size_t size = b->type->size;
    uint64_t first = first_number(in, b->count);
    for (; m->at < b->count; m->at++, m->attempt = 0, called = false) {
        char *item = batch_item(b, m->at);
        at_number(s, first + m->at);
        if (!called) {
            see(s, in, false, item, b->type, first + m->at, WEIR_KEEP);
            begin_call(s, in);
            work_enter(s, b, i, m->at, m->kept, false);
            verdict = in->def.map(in->def.state, item);
            if (!work_leave(s))
                return false;
            end_call(s, in);
        }
        if (verdict == WEIR_KEEP || (in->sink && verdict == WEIR_DROP)) {
            see(s, in, true, item, b->type, first + m->at, WEIR_KEEP);
            if (m->kept != m->at)
                memcpy(batch_item(b, m->kept), item, size);
            m->kept++;
            continue;
        }
        if (verdict != WEIR_DROP && has_tries_left(s, in, m->attempt)) {
            keep_for_later(s, i, b, m->at, m->kept, m->attempt);
            return false;
        }
        see(s, in, true, NULL, b->type, first + m->at, verdict);
        bool going = true;
        if (verdict == WEIR_DROP)
            count_add(&in->filtered, control_breaks(FILTERED_TWICE) ? 2 : 1);
        else
            going = fail_item(s, i, b->type, item, m->attempt + 1);
        batch_destroy(b, m->at, m->at + 1);
        if (!going) {
            count_add(&in->returned, b->count - m->at - 1);
            batch_destroy(b, m->at + 1, b->count);
            return true;
        }
    }
    return true;
}

/* The plain loop. Returns how far it came; *verdict says why it stopped there. */
static uint32_t map_fast(struct instance *in, struct batch *b, weir_verdict *verdict)
{
    weir_verdict (*map)(void *, void *) = in->def.map;
    void *state = in->def.state;
    size_t size = b->type->size;
    uint32_t n = b->count;
    char *item = b->items;
    for (uint32_t k = 0; k < n; k++, item += size) {
        *verdict = map(state, item);
        if (__builtin_expect(*verdict != WEIR_KEEP, 0))
            return k;
    }
    return n;
}

/* `kept` items made it through the function; batch_end may still take that back. Returns how many did in the end. */
static uint32_t end_batch(struct strand *s, size_t i, uint32_t kept, uint64_t first)
{
    struct instance *in = s->program->stages[i];
    if (!in->def.batch_end || in->def.batch_end(in->def.state) >= 0)
        return kept;
    uint32_t good = in->sink && s->fail_from < kept ? (uint32_t)s->fail_from : in->sink ? kept : 0;
    count_add(&in->failed, kept - good);
    at_number(s, first + good);
    goes_on(s, i);
    return good;
}

/* What is left of the batch goes on, unless this was the end of it. */
static struct batch *passed(struct strand *s, struct instance *in, struct batch *b, uint32_t kept)
{
    bool discarded = !in->sink && is_discarded(s, in);
    count_add(discarded ? &in->filtered : &in->put, kept);
    if (kept < b->count)
        batch_destroy(b, kept, b->count);
    b->count = kept;
    if (kept && !in->sink && !discarded)
        return b;
    batch_destroy(b, 0, kept);
    batch_release(b, &s->returns);
    return NULL;
}

/* Dead letters, where there are any, leave before the items that follow. */
static void deliver_dead(struct strand *s, size_t i)
{
    struct instance *in = s->program->stages[i];
    if (in->dead == PORTS_MAX)
        return;
    seal_all(in);
    deliver(s, i);
}

static struct batch *end_map(struct strand *s, size_t i, struct batch *b, uint32_t kept)
{
    struct instance *in = s->program->stages[i];
    uint64_t first = first_number(in, b->count);
    b->count = kept;
    kept = end_batch(s, i, kept, first);
    deliver_dead(s, i);
    return passed(s, in, b, kept);
}

static struct batch *work_map(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    struct mapping m = {0};
    weir_verdict verdict = WEIR_KEEP;
    bool watched = probe_of(in) || in->def.timeout_ms || s->blocking;
    if (!watched) {
        at_number(s, first_number(in, b->count));
        work_enter(s, b, i, 0, 0, true);
        m.at = m.kept = map_fast(in, b, &verdict);
        if (!work_leave(s))
            return NULL;
    }
    if (m.at < b->count && !map_slowly(s, i, b, &m, !watched, verdict))
        return NULL;
    return end_map(s, i, b, m.kept);
}

static struct batch *work_whole(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    uint32_t n = b->count;
    uint64_t first = first_number(in, n);
    see_batch(s, in, false, b, first);
    begin_call(s, in);
    work_enter(s, b, i, 0, 0, true);
    size_t kept = in->def.batch(in->def.state, b->items, n);
    if (!work_leave(s))
        return NULL;
    end_call(s, in);
    if (kept > n) { /* the whole batch failed, and by contract nothing of it was changed */
        bool going = true;
        for (uint32_t k = 0; k < n; k++) {
            at_number(s, first + k);
            if (going)
                going = fail_item(s, i, b->type, batch_item(b, k), 1);
            else
                count_add(&in->returned, 1);
        }
        deliver_dead(s, i);
        return passed(s, in, b, 0);
    }
    if (in->sink && kept < n) {
        at_number(s, first + kept);
        bool going = fail_item(s, i, b->type, batch_item(b, (uint32_t)kept), 1);
        deliver_dead(s, i);
        count_add(&in->put, kept);
        batch_destroy(b, 0, (uint32_t)kept + 1);
        uint32_t rest = n - (uint32_t)kept - 1;
        memmove(b->items, batch_item(b, (uint32_t)kept + 1), rest * b->type->size);
        b->count = rest;
        if (going && rest)
            return work_whole(s, i, b);
        return_items(in, b, 0);
        return passed(s, in, b, 0);
    }
    count_add(&in->filtered, n - kept);
    b->count = (uint32_t)kept; /* the function has destroyed what it dropped */
    see_batch(s, in, true, b, first);
    return passed(s, in, b, (uint32_t)kept);
}

/* ---- each ------------------------------------------------------------------------------------------------------------------ */

/* How many items are open on each port before a call, to go back to. */
static void note_open(const struct instance *in, uint32_t *open)
{
    for (size_t port = 0; port < in->out->port_count; port++)
        open[port] = in->out[port].open ? in->out[port].open->count : 0;
}

/* The call has not failed. */
static void count_made(struct strand *s, struct instance *in)
{
    uint64_t discarded, made = made_by(s, in, &discarded);
    if (in->sink)
        count_add(&in->put, 1);
    else if (made == 0)
        count_add(&in->filtered, 1);
    else
        count_add(&in->created, made - 1);
    count_add(&in->put, made - discarded);
    if (discarded)
        count_add(&in->filtered, discarded);
}

enum one { ONE_DONE, ONE_STOPS, ONE_WAITS, ONE_GONE };

/* One item through an `each` function. */
static enum one each_one(struct strand *s, size_t i, struct batch *b, uint32_t k, uint32_t attempt)
{
    struct instance *in = s->program->stages[i];
    uint32_t open[PORTS_MAX];
    void *item = batch_item(b, k);
    uint64_t number = at_relaxed(&s->at_item);
    note_open(in, open);
    reset_counts(in);
    see(s, in, false, item, b->type, number, WEIR_KEEP);
    begin_call(s, in);
    work_enter(s, b, i, k, 0, false);
    bool failed = in->def.each(in->def.state, item, in->out) < 0;
    if (!work_leave(s))
        return ONE_GONE;
    end_call(s, in);
    if (!failed) {
        count_made(s, in);
        for (size_t port = 0; port < in->out->port_count; port++)
            see_made(s, in, port, in->out[port].count, number);
        return ONE_DONE;
    }
    for (size_t port = 0; port < in->out->port_count; port++)
        out_rewind(&in->out[port], open[port]);
    if (has_tries_left(s, in, attempt))
        return ONE_WAITS;
    see(s, in, true, NULL, b->type, number, WEIR_FAIL);
    return fail_item(s, i, b->type, item, attempt + 1) ? ONE_DONE : ONE_STOPS;
}

static void set_source(struct instance *in, const struct batch *b)
{
    for (size_t port = 0; port < in->out->port_count; port++)
        in->out[port].source = b;
}

static bool has_full(const struct instance *in)
{
    for (size_t port = 0; port < in->out->port_count; port++)
        if (in->out[port].full.first)
            return true;
    return false;
}

/* What was put out before an item that is tried again must not wait for it, nor what the item points to be let go of. */
static void step_aside(struct strand *s, size_t i)
{
    struct instance *in = s->program->stages[i];
    set_source(in, NULL);
    seal_all(in);
    deliver(s, i);
}

/* An item that stage i has put out waits to be tried again in a stage behind: so does the rest of the batch, here. */
static void wait_behind(struct strand *s, size_t i, struct batch *b, uint32_t at)
{
    step_aside(s, i);
    b->entry = (uint32_t)i;
    b->at = at;
    list_add(&s->again.waiting, b);
}

static struct batch *each_from(struct strand *s, size_t i, struct batch *b, uint32_t k, uint32_t attempt)
{
    struct instance *in = s->program->stages[i];
    enum one says = ONE_DONE;
    uint64_t first = first_number(in, b->count);
    set_source(in, b);
    for (; k < b->count && says == ONE_DONE; k++, attempt = 0) {
        at_number(s, first + k);
        says = each_one(s, i, b, k, attempt);
        if (says == ONE_GONE)
            return NULL;
        if (says == ONE_WAITS) {
            step_aside(s, i);
            keep_for_later(s, i, b, k, 0, attempt);
            return NULL;
        }
        batch_destroy(b, k, k + 1);
        if (s->blocking) /* what the item became is not the stage's any more when it gets stuck in the next */
            seal_all(in);
        if (has_full(in)) {
            deliver(s, i);
            enter(s, in);
        }
        if (__builtin_expect(s->again.batch != NULL, 0) && says == ONE_DONE && k + 1 < b->count) {
            wait_behind(s, i, b, k + 1);
            return NULL;
        }
    }
    if (says == ONE_STOPS)
        return_items(in, b, k);
    if (says == ONE_DONE && in->def.batch_end && in->def.batch_end(in->def.state) < 0)
        goes_on(s, i);
    set_source(in, NULL);
    seal_all(in);
    deliver(s, i);
    batch_release(b, &s->returns);
    return NULL;
}

/* ---- routes and tees ---------------------------------------------------------------------------------------------------------- */

/* `n` items have left the stage through the port. */
static void count_port(struct strand *s, struct instance *in, size_t port, uint64_t n)
{
    count_add(s->ports->outs[port].discards ? &in->filtered : &in->put, n);
}

static size_t port_for(struct strand *s, struct instance *in, const void *item)
{
    size_t ports = s->ports->out_count - (in->dead != PORTS_MAX);
    if (in->shape == SHAPE_DEAL)
        return (size_t)(in->def.key(in->def.state, item) % ports);
    size_t port = in->def.route(in->def.state, item, ports);
    return port == WEIR_NOWHERE || port < ports ? port : WEIR_NOWHERE - 1;
}

/* Moves one item to the port. What it points to is held by the batch there. */
static bool move_item(struct instance *in, size_t port, const struct batch *b, const void *item)
{
    size_t got;
    struct weir_out *out = &in->out[port];
    out->type = b->type;
    void *to = weir_emit_many(out, 1, &got);
    if (to)
        memcpy(to, item, b->type->size);
    return to != NULL;
}

static void route_one(struct strand *s, size_t i, struct batch *b, uint32_t k, size_t port, bool *going)
{
    struct instance *in = s->program->stages[i];
    void *item = batch_item(b, k);
    if (port != WEIR_NOWHERE && port != WEIR_NOWHERE - 1 && !move_item(in, port, b, item)) {
        weir_fail_memory();
        port = WEIR_NOWHERE - 1;
    }
    if (port == WEIR_NOWHERE) {
        count_add(&in->filtered, 1);
        batch_destroy(b, k, k + 1);
    } else if (port == WEIR_NOWHERE - 1) {
        *going = fail_item(s, i, b->type, item, 1);
        batch_destroy(b, k, k + 1);
    } else {
        count_port(s, in, port, 1);
    }
}

/* Most batches go one way: they pass as they are. Else the items are moved, port by port. */
static struct batch *work_route(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    uint64_t first = first_number(in, b->count);
    see_batch(s, in, false, b, first);
    at_number(s, first);
    size_t ways = port_for(s, in, b->items), port = ways;
    uint32_t k = 1;
    while (k < b->count && (port = port_for(s, in, batch_item(b, k))) == ways)
        k++;
    if (k == b->count && ways < s->ports->out_count) {
        count_port(s, in, ways, b->count);
        outlets_add(s, ways, b);
        return NULL;
    }
    bool going = true;
    set_source(in, b);
    for (uint32_t j = 0; j < b->count && going; j++) {
        at_number(s, first + j);
        if (j > k)
            port = port_for(s, in, batch_item(b, j));
        route_one(s, i, b, j, j < k ? ways : port, &going);
        if (!going)
            return_items(in, b, j + 1);
    }
    set_source(in, NULL);
    seal_all(in);
    deliver(s, i);
    batch_release(b, &s->returns);
    return NULL;
}

/* Copies of the whole batch for one port. Returns how many: fewer than all when there is no memory. */
static uint32_t copy_batch(struct instance *in, size_t port, struct batch *b)
{
    struct weir_out *out = &in->out[port];
    out->type = b->type;
    for (uint32_t k = 0; k < b->count; k++)
        if (!out_copy(out, b->type, batch_item(b, k)))
            return k;
    return b->count;
}

/* The last port that is not discarded gets the batch itself, the others copies. */
static struct batch *work_tee(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    struct ports *ports = s->ports;
    size_t mine = ports->out_count;
    uint64_t copies = 0, missing = 0, discarded = 0;
    see_batch(s, in, false, b, first_number(in, b->count));
    while (mine > 0 && ports->outs[mine - 1].discards)
        mine--;
    for (size_t port = 0; port < ports->out_count; port++) {
        if (port + 1 == mine)
            continue;
        uint32_t made = ports->outs[port].discards ? 0 : copy_batch(in, port, b);
        discarded += ports->outs[port].discards ? b->count : 0;
        missing += ports->outs[port].discards ? 0 : b->count - made;
        copies += made;
    }
    count_add(&in->created, copies + discarded + (mine ? 0 : -(uint64_t)b->count));
    count_add(&in->put, copies + (mine ? b->count : 0));
    count_add(&in->filtered, discarded);
    if (missing) {
        weir_fail("no memory for %llu copies", (unsigned long long)missing);
        goes_on(s, i);
    }
    seal_all(in);
    deliver(s, i);
    if (mine)
        outlets_add(s, mine - 1, b);
    else
        batch_destroy(b, 0, b->count), batch_release(b, &s->returns);
    return NULL;
}

static struct batch *work_deal(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    if (in->def.key)
        return work_route(s, i, b);
    count_add(&in->put, b->count);
    outlets_add(s, NO_INDEX, b);
    return NULL;
}

static struct batch *work_merge(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    see_batch(s, in, false, b, first_number(in, b->count));
    return passed(s, in, b, b->count);
}

/* ---- a batch on its way ---------------------------------------------------------------------------------------------------- */

static struct batch *work(struct strand *s, size_t i, struct batch *b)
{
    struct instance *in = s->program->stages[i];
    uint32_t at = b->at;
    if (at == 0 && b->attempt == 0) /* else it has been counted */
        count_add(&in->taken, b->count);
    if (i >= s->broken && b->attempt) {
        set_again(s, i, b, 0);
        return NULL;
    }
    b->at = b->attempt = 0;
    if (i < s->broken) {
        return_items(in, b, at);
        batch_release(b, &s->returns);
        return NULL;
    }
    enter(s, in);
    switch (in->shape) {
    case SHAPE_MAP:
        return work_map(s, i, b);
    case SHAPE_BATCH:
        return work_whole(s, i, b);
    case SHAPE_ROUTE:
        return work_route(s, i, b);
    case SHAPE_TEE:
        return work_tee(s, i, b);
    case SHAPE_DEAL:
        return work_deal(s, i, b);
    case SHAPE_MERGE:
    case SHAPE_COLLECT:
        return work_merge(s, i, b);
    default:
        return each_from(s, i, b, at, 0);
    }
}

/* Runs the batch through the stages from i on. Takes it. Behind an item that waits to be tried again it waits, too. */
static void run_from(struct strand *s, size_t i, struct batch *b)
{
    while (b && i < s->program->count) {
        if (__builtin_expect(s->again.batch != NULL, 0) && i <= s->again.stage) {
            b->entry = (uint32_t)i;
            list_add(&s->again.waiting, b);
            return;
        }
        b = work(s, i++, b);
    }
    if (b)
        outlets_add(s, 0, b);
}

void work_batch(struct strand *s, struct batch *b)
{
    if (atomic_load_explicit(&s->env->aborting, memory_order_acquire))
        s->broken = s->program->count;
    run_from(s, 0, b);
}

/* The pipeline is aborting: nothing of it is processed any more. */
static struct batch *hand_back(struct strand *s, const struct again *again)
{
    struct instance *in = s->program->stages[again->stage];
    s->broken = s->program->count;
    count_add(&in->returned, again->kept);
    batch_destroy(again->batch, 0, again->kept);
    return_items(in, again->batch, again->at);
    batch_release(again->batch, &s->returns);
    return NULL;
}

/* The item that waits, and the rest of its batch. */
static void try_again(struct strand *s, const struct again *again)
{
    struct instance *in = s->program->stages[again->stage];
    struct mapping m = {again->at, again->kept, again->attempt};
    struct batch *b = again->batch;
    enter(s, in);
    if (at_load(&s->env->aborting))
        b = hand_back(s, again);
    else if (in->shape == SHAPE_EACH)
        b = each_from(s, again->stage, b, again->at, again->attempt);
    else
        b = map_slowly(s, again->stage, b, &m, false, WEIR_KEEP) ? end_map(s, again->stage, b, m.kept) : NULL;
    if (b)
        run_from(s, again->stage + 1, b);
}

/* The stage's function is called again on the item; then the rest of its batch, then what waited behind it. */
bool work_again(struct strand *s)
{
    struct again again = s->again;
    struct batch *waiting;
    if (again.batch && !at_load(&s->env->aborting) && plat_now_ns() < again.due_ns)
        return false;
    s->again.batch = NULL;
    s->again.older = again.waiting;
    s->again.waiting = (struct batch_list){0};
    if (again.batch)
        try_again(s, &again);
    while (!s->gone && !s->again.batch && (waiting = list_take(&s->again.older)))
        run_from(s, waiting->entry, waiting);
    if (!s->gone)
        list_join(&s->again.waiting, &s->again.older);
    return true;
}

void work_forget(struct weir_out *out)
{
    struct batch *b;
    out_seal(out);
    while ((b = list_take(&out->full))) {
        batch_destroy(b, 0, b->count);
        batch_release(b, NULL);
    }
}

int work_pull(struct strand *s)
{
    struct instance *in = s->program->stages[0];
    uint64_t discarded;
    enter(s, in);
    reset_counts(in);
    begin_call(s, in);
    int says = in->def.pull(in->def.state, in->out);
    end_call(s, in);
    uint64_t made = made_by(s, in, &discarded);
    count_add(&in->created, made);
    count_add(&in->put, made - discarded);
    if (discarded)
        count_add(&in->filtered, discarded);
    see_made(s, in, 0, made, count_get(&in->put));
    if (says < 0)
        goes_on(s, 0);
    seal_all(in);
    deliver(s, 0);
    return says;
}

void work_make(struct strand *s, size_t i, int (*function)(void *, weir_out *))
{
    struct instance *in = s->program->stages[i];
    uint64_t discarded;
    enter(s, in);
    reset_counts(in);
    s->making = true; /* the strand stands in the middle of its own work, and is not given up (strand_seize) */
    int status = function(in->def.state, in->out);
    uint64_t made = made_by(s, in, &discarded);
    count_add(&in->created, made);
    count_add(&in->put, made - discarded);
    if (discarded)
        count_add(&in->filtered, discarded);
    see_made(s, in, 0, made, 0);
    if (status < 0)
        goes_on(s, i);
    seal_all(in);
    deliver(s, i);
    s->making = false;
}

/* ---- for crews --------------------------------------------------------------------------------------------------------------- */

void work_begin(struct strand *s, struct instance *in)
{
    enter(s, in);
    reset_counts(in);
}

void work_made(struct strand *s, struct instance *in)
{
    uint64_t discarded, made = made_by(s, in, &discarded);
    count_add(&in->created, made);
    count_add(&in->put, made - discarded);
    if (discarded)
        count_add(&in->filtered, discarded);
    for (size_t port = 0; port < in->out->port_count; port++)
        see_made(s, in, port, in->out[port].count, 0);
}

void work_mark(struct instance *in, uint32_t *open)
{
    note_open(in, open);
    reset_counts(in);
}

void work_unmark(struct instance *in, const uint32_t *open)
{
    for (size_t port = 0; port < in->out->port_count; port++)
        out_rewind(&in->out[port], open[port]);
}

void work_count(struct strand *s, struct instance *in, uint64_t number)
{
    count_made(s, in);
    for (size_t port = 0; port < in->out->port_count; port++)
        see_made(s, in, port, in->out[port].count, number);
}

void work_send(struct strand *s, struct instance *in)
{
    seal_all(in);
    deliver(s, 0);
}

void work_send_full(struct strand *s, struct instance *in)
{
    if (has_full(in))
        deliver(s, 0);
}

bool work_pass(struct strand *s, struct instance *in, const struct batch *b, const void *item, uint64_t number)
{
    size_t got;
    if (!in->out->type || !type_same(in->out->type, b->type)) {
        weir_fail("given up: the stage makes other items than it takes, and it was taken out before it came to this one");
        return false;
    }
    reset_counts(in);
    void *to = weir_emit_many(in->out, 1, &got);
    if (!to || !batch_hold_all(in->out->open, b)) {
        weir_fail_memory();
        return false;
    }
    memcpy(to, item, b->type->size);
    work_count(s, in, number);
    return true;
}

void work_see(struct strand *s, struct instance *in, bool out, const void *item, const weir_type *type, uint64_t number,
              int verdict)
{
    see(s, in, out, item, type, number, verdict);
}

void work_stop(struct strand *s, size_t i)
{
    stop_at(s, i);
}

void work_fail_item(struct strand *s, size_t i, const weir_type *type, const void *item, uint32_t attempts, bool leaves)
{
    struct instance *in = s->program->stages[i];
    if (leaves && in->def.on_error == WEIR_STOP)
        count_add(&in->failed, 1);
    else
        fail_item(s, i, type, item, attempts);
}

bool work_has_tries(const struct strand *s, const struct instance *in, uint32_t attempt)
{
    return has_tries_left(s, in, attempt);
}

uint64_t work_backoff(struct strand *s, const weir_retry *retry, uint32_t attempt)
{
    return backoff_ns(s, retry, attempt);
}
