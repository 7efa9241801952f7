/* SPDX-License-Identifier: MIT */
/*
 * What is asked of the system to watch over a loop's thread: signals.
 *
 * A task that runs over the end of its stack touches its guard. SIGSEGV is then handled on a stack of the thread's own, in words, and
 * happens again with the disposition that it would have had. A program or a sanitizer that handles SIGSEGV itself is left alone.
 *
 * When debugging, a timer of the thread strikes when a task has run for slow_ms, and the handler writes down where it is; it only writes,
 * and what it has written is reported when the task has stopped.
 */
#include "async/watch.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "async/report.h"
#include "async/task.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define SIGNAL_STACK ((size_t)64 << 10) /* backtrace() and the unwinder run on it */
#define FRAMES_MAX   48

struct watch {
    stack_t before; /* the thread's signal stack, if it had one */
    void *stack;
    bool times;
    timer_t timer;
    uint64_t since_ns;  /* the task went on */
    volatile int count; /* of `frames`: written by the handler, on this thread */
    void *frames[FRAMES_MAX];
};

/* The library's threads block all signals; a blocked SIGSEGV would end the process without a word. */
static void unblock(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- stack overflow ------------------------------------------------------------------------------------------------------ */

static size_t write_text(char *to, size_t at, size_t size, const char *text)
{
    while (*text && at < size)
        to[at++] = *text++;
    return at;
}

static size_t write_number(char *to, size_t at, size_t size, size_t n)
{
    char digits[24];
    size_t i = sizeof digits - 1;
    digits[i] = 0;
    do {
        digits[--i] = (char)('0' + n % 10);
    } while (n /= 10);
    return write_text(to, at, size, digits + i);
}

/* Only what a signal handler may call: no stdio. */
static void say_overflow(const weir_task *t)
{
    char text[512];
    size_t size = sizeof text, at = write_text(text, 0, size, "weir: task \"");
    at = write_text(text, at, size, t->name);
    at = write_text(text, at, size, t->scope->stage[0] ? "\" of stage \"" : "");
    at = write_text(text, at, size, t->scope->stage);
    at = write_text(text, at, size, "\" has run over the end of its stack of ");
    at = write_number(text, at, size, t->scope->stack_bytes >> 10);
    at = write_text(text, at, size, " KiB; give it more: stack_bytes = ");
    at = write_number(text, at, size, 4 * t->scope->stack_bytes);
    at = write_text(text, at, size, " (weir_stage.stack_bytes, or weir_async_configure())\n");
    ssize_t written = write(STDERR_FILENO, text, at);
    (void)written;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    struct loop *loop = loop_here();
    (void)context;
    if (loop && loop->current && stack_guards(&loop->current->stack, info->si_addr))
        say_overflow(loop->current);
    signal(number, SIG_DFL); /* and when this returns it happens again */
}

static void handle_faults(void)
{
    struct sigaction before, ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (sigaction(SIGSEGV, NULL, &before) == 0 && !(before.sa_flags & SA_SIGINFO) && before.sa_handler == SIG_DFL)
        sigaction(SIGSEGV, &ours, NULL);
}

/* ---- slow tasks ---------------------------------------------------------------------------------------------------------- */

static void on_slow(int number, siginfo_t *info, void *context)
{
    int kept = errno;
    struct watch *watch = info->si_value.sival_ptr;
    (void)number;
    (void)context;
    if (watch && !watch->count)
        watch->count = backtrace(watch->frames, FRAMES_MAX);
    errno = kept;
}

static int slow_signal(void)
{
    return SIGRTMAX - 3; /* one that hardly anybody uses */
}

static void handle_slow(void)
{
    struct sigaction ours = {.sa_sigaction = on_slow, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    void *frames[1];
    backtrace(frames, 1); /* loads what it needs now, and not in the handler */
    sigaction(slow_signal(), &ours, NULL);
}

static void start_timer(struct watch *watch)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = slow_signal(), .sigev_value.sival_ptr = watch};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    pthread_once(&once, handle_slow);
    unblock(slow_signal());
    watch->times = timer_create(CLOCK_MONOTONIC, &event, &watch->timer) == 0;
}

static void set_timer(struct watch *watch, uint32_t ms)
{
    struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}};
    timer_settime(watch->timer, 0, &when, NULL);
}

static void report_slow(struct loop *loop, const weir_task *t, uint64_t ns)
{
    struct watch *watch = loop->watch;
    char text[3000];
    char **names = backtrace_symbols(watch->frames, watch->count);
    size_t at = 0;
    text[0] = 0;
    for (int i = 2; names && i < watch->count && at < sizeof text - 1; i++) { /* behind the handler and its trampoline */
        int n = snprintf(text + at, sizeof text - at, "\n    %s", names[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    free(names);
    report(&loop->config, "weir: task \"%s\"%s%s kept its loop for %llu ms; it was at%s", t->name,
           t->scope->stage[0] ? " of stage " : "", t->scope->stage, (unsigned long long)(ns / 1000000), text);
}

void watch_task_on(struct loop *loop, weir_task *t)
{
    loop->watch->since_ns = plat_now_ns();
    loop->watch->count = 0;
    set_timer(loop->watch, loop->config.slow_ms);
    (void)t;
}

void watch_task_off(struct loop *loop, weir_task *t)
{
    set_timer(loop->watch, 0);
    uint64_t ns = plat_now_ns() - loop->watch->since_ns;
    if (ns >= (uint64_t)loop->config.slow_ms * 1000000)
        report_slow(loop, t, ns);
}

/* ---- a loop's thread ----------------------------------------------------------------------------------------------------- */

void watch_begin(struct loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct watch *watch = plat_alloc(sizeof *watch);
    if (!watch)
        return; /* then nobody watches */
    pthread_once(&once, handle_faults);
    unblock(SIGSEGV);
    if (sigaltstack(NULL, &watch->before) == 0 && watch->before.ss_flags & SS_DISABLE) {
        watch->stack = plat_alloc(SIGNAL_STACK);
        stack_t stack = {.ss_sp = watch->stack, .ss_size = SIGNAL_STACK};
        if (watch->stack)
            sigaltstack(&stack, NULL);
    }
    if (loop->config.slow_ms)
        start_timer(watch);
    loop->watch = watch;
    loop->watched = watch->times;
}

void watch_end(struct loop *loop)
{
    struct watch *watch = loop->watch;
    if (!watch)
        return;
    if (watch->times)
        timer_delete(watch->timer);
    if (watch->stack)
        sigaltstack(&watch->before, NULL);
    plat_free(watch->stack);
    plat_free(watch);
    loop->watch = NULL;
    loop->watched = false;
}
