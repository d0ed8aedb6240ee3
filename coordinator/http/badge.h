/* A badge: a small SVG with a label and a value, for READMEs and wikis. Pure. */
#ifndef PLX_HTTP_BADGE_H
#define PLX_HTTP_BADGE_H

#include "base/buf.h"

enum plx_badge_tone {
    PLX_BADGE_GREEN,
    PLX_BADGE_AMBER,
    PLX_BADGE_RED,
    PLX_BADGE_BLUE,
    PLX_BADGE_GREY,
};

/* Texts of any content; long ones are cut. White on the colours has a contrast of at
 * least 4.5 to 1 (WCAG AA). */
void plx_badge_write(const char *label, const char *value, enum plx_badge_tone tone,
                     struct plx_buf *out);

#endif
