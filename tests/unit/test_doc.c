#include "sys/doc.h"

#include "base/err.h"
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plx_doc *good(const char *text)
{
    struct plx_doc *doc = NULL;
    struct plx_why why = {""};
    if (plx_doc_parse("f", text, strlen(text), &doc, &why) < 0)
        fail_msg("refused: %s", why.text);
    return doc;
}

static void refused_bytes(const char *text, size_t len, const char *expected)
{
    struct plx_doc *doc = NULL;
    struct plx_why why = {""};
    assert_true(plx_doc_parse("f", text, len, &doc, &why) < 0);
    assert_null(doc);
    assert_string_equal(why.text, expected);
}

static void maps_and_lists__are_a_tree_with_places(void **state)
{
    (void)state;
    struct plx_doc *doc = good("# a comment\na: 1\nb:\n- x\n- 'y z'\nc: {d: e}\n");
    const struct plx_node *root = plx_doc_root(doc);
    assert_int_equal(root->kind, PLX_NODE_MAP);
    assert_int_equal(root->n, 3);
    const struct plx_node *b = plx_node_get(root, "b");
    assert_int_equal(b->kind, PLX_NODE_LIST);
    assert_int_equal(b->n, 2);
    assert_string_equal(b->items[1]->text, "y z");
    assert_true(b->items[1]->quoted);
    assert_false(b->items[0]->quoted);
    assert_int_equal(b->items[1]->line, 5);
    assert_int_equal(b->items[1]->column, 3);
    const struct plx_node *e = plx_node_get(plx_node_get(root, "c"), "d");
    assert_string_equal(e->text, "e");
    assert_int_equal(e->line, 6);
    assert_int_equal(e->column, 8);
    assert_null(plx_node_get(root, "nothing"));
    plx_doc_destroy(&doc);
    assert_null(doc);
}

static void nothing_in_the_file__no_root(void **state)
{
    (void)state;
    const char *const texts[] = {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct plx_doc *doc = good(texts[i]);
        assert_null(plx_doc_root(doc));
        plx_doc_destroy(&doc);
    }
}

static void json_with_tabs_and_byte_order_mark__read(void **state)
{
    (void)state;
    struct plx_doc *doc = good("{\n\t\"a\": [1,\n\t\t2],\n\t\"b\": \"c\"\n}\n");
    assert_int_equal(plx_node_get(plx_doc_root(doc), "a")->n, 2);
    plx_doc_destroy(&doc);
    doc = good("\xef\xbb\xbf"
               "a: 1\r\nb: 2\r\n");
    assert_string_equal(plx_node_get(plx_doc_root(doc), "b")->text, "2");
    assert_int_equal(plx_node_get(plx_doc_root(doc), "b")->line, 2);
    plx_doc_destroy(&doc);
}

