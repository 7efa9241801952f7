/* SPDX-License-Identifier: MIT */
/*
 * async.h - the parts of bench/async: what tasks on a loop cost, each part beside something that does the same without them.
 *
 * A server, and what is to be measured alone in a fresh process, runs in a child: bench-async started once more as
 * `bench-async --play ROLE ARGS`. A server prints its port as a line once it listens, and ends when it is killed, or when its
 * parent ends, whatever the reason: nothing is left behind.
 */
#ifndef BENCH_ASYNC_H
#define BENCH_ASYNC_H

#include "bench.h"

#include <sys/types.h>

struct server {
    pid_t pid;
    int input, output;
    unsigned short port; /* on 127.0.0.1 */
};

/* Starts argv, which is a server as described above; server_start_role() starts this program in the given role. False: it said
 * no port; nothing is left of it. */
bool server_start(struct server *s, const char *const *argv);
bool server_start_role(struct server *s, const char *role);
void server_stop(struct server *s);

/* A script beside the sources. Valid until the next call. */
const char *script_path(const char *name);

/* Requests that are to be made, and what came of them. */
struct fetch {
    char url[64];
    size_t concurrency;
    size_t left;   /* requests that have yet to be made */
    size_t good;   /* answers with status 200 and a whole page */
    size_t failed; /* all others */
};
#define PAGE_BYTES 1024

/* The parts. They add their rows. */
void measure_crossing(struct bench *b);
void measure_echo(struct bench *b);
void measure_fetch(struct bench *b);

#ifdef HAVE_WEIR_HTTP
void fetch_by_weir(struct fetch *fetch); /* with weir/http.h; async_fetch_weir.c */
#endif

/* The servers. They print their port and return only on failure, with an exit status. */
int serve_echo_by_weir(void);
int serve_echo_by_uv(void);
int serve_http_by_uv(void);

/* For servers: prints the port that the listening TCP handle (a uv_tcp_t) is bound to. */
void announce_port(unsigned short port);

#endif
