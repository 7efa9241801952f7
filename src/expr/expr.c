/* SPDX-License-Identifier: MIT */
/*
 * expr.c - turns an expression into stages.
 *
 * word.c has cut it into words; here each stage's words become options, the options are checked against the stage's own
 * description (option.c), and the stage is made. Every error names the stage and the word, and its place in the text. Nothing
 * is opened here.
 */
#include "expr/expr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/nearest.h"
#include "expr/option.h"
#include "expr/word.h"

#define LABEL_SIZE 64

/* The options that every stage takes. */
enum { GENERAL_AS, GENERAL_PLACE, GENERAL_ON_ERROR, GENERAL_COUNT };
static const struct option_desc general[GENERAL_COUNT + 1] = {
    [GENERAL_AS] = {.name = "as", .kind = OPTION_TEXT},
    [GENERAL_PLACE] = {.name = "place", .kind = OPTION_CHOICE, .choices = "fused own", .deflt = "fused"},
    [GENERAL_ON_ERROR] = {.name = "on_error", .kind = OPTION_CHOICE, .choices = "stop skip", .deflt = "stop"},
};

/* One stage. */
struct entry {
    const struct builtin *builtin;
    char label[LABEL_SIZE];
    size_t label_offset, label_length; /* of as=LABEL in the expression; length 0: none was given */
    char *text;                        /* owned; the normal form */
    weir_stage stage;
    bool made, taken; /* made and not taken: ours to close */
};

struct expr {
    size_t count, capacity;
    struct entry *entries;
};

/* An option as it was given. */
struct given {
    const char *text; /* NULL: it was not */
    size_t offset, length;
};

/* What is known of a stage while its words are read. */
struct reading {
    const char *source; /* the expression */
    const struct builtin *builtin;
    size_t name_offset, name_length; /* of the stage's name */
    size_t end_offset;               /* where its last word ends */
    struct given own[BUILTIN_OPTIONS_MAX], general[GENERAL_COUNT];
    char *rest; /* owned; what several words were joined to */
    struct expr_error *error;
};

static int WEIR_PRINTF(4, 5) refuse(struct expr_error *error, size_t offset, size_t length, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->offset = offset;
    error->length = length;
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return -1;
}

static int refuse_memory(struct expr_error *error)
{
    return refuse(error, 0, 0, "out of memory");
}

/* ---- which option a word is for ---------------------------------------------------------------------------------- */

static const struct option_desc no_options[] = {{.name = NULL}};

static const struct option_desc *own_options(const struct builtin *builtin)
{
    return builtin->options ? builtin->options : no_options;
}