static void what_is_not_plain_yaml__refused_with_its_place(void **state)
{
    (void)state;
    const struct {
        const char *text, *expected;
    } rows[] = {
        {"a: 1\nb: &x 2\n", "f:2:4: anchors are not accepted: '&x 2'"},
        {"a: &x [1]\n", "f:1:4: anchors are not accepted: '&x [1]'"},
        {"a: 1\nb: *x\n", "f:2:4: aliases are not accepted: '*x'"},
        {"a: !!str 1\n", "f:1:4: tags are not accepted: '!!str 1'"},
        {"a: 1\n---\nb: 2\n", "f:2:1: a second document in the file: '---'"},
        {"a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key 'a', first on line 1"},
        {"{\"a\": 1, \"a\": 2}", "f:1:10: duplicate key 'a', first on line 1"},
        {"a:\n\tb: 1\n", "f:2:1: a tab in the indentation, use spaces: 'b: 1'"},
        {"a:\n  \tb: 1\n", "f:2:3: a tab in the indentation, use spaces: 'b: 1'"},
        {"a: 1\nb: \xff\n", "f:2:4: a byte that is not UTF-8 in the line: 'b: ?'"},
        {"a: \x1b[31m\n", "f:1:4: a control character in the line: 'a: ?[31m'"},
        {"a: \"\\0\"\n", "f:1:4: a NUL character in the text: '\"\\0\"'"},
        {"? [x]\n: 1\n", "f:1:3: a key must be plain text, not a list or map"},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
         "f:1:17: nested more than 16 deep: '[1]]]]]]]]]]]]]]]]]'"},
        {"a: b: c\n", "f:1:5: not valid YAML: mapping values are not allowed in this "
                      "context: ': c'"},
        {"a: 'open\n", "f:2:1: not valid YAML: while scanning a quoted scalar, found "
                       "unexpected end of stream: ''"},
        {"a: @b\n", "f:1:4: not valid YAML: while scanning for the next token, found "
                    "character that cannot start any token: '@b'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused_bytes(rows[i].text, strlen(rows[i].text), rows[i].expected);
    refused_bytes("a: \0b", 5, "f:1:4: a control character in the line: 'a: '");
}

static void a_line_of_a_megabyte__refused_shortened(void **state)
{
    (void)state;
    size_t len = 1024 * 1024;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, "a: 1\nb: ", 8);
    refused_bytes(text, len,
                  "f:2:1: the line is longer than 65536 bytes: 'b: "
                  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'");
    free(text);
}

static void typed_readings__good(void **state)
{
    (void)state;
    struct plx_doc *doc = good("i: 42\nb: true\nd: 5 minutes\nt: yes\nn: -3\n");
    const struct plx_node *root = plx_doc_root(doc);
    int64_t i = 0;
    bool b = false;
    const char *t = NULL;
    assert_int_equal(plx_doc_int(doc, plx_node_get(root, "i"), "i", 0, 42, &i, NULL), 0);
    assert_int_equal(i, 42);
    assert_int_equal(plx_doc_int(doc, plx_node_get(root, "n"), "n", -3, 3, &i, NULL), 0);
    assert_int_equal(i, -3);
    assert_int_equal(plx_doc_bool(doc, plx_node_get(root, "b"), "b", &b, NULL), 0);
    assert_true(b);
    assert_int_equal(plx_doc_duration(doc, plx_node_get(root, "d"), "d", &i, NULL), 0);
    assert_true(i == 5 * PLX_MIN_NS);
    assert_int_equal(plx_doc_text(doc, plx_node_get(root, "t"), "t", &t, NULL), 0);
    assert_string_equal(t, "yes");
    plx_doc_destroy(&doc);
}

enum reading { INT, BOOL, DURATION, TEXT };

static int read_as(enum reading how, const struct plx_doc *doc, struct plx_why *why)
{
    const struct plx_node *node = plx_node_get(plx_doc_root(doc), "k");
    int64_t i;
    bool b;
    const char *t;
    switch (how) {
    case INT:
        return plx_doc_int(doc, node, "k", 1, 65535, &i, why);
    case BOOL:
        return plx_doc_bool(doc, node, "k", &b, why);
    case DURATION:
        return plx_doc_duration(doc, node, "k", &i, why);
    case TEXT:
    default:
        return plx_doc_text(doc, node, "k", &t, why);
    }
}

static void typed_readings__bad(void **state)
{
    (void)state;
    const struct {
        enum reading how;
        const char *text, *expected;
    } rows[] = {
        {INT, "k: 0", "f:1:4: 'k' must be a whole number from 1 to 65535: '0'"},
        {INT, "k: 70000", "f:1:4: 'k' must be a whole number from 1 to 65535: '70000'"},
        {INT, "k: 0755", "f:1:4: 'k' must be a whole number from 1 to 65535: '0755'"},
        {INT, "k: 5.5", "f:1:4: 'k' must be a whole number from 1 to 65535: '5.5'"},
        {INT, "k: 99999999999999999999",
         "f:1:4: 'k' must be a whole number from 1 to 65535: '99999999999999999999'"},
        {INT, "k:", "f:1:3: 'k' has no value"},
        {INT, "k: [1]", "f:1:4: 'k' must be one value, not a list"},
        {BOOL, "k: yes", "f:1:4: 'k' must be true or false: 'yes'"},
        {BOOL, "k: on", "f:1:4: 'k' must be true or false: 'on'"},
        {BOOL, "k: True", "f:1:4: 'k' must be true or false: 'True'"},
        {BOOL, "k: 'true'", "f:1:4: 'k' must be true or false: 'true'"},
        {DURATION, "k: 60",
         "f:1:4: 'k' must be a duration with a unit, such as 30s: '60'"},
        {DURATION, "k: 5 parsecs",
         "f:1:4: 'k' must be a duration such as 30s, 5m or 1h: '5 parsecs'"},
        {DURATION, "k: -5s",
         "f:1:4: 'k' must be a duration such as 30s, 5m or 1h: '-5s'"},
        {TEXT, "k: ~", "f:1:4: 'k' has no value"},
        {TEXT, "k: {a: b}", "f:1:4: 'k' must be one value, not a map"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_doc *doc = good(rows[i].text);
        struct plx_why why = {""};
        assert_int_equal(read_as(rows[i].how, doc, &why), PLX_EINVAL);
        assert_string_equal(why.text, rows[i].expected);
        plx_doc_destroy(&doc);
    }
}

static void unknown_key__named_with_the_closest(void **state)
{
    (void)state;
    static const char *const known[] = {"timeout", "host", "port"};
    struct plx_why why;
    struct plx_doc *doc = good("host: a\ntiemout: 3s\n");
    assert_int_equal(plx_doc_known_keys(doc, plx_doc_root(doc), known, 3, &why),
                     PLX_EINVAL);
    assert_string_equal(why.text,
                        "f:2:1: unknown key 'tiemout', did you mean 'timeout'?");
    plx_doc_destroy(&doc);
    doc = good("port: 1\nhost: a\n");
    assert_int_equal(plx_doc_known_keys(doc, plx_doc_root(doc), known, 3, &why), 0);
    plx_doc_destroy(&doc);
    doc = good("zebra: 1\n");
    assert_int_equal(plx_doc_known_keys(doc, plx_doc_root(doc), known, 3, &why),
                     PLX_EINVAL);
    assert_string_equal(why.text, "f:1:1: unknown key 'zebra'");
    plx_doc_destroy(&doc);
}

static void a_folder_or_no_file__refused(void **state)
{
    (void)state;
    struct plx_doc *doc = NULL;
    struct plx_why why;
    assert_int_equal(plx_doc_load("/", &doc, &why), PLX_EINVAL);
    assert_string_equal(why.text, "/:1:1: '/' is a folder, not a file");
    assert_int_equal(plx_doc_load("/nonexistent/x", &doc, &why), PLX_ENOTFOUND);
    assert_non_null(strstr(why.text, "/nonexistent/x"));
    assert_null(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_and_lists__are_a_tree_with_places),
        cmocka_unit_test(nothing_in_the_file__no_root),
        cmocka_unit_test(json_with_tabs_and_byte_order_mark__read),
        cmocka_unit_test(what_is_not_plain_yaml__refused_with_its_place),
        cmocka_unit_test(a_line_of_a_megabyte__refused_shortened),
        cmocka_unit_test(typed_readings__good),
        cmocka_unit_test(typed_readings__bad),
        cmocka_unit_test(unknown_key__named_with_the_closest),
        cmocka_unit_test(a_folder_or_no_file__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
