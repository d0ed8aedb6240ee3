#include "agent/probe_cmd.h"

#include "agent/core/attempt.h"
#include "agent/io/prober.h"
#include "agent/io/resolver.h"
#include "agent/usage.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/complaint.h"
#include "sys/loop.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define TARGETS_MAX 1000

struct target {
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    bool done;
    struct plx_result result;
    struct plx_greeter *greeter; /* NULL: no greeting */
};

struct session {
    struct plx_loop *loop;
    struct plx_prober *prober;
    struct plx_resolver *resolver;
    struct target *targets;
    size_t n, n_done;
    int64_t timeout_ns;
    enum plx_handshake handshake;
    struct plx_greeting greeting;
    enum plx_ip ip;
    enum plx_expect expect;
    struct plx_addr source;
    bool json;
};

#define PRESET(name, value, token) " " #token
#define PRESETS                    PLX_GREETING_PRESET_TABLE(PRESET)

static const char usage[] =
    "usage: parallax-agent probe [options] HOST:PORT…\n"
    "Probes each target once, without a coordinator, and prints the evidence. The\n"
    "policy of a configuration file bounds what a coordinator may order, not this.\n"
    "  --full           complete the handshake (default: half-open)\n"
    "  --greeting NAME  speak, and say goodbye; one of\n"
    "    " PRESETS "\n"
    "  --expect WHAT    open (default), refused, filtered or closed: exits 0 if all are\n"
    "                   so, else 1\n"
    "  --timeout TIME   how long to wait for an answer (default 5s)\n"
    "  -4, -6           only this address family\n"
    "  --source ADDR    probe from this address\n"
    "  --output FORMAT  text (default) or json\n";

static void finish(struct session *s, struct target *t)
{
    t->done = true;
    if (++s->n_done == s->n)
        plx_loop_stop(s->loop);
}

static void on_probed(void *arg, uint64_t cookie, const struct plx_result *evidence,
                      struct plx_mono started)
{
    struct session *s = arg;
    struct target *t = &s->targets[cookie];
    t->result = *evidence;
    t->result.started.ns = plx_clock_wall().ns - plx_mono_diff(plx_clock_mono(), started);
    finish(s, t);
}

static void launch(struct session *s, size_t i, const struct plx_resolution *resolution)
{
    struct target *t = &s->targets[i];
    if (resolution->detail != PLX_DETAIL_NONE) {
        plx_attempt_dns_failed(resolution->detail, &t->result);
        finish(s, t);
        return;
    }
    struct plx_probe_order order = {.cookie = i,
                                    .addr = resolution->addrs[0],
                                    .source = s->source,
                                    .port = t->port,
                                    .handshake = s->handshake,
                                    .greeter = t->greeter,
                                    .timeout_ns = s->timeout_ns,
                                    .watched = true};
    plx_prober_start(s->prober, &order);
}

static void on_resolved(void *arg, uint64_t cookie,
                        const struct plx_resolution *resolution)
{
    launch(arg, cookie, resolution);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct session *s = arg;
    plx_resolver_tick(s->resolver, now);
    plx_prober_tick(s->prober);
}

static void on_ready(void *arg, uint32_t events)
{
    struct session *s = arg;
    (void)events;
    plx_prober_ready(s->prober);
}

static void on_signal(void *arg, int signo)
{
    struct session *s = arg;
    (void)signo;
    plx_loop_stop(s->loop);
}

