#include "target.h"

#include "agent/core/attempt.h"
#include "agent/io/prober.h"
#include "agent/io/resolver.h"
#include "base/err.h"
#include "sim.h"
#include "sys/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MONITORS_MAX 4096
#define PROBES_MAX   4096
/* How long after an outage a verdict about it may still come: results wait to be
 * delivered for a minute before they are history, and a restart reads three intervals. */
#define AFTERMATH_NS (35 * PLX_MIN_NS)

struct service {
    int64_t down_until, up_since;
};

struct host {
    struct service self, services[PLX_TARGET_SERVICES];
    int64_t rtt_ns;
    int how; /* 0: silence, 1: refusals, 2: a router says so */
};

static struct {
    struct host hosts[PLX_TARGET_HOSTS_MAX];
    uint32_t n_hosts;
    struct {
        uint8_t host, service;
        bool watched;
    } monitors[MONITORS_MAX];
} world;

void plx_target_begin(uint32_t n_hosts)
{
    memset(&world, 0, sizeof world);
    world.n_hosts = n_hosts;
    for (uint32_t h = 0; h < n_hosts; h++)
        world.hosts[h].rtt_ns = plx_sim_between(PLX_MS_NS, 200 * PLX_MS_NS);
}

uint32_t plx_target_n_hosts(void)
{
    return world.n_hosts;
}

/* Eight hosts to a prefix. */
static struct plx_addr addr_of(uint32_t host)
{
    return (struct plx_addr){
        .family = 4, .bytes = {198, 51, (uint8_t)(host / 8), (uint8_t)(host % 8 + 1)}};
}

const char *plx_target_host(uint32_t host, char buf[PLX_ADDR_TEXT_MAX])
{
    const struct plx_addr addr = addr_of(host);
    if (host % 5 == 4)
        snprintf(buf, PLX_ADDR_TEXT_MAX, "host%u.example", host);
    else
        plx_addr_format(&addr, buf);
    return buf;
}

static void take_down(struct service *s, int64_t until_ns)
{
    if (until_ns > s->down_until)
        s->down_until = until_ns;
    s->up_since = s->down_until;
}

void plx_target_service_down(uint32_t host, uint32_t service, int64_t until_ns)
{
    world.hosts[host].how = (int)plx_sim_between(0, 1);
    take_down(&world.hosts[host].services[service], until_ns);
}

void plx_target_host_down(uint32_t host, int64_t until_ns)
{
    world.hosts[host].how = plx_sim_chance(0.5) ? 0 : 2;
    take_down(&world.hosts[host].self, until_ns);
}

void plx_target_watch(uint64_t monitor_id, uint32_t host, uint32_t service)
{
    world.monitors[monitor_id].host = (uint8_t)host;
    world.monitors[monitor_id].service = (uint8_t)service;
    world.monitors[monitor_id].watched = true;
}

static bool is_well(const struct service *s, int64_t for_ns)
{
    return s->down_until == 0 || s->up_since + for_ns <= plx_sim_now();
}

bool plx_target_was_well(uint64_t monitor_id, int64_t for_ns)
{
    const struct host *h = &world.hosts[world.monitors[monitor_id].host];
    return is_well(&h->self, for_ns) &&
           is_well(&h->services[world.monitors[monitor_id].service], for_ns);
}

/* A host's and its neighbours' outages make each other likelier to be blamed. */
bool plx_target_is_innocent(uint64_t monitor_id)
{
    uint32_t first = world.monitors[monitor_id].host / 8 * 8;
    for (uint32_t h = first; h < first + 8 && h < world.n_hosts; h++) {
        if (!is_well(&world.hosts[h].self, AFTERMATH_NS))
            return false;
        for (uint32_t s = 0; s < PLX_TARGET_SERVICES; s++)
            if (!is_well(&world.hosts[h].services[s], AFTERMATH_NS))
                return false;
    }
    return true;
}

