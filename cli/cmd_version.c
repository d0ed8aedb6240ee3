#include "cli/commands.h"

#include <stdio.h>

int plx_cmd_version(struct plx_cli *cli)
{
    switch (cli->format) {
    case PLX_FORMAT_JSON:
        printf("{\"version\": \"%s\"}\n", PLX_VERSION);
        break;
    case PLX_FORMAT_CSV:
        printf("version\n%s\n", PLX_VERSION);
        break;
    case PLX_FORMAT_YAML:
        printf("version: \"%s\"\n", PLX_VERSION);
        break;
    case PLX_FORMAT_TABLE:
    default:
        printf("parallax %s\n", PLX_VERSION);
    }
    return PLX_EXIT_OK;
}
