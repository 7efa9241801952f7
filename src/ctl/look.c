/* SPDX-License-Identifier: MIT */
/*
 * look.c - the verbs that do not edit: show, flush, stop. None of them waits.
 */
#include "ctl/answer.h"
#include "ctl/details.h"
#include "ctl/session.h"

json_t *answer_show(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args;
    json_t *snapshot = session_snapshot(session);
    if (!snapshot)
        return refuse(refusal, "memory", "out of memory");
    details_add(session, snapshot);
    return snapshot;
}

json_t *answer_flush(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args;
    weir_pipeline *pipeline = session_pipeline(session);
    if (weir_flush(pipeline) != WEIR_OK)
        return refuse(refusal, "ended", "%s", weir_error(pipeline));
    json_t *answer = json_object();
    json_object_set_new(answer, "name", json_text(weir_name(pipeline)));
    json_object_set_new(answer, "revision", json_integer((json_int_t)weir_revision(pipeline)));
    return answer;
}

/* Only sets the end off: the server answers when it has come. */
json_t *answer_stop(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)refusal;
    if (json_is_true(json_object_get(args, "abort")))
        weir_abort(session_pipeline(session));
    else
        weir_close(session_pipeline(session));
    return json_object();
}
