/* SPDX-License-Identifier: MIT */
/*
 * Streams on libuv. libuv reads into the stream's buffer as long as that has room, whether somebody waits or not: to stop and start it
 * around each read would cost two system calls a message. What libuv still has is freed in its callback, never before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <uv.h>
#include <weir/io.h>

#define BUFFER_BYTES 65536
#define NAME_BYTES   112
#define PART_BYTES   ((size_t)16 << 20) /* handed to libuv at a time */

union handle {
    uv_handle_t any;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct weir_stream {
    union handle handle;
    char *buffer;
    size_t from, to, size; /* what was read and not asked for yet: [from, to) of `size` bytes */
    char *direct;          /* the memory of who waits for whatever comes: the next read goes there, not into the buffer */
    size_t direct_size, direct_got;
    bool reading, ended;
    int error;
    bool closing, closed, dropped; /* uv_close was called; its callback has come; the owner has let go */
    weir_wait *reader;
    char peer[NAME_BYTES];
    char what[NAME_BYTES + 16]; /* for who asks what a task waits for */
};

struct weir_listener {
    union handle handle;
    unsigned waiting; /* connections that nobody has accepted yet */
    bool tcp;
    weir_wait *acceptor;
    char name[NAME_BYTES];
};

/* What getaddrinfo() says is no errno value, in libuv neither. */
static int errno_of(int error)
{
    bool resolver = error <= UV_EAI_ADDRFAMILY && error >= UV_EAI_PROTOCOL;
    return !resolver ? error : error == UV_EAI_MEMORY ? -ENOMEM : error == UV_EAI_AGAIN ? -EAGAIN : -ENOENT;
}

static int fail(int error, const char *what, const char *name)
{
    weir_fail("%s %s: %s", what, name, uv_strerror(error));
    return errno_of(error);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------- */

static void stream_free(weir_stream *s)
{
    free(s->buffer);
    free(s);
}

static void stream_closed(uv_handle_t *handle)
{
    weir_stream *s = handle->data;
    s->closed = true;
    if (s->dropped)
        stream_free(s);
}

/* libuv says nothing to who reads: that is ours to do. */
static void begin_close(weir_stream *s)
{
    weir_wait *reader = s->reader;
    if (!s->closing)
        uv_close(&s->handle.any, stream_closed);
    s->closing = true;
    s->error = s->error ? s->error : -EPIPE;
    s->reader = NULL;
    if (reader)
        weir_wait_done(reader, 0);
}

void weir_stream_close(weir_stream *s)
{
    if (!s)
        return;
    s->dropped = true;
    if (s->closed)
        stream_free(s);
    else
        begin_close(s);
}

static weir_stream *stream_new(weir_task *t, bool tcp)
{
    weir_stream *s = calloc(1, sizeof *s);
    if (s)
        s->buffer = malloc(BUFFER_BYTES);
    if (!s || !s->buffer) {
        free(s);
        return NULL;
    }
    s->size = BUFFER_BYTES;
    int error = tcp ? uv_tcp_init(weir_task_uv(t), &s->handle.tcp) : uv_pipe_init(weir_task_uv(t), &s->handle.pipe, 0);
    s->handle.any.data = s;
    if (error == 0)
        return s;
    stream_free(s);
    return NULL;
}

const char *weir_stream_peer(const weir_stream *s)
{
    return s->peer;
}

static void name_address(const struct sockaddr *address, char *name, size_t size)
{
    char ip[64] = "?";
    bool six = address->sa_family == AF_INET6;
    unsigned port = ntohs(six ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_port
                              : ((const struct sockaddr_in *)(const void *)address)->sin_port);
    if (six)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)address, ip, sizeof ip);
    else
        uv_ip4_name((const struct sockaddr_in *)(const void *)address, ip, sizeof ip);
    snprintf(name, size, six ? "[%s]:%u" : "%s:%u", ip, port);
}

