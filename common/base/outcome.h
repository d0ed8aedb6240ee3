/* What one TCP probe gave: the one table of outcomes, their classes and their words. */
#ifndef PLX_BASE_OUTCOME_H
#define PLX_BASE_OUTCOME_H

#include <stdbool.h>

/* What an outcome can be evidence about. */
enum plx_outcome_class {
    PLX_CLASS_ANSWERED, /* something at that address answered */
    PLX_CLASS_SILENT,   /* nothing came back: compatible with anything */
    PLX_CLASS_ROUTED,   /* the network spoke: the sender of the ICMP error is evidence */
    PLX_CLASS_NAME,     /* about the name, not the address */
    PLX_CLASS_LOCAL,    /* about the agent only: no evidence against the target */
};

/* Values are on the wire and in the database: never renumber.
 * name, value, class, token */
#define PLX_OUTCOME_TABLE(X)                                                             \
    X(OPEN, 1, ANSWERED, "open")                                                         \
    X(REFUSED, 2, ANSWERED, "refused")                                                   \
    X(TIMEOUT, 3, SILENT, "timeout")                                                     \
    X(UNREACHABLE, 4, ROUTED, "unreachable")                                             \
    X(RESET, 5, ANSWERED, "reset")                                                       \
    X(MISMATCH, 6, ANSWERED, "mismatch")                                                 \
    X(DNS_FAILURE, 7, NAME, "dns_failure")                                               \
    X(LOCAL_ERROR, 8, LOCAL, "local_error")                                              \
    X(SKIPPED, 9, LOCAL, "skipped")

enum plx_outcome {
    PLX_OUTCOME_NONE = 0,
#define X(name, value, class, token) PLX_OUTCOME_##name = (value),
    PLX_OUTCOME_TABLE(X)
#undef X
        PLX_OUTCOME_COUNT_,
};

/* Who or what is unreachable, from the ICMP code or errno (UNREACHABLE only).
 * Values are on the wire and in the database: never renumber. */
enum plx_unreach {
    PLX_UNREACH_NONE = 0,
    PLX_UNREACH_NET = 1,        /* ICMP 3/0, 3/6; ICMPv6 1/0; ENETUNREACH */
    PLX_UNREACH_HOST = 2,       /* ICMP 3/1, 3/7; ICMPv6 1/3; EHOSTUNREACH */
    PLX_UNREACH_PROHIBITED = 3, /* ICMP 3/9, 3/10, 3/13; ICMPv6 1/1, 1/5, 1/6 */
    PLX_UNREACH_PORT = 4,       /* ICMP 3/3; ICMPv6 1/4: a reject by a filter */
    PLX_UNREACH_OTHER = 5,
};

/* "open", "refused", …; "none" for an unknown value. Never NULL. */
const char *plx_outcome_token(enum plx_outcome o);
enum plx_outcome_class plx_outcome_class(enum plx_outcome o);
/* The outcome of a token; PLX_OUTCOME_NONE if there is none such. */
enum plx_outcome plx_outcome_parse(const char *token);
/* True for LOCAL_ERROR and SKIPPED: no evidence about the target. */
bool plx_outcome_is_local(enum plx_outcome o);

/* "net", "host", "prohibited", "port", "other"; "" for none. */
const char *plx_unreach_token(enum plx_unreach u);
enum plx_unreach plx_unreach_parse(const char *token);

#endif
