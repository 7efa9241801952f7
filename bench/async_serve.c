/* SPDX-License-Identifier: MIT */
/*
 * The hand-written servers on libuv that weir is measured beside, and what starts and stops a server. They do what is needed
 * and no more: a reader of a connection's bytes, who answers at once, and stops reading while an answer does not fit into
 * the socket.
 */
#include "async.h"
#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* ---- children --------------------------------------------------------------------------------------------------------- */

bool server_start(struct server *s, const char *const *argv)
{
    char line[16] = {0};
    size_t length = 0;
    s->pid = child_start(argv, &s->input, &s->output);
    while (length < sizeof line - 1 && read(s->output, line + length, 1) == 1 && line[length] != '\n')
        length++;
    s->port = (unsigned short)atoi(line);
    if (s->port != 0)
        return true;
    server_stop(s);
    return false;
}

bool server_start_role(struct server *s, const char *role)
{
    return server_start(s, (const char *const[]){"/proc/self/exe", "--play", role, NULL});
}

void server_stop(struct server *s)
{
    struct child_result result;
    kill(s->pid, SIGKILL);
    child_wait(s->pid, &result);
    close(s->input);
    close(s->output);
}

const char *script_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", BENCH_SOURCE_DIR, name);
    return path;
}

void announce_port(unsigned short port)
{
    printf("%u\n", port);
    fflush(stdout);
}

/* ---- connections ------------------------------------------------------------------------------------------------------ */

#define REQUEST_MAX 65536

struct peer {
    uv_tcp_t tcp;
    uv_write_t write;
    size_t length; /* HTTP: of what came of a request that is not complete */
    char buffer[REQUEST_MAX];
};

static void free_peer(uv_handle_t *handle)
{
    free(handle->data);
}

static void hang_up(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp))
        uv_close((uv_handle_t *)&peer->tcp, free_peer);
}

static void find_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct peer *peer = handle->data;
    (void)suggested;
    *room = uv_buf_init(peer->buffer + peer->length, (unsigned)(sizeof peer->buffer - peer->length));
}

/* Writes the whole answer, or as much as fits; true if all of it did. The rest is lent to libuv until `written`. */
static bool answer(struct peer *peer, char *data, size_t length, uv_write_cb written)
{
    uv_buf_t buf = uv_buf_init(data, (unsigned)length);
    int n = uv_try_write((uv_stream_t *)&peer->tcp, &buf, 1);
    if (n == (int)length)
        return true;
    if (n < 0 && n != UV_EAGAIN) {
        hang_up(peer);
        return false;
    }
    buf = n > 0 ? uv_buf_init(data + n, (unsigned)length - (unsigned)n) : buf;
    uv_read_stop((uv_stream_t *)&peer->tcp);
    if (uv_write(&peer->write, (uv_stream_t *)&peer->tcp, &buf, 1, written) != 0)
        hang_up(peer);
    return false;
}

/* ---- echo ------------------------------------------------------------------------------------------------------------- */

static void echo(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void echo_on(uv_write_t *write, int status)
{
    struct peer *peer = write->handle->data;
    if (status != 0 || uv_read_start(write->handle, find_room, echo) != 0)
        hang_up(peer);
}

static void echo(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    if (n < 0)
        hang_up(stream->data);
    else if (n > 0)
        answer(stream->data, buf->base, (size_t)n, echo_on);
}

/* ---- HTTP: every request is answered with the same page ---------------------------------------------------------------- */

static char page[1200]; /* set once, before anybody reads it */

static void write_page(void)
{
    int head = snprintf(page, sizeof page, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n");
    memset(page + head, 'x', 1024);
    page[head + 1024] = 0;
}

static void serve_page(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void serve_on(uv_write_t *write, int status)
{
    struct peer *peer = write->handle->data;
    if (status != 0 || uv_read_start(write->handle, find_room, serve_page) != 0)
        hang_up(peer);
}

/* Clients that do not send the next request before the answer to this one: no more than one is ever complete. */
static void serve_page(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;
    (void)buf;
    if (n < 0 || peer->length + (size_t)n == sizeof peer->buffer) {
        hang_up(peer);
        return;
    }
    peer->length += (size_t)n;
    if (peer->length < 4 || memcmp(peer->buffer + peer->length - 4, "\r\n\r\n", 4) != 0)
        return;
    peer->length = 0;
    answer(peer, page, strlen(page), serve_on);
}

/* ---- both ------------------------------------------------------------------------------------------------------------- */

static uv_read_cb on_read; /* set once, before the first connection */

static void welcome(uv_stream_t *listener, int status)
{
    struct peer *peer = status == 0 ? malloc(sizeof *peer) : NULL;
    if (!peer)
        return;
    peer->length = 0;
    uv_tcp_init(listener->loop, &peer->tcp);
    peer->tcp.data = peer;
    if (uv_accept(listener, (uv_stream_t *)&peer->tcp) != 0 || uv_tcp_nodelay(&peer->tcp, 1) != 0 ||
        uv_read_start((uv_stream_t *)&peer->tcp, find_room, on_read) != 0)
        hang_up(peer);
}

static int serve(uv_read_cb read)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    int length = sizeof address;
    signal(SIGPIPE, SIG_IGN);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &listener);
    on_read = read;
    if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 || uv_listen((uv_stream_t *)&listener, 512, welcome) != 0 ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length) != 0)
        return 1;
    announce_port(ntohs(address.sin_port));
    return uv_run(loop, UV_RUN_DEFAULT);
}

int serve_echo_by_uv(void)
{
    return serve(echo);
}

int serve_http_by_uv(void)
{
    write_page();
    return serve(serve_page);
}
