/* Templates: text with {{field}} in it, written for one message.
 *
 * No conditions and no loops: what depends on the event is a field of its own
 * ({{headline}}, {{details}}). "{{" always begins a field. docs/ALERTS.md lists the
 * fields. */
#ifndef PLX_RECEIVERS_TEMPLATE_H
#define PLX_RECEIVERS_TEMPLATE_H

#include "base/buf.h"
#include "base/why.h"
#include "coordinator/receivers/message.h"

#define PLX_TEMPLATE_MAX      4096           /* bytes of a template */
#define PLX_TEMPLATE_TEXT_MAX (64 * 1024)    /* bytes of what comes of it */
#define PLX_HEADLINE          "{{headline}}" /* the template where none is given */
#define PLX_DETAILS           "{{details}}"

/* For keys of kinds: PLX_EINVAL with a sentence about the first thing that is wrong, and
 * in which line of the template if it has several. */
int plx_check_template(const char *value, struct plx_why *why);

/* Gives the text, at most `max_chars` characters of UTF-8; what is cut ends in "…".
 * A field that is not known is left out: the check has been made at apply. */
char *plx_template_text(const char *template, const struct plx_message *message,
                        size_t max_chars);

#endif
