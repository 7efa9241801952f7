/* SPDX-License-Identifier: MIT */
/*
 * plat.h on Linux: pthreads, the monotonic clock, malloc. Each function is one call of libc; the only decision here is that
 * threads of the library block all signals, so that a program's handlers run on the program's own threads.
 */
#include "plat/plat.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool can_fence_all; /* set once, by pthread_once */

void *plat_alloc(size_t size)
{
    return calloc(1, size ? size : 1);
}

void *plat_alloc_lines(size_t size)
{
    if (size > SIZE_MAX - 63)
        return NULL;
    size_t rounded = (size + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, rounded);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

void plat_free(void *memory)
{
    free(memory);
}

uint64_t plat_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t plat_real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

unsigned plat_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 256 ? 256 : (unsigned)n;
}

uint64_t plat_spin_ns(void)
{
    return 50000; /* about what a futex wake-up costs on a virtual machine; see docs/decisions/0003 */
}

void plat_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

static void register_fence(void)
{
    can_fence_all = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool plat_can_fence_all(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_fence);
    return can_fence_all;
}

void plat_fence_all(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    atomic_thread_fence(memory_order_seq_cst);
}

int plat_cpu(void)
{
    return sched_getcpu();
}

void plat_yield(void)
{
    sched_yield();
}

void plat_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct plat_self *plat_self(void)
{
    static _Thread_local struct plat_self self;
    return &self;
}

int plat_lock_init(struct plat_lock *lock)
{
    return pthread_mutex_init(&lock->mutex, NULL) ? -1 : 0;
}

void plat_lock_free(struct plat_lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

void plat_lock(struct plat_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

void plat_unlock(struct plat_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

int plat_cond_init(struct plat_cond *cond)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes))
        return -1;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&cond->cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed ? -1 : 0;
}

void plat_cond_free(struct plat_cond *cond)
{
    pthread_cond_destroy(&cond->cond);
}

bool plat_wait(struct plat_cond *cond, struct plat_lock *lock, uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX) {
        pthread_cond_wait(&cond->cond, &lock->mutex);
        return true;
    }
    struct timespec t = {.tv_sec = (time_t)(deadline_ns / 1000000000u), .tv_nsec = (long)(deadline_ns % 1000000000u)};
    return pthread_cond_timedwait(&cond->cond, &lock->mutex, &t) != ETIMEDOUT;
}

void plat_signal(struct plat_cond *cond)
{
    pthread_cond_signal(&cond->cond);
}

void plat_broadcast(struct plat_cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}

static void *enter(void *arg)
{
    struct plat_thread *thread = arg;
    thread->body(thread->arg);
    return NULL;
}

int plat_thread_start(struct plat_thread *thread, const char *name, void (*body)(void *arg), void *arg)
{
    sigset_t all, before;
    thread->body = body;
    thread->arg = arg;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->thread, NULL, enter, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return -1;
    char shortened[16]; /* the kernel's limit for a thread's name */
    strncpy(shortened, name, sizeof shortened - 1);
    shortened[sizeof shortened - 1] = 0;
    pthread_setname_np(thread->thread, shortened);
    return 0;
}

void plat_thread_join(struct plat_thread *thread)
{
    pthread_join(thread->thread, NULL);
}
