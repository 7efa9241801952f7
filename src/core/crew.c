/* SPDX-License-Identifier: MIT */
/*
 * The window of a stage with a `loop` function: handing items out, keeping what is made of them, and releasing it in order.
 *
 * Invariants. An item that was fed is in the input, in a slot of the window, or gone. What a slot has made counts when it is released,
 * never before, so an item that fails has made nothing. A batch lives until its last item is released, since tasks may read what
 * their item points to until then.
 */
#include "core/crew.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WINDOW_MIN  64
#define WINDOW_DEEP 2 /* times as many slots as tasks: those behind a slow item go on meanwhile */
#define MADE_MIN    64
#define ARENA_BLOCK ((size_t)60 << 10)

const weir_runtime *crew_runtime;

struct made_item {
    uint64_t port; /* as wide as the alignment of memory that is copied in words */
};

void weir_runtime_provide(const weir_runtime *runtime)
{
    crew_runtime = runtime;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static uint32_t window_for(unsigned concurrency)
{
    uint32_t n = concurrency * WINDOW_DEEP;
    return n > WINDOW_MIN ? n : WINDOW_MIN;
}

static struct weir_slot *slot_new(void)
{
    struct weir_slot *slot = plat_alloc(sizeof *slot);
    if (slot) {
        slot->blocks = slot->few;
        slot->block_capacity = sizeof slot->few / sizeof *slot->few;
    }
    return slot;
}

static void slot_delete(struct weir_slot *slot)
{
    if (slot->blocks != slot->few)
        plat_free(slot->blocks);
    plat_free(slot->made);
    plat_free(slot->message);
    plat_free(slot);
}

struct weir_crew *crew_new(struct instance *in, void *loops)
{
    struct weir_crew *crew = plat_alloc(sizeof *crew);
    if (!crew || !(crew->free = slot_new())) {
        plat_free(crew);
        weir_fail_memory();
        return NULL;
    }
    unsigned concurrency = in->def.concurrency ? in->def.concurrency : 1;
    crew->runtime = crew_runtime;
    crew->in = in;
    crew->window = window_for(concurrency);
    crew->done_end = &crew->done;
    at_store(&crew->concurrency, concurrency);
    at_store(&crew->hurry_at_ns, UINT64_MAX);
    crew->member = crew->runtime->member_new(loops, crew, &in->def);
    if (crew->member)
        return crew;
    slot_delete(crew->free);
    plat_free(crew);
    return NULL;
}

static void drop_blocks(struct weir_slot *slot)
{
    for (uint32_t i = 0; i < slot->block_count; i++)
        block_drop(slot->blocks[i]);
    slot->block_count = 0;
}

void crew_free(struct weir_crew *crew)
{
    if (!crew)
        return;
    crew->runtime->member_free(crew->member);
    while (crew->free) {
        struct weir_slot *slot = crew->free;
        crew->free = slot->next;
        slot_delete(slot);
    }
    plat_free(crew);
}

void crew_stop(struct weir_crew *crew)
{
    if (crew && crew->runtime->alive(crew->member))
        crew->runtime->stop(crew->member);
}

int crew_resize(struct weir_crew *crew, unsigned concurrency)
{
    if (crew->runtime->member_resize(crew->member, concurrency) < 0)
        return -1;
    at_store(&crew->concurrency, concurrency); /* the strand makes the window fit */
    weir_crew_nudge(crew);
    return 0;
}

void crew_set_hurry(struct weir_crew *crew, enum hurry hurry, uint64_t at_ns)
{
    at_store(&crew->leaves, true);
    at_store(&crew->hurry_at_ns, at_ns);
    at_store(&crew->hurry, hurry);
    weir_crew_nudge(crew);
}

void crew_adopt(struct weir_crew *crew, struct strand *s)
{
    at_store(&crew->strand, s);
}

void crew_leave(struct weir_crew *crew, struct strand *s)
{
    if (at_load(&crew->strand) != s) /* another runs it already */
        return;
    at_store(&crew->strand, NULL);
    if (crew->arena)
        block_drop(crew->arena);
    crew->arena = NULL;
}

void weir_crew_nudge(weir_crew *crew)
{
    struct strand *s = at_load(&crew->strand);
    if (s) /* it may be another's by now, and then looks for nothing */
        strand_nudge(s);
}

bool crew_alive(const struct weir_crew *crew)
{
    return crew->runtime->alive(crew->member);
}

void crew_cancel(struct weir_crew *crew)
{
    if (!crew->cancelled)
        crew->runtime->cancel(crew->member);
    crew->cancelled = true;
}

bool crew_empty(const struct weir_crew *crew)
{
    return !crew->input && crew->out == 0;
}

/* ---- slots ----------------------------------------------------------------------------------------------------------------- */

/* There is one free for as long as none is in use, so that whoever gets none can wait for others to be released. */
static struct weir_slot *slot_take(struct weir_crew *crew)
{
    struct weir_slot *slot = crew->free;
    if (!slot)
        return slot_new();
    crew->free = slot->next;
    return slot;
}

static void window_add(struct weir_crew *crew, struct weir_slot *slot)
{
    slot->next = NULL;
    slot->prev = crew->last;
    *(crew->last ? &crew->last->next : &crew->first) = slot;
    crew->last = slot;
    crew->out++;
}

static void window_remove(struct weir_crew *crew, struct weir_slot *slot)
{
    *(slot->prev ? &slot->prev->next : &crew->first) = slot->next;
    *(slot->next ? &slot->next->prev : &crew->last) = slot->prev;
}

static void done_add(struct weir_crew *crew, struct weir_slot *slot)
{
    slot->next = NULL;
    *crew->done_end = slot;
    crew->done_end = &slot->next;
}

static void slot_recycle(struct weir_crew *crew, struct weir_slot *slot)
{
    drop_blocks(slot);
    plat_free(slot->message);
    slot->message = NULL;
    slot->made_len = 0;
    slot->late = slot->sent = false;
    slot->batch = NULL;
    slot->next = crew->free;
    crew->free = slot;
}

/* One item of the batch is through. */
static void batch_done(struct strand *s, struct batch *b)
{
    if (--b->entry == 0)
        batch_release(b, &s->returns);
}

static const weir_type *type_of(const struct weir_crew *crew, size_t port)
{
    return crew->in->out[port].type;
}

static struct made_item *next_made(const struct weir_crew *crew, const struct weir_slot *slot, size_t *at)
{
    if (*at == slot->made_len)
        return NULL;
    struct made_item *m = (void *)(slot->made + *at);
    *at += sizeof *m + ((type_of(crew, m->port)->size + 7) & ~(size_t)7);
    return m;
}

/* What was made of an item that does not count. */
static void destroy_made(struct weir_crew *crew, struct weir_slot *slot)
{
    size_t at = 0;
    for (struct made_item *m; (m = next_made(crew, slot, &at));)
        if (type_of(crew, m->port)->destroy)
            type_of(crew, m->port)->destroy(m + 1);
    slot->made_len = 0;
}

/* ---- handing out ------------------------------------------------------------------------------------------------------------- */

static void count_hands(struct weir_crew *crew, int by)
{
    atomic_store_explicit(&crew->in_hands, at_relaxed(&crew->in_hands) + (uint64_t)(int64_t)by, memory_order_relaxed);
}

static weir_slot *hand_out(struct weir_crew *crew, struct weir_slot *slot, void *item)
{
    slot->state = SLOT_TAKEN;
    memcpy(item, batch_item(slot->batch, slot->at), crew->in->def.in->size);
    count_hands(crew, 1);
    return slot;
}

/* An item that failed before, and is due again. */
static struct weir_slot *due_again(struct weir_crew *crew)
{
    if (!crew->waiting)
        return NULL;
    uint64_t now = plat_now_ns();
    for (struct weir_slot *slot = crew->first; slot; slot = slot->next)
        if (slot->state == SLOT_WAITS && slot->due_ns <= now) {
            crew->waiting--;
            return slot;
        }
    return NULL;
}

weir_slot *weir_crew_take(weir_crew *crew, void *item)
{
    struct strand *s = at_relaxed(&crew->strand);
    if (!s || crew->given_up || at_relaxed(&crew->hurry))
        return NULL;
    struct weir_slot *slot = due_again(crew);
    if (slot)
        return hand_out(crew, slot, item);
    crew->hungry |= !crew->input;
    if (!crew->input || crew->out >= crew->window || !(slot = slot_take(crew)))
        return NULL;
    slot->batch = crew->input;
    slot->at = crew->at++;
    slot->attempt = 0;
    slot->number = count_get(&crew->in->taken) - slot->batch->count + 1 + slot->at;
    work_see(s, crew->in, false, batch_item(slot->batch, slot->at), slot->batch->type, slot->number, WEIR_KEEP);
    if (crew->at == slot->batch->count)
        crew->input = NULL;
    window_add(crew, slot);
    return hand_out(crew, slot, item);
}

uint64_t weir_slot_number(const weir_slot *slot)
{
    return slot->number;
}

size_t weir_crew_in_size(const weir_crew *crew)
{
    return crew->in->def.in ? crew->in->def.in->size : 0;
}

size_t weir_crew_out_size(const weir_crew *crew, size_t port)
{
    const weir_type *type = port < crew->in->out->port_count && port != crew->in->dead ? type_of(crew, port) : NULL;
    return type ? type->size : 0;
}

/* ---- what tasks put out ------------------------------------------------------------------------------------------------------- */

static bool hold_made(struct batch *open, const struct weir_slot *slot)
{
    for (uint32_t i = 0; i < slot->block_count; i++)
        if (!batch_hold(open, slot->blocks[i]))
            return false;
    return true;
}

static int emit_loose(struct weir_crew *crew, struct weir_slot *blank, size_t port, const void *item)
{
    struct strand *s = at_relaxed(&crew->strand);
    size_t got;
    if (!s || !crew->room || crew->loose >= s->env->batch_items) {
        crew->wants_room = true;
        return -EAGAIN;
    }
    void *to = weir_emit_many(&crew->in->out[port], 1, &got);
    if (!to)
        return -ENOMEM;
    memcpy(to, item, type_of(crew, port)->size);
    if (blank && !hold_made(crew->in->out[port].open, blank)) {
        crew->in->out[port].open->count--;
        crew->in->out[port].count--;
        return -ENOMEM;
    }
    if (blank)
        blank->sent = true;
    crew->loose++;
    return 0;
}

static bool make_space(struct weir_slot *slot, size_t more)
{
    size_t size = slot->made_size ? slot->made_size : MADE_MIN;
    while (size - slot->made_len < more)
        size *= 2;
    if (size == slot->made_size)
        return true;
    char *made = plat_alloc(size);
    if (!made)
        return false;
    if (slot->made_len)
        memcpy(made, slot->made, slot->made_len);
    plat_free(slot->made);
    slot->made = made;
    slot->made_size = size;
    return true;
}

int weir_crew_emit(weir_crew *crew, weir_slot *slot, size_t port, const void *item)
{
    size_t size = weir_crew_out_size(crew, port);
    if (!size)
        return -EINVAL;
    if (!slot || !slot->batch)
        return emit_loose(crew, slot, port, item);
    size_t whole = sizeof(struct made_item) + ((size + 7) & ~(size_t)7);
    if (!make_space(slot, whole))
        return -ENOMEM;
    struct made_item *m = (void *)(slot->made + slot->made_len);
    m->port = port;
    memcpy(m + 1, item, size);
    slot->made_len += whole;
    return 0;
}

static bool slot_hold(struct weir_slot *slot, struct weir_block *block)
{
    for (uint32_t i = slot->block_count; i-- > 0;)
        if (slot->blocks[i] == block)
            return true;
    if (slot->block_count == slot->block_capacity) {
        struct weir_block **blocks = plat_alloc(slot->block_capacity * 2 * sizeof(struct weir_block *));
        if (!blocks)
            return false;
        memcpy(blocks, slot->blocks, slot->block_count * sizeof(struct weir_block *));
        if (slot->blocks != slot->few)
            plat_free(slot->blocks);
        slot->blocks = blocks;
        slot->block_capacity *= 2;
    }
    block_share(block);
    slot->blocks[slot->block_count++] = block;
    return true;
}

weir_slot *weir_crew_blank(weir_crew *crew)
{
    (void)crew; /* not the slot that is kept for items */
    return slot_new();
}

void *weir_crew_alloc(weir_crew *crew, weir_slot *slot, size_t size)
{
    struct strand *s = at_relaxed(&crew->strand);
    size_t rounded = (size + 7) & ~(size_t)7;
    if (!s || rounded < size)
        return NULL;
    if (!slot) /* for what is put out before anything else is */
        return weir_alloc(crew->in->out, size);
    if (slot->sent)
        drop_blocks(slot);
    slot->sent = false;
    if (!crew->arena || crew->arena->size - crew->arena->used < rounded) {
        struct weir_block *block = block_new(&s->store, rounded > ARENA_BLOCK ? rounded : ARENA_BLOCK);
        if (!block)
            return NULL;
        if (crew->arena)
            block_drop(crew->arena);
        crew->arena = block;
    }
    if (!slot_hold(slot, crew->arena))
        return NULL;
    void *memory = crew->arena->data + crew->arena->used;
    crew->arena->used += rounded;
    return memory;
}

/* The task has let go of it. A slot that was given up has been counted. */
static bool hand_in(struct weir_crew *crew, struct weir_slot *slot, enum slot_state state)
{
    if (!slot->batch) {
        slot_recycle(crew, slot);
        return false;
    }
    if (slot->late) {
        if (--slot->batch->entry == 0)
            batch_release(slot->batch, NULL);
        destroy_made(crew, slot);
        slot_recycle(crew, slot);
        return false;
    }
    count_hands(crew, -1);
    slot->state = state;
    if (crew->in->def.unordered) {
        window_remove(crew, slot);
        done_add(crew, slot);
    }
    return true;
}

void weir_slot_done(weir_crew *crew, weir_slot *slot)
{
    hand_in(crew, slot, SLOT_DONE);
}

void weir_slot_fail(weir_crew *crew, weir_slot *slot, const char *message)
{
    if (!hand_in(crew, slot, SLOT_FAILED))
        return;
    size_t size = strlen(message) + 1;
    slot->message = plat_alloc(size);
    if (slot->message)
        memcpy(slot->message, message, size);
}

void weir_crew_fail(weir_crew *crew, const char *message)
{
    struct strand *s = at_relaxed(&crew->strand);
    if (!s)
        return;
    weir_fail("%s", message);
    work_stop(s, 0);
}

void weir_crew_finish(weir_crew *crew)
{
    struct strand *s = at_relaxed(&crew->strand);
    if (s)
        s->env->finish(s->env);
}

/* ---- releasing ------------------------------------------------------------------------------------------------------------------ */

/* The next slot that may go, or NULL. */
static struct weir_slot *releasable(const struct weir_crew *crew)
{
    if (crew->in->def.unordered)
        return crew->done;
    struct weir_slot *slot = crew->first;
    while (control_breaks(CREW_OUT_OF_ORDER) && slot && slot->state == SLOT_TAKEN && slot->next)
        slot = slot->next;
    return slot && (slot->state == SLOT_DONE || slot->state == SLOT_FAILED) ? slot : NULL;
}

static void unlink_released(struct weir_crew *crew, struct weir_slot *slot)
{
    if (!crew->in->def.unordered) {
        window_remove(crew, slot);
        return;
    }
    crew->done = slot->next;
    if (!crew->done)
        crew->done_end = &crew->done;
}

static bool hold_sources(struct batch *open, const struct weir_slot *slot)
{
    return batch_hold_all(open, slot->batch) && hold_made(open, slot);
}

static bool put_out_one(struct weir_crew *crew, const struct weir_slot *slot, const struct made_item *m)
{
    struct weir_out *out = &crew->in->out[m->port];
    size_t got;
    void *to = weir_emit_many(out, 1, &got);
    if (!to || (out->type->slices && !hold_sources(out->open, slot)))
        return false;
    memcpy(to, m + 1, out->type->size);
    return true;
}

/* False: no memory; then nothing of it is out. What had been moved is destroyed there, and what had not stays in the slot. */
static bool put_out(struct strand *s, struct weir_crew *crew, struct weir_slot *slot)
{
    uint32_t open[PORTS_MAX];
    size_t at = 0, moved = 0;
    work_mark(crew->in, open);
    for (struct made_item *m; (m = next_made(crew, slot, &at)); moved = at)
        if (!put_out_one(crew, slot, m)) {
            work_unmark(crew->in, open);
            memmove(slot->made, slot->made + moved, slot->made_len -= moved);
            return false;
        }
    work_count(s, crew->in, slot->number);
    return true;
}

static void fail_slot(struct strand *s, struct weir_crew *crew, struct weir_slot *slot)
{
    void *item = batch_item(slot->batch, slot->at);
    destroy_made(crew, slot);
    drop_blocks(slot);
    weir_fail("%s", slot->message ? slot->message : "out of memory");
    atomic_store_explicit(&s->at_item, slot->number, memory_order_relaxed);
    work_see(s, crew->in, true, NULL, slot->batch->type, slot->number, WEIR_FAIL);
    if (!control_breaks(CREW_FORGETS_FAILED))
        work_fail_item(s, 0, slot->batch->type, item, slot->attempt + 1, at_relaxed(&crew->hurry) != HURRY_NOT);
}

/* Keeps its place in the window, and is handed out again later. What a task has destroyed cannot be. */
static bool tries_again(struct strand *s, struct weir_crew *crew, struct weir_slot *slot)
{
    if (crew->in->def.in->destroy || crew->given_up || at_relaxed(&crew->hurry) || !work_has_tries(s, crew->in, slot->attempt))
        return false;
    destroy_made(crew, slot);
    drop_blocks(slot);
    plat_free(slot->message);
    slot->message = NULL;
    slot->state = SLOT_WAITS;
    slot->due_ns = plat_now_ns() + work_backoff(s, &crew->in->def.retry, ++slot->attempt);
    count_add(&crew->in->retried, 1);
    crew->waiting++;
    if (crew->in->def.unordered) {
        unlink_released(crew, slot);
        crew->out--;
        window_add(crew, slot);
    }
    return true;
}

static void release(struct strand *s, struct weir_crew *crew, struct weir_slot *slot)
{
    if (slot->state == SLOT_FAILED && tries_again(s, crew, slot))
        return;
    unlink_released(crew, slot);
    crew->out--;
    if (slot->state == SLOT_DONE && !put_out(s, crew, slot))
        slot->state = SLOT_FAILED;
    if (slot->state == SLOT_FAILED)
        fail_slot(s, crew, slot);
    work_send_full(s, crew->in); /* what the next one takes back, should it fail, must be its own */
    if (at_relaxed(&crew->leaves))
        count_add(slot->state == SLOT_FAILED ? &crew->cut_short : &crew->drained, 1);
    batch_done(s, slot->batch);
    slot_recycle(crew, slot);
}

/* In the order of the window, so a failed item that waits to be tried again holds up those behind it. */
bool crew_release(struct strand *s)
{
    struct weir_crew *crew = s->crew;
    struct weir_slot *slot;
    uint32_t n = 0;
    bool any = false;
    while (!s->broken && n < s->env->batch_items && (slot = releasable(crew)) && outlets_room(s)) {
        release(s, crew, slot);
        any = true;
        n++;
    }
    if (any) {
        work_send(s, crew->in);
        outlets_mark_turn(s);
    }
    return any;
}

/* ---- giving up -------------------------------------------------------------------------------------------------------------------- */

static void return_slot(struct strand *s, struct weir_crew *crew, struct weir_slot *slot)
{
    destroy_made(crew, slot);
    count_add(&crew->in->returned, 1);
    batch_done(s, slot->batch);
    slot_recycle(crew, slot);
    crew->out--;
}

/* What has not been taken. */
static void return_input(struct strand *s, struct weir_crew *crew)
{
    struct batch *b = crew->input;
    uint32_t rest = b->count - crew->at;
    count_add(&crew->in->returned, rest);
    batch_destroy(b, crew->at, b->count);
    crew->input = NULL;
    b->entry -= rest - 1;
    batch_done(s, b);
}

/* The strand is broken, or the pipeline is aborting: tasks come to their end, and all is returned. */
static void give_up(struct strand *s)
{
    struct weir_crew *crew = s->crew;
    crew->given_up = true;
    crew_cancel(crew);
    if (crew->input)
        return_input(s, crew);
    for (struct weir_slot *slot = crew->first, *next; slot; slot = next) {
        next = slot->next;
        if (slot->state == SLOT_TAKEN)
            continue;
        window_remove(crew, slot);
        return_slot(s, crew, slot);
    }
    while (crew->done) {
        struct weir_slot *slot = crew->done;
        unlink_released(crew, slot);
        return_slot(s, crew, slot);
    }
    crew->waiting = 0;
}

/* A slot whose task will not be waited for: its item counts as failed, now. */
static void abandon(struct strand *s, struct weir_crew *crew, struct weir_slot *slot)
{
    bool taken = slot->state == SLOT_TAKEN;
    struct batch *b = slot->batch;
    window_remove(crew, slot);
    crew->out--;
    count_add(&crew->cut_short, 1);
    weir_fail("given up: the stage was taken out while it worked on the item");
    atomic_store_explicit(&s->at_item, slot->number, memory_order_relaxed);
    work_see(s, crew->in, true, NULL, b->type, slot->number, WEIR_FAIL);
    work_fail_item(s, 0, b->type, batch_item(b, slot->at), slot->attempt + 1, true);
    if (!taken) {
        batch_done(s, b);
        slot_recycle(crew, slot);
        return;
    }
    count_hands(crew, -1);
    slot->late = true; /* its batch stays as it is until the task has let go: it may read it. See hand_in() */
}

/* What no task has goes past the stage as it is, or fails. */
static void settle_input(struct strand *s, struct weir_crew *crew, bool pass)
{
    struct batch *b = crew->input;
    for (; crew->at < b->count; crew->at++) {
        void *item = batch_item(b, crew->at);
        uint64_t number = count_get(&crew->in->taken) - b->count + 1 + crew->at;
        atomic_store_explicit(&s->at_item, number, memory_order_relaxed);
        if (control_breaks(CREW_LOSES_WAITING))
            ;
        else if (pass && work_pass(s, crew->in, b, item, number)) {
            count_add(&crew->diverted, 1);
        } else {
            if (!pass)
                weir_fail("given up: the stage was taken out before it came to the item");
            work_fail_item(s, 0, b->type, item, 1, true);
            batch_destroy(b, crew->at, crew->at + 1);
            count_add(&crew->cut_short, 1);
        }
        b->entry--;
    }
    crew->input = NULL;
    if (b->entry == 0)
        batch_release(b, &s->returns);
}

/* The stage leaves at once. Done items in front of one that is given up have been released before. */
static void hurry_up(struct strand *s, enum hurry hurry)
{
    struct weir_crew *crew = s->crew;
    crew_cancel(crew);
    for (struct weir_slot *slot = crew->first, *next; slot; slot = next) {
        next = slot->next;
        if (slot->state == SLOT_TAKEN || slot->state == SLOT_WAITS)
            abandon(s, crew, slot);
    }
    crew->waiting = 0;
    if (crew->input && crew->out == 0)
        settle_input(s, crew, hurry == HURRY_DIVERT);
    work_send(s, crew->in);
}

/* ---- a step ------------------------------------------------------------------------------------------------------------------------ */

static void look_at_time(struct weir_crew *crew)
{
    uint64_t at = at_relaxed(&crew->hurry_at_ns);
    if (at != UINT64_MAX && at_relaxed(&crew->hurry) == HURRY_NOT && plat_now_ns() >= at)
        at_store(&crew->hurry, HURRY_CANCEL);
}

/* What was put out without a slot goes out at once. */
static void send_loose(struct strand *s, struct weir_crew *crew)
{
    if (crew->loose) {
        work_made(s, crew->in);
        work_send(s, crew->in);
        outlets_mark_turn(s);
    }
    crew->loose = 0;
}

void crew_work(struct strand *s)
{
    struct weir_crew *crew = s->crew;
    if (at_load(&s->env->aborting))
        s->broken = s->program->count;
    if (s->broken)
        give_up(s);
    crew->window = window_for(at_load(&crew->concurrency));
    crew->wants_room = crew->hungry = false;
    crew->room = !s->broken && !(at_load(&s->env->paused) && !crew->in->def.in) && outlets_room(s);
    work_begin(s, crew->in);
    crew->runtime->work(crew->member);
    send_loose(s, crew);
    crew->room = false;
    look_at_time(crew);
    enum hurry hurry = (enum hurry)at_acquire(&crew->hurry);
    if (hurry && !s->broken && outlets_room(s))
        hurry_up(s, hurry);
}

bool crew_can_go_on(struct strand *s)
{
    struct weir_crew *crew = s->crew;
    bool settles = at_relaxed(&crew->hurry) && crew->input && crew->out == 0;
    return (settles || releasable(crew)) && outlets_room(s);
}

bool crew_wants(struct strand *s)
{
    struct weir_crew *crew = s->crew;
    return !crew->input && (s->broken || at_relaxed(&crew->hurry) || crew->hungry);
}

void crew_feed(struct strand *s, struct batch *b)
{
    struct weir_crew *crew = s->crew;
    count_add(&crew->in->taken, b->count);
    b->turn = false;
    b->entry = b->count;
    crew->input = b;
    crew->at = 0;
}

void crew_end(struct strand *s, bool cancel)
{
    struct weir_crew *crew = s->crew;
    if (cancel || s->broken)
        crew_cancel(crew);
    else
        crew->runtime->end(crew->member);
    crew_work(s);
}

uint64_t crew_due(struct strand *s)
{
    struct weir_crew *crew = s->crew;
    uint64_t due = at_relaxed(&crew->hurry) ? UINT64_MAX : at_relaxed(&crew->hurry_at_ns);
    for (struct weir_slot *slot = crew->waiting ? crew->first : NULL; slot; slot = slot->next)
        if (slot->state == SLOT_WAITS && slot->due_ns < due)
            due = slot->due_ns;
    return due;
}
