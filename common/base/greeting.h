/* A greeting: what a probe says to a server and what it wants to hear, as data.
 *
 * A list of steps, or the name of a ready one (a preset). A step sends bytes or expects
 * bytes; steps that send after the last one that expects are the goodbye. Each
 * expectation looks at what came after the end of the one before. Owned bytes live on the
 * heap; a zeroed struct is "no greeting". The run of one is agent/core/greeting's. */
#ifndef PLX_BASE_GREETING_H
#define PLX_BASE_GREETING_H

#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values are on the wire and in the database. */
enum plx_greeting_kind {
    PLX_GREETING_SEND = 0,
    PLX_GREETING_PREFIX = 1,   /* expects these bytes, at once */
    PLX_GREETING_CONTAINS = 2, /* expects these bytes, somewhere */
    PLX_GREETING_REGEX = 3,    /* expects a match (base/regex) */
};

#define PLX_GREETING_STEPS_MAX       8
#define PLX_GREETING_SEND_MAX        4096  /* bytes in all */
#define PLX_GREETING_READ_MAX        16384 /* bytes in all */
#define PLX_GREETING_MAX_BYTES_USUAL 2048  /* of a step that does not say */
#define PLX_GREETING_LITERAL_MAX     4096  /* bytes of one prefix or part */

struct plx_greeting_step {
    enum plx_greeting_kind kind;
    uint8_t *bytes; /* to send, to find, or the pattern */
    size_t len;
    uint32_t max_bytes; /* expect: to read before it is met; 0: the usual number */
    int64_t within_ns;  /* expect: time for it; 0: the probe's timeout */
};

/* The ready ones, a row each: name, value, and token, which is also the name of its steps
 * in greeting_presets.c (a row without steps does not compile). Values are on the wire
 * and in the database: never renumber, add at the end. */
#define PLX_GREETING_PRESET_TABLE(X)                                                     \
    X(SSH, 1, ssh)                                                                       \
    X(SMTP, 2, smtp)                                                                     \
    X(FTP, 3, ftp)                                                                       \
    X(IMAP, 4, imap)                                                                     \
    X(POP3, 5, pop3)                                                                     \
    X(MYSQL, 6, mysql)                                                                   \
    X(POSTGRESQL, 7, postgresql)                                                         \
    X(REDIS, 8, redis)                                                                   \
    X(MEMCACHED, 9, memcached)                                                           \
    X(LDAP, 10, ldap)                                                                    \
    X(MQTT, 11, mqtt)                                                                    \
    X(AMQP, 12, amqp)                                                                    \
    X(SIP, 13, sip)                                                                      \
    X(NATS, 14, nats)                                                                    \
    X(BEANSTALKD, 15, beanstalkd)

/* Agents of the first version know the presets up to here by number. A later one reaches
 * them as its steps: an agent that does not know a number refuses its whole assignment.
 */
#define PLX_GREETING_PRESET_SENT_MAX PLX_GREETING_SIP

enum plx_greeting_preset {
    PLX_GREETING_NO_PRESET = 0,
#define X(name, value, token) PLX_GREETING_##name = (value),
    PLX_GREETING_PRESET_TABLE(X)
#undef X
        PLX_GREETING_PRESET_COUNT_,
};

struct plx_greeting {
    enum plx_greeting_preset preset;
    struct plx_greeting_step *steps; /* without a preset */
    size_t n_steps;
};

bool plx_greeting_is_none(const struct plx_greeting *g);
void plx_greeting_fini(struct plx_greeting *g);
/* Copies `src` into the uninitialised `dst`. */
void plx_greeting_copy(struct plx_greeting *dst, const struct plx_greeting *src);
bool plx_greeting_equal(const struct plx_greeting *a, const struct plx_greeting *b);
/* Appends a step; copies the bytes. */
void plx_greeting_add(struct plx_greeting *g, enum plx_greeting_kind kind,
                      const void *bytes, size_t len, uint32_t max_bytes,
                      int64_t within_ns);
uint64_t plx_greeting_hash(const struct plx_greeting *g, uint64_t seed);

/* The steps, those of the preset if it is one. Lent. */
const struct plx_greeting_step *plx_greeting_steps(const struct plx_greeting *g,
                                                   size_t *ret_n);

/* The greeting as agents are told it: itself, or the steps of a preset that older ones
 * would not know. Lent, as `g`'s bytes are. */
struct plx_greeting plx_greeting_as_sent(const struct plx_greeting *g);

/* Limits, counts, and that patterns compile. Returns 0 or PLX_EINVAL; `ret_step` (may be
 * NULL) is then the step at fault, or n_steps. */
int plx_greeting_check(const struct plx_greeting *g, size_t *ret_step,
                       struct plx_why *why);

/* "" for none. */
const char *plx_greeting_preset_token(enum plx_greeting_preset preset);
/* NO_PRESET if there is none of that name. */
enum plx_greeting_preset plx_greeting_preset_parse(const char *token);
/* All names with ", " between. */
const char *plx_greeting_preset_list(void);

/* ---- bytes as text ---- */

/* Writes `text` with its escapes \r \n \t \0 \\ \xHH undone into `out` of `size` bytes.
 * Returns 0; PLX_EINVAL (an unknown escape), PLX_ETOOBIG; `ret_len` on success. */
int plx_greeting_unescape(const char *text, uint8_t *out, size_t size, size_t *ret_len);
/* "16 03 01" or "160301". Same errors; PLX_EINVAL also for no bytes at all. */
int plx_greeting_unhex(const char *text, uint8_t *out, size_t size, size_t *ret_len);
/* Printable ASCII with escapes for all else, cut (never within an escape) to fit `size`.
 * plx_greeting_unescape turns it back. Returns how many of the bytes are in it. */
size_t plx_greeting_escape(const void *bytes, size_t len, char *out, size_t size);
/* Whether the bytes are easier to read in hex than escaped. */
bool plx_greeting_is_binary(const void *bytes, size_t len);

#endif