static void evidence_to_json(const struct target *t, struct plx_json *j)
{
    const struct plx_result *r = &t->result;
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_object(j);
    plx_json_kstr(j, "host", t->host);
    plx_json_kint(j, "port", t->port);
    plx_json_kstr(j, "outcome", plx_outcome_token(r->outcome));
    plx_json_kstr(j, "unreach", plx_unreach_token(r->unreach));
    plx_json_kstr(j, "detail", plx_detail_token(r->detail));
    plx_json_kstr(j, "address", plx_addr_format(&r->address, text));
    plx_json_kstr(j, "source", plx_addr_format(&r->source, text));
    plx_json_kwall(j, "started", r->started);
    plx_json_knum(j, "duration_ms", (double)r->duration_ns / PLX_MS_NS, 3);
    if (r->rtt_us)
        plx_json_knum(j, "rtt_ms", (double)r->rtt_us / 1000, 3);
    plx_json_kuint(j, "syn_retrans", r->syn_retrans);
    if (r->icmp_from.family) {
        plx_json_key(j, "icmp");
        plx_json_object(j);
        plx_json_kuint(j, "type", r->icmp_type);
        plx_json_kuint(j, "code", r->icmp_code);
        plx_json_kstr(j, "from", plx_addr_format(&r->icmp_from, text));
        plx_json_end(j);
    }
    if (t->greeter)
        plx_json_kstr(j, "excerpt", r->excerpt);
    plx_json_kbool(j, "closed_late", r->closed_late);
    plx_json_end(j);
}

static void print_json(const struct session *s)
{
    struct plx_buf out;
    struct plx_json j;
    plx_buf_init(&out, 4 * 1024 * 1024);
    plx_json_init(&j, &out);
    plx_json_object(&j);
    plx_json_key(&j, "results");
    plx_json_array(&j);
    for (size_t i = 0; i < s->n; i++)
        if (s->targets[i].done)
            evidence_to_json(&s->targets[i], &j);
    plx_json_end(&j);
    plx_json_end(&j);
    puts(plx_buf_str(&out));
    plx_buf_fini(&out);
}

static void print_text(const struct target *t)
{
    const struct plx_result *r = &t->result;
    char addr[PLX_ADDR_TEXT_MAX], source[PLX_ADDR_TEXT_MAX], from[PLX_ADDR_TEXT_MAX];
    char took[PLX_DURATION_TEXT_MAX];
    bool v6 = strchr(t->host, ':') != NULL;
    printf("%s%s%s:%u  %s", v6 ? "[" : "", t->host, v6 ? "]" : "", t->port,
           plx_outcome_token(r->outcome));
    if (r->unreach)
        printf(" (%s)", plx_unreach_token(r->unreach));
    if (r->rtt_us)
        printf("  rtt %.3f ms", (double)r->rtt_us / 1000);
    if (r->address.family)
        printf("  address %s", plx_addr_format(&r->address, addr));
    if (r->source.family)
        printf("  source %s", plx_addr_format(&r->source, source));
    printf("  after %s", plx_duration_human(r->duration_ns, took));
    if (r->syn_retrans)
        printf("  %u SYN resent", r->syn_retrans);
    if (r->icmp_from.family)
        printf("  icmp %u/%u from %s", r->icmp_type, r->icmp_code,
               plx_addr_format(&r->icmp_from, from));
    if (r->closed_late)
        printf("  closed late");
    if (r->detail)
        printf("  %s", plx_detail_sentence(r->detail));
    if (r->excerpt[0])
        printf("  said \"%s\"", r->excerpt);
    putchar('\n');
}

static int open_session(struct session *s, struct plx_why *why)
{
    int err = plx_loop_new(on_signal, s, &s->loop, why);
    if (!err)
        err = plx_prober_new(PLX_ENGINE_EPOLL, (uint32_t)s->n, 1, on_probed, s,
                             &s->prober, why);
    if (!err)
        err = plx_resolver_new(s->loop, NULL, on_resolved, s, &s->resolver, why);
    if (!err)
        err = plx_loop_add_fd(s->loop, plx_prober_fd(s->prober), EPOLLIN, on_ready, s);
    if (!err)
        err = plx_loop_add_timer(s->loop, 10 * PLX_MS_NS, on_tick, s);
    return err;
}

static void close_session(struct session *s)
{
    plx_resolver_destroy(&s->resolver);
    if (s->prober)
        plx_loop_remove_fd(s->loop, plx_prober_fd(s->prober));
    plx_prober_destroy(&s->prober);
    plx_loop_destroy(&s->loop);
    for (size_t i = 0; i < s->n; i++)
        plx_greeter_destroy(&s->targets[i].greeter);
    free(s->targets);
}

static bool is_met(const struct session *s, const struct target *t)
{
    return t->done && !plx_outcome_is_local(t->result.outcome) &&
           !plx_expect_is_bad(s->expect, t->result.outcome);
}

