/* The ready greetings: one row of steps each, with a goodbye that the protocol knows
 * wherever it has one, so that a healthy server has nothing to complain about. */
#include "base/greeting.h"

#include <string.h>

#define LITERAL(kind, text)                                                              \
    {                                                                                    \
        (kind), (uint8_t *)(text), sizeof(text) - 1, 0, 0                                \
    }
#define SEND(text)    LITERAL(PLX_GREETING_SEND, text)
#define MATCHES(text) LITERAL(PLX_GREETING_REGEX, text)

/* RFC 4253 4.2: lines may come before the identification. The disconnect is 11.1 with
 * reason 11 (by application), which OpenSSH logs as information, not as an error. */
static const struct plx_greeting_step ssh[] = {
    MATCHES("^(?:(?!SSH-)[^\\n]*\\n)*+SSH-(?:2\\.0|1\\.99)-[^\\n]*\\n"),
    SEND("SSH-2.0-Parallax\r\n"),
    SEND("\0\0\0\x1c\x0b"
         "\x01\0\0\0\x0b\0\0\0\x03"
         "bye\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0"),
};

/* RFC 5321 4.2, RFC 959 4.2: lines between the first and the last need no number. */
#define READY_220                                                                        \
    "^220(?:-[^\\n]*\\n(?:(?!220[ \\r\\n])[^\\n]*\\n)*+220)?(?:[ \\r][^\\n]*)?\\n"
static const struct plx_greeting_step smtp[] = {MATCHES(READY_220), SEND("QUIT\r\n")};
static const struct plx_greeting_step ftp[] = {MATCHES(READY_220), SEND("QUIT\r\n")};

/* RFC 3501 7.1 */
static const struct plx_greeting_step imap[] = {
    MATCHES("^\\* (?:OK|PREAUTH)[ \\r\\n][^\\n]*+\\n?+"), SEND("a1 LOGOUT\r\n")};

/* RFC 1939 4 */
static const struct plx_greeting_step pop3[] = {MATCHES("^\\+OK[^\\n]*\\n"),
                                                SEND("QUIT\r\n")};

/* Protocol::HandshakeV10: three bytes of length, number 0, 10, a version, NUL. Hanging up
 * then counts against max_connect_errors, so that MariaDB shuts out our address (seen
 * with 10.11 after 5 probes); a login does not, even a refused one. So the user
 * "parallax" without a password logs in: HandshakeResponse41 with PROTOCOL_41,
 * SECURE_CONNECTION, utf8. Any answer number 2 will do. */
static const struct plx_greeting_step mysql[] = {
    MATCHES("^(?s:..)\\x00\\x00\\x0a[^\\x00]++\\x00(?s:.{12}\\x00.{18}.{12}\\x00)"),
    SEND("\x2a\0\0\x01"
         "\x00\x82\0\0\0\0\0\x01\x21"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
         "parallax\0"
         "\0"),
    /* what is left of the first packet is the name of a method */
    MATCHES("(?s)^(?:[a-z0-9_]++\\x00)?+...[\\x02\\x03][\\x00\\xfe\\xff]"),
    SEND("\x01\0\0\0\x01"),
};

/* GSSENCRequest rather than SSLRequest: after either the server waits for more, but a
 * PostgreSQL (15 seen) with TLS logs "could not accept SSL connection" when a client
 * hangs up there, and says nothing after this one. Known since version 12 and to
 * PgBouncer 1.13; 'N' comes from those without GSSAPI. */
static const struct plx_greeting_step postgresql[] = {
    SEND("\0\0\0\x08\x04\xd2\x16\x30"),
    MATCHES("^[GN]\\z"),
};

/* A server that wants a password first is alive too. */
static const struct plx_greeting_step redis[] = {
    SEND("PING\r\n"),
    MATCHES("^(?:\\+PONG\\r\\n|-NOAUTH [^\\n]*\\n)"),
    SEND("QUIT\r\n"),
};

static const struct plx_greeting_step memcached[] = {
    SEND("version\r\n"),
    MATCHES("^VERSION [^\\n]*\\n"),
    SEND("quit\r\n"),
};

/* RFC 4511 4.2: a bind as nobody, answered with any result; 4.3: the unbind. */
static const struct plx_greeting_step ldap[] = {
    SEND("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"),
    MATCHES("^\\x30(?s:.){1,5}?\\x02\\x01\\x01\\x61"),
    SEND("\x30\x05\x02\x01\x02\x42\0"),
};

