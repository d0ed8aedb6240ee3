/* Inside of monitors: the value of the key `greeting`, read and written. */
#ifndef PLX_SCHEMA_GREETING_KEY_H
#define PLX_SCHEMA_GREETING_KEY_H

#include "schema/value.h"

#include "base/greeting.h"
#include "base/why.h"
#include "sys/doc.h"

#include <stdbool.h>

/* The name of a preset, or a list of steps. Errors name the place. Leaves what it has
 * read in `greeting` also after an error. */
int plx_greeting_read(const struct plx_doc *doc, const struct plx_node *node,
                      struct plx_greeting *greeting, struct plx_why *why);
/* False (nothing written) for none. */
bool plx_greeting_write(const struct plx_greeting *greeting, struct plx_value_out *out);

#endif
