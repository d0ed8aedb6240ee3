/* What the measuring programs share: options, targets, CPU time, memory, quantiles.
 *
 * Every program prints one figure a line, "name value", and nothing else on standard
 * output; run.sh compares and renders. Single-threaded. */
#ifndef PLX_TESTS_BENCH_MEASURE_H
#define PLX_TESTS_BENCH_MEASURE_H

#include "base/result.h"

#include <stddef.h>
#include <stdint.h>

/* A number the command line may set: "name=value". */
struct plx_bench_option {
    const char *name;
    int64_t *value;
};

/* Sets what `argv` names; the table ends with a NULL name. Exits with 2 and a sentence
 * on anything else. */
void plx_bench_options(int argc, char **argv, const struct plx_bench_option *options);

void plx_bench_print(const char *name, double value);
/* Ends the program with status 3 and the sentence. */
void plx_bench_die(const char *what) __attribute__((noreturn));

/* CPU time of this process, user and system, in ns. Softirq work that runs on top of our
 * system calls (the loopback peer's whole half of a handshake) is in it as long as the
 * kernel has no CONFIG_IRQ_TIME_ACCOUNTING. */
int64_t plx_bench_cpu_ns(void);
/* System calls of this thread since the first call of this function, which costs some
 * itself; -1 where the kernel does not let us count (no tracepoints, no right). Counting
 * slows each call by some 50 ns: do not time the same run. */
int64_t plx_bench_syscalls(void);
/* Resident memory; 0 where /proc does not say. */
int64_t plx_bench_rss_bytes(void);
/* The kernel's slab memory, of the whole machine. */
int64_t plx_bench_slab_bytes(void);
/* Keeps this process on one CPU; < 0: does nothing. */
void plx_bench_pin(int64_t cpu);
/* Raises the limit of descriptors as far as it goes. */
void plx_bench_raise_nofile(void);
/* SIGINT and SIGTERM only set the flag this returns. */
const volatile int *plx_bench_until_signal(void);

/* Targets: addresses from `base` (host order, IPv4) on, each with `n_ports` ports from
 * `port` on; ports vary first. */
struct plx_bench_net {
    int64_t base, port, n_ports;
};
struct plx_addr plx_bench_addr(const struct plx_bench_net *net, uint64_t i);
uint16_t plx_bench_port(const struct plx_bench_net *net, uint64_t i);

/* Counts of values with a relative precision of 1/128, in 60 KB. */
struct plx_bench_hist {
    uint64_t n;
    uint64_t sum;
    uint32_t counts[59 * 256];
};
void plx_bench_hist_add(struct plx_bench_hist *hist, int64_t value);
/* `q` in [0, 1]; 0 where nothing was counted. */
double plx_bench_hist_quantile(const struct plx_bench_hist *hist, double q);

#endif
