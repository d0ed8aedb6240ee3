/* The step machine of greetings: presets against recorded dialogues, whole and byte by
 * byte, and what goes wrong. */
#include "agent/core/greeting.h"

#include "base/err.h"

#include "test.h"

#include <string.h>

#define T0 ((struct plx_mono){1000 * PLX_SEC_NS})

static struct plx_mono at(int64_t ms)
{
    return plx_mono_add(T0, ms * PLX_MS_NS);
}

/* A run with everything that was sent. */
struct run {
    struct plx_greeter *greeter;
    struct plx_greeter_action action;
    struct plx_mono now;
    char sent[8192];
    size_t n_sent;
    char excerpt[PLX_RESULT_EXCERPT_MAX];
};

static void step(struct run *r, struct plx_greeter_event event)
{
    event.now = r->now;
    plx_greeter_step(r->greeter, &event, &r->action);
    while (r->action.type == PLX_GREETER_SEND) {
        /* Three bytes at a time, as through a narrow socket. */
        size_t n = r->action.len < 3 ? r->action.len : 3;
        memcpy(r->sent + r->n_sent, r->action.bytes, n);
        r->n_sent += n;
        const struct plx_greeter_event sent = {
            .type = PLX_GREETER_SENT, .now = r->now, .len = n};
        plx_greeter_step(r->greeter, &sent, &r->action);
    }
}

static void begin(struct run *r, const struct plx_greeting *g)
{
    struct plx_why why = {""};
    *r = (struct run){.now = T0};
    if (plx_greeter_new(g, &r->greeter, &why) < 0)
        fail_msg("%s", why.text);
    step(r, (struct plx_greeter_event){.type = PLX_GREETER_CONNECTED, .until = at(5000)});
}

static void hear(struct run *r, const void *bytes, size_t len)
{
    step(r, (struct plx_greeter_event){
                .type = PLX_GREETER_RECEIVED, .bytes = bytes, .len = len});
}

static void hear_text(struct run *r, const char *text)
{
    hear(r, text, strlen(text));
}

static void close_by_server(struct run *r)
{
    step(r, (struct plx_greeter_event){.type = PLX_GREETER_CLOSED});
}

static void wait_to_the_end(struct run *r)
{
    r->now = r->action.until;
    step(r, (struct plx_greeter_event){.type = PLX_GREETER_TIME});
}

static void ends(struct run *r, enum plx_outcome outcome, enum plx_detail detail)
{
    assert_int_equal(r->action.type, PLX_GREETER_END);
    assert_string_equal(plx_outcome_token(r->action.outcome), plx_outcome_token(outcome));
    assert_string_equal(plx_detail_token(r->action.detail), plx_detail_token(detail));
    plx_greeter_excerpt(r->greeter, r->excerpt);
    plx_greeter_destroy(&r->greeter);
}

static struct plx_greeting preset(enum plx_greeting_preset which)
{
    return (struct plx_greeting){.preset = which};
}

#define BYTES(text) text, sizeof(text) - 1

#define MYSQL_HELLO                                                                      \
    "\x64\0\0\0\x0a"                                                                     \
    "5.5.5-10.11.19-MariaDB-0+deb12u1\0"                                                 \
    "\x03\0\0\0"                                                                         \
    "ui/Mu'|x"                                                                           \
    "\0"                                                                                 \
    "\xfe\xf7\x08\x02\0\xff\x81\x15"                                                     \
    "\0\0\0\0\0\0\x1d\0\0\0"                                                             \
    "123456789abc\0"                                                                     \
    "mysql_native_password\0"

