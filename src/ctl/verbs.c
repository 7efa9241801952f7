/* SPDX-License-Identifier: MIT */
/*
 * verbs.c - the descriptions of what one asks a running pipeline. Data only.
 *
 * Arguments that are for the command alone (`local`) stand here too, so that a verb's help is whole; a request that holds one
 * is refused like any other unknown argument.
 */
#include "ctl/answer.h"

#include <stddef.h>

/* Arguments that several verbs have. clang-format takes the braces for code. */
/* clang-format off */
#define ARG_NAME {"pipeline", ARG_PIPELINE, .positional = true, .required = true, .local = true, .word = "NAME", \
                  .help = "the running pipeline"}
#define ARG_OF(what) {"stage", ARG_STAGE, .positional = true, .required = true, .word = "STAGE", .help = what}
#define ARG_NEW(what) {"text", ARG_EXPR, .positional = true, .required = true, .word = "'STAGE ARGS'", .help = what}
#define ARG_AS {"as", ARG_TEXT, .word = "LABEL", .help = "the new stage's name in the pipeline"}
#define ARG_EXPECT {"expect", ARG_COUNT, .unsaid = true, .word = "REV", \
                    .help = "refuse the edit (exit status 5) if the pipeline's revision is another one"}
#define ARG_TIMEOUT {"timeout", ARG_SECONDS, .unsaid = true, .word = "SECONDS", \
                     .help = "withdraw the edit (exit status 6) if a stage holds it up for longer; default 10, 0 for no limit"}
#define ARG_ID {"id", ARG_TEXT, .unsaid = true, .word = "ID", \
                .help = "a name for the edit: if one of that name was made already, print its receipt and change nothing"}
#define ARG_WHO {"who", ARG_TEXT, .unsaid = true, .word = "WHO", .help = "who makes the edit, for the history; default: the user's name"}
#define ARG_DRY_RUN {"dry-run", ARG_FLAG, .unsaid = true, .help = "say what the edit would do, and do nothing"}
#define ARG_JSON {"json", ARG_FLAG, 'j', .local = true, .help = "print JSON"}
#define ARGS_EDIT ARG_EXPECT, ARG_TIMEOUT, ARG_ID, ARG_WHO, ARG_DRY_RUN, ARG_JSON
/* clang-format on */

static const struct arg_desc bare_args[] = {ARG_NAME, ARG_JSON, {0}};

/* ---- looking ---------------------------------------------------------------------------------------------------------- */

static const char *const show_examples[] = {
    "weir show web",
    "weir show web --json | jq .revision",
    "weir show web -o yaml > web.yaml",
    NULL,
};
static const struct arg_desc show_args[] = {
    ARG_NAME,
    {"output", ARG_TEXT, 'o', .local = true, .choices = "expr yaml dot", .word = "FORM",
     .help = "instead, print how one would write the pipeline as it is now: expr, yaml, or dot (a drawing, for Graphviz)"},
    ARG_JSON,
    {0},
};
const struct verb show_verb = {
    .name = "show",
    .summary = "show the stages of a pipeline in order, with their counts",
    .details = "The last line is the pipeline's account: what was admitted and what the stages created equals what was "
               "delivered, filtered, failed, returned, and what is in flight. Above it stand, where there are any, "
               "stages on trial, edits that are pending, and stages that have left but still have an item in their "
               "hands.",
    .args = show_args,
    .examples = show_examples,
    .way = VERB_NOW,
    .answer = answer_show,
};

static const char *const pending_examples[] = {
    "weir pending web",
    NULL,
};
const struct verb pending_verb = {
    .name = "pending",
    .summary = "list the edits that have not come to their end, and what holds them up",
    .details = "An edit waits for functions of stages to return: before its cut it may still be withdrawn; behind the "
               "cut (\"committed\") it is only the data ahead of it that is still on its way.",
    .args = bare_args,
    .examples = pending_examples,
    .way = VERB_NOW,
    .answer = answer_pending,
};

static const char *const history_examples[] = {
    "weir history web",
    "weir history web --json | jq -r .edits[0].who",
    NULL,
};
const struct verb history_verb = {
    .name = "history",
    .summary = "list the edits that were made, the latest first",
    .details = "ITEMS says how many items had passed the place of the edit before it. The pipeline keeps the last 64 "
               "edits.",
    .args = bare_args,
    .examples = history_examples,
    .way = VERB_NOW,
    .answer = answer_history,
};

