#include "coordinator/http/proxies.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

/* The address of a list's part, without blanks around it and, as some proxies write it,
 * without port. */
static int parse_part(const char *part, size_t len, struct plx_addr *ret)
{
    char text[PLX_ADDR_TEXT_MAX + 8];
    while (len > 0 && (*part == ' ' || *part == '\t')) {
        part++;
        len--;
    }
    while (len > 0 && (part[len - 1] == ' ' || part[len - 1] == '\t'))
        len--;
    if (len == 0 || len >= sizeof text)
        return PLX_EINVAL;
    memcpy(text, part, len);
    text[len] = '\0';
    char *close = strchr(text, ']'), *colon = strchr(text, ':');
    if (text[0] == '[' && close) {
        *close = '\0';
        return plx_addr_parse(text + 1, ret);
    }
    if (colon && colon == strrchr(text, ':'))
        *colon = '\0';
    return plx_addr_parse(text, ret);
}

int plx_proxies_parse(const char *text, struct plx_proxies *ret, struct plx_why *why)
{
    *ret = (struct plx_proxies){.n = 0};
    while (text && *text) {
        size_t len = strcspn(text, ",");
        if (ret->n == PLX_PROXIES_MAX)
            return plx_why_set(why, PLX_EINVAL, "at most %d addresses", PLX_PROXIES_MAX);
        if (parse_part(text, len, &ret->list[ret->n]) < 0)
            return plx_why_set(why, PLX_EINVAL, "'%.*s' is no IP address", (int)len,
                               text);
        ret->n++;
        text += len + (text[len] == ',');
    }
    return 0;
}

static struct plx_addr addr_of(const struct sockaddr *peer)
{
    struct plx_addr addr = {0};
    if (peer && peer->sa_family == AF_INET) {
        addr.family = 4;
        memcpy(addr.bytes, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
               4);
    } else if (peer && peer->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(v6);
        addr.family = mapped ? 4 : 6;
        memcpy(addr.bytes, mapped ? &v6->s6_addr[12] : v6->s6_addr, mapped ? 4 : 16);
    }
    return addr;
}

static void to_sockaddr(const struct plx_addr *addr, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    if (addr->family == 4) {
        ret->ss_family = AF_INET;
        memcpy(&((struct sockaddr_in *)ret)->sin_addr, addr->bytes, 4);
    } else if (addr->family == 6) {
        ret->ss_family = AF_INET6;
        memcpy(&((struct sockaddr_in6 *)ret)->sin6_addr, addr->bytes, 16);
    }
}

static bool is_trusted(const struct plx_proxies *proxies, const struct plx_addr *addr)
{
    for (size_t i = 0; i < proxies->n; i++)
        if (plx_addr_equal(&proxies->list[i], addr))
            return true;
    return false;
}

bool plx_proxies_has(const struct plx_proxies *proxies, const struct sockaddr *peer)
{
    struct plx_addr addr = addr_of(peer);
    return is_trusted(proxies, &addr);
}

void plx_proxies_caller(const struct plx_proxies *proxies, const struct sockaddr *peer,
                        const char *forwarded, struct sockaddr_storage *ret)
{
    struct plx_addr caller = addr_of(peer), said;
    size_t end = forwarded ? strlen(forwarded) : 0;
    while (end > 0 && is_trusted(proxies, &caller)) {
        size_t begin = end;
        while (begin > 0 && forwarded[begin - 1] != ',')
            begin--;
        /* What is no address leaves the last proxy as the one who asks. */
        if (parse_part(forwarded + begin, end - begin, &said) < 0)
            break;
        caller = said;
        end = begin > 0 ? begin - 1 : 0;
    }
    to_sockaddr(&caller, ret);
}
