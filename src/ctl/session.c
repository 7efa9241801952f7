/* SPDX-License-Identifier: MIT */
/*
 * session.c - the pipeline of this process, the texts of its stages, and its state as JSON.
 *
 * The engine knows functions, not what somebody wrote; the texts are kept here, under a lock of their own that is never held
 * during a call that waits.
 */
#include "ctl/session.h"

#include "ctl/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct described {
    char *label, *builtin, *text;
    struct described *next;
};

struct session {
    weir_pipeline *pipeline;   /* set once */
    pthread_mutex_t edit_lock; /* held by the thread that makes an edit */
    pthread_mutex_t texts_lock;
    struct described *texts; /* under texts_lock */
    json_t *past;            /* past.c's; under the edit lock */
};

struct session *session_new(weir_pipeline *pipeline)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session || !pipeline) {
        free(session);
        weir_free(pipeline);
        return NULL;
    }
    session->pipeline = pipeline;
    session->past = json_object();
    pthread_mutex_init(&session->edit_lock, NULL);
    pthread_mutex_init(&session->texts_lock, NULL);
    return session;
}

static void described_free(struct described *described)
{
    free(described->label);
    free(described->builtin);
    free(described->text);
    free(described);
}

void session_free(struct session *session)
{
    if (!session)
        return;
    weir_free(session->pipeline);
    for (struct described *next; session->texts; session->texts = next) {
        next = session->texts->next;
        described_free(session->texts);
    }
    json_decref(session->past);
    pthread_mutex_destroy(&session->edit_lock);
    pthread_mutex_destroy(&session->texts_lock);
    free(session);
}

weir_pipeline *session_pipeline(const struct session *session)
{
    return session->pipeline;
}

static int add_stages(struct session *session, struct graph *graph)
{
    for (size_t i = 0; i < graph->stage_count; i++) {
        weir_stage stage = graph_take(graph, i, NULL);
        int status = weir_add(session->pipeline, &stage);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

int session_build(struct session *session, struct graph *graph)
{
    char from[PLACE_SIZE], to[PLACE_SIZE];
    int status = add_stages(session, graph);
    for (size_t i = 0; i < graph->link_count && status == WEIR_OK; i++)
        status = weir_connect(session->pipeline, graph_from(graph, &graph->links[i], from),
                              graph_to(graph, &graph->links[i], to), NULL);
    if (status == WEIR_OK)
        texts_describe(session, graph);
    return status;
}

bool session_edit_lock_for(struct session *session, double seconds)
{
    struct timespec until;
    double whole = seconds < 1e9 ? (double)(time_t)seconds : 1e9;
    if (seconds <= 0)
        return pthread_mutex_lock(&session->edit_lock) == 0;
    clock_gettime(CLOCK_REALTIME, &until); /* the clock that the call goes by */
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds < 1e9 ? seconds - whole : 0) * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_mutex_timedlock(&session->edit_lock, &until) == 0;
}

bool session_edit_try_lock(struct session *session)
{
    return pthread_mutex_trylock(&session->edit_lock) == 0;
}

void session_edit_unlock(struct session *session)
{
    pthread_mutex_unlock(&session->edit_lock);
}

json_t *session_past(struct session *session)
{
    return session->past;
}

/* ---- texts ------------------------------------------------------------------------------------------------------------ */

static bool is_present(const weir_stage_info *stages, size_t count, const char *label)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(stages[i].name, label) == 0)
            return true;
    return false;
}

void session_forget(struct session *session)
{
    size_t count;
    weir_stage_info *stages = session_stages(session, &count);
    pthread_mutex_lock(&session->texts_lock);
    for (struct described **link = &session->texts; stages && *link;) {
        struct described *described = *link;
        if (is_present(stages, count, described->label)) {
            link = &described->next;
            continue;
        }
        *link = described->next;
        described_free(described);
    }
    pthread_mutex_unlock(&session->texts_lock);
    free(stages);
}

static struct described *described_new(const char *label, const char *builtin, const char *text)
{
    struct described *described = calloc(1, sizeof *described);
    if (!described)
        return NULL;
    described->label = strdup(label);
    described->builtin = strdup(builtin);
    described->text = strdup(text);
    if (described->label && described->builtin && described->text)
        return described;
    described_free(described);
    return NULL;
}

static struct described *described_find(const struct session *session, const char *label)
{
    struct described *described = session->texts;
    while (described && strcmp(described->label, label) != 0)
        described = described->next;
    return described;
}

/* A label that is there already keeps its place in the list, and gets the new contents. */
void session_describe(struct session *session, const char *label, const char *builtin, const char *text)
{
    struct described *fresh = described_new(label, builtin, text);
    if (!fresh)
        return;
    pthread_mutex_lock(&session->texts_lock);
    struct described *old = described_find(session, label);
    if (old) {
        struct described contents = *old;
        *old = (struct described){fresh->label, fresh->builtin, fresh->text, old->next};
        *fresh = contents;
    } else {
        fresh->next = session->texts;
        session->texts = fresh;
    }
    pthread_mutex_unlock(&session->texts_lock);
    if (old)
        described_free(fresh);
}

