/* SPDX-License-Identifier: MIT */
/*
 * Stages on loops: what this library provides to the engine (weir/runtime.h), and how a stage's tasks receive and send.
 *
 *     worker ---- a place for one task that receives items; lives as long as the member, whatever becomes of the task
 *       task      runs the stage's function, again and again
 *       slot      the item at hand
 *
 * All tasks of a member run inside work(), in the strand's turn: who is woken elsewhere goes to the member's own ready list, and the
 * engine is nudged. After stop() there is no strand any more, and what is left of them runs straight from the loop.
 *
 * The runtime is provided by a constructor here, beside weir_recv(), so that a program that is linked statically with a stage's function
 * has it in any case.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

#include "async/loop.h"
#include "async/task.h"
#include "async/waiters.h"

#define ROUNDS_MAX 16 /* of tasks that let each other go on, before the world has its turn */

struct member;

struct worker {
    struct link link; /* in member->workers or member->fresh */
    struct member *member;
    weir_task *task;
    weir_slot *slot;  /* the item at hand, or NULL */
    weir_slot *blank; /* holds the memory of what is sent without an item at hand, from the first weir_task_alloc() on */
    bool received;    /* an item, since the function was called */
    bool rejected;    /* the last item, which was at hand: what is sent for it is ignored */
    bool leaving;     /* there are to be fewer */
    void *held;       /* an item that waits for the function to ask for it, its slot at hand already */
};

struct member {
    struct loop *loop;
    weir_crew *crew;
    struct scope scope;
    struct list ready;
    int (*fn)(weir_task *t, void *state);
    void *state;
    const weir_type *in; /* NULL: a source */
    size_t in_size;
    bool working, ending, cancelled, stopped, finished;
    struct list workers;
    struct list takers; /* struct waiter: who waits for an item */
    struct list room;   /* struct waiter: who waits for room */
    struct stopper *stopper;

    _Atomic unsigned target, active; /* how many there are to be, and are; changed under the loop's lock */
    struct list fresh;               /* workers whose tasks the strand has not adopted yet; guarded by the loop's lock */
    _Atomic bool has_fresh; /* for a look without the lock: stored under it, before the nudge that makes the strand look */
};

/* ---- a worker ------------------------------------------------------------------------------------------------------------ */

static void show_item(weir_task *t, weir_slot *slot)
{
    atomic_store_explicit(&t->shown.item, slot ? weir_slot_number(slot) : 0, memory_order_relaxed);
}

static void finish_slot(struct worker *worker, const char *message)
{
    weir_slot *slot = worker->slot;
    if (!slot)
        return;
    worker->slot = NULL;
    show_item(worker->task, NULL);
    if (message)
        weir_slot_fail(worker->member->crew, slot, message);
    else
        weir_slot_done(worker->member->crew, slot);
}

/* Whether this one is to leave, since there are to be fewer; it is counted out then. */
static bool leaves(struct worker *worker)
{
    struct member *m = worker->member;
    if (atomic_load_explicit(&m->active, memory_order_relaxed) <= atomic_load_explicit(&m->target, memory_order_relaxed))
        return false; /* the usual case, without the lock; who changes it nudges, and then it is looked at again */
    plat_lock(&m->loop->lock);
    worker->leaving = m->active > m->target;
    m->active -= worker->leaving;
    plat_unlock(&m->loop->lock);
    return worker->leaving;
}

struct taker {
    struct waiter waiter;
    struct worker *worker;
};

/* An item, with its slot; or WEIR_END, or why not. First come, first served. */
static int take(struct worker *worker, void *item)
{
    struct member *m = worker->member;
    struct taker taker = {.waiter.item = item, .worker = worker};
    int why = m->cancelled ? -ECANCELED : task_pending(worker->task);
    if (why || !m->in)
        return why ? task_fail(why) : WEIR_END;
    if (m->ending || worker->leaving || leaves(worker))
        return WEIR_END;
    if (m->working && list_empty(&m->takers))
        worker->slot = weir_crew_take(m->crew, item);
    int result = worker->slot ? 0 : waiters_wait(worker->task, &m->takers, &taker.waiter, "an item");
    if (worker->slot)
        show_item(worker->task, worker->slot);
    return result;
}

static void drop_item(struct member *m, weir_slot *slot, void *item)
{
    if (m->in->destroy)
        m->in->destroy(item);
    weir_slot_done(m->crew, slot);
}

static void drop_held(struct worker *worker)
{
    if (!worker->held)
        return;
    drop_item(worker->member, worker->slot, worker->held);
    worker->held = NULL;
    worker->slot = NULL;
}

