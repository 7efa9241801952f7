/* SPDX-License-Identifier: MIT */
/*
 * client.c - weir/client.h: one connection, one call at a time, blocking.
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
#define REPLY_MAX   ((size_t)64 << 20) /* a wrong peer must not fill our memory */

struct weir_client {
    int fd;
    pid_t pid;
    bool broken;
    unsigned timeout_ms;
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

/* Reads up to the first newline, which is where the reply ends: one call at a time, so nothing can follow. */
static int receive_line(weir_client *client, char **line)
{
    size_t len = 0, room = 0;
    char *text = NULL;
    for (;;) {
        if (len + 1 >= room) {
            room = room ? 2 * room : 4096;
            char *grown = room <= REPLY_MAX ? realloc(text, room) : NULL;
            if (!grown) {
                free(text);
                return fail(client, "no memory for a reply of more than %zu bytes", len);
            }
            text = grown;
        }
        ssize_t n = recv(client->fd, text + len, room - len - 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            free(text);
            return fail_transfer(client);
        }
        len += (size_t)n;
        if (text[len - 1] == '\n')
            break;
    }
    text[len - 1] = '\0';
    *line = text;
    return 0;
}

int weir_client_call(weir_client *client, const char *verb, const char *args, char **reply)
{
    char *request;
    if (client->broken)
        return fail(client, "the connection to %s is not usable after the call that failed", client->name);
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
    return status == 0 ? receive_line(client, reply) : status;
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
    if (client)
        close(client->fd);
    free(client);
}
