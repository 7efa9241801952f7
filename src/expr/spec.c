/* SPDX-License-Identifier: MIT */
/*
 * spec.c - checks the options of one stage against its description, makes the stage, and writes its normal form.
 *
 * The values are parsed again each time that the stage is made: what a spec keeps is text, which has no owner to ask. The order
 * of checks is that in which one wants to hear of errors: each option by itself, then what does not go together, then what only
 * the stage's own `make` knows.
 */
#include "expr/spec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "expr/nearest.h"
#include "expr/option.h"

#define LANES_MAX 64

const struct option_desc general_options[GENERAL_COUNT + 1] = {
    [GENERAL_AS] = {.name = "as", .kind = OPTION_TEXT, .help = "the stage's label in the pipeline"},
    [GENERAL_PLACE] = {.name = "place",
                       .kind = OPTION_CHOICE,
                       .choices = "fused own",
                       .deflt = "fused",
                       .help = "run in one loop with the neighbours, or beside them"},
    [GENERAL_LANES] = {.name = "lanes",
                       .kind = OPTION_COUNT,
                       .deflt = "1",
                       .help = "a pool: so many of the stage at once, with what comes out in order"},
    [GENERAL_UNORDERED] = {.name = "unordered",
                           .kind = OPTION_FLAG,
                           .deflt = "no",
                           .help = "what comes out of the pool need not be in order"},
    [GENERAL_RETRY] = {.name = "retry", .kind = OPTION_COUNT, .deflt = "0", .help = "how often a failing item is tried again"},
    [GENERAL_BACKOFF] = {.name = "backoff",
                         .kind = OPTION_DURATION,
                         .help = "the wait before the first repetition; doubled each time"},
    [GENERAL_BACKOFF_MAX] = {.name = "backoff_max", .kind = OPTION_DURATION, .help = "no wait is longer; by default 30s"},
    [GENERAL_JITTER] = {.name = "jitter",
                        .kind = OPTION_FRACTION,
                        .help = "change each wait at random by up to this part of it, such as 20%"},
    [GENERAL_TIMEOUT] = {.name = "timeout",
                         .kind = OPTION_DURATION,
                         .help = "an item that takes longer fails; for stages that wait"},
    [GENERAL_ON_ERROR] = {.name = "on_error",
                          .kind = OPTION_CHOICE,
                          .choices = "stop skip dead",
                          .deflt = "stop",
                          .help =
                              "what an item that fails does: end the pipeline, get skipped, or leave through the port dead"},
    [GENERAL_DEAD] = {.name = "dead",
                      .kind = OPTION_TEXT,
                      .help = "append what fails to this file, as JSON lines; means on_error=dead"},
};

int expr_refuse(struct expr_error *error, size_t offset, size_t length, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->offset = offset;
    error->length = length;
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return -1;
}