static void name_peer(weir_stream *s, const char *name)
{
    snprintf(s->peer, sizeof s->peer, "%s", name);
    snprintf(s->what, sizeof s->what, "%s", s->peer);
}

static void settle_tcp(weir_stream *s)
{
    struct sockaddr_storage address;
    int len = sizeof address;
    char name[NAME_BYTES] = "tcp";
    uv_tcp_nodelay(&s->handle.tcp, 1);
    if (uv_tcp_getpeername(&s->handle.tcp, (struct sockaddr *)&address, &len) == 0)
        name_address((struct sockaddr *)&address, name, sizeof name);
    name_peer(s, name);
}

/* ---- connecting ---------------------------------------------------------------------------------------------------------------- */

struct resolving {
    uv_getaddrinfo_t request;
    weir_wait wait;
    struct addrinfo *addresses;
};

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct resolving *r = request->data;
    r->addresses = addresses;
    weir_wait_done(&r->wait, status);
}

/* The callback comes in any case: at once if it could be cancelled, else when the name is known. */
static bool stop_resolving(weir_wait *w)
{
    struct resolving *r = w->data;
    uv_cancel((uv_req_t *)&r->request);
    return false;
}

struct connecting {
    uv_connect_t request;
    weir_wait wait;
    weir_stream *stream;
};

static void connected(uv_connect_t *request, int status)
{
    weir_wait_done(request->data, status);
}

static bool stop_connecting(weir_wait *w)
{
    begin_close(((struct connecting *)w->data)->stream); /* its callback comes with UV_ECANCELED */
    return false;
}

static int wait_connected(weir_task *t, struct connecting *c, const char *what)
{
    c->wait = (weir_wait){.what = what, .cancel = stop_connecting, .data = c};
    c->request.data = &c->wait;
    return weir_wait_for(t, &c->wait);
}

/* *stopped: the task was cancelled, or its time is over; a kernel that gives up answers -ETIMEDOUT as well. */
static int connect_to(weir_task *t, weir_stream **stream, const struct sockaddr *address, bool *stopped)
{
    struct connecting c = {.stream = stream_new(t, true)};
    char name[NAME_BYTES], what[NAME_BYTES + 16];
    *stopped = false;
    if (!c.stream)
        return -ENOMEM;
    name_address(address, name, sizeof name);
    snprintf(what, sizeof what, "connect to %s", name);
    c.request.data = &c.wait;
    int result = uv_tcp_connect(&c.request, &c.stream->handle.tcp, address, connected);
    if (result == 0)
        result = wait_connected(t, &c, what);
    *stopped = c.wait.cancelling;
    if (result < 0) {
        weir_stream_close(c.stream);
        return result;
    }
    settle_tcp(c.stream);
    *stream = c.stream;
    return 0;
}

int weir_connect_tcp(weir_task *t, weir_stream **stream, const char *host, const char *port)
{
    struct resolving r = {.wait = {.what = "a name's addresses", .cancel = stop_resolving, .data = &r}};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s port %s", host, port);
    *stream = NULL;
    r.request.data = &r;
    int result = uv_getaddrinfo(weir_task_uv(t), &r.request, resolved, host, port, &hints);
    if (result == 0)
        result = weir_wait_for(t, &r.wait);
    for (struct addrinfo *a = r.addresses; result >= 0 && a; a = a->ai_next) {
        bool stopped;
        int says = connect_to(t, stream, a->ai_addr, &stopped);
        if (says == 0 || stopped || !a->ai_next) {
            result = says;
            break;
        }
    }
    uv_freeaddrinfo(r.addresses);
    return result < 0 ? fail(result, "connect to", name) : 0;
}

/* libuv would cut it, and use another path. */
static bool too_long(const char *path)
{
    return strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path;
}

