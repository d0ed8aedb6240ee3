#include "base/err.h"
#include "coordinator/config.h"
#include "coordinator/coordinator.h"
#include "coordinator/io/door_process.h"
#include "sys/complaint.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_FAILED 1
#define EXIT_USAGE  2

static const char usage[] =
    "Usage: parallax-coordinator run --data-dir DIR [OPTION…]\n"
    "       parallax-coordinator config check FILE\n"
    "\n"
    "Takes in what agents see, judges it, answers the parallax command.\n"
    "\n"
    "  --data-dir DIR        the database, keys and the admin file live there "
    "(required)\n"
    "  --config FILE         YAML with these options as keys (data_dir, listen, …)\n"
    "  --listen ENDPOINT     for agents, default tcp://*:7440\n"
    "  --enrol-listen ENDPOINT  for enrolment, default tcp://*:7441\n"
    "  --admin-listen ENDPOINT  for the parallax command, default tcp://127.0.0.1:7442\n"
    "  --http-listen ADDRESS:PORT  the API and dashboard over HTTP, default\n"
    "                        127.0.0.1:7480; off for none\n"
    "  --http-behind-tls true  a proxy in front ends TLS: cookies over https only\n"
    "  --http-trusted-proxy ADDRESS[,…]  proxies whose X-Forwarded-For says who asks\n"
    "  --status-page KEY=VALUE  a public page at /status of the monitors with that "
    "label,\n"
    "                        or of all; none by default\n"
    "  --status-title TEXT   its title\n"
    "  --advertise HOST      how agents reach this machine, default what is listened on\n"
    "                        or the machine's name\n"
    "  --public-url URL      of the dashboard as people reach it: for links in notices\n"
    "  --commands-dir DIR    programs that receivers of kind command may run\n"
    "  --secrets-dir DIR     files that receivers may refer to (KEY_file); default what\n"
    "                        systemd's LoadCredential gives\n"
    "  --heartbeat-url URL   told every minute (POST) while all is well, by default "
    "none\n"
    "  --retention-days N    how long results are kept, default 30\n"
    "  --rollup-minutes T    how long results summed up by minute are kept, default 7d;\n"
    "  --rollup-hours T      … by hour, default 100d;\n"
    "  --rollup-days T       … by day, default 1100d\n"
    "  --trace-interval T    how often ways of good times are walked, default 1h, or "
    "off\n"
    "  --log-level LEVEL     debug, info, warn or error; default info\n"
    "  --log-format FORMAT   text (key=value) or json; default text\n"
    "  --help, --version\n"
    "\n"
    "SIGHUP reads the file again: log level and format and the retention hold at once.\n"
    "Exits 0 after SIGTERM or SIGINT, 1 if it cannot serve, 2 for bad usage.\n";

