/* SPDX-License-Identifier: MIT */
/*
 * condition.c - conditions on a record's fields: a small tree in one array, made once, walked for each record.
 *
 * What can be known from the text of the condition is worked out when it is made: is the right side a number, which one, does a
 * pattern compile. A test allocates nothing, but for a buffer that grows with the longest value that has escapes in it.
 */
#include "stages/condition.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/pattern.h"

/* How deep parentheses and `not` may nest: the walk is recursive. */
#define DEPTH_MAX 200
#define NODES_MAX 4000

enum op { OP_OR, OP_AND, OP_NOT, OP_EXISTS, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_MATCH, OP_NO_MATCH };

/* A run of digits that fits in 64 bits compares exactly and fast; other numbers as doubles. */
struct number {
    enum { NOT_A_NUMBER, WHOLE, REAL } kind;
    int64_t whole;
    double real; /* set for both kinds */
};

struct node {
    enum op op;
    uint32_t left, right; /* OR, AND: operands; NOT: left */

    char *name; /* the rest is for what looks at a field; owned */
    uint32_t name_len, hint;
    char *value; /* owned; the right side */
    size_t value_len;
    struct number number;    /* of a bare right side */
    struct pattern *pattern; /* owned */
};

struct condition {
    struct node *nodes; /* owned */
    uint32_t count, capacity, root;
    char *scratch; /* owned; a value without its escapes */
    size_t scratch_size;
};

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* By strtod, which wants a terminated string and listens to the locale; rare enough. */
static struct number read_real(const char *p, size_t len)
{
    char text[64], *end;
    static locale_t plain;
    if (len >= sizeof text)
        return (struct number){.kind = NOT_A_NUMBER};
    memcpy(text, p, len);
    text[len] = 0;
    if (strspn(text, "0123456789+-.eE") != len)
        return (struct number){.kind = NOT_A_NUMBER};
    locale_t locale = __atomic_load_n(&plain, __ATOMIC_ACQUIRE);
    if (!locale && (locale = newlocale(LC_ALL_MASK, "C", (locale_t)0)))
        __atomic_store_n(&plain, locale, __ATOMIC_RELEASE);
    double real = locale ? strtod_l(text, &end, locale) : strtod(text, &end);
    return (struct number){.kind = *end ? NOT_A_NUMBER : REAL, .real = real};
}

static struct number read_number(const char *p, size_t len)
{
    size_t i = len && *p == '-', digits = len - i;
    int64_t whole = 0;
    if (len == 0 || !(is_digit(p[i]) || *p == '-' || *p == '+' || *p == '.'))
        return (struct number){.kind = NOT_A_NUMBER};
    if (digits == 0 || digits > 18)
        return read_real(p, len);
    for (; i < len; i++) {
        if (!is_digit(p[i]))
            return read_real(p, len);
        whole = whole * 10 + (p[i] - '0');
    }
    whole = *p == '-' ? -whole : whole;
    return (struct number){.kind = WHOLE, .whole = whole, .real = (double)whole};
}

/* ---- testing ----------------------------------------------------------------------------------------------------- */

static int compare_text(const char *value, size_t len, const struct node *node)
{
    int order = memcmp(value, node->value, len < node->value_len ? len : node->value_len);
    return order ? order : (len > node->value_len) - (len < node->value_len);
}

/* Whole numbers of more than 18 digits, such as ids, of which the doubles are the same: the digits decide. */
static int compare_digits(const char *value, size_t len, const struct node *node)
{
    static const char digits[] = "0123456789";
    const char *other = node->value;
    bool minus = *value == '-' && *other == '-';
    if (len != node->value_len || strspn(other + minus, digits) + minus != len)
        return 0;
    for (size_t i = minus; i < len; i++)
        if (!is_digit(value[i]))
            return 0;
    int order = memcmp(value, other, len);
    return minus ? -order : order;
}

