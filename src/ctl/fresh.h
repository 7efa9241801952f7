/* SPDX-License-Identifier: MIT */
/*
 * fresh.h - the stages that an edit brings: parsed from the request's text, and named.
 *
 * A stage is called what --as says, else what as= in the text says, else what the verb proposes (the label of the stage whose
 * place it takes), else like its built-in, with the first number behind it that makes it new. The sink that a dead=FILE brings along
 * is called like its stage, with ".dead" behind it.
 */
#ifndef CTL_FRESH_H
#define CTL_FRESH_H

#include "expr/expr.h"

#include <weir/weir.h>

#define FRESH_LABEL_ROOM 64

struct request;

struct fresh {
    struct expr *expr; /* NULL: the edit brings none */
    size_t count;
    char (*labels)[FRESH_LABEL_ROOM];
};

/* Parses the request's argument "text". `first` as for expr_parse_at(). 0, or -1 and the refusal. */
int fresh_parse(struct request *request, bool first);

/* Names them; the heir-th gets the label `inherited` if nothing else was written; NULL: no label is inherited. 0, or -1 and the
 * refusal. */
int fresh_name(struct request *request, size_t heir, const char *inherited);

/* The stage, to be handed to the engine, as expr_take(). */
weir_stage fresh_take(struct request *request, size_t i);

/* The sink that a dead=FILE of a running stage has brought along: its label, and its text. False: there is none, or it has been led
 * somewhere else. */
bool fresh_find_letters(const struct request *request, const char *stage, char label[FRESH_LABEL_ROOM], char **text);

/* If stage i says dead=FILE: adds the sink that writes its letters, and leads them there. After the stage itself. */
void fresh_add_letters(struct request *request, size_t i, weir_edit *edit);

/* Tells the session the texts of those that are in the pipeline now. */
void fresh_describe(struct request *request);
void fresh_release(struct fresh *fresh);

#endif
