/* SPDX-License-Identifier: MIT */
/*
 * The connectors, through the public API and against the real world: pipes, files and processes. A test that waits for an item
 * waits for the byte that its sink writes into a pipe for each, never for a time.
 */

#include <weir/weir.h>

#include "stages/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct builtin builtin_exec, builtin_file, builtin_file_sink, builtin_null, builtin_seq;

#define PATIENCE_MS 20000 /* a test that waits longer for an event has failed */

static char directory[] = "/tmp/weir-connectors-XXXXXX";

/* ---- helpers ---------------------------------------------------------------------------------------------------------- */

struct text {
    char *data;
    size_t len;
    size_t capacity;
};

/* A sink that keeps all lines, and tells of each through a pipe. */
struct collector {
    struct text text;
    int told[2];
};

static void add(struct text *text, const void *data, size_t len)
{
    if (text->len + len + 1 > text->capacity) {
        text->capacity = (text->len + len + 1) * 2;
        text->data = realloc(text->data, text->capacity);
        assert_non_null(text->data);
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

static weir_verdict collect(void *state, void *item)
{
    struct collector *c = state;
    const weir_bytes *line = item;
    if (line->len)
        add(&c->text, line->data, line->len);
    add(&c->text, "\n", 1);
    if (c->told[1] >= 0 && write(c->told[1], "", 1) != 1)
        return weir_fail("cannot tell");
    return WEIR_KEEP;
}

static weir_stage collect_into(struct collector *c)
{
    return (weir_stage){.name = "collect", .in = WEIR_BYTES, .out = WEIR_NONE, .map = collect, .state = c};
}

static weir_pipeline *start(weir_stage source, weir_stage sink)
{
    weir_pipeline *p = weir_new("test");
    assert_non_null(p);
    assert_int_equal(weir_append(p, &source), WEIR_OK);
    assert_int_equal(weir_append(p, &sink), WEIR_OK);
    if (weir_start(p) != WEIR_OK)
        fail_msg("start: %s", weir_error(p));
    return p;
}

/* Waits for the end; checks the conservation equation. Returns the totals. */
static weir_totals end(weir_pipeline *p, int expected, const char *message)
{
    weir_totals t;
    int status = weir_drain(p);
    if (status != expected || (message && !strstr(weir_error(p), message)))
        fail_msg("ended with %d (%s), expected %d (%s)", status, weir_error(p), expected, message ? message : "");
    weir_totals_get(p, &t);
    assert_int_equal(t.in_flight, 0);
    assert_int_equal(t.admitted + t.created, t.delivered + t.filtered + t.failed + t.returned);
    weir_free(p);
    return t;
}

static void expect_start_error(weir_stage source, const char *message)
{
    weir_stage sink = {.name = "null", .in = WEIR_ANY, .out = WEIR_NONE};
    weir_pipeline *p = weir_new("test");
    assert_int_equal(builtin_null.make(NULL, &sink, NULL, 0), 0);
    assert_int_equal(weir_append(p, &source), WEIR_OK);
    assert_int_equal(weir_append(p, &sink), WEIR_OK);
    assert_int_equal(weir_start(p), WEIR_ESTAGE);
    if (!strstr(weir_error(p), message))
        fail_msg("\"%s\" does not say \"%s\"", weir_error(p), message);
    weir_free(p);
}

static void expect_text(const struct text *found, const char *expected, size_t len)
{
    if (found->len == len && (len == 0 || memcmp(found->data, expected, len) == 0))
        return;
    fail_msg("found %zu bytes \"%.200s\", expected %zu bytes \"%.200s\"", found->len, found->data ? found->data : "", len,
             expected);
}

static void expect_lines(const struct text *found, const char *expected)
{
    expect_text(found, expected, strlen(expected));
}

static void wait_readable(int fd)
{
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENCE_MS), 1);
}