int weir_connect_unix(weir_task *t, weir_stream **stream, const char *path)
{
    *stream = NULL;
    if (too_long(path))
        return fail(-ENAMETOOLONG, "connect to", path);
    struct connecting c = {.stream = stream_new(t, false)};
    char what[NAME_BYTES + 16];
    if (!c.stream)
        return fail(-ENOMEM, "connect to", path);
    snprintf(what, sizeof what, "connect to %.100s", path);
    c.request.data = &c.wait;
    uv_pipe_connect(&c.request, &c.stream->handle.pipe, path, connected); /* its errors come by the callback */
    int result = wait_connected(t, &c, what);
    if (result < 0) {
        weir_stream_close(c.stream);
        return fail(result, "connect to", path);
    }
    name_peer(c.stream, path);
    *stream = c.stream;
    return 0;
}

/* ---- listening --------------------------------------------------------------------------------------------------------------------- */

static void listener_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void weir_listener_close(weir_listener *l)
{
    if (l)
        uv_close(&l->handle.any, listener_closed);
}

static void knocked(uv_stream_t *server, int status)
{
    weir_listener *l = server->data;
    weir_wait *acceptor = l->acceptor;
    if (status == 0)
        l->waiting++;
    l->acceptor = NULL;
    if (acceptor)
        weir_wait_done(acceptor, status);
}

static int listen_now(weir_listener **listener, weir_listener *l, int error, int backlog)
{
    if (error == 0)
        error = uv_listen(&l->handle.stream, backlog > 0 ? backlog : 128, knocked);
    if (error == 0) {
        *listener = l;
        return 0;
    }
    error = fail(error, "listen on", l->name);
    weir_listener_close(l);
    return error;
}

int weir_listen_tcp(weir_task *t, weir_listener **listener, const char *address, unsigned port, int backlog)
{
    struct sockaddr_storage at;
    weir_listener *l = calloc(1, sizeof *l);
    *listener = NULL;
    if (!l)
        return fail(-ENOMEM, "listen on", address);
    snprintf(l->name, sizeof l->name, "%.90s port %u", address, port);
    l->tcp = true;
    l->handle.any.data = l;
    if (uv_tcp_init(weir_task_uv(t), &l->handle.tcp) != 0) {
        free(l);
        return fail(-ENOMEM, "listen on", address);
    }
    l->handle.any.data = l;
    int error = port > 65535 ? -EINVAL : uv_ip4_addr(address, (int)port, (struct sockaddr_in *)&at);
    if (error != 0 && port <= 65535)
        error = uv_ip6_addr(address, (int)port, (struct sockaddr_in6 *)&at);
    if (error == 0)
        error = uv_tcp_bind(&l->handle.tcp, (struct sockaddr *)&at, 0);
    return listen_now(listener, l, error, backlog);
}

int weir_listen_unix(weir_task *t, weir_listener **listener, const char *path, int backlog)
{
    *listener = NULL;
    if (too_long(path))
        return fail(-ENAMETOOLONG, "listen on", path);
    weir_listener *l = calloc(1, sizeof *l);
    if (!l)
        return fail(-ENOMEM, "listen on", path);
    snprintf(l->name, sizeof l->name, "%s", path);
    uv_pipe_init(weir_task_uv(t), &l->handle.pipe, 0);
    l->handle.any.data = l;
    return listen_now(listener, l, uv_pipe_bind(&l->handle.pipe, path), backlog);
}

