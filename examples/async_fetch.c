/* SPDX-License-Identifier: MIT */
/*
 * A thousand requests, at first ten of them at once, then two hundred, changed while they are under way; the answers come
 * out in order. numbers -> fetch -> check, and a server that this program starts itself, as a task.
 *
 * That the change took effect is seen by the server: it keeps all requests waiting until two hundred are there. With ten at
 * once that would never be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/async.h>
#include <weir/io.h>
#include <weir/weir.h>

#define REQUESTS 1000
#define FEW      10
#define MANY     200

/* ---- the server ------------------------------------------------------------------------------------------------------- */

/* One loop's. */
struct site {
    weir_listener *listener;
    weir_group *visits;
    int waiting, most;      /* requests that are there now; that were there at once */
    weir_event *few, *many; /* so many were */
};

struct visit {
    struct site *site;
    weir_stream *stream;
};

/* Keeps the request until there are enough of them. */
static int hold(weir_task *t, struct site *site)
{
    if (++site->waiting > site->most)
        site->most = site->waiting;
    if (site->most == FEW)
        weir_event_set(site->few);
    if (site->most == MANY)
        weir_event_set(site->many);
    int result = weir_event_wait(t, site->many);
    site->waiting--;
    return result;
}

/* "GET /7 HTTP/1.0" is answered with 14. */
static int answer(weir_task *t, struct visit *visit)
{
    char answer[256];
    const char *line;
    size_t len;
    int number = -1, result;
    while ((result = weir_read_until(t, visit->stream, '\n', 256, &line, &len)) == 0 && len > 1)
        if (len > 5 && memcmp(line, "GET /", 5) == 0)
            number = atoi(line + 5);
    if (result == 0)
        result = hold(t, visit->site);
    if (result < 0)
        return result;
    int length = snprintf(answer, sizeof answer, "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n%d", 2 * number);
    return weir_write(t, visit->stream, answer, (size_t)length);
}

static int serve_visit(weir_task *t, void *arg)
{
    struct visit *visit = arg;
    answer(t, visit); /* whoever hangs up is not the server's concern */
    weir_stream_close(visit->stream);
    free(visit);
    return 0;
}

static int serve(weir_task *t, void *arg)
{
    struct site *site = arg;
    for (;;) {
        struct visit *visit = malloc(sizeof *visit);
        if (!visit)
            return -ENOMEM;
        *visit = (struct visit){.site = site};
        int result = weir_accept(t, site->listener, &visit->stream);
        if (result == 0)
            result = weir_group_start(site->visits, "visit", serve_visit, visit);
        if (result < 0) {
            free(visit);
            return result;
        }
    }
}

/* ---- the pipeline ----------------------------------------------------------------------------------------------------- */

struct answer {
    int number, doubled;
};
static const weir_type answer_type = {.name = "answer", .size = sizeof(struct answer)};

static int count(void *state, weir_out *out)
{
    int *next = state;
    struct answer *item = weir_emit(out);
    if (!item)
        return weir_fail_memory();
    *item = (struct answer){.number = (*next)++};
    return *next == REQUESTS ? WEIR_END : WEIR_MORE;
}

/* All that comes until the end. */
static ssize_t read_all(weir_task *t, weir_stream *stream, char *text, size_t size)
{
    size_t got = 0;
    ssize_t n = 0;
    while (got < size && (n = weir_read(t, stream, text + got, size - got)) > 0)
        got += (size_t)n;
    return n < 0 ? n : (ssize_t)got;
}

static int get(weir_task *t, const char *port, struct answer *item)
{
    char text[256];
    weir_stream *stream;
    int result = weir_connect_tcp(t, &stream, "127.0.0.1", port);
    if (result < 0)
        return result;
    int length = snprintf(text, sizeof text, "GET /%d HTTP/1.0\r\n\r\n", item->number);
    ssize_t n = weir_write(t, stream, text, (size_t)length);
    if (n >= 0)
        n = read_all(t, stream, text, sizeof text - 1);
    weir_stream_close(stream);
    if (n < 0)
        return (int)n;
    text[n] = 0;
    const char *body = strstr(text, "\r\n\r\n");
    item->doubled = body ? atoi(body + 4) : -1;
    return 0;
}

static int fetch(weir_task *t, void *state)
{
    struct answer item;
    while (weir_recv(t, &item) == 0) {
        int result = get(t, state, &item);
        if (result < 0)
            weir_reject(t, "request %d: %s", item.number, strerror(-result));
        else
            weir_send(t, &item);
    }
    return 0;
}

struct checked {
    int count;
    bool wrong;
};

static weir_verdict check(void *state, void *arg)
{
    struct checked *checked = state;
    struct answer *item = arg;
    checked->wrong |= item->number != checked->count || item->doubled != 2 * item->number;
    checked->count++;
    return WEIR_KEEP;
}

/* ---- both ------------------------------------------------------------------------------------------------------------- */

static int run_to_end(void *p)
{
    return weir_run_to_end(p);
}

/* The server has to go on meanwhile: what would block this loop is done on another thread. */
static int run_pipeline(weir_task *t, struct site *site, weir_pipeline *p)
{
    if (weir_start(p) != WEIR_OK)
        return -EINVAL;
    weir_event_wait(t, site->few);
    printf("%d requests wait at once\n", site->most);
    if (weir_scale(p, "fetch", MANY, NULL) != WEIR_OK)
        return -EINVAL;
    puts("the concurrency is changed");
    weir_event_wait(t, site->many);
    printf("%d requests wait at once\n", site->most);
    return weir_offload(t, run_to_end, p) == WEIR_OK ? 0 : -EINVAL;
}

static int fetch_all(weir_task *t, struct site *site)
{
    int next = 0;
    char port[16];
    snprintf(port, sizeof port, "%u", weir_listener_port(site->listener));
    struct checked checked = {0};
    weir_pipeline *p = weir_new("fetch");
    weir_append(p, &(weir_stage){.name = "numbers", .out = &answer_type, .pull = count, .state = &next});
    weir_append(p, &(weir_stage){.name = "fetch", .in = &answer_type, .loop = fetch, .state = port, .concurrency = FEW});
    weir_append(p, &(weir_stage){.name = "check", .in = &answer_type, .out = WEIR_NONE, .map = check, .state = &checked});
    int result = run_pipeline(t, site, p);
    if (result < 0)
        fprintf(stderr, "%s\n", weir_error(p));
    printf("%d answers; right, and in order: %s\n", checked.count, checked.wrong ? "no" : "yes");
    weir_free(p);
    return result;
}

static int run(weir_task *t, void *arg)
{
    (void)arg;
    struct site site = {.few = weir_event_new(), .many = weir_event_new()};
    int result = weir_listen_tcp(t, &site.listener, "127.0.0.1", 0, 512);
    if (result < 0)
        return result;
    site.visits = weir_group_begin(t);
    weir_group_start(site.visits, "server", serve, &site);
    result = fetch_all(t, &site);
    weir_group_cancel(site.visits);
    weir_group_end(t, site.visits);
    weir_listener_close(site.listener);
    weir_event_free(site.few);
    weir_event_free(site.many);
    return result;
}

int main(void)
{
    return weir_async_run(run, NULL) < 0;
}