void plx_target_blamed(uint64_t monitor_id, const char *verdict, const char *sentence)
{
    if (plx_target_is_innocent(monitor_id))
        plx_sim_violation("monitor %" PRIu64
                          " is said to be %s, and its target was well: %s",
                          monitor_id, verdict, sentence);
}

/* ---- prober ---- */

struct probe {
    bool used;
    uint32_t no; /* which one of this place */
    uint64_t cookie;
    struct plx_addr addr;
    uint16_t port;
    struct plx_mono started;
    int64_t began, timeout_ns;
    struct plx_attempt_facts facts;
};

struct plx_prober {
    struct plx_sim_node *node;
    uint32_t life;
    plx_prober_done_fn *done;
    void *arg;
    uint32_t in_flight;
    struct probe *probes;
    uint32_t max;
};

int plx_prober_new(enum plx_engine engine, uint32_t max, uint32_t n_probers,
                   plx_prober_done_fn *done, void *arg, struct plx_prober **ret,
                   struct plx_why *why)
{
    struct plx_prober *p = calloc(1, sizeof *p);
    struct probe *probes = calloc(max, sizeof *probes);
    (void)engine;
    (void)n_probers;
    (void)why;
    if (!p || !probes)
        abort();
    p->node = plx_sim_current();
    p->life = p->node->life;
    p->done = done;
    p->arg = arg;
    p->probes = probes;
    p->max = max;
    p->node->prober = p;
    *ret = p;
    return 0;
}

void plx_prober_destroy(struct plx_prober **prober)
{
    if (!*prober)
        return;
    (*prober)->node->prober = NULL;
    free((*prober)->probes);
    free(*prober);
    *prober = NULL;
}

int plx_prober_fd(const struct plx_prober *prober)
{
    (void)prober;
    return -1;
}

static const struct host *host_of(const struct plx_addr *addr)
{
    uint32_t h = addr->bytes[2] * 8u + addr->bytes[3] - 1u;
    return addr->bytes[0] == 198 && h < world.n_hosts ? &world.hosts[h] : NULL;
}

static void fail(struct plx_attempt_facts *f, int how, const struct plx_addr *router)
{
    f->end = how == 0 ? PLX_END_DEADLINE : PLX_END_ERROR;
    f->retrans = how == 0 ? 3 : 0;
    f->error = how == 1 ? ECONNREFUSED : how == 2 ? EHOSTUNREACH : 0;
    if (how != 2)
        return;
    f->has_icmp = true;
    f->icmp_type = 3;
    f->icmp_code = 1;
    f->icmp_from = *router;
}

/* What the kernel will say, and when. */
static int64_t attempt(const struct plx_sim_node *node, struct probe *probe)
{
    const struct host *h = host_of(&probe->addr);
    const int64_t now = plx_sim_now();
    const struct plx_addr router = {.family = 4,
                                    .bytes = {198, 51, probe->addr.bytes[2], 254}};
    struct plx_attempt_facts *f = &probe->facts;
    *f = (struct plx_attempt_facts){.end = PLX_END_CONNECTED,
                                    .timeout_ns = probe->timeout_ns,
                                    .watched = true,
                                    .held_back = true,
                                    .has_tcp_info = true,
                                    .via_gateway = true,
                                    .segs_out = 1};
    uint32_t service = (uint32_t)(probe->port - PLX_TARGET_PORT) % PLX_TARGET_SERVICES;
    if (!h || node->uplink_down_until > now)
        fail(f, 0, NULL);
    else if (h->self.down_until > now)
        fail(f, h->how, &router);
    else if (h->services[service].down_until > now)
        fail(f, h->how == 2 ? 1 : h->how, NULL);
    if (f->end == PLX_END_DEADLINE)
        return probe->timeout_ns;
    int64_t rtt = h->rtt_ns + plx_sim_between(0, h->rtt_ns / 10);
    f->rtt_us = (uint32_t)(rtt / PLX_US_NS);
    return rtt;
}

