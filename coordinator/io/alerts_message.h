/* What is told of an incident, in words. */
#ifndef PLX_COORDINATOR_ALERTS_MESSAGE_H
#define PLX_COORDINATOR_ALERTS_MESSAGE_H

#include "coordinator/core/catalog.h"
#include "coordinator/core/incident.h"
#include "coordinator/receivers/message.h"

#define PLX_TITLE_MAX 320
/* "host 192.0.2.7 is down (40 monitors)". */
const char *plx_incident_title(const struct plx_incident *incident,
                               char buf[PLX_TITLE_MAX]);

/* Gives the message (plx_message_fini). `note`: what was said with it; "" for nothing.
 * `public_url`: of the dashboard, without a slash at its end; NULL for no link. */
void plx_message_of(const struct plx_incident *incident,
                    const struct plx_catalog *catalog, const struct plx_notice_want *want,
                    struct plx_wall now, const char *note, const char *public_url,
                    struct plx_message *ret);

/* The message as a letter holds it; the caller frees. */
char *plx_alerts_letter_body(const struct plx_message *message);

/* The key of a notice. */
#define PLX_NOTICE_KEY_MAX 256
const char *plx_notice_key(const struct plx_notice_want *want,
                           char buf[PLX_NOTICE_KEY_MAX]);

#endif
