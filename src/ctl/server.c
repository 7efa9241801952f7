/* SPDX-License-Identifier: MIT */
/*
 * server.c - the control socket's clients, on libuv.
 *
 * A client is always in exactly one state, and reads requests only in the first:
 *
 *     READING --a line--> (answered at once) -----------------> WRITING --written--> READING
 *                     \-> WORKING, on a thread --done---------> WRITING
 *                     \-> WAITING for the pipeline's end -----> WRITING
 *                     \-> (answered) --> STREAMING <--------> WRITING, until the stream's end
 *
 * That is what bounds memory: one line, one request and one answer a client. A client that hangs up while WORKING is closed
 * when the work is done, because the work refers to it. While there is a stream the server listens too, between the lines and
 * while it writes them: to hear that the client is gone, and that it asks for something else.
 */
#include "ctl/server.h"

#include "ctl/session.h"
#include "ctl/socket.h"
#include "ctl/stream.h"
#include "ctl/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX    64
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define READ_BYTES     ((size_t)16 << 10)
#define FAREWELL_MS    1000

enum client_state { READING, WORKING, WAITING, WRITING, STREAMING };

struct client {
    uv_pipe_t pipe;
    struct server *server;
    enum client_state state;
    bool leaving;   /* close it when the work is done */
    bool skipping;  /* the line was too long: the rest of it is thrown away */
    uint64_t heard; /* the server's count of requests when this one's last came; the smallest is idle for longest */
    char *buffer;   /* what came, up to LINE_MAX_BYTES and one newline */
    size_t len, room;
    char *reply; /* being written */
    uv_write_t write;
    uv_work_t work; /* WORKING: the four below belong to the thread */
    const struct verb *verb;
    json_t *args;
    json_t *result;
    struct refusal refusal;
    struct stream *stream; /* not NULL: the answer goes on */
    uv_async_t *waker;     /* the stream's; memory of its own, since libuv lets go of it in its own time */
    const char *why;       /* not NULL: the stream is to end, for this reason */
};

struct server {
    uv_loop_t *loop;
    uv_pipe_t listener;
    uv_timer_t farewell;
    struct session *session;
    char path[SOCKET_PATH_MAX];
    struct client *clients[CLIENTS_MAX];
    size_t count;
    uint64_t heard;
    json_t *outcome; /* not NULL: the pipeline has ended */
};

static void next_request(struct client *client);
static void read_on(struct client *client);
static void stream_on(struct client *client);
static void stream_close(struct client *client);

/* ---- the end of a client ---------------------------------------------------------------------------------------------- */

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    json_decref(client->args);
    json_decref(client->result);
    free(client->buffer);
    free(client->reply);
    free(client);
}

static void leave_place(struct client *client)
{
    struct server *server = client->server;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (server->clients[i] == client)
            server->clients[i] = NULL;
    server->count--;
    if (server->count == 0 && server->outcome)
        uv_close((uv_handle_t *)&server->farewell, NULL);
}

/* The place is free at once, the client itself is when libuv lets go of it. */
static void client_close(struct client *client)
{
    client->leaving = true;
    if (client->state == WORKING || uv_is_closing((uv_handle_t *)&client->pipe))
        return;
    stream_close(client);
    leave_place(client);
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int status)
{
    struct client *client = write->data;
    free(client->reply);
    client->reply = NULL;
    client->state = client->stream ? STREAMING : READING;
    if (uv_is_closing((uv_handle_t *)&client->pipe))
        return;
    if (status >= 0 && !client->leaving && client->stream)
        stream_on(client);
    else if (status < 0 || client->leaving || client->server->outcome)
        client_close(client);
    else
        next_request(client);
}

/* Takes the text. */
static void write_out(struct client *client, char *text, size_t len)
{
    uv_buf_t buffer = uv_buf_init(text, (unsigned)len);
    client->state = WRITING;
    client->reply = text;
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1, on_written) != 0)
        client_close(client);
}

