#include "agent/run_cmd.h"

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/usage.h"
#include "base/err.h"
#include "base/text.h"
#include "sys/complaint.h"
#include "sys/file.h"
#include "sys/jail.h"
#include "sys/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage[] =
    "usage: parallax-agent run [options]\n"
    "Probes what the coordinator assigns, until it is told to stop.\n"
    "  --config FILE         configuration (YAML)\n"
    "  --data-dir DIR        keys, enrolment and spool (default " PLX_AGENT_DATA_DIR ")\n"
    "  --threads N           threads that probe (default 1)\n"
    "  --engine ENGINE       epoll (default), io_uring, or auto: io_uring where the\n"
    "                        kernel allows it\n"
    "  --log-level LEVEL     debug, info (default), warn, error\n"
    "  --log-format FORMAT   text (default) or json\n";

static int bad_usage(const char *what, const char *text)
{
    return plx_usage_refuse(usage, what, text);
}

static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                        {"data-dir", required_argument, NULL, 'd'},
                                        {"threads", required_argument, NULL, 't'},
                                        {"engine", required_argument, NULL, 'e'},
                                        {"log-level", required_argument, NULL, 'l'},
                                        {"log-format", required_argument, NULL, 'f'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

/* The file first, wherever it stands among the flags: they override it. */
static int load_file(struct plx_agent_config *config, int argc, char **argv)
{
    struct plx_why why = {""};
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        if (c == 'c' && plx_agent_config_load(config, optarg, &why)) {
            plx_complaint("parallax-agent", "%s", why.text);
            return 1 + 2;
        }
    }
    optind = 1;
    return 0;
}

static int parse_threads(struct plx_agent_config *config, const char *text)
{
    int64_t n = 0;
    if (plx_text_int(text, 1, PLX_AGENT_THREADS_MAX, &n))
        return 1 + bad_usage("threads: expected 1 to 64, not", text);
    config->threads = (uint32_t)n;
    return 0;
}

/* Returns 0, or the exit status + 1 where the command ends here. */
static int parse_options(struct plx_agent_config *config, int argc, char **argv)
{
    int end = load_file(config, argc, argv);
    int c;
    while (!end && (c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            break;
        case 'd':
            free(config->data_dir);
            config->data_dir = plx_text_dup(optarg);
            break;
        case 't':
            end = parse_threads(config, optarg);
            break;
        case 'e':
            if (plx_engine_parse(optarg, &config->engine))
                end = 1 + bad_usage("unknown engine", optarg);
            break;
        case 'l':
            if (plx_log_level_parse(optarg, &config->log_level))
                end = 1 + bad_usage("unknown log level", optarg);
            break;
        case 'f':
            config->log_json = strcmp(optarg, "json") == 0;
            if (!config->log_json && strcmp(optarg, "text") != 0)
                end = 1 + bad_usage("unknown log format", optarg);
            break;
        case 'h':
            fputs(usage, stdout);
            end = 1;
            break;
        default:
            end = 1 + plx_usage_refuse_option(usage, c, argv);
        }
    }
    if (!end && optind < argc)
        end = 1 + bad_usage("unexpected argument", argv[optind]);
    return end;
}

/* AUTO becomes what this kernel has. */
static void choose_engine(struct plx_agent_config *config)
{
    struct plx_why why = {""};
    plx_engine_choose(&config->engine, &why);
    if (why.text[0])
        plx_logf(PLX_LOG_WARN, "engine", "why", "epoll instead: %s", why.text);
}

/* Raises the descriptor limit as far as it goes. With epoll, keeps probes to 80 % of it:
 * the rest is for the link, the spool and the resolver. */
static void fit_descriptors(struct plx_agent_config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
        config->engine != PLX_ENGINE_EPOLL)
        return;
    rlim_t room = limit.rlim_cur / 5 * 4;
    room = room > 128 ? room - 64 : 64;
    if (config->limits.in_flight > room) {
        plx_logf(PLX_LOG_INFO, "in_flight_limited", "why",
                 "%lu descriptors leave room for %lu probes at a time",
                 (unsigned long)limit.rlim_cur, (unsigned long)room);
        config->limits.in_flight = (uint32_t)room;
    }
}

static int run(struct plx_agent_config *config, struct plx_why *why)
{
    struct plx_trust *trust = NULL;
    int lock = -1;
    plx_jail_keep_secrets();
    int err = plx_trust_load(config->data_dir, &trust, why);
    if (!err)
        err = plx_file_lock_dir(config->data_dir, &lock, why);
    if (!err)
        err = plx_agent_run(config, trust, why);
    plx_trust_destroy(&trust);
    if (lock >= 0)
        close(lock);
    return err;
}

struct arguments {
    int argc;
    char **argv;
};

/* What is wrong goes to standard error as at the start; the running configuration
 * stays. */
static int read_again(void *arg, struct plx_agent_config *ret, struct plx_why *why)
{
    const struct arguments *args = arg;
    plx_agent_config_init(ret);
    optind = 1;
    if (parse_options(ret, args->argc, args->argv) == 0)
        return 0;
    plx_agent_config_fini(ret);
    return plx_why_set(why, PLX_EINVAL,
                       "the configuration cannot be read: the running "
                       "one stays");
}

int plx_run_cmd(int argc, char **argv)
{
    struct arguments args = {argc, argv};
    struct plx_agent_config config;
    struct plx_why why = {""};
    plx_agent_config_init(&config);
    config.again = read_again;
    config.again_arg = &args;
    int end = parse_options(&config, argc, argv);
    int status = end - 1;
    if (!end) {
        plx_log_set_level(config.log_level);
        plx_log_json(config.log_json);
        choose_engine(&config);
        fit_descriptors(&config);
        status = run(&config, &why) ? 1 : 0;
        if (status)
            plx_complaint("parallax-agent", "%s", why.text);
    }
    plx_agent_config_fini(&config);
    return status;
}
