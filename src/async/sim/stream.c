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