static int compare(const char *value, size_t len, const struct node *node)
{
    if (node->number.kind == NOT_A_NUMBER)
        return compare_text(value, len, node);
    struct number number = read_number(value, len);
    if (number.kind == NOT_A_NUMBER)
        return compare_text(value, len, node);
    if (number.kind == WHOLE && node->number.kind == WHOLE)
        return (number.whole > node->number.whole) - (number.whole < node->number.whole);
    if (number.real == node->number.real)
        return compare_digits(value, len, node);
    return number.real > node->number.real ? 1 : -1;
}

static bool equal(const char *value, size_t len, const struct node *node)
{
    if (len == node->value_len && memcmp(value, node->value, len) == 0)
        return true;
    return node->number.kind != NOT_A_NUMBER && compare(value, len, node) == 0;
}

/* The field's value, without escapes. False: no memory. */
static bool plain_value(struct condition *condition, const weir_field *field, const char **value, size_t *len)
{
    *value = field->value;
    *len = field->value_len;
    if (field->kind != WEIR_KIND_ESCAPED)
        return true;
    if (field->value_len > condition->scratch_size) {
        char *scratch = realloc(condition->scratch, (size_t)field->value_len * 2);
        if (!scratch)
            return false;
        condition->scratch = scratch;
        condition->scratch_size = (size_t)field->value_len * 2;
    }
    *value = condition->scratch;
    *len = weir_field_text(field, condition->scratch, condition->scratch_size);
    return true;
}

static int test_match(const struct node *node, const char *value, size_t len)
{
    int matches = pattern_match(node->pattern, value, len);
    return matches < 0 ? -1 : matches == (node->op == OP_MATCH);
}

static int test_field(struct condition *condition, struct node *node, const weir_record *record)
{
    const char *value;
    size_t len;
    const weir_field *field = weir_record_find(record, node->name, node->name_len, &node->hint);
    if (!field || node->op == OP_EXISTS)
        return field != NULL;
    if (!plain_value(condition, field, &value, &len))
        return weir_fail_memory();
    switch (node->op) {
    case OP_EQ:
        return equal(value, len, node);
    case OP_NE:
        return !equal(value, len, node);
    case OP_LT:
        return compare(value, len, node) < 0;
    case OP_LE:
        return compare(value, len, node) <= 0;
    case OP_GT:
        return compare(value, len, node) > 0;
    case OP_GE:
        return compare(value, len, node) >= 0;
    default:
        return test_match(node, value, len);
    }
}

static int test(struct condition *condition, uint32_t index, const weir_record *record)
{
    struct node *node = &condition->nodes[index];
    int left;
    switch (node->op) {
    case OP_OR:
        left = test(condition, node->left, record);
        return left != 0 ? left : test(condition, node->right, record);
    case OP_AND:
        left = test(condition, node->left, record);
        return left != 1 ? left : test(condition, node->right, record);
    case OP_NOT:
        left = test(condition, node->left, record);
        return left < 0 ? left : !left;
    default:
        return test_field(condition, node, record);
    }
}

int condition_test(struct condition *condition, const weir_record *record)
{
    return test(condition, condition->root, record);
}

/* ---- parsing ----------------------------------------------------------------------------------------------------- */

struct parser {
    const char *text;
    size_t at;
    unsigned depth;
    struct condition *condition;
    char *error;
    size_t size;
};

/* Every parse function below returns the index of the node that it made, or NONE after refuse(). */
#define NONE UINT32_MAX

static uint32_t parse_or(struct parser *parser);

static uint32_t WEIR_PRINTF(2, 3) refuse(struct parser *parser, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(parser->error, parser->size, format, args);
    va_end(args);
    return NONE;
}

/* "expected X at byte N, before: ..." */
static uint32_t refuse_here(struct parser *parser, const char *expected)
{
    const char *rest = parser->text + parser->at;
    if (!*rest)
        return refuse(parser, "the condition ends where %s was expected: %s", expected, parser->text);
    return refuse(parser, "%s was expected at byte %zu of the condition, before: %.40s", expected, parser->at, rest);
}

static void skip_space(struct parser *parser)
{
    parser->at += strspn(parser->text + parser->at, " \t\r\n");
}

