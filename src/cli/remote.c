/* SPDX-License-Identifier: MIT */
/*
 * remote.c - a request to a running pipeline, and what to say and which status to exit with when it is refused.
 */
#include "cli/remote.h"

#include "cli/command.h"
#include "cli/complain.h"
#include "cli/receipt.h"
#include "cli/state.h"
#include "ctl/session.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS   5000
#define LIST_MS   1000
#define GRACE_MS  5000 /* beyond an edit's own time limit */
#define TIMEOUT_S 10.0 /* of an edit, as verb.c says */

static const struct {
    const char *word;
    int status;
} statuses[] = {
    {"usage", USAGE},       {"expression", USAGE}, {"refused", REFUSED}, {"stage", REFUSED}, {"ended", REFUSED},
    {"conflict", CONFLICT}, {"busy", BUSY},        {"memory", FAILED},   {"system", FAILED},
};

static int status_of(const char *word)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(statuses[i].word, word) == 0)
            return statuses[i].status;
    return FAILED;
}

/* A stop may take as long as it takes; an edit as long as it said. */
static unsigned patience_ms(const struct arguments *args)
{
    if (args->verb->way == VERB_AT_END)
        return 0;
    if (args->verb->way != VERB_APART)
        return LOOK_MS;
    double timeout_s = argument_number(args, "timeout", TIMEOUT_S);
    return timeout_s > 0 ? (unsigned)(timeout_s * 1000) + GRACE_MS : 0;
}

static int complain_refusal(const struct arguments *args, const json_t *reply)
{
    int status = status_of(state_text(reply, "status"));
    const char *message = state_text(reply, "message"), *text = argument_text(args, "text");
    const char *file = verb_arg(args->verb, "file") ? argument_text(args, "file") : NULL;
    if (text && file && json_object_get(reply, "offset"))
        return complain_in(status, strcmp(file, "-") == 0 ? "standard input" : file, text, (size_t)state_count(reply, "offset"),
                           (size_t)state_count(reply, "length"), message);
    if (text && json_object_get(reply, "offset"))
        return complain_at(status, text, (size_t)state_count(reply, "offset"), (size_t)state_count(reply, "length"), message);
    return complain(status, "%s: %s", argument_text(args, "pipeline"), message);
}

int remote_understand(const struct arguments *args, const char *text, json_t **result)
{
    json_t *reply = json_loads(text, JSON_ALLOW_NUL, NULL);
    int status = DONE;
    if (json_is_true(json_object_get(reply, "ok")))
        *result = json_incref(json_object_get(reply, "result"));
    else if (reply)
        status = complain_refusal(args, reply);
    else
        status = complain(FAILED, "%s: the answer is not JSON", argument_text(args, "pipeline"));
    json_decref(reply);
    return status;
}

/* Who asks, for the history: the user's name, unless it was said. */
static void name_user(const struct arguments *args, json_t *request)
{
    const struct arg_desc *who = verb_arg(args->verb, "who");
    const struct passwd *user = who && !who->local ? getpwuid(geteuid()) : NULL;
    if (user && user->pw_name[0] && !json_object_get(request, "who"))
        json_object_set_new(request, "who", json_text(user->pw_name));
}

int remote_send(const struct arguments *args, weir_client **client)
{
    char error[512];
    json_t *request = arguments_request(args);
    if (!request)
        return USAGE;
    name_user(args, request);
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    *client = text ? weir_client_connect(argument_text(args, "pipeline"), error, sizeof error) : NULL;
    int status = text ? DONE : complain(FAILED, "out of memory");
    if (text && !*client)
        status = complain(NO_PIPELINE, "%s", error);
    if (*client) {
        weir_client_timeout(*client, patience_ms(args));
        if (weir_client_send(*client, args->verb->name, text) != 0)
            status = complain(FAILED, "%s", weir_client_error(*client));
    }
    free(text);
    return status;
}

int remote_receive(const struct arguments *args, weir_client *client, json_t **result)
{
    char *reply;
    int status = weir_client_next(client, &reply);
    if (status < 0)
        return complain(status == WEIR_CLIENT_TIMEOUT ? BUSY : FAILED, "%s", weir_client_error(client));
    status = remote_understand(args, reply, result);
    free(reply);
    return status;
}

int remote_ask(const struct arguments *args, json_t **result)
{
    weir_client *client = NULL;
    int status = remote_send(args, &client);
    if (status == DONE)
        status = remote_receive(args, client, result);
    weir_client_close(client);
    return status;
}

json_t *remote_state(const char *name)
{
    char error[256], *text = NULL;
    weir_client *client = weir_client_connect(name, error, sizeof error);
    if (!client)
        return NULL;
    weir_client_timeout(client, LIST_MS);
    json_t *reply = NULL;
    if (weir_client_call(client, "show", NULL, &text) == 0)
        reply = json_loads(text, 0, NULL);
    free(text); /* there is one too if it is no reply, but an event */
    weir_client_close(client);
    json_t *state = json_incref(json_object_get(reply, "result"));
    json_decref(reply);
    return state;
}

int remote_edit(const struct arguments *args)
{
    json_t *receipt = NULL;
    int status = remote_ask(args, &receipt);
    if (status != DONE)
        return status;
    if (argument_flag(args, "json"))
        state_print_json(receipt);
    else if (json_is_true(json_object_get(receipt, "dry_run")))
        preview_print(receipt);
    else
        receipt_print(receipt);
    json_decref(receipt);
    return DONE;
}
