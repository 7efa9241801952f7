/* SPDX-License-Identifier: MIT */
/*
 * watch.c - the loop that runs beside the pipeline.
 *
 * weir_drain() waits for the pipeline's end, so that a thread of its own calls it and then wakes the loop. Nothing here is
 * periodic but the progress line on a terminal: an idle pipeline costs nothing.
 */
#include "cli/watch.h"

#include "cli/complain.h"
#include "cli/progress.h"
#include "ctl/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define ABORT_MS 500 /* how long an abort may take before the process ends without it */

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};
#define WATCHED (sizeof watched / sizeof *watched)

struct watch {
    uv_loop_t loop;
    uv_signal_t signals[WATCHED];
    uv_timer_t abort_timer;
    uv_async_t ended;
    uv_thread_t drainer;
    struct progress progress;
    struct session *session;
    struct server *server; /* NULL: no control socket */
    const struct watch_options *options;
    struct watch_outcome *outcome; /* status and message: the drainer's until it has ended */
    bool closed;                   /* by a signal */
    int aborted_by;
};

static void drain(void *arg)
{
    struct watch *watch = arg;
    weir_pipeline *pipeline = session_pipeline(watch->session);
    watch->outcome->status = weir_drain(pipeline);
    if (watch->outcome->status != WEIR_OK)
        snprintf(watch->outcome->message, sizeof watch->outcome->message, "%s", weir_error(pipeline));
    uv_async_send(&watch->ended);
}

/* ---- signals ---------------------------------------------------------------------------------------------------------- */

static void end_process(struct watch *watch)
{
    if (watch->server)
        server_unlink(watch->server);
    progress_stop(&watch->progress);
    _exit(128 + watch->aborted_by);
}

static void on_abort_late(uv_timer_t *timer)
{
    end_process(timer->data);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct watch *watch = handle->data;
    weir_pipeline *pipeline = session_pipeline(watch->session);
    if (watch->aborted_by)
        end_process(watch);
    if (watch->closed) {
        watch->aborted_by = number;
        weir_abort(pipeline);
        uv_timer_start(&watch->abort_timer, on_abort_late, ABORT_MS, 0);
        return;
    }
    watch->closed = true;
    weir_close(pipeline);
    if (!watch->options->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[Kweir: ending; what is on its way still arrives (once more: end at once)\n");
}

/* ---- the end ---------------------------------------------------------------------------------------------------------- */

static void on_ended(uv_async_t *handle)
{
    struct watch *watch = handle->data;
    struct watch_outcome *outcome = watch->outcome;
    uv_thread_join(&watch->drainer);
    outcome->state = session_snapshot(watch->session);
    json_object_set_new(outcome->state, "error", json_text(outcome->message));
    outcome->aborted_by = watch->aborted_by;
    if (watch->server)
        server_finish(watch->server, outcome->state);
    progress_stop(&watch->progress);
    uv_close((uv_handle_t *)&watch->abort_timer, NULL);
    uv_close((uv_handle_t *)&watch->ended, NULL);
    for (size_t i = 0; i < WATCHED; i++)
        uv_close((uv_handle_t *)&watch->signals[i], NULL);
}

/* ---- the beginning ---------------------------------------------------------------------------------------------------- */

/* nohup, and shells that start a job in the background, ask for a signal to be ignored: it stays so. */
static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* Whether lines of the pipeline's own go to a terminal. */
static bool writes_to_terminal(struct session *session)
{
    bool found = false;
    size_t i;
    json_t *stage, *state = isatty(STDOUT_FILENO) ? session_snapshot(session) : NULL;
    json_array_foreach(json_object_get(state, "stages"), i, stage)
    {
        const char *builtin = json_string_value(json_object_get(stage, "builtin"));
        found |= builtin && strcmp(builtin, "stdout") == 0;
    }
    json_decref(state);
    return found;
}

static void start_handles(struct watch *watch)
{
    uv_async_init(&watch->loop, &watch->ended, on_ended);
    uv_timer_init(&watch->loop, &watch->abort_timer);
    watch->ended.data = watch->abort_timer.data = watch;
    for (size_t i = 0; i < WATCHED; i++) {
        uv_signal_init(&watch->loop, &watch->signals[i]);
        watch->signals[i].data = watch;
        if (!is_ignored(watched[i]))
            uv_signal_start(&watch->signals[i], on_signal, watched[i]);
    }
    progress_start(&watch->progress, &watch->loop, session_pipeline(watch->session),
                   !watch->options->quiet && !writes_to_terminal(watch->session));
}

/* Without the system's help (a loop, a thread) the pipeline still runs to its end, deaf to signals and clients. */
static void run_plainly(struct session *session, struct watch_outcome *outcome)
{
    weir_pipeline *pipeline = session_pipeline(session);
    outcome->status = weir_drain(pipeline);
    if (outcome->status != WEIR_OK)
        snprintf(outcome->message, sizeof outcome->message, "%s", weir_error(pipeline));
    outcome->state = session_snapshot(session);
}

void watch(struct session *session, const struct watch_options *options, struct watch_outcome *outcome)
{
    struct watch watch = {.session = session, .options = options, .outcome = outcome};
    *outcome = (struct watch_outcome){0};
    if (uv_loop_init(&watch.loop) != 0) {
        run_plainly(session, outcome);
        return;
    }
    if (options->listen_fd >= 0)
        watch.server = server_new(&watch.loop, session, options->listen_fd, options->listen_path);
    if (options->listen_fd >= 0 && !watch.server)
        complain(0, "the control socket cannot be served; going on without");
    start_handles(&watch);
    if (uv_thread_create(&watch.drainer, drain, &watch) != 0) {
        complain(0, "no thread for the control socket: it will not answer");
        run_plainly(session, outcome);
        return;
    }
    uv_run(&watch.loop, UV_RUN_DEFAULT);
    uv_loop_close(&watch.loop);
    server_free(watch.server);
}