static int find_option(const struct option_desc *options, const char *name, size_t len)
{
    for (int i = 0; options[i].name; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return i;
    return -1;
}

/* The option of which a name was probably meant, or NULL. */
static const char *nearest_option(const struct builtin *builtin, const char *name, size_t len)
{
    struct nearest nearest = {.asked = name, .asked_len = len};
    for (const struct option_desc *option = own_options(builtin); option->name; option++)
        nearest_offer(&nearest, option->name);
    for (int i = 0; i < GENERAL_COUNT; i++)
        nearest_offer(&nearest, general[i].name);
    return nearest.best;
}

/* "takes: by, every" */
static void list_options(const struct builtin *builtin, char *list, size_t size)
{
    size_t used = 0;
    snprintf(list, size, "takes none of its own");
    for (const struct option_desc *option = own_options(builtin); option->name && used < size; option++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "takes: ", option->name);
}

static int refuse_option(const struct reading *reading, const struct word *word)
{
    char list[256];
    const char *best = nearest_option(reading->builtin, word->text, word->name_len);
    list_options(reading->builtin, list, sizeof list);
    return refuse(reading->error, word->offset, word->name_len, "%s: option \"%.*s\" is not known here%s%s%s (%s)",
                  reading->builtin->name, (int)word->name_len, word->text, best ? "; did you mean \"" : "", best ? best : "",
                  best ? "\"?" : "", list);
}

static int give(const struct reading *reading, struct given *given, const struct option_desc *option, const char *text,
                const struct word *word)
{
    if (given->text)
        return refuse(reading->error, word->offset, word->length, "%s: option \"%s\" is given twice", reading->builtin->name,
                      option->name);
    *given = (struct given){.text = text, .offset = word->offset, .length = word->length};
    return 0;
}

/* The words from `first` up to `last` as one text. Several are taken as they were written, quotes and all: what they are for
 * (a condition, a command) has quotes of its own, and `a == "b c"` must not become `a == b c`. */
static const char *join_words(struct reading *reading, const struct word *words, size_t first, size_t last, const bool *mine)
{
    size_t size = 1, count = 0, used = 0;
    for (size_t i = first; i <= last; i++)
        if (mine[i]) {
            size += words[i].length + 1;
            count++;
        }
    if (count == 1)
        return words[first].text;
    char *text = reading->rest = malloc(size);
    if (!text)
        return NULL;
    for (size_t i = first; i <= last; i++)
        if (mine[i]) {
            used += used != 0;
            memcpy(text + used, reading->source + words[i].offset, words[i].length);
            used += words[i].length;
            text[used] = i < last ? ' ' : 0;
        }
    text[used] = 0;
    return text;
}

/* The positional option that the next bare word is for, or -1. */
static int next_positional(const struct reading *reading)
{
    const struct option_desc *options = own_options(reading->builtin);
    for (int i = 0; options[i].name; i++)
        if (options[i].positional && !reading->own[i].text)
            return i;
    return -1;
}

/* A word such as -i, which other tools take for an option, or NULL. */
static const char *dashed_word(const struct reading *reading, const struct word *word)
{
    if (word->text[0] == '-')
        return word->text;
    for (int i = 0; own_options(reading->builtin)[i].name; i++)
        if (reading->own[i].text && reading->own[i].text[0] == '-')
            return reading->own[i].text;
    return NULL;
}

static int refuse_extra(const struct reading *reading, const struct word *word)
{
    const char *name = reading->builtin->name, *dashed = dashed_word(reading, word);
    int option = find_option(own_options(reading->builtin), word->text, strlen(word->text));
    if (option >= 0 && own_options(reading->builtin)[option].kind == OPTION_FLAG)
        return refuse(reading->error, word->offset, word->length, "%s: \"%s\" is an option; write %s=yes", name, word->text,
                      word->text);
    char list[256];
    list_options(reading->builtin, list, sizeof list);
    if (dashed)
        return refuse(reading->error, word->offset, word->length,
                      "%s: \"%s\" is one word too many; \"%s\" is no option, they are written name=value (%s)", name,
                      word->text, dashed, list);
    return refuse(reading->error, word->offset, word->length,
                  "%s: \"%s\" is one word too many (%s); words that belong together need quotes", name, word->text, list);
}

/* True if NAME=VALUE is to be read as a bare word: what begins a comparison, as in `status==200`, or stands in the middle of a
 * condition or a command. */
static bool is_bare(const struct reading *reading, const struct word *word, bool in_rest)
{
    const char *value = word->text + word->name_len + 1;
    int positional = next_positional(reading);
    bool takes_rest = in_rest || (positional >= 0 && own_options(reading->builtin)[positional].rest);
    if (!takes_rest)
        return false;
    if (*value == '=' || *value == '~')
        return true;
    return in_rest && !nearest_option(reading->builtin, word->text, word->name_len);
}

static int give_named(struct reading *reading, const struct word *word)
{
    const char *value = word->text + word->name_len + 1;
    int i = find_option(own_options(reading->builtin), word->text, word->name_len);
    if (i >= 0)
        return give(reading, &reading->own[i], &own_options(reading->builtin)[i], value, word);
    i = find_option(general, word->text, word->name_len);
    if (i >= 0)
        return give(reading, &reading->general[i], &general[i], value, word);
    return refuse_option(reading, word);
}

static bool is_known(const struct reading *reading, const struct word *word)
{
    return find_option(own_options(reading->builtin), word->text, word->name_len) >= 0 ||
           find_option(general, word->text, word->name_len) >= 0;
}

/* Deals the words of a stage, its name not among them, out to its options. `mine` is scratch: the words that belong to the
 * option that takes all the rest. */
static int deal_words(struct reading *reading, const struct word *words, size_t count, bool *mine)
{
    size_t first = count, last = 0;
    for (size_t i = 0; i < count; i++) {
        const struct word *word = &words[i];
        mine[i] = false;
        if (word->name_len && (is_known(reading, word) || !is_bare(reading, word, first < count))) {
            if (give_named(reading, word) != 0)
                return -1;
            continue;
        }
        int option = next_positional(reading);
        if (option < 0)
            return refuse_extra(reading, word);
        if (own_options(reading->builtin)[option].rest) {
            mine[i] = true;
            first = first < i ? first : i;
            last = i;
        } else if (give(reading, &reading->own[option], &own_options(reading->builtin)[option], word->text, word) != 0) {
            return -1;
        }
    }
    if (first == count)
        return 0;
    const char *text = join_words(reading, words, first, last, mine);
    if (!text)
        return refuse_memory(reading->error);
    int option = next_positional(reading);
    if (option < 0)
        return refuse_extra(reading, &words[first]);
    struct word whole = words[first];
    whole.length = words[last].offset + words[last].length - whole.offset;
    return give(reading, &reading->own[option], &own_options(reading->builtin)[option], text, &whole);
}

static int read_words(struct reading *reading, const struct word *words, size_t count)
{
    bool *mine = calloc(count + 1, sizeof *mine);
    if (!mine)
        return refuse_memory(reading->error);
    int answer = deal_words(reading, words, count, mine);
    free(mine);
    return answer;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static int check_value(const struct reading *reading, const struct option_desc *option, const struct given *given,
                       struct option_value *value)
{
    char why[320];
    *value = (struct option_value){0};
    const char *text = given->text ? given->text : option->deflt;
    if (!text && option->required)
        return refuse(reading->error, reading->end_offset, 0, "%s: %s is missing: %s", reading->builtin->name, option->name,
                      option->help ? option->help : "it must be given");
    if (!text || option_parse(option, text, value, why, sizeof why) == 0)
        return 0;
    return refuse(reading->error, given->offset, given->length, "%s: %s: %s", reading->builtin->name, option->name, why);
}

static int check_values(const struct reading *reading, struct option_value *own, struct option_value *shared)
{
    const struct option_desc *options = own_options(reading->builtin);
    for (int i = 0; options[i].name; i++)
        if (check_value(reading, &options[i], &reading->own[i], &own[i]) != 0)
            return -1;
    for (int i = 0; i < GENERAL_COUNT; i++)
        if (check_value(reading, &general[i], &reading->general[i], &shared[i]) != 0)
            return -1;
    return 0;
}

static int check_label(const struct reading *reading, const char *label)
{
    const struct given *given = &reading->general[GENERAL_AS];
    size_t len = strlen(label);
    if (len == 0 || len >= LABEL_SIZE)
        return refuse(reading->error, given->offset, given->length, "%s: as: a label has 1 to %d bytes", reading->builtin->name,
                      LABEL_SIZE - 1);
    for (const char *p = label; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7F)
            return refuse(reading->error, given->offset, given->length,
                          "%s: as: \"%s\" has white space or a control character in it", reading->builtin->name, label);
    return 0;
}

/* ---- the normal form --------------------------------------------------------------------------------------------- */

static bool needs_quotes(const char *text, bool bare)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:@%+";
    size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (!*text || (bare && name && text[name] == '='))
        return true;
    for (const char *p = text; *p; p++)
        if (*p != '=' && !strchr(safe, *p) && (unsigned char)*p < 0x80)
            return true;
    return false;
}

static void put_word(FILE *out, const char *text, bool bare)
{
    if (!needs_quotes(text, bare)) {
        fputs(text, out);
        return;
    }
    bool single = !strchr(text, '\'');
    putc(single ? '\'' : '"', out);
    for (const char *p = text; *p; p++) {
        if (!single && (*p == '"' || *p == '\\'))
            putc('\\', out);
        putc(*p, out);
    }
    putc(single ? '\'' : '"', out);
}

/* Positional options stand bare as long as none before them is missing; what has its default value is left out. */
static char *normal_form(const struct reading *reading)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs(reading->builtin->name, out);
    const struct option_desc *options = own_options(reading->builtin);
    bool bare = true;
    for (int i = 0; options[i].name; i++) {
        const char *value = reading->own[i].text;
        bool deflt = value && options[i].deflt && strcmp(value, options[i].deflt) == 0;
        if (!value || (deflt && !options[i].positional)) {
            bare = bare && !options[i].positional;
            continue;
        }
        putc(' ', out);
        if (!options[i].positional || !bare)
            fprintf(out, "%s=", options[i].name);
        put_word(out, value, options[i].positional && bare);
    }
    for (int i = GENERAL_PLACE; i < GENERAL_COUNT; i++)
        if (reading->general[i].text && strcmp(reading->general[i].text, general[i].deflt) != 0)
            fprintf(out, " %s=%s", general[i].name, reading->general[i].text);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static int make_stage(const struct reading *reading, struct entry *entry)
{
    struct option_value own[BUILTIN_OPTIONS_MAX], shared[GENERAL_COUNT];
    const struct builtin *builtin = reading->builtin;
    char why[384] = "";
    if (check_values(reading, own, shared) != 0)
        return -1;
    if (builtin->missing)
        return refuse(reading->error, reading->name_offset, reading->name_length,
                      "%s: this weir was built without the library that the stage needs (%s)", builtin->name, builtin->missing);
    if (shared[GENERAL_AS].text) {
        if (check_label(reading, shared[GENERAL_AS].text) != 0)
            return -1;
        snprintf(entry->label, sizeof entry->label, "%s", shared[GENERAL_AS].text);
        entry->label_offset = reading->general[GENERAL_AS].offset;
        entry->label_length = reading->general[GENERAL_AS].length;
    }
    if (!(entry->text = normal_form(reading)))
        return refuse_memory(reading->error);
    if (builtin->make(own, &entry->stage, why, sizeof why) != 0)
        return refuse(reading->error, reading->name_offset, reading->end_offset - reading->name_offset, "%s: %s", builtin->name,
                      why[0] ? why : "cannot be made");
    entry->made = true;
    entry->stage.place = shared[GENERAL_PLACE].choice ? WEIR_OWN : WEIR_FUSED;
    entry->stage.on_error = shared[GENERAL_ON_ERROR].choice ? WEIR_SKIP : WEIR_STOP;
    return 0;
}

static int refuse_name(const struct word *word, struct expr_error *error)
{
    struct nearest nearest = {.asked = word->text, .asked_len = strlen(word->text)};
    for (size_t i = 0; builtins[i]; i++)
        nearest_offer(&nearest, builtins[i]->name);
    if (nearest.best)
        return refuse(error, word->offset, word->length, "no stage is called \"%s\"; did you mean \"%s\"?", word->text,
                      nearest.best);
    return refuse(error, word->offset, word->length, "no stage is called \"%s\"; `weir stages` lists them", word->text);
}

/* words[0] is the stage's name. */
static int read_stage(const char *source, const struct word *words, size_t count, bool first, struct entry *entry,
                      struct expr_error *error)
{
    struct reading reading = {
        .source = source,
        .builtin = entry->builtin = builtin_find_kind(words[0].text, first),
        .name_offset = words[0].offset,
        .name_length = words[0].length,
        .end_offset = words[count - 1].offset + words[count - 1].length,
        .error = error,
    };
    if (!reading.builtin)
        return refuse_name(&words[0], error);
    int answer = read_words(&reading, words + 1, count - 1);
    if (answer == 0)
        answer = make_stage(&reading, entry);
    free(reading.rest);
    return answer;
}

static struct entry *add_entry(struct expr *expr)
{
    if (expr->count == expr->capacity) {
        size_t capacity = expr->capacity ? expr->capacity * 2 : 8;
        struct entry *entries = realloc(expr->entries, capacity * sizeof *entries);
        if (!entries)
            return NULL;
        expr->entries = entries;
        expr->capacity = capacity;
    }
    expr->entries[expr->count] = (struct entry){0};
    return &expr->entries[expr->count++];
}

static int refuse_empty(const struct word *word, const struct word *before, struct expr_error *error)
{
    if (word->kind == WORD_END && !before)
        return refuse(error, word->offset, 0, "the expression is empty; a stage was expected");
    if (word->kind == WORD_END)
        return refuse(error, word->offset, 0, "a stage was expected behind the last |");
    if (before)
        return refuse(error, word->offset, 1,
                      "a stage was expected between two |; in a condition, write `or`, or put the condition in quotes");
    return refuse(error, word->offset, 1, "a stage was expected in front of the first |");
}

static int read_stages(struct expr *expr, const char *text, const struct word *words, bool first, struct expr_error *error)
{
    const struct word *before = NULL; /* the bar in front */
    for (;;) {
        size_t count = 0;
        while (words[count].kind == WORD_TEXT)
            count++;
        if (count == 0)
            return refuse_empty(words, before, error);
        struct entry *entry = add_entry(expr);
        if (!entry)
            return refuse_memory(error);
        if (read_stage(text, words, count, first && expr->count == 1, entry, error) != 0)
            return -1;
        if (words[count].kind == WORD_END)
            return 0;
        before = &words[count];
        words += count + 1;
    }
}

/* ---- labels ------------------------------------------------------------------------------------------------------ */

static bool label_used(const struct expr *expr, const char *label)
{
    for (size_t i = 0; i < expr->count; i++)
        if (strcmp(expr->entries[i].label, label) == 0)
            return true;
    return false;
}

/* Those that were given must differ; then the others get theirs: NAME, or the first of NAME2, NAME3, ... that is free. */
static int give_labels(struct expr *expr, struct expr_error *error)
{
    for (size_t i = 0; i < expr->count; i++)
        for (size_t j = 0; j < i; j++)
            if (expr->entries[i].label[0] && strcmp(expr->entries[i].label, expr->entries[j].label) == 0)
                return refuse(error, expr->entries[i].label_offset, expr->entries[i].label_length,
                              "%s: as: another stage is called \"%s\" already", expr->entries[i].builtin->name,
                              expr->entries[i].label);
    for (size_t i = 0; i < expr->count; i++) {
        if (expr->entries[i].label[0])
            continue;
        char label[LABEL_SIZE];
        snprintf(label, sizeof label, "%s", expr->entries[i].builtin->name);
        for (unsigned n = 2; label_used(expr, label); n++)
            snprintf(label, sizeof label, "%.48s%u", expr->entries[i].builtin->name, n);
        memcpy(expr->entries[i].label, label, sizeof label);
    }
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

struct expr *expr_parse_at(const char *text, bool first, struct expr_error *error)
{
    *error = (struct expr_error){0};
    struct expr *expr = calloc(1, sizeof *expr);
    if (!expr) {
        refuse_memory(error);
        return NULL;
    }
    struct word *words = words_split(text, error);
    int answer = words ? read_stages(expr, text, words, first, error) : -1;
    words_free(words);
    if (answer == 0 && give_labels(expr, error) == 0)
        return expr;
    expr_free(expr);
    return NULL;
}

struct expr *expr_parse(const char *text, struct expr_error *error)
{
    return expr_parse_at(text, true, error);
}

void expr_free(struct expr *expr)
{
    if (!expr)
        return;
    for (size_t i = 0; i < expr->count; i++) {
        struct entry *entry = &expr->entries[i];
        if (entry->made && !entry->taken && entry->stage.close)
            entry->stage.close(entry->stage.state);
        free(entry->text);
    }
    free(expr->entries);
    free(expr);
}

size_t expr_count(const struct expr *expr)
{
    return expr->count;
}

const struct builtin *expr_builtin(const struct expr *expr, size_t i)
{
    return expr->entries[i].builtin;
}

const char *expr_label(const struct expr *expr, size_t i)
{
    return expr->entries[i].label;
}

const char *expr_text(const struct expr *expr, size_t i)
{
    return expr->entries[i].text;
}

weir_stage expr_take(struct expr *expr, size_t i, const char *label)
{
    struct entry *entry = &expr->entries[i];
    weir_stage stage = entry->stage;
    stage.name = label ? label : entry->label;
    entry->taken = true;
    return stage;
}
