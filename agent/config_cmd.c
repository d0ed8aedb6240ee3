#include "agent/config_cmd.h"

#include "agent/config.h"
#include "sys/complaint.h"

#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: parallax-agent config check FILE\n"
                            "Whether `run --config FILE` could read it. Exit status: 0 "
                            "it is good, 2 it is not.\n";

int plx_config_cmd(int argc, char **argv)
{
    struct plx_agent_config config;
    struct plx_why why = {""};
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0;
    if (argc != 3 || strcmp(argv[1], "check") != 0) {
        fputs(usage, stderr);
        return 2;
    }
    plx_agent_config_init(&config);
    int err = plx_agent_config_load(&config, argv[2], &why);
    if (err)
        plx_complaint(NULL, "%s", why.text);
    else
        printf("%s: good\n", argv[2]);
    plx_agent_config_fini(&config);
    return err ? 2 : 0;
}
