/* SPDX-License-Identifier: MIT */
/*
 * tap.c - watching items pass a stage: from the engine's callback on a worker thread to lines of JSON on the server's.
 *
 *     worker: seen() --copies the item into--> filling half --wakes--> server: take() swaps the halves, and writes out the full one
 *
 * The lock is held for one copy or one swap, never while something is written out, so that the pipeline pays for a copy and no
 * more. What finds the filling half full is counted as lost. The memory of a tap is two halves, and what they make as JSON.
 */
#include "ctl/answer.h"
#include "ctl/edit.h"
#include "ctl/stream.h"
#include "stages/condition.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF_BYTES ((size_t)256 << 10)
#define ITEM_BYTES ((size_t)16 << 10) /* of an item are shown; of a longer one, so much of its beginning */

enum form { FORM_NONE, FORM_TEXT, FORM_I64, FORM_F64, FORM_MEMORY };

/* An item in a half: this, and behind it, not aligned, `len` bytes. */
struct sighting {
    uint64_t number;
    uint64_t whole; /* bytes of the item; `len` of them are here */
    uint32_t len;
    bool out;
    signed char verdict; /* a weir_verdict */
    unsigned char form;  /* an enum form */
};

struct half {
    char *data; /* HALF_BYTES */
    size_t len;
};

struct tap {
    struct stream stream;
    struct stream_wake wake;     /* set once */
    weir_pipeline *pipeline;     /* set once */
    int number;                  /* the engine's; 0: not added yet */
    struct condition *condition; /* under the lock; NULL: none */
    pthread_mutex_t lock;
    struct half filling;  /* under the lock */
    uint64_t lost;        /* under the lock: since the last take */
    uint64_t left;        /* under the lock: so many more are wanted */
    bool enough;          /* under the lock: `left` has come down to 0 */
    struct half emptying; /* the server's thread only; and so the next two */
    uint64_t shown, lost_in_all;
};

/* ---- on a worker thread ----------------------------------------------------------------------------------------------- */

static bool is_a(const weir_type *type, const weir_type *base)
{
    while (type && type != base)
        type = type->base;
    return type != NULL;
}

