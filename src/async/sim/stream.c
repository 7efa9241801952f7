/* SPDX-License-Identifier: MIT */
/* The simulator has no streams yet: every function says so. */
#include <errno.h>
#include <weir/io.h>

static int missing(void)
{
    weir_fail("there are no streams in the simulator");
    return -ENOSYS;
}

int weir_connect_tcp(weir_task *t, weir_stream **stream, const char *host, const char *port)
{
    (void)t, (void)host, (void)port;
    *stream = NULL;
    return missing();
}

int weir_connect_unix(weir_task *t, weir_stream **stream, const char *path)
{
    (void)t, (void)path;
    *stream = NULL;
    return missing();
}

int weir_listen_tcp(weir_task *t, weir_listener **listener, const char *address, unsigned port, int backlog)
{
    (void)t, (void)address, (void)port, (void)backlog;
    *listener = NULL;
    return missing();
}

int weir_listen_unix(weir_task *t, weir_listener **listener, const char *path, int backlog)
{
    (void)t, (void)path, (void)backlog;
    *listener = NULL;
    return missing();
}

unsigned weir_listener_port(const weir_listener *listener)
{
    (void)listener;
    return 0;
}

void weir_listener_close(weir_listener *listener)
{
    (void)listener;
}

int weir_accept(weir_task *t, weir_listener *listener, weir_stream **stream)
{
    (void)t, (void)listener;
    *stream = NULL;
    return missing();
}

ssize_t weir_read(weir_task *t, weir_stream *stream, void *buffer, size_t size)
{
    (void)t, (void)stream, (void)buffer, (void)size;
    return missing();
}

int weir_read_exactly(weir_task *t, weir_stream *stream, void *buffer, size_t size)
{
    (void)t, (void)stream, (void)buffer, (void)size;
    return missing();
}

int weir_read_until(weir_task *t, weir_stream *stream, char separator, size_t max, const char **data, size_t *len)
{
    (void)t, (void)stream, (void)separator, (void)max, (void)data, (void)len;
    return missing();
}

int weir_write(weir_task *t, weir_stream *stream, const void *data, size_t len)
{
    (void)t, (void)stream, (void)data, (void)len;
    return missing();
}

int weir_shutdown(weir_task *t, weir_stream *stream)
{
    (void)t, (void)stream;
    return missing();
}

const char *weir_stream_peer(const weir_stream *stream)
{
    (void)stream;
    return "";
}

void weir_stream_close(weir_stream *stream)
{
    (void)stream;
}
