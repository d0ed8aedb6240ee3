#include "agent/core/policy.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builtin {
    uint8_t family, bits, bytes[16];
};

static const struct builtin builtins[] = {
    {4, 8, {0}},                                        /* this network */
    {4, 16, {169, 254}},                                /* link-local, metadata */
    {4, 4, {224}},                                      /* multicast */
    {4, 32, {255, 255, 255, 255}},                      /* broadcast */
    {6, 128, {0}},                                      /* unspecified */
    {6, 10, {0xfe, 0x80}},                              /* link-local */
    {6, 8, {0xff}},                                     /* multicast */
    {6, 128, {0xfd, 0, 0x0e, 0xc2, [14] = 0x02, 0x54}}, /* EC2 metadata */
};

void plx_policy_fini(struct plx_policy *policy)
{
    free(policy->allow);
    free(policy->deny);
    *policy = (struct plx_policy){0};
}

static int parse_prefix(const char *text, struct plx_policy_rule *rule)
{
    char addr[PLX_ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof addr)
        return PLX_EINVAL;
    memcpy(addr, text, len);
    addr[len] = '\0';
    if (plx_addr_parse(addr, &rule->prefix))
        return PLX_EINVAL;
    int64_t most = rule->prefix.family == 4 ? 32 : 128;
    int64_t bits = most;
    if (slash && plx_text_int(slash + 1, 0, most, &bits))
        return PLX_EINVAL;
    rule->bits = (unsigned)bits;
    return 0;
}

static int parse_ports(const char *text, struct plx_policy_rule *rule)
{
    char first[8];
    const char *dash = strchr(text, '-');
    size_t len = dash ? (size_t)(dash - text) : strlen(text);
    if (len >= sizeof first)
        return PLX_EINVAL;
    memcpy(first, text, len);
    first[len] = '\0';
    int64_t from, to;
    if (plx_text_int(first, 1, 65535, &from))
        return PLX_EINVAL;
    to = from;
    if (dash && plx_text_int(dash + 1, from, 65535, &to))
        return PLX_EINVAL;
    rule->port_from = (uint16_t)from;
    rule->port_to = (uint16_t)to;
    return 0;
}

int plx_policy_parse(const char *text, struct plx_policy_rule *ret, struct plx_why *why)
{
    struct plx_policy_rule rule = {.port_from = 1, .port_to = 65535};
    char prefix[64] = "";
    const char *ports = NULL;
    const char *gap = strncmp(text, "port ", 5) == 0 ? text : strstr(text, " port ");
    if (gap)
        ports = gap + (gap == text ? 5 : 6);
    size_t len = gap ? (size_t)(gap - text) : strlen(text);
    int err = len < sizeof prefix ? 0 : PLX_EINVAL;
    if (!err) {
        memcpy(prefix, text, len);
        prefix[len] = '\0';
    }
    if (!err && (len > 0 || !ports))
        err = parse_prefix(prefix, &rule);
    if (!err && ports)
        err = parse_ports(ports, &rule);
    if (err)
        return plx_why_set(why, PLX_EINVAL,
                           "'%.80s' is no rule: expected \"10.0.0.0/8\", \"port 25\" or "
                           "\"10.0.0.0/8 port 25-26\"",
                           text);
    *ret = rule;
    return 0;
}

static int add(struct plx_policy_rule **rules, size_t *n, const char *text,
               struct plx_why *why)
{
    struct plx_policy_rule rule;
    int err = plx_policy_parse(text, &rule, why);
    if (err)
        return err;
    if (*n == PLX_POLICY_RULES_MAX)
        return plx_why_set(why, PLX_ETOOBIG, "more than %d rules", PLX_POLICY_RULES_MAX);
    struct plx_policy_rule *grown = realloc(*rules, (*n + 1) * sizeof **rules);
    if (!grown)
        abort();
    grown[(*n)++] = rule;
    *rules = grown;
    return 0;
}

int plx_policy_add_allow(struct plx_policy *policy, const char *text, struct plx_why *why)
{
    return add(&policy->allow, &policy->n_allow, text, why);
}

int plx_policy_add_deny(struct plx_policy *policy, const char *text, struct plx_why *why)
{
    return add(&policy->deny, &policy->n_deny, text, why);
}

static bool in_prefix(const uint8_t *addr, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(addr, prefix, whole) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (addr[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static bool any_matches(const struct plx_policy_rule *rules, size_t n,
                        const struct plx_addr *addr, uint16_t port)
{
    for (size_t i = 0; i < n; i++) {
        const struct plx_policy_rule *r = &rules[i];
        if (port < r->port_from || port > r->port_to)
            continue;
        if (r->prefix.family == 0 || (r->prefix.family == addr->family &&
                                      in_prefix(addr->bytes, r->prefix.bytes, r->bits)))
            return true;
    }
    return false;
}

static bool builtin_denies(const struct plx_addr *addr)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (builtins[i].family == addr->family &&
            in_prefix(addr->bytes, builtins[i].bytes, builtins[i].bits))
            return true;
    return false;
}

static struct plx_addr unmapped(const struct plx_addr *addr)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct plx_addr v4 = {.family = 4};
    if (addr->family != 6 || memcmp(addr->bytes, mapped, sizeof mapped) != 0)
        return *addr;
    memcpy(v4.bytes, addr->bytes + 12, 4);
    return v4;
}

bool plx_policy_permits(const struct plx_policy *policy, const struct plx_addr *addr,
                        uint16_t port)
{
    struct plx_addr a = unmapped(addr);
    const struct plx_policy *instead = policy->instead;
    if (instead)
        policy = instead;
    if (any_matches(policy->deny, policy->n_deny, &a, port))
        return false;
    if (any_matches(policy->allow, policy->n_allow, &a, port))
        return true;
    return !builtin_denies(&a) && policy->n_allow == 0;
}
