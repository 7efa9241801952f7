/* SPDX-License-Identifier: MIT */
/*
 * spec.h - one stage as it was written, checked: the built-in and the texts of its options.
 *
 * An expression and a YAML file are read into a `struct written`, which knows where each word stands; spec_new() checks that,
 * and makes what is left when the place does not matter any more, and with it the stage itself. A spec is also the stage's
 * recipe: the engine makes the stage again from it, for the lanes of a pool and to undo a pop. So it is counted, and never
 * changes once its stage was handed over.
 */
#ifndef EXPR_SPEC_H
#define EXPR_SPEC_H

#include <stdatomic.h>
#include <stdio.h>

#include "expr/expr.h"

#define LABEL_SIZE 64

/* The options that every stage takes. */
enum general {
    GENERAL_AS,
    GENERAL_PLACE,
    GENERAL_LANES,
    GENERAL_UNORDERED,
    GENERAL_RETRY,
    GENERAL_BACKOFF,
    GENERAL_BACKOFF_MAX,
    GENERAL_JITTER,
    GENERAL_TIMEOUT,
    GENERAL_ON_ERROR,
    GENERAL_DEAD,
    GENERAL_COUNT
};
extern const struct option_desc general_options[GENERAL_COUNT + 1]; /* ended by a NULL name */

/* A built-in's own options; never NULL. */
const struct option_desc *own_options(const struct builtin *builtin);

/* The index of the option name[0..len), or -1. */
int option_find(const struct option_desc *options, const char *name, size_t len);

/* The option, own or general, of which a name was probably meant, or NULL. */
const char *option_nearest(const struct builtin *builtin, const char *name, size_t len);

/* "takes: by, every" */
void options_list(const struct builtin *builtin, char *list, size_t size);

/* An option as it was given, and where. */
struct given {
    const char *text; /* lent; NULL: it was not */
    size_t offset, length;
};

struct written {
    const struct builtin *builtin;
    size_t name_offset, name_length; /* of the stage's name */
    size_t end_offset;               /* where its last word ends */
    struct given own[BUILTIN_OPTIONS_MAX], general[GENERAL_COUNT];
};

struct spec {
    weir_recipe recipe; /* first: the engine's view of it */
    atomic_uint refs;
    const struct builtin *builtin;                               /* static */
    char *own[BUILTIN_OPTIONS_MAX + 1], *general[GENERAL_COUNT]; /* owned; as written; NULL: not given */
    char *text;                                                  /* owned; the normal form, without as= */
    char label[LABEL_SIZE];                                      /* "": not known yet; set before the stage is handed over */
};

/* Checks all that can be checked without opening anything, and makes the stage, which then is the caller's to close, or to hand
 * over. 0, or -1 with *error. */
int spec_new(const struct written *written, struct spec **spec, weir_stage *stage, struct expr_error *error);
void spec_drop(struct spec *spec); /* gives a reference back; NULL is fine */

/* on_error=dead instead of dead=FILE: the port is there, and who has the stage says where it leads. Before the stage is handed over.
 * -1: no memory. */
int spec_open_dead(struct spec *spec);

/* lanes=N instead of what it says. The same. */
int spec_set_lanes(struct spec *spec, unsigned lanes);

/* Whether a and b are the same stage; `but` is a general option that may differ, or GENERAL_COUNT. */
bool spec_equal(const struct spec *a, const struct spec *b, enum general but);

unsigned spec_lanes(const struct spec *spec); /* at least 1 */

/* A word as it stands in an expression, in quotes if it needs them. `bare`: it must not be taken as name=value. */
void spec_put_word(FILE *out, const char *text, bool bare);

/* Fills *error, and returns -1. */
int WEIR_PRINTF(4, 5) expr_refuse(struct expr_error *error, size_t offset, size_t length, const char *format, ...);
int expr_refuse_memory(struct expr_error *error);

#endif
