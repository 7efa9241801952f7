/* SPDX-License-Identifier: MIT */
/* Streams for tasks, on 127.0.0.1 and on sockets in the file system. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/io.h>
#include <weir/runtime.h>
#include <weir/weir.h>

#include "check.h"

#define CLIENTS 40

struct server {
    weir_listener *listener;
    weir_group *group;
    char port[16];
    size_t served;
};

static int echo(weir_task *t, void *arg)
{
    weir_stream *s = arg;
    char buffer[4096];
    ssize_t n;
    int result = 0;
    while ((n = weir_read(t, s, buffer, sizeof buffer)) > 0 && (result = weir_write(t, s, buffer, (size_t)n)) == 0)
        ;
    weir_stream_close(s);
    return n < 0 ? (int)n : result;
}

static int serve(weir_task *t, void *arg)
{
    struct server *server = arg;
    weir_group *g = weir_group_begin(t);
    weir_stream *s;
    while (server->served < CLIENTS && weir_accept(t, server->listener, &s) == 0) {
        server->served++;
        CHECK_EQ(weir_group_start(g, "echo", echo, s), 0);
    }
    return weir_group_end(t, g);
}

static int exchange(weir_task *t, weir_stream *s, size_t size)
{
    char *out = malloc(size), *in = malloc(size);
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(i * 31 + size);
    CHECK_EQ(weir_write(t, s, out, size), 0);
    CHECK_EQ(weir_read_exactly(t, s, in, size), 0);
    CHECK_EQ(memcmp(in, out, size), 0);
    CHECK_EQ(weir_shutdown(t, s), 0);
    CHECK_EQ(weir_read(t, s, in, size), 0);
    free(in);
    free(out);
    weir_stream_close(s);
    return 0;
}

static int tcp_client(weir_task *t, void *arg)
{
    weir_stream *s;
    CHECK_EQ(weir_connect_tcp(t, &s, "127.0.0.1", arg), 0);
    CHECK_HAS(weir_stream_peer(s), "127.0.0.1:");
    return exchange(t, s, 3000);
}

static int tcp_echo(weir_task *t, void *arg)
{
    struct server server = {0};
    (void)arg;
    CHECK_EQ(weir_listen_tcp(t, &server.listener, "127.0.0.1", 0, 0), 0);
    snprintf(server.port, sizeof server.port, "%u", weir_listener_port(server.listener));
    weir_group *g = weir_group_begin(t);
    weir_group_start(g, "server", serve, &server);
    for (int i = 0; i < CLIENTS; i++)
        weir_group_start(g, "client", tcp_client, server.port);
    CHECK_EQ(weir_group_end(t, g), 0);
    CHECK_EQ(server.served, CLIENTS);
    weir_listener_close(server.listener);
    return 0;
}

static char path[64];

static int unix_client(weir_task *t, void *arg)
{
    weir_stream *s;
    (void)arg;
    CHECK_EQ(weir_connect_unix(t, &s, path), 0);
    return exchange(t, s, 1000);
}

static int unix_echo(weir_task *t, void *arg)
{
    struct server server = {0};
    (void)arg;
    CHECK_EQ(weir_listen_unix(t, &server.listener, path, 0), 0);
    weir_group *g = weir_group_begin(t);
    weir_group_start(g, "server", serve, &server);
    for (int i = 0; i < CLIENTS; i++)
        weir_group_start(g, "client", unix_client, NULL);
    CHECK_EQ(weir_group_end(t, g), 0);
    weir_listener_close(server.listener);
    return 0;
}

/* Both ends of one connection. */
struct pair {
    weir_listener *listener;
    weir_stream *a, *b;
};

static int accept_one(weir_task *t, void *arg)
{
    struct pair *pair = arg;
    return weir_accept(t, pair->listener, &pair->b);
}

static void connect_pair(weir_task *t, struct pair *pair)
{
    char port[16];
    CHECK_EQ(weir_listen_tcp(t, &pair->listener, "127.0.0.1", 0, 0), 0);
    snprintf(port, sizeof port, "%u", weir_listener_port(pair->listener));
    weir_task *acceptor = weir_task_start(t, "acceptor", accept_one, pair);
    CHECK_EQ(weir_connect_tcp(t, &pair->a, "127.0.0.1", port), 0);
    CHECK_EQ(weir_await(t, acceptor, NULL), 0);
    CHECK(pair->b != NULL);
}

static void close_pair(struct pair *pair)
{
    weir_stream_close(pair->a);
    weir_stream_close(pair->b);
    weir_listener_close(pair->listener);
}

