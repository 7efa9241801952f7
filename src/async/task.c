/* SPDX-License-Identifier: MIT */
/*
 * The life of tasks, and the one way in which they wait: weir_wait_for(). Whatever else a task waits for comes down to that.
 *
 * The text of weir_error() belongs to the thread, but a task wants to find what it has left there, so a task that waits with a text at
 * hand keeps it on its own stack meanwhile. The usual case, no text, costs one look at one byte.
 */
#include "async/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

#include "async/group.h"
#include "async/report.h"
#include "async/waiters.h"

#define ERROR_BYTES 512

/* ---- making and ending --------------------------------------------------------------------------------------------------- */

void scope_init(struct scope *scope, struct loop *loop, size_t stack_bytes)
{
    memset(scope, 0, sizeof *scope);
    scope->loop = loop;
    scope->ready = &loop->ready;
    scope->stack_bytes = stack_bytes ? stack_bytes : loop->config.stack_bytes;
    list_init(&scope->tasks);
}

static void enter(void *arg)
{
    weir_task *t = arg;
    t->loop->error[0] = 0;
    t->result = t->fn(t, t->arg);
    t->state = TASK_DONE;
    atomic_store_explicit(&t->shown.over, true, memory_order_relaxed);
    context_leave(&t->context, &t->loop->context);
}

static uint64_t next_id(void)
{
    static _Atomic uint64_t ids;
    return atomic_fetch_add_explicit(&ids, 1, memory_order_relaxed) + 1;
}

weir_task *task_new(struct scope *scope, const char *name, weir_task_fn *fn, void *arg)
{
    struct stack stack;
    if (!stack_take(&scope->loop->stacks, scope->stack_bytes + sizeof(weir_task), &stack))
        return NULL;
    weir_task *t = (weir_task *)(((uintptr_t)stack.top - sizeof *t) & ~(uintptr_t)63);
    memset(t, 0, sizeof *t);
    t->stack = stack;
    t->loop = scope->loop;
    t->scope = scope;
    t->fn = fn;
    t->arg = arg;
    t->sleep_until = UINT64_MAX;
    t->id = next_id();
    snprintf(t->name, sizeof t->name, "%s", name ? name : "task");
    list_init(&t->awaiters);
    list_init(&t->groups);
    context_init(&t->context, stack.bottom, t, enter, t);
    return t;
}

void task_adopt(weir_task *t)
{
    plat_lock(&t->loop->lock);
    list_append(&t->loop->tasks, &t->loop_link);
    list_append(&t->scope->tasks, &t->scope_link);
    plat_unlock(&t->loop->lock);
    t->scope->alive++;
    task_ready(t);
}

void task_free(weir_task *t)
{
    struct loop *loop = t->loop;
    if (link_listed(&t->loop_link)) {
        plat_lock(&loop->lock);
        link_leave(&t->loop_link);
        link_leave(&t->scope_link);
        plat_unlock(&loop->lock);
    }
    context_free(&t->context);
    stack_give(&loop->stacks, t->stack);
}

/* A task that has returned has no use for its stack: the reason of its failure waits there for whoever asks. */
static void keep_message(weir_task *t)
{
    char *text = (char *)t - ERROR_BYTES;
    memcpy(text, t->loop->error, ERROR_BYTES);
    t->message = text;
}

static void report_failure(const weir_task *t)
{
    if (!report_wanted(&t->loop->config) || t->result >= 0 || (t->result == -ECANCELED && t->cancelled))
        return;
    report(&t->loop->config, "weir: task \"%s\"%s%s failed and nobody awaited it: %s (%d)", t->name,
           t->scope->stage[0] ? " of stage " : "", t->scope->stage,
           t->message && *t->message ? t->message : strerror(-t->result), t->result);
}

void task_over(weir_task *t)
{
    timer_unset(&t->loop->timers, &t->timer);
    context_over(&t->context);
    if (t->result < 0)
        keep_message(t);
    struct scope *scope = t->scope;
    scope->alive--;
    if (t->group) {
        group_over(t);
    } else if (t->detached) {
        report_failure(t);
        task_free(t);
    } else {
        waiters_wake_all(&t->awaiters, 0);
    }
    if (scope->alive == 0 && scope->emptied)
        scope->emptied(scope);
}

void scope_free(struct scope *scope)
{
    for (;;) {
        plat_lock(&scope->loop->lock);
        struct link *first = list_first(&scope->tasks);
        plat_unlock(&scope->loop->lock);
        if (!first)
            return;
        weir_task *t = list_of(first, weir_task, scope_link);
        report_failure(t);
        task_free(t);
    }
}

int task_fail(int code)
{
    weir_fail("%s", code == -ECANCELED ? "cancelled" : code == -ETIMEDOUT ? "timed out" : strerror(-code));
    return code;
}

/* ---- waiting ------------------------------------------------------------------------------------------------------------- */

