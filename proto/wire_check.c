#include "proto/wire_check.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

#define TEXT_MAX 4096

void plx_wire_fail(struct plx_wire_check *c, int err, const char *field, const char *rule)
{
    if (c->err == 0)
        c->err = plx_why_set(c->why, err, "field '%s' %s", field, rule);
}

void *plx_wire_alloc(struct plx_wire_check *c, size_t n, size_t size)
{
    void *p = plx_arena_array(c->arena, n ? n : 1, size);
    if (!p)
        plx_wire_fail(c, PLX_ETOOBIG, "(message)",
                      "needs more memory than a message may");
    return p;
}

bool plx_wire_in_range(struct plx_wire_check *c, const char *field, int64_t v,
                       int64_t min, int64_t max)
{
    if (v >= min && v <= max)
        return true;
    plx_wire_fail(c, PLX_EMALFORMED, field, "is out of range");
    return false;
}

const char *plx_wire_text(struct plx_wire_check *c, const char *field, const char *s)
{
    if (!s)
        return "";
    size_t len = strnlen(s, TEXT_MAX + 1);
    if (len > TEXT_MAX)
        plx_wire_fail(c, PLX_ETOOBIG, field, "is longer than 4096 bytes");
    else if (!plx_text_is_clean(s, len))
        plx_wire_fail(c, PLX_EMALFORMED, field, "is not printable UTF-8");
    else
        return s;
    return "";
}

struct plx_wall plx_wire_wall(struct plx_wire_check *c, const char *field, int64_t ns)
{
    return (struct plx_wall){
        plx_wire_in_range(c, field, ns, 0, PLX_WIRE_WALL_MAX_NS) ? ns : 0};
}