/* What servers said, recorded from Debian 12's unless a standard is named. */
static const struct dialogue {
    enum plx_greeting_preset preset;
    const char *said;
    size_t len;
    enum plx_outcome outcome;
} dialogues[] = {
    {PLX_GREETING_SSH, BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_SSH, BYTES("Welcome\r\nSSH?\nSSH-1.99-x\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_SSH, BYTES("SSH-1.5-old\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_SMTP, BYTES("220 mx ESMTP Exim 4.96\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_SMTP, BYTES("220-mx\r\n220-two\r\n220 go\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_SMTP, BYTES("220\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_SMTP, BYTES("554 no\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_SMTP, BYTES("421 busy\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_FTP, BYTES("220 (vsFTPd 3.0.3)\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_FTP, BYTES("220-hi\r\n all of you\r\n220 go\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_FTP, BYTES("500 OOPS: x\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_IMAP, BYTES("* OK [CAPABILITY IMAP4rev1] ready.\r\n"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_IMAP, BYTES("* PREAUTH hi\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_IMAP, BYTES("* BYE busy\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_POP3, BYTES("+OK Dovecot (Debian) ready.\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_POP3, BYTES("-ERR busy\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_MYSQL, BYTES(MYSQL_HELLO "\x45\0\0\x02\xff\x15\x04#28000Access"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_MYSQL, BYTES(MYSQL_HELLO "\x07\0\0\x02\0\0\0\x02\0\0\0"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_MYSQL, BYTES(MYSQL_HELLO "HTTP/1.1"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_MYSQL, BYTES("\x45\0\0\0\xff\x69\x04Host 'x' is blocked"),
     PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_POSTGRESQL, BYTES("N"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_POSTGRESQL, BYTES("G"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_POSTGRESQL, BYTES("E\0\0\0\x20"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_REDIS, BYTES("+PONG\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_REDIS, BYTES("-NOAUTH Authentication required.\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_REDIS, BYTES("-LOADING Redis is loading\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_MEMCACHED, BYTES("VERSION 1.6.18\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_MEMCACHED, BYTES("ERROR\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_LDAP, BYTES("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_LDAP,
     BYTES("\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_LDAP, BYTES("HTTP/1.1 400 Bad Request\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_MQTT, BYTES("\x20\x02\0\0"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_MQTT, BYTES("\x20\x02\0\x05"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_MQTT, BYTES("\x20\x02\x07\x05"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_AMQP, BYTES("\x01\0\0\0\0\x01\xf8\0\x0a\0\x0a\0\x09"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_AMQP, BYTES("AMQP\0\0\x09\x01"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_AMQP, BYTES("SSH-2.0-x\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_SIP, BYTES("SIP/2.0 483 Too Many Hops\r\n"), PLX_OUTCOME_OPEN},
    {PLX_GREETING_SIP, BYTES("HTTP/1.1 400 Bad Request\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_NATS,
     BYTES("INFO {\"server_id\":\"NDFM\",\"version\":\"2.9.10\"} \r\n"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_NATS, BYTES("-ERR 'maximum connections exceeded'\r\n"),
     PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_BEANSTALKD, BYTES("OK 956\r\n---\ncurrent-jobs-urgent: 0\n"),
     PLX_OUTCOME_OPEN},
    {PLX_GREETING_BEANSTALKD, BYTES("UNKNOWN_COMMAND\r\n"), PLX_OUTCOME_MISMATCH},
    {PLX_GREETING_BEANSTALKD, BYTES("STAT pid 18\r\nSTAT uptime 1\r\n"),
     PLX_OUTCOME_MISMATCH},
};

static void recorded_dialogues__in_one_piece_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++) {
        const struct dialogue *d = &dialogues[i];
        const struct plx_greeting g = preset(d->preset);
        enum plx_detail detail = d->outcome == PLX_OUTCOME_OPEN
                                     ? PLX_DETAIL_NONE
                                     : PLX_DETAIL_GREETING_UNEXPECTED;
        struct run r;
        begin(&r, &g);
        hear(&r, d->said, d->len);
        ends(&r, d->outcome, detail);
        begin(&r, &g);
        for (size_t k = 0; k < d->len && r.action.type == PLX_GREETER_WAIT; k++)
            hear(&r, d->said + k, 1);
        ends(&r, d->outcome, detail);
    }
}

static void every_preset__has_a_recorded_yes_and_no(void **state)
{
    (void)state;
    for (int i = 1; i < PLX_GREETING_PRESET_COUNT_; i++) {
        bool yes = false, no = false;
        for (size_t k = 0; k < sizeof dialogues / sizeof *dialogues; k++) {
            bool its = (int)dialogues[k].preset == i;
            yes |= its && dialogues[k].outcome == PLX_OUTCOME_OPEN;
            no |= its && dialogues[k].outcome == PLX_OUTCOME_MISMATCH;
        }
        if (!yes || !no)
            fail_msg("preset %s: `dialogues` has no answer that it %s",
                     plx_greeting_preset_token((enum plx_greeting_preset)i),
                     yes ? "refuses" : "takes");
    }
}

static void every_preset__is_sound_and_has_a_name(void **state)
{
    (void)state;
    for (int i = 1; i < PLX_GREETING_PRESET_COUNT_; i++) {
        const struct plx_greeting g = preset((enum plx_greeting_preset)i);
        struct plx_greeting steps = {0};
        struct plx_why why = {""};
        size_t n;
        const struct plx_greeting_step *s = plx_greeting_steps(&g, &n);
        for (size_t k = 0; k < n; k++)
            plx_greeting_add(&steps, s[k].kind, s[k].bytes, s[k].len, s[k].max_bytes,
                             s[k].within_ns);
        if (plx_greeting_check(&steps, NULL, &why) < 0)
            fail_msg("%s: %s", plx_greeting_preset_token(g.preset), why.text);
        assert_int_equal(plx_greeting_preset_parse(plx_greeting_preset_token(g.preset)),
                         i);
        plx_greeting_fini(&steps);
    }
    assert_int_equal(plx_greeting_preset_parse("shh"), PLX_GREETING_NO_PRESET);
}

static void silence_half_an_answer_and_a_close__are_told_apart(void **state)
{
    (void)state;
    const struct plx_greeting g = preset(PLX_GREETING_SMTP);
    struct run r;
    begin(&r, &g);
    assert_int_equal(r.action.until.ns, at(5000).ns);
    wait_to_the_end(&r);
    ends(&r, PLX_OUTCOME_TIMEOUT, PLX_DETAIL_GREETING_SILENT);
    assert_string_equal(r.excerpt, "");
    begin(&r, &g);
    hear_text(&r, "220 mx");
    wait_to_the_end(&r);
    ends(&r, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_INCOMPLETE);
    assert_string_equal(r.excerpt, "220 mx");
    begin(&r, &g);
    close_by_server(&r);
    ends(&r, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_CLOSED);
}

static void good_end__comes_with_the_goodbye(void **state)
{
    (void)state;
    const struct plx_greeting g = preset(PLX_GREETING_REDIS);
    struct run r;
    begin(&r, &g);
    assert_memory_equal(r.sent, "PING\r\n", 6);
    hear_text(&r, "+PONG\r\n");
    assert_int_equal(r.action.len, 6);
    assert_memory_equal(r.action.bytes, "QUIT\r\n", 6);
    close_by_server(&r); /* changes nothing any more */
    ends(&r, PLX_OUTCOME_OPEN, PLX_DETAIL_NONE);
    assert_string_equal(r.excerpt, "+PONG\\r\\n");
}

static struct plx_greeting mail(void)
{
    struct plx_greeting g = {0};
    plx_greeting_add(&g, PLX_GREETING_REGEX, "^220 [^\\n]*\\n", 13, 0, 0);
    plx_greeting_add(&g, PLX_GREETING_SEND, "EHLO x\r\n", 8, 0, 0);
    plx_greeting_add(&g, PLX_GREETING_CONTAINS, "STARTTLS", 8, 64, PLX_SEC_NS);
    plx_greeting_add(&g, PLX_GREETING_SEND, "QUIT\r\n", 6, 0, 0);
    plx_greeting_add(&g, PLX_GREETING_SEND, "x", 1, 0, 0);
    return g;
}

static void steps__each_see_what_came_after_the_one_before(void **state)
{
    (void)state;
    struct plx_greeting g = mail();
    struct run r;
    begin(&r, &g);
    hear_text(&r, "220 STARTTLS is in the banner\r\n");
    assert_int_equal(r.action.type, PLX_GREETER_WAIT);
    assert_int_equal(r.n_sent, 8);
    assert_int_equal(r.action.until.ns, at(1000).ns); /* its own time */
    hear_text(&r, "250-x\r\n250 START");
    hear_text(&r, "TLS\r\n");
    assert_int_equal(r.action.len, 7);
    ends(&r, PLX_OUTCOME_OPEN, PLX_DETAIL_NONE);
    assert_string_equal(r.excerpt, "250-x\\r\\n250 STARTTLS\\r\\n");
    plx_greeting_fini(&g);
}

static void step_out_of_its_time__ends_before_the_timeout(void **state)
{
    (void)state;
    struct plx_greeting g = mail();
    struct run r;
    begin(&r, &g);
    r.now = at(100);
    hear_text(&r, "220 x\r\n");
    assert_int_equal(r.action.until.ns, at(1100).ns);
    r.now = at(1099);
    step(&r, (struct plx_greeter_event){.type = PLX_GREETER_TIME});
    assert_int_equal(r.action.type, PLX_GREETER_WAIT);
    wait_to_the_end(&r);
    ends(&r, PLX_OUTCOME_TIMEOUT, PLX_DETAIL_GREETING_SILENT);
    plx_greeting_fini(&g);
}

static void more_than_the_limit__is_too_long(void **state)
{
    (void)state;
    struct plx_greeting g = mail();
    char noise[20000];
    struct run r;
    memset(noise, 'x', sizeof noise);
    begin(&r, &g);
    hear_text(&r, "220 x\r\n");
    hear(&r, noise, 63);
    assert_int_equal(r.action.type, PLX_GREETER_WAIT);
    hear(&r, noise, 1);
    ends(&r, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_TOO_LONG);
    begin(&r, &g);
    hear_text(&r, "220 x\r\n");
    hear(&r, noise, sizeof noise);
    ends(&r, PLX_OUTCOME_MISMATCH, PLX_DETAIL_GREETING_TOO_LONG);
    assert_int_equal(strlen(r.excerpt), 96);
    plx_greeting_fini(&g);
}

static void catastrophic_pattern__costs_the_probe_not_the_loop(void **state)
{
    (void)state;
    struct plx_greeting g = {0};
    char noise[1000];
    struct run r;
    memset(noise, 'a', sizeof noise);
    plx_greeting_add(&g, PLX_GREETING_REGEX, "^(a+)+(b|c)+$", 13, 0, 0);
    begin(&r, &g);
    noise[sizeof noise - 1] = '!';
    hear(&r, noise, sizeof noise);
    ends(&r, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_PATTERN);
    plx_greeting_fini(&g);
}

static void one_byte_at_a_time__is_looked_at_a_bounded_number_of_times(void **state)
{
    (void)state;
    struct plx_greeting g = {0};
    struct run r;
    plx_greeting_add(&g, PLX_GREETING_REGEX, "b", 1, 16384, 0);
    begin(&r, &g);
    int n = 0;
    for (; n < 16384 && r.action.type == PLX_GREETER_WAIT; n++)
        hear(&r, "a", 1);
    assert_in_range(n, 200, 300);
    ends(&r, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_PATTERN);
    plx_greeting_fini(&g);
}

static void text__escapes_there_and_back(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    char text[2048];
    size_t n;
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    assert_int_equal(plx_greeting_escape(all, 256, text, sizeof text), 256);
    assert_int_equal(plx_greeting_unescape(text, back, sizeof back, &n), 0);
    assert_int_equal(n, 256);
    assert_memory_equal(all, back, 256);
    assert_int_equal(plx_greeting_escape("ab\r\n", 4, text, 6), 3);
    assert_string_equal(text, "ab\\r");
    assert_int_equal(plx_greeting_unescape("\\x4", back, 9, &n), PLX_EINVAL);
    assert_int_equal(plx_greeting_unescape("\\", back, 9, &n), PLX_EINVAL);
    assert_int_equal(plx_greeting_unescape("abc", back, 2, &n), PLX_ETOOBIG);
    assert_int_equal(plx_greeting_unhex("00 Ff", back, 9, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(plx_greeting_unhex(" ", back, 9, &n), PLX_EINVAL);
    assert_int_equal(plx_greeting_unhex("0", back, 9, &n), PLX_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_dialogues__in_one_piece_and_byte_by_byte),
        cmocka_unit_test(every_preset__has_a_recorded_yes_and_no),
        cmocka_unit_test(every_preset__is_sound_and_has_a_name),
        cmocka_unit_test(silence_half_an_answer_and_a_close__are_told_apart),
        cmocka_unit_test(good_end__comes_with_the_goodbye),
        cmocka_unit_test(steps__each_see_what_came_after_the_one_before),
        cmocka_unit_test(step_out_of_its_time__ends_before_the_timeout),
        cmocka_unit_test(more_than_the_limit__is_too_long),
        cmocka_unit_test(catastrophic_pattern__costs_the_probe_not_the_loop),
        cmocka_unit_test(one_byte_at_a_time__is_looked_at_a_bounded_number_of_times),
        cmocka_unit_test(text__escapes_there_and_back),
    };
    return PLX_RUN(tests);
}