int expr_refuse_memory(struct expr_error *error)
{
    return expr_refuse(error, 0, 0, "out of memory");
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

const struct option_desc *own_options(const struct builtin *builtin)
{
    static const struct option_desc none[] = {{.name = NULL}};
    return builtin->options ? builtin->options : none;
}

int option_find(const struct option_desc *options, const char *name, size_t len)
{
    for (int i = 0; options[i].name; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return i;
    return -1;
}

const char *option_nearest(const struct builtin *builtin, const char *name, size_t len)
{
    struct nearest nearest = {.asked = name, .asked_len = len};
    for (const struct option_desc *option = own_options(builtin); option->name; option++)
        nearest_offer(&nearest, option->name);
    for (int i = 0; i < GENERAL_COUNT; i++)
        nearest_offer(&nearest, general_options[i].name);
    return nearest.best;
}

void options_list(const struct builtin *builtin, char *list, size_t size)
{
    size_t used = 0;
    snprintf(list, size, "takes none of its own");
    for (const struct option_desc *option = own_options(builtin); option->name && used < size; option++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "takes: ", option->name);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* What is being checked: the texts of a spec, and where they stood if that is known. */
struct check {
    const struct builtin *builtin;
    const struct written *written;
    struct expr_error *error;
    struct option_value own[BUILTIN_OPTIONS_MAX + 1], general[GENERAL_COUNT];
};

static int check_value(const struct check *check, const struct option_desc *option, const struct given *given,
                       struct option_value *value)
{
    char why[320];
    *value = (struct option_value){0};
    const char *text = given->text ? given->text : option->deflt;
    if (!text && option->required)
        return expr_refuse(check->error, check->written->end_offset, 0, "%s: %s is missing: %s", check->builtin->name,
                           option->name, option->help ? option->help : "it must be given");
    if (!text || option_parse(option, text, value, why, sizeof why) == 0)
        return 0;
    return expr_refuse(check->error, given->offset, given->length, "%s: %s: %s", check->builtin->name, option->name, why);
}

static int check_values(struct check *check)
{
    const struct option_desc *options = own_options(check->builtin);
    for (int i = 0; options[i].name; i++)
        if (check_value(check, &options[i], &check->written->own[i], &check->own[i]) != 0)
            return -1;
    for (int i = 0; i < GENERAL_COUNT; i++)
        if (check_value(check, &general_options[i], &check->written->general[i], &check->general[i]) != 0)
            return -1;
    return 0;
}

/* Refuses a general option, at its place. */
static int WEIR_PRINTF(3, 4) refuse_general(const struct check *check, enum general which, const char *format, ...)
{
    char why[320];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    const struct given *given = &check->written->general[which];
    return expr_refuse(check->error, given->offset, given->length, "%s: %s: %s", check->builtin->name,
                       general_options[which].name, why);
}

const char *expr_label_fault(const char *label)
{
    _Static_assert(LABEL_SIZE == 64, "the sentence below says so");
    for (const char *p = label; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7F)
            return "has white space or a control character in it";
    if (strchr(label, ':'))
        return "has a colon in it, which separates a label from a port";
    if (strcmp(label, "discard") == 0)
        return "is where items end on purpose; another label is needed";
    if (strcmp(label, "nowhere") == 0)
        return "is where no way leads; another label is needed";
    return *label && strlen(label) < LABEL_SIZE ? NULL : "is no label: it must have 1 to 63 bytes";
}

static int check_label(const struct check *check, const char *label)
{
    const char *fault = expr_label_fault(label);
    return fault ? refuse_general(check, GENERAL_AS, "\"%.80s\" %s", label, fault) : 0;
}

static bool given(const struct check *check, enum general which)
{
    return check->written->general[which].text != NULL;
}

/* The engine counts in milliseconds of 32 bits. */
static int check_duration(const struct check *check, enum general which)
{
    uint64_t ms = check->general[which].ns / 1000000;
    if (!given(check, which) || (ms > 0 && ms <= UINT32_MAX))
        return 0;
    return refuse_general(check, which, "\"%s\" is out of range; from 1ms to 49d is possible", check->general[which].text);
}

static int check_retry(const struct check *check)
{
    static const enum general needs_retry[] = {GENERAL_BACKOFF, GENERAL_BACKOFF_MAX, GENERAL_JITTER};
    const struct option_value *retry = &check->general[GENERAL_RETRY];
    if (retry->number > UINT32_MAX)
        return refuse_general(check, GENERAL_RETRY, "\"%s\" is out of range; at most %" PRIu32 " is possible", retry->text,
                              UINT32_MAX);
    for (size_t i = 0; i < sizeof needs_retry / sizeof *needs_retry; i++)
        if (given(check, needs_retry[i]) && retry->number == 0)
            return refuse_general(check, needs_retry[i], "nothing is tried again; retry=N is needed with it");
    return 0;
}

static int check_general(const struct check *check)
{
    const struct option_value *lanes = &check->general[GENERAL_LANES], *on_error = &check->general[GENERAL_ON_ERROR];
    if (given(check, GENERAL_AS) && check_label(check, check->general[GENERAL_AS].text) != 0)
        return -1;
    if (lanes->number < 1 || lanes->number > LANES_MAX)
        return refuse_general(check, GENERAL_LANES, "\"%s\" is out of range; from 1 to %d is possible", lanes->text, LANES_MAX);
    if (check_retry(check) != 0 || check_duration(check, GENERAL_BACKOFF) != 0 ||
        check_duration(check, GENERAL_BACKOFF_MAX) != 0 || check_duration(check, GENERAL_TIMEOUT) != 0)
        return -1;
    if (lanes->number > 1 && (given(check, GENERAL_DEAD) || on_error->choice == WEIR_DEAD))
        return refuse_general(check, GENERAL_LANES, "several lanes have no port for dead letters; leave out one of the two");
    if (given(check, GENERAL_DEAD) && !*check->general[GENERAL_DEAD].text)
        return refuse_general(check, GENERAL_DEAD, "the path of a file was expected");
    if (given(check, GENERAL_DEAD) && given(check, GENERAL_ON_ERROR) && on_error->choice != WEIR_DEAD)
        return refuse_general(check, GENERAL_ON_ERROR, "\"%s\" contradicts dead=%s, which means on_error=dead", on_error->text,
                              check->general[GENERAL_DEAD].text);
    return 0;
}

/* What only shows in the stage that was made. */
static int check_made(const struct check *check, const weir_stage *stage)
{
    bool pool = check->general[GENERAL_LANES].number > 1;
    if (pool && stage->state_type && !stage->key)
        return refuse_general(
            check, GENERAL_LANES,
            "the stage has one state for all items, which several lanes cannot share (by= makes one for each key)");
    if (given(check, GENERAL_TIMEOUT) && !(stage->blocking && stage->interrupt))
        return refuse_general(check, GENERAL_TIMEOUT, "the stage never waits, and cannot be interrupted");
    return 0;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static uint32_t to_ms(const struct option_value *value)
{
    return (uint32_t)(value->ns / 1000000);
}

static void set_general(const struct check *check, weir_stage *stage)
{
    const struct option_value *general = check->general;
    stage->place = general[GENERAL_PLACE].choice ? WEIR_OWN : WEIR_FUSED;
    stage->on_error = given(check, GENERAL_DEAD) ? WEIR_DEAD : (weir_on_error)general[GENERAL_ON_ERROR].choice;
    stage->lanes = general[GENERAL_LANES].number > 1 ? (uint32_t)general[GENERAL_LANES].number : 0;
    stage->unordered = general[GENERAL_UNORDERED].flag;
    stage->retry = (weir_retry){.count = (uint32_t)general[GENERAL_RETRY].number,
                                .backoff_ms = to_ms(&general[GENERAL_BACKOFF]),
                                .backoff_ms_max = to_ms(&general[GENERAL_BACKOFF_MAX]),
                                .jitter_percent = (uint32_t)(general[GENERAL_JITTER].fraction * 100 + 0.5)};
    stage->timeout_ms = to_ms(&general[GENERAL_TIMEOUT]);
}

static int make(struct check *check, weir_stage *stage)
{
    char why[384] = "";
    const struct written *written = check->written;
    *stage = (weir_stage){0};
    if (check_values(check) != 0)
        return -1;
    if (check->builtin->missing)
        return expr_refuse(check->error, written->name_offset, written->name_length,
                           "%s: this weir was built without the library that the stage needs (%s)", check->builtin->name,
                           check->builtin->missing);
    if (check_general(check) != 0)
        return -1;
    if (check->builtin->make(check->own, stage, why, sizeof why) != 0)
        return expr_refuse(check->error, written->name_offset, written->end_offset - written->name_offset, "%s: %s",
                           check->builtin->name, why[0] ? why : "cannot be made");
    if (check_made(check, stage) != 0) {
        if (stage->close)
            stage->close(stage->state);
        return -1;
    }
    set_general(check, stage);
    return 0;
}

/* ---- the recipe -------------------------------------------------------------------------------------------------- */

static int recipe_make(weir_recipe *recipe, weir_stage *stage)
{
    struct spec *spec = (struct spec *)recipe;
    struct expr_error error;
    struct written written = {.builtin = spec->builtin};
    struct check check = {.builtin = spec->builtin, .written = &written, .error = &error};
    for (int i = 0; i < BUILTIN_OPTIONS_MAX; i++)
        written.own[i].text = spec->own[i];
    for (int i = 0; i < GENERAL_COUNT; i++)
        written.general[i].text = spec->general[i];
    if (make(&check, stage) != 0)
        return weir_fail("%s", error.message);
    stage->name = spec->label;
    stage->recipe = recipe;
    return 0;
}

static void recipe_share(weir_recipe *recipe)
{
    atomic_fetch_add_explicit(&((struct spec *)recipe)->refs, 1, memory_order_relaxed);
}

/* Acquire and release: whoever frees the spec has seen all that the others did with it. */
static void recipe_drop(weir_recipe *recipe)
{
    struct spec *spec = (struct spec *)recipe;
    if (atomic_fetch_sub_explicit(&spec->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < BUILTIN_OPTIONS_MAX; i++)
        free(spec->own[i]);
    for (int i = 0; i < GENERAL_COUNT; i++)
        free(spec->general[i]);
    free(spec->text);
    free(spec);
}

void spec_drop(struct spec *spec)
{
    if (spec)
        recipe_drop(&spec->recipe);
}

static bool copy_given(char **to, const struct given *from)
{
    *to = from->text ? strdup(from->text) : NULL;
    return *to || !from->text;
}

static struct spec *spec_copy(const struct written *written)
{
    struct spec *spec = calloc(1, sizeof *spec);
    bool copied = spec != NULL;
    if (!spec)
        return NULL;
    spec->recipe = (weir_recipe){.make = recipe_make, .share = recipe_share, .drop = recipe_drop};
    atomic_init(&spec->refs, 1);
    spec->builtin = written->builtin;
    for (int i = 0; i < BUILTIN_OPTIONS_MAX; i++)
        copied = copied && copy_given(&spec->own[i], &written->own[i]);
    for (int i = 0; i < GENERAL_COUNT; i++)
        copied = copied && copy_given(&spec->general[i], &written->general[i]);
    if (copied)
        return spec;
    spec_drop(spec);
    return NULL;
}

/* ---- the normal form --------------------------------------------------------------------------------------------- */

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

static bool needs_quotes(const char *text, bool bare)
{
    size_t name = strspn(text, name_bytes);
    if (!*text || (bare && name && text[name] == '='))
        return true;
    for (const char *p = text; *p; p++)
        if (*p != '=' && !strchr(name_bytes, *p) && !strchr("./,:@%+", *p) && (unsigned char)*p < 0x80)
            return true;
    return false;
}

void spec_put_word(FILE *out, const char *text, bool bare)
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
static void put_own(const struct spec *spec, FILE *out)
{
    const struct option_desc *options = own_options(spec->builtin);
    bool bare = true;
    for (int i = 0; options[i].name; i++) {
        const char *value = spec->own[i];
        bool deflt = value && options[i].deflt && strcmp(value, options[i].deflt) == 0;
        if (!value || (deflt && !options[i].positional)) {
            bare = bare && !options[i].positional;
            continue;
        }
        putc(' ', out);
        if (!options[i].positional || !bare)
            fprintf(out, "%s=", options[i].name);
        spec_put_word(out, value, options[i].positional && bare);
    }
}

/* A general option that says no more than the others, or the default, do. */
static bool is_silent(const struct spec *spec, enum general which)
{
    const char *value = spec->general[which], *deflt = general_options[which].deflt;
    return !value || (deflt && strcmp(value, deflt) == 0) || (which == GENERAL_ON_ERROR && spec->general[GENERAL_DEAD]);
}

static char *normal_form(const struct spec *spec)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs(spec->builtin->name, out);
    put_own(spec, out);
    for (enum general i = GENERAL_PLACE; i < GENERAL_COUNT; i++) {
        if (is_silent(spec, i))
            continue;
        fprintf(out, " %s=", general_options[i].name);
        spec_put_word(out, spec->general[i], false);
    }
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

int spec_new(const struct written *written, struct spec **spec, weir_stage *stage, struct expr_error *error)
{
    struct check check = {.builtin = written->builtin, .written = written, .error = error};
    if (make(&check, stage) != 0)
        return -1;
    *spec = spec_copy(written);
    if (*spec && ((*spec)->text = normal_form(*spec))) {
        snprintf((*spec)->label, LABEL_SIZE, "%s", (*spec)->general[GENERAL_AS] ? (*spec)->general[GENERAL_AS] : "");
        stage->recipe = &(*spec)->recipe;
        return 0;
    }
    if (stage->close)
        stage->close(stage->state);
    spec_drop(*spec);
    *spec = NULL;
    return expr_refuse_memory(error);
}

static bool same_text(const char *a, const char *b, const char *deflt)
{
    a = a ? a : deflt;
    b = b ? b : deflt;
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int write_again(struct spec *spec)
{
    char *text = normal_form(spec);
    if (!text)
        return -1;
    free(spec->text);
    spec->text = text;
    return 0;
}

int spec_open_dead(struct spec *spec)
{
    char *dead = strdup("dead");
    if (!dead)
        return -1;
    free(spec->general[GENERAL_DEAD]);
    free(spec->general[GENERAL_ON_ERROR]);
    spec->general[GENERAL_DEAD] = NULL;
    spec->general[GENERAL_ON_ERROR] = dead;
    return write_again(spec);
}

int spec_set_lanes(struct spec *spec, unsigned lanes)
{
    char number[16], *copy;
    snprintf(number, sizeof number, "%u", lanes);
    if (!(copy = strdup(number)))
        return -1;
    free(spec->general[GENERAL_LANES]);
    spec->general[GENERAL_LANES] = copy;
    return write_again(spec);
}

bool spec_equal(const struct spec *a, const struct spec *b, enum general but)
{
    if (a->builtin != b->builtin)
        return false;
    const struct option_desc *options = own_options(a->builtin);
    for (int i = 0; options[i].name; i++)
        if (!same_text(a->own[i], b->own[i], options[i].deflt))
            return false;
    for (enum general i = GENERAL_PLACE; i < GENERAL_COUNT; i++)
        if (i != but && (is_silent(a, i) != is_silent(b, i) || (!is_silent(a, i) && strcmp(a->general[i], b->general[i]) != 0)))
            return false;
    return true;
}

unsigned spec_lanes(const struct spec *spec)
{
    struct option_value value = {.number = 1};
    char why[8];
    const char *text = spec->general[GENERAL_LANES];
    return text && option_parse(&general_options[GENERAL_LANES], text, &value, why, sizeof why) == 0 ? (unsigned)value.number
                                                                                                     : 1;
}
