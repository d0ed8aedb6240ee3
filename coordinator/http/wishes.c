#include "coordinator/http/wishes.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* Whether what follows a coding gives it the weight 0: ";q=0", ";q=0.000". */
static bool is_refused(const char *params, size_t len)
{
    const char *end = params + len;
    while (params < end && strchr(BLANKS ";", *params))
        params++;
    if (end - params < 3 || strncasecmp(params, "q=0", 3) != 0)
        return false;
    for (params += 3; params < end; params++)
        if (*params >= '1' && *params <= '9')
            return false;
    return true;
}

static bool is_coding(const char *item, size_t len, const char *coding)
{
    return len == strlen(coding) && strncasecmp(item, coding, len) == 0;
}

bool plx_wishes_gzip(const char *accept_encoding)
{
    const char *at = accept_encoding ? accept_encoding : "";
    bool any = false;
    while (*at) {
        at += strspn(at, BLANKS ",");
        size_t len = strcspn(at, ","), name = strcspn(at, BLANKS ",;");
        bool takes = !is_refused(at + name, len - name);
        if (is_coding(at, name, "gzip") || is_coding(at, name, "x-gzip"))
            return takes;
        if (is_coding(at, name, "*"))
            any = takes;
        at += len;
    }
    return any;
}

bool plx_wishes_know(const char *if_none_match, const char *tag)
{
    const char *at = if_none_match;
    const size_t wanted = strlen(tag);
    if (wanted == 0)
        return false;
    while (*at) {
        at += strspn(at, BLANKS ",");
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t len = strcspn(at, BLANKS ",");
        if ((len == wanted && strncmp(at, tag, len) == 0) || is_coding(at, len, "*"))
            return true;
        at += len;
    }
    return false;
}
