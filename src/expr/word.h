/* SPDX-License-Identifier: MIT */
/*
 * word.h - cuts an expression into stages and words.
 *
 * Knows the quoting and nothing of what the words mean.
 */
#ifndef EXPR_WORD_H
#define EXPR_WORD_H

#include <stdbool.h>
#include <stddef.h>

struct expr_error;

enum word_kind {
    WORD_TEXT,
    WORD_BAR,   /* | */
    WORD_OPEN,  /* { */
    WORD_CLOSE, /* } */
    WORD_NEXT,  /* ; */
    WORD_ARROW, /* -> */
    WORD_END
};

struct word {
    enum word_kind kind;
    size_t offset, length; /* where it stands in the expression, with its quotes */
    char *text;            /* without them; owned; NULL for BAR and END; meaningless for all others but TEXT */
    size_t name_len;       /* of the NAME in NAME=VALUE; 0: it is not of that form */
    bool quoted;           /* has quotes or backslashes somewhere */
};

/* The words of an expression, ended by one of kind WORD_END. NULL with *error filled. Free with words_free(). */
struct word *words_split(const char *text, struct expr_error *error);
void words_free(struct word *words);

#endif
