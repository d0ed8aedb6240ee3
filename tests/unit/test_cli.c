#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/text_width.h"
#include "cli/verdict.h"

#include "base/err.h"
#include "base/text.h"
#include "capture.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Splits `line` at spaces and sorts it. */
static int parse(const char *line, struct plx_args *args, struct plx_why *why)
{
    static char copy[1024];
    static char *argv[64];
    int argc = 0;
    char *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", line);
    while ((word = strsep(&rest, " ")) != NULL)
        argv[argc++] = word;
    return plx_args_parse(argc, argv, args, why);
}

static void refused(const char *line, const char *expected)
{
    struct plx_args args;
    struct plx_why why = {""};
    assert_int_equal(parse(line, &args, &why), PLX_EINVAL);
    assert_string_equal(why.text, expected);
    plx_args_fini(&args);
}

static void options_and_words__in_any_order(void **state)
{
    (void)state;
    const char *const lines[] = {
        "parallax -o json apply -f a.yaml b.yaml --prune --file c.yaml",
        "parallax apply b.yaml --file=a.yaml --output json -fc.yaml --prune",
        "parallax --output=csv apply -f a.yaml --prune -ojson -f c.yaml -- b.yaml",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct plx_args args;
        struct plx_why why = {""};
        if (parse(lines[i], &args, &why) < 0)
            fail_msg("%s: %s", lines[i], why.text);
        assert_string_equal(args.command->path, "apply");
        assert_string_equal(plx_args_nth(&args, "file", 0), "a.yaml");
        assert_string_equal(plx_args_nth(&args, "file", 1), "c.yaml");
        assert_null(plx_args_nth(&args, "file", 2));
        assert_string_equal(plx_args_value(&args, "output", "table"), "json");
        assert_true(plx_args_has(&args, "prune"));
        assert_false(plx_args_has(&args, "check"));
        assert_int_equal(args.n_words, 1);
        assert_string_equal(args.words[0], "b.yaml");
        plx_args_fini(&args);
    }
}

static void a_command_of_three_words__found(void **state)
{
    (void)state;
    struct plx_args args;
    struct plx_why why;
    assert_int_equal(
        parse("parallax agents --data-dir d token create -r fra", &args, &why), 0);
    assert_string_equal(args.command->path, "agents token create");
    assert_string_equal(plx_args_value(&args, "region", ""), "fra");
    plx_args_fini(&args);
    assert_int_equal(parse("parallax agents token", &args, &why), 0);
    assert_null(args.command);
    assert_string_equal(args.prefix, "agents token");
    plx_args_fini(&args);
}

static void wrong_usage__told_what_was_meant(void **state)
{
    (void)state;
    refused("parallax staus", "unknown command 'staus', did you mean 'status'?");
    refused("parallax agents tokn create",
            "unknown command 'agents tokn', did you mean 'agents token'?");
    refused("parallax zzzzzz", "unknown command 'zzzzzz' (see parallax --help)");
    refused("parallax apply --chek",
            "unknown option '--chek' of apply, did you mean '--check'?");
    refused("parallax apply -x", "unknown option '-x' of apply");
    refused("parallax apply --check=yes", "option '--check' takes no value");
    refused("parallax apply --file", "option '--file' needs a value: --file FILE");
    refused("parallax explain", "usage: parallax explain MONITOR");
    refused("parallax explain a b", "explain: 'b' is one word too many");
    refused("parallax status --prune", "unknown option '--prune' of status");
}

static void every_command__has_what_help_and_completion_need(void **state)
{
    (void)state;
    for (size_t i = 0; i < plx_n_commands; i++) {
        const struct plx_command *c = &plx_commands[i];
        assert_true(c->path[0] && c->summary[0]);
        assert_true((c->run != NULL) != (c->run_raw != NULL));
        assert_true(c->min_words <= c->max_words);
        assert_true((c->max_words == 0) == (c->words[0] == '\0'));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(c->path, plx_commands[k].path);
        for (const struct plx_option *o = c->options; o && o->name; o++)
            for (const struct plx_option *g = plx_global_options; g->name; g++) {
                assert_string_not_equal(o->name, g->name);
                assert_true(!o->letter || o->letter != g->letter);
            }
    }
}

static void widths__count_columns_not_bytes(void **state)
{
    (void)state;
    size_t skip;
    assert_int_equal(plx_text_width("abc"), 3);
    assert_int_equal(plx_text_width("Prüfung"), 7);
    assert_int_equal(plx_text_width("日本"), 4);
    assert_int_equal(plx_text_fit("日本", 3), 3);
    assert_int_equal(plx_text_fit("abc", 9), 3);
    assert_int_equal(plx_text_wrap("one two three", 8, &skip), 7);
    assert_int_equal(skip, 1);
    assert_int_equal(plx_text_wrap("onetwothree", 4, &skip), 4);
    assert_int_equal(skip, 0);
    assert_int_equal(plx_text_wrap("日本", 1, &skip), 6); /* no room: all of it */
}