unsigned weir_listener_port(const weir_listener *l)
{
    struct sockaddr_storage address;
    int len = sizeof address;
    if (!l->tcp || uv_tcp_getsockname(&l->handle.tcp, (struct sockaddr *)&address, &len) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static bool stop_accepting(weir_wait *w)
{
    ((weir_listener *)w->data)->acceptor = NULL;
    return true;
}

int weir_accept(weir_task *t, weir_listener *l, weir_stream **stream)
{
    *stream = NULL;
    if (l->waiting == 0) {
        char what[NAME_BYTES + 32];
        snprintf(what, sizeof what, "a connection to %s", l->name);
        weir_wait w = {.what = what, .cancel = stop_accepting, .data = l};
        l->acceptor = &w;
        int result = weir_wait_for(t, &w);
        if (result < 0)
            return result;
    }
    weir_stream *s = stream_new(t, l->tcp);
    if (!s)
        return fail(-ENOMEM, "accept on", l->name);
    int error = uv_accept(&l->handle.stream, &s->handle.stream);
    l->waiting--;
    if (error < 0) {
        weir_stream_close(s);
        return fail(error, "accept on", l->name);
    }
    if (l->tcp)
        settle_tcp(s);
    else
        name_peer(s, l->name);
    *stream = s;
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------------- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    weir_stream *s = handle->data;
    (void)suggested;
    if (s->direct)
        *buf = uv_buf_init(s->direct, (unsigned)s->direct_size);
    else
        *buf = uv_buf_init(s->buffer + s->to, (unsigned)(s->size - s->to));
}

static void stop_reading(weir_stream *s)
{
    uv_read_stop(&s->handle.stream);
    s->reading = false;
}

static void have_read(uv_stream_t *handle, ssize_t got, const uv_buf_t *buf)
{
    weir_stream *s = handle->data;
    weir_wait *reader = s->reader;
    if (got == 0)
        return;
    bool direct = s->direct && buf->base == s->direct;
    s->direct = NULL;
    if (got > 0 && direct)
        s->direct_got = (size_t)got;
    else if (got > 0)
        s->to += (size_t)got;
    else if (got == UV_EOF)
        s->ended = true;
    else
        s->error = (int)got;
    if (got < 0 || s->to == s->size)
        stop_reading(s);
    s->reader = NULL;
    if (reader)
        weir_wait_done(reader, 0);
}

static bool stop_waiting(weir_wait *w)
{
    ((weir_stream *)w->data)->reader = NULL;
    return true;
}

/* More in the buffer than there was. 0; 1: nothing more comes; or an error. There is room for it. */
static int read_more(weir_task *t, weir_stream *s)
{
    if (s->ended)
        return 1;
    if (s->error)
        return fail(s->error, "read from", s->peer);
    if (s->from == s->to)
        s->from = s->to = 0;
    if (!s->reading) {
        int error = uv_read_start(&s->handle.stream, give_buffer, have_read);
        if (error < 0)
            return fail(error, "read from", s->peer);
        s->reading = true;
    }
    size_t before = s->to;
    weir_wait w = {.what = s->what, .cancel = stop_waiting, .data = s};
    s->reader = &w;
    int result = weir_wait_for(t, &w);
    if (result < 0)
        return result;
    return s->to > before || s->direct_got ? 0 : s->ended ? 1 : fail(s->error, "read from", s->peer);
}

static size_t take(weir_stream *s, void *buffer, size_t size)
{
    size_t n = s->to - s->from < size ? s->to - s->from : size;
    memcpy(buffer, s->buffer + s->from, n);
    s->from += n;
    if (s->from == s->to)
        s->from = s->to = 0;
    return n;
}

ssize_t weir_read(weir_task *t, weir_stream *s, void *buffer, size_t size)
{
    if (size == 0)
        return 0;
    if (s->from == s->to) {
        s->direct = buffer;
        s->direct_size = size < UINT32_MAX ? size : UINT32_MAX;
        s->direct_got = 0;
        int result = read_more(t, s);
        size_t got = s->direct_got;
        s->direct = NULL;
        s->direct_got = 0;
        if (got || result != 0)
            return got ? (ssize_t)got : result < 0 ? result : 0;
    }
    return (ssize_t)take(s, buffer, size);
}

int weir_read_exactly(weir_task *t, weir_stream *s, void *buffer, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = weir_read(t, s, (char *)buffer + got, size - got);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return fail(-EPIPE, "read from", s->peer);
        got += (size_t)n;
    }
    return 0;
}

/* Room behind what is in the buffer, for up to `max` bytes of one piece. */
static bool make_room(weir_stream *s, size_t max)
{
    if (s->from > 0) {
        memmove(s->buffer, s->buffer + s->from, s->to - s->from);
        s->to -= s->from;
        s->from = 0;
    }
    if (s->to < s->size || s->size > max)
        return true;
    char *more = realloc(s->buffer, s->size * 2);
    if (!more)
        return false;
    s->buffer = more;
    s->size *= 2;
    return true;
}

static int give_piece(weir_stream *s, size_t len, size_t skip, const char **data, size_t *out)
{
    *data = s->buffer + s->from;
    *out = len;
    s->from += len + skip; /* the buffer stays as it is until the next read */
    return 0;
}

int weir_read_until(weir_task *t, weir_stream *s, char separator, size_t max, const char **data, size_t *len)
{
    size_t seen = 0;
    for (;;) {
        const char *start = s->buffer + s->from, *end = memchr(start + seen, separator, s->to - s->from - seen);
        if (end && (size_t)(end - start) <= max)
            return give_piece(s, (size_t)(end - start), 1, data, len);
        seen = s->to - s->from;
        if (end || seen > max) {
            weir_fail("read from %s: no end within %zu bytes; expected shorter pieces", s->peer, max);
            return -EMSGSIZE;
        }
        if (!make_room(s, max))
            return fail(-ENOMEM, "read from", s->peer);
        int result = read_more(t, s);
        if (result == 1 && seen > 0)
            return give_piece(s, seen, 0, data, len);
        if (result != 0)
            return result;
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------ */

struct writing {
    uv_write_t request;
    weir_wait wait;
    weir_stream *stream;
};

static void written(uv_write_t *request, int status)
{
    weir_wait_done(request->data, status);
}

static bool stop_writing(weir_wait *w)
{
    begin_close(((struct writing *)w->data)->stream); /* the callback comes with UV_ECANCELED */
    return false;
}

static int write_part(weir_task *t, weir_stream *s, const char *data, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len); /* only read */
    if (s->closing)
        return fail(-EPIPE, "write to", s->peer);
    int sent = uv_try_write(&s->handle.stream, &buf, 1);
    if (sent == (int)len)
        return 0;
    if (sent < 0 && sent != UV_EAGAIN)
        return fail(sent, "write to", s->peer);
    struct writing w = {.wait = {.what = s->what, .cancel = stop_writing, .data = &w}, .stream = s};
    w.request.data = &w.wait;
    buf.base += sent > 0 ? sent : 0;
    buf.len -= sent > 0 ? (size_t)sent : 0;
    int result = uv_write(&w.request, &s->handle.stream, &buf, 1, written);
    if (result == 0)
        result = weir_wait_for(t, &w.wait);
    return result < 0 ? fail(result, "write to", s->peer) : 0;
}

/* In parts, since libuv counts in 32 bits; and whoever writes much gives way in between. */
int weir_write(weir_task *t, weir_stream *s, const void *data, size_t len)
{
    const char *part = data;
    int result = s->closing ? fail(-EPIPE, "write to", s->peer) : 0;
    for (size_t n; result == 0 && len > 0; part += n, len -= n) {
        n = len < PART_BYTES ? len : PART_BYTES;
        result = write_part(t, s, part, n);
    }
    return result;
}

static void shut(uv_shutdown_t *request, int status)
{
    weir_wait_done(request->data, status);
}

/* What was written has been handed to the kernel, so this is at once; and is not cancelled. */
int weir_shutdown(weir_task *t, weir_stream *s)
{
    uv_shutdown_t request;
    weir_wait w = {.what = "the end of our side of a stream"};
    request.data = &w;
    int result = s->closing ? -EPIPE : uv_shutdown(&request, &s->handle.stream, shut);
    if (result == 0)
        result = weir_wait_for(t, &w);
    return result < 0 ? fail(result, "end our side to", s->peer) : 0;
}
