/* SPDX-License-Identifier: MIT */
/* remote.h - asking a running pipeline. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/arguments.h"

#include <weir/client.h>

/* The steps of remote_ask(), for who does something between them. remote_send() connects and sends the request; the client is
 * to be closed if it is not NULL. remote_receive() waits for the reply; remote_understand() reads one that came. */
int remote_send(const struct arguments *args, weir_client **client);
int remote_receive(const struct arguments *args, weir_client *client, json_t **result);
int remote_understand(const struct arguments *args, const char *text, json_t **result);

/* Asks the pipeline that the arguments name. 0 and a new *result, or the exit status after a complaint. */
int remote_ask(const struct arguments *args, json_t **result);

/* The state of one pipeline, for lists: a new object, or NULL without a complaint when it does not answer within a second. */
json_t *remote_state(const char *name);

/* Asks for an edit and prints its receipt. The exit status. */
int remote_edit(const struct arguments *args);

#endif
