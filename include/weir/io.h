/* SPDX-License-Identifier: MIT */
/*
 * weir/io.h - streams for tasks: TCP and unix sockets, to connect to, to listen on, to read and to write.
 *
 * A stream or a listener belongs to the loop on which it was made, and to one task at a time: one may read while another writes, but no
 * two read, or write. Whoever has it closes it, when no task waits for it. All of it needs libuv: in the simulator every function answers
 * -ENOSYS.
 *
 * RESULTS are those of weir/async.h: 0 or more, or a negative errno value, which weir_error(NULL) has in words with the address.
 *
 * CANCELLING takes a read or an accept back as if it had not been asked for. A connect is given up. A write cannot be taken back:
 * nobody knows how much has arrived, so the stream is closed beneath it, and can only be closed by you;
 * who reads from it meanwhile gets -EPIPE.
 *
 * SIGPIPE. A write to a peer that has gone away raises it, as a plain write() does: the program ignores it (signal(SIGPIPE, SIG_IGN)),
 * and gets -EPIPE.
 */
#ifndef WEIR_IO_H
#define WEIR_IO_H

#include <sys/types.h>
#include <weir/async.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_stream weir_stream;
typedef struct weir_listener weir_listener;

/* To a host (a name or an address; each address that a name has is tried) and a port (a number or a service's name); to a socket
 * in the file system. TCP streams send at once (TCP_NODELAY). 0; -ECONNREFUSED, -ENOENT, -ENOMEM, ... and *stream is NULL. */
WEIR_API int weir_connect_tcp(weir_task *t, weir_stream **stream, const char *host, const char *port);
WEIR_API int weir_connect_unix(weir_task *t, weir_stream **stream, const char *path);

/* Listens on an address (not a name) and a port (0: any that is free, see weir_listener_port()); on a path that does not exist yet, and
 * is removed by the close. */
WEIR_API int weir_listen_tcp(weir_task *t, weir_listener **listener, const char *address, unsigned port, int backlog);
WEIR_API int weir_listen_unix(weir_task *t, weir_listener **listener, const char *path, int backlog);
WEIR_API unsigned weir_listener_port(const weir_listener *listener); /* 0: it has none */
WEIR_API void weir_listener_close(weir_listener *listener);          /* NULL is fine */

/* The next connection, as a stream. */
WEIR_API int weir_accept(weir_task *t, weir_listener *listener, weir_stream **stream);

/* Up to `size` bytes, at least one. 0: the peer has ended its side (or `size` is 0). Nothing is read from the peer beyond a buffer of 64 KiB that nobody
 * has asked for: it has to wait. */
WEIR_API ssize_t weir_read(weir_task *t, weir_stream *stream, void *buffer, size_t size);

/* Exactly `size` bytes. 0; -EPIPE: the peer has ended its side before; what came is lost. */
WEIR_API int weir_read_exactly(weir_task *t, weir_stream *stream, void *buffer, size_t size);

/* Up to the next `separator`, which is left out. *data lies in the stream's buffer until it is read from again. What stands behind the
 * last separator counts as one more piece, if it is not empty. 0; 1: the end; -EMSGSIZE: there is none in the first `max` bytes, which
 * stay unread. */
WEIR_API int weir_read_until(weir_task *t, weir_stream *stream, char separator, size_t max, const char **data, size_t *len);

/* Returns when the kernel has all of it: a peer that does not read holds up the task that writes. 0; -EPIPE, -ECONNRESET, ... */
WEIR_API int weir_write(weir_task *t, weir_stream *stream, const void *data, size_t len);

WEIR_API int weir_shutdown(weir_task *t, weir_stream *stream);       /* ends our side; what comes can still be read */
WEIR_API const char *weir_stream_peer(const weir_stream *stream);    /* "127.0.0.1:80", or a path; lives as long as the stream */
WEIR_API void weir_stream_close(weir_stream *stream);                /* at once; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