static const char *const tasks_examples[] = {
    "weir tasks web",
    "weir tasks web --json | jq '.tasks[] | select(.waits_ms > 1000)'",
    NULL,
};
const struct verb tasks_verb = {
    .name = "tasks",
    .summary = "list the tasks of stages that wait, and what each waits for",
    .details = "ITEM is the number of the item that the task has in its hands, and FOR says for how long it has waited. Stages "
               "that run as "
               "tasks are those whose place is \"async\".",
    .args = bare_args,
    .examples = tasks_examples,
    .way = VERB_NOW,
    .answer = answer_tasks,
};

static const struct arg_desc tap_args[] = {
    ARG_NAME,
    ARG_OF("the stage to watch"),
    {"in", ARG_FLAG, .help = "only what goes in"},
    {"out", ARG_FLAG, .help = "only what comes out"},
    {"every", ARG_COUNT, 'e', .word = "N", .help = "only one item in N"},
    {"where", ARG_TEXT, 'w', .word = "CONDITION",
     .help = "only records for which this is true, as in the stage where; of those that go in, unless only --out is watched"},
    {"count", ARG_COUNT, 'n', .word = "COUNT", .help = "end after so many lines"},
    ARG_JSON,
    {0},
};
static const char *const tap_examples[] = {
    "weir tap web parse",
    "weir tap web where --in --every 1000",
    "weir tap web parse --out --where 'status >= 500' -n 20",
    NULL,
};
const struct verb tap_verb = {
    .name = "tap",
    .summary = "watch items pass a stage, and leave no trace",
    .details = "A line for each item: in, out, drop (the stage filtered it) or fail, the number of the item that went "
               "in, and the item. Both sides of an item have the same number. It ends when it is interrupted, after "
               "--count lines, or with the pipeline; then the stage runs as if nobody had looked.\nThe pipeline does not "
               "wait for who watches: items that come faster than they are taken are not shown, and counted on standard "
               "error.",
    .args = tap_args,
    .examples = tap_examples,
    .way = VERB_STREAM,
    .open = open_tap,
};

/* ---- edits ------------------------------------------------------------------------------------------------------------ */

static const struct arg_desc insert_args[] = {
    ARG_NAME,
    ARG_NEW("the new stage, or several separated by |, written as in weir run"),
    {"before", ARG_STAGE, 'b', .one_of = 1, .word = "STAGE", .help = "put it in front of this stage"},
    {"after", ARG_STAGE, 'a', .one_of = 1, .word = "STAGE", .help = "put it behind this stage"},
    {"first", ARG_FLAG, .one_of = 1, .help = "put it behind the source"},
    {"last", ARG_FLAG, .one_of = 1, .help = "put it in front of the sink"},
    ARG_AS,
    ARGS_EDIT,
    {0},
};
static const char *const insert_examples[] = {
    "weir insert web --after parse 'where \"method == GET\"'",
    "weir insert web --last 'dedup | upper as=shout' --expect 3",
    NULL,
};
const struct verb insert_verb = {
    .name = "insert",
    .summary = "put stages into a running pipeline",
    .details = "Data goes on flowing; every item meets either the old pipeline or the new one. Several stages, separated "
               "by |, come in at one cut. A stage is called like the built-in, with a number behind it if that name is "
               "taken, unless --as or as= gives a label.",
    .args = insert_args,
    .examples = insert_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_insert,
};

static const struct arg_desc pop_args[] = {
    ARG_NAME,
    ARG_OF("the stage that leaves"),
    {"divert", ARG_FLAG, .help = "do not wait for it; lead what waits in front of it past it"},
    {"within", ARG_SECONDS, .word = "SECONDS",
     .help = "cancel its tasks if they are not done by then; for stages that run as tasks"},
    ARGS_EDIT,
    {0},
};
static const char *const pop_examples[] = {
    "weir pop web where",
    "weir pop web slow --divert",
    NULL,
};
const struct verb pop_verb = {
    .name = "pop",
    .summary = "take a stage out of a running pipeline",
    .details = "Its neighbours are joined. What is ahead of the cut still passes through it; then it puts out what it "
               "holds and is closed.\nWith --divert the edit does not wait for a stage that is stuck in its function: "
               "what waits in front of it goes past it, and the item in its hands is reported; if the function ever "
               "returns, that item counts as failed.\nWith --within the tasks of a stage whose place is \"async\" are "
               "cancelled when the "
               "time is over, and what they and those in front of them have counts as failed. `weir history --json` says how "
               "many were drained, diverted and cancelled.",
    .args = pop_args,
    .examples = pop_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_pop,
};

