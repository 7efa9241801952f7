/* SPDX-License-Identifier: MIT */
/*
 * server.h - the socket of a running pipeline: clients ask verbs of it (weir/client.h says how a request looks).
 *
 * It lives on a libuv loop, on one thread, and every function is called from there. No client can hold up another, or the
 * pipeline: a client's next request is read only when its last answer has been taken, a request has at most 1 MiB, writing
 * never blocks, edits run on threads beside the loop, and when all places for clients are in use, the one that has been
 * idle for longest loses its place.
 *
 * Life: new, then the loop runs, then finish when the pipeline has ended; when the loop has run dry, free.
 */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include <jansson.h>
#include <uv.h>

struct server;
struct session;

/* Takes the listening descriptor `fd` and its `path` (socket_claim()), also on failure; lends the rest. NULL: an error
 * of the system or no memory. */
struct server *server_new(uv_loop_t *loop, struct session *session, int fd, const char *path);

/* The pipeline has ended: removes the socket, answers those who wait for the end with `outcome` (lent), and closes every
 * connection, after answers that are on their way, within a second. */
void server_finish(struct server *server, json_t *outcome);

/* Only the socket's name goes away; for a process that is about to end at once. */
void server_unlink(struct server *server);

void server_free(struct server *server); /* NULL is fine */

#endif