/* The function has returned: what does that say? True: it is to be called again. */
static bool goes_on(struct worker *worker, int result)
{
    struct member *m = worker->member;
    bool over = worker->task->cancelled || m->ending || worker->leaving || m->stopped || !m->in;
    bool with_item = worker->rejected || (worker->slot && !worker->held);
    char message[512] = "";
    if (result < 0)
        snprintf(message, sizeof message, "%s", m->loop->error[0] ? m->loop->error : strerror(-result));
    drop_held(worker);
    if (worker->blank)
        weir_slot_done(m->crew, worker->blank);
    worker->blank = NULL;
    finish_slot(worker, result < 0 ? message : NULL);
    if (result < 0 && !with_item) {
        if (result != -ECANCELED || !worker->task->cancelled)
            weir_crew_fail(m->crew, message);
        return false;
    }
    if (!over && !worker->received) {
        m->finished = true;
        weir_crew_finish(m->crew);
        return false;
    }
    return !over;
}

/* The function is called again when there is an item for it, which waits here until it is asked for. */
static bool next_item(struct worker *worker, void *space)
{
    if (take(worker, space) != 0)
        return false;
    worker->held = space;
    return true;
}

static int work_task(weir_task *t, void *arg)
{
    struct worker *worker = arg;
    struct member *m = worker->member;
    alignas(64) char space[m->in_size + 1];
    do {
        worker->received = worker->rejected = false;
        t->timeouts = NULL;
        t->shields = 0;
        m->loop->error[0] = 0;
    } while (goes_on(worker, m->fn(t, m->state)) && next_item(worker, space));
    if (!worker->leaving) {
        plat_lock(&m->loop->lock);
        m->active--;
        plat_unlock(&m->loop->lock);
    }
    worker->task = NULL;
    return 0;
}

static struct worker *worker_new(struct member *m)
{
    struct worker *worker = plat_alloc(sizeof *worker);
    if (!worker)
        return NULL;
    worker->member = m;
    worker->task = task_new(&m->scope, m->scope.stage, work_task, worker);
    if (!worker->task) {
        plat_free(worker);
        return NULL;
    }
    worker->task->worker = worker;
    worker->task->detached = true;
    return worker;
}

/* Those that never ran. */
static void workers_free(struct list *workers)
{
    struct link *link;
    while ((link = list_take(workers))) {
        struct worker *worker = list_of(link, struct worker, link);
        task_free(worker->task);
        plat_free(worker);
    }
}

static bool workers_new(struct member *m, unsigned n, struct list *workers)
{
    list_init(workers);
    for (unsigned i = 0; i < n; i++) {
        struct worker *worker = worker_new(m);
        if (!worker) {
            workers_free(workers);
            weir_fail("no memory for %u tasks", n);
            return false;
        }
        list_append(workers, &worker->link);
    }
    return true;
}

/* ---- for tasks ----------------------------------------------------------------------------------------------------------- */

static int misused(const char *what)
{
    weir_fail("%s is for the tasks of a stage", what);
    return -EINVAL;
}

int weir_recv(weir_task *t, void *item)
{
    struct worker *worker = t->worker;
    if (!worker || worker->task != t)
        return misused("weir_recv()");
    if (worker->held) {
        memcpy(item, worker->held, worker->member->in_size);
        worker->held = NULL;
        worker->received = true;
        return 0;
    }
    finish_slot(worker, NULL);
    worker->rejected = false;
    int result = take(worker, item);
    worker->received |= result == 0;
    return result;
}

static int emit_failed(int result)
{
    if (result == -EINVAL)
        weir_fail("the stage puts out nothing there");
    else if (result < 0)
        task_fail(result);
    return result;
}

/* Makes sure that the next one in the line looks as well: there may be room for several. */
static int after_room(struct member *m, int result)
{
    waiters_wake(&m->room, 0);
    return emit_failed(result);
}

/* Without an item at hand: `put` until there is room, first come, first served. */
static int send_loose(weir_task *t, int (*put)(struct worker *worker, size_t port, const void *item), size_t port,
                      const void *item)
{
    struct member *m = t->worker->member;
    int why = m->cancelled ? -ECANCELED : task_pending(t);
    if (why)
        return task_fail(why);
    bool waited = !list_empty(&m->room), first = false;
    for (;;) {
        int result = waited && !first ? -EAGAIN : put(t->worker, port, item);
        if (result != -EAGAIN)
            return waited ? after_room(m, result) : emit_failed(result);
        struct waiter waiter;
        result = first ? waiters_wait_first(t, &m->room, &waiter, "room") : waiters_wait(t, &m->room, &waiter, "room");
        if (result < 0)
            return result;
        waited = first = true;
    }
}

