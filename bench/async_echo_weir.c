/* SPDX-License-Identifier: MIT */
/*
 * The echo server on tasks, one for each connection: it reads, writes what it has read, and so on.
 *
 * It does not use weir/io.h yet but brings its own few lines between libuv and a task, by weir_wait_for(): so what is
 * measured is what tasks cost, and not yet what weir's streams add to that.
 */
#include "async.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>
#include <weir/async.h>

#define BUFFER_BYTES 65536

/* A TCP handle, and who waits for it: only one task does, and never for two things at once. */
struct line {
    uv_tcp_t tcp;
    uv_write_t write;
    weir_wait *waiting; /* NULL: nobody */
    bool reads;         /* it waits for bytes, and not for room */
    int arrived;        /* of a listener: connections that were not accepted yet */
    int ended;          /* no more can be read, and why; 0: not yet */
    bool stopped;       /* nothing is read now: `in` is full */
    size_t length;      /* of what is in `in` */
    char *in, *out;     /* what comes is added to the one, while the task writes the other */
};

static void wake(struct line *line, int result)
{
    weir_wait *w = line->waiting;
    line->waiting = NULL;
    if (w)
        weir_wait_done(w, result);
}

static bool take_back(weir_wait *w)
{
    ((struct line *)w->data)->waiting = NULL;
    return true;
}

static int wait_for(weir_task *t, struct line *line, const char *what)
{
    weir_wait w = {.what = what, .cancel = take_back, .data = line};
    line->waiting = &w;
    return weir_wait_for(t, &w);
}

/* ---- a connection ----------------------------------------------------------------------------------------------------- */

static void find_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct line *line = handle->data;
    (void)suggested;
    *room = uv_buf_init(line->in + line->length, (unsigned)(BUFFER_BYTES - line->length));
}

/* Reading goes on while the task is at work: stopping and starting it costs two system calls each time. */
static void has_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct line *line = stream->data;
    (void)buf;
    if (n < 0)
        line->ended = (int)n;
    else
        line->length += (size_t)n;
    line->stopped = n < 0 || line->length == BUFFER_BYTES;
    if (line->stopped)
        uv_read_stop(stream);
    if (n != 0 && line->reads)
        wake(line, 0);
}

/* The number of bytes that are in `out` then. */
static int read_some(weir_task *t, struct line *line)
{
    line->reads = true;
    int result = line->length == 0 && !line->ended ? wait_for(t, line, "bytes of a socket") : 0;
    line->reads = false;
    if (result < 0 || line->length == 0)
        return result < 0 ? result : line->ended;
    char *full = line->in;
    int n = (int)line->length;
    line->in = line->out;
    line->out = full;
    line->length = 0;
    if (line->stopped && !line->ended)
        result = uv_read_start((uv_stream_t *)&line->tcp, find_room, has_read);
    line->stopped = false;
    return result < 0 ? result : n;
}

static void has_written(uv_write_t *write, int status)
{
    wake(write->handle->data, status);
}

static int write_all(weir_task *t, struct line *line, size_t length)
{
    uv_buf_t buf = uv_buf_init(line->out, (unsigned)length);
    int n = uv_try_write((uv_stream_t *)&line->tcp, &buf, 1);
    if (n == (int)length)
        return 0;
    if (n < 0 && n != UV_EAGAIN)
        return n;
    buf = n > 0 ? uv_buf_init(line->out + n, (unsigned)length - (unsigned)n) : buf;
    n = uv_write(&line->write, (uv_stream_t *)&line->tcp, &buf, 1, has_written);
    return n < 0 ? n : wait_for(t, line, "room in a socket");
}

static void has_closed(uv_handle_t *handle)
{
    wake(handle->data, 0);
}

static void hang_up(weir_task *t, struct line *line)
{
    weir_shield_begin(t);
    uv_close((uv_handle_t *)&line->tcp, has_closed);
    wait_for(t, line, "a socket to be closed");
    weir_shield_end(t);
    free(line->in);
    free(line->out);
    free(line);
}

static int echo(weir_task *t, void *arg)
{
    struct line *line = arg;
    int n = uv_read_start((uv_stream_t *)&line->tcp, find_room, has_read);
    while (n >= 0)
        if ((n = read_some(t, line)) > 0)
            n = write_all(t, line, (size_t)n);
    hang_up(t, line);
    return 0;
}

/* ---- the server ------------------------------------------------------------------------------------------------------- */

static void has_come(uv_stream_t *listener, int status)
{
    struct line *line = listener->data;
    line->arrived += status == 0;
    wake(line, 0);
}

static struct line *accept_line(struct line *listener)
{
    struct line *line = calloc(1, sizeof *line);
    if (!line || !(line->in = malloc(BUFFER_BYTES)) || !(line->out = malloc(BUFFER_BYTES)))
        return NULL;
    uv_tcp_init(listener->tcp.loop, &line->tcp);
    line->tcp.data = line;
    if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&line->tcp) != 0)
        return NULL;
    uv_tcp_nodelay(&line->tcp, 1);
    listener->arrived--;
    return line;
}

static int serve(weir_task *t, struct line *listener)
{
    weir_group *g = weir_group_begin(t);
    int result = g ? 0 : -ENOMEM;
    while (result == 0) {
        if (listener->arrived == 0)
            result = wait_for(t, listener, "a connection");
        struct line *line = result == 0 && listener->arrived > 0 ? accept_line(listener) : NULL;
        if (line)
            result = weir_group_start(g, "echo", echo, line);
    }
    return result; /* the process ends: what is open is the system's to close */
}

static int listen_and_serve(weir_task *t, void *arg)
{
    static struct line listener;
    struct sockaddr_in address;
    int length = sizeof address;
    (void)arg;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(weir_task_uv(t), &listener.tcp);
    listener.tcp.data = &listener;
    if (uv_tcp_bind(&listener.tcp, (struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener.tcp, 512, has_come) != 0 ||
        uv_tcp_getsockname(&listener.tcp, (struct sockaddr *)&address, &length) != 0)
        return -EIO;
    announce_port(ntohs(address.sin_port));
    return serve(t, &listener);
}

int serve_echo_by_weir(void)
{
    signal(SIGPIPE, SIG_IGN);
    return weir_async_run(listen_and_serve, NULL) < 0;
}
