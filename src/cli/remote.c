/* SPDX-License-Identifier: MIT */
/*
 * remote.c - a request to a running pipeline, and what to say and which status to exit with when it is refused.
 */
#include "cli/remote.h"

#include "cli/command.h"
#include "cli/complain.h"
#include "cli/state.h"

#include <weir/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (text && json_object_get(reply, "offset"))
        return complain_at(status, text, (size_t)state_count(reply, "offset"), (size_t)state_count(reply, "length"), message);
    return complain(status, "%s: %s", argument_text(args, "pipeline"), message);
}

static int understand(const struct arguments *args, const char *text, json_t **result)
{
    json_t *reply = json_loads(text, 0, NULL);
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

/* Takes the request. */
static int call(const struct arguments *args, weir_client *client, json_t *request, json_t **result)
{
    char *text = json_dumps(request, JSON_COMPACT), *reply = NULL;
    json_decref(request);
    if (!text)
        return complain(FAILED, "out of memory");
    weir_client_timeout(client, patience_ms(args));
    int status = weir_client_call(client, args->verb->name, text, &reply);
    free(text);
    if (status != 0)
        return complain(status == WEIR_CLIENT_TIMEOUT ? BUSY : FAILED, "%s", weir_client_error(client));
    status = understand(args, reply, result);
    free(reply);
    return status;
}

int remote_ask(const struct arguments *args, json_t **result)
{
    char error[512];
    json_t *request = arguments_request(args);
    if (!request)
        return USAGE;
    weir_client *client = weir_client_connect(argument_text(args, "pipeline"), error, sizeof error);
    if (!client) {
        json_decref(request);
        return complain(NO_PIPELINE, "%s", error);
    }
    int status = call(args, client, request, result);
    weir_client_close(client);
    return status;
}

json_t *remote_state(const char *name)
{
    char error[256], *text;
    weir_client *client = weir_client_connect(name, error, sizeof error);
    if (!client)
        return NULL;
    weir_client_timeout(client, LIST_MS);
    json_t *reply = NULL;
    if (weir_client_call(client, "show", NULL, &text) == 0) {
        reply = json_loads(text, 0, NULL);
        free(text);
    }
    weir_client_close(client);
    json_t *state = json_incref(json_object_get(reply, "result"));
    json_decref(reply);
    return state;
}

static void print_receipt(const json_t *receipt)
{
    printf("%s: revision %lld, ", state_text(receipt, "name"), state_count(receipt, "revision"));
    if (!json_is_true(json_object_get(receipt, "changed"))) {
        puts("nothing to change");
        return;
    }
    printf("cut after %lld items, in effect after %.2f ms", state_count(receipt, "position"),
           (double)state_count(receipt, "effect_ns") / 1e6);
    if (state_text(receipt, "held_up_by")[0])
        printf(", held up by %s", state_text(receipt, "held_up_by"));
    putchar('\n');
}

int remote_edit(const struct arguments *args)
{
    json_t *receipt = NULL;
    int status = remote_ask(args, &receipt);
    if (status != DONE)
        return status;
    if (argument_flag(args, "json"))
        state_print_json(receipt);
    else
        print_receipt(receipt);
    json_decref(receipt);
    return DONE;
}
