/* SPDX-License-Identifier: MIT */
/*
 * What does an echo server on tasks cost, one task a connection, beside callbacks by hand on libuv, and beside asyncio's
 * streams?
 *
 * Each server is a process of its own; all of them are driven by the same load: so many connections, each of which sends a
 * message, waits for all of it to come back, and sends the next. It is written on epoll, so that it costs the same for all.
 */
#include "async.h"
#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CONNECTIONS 50
#define MESSAGE_MAX 16384

/* ---- the load --------------------------------------------------------------------------------------------------------- */

struct caller {
    int fd;
    size_t sent, received; /* of the message that is under way */
    uint64_t since_ns;
};

struct load {
    int epoll;
    size_t message_bytes;
    size_t left;     /* messages that have yet to be sent */
    size_t underway; /* messages that have not come back */
    bool broken;     /* a server answered with something else, or hung up */
    struct samples *us;
    struct caller callers[CONNECTIONS];
};

static char message[MESSAGE_MAX];

static void fill_message(void)
{
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)(i * 31 + i / 256);
}

static void call(struct load *load, struct caller *caller)
{
    load->left--;
    load->underway++;
    caller->sent = caller->received = 0;
    caller->since_ns = bench_now_ns();
}

/* Sends as much as fits. The socket's edge says when to go on. */
static void send_on(struct load *load, struct caller *caller)
{
    while (caller->sent < load->message_bytes) {
        ssize_t n = send(caller->fd, message + caller->sent, load->message_bytes - caller->sent, MSG_NOSIGNAL);
        if (n < 0) {
            load->broken |= errno != EAGAIN;
            return;
        }
        caller->sent += (size_t)n;
    }
}

/* True if the answer is complete. */
static bool receive_on(struct load *load, struct caller *caller)
{
    char buffer[MESSAGE_MAX];
    size_t want = load->message_bytes - caller->received;
    ssize_t n = want > 0 ? recv(caller->fd, buffer, want, 0) : -1;
    if (n <= 0) {
        load->broken |= n == 0 || (want > 0 && errno != EAGAIN);
        return false;
    }
    load->broken |= memcmp(buffer, message + caller->received, (size_t)n) != 0;
    caller->received += (size_t)n;
    return caller->received == load->message_bytes;
}

static void go_on(struct load *load, struct caller *caller)
{
    size_t before;
    do {
        before = caller->sent + caller->received;
        send_on(load, caller);
        if (!receive_on(load, caller))
            continue;
        samples_add(load->us, (double)(bench_now_ns() - caller->since_ns) / 1e3);
        load->underway--;
        if (load->left == 0)
            return;
        call(load, caller);
        before = SIZE_MAX;
    } while (!load->broken && before != caller->sent + caller->received);
}

static void dial(struct load *load, struct caller *caller, unsigned short port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = caller};
    int flag = 1;
    caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (caller->fd < 0 || connect(caller->fd, (struct sockaddr *)&address, sizeof address) != 0)
        bench_die("async: cannot connect to a server of ours: %s", strerror(errno));
    setsockopt(caller->fd, IPPROTO_TCP, TCP_NODELAY, &flag, sizeof flag);
    fcntl(caller->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, caller->fd, &event) != 0)
        bench_die("async: epoll: %s", strerror(errno));
}

/* Messages a second. */
static double drive(struct bench *b, struct load *load, unsigned short port, size_t messages)
{
    struct epoll_event events[CONNECTIONS];
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->left = messages;
    for (size_t i = 0; i < CONNECTIONS; i++)
        dial(load, &load->callers[i], port);
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < CONNECTIONS; i++)
        call(load, &load->callers[i]);
    while (load->underway > 0 && !load->broken) {
        int n = epoll_wait(load->epoll, events, CONNECTIONS, 10000);
        load->broken |= n == 0;
        for (int i = 0; i < n; i++)
            go_on(load, events[i].data.ptr);
    }
    double seconds = (double)(bench_now_ns() - start) / 1e9;
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(load->callers[i].fd);
    close(load->epoll);
    bench_check(b, !load->broken, "an echo server did not send back what it got");
    return (double)messages / seconds;
}

/* ---- the comparison --------------------------------------------------------------------------------------------------- */

enum contender { WEIR, UV, PYTHON, CONTENDERS };

static const char *const names[CONTENDERS] = {"weir, a task a connection", "libuv by hand", "Python's asyncio, streams"};

static bool present[CONTENDERS] = {[WEIR] = true, [UV] = true};

static bool start(struct server *s, enum contender who)
{
    if (who == PYTHON)
        return server_start(s, (const char *const[]){"python3", script_path("async_echo.py"), NULL});
    return server_start_role(s, who == WEIR ? "echo-weir" : "echo-uv");
}

static void run_once(struct bench *b, enum contender who, size_t bytes, size_t messages, struct samples *rates,
                     struct samples *us)
{
    struct server server;
    struct load *load = calloc(1, sizeof *load);
    load->message_bytes = bytes;
    load->us = us;
    if (bench_check(b, start(&server, who), "%s: the server did not start", names[who])) {
        samples_add(rates, drive(b, load, server.port, messages) / 1e3);
        server_stop(&server);
    }
    free(load);
}

static void compare(struct bench *b, const char *part, size_t bytes, size_t messages, double *to_uv)
{
    struct samples rates[CONTENDERS] = {{0}}, us[CONTENDERS] = {{0}};
    for (unsigned round = 0; round < b->rounds; round++)
        for (int i = 0; i < CONTENDERS; i++) {
            int who = (i + (int)round) % CONTENDERS;
            if (!present[who])
                continue;
            run_once(b, who, bytes, who == PYTHON ? messages / 4 : messages, &rates[who], &us[who]);
        }
    *to_uv = samples_ratio(&rates[WEIR], &rates[UV]);
    for (int who = 0; who < CONTENDERS; who++) {
        if (!present[who])
            continue;
        bench_cell_value(b, samples_quantile(&rates[who], 0.5), "k/s", part, names[who], "echoes");
        bench_cell_spread(b, &us[who], "us", part, names[who], "there and back");
    }
    for (int who = 0; who < CONTENDERS; who++) {
        samples_free(&rates[who]);
        samples_free(&us[who]);
    }
}

void measure_echo(struct bench *b)
{
    double small, large;
    fill_message();
    present[PYTHON] = child_exists("python3");
    compare(b, "echo of 64 bytes", 64, b->quick ? 2000 : 100000, &small);
    compare(b, "echo of 16 KiB", MESSAGE_MAX, b->quick ? 500 : 30000, &large);
    bench_at_least(b, small, "x", 0.9, "echo, 64 bytes, 50 connections: weir / libuv by hand");
    bench_at_least(b, large, "x", 0.9, "echo, 16 KiB, 50 connections: weir / libuv by hand");
    if (!present[PYTHON])
        bench_skip(b, "echo by Python's asyncio", "python3 is missing");
}
