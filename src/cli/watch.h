/* SPDX-License-Identifier: MIT */
/*
 * watch.h - the main thread of weir run while the pipeline runs: signals, the control socket, the progress line.
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
    int status;         /* weir_drain's */
    int aborted_by;     /* the signal that aborted it; 0: none */
    char message[1024]; /* weir_error() when the status is not WEIR_OK */
    json_t *state;      /* the last one, with "error"; to be released with json_decref() */
};

/* Runs until the started pipeline has ended and every client has its answer. */
void watch(struct session *session, const struct watch_options *options, struct watch_outcome *outcome);

#endif
