/* SPDX-License-Identifier: MIT */
/*
 * stages_test.c - the built-in filters, driven through a pipeline: lines in, an expression, lines out.
 *
 * Most tests are a table of one line each: expression, input, expected output. An output that begins with "! " is the beginning
 * of an error message instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weir/weir.h>

#include "expr/expr.h"

/* ---- the pipeline ------------------------------------------------------------------------------------------------ */

struct input {
    const char *at, *end;
};

struct output {
    char *text; /* owned */
    size_t len;
    FILE *stream; /* writes to the two above */
};

static int pull_lines(void *state, weir_out *out)
{
    struct input *input = state;
    for (size_t room = weir_room(out); room > 0 && input->at < input->end; room--) {
        const char *newline = memchr(input->at, '\n', (size_t)(input->end - input->at));
        const char *stop = newline ? newline : input->end;
        if (weir_emit_bytes(out, input->at, (size_t)(stop - input->at)) != 0)
            return weir_fail_memory();
        input->at = newline ? newline + 1 : stop;
    }
    return input->at < input->end ? WEIR_MORE : WEIR_END;
}

static weir_verdict collect(void *state, void *item)
{
    struct output *output = state;
    weir_bytes *line = item;
    if (line->len)
        fwrite(line->data, 1, line->len, output->stream);
    putc('\n', output->stream);
    return WEIR_KEEP;
}

static void append_stages(weir_pipeline *pipeline, const char *text)
{
    struct expr_error error;
    struct expr *expr = expr_parse_at(text, false, &error);
    if (!expr)
        fail_msg("%s: %s", text, error.message);
    for (size_t i = 0; i < expr_count(expr); i++) {
        weir_stage stage = expr_take(expr, i, NULL);
        if (weir_append(pipeline, &stage) != WEIR_OK)
            fail_msg("%s: %s", text, weir_error(pipeline));
    }
    expr_free(expr);
}

/* The lines of input[0..len) through the stages of the expression. The answer is the caller's to free. */
static struct output run(const char *text, const char *input, size_t len)
{
    struct input source = {input, input + len};
    struct output output = {NULL, 0, NULL};
    output.stream = open_memstream(&output.text, &output.len);
    weir_pipeline *pipeline = weir_new("test");
    assert_non_null(pipeline);
    assert_int_equal(
        weir_append(pipeline, &(weir_stage){.name = "in", .out = WEIR_BYTES, .pull = pull_lines, .state = &source}), 0);
    append_stages(pipeline, text);
    assert_int_equal(
        weir_append(pipeline,
                    &(weir_stage){.name = "out", .in = WEIR_BYTES, .out = WEIR_NONE, .map = collect, .state = &output}),
        0);
    int status = weir_run_to_end(pipeline);
    if (status != WEIR_OK)
        fprintf(output.stream, "! %s", weir_error(pipeline));
    weir_free(pipeline);
    fclose(output.stream);
    return output;
}

