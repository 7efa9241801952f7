/* SPDX-License-Identifier: MIT */
/*
 * Workers and blocking threads. Both do the same with a strand: begin, run, and either give it back to the queue (others wait),
 * or let it rest; and before that look for a moment whether something comes for it, since between two strands at full rate that is
 * far cheaper than the kernel's help. Invariant: a strand in READY is in the queue once, or its thread's flag is set.
 */
#include "exec/exec.h"

#include <stddef.h>

#include "core/crew.h"

#define STEPS    64   /* a strand's turn, in batches, before others are looked after */
#define SPIN_MIN 1000 /* ns: always looked for this long */

struct runner {
    struct exec *exec;
    uint64_t spin_ns; /* how long to look next time: doubled when it paid, halved when it did not */
};

int exec_init(struct exec *exec, struct supply *supply)
{
    exec->supply = supply;
    exec->queue_end = &exec->queue;
    exec->watched_ns = UINT64_MAX;
    if (plat_lock_init(&exec->lock))
        return -1;
    if (plat_cond_init(&exec->work)) {
        plat_lock_free(&exec->lock);
        return -1;
    }
    exec->set_up = true;
    return 0;
}

void exec_free(struct exec *exec)
{
    if (!exec->set_up)
        return;
    plat_cond_free(&exec->work);
    plat_lock_free(&exec->lock);
    exec->set_up = false;
}

static void enqueue(struct exec *exec, struct strand *s)
{
    s->queue_next = NULL;
    *exec->queue_end = s;
    exec->queue_end = &s->queue_next;
    atomic_fetch_add_explicit(&exec->queued, 1, memory_order_relaxed);
}

static struct strand *dequeue(struct exec *exec)
{
    struct strand *s = exec->queue;
    exec->queue = s->queue_next;
    if (!exec->queue)
        exec->queue_end = &exec->queue;
    atomic_fetch_sub_explicit(&exec->queued, 1, memory_order_relaxed);
    return s;
}

void exec_ready(struct exec *exec, struct strand *s)
{
    if (s->crew) {
        s->exec = exec;
        s->crew->runtime->ready(s->crew->member, &s->turn);
        return;
    }
    plat_lock(&exec->lock);
    if (s->blocking) {
        s->thread_ready = true;
        plat_signal(&s->wake);
    } else {
        enqueue(exec, s);
        plat_signal(&exec->work);
    }
    plat_unlock(&exec->lock);
}

/* ---- ticks --------------------------------------------------------------------------------------------------------------- */

/* Takes the tick if it is due: then it is ours to kick the strand, once. */
static bool take_due(struct strand *s, uint64_t now)
{
    uint64_t due = at_acquire(&s->due_ns);
    return due <= now && due != UINT64_MAX && at_cas(&s->due_ns, &due, UINT64_MAX);
}

static uint64_t earliest_due(struct exec *exec)
{
    uint64_t earliest = UINT64_MAX;
    for (struct strand *s = at_acquire(&exec->supply->all); s; s = s->all_next) {
        uint64_t due = at_acquire(&s->due_ns), call_due = at_relaxed(&s->call_due_ns);
        if (due < earliest && !s->blocking)
            earliest = due;
        if (call_due < earliest)
            earliest = call_due;
    }
    return earliest;
}

static void kick_due(struct exec *exec)
{
    uint64_t now = plat_now_ns();
    for (struct strand *s = at_acquire(&exec->supply->all); s; s = s->all_next) {
        if (take_due(s, now))
            strand_nudge(s);
        uint64_t call_due = at_relaxed(&s->call_due_ns);
        if (call_due <= now && at_cas(&s->call_due_ns, &call_due, UINT64_MAX))
            s->env->overdue(s->env, s);
    }
}

/* Under the lock. All who are parked must know of an earlier tick: the one that is told may be given work, and get stuck in it. */
static void watch_until(struct exec *exec, uint64_t due)
{
    if (due < exec->watched_ns)
        plat_broadcast(&exec->work);
    exec->watched_ns = due;
}

