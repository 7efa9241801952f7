/* SPDX-License-Identifier: MIT */
/*
 * run.c - weir run: a pipeline in the foreground, as a Unix filter or as something that others edit.
 */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/compose.h"
#include "cli/state.h"
#include "cli/watch.h"
#include "ctl/socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct arg_desc run_args[] = {
    {"expr", ARG_EXPR, .positional = true, .word = "'EXPR'", .help = "the stages, separated by |"},
    {"file", ARG_FILE, 'f', .word = "FILE", .help = "read the pipeline from this YAML file instead; see PIPELINE FILES"},
    {"name", ARG_TEXT, 'n', .word = "NAME", .help = "what others call the pipeline; default: what the file says, or weir-PID"},
    {"workers", ARG_COUNT, 'w', .word = "N", .help = "threads that run stages; default one a core"},
    {"no-control", ARG_FLAG, .help = "no control socket: the pipeline cannot be seen or edited"},
    {"summary", ARG_FLAG, 's', .help = "at the end, print the account of all items on standard error"},
    {"quiet", ARG_FLAG, 'q', .help = "no progress and no notes on standard error"},
    {0},
};
static const char *const run_examples[] = {
    "weir run 'grep error | upper' < app.log",
    "weir run -n web 'file access.log follow=yes | parse clf | where \"status >= 500\" | stdout'",
    "weir run --summary 'seq 1000000 | null'",
    "weir run 'parse clf | route \"status >= 500\" { yes: file errors.log ; no: discard }' < access.log",
    "weir run -f web.yaml",
    NULL,
};
static const struct verb run_verb = {
    .name = "run",
    .summary = "run a pipeline in the foreground",
    .details =
        "Where the expression has no source it reads standard input, where it has no sink it writes standard output. "
        "While it runs, the other commands show and edit it from another shell.\n"
        "SIGINT, SIGTERM and SIGHUP end it: the source stops, and what is on its way still arrives. A second signal ends "
        "it at once, with status 128 and the signal's number. When the reader of its output goes away it ends as other "
        "filters do, by SIGPIPE.",
    .args = run_args,
    .examples = run_examples,
};

struct names {
    char name[SOCKET_NAME_MAX + 1];
    char path[SOCKET_PATH_MAX];
    int fd;
    bool given; /* somebody chose the name */
};

static int choose_name(const struct arguments *args, const struct graph *graph, struct names *names)
{
    const char *name = argument_text(args, "name"), *from = name ? "--name" : "name";
    if (!name && *graph->name)
        name = graph->name;
    *names = (struct names){.fd = -1};
    snprintf(names->name, sizeof names->name, "weir-%d", (int)getpid());
    if (name && !socket_name_ok(name))
        return complain(USAGE,
                        "run: %s: \"%s\" is not 1 to %d letters, digits, dots, dashes and underscores, the first one "
                        "no dot and no dash",
                        from, name, SOCKET_NAME_MAX);
    if (name)
        snprintf(names->name, sizeof names->name, "%s", name);
    names->given = name != NULL;
    return 0;
}

/* A name that somebody gave must be had; without one, a filter works as well where there can be no socket. */
static int claim(const struct arguments *args, struct names *names)
{
    char error[768];
    if (argument_flag(args, "no-control"))
        return 0;
    names->fd = socket_claim(names->name, names->path, error, sizeof error);
    if (names->fd >= 0)
        return 0;
    if (names->given)
        return complain(FAILED, "%s", error);
    if (!argument_flag(args, "quiet"))
        complain(0, "%s; going on without a control socket", error);
    return 0;
}

/* The message says that some pipe broke; the descriptor says whether it was ours. */
static bool reader_is_gone(const struct watch_outcome *outcome)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return outcome->status != WEIR_OK && strstr(outcome->message, strerror(EPIPE)) && poll(&out, 1, 0) == 1 &&
           (out.revents & (POLLERR | POLLHUP));
}

static void die_of_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int conclude(const struct arguments *args, const struct watch_outcome *outcome)
{
    if (outcome->started && argument_flag(args, "summary"))
        state_print_equation(outcome->state, stderr);
    if (outcome->aborted_by)
        return 128 + outcome->aborted_by;
    if (reader_is_gone(outcome))
        die_of_sigpipe();
    if (outcome->status == WEIR_OK)
        return DONE;
    return complain(!outcome->started && outcome->status == WEIR_EREFUSED ? USAGE : FAILED, "%s", outcome->message);
}

static int run_session(const struct arguments *args, struct session *session, const struct names *names)
{
    struct watch_outcome outcome;
    struct watch_options options = {names->fd, names->path, argument_flag(args, "quiet")};
    watch(session, &options, &outcome);
    int status = conclude(args, &outcome);
    json_decref(outcome.state);
    return status;
}

static int run(const struct arguments *args)
{
    struct names names;
    struct graph *graph = NULL;
    struct session *session = NULL;
    signal(SIGPIPE, SIG_IGN);
    int status = compose_read(args, &graph);
    if (status == 0)
        status = choose_name(args, graph, &names);
    if (status == 0)
        status = compose(names.name, graph, (unsigned)argument_number(args, "workers", 0), &session);
    graph_free(graph);
    if (status == 0)
        status = claim(args, &names);
    if (status == 0)
        status = run_session(args, session, &names);
    session_free(session);
    return status;
}

const struct command run_command = {&run_verb, run};