/* A failing run shows the lines that had got through, and then the error. */
static void check(const char *text, const char *input, const char *expected)
{
    struct output output = run(text, input, strlen(input));
    const char *error = strstr(output.text, "! ");
    if (strncmp(expected, "! ", 2) == 0 ? !error || !strstr(error, expected + 2) : strcmp(output.text, expected) != 0)
        fail_msg("%s\n  of <<%s>>\n  is <<%s>>\n  not <<%s>>", text, input, output.text, expected);
    free(output.text);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void grep_keeps_what_matches(void **state)
{
    (void)state;
    check("grep b", "a\nb\nabc\n", "b\nabc\n");
    check("grep '^b'", "a\nb\nabc\n", "b\n");
    check("grep '^b' invert=yes", "a\nb\nabc\n", "a\nabc\n");
    check("grep a.b fixed=yes", "axb\na.b\n", "a.b\n");
    check("grep ERR ignore_case=yes", "err\nok\nErr\n", "err\nErr\n");
    check("grep '^$'", "\na\n\n", "\n\n");
    check("grep A.B fixed=yes ignore_case=yes", "axb\na.b\n", "a.b\n");
    check("grep '\\d{3}'", "12\n123\n", "123\n");
}

/* Every place of a needle in lines of every length: the search takes sixteen places a step. */
static void grep_finds_text_anywhere(void **state)
{
    (void)state;
    char input[64 * 64 * 2], *p = input;
    unsigned expected = 0;
    for (unsigned len = 0; len < 48; len++) {
        memset(p, 'n', len);
        if (len >= 6) {
            memcpy(p + len % (len - 5), "needle", 6);
            expected++;
        }
        p[len] = '\n';
        p += len + 1;
    }
    char answer[16];
    snprintf(answer, sizeof answer, "%u\n", expected);
    *p = 0;
    check("grep needle | count", input, answer);
    check("grep needle fixed=yes invert=yes | count", input, "6\n");
    check("grep ndle | count", input, "0\n");
    check("grep '' fixed=yes | count", input, "48\n");
}

static void letters_change_case(void **state)
{
    (void)state;
    check("upper", "aZ[`{z1\n\n", "AZ[`{Z1\n\n");
    check("lower", "aZ[`{z@1", "az[`{z@1\n");
}

static void bytes_are_bytes(void **state)
{
    (void)state;
    static const char binary[] = "\0\xFF"
                                 "a\0\n\x80z\n";
    struct output output = run("grep a | upper", binary, sizeof binary - 1);
    assert_int_equal(output.len, 5);
    assert_memory_equal(output.text,
                        "\0\xFF"
                        "A\0\n",
                        5);
    free(output.text);
}

static void a_line_may_be_a_megabyte(void **state)
{
    (void)state;
    size_t len = (1 << 20) + 7;
    char *input = malloc(len);
    assert_non_null(input);
    memset(input, 'x', len);
    memcpy(input, "{\"a\":\"", 6);
    memcpy(input + len - 2, "\"}", 2);
    struct output output = run("parse json | where exists a | upper | grep X | dedup | format {}", input, len);
    assert_int_equal(output.len, len + 1);
    free(output.text);
    output = run("parse json | select a", input, len);
    assert_int_equal(output.len, len + 1);
    free(output.text);
    free(input);
}

static void head_ends_the_pipeline(void **state)
{
    (void)state;
    check("head 2", "1\n2\n3\n4\n", "1\n2\n");
    check("head 0", "1\n2\n", "");
    check("head", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
}

static void sample_repeats_itself(void **state)
{
    (void)state;
    check("sample every=3", "1\n2\n3\n4\n5\n6\n7\n", "1\n4\n7\n");
    check("sample 1", "1\n2\n", "1\n2\n");
    check("sample 0%", "1\n2\n", "");
    char input[4001] = "";
    for (int i = 0; i < 2000; i++)
        memcpy(input + 2 * i, "x\n", 3);
    struct output first = run("sample 25%", input, 4000), second = run("sample 0.25", input, 4000);
    assert_in_range(first.len, 2 * 400, 2 * 600);
    assert_string_equal(first.text, second.text);
    free(first.text);
    free(second.text);
}

static void delay_passes_everything(void **state)
{
    (void)state;
    check("delay 1ms", "a\nb\n", "a\nb\n");
}

static void dedup_forgets_beyond_its_window(void **state)
{
    (void)state;
    check("dedup", "a\nb\na\n\nc\n\nb\n", "a\nb\n\nc\n");
    check("dedup window=2", "a\nb\na\nc\na\nb\nc\n", "a\nb\nc\na\nb\nc\n");
    check("dedup window=1", "a\na\nb\na\na\n", "a\nb\na\n");
    check("parse json | dedup by=a", "{\"a\":1,\"b\":1}\n{\"a\":1,\"b\":2}\n{\"a\":2}\n{}\n{\"b\":3}\n",
          "{\"a\":1,\"b\":1}\n{\"a\":2}\n{}\n");
    check("parse json | dedup by=a,b | count",
          "{\"a\":\"x\",\"b\":\"\"}\n{\"a\":\"\",\"b\":\"x\"}\n{\"a\":\"\\u0078\",\"b\":\"\"}\n", "2\n");
}

/* Against the slow way: a window of 1000 over numbers with repeats, with many rounds of the ring. */
static void dedup_agrees_with_a_list(void **state)
{
    (void)state;
    enum { LINES = 30000, WINDOW = 1500 };
    char *input = malloc(LINES * 8), *p = input, *expected = malloc(LINES * 8), *q = expected;
    unsigned window[WINDOW], count = 0, random = 1;
    for (int i = 0; i < LINES; i++) {
        random = random * 1103515245 + 12345;
        unsigned number = random / 65536 % 3000, j = 0;
        p += sprintf(p, "%u\n", number);
        while (j < count && j < WINDOW && window[j] != number)
            j++;
        if (j < count && j < WINDOW)
            continue;
        window[count++ % WINDOW] = number;
        q += sprintf(q, "%u\n", number);
    }
    struct output output = run("dedup window=1500", input, (size_t)(p - input));
    assert_string_equal(output.text, expected);
    free(output.text);
    free(input);
    free(expected);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

#define CLF "1.2.3.4 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" 200 2326"

static void clf_finds_the_fields(void **state)
{
    (void)state;
    check("parse clf | format "
          "'{client},{ident},{user},{time},{request},{method},{path},{protocol},{status},{bytes},{referer},{agent}'",
          CLF "\n" CLF " \"http://a/\" \"Mozilla \\\"x\\\\\"\r\n",
          "1.2.3.4,-,frank,10/Oct/2000:13:55:36 -0700,GET /a.gif HTTP/1.0,GET,/a.gif,HTTP/1.0,200,2326,,\n"
          "1.2.3.4,-,frank,10/Oct/2000:13:55:36 -0700,GET /a.gif HTTP/1.0,GET,/a.gif,HTTP/1.0,200,2326,http://a/,"
          "Mozilla \\\"x\\\\\n");
    check("parse clf | format '{user}|{method}|{path}|{protocol}|{bytes}'",
          "::1 - John Smith [t] \"GET /a b HTTP/1.1\" 200 -\n::1 - - [t] \"-\" 408 -\n::1 - - [t] \"GET /\" 200 1\n",
          "John Smith|GET|/a b|HTTP/1.1|-\n-||||-\n-|GET|/||1\n");
    check("parse clf | format {agent}", CLF " \"-\" \"cut o\n", "cut o\n");
    check("parse clf | format {request}", "::1 - - [t] \"GET /\\\" HTTP/1.1\" 200 1\n", "GET /\\\" HTTP/1.1\n");
}

static void clf_refuses_other_lines(void **state)
{
    (void)state;
    check("parse clf", "hello\n", "! at byte 0: expected the client's address");
    check("parse clf", "\n", "! the line is empty");
    check("parse clf", "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700 \"GET\n",
          "! at byte 12: expected a closing bracket behind the time, in: 1.2");
    check("parse clf", "a - - [t] \"GET / 200 5\n", "! expected a closing quote behind the request");
    check("parse clf", "a - - [t] \"GET /\" OK 5\n", "! expected the status");
    check("parse clf", "a - - [t] \"GET /\" 200 5x\n", "! expected the number of bytes");
    check("parse clf", "a - - [t] \"GET /\" 200 5 \"r\"\n", "! expected a space and the agent");
    check("parse clf", "a - - [t] \"GET /\" 200 5 \"r\" \"a\" x\n", "! expected the end of the line");
    check("parse clf bad=drop", "hello\n" CLF "\n", CLF "\n");
    check("parse clf bad=keep | where not exists status", "hello\n" CLF "\n", "hello\n");
}

static void json_finds_the_fields(void **state)
{
    (void)state;
    check("parse json | format {a}:{b}", "{\"a\":\"x\\ty\\\"\\u00e9\\ud83d\\ude00\",\"b\":-1.5e3}\n",
          "x\ty\"\xC3\xA9\xF0\x9F\x98\x80:-1.5e3\n");
    check("parse json | format {a}", " { \"a\" : [ 1 , { \"b\" : \"}\" } ] } \n", "[ 1 , { \"b\" : \"}\" } ]\n");
    check("parse json | format {a}", "{\"a\":1,\"b\":2,\"a\":3}\n{}\n{\"a\":null}\n", "3\n\nnull\n");
    check("parse json | format '{a b}{\"}'", "{\"a\\u0020b\":1,\"\\\"\":2}\n", "12\n");
    check("parse json | format {a}", "{\"a\":\"\\ud83dx\"}\n", "\xEF\xBF\xBDx\n");
    check("parse json", "{\"a\":\"\xC3\xA9\",\"\":\"\"}\n", "{\"a\":\"\xC3\xA9\",\"\":\"\"}\n");
}

static void json_keeps_the_last_of_many_doubles(void **state)
{
    (void)state;
    char *input = NULL;
    size_t len;
    FILE *stream = open_memstream(&input, &len);
    putc('{', stream);
    for (int i = 0; i < 5000; i++)
        fprintf(stream, "%s\"k%d\":%d", i ? "," : "", i % 100, i);
    fputs("}\n", stream);
    fclose(stream);
    check("parse json | format {k0},{k7},{k99}", input, "4900,4907,4999\n");
    free(input);
}

static void json_refuses_what_is_not_json(void **state)
{
    (void)state;
    static const struct {
        const char *line, *error;
    } bad[] = {
        {"[1]", "! not a JSON object: at byte 0: an object was expected"},
        {"{\"a\":1", "! an object without its closing brace"},
        {"{\"a\":1} x", "! at byte 8: nothing more was expected"},
        {"{\"a\":1,}", "! a name in quotes was expected"},
        {"{\"a\":01}", "! a number that begins with a zero"},
        {"{\"a\":1.}", "! no digit behind the decimal point"},
        {"{\"a\":tru}", "! a value was expected"},
        {"{\"a\":\"\\x\"}", "! an escape that JSON does not know"},
        {"{\"a\":\"\\u12g4\"}", "! four hexadecimal digits"},
        {"{\"a\":\"\x01\"}", "! a control character"},
        {"{\"a\":\"\xC0\x80\"}", "! not UTF-8"},
        {"{\"a\":\"\xED\xA0\x80\"}", "! not UTF-8"},
        {"{\"a\":\"\xE2\x82\"}", "! not UTF-8"},
        {"{\"a\":\"x}", "! without its closing quote"},
        {"{\"a\" 1}", "! a colon was expected"},
        {"{\"a\":[1,2}", "! a closing bracket was expected"},
        {"{\"a\":{\"b\":1]}", "! a closing brace was expected"},
        {"{a:1}", "! a name in quotes"},
        {"{\"a\":}", "! a value was expected"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check("parse json", bad[i].line, bad[i].error);
    check("parse json bad=drop | count", "{\"a\":1}\nx\n{}\n", "2\n");
    check("parse json on_error=skip", "x\n{}\n", "{}\n");
}

static void json_nests_so_deep(void **state)
{
    (void)state;
    char line[4096];
    for (int depth = 1023; depth <= 1025; depth++) {
        memcpy(line, "{\"a\":", 5);
        memset(line + 5, '[', (size_t)depth);
        memset(line + 5 + depth, ']', (size_t)depth);
        memcpy(line + 5 + 2 * depth, "}", 2);
        check("parse json | count", line, depth <= 1024 ? "1\n" : "! nested too deep");
    }
}

static void regex_names_its_groups(void **state)
{
    (void)state;
    check("parse regex '^(?<level>\\w+): (?<code>\\d+)?(?<text>.*)' | select level,code,text", "warn: 17 x\ninfo: y\n",
          "{\"level\":\"warn\",\"code\":\"17\",\"text\":\" x\"}\n{\"level\":\"info\",\"text\":\"y\"}\n");
    check("parse regex '^(?<a>x)$'", "y\n", "! the pattern does not match");
}

static void select_writes_json(void **state)
{
    (void)state;
    check("parse json | select b,a", "{\"a\":\"\\u0041\\n\",\"b\":[1, 2],\"c\":3}\n{\"c\":1}\n",
          "{\"b\":[1, 2],\"a\":\"\\u0041\\n\"}\n{}\n");
    check("parse clf | select path,status", "a - - [t] \"GET /\\\"\x01\xFF HTTP/1.1\" 200 -\n",
          "{\"path\":\"/\\\\\\\"\\u0001\xEF\xBF\xBD\",\"status\":200}\n");
    check("parse clf | select path | where 'path == \"/\\\\x\"'", "a - - [t] \"GET /\\x HTTP/1.1\" 200 -\n",
          "{\"path\":\"/\\\\x\"}\n");
    check("parse json | select 'a\"' | select 'a\"'", "{\"a\\\"\":1}\n", "{\"a\\\"\":1}\n");
}

static void format_fills_its_template(void **state)
{
    (void)state;
    check("format '<{}>'", "a\n\n", "<a>\n<>\n");
    check("format '{{{}}}{{}}'", "a\n", "{a}{}\n");
    check("format ''", "a\n", "\n");
    check("parse json | format 'GET {path} {}'", "{\"path\":\"/\"}\n", "GET / {\"path\":\"/\"}\n");
    check("parse json | format '{nothing}'", "{}\n", "\n");
}

/* ---- where ------------------------------------------------------------------------------------------------------- */

#define R "{\"n\":500,\"s\":\"abc\",\"e\":\"a\\\"b\",\"x\":\"10\",\"d\":1.5,\"z\":null,\"id\":12345678901234567890}"

static void where_compares(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        bool answer;
    } cases[] = {
        {"n == 500", true},
        {"n==500", true},
        {"n == 500.0", true},
        {"n == 5e2", true},
        {"n != 500", false},
        {"n >= 500", true},
        {"n > 499.5", true},
        {"n < 1000", true},
        {"n < '1000'", false},
        {"x < 9", false},
        {"x < '9'", true},
        {"s == abc", true},
        {"s == \"abc\"", true},
        {"s == ab", false},
        {"s > abb", true},
        {"s < abcd", true},
        {"s <= abc", true},
        {"s > 5", true},
        {"e == 'a\"b'", true},
        {"e == \"a\\\"b\"", true},
        {"e =~ '^a\"b$'", true},
        {"s =~ '^(a|x)'", true},
        {"'s =~ ^(a|x)'", true},
        {"'(s =~ ^(a|x))'", true},
        {"s !~ b", false},
        {"s =~ \"^a.c$\"", true},
        {"z == null", true},
        {"exists z", true},
        {"exists q", false},
        {"q == 1", false},
        {"q != 1", false},
        {"q !~ x", false},
        {"not q == 1", true},
        {"d == 1.5", true},
        {"d < 1.50001", true},
        {"d > -2", true},
        {"id == 12345678901234567890", true},
        {"id == 12345678901234567891", false},
        {"id < 12345678901234567891", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "parse json | where %s | count", cases[i].condition);
        check(text, R, cases[i].answer ? "1\n" : "0\n");
    }
}

static void where_binds_or_weakest(void **state)
{
    (void)state;
    static const char lines[] =
        "{\"a\":0,\"b\":0,\"c\":0}\n{\"a\":0,\"b\":1,\"c\":1}\n{\"a\":1,\"b\":0,\"c\":0}\n{\"a\":1,\"b\":0,\"c\":1}\n";
    check("parse json | where a == 1 or b == 1 and c == 0 | format {a}{b}{c}", lines, "100\n101\n");
    check("parse json | where '(a == 1 || b == 1) && c == 0' | format {a}{b}{c}", lines, "100\n");
    check("parse json | where not a == 1 and c == 1 | format {a}{b}{c}", lines, "011\n");
    check("parse json | where not (a == 1 and c == 1) | format {a}{b}{c}", lines, "000\n011\n100\n");
    check("parse json | where '!(a==1)&&!(c==1)' | format {a}{b}{c}", lines, "000\n");
    check("parse json | where \"a b\" == 1", "{\"a b\":1}\n", "{\"a b\":1}\n");
}

/* ---- count ------------------------------------------------------------------------------------------------------- */

static void count_sorts_by_count_then_value(void **state)
{
    (void)state;
    check("count", "a\nb\n", "2\n");
    check("count", "", "0\n");
    check("parse json | count by=a", "{\"a\":\"y\"}\n{\"a\":\"x\"}\n{\"a\":\"z\"}\n{\"a\":\"z\"}\n{\"b\":1}\n",
          "2\tz\n1\t\n1\tx\n1\ty\n");
    check("parse json | count by=a", "", "");
    check("parse json | count by=a,b", "{\"a\":\"x\",\"b\":\"yz\"}\n{\"a\":\"xy\",\"b\":\"z\"}\n{\"a\":\"x\",\"b\":\"yz\"}\n",
          "2\tx\tyz\n1\txy\tz\n");
    check("parse json | count by=a", "{\"a\":\"t\\tn\\n\"}\n{\"a\":\"t\\u0009n\\n\"}\n", "2\tt\\tn\\n\n");
    check("parse json | count by=a | where count > 1 | format '{a} {count}'", "{\"a\":1}\n{\"a\":1}\n{\"a\":2}\n", "1 2\n");
}

static void count_keeps_many_keys_apart(void **state)
{
    (void)state;
    char *input = NULL;
    size_t len;
    FILE *stream = open_memstream(&input, &len);
    for (int i = 0; i < 60000; i++)
        fprintf(stream, "{\"k\":\"key%d\"}\n", i % 20000);
    fclose(stream);
    struct output output = run("parse json | count by=k | where count == 3 | count", input, len);
    assert_string_equal(output.text, "20000\n");
    free(output.text);
    free(input);
}

/* ---- the real log ------------------------------------------------------------------------------------------------ */

/* The log's text, or NULL if it is not here. */
static char *read_log(size_t *len)
{
    char path[1024];
    const char *shared = getenv("WEIR_SHARED"), *root = getenv("WEIR_ROOT");
    if (shared)
        snprintf(path, sizeof path, "%s/data/apache_access.log", shared);
    else
        snprintf(path, sizeof path, "%s/../shared/data/apache_access.log", root ? root : ".");
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    char *text = NULL;
    size_t size = 0;
    ssize_t got = getdelim(&text, &size, 0, file);
    fclose(file);
    *len = got > 0 ? (size_t)got : 0;
    return text;
}

static void clf_knows_a_real_log(void **state)
{
    (void)state;
    size_t len;
    char *log = read_log(&len);
    if (!log) {
        print_message("apache_access.log is not here (WEIR_SHARED says where): skipped\n");
        skip();
    }
    struct output output = run("parse clf bad=drop | count", log, len);
    assert_string_equal(output.text, "10000\n");
    free(output.text);
    output = run("parse clf | count by=status", log, len);
    assert_string_equal(output.text, "9126\t200\n445\t304\n213\t404\n164\t301\n45\t206\n3\t500\n2\t403\n2\t416\n");
    free(output.text);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grep_keeps_what_matches),
        cmocka_unit_test(grep_finds_text_anywhere),
        cmocka_unit_test(letters_change_case),
        cmocka_unit_test(bytes_are_bytes),
        cmocka_unit_test(a_line_may_be_a_megabyte),
        cmocka_unit_test(head_ends_the_pipeline),
        cmocka_unit_test(sample_repeats_itself),
        cmocka_unit_test(delay_passes_everything),
        cmocka_unit_test(dedup_forgets_beyond_its_window),
        cmocka_unit_test(dedup_agrees_with_a_list),
        cmocka_unit_test(clf_finds_the_fields),
        cmocka_unit_test(clf_refuses_other_lines),
        cmocka_unit_test(json_finds_the_fields),
        cmocka_unit_test(json_keeps_the_last_of_many_doubles),
        cmocka_unit_test(json_refuses_what_is_not_json),
        cmocka_unit_test(json_nests_so_deep),
        cmocka_unit_test(regex_names_its_groups),
        cmocka_unit_test(select_writes_json),
        cmocka_unit_test(format_fills_its_template),
        cmocka_unit_test(where_compares),
        cmocka_unit_test(where_binds_or_weakest),
        cmocka_unit_test(count_sorts_by_count_then_value),
        cmocka_unit_test(count_keeps_many_keys_apart),
        cmocka_unit_test(clf_knows_a_real_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
