/* SPDX-License-Identifier: MIT */
/*
 * top.c - weir top: what flows through each stage, again and again.
 *
 * The pipeline only tells its counts, as it does for show; rates are differences of two answers over the time between them. A
 * stage's latency is an estimate: what waits in front of it, at the rate at which it takes items (Little's law).
 */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/span.h"
#include "cli/state.h"
#include "cli/table.h"

#include <weir/client.h>

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define EVERY_S      1.0
#define FIRST_S      0.2 /* on a terminal somebody waits for the first table */
#define PATIENT_MS   5000
#define NAME_COLUMNS 20 /* characters of a name, so that a line fits 80 columns */

static const struct arg_desc top_args[] = {
    {"pipeline", ARG_PIPELINE, .positional = true, .required = true, .word = "NAME", .help = "the running pipeline"},
    {"every", ARG_SECONDS, 'e', .word = "SECONDS", .help = "how often; default 1"},
    {"count", ARG_COUNT, 'n', .word = "COUNT", .help = "end after so many tables"},
    {"json", ARG_FLAG, 'j', .help = "print JSON, a line for each table"},
    {0},
};
static const char *const top_examples[] = {"weir top web", "weir top web --every 10 -n 6 > rates.txt", NULL};
static const struct verb top_verb = {
    .name = "top",
    .summary = "show how much flows through each stage, again and again",
    .details =
        "IN/S and OUT/S are items a second; QUEUED waits in front of the stage, and LATENCY is how long that will take at "
        "this rate; BUSY is the share of the time that the stage's strand works, which stages in one loop have in "
        "common.\nOn a terminal the table stays in its place until it is interrupted; elsewhere one follows the other. "
        "It ends with the pipeline.",
    .args = top_args,
    .examples = top_examples,
};

#define NAME_ROOM (4 * NAME_COLUMNS + 1)

/* What a stage did between two answers. */
struct flow {
    const char *name;
    double in, out; /* items a second */
    double busy;    /* percent */
    double latency; /* seconds; negative: not known, since nothing moves */
    long long queued, failed, lanes;
};

struct top {
    weir_client *client;
    json_t *before, *now; /* answers to show; `before` is NULL at first */
    double before_s, now_s;
    bool terminal, as_json;
};

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- rates ------------------------------------------------------------------------------------------------------------ */

static bool is_retiring(const json_t *stage)
{
    return strcmp(state_text(stage, "status"), "retiring") == 0;
}

/* The same stage in the answer before; a name may stand twice, when a stage of that name is leaving. */
static const json_t *earlier(const struct top *top, const json_t *stage)
{
    size_t i;
    json_t *other;
    json_array_foreach(json_object_get(top->before, "stages"), i, other)
    {
        if (strcmp(state_text(other, "name"), state_text(stage, "name")) == 0 && is_retiring(other) == is_retiring(stage))
            return other;
    }
    return NULL;
}

/* What was counted since; a count that is smaller than before is that of a new stage of the same name. */
static double grown(const json_t *stage, const json_t *before, const char *what)
{
    long long now = state_count(stage, what), then = state_count(before, what);
    return (double)(now >= then ? now - then : now);
}

static struct flow flow_of(const struct top *top, const json_t *stage)
{
    const json_t *before = earlier(top, stage);
    double seconds = top->now_s - top->before_s;
    struct flow flow = {.name = state_text(stage, "name"), .latency = -1};
    flow.queued = state_count(stage, "queued");
    flow.failed = state_count(stage, "failed");
    flow.lanes = state_count(stage, "lanes");
    if (before && seconds > 0) {
        flow.in = grown(stage, before, "taken") / seconds;
        flow.out = grown(stage, before, "put") / seconds;
        flow.busy = grown(stage, before, "busy_ns") / 1e7 / seconds;
    }
    if (flow.in > 0)
        flow.latency = (double)flow.queued / flow.in;
    return flow;
}

/* ---- print ------------------------------------------------------------------------------------------------------------ */