static void wait_items(struct collector *c, int items)
{
    char byte;
    for (int i = 0; i < items; i++) {
        wait_readable(c->told[0]);
        assert_int_equal(read(c->told[0], &byte, 1), 1);
    }
}

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t written = write(fd, data, len);
        assert_true(written > 0);
        data += written;
        len -= (size_t)written;
    }
}

static void say(int fd, const char *string)
{
    write_all(fd, string, strlen(string));
}

static struct text read_all(int fd)
{
    struct text text = {0};
    char piece[65536];
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) > 0)
        add(&text, piece, (size_t)got);
    return text;
}

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static void write_file(const char *path, int flags, const char *string)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    assert_true(fd >= 0);
    say(fd, string);
    close(fd);
}

static void expect_file(const char *path, const char *expected)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct text text = read_all(fd);
    expect_lines(&text, expected);
    free(text.data);
    close(fd);
}

static weir_stage make(const struct builtin *builtin, const char *label, const struct option_value *values)
{
    char error[256] = "";
    weir_stage stage = {0};
    if (builtin->make(values, &stage, error, sizeof error) != 0)
        fail_msg("%s", error);
    stage.name = label;
    return stage;
}

static weir_stage file_stage(const char *path, bool follow, int from, int64_t line_max)
{
    struct option_value values[4] = {{.text = path}, {.flag = follow}, {.choice = from}, {.number = line_max}};
    return make(&builtin_file, "file", values);
}

static weir_stage sink_stage(const char *path, bool append)
{
    struct option_value values[2] = {{.text = path}, {.flag = append}};
    return make(&builtin_file_sink, "out", values);
}

static weir_stage exec_stage(const char *command)
{
    return make(&builtin_exec, "exec", &(struct option_value){.text = command});
}

static weir_stage seq_stage(const char *a, const char *b, const char *c)
{
    struct option_value values[3] = {
        {.text = a, .number = atoll(a)}, {.text = b, .number = b ? atoll(b) : 0}, {.text = c, .number = c ? atoll(c) : 0}};
    return make(&builtin_seq, "seq", values);
}

struct transfer {
    int fd;
    struct text text;
};

static void *feed(void *arg)
{
    struct transfer *t = arg;
    write_all(t->fd, t->text.data, t->text.len);
    close(t->fd);
    return NULL;
}

static void *fetch(void *arg)
{
    struct transfer *t = arg;
    t->text = read_all(t->fd);
    close(t->fd);
    return NULL;
}

/* Sends data through a pipe, read_lines, write_lines and another pipe, and returns what comes out. */
static struct text through_pipes(const char *data, size_t len, int pipe_flags)
{
    int in[2], out[2];
    pthread_t feeder, fetcher;
    open_pipe(in);
    open_pipe(out);
    if (pipe_flags)
        assert_true(fcntl(in[0], F_SETFL, pipe_flags) == 0 && fcntl(out[1], F_SETFL, pipe_flags) == 0);
    struct transfer fed = {in[1], {(char *)(uintptr_t)data, len, len}}, fetched = {out[0], {0}};
    assert_int_equal(pthread_create(&feeder, NULL, feed, &fed), 0);
    assert_int_equal(pthread_create(&fetcher, NULL, fetch, &fetched), 0);
    end(start(*weir_read_lines(in[0], "source"), *weir_write_lines(out[1], "sink")), WEIR_OK, NULL);
    close(out[1]);
    pthread_join(feeder, NULL);
    pthread_join(fetcher, NULL);
    close(in[0]);
    return fetched.text;
}

static void expect_same_through_pipes(const struct text *text, int pipe_flags)
{
    struct text out = through_pipes(text->data, text->len, pipe_flags);
    expect_text(&out, text->data, text->len);
    free(out.data);
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

static void lines_of_all_lengths_cross_block_boundaries(void **state)
{
    (void)state;
    struct text text = {0};
    unsigned seed = 7;
    char line[3000];
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1103515245 + 12345;
        size_t len = i % 3 ? seed / 65536 % 200 : seed / 65536 % (sizeof line - 1);
        memset(line, 'a' + i % 26, len);
        line[len] = '\n';
        add(&text, line, len + 1);
    }
    expect_same_through_pipes(&text, 0);
    expect_same_through_pipes(&text, O_NONBLOCK);
    free(text.data);
}

