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
#include "ctl/socket.h"

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
    bool has_drainer;
    struct progress progress;
    struct session *session;
    struct server *server; /* NULL: no control socket */
    const struct watch_options *options;
    struct watch_outcome *outcome; /* status and message: the drainer's until it has ended */
    bool closed;                   /* by a signal */
    int aborted_by;
};

static void note_error(struct watch *watch)
{
    const char *message = weir_error(session_pipeline(watch->session));
    snprintf(watch->outcome->message, sizeof watch->outcome->message, "%s", message);
}

static void drain(void *arg)
{
    struct watch *watch = arg;
    weir_pipeline *pipeline = session_pipeline(watch->session);
    watch->outcome->status = weir_drain(pipeline);
    if (watch->outcome->status != WEIR_OK)
        note_error(watch);
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
    if (watch->has_drainer)
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

/* In the drainer; without such a thread in the main one, deaf to signals and clients until the end. */
static void start_drainer(struct watch *watch)
{
    watch->has_drainer = uv_thread_create(&watch->drainer, drain, watch) == 0;
    if (watch->has_drainer)
        return;
    complain(0, "no thread to spare: the control socket will not answer");
    drain(watch);
}

static void start_pipeline(struct watch *watch)
{
    weir_pipeline *pipeline = session_pipeline(watch->session);
    watch->outcome->status = weir_start(pipeline);
    watch->outcome->started = watch->outcome->status == WEIR_OK;
    if (watch->outcome->started) {
        start_drainer(watch);
        return;
    }
    note_error(watch);
    uv_async_send(&watch->ended);
}

void watch(struct session *session, const struct watch_options *options, struct watch_outcome *outcome)
{
    struct watch watch = {.session = session, .options = options, .outcome = outcome};
    *outcome = (struct watch_outcome){.status = WEIR_ESYSTEM, .message = "the system refuses an event loop"};
    if (uv_loop_init(&watch.loop) != 0) {
        if (options->listen_fd >= 0)
            socket_release(options->listen_path);
        return;
    }
    outcome->message[0] = '\0';
    if (options->listen_fd >= 0)
        watch.server = server_new(&watch.loop, session, options->listen_fd, options->listen_path);
    if (options->listen_fd >= 0 && !watch.server)
        complain(0, "the control socket cannot be served; going on without");
    start_handles(&watch);
    start_pipeline(&watch);
    uv_run(&watch.loop, UV_RUN_DEFAULT);
    uv_loop_close(&watch.loop);
    server_free(watch.server);
}
