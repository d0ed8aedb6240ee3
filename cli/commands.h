/* The commands' functions, one file a noun. Each returns enum plx_exit. */
#ifndef PLX_CLI_COMMANDS_H
#define PLX_CLI_COMMANDS_H

#include "cli/cli.h"

int plx_cmd_apply(struct plx_cli *cli);
int plx_cmd_diff(struct plx_cli *cli);
int plx_cmd_monitors_list(struct plx_cli *cli);
int plx_cmd_monitors_show(struct plx_cli *cli);
int plx_cmd_monitors_add(struct plx_cli *cli);
int plx_cmd_monitors_edit(struct plx_cli *cli);
int plx_cmd_monitors_rm(struct plx_cli *cli);
int plx_cmd_monitors_pause(struct plx_cli *cli);
int plx_cmd_monitors_resume(struct plx_cli *cli);
int plx_cmd_monitors_export(struct plx_cli *cli);
int plx_cmd_status(struct plx_cli *cli);
int plx_cmd_explain(struct plx_cli *cli);
int plx_cmd_check(struct plx_cli *cli);
int plx_cmd_trace(struct plx_cli *cli);
int plx_cmd_history(struct plx_cli *cli);
int plx_cmd_watch(struct plx_cli *cli);
int plx_cmd_events(struct plx_cli *cli);
int plx_cmd_uptime(struct plx_cli *cli);
int plx_cmd_incidents_list(struct plx_cli *cli);
int plx_cmd_incidents_show(struct plx_cli *cli);
int plx_cmd_incidents_ack(struct plx_cli *cli);
int plx_cmd_incidents_note(struct plx_cli *cli);
int plx_cmd_silences_list(struct plx_cli *cli);
int plx_cmd_silences_add(struct plx_cli *cli);
int plx_cmd_silences_rm(struct plx_cli *cli);
int plx_cmd_maintenance_list(struct plx_cli *cli);
int plx_cmd_receivers_list(struct plx_cli *cli);
int plx_cmd_receivers_test(struct plx_cli *cli);
int plx_cmd_locations_list(struct plx_cli *cli);
int plx_cmd_providers_list(struct plx_cli *cli);
int plx_cmd_changes(struct plx_cli *cli);
int plx_cmd_agents_list(struct plx_cli *cli);
int plx_cmd_agents_show(struct plx_cli *cli);
int plx_cmd_agents_revoke(struct plx_cli *cli);
int plx_cmd_agents_drain(struct plx_cli *cli);
int plx_cmd_agents_undrain(struct plx_cli *cli);
int plx_cmd_agents_rotate_key(struct plx_cli *cli);
int plx_cmd_keys_show(struct plx_cli *cli);
int plx_cmd_keys_rotate(struct plx_cli *cli);
int plx_cmd_agents_label(struct plx_cli *cli);
int plx_cmd_token_create(struct plx_cli *cli);
int plx_cmd_token_list(struct plx_cli *cli);
int plx_cmd_token_revoke(struct plx_cli *cli);
int plx_cmd_users_list(struct plx_cli *cli);
int plx_cmd_users_put(struct plx_cli *cli);
int plx_cmd_users_rm(struct plx_cli *cli);
int plx_cmd_tokens_list(struct plx_cli *cli);
int plx_cmd_tokens_create(struct plx_cli *cli);
int plx_cmd_tokens_revoke(struct plx_cli *cli);
/* Reads its own arguments; see struct plx_command. */
int plx_cmd_judge(int argc, char **argv);
int plx_cmd_results_export(struct plx_cli *cli);
int plx_cmd_replay(struct plx_cli *cli);
int plx_cmd_import(struct plx_cli *cli);
int plx_cmd_doctor(struct plx_cli *cli);
int plx_cmd_backup(struct plx_cli *cli);
int plx_cmd_restore(struct plx_cli *cli);
int plx_cmd_health(struct plx_cli *cli);
int plx_cmd_completion(struct plx_cli *cli);
int plx_cmd_version(struct plx_cli *cli);

#endif
