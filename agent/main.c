/* parallax-agent: argv to subcommands. */
#include "agent/config_cmd.h"
#include "agent/enrol_cmd.h"
#include "agent/probe_cmd.h"
#include "agent/run_cmd.h"
#include "agent/scan_cmd.h"
#include "agent/trace_cmd.h"
#include "agent/usage.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: parallax-agent COMMAND …\n"
    "  run [--data-dir DIR] [--config FILE]   probe what the coordinator assigns "
    "(default)\n"
    "  enroll TOKEN [--name NAME]             join a coordinator\n"
    "  probe HOST:PORT…                       probe now, without a coordinator\n"
    "  trace HOST:PORT                        the way there, router by router\n"
    "  config check FILE                      whether a configuration is good\n"
    "  scan-self                              say what this host can hold\n"
    "  --version, --help\n"
    "parallax-agent COMMAND --help says more.\n";

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"run", plx_run_cmd},     {"enroll", plx_enrol_cmd},   {"probe", plx_probe_cmd},
    {"trace", plx_trace_cmd}, {"scan-self", plx_scan_cmd}, {"config", plx_config_cmd},
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "run";
    opterr = 0; /* the commands say it themselves: plx_complaint_option */
    if (strcmp(name, "--version") == 0)
        return puts("parallax-agent " PLX_VERSION) < 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
        return fputs(usage, stdout) < 0;
    if (argc == 1 || name[0] == '-')
        return plx_run_cmd(argc, argv);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return plx_usage_refuse(usage, "unknown command", name);
}
