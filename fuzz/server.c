/* SPDX-License-Identifier: MIT */
/*
 * server.c - what a running pipeline does with bytes from a client, over a real socket.
 *
 * The input: a byte that says how many bytes are sent at once (0: all), then what is sent. Each line must get one answer, a JSON object as
 * weir/client.h has it, and in the end everything must be gone.
 *
 * In server_long, which is this file once more, a byte 0x01 stands for 300,000 spaces: requests that are too long are to be tried
 * too, but are slow.
 *
 * The verbs do what they always do, to a pipeline that has not started; so nothing is opened. The built-in stages that could touch
 * the world are hidden all the same.
 */
#include "ctl/server.h"

#include "ctl/session.h"
#include "ctl/verb.h"
#include "expr/expr.h"
#include "expr/graph.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef BLANKS
#define BLANKS ((size_t)1)
#endif
#define SPARE_MAX ((size_t)2500000)

/* The pipeline was told to end: somebody waits for that. */
static bool closed;

void __real_weir_close(weir_pipeline *pipeline);
void __wrap_weir_close(weir_pipeline *pipeline);
void __real_weir_abort(weir_pipeline *pipeline);
void __wrap_weir_abort(weir_pipeline *pipeline);

void __wrap_weir_close(weir_pipeline *pipeline)
{
    closed = true;
    __real_weir_close(pipeline);
}

void __wrap_weir_abort(weir_pipeline *pipeline)
{
    closed = true;
    __real_weir_abort(pipeline);
}

/* ---- the built-in stages ---------------------------------------------------------------------------------------------- */

const struct builtin *__real_builtin_find_kind(const char *name, bool first);
const struct builtin *__wrap_builtin_find_kind(const char *name, bool first);

const struct builtin *__wrap_builtin_find_kind(const char *name, bool first)
{
    const struct builtin *builtin = __real_builtin_find_kind(name, first);
    bool harmless = builtin && (builtin->kind == BUILTIN_FILTER || strcmp(name, "seq") == 0 || strcmp(name, "null") == 0);
    return harmless ? builtin : NULL;
}

/* ---- the answers ------------------------------------------------------------------------------------------------------ */

static void check_refusal(const json_t *answer, const char *line)
{
    static const char statuses[] = " usage expression refused conflict busy memory stage ended system ";
    const char *status = json_string_value(json_object_get(answer, "status"));
    const char *found = status && status[0] ? strstr(statuses, status) : NULL;
    REQUIRE(found && found[-1] == ' ' && found[strlen(status)] == ' ', "a status that is none: %s", line);
    REQUIRE(json_string_length(json_object_get(answer, "message")) > 0, "a refusal without a reason: %s", line);
    REQUIRE(!json_object_get(answer, "offset") == !json_object_get(answer, "length"), "half a place: %s", line);
}

static void check_answer(const char *line, size_t len)
{
    json_t *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(json_is_object(answer), "the answer is no JSON object: %.*s", (int)len, line);
    if (json_is_false(json_object_get(answer, "ok")))
        check_refusal(answer, line);
    else
        REQUIRE(json_is_true(json_object_get(answer, "ok")) && json_is_object(json_object_get(answer, "result")),
                "neither a result nor a refusal: %s", line);
    json_decref(answer);
}

/* An event of a stream, which is no answer. */
static bool is_event(const char *line, size_t len)
{
    static const char begin[] = "{\"event\":";
    return len >= sizeof begin - 1 && memcmp(line, begin, sizeof begin - 1) == 0;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += text[i] == '\n';
    return count;
}

/* ---- the client ------------------------------------------------------------------------------------------------------- */

struct client {
    int fd;
    size_t step;      /* how much is sent at once */
    char *out;        /* what to send; owned */
    size_t len, sent; /* of it */
    char *in;         /* what came; owned */
    size_t got, room;
    bool over; /* the server has closed */
};

static void send_some(struct client *client)
{
    size_t left = client->len - client->sent;
    if (left == 0)
        return;
    ssize_t n =
        send(client->fd, client->out + client->sent, left < client->step ? left : client->step, MSG_DONTWAIT | MSG_NOSIGNAL);
    client->sent = n > 0 ? client->sent + (size_t)n : errno == EAGAIN ? client->sent : client->len;
    if (client->sent == client->len)
        shutdown(client->fd, SHUT_WR);
}

