/* A message: everything that can be told of an incident at one moment.
 *
 * It is made when the change is committed and kept in the outbox as JSON, so that what is
 * sent late still says what was true when it happened. Every kind of receiver is written
 * from it. docs/ALERTS.md documents the fields for those who read the JSON. */
#ifndef PLX_RECEIVERS_MESSAGE_H
#define PLX_RECEIVERS_MESSAGE_H

#include "base/json.h"
#include "base/monitor.h"
#include "base/why.h"

#define PLX_MESSAGE_MEMBERS_MAX 50 /* named; the rest is counted */

struct plx_message {
    char *key;   /* idempotency: the same however often it is sent */
    char *event; /* open, escalate, repeat, update, ack, resolve, test */
    uint64_t incident;
    char *kind;             /* service, dns, host, network, path, …, coverage */
    char *severity;         /* critical, warning, ours */
    char *state;            /* open, ending, closed */
    char *entity;           /* what broke */
    char *title;            /* one line */
    char *sentence;         /* why */
    struct plx_wall at;     /* of this message */
    struct plx_wall onset;  /* of the first failure */
    struct plx_wall opened; /* of the incident */
    struct plx_wall closed; /* 0: not */
    struct plx_wall acked;  /* 0: not */
    char *acked_by;
    char *note; /* what whoever acknowledged said; "" */
    bool flapping;
    char **members; /* names of affected monitors; at the end: of those that were */
    size_t n_members;
    size_t n_affected;        /* of all of them, named or not */
    struct plx_label *labels; /* those that all members share */
    size_t n_labels;
    char *runbook; /* of the first member that has one; "" */
    char *url;     /* of the incident in the dashboard; "" if none is configured */
};

/* Frees what it owns and zeroes it; accepts a zeroed one. */
void plx_message_fini(struct plx_message *message);
/* As one JSON object. */
void plx_message_write(const struct plx_message *message, struct plx_json *j);
/* Reads what plx_message_write wrote. PLX_EMALFORMED with a sentence. Keys that are not
 * known are left out; those missing are empty. Initialises `ret` on success. */
int plx_message_read(const char *json, struct plx_message *ret, struct plx_why *why);

/* True for what means "there is something to do": open, escalate, repeat, update, ack. */
bool plx_message_is_firing(const struct plx_message *message);
/* The same for all messages of one incident: for receivers that join what belongs
 * together ("parallax-incident-12"). */
#define PLX_MESSAGE_GROUP_MAX 48
const char *plx_message_group(const struct plx_message *message,
                              char buf[PLX_MESSAGE_GROUP_MAX]);

#endif