/* Jansson takes UTF-8 only, and a command line may hold anything. */
json_t *json_text(const char *text)
{
    json_t *json = json_string(text);
    char *copy = json ? NULL : strdup(text);
    if (!copy)
        return json;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json = json_string(copy);
    free(copy);
    return json;
}

void session_add_text(struct session *session, const char *label, json_t *object)
{
    pthread_mutex_lock(&session->texts_lock);
    const struct described *described = described_find(session, label);
    json_object_set_new(object, "builtin", json_text(described ? described->builtin : ""));
    json_object_set_new(object, "text", json_text(described ? described->text : ""));
    pthread_mutex_unlock(&session->texts_lock);
}

/* ---- state ------------------------------------------------------------------------------------------------------------ */

/* An edit may add a stage between the question how many there are and the answer, hence the spare room and the loop. */
weir_stage_info *session_stages(struct session *session, size_t *count)
{
    size_t room = 16;
    for (;;) {
        weir_stage_info *stages = calloc(room, sizeof *stages);
        if (!stages)
            return NULL;
        *count = weir_stages(session->pipeline, stages, room);
        if (*count <= room)
            return stages;
        free(stages);
        room = *count + 16;
    }
}

static json_t *count_json(uint64_t count)
{
    return json_integer((json_int_t)count);
}

static json_t *totals_json(const weir_totals *totals)
{
    json_t *json = json_object();
    json_object_set_new(json, "admitted", count_json(totals->admitted));
    json_object_set_new(json, "created", count_json(totals->created));
    json_object_set_new(json, "delivered", count_json(totals->delivered));
    json_object_set_new(json, "filtered", count_json(totals->filtered));
    json_object_set_new(json, "failed", count_json(totals->failed));
    json_object_set_new(json, "returned", count_json(totals->returned));
    json_object_set_new(json, "in_flight", count_json(totals->in_flight));
    return json;
}

static json_t *stage_json(struct session *session, const weir_stage_info *stage)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(stage->name));
    session_add_text(session, stage->name, json);
    json_object_set_new(json, "place", json_text(stage->place));
    json_object_set_new(json, "status", json_text(stage->status));
    json_object_set_new(json, "strand", count_json(stage->strand));
    json_object_set_new(json, "in", json_text(stage->in));
    json_object_set_new(json, "out", json_text(stage->out));
    json_object_set_new(json, "taken", count_json(stage->taken));
    json_object_set_new(json, "put", count_json(stage->put));
    json_object_set_new(json, "filtered", count_json(stage->filtered));
    json_object_set_new(json, "failed", count_json(stage->failed));
    json_object_set_new(json, "created", count_json(stage->created));
    json_object_set_new(json, "returned", count_json(stage->returned));
    json_object_set_new(json, "queued", count_json(stage->queued));
    json_object_set_new(json, "lanes", count_json(stage->lanes));
    json_object_set_new(json, "retried", count_json(stage->retried));
    json_object_set_new(json, "busy_ns", count_json(stage->busy_ns));
    json_object_set_new(json, "item", count_json(stage->item));
    json_object_set_new(json, "item_ns", count_json(stage->item_ns));
    return json;
}

static json_t *link_json(const weir_link_info *link)
{
    json_t *json = json_object();
    json_object_set_new(json, "from", json_text(link->from));
    json_object_set_new(json, "out", json_text(link->out));
    json_object_set_new(json, "to", json_text(link->to));
    json_object_set_new(json, "in", json_text(link->in));
    json_object_set_new(json, "active", json_boolean(link->active));
    return json;
}

/* As session_stages(). */
static json_t *links_json(weir_pipeline *pipeline)
{
    json_t *list = json_array();
    weir_link_info *links = NULL;
    size_t room = 16, count;
    for (;;) {
        free(links);
        links = calloc(room, sizeof *links);
        count = links ? weir_links(pipeline, links, room) : 0;
        if (count <= room)
            break;
        room = count + 16;
    }
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, link_json(&links[i]));
    free(links);
    return list;
}

json_t *session_snapshot(struct session *session)
{
    size_t count;
    weir_totals totals;
    weir_stage_info *stages = session_stages(session, &count);
    json_t *json = stages ? json_object() : NULL;
    weir_totals_get(session->pipeline, &totals);
    json_t *list = json_array();
    for (size_t i = 0; json && i < count; i++)
        json_array_append_new(list, stage_json(session, &stages[i]));
    json_object_set_new(json, "name", json_text(weir_name(session->pipeline)));
    json_object_set_new(json, "pid", json_integer(getpid()));
    json_object_set_new(json, "revision", count_json(totals.revision));
    json_object_set_new(json, "totals", totals_json(&totals));
    json_object_set_new(json, "stages", list);
    json_object_set_new(json, "links", links_json(session->pipeline));
    free(stages);
    return json;
}
