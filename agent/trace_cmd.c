#include "agent/trace_cmd.h"

#include "agent/io/resolver.h"
#include "agent/io/tracer.h"
#include "agent/usage.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/complaint.h"
#include "sys/loop.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct session {
    struct plx_loop *loop;
    struct plx_tracer *tracer;
    struct plx_resolver *resolver;
    char host[PLX_HOST_MAX + 1];
    struct plx_trace_order order;
    enum plx_ip ip;
    bool json;
    bool over; /* it can be before the loop runs */
    int status;
};

static const char usage[] =
    "usage: parallax-agent trace [options] HOST:PORT\n"
    "Walks the way to a target with SYNs of growing TTL, half-open as a probe.\n"
    "  --flows N        that many source ports side by side, 1 to 16 (default 1)\n"
    "  --hops N         at most so far, 1 to 30 (default 30)\n"
    "  -4, -6           only this address family\n"
    "  --source ADDR    trace from this address\n"
    "  --output FORMAT  text (default) or json\n";

/* ---- showing ---- */

static void print_hop(unsigned ttl, const struct plx_hop *hop)
{
    char from[PLX_ADDR_TEXT_MAX];
    printf("%3u  ", ttl);
    if (hop->kind == PLX_HOP_SILENT) {
        puts("*");
        return;
    }
    printf("%-15s  %9.3f ms", plx_addr_format(&hop->from, from),
           (double)hop->rtt_us / 1000);
    if (hop->kind == PLX_HOP_REJECT)
        printf("  rejects (icmp %u/%u)", hop->icmp_type, hop->icmp_code);
    else if (hop->kind != PLX_HOP_TRANSIT)
        printf("  %s", plx_hop_token(hop->kind));
    putchar('\n');
}

static void print_text(const struct plx_trace *trace)
{
    for (size_t i = 0; i < trace->n_flows; i++) {
        const struct plx_trace_flow *flow = &trace->flows[i];
        printf("from port %u: %s\n", flow->source_port, plx_hop_token(flow->end.kind));
        for (unsigned h = 0; h < flow->n_hops; h++)
            print_hop(h + 1, &flow->hops[h]);
    }
}

static void print_json(const struct session *s, const struct plx_trace *trace)
{
    struct plx_buf out;
    struct plx_json j;
    plx_buf_init(&out, 4 * 1024 * 1024);
    plx_json_init(&j, &out);
    plx_json_object(&j);
    plx_json_kstr(&j, "host", s->host);
    plx_trace_write(trace, &j);
    plx_json_end(&j);
    puts(plx_buf_str(&out));
    plx_buf_fini(&out);
}

/* ---- doing ---- */

static bool answered(const struct plx_trace *trace)
{
    for (size_t i = 0; i < trace->n_flows; i++)
        if (trace->flows[i].end.kind != PLX_HOP_OPEN &&
            trace->flows[i].end.kind != PLX_HOP_REFUSED)
            return false;
    return true;
}

static void on_traced(void *arg, uint64_t cookie, const struct plx_trace *trace)
{
    struct session *s = arg;
    (void)cookie;
    s->status = answered(trace) ? 0 : 1;
    if (trace->trouble) {
        plx_complaint("parallax-agent", "%s", plx_detail_sentence(trace->trouble));
        s->status = 3;
    }
    if (s->json)
        print_json(s, trace);
    else
        print_text(trace);
    s->over = true;
    plx_loop_stop(s->loop);
}

static void launch(struct session *s, const struct plx_resolution *resolution)
{
    s->order.target = resolution->addrs[0];
    if (resolution->detail == PLX_DETAIL_NONE &&
        plx_tracer_start(s->tracer, &s->order) == 0)
        return;
    plx_complaint("parallax-agent", "%s: %s", s->host,
                  plx_detail_sentence(resolution->detail));
    s->status = 3;
    s->over = true;
    plx_loop_stop(s->loop);
}

static void on_resolved(void *arg, uint64_t cookie,
                        const struct plx_resolution *resolution)
{
    (void)cookie;
    launch(arg, resolution);
}

