#include "cli/cli.h"

#include "base/err.h"
#include "sys/complaint.h"

#include <stdarg.h>

int plx_complain(int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    plx_complaint_v("parallax", fmt, ap);
    va_end(ap);
    return code;
}

int plx_exit_of(int err)
{
    switch (err) {
    case 0:
        return PLX_EXIT_OK;
    case PLX_EINVAL:
    case PLX_ENOTFOUND:
    case PLX_EEXISTS:
    case PLX_ETOOBIG:
    case PLX_ECONFLICT:
    case PLX_EUNSUPPORTED:
        return PLX_EXIT_USAGE;
    case PLX_EGONE:
    case PLX_ETIMEOUT:
        return PLX_EXIT_UNREACHABLE;
    default:
        return PLX_EXIT_FAILED;
    }
}