/* A cut in the middle of a character of UTF-8 would make the text a wrong one. */
static size_t cut(const char *text, size_t len)
{
    if (len <= ITEM_BYTES)
        return len;
    for (len = ITEM_BYTES; len > ITEM_BYTES - 3 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

static const void *describe(const weir_sight *sight, struct sighting *s)
{
    *s = (struct sighting){.number = sight->number, .out = sight->out, .verdict = (signed char)sight->verdict};
    if (!sight->item)
        return NULL;
    if (is_a(sight->type, WEIR_BYTES)) {
        const weir_bytes *bytes = sight->item;
        s->form = FORM_TEXT;
        s->whole = bytes->len;
        s->len = (uint32_t)cut(bytes->data, bytes->len);
        return bytes->data;
    }
    s->form = sight->type == WEIR_I64 ? FORM_I64 : sight->type == WEIR_F64 ? FORM_F64 : FORM_MEMORY;
    s->whole = sight->type->size;
    s->len = (uint32_t)(s->whole > ITEM_BYTES ? ITEM_BYTES : s->whole);
    return sight->item;
}

/* True if the server must be woken: there was nothing to take, or now nothing more will come. */
static bool add(struct tap *tap, const struct sighting *s, const void *data)
{
    struct half *half = &tap->filling;
    bool was_empty = half->len == 0;
    if (tap->enough)
        return false;
    if (half->len + sizeof *s + s->len > HALF_BYTES) {
        tap->lost++;
        return false;
    }
    memcpy(half->data + half->len, s, sizeof *s);
    if (s->len)
        memcpy(half->data + half->len + sizeof *s, data, s->len);
    half->len += sizeof *s + s->len;
    tap->enough = --tap->left == 0;
    return was_empty || tap->enough;
}

static void seen(void *arg, const weir_sight *sight)
{
    struct tap *tap = arg;
    struct sighting s;
    const void *data = describe(sight, &s);
    pthread_mutex_lock(&tap->lock);
    bool wake = add(tap, &s, data);
    pthread_mutex_unlock(&tap->lock);
    if (wake)
        tap->wake.wake(tap->wake.arg);
}

/* What has no fields, and what the condition cannot be tested on, does not fulfil it. */
static bool fulfils(void *arg, const weir_sight *sight)
{
    struct tap *tap = arg;
    if (!sight->item || !is_a(sight->type, WEIR_RECORD))
        return false;
    pthread_mutex_lock(&tap->lock);
    bool yes = condition_test(tap->condition, sight->item) > 0;
    pthread_mutex_unlock(&tap->lock);
    return yes;
}

/* ---- on the server's -------------------------------------------------------------------------------------------------- */

static json_t *hex_json(const unsigned char *data, size_t len)
{
    char *digits = malloc(2 * len + 1);
    if (!digits)
        return json_null();
    for (size_t i = 0; i < len; i++)
        snprintf(digits + 2 * i, 3, "%02x", data[i]);
    json_t *json = json_stringn(digits, 2 * len);
    free(digits);
    return json;
}

static void set_text(json_t *event, const char *data, size_t len)
{
    json_t *text = json_stringn(data, len);
    if (text)
        json_object_set_new(event, "text", text);
    else
        json_object_set_new(event, "bytes", hex_json((const unsigned char *)data, len));
}

static void set_number(json_t *event, const struct sighting *s, const char *data)
{
    int64_t integer;
    double real;
    memcpy(&integer, data, sizeof integer);
    memcpy(&real, data, sizeof real);
    if (s->form == FORM_I64)
        json_object_set_new(event, "value", json_integer(integer));
    else if (isfinite(real))
        json_object_set_new(event, "value", json_real(real));
    else /* JSON has no word for it */
        json_object_set_new(event, "value", json_string(isnan(real) ? "nan" : real > 0 ? "inf" : "-inf"));
}

static json_t *event_of(const struct sighting *s, const char *data)
{
    json_t *event = json_object();
    json_object_set_new(event, "event", json_string("item"));
    json_object_set_new(event, "side", json_string(s->out ? "out" : "in"));
    json_object_set_new(event, "number", json_integer((json_int_t)s->number));
    if (s->verdict != WEIR_KEEP)
        json_object_set_new(event, "verdict", json_string(s->verdict == WEIR_DROP ? "drop" : "fail"));
    if (s->form == FORM_TEXT)
        set_text(event, data, s->len);
    else if (s->form == FORM_MEMORY)
        json_object_set_new(event, "hex", hex_json((const unsigned char *)data, s->len));
    else if (s->form != FORM_NONE)
        set_number(event, s, data);
    if (s->len < s->whole)
        json_object_set_new(event, "length", json_integer((json_int_t)s->whole));
    return event;
}

/* Takes the event. */
static void print_event(FILE *stream, json_t *event)
{
    json_dumpf(event, stream, JSON_COMPACT);
    putc('\n', stream);
    json_decref(event);
}

static void print_items(struct tap *tap, FILE *stream)
{
    for (size_t at = 0; at < tap->emptying.len; tap->shown++) {
        struct sighting s;
        memcpy(&s, tap->emptying.data + at, sizeof s);
        at += sizeof s;
        print_event(stream, event_of(&s, tap->emptying.data + at));
        at += s.len;
    }
    tap->emptying.len = 0;
}

static void print_lost(struct tap *tap, FILE *stream, uint64_t lost)
{
    json_t *event = json_object();
    json_object_set_new(event, "event", json_string("lost"));
    json_object_set_new(event, "count", json_integer((json_int_t)lost));
    tap->lost_in_all += lost;
    print_event(stream, event);
}

/* client.c knows the last event by how it begins. */
static void print_end(const struct tap *tap, FILE *stream, const char *why)
{
    json_t *event = json_object();
    json_object_set_new(event, "event", json_string("end"));
    json_object_set_new(event, "reason", json_string(why));
    json_object_set_new(event, "seen", json_integer((json_int_t)tap->shown));
    json_object_set_new(event, "lost", json_integer((json_int_t)tap->lost_in_all));
    print_event(stream, event);
}

/* What has gathered is in the emptying half from here on. */
static uint64_t swap(struct tap *tap, bool *enough)
{
    pthread_mutex_lock(&tap->lock);
    struct half full = tap->filling;
    tap->filling = tap->emptying;
    tap->emptying = full;
    uint64_t lost = tap->lost;
    tap->lost = 0;
    *enough = tap->enough;
    pthread_mutex_unlock(&tap->lock);
    return lost;
}

static char *take(struct stream *stream, const char *why, size_t *len, bool *ended)
{
    struct tap *tap = (struct tap *)stream;
    char *text = NULL;
    bool enough;
    uint64_t lost = swap(tap, &enough);
    *len = 0;
    *ended = enough || why;
    if (tap->emptying.len == 0 && lost == 0 && !*ended)
        return NULL;
    FILE *lines = open_memstream(&text, len);
    if (!lines)
        return *ended = true, NULL;
    print_items(tap, lines);
    if (lost)
        print_lost(tap, lines, lost);
    if (*ended)
        print_end(tap, lines, enough ? "count" : why);
    fclose(lines);
    return text;
}

static void tap_free(struct stream *stream)
{
    struct tap *tap = (struct tap *)stream;
    if (tap->number > 0)
        weir_untap(tap->pipeline, tap->number);
    condition_free(tap->condition);
    pthread_mutex_destroy(&tap->lock);
    free(tap->filling.data);
    free(tap->emptying.data);
    free(tap);
}

/* ---- the beginning ---------------------------------------------------------------------------------------------------- */

static struct tap *tap_new(struct session *session, const json_t *args, struct stream_wake wake)
{
    struct tap *tap = calloc(1, sizeof *tap);
    if (!tap)
        return NULL;
    const json_t *count = json_object_get(args, "count");
    tap->stream = (struct stream){.take = take, .free = tap_free};
    tap->wake = wake;
    tap->pipeline = session_pipeline(session);
    tap->left = count ? (uint64_t)json_integer_value(count) : UINT64_MAX;
    tap->filling.data = malloc(HALF_BYTES);
    tap->emptying.data = malloc(HALF_BYTES);
    pthread_mutex_init(&tap->lock, NULL);
    if (tap->filling.data && tap->emptying.data)
        return tap;
    tap_free(&tap->stream);
    return NULL;
}

/* The type of what the condition would be tested on; "" if the stage is not there, which the engine will say. */
static void type_tested(struct session *session, const char *stage, bool out, char type[64])
{
    size_t count;
    weir_stage_info *stages = session_stages(session, &count);
    type[0] = '\0';
    for (size_t i = 0; stages && i < count; i++)
        if (strcmp(stages[i].name, stage) == 0)
            snprintf(type, 64, "%s", out ? stages[i].out : stages[i].in);
    free(stages);
}

static int check_condition(struct tap *tap, struct session *session, const json_t *args, struct refusal *refusal)
{
    static const char *const plain[] = {"bytes", "i64", "f64", "letter", "none"};
    const char *text = json_string_value(json_object_get(args, "where"));
    const char *stage = json_string_value(json_object_get(args, "stage"));
    bool out = json_is_true(json_object_get(args, "out")) && !json_is_true(json_object_get(args, "in"));
    char type[64], error[256];
    if (!text)
        return 0;
    tap->condition = condition_new(text, error, sizeof error);
    if (!tap->condition)
        return refuse(refusal, "usage", "tap --where: %s", error), -1;
    type_tested(session, stage, out, type);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(type, plain[i]) == 0)
            return refuse(refusal, "refused", "tap --where: what %s \"%s\" is of type %s, and a condition is about records",
                          out ? "comes out of" : "goes into", stage, type),
                   -1;
    return 0;
}

static int tap_start(struct tap *tap, const json_t *args, struct refusal *refusal)
{
    weir_tap how = {
        .stage = json_string_value(json_object_get(args, "stage")),
        .in = json_is_true(json_object_get(args, "in")),
        .out = json_is_true(json_object_get(args, "out")),
        .every = (uint64_t)json_integer_value(json_object_get(args, "every")),
        .filter = tap->condition ? fulfils : NULL,
        .seen = seen,
        .arg = tap,
    };
    if (tap->left == 0)
        return refuse(refusal, "usage", "tap --count 0 would show nothing; it must be at least 1"), -1;
    tap->number = weir_tap_add(tap->pipeline, &how);
    if (tap->number > 0)
        return 0;
    return refuse(refusal, edit_status_word(tap->number), "%s", weir_error(tap->pipeline)), -1;
}

struct stream *open_tap(struct session *session, const json_t *args, struct stream_wake wake, json_t **answer,
                        struct refusal *refusal)
{
    struct tap *tap = tap_new(session, args, wake);
    if (!tap)
        return refuse(refusal, "memory", "out of memory"), NULL;
    if (check_condition(tap, session, args, refusal) != 0 || tap_start(tap, args, refusal) != 0) {
        tap_free(&tap->stream);
        return NULL;
    }
    *answer = json_object();
    json_object_set_new(*answer, "name", json_text(weir_name(tap->pipeline)));
    json_object_set(*answer, "stage", json_object_get(args, "stage"));
    json_object_set_new(*answer, "tap", json_integer(tap->number));
    return &tap->stream;
}
