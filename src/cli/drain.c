/* SPDX-License-Identifier: MIT */
/*
 * drain.c - weir drain: closes a pipeline and waits for its end, as stop does, with a line on the terminal that says what is still
 * on its way. The answer comes on one connection when it is there; what the line says is asked on others meanwhile.
 */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/outcome.h"
#include "cli/remote.h"
#include "cli/state.h"

#include <stdlib.h>
#include <unistd.h>

#define INTERVAL_MS 500

static void print_progress(const char *name)
{
    json_t *state = remote_state(name);
    const json_t *totals = json_object_get(state, "totals");
    if (state)
        fprintf(stderr, "\r%s: closed, %lld in flight, %lld delivered\033[K", name, state_count(totals, "in_flight"),
                state_count(totals, "delivered"));
    json_decref(state);
}

/* Waits for the line; on a terminal, busily. */
static int wait_for(weir_client *client, const char *name, char **line)
{
    bool terminal = isatty(STDERR_FILENO), shown = false;
    int status;
    weir_client_timeout(client, terminal ? INTERVAL_MS : 0);
    while ((status = weir_client_next(client, line)) == WEIR_CLIENT_TIMEOUT) {
        print_progress(name);
        shown = true;
    }
    if (shown)
        fputs("\r\033[K", stderr);
    return status;
}

static int drain(const struct arguments *args)
{
    weir_client *client = NULL;
    json_t *outcome = NULL;
    char *line;
    int status = remote_send(args, &client);
    if (status == DONE && wait_for(client, argument_text(args, "pipeline"), &line) < 0) {
        status = complain(FAILED, "%s", weir_client_error(client));
    } else if (status == DONE) {
        status = remote_understand(args, line, &outcome);
        free(line);
    }
    weir_client_close(client);
    return status == DONE ? outcome_print(args, outcome) : status;
}

const struct command drain_command = {&drain_verb, drain};
