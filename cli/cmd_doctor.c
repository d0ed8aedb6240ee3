#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/render.h"

#include <stdlib.h>
#include <unistd.h>

#define COORDINATOR_DIR    "/var/lib/parallax"
#define COORDINATOR_CONFIG "/etc/parallax/coordinator.yaml"
#define AGENT_DIR          "/var/lib/parallax-agent"
#define AGENT_CONFIG       "/etc/parallax/agent.yaml"

static const char *const words[] = {"ok", "warning", "wrong"};

static void print_table(const struct plx_cli *cli, const struct plx_doctor *d)
{
    static const struct plx_column columns[] = {
        {"health", "HEALTH", false, 0},
        {"check", "CHECK", false, 0},
        {"what", "WHAT", false, 0},
        {"remedy", "REMEDY", false, 0},
    };
    static const enum plx_style styles[] = {PLX_STYLE_GOOD, PLX_STYLE_WARN,
                                            PLX_STYLE_BAD};
    struct plx_table *table = plx_table_new(cli, columns, 4);
    for (size_t i = 0; i < d->n; i++) {
        plx_table_cell(table, styles[d->list[i].health], words[d->list[i].health]);
        plx_table_cell(table, PLX_STYLE_NONE, d->list[i].check);
        plx_table_cell(table, PLX_STYLE_NONE, d->list[i].what);
        plx_table_cell(table, PLX_STYLE_BOLD, d->list[i].remedy);
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

static json_t *as_json(const struct plx_doctor *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->n; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?}", "health",
                                              words[d->list[i].health], "check",
                                              d->list[i].check, "what", d->list[i].what,
                                              "remedy", d->list[i].remedy));
    return json_pack("{s:o}", "checks", list);
}

/* A side is looked at if it was named or is installed. */
static bool is_here(const struct plx_args *args, const char *dir_option,
                    const char *config_option, const char *dir, const char *config)
{
    return plx_args_has(args, dir_option) || plx_args_has(args, config_option) ||
           access(dir, F_OK) == 0 || access(config, F_OK) == 0;
}

static void examine(struct plx_doctor *d)
{
    const struct plx_args *args = &d->cli->args;
    const char *dir = plx_args_value(args, "data-dir", COORDINATOR_DIR);
    const char *config = plx_args_value(args, "config", COORDINATOR_CONFIG);
    const char *agent_dir = plx_args_value(args, "agent-dir", AGENT_DIR);
    const char *agent_config = plx_args_value(args, "agent-config", AGENT_CONFIG);
    bool coordinator = is_here(args, "data-dir", "config", dir, config);
    bool agent = is_here(args, "agent-dir", "agent-config", agent_dir, agent_config);
    plx_doctor_host(d);
    if (coordinator)
        plx_doctor_coordinator(d, dir, config);
    if (agent)
        plx_doctor_agent(d, agent_dir, agent_config);
    if (!coordinator && !agent)
        plx_doctor_say(d, PLX_HEALTH_BAD, "installation",
                       "name a folder: --data-dir DIR, --agent-dir DIR",
                       "neither a coordinator nor an agent is on this machine");
}

int plx_cmd_doctor(struct plx_cli *cli)
{
    struct plx_doctor d = {.cli = cli};
    int code = PLX_EXIT_OK;
    examine(&d);
    json_t *answer = as_json(&d);
    if (!plx_show_data(cli, answer))
        print_table(cli, &d);
    json_decref(answer);
    for (size_t i = 0; i < d.n; i++) {
        if (d.list[i].health == PLX_HEALTH_BAD)
            code = PLX_EXIT_NO;
        free(d.list[i].what);
        free(d.list[i].remedy);
    }
    free(d.list);
    return code;
}