static void lines_of_a_megabyte_and_more_pass(void **state)
{
    (void)state;
    struct text text = {0};
    size_t lengths[] = {1 << 20, 5, (1 << 18) - 1024, (1 << 18) - 1023, 0, (3 << 20) + 17, 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *line = malloc(lengths[i] + 1);
        memset(line, 'a' + (int)i, lengths[i]);
        line[lengths[i]] = '\n';
        add(&text, line, lengths[i] + 1);
        free(line);
    }
    expect_same_through_pipes(&text, 0);
    free(text.data);
}

static void a_missing_final_newline_is_supplied(void **state)
{
    (void)state;
    struct text out = through_pipes("one\ntwo", 7, 0);
    expect_lines(&out, "one\ntwo\n");
    free(out.data);
}

static void an_empty_input_has_no_lines_and_an_empty_line_is_one(void **state)
{
    (void)state;
    struct text nothing = through_pipes("", 0, 0), two = through_pipes("\n\n", 2, 0);
    expect_lines(&nothing, "");
    expect_lines(&two, "\n\n");
    free(nothing.data);
    free(two.data);
}

static void any_bytes_pass(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 4096; i++)
        add(&text, &(char){(char)(i * 7 % 256)}, 1);
    add(&text, "\n", 1);
    expect_same_through_pipes(&text, 0);
    free(text.data);
}

static void a_single_line_arrives_while_the_writer_is_still_open(void **state)
{
    (void)state;
    int in[2], out[2];
    char line[16];
    open_pipe(in);
    open_pipe(out);
    weir_pipeline *p = start(*weir_read_lines(in[0], "source"), *weir_write_lines(out[1], "sink"));
    for (int i = 0; i < 20; i++) {
        say(in[1], "hello\nwor");
        wait_readable(out[0]);
        assert_int_equal(read(out[0], line, sizeof line), i ? 9 : 6);
        assert_memory_equal(line, i ? "worhello\n" : "hello\n", i ? 9 : 6);
    }
    close(in[1]);
    end(p, WEIR_OK, NULL);
    assert_int_equal(read(out[0], line, sizeof line), 4);
    assert_memory_equal(line, "wor\n", 4);
    close(in[0]);
    close(out[0]);
    close(out[1]);
}

static void closing_ends_a_source_that_waits(void **state)
{
    (void)state;
    int in[2];
    struct collector c = {.told = {-1, -1}};
    open_pipe(in);
    open_pipe(c.told);
    weir_pipeline *p = start(*weir_read_lines(in[0], "source"), collect_into(&c));
    say(in[1], "one\n");
    wait_items(&c, 1);
    weir_close(p);
    end(p, WEIR_OK, NULL);
    expect_lines(&c.text, "one\n");
    free(c.text.data);
    close(c.told[0]);
    close(c.told[1]);
    close(in[0]);
    close(in[1]);
}

static void a_closed_descriptor_is_an_error_at_the_start(void **state)
{
    (void)state;
    int in[2];
    open_pipe(in);
    close(in[0]);
    close(in[1]);
    expect_start_error(*weir_read_lines(in[0], "source"), "source: cannot read: Bad file descriptor");
}

static void a_full_disk_fails_what_was_not_written(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    weir_stage sink = *weir_write_lines(full, "sink");
    weir_totals t = end(start(seq_stage("1000", NULL, NULL), sink), WEIR_ESTAGE, "sink: cannot write: No space left on device");
    assert_int_equal(t.delivered, 0);
    assert_true(t.failed >= 1);
    close(full);
}

