/* SPDX-License-Identifier: MIT */
/*
 * The simulator: fibers on ucontext, one seeded scheduler. Exactly one fiber runs at any moment, so nothing here is atomic, and
 * the interleavings that it explores are the sequentially consistent ones; what weaker memory orders allow beyond them is
 * ThreadSanitizer's part.
 */
#include "plat/sim/sim.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "plat/plat.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_SIZE  ((size_t)256 << 10)
#define FIBERS_MAX  64
#define SWITCH_ODDS 4 /* one plat_point in so many switches */

enum fiber_state { FIBER_FREE, FIBER_RUNS, FIBER_WAITS, FIBER_DONE };

struct fiber {
    ucontext_t context;
    void *stack;
    enum fiber_state state;
    const void *waits_on;
    uint64_t deadline;
    bool timed_out;
    char name[16];
    void (*body)(void *arg);
    void *arg;
    struct plat_self self;
    void *fake_stack; /* this and what follows: AddressSanitizer's */
    const void *bottom;
    size_t size;
};

static struct {
    struct fiber fibers[FIBERS_MAX];
    struct fiber *current, *previous;
    bool active;
    uint64_t seed, random, now, switches;
    size_t allocations, live, fail_at;
    bool fail_on; /* not only that one, but all that follow */
    bool spared;
} sim;

