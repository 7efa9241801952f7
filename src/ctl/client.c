/* SPDX-License-Identifier: MIT */
/*
 * client.c - weir/client.h: one connection, one call at a time, blocking.
 *
 * What was received and not handed over yet stands in a buffer: of a tap's events several come at once.
 *
 * After a call that failed, what stands in the connection is not known (half a request, a late reply), so that it is not used
 * again.
 */
#include <weir/client.h>

#include "ctl/socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX ((size_t)1 << 20)
#define LAST_EVENT  "{\"event\":\"end\"" /* as tap.c writes it */
#define REPLY_MAX   ((size_t)64 << 20)   /* a wrong peer must not fill our memory */

struct weir_client {
    int fd;
    pid_t pid;
    bool broken;
    unsigned timeout_ms;
    char *buffer;     /* what came and was not handed over yet */
    size_t len, room; /* of it; bytes */
    size_t searched;  /* so much of it holds no newline */
    char name[SOCKET_NAME_MAX + 1];
    char error[256];
};

WEIR_PRINTF(2, 3) static int fail(weir_client *client, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(client->error, sizeof client->error, format, args);
    va_end(args);
    client->broken = true;
    return WEIR_CLIENT_FAILED;
}

static int fail_broken(weir_client *client)
{
    return fail(client, "the connection to %s is not usable after the call that failed", client->name);
}

weir_client *weir_client_connect(const char *name, char *error, size_t size)
{
    pid_t pid;
    int fd = socket_connect(name, &pid, error, size);
    if (fd < 0)
        return NULL;
    weir_client *client = calloc(1, sizeof *client);
    if (!client) {
        close(fd);
        snprintf(error, size, "out of memory");
        return NULL;
    }
    client->fd = fd;
    client->pid = pid;
    snprintf(client->name, sizeof client->name, "%s", name);
    return client;
}

void weir_client_timeout(weir_client *client, unsigned timeout_ms)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    client->timeout_ms = timeout_ms;
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static int fail_transfer(weir_client *client)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return fail(client, "%s (process %d) did not answer within %.3g s", client->name, (int)client->pid,
                    client->timeout_ms / 1000.0),
               WEIR_CLIENT_TIMEOUT;
    if (errno == EPIPE || errno == ECONNRESET)
        return fail(client, "%s (process %d) closed the connection without an answer", client->name, (int)client->pid);
    return fail(client, "talking to %s (process %d): %s", client->name, (int)client->pid, strerror(errno));
}

static int send_all(weir_client *client, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_transfer(client);
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

/* Room for at least one more byte, and a zero behind it. */
static int make_room(weir_client *client)
{
    if (client->len + 1 < client->room)
        return 0;
    size_t room = client->room ? 2 * client->room : 4096;
    char *grown = room <= REPLY_MAX ? realloc(client->buffer, room) : NULL;
    if (!grown)
        return fail(client, "no memory for a reply of more than %zu bytes", client->len);
    client->buffer = grown;
    client->room = room;
    return 0;
}

/* More of what the pipeline sends. A time limit is not yet a failure here: see weir_client_next(). */
static int receive(weir_client *client)
{
    if (make_room(client) != 0)
        return WEIR_CLIENT_FAILED;
    for (;;) {
        ssize_t n = recv(client->fd, client->buffer + client->len, client->room - client->len - 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            return fail_transfer(client);
        }
        client->len += (size_t)n;
        return 0;
    }
}

/* Hands over the first line of the buffer, whose newline is at `end`, and moves up what came behind it. */
static int take_line(weir_client *client, const char *end, char **line)
{
    size_t len = (size_t)(end - client->buffer);
    *line = strndup(client->buffer, len);
    if (!*line)
        return fail(client, "no memory for a reply of %zu bytes", len);
    client->len -= len + 1;
    memmove(client->buffer, end + 1, client->len);
    client->searched = 0;
    return strncmp(*line, LAST_EVENT, strlen(LAST_EVENT)) == 0 ? WEIR_CLIENT_LAST : 0;
}

int weir_client_next(weir_client *client, char **line)
{
    if (client->broken)
        return fail_broken(client);
    for (;;) {
        size_t fresh = client->len - client->searched;
        const char *end = fresh ? memchr(client->buffer + client->searched, '\n', fresh) : NULL;
        if (end)
            return take_line(client, end, line);
        client->searched = client->len;
        int status = receive(client);
        if (status == WEIR_CLIENT_TIMEOUT)
            client->broken = false; /* what came so far is kept */
        if (status != 0)
            return status;
    }
}

/* ---- calls ------------------------------------------------------------------------------------------------------------ */

int weir_client_send(weir_client *client, const char *verb, const char *args)
{
    char *request;
    if (client->broken)
        return fail_broken(client);
    if (verb[0] == '\0' || verb[strspn(verb, "abcdefghijklmnopqrstuvwxyz")] != '\0' || (args && strchr(args, '\n')))
        return fail(client, "a verb is lower-case letters, and its arguments are one line");
    int len = asprintf(&request, "{\"verb\":\"%s\",\"args\":%s}\n", verb, args ? args : "{}");
    if (len < 0)
        return fail(client, "out of memory");
    if ((size_t)len > REQUEST_MAX) {
        free(request);
        return fail(client, "the request has %d bytes; at most %zu are taken", len, REQUEST_MAX);
    }
    int status = send_all(client, request, (size_t)len);
    free(request);
    return status;
}

/* A reply that comes late would be taken for that to the next request: after a time limit here, the client is of no more use. */
int weir_client_call(weir_client *client, const char *verb, const char *args, char **reply)
{
    int status = weir_client_send(client, verb, args);
    if (status == 0)
        status = weir_client_next(client, reply);
    if (status < 0)
        client->broken = true;
    return status;
}

int weir_client_fd(const weir_client *client)
{
    return client->fd;
}

const char *weir_client_error(const weir_client *client)
{
    return client->error;
}

int weir_client_pid(const weir_client *client)
{
    return (int)client->pid;
}

void weir_client_close(weir_client *client)
{
    if (!client)
        return;
    close(client->fd);
    free(client->buffer);
    free(client);
}
