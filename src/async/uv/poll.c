/* SPDX-License-Identifier: MIT */
/* Waiting for the world: a libuv loop with one timer, for the earliest of ours, and one async handle, by which it is woken. */
#include "async/poll.h"

#include <uv.h>

#include "plat/plat.h"

struct poll {
    uv_loop_t loop;
    uv_async_t async;
    uv_timer_t timer;
};

static void woken(uv_async_t *async)
{
    (void)async;
}

/* libuv runs timers before it waits as well: without this one that is due just then would be followed by a wait without end. */
static void due(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

struct poll *poll_new(void)
{
    struct poll *poll = plat_alloc(sizeof *poll);
    if (!poll)
        return NULL;
    if (uv_loop_init(&poll->loop) < 0)
        goto fail;
    uv_timer_init(&poll->loop, &poll->timer);
    if (uv_async_init(&poll->loop, &poll->async, woken) < 0)
        goto fail_async;
    return poll;
fail_async:
    uv_close((uv_handle_t *)&poll->timer, NULL);
    uv_run(&poll->loop, UV_RUN_DEFAULT);
    uv_loop_close(&poll->loop);
fail:
    plat_free(poll);
    return NULL;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void poll_free(struct poll *poll)
{
    uv_walk(&poll->loop, close_handle, NULL); /* ours, and what somebody forgot */
    uv_run(&poll->loop, UV_RUN_DEFAULT);
    uv_loop_close(&poll->loop);
    plat_free(poll);
}

void poll_wait(struct poll *poll, uint64_t deadline_ns)
{
    if (deadline_ns == 0) {
        uv_run(&poll->loop, UV_RUN_NOWAIT);
        return;
    }
    if (deadline_ns == UINT64_MAX) {
        uv_timer_stop(&poll->timer);
    } else {
        uint64_t now = plat_now_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
        uv_update_time(&poll->loop); /* libuv counts from when it last looked at the clock */
        uv_timer_start(&poll->timer, due, left / 1000000 + (left % 1000000 != 0), 0);
    }
    uv_run(&poll->loop, UV_RUN_ONCE);
}

void poll_wake(struct poll *poll)
{
    uv_async_send(&poll->async);
}

void *poll_uv(struct poll *poll)
{
    return &poll->loop;
}