static void on_end(void *arg, uint64_t tag)
{
    struct plx_sim_node *node = arg;
    struct plx_prober *p = node->prober;
    uint32_t i = (uint32_t)(tag & 0xffff);
    if (!p || node->life != (uint32_t)(tag >> 40) || !node->up || !p->probes[i].used ||
        (p->probes[i].no & 0xffffff) != (uint32_t)(tag >> 16 & 0xffffff))
        return;
    if (plx_sim_deferred(node, on_end, arg, tag, false))
        return;
    struct probe *probe = &p->probes[i];
    struct plx_result evidence = {.address = probe->addr};
    probe->facts.elapsed_ns = plx_sim_now() - probe->began;
    int64_t late = probe->facts.elapsed_ns - probe->timeout_ns;
    if (probe->facts.end == PLX_END_DEADLINE && late > 0)
        probe->facts.stall_ns = late;
    plx_attempt_conclude(&probe->facts, &evidence);
    probe->used = false;
    p->in_flight--;
    plx_sim_enter(node);
    p->done(p->arg, probe->cookie, &evidence, probe->started);
    plx_sim_leave();
}

int plx_prober_start(struct plx_prober *prober, const struct plx_probe_order *order)
{
    uint32_t i = 0;
    while (i < prober->max && prober->probes[i].used)
        i++;
    if (i == prober->max)
        return PLX_EAGAIN;
    struct probe *probe = &prober->probes[i];
    *probe = (struct probe){.used = true,
                            .no = probe->no + 1,
                            .cookie = order->cookie,
                            .addr = order->addr,
                            .port = order->port,
                            .timeout_ns = order->timeout_ns,
                            .started = plx_clock_mono(),
                            .began = plx_sim_now()};
    prober->in_flight++;
    int64_t takes = attempt(prober->node, probe);
    plx_sim_at(plx_sim_now() + takes, on_end, prober->node,
               (uint64_t)prober->life << 40 | (uint64_t)(probe->no & 0xffffff) << 16 | i,
               false);
    return 0;
}

void plx_prober_ready(struct plx_prober *prober)
{
    (void)prober;
}

void plx_prober_turn(struct plx_prober *prober)
{
    (void)prober;
}

void plx_prober_tick(struct plx_prober *prober)
{
    (void)prober;
}

int64_t plx_prober_take_stall(struct plx_prober *prober)
{
    int64_t stall = prober->node->stalled_ns;
    prober->node->stalled_ns = 0;
    return stall;
}

/* ---- resolver: every name has its host's address ---- */

struct plx_resolver {
    struct plx_resolution answer;
};

int plx_resolver_new(struct plx_loop *loop, const char *servers, plx_resolver_fn *fn,
                     void *arg, struct plx_resolver **ret, struct plx_why *why)
{
    (void)loop, (void)servers, (void)fn, (void)arg, (void)why;
    *ret = calloc(1, sizeof **ret);
    if (!*ret)
        abort();
    return 0;
}

void plx_resolver_destroy(struct plx_resolver **resolver)
{
    free(*resolver);
    *resolver = NULL;
}

int plx_resolver_ask(struct plx_resolver *resolver, const char *name, enum plx_ip ip,
                     bool fresh, uint64_t cookie, const struct plx_resolution **ret)
{
    uint32_t host;
    (void)ip, (void)fresh, (void)cookie;
    resolver->answer = (struct plx_resolution){.n = 1};
    if (sscanf(name, "host%u.example", &host) == 1)
        resolver->answer.addrs[0] = addr_of(host);
    else if (plx_addr_parse(name, &resolver->answer.addrs[0]) < 0)
        resolver->answer = (struct plx_resolution){.detail = PLX_DETAIL_DNS_NXDOMAIN};
    *ret = &resolver->answer;
    return 0;
}

void plx_resolver_tick(struct plx_resolver *resolver, struct plx_mono now)
{
    (void)resolver, (void)now;
}
