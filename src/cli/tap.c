/* SPDX-License-Identifier: MIT */
/*
 * tap.c - weir tap: prints the items that pass a stage, as long as somebody looks.
 *
 * There is nothing to clean up: the pipeline ends the tap when the connection is gone, however this process came to its end.
 */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/remote.h"
#include "cli/state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Items that were not shown, and of which nothing was said yet. */
struct lost {
    long long count;
    time_t said; /* when something was said about them last */
};

/* A terminal must not be told what to do by what passes. */
static void print_bytes(const char *text, size_t len)
{
    bool clean = isatty(STDOUT_FILENO);
    for (size_t i = 0; i < len; i++) {
        bool control = ((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f;
        putchar(text[i] == '\n' || (clean && control) ? ' ' : text[i]);
    }
}

static void print_hex(const char *digits)
{
    char byte;
    for (unsigned value; digits[0] && digits[1] && sscanf(digits, "%2x", &value) == 1; digits += 2) {
        byte = (char)value;
        print_bytes(&byte, 1);
    }
}

static void print_item(const json_t *event)
{
    const json_t *text = json_object_get(event, "text"), *value = json_object_get(event, "value");
    if (text)
        print_bytes(json_string_value(text), json_string_length(text));
    else if (json_object_get(event, "bytes"))
        print_hex(state_text(event, "bytes"));
    else if (json_is_integer(value))
        printf("%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        printf("%.17g", json_real_value(value));
    else
        fputs(value ? json_string_value(value) : state_text(event, "hex"), stdout);
    if (json_object_get(event, "length"))
        printf("... (%lld bytes)", state_count(event, "length"));
}

static void print_sight(const json_t *event)
{
    const char *verdict = state_text(event, "verdict");
    printf("%-4s %lld ", verdict[0] ? verdict : state_text(event, "side"), state_count(event, "number"));
    print_item(event);
    putchar('\n');
}

/* What was lost is said about once a second, since it may come as often as items do. */
static void say_lost(struct lost *lost, const char *name)
{
    time_t now = time(NULL);
    if (lost->count == 0 || now == lost->said)
        return;
    complain(0, "%s: %lld items came faster than they were taken, and are not shown", name, lost->count);
    *lost = (struct lost){.said = now};
}

static void print_event(const json_t *event, const char *name, struct lost *lost)
{
    const char *kind = state_text(event, "event");
    if (strcmp(kind, "item") == 0)
        print_sight(event);
    if (strcmp(kind, "lost") == 0)
        lost->count += state_count(event, "count");
    if (strcmp(kind, "end") == 0)
        lost->said = 0;
    say_lost(lost, name);
}

static int follow(const struct arguments *args, weir_client *client)
{
    int status;
    char *line;
    struct lost lost = {0};
    while ((status = weir_client_next(client, &line)) >= 0) {
        json_t *event = json_loads(line, JSON_ALLOW_NUL, NULL);
        if (argument_flag(args, "json"))
            puts(line);
        else
            print_event(event, argument_text(args, "pipeline"), &lost);
        json_decref(event);
        free(line);
        if (status == WEIR_CLIENT_LAST)
            return DONE;
    }
    return complain(FAILED, "%s", weir_client_error(client));
}

static int tap(const struct arguments *args)
{
    weir_client *client = NULL;
    json_t *answer = NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int status = remote_send(args, &client);
    if (status == DONE)
        status = remote_receive(args, client, &answer);
    if (status == DONE) {
        weir_client_timeout(client, 0);
        status = follow(args, client);
    }
    json_decref(answer);
    weir_client_close(client);
    return status;
}

const struct command tap_command = {&tap_verb, tap};