/* For a worker that has no time to park. */
static void look_at_clock(struct exec *exec)
{
    if (at_relaxed(&exec->watched_ns) == UINT64_MAX || plat_now_ns() < at_relaxed(&exec->watched_ns))
        return;
    kick_due(exec);
    plat_lock(&exec->lock);
    watch_until(exec, earliest_due(exec));
    plat_unlock(&exec->lock);
}

void exec_watch(struct exec *exec, uint64_t due)
{
    if (due >= at_relaxed(&exec->watched_ns))
        return;
    plat_lock(&exec->lock);
    if (due < exec->watched_ns)
        watch_until(exec, due);
    plat_unlock(&exec->lock);
}

/* A strand that comes to rest with a tick ahead: somebody must know. */
static void watch(struct exec *exec, struct strand *s)
{
    uint64_t due = at_acquire(&s->due_ns);
    if (due == UINT64_MAX || s->blocking || control_breaks(KEEP_NO_TIME))
        return;
    plat_lock(&exec->lock);
    if (due < exec->watched_ns)
        watch_until(exec, due);
    plat_unlock(&exec->lock);
}

/* ---- running a strand ---------------------------------------------------------------------------------------------------- */

/* The strand is at rest in all but name. Says whether something came before it paid to give up. */
static bool linger(struct runner *r, struct strand *s)
{
    uint64_t start = 0; /* the clock is asked only when the first looks found nothing */
    uint64_t patience = strand_quick(s) ? plat_spin_ns() : r->spin_ns; /* leaving quick costs a fence for all: about as much */
    for (;;) {
        for (int i = 0; i < 32; i++) {
            if (strand_pending(s)) {
                uint64_t most = plat_spin_ns();
                r->spin_ns = r->spin_ns * 2 < most ? r->spin_ns * 2 : most;
                return true;
            }
            plat_relax();
        }
        bool others = !s->blocking && atomic_load_explicit(&r->exec->queued, memory_order_relaxed) > 0;
        plat_yield(); /* with more threads than cores, we may hold up whom we wait for */
        uint64_t now = plat_now_ns();
        start = start ? start : now;
        if (others || now - start >= patience)
            break;
    }
    r->spin_ns = r->spin_ns / 2 > SPIN_MIN ? r->spin_ns / 2 : SPIN_MIN;
    return false;
}

/* For how long strands run, taken as seldom as possible. */
static void begin_busy(struct strand *s)
{
    atomic_store_explicit(&s->run_ns, plat_now_ns(), memory_order_relaxed);
}

static void end_busy(struct strand *s)
{
    uint64_t busy = at_relaxed(&s->busy_ns) + plat_now_ns() - at_relaxed(&s->run_ns);
    atomic_store_explicit(&s->busy_ns, busy, memory_order_relaxed);
    atomic_store_explicit(&s->run_ns, 0, memory_order_relaxed);
}

/* Runs a READY strand until it rests, ends, or (not for blocking ones) has to make way: then it is queued again. */
static enum strand_says run(struct runner *r, struct strand *s)
{
    strand_begin(s);
    begin_busy(s);
    for (;;) {
        enum strand_says says = strand_run(s, STEPS);
        if (says == STRAND_OVER)
            return says;
        if (says == STRAND_GOES_ON) {
            look_at_clock(r->exec);
            if (s->blocking || atomic_load_explicit(&r->exec->queued, memory_order_relaxed) == 0)
                continue;
            end_busy(s);
            strand_yield(s);
            exec_ready(r->exec, s);
            return says;
        }
        if (linger(r, s))
            continue;
        watch(r->exec, s);
        end_busy(s);
        if (strand_rest(s))
            return says;
        begin_busy(s);
    }
}

/* No looking for work before it rests: the loop has others to run. */
void weir_turn_run(weir_turn *turn)
{
    struct strand *s = (void *)((char *)turn - offsetof(struct strand, turn));
    struct exec *exec = s->exec;
    strand_begin(s);
    for (;;) {
        begin_busy(s);
        enum strand_says says = strand_run(s, STEPS);
        if (says == STRAND_OVER)
            return;
        end_busy(s);
        if (says == STRAND_GOES_ON) {
            strand_yield(s);
            exec_ready(exec, s);
            return;
        }
        watch(exec, s);
        if (strand_rest(s))
            return;
    }
}

