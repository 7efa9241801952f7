/* SPDX-License-Identifier: MIT */
/*
 * stream.h - an answer that goes on: events, a line of JSON each, until the stream has come to its end or the client goes away.
 *
 * Whoever makes the events never waits for the client. The server asks for what has gathered when the client has taken what was
 * sent before; what does not find room meanwhile is counted, and lost. That bounds memory, too: a stream holds no more than it
 * declares, and the server one answer of take() a client.
 *
 *     open ---> take ---> take ---> ... ---> take with *ended, or the server's own reason to end ---> free
 */
#ifndef CTL_STREAM_H
#define CTL_STREAM_H

#include <stdbool.h>
#include <stddef.h>

/* How a stream says that there is something to take: any thread, does nothing but wake. */
struct stream_wake {
    void (*wake)(void *arg);
    void *arg;
};

/* The first member of what a verb's `open` makes. The functions are called on the server's thread. */
struct stream {
    /* What has gathered: whole lines in memory to be free()d, and their length. NULL and *len 0: nothing. *ended: nothing will
     * come after it. `why` is not NULL when the server ends the stream: these are the last lines then. */
    char *(*take)(struct stream *stream, const char *why, size_t *len, bool *ended);

    /* The end, once, at any time: `wake` is not called any more when it has returned. */
    void (*free)(struct stream *stream);
};

#endif
