/* SPDX-License-Identifier: MIT */
/*
 * watch.h - the main thread of weir run: starts the pipeline, and while it runs heeds signals, serves the control socket, and
 * keeps the progress line.
 *
 * Signals are caught from before the start, so that none that comes early kills the process with its socket left behind.
 *
 * The first SIGINT, SIGTERM or SIGHUP closes the pipeline: what was admitted still arrives. The second one aborts it, and the
 * process ends at once, also when a stage never returns.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "ctl/session.h"

struct watch_options {
    int listen_fd; /* the control socket, or -1; taken */
    const char *listen_path;
    bool quiet; /* no notes, no progress */
};

struct watch_outcome {
    bool started; /* weir_start() went well; then the status is weir_drain's, else weir_start's */
    int status;
    int aborted_by;     /* the signal that aborted it; 0: none */
    char message[1024]; /* weir_error() when the status is not WEIR_OK */
    json_t *state;      /* the last one, with "error"; to be released with json_decref() */
};

/* Starts the pipeline and returns when it has ended and every client has its answer. */
void watch(struct session *session, const struct watch_options *options, struct watch_outcome *outcome);

#endif
