/* SPDX-License-Identifier: MIT */
/* details.c - what a snapshot has beyond counts; see details.h. */
#include "ctl/details.h"

#include "ctl/past.h"

static json_t *trial_json(struct session *session, const char *stage, const weir_trial_info *info)
{
    char label[PAST_LABEL_ROOM];
    json_t *json = json_object(), *about = json_object();
    past_candidate_label(stage, label);
    session_add_text(session, label, json);
    past_key_label(stage, label);
    session_add_text(session, label, about);
    json_object_set(json, "key", json_object_get(about, "text"));
    json_decref(about);
    json_object_set_new(json, "shadow", json_boolean(info->shadow));
    json_object_set_new(json, "percent", json_real(info->percent));
    json_object_set_new(json, "items", json_integer((json_int_t)info->items));
    json_object_set_new(json, "errors", json_integer((json_int_t)info->errors));
    json_object_set_new(json, "candidate_items", json_integer((json_int_t)info->candidate_items));
    json_object_set_new(json, "candidate_errors", json_integer((json_int_t)info->candidate_errors));
    json_object_set_new(json, "differed", json_integer((json_int_t)info->differed));
    return json;
}

static void add_trial(struct session *session, json_t *stage)
{
    weir_trial_info info = {0};
    const char *name = json_string_value(json_object_get(stage, "name"));
    if (name && weir_trial_get(session_pipeline(session), name, &info) == WEIR_OK)
        json_object_set_new(stage, "trial", trial_json(session, name, &info));
}

void details_add(struct session *session, json_t *snapshot)
{
    size_t i;
    json_t *stage;
    json_object_set_new(snapshot, "paused", json_boolean(weir_paused(session_pipeline(session))));
    json_object_set_new(snapshot, "pending", past_pending(session));
    json_array_foreach(json_object_get(snapshot, "stages"), i, stage) add_trial(session, stage);
}
