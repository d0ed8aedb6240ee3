#include "agent/scan_cmd.h"

#include "agent/agent.h"
#include "agent/io/host.h"
#include "agent/usage.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Kernel and own memory of a probe in flight (docs/PERFORMANCE.md), and of a monitor. */
#define FLIGHT_BYTES  (6300 + 128)
#define MONITOR_BYTES 128
/* Shares that the agent may have of what there is. */
#define OF_MEMORY     4
#define OF_CORE       2
#define LATE_NS       (20 * PLX_MS_NS)

static const char usage[] =
    "usage: parallax-agent scan-self [options]\n"
    "Says what this host can hold and whether its kernel does what probing leans on.\n"
    "Sends nothing beyond the loopback. Exit status: 0 all is well, 1 something is not.\n"
    "  --output FORMAT  table (default) or json\n";

struct row {
    const char *name;
    bool ok;
    char value[64];
    char meaning[120];
};

enum { ROWS_MAX = 16 };

struct report {
    struct row rows[ROWS_MAX];
    size_t n;
    uint64_t in_flight, monitors_minute; /* what it can hold */
};

static struct row *add(struct report *r, const char *name, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static struct row *add(struct report *r, const char *name, bool ok, const char *fmt, ...)
{
    struct row *row = &r->rows[r->n++];
    va_list args;
    va_start(args, fmt);
    row->name = name;
    row->ok = ok;
    row->meaning[0] = '\0';
    vsnprintf(row->value, sizeof row->value, fmt, args);
    va_end(args);
    return row;
}

static void mean(struct row *row, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void mean(struct row *row, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(row->meaning, sizeof row->meaning, fmt, args);
    va_end(args);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void limits(struct report *r, const struct plx_host *h)
{
    uint64_t by_files = h->nofile_hard > 160 ? h->nofile_hard / 5 * 4 - 64 : 64;
    uint64_t by_memory = h->memory_bytes / OF_MEMORY / FLIGHT_BYTES;
    struct row *row = add(r, "descriptors", h->nofile_hard >= 4096,
                          "%" PRIu64 " of %" PRIu64, h->nofile_soft, h->nofile_hard);
    mean(row, "%" PRIu64 " probes in flight (the agent raises its limit itself)",
         by_files);
    row = add(r, "ports", h->ports >= 10000, "%" PRIu64, h->ports);
    mean(row, "as many probes in flight of one address and port");
    row = add(r, "memory", by_memory >= 4096, "%" PRIu64 " MiB", h->memory_bytes >> 20);
    mean(row, "%" PRIu64 " probes in flight, or %" PRIu64 " monitors, in a quarter of it",
         by_memory, h->memory_bytes / OF_MEMORY / MONITOR_BYTES);
    r->in_flight = least(by_files, by_memory);
}

static void kernel(struct report *r, const struct plx_host *h)
{
    add(r, "kernel", true, "%s", h->kernel);
    struct row *row = add(r, "half_open", h->held_back, h->held_back ? "yes" : "no");
    mean(row, h->held_back ? "the third ACK is held back: servers see no connection"
                           : "the third ACK goes out: servers see every probe");
    row = add(r, "reuse", h->reuses, h->reuses ? "yes" : "no");
    mean(row, h->reuses ? "sockets are armed again"
                        : "a new socket for each probe: half as many a second");
    row = add(r, "error_queue", h->error_queue, h->error_queue ? "yes" : "no");
    mean(row, "who said that a target is unreachable is %s",
         h->error_queue ? "known" : "not known");
    row = add(r, "io_uring", true, h->io_uring ? "yes" : "no");
    if (h->io_uring)
        mean(row, "with `engine: io_uring` only memory limits the probes in flight");
    else
        mean(row, "descriptors limit the probes in flight: %s", h->no_io_uring);
    row = add(r, "route_changes", h->routes, h->routes ? "told" : "not told");
    mean(row, h->routes ? "the source of a probe is asked for once"
                        : "one system call more a probe");
}

static void network(struct report *r, const struct plx_host *h)
{
    char text[PLX_ADDR_TEXT_MAX];
    bool any = h->source4.family || h->source6.family;
    struct row *row =
        add(r, "ipv4", h->source4.family || any, "%s",
            h->source4.family ? plx_addr_format(&h->source4, text) : "no route");
    mean(row, h->source4.family ? "probes go out from it"
                                : "targets with IPv4 addresses only cannot be probed");
    row = add(r, "ipv6", h->source6.family || any, "%s",
              h->source6.family ? plx_addr_format(&h->source6, text) : "no route");
    mean(row, h->source6.family ? "probes go out from it"
                                : "targets with IPv6 addresses only cannot be probed");
}

static void speed(struct report *r, const struct plx_host *h)
{
    uint64_t rate = h->probe_ns > 0 ? (uint64_t)(PLX_SEC_NS / h->probe_ns) : 0;
    r->monitors_minute =
        least(PLX_AGENT_MONITORS_MAX,
              least(rate / OF_CORE * 60, h->memory_bytes / OF_MEMORY / MONITOR_BYTES));
    struct row *row = add(r, "cpu", rate > 0, "%u", h->cpus);
    mean(row, "%.1f us a probe: %" PRIu64 " probes/s in half a core",
         (double)h->probe_ns / PLX_US_NS, rate / OF_CORE);
    row = add(r, "timer_lag", h->late_worst_ns < LATE_NS, "%.2f ms",
              (double)h->late_median_ns / PLX_MS_NS);
    mean(row, "median; the worst of 50 was %.2f ms",
         (double)h->late_worst_ns / PLX_MS_NS);
    row = add(r, "clock", h->clock_synchronised,
              h->clock_synchronised ? "synchronised" : "not synchronised");
    mean(row,
         h->clock_synchronised
             ? "to within %.1f ms"
             : "the coordinator will estimate its offset (bound %.1f ms)",
         (double)h->clock_error_ns / PLX_MS_NS);
}

static void print_table(const struct report *r)
{
    printf("%-14s %-5s %-26s %s\n", "CHECK", "", "VALUE", "MEANING");
    for (size_t i = 0; i < r->n; i++)
        printf("%-14s %-5s %-26s %s\n", r->rows[i].name, r->rows[i].ok ? "ok" : "LOOK",
               r->rows[i].value, r->rows[i].meaning);
    printf("\nThis host can hold %" PRIu64 " probes in flight and %" PRIu64
           " monitors at one a minute.\n",
           r->in_flight, r->monitors_minute);
}

static void facts_to_json(const struct plx_host *h, struct plx_json *j)
{
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_kstr(j, "kernel", h->kernel);
    plx_json_kuint(j, "nofile_soft", h->nofile_soft);
    plx_json_kuint(j, "nofile_hard", h->nofile_hard);
    plx_json_kuint(j, "ports", h->ports);
    plx_json_kuint(j, "memory_bytes", h->memory_bytes);
    plx_json_kuint(j, "cpus", h->cpus);
    plx_json_kbool(j, "half_open", h->held_back);
    plx_json_kbool(j, "reuse", h->reuses);
    plx_json_kbool(j, "error_queue", h->error_queue);
    plx_json_kbool(j, "route_changes", h->routes);
    plx_json_kstr(j, "source_ipv4", plx_addr_format(&h->source4, text));
    plx_json_kstr(j, "source_ipv6", plx_addr_format(&h->source6, text));
    plx_json_knum(j, "timer_lag_median_ms", (double)h->late_median_ns / PLX_MS_NS, 3);
    plx_json_knum(j, "timer_lag_worst_ms", (double)h->late_worst_ns / PLX_MS_NS, 3);
    plx_json_knum(j, "probe_cpu_us", (double)h->probe_ns / PLX_US_NS, 2);
    plx_json_kbool(j, "clock_synchronised", h->clock_synchronised);
    plx_json_knum(j, "clock_error_ms", (double)h->clock_error_ns / PLX_MS_NS, 3);
}

static void print_json(const struct report *r, const struct plx_host *h)
{
    struct plx_buf out;
    struct plx_json j;
    plx_buf_init(&out, 64 * 1024);
    plx_json_init(&j, &out);
    plx_json_object(&j);
    facts_to_json(h, &j);
    plx_json_key(&j, "holds");
    plx_json_object(&j);
    plx_json_kuint(&j, "probes_in_flight", r->in_flight);
    plx_json_kuint(&j, "monitors_each_minute", r->monitors_minute);
    plx_json_end(&j);
    plx_json_key(&j, "checks");
    plx_json_array(&j);
    for (size_t i = 0; i < r->n; i++) {
        plx_json_object(&j);
        plx_json_kstr(&j, "name", r->rows[i].name);
        plx_json_kbool(&j, "ok", r->rows[i].ok);
        plx_json_kstr(&j, "value", r->rows[i].value);
        plx_json_kstr(&j, "meaning", r->rows[i].meaning);
        plx_json_end(&j);
    }
    plx_json_end(&j);
    plx_json_end(&j);
    puts(plx_buf_str(&out));
    plx_buf_fini(&out);
}

int plx_scan_cmd(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static struct report report;
    struct plx_host host;
    bool json = false, ok = true;
    int c;
    while ((c = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
        if (c == 'h')
            return fputs(usage, stdout) < 0;
        if (c != 'o')
            return plx_usage_refuse_option(usage, c, argv);
        json = strcmp(optarg, "json") == 0;
        if (!json && strcmp(optarg, "table") != 0)
            return plx_usage_refuse(usage, "unknown output format", optarg);
    }
    if (optind < argc)
        return plx_usage_refuse(usage, "unexpected argument", argv[optind]);
    plx_host_scan(&host);
    limits(&report, &host);
    kernel(&report, &host);
    network(&report, &host);
    speed(&report, &host);
    if (json)
        print_json(&report, &host);
    else
        print_table(&report);
    for (size_t i = 0; i < report.n; i++)
        ok = ok && report.rows[i].ok;
    return ok ? 0 : 1;
}