static void park(struct exec *exec)
{
    uint64_t due = control_breaks(KEEP_NO_TIME) ? UINT64_MAX : earliest_due(exec);
    watch_until(exec, due);
    if (!plat_wait(&exec->work, &exec->lock, due)) {
        plat_unlock(&exec->lock);
        kick_due(exec);
        plat_lock(&exec->lock);
    }
}

static void work(void *arg)
{
    struct runner runner = {.exec = arg, .spin_ns = SPIN_MIN};
    struct exec *exec = arg;
    plat_lock(&exec->lock);
    for (;;) {
        while (!exec->queue && !exec->stop)
            park(exec);
        if (!exec->queue)
            break;
        struct strand *s = dequeue(exec);
        plat_unlock(&exec->lock);
        run(&runner, s);
        plat_lock(&exec->lock);
    }
    plat_unlock(&exec->lock);
}

static void work_alone(void *arg)
{
    struct strand *s = arg;
    struct exec *exec = s->exec;
    struct runner runner = {.exec = exec, .spin_ns = SPIN_MIN};
    plat_lock(&exec->lock);
    for (;;) {
        while (!s->thread_ready && !s->quit) {
            if (plat_wait(&s->wake, &exec->lock, at_acquire(&s->due_ns)))
                continue;
            plat_unlock(&exec->lock);
            if (take_due(s, plat_now_ns()))
                strand_nudge(s);
            plat_lock(&exec->lock);
        }
        if (!s->thread_ready)
            break;
        s->thread_ready = false;
        plat_unlock(&exec->lock);
        bool over = run(&runner, s) == STRAND_OVER;
        plat_lock(&exec->lock);
        if (over)
            break;
    }
    s->thread_over = true;
    plat_unlock(&exec->lock);
}

bool exec_thread_over(struct exec *exec, struct strand *s)
{
    plat_lock(&exec->lock);
    bool over = !s->has_thread || s->thread_over;
    plat_unlock(&exec->lock);
    return over;
}

/* ---- threads ------------------------------------------------------------------------------------------------------------- */

int exec_start(struct exec *exec, unsigned workers)
{
    exec->workers = plat_alloc(workers * sizeof *exec->workers);
    if (!exec->workers)
        return -1;
    for (exec->worker_count = 0; exec->worker_count < workers; exec->worker_count++) {
        if (plat_thread_start(&exec->workers[exec->worker_count], "weir-worker", work, exec)) {
            exec_stop(exec);
            return -1;
        }
    }
    return 0;
}

struct extra_worker {
    struct extra_worker *next;
    struct plat_thread thread;
};

int exec_add_worker(struct exec *exec)
{
    struct extra_worker *w = plat_alloc(sizeof *w);
    if (!w)
        return -1;
    if (plat_thread_start(&w->thread, "weir-worker", work, exec)) {
        plat_free(w);
        return -1;
    }
    w->next = exec->extra;
    exec->extra = w;
    return 0;
}

void exec_stop(struct exec *exec)
{
    plat_lock(&exec->lock);
    exec->stop = true;
    plat_broadcast(&exec->work);
    plat_unlock(&exec->lock);
    for (unsigned i = 0; i < exec->worker_count; i++)
        plat_thread_join(&exec->workers[i]);
    while (exec->extra) {
        struct extra_worker *w = exec->extra;
        exec->extra = w->next;
        plat_thread_join(&w->thread);
        plat_free(w);
    }
    exec->worker_count = 0;
    plat_free(exec->workers);
    exec->workers = NULL;
}

int exec_thread_start(struct exec *exec, struct strand *s)
{
    if (plat_cond_init(&s->wake))
        return -1;
    s->exec = exec;
    s->thread_ready = s->quit = s->thread_over = false;
    if (plat_thread_start(&s->thread, s->program->stages[0]->name, work_alone, s)) {
        plat_cond_free(&s->wake);
        return -1;
    }
    s->has_thread = true;
    return 0;
}

void exec_thread_join(struct exec *exec, struct strand *s)
{
    if (!s->has_thread)
        return;
    plat_lock(&exec->lock);
    s->quit = true;
    plat_signal(&s->wake);
    plat_unlock(&exec->lock);
    plat_thread_join(&s->thread);
    plat_cond_free(&s->wake);
    s->has_thread = false;
}
