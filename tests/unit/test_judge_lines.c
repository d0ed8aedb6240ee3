/* The lines of `parallax judge`: what is taken, what is refused and in which words. */
#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "cli/judge_lines.h"

#include <string.h>

#define AGENT "{\"type\":\"agent\",\"agent\":\"a0\",\"region\":\"r0\"}"
#define MONITOR                                                                          \
    "{\"type\":\"monitor\",\"monitor\":\"m0\",\"host\":\"h\",\"address\":\"192.0.2.1\"," \
    "\"port\":80,\"interval\":60,\"timeout\":5,\"agents\":[\"a0\"]}"
#define RESULT                                                                           \
    "{\"type\":\"result\",\"now\":2.5,\"at\":1,\"monitor\":\"m0\",\"agent\":\"a0\","     \
    "\"outcome\":\"timeout\",\"kind\":\"confirm\",\"rtt_us\":0,\"icmp_from\":null}"

static int read_one(struct plx_lines *lines, const char *text, struct plx_line *line,
                    struct plx_why *why)
{
    why->text[0] = '\0';
    return plx_lines_read(lines, text, strlen(text), line, why);
}

static void begin(struct plx_lines *lines)
{
    struct plx_line line;
    struct plx_why why;
    *lines = (struct plx_lines){.judge = plx_judge_new(NULL)};
    assert_int_equal(read_one(lines, AGENT, &line, &why), 0);
    assert_int_equal(read_one(lines, MONITOR, &line, &why), 0);
}

static void end(struct plx_lines *lines)
{
    plx_judge_destroy(&lines->judge);
    plx_lines_fini(lines);
}

static void good_result__is_read_in_full(void **state)
{
    (void)state;
    struct plx_lines lines;
    struct plx_line line;
    struct plx_why why;
    begin(&lines);
    assert_int_equal(read_one(&lines, RESULT, &line, &why), 0);
    assert_int_equal(line.type, PLX_LINE_RESULT);
    assert_int_equal(line.result.outcome, PLX_OUTCOME_TIMEOUT);
    assert_int_equal(line.result.kind, PLX_JUDGE_CONFIRM);
    assert_int_equal(line.result.now.ns, 2500 * PLX_MS_NS);
    assert_int_equal(line.result.at.ns, PLX_SEC_NS);
    end(&lines);
}

static void broken_line__is_refused_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"7", "not JSON"},
        {"[]", "an array"},
        {"{}", "\"type\" is missing"},
        {"{\"type\":\"tock\",\"now\":1}", "\"tock\""},
        {"{\"type\":\"monitor\",\"monitor\":\"m9\",\"interval\":60,\"agents\":[\"a\"],"
         "\"port\":0}",
         "\"port\" must be within bounds, not 0"},
        {"{\"type\":\"monitor\",\"monitor\":\"m9\",\"interval\":60,\"agents\":[\"a\"],"
         "\"port\":80.5}",
         "\"port\" must be a whole number"},
        {"{\"type\":\"monitor\",\"monitor\":\"m9\",\"interval\":60,\"agents\":[\"a\"],"
         "\"quorum\":0}",
         "\"quorum\" must be auto, any"},
        {"{\"type\":\"monitor\",\"monitor\":\"m9\",\"interval\":60,\"agents\":[\"a\"],"
         "\"quorum\":\"most\"}",
         "\"quorum\" must be auto, any"},
        {"{\"type\":\"tick\"}", "\"now\" is missing"},
        {"{\"type\":\"tick\",\"now\":\"1\"}", "\"now\" must be a number"},
        {"{\"type\":\"tick\",\"now\":-1}", "\"now\""},
        {"{\"type\":\"tick\",\"now\":1,\"now\":2}", "duplicate"},
        {"{\"type\":\"heartbeat\",\"now\":1,\"agent\":\"a9\"}", "\"a9\""},
        {"{\"type\":\"heartbeat\",\"now\":1,\"agent\":7}", "\"agent\""},
        {"{\"type\":\"agent\",\"agent\":\"\"}", "\"agent\""},
        {"{\"type\":\"agent\",\"agent\":\"x\",\"labels\":3}", "\"labels\""},
        {"{\"type\":\"monitor\",\"monitor\":\"m\",\"interval\":0,\"agents\":[]}",
         "\"interval\""},
        {"{\"type\":\"monitor\",\"monitor\":\"m\",\"interval\":60,\"agents\":[\"zz\"]}",
         "\"zz\""},
        {"{\"type\":\"monitor\",\"monitor\":\"m\",\"interval\":60,\"port\":0,"
         "\"agents\":[]}",
         "\"port\""},
        {"{\"type\":\"result\",\"now\":1,\"at\":1,\"monitor\":\"m0\",\"agent\":\"a0\","
         "\"outcome\":\"opne\"}",
         "\"opne\""},
        {"{\"type\":\"result\",\"now\":1,\"at\":1,\"monitor\":\"m9\",\"agent\":\"a0\","
         "\"outcome\":\"open\"}",
         "\"m9\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_lines lines;
        struct plx_line line;
        struct plx_why why;
        begin(&lines);
        assert_int_equal(read_one(&lines, rows[i].line, &line, &why), PLX_EINVAL);
        print_message("%s\n", why.text);
        assert_non_null(strstr(why.text, rows[i].says));
        end(&lines);
    }
}

static void time_that_goes_back__is_refused(void **state)
{
    (void)state;
    struct plx_lines lines;
    struct plx_line line;
    struct plx_why why;
    begin(&lines);
    assert_int_equal(read_one(&lines, "{\"type\":\"tick\",\"now\":5}", &line, &why), 0);
    assert_int_equal(read_one(&lines, "{\"type\":\"tick\",\"now\":4}", &line, &why),
                     PLX_EINVAL);
    assert_non_null(strstr(why.text, "goes back"));
    end(&lines);
}

static void flipped_bytes__never_crash(void **state)
{
    (void)state;
    struct plx_rng rng;
    struct plx_lines lines;
    plx_rng_init(&rng, 7);
    begin(&lines);
    for (int i = 0; i < 20000; i++) {
        static const char *const seeds[] = {AGENT, MONITOR, RESULT};
        char text[512];
        struct plx_line line;
        struct plx_why why = {""};
        const char *from = seeds[plx_rng_below(&rng, 3)];
        size_t n = strlen(from);
        memcpy(text, from, n);
        for (uint64_t k = 1 + plx_rng_below(&rng, 3); k > 0; k--)
            text[plx_rng_below(&rng, n)] = (char)plx_rng_u64(&rng);
        lines.last_now = 0;
        int err = plx_lines_read(&lines, text, n, &line, &why);
        assert_true(err == 0 || why.text[0] != '\0');
    }
    end(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_result__is_read_in_full),
        cmocka_unit_test(broken_line__is_refused_and_named),
        cmocka_unit_test(time_that_goes_back__is_refused),
        cmocka_unit_test(flipped_bytes__never_crash),
    };
    return PLX_RUN(tests);
}
