/* SPDX-License-Identifier: MIT */
/*
 * An echo server, one task a connection, and three clients, in one program and on one thread.
 */
#include <stdio.h>
#include <string.h>
#include <weir/async.h>
#include <weir/io.h>

struct server {
    weir_listener *listener;
    char port[16];
};

static int echo(weir_task *t, void *stream)
{
    char buffer[4096];
    ssize_t n;
    while ((n = weir_read(t, stream, buffer, sizeof buffer)) > 0)
        if (weir_write(t, stream, buffer, (size_t)n) < 0)
            break;
    weir_stream_close(stream);
    return 0; /* who hangs up is not the server's concern */
}

static int serve(weir_task *t, void *arg)
{
    struct server *server = arg;
    weir_group *connections = weir_group_begin(t);
    weir_stream *stream;
    while (weir_accept(t, server->listener, &stream) == 0)
        weir_group_start(connections, "echo", echo, stream);
    return weir_group_end(t, connections);
}

static int client(weir_task *t, const char *port, int number)
{
    char text[64];
    const char *line;
    size_t len;
    weir_stream *stream;
    int result = weir_connect_tcp(t, &stream, "127.0.0.1", port);
    if (result < 0)
        return result;
    int size = snprintf(text, sizeof text, "client %d says hello\n", number);
    result = weir_write(t, stream, text, (size_t)size);
    if (result == 0)
        result = weir_read_until(t, stream, '\n', sizeof text, &line, &len);
    if (result == 0)
        printf("the server answers: %.*s\n", (int)len, line);
    weir_stream_close(stream);
    return result;
}

static int run(weir_task *t, void *arg)
{
    struct server server;
    (void)arg;
    int result = weir_listen_tcp(t, &server.listener, "127.0.0.1", 0, 0);
    if (result < 0)
        return result;
    snprintf(server.port, sizeof server.port, "%u", weir_listener_port(server.listener));
    weir_task *serving = weir_task_start(t, "server", serve, &server);
    for (int i = 1; i <= 3 && result == 0; i++)
        result = client(t, server.port, i);
    weir_cancel(serving);
    weir_await(t, serving, NULL);
    weir_listener_close(server.listener);
    puts("the server has ended");
    return result;
}

int main(void)
{
    return weir_async_run(run, NULL) < 0;
}