/* So many characters of UTF-8 as there are columns; what is left out ends in two dots. */
static const char *cut(const char *name, char text[NAME_ROOM])
{
    size_t columns = 0, len = 0, kept = 0;
    for (; name[len] && columns <= NAME_COLUMNS; columns++) {
        kept = columns == NAME_COLUMNS - 2 ? len : kept;
        for (len++; ((unsigned char)name[len] & 0xC0) == 0x80; len++)
            ;
    }
    if (columns <= NAME_COLUMNS)
        snprintf(text, NAME_ROOM, "%s", name);
    else
        snprintf(text, NAME_ROOM, "%.*s..", (int)kept, name);
    return text;
}

static void add_row(struct table *table, const struct flow *flow)
{
    char text[SPAN_ROOM], name[NAME_ROOM];
    table_add(table, cut(flow->name, name));
    table_add(table, span_count(flow->in, text));
    table_add(table, span_count(flow->out, text));
    table_add(table, span_count((double)flow->queued, text));
    table_add(table, flow->latency >= 0 ? span_text(flow->latency, text) : "-");
    table_add(table, span_count((double)flow->failed, text));
    table_add_count(table, flow->lanes > 1 ? flow->lanes : 1);
    snprintf(text, sizeof text, "%.0f%%", flow->busy);
    table_add(table, text);
}

static void print_head(const struct top *top, FILE *stream)
{
    const json_t *totals = json_object_get(top->now, "totals");
    double seconds = top->now_s - top->before_s;
    bool paused = json_is_true(json_object_get(top->now, "paused"));
    size_t pending = json_array_size(json_object_get(top->now, "pending"));
    char rate[SPAN_ROOM], flight[SPAN_ROOM], failed[SPAN_ROOM], name[NAME_ROOM];
    span_count(grown(totals, json_object_get(top->before, "totals"), "admitted") / (seconds > 0 ? seconds : 1), rate);
    span_count((double)state_count(totals, "in_flight"), flight);
    span_count((double)state_count(totals, "failed"), failed);
    fprintf(stream, "%s: revision %lld, %s/s in, %s in flight, %s failed\n", cut(state_text(top->now, "name"), name),
            state_count(top->now, "revision"), rate, flight, failed);
    if (paused || pending > 0)
        fprintf(stream, "%s%s%s\n", paused ? "paused" : "", paused && pending > 0 ? "; " : "",
                pending > 0 ? "an edit is pending" : "");
}

static void print_table(const struct top *top, FILE *stream)
{
    static const char *const heads[] = {"STAGE", "IN/S", "OUT/S", "QUEUED", "LATENCY", "FAILED", "LANES", "BUSY"};
    struct table table = {.alignment = "lrrrrrrr"};
    size_t i;
    json_t *stage;
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(&table, heads[i]);
    json_array_foreach(json_object_get(top->now, "stages"), i, stage)
    {
        struct flow flow = flow_of(top, stage);
        add_row(&table, &flow);
    }
    table_print(&table, 0, stream);
}

static json_t *flow_json(const struct flow *flow)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_string(flow->name));
    json_object_set_new(json, "in_per_s", json_real(flow->in));
    json_object_set_new(json, "out_per_s", json_real(flow->out));
    json_object_set_new(json, "queued", json_integer(flow->queued));
    json_object_set_new(json, "latency_s", flow->latency >= 0 ? json_real(flow->latency) : json_null());
    json_object_set_new(json, "failed", json_integer(flow->failed));
    json_object_set_new(json, "lanes", json_integer(flow->lanes));
    json_object_set_new(json, "busy_percent", json_real(flow->busy));
    return json;
}