static void a_full_disk_fails_every_item_when_errors_are_skipped(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    weir_stage sink = *weir_write_lines(full, "sink");
    sink.on_error = WEIR_SKIP;
    weir_totals t = end(start(seq_stage("1000", NULL, NULL), sink), WEIR_OK, NULL);
    assert_int_equal(t.delivered, 0);
    assert_int_equal(t.failed, 1000);
    close(full);
}

static size_t count_newlines(const struct text *text)
{
    size_t count = 0;
    for (size_t i = 0; i < text->len; i++)
        count += text->data[i] == '\n';
    return count;
}

static void a_file_that_reaches_its_limit_holds_exactly_the_delivered_lines(void **state)
{
    (void)state;
    const char *path = path_of("limit");
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){10001, before.rlim_max}; /* in the middle of a line */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    weir_stage sink = sink_stage(path, false);
    weir_totals t = end(start(seq_stage("100000", NULL, NULL), sink), WEIR_ESTAGE, "cannot write: File too large");
    setrlimit(RLIMIT_FSIZE, &before);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct text text = read_all(fd);
    assert_int_equal(text.len, 10001);
    assert_int_equal(t.delivered, count_newlines(&text));
    free(text.data);
    close(fd);
}

static void a_closed_pipe_is_an_error_and_not_a_signal(void **state)
{
    (void)state;
    int out[2];
    open_pipe(out);
    close(out[0]);
    weir_stage sink = *weir_write_lines(out[1], "sink");
    weir_totals t = end(start(seq_stage("1000", NULL, NULL), sink), WEIR_ESTAGE, "cannot write: Broken pipe");
    assert_int_equal(t.delivered, 0);
    close(out[1]);
}

/* ---- file ------------------------------------------------------------------------------------------------------------- */

static void a_missing_file_is_an_error_at_the_start(void **state)
{
    (void)state;
    expect_start_error(file_stage("/no/such/x.log", false, 0, 100),
                       "cannot open \"/no/such/x.log\": No such file or directory");
    expect_start_error(file_stage(directory, false, 0, 100), "Is a directory");
}

static void a_file_is_read_to_its_end(void **state)
{
    (void)state;
    struct collector c = {.told = {-1, -1}};
    write_file(path_of("plain"), O_TRUNC, "one\ntwo\nthree");
    end(start(file_stage(path_of("plain"), false, 0, 100), collect_into(&c)), WEIR_OK, NULL);
    expect_lines(&c.text, "one\ntwo\nthree\n");
    free(c.text.data);
}

static void a_line_longer_than_line_max_is_an_error_that_says_so(void **state)
{
    (void)state;
    struct collector c = {.told = {-1, -1}};
    write_file(path_of("long"), O_TRUNC, "1234567890\n12345678901\nafter\n");
    end(start(file_stage(path_of("long"), false, 0, 10), collect_into(&c)), WEIR_ESTAGE, "longer than line_max, 10 bytes");
    expect_lines(&c.text, "1234567890\n");
    free(c.text.data);
}

static void following_reads_on_across_growth_rotation_and_truncation(void **state)
{
    (void)state;
    const char *path = path_of("log"), *old = path_of("log.1");
    struct collector c = {0};
    open_pipe(c.told);
    weir_pipeline *p = start(file_stage(path, true, 0, 1000), collect_into(&c)); /* the file is not there yet */
    write_file(path, 0, "one\n");
    wait_items(&c, 1);
    write_file(path, O_APPEND, "two\nthr");
    wait_items(&c, 1);
    write_file(path, O_APPEND, "ee\n");
    wait_items(&c, 1);
    assert_int_equal(rename(path, old), 0);
    write_file(old, O_APPEND, "late\npiece");
    wait_items(&c, 1);
    write_file(path, 0, "new\n");
    wait_items(&c, 2);
    write_file(path, O_TRUNC, "a\n"); /* shorter than what was read, whenever the source looks */
    wait_items(&c, 1);
    weir_close(p);
    end(p, WEIR_OK, NULL);
    expect_lines(&c.text, "one\ntwo\nthree\nlate\npiece\nnew\na\n");
    free(c.text.data);
    close(c.told[0]);
    close(c.told[1]);
}

