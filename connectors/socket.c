/* SPDX-License-Identifier: MIT */
/*
 * tcp and unix: lines from and to stream sockets, by tasks.
 *
 * A source listens (a task for each connection) or connects; a sink connects. What connects does so again when the connection is lost,
 * after a wait that doubles from a quarter of a second to half a minute. A full pipeline makes the peers wait: a line is read when there is room for
 * it. A sink tries a line again until the kernel has taken all of it; what the kernel had taken when the connection broke is lost with
 * it, since lines are not acknowledged.
 */
#include "stages/builtin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ASYNC
#include <weir/io.h>
#endif

#define WAIT_MS_MIN 250
#define WAIT_MS_MAX 30000

struct place {
    char *text; /* as it was written */
    char *host; /* of tcp; NULL: `text` is a path */
    char *port;
    bool listens;
    uint64_t line_max;
    uint64_t connections;
};

/* ---- the address -------------------------------------------------------------------------------------------------------------- */

/* HOST:PORT or [HOST]:PORT, in place. */
static bool split(struct place *p)
{
    char *colon = strrchr(p->host, ':');
    if (!colon || colon == p->host || !colon[1])
        return false;
    *colon = '\0';
    p->port = colon + 1;
    if (p->host[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        memmove(p->host, p->host + 1, strlen(p->host));
    }
    return true;
}

static void place_free(void *state)
{
    struct place *p = state;
    if (p)
        free(p->text), free(p->host);
    free(p);
}

static struct place *place_new(const char *text, bool tcp, char *error, size_t size)
{
    struct place *p = calloc(1, sizeof *p);
    if (p)
        p->text = strdup(text);
    if (p && tcp)
        p->host = strdup(text);
    if (!p || !p->text || (tcp && !p->host)) {
        place_free(p);
        snprintf(error, size, "out of memory");
        return NULL;
    }
    if (!tcp || split(p))
        return p;
    snprintf(error, size, "\"%s\" is no address; expected HOST:PORT, such as localhost:9000 or [::1]:9000", text);
    place_free(p);
    return NULL;
}

#ifdef HAVE_ASYNC
/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

struct connection {
    const struct place *place;
    weir_stream *stream;
    weir_semaphore *places;
};

/* Until the peer ends, or breaks a rule: then it is told. 0, or why not. */
static int read_lines(weir_task *t, const struct place *p, weir_stream *s)
{
    const char *line;
    size_t len;
    int result;
    while ((result = weir_read_until(t, s, '\n', (size_t)p->line_max, &line, &len)) == 0)
        if ((result = weir_send_bytes(t, line, len)) < 0)
            return result;
    if (result == -EMSGSIZE) {
        char text[128];
        int n = snprintf(text, sizeof text, "error: a line of more than %llu bytes; expected shorter lines\n",
                         (unsigned long long)p->line_max);
        weir_write(t, s, text, (size_t)n);
    }
    return result < 0 ? result : 0;
}

/* What goes wrong on one connection ends that one only. */
static int serve(weir_task *t, void *arg)
{
    struct connection *c = arg;
    read_lines(t, c->place, c->stream);
    weir_stream_close(c->stream);
    weir_semaphore_give(c->places);
    free(c);
    return 0;
}

/* No memory for this one: the next may have better luck. */
static void start_serving(weir_group *g, const struct place *p, weir_semaphore *places, weir_stream *s)
{
    struct connection *c = malloc(sizeof *c);
    if (c) {
        *c = (struct connection){p, s, places};
        if (weir_group_start(g, "connection", serve, c) == 0)
            return;
    }
    free(c);
    weir_stream_close(s);
    weir_semaphore_give(places);
}

static int listen_on(weir_task *t, const struct place *p, weir_listener **listener)
{
    if (!p->host)
        return weir_listen_unix(t, listener, p->text, 0);
    char *end;
    unsigned long port = strtoul(p->port, &end, 10);
    if (*end || port > 65535) {
        weir_fail("\"%s\" is no port to listen on; expected 0 to 65535", p->port);
        return -EINVAL;
    }
    return weir_listen_tcp(t, listener, p->host, (unsigned)port, 0);
}

static int accept_all(weir_task *t, const struct place *p, weir_listener *listener, weir_semaphore *places)
{
    weir_group *g = weir_group_begin(t);
    if (!g)
        return -ENOMEM;
    int result = 0;
    while (result >= 0 && (result = weir_semaphore_take(t, places)) >= 0) {
        weir_stream *s;
        if (weir_accept(t, listener, &s) == 0) {
            start_serving(g, p, places, s);
            continue;
        }
        weir_semaphore_give(places);
        result = weir_sleep_ms(t, WAIT_MS_MIN); /* no descriptor, no memory: another time; cancelled: this says so, too */
    }
    weir_group_cancel(g);
    weir_group_end(t, g);
    return weir_cancelled(t) ? 0 : result;
}

static int listening(weir_task *t, const struct place *p)
{
    weir_listener *listener;
    if (listen_on(t, p, &listener) < 0)
        return -1; /* in words already */
    weir_semaphore *places = weir_semaphore_new((size_t)p->connections, 0);
    int result = places ? accept_all(t, p, listener, places) : -ENOMEM;
    weir_listener_close(listener);
    if (places)
        weir_semaphore_free(places);
    return result;
}

/* ---- connecting ------------------------------------------------------------------------------------------------------------------ */

/* Again and again, until it is there. 0, or -ECANCELED. */
static int connect_to(weir_task *t, const struct place *p, weir_stream **s)
{
    for (uint64_t wait = WAIT_MS_MIN;; wait = wait * 2 < WAIT_MS_MAX ? wait * 2 : WAIT_MS_MAX) {
        int result = p->host ? weir_connect_tcp(t, s, p->host, p->port) : weir_connect_unix(t, s, p->text);
        if (result == 0 || weir_cancelled(t))
            return result;
        if ((result = weir_sleep_ms(t, wait)) < 0)
            return result;
    }
}

static int connecting(weir_task *t, const struct place *p)
{
    weir_stream *s;
    while (connect_to(t, p, &s) == 0) {
        int result = read_lines(t, p, s);
        weir_stream_close(s);
        if (weir_cancelled(t))
            break;
        if (result == -EMSGSIZE)
            return result; /* it would say the same again */
        if (weir_sleep_ms(t, WAIT_MS_MIN) < 0)
            break;
    }
    return 0;
}

static int source(weir_task *t, void *state)
{
    const struct place *p = state;
    return p->listens ? listening(t, p) : connecting(t, p);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------- */

#define SHORT_BYTES 4096

/* A short line with its end in one call to the kernel. */
static int write_line(weir_task *t, weir_stream *s, const weir_bytes *line)
{
    char whole[SHORT_BYTES];
    if (line->len < sizeof whole) {
        if (line->len)
            memcpy(whole, line->data, line->len);
        whole[line->len] = '\n';
        return weir_write(t, s, whole, line->len + 1);
    }
    int result = weir_write(t, s, line->data, line->len);
    return result < 0 ? result : weir_write(t, s, "\n", 1);
}

static int sink(weir_task *t, void *state)
{
    const struct place *p = state;
    weir_stream *s = NULL;
    weir_bytes line;
    int says;
    while ((says = weir_recv(t, &line)) == 0) {
        for (;;) {
            if (!s && connect_to(t, p, &s) < 0)
                return weir_fail("cancelled while it was connecting to %s", p->text);
            if (write_line(t, s, &line) == 0)
                break;
            weir_stream_close(s);
            s = NULL;
        }
    }
    weir_stream_close(s);
    return says < 0 ? says : 0;
}
#endif

/* ---- the stages ------------------------------------------------------------------------------------------------------------------ */

enum { ADDRESS, LISTEN, LINE_MAX, CONNECTIONS };

static const struct option_desc tcp_options[] = {
    {.name = "address", .kind = OPTION_TEXT, .positional = true, .required = true, .help = "HOST:PORT"},
    {.name = "listen", .kind = OPTION_FLAG, .deflt = "no", .help = "takes connections, instead of making one"},
    {.name = "line_max", .kind = OPTION_COUNT, .deflt = "1Mi", .help = "the longest line, in bytes"},
    {.name = "connections", .kind = OPTION_COUNT, .deflt = "1000", .help = "at most so many at once; others wait"},
    {0},
};
static const struct option_desc unix_options[] = {
    {.name = "path", .kind = OPTION_TEXT, .positional = true, .required = true, .help = "of the socket"},
    {.name = "listen",
     .kind = OPTION_FLAG,
     .deflt = "no",
     .help = "makes the socket and takes connections, instead of making one"},
    {.name = "line_max", .kind = OPTION_COUNT, .deflt = "1Mi", .help = "the longest line, in bytes"},
    {.name = "connections", .kind = OPTION_COUNT, .deflt = "1000", .help = "at most so many at once; others wait"},
    {0},
};
static const struct option_desc tcp_sink_options[] = {
    {.name = "address", .kind = OPTION_TEXT, .positional = true, .required = true, .help = "HOST:PORT"},
    {0},
};
static const struct option_desc unix_sink_options[] = {
    {.name = "path", .kind = OPTION_TEXT, .positional = true, .required = true, .help = "of the socket"},
    {0},
};

static int make_source(const struct option_value *values, weir_stage *stage, bool tcp, char *error, size_t size)
{
    struct place *p = place_new(values[ADDRESS].text, tcp, error, size);
    if (!p)
        return -1;
    p->listens = values[LISTEN].flag;
    p->line_max = (uint64_t)values[LINE_MAX].number;
    p->connections = (uint64_t)values[CONNECTIONS].number ? (uint64_t)values[CONNECTIONS].number : 1;
    *stage = (weir_stage){.out = WEIR_BYTES, .state = p, .close = place_free};
#ifdef HAVE_ASYNC
    stage->loop = source;
#endif
    return 0;
}

static int make_sink(const struct option_value *values, weir_stage *stage, bool tcp, char *error, size_t size)
{
    struct place *p = place_new(values[ADDRESS].text, tcp, error, size);
    if (!p)
        return -1;
    *stage = (weir_stage){.in = WEIR_BYTES, .out = WEIR_NONE, .state = p, .close = place_free};
#ifdef HAVE_ASYNC
    stage->loop = sink;
#endif
    return 0;
}

static int make_tcp(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    return make_source(values, stage, true, error, size);
}

static int make_unix(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    return make_source(values, stage, false, error, size);
}

static int make_tcp_sink(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    return make_sink(values, stage, true, error, size);
}

static int make_unix_sink(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    return make_sink(values, stage, false, error, size);
}

static const char *const tcp_examples[] = {"tcp localhost:9000 | stdout", "tcp 127.0.0.1:9000 listen=yes | stdout", NULL};
static const char *const unix_examples[] = {"unix /run/lines.sock | stdout", "unix ./lines.sock listen=yes | stdout", NULL};
static const char *const tcp_sink_examples[] = {"seq 10 | tcp localhost:9000", NULL};
static const char *const unix_sink_examples[] = {"seq 10 | unix ./lines.sock", NULL};

#ifndef HAVE_ASYNC
#define MISSING "libuv and Boost.Context"
#else
#define MISSING NULL
#endif

#define SOURCE_DETAILS                                                                                                         \
    "Without listen, it connects, and again when the connection is lost, after a wait that doubles from 250 ms to 30 s. A\n"   \
    "line that is too long ends its connection, with an error written to the peer. When the pipeline is full, peers wait."
#define SINK_DETAILS                                                                                                           \
    "Connects, and again when the connection is lost, after a wait that doubles from 250 ms to 30 s. What the kernel had\n"    \
    "taken and the peer not read when a connection broke is lost: lines are not acknowledged."

const struct builtin builtin_tcp = {
    .name = "tcp",
    .kind = BUILTIN_SOURCE,
    .summary = "read lines from TCP connections",
    .details = SOURCE_DETAILS,
    .options = tcp_options,
    .examples = tcp_examples,
    .in = "none",
    .out = "bytes",
    .missing = MISSING,
    .make = make_tcp,
};

const struct builtin builtin_tcp_sink = {
    .name = "tcp",
    .kind = BUILTIN_SINK,
    .summary = "write each item as a line to a TCP connection",
    .details = SINK_DETAILS,
    .options = tcp_sink_options,
    .examples = tcp_sink_examples,
    .in = "bytes",
    .out = "none",
    .missing = MISSING,
    .make = make_tcp_sink,
};

const struct builtin builtin_unix = {
    .name = "unix",
    .kind = BUILTIN_SOURCE,
    .summary = "read lines from connections to a unix socket",
    .details = SOURCE_DETAILS,
    .options = unix_options,
    .examples = unix_examples,
    .in = "none",
    .out = "bytes",
    .missing = MISSING,
    .make = make_unix,
};

const struct builtin builtin_unix_sink = {
    .name = "unix",
    .kind = BUILTIN_SINK,
    .summary = "write each item as a line to a unix socket",
    .details = SINK_DETAILS,
    .options = unix_sink_options,
    .examples = unix_sink_examples,
    .in = "bytes",
    .out = "none",
    .missing = MISSING,
    .make = make_unix_sink,
};
