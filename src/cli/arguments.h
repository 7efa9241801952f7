/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - a command line, read after a verb's description: options anywhere, words in the order of the description.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "ctl/verb.h"

#define ARGUMENTS_MAX 16

struct arguments {
    const struct verb *verb;
    const char *text[ARGUMENTS_MAX]; /* as given, for each of the verb's arguments; NULL: not given; "" for a flag */
    json_t *json;                    /* the same as a request's arguments; where bytes are not UTF-8 they are lost */
    bool help;                       /* --help was given: nothing else counts */
};

/* Reads argv[1..]; argv[0] is the verb. 0, or the exit status, having complained. Lends argv. */
int arguments_read(struct arguments *args, const struct verb *verb, int argc, char **argv);
void arguments_release(struct arguments *args);

const char *argument_text(const struct arguments *args, const char *name); /* NULL: not given */
bool argument_flag(const struct arguments *args, const char *name);
double argument_number(const struct arguments *args, const char *name, double otherwise);

/* Gives the argument the value that `text`, which is lent, stands for. 0, or the exit status, having complained. */
int argument_set(struct arguments *args, const char *name, const char *text);

/* The arguments that are sent: a new object, or NULL after a complaint (they are not UTF-8). */
json_t *arguments_request(const struct arguments *args);

#endif
