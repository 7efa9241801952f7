/* SPDX-License-Identifier: MIT */
/*
 * asyncio.sleep(), timeout(), timeout_at(), reschedule() and wait_for(), in weir's words: a limit around whatever is waited
 * for.
 */
#include <errno.h>
#include <stdio.h>
#include <weir/async.h>

static const char *said(int result)
{
    return result == 0 ? "0" : result == -ETIMEDOUT ? "-ETIMEDOUT" : result == -ECANCELED ? "-ECANCELED" : "?";
}

/* What answers never; nobody sets it. */
static int wait_for_ever(weir_task *t)
{
    weir_event *never = weir_event_new();
    int result = weir_event_wait(t, never);
    weir_event_free(never);
    return result;
}

static void sleeping(weir_task *t)
{
    uint64_t start = weir_task_now_ns(t);
    printf("sleep: %s, ", said(weir_sleep_ms(t, 2)));
    printf("at least 2 ms later: %s\n", weir_task_now_ns(t) - start >= 2000000 ? "yes" : "no");
    printf("sleep until what is past: %s\n", said(weir_sleep_until_ns(t, start)));
}

static void in_time(weir_task *t)
{
    weir_timeout limit;
    weir_timeout_begin(t, &limit, 60000);
    printf("within its time: %s", said(weir_yield(t)));
    printf(", expired: %s\n", weir_timeout_end(t, &limit) ? "yes" : "no");
}

static void too_late(weir_task *t)
{
    weir_timeout limit;
    weir_timeout_begin(t, &limit, 2);
    printf("too late: %s", said(wait_for_ever(t)));
    printf(", waiting again: %s", said(weir_yield(t)));
    printf(", expired: %s\n", weir_timeout_end(t, &limit) ? "yes" : "no");
    printf("behind the end: %s\n", said(weir_yield(t)));
}

/* The outer limit strikes within the inner one, whose own time is not over. */
static void nested(weir_task *t)
{
    weir_timeout outer, inner;
    weir_timeout_begin(t, &outer, 2);
    weir_timeout_begin(t, &inner, 60000);
    printf("nested: %s", said(wait_for_ever(t)));
    printf(", inner expired: %s", weir_timeout_end(t, &inner) ? "yes" : "no");
    printf(", outer expired: %s\n", weir_timeout_end(t, &outer) ? "yes" : "no");
}

static void rescheduled(weir_task *t)
{
    weir_timeout limit;
    weir_timeout_begin(t, &limit, 60000);
    weir_timeout_reset(t, &limit, 2);
    printf("another limit: %s", said(wait_for_ever(t)));
    printf(", expired: %s\n", weir_timeout_end(t, &limit) ? "yes" : "no");
}

static void shielded(weir_task *t)
{
    weir_timeout limit;
    weir_timeout_begin(t, &limit, 1);
    weir_shield_begin(t);
    printf("shielded: %s", said(weir_sleep_ms(t, 3)));
    weir_shield_end(t);
    printf(", then: %s", said(weir_yield(t)));
    printf(", expired: %s\n", weir_timeout_end(t, &limit) ? "yes" : "no");
}

static int run(weir_task *t, void *arg)
{
    (void)arg;
    sleeping(t);
    in_time(t);
    too_late(t);
    nested(t);
    rescheduled(t);
    shielded(t);
    return 0;
}

int main(void)
{
    return weir_async_run(run, NULL) < 0;
}