static uint32_t add(struct parser *parser, struct node node)
{
    struct condition *condition = parser->condition;
    if (condition->count == NODES_MAX)
        return refuse(parser, "the condition has more than %d parts", NODES_MAX);
    if (condition->count == condition->capacity) {
        uint32_t capacity = condition->capacity ? condition->capacity * 2 : 8;
        struct node *nodes = realloc(condition->nodes, capacity * sizeof *nodes);
        if (!nodes)
            return refuse(parser, "out of memory");
        condition->nodes = nodes;
        condition->capacity = capacity;
    }
    condition->nodes[condition->count] = node;
    return condition->count++;
}

/* A field's name goes up to one of these, or white space. */
static const char name_ends[] = " \t\r\n=!<>~()&|\"'";

/* Takes the word or the sign if it comes next. A word must end there. */
static bool accept(struct parser *parser, const char *word)
{
    skip_space(parser);
    size_t len = strlen(word);
    const char *p = parser->text + parser->at;
    if (strncmp(p, word, len) != 0)
        return false;
    if (word[0] >= 'a' && p[len] && !strchr(name_ends, p[len]))
        return false;
    parser->at += len;
    return true;
}

static bool accept_or(struct parser *parser)
{
    return accept(parser, "or") || accept(parser, "||");
}

static bool accept_and(struct parser *parser)
{
    return accept(parser, "and") || accept(parser, "&&");
}