static int run(struct session *s)
{
    struct plx_why why = {""};
    bool all_met = true;
    if (open_session(s, &why)) {
        plx_complaint("parallax-agent", "%s", why.text);
        return 3;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct plx_resolution *resolution;
        int err = plx_resolver_ask(s->resolver, s->targets[i].host, s->ip, true, i,
                                   &resolution);
        if (err == 0)
            launch(s, i, resolution);
    }
    if (s->n_done < s->n)
        plx_loop_run(s->loop);
    if (s->json)
        print_json(s);
    for (size_t i = 0; i < s->n; i++) {
        if (!s->json && s->targets[i].done)
            print_text(&s->targets[i]);
        all_met = all_met && is_met(s, &s->targets[i]);
    }
    return all_met ? 0 : 1;
}

static int bad_usage(const char *what, const char *text)
{
    return plx_usage_refuse(usage, what, text);
}

/* Returns 0, or the exit status + 1 where the command ends here. */
static int parse_options(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"full", no_argument, NULL, 'f'},
                                            {"greeting", required_argument, NULL, 'g'},
                                            {"expect", required_argument, NULL, 'e'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"source", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c, expect;
    while ((c = getopt_long(argc, argv, ":46o:h", options, NULL)) != -1) {
        switch (c) {
        case 'f':
            s->handshake = PLX_HANDSHAKE_FULL;
            break;
        case 'g':
            s->greeting.preset = plx_greeting_preset_parse(optarg);
            if (s->greeting.preset == PLX_GREETING_NO_PRESET)
                return 1 + bad_usage("no such greeting:", optarg);
            break;
        case 'e':
            expect = plx_expect_parse(optarg);
            if (expect < 0)
                return 1 +
                       bad_usage("neither open, refused, filtered nor closed:", optarg);
            s->expect = (enum plx_expect)expect;
            break;
        case 't':
            if (plx_duration_parse(optarg, &s->timeout_ns) ||
                s->timeout_ns < PLX_MONITOR_TIMEOUT_MIN_NS ||
                s->timeout_ns > PLX_MONITOR_TIMEOUT_MAX_NS)
                return 1 + bad_usage("no timeout from 10ms to 60s:", optarg);
            break;
        case 'o':
            s->json = strcmp(optarg, "json") == 0;
            if (!s->json && strcmp(optarg, "text") != 0)
                return 1 + bad_usage("unknown output format", optarg);
            break;
        case 's':
            if (plx_addr_parse(optarg, &s->source))
                return 1 + bad_usage("no address:", optarg);
            break;
        case '4':
            s->ip = PLX_IP_4;
            break;
        case '6':
            s->ip = PLX_IP_6;
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            return 1 + plx_usage_refuse_option(usage, c, argv);
        }
    }
    if (s->greeting.preset != PLX_GREETING_NO_PRESET && s->expect != PLX_EXPECT_OPEN)
        return 1 + bad_usage("a greeting is only for --expect open, not",
                             plx_expect_token(s->expect));
    return 0;
}

int plx_probe_cmd(int argc, char **argv)
{
    struct session s = {.timeout_ns = 5 * PLX_SEC_NS};
    int end = parse_options(&s, argc, argv);
    if (end)
        return end - 1;
    int n = argc - optind;
    if (n < 1 || n > TARGETS_MAX)
        return bad_usage("expected 1 to 1000 targets, not", n < 1 ? "none" : "so many");
    s.targets = calloc((size_t)n, sizeof *s.targets);
    if (!s.targets)
        abort();
    for (; s.n < (size_t)n; s.n++) {
        const char *text = argv[optind + (int)s.n];
        struct target *t = &s.targets[s.n];
        if (plx_text_host_port(text, t->host, &t->port)) {
            close_session(&s);
            return bad_usage("no HOST:PORT:", text);
        }
        if (s.greeting.preset != PLX_GREETING_NO_PRESET)
            plx_greeter_new(&s.greeting, &t->greeter, NULL);
    }
    int status = run(&s);
    close_session(&s);
    return status;
}