uint64_t sim_random(void)
{
    uint64_t z = (sim.random += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sim_switches(void)
{
    return sim.switches;
}

/* ---- fibers -------------------------------------------------------------------------------------------------------------- */

/* AddressSanitizer is told of every switch, and tells us where the process's own stack lies, on which the first fiber runs. */
static void before_switch(struct fiber *from, struct fiber *to)
{
    sim.previous = from;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(from->state == FIBER_DONE ? NULL : &from->fake_stack, to->bottom, to->size);
#else
    (void)to;
#endif
}

static void after_switch(struct fiber *self)
{
#ifdef WITH_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (!sim.previous->stack) {
        sim.previous->bottom = bottom;
        sim.previous->size = size;
    }
#else
    (void)self;
#endif
}

static void go_to(struct fiber *to)
{
    struct fiber *from = sim.current;
    if (to == from)
        return;
    sim.switches++;
    sim.current = to;
    before_switch(from, to);
    swapcontext(&from->context, &to->context);
    after_switch(sim.current);
}

static void give_up(void)
{
    fprintf(stderr, "sim: seed %llu: nobody can run and nobody has a deadline\n", (unsigned long long)sim.seed);
    for (size_t i = 0; i < FIBERS_MAX; i++)
        if (sim.fibers[i].state == FIBER_WAITS)
            fprintf(stderr, "sim:   \"%s\" waits on %p\n", sim.fibers[i].name, sim.fibers[i].waits_on);
    abort();
}

/* Whose deadline has passed may go on. */
static void end_waits(void)
{
    for (size_t i = 0; i < FIBERS_MAX; i++) {
        struct fiber *f = &sim.fibers[i];
        if (f->state == FIBER_WAITS && f->deadline <= sim.now) {
            f->state = FIBER_RUNS;
            f->timed_out = true;
        }
    }
}

/* Lets the fibers with the earliest deadline go on. */
static void jump_in_time(void)
{
    uint64_t earliest = UINT64_MAX;
    for (size_t i = 0; i < FIBERS_MAX; i++)
        if (sim.fibers[i].state == FIBER_WAITS && sim.fibers[i].deadline < earliest)
            earliest = sim.fibers[i].deadline;
    if (earliest == UINT64_MAX)
        give_up();
    if (earliest > sim.now)
        sim.now = earliest;
    end_waits();
}

static struct fiber *pick(void)
{
    struct fiber *ready[FIBERS_MAX];
    size_t n = 0;
    end_waits();
    while (n == 0) {
        for (size_t i = 0; i < FIBERS_MAX; i++)
            if (sim.fibers[i].state == FIBER_RUNS)
                ready[n++] = &sim.fibers[i];
        if (n == 0)
            jump_in_time();
    }
    return ready[sim_random() % n];
}

void plat_point(void)
{
    if (sim.active && sim_random() % SWITCH_ODDS == 0)
        go_to(pick());
}

static void wait_on(const void *what, uint64_t deadline)
{
    struct fiber *self = sim.current;
    self->waits_on = what;
    self->deadline = deadline;
    self->timed_out = false;
    self->state = FIBER_WAITS;
    go_to(pick());
}

static void wake(const void *what, bool all)
{
    size_t waiting = 0;
    for (size_t i = 0; i < FIBERS_MAX; i++)
        waiting += sim.fibers[i].state == FIBER_WAITS && sim.fibers[i].waits_on == what;
    if (waiting == 0)
        return;
    size_t chosen = sim_random() % waiting;
    for (size_t i = 0; i < FIBERS_MAX; i++) {
        struct fiber *f = &sim.fibers[i];
        if (f->state == FIBER_WAITS && f->waits_on == what && (all || chosen-- == 0))
            f->state = FIBER_RUNS;
    }
}

static void enter(void)
{
    struct fiber *self = sim.current;
    after_switch(self);
    self->body(self->arg);
    self->state = FIBER_DONE;
    wake(self, true);
    go_to(pick());
}

void sim_run(uint64_t seed, void (*body)(void *arg), void *arg)
{
    struct fiber *first = &sim.fibers[0];
    sim.seed = sim.random = seed;
    sim.now = 1000000000u;
    sim.switches = 0;
    memset(first, 0, sizeof *first);
    first->state = FIBER_RUNS;
    memcpy(first->name, "first", 6);
    sim.current = first;
    sim.active = true;
    body(arg);
    sim.active = false;
    for (size_t i = 1; i < FIBERS_MAX; i++) {
        if (sim.fibers[i].state != FIBER_FREE) {
            fprintf(stderr, "sim: seed %llu: thread \"%s\" was not joined\n", (unsigned long long)seed, sim.fibers[i].name);
            abort();
        }
    }
}

/* ---- memory, time -------------------------------------------------------------------------------------------------------- */

static bool fails(void)
{
    if (sim.spared)
        return false;
    sim.allocations++;
    return sim.fail_at && (sim.fail_on ? sim.allocations >= sim.fail_at : sim.allocations == sim.fail_at);
}

void *plat_alloc(size_t size)
{
    if (fails())
        return NULL;
    size_t rounded = (size + 127) & ~(size_t)63;
    char *memory = size <= SIZE_MAX - 128 ? aligned_alloc(64, rounded) : NULL;
    if (!memory)
        return NULL;
    memset(memory, 0, rounded);
    sim.live++;
    return memory;
}

void *plat_alloc_lines(size_t size)
{
    return plat_alloc(size);
}

void plat_free(void *memory)
{
    if (memory)
        sim.live--;
    free(memory);
}

size_t sim_fail_allocation(size_t n)
{
    size_t were = sim.allocations;
    sim.allocations = 0;
    sim.fail_at = n;
    sim.fail_on = false;
    return were;
}

void sim_spare(bool spared)
{
    sim.spared = spared;
}

void sim_fail_from(size_t n)
{
    sim_fail_allocation(n);
    sim.fail_on = n != 0;
}

size_t sim_live_allocations(void)
{
    return sim.live;
}

uint64_t plat_now_ns(void)
{
    return sim.now += 1 + (sim.active ? sim_random() % 64 : 0);
}

void sim_jump(uint64_t ns)
{
    sim.now += ns;
}

uint64_t plat_real_ns(void)
{
    return plat_now_ns();
}

unsigned plat_cpus(void)
{
    return 2;
}

uint64_t plat_spin_ns(void)
{
    return 200;
}

void plat_fence(void)
{
    plat_point();
}

bool plat_can_fence_all(void)
{
    return true; /* so that the channels' quick mode is explored too; memory is sequentially consistent here anyway */
}

void plat_fence_all(void)
{
    plat_point();
}

int plat_cpu(void)
{
    return (int)(sim_random() % 2);
}

void plat_yield(void)
{
    plat_point();
}

void plat_relax(void)
{
    plat_point();
}

struct plat_self *plat_self(void)
{
    static struct plat_self outside;
    return sim.active ? &sim.current->self : &outside;
}

/* ---- locks and conditions ------------------------------------------------------------------------------------------------ */

int plat_lock_init(struct plat_lock *lock)
{
    lock->holder = NULL;
    return 0;
}

void plat_lock_free(struct plat_lock *lock)
{
    (void)lock;
}

void plat_lock(struct plat_lock *lock)
{
    if (!sim.active)
        return;
    plat_point();
    while (lock->holder)
        wait_on(lock, UINT64_MAX);
    lock->holder = sim.current;
}

void plat_unlock(struct plat_lock *lock)
{
    if (!sim.active)
        return;
    lock->holder = NULL;
    wake(lock, true);
    plat_point();
}

int plat_cond_init(struct plat_cond *cond)
{
    cond->unused = 0;
    return 0;
}

void plat_cond_free(struct plat_cond *cond)
{
    (void)cond;
}

bool plat_wait(struct plat_cond *cond, struct plat_lock *lock, uint64_t deadline_ns)
{
    struct fiber *self = sim.current;
    lock->holder = NULL; /* letting go and waiting are one step, as with pthreads */
    wake(lock, true);
    if (sim_random() % 16) /* else: a wake-up for nothing */
        wait_on(cond, deadline_ns);
    bool in_time = !self->timed_out;
    self->timed_out = false;
    while (lock->holder)
        wait_on(lock, UINT64_MAX);
    lock->holder = self;
    return in_time;
}

void plat_signal(struct plat_cond *cond)
{
    wake(cond, false);
}

void plat_broadcast(struct plat_cond *cond)
{
    wake(cond, true);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------- */

int plat_thread_start(struct plat_thread *thread, const char *name, void (*body)(void *arg), void *arg)
{
    struct fiber *f = NULL;
    for (size_t i = 1; i < FIBERS_MAX && !f; i++)
        if (sim.fibers[i].state == FIBER_FREE)
            f = &sim.fibers[i];
    if (!f || fails()) /* a thread may fail like an allocation */
        return -1;
    memset(f, 0, sizeof *f);
    f->stack = malloc(STACK_SIZE);
    if (!f->stack)
        return -1;
    snprintf(f->name, sizeof f->name, "%s", name);
    f->bottom = f->stack;
    f->size = STACK_SIZE;
    f->body = body;
    f->arg = arg;
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&f->context, enter, 0);
    f->state = FIBER_RUNS;
    thread->fiber = f;
    plat_point();
    return 0;
}

void plat_thread_join(struct plat_thread *thread)
{
    struct fiber *f = thread->fiber;
    while (f->state != FIBER_DONE)
        wait_on(f, UINT64_MAX);
    free(f->stack);
    f->state = FIBER_FREE;
}
