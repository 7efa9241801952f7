/* SPDX-License-Identifier: MIT */
/* flow.c - the verbs that rest the sources, let them go on, or close them. None of them waits. */
#include "ctl/answer.h"
#include "ctl/session.h"

static json_t *rest(struct session *session, bool paused)
{
    weir_pipeline *pipeline = session_pipeline(session);
    json_t *answer = json_object();
    json_object_set_new(answer, "name", json_text(weir_name(pipeline)));
    json_object_set_new(answer, "changed", json_boolean(weir_paused(pipeline) != paused));
    (paused ? weir_pause : weir_resume)(pipeline);
    json_object_set_new(answer, "paused", json_boolean(paused));
    return answer;
}

json_t *answer_pause(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args, (void)refusal;
    return rest(session, true);
}

json_t *answer_resume(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args, (void)refusal;
    return rest(session, false);
}

/* Only sets the end off: the server answers when it has come. */
json_t *answer_drain(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args, (void)refusal;
    weir_close(session_pipeline(session));
    return json_object();
}