/* What stands in quotes at the place at hand; NULL after refuse(). */
static char *read_quoted(struct parser *parser, size_t *len)
{
    const char *start = parser->text + parser->at, *p = start + 1;
    char *copy = malloc(strlen(start)), *out = copy;
    if (!copy) {
        refuse(parser, "out of memory");
        return NULL;
    }
    while (*p && *p != *start) {
        if (*start == '"' && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        *out++ = *p++;
    }
    if (!*p) {
        refuse(parser, "the quote at byte %zu of the condition is not closed: %.40s", parser->at, start);
        free(copy);
        return NULL;
    }
    parser->at += (size_t)(p + 1 - start);
    *len = (size_t)(out - copy);
    *out = 0;
    return copy;
}

static char *take(struct parser *parser, size_t len)
{
    char *copy = strndup(parser->text + parser->at, len);
    if (!copy)
        refuse(parser, "out of memory");
    parser->at += len;
    return copy;
}

static bool at_quote(const struct parser *parser)
{
    return parser->text[parser->at] == '"' || parser->text[parser->at] == '\'';
}

static char *read_name(struct parser *parser, size_t *len)
{
    skip_space(parser);
    if (at_quote(parser))
        return read_quoted(parser, len);
    *len = strcspn(parser->text + parser->at, name_ends);
    if (*len)
        return take(parser, *len);
    refuse_here(parser, "the name of a field");
    return NULL;
}

/* A bare value goes up to white space, && or ||, or a parenthesis that was not opened in it, as in `path =~ ^/(img|css)`. */
static size_t bare_length(const char *p)
{
    size_t len = 0;
    for (unsigned open = 0; p[len] && !strchr(" \t\r\n", p[len]); len++) {
        if (p[len] == '(')
            open++;
        else if (p[len] == ')' && open-- == 0)
            break;
        else if (!open && (p[len] == '&' || p[len] == '|') && p[len + 1] == p[len])
            break;
    }
    return len;
}

static char *read_value(struct parser *parser, size_t *len, bool *quoted)
{
    skip_space(parser);
    *quoted = at_quote(parser);
    if (*quoted)
        return read_quoted(parser, len);
    *len = bare_length(parser->text + parser->at);
    if (*len)
        return take(parser, *len);
    refuse_here(parser, "a value");
    return NULL;
}

/* Longer signs first. */
static bool accept_operator(struct parser *parser, enum op *op)
{
    static const struct {
        const char *sign;
        enum op op;
    } signs[] = {{"==", OP_EQ},    {"!=", OP_NE},       {"<=", OP_LE}, {">=", OP_GE},
                 {"=~", OP_MATCH}, {"!~", OP_NO_MATCH}, {"<", OP_LT},  {">", OP_GT}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (accept(parser, signs[i].sign)) {
            *op = signs[i].op;
            return true;
        }
    return false;
}

static void release(struct node *node)
{
    pattern_free(node->pattern);
    free(node->name);
    free(node->value);
}

/* The right side of node, a comparison. */
static int finish_comparison(struct parser *parser, struct node *node)
{
    bool quoted;
    if (!(node->value = read_value(parser, &node->value_len, &quoted)))
        return -1;
    if (node->op == OP_MATCH || node->op == OP_NO_MATCH) {
        node->pattern = pattern_new(node->value, (struct pattern_options){0}, parser->error, parser->size);
        return node->pattern ? 0 : -1;
    }
    node->number = quoted ? (struct number){.kind = NOT_A_NUMBER} : read_number(node->value, node->value_len);
    return 0;
}

static uint32_t refuse_operator(struct parser *parser, const char *name)
{
    if (accept(parser, "="))
        return refuse(parser, "write == to compare: %s == ...", name);
    char expected[160];
    snprintf(expected, sizeof expected, "a comparison (== != < <= > >= =~ !~) behind \"%.64s\"", name);
    return refuse_here(parser, expected);
}

static uint32_t parse_comparison(struct parser *parser)
{
    struct node node = {.op = OP_EXISTS};
    size_t len;
    bool exists = accept(parser, "exists");
    if (!(node.name = read_name(parser, &len)))
        return NONE;
    node.name_len = (uint32_t)len;
    uint32_t index = NONE;
    if (!exists && !accept_operator(parser, &node.op))
        refuse_operator(parser, node.name);
    else if (exists || finish_comparison(parser, &node) == 0)
        index = add(parser, node);
    if (index == NONE)
        release(&node);
    return index;
}

static uint32_t parse_group(struct parser *parser)
{
    size_t start = parser->at - 1;
    uint32_t inner = parse_or(parser);
    if (inner != NONE && !accept(parser, ")")) {
        if (parser->text[parser->at])
            return refuse_here(parser, "`and`, `or` or a closing parenthesis");
        return refuse(parser, "the parenthesis at byte %zu of the condition is not closed: %s", start, parser->text);
    }
    return inner;
}

static uint32_t parse_not(struct parser *parser)
{
    uint32_t index;
    if (++parser->depth > DEPTH_MAX)
        return refuse(parser, "the condition nests deeper than %d", DEPTH_MAX);
    if (accept(parser, "not") || accept(parser, "!")) {
        index = parse_not(parser);
        if (index != NONE)
            index = add(parser, (struct node){.op = OP_NOT, .left = index});
    } else if (accept(parser, "(")) {
        index = parse_group(parser);
    } else {
        index = parse_comparison(parser);
    }
    parser->depth--;
    return index;
}

static uint32_t parse_and(struct parser *parser)
{
    uint32_t left = parse_not(parser);
    while (left != NONE && accept_and(parser)) {
        uint32_t right = parse_not(parser);
        left = right == NONE ? NONE : add(parser, (struct node){.op = OP_AND, .left = left, .right = right});
    }
    return left;
}

static uint32_t parse_or(struct parser *parser)
{
    uint32_t left = parse_and(parser);
    while (left != NONE && accept_or(parser)) {
        uint32_t right = parse_and(parser);
        left = right == NONE ? NONE : add(parser, (struct node){.op = OP_OR, .left = left, .right = right});
    }
    return left;
}

struct condition *condition_new(const char *text, char *error, size_t size)
{
    struct condition *condition = calloc(1, sizeof *condition);
    if (!condition) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    struct parser parser = {.text = text, .condition = condition, .error = error, .size = size};
    condition->root = parse_or(&parser);
    skip_space(&parser);
    if (condition->root != NONE && text[parser.at])
        condition->root = refuse_here(&parser, "`and`, `or` or the end");
    if (condition->root != NONE)
        return condition;
    condition_free(condition);
    return NULL;
}

void condition_free(struct condition *condition)
{
    if (!condition)
        return;
    for (uint32_t i = 0; i < condition->count; i++)
        release(&condition->nodes[i]);
    free(condition->nodes);
    free(condition->scratch);
    free(condition);
}