static const struct option options[] = {
    {"data-dir", required_argument, NULL, 'o'},
    {"config", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, 'o'},
    {"enrol-listen", required_argument, NULL, 'o'},
    {"admin-listen", required_argument, NULL, 'o'},
    {"http-listen", required_argument, NULL, 'o'},
    {"http-behind-tls", required_argument, NULL, 'o'},
    {"http-trusted-proxy", required_argument, NULL, 'o'},
    {"status-page", required_argument, NULL, 'o'},
    {"status-title", required_argument, NULL, 'o'},
    {"advertise", required_argument, NULL, 'o'},
    {"public-url", required_argument, NULL, 'o'},
    {"commands-dir", required_argument, NULL, 'o'},
    {"secrets-dir", required_argument, NULL, 'o'},
    {"heartbeat-url", required_argument, NULL, 'o'},
    {"retention-days", required_argument, NULL, 'o'},
    {"rollup-minutes", required_argument, NULL, 'o'},
    {"rollup-hours", required_argument, NULL, 'o'},
    {"rollup-days", required_argument, NULL, 'o'},
    {"trace-interval", required_argument, NULL, 'o'},
    {"log-level", required_argument, NULL, 'o'},
    {"log-format", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {0},
};

static int complain(int code, const char *sentence)
{
    plx_complaint("parallax-coordinator", "%s", sentence);
    return code;
}

/* "data-dir" → "data_dir". */
static void key_of(const char *name, char *key, size_t size)
{
    snprintf(key, size, "%s", name);
    for (char *p = key; *p; p++)
        if (*p == '-')
            *p = '_';
}

/* One pass over the arguments: the file's (pass 'c') or the flags' (pass 'o'), which win.
 * Returns 0, an exit code + 1 to end with, or PLX_EINVAL with a sentence. */
static int read_args(int argc, char **argv, int pass, struct plx_config *config,
                     struct plx_why *why)
{
    int index, c;
    char key[32];
    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":", options, &index)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 1;
        }
        if (c == 'v') {
            puts("parallax-coordinator " PLX_VERSION);
            return 1;
        }
        if (c == '?' || c == ':')
            return plx_complaint_option(c, argv, why);
        if (c != pass)
            continue;
        key_of(options[index].name, key, sizeof key);
        int err = c == 'c' ? plx_config_load(config, optarg, why)
                           : plx_config_set(config, key, optarg, why);
        if (err < 0)
            return PLX_EINVAL;
    }
    return 0;
}

static int read_config(int argc, char **argv, struct plx_config *config,
                       struct plx_why *why)
{
    int err = read_args(argc, argv, 'c', config, why);
    if (err == 0)
        err = read_args(argc, argv, 'o', config, why);
    if (err != 0)
        return err;
    if (argc - optind != 1 || strcmp(argv[optind], "run") != 0)
        return plx_why_set(why, PLX_EINVAL, "the command is 'run'; see --help");
    if (!config->data_dir)
        return plx_why_set(why, PLX_EINVAL, "--data-dir is missing; see --help");
    return 0;
}

struct arguments {
    int argc;
    char **argv;
};

static int read_again(void *arg, struct plx_config *ret, struct plx_why *why)
{
    const struct arguments *args = arg;
    plx_config_init(ret);
    int err = read_config(args->argc, args->argv, ret, why);
    if (err < 0)
        plx_config_fini(ret);
    return err;
}

static int check_config(const char *path)
{
    struct plx_config config;
    struct plx_why why = {""};
    plx_config_init(&config);
    int err = plx_config_load(&config, path, &why);
    if (err < 0)
        plx_complaint(NULL, "%s", why.text);
    else
        printf("%s: good\n", path);
    plx_config_fini(&config);
    return err < 0 ? EXIT_USAGE : 0;
}

int main(int argc, char **argv)
{
    struct arguments args = {argc, argv};
    struct plx_config config;
    struct plx_why why = {""};
    if (argc > 1 && strcmp(argv[1], PLX_DOOR_COMMAND) == 0)
        return plx_door_process_main(argc, argv);
    if (argc == 4 && strcmp(argv[1], "config") == 0 && strcmp(argv[2], "check") == 0)
        return check_config(argv[3]);
    plx_config_init(&config);
    config.again = read_again;
    config.again_arg = &args;
    int err = read_config(argc, argv, &config, &why);
    int code = 0;
    if (err < 0) {
        code = complain(EXIT_USAGE, why.text);
    } else if (err == 0) {
        plx_log_set_level(config.log_level);
        plx_log_json(config.log_json);
        plx_log_timestamps(isatty(STDERR_FILENO));
        err = plx_coordinator_run(&config, &why);
        if (err < 0)
            code = complain(EXIT_FAILED, why.text);
        if (err == PLX_COORDINATOR_RESTART) {
            execv("/proc/self/exe", argv);
            code = complain(EXIT_FAILED, "cannot start again: start it by hand");
        }
    }
    plx_config_fini(&config);
    return code;
}
