/* SPDX-License-Identifier: MIT */
/*
 * json.c - stages/json.c on a line, beside jansson on the same line.
 *
 * They must agree on what is a JSON object and on what its members are. Where they may differ: jansson refuses numbers that fit
 * no double, halves of surrogate pairs, and zeros in names, and it passes over a zero byte behind a number; ours refuses what
 * nests deeper than JSON_DEPTH_MAX.
 */
#include "stages/json.h"

#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool is_inside(const char *slice, size_t slice_len, const char *line, size_t len)
{
    return slice >= line && slice_len <= len && (size_t)(slice - line) <= len - slice_len;
}

static bool is_kind(const weir_field *field, const json_t *value)
{
    switch (field->kind) {
    case WEIR_KIND_TEXT:
    case WEIR_KIND_ESCAPED:
        return json_is_string(value);
    case WEIR_KIND_NUMBER:
        return json_is_number(value);
    case WEIR_KIND_BOOL:
        return json_is_boolean(value);
    case WEIR_KIND_NULL:
        return json_is_null(value);
    default:
        return *field->value == '{' ? json_is_object(value) : json_is_array(value);
    }
}

static void compare_text(const weir_field *field, const json_t *value)
{
    char *text = malloc(field->value_len);
    size_t len = weir_field_text(field, text, field->value_len);
    REQUIRE(len <= field->value_len, "a text of %zu bytes came from %u", len, field->value_len);
    REQUIRE(len == json_string_length(value) && (len == 0 || memcmp(text, json_string_value(value), len) == 0),
            "the text \"%.*s\" became \"%.*s\"; jansson makes \"%s\" of it", (int)field->value_len, field->value, (int)len,
            text, json_string_value(value));
    free(text);
}

static void compare_field(const weir_field *field, const json_t *object)
{
    char *name = strndup(field->name, field->name_len);
    const json_t *value = json_object_get(object, name);
    REQUIRE(value && is_kind(field, value), "\"%s\": a field of kind %u is of type %d for jansson", name, field->kind,
            value ? (int)json_typeof(value) : -1);
    if (json_is_string(value))
        compare_text(field, value);
    free(name);
}

static void compare_fields(const struct json_index *index, const json_t *object)
{
    if (index->escaped_names) /* then two of them may be one name for jansson */
        return;
    REQUIRE(index->count == json_object_size(object), "%u fields; jansson has %zu", index->count, json_object_size(object));
    for (uint32_t i = 0; i < index->count; i++)
        compare_field(&index->fields[i], object);
}

static void check_places(const struct json_index *index, const char *line, size_t len)
{
    for (uint32_t i = 0; i < index->count; i++) {
        const weir_field *field = &index->fields[i];
        REQUIRE(is_inside(field->name, field->name_len, line, len), "the name of field %u lies outside the line", i);
        REQUIRE(is_inside(field->value, field->value_len, line, len), "the value of field %u lies outside the line", i);
    }
}

static bool is_stricter(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow || json_error_code(error) == json_error_null_byte_in_key ||
           strncmp(error->text, "invalid Unicode", 15) == 0;
}

static bool is_laxer(const struct json_index *index, const char *line, size_t len)
{
    return memchr(line, 0, len) || strcmp(index->error, "nested too deep") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size);
    struct json_index index = {0};
    json_error_t error;
    memcpy(line, data, size);
    json_t *theirs = json_loadb(line, size, JSON_ALLOW_NUL, &error);
    if (json_index(&index, line, size) == 0) {
        check_places(&index, line, size);
        REQUIRE(theirs || is_stricter(&error), "taken; jansson refuses it: %s", error.text);
        if (theirs)
            compare_fields(&index, theirs);
    } else {
        REQUIRE(index.error && index.offset <= size, "refused at byte %zu of %zu", index.offset, size);
        REQUIRE(!json_is_object(theirs) || is_laxer(&index, line, size), "refused: %s; jansson takes it", index.error);
    }
    json_decref(theirs);
    json_free(&index);
    free(line);
    return 0;
}