/* MQTT 3.1.1, clean session, no name of its own; refused is answered too (3.2.2.3). */
static const struct plx_greeting_step mqtt[] = {
    SEND("\x10\x0c\0\x04"
         "MQTT\x04\x02\0\x3c\0\0"),
    MATCHES("^\\x20\\x02[\\x00\\x01][\\x00-\\x05]"),
    SEND("\xe0\0"),
};

/* Connection.Start on channel 0, or the version that the server wants instead. */
static const struct plx_greeting_step amqp[] = {
    SEND("AMQP\0\0\x09\x01"),
    MATCHES("^(?:\\x01\\x00\\x00(?s:....)\\x00\\x0a\\x00\\x0a|AMQP(?s:....))"),
};

/* RFC 3261 11: any answer is one. */
static const struct plx_greeting_step sip[] = {
    SEND("OPTIONS sip:probe@probe.invalid SIP/2.0\r\n"
         "Via: SIP/2.0/TCP probe.invalid;branch=z9hG4bKparallax\r\n"
         "Max-Forwards: 0\r\n"
         "To: <sip:probe@probe.invalid>\r\n"
         "From: <sip:probe@probe.invalid>;tag=parallax\r\n"
         "Call-ID: parallax@probe.invalid\r\n"
         "CSeq: 1 OPTIONS\r\n"
         "Content-Length: 0\r\n\r\n"),
    MATCHES("^SIP/2\\.0 [1-6][0-9][0-9] [^\\n]*\\n"),
};

/* What the server says on its own; there is no goodbye, and a client that hangs up is
 * logged only for debugging (nats-server 2.9 seen). docs.nats.io: Client Protocol, INFO.
 */
static const struct plx_greeting_step nats[] = {MATCHES("^INFO [ \\t]*\\{[^\\n]*\\n")};

/* doc/protocol.txt: `stats` needs no tube and no job, and its body's size comes first. A
 * client that leaves, with or without `quit`, is logged with -V only (1.12 seen). */
static const struct plx_greeting_step beanstalkd[] = {
    SEND("stats\r\n"),
    MATCHES("^OK [0-9]++\\r\\n"),
    SEND("quit\r\n"),
};

struct preset {
    const char *token;
    const struct plx_greeting_step *steps;
    size_t n_steps;
};

static const struct preset presets[PLX_GREETING_PRESET_COUNT_] = {
    [PLX_GREETING_NO_PRESET] = {"", NULL, 0},
#define X(name, value, token)                                                            \
    [PLX_GREETING_##name] = {#token, token, sizeof(token) / sizeof *(token)},
    PLX_GREETING_PRESET_TABLE(X)
#undef X
};

static const struct preset *row_of(enum plx_greeting_preset preset)
{
    return &presets[(unsigned)preset < PLX_GREETING_PRESET_COUNT_ ? preset : 0];
}

const struct plx_greeting_step *plx_greeting_steps(const struct plx_greeting *g,
                                                   size_t *ret_n)
{
    if (g->preset == PLX_GREETING_NO_PRESET) {
        *ret_n = g->n_steps;
        return g->steps;
    }
    *ret_n = row_of(g->preset)->n_steps;
    return row_of(g->preset)->steps;
}

struct plx_greeting plx_greeting_as_sent(const struct plx_greeting *g)
{
    struct plx_greeting spelled = {0};
    if (g->preset <= PLX_GREETING_PRESET_SENT_MAX)
        return *g;
    /* Nobody writes through what is lent. */
    spelled.steps =
        (struct plx_greeting_step *)(uintptr_t)plx_greeting_steps(g, &spelled.n_steps);
    return spelled;
}

const char *plx_greeting_preset_token(enum plx_greeting_preset preset)
{
    return row_of(preset)->token;
}

enum plx_greeting_preset plx_greeting_preset_parse(const char *token)
{
    for (int i = 1; i < PLX_GREETING_PRESET_COUNT_; i++)
        if (strcmp(presets[i].token, token) == 0)
            return (enum plx_greeting_preset)i;
    return PLX_GREETING_NO_PRESET;
}

const char *plx_greeting_preset_list(void)
{
    static const char list[] =
#define X(name, value, token) ", " #token
        PLX_GREETING_PRESET_TABLE(X)
#undef X
        ;
    return list + 2;
}