/* Takes the answer. */
static void reply(struct client *client, json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    if (!text) {
        client_close(client);
        return;
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* over the zero: the length is known */
    write_out(client, text, len + 1);
}

/* Takes the result. */
static void reply_result(struct client *client, json_t *result)
{
    json_t *answer = json_object();
    json_object_set_new(answer, "ok", json_true());
    json_object_set_new(answer, "result", result);
    reply(client, answer);
}

static void reply_refusal(struct client *client, const struct refusal *refusal)
{
    json_t *answer = json_object();
    json_object_set_new(answer, "ok", json_false());
    json_object_set_new(answer, "status", json_text(refusal->status));
    json_object_set_new(answer, "message", json_text(refusal->message));
    if (refusal->placed) {
        json_object_set_new(answer, "offset", json_integer((json_int_t)refusal->offset));
        json_object_set_new(answer, "length", json_integer((json_int_t)refusal->length));
    }
    reply(client, answer);
}

static void answer(struct client *client, json_t *result)
{
    if (result)
        reply_result(client, result);
    else
        reply_refusal(client, &client->refusal);
}

/* ---- streams ---------------------------------------------------------------------------------------------------------- */

static void on_waker_closed(uv_handle_t *handle)
{
    free(handle);
}

/* The stream first: it wakes from other threads. */
static void stream_close(struct client *client)
{
    if (client->stream) {
        uv_read_stop((uv_stream_t *)&client->pipe);
        client->stream->free(client->stream);
    }
    if (client->waker)
        uv_close((uv_handle_t *)client->waker, on_waker_closed);
    client->stream = NULL;
    client->waker = NULL;
}

static void wake_stream(void *arg)
{
    uv_async_send(arg);
}

static void on_woken(uv_async_t *waker)
{
    struct client *client = waker->data;
    if (client->stream && client->state == STREAMING)
        stream_on(client);
}

/* Writes what has gathered; between two writes, since the client is to take the one before the next. */
static void stream_on(struct client *client)
{
    size_t len;
    bool ended;
    if (client->len > 0 && !client->why) /* came together with the request for the stream */
        client->why = "asked";
    char *lines = client->stream->take(client->stream, client->why, &len, &ended);
    if (ended)
        stream_close(client);
    if (lines)
        write_out(client, lines, len);
    else if (ended)
        client_close(client); /* no memory for the last lines */
}

/* For a reason of the server's: the last lines say it. */
static void stream_end(struct client *client, const char *why)
{
    client->why = why;
    if (client->state == STREAMING)
        stream_on(client);
}

/* 0, or -1: no memory. */
static int waker_open(struct client *client)
{
    uv_async_t *waker = calloc(1, sizeof *waker);
    if (!waker)
        return -1;
    if (uv_async_init(client->server->loop, waker, on_woken) != 0) {
        free(waker);
        return -1;
    }
    waker->data = client;
    client->waker = waker;
    return 0;
}

static void stream_open(struct client *client)
{
    json_t *result = NULL;
    client->why = NULL;
    if (waker_open(client) != 0) {
        refuse(&client->refusal, "memory", "out of memory");
        reply_refusal(client, &client->refusal);
        return;
    }
    struct stream_wake wake = {wake_stream, client->waker};
    client->stream = client->verb->open(client->server->session, client->args, wake, &result, &client->refusal);
    if (!client->stream)
        stream_close(client);
    answer(client, result);
    if (client->stream)
        read_on(client);
}

/* ---- requests --------------------------------------------------------------------------------------------------------- */

static void work(uv_work_t *request)
{
    struct client *client = request->data;
    client->result = client->verb->answer(client->server->session, client->args, &client->refusal);
}

static void on_worked(uv_work_t *request, int status)
{
    (void)status;
    struct client *client = request->data;
    json_t *result = client->result;
    client->result = NULL;
    client->state = READING;
    if (client->leaving) {
        json_decref(result);
        client_close(client);
    } else {
        answer(client, result);
    }
}

static void start(struct client *client)
{
    struct server *server = client->server;
    if (client->verb->way == VERB_APART) {
        client->state = WORKING;
        client->work.data = client;
        uv_queue_work(server->loop, &client->work, work, on_worked);
        return;
    }
    if (client->verb->way == VERB_STREAM) {
        stream_open(client);
        return;
    }
    json_t *result = client->verb->answer(server->session, client->args, &client->refusal);
    if (client->verb->way == VERB_NOW || !result) {
        answer(client, result);
        return;
    }
    json_decref(result);
    client->state = WAITING;
    if (server->outcome)
        reply_result(client, json_incref(server->outcome));
}

/* 0, or -1 and the refusal. */
static int understand(struct client *client, const char *line, size_t len)
{
    json_error_t error;
    json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    const char *verb = json_string_value(json_object_get(request, "verb"));
    json_t *args = json_object_get(request, "args");
    client->verb = verb ? verb_find(verb) : NULL;
    json_decref(client->args);
    client->args = args ? json_incref(args) : json_object();
    if (!request)
        refuse(&client->refusal, "usage", "the request is not JSON: column %d: %s", error.column, error.text);
    else if (!verb)
        refuse(&client->refusal, "usage", "the request must be an object with a \"verb\"");
    else if (!client->verb)
        refuse(&client->refusal, "usage", "there is no verb \"%.64s\"", verb);
    bool known = client->verb != NULL;
    json_decref(request);
    return known ? verb_check(client->verb, client->args, &client->refusal) : -1;
}

static void on_line(struct client *client, const char *line, size_t len)
{
    client->heard = ++client->server->heard;
    if (understand(client, line, len) == 0)
        start(client);
    else
        reply_refusal(client, &client->refusal);
}

static void refuse_length(struct client *client)
{
    refuse(&client->refusal, "usage", "a request may have at most %zu bytes", LINE_MAX_BYTES);
    client->skipping = false;
    reply_refusal(client, &client->refusal);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct client *client = handle->data;
    size_t wanted = client->len + READ_BYTES;
    if (wanted > client->room) {
        size_t room = 2 * client->room > wanted ? 2 * client->room : wanted;
        char *grown = realloc(client->buffer, room);
        if (grown) {
            client->buffer = grown;
            client->room = room;
        }
    }
    /* Without memory there is no room, and libuv calls on_read with UV_ENOBUFS. */
    *buffer = uv_buf_init(client->buffer + client->len, wanted <= client->room ? (unsigned)READ_BYTES : 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    (void)buffer;
    struct client *client = stream->data;
    if (n < 0) {
        client_close(client);
        return;
    }
    client->len += (size_t)n;
    uv_read_stop(stream);
    if (client->stream)
        stream_end(client, "asked");
    else if (client->state == READING)
        next_request(client);
}

static void read_on(struct client *client)
{
    client->skipping |= client->len > LINE_MAX_BYTES;
    if (client->skipping)
        client->len = 0;
    if (uv_read_start((uv_stream_t *)&client->pipe, on_room, on_read) != 0)
        client_close(client);
}

/* Takes the next line out of what came, or reads on. */
static void next_request(struct client *client)
{
    char *end = client->len ? memchr(client->buffer, '\n', client->len) : NULL;
    if (!end) {
        read_on(client);
        return;
    }
    if (client->skipping)
        refuse_length(client);
    else
        on_line(client, client->buffer, (size_t)(end - client->buffer));
    client->len -= (size_t)(end - client->buffer) + 1;
    memmove(client->buffer, end + 1, client->len);
    if (client->len == 0) { /* one long request must not cost its memory for good */
        free(client->buffer);
        client->buffer = NULL;
        client->room = 0;
    }
}

/* ---- new clients ------------------------------------------------------------------------------------------------------ */

/* The directory keeps others out already; this holds even where somebody opened it up. */
static bool is_ours(const uv_pipe_t *pipe)
{
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)pipe, &fd) != 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

/* A free place; if there is none, that of the client that has been idle for longest. NULL when all of them are served. */
static struct client **find_place(struct server *server)
{
    struct client **oldest = NULL;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client **place = &server->clients[i];
        if (!*place)
            return place;
        bool served = (*place)->state == WORKING || (*place)->state == WAITING || (*place)->stream;
        if (!served && (!oldest || (*place)->heard < (*oldest)->heard))
            oldest = place;
    }
    if (oldest)
        client_close(*oldest);
    return oldest;
}

