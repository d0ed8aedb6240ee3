#include "base/result.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <string.h>

const char *plx_addr_format(const struct plx_addr *addr, char buf[PLX_ADDR_TEXT_MAX])
{
    buf[0] = '\0';
    if (addr->family == 4)
        inet_ntop(AF_INET, addr->bytes, buf, PLX_ADDR_TEXT_MAX);
    else if (addr->family == 6)
        inet_ntop(AF_INET6, addr->bytes, buf, PLX_ADDR_TEXT_MAX);
    return buf;
}

int plx_addr_parse(const char *text, struct plx_addr *ret)
{
    struct plx_addr addr = {0};
    if (inet_pton(AF_INET, text, addr.bytes) == 1)
        addr.family = 4;
    else if (inet_pton(AF_INET6, text, addr.bytes) == 1)
        addr.family = 6;
    else
        return PLX_EINVAL;
    *ret = addr;
    return 0;
}

bool plx_addr_equal(const struct plx_addr *a, const struct plx_addr *b)
{
    size_t len = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
    return a->family == b->family && memcmp(a->bytes, b->bytes, len) == 0;
}

bool plx_result_is_held_back(const struct plx_result *result)
{
    return result->kind == PLX_PROBE_SCHEDULED &&
           result->outcome == PLX_OUTCOME_SKIPPED &&
           result->detail == PLX_DETAIL_LOCAL_RATE;
}

/* How long before the end a SYN must have been due for its answer to be missed. */
#define ANSWER_NS (PLX_SEC_NS / 5)

uint32_t plx_result_resent_in_time(const struct plx_result *result)
{
    uint32_t n = result->syn_retrans;
    if (result->outcome != PLX_OUTCOME_TIMEOUT || n == 0)
        return n;
    int64_t seconds = result->duration_ns / PLX_SEC_NS;
    bool linear = seconds == (int64_t)n;
    bool doubled = n < 8 && seconds == (INT64_C(1) << n) - 1;
    bool just_now = result->duration_ns % PLX_SEC_NS < ANSWER_NS;
    return n - ((linear || doubled) && just_now);
}

const char *plx_detail_token(enum plx_detail d)
{
    switch (d) {
#define X(name, value, token, sentence)                                                  \
    case PLX_DETAIL_##name:                                                              \
        return token;
        PLX_DETAIL_TABLE(X)
#undef X
    }
    return "";
}

const char *plx_detail_sentence(enum plx_detail d)
{
    switch (d) {
#define X(name, value, token, sentence)                                                  \
    case PLX_DETAIL_##name:                                                              \
        return sentence;
        PLX_DETAIL_TABLE(X)
#undef X
    }
    return "";
}
