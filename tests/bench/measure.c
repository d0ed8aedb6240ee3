#include "measure.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HIST_BITS 8

static void set_option(const char *arg, const struct plx_bench_option *options)
{
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    for (const struct plx_bench_option *o = options; o->name; o++) {
        char *end;
        if (!equals || strlen(o->name) != len || strncmp(o->name, arg, len) != 0)
            continue;
        errno = 0;
        *o->value = strtoll(equals + 1, &end, 0);
        if (errno == 0 && *end == '\0' && end != equals + 1)
            return;
    }
    fprintf(stderr, "not an option here: '%s'; known:", arg);
    for (const struct plx_bench_option *o = options; o->name; o++)
        fprintf(stderr, " %s=%" PRId64, o->name, *o->value);
    fputc('\n', stderr);
    exit(2);
}

void plx_bench_options(int argc, char **argv, const struct plx_bench_option *options)
{
    for (int i = 1; i < argc; i++)
        set_option(argv[i], options);
}

void plx_bench_print(const char *name, double value)
{
    printf("%s %.10g\n", name, value);
}

void plx_bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(3);
}

/* Not in common/sys/clock: the program never needs to know what it costs. */
int64_t plx_bench_cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * PLX_SEC_NS + ts.tv_nsec;
}

static int open_tracepoint(const char *path)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof attr};
    FILE *f = fopen(path, "re");
    uint64_t id = 0;
    bool known = f && fscanf(f, "%" SCNu64, &id) == 1;
    if (f)
        fclose(f);
    attr.config = id;
    return known
               ? (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)
               : -1;
}

int64_t plx_bench_syscalls(void)
{
    static int fd = -2;
    int64_t n = -1;
    if (fd == -2)
        fd = open_tracepoint("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id");
    if (fd >= 0 && read(fd, &n, sizeof n) != sizeof n)
        n = -1;
    return n;
}

/* The number after `label` in a /proc file of "label: N kB" lines. */
static int64_t proc_kilobytes(const char *path, const char *label)
{
    char line[256];
    int64_t kb = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, label, strlen(label)) == 0)
            kb = strtoll(line + strlen(label), NULL, 10);
    fclose(f);
    return kb * 1024;
}

int64_t plx_bench_rss_bytes(void)
{
    return proc_kilobytes("/proc/self/status", "VmRSS:");
}

int64_t plx_bench_slab_bytes(void)
{
    return proc_kilobytes("/proc/meminfo", "Slab:");
}

void plx_bench_pin(int64_t cpu)
{
    cpu_set_t set;
    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        plx_bench_die("cannot stay on one CPU");
}

void plx_bench_raise_nofile(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static volatile int signalled;

static void on_signal(int signo)
{
    (void)signo;
    signalled = 1;
}

const volatile int *plx_bench_until_signal(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &signalled;
}

struct plx_addr plx_bench_addr(const struct plx_bench_net *net, uint64_t i)
{
    uint32_t host = (uint32_t)net->base + (uint32_t)(i / (uint64_t)net->n_ports);
    return (struct plx_addr){.family = 4,
                             .bytes = {(uint8_t)(host >> 24), (uint8_t)(host >> 16),
                                       (uint8_t)(host >> 8), (uint8_t)host}};
}

uint16_t plx_bench_port(const struct plx_bench_net *net, uint64_t i)
{
    return (uint16_t)((uint64_t)net->port + i % (uint64_t)net->n_ports);
}

/* Values below 256 have a cell each; above, each power of two has 128 of them. */
static size_t cell_of(uint64_t v)
{
    int shift = 0;
    while (v >> shift >= 1u << HIST_BITS)
        shift++;
    return ((size_t)shift << HIST_BITS) + (size_t)(v >> shift);
}

static double value_of(size_t cell)
{
    size_t shift = cell >> HIST_BITS;
    uint64_t v = cell & ((1u << HIST_BITS) - 1);
    return (double)(v << shift);
}

void plx_bench_hist_add(struct plx_bench_hist *hist, int64_t value)
{
    uint64_t v = value > 0 ? (uint64_t)value : 0;
    size_t last = sizeof hist->counts / sizeof hist->counts[0] - 1;
    size_t cell = cell_of(v);
    hist->n++;
    hist->sum += v;
    hist->counts[cell < last ? cell : last]++;
}

double plx_bench_hist_quantile(const struct plx_bench_hist *hist, double q)
{
    uint64_t rank = (uint64_t)(q * (double)(hist->n ? hist->n - 1 : 0));
    uint64_t seen = 0;
    if (hist->n == 0)
        return 0;
    for (size_t cell = 0; cell < sizeof hist->counts / sizeof hist->counts[0]; cell++) {
        seen += hist->counts[cell];
        if (seen > rank)
            return value_of(cell);
    }
    return 0;
}
