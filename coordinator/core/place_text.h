/* A place in words: for core/place only. */
#ifndef PLX_CORE_PLACE_TEXT_H
#define PLX_CORE_PLACE_TEXT_H

#include "coordinator/core/place.h"

/* `views` are those the place was found from. */
void plx_place_write_sentence(const struct plx_place_view *views,
                              struct plx_place *place);

#endif