static int put_item(struct worker *worker, size_t port, const void *item)
{
    struct member *m = worker->member;
    return m->stopped ? -ECANCELED : weir_crew_emit(m->crew, worker->blank, port, item);
}

int weir_send_to(weir_task *t, size_t port, const void *item)
{
    struct worker *worker = t->worker;
    if (!worker)
        return misused("weir_send()");
    if (worker->rejected)
        return 0;
    if (worker->slot)
        return emit_failed(weir_crew_emit(worker->member->crew, worker->slot, port, item));
    return send_loose(t, put_item, port, item);
}

int weir_send(weir_task *t, const void *item)
{
    return weir_send_to(t, 0, item);
}

static int emit_bytes(struct member *m, weir_slot *slot, const weir_bytes *bytes)
{
    if (weir_crew_out_size(m->crew, 0) != sizeof *bytes)
        return -EINVAL;
    weir_bytes copy = {weir_crew_alloc(m->crew, slot, bytes->len), bytes->len};
    if (!copy.data)
        return -ENOMEM;
    if (bytes->len)
        memcpy(copy.data, bytes->data, bytes->len);
    return weir_crew_emit(m->crew, slot, 0, &copy);
}

/* The memory belongs to the batch at hand, which may be another after a wait: so it is taken anew each time. */
static int put_bytes(struct worker *worker, size_t port, const void *item)
{
    struct member *m = worker->member;
    (void)port;
    return m->stopped ? -ECANCELED : emit_bytes(m, NULL, item);
}

int weir_send_bytes(weir_task *t, const void *data, size_t len)
{
    struct worker *worker = t->worker;
    weir_bytes bytes = {(char *)(uintptr_t)data, len}; /* only read */
    if (!worker)
        return misused("weir_send_bytes()");
    if (worker->rejected)
        return 0;
    if (worker->slot)
        return emit_failed(emit_bytes(worker->member, worker->slot, &bytes));
    return send_loose(t, put_bytes, 0, &bytes);
}

void *weir_task_alloc(weir_task *t, size_t size)
{
    struct worker *worker = t->worker;
    if (!worker) {
        misused("weir_task_alloc()");
        return NULL;
    }
    weir_crew *crew = worker->member->crew;
    if (!worker->slot && !worker->blank)
        worker->blank = weir_crew_blank(crew);
    weir_slot *slot = worker->slot ? worker->slot : worker->blank;
    return slot ? weir_crew_alloc(crew, slot, size) : NULL;
}

int weir_reject(weir_task *t, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    weir_fail("%s", message);
    if (t->worker && t->worker->slot) {
        finish_slot(t->worker, message);
        t->worker->rejected = true;
    }
    return -1;
}

/* ---- a member ------------------------------------------------------------------------------------------------------------ */

static void nudge(struct scope *scope)
{
    struct member *m = list_of(scope, struct member, scope);
    if (!m->working)
        weir_crew_nudge(m->crew);
}

static void adopt(struct member *m)
{
    struct list fresh;
    if (!atomic_load_explicit(&m->has_fresh, memory_order_acquire))
        return;
    plat_lock(&m->loop->lock);
    list_move(&fresh, &m->fresh);
    atomic_store_explicit(&m->has_fresh, false, memory_order_relaxed);
    plat_unlock(&m->loop->lock);
    for (struct link *link; (link = list_take(&fresh));) {
        weir_task *t = list_of(link, struct worker, link)->task;
        list_append(&m->workers, link);
        task_adopt(t);
        if (m->cancelled) /* it has come too late */
            weir_cancel(t);
    }
}

/* Items to those who wait for one; and who is one too many is told to leave. */
static void feed(struct member *m)
{
    struct link *first;
    while ((first = list_first(&m->takers))) {
        struct taker *taker = list_of(list_of(first, struct waiter, link), struct taker, waiter);
        struct worker *worker = taker->worker;
        if (!m->ending && !leaves(worker) && !(worker->slot = weir_crew_take(m->crew, taker->waiter.item)))
            return;
        waiters_wake(&m->takers, worker->slot ? 0 : WEIR_END);
    }
}

/* The stage has said that it wants no more, and nobody is left to take what is still on its way. */
static void swallow(struct member *m)
{
    alignas(64) char item[m->in_size + 1];
    weir_slot *slot;
    while ((slot = weir_crew_take(m->crew, item)))
        drop_item(m, slot, item);
}

