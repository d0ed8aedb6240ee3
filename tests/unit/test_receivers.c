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

static struct plx_receiver receiver_of(const char *kind, const char *const *options)
{
    struct plx_receiver receiver;
    plx_receiver_init(&receiver);
    receiver.name = plx_text_dup("ops");
    receiver.kind = plx_text_dup(kind);
    for (; *options; options += 2)
        plx_receiver_add_option(&receiver, options[0], options[1]);
    return receiver;
}

static void build(const char *kind, const char *const *options, const char *event,
                  struct plx_request *ret)
{
    struct plx_receiver receiver = receiver_of(kind, options);
    struct plx_message m = message_of(event);
    struct plx_why why = {""};
    plx_request_init(ret);
    assert_int_equal(plx_receiver_build(&receiver, &m, m.at, ret, &why), 0);
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

static void googlechat__one_thread_and_nobody_is_called(void **state)
{
    (void)state;
    struct plx_request r;
    build("googlechat",
          (const char *[]){"url", "https://chat.example/v1/spaces/A/messages?key=k",
                           "template", "<users/all> & {{title}}", NULL},
          "open", &r);
    const char *body = plx_buf_str(&r.body);
    assert_string_equal(r.url,
                        "https://chat.example/v1/spaces/A/messages?key=k"
                        "&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
    assert_non_null(strstr(body, "\"threadKey\":\"parallax-incident-7\""));
    assert_non_null(strstr(body, "&lt;users/all&gt; &amp; host"));
    assert_null(strstr(body, "<users"));
    plx_request_fini(&r);
}

static void rocketchat__nobody_is_called_and_no_link_is_made(void **state)
{
    (void)state;
    struct plx_request r;
    build("rocketchat",
          (const char *[]){"url", "https://chat.example/hooks/i/t", "title",
                           "@all {{word}}", "template",
                           "a@b.example https://wiki.example/@x >@here "
                           "[w](http://x) <http://x|y>",
                           NULL},
          "open", &r);
    assert_string_equal(r.url, "https://chat.example/hooks/i/t");
    assert_string_equal(
        plx_buf_str(&r.body),
        "{\"text\":\"@\u200ball OPEN\\na@b.example https://wiki.example/@x "
        ">@\u200bhere [w]\u200b(http://x) <\u200bhttp://x|y>\"}");
    plx_request_fini(&r);
}

static void rocketchat__no_more_than_it_takes(void **state)
{
    (void)state;
    struct plx_request r;
    char template[6001], url[] = "https://chat.example/hooks/i/t";
    size_t n_marks = 0;
    memset(template, '@', sizeof template - 1);
    template[sizeof template - 1] = '\0';
    build("rocketchat", (const char *[]){"url", url, "template", template, NULL}, "open",
          &r);
    for (const char *at = plx_buf_str(&r.body); (at = strchr(at, '@')); at++)
        n_marks++;
    assert_in_range(n_marks, 1900, 2000);
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

/* One more option of a webhook; NULL: it is good. */
static void assert_option(const char *key, const char *value, const char *sentence)
{
    struct plx_receiver r =
        receiver_of("webhook", (const char *[]){"url", "http://h/", key, value, NULL});
    struct plx_why why = {""};
    const char *at = NULL;
    assert_int_equal(plx_receiver_check(&r, &at, &why), sentence ? PLX_EINVAL : 0);
    if (sentence) {
        assert_string_equal(at, key);
        assert_non_null(strstr(why.text, sentence));
    }
    plx_receiver_fini(&r);
}

static void references__lead_out_of_nothing(void **state)
{
    (void)state;
    static const char *const files[] = {
        "/etc/shadow", "../admin.key", "a/b", ".hidden", "..", "", "a\nb"};
    static const char *const variables[] = {"HOME", "PARALLAX", "PARALLAX_",
                                            "",     "PATH=x",   "PARALLAX_A B"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_option("token_file", files[i], "'token_file': must be the plain name");
        assert_option("url_file", files[i], "'url_file': must be the plain name");
        assert_option("ca_file", files[i], "'ca_file': must be the plain name");
    }
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_option("token_env", variables[i], "begins with PARALLAX_");
    assert_option("token_file", "hook.token", NULL);
    assert_option("ca_file", "ca.pem", NULL);
    assert_option("token_env", "PARALLAX_HOOK_TOKEN", NULL);
}

static void what_a_reference_gave__is_checked_and_not_quoted(void **state)
{
    (void)state;
    struct plx_receiver given = receiver_of(
        "mail", (const char *[]){"url_env", "PARALLAX_MAIL", "to_file", "to", NULL});
    struct plx_receiver filled;
    struct plx_why why = {""};
    plx_receiver_copy(&filled, &given);
    plx_receiver_add_option(&filled, "url", "smtp://h:25");
    plx_receiver_add_option(&filled, "to", "sesame");
    assert_int_equal(plx_receiver_check_filled(&filled, &given, &why), PLX_EINVAL);
    assert_string_equal(why.text, "what 'to_file' refers to is no good value for 'to'");
    plx_receiver_fini(&filled);
    plx_receiver_copy(&filled, &given);
    plx_receiver_add_option(&filled, "url", "smtp://h:25");
    plx_receiver_add_option(&filled, "to", "a@b.example");
    assert_int_equal(plx_receiver_check_filled(&filled, &given, &why), 0);
    plx_receiver_fini(&filled);
    plx_receiver_fini(&given);
}

static void a_token_of_two_lines__is_refused_and_not_left_out(void **state)
{
    (void)state;
    static const char *const kinds[] = {"webhook", "alertmanager"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct plx_receiver receiver =
            receiver_of(kinds[i], (const char *[]){"url", "http://h/", "token",
                                                   "one\r\nX-Two: 2", NULL});
        struct plx_message m = message_of("open");
        struct plx_request r;
        struct plx_why why = {""};
        plx_request_init(&r);
        assert_int_equal(plx_receiver_build(&receiver, &m, m.at, &r, &why), PLX_EINVAL);
        assert_string_equal(why.text,
                            "what is to be sent as Authorization has a line break in it");
        plx_request_fini(&r);
        plx_receiver_fini(&receiver);
        plx_message_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields__their_values),
        cmocka_unit_test(too_long__cut_at_a_character),
        cmocka_unit_test(wrong_templates__refused_with_their_line),
        cmocka_unit_test(mail__no_field_of_its_own_from_a_name),
        cmocka_unit_test(alertmanager__one_severity_fires),
        cmocka_unit_test(googlechat__one_thread_and_nobody_is_called),
        cmocka_unit_test(rocketchat__nobody_is_called_and_no_link_is_made),
        cmocka_unit_test(rocketchat__no_more_than_it_takes),
        cmocka_unit_test(command__words_and_fates),
        cmocka_unit_test(references__lead_out_of_nothing),
        cmocka_unit_test(what_a_reference_gave__is_checked_and_not_quoted),
        cmocka_unit_test(a_token_of_two_lines__is_refused_and_not_left_out),
    };
    return PLX_RUN(tests);
}