static const struct arg_desc replace_args[] = {
    ARG_NAME,
    ARG_OF("the stage that leaves"),
    ARG_NEW("the new stage, or several separated by |, written as in weir run"),
    ARG_AS,
    {"fresh", ARG_FLAG, .help = "what the old stage has gathered may be lost"},
    ARGS_EDIT,
    {0},
};
static const char *const replace_examples[] = {
    "weir replace web count 'count by=client every=5s'",
    "weir replace web where 'where \"status >= 400\" | sample 10%'",
    NULL,
};
const struct verb replace_verb = {
    .name = "replace",
    .summary = "put other stages in the place of one",
    .details = "At one cut: no item meets both or neither. The new stage keeps the old one's label unless --as or as= "
               "gives another; of several it is the one with the old one's function, else the first, or for a sink the "
               "last.\nA stage that has gathered something (counts, what it has seen) hands it over to one that "
               "understands it. Where that would be lost the edit is refused, unless --fresh says that it may.",
    .args = replace_args,
    .examples = replace_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_replace,
};

static const struct arg_desc move_args[] = {
    ARG_NAME,
    ARG_OF("the stage to move"),
    {"before", ARG_STAGE, 'b', .one_of = 1, .word = "WHERE", .help = "put it in front of this stage"},
    {"after", ARG_STAGE, 'a', .one_of = 1, .word = "WHERE", .help = "put it behind this stage, or a port of it, such as tee:a"},
    ARGS_EDIT,
    {0},
};
static const char *const move_examples[] = {
    "weir move web dedup --before where",
    NULL,
};
const struct verb move_verb = {
    .name = "move",
    .summary = "put a stage in another place of its pipeline",
    .details = "At one cut. The stage keeps what it has gathered.",
    .args = move_args,
    .examples = move_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_move,
};

static const struct arg_desc route_args[] = {
    ARG_NAME,
    {"from", ARG_STAGE, .positional = true, .required = true, .word = "FROM[:PORT]", .help = "the out port"},
    {"to", ARG_STAGE, .positional = true, .word = "TO[:PORT]", .help = "the in port, or discard"},
    {"off", ARG_FLAG, .help = "take the link away instead, without TO; of a tee, the port goes with it"},
    ARGS_EDIT,
    {0},
};
static const char *const route_examples[] = {
    "weir route web tee:copy archive",
    "weir route web parse:dead discard",
    "weir route web tee:copy --off",
    NULL,
};
const struct verb route_verb = {
    .name = "route",
    .summary = "lead what comes out of a stage somewhere else",
    .details = "Points the out port FROM at the in port TO; the link that FROM had is replaced. A stage with one port on "
               "that side needs no :PORT; a tee gets a new one. To discard means that what comes out there ends, counted "
               "as filtered. Stages that the data no longer reaches stay, parked, until they are routed to again or "
               "popped.",
    .args = route_args,
    .examples = route_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_route,
};

static const struct arg_desc scale_args[] = {
    ARG_NAME,
    ARG_OF("the stage"),
    {"lanes", ARG_COUNT, .positional = true, .required = true, .word = "N", .help = "how many lanes, from 1 to 64"},
    ARGS_EDIT,
    {0},
};
static const char *const scale_examples[] = {
    "weir scale web parse 4",
    NULL,
};
const struct verb scale_verb = {
    .name = "scale",
    .summary = "run a stage in so many lanes",
    .details = "Each lane is a copy of the stage in a strand of its own. What comes out is in order unless the stage "
               "says otherwise.",
    .args = scale_args,
    .examples = scale_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_scale,
};

