/* SPDX-License-Identifier: MIT */
/* The tests' stages. They wait on plat's conditions, so that in the simulator waiting costs no time. */
#include "stages.h"

void numbers_init(struct numbers *n, int64_t last)
{
    memset(n, 0, sizeof *n);
    n->last = last;
    n->at_once = 10;
    CHECK(plat_lock_init(&n->lock) == 0 && plat_cond_init(&n->cond) == 0);
}

void numbers_free(struct numbers *n)
{
    CHECK_EQ(n->closed, 1);
    plat_cond_free(&n->cond);
    plat_lock_free(&n->lock);
}

void numbers_allow(struct numbers *n, int64_t allowed)
{
    plat_lock(&n->lock);
    n->allowed = allowed;
    atomic_store(&n->waiting, 0); /* if the source still waits it will say so again */
    plat_broadcast(&n->cond);
    plat_unlock(&n->lock);
}

void numbers_await_waiting(struct numbers *n)
{
    plat_lock(&n->lock);
    while (!atomic_load(&n->waiting))
        plat_wait(&n->cond, &n->lock, UINT64_MAX);
    plat_unlock(&n->lock);
}

/* Waits until an item may be put out; false when interrupted. */
static bool pass_gate(struct numbers *n)
{
    plat_lock(&n->lock);
    while (n->next >= n->allowed && n->next < n->last && !n->interrupted) {
        atomic_store(&n->waiting, 1);
        plat_broadcast(&n->cond);
        plat_wait(&n->cond, &n->lock, UINT64_MAX);
    }
    atomic_store(&n->waiting, 0);
    bool passed = !n->interrupted;
    n->interrupted = false;
    plat_unlock(&n->lock);
    return passed;
}

static int pull(void *state, weir_out *out)
{
    struct numbers *n = state;
    if (n->gated && !pass_gate(n))
        return WEIR_MORE;
    plat_lock(&n->lock);
    int64_t until = (n->gated || n->idle) && n->allowed < n->last ? n->allowed : n->last;
    plat_unlock(&n->lock);
    for (uint32_t i = 0; i < n->at_once && n->next < until; i++) {
        int64_t *item = weir_emit(out);
        if (!item)
            return weir_fail_memory();
        *item = n->next++;
    }
    return n->next >= n->last ? WEIR_END : n->idle && n->next >= until ? WEIR_IDLE : WEIR_MORE;
}

static int open_numbers(void *state)
{
    atomic_fetch_add(&((struct numbers *)state)->opened, 1);
    return 0;
}

static void close_numbers(void *state)
{
    CHECK_EQ(atomic_fetch_add(&((struct numbers *)state)->closed, 1), 0);
}

static void interrupt_numbers(void *state)
{
    struct numbers *n = state;
    plat_lock(&n->lock);
    n->interrupted = true;
    plat_broadcast(&n->cond);
    plat_unlock(&n->lock);
}

weir_stage numbers_stage(struct numbers *n, const char *name)
{
    return (weir_stage){.name = name,
                        .out = WEIR_I64,
                        .pull = pull,
                        .state = n,
                        .open = open_numbers,
                        .close = close_numbers,
                        .interrupt = interrupt_numbers,
                        .blocking = n->gated};
}

void kept_init(struct kept *k)
{
    k->count = 0;
    k->closed = 0;
    k->blocked = false;
    event_init(&k->arrived);
    event_init(&k->entered);
    event_init(&k->go);
}

void kept_free(struct kept *k)
{
    CHECK_EQ(k->closed, 1);
    event_free(&k->arrived);
    event_free(&k->entered);
    event_free(&k->go);
}

static weir_verdict keep(void *state, void *item)
{
    struct kept *k = state;
    if (k->blocked) {
        event_raise(&k->entered, 1);
        event_wait(&k->go, 1);
    }
    CHECK(k->count < KEPT_MAX);
    k->values[k->count++] = *(int64_t *)item;
    event_raise(&k->arrived, 1);
    return WEIR_KEEP;
}

static void close_kept(void *state)
{
    CHECK_EQ(atomic_fetch_add(&((struct kept *)state)->closed, 1), 0);
}

weir_stage kept_stage(struct kept *k, const char *name)
{
    return (weir_stage){
        .name = name, .in = WEIR_I64, .out = WEIR_NONE, .map = keep, .state = k, .close = close_kept, .blocking = k->blocked};
}

weir_verdict add_one(void *state, void *item)
{
    (void)state;
    ++*(int64_t *)item;
    return WEIR_KEEP;
}

weir_verdict times_ten(void *state, void *item)
{
    (void)state;
    *(int64_t *)item *= 10;
    return WEIR_KEEP;
}

weir_pipeline *numbers_pipeline(struct numbers *n, struct kept *k, bool start)
{
    weir_pipeline *p = weir_new("test");
    CHECK(p != NULL);
    weir_stage source = numbers_stage(n, "source"), sink = kept_stage(k, "sink");
    CHECK_EQ(weir_append(p, &source), 0);
    CHECK_EQ(weir_append(p, &sink), 0);
    if (start)
        CHECK_EQ(weir_start(p), 0);
    return p;
}
