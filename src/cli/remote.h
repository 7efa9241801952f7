/* SPDX-License-Identifier: MIT */
/* remote.h - asking a running pipeline. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/arguments.h"

/* Asks the pipeline that the arguments name. 0 and a new *result, or the exit status after a complaint. */
int remote_ask(const struct arguments *args, json_t **result);

/* The state of one pipeline, for lists: a new object, or NULL without a complaint when it does not answer within a second. */
json_t *remote_state(const char *name);

/* Asks for an edit and prints its receipt. The exit status. */
int remote_edit(const struct arguments *args);

#endif