static void show_wait(weir_task *t, const char *what)
{
    struct shown *shown = &t->shown;
    char text[sizeof shown->words] = "";
    size_t length = strnlen(what ? what : "", sizeof text - 1), words = length / 8 + 1;
    memcpy(text, what ? what : "", length);
    uint32_t version = atomic_load_explicit(&shown->version, memory_order_relaxed);
    atomic_store_explicit(&shown->version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, text + 8 * i, 8);
        atomic_store_explicit(&shown->words[i], word, memory_order_relaxed);
    }
    atomic_store_explicit(&shown->since_ns, t->loop->now_ns, memory_order_relaxed);
    atomic_store_explicit(&shown->version, version + 2, memory_order_release);
}

static void __attribute__((noinline)) suspend_with_text(weir_task *t)
{
    char text[ERROR_BYTES];
    size_t length = strnlen(t->loop->error, ERROR_BYTES - 1) + 1;
    memcpy(text, t->loop->error, length);
    context_switch(&t->context, &t->loop->context);
    memcpy(t->loop->error, text, length);
}

static void suspend(weir_task *t)
{
    if (t->loop->error[0]) {
        suspend_with_text(t);
    } else {
        context_switch(&t->context, &t->loop->context);
        t->loop->error[0] = 0;
    }
}

void task_ready(weir_task *t)
{
    struct scope *scope = t->scope;
    bool first = list_empty(scope->ready);
    t->state = TASK_READY;
    list_append(scope->ready, &t->link);
    if (first && scope->woken)
        scope->woken(scope);
}

/* A timeout takes effect unless a shield has been begun inside of it. */
static bool effective(const weir_task *t, const weir_timeout *timeout)
{
    return timeout && (uintptr_t)timeout->reserved[0] == t->shields;
}

int task_pending(weir_task *t)
{
    if (t->shields == 0 && (t->cancelled || t->broken))
        return -ECANCELED;
    if (!effective(t, t->timeouts))
        return 0;
    bool expired = false;
    uint64_t now = plat_now_ns();
    for (weir_timeout *timeout = t->timeouts; effective(t, timeout); timeout = timeout->outer) {
        timeout->expired = timeout->expired || timeout->due_ns <= now;
        expired = expired || timeout->expired;
    }
    return expired ? -ETIMEDOUT : 0;
}

/* One timer a task, for the earliest of what may end its wait. It is left set when the wait is over and only timeouts have set it: most
 * waits inside a timeout then touch no heap. */
static void set_timer(weir_task *t)
{
    uint64_t due = t->sleep_until;
    for (weir_timeout *timeout = t->timeouts; effective(t, timeout); timeout = timeout->outer)
        if (!timeout->expired && timeout->due_ns < due)
            due = timeout->due_ns;
    if (due == UINT64_MAX || (t->timer.set && t->timer.due_ns == due))
        return;
    timer_unset(&t->loop->timers, &t->timer);
    timer_set(&t->loop->timers, &t->timer, due);
}

void task_interrupt(weir_task *t, int why)
{
    weir_wait *w = t->wait;
    if (!w || w->done || w->cancelling || !w->cancel)
        return;
    w->cancelling = true;
    t->why = why;
    if (w->cancel(w))
        weir_wait_done(w, why);
}

void task_due(weir_task *t, uint64_t now)
{
    if (t->state != TASK_WAITS)
        return;
    if (t->sleep_until <= now) {
        weir_wait_done(t->wait, 0);
        return;
    }
    int why = task_pending(t);
    if (why)
        task_interrupt(t, why);
    if (t->state == TASK_WAITS && !t->wait->cancelling)
        set_timer(t);
}

static void wait_now(weir_task *t, weir_wait *w)
{
    set_timer(t);
    show_wait(t, w->what);
    t->state = TASK_WAITS;
    suspend(t);
    atomic_store_explicit(&t->shown.since_ns, 0, memory_order_relaxed);
}

int weir_wait_for(weir_task *t, weir_wait *w)
{
    w->task = t;
    if (!w->done) {
        t->wait = w;
        int why = task_pending(t);
        if (why)
            task_interrupt(t, why);
        if (!w->done)
            wait_now(t, w);
        t->wait = NULL;
        if (w->cancelling && w->result < 0)
            w->result = task_fail(t->why);
    }
    return w->result;
}

void weir_wait_done(weir_wait *w, int result)
{
    if (w->done)
        return;
    w->done = true;
    w->result = result;
    weir_task *t = w->task;
    if (t && t->wait == w && t->state == TASK_WAITS)
        task_ready(t);
}

int weir_yield(weir_task *t)
{
    int why = task_pending(t);
    if (why)
        return task_fail(why);
    task_ready(t);
    suspend(t);
    return 0;
}

/* ---- start, await, cancel ------------------------------------------------------------------------------------------------ */

weir_task *weir_task_start(weir_task *t, const char *name, weir_task_fn *fn, void *arg)
{
    weir_task *started = task_new(t->scope, name, fn, arg);
    if (!started) {
        task_fail(-ENOMEM);
        return NULL;
    }
    started->worker = t->worker;
    task_adopt(started);
    return started;
}

int weir_await(weir_task *t, weir_task *other, int *result)
{
    struct waiter waiter;
    if (other->state != TASK_DONE) {
        int error = waiters_wait(t, &other->awaiters, &waiter, other->name);
        if (error < 0)
            return error;
    }
    if (result)
        *result = other->result;
    if (other->result < 0)
        weir_fail("%s", other->message);
    task_free(other);
    return 0;
}

