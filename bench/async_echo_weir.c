/* SPDX-License-Identifier: MIT */
/* The echo server on tasks, one for each connection: it reads, writes what it has read, and so on (weir/io.h). */
#include "async.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <weir/io.h>

#define BUFFER_BYTES 16384

static int echo(weir_task *t, void *stream)
{
    char *buffer = malloc(BUFFER_BYTES);
    ssize_t n;
    while (buffer && (n = weir_read(t, stream, buffer, BUFFER_BYTES)) > 0)
        if (weir_write(t, stream, buffer, (size_t)n) < 0)
            break;
    free(buffer);
    weir_stream_close(stream);
    return 0;
}

/* Until the process is ended: what is open then is the system's to close. */
static int listen_and_serve(weir_task *t, void *arg)
{
    weir_listener *listener;
    weir_stream *stream;
    (void)arg;
    int result = weir_listen_tcp(t, &listener, "127.0.0.1", 0, 512);
    weir_group *g = weir_group_begin(t);
    if (result < 0 || !g)
        return result < 0 ? result : -ENOMEM;
    announce_port(weir_listener_port(listener));
    while ((result = weir_accept(t, listener, &stream)) == 0)
        weir_group_start(g, "echo", echo, stream);
    return result;
}

int serve_echo_by_weir(void)
{
    signal(SIGPIPE, SIG_IGN);
    return weir_async_run(listen_and_serve, NULL) < 0;
}