static int pieces(weir_task *t, void *arg)
{
    struct pair pair = {0};
    const char *data;
    size_t len;
    (void)arg;
    connect_pair(t, &pair);
    CHECK_EQ(weir_write(t, pair.a, "one\ntwo\n\nlast", 13), 0);
    CHECK_EQ(weir_read_until(t, pair.b, '\n', 100, &data, &len), 0);
    CHECK(len == 3 && memcmp(data, "one", 3) == 0);
    CHECK_EQ(weir_read_until(t, pair.b, '\n', 100, &data, &len), 0);
    CHECK(len == 3 && memcmp(data, "two", 3) == 0);
    CHECK_EQ(weir_read_until(t, pair.b, '\n', 100, &data, &len), 0);
    CHECK_EQ(len, 0);
    CHECK_EQ(weir_shutdown(t, pair.a), 0);
    CHECK_EQ(weir_read_until(t, pair.b, '\n', 100, &data, &len), 0);
    CHECK(len == 4 && memcmp(data, "last", 4) == 0);
    CHECK_EQ(weir_read_until(t, pair.b, '\n', 100, &data, &len), 1);
    close_pair(&pair);
    return 0;
}

static int long_pieces(weir_task *t, void *arg)
{
    struct pair pair = {0};
    static char line[200001];
    const char *data;
    size_t len;
    (void)arg;
    connect_pair(t, &pair);
    memset(line, 'x', sizeof line);
    line[200000] = '\n';
    for (size_t at = 0; at < sizeof line; at += 50000) {
        size_t n = sizeof line - at < 50000 ? sizeof line - at : 50000;
        CHECK_EQ(weir_write(t, pair.a, line + at, n), 0);
    }
    CHECK_EQ(weir_read_until(t, pair.b, '\n', 1000, &data, &len), -EMSGSIZE);
    CHECK_HAS(weir_error(NULL), "within 1000 bytes");
    CHECK_EQ(weir_read_until(t, pair.b, '\n', 300000, &data, &len), 0);
    CHECK_EQ(len, 200000);
    close_pair(&pair);
    return 0;
}

/* Writes until it is cancelled. */
static int flood(weir_task *t, void *arg)
{
    struct pair *pair = arg;
    static char block[100000];
    int result;
    while ((result = weir_write(t, pair->a, block, sizeof block)) == 0)
        weir_yield(t);
    return result;
}

static void look_for_flood(void *arg, const weir_task_info *info)
{
    *(bool *)arg |= strcmp(info->name, "flood") == 0 && info->waits[0];
}

/* The kernel's buffers are full. */
static void await_flood(weir_task *t)
{
    for (bool waits = false; !waits; weir_tasks_here(t, look_for_flood, &waits))
        CHECK_EQ(weir_yield(t), 0);
}

static int read_one(weir_task *t, void *arg)
{
    char byte;
    return (int)weir_read(t, ((struct pair *)arg)->a, &byte, 1);
}