static void print_json(const struct top *top)
{
    size_t i;
    json_t *stage, *json = json_object(), *stages = json_array();
    json_array_foreach(json_object_get(top->now, "stages"), i, stage)
    {
        struct flow flow = flow_of(top, stage);
        json_array_append_new(stages, flow_json(&flow));
    }
    json_object_set(json, "name", json_object_get(top->now, "name"));
    json_object_set(json, "revision", json_object_get(top->now, "revision"));
    json_object_set(json, "totals", json_object_get(top->now, "totals"));
    json_object_set_new(json, "seconds", json_real(top->now_s - top->before_s));
    json_object_set_new(json, "stages", stages);
    json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(json);
}

/* How many lines the terminal shows; many, if it does not say. */
static size_t count_rows(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : SIZE_MAX;
}

/* On a terminal over the last one: home, every line's rest and all below cleared, so that nothing flickers. What the terminal has no
 * lines for is left out, since it would scroll. */
static void print_in_place(const struct top *top)
{
    char *text = NULL, *line, *rest;
    size_t size, rows = count_rows();
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return;
    print_head(top, stream);
    print_table(top, stream);
    fclose(stream);
    fputs("\033[H", stdout);
    for (rest = text; rows > 1 && (line = strsep(&rest, "\n")) && rest; rows--)
        printf("%s\033[K\n", line);
    fputs("\033[J", stdout);
    free(text);
}

static void print(const struct top *top)
{
    if (top->as_json) {
        print_json(top);
    } else if (top->terminal) {
        print_in_place(top);
    } else {
        print_head(top, stdout);
        print_table(top, stdout);
        putchar('\n');
    }
    fflush(stdout);
}

/* ---- again and again -------------------------------------------------------------------------------------------------- */

/* 0; 1: the pipeline has ended; or -1: another failure, about which nothing was said. */
static int look(struct top *top)
{
    char *text = NULL;
    int status = weir_client_call(top->client, "show", NULL, &text);
    if (status != 0)
        return free(text), status == WEIR_CLIENT_TIMEOUT ? -1 : 1;
    json_t *reply = json_loads(text, JSON_ALLOW_NUL, NULL);
    free(text);
    json_decref(top->before);
    top->before = top->now;
    top->before_s = top->now_s;
    top->now = json_incref(json_object_get(reply, "result"));
    top->now_s = clock_s();
    json_decref(reply);
    return top->now ? 0 : -1;
}

/* Until it is time for the next one. The connection says nothing by itself, unless the pipeline ends. */
static void wait(const struct top *top, double seconds)
{
    struct pollfd connection = {.fd = weir_client_fd(top->client), .events = POLLIN};
    poll(&connection, 1, (int)(seconds * 1000));
}

static int watch(struct top *top, double every_s, double count)
{
    int status = look(top);
    if (top->terminal && status == 0)
        fputs("\033[2J", stdout);
    wait(top, top->terminal && every_s > FIRST_S ? FIRST_S : every_s);
    for (double i = 0; status == 0 && i < count; i++) {
        if (i > 0)
            wait(top, every_s);
        status = look(top);
        if (status == 0)
            print(top);
    }
    if (status < 0)
        return complain(BUSY, "%s", weir_client_error(top->client));
    if (status > 0 && !top->as_json)
        printf("%s: ended\n", state_text(top->now, "name"));
    return DONE;
}

static int top(const struct arguments *args)
{
    char error[512];
    double every_s = argument_number(args, "every", EVERY_S);
    if (every_s < 0.01)
        return complain(USAGE, "top: --every: \"%s\" is too often; at least 0.01 seconds", argument_text(args, "every"));
    struct top state = {.client = weir_client_connect(argument_text(args, "pipeline"), error, sizeof error)};
    if (!state.client)
        return complain(NO_PIPELINE, "%s", error);
    state.as_json = argument_flag(args, "json");
    state.terminal = isatty(STDOUT_FILENO) && !state.as_json;
    weir_client_timeout(state.client, PATIENT_MS);
    int status = watch(&state, every_s, argument_number(args, "count", 1e18));
    json_decref(state.before);
    json_decref(state.now);
    weir_client_close(state.client);
    return status;
}

const struct command top_command = {&top_verb, top};