static void member_work(void *member)
{
    struct member *m = member;
    m->working = true;
    adopt(m);
    waiters_wake(&m->room, 0);
    unsigned rounds = 0;
    do {
        loop_run_ready(m->loop, &m->ready);
        feed(m);
    } while (!list_empty(&m->ready) && ++rounds < ROUNDS_MAX);
    if (m->finished && m->scope.alive == 0 && !m->ending)
        swallow(m);
    m->working = false;
    if (!list_empty(&m->ready))
        weir_crew_nudge(m->crew);
}

static void member_end(void *member)
{
    struct member *m = member;
    if (m->ending)
        return;
    adopt(m);
    m->ending = true;
    if (m->in)
        waiters_wake_all(&m->takers, WEIR_END);
}

static void cancel_all(struct member *m)
{
    m->cancelled = true;
    for (struct link *l = list_first(&m->scope.tasks); l; l = list_next(&m->scope.tasks, l))
        weir_cancel(list_of(l, weir_task, scope_link));
    waiters_wake_all(&m->takers, -ECANCELED); /* those that are shielded: what they wait for will not come */
    waiters_wake_all(&m->room, -ECANCELED);
}

static void member_cancel(void *member)
{
    struct member *m = member;
    if (m->cancelled)
        return;
    adopt(m);
    cancel_all(m);
}

static bool member_alive(void *member)
{
    struct member *m = member;
    return atomic_load_explicit(&m->has_fresh, memory_order_acquire) || m->scope.alive > 0;
}

static void member_tasks(void *member, void (*visit)(void *arg, const weir_task_info *info), void *arg)
{
    struct member *m = member;
    uint64_t now = plat_now_ns();
    weir_task_info info;
    plat_lock(&m->loop->lock);
    for (struct link *l = list_first(&m->scope.tasks); l; l = list_next(&m->scope.tasks, l))
        if (task_show(list_of(l, weir_task, scope_link), now, &info))
            visit(arg, &info);
    plat_unlock(&m->loop->lock);
}

static int member_resize(void *member, unsigned concurrency)
{
    struct member *m = member;
    struct list more;
    unsigned to = concurrency ? concurrency : 1;
    plat_lock(&m->loop->lock);
    unsigned before = m->target, active = m->active, need = to > active ? to - active : 0;
    m->target = to; /* from now on nobody leaves that would be missed */
    plat_unlock(&m->loop->lock);
    if (!workers_new(m, need, &more)) {
        plat_lock(&m->loop->lock);
        m->target = before;
        plat_unlock(&m->loop->lock);
        return -1;
    }
    plat_lock(&m->loop->lock);
    for (struct link *link; (link = list_take(&more));)
        list_append(&m->fresh, link);
    m->active += need;
    atomic_store_explicit(&m->has_fresh, !list_empty(&m->fresh), memory_order_release);
    plat_unlock(&m->loop->lock);
    return 0; /* the engine nudges */
}

static void member_ready(void *member, weir_turn *turn)
{
    loop_turn(((struct member *)member)->loop, turn);
}

/* ---- stopping ------------------------------------------------------------------------------------------------------------ */

struct stopper {
    struct post post;
    struct member *member;
    struct plat_lock lock;
    struct plat_cond cond;
    bool done;
};

static void stopped(struct scope *scope)
{
    struct stopper *s = list_of(scope, struct member, scope)->stopper;
    plat_lock(&s->lock);
    s->done = true;
    plat_signal(&s->cond);
    plat_unlock(&s->lock);
}

/* There is no strand any more: whatever can run goes to the loop. */
static void begin_stop(struct member *m)
{
    struct list fresh;
    plat_lock(&m->loop->lock);
    list_move(&fresh, &m->fresh);
    atomic_store_explicit(&m->has_fresh, false, memory_order_relaxed);
    plat_unlock(&m->loop->lock);
    workers_free(&fresh);
    m->stopped = true;
    m->scope.woken = NULL;
    m->scope.ready = &m->loop->ready;
    for (struct link *link; (link = list_take(&m->ready));)
        list_append(&m->loop->ready, link);
    cancel_all(m);
}

static void stop_here(struct post *post)
{
    struct stopper *s = list_of(post, struct stopper, post);
    begin_stop(s->member);
    s->member->stopper = s;
    s->member->scope.emptied = stopped;
    if (s->member->scope.alive == 0)
        stopped(&s->member->scope);
}

static void wait_stopped(struct stopper *s)
{
    plat_lock(&s->lock);
    while (!s->done)
        plat_wait(&s->cond, &s->lock, UINT64_MAX);
    plat_unlock(&s->lock);
}

