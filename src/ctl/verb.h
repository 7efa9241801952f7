/* SPDX-License-Identifier: MIT */
/*
 * verb.h - what one can ask weir to do: each verb described once, as data.
 *
 * From a description come the parsing of the command line, the check of a request's arguments (by the client and again by the
 * pipeline: the same function), the dispatch, `weir VERB --help` and the words of the completion; the tests compare the
 * manual page with it. The words under which the history keeps an edit come from there, too.
 *
 * There are two sorts. The verbs in verbs[] are asked of a running pipeline, over its socket; their first word on the command
 * line is the pipeline's name. The others (run, ls, ...) happen in the command itself; src/cli describes them the same way.
 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;
struct refusal;
struct stream;
struct stream_wake;

enum arg_kind {
    ARG_TEXT,
    ARG_PIPELINE, /* the name of a running pipeline */
    ARG_STAGE,    /* the label of a stage in it */
    ARG_COMMAND,  /* a command of weir */
    ARG_BUILTIN,  /* the name of a built-in stage */
    ARG_EXPR,     /* a stage or a pipeline, as one writes it */
    ARG_FLAG,     /* given or not */
    ARG_COUNT,    /* an integer from 0 up */
    ARG_SECONDS,  /* a decimal number from 0 up */
    ARG_PERCENT,  /* a decimal number from 0 to 100 */
    ARG_FILE,     /* the name of a file */
};

struct arg_desc {
    const char *name; /* in a request, and as --name; NULL ends a list of arguments */
    enum arg_kind kind;
    char letter;     /* of the short option; 0: none */
    bool positional; /* a word of its own, in this order, instead of --name */
    bool required;
    bool local;           /* is for the command, and not sent */
    bool filled;          /* the command finds it out: it is sent, and stands on no command line */
    bool unsaid;          /* is about the request, not about what it changes: not among the words in the history */
    unsigned char one_of; /* not 0: exactly one of the arguments with this number is given */
    const char *choices;  /* the words that it may be, with a space between them; NULL: any. Checked by who takes it */
    const char *word;     /* what stands for its value in the synopsis; NULL for a flag */
    const char *help;     /* one sentence without a full stop */
};

/* How a running pipeline answers. */
enum verb_way {
    VERB_HERE,   /* not asked of a running pipeline */
    VERB_NOW,    /* at once, on the loop */
    VERB_APART,  /* may wait: on a thread of its own */
    VERB_AT_END, /* sets something off at once; the answer comes when the pipeline has ended */
    VERB_STREAM, /* at once, and then with events for as long as the client listens: stream.h */
};

struct verb {
    const char *name;
    const char *summary;         /* one line, lower case, no full stop */
    const char *details;         /* paragraphs for the help; may be NULL */
    const struct arg_desc *args; /* ended by a NULL name */
    const char *const *examples; /* command lines, ended by NULL */
    bool changes;                /* changes the pipeline */
    enum verb_way way;

    /* Answers: a new JSON object, or NULL with *refusal filled. Checked arguments. */
    json_t *(*answer)(struct session *session, const json_t *args, struct refusal *refusal);

    /* VERB_STREAM only: what *answer, a new JSON object, is followed by. NULL with *refusal filled. */
    struct stream *(*open)(struct session *session, const json_t *args, struct stream_wake wake, json_t **answer,
                           struct refusal *refusal);
};

/* Why a request was refused, in words and in one word. */
struct refusal {
    const char *status; /* see weir/client.h */
    bool placed;        /* offset and length say which word of the stage's text is meant */
    size_t offset, length;
    char message[768];
};

/* Fills *refusal, and returns NULL for the convenience of those who answer. */
json_t *refuse(struct refusal *refusal, const char *status, const char *format, ...) __attribute__((format(printf, 3, 4)));

extern const struct verb show_verb, pending_verb, history_verb, tasks_verb, tap_verb, insert_verb, pop_verb, replace_verb, move_verb,
    route_verb, scale_verb, canary_verb, promote_verb, abort_verb, edit_verb, diff_verb, apply_verb, undo_verb, redo_verb,
    flush_verb, pause_verb, resume_verb, drain_verb, stop_verb;
extern const struct verb *const verbs[]; /* these; ended by NULL. See verbs.c */

const struct verb *verb_find(const char *name);                             /* NULL: there is none */
const struct arg_desc *verb_arg(const struct verb *verb, const char *name); /* NULL: it has none of that name */

/* Checks a request's arguments: known ones only, of the right kind, the required ones there. 0, or -1 and *refusal. */
int verb_check(const struct verb *verb, const json_t *args, struct refusal *refusal);

/* The request as one would write it on a command line, without the pipeline's name: `insert --after parse 'where "a == 1"'`.
 * What is longer than size - 1 bytes is cut. */
void verb_words(const struct verb *verb, const json_t *args, char *words, size_t size);

#endif
