/* SPDX-License-Identifier: MIT */
/*
 * word.c - cuts an expression into stages and words, with the quoting that expr.h describes.
 *
 * Nothing but quotes, backslashes, white space and `|` means anything here; and the words `{`, `}`, `;` and `->`, which count as
 * such only when they stand alone: `{status}` is a word like any other.
 */
#include "expr/word.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/expr.h"

struct lexer {
    const char *text;
    size_t at;
    struct expr_error *error;
    struct word *words; /* owned until words_split() returns */
    size_t count, capacity;
};

static int refuse(struct lexer *lexer, size_t offset, size_t length, const char *message)
{
    lexer->error->offset = offset;
    lexer->error->length = length;
    snprintf(lexer->error->message, sizeof lexer->error->message, "%s", message);
    return -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Length of the NAME if the bytes at p begin with NAME=. */
static size_t name_length(const char *p)
{
    size_t len = 0;
    while (is_name_byte(p[len]))
        len++;
    return p[len] == '=' ? len : 0;
}

/* Copies what stands between two quotes to *out; lexer->at is on the opening one. */
static int read_quoted(struct lexer *lexer, char **out)
{
    size_t start = lexer->at;
    char quote = lexer->text[lexer->at++];
    for (; lexer->text[lexer->at] != quote; lexer->at++) {
        char next = lexer->text[lexer->at];
        if (!next)
            return refuse(lexer, start, lexer->at - start,
                          quote == '"' ? "the quote \" is not closed" : "the quote ' is not closed");
        if (quote == '"' && next == '\\' && (lexer->text[lexer->at + 1] == '"' || lexer->text[lexer->at + 1] == '\\'))
            next = lexer->text[++lexer->at];
        *(*out)++ = next;
    }
    lexer->at++;
    return 0;
}

/* Copies one word without its quotes to `out`, and a zero. */
static int read_word(struct lexer *lexer, struct word *word, char *out)
{
    for (;;) {
        char next = lexer->text[lexer->at];
        if (!next || is_space(next) || next == '|')
            break;
        if (next == '\'' || next == '"') {
            word->quoted = true;
            if (read_quoted(lexer, &out) != 0)
                return -1;
            continue;
        }
        if (next == '\\') {
            word->quoted = true;
            if (!(next = lexer->text[++lexer->at]))
                return refuse(lexer, lexer->at - 1, 1, "nothing stands behind the backslash");
        }
        *out++ = next;
        lexer->at++;
    }
    *out = 0;
    word->length = lexer->at - word->offset;
    return 0;
}

/* What a word means that stands alone. */
static enum word_kind kind_of(const struct word *word)
{
    static const char *const marks[] = {[WORD_OPEN] = "{", [WORD_CLOSE] = "}", [WORD_NEXT] = ";", [WORD_ARROW] = "->"};
    for (enum word_kind kind = WORD_OPEN; kind <= WORD_ARROW; kind++)
        if (!word->quoted && strcmp(word->text, marks[kind]) == 0)
            return kind;
    return WORD_TEXT;
}

/* Room for one more word, and always an end behind it, so that words_free() is right at every moment. */
static struct word *add(struct lexer *lexer)
{
    if (lexer->count + 2 > lexer->capacity) {
        size_t capacity = lexer->capacity ? lexer->capacity * 2 : 16;
        struct word *words = realloc(lexer->words, capacity * sizeof *words);
        if (!words) {
            refuse(lexer, 0, 0, "out of memory");
            return NULL;
        }
        lexer->words = words;
        lexer->capacity = capacity;
    }
    struct word *word = &lexer->words[lexer->count++];
    word[0] = word[1] = (struct word){.kind = WORD_END, .offset = lexer->at};
    return word;
}

/* Appends the next word, be it the end. */
static int next_word(struct lexer *lexer)
{
    while (is_space(lexer->text[lexer->at]))
        lexer->at++;
    struct word *word = add(lexer);
    if (!word)
        return -1;
    const char *here = lexer->text + lexer->at;
    if (*here == '|') {
        word->kind = WORD_BAR;
        word->length = 1;
        lexer->at++;
    } else if (*here) {
        char *text = malloc(strlen(here) + 1);
        if (!text)
            return refuse(lexer, lexer->at, 0, "out of memory");
        word->kind = WORD_TEXT;
        word->text = text;
        word->name_len = name_length(here);
        if (read_word(lexer, word, text) != 0)
            return -1;
        word->kind = kind_of(word);
    }
    return 0;
}

struct word *words_split(const char *text, struct expr_error *error)
{
    struct lexer lexer = {.text = text, .error = error};
    do {
        if (next_word(&lexer) != 0) {
            words_free(lexer.words);
            return NULL;
        }
    } while (lexer.words[lexer.count - 1].kind != WORD_END);
    return lexer.words;
}

void words_free(struct word *words)
{
    for (struct word *word = words; word && word->kind != WORD_END; word++)
        free(word->text);
    free(words);
}