static void receive(struct client *client)
{
    for (;;) {
        if (client->room - client->got < 4096)
            client->in = realloc(client->in, client->room = 2 * client->room + 8192);
        ssize_t n = recv(client->fd, client->in + client->got, client->room - client->got, MSG_DONTWAIT);
        client->over |= n == 0 || (n < 0 && errno != EAGAIN);
        if (n <= 0)
            return;
        client->got += (size_t)n;
    }
}

static void check_answers(const struct client *client)
{
    size_t answers = 0, expected = count_lines(client->out, client->len);
    REQUIRE(client->got == 0 || client->in[client->got - 1] == '\n', "half an answer");
    for (const char *line = client->in, *over = client->in + client->got; line < over;) {
        const char *end = memchr(line, '\n', (size_t)(over - line));
        if (!is_event(line, (size_t)(end - line))) {
            check_answer(line, (size_t)(end - line));
            answers++;
        }
        line = end + 1;
    }
    REQUIRE(closed ? answers <= expected : answers == expected, "%zu answers to %zu requests", answers, expected);
}

/* ---- the run ---------------------------------------------------------------------------------------------------------- */

/* What to send, with the blanks, as long as they do not become too many. */
static char *expand(struct input input, size_t *len)
{
    size_t spare = 0;
    for (size_t i = 0; i < input.left && spare + BLANKS <= SPARE_MAX; i++)
        spare += input.at[i] == 1 ? BLANKS - 1 : 0;
    char *text = malloc(input.left + spare);
    for (*len = 0; input.left > 0;) {
        unsigned byte = input_byte(&input);
        size_t count = byte == 1 && spare >= BLANKS - 1 ? BLANKS : 1;
        memset(text + *len, byte == 1 ? ' ' : (int)byte, count);
        spare -= count - 1;
        *len += count;
    }
    return text;
}

static struct session *make_session(void)
{
    struct expr_error error;
    struct session *session = session_new(weir_new("fuzz"));
    struct graph *graph = graph_parse("seq 3 | format '\xFF{}' as=m\xC3\xB6glich | null", true, &error);
    REQUIRE(session && graph && session_build(session, graph) == WEIR_OK, "no pipeline: %s", error.message);
    graph_free(graph);
    return session;
}

/* A listening socket that the kernel names, and a connection to it. */
static int make_sockets(int *listener)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    *listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(*listener, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0 && listen(*listener, 1) == 0 &&
                getsockname(*listener, (struct sockaddr *)&address, &len) == 0 &&
                connect(fd, (struct sockaddr *)&address, len) == 0,
            "no sockets: %s", strerror(errno));
    return fd;
}

/* Until the server has hung up. */
static void run(uv_loop_t *loop, struct server *server, struct client *client)
{
    json_t *outcome = json_pack("{s:s}", "name", "fuzz");
    bool finished = false;
    while (!client->over) {
        bool sending = client->sent < client->len;
        send_some(client);
        uv_run(loop, sending ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        receive(client);
        if (closed && !finished)
            server_finish(server, outcome), finished = true;
    }
    if (!finished)
        server_finish(server, outcome);
    json_decref(outcome);
    uv_run(loop, UV_RUN_DEFAULT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct client client = {.step = input_byte(&input)};
    uv_loop_t loop;
    int listener;
    client.out = expand(input, &client.len);
    if (client.step == 0 || BLANKS > 1)
        client.step = SIZE_MAX;
    client.fd = make_sockets(&listener);
    if (client.len == 0)
        shutdown(client.fd, SHUT_WR);
    closed = false;
    uv_loop_init(&loop);
    struct session *session = make_session();
    struct server *server = server_new(&loop, session, listener, "");
    REQUIRE(server, "no server");
    run(&loop, server, &client);
    server_free(server);
    session_free(session);
    REQUIRE(uv_loop_close(&loop) == 0, "something is left on the loop");
    check_answers(&client);
    close(client.fd);
    free(client.out);
    free(client.in);
    return 0;
}
