/* SPDX-License-Identifier: MIT */
/* tasks.c - the verb tasks: what the stages that run as tasks wait for. */
#include "ctl/answer.h"
#include "ctl/session.h"

#include <stdlib.h>
#include <weir/runtime.h>

static json_t *task_json(const weir_task_info *task)
{
    json_t *row = json_object();
    json_object_set_new(row, "id", json_integer((json_int_t)task->id));
    json_object_set_new(row, "stage", json_text(task->stage));
    json_object_set_new(row, "task", json_text(task->name));
    json_object_set_new(row, "item", json_integer((json_int_t)task->item));
    json_object_set_new(row, "waits", json_text(task->waits));
    json_object_set_new(row, "waits_ms", json_integer((json_int_t)(task->since_ns / 1000000)));
    json_object_set_new(row, "cancelled", json_boolean(task->cancelled));
    return row;
}

/* There may be more of them by the time that there is room for all. */
static weir_task_info *take_tasks(weir_pipeline *pipeline, size_t *count)
{
    size_t room = weir_tasks(pipeline, NULL, 0) + 64;
    weir_task_info *tasks = calloc(room, sizeof *tasks);
    if (!tasks)
        return NULL;
    *count = weir_tasks(pipeline, tasks, room);
    *count = *count < room ? *count : room;
    return tasks;
}

json_t *answer_tasks(struct session *session, const json_t *args, struct refusal *refusal)
{
    (void)args;
    weir_pipeline *pipeline = session_pipeline(session);
    size_t count = 0;
    weir_task_info *tasks = take_tasks(pipeline, &count);
    if (!tasks)
        return refuse(refusal, "memory", "out of memory");
    json_t *answer = json_object(), *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, task_json(&tasks[i]));
    free(tasks);
    json_object_set_new(answer, "name", json_text(weir_name(pipeline)));
    json_object_set_new(answer, "revision", json_integer((json_int_t)weir_revision(pipeline)));
    json_object_set_new(answer, "tasks", rows);
    return answer;
}
