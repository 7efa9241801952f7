/* SPDX-License-Identifier: MIT */
/*
 * json.h - finds the fields of a line that is a JSON object.
 *
 * The whole line is validated: grammar, numbers, escapes, UTF-8, nothing behind the object. The fields are slices of the line:
 * nothing is copied or unescaped, and nested values stay as they are written. When a name stands twice, the last one is kept.
 */
#ifndef STAGES_JSON_H
#define STAGES_JSON_H

#include <weir/stage.h>

/* Nesting deeper than this is refused; what others refuse, too, lies between 512 and 10,000. */
#define JSON_DEPTH_MAX 1024

/* What is kept between lines, and the answer. Start with zeros, end with json_free(). One user at a time. */
struct json_index {
    weir_field *fields; /* of the last line; owned, grows as needed */
    uint32_t count;
    uint32_t capacity;
    bool escaped_names; /* at least one name still has escapes in it */
    const char *error;  /* what was expected; a constant */
    size_t offset;      /* of the first byte that was not as expected */
};

/* 0, or -1 with error and offset set. */
int json_index(struct json_index *index, const char *text, size_t len);
void json_free(struct json_index *index);

#endif