static int back_pressure(weir_task *t, void *arg)
{
    struct pair pair = {0};
    int result;
    (void)arg;
    connect_pair(t, &pair);
    weir_task *reader = weir_task_start(t, "reader", read_one, &pair);
    weir_task *writer = weir_task_start(t, "flood", flood, &pair);
    await_flood(t);
    weir_cancel(writer);
    CHECK_EQ(weir_await(t, reader, &result), 0); /* the stream was closed beneath it, too */
    CHECK_EQ(result, -EPIPE);
    CHECK_EQ(weir_await(t, writer, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    CHECK_EQ(weir_write(t, pair.a, "x", 1), -EPIPE);
    close_pair(&pair);
    return 0;
}

static int limits(weir_task *t, void *arg)
{
    struct pair pair = {0};
    weir_timeout timeout;
    char byte;
    weir_stream *s;
    (void)arg;
    connect_pair(t, &pair);
    weir_timeout_begin(t, &timeout, 5);
    CHECK_EQ(weir_read(t, pair.a, &byte, 1), -ETIMEDOUT);
    CHECK(weir_timeout_end(t, &timeout));
    weir_timeout_begin(t, &timeout, 5);
    CHECK_EQ(weir_accept(t, pair.listener, &s), -ETIMEDOUT);
    CHECK(weir_timeout_end(t, &timeout));
    CHECK_EQ(weir_write(t, pair.b, "y", 1), 0); /* nothing was lost by it */
    CHECK_EQ(weir_read(t, pair.a, &byte, 1), 1);
    CHECK_EQ(byte, 'y');
    close_pair(&pair);
    return 0;
}

static int cancelled(weir_task *t, void *arg)
{
    struct pair pair = {0};
    int result;
    char byte;
    (void)arg;
    connect_pair(t, &pair);
    weir_stream *b = pair.b;
    weir_task *reader = weir_task_start(t, "reader", read_one, &pair),
              *acceptor = weir_task_start(t, "acceptor", accept_one, &pair);
    CHECK_EQ(weir_yield(t), 0);
    weir_cancel(reader);
    weir_cancel(acceptor);
    CHECK_EQ(weir_await(t, reader, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    CHECK_EQ(weir_await(t, acceptor, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    pair.b = b;
    CHECK_EQ(weir_write(t, pair.b, "z", 1), 0);
    CHECK_EQ(weir_read(t, pair.a, &byte, 1), 1);
    CHECK_EQ(byte, 'z');
    close_pair(&pair);
    return 0;
}

/* More than goes to the kernel at a time. */
static int write_much(weir_task *t, void *arg)
{
    struct pair *pair = arg;
    size_t size = (size_t)40 << 20;
    char *much = calloc(1, size);
    CHECK(much != NULL);
    much[size - 1] = 'e';
    int result = weir_write(t, pair->a, much, size);
    free(much);
    return result < 0 ? result : weir_shutdown(t, pair->a);
}

static int much(weir_task *t, void *arg)
{
    struct pair pair = {0};
    static char block[100000];
    size_t got = 0;
    ssize_t n;
    char last = 0;
    int result;
    (void)arg;
    connect_pair(t, &pair);
    CHECK_EQ(weir_read(t, pair.b, block, 0), 0); /* asks for nothing, and breaks nothing */
    weir_task *writer = weir_task_start(t, "writer", write_much, &pair);
    for (; (n = weir_read(t, pair.b, block, sizeof block)) > 0; got += (size_t)n)
        last = block[n - 1];
    CHECK_EQ(n, 0);
    CHECK_EQ(got, (size_t)40 << 20);
    CHECK_EQ(last, 'e');
    CHECK_EQ(weir_await(t, writer, &result), 0);
    CHECK_EQ(result, 0);
    close_pair(&pair);
    return 0;
}

static int refused(weir_task *t, void *arg)
{
    weir_listener *l;
    weir_stream *s;
    char port[16];
    (void)arg;
    CHECK_EQ(weir_listen_tcp(t, &l, "127.0.0.1", 0, 0), 0);
    snprintf(port, sizeof port, "%u", weir_listener_port(l));
    weir_listener_close(l);
    CHECK_EQ(weir_yield(t), 0);
    CHECK_EQ(weir_connect_tcp(t, &s, "127.0.0.1", port), -ECONNREFUSED);
    CHECK_HAS(weir_error(NULL), "connect to 127.0.0.1 port");
    CHECK_HAS(weir_error(NULL), "connection refused");
    CHECK(s == NULL);
    CHECK_EQ(weir_connect_unix(t, &s, "/nowhere/at/all"), -ENOENT);
    CHECK_HAS(weir_error(NULL), "/nowhere/at/all");
    CHECK_EQ(weir_connect_tcp(t, &s, "127.0.0.1", "no-such-service"), -ENOENT);
    CHECK_HAS(weir_error(NULL), "127.0.0.1 port no-such-service");
    char long_path[200] = {0};
    memset(long_path, 'p', sizeof long_path - 1);
    CHECK_EQ(weir_connect_unix(t, &s, long_path), -ENAMETOOLONG);
    CHECK_EQ(weir_listen_unix(t, &l, long_path, 0), -ENAMETOOLONG);
    CHECK_EQ(weir_listen_tcp(t, &l, "no address", 80, 0), -EINVAL);
    CHECK_HAS(weir_error(NULL), "listen on no address port 80");
    CHECK_EQ(weir_listen_tcp(t, &l, "127.0.0.1", 70000, 0), -EINVAL);
    return 0;
}

static void run(void *arg)
{
    weir_task_fn *const *fn = arg;
    int result = weir_async_run(*fn, NULL);
    if (result < 0)
        fprintf(stderr, "%s\n", weir_error(NULL));
    CHECK_EQ(result, 0);
}

static weir_task_fn *chosen;

static void run_chosen(void *arg)
{
    (void)arg;
    run(&chosen);
}

static void test(const char *name, weir_task_fn *fn)
{
    chosen = fn;
    check_run(name, 1, run_chosen);
}

int main(void)
{
    char directory[] = "/tmp/weir-io-XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/socket", directory);
    test("many clients over TCP", tcp_echo);
    test("many clients over a unix socket", unix_echo);
    test("pieces end at a separator", pieces);
    test("long pieces, and their limit", long_pieces);
    test("who does not read holds up who writes", back_pressure);
    test("timeouts take reads and accepts back", limits);
    test("cancelling takes reads and accepts back", cancelled);
    test("what is much is written in parts", much);
    test("refusals in words", refused);
    unlink(path);
    rmdir(directory);
    return check_done();
}
