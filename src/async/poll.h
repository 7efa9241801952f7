/* SPDX-License-Identifier: MIT */
/*
 * poll.h - where a loop waits when it has nothing to do: for the world (uv/poll.c), or for virtual time (sim/poll.c).
 */
#ifndef ASYNC_POLL_H
#define ASYNC_POLL_H

#include <stdint.h>

struct poll;

struct poll *poll_new(void); /* NULL: no memory */
void poll_free(struct poll *poll);

/* Waits until the deadline (on plat_now_ns()'s clock; 0: looks only; UINT64_MAX: none), until poll_wake(), or until something has
 * happened; runs the callbacks of what has. May return early. The loop's thread. */
void poll_wait(struct poll *poll, uint64_t deadline_ns);

/* Makes the wait that is on, or the next, return. Any thread. */
void poll_wake(struct poll *poll);

void *poll_uv(struct poll *poll); /* the uv_loop_t, or NULL */

#endif
