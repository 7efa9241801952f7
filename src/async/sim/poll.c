/* SPDX-License-Identifier: MIT */
/* Waiting in virtual time: there is no world, only other threads and the clock. */
#include "async/poll.h"

#include <stdbool.h>

#include "plat/plat.h"

struct poll {
    struct plat_lock lock;
    struct plat_cond cond;
    bool woken;
};

struct poll *poll_new(void)
{
    struct poll *poll = plat_alloc(sizeof *poll);
    if (!poll)
        return NULL;
    if (plat_lock_init(&poll->lock) < 0)
        goto fail;
    if (plat_cond_init(&poll->cond) < 0)
        goto fail_cond;
    return poll;
fail_cond:
    plat_lock_free(&poll->lock);
fail:
    plat_free(poll);
    return NULL;
}

void poll_free(struct poll *poll)
{
    plat_cond_free(&poll->cond);
    plat_lock_free(&poll->lock);
    plat_free(poll);
}

void poll_wait(struct poll *poll, uint64_t deadline_ns)
{
    plat_lock(&poll->lock);
    while (!poll->woken && deadline_ns)
        if (!plat_wait(&poll->cond, &poll->lock, deadline_ns))
            break;
    poll->woken = false;
    plat_unlock(&poll->lock);
}

void poll_wake(struct poll *poll)
{
    plat_lock(&poll->lock);
    poll->woken = true;
    plat_signal(&poll->cond);
    plat_unlock(&poll->lock);
}

void *poll_uv(struct poll *poll)
{
    (void)poll;
    return NULL;
}