static void on_refused_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct client *client_new(struct server *server)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->server = server;
    client->heard = ++server->heard;
    uv_pipe_init(server->loop, &client->pipe, 0);
    client->pipe.data = client;
    return client;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *server = listener->data;
    struct client *client = status == 0 ? client_new(server) : NULL;
    if (!client)
        return;
    bool accepted = uv_accept(listener, (uv_stream_t *)&client->pipe) == 0 && is_ours(&client->pipe);
    struct client **place = accepted ? find_place(server) : NULL;
    if (!place) {
        uv_close((uv_handle_t *)&client->pipe, on_refused_closed);
        return;
    }
    *place = client;
    server->count++;
    next_request(client);
}

/* ---- the server ------------------------------------------------------------------------------------------------------- */

struct server *server_new(uv_loop_t *loop, struct session *session, int fd, const char *path)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) {
        socket_release(path);
        close(fd);
        return NULL;
    }
    server->loop = loop;
    server->session = session;
    snprintf(server->path, sizeof server->path, "%s", path);
    uv_timer_init(loop, &server->farewell);
    uv_pipe_init(loop, &server->listener, 0);
    server->listener.data = server->farewell.data = server;
    if (uv_pipe_open(&server->listener, fd) == 0 &&
        uv_listen((uv_stream_t *)&server->listener, CLIENTS_MAX, on_connection) == 0)
        return server;
    server_finish(server, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    server_free(server);
    return NULL;
}

static void on_farewell(uv_timer_t *timer)
{
    struct server *server = timer->data;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (server->clients[i])
            client_close(server->clients[i]);
}

void server_finish(struct server *server, json_t *outcome)
{
    server_unlink(server);
    server->outcome = outcome ? json_incref(outcome) : json_object();
    uv_close((uv_handle_t *)&server->listener, NULL);
    if (server->count == 0)
        uv_close((uv_handle_t *)&server->farewell, NULL);
    else
        uv_timer_start(&server->farewell, on_farewell, FAREWELL_MS, 0);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = server->clients[i];
        if (client && client->state == WAITING)
            reply_result(client, json_incref(server->outcome));
        else if (client && client->stream)
            stream_end(client, "ended");
        else if (client && client->state == READING)
            client_close(client);
    }
}

void server_unlink(struct server *server)
{
    if (server->path[0])
        socket_release(server->path);
    server->path[0] = '\0';
}

void server_free(struct server *server)
{
    if (server)
        json_decref(server->outcome);
    free(server);
}