static void on_ready(void *arg, uint32_t events)
{
    struct session *s = arg;
    (void)events;
    plx_tracer_ready(s->tracer);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct session *s = arg;
    plx_resolver_tick(s->resolver, now);
    plx_tracer_tick(s->tracer);
}

static void on_signal(void *arg, int signo)
{
    struct session *s = arg;
    (void)signo;
    plx_loop_stop(s->loop);
}

static int open_session(struct session *s, struct plx_why *why)
{
    uint64_t seed = (uint64_t)plx_clock_wall().ns ^ (uint64_t)getpid() << 40;
    int err = plx_loop_new(on_signal, s, &s->loop, why);
    if (!err)
        err = plx_tracer_new(seed, on_traced, s, &s->tracer, why);
    if (!err)
        err = plx_resolver_new(s->loop, NULL, on_resolved, s, &s->resolver, why);
    if (!err)
        err = plx_loop_add_fd(s->loop, plx_tracer_fd(s->tracer), EPOLLIN, on_ready, s);
    if (!err)
        err = plx_loop_add_timer(s->loop, 10 * PLX_MS_NS, on_tick, s);
    return err;
}

static void close_session(struct session *s)
{
    plx_resolver_destroy(&s->resolver);
    if (s->tracer)
        plx_loop_remove_fd(s->loop, plx_tracer_fd(s->tracer));
    plx_tracer_destroy(&s->tracer);
    plx_loop_destroy(&s->loop);
}

static int run(struct session *s)
{
    struct plx_why why = {""};
    const struct plx_resolution *resolution;
    s->status = 3;
    if (open_session(s, &why)) {
        plx_complaint("parallax-agent", "%s", why.text);
        return 3;
    }
    if (plx_resolver_ask(s->resolver, s->host, s->ip, true, 0, &resolution) == 0)
        launch(s, resolution);
    if (!s->over)
        plx_loop_run(s->loop);
    return s->status;
}

/* ---- arguments ---- */

static int bad_usage(const char *what, const char *text)
{
    return plx_usage_refuse(usage, what, text);
}

static int parse_number(const char *text, int64_t max, const char *what, uint8_t *ret)
{
    int64_t n;
    if (plx_text_int(text, 1, max, &n))
        return bad_usage(what, text);
    *ret = (uint8_t)n;
    return 0;
}

/* Returns 0, or the exit status + 1 where the command ends here. */
static int parse_options(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"flows", required_argument, NULL, 'f'},
                                            {"hops", required_argument, NULL, 'n'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"source", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c, bad = 0;
    while (!bad && (c = getopt_long(argc, argv, ":46o:h", options, NULL)) != -1) {
        if (c == 'f')
            bad = parse_number(optarg, PLX_TRACE_FLOWS_MAX,
                               "no number from 1 to 16:", &s->order.n_flows);
        else if (c == 'n')
            bad = parse_number(optarg, PLX_TRACE_HOPS_MAX,
                               "no number from 1 to 30:", &s->order.limits.max_hops);
        else if (c == 's' && plx_addr_parse(optarg, &s->order.source))
            bad = bad_usage("no address:", optarg);
        else if (c == 'o' && strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0)
            bad = bad_usage("unknown output format", optarg);
        else if (c == 'o')
            s->json = strcmp(optarg, "json") == 0;
        else if (c == '4' || c == '6')
            s->ip = c == '4' ? PLX_IP_4 : PLX_IP_6;
        else if (c == 'h') {
            fputs(usage, stdout);
            return 1;
        } else if (c == '?' || c == ':')
            bad = plx_usage_refuse_option(usage, c, argv);
    }
    return bad ? bad + 1 : 0;
}

int plx_trace_cmd(int argc, char **argv)
{
    struct session s = {.order.n_flows = 1};
    plx_walk_limits_default(&s.order.limits);
    int end = parse_options(&s, argc, argv);
    if (end)
        return end - 1;
    if (argc - optind != 1)
        return bad_usage("expected one target, not", argc == optind ? "none" : "several");
    if (plx_text_host_port(argv[optind], s.host, &s.order.port))
        return bad_usage("no HOST:PORT:", argv[optind]);
    int status = run(&s);
    close_session(&s);
    return status;
}
