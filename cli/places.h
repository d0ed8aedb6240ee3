/* Where something broke, as explain and an incident show it. */
#ifndef PLX_CLI_PLACES_H
#define PLX_CLI_PLACES_H

#include "cli/render.h"

/* The answer's "places", some lines each; `now` for how long ago, or NULL. */
void plx_places_print(const json_t *answer, const char *now);

#endif
