#include "cli/cli.h"

#include "base/err.h"
#include "cli/text_width.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int plx_complain(int code, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    plx_text_tame(text);
    fflush(stdout);
    fprintf(stderr, "parallax: %s\n", text);
    free(text);
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