static const struct arg_desc canary_args[] = {
    ARG_NAME,
    ARG_OF("the stage in force"),
    ARG_NEW("the candidate, written as in weir run"),
    {"percent", ARG_PERCENT, 'p', .word = "P", .help = "of the items go to the candidate; default 10"},
    {"errors-max", ARG_PERCENT, .word = "P", .help = "of the candidate's items may fail; default 5, 100 for any number"},
    {"key", ARG_TEXT, 'k', .word = "FIELDS",
     .help = "share the items out by the values of these fields: equal ones go the same way"},
    {"shadow", ARG_FLAG, .help = "only compare what the candidate puts out"},
    ARGS_EDIT,
    {0},
};
static const char *const canary_examples[] = {
    "weir canary web parse 'parse json' --percent 5",
    "weir canary web where 'where \"status >= 500\"' --key client,path",
    "weir canary web where 'where \"status > 499\"' --shadow --errors-max 0",
    NULL,
};
const struct verb canary_verb = {
    .name = "canary",
    .summary = "try a stage out on some of the items",
    .details = "The candidate gets a part of the stage's items, in the same place and in order; an item that it fails is "
               "given to the stage in force. The trial ends by itself, and leaves the stage as it was, when more than "
               "--errors-max percent of at least 100 items failed. weir show says how it goes, weir promote puts the "
               "candidate in the stage's place, weir abort ends the trial.\nWith --shadow the stage gets all items as "
               "before and the candidate copies of them; what the candidate puts out is compared (a difference counts as "
               "an error) and thrown away.",
    .args = canary_args,
    .examples = canary_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_canary,
};

static const struct arg_desc promote_args[] = {
    ARG_NAME,
    ARG_OF("the stage that is on trial"),
    ARGS_EDIT,
    {0},
};
static const char *const promote_examples[] = {
    "weir promote web parse",
    NULL,
};
const struct verb promote_verb = {
    .name = "promote",
    .summary = "put the candidate of a trial in its stage's place",
    .details = "It takes the name as well.",
    .args = promote_args,
    .examples = promote_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_promote,
};

static const struct arg_desc abort_args[] = {
    ARG_NAME,
    ARG_OF("the stage that is on trial"),
    ARGS_EDIT,
    {0},
};
static const char *const abort_examples[] = {
    "weir abort web parse",
    NULL,
};
const struct verb abort_verb = {
    .name = "abort",
    .summary = "end a trial, and leave the stage as it was",
    .args = abort_args,
    .examples = abort_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_abort,
};

static const struct arg_desc undo_args[] = {ARG_NAME, ARGS_EDIT, {0}};
static const char *const undo_examples[] = {
    "weir undo web",
    "weir undo web --dry-run",
    NULL,
};
const struct verb undo_verb = {
    .name = "undo",
    .summary = "undo the latest edit that is not undone yet",
    .details = "With an edit of its own. Stages that had left are made again, and begin afresh.",
    .args = undo_args,
    .examples = undo_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_undo,
};

static const struct arg_desc redo_args[] = {ARG_NAME, ARGS_EDIT, {0}};
static const char *const redo_examples[] = {
    "weir redo web",
    NULL,
};
const struct verb redo_verb = {
    .name = "redo",
    .summary = "make the edit again that was undone last",
    .args = redo_args,
    .examples = redo_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_redo,
};

/* ---- the data --------------------------------------------------------------------------------------------------------- */

static const char *const flush_examples[] = {
    "weir flush web",
    NULL,
};
const struct verb flush_verb = {
    .name = "flush",
    .summary = "make every stage put out what it holds, in stream order",
    .args = bare_args,
    .examples = flush_examples,
    .changes = true,
    .way = VERB_NOW,
    .answer = answer_flush,
};

static const char *const pause_examples[] = {
    "weir pause web",
    NULL,
};
const struct verb pause_verb = {
    .name = "pause",
    .summary = "let the source rest",
    .details = "What was admitted goes on, and edits are made as ever, until weir resume.",
    .args = bare_args,
    .examples = pause_examples,
    .changes = true,
    .way = VERB_NOW,
    .answer = answer_pause,
};

static const char *const resume_examples[] = {
    "weir resume web",
    NULL,
};
const struct verb resume_verb = {
    .name = "resume",
    .summary = "let the source of a paused pipeline go on",
    .args = bare_args,
    .examples = resume_examples,
    .changes = true,
    .way = VERB_NOW,
    .answer = answer_resume,
};

static const char *const drain_examples[] = {
    "weir drain web",
    NULL,
};
const struct verb drain_verb = {
    .name = "drain",
    .summary = "close a pipeline, and wait until what is on its way has arrived",
    .details = "As weir stop does; on a terminal it shows how much is still to come.",
    .args = bare_args,
    .examples = drain_examples,
    .changes = true,
    .way = VERB_AT_END,
    .answer = answer_drain,
};