static void following_from_the_end_skips_what_is_there(void **state)
{
    (void)state;
    const char *path = path_of("tail");
    struct collector c = {0};
    open_pipe(c.told);
    write_file(path, O_TRUNC, "old\n");
    weir_pipeline *p = start(file_stage(path, true, 1, 1000), collect_into(&c));
    write_file(path, O_APPEND, "new\n");
    wait_items(&c, 1);
    weir_close(p);
    end(p, WEIR_OK, NULL);
    expect_lines(&c.text, "new\n");
    free(c.text.data);
    close(c.told[0]);
    close(c.told[1]);
}

static void a_fifo_is_read_when_its_writer_comes_and_again_when_followed(void **state)
{
    (void)state;
    const char *path = path_of("fifo");
    struct collector c = {0};
    open_pipe(c.told);
    assert_int_equal(mkfifo(path, 0600), 0);
    weir_pipeline *p = start(file_stage(path, true, 0, 1000), collect_into(&c));
    write_file(path, 0, "one\n");
    wait_items(&c, 1);
    write_file(path, 0, "two\n");
    wait_items(&c, 1);
    weir_close(p);
    end(p, WEIR_OK, NULL);
    expect_lines(&c.text, "one\ntwo\n");
    free(c.text.data);
    close(c.told[0]);
    close(c.told[1]);
}

static void a_file_sink_empties_or_appends(void **state)
{
    (void)state;
    const char *path = path_of("sink");
    write_file(path, O_TRUNC, "old\n");
    end(start(seq_stage("2", NULL, NULL), sink_stage(path, true)), WEIR_OK, NULL);
    expect_file(path, "old\n1\n2\n");
    end(start(seq_stage("3", NULL, NULL), sink_stage(path, false)), WEIR_OK, NULL);
    expect_file(path, "1\n2\n3\n");
    end(start(seq_stage("5", "1", NULL), sink_stage(path, false)), WEIR_OK, NULL);
    expect_file(path, "");
}

static void opening_a_file_sink_leaves_the_file_as_it_is(void **state)
{
    (void)state;
    const char *path = path_of("kept");
    write_file(path, O_TRUNC, "old\n");
    weir_stage sink = sink_stage(path, false);
    assert_int_equal(sink.open(sink.state), 0);
    sink.close(sink.state);
    expect_file(path, "old\n");
}

/* ---- exec ------------------------------------------------------------------------------------------------------------- */