static void what_a_terminal_must_not_see__replaced(void **state)
{
    (void)state;
    const struct {
        const char *text, *expected;
    } rows[] = {
        {"plain ü ✓", "plain ü ✓"},  {"\x1b[2J", "?[2J"}, {"a\nb\tc\x7f", "a?b?c?"},
        {"\xff\xc3", "??"},          {"\xc2\x9b", "??"},  {"", ""},
        {"a\xe2\x80\xae.", "a???."}, {"\xd8\x9c", "??"},  {"a\xe2\x80", "a??"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", rows[i].text);
        plx_text_tame(text);
        assert_string_equal(text, rows[i].expected);
    }
}

static void assert_prints(const struct plx_table *table, const char *expected)
{
    struct capture c;
    capture_begin(&c);
    plx_table_print(table);
    assert_string_equal(capture_end(&c), expected);
}

static const struct plx_column columns[] = {
    {"name", "NAME", false, 8},
    {"n", "N", true, 0},
    {"why", "WHY", false, 0},
};

static struct plx_table *small_table(const struct plx_cli *cli)
{
    struct plx_table *table = plx_table_new(cli, columns, 3);
    plx_table_cell(table, PLX_STYLE_NONE, "日本");
    plx_table_cell(table, PLX_STYLE_GOOD, "7");
    plx_table_cell(table, PLX_STYLE_NONE, "answers, it says \"fine\"");
    plx_table_cell(table, PLX_STYLE_NONE, "a-long-name");
    plx_table_cell(table, PLX_STYLE_NONE, "12");
    plx_table_cell(table, PLX_STYLE_NONE, "no answer from any of the places that look");
    return table;
}

static void a_table_without_a_terminal__never_cut(void **state)
{
    (void)state;
    struct plx_cli cli = {.format = PLX_FORMAT_TABLE};
    struct plx_table *table = small_table(&cli);
    assert_prints(table, "NAME          N  WHY\n"
                         "日本          7  answers, it says \"fine\"\n"
                         "a-long-name  12  no answer from any of the places that look\n");
    plx_table_destroy(&table);
}

static void a_table_on_a_terminal__fits_it(void **state)
{
    (void)state;
    struct plx_cli cli = {.format = PLX_FORMAT_TABLE, .width = 52};
    struct plx_table *table = small_table(&cli);
    assert_prints(table, "NAME       N  WHY\n"
                         "日本       7  answers, it says \"fine\"\n"
                         "a-long-…  12  no answer from any of the places that\n"
                         "              look\n");
    plx_table_destroy(&table);
    cli.width = 40;
    table = small_table(&cli);
    assert_prints(table, "NAME       N\n"
                         "日本       7\n    answers, it says \"fine\"\n"
                         "a-long-…  12\n    no answer from any of the places\n"
                         "    that look\n");
    plx_table_destroy(&table);
}

static void a_table_as_csv__quoted_where_needed(void **state)
{
    (void)state;
    struct plx_cli cli = {.format = PLX_FORMAT_CSV, .width = 40};
    struct plx_table *table = small_table(&cli);
    assert_prints(table, "name,n,why\n日本,7,\"answers, it says \"\"fine\"\"\"\n"
                         "a-long-name,12,no answer from any of the places that look\n");
    plx_table_destroy(&table);
}

static void verdicts__mean_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(plx_verdict_look("up")->exit, PLX_EXIT_OK);
    assert_int_equal(plx_verdict_look("path_failure")->exit, PLX_EXIT_OK);
    assert_int_equal(plx_verdict_look("host_down")->exit, PLX_EXIT_NO);
    assert_int_equal(plx_verdict_look("inconclusive")->exit, PLX_EXIT_INCONCLUSIVE);
    assert_int_equal(plx_verdict_look("of tomorrow")->exit, PLX_EXIT_INCONCLUSIVE);
    assert_int_equal(plx_exit_of(PLX_ENOTFOUND), PLX_EXIT_USAGE);
    assert_int_equal(plx_exit_of(PLX_ETIMEOUT), PLX_EXIT_UNREACHABLE);
    assert_int_equal(plx_exit_of(PLX_EIO), PLX_EXIT_FAILED);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words__in_any_order),
        cmocka_unit_test(a_command_of_three_words__found),
        cmocka_unit_test(wrong_usage__told_what_was_meant),
        cmocka_unit_test(every_command__has_what_help_and_completion_need),
        cmocka_unit_test(widths__count_columns_not_bytes),
        cmocka_unit_test(what_a_terminal_must_not_see__replaced),
        cmocka_unit_test(a_table_without_a_terminal__never_cut),
        cmocka_unit_test(a_table_on_a_terminal__fits_it),
        cmocka_unit_test(a_table_as_csv__quoted_where_needed),
        cmocka_unit_test(verdicts__mean_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