static const struct arg_desc stop_args[] = {
    ARG_NAME,
    {"abort", ARG_FLAG, .help = "do not let what is on its way arrive; it is counted as returned"},
    ARG_JSON,
    {0},
};
static const char *const stop_examples[] = {
    "weir stop web",
    "weir stop web --abort",
    NULL,
};
const struct verb stop_verb = {
    .name = "stop",
    .summary = "end a pipeline and wait until it has ended",
    .details = "The source stops, and what is on its way still arrives.",
    .args = stop_args,
    .examples = stop_examples,
    .changes = true,
    .way = VERB_AT_END,
    .answer = answer_stop,
};

/* ---- the whole as text ------------------------------------------------------------------------------------------------ */

/* clang-format off */
#define ARG_PLAN {"file", ARG_FILE, 'f', .required = true, .word = "FILE", \
                  .help = "the plan, as YAML or as an expression; - for standard input"}, \
                 {"text", ARG_TEXT, .filled = true, .help = "the plan"}, \
                 {"format", ARG_TEXT, .filled = true, .help = "of the plan: yaml or expression"}
#define ARG_FRESH {"fresh", ARG_FLAG, .help = "what stages that are replaced have gathered may be lost"}
/* clang-format on */

static const struct arg_desc edit_args[] = {
    ARG_NAME,
    {"fresh", ARG_FLAG, .local = true, .help = "what stages that are replaced have gathered may be lost"},
    {"timeout", ARG_SECONDS, .local = true, .word = "SECONDS", .help = "as for weir apply"},
    {"who", ARG_TEXT, .local = true, .word = "WHO", .help = "as for weir apply"},
    {"dry-run", ARG_FLAG, .local = true, .help = "say what the edit would do, and do nothing"},
    ARG_JSON,
    {0},
};
static const char *const edit_examples[] = {
    "weir edit web",
    "VISUAL=nano weir edit web --dry-run",
    NULL,
};
const struct verb edit_verb = {
    .name = "edit",
    .summary = "edit the whole pipeline as text, in an editor",
    .details = "Writes the pipeline into a file, opens it in $VISUAL, $EDITOR or vi, and makes of what has been changed one "
               "edit, as weir apply does. If somebody else edits the pipeline meanwhile, or the text makes no sense, nothing "
               "is changed, and the file is kept.",
    .args = edit_args,
    .examples = edit_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_edit,
};

static const struct arg_desc diff_args[] = {ARG_NAME, ARG_PLAN, ARG_JSON, {0}};
static const char *const diff_examples[] = {
    "weir diff web -f web.yaml",
    NULL,
};
const struct verb diff_verb = {
    .name = "diff",
    .summary = "say how a pipeline differs from a file",
    .details = "A line each for what weir apply would do: + for what comes, - for what leaves, ~ for what changes. Stages are "
               "known by their labels; one that has none in the file is taken for the running one that it is most like.",
    .args = diff_args,
    .examples = diff_examples,
    .way = VERB_APART,
    .answer = answer_diff,
};

static const struct arg_desc apply_args[] = {ARG_NAME, ARG_PLAN, ARG_FRESH, ARGS_EDIT, {0}};
static const char *const apply_examples[] = {
    "weir apply web -f web.yaml",
    "echo 'file access.log follow=yes | parse clf | count by=status every=5s' | weir apply web -f - --dry-run",
    NULL,
};
const struct verb apply_verb = {
    .name = "apply",
    .summary = "make a pipeline what a file says, at one cut",
    .details = "Stages that are the same in both go on as they are, with what they have gathered; see weir diff. A file whose "
               "name ends in .yaml or .yml, or that has a line that begins with \"stages:\", is read as YAML; any other is an "
               "expression.",
    .args = apply_args,
    .examples = apply_examples,
    .changes = true,
    .way = VERB_APART,
    .answer = answer_apply,
};

const struct verb *const verbs[] = {
    &show_verb,  &pending_verb, &history_verb, &tasks_verb,   &tap_verb,   &insert_verb, &pop_verb,  &replace_verb, &move_verb,
    &route_verb, &scale_verb,   &canary_verb,  &promote_verb, &abort_verb, &edit_verb,   &diff_verb, &apply_verb,   &undo_verb,
    &redo_verb,  &flush_verb,   &pause_verb,   &resume_verb,  &drain_verb, &stop_verb,   NULL,
};