static void expect_no_child(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_command_gives_its_lines(void **state)
{
    (void)state;
    struct collector c = {.told = {-1, -1}};
    end(start(exec_stage("echo one; printf two; cat"), collect_into(&c)), WEIR_OK, NULL);
    expect_lines(&c.text, "one\ntwo\n");
    expect_no_child();
    free(c.text.data);
}

static void a_command_that_fails_fails_after_its_last_line(void **state)
{
    (void)state;
    struct collector c = {.told = {-1, -1}};
    end(start(exec_stage("echo one; exit 3"), collect_into(&c)), WEIR_ESTAGE, "the command ended with status 3");
    end(start(exec_stage("echo two; kill -KILL $$"), collect_into(&c)), WEIR_ESTAGE, "ended by signal 9 (Killed)");
    expect_lines(&c.text, "one\ntwo\n");
    expect_no_child();
    free(c.text.data);
}

static void a_command_is_ended_when_the_pipeline_ends_first(void **state)
{
    (void)state;
    struct collector c = {0};
    open_pipe(c.told);
    weir_pipeline *p = start(exec_stage("echo ready; sleep 1000 | cat"), collect_into(&c));
    wait_items(&c, 1);
    weir_close(p);
    end(p, WEIR_OK, NULL);
    expect_no_child();
    free(c.text.data);
    close(c.told[0]);
    close(c.told[1]);
}

/* ---- seq -------------------------------------------------------------------------------------------------------------- */

static void expect_as_unix_seq(const char *a, const char *b, const char *c)
{
    char command[128];
    struct collector ours = {.told = {-1, -1}};
    snprintf(command, sizeof command, "seq %s %s %s", a, b ? b : "", c ? c : "");
    FILE *unix_seq = popen(command, "re");
    assert_non_null(unix_seq);
    struct text expected = read_all(fileno(unix_seq));
    pclose(unix_seq);
    end(start(seq_stage(a, b, c), collect_into(&ours)), WEIR_OK, NULL);
    expect_text(&ours.text, expected.data ? expected.data : "", expected.len);
    free(ours.text.data);
    free(expected.data);
}

static void seq_counts_as_the_unix_command_does(void **state)
{
    (void)state;
    expect_as_unix_seq("3000", NULL, NULL);
    expect_as_unix_seq("0", NULL, NULL);
    expect_as_unix_seq("-3", "3", NULL);
    expect_as_unix_seq("5", "1", NULL);
    expect_as_unix_seq("7", "7", NULL);
    expect_as_unix_seq("98", "1002", NULL);
    expect_as_unix_seq("10", "-3", "0");
    expect_as_unix_seq("1", "-1", "5");
    expect_as_unix_seq("-50", "7", "1000000");
    expect_as_unix_seq("9223372036854775800", "9223372036854775807", NULL);
    expect_as_unix_seq("-9223372036854775807", "9000000000000000000", "9223372036854775807");
}

static void seq_refuses_an_increment_of_zero(void **state)
{
    (void)state;
    struct option_value values[3] = {{.text = "1", .number = 1}, {.text = "0", .number = 0}, {.text = "5", .number = 5}};
    char error[256] = "";
    weir_stage stage = {0};
    assert_int_equal(builtin_seq.make(values, &stage, error, sizeof error), -1);
    assert_string_equal(error, "seq: the increment must not be 0");
}

/* ---- main ------------------------------------------------------------------------------------------------------------- */

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_all_lengths_cross_block_boundaries),
        cmocka_unit_test(lines_of_a_megabyte_and_more_pass),
        cmocka_unit_test(a_missing_final_newline_is_supplied),
        cmocka_unit_test(an_empty_input_has_no_lines_and_an_empty_line_is_one),
        cmocka_unit_test(any_bytes_pass),
        cmocka_unit_test(a_single_line_arrives_while_the_writer_is_still_open),
        cmocka_unit_test(closing_ends_a_source_that_waits),
        cmocka_unit_test(a_closed_descriptor_is_an_error_at_the_start),
        cmocka_unit_test(a_full_disk_fails_what_was_not_written),
        cmocka_unit_test(a_full_disk_fails_every_item_when_errors_are_skipped),
        cmocka_unit_test(a_file_that_reaches_its_limit_holds_exactly_the_delivered_lines),
        cmocka_unit_test(a_closed_pipe_is_an_error_and_not_a_signal),
        cmocka_unit_test(a_missing_file_is_an_error_at_the_start),
        cmocka_unit_test(a_file_is_read_to_its_end),
        cmocka_unit_test(a_line_longer_than_line_max_is_an_error_that_says_so),
        cmocka_unit_test(following_reads_on_across_growth_rotation_and_truncation),
        cmocka_unit_test(following_from_the_end_skips_what_is_there),
        cmocka_unit_test(a_fifo_is_read_when_its_writer_comes_and_again_when_followed),
        cmocka_unit_test(a_file_sink_empties_or_appends),
        cmocka_unit_test(opening_a_file_sink_leaves_the_file_as_it_is),
        cmocka_unit_test(a_command_gives_its_lines),
        cmocka_unit_test(a_command_that_fails_fails_after_its_last_line),
        cmocka_unit_test(a_command_is_ended_when_the_pipeline_ends_first),
        cmocka_unit_test(seq_counts_as_the_unix_command_does),
        cmocka_unit_test(seq_refuses_an_increment_of_zero),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