void weir_detach(weir_task *other)
{
    if (other->state == TASK_DONE) {
        report_failure(other);
        task_free(other);
    } else {
        other->detached = true;
    }
}

void task_strike(weir_task *t)
{
    groups_cancel(t);
    if (t->state == TASK_WAITS)
        task_interrupt(t, -ECANCELED);
}

void weir_cancel(weir_task *other)
{
    if (other->state == TASK_DONE || other->cancelled)
        return;
    other->cancelled = true;
    atomic_store_explicit(&other->shown.cancelled, true, memory_order_relaxed);
    if (other->shields == 0)
        task_strike(other);
}

bool weir_cancelled(const weir_task *t)
{
    return t->cancelled;
}

const char *weir_task_name(const weir_task *t)
{
    return t->name;
}

void weir_shield_begin(weir_task *t)
{
    t->shields++;
}

void weir_shield_end(weir_task *t)
{
    if (--t->shields == 0 && t->cancelled)
        groups_cancel(t);
}

/* ---- time ---------------------------------------------------------------------------------------------------------------- */

static bool wake_up(weir_wait *w)
{
    (void)w;
    return true;
}

uint64_t weir_task_now_ns(const weir_task *t)
{
    (void)t;
    return plat_now_ns();
}

int weir_sleep_until_ns(weir_task *t, uint64_t when_ns)
{
    weir_wait w = {.what = "sleep", .cancel = wake_up};
    if (when_ns <= plat_now_ns())
        return weir_yield(t);
    t->sleep_until = when_ns;
    int result = weir_wait_for(t, &w);
    t->sleep_until = UINT64_MAX;
    if (!t->timeouts)
        timer_unset(&t->loop->timers, &t->timer);
    return result;
}

static uint64_t after_ms(uint64_t ms)
{
    uint64_t now = plat_now_ns();
    return ms > (UINT64_MAX - now) / 1000000 ? UINT64_MAX : now + ms * 1000000;
}

int weir_sleep_ms(weir_task *t, uint64_t ms)
{
    return weir_sleep_until_ns(t, after_ms(ms));
}

void weir_timeout_begin(weir_task *t, weir_timeout *timeout, uint64_t ms)
{
    *timeout = (weir_timeout){.outer = t->timeouts, .due_ns = after_ms(ms), .reserved = {(void *)(uintptr_t)t->shields}};
    t->timeouts = timeout;
}

void weir_timeout_reset(weir_task *t, weir_timeout *timeout, uint64_t ms)
{
    timeout->due_ns = after_ms(ms);
    timeout->expired = false;
    if (t->state == TASK_WAITS) /* another task has done this for it */
        set_timer(t);
}

bool weir_timeout_end(weir_task *t, weir_timeout *timeout)
{
    t->timeouts = timeout->outer;
    if (!t->timeouts)
        timer_unset(&t->loop->timers, &t->timer);
    return timeout->expired;
}

/* ---- looking ------------------------------------------------------------------------------------------------------------- */

static void copy_wait(const struct shown *shown, char *text, size_t size)
{
    uint64_t words[sizeof shown->words / 8];
    uint32_t before, after;
    do {
        before = atomic_load_explicit(&shown->version, memory_order_acquire);
        for (size_t i = 0; i < sizeof shown->words / 8; i++)
            words[i] = atomic_load_explicit(&shown->words[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&shown->version, memory_order_relaxed);
    } while (before != after || before & 1);
    snprintf(text, size, "%.*s", (int)sizeof words, (const char *)words);
}

bool task_show(const weir_task *t, uint64_t now, weir_task_info *info)
{
    if (atomic_load_explicit(&t->shown.over, memory_order_relaxed))
        return false;
    memset(info, 0, sizeof *info);
    uint64_t since = atomic_load_explicit(&t->shown.since_ns, memory_order_relaxed);
    info->id = t->id;
    snprintf(info->name, sizeof info->name, "%s", t->name);
    snprintf(info->stage, sizeof info->stage, "%s", t->scope->stage);
    info->item = atomic_load_explicit(&t->shown.item, memory_order_relaxed);
    info->cancelled = atomic_load_explicit(&t->shown.cancelled, memory_order_relaxed);
    if (!since)
        return true;
    copy_wait(&t->shown, info->waits, sizeof info->waits);
    info->since_ns = now > since ? now - since : 0;
    return true;
}

void weir_tasks_here(weir_task *t, void (*visit)(void *arg, const weir_task_info *info), void *arg)
{
    uint64_t now = plat_now_ns();
    plat_lock(&t->loop->lock);
    for (struct link *l = list_first(&t->loop->tasks); l; l = list_next(&t->loop->tasks, l)) {
        weir_task_info info;
        if (task_show(list_of(l, weir_task, loop_link), now, &info))
            visit(arg, &info);
    }
    plat_unlock(&t->loop->lock);
}

void *weir_task_uv(weir_task *t)
{
    return poll_uv(t->loop->poll);
}