static void member_stop(void *member)
{
    struct member *m = member;
    struct stopper s = {.member = m, .post.run = stop_here};
    if (loop_here() == m->loop) { /* in a turn of another strand: the loop goes on from here */
        begin_stop(m);
        while (m->scope.alive)
            loop_round(m->loop);
        return;
    }
    if (plat_lock_init(&s.lock) < 0)
        return;
    if (plat_cond_init(&s.cond) == 0) {
        loop_post(m->loop, &s.post);
        wait_stopped(&s);
        plat_cond_free(&s.cond);
    }
    plat_lock_free(&s.lock);
}

/* ---- loops --------------------------------------------------------------------------------------------------------------- */

struct member_loop {
    struct loop loop;
    struct plat_thread thread;
    struct post quit;
    bool over; /* the loop's thread */
};

struct loops {
    _Atomic unsigned next; /* members go round */
    unsigned count;        /* that run */
    struct member_loop each[];
};

static void run_loop(void *arg)
{
    struct member_loop *l = arg;
    loop_enter(&l->loop);
    while (!l->over)
        loop_round(&l->loop);
    loop_leave(&l->loop);
}

static void quit(struct post *post)
{
    list_of(post, struct member_loop, quit)->over = true;
}

static bool loop_start(struct member_loop *l, unsigned number)
{
    char name[32];
    if (loop_init(&l->loop) < 0)
        return false;
    l->loop.run_turn = weir_turn_run;
    l->quit.run = quit;
    snprintf(name, sizeof name, "weir loop %u", number);
    if (plat_thread_start(&l->thread, name, run_loop, l) == 0)
        return true;
    loop_free(&l->loop);
    return false;
}

static void loops_free(void *arg)
{
    struct loops *loops = arg;
    for (unsigned i = 0; i < loops->count; i++)
        loop_post(&loops->each[i].loop, &loops->each[i].quit);
    for (unsigned i = 0; i < loops->count; i++) {
        plat_thread_join(&loops->each[i].thread);
        loop_free(&loops->each[i].loop);
    }
    plat_free(loops);
}

static void *loops_new(unsigned count)
{
    struct loops *loops = plat_alloc(sizeof *loops + count * sizeof *loops->each);
    if (!loops) {
        weir_fail_memory();
        return NULL;
    }
    while (loops->count < count) {
        if (!loop_start(&loops->each[loops->count], loops->count)) {
            loops_free(loops);
            weir_fail("an event loop cannot be started");
            return NULL;
        }
        loops->count++;
    }
    return loops;
}

static void *member_new(void *arg, weir_crew *crew, const weir_stage *stage)
{
    struct loops *loops = arg;
    struct member *m = plat_alloc(sizeof *m);
    if (!m) {
        weir_fail_memory();
        return NULL;
    }
    m->loop = &loops->each[atomic_fetch_add(&loops->next, 1) % loops->count].loop;
    m->crew = crew;
    m->fn = stage->loop;
    m->state = stage->state;
    m->in = stage->in;
    m->in_size = stage->in ? weir_crew_in_size(crew) : 0;
    m->target = m->active = stage->concurrency ? stage->concurrency : 1;
    list_init(&m->ready);
    list_init(&m->workers);
    list_init(&m->takers);
    list_init(&m->room);
    scope_init(&m->scope, m->loop, stage->stack_bytes);
    snprintf(m->scope.stage, sizeof m->scope.stage, "%s", stage->name);
    m->scope.ready = &m->ready;
    m->scope.woken = nudge;
    if (workers_new(m, m->active, &m->fresh)) {
        m->has_fresh = true;
        return m;
    }
    plat_free(m);
    return NULL;
}

static void member_free(void *member)
{
    struct member *m = member;
    workers_free(&m->fresh);
    scope_free(&m->scope);
    for (struct link *link; (link = list_take(&m->workers));)
        plat_free(list_of(link, struct worker, link));
    plat_free(m);
}

static const weir_runtime runtime = {
    .size = sizeof runtime,
    .loops_new = loops_new,
    .loops_free = loops_free,
    .member_new = member_new,
    .member_free = member_free,
    .member_resize = member_resize,
    .ready = member_ready,
    .work = member_work,
    .end = member_end,
    .cancel = member_cancel,
    .alive = member_alive,
    .stop = member_stop,
    .tasks = member_tasks,
};

static void __attribute__((constructor)) provide(void)
{
    weir_runtime_provide(&runtime);
}
