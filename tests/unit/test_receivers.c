/* Templates, and the requests that kinds of receivers build from a message. */
#include "test.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/receivers/receiver.h"
#include "coordinator/receivers/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plx_message message_of(const char *event)
{
    struct plx_message m;
    struct plx_why why;
    char json[1024];
    snprintf(
        json, sizeof json,
        "{\"key\":\"1/open/ops/3\",\"event\":\"%s\",\"incident\":7,\"kind\":\"host\","
        "\"severity\":\"critical\",\"title\":\"host 192.0.2.7 is down\","
        "\"sentence\":\"3 of 3 see nothing\",\"at\":\"2026-03-01T10:02:05Z\","
        "\"onset\":\"2026-03-01T10:00:00Z\",\"opened\":\"2026-03-01T10:00:05Z\","
        "\"members\":[\"a\",\"b\"],\"n_affected\":40,\"labels\":{\"team\":\"db\"}}",
        event);
    assert_int_equal(plx_message_read(json, &m, &why), 0);
    return m;
}

static void assert_says(const char *template, size_t max, const char *expected)
{
    struct plx_message m = message_of("open");
    char *text = plx_template_text(template, &m, max);
    assert_string_equal(text, expected);
    free(text);
    plx_message_fini(&m);
}

static void fields__their_values(void **state)
{
    (void)state;
    assert_says("{{headline}}", 100, "[OPEN] host 192.0.2.7 is down");
    assert_says("{{ members }}; {{labels}}", 100, "a, b and 38 more; team=db");
    assert_says("{{duration}} #{{incident}}", 100, "2m #7");
    assert_says("{{closed}}{{acked_by}}", 100, "");
    assert_says("{{details}}", 100,
                "3 of 3 see nothing\nMonitors: a, b and 38 more\n"
                "Since: 2026-03-01T10:00:00.000Z");
}

static void too_long__cut_at_a_character(void **state)
{
    (void)state;
    assert_says("äöü", 3, "äöü");
    assert_says("äöüß", 3, "äö…");
    assert_says("ab", 1, "…");
}

static void assert_refused(const char *template, const char *sentence)
{
    struct plx_why why = {""};
    assert_int_equal(plx_check_template(template, &why), PLX_EINVAL);
    assert_string_equal(why.text, sentence);
}

static void wrong_templates__refused_with_their_line(void **state)
{
    (void)state;
    struct plx_why why;
    assert_int_equal(plx_check_template("{ {x} } {{title}}", &why), 0);
    assert_refused("a\n{{titel}}",
                   "line 2: there is no field 'titel'; did you mean 'title'?");
    assert_refused("{{title", "line 1: '{{title' is no field: {{name}} is meant");
    assert_refused("{{a b}}", "line 1: '{{a b}}' is no field: {{name}} is meant");
    assert_refused("{{}}", "line 1: '{{}}' is no field: {{name}} is meant");
}

static void build(const char *kind, const char *const *options, const char *event,
                  struct plx_request *ret)
{
    struct plx_receiver receiver;
    struct plx_message m = message_of(event);
    struct plx_why why = {""};
    plx_receiver_init(&receiver);
    receiver.name = plx_text_dup("ops");
    receiver.kind = plx_text_dup(kind);
    for (; *options; options += 2)
        plx_receiver_add_option(&receiver, options[0], options[1]);
    plx_request_init(ret);
    assert_int_equal(plx_receiver_kind(kind)->build(&receiver, &m, m.at, ret, &why), 0);
    plx_receiver_fini(&receiver);
    plx_message_fini(&m);
}

static void mail__no_field_of_its_own_from_a_name(void **state)
{
    (void)state;
    struct plx_request r;
    build("mail",
          (const char *[]){"url", "smtp://h:25", "from", "p@x.example", "to",
                           "a@x.example\nb@x.example", "title", "x\nBcc: y", NULL},
          "open", &r);
    const char *body = plx_buf_str(&r.body);
    assert_int_equal(r.n_words, 3);
    assert_true(r.tls_required);
    assert_null(strstr(body, "Bcc"));
    assert_non_null(strstr(body, "To: a@x.example,\r\n b@x.example\r\n"));
    assert_non_null(strstr(body, "Date: Sun, 01 Mar 2026 10:02:05 +0000\r\n"));
    assert_non_null(strstr(body, "Message-ID: <1_open_ops_3@x.example>\r\n"));
    plx_request_fini(&r);
}

static void alertmanager__one_severity_fires(void **state)
{
    (void)state;
    struct plx_request r;
    build("alertmanager", (const char *[]){"url", "http://h:9093/", NULL}, "open", &r);
    assert_string_equal(r.url, "http://h:9093/api/v2/alerts");
    assert_non_null(strstr(plx_buf_str(&r.body), "\"endsAt\":\"2026-03-31T10:02:05"));
    plx_request_fini(&r);
    build("alertmanager", (const char *[]){"url", "http://h:9093", NULL}, "resolve", &r);
    assert_null(strstr(plx_buf_str(&r.body), "2026-03-31"));
    plx_request_fini(&r);
}

static void command__words_and_fates(void **state)
{
    (void)state;
    struct plx_request r;
    struct plx_why why;
    const struct plx_receiver_kind *kind = plx_receiver_kind("command");
    build("command", (const char *[]){"program", "tell", "args", "a\nb c", NULL}, "open",
          &r);
    assert_int_equal(r.n_words, 3);
    assert_string_equal(r.words[2], "b c");
    plx_request_fini(&r);
    const struct plx_reply ok = {0, "", "", 0}, later = {75, "", "", 0},
                           never = {1, "no such pager\nx", "", 0},
                           killed = {0, "", "died of signal 9", 0};
    assert_int_equal(kind->judge(&ok, &why), PLX_FATE_DELIVERED);
    assert_int_equal(kind->judge(&later, &why), PLX_FATE_RETRY);
    assert_int_equal(kind->judge(&killed, &why), PLX_FATE_RETRY);
    assert_int_equal(kind->judge(&never, &why), PLX_FATE_REFUSED);
    assert_string_equal(why.text, "exit 1: no such pager");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields__their_values),
        cmocka_unit_test(too_long__cut_at_a_character),
        cmocka_unit_test(wrong_templates__refused_with_their_line),
        cmocka_unit_test(mail__no_field_of_its_own_from_a_name),
        cmocka_unit_test(alertmanager__one_severity_fires),
        cmocka_unit_test(command__words_and_fates),
    };
    return PLX_RUN(tests);
}
