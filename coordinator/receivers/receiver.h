/* Kinds of receivers: what is sent for a message, and what an answer means.
 *
 * A kind is one row of PLX_RECEIVER_TABLE below and one file with its
 * plx_receiver_<kind>, which builds requests and, where HTTP's codes do not say it,
 * judges answers. The notifier (coordinator/io) does the sending, with its limits,
 * retries and order. docs/CONTRIBUTING.md says what else belongs to a kind. */
#ifndef PLX_RECEIVERS_RECEIVER_H
#define PLX_RECEIVERS_RECEIVER_H

#include "base/alerting.h"
#include "base/buf.h"
#include "base/why.h"
#include "coordinator/receivers/message.h"

#define PLX_REQUEST_BODY_MAX    (1024 * 1024)
#define PLX_REQUEST_HEADERS_MAX 16
#define PLX_REQUEST_WORDS_MAX   64

enum plx_transport {
    PLX_TRANSPORT_HTTP,
    PLX_TRANSPORT_MAIL,    /* SMTP: url is smtp://… or smtps://… */
    PLX_TRANSPORT_COMMAND, /* a program: words is its argv, body its standard input */
};

/* What is to be sent. */
struct plx_request {
    enum plx_transport transport;
    struct plx_why trouble; /* of what could not be put in: see plx_receiver_build */
    const char *method;     /* HTTP: a literal; NULL: POST */
    char *url;
    char *headers[PLX_REQUEST_HEADERS_MAX]; /* "Name: value" */
    size_t n_headers;
    struct plx_buf body;
    /* Mail: the sender, then who it is for. Command: the program's name in the
     * commands_dir and its arguments. */
    char *words[PLX_REQUEST_WORDS_MAX];
    size_t n_words;
    char *username, *password; /* NULL: none */
    bool tls_required;         /* mail: STARTTLS must succeed */
    char *ca_file;             /* a name in the secrets_dir; NULL: the system's */
};
void plx_request_init(struct plx_request *request);
void plx_request_fini(struct plx_request *request);
/* These two leave out what cannot be sent (a value that would begin a header of its own,
 * more than there is room for) and note it in `trouble`. */
void plx_request_header(struct plx_request *request, const char *name, const char *value);
void plx_request_word(struct plx_request *request, const char *word);

/* What came back. */
struct plx_reply {
    long status;         /* HTTP or SMTP code, exit status; 0: none came */
    const char *body;    /* its beginning, not more than 64 KiB */
    const char *trouble; /* the transport's own error; "" for none */
    int64_t wait_ns;     /* Retry-After; 0: none */
};

/* Whether the value will do; PLX_EINVAL with a sentence that begins with a verb: "must
 * be …". */
typedef int plx_option_check_fn(const char *value, struct plx_why *why);

struct plx_receiver_key {
    const char *name;
    bool required;
    bool secret;                /* given only as NAME_file or NAME_env, never listed */
    plx_option_check_fn *check; /* NULL: any text */
};

/* How an option is given: NAME, NAME_file, NAME_env. */
enum plx_reference {
    PLX_REFERENCE_NONE,
    PLX_REFERENCE_FILE, /* the value is a file's name in the coordinator's secrets_dir */
    PLX_REFERENCE_ENV,  /* the value is a variable's name, PLX_SECRET_ENV… */
};
#define PLX_SECRET_ENV "PARALLAX_"

struct plx_receiver_kind {
    const char *name;
    const struct plx_receiver_key *keys;
    size_t n_keys;
    /* Writes the request (call plx_receiver_build). `receiver` has its secrets filled in
     * under their own names. 0, or an error with a sentence: then the message cannot be
     * sent at all. */
    int (*build)(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why);
    /* NULL: plx_reply_judge. */
    enum plx_fate (*judge)(const struct plx_reply *reply, struct plx_why *why);
};

/* The kinds, a row each: the name of plx_receiver_<name>, by file. */
#define PLX_RECEIVER_TABLE(X)                                                            \
    X(webhook)                                                                           \
    X(alertmanager)                                                                      \
    X(alertmanager_webhook)                                                              \
    X(slack)                                                                             \
    X(discord)                                                                           \
    X(teams)                                                                             \
    X(googlechat)                                                                        \
    X(rocketchat)                                                                        \
    X(pagerduty)                                                                         \
    X(ntfy)                                                                              \
    X(mail)                                                                              \
    X(command)

#define X(kind) extern const struct plx_receiver_kind plx_receiver_##kind;
PLX_RECEIVER_TABLE(X)
#undef X

extern const struct plx_receiver_kind *const plx_receiver_kinds[];
extern const size_t plx_n_receiver_kinds;
/* NULL if there is none. */
const struct plx_receiver_kind *plx_receiver_kind(const char *name);

#define PLX_REPLY_LINE_MAX 81
/* The first line of the answer, cut and printable. */
const char *plx_reply_line(const struct plx_reply *reply, char buf[PLX_REPLY_LINE_MAX]);

/* The kind's key that the option is about, and how it is given; NULL: none. */
const struct plx_receiver_key *plx_receiver_key(const struct plx_receiver_kind *kind,
                                                const char *option,
                                                enum plx_reference *ret_how);

/* What HTTP says: 2xx is delivered; 408, 425, 429, 5xx, redirects (which are not
 * followed) and no answer at all are worth another try; other 4xx are not. `why` is set
 * to one sentence about it in any case. */
enum plx_fate plx_reply_judge(const struct plx_reply *reply, struct plx_why *why);

/* For keys: http:// or https:// with a host. */
int plx_check_url(const char *value, struct plx_why *why);
/* For keys: true or false. */
int plx_check_bool(const char *value, struct plx_why *why);
/* For keys: a plain file name, that leads out of no folder. */
int plx_check_file_name(const char *value, struct plx_why *why);

/* Refuses options that the kind does not know or lacks; `ret_key` (may be NULL) names the
 * one at fault, "" for one that is missing. PLX_EINVAL with a sentence. */
int plx_receiver_check(const struct plx_receiver *receiver, const char **ret_key,
                       struct plx_why *why);

/* Whether what the references of `receiver` gave will do for its kind: `filled` is its
 * copy with the values added under the keys' own names. PLX_EINVAL with a sentence in
 * which no value stands: it may be secret. */
int plx_receiver_check_filled(const struct plx_receiver *filled,
                              const struct plx_receiver *receiver, struct plx_why *why);

/* The kind's `build`, and what was left out of the request is an error. */
int plx_receiver_build(const struct plx_receiver *filled,
                       const struct plx_message *message, struct plx_wall now,
                       struct plx_request *ret, struct plx_why *why);

#endif
