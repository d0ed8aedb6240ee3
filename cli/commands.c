#include "cli/commands.h"

#include <stdint.h>

#define MANY SIZE_MAX

static const struct plx_option apply_options[] = {
    {"file", 'f', "FILE", "monitors to apply, '-' for standard input; may be repeated"},
    {"check", 0, NULL, "only check the files, without a coordinator"},
    {"dry-run", 'n', NULL, "show what would change, change nothing"},
    {"prune", 0, NULL, "remove monitors that are not in the files"},
    {0},
};

static const struct plx_option diff_options[] = {
    {"file", 'f', "FILE", "monitors to compare, '-' for standard input; may be repeated"},
    {"prune", 0, NULL, "count monitors that are not in the files as removed"},
    {0},
};

static const struct plx_option add_options[] = {
    {"locations", 'l', "LIST",
     "where from: regions, all, key=value, with commas between"},
    {"name", 0, "NAME", "default host:port"},
    {"interval", 'i', "TIME", "between probes, default 1m"},
    {"timeout", 't', "TIME", "of a probe, default 10s"},
    {"expect", 0, "WHAT", "open (default), refused, filtered or closed"},
    {"label", 0, "KEY=VALUE", "may be repeated"},
    {"set", 0, "KEY=VALUE", "any other key of docs/MONITORS.md; may be repeated"},
    {0},
};

static const struct plx_option import_options[] = {
    {"locations", 'l', "LIST", "where from, of every monitor; default all"},
    {0},
};

static const struct plx_option doctor_options[] = {
    {"config", 0, "FILE", "default /etc/parallax/coordinator.yaml"},
    {"agent-dir", 0, "DIR", "an agent's data folder, default /var/lib/parallax-agent"},
    {"agent-config", 0, "FILE", "default /etc/parallax/agent.yaml"},
    {0},
};

static const struct plx_option status_options[] = {
    {"label", 'l', "KEY=VALUE", "only monitors with this label; may be repeated"},
    {0},
};

static const struct plx_option explain_options[] = {
    {"at", 0, "TIME", "as of then: an RFC 3339 time, or as in \"10m ago\""},
    {0},
};

static const struct plx_option check_options[] = {
    {"from", 0, "LOCATION", "a region or key=value instead of all; may be repeated"},
    {"timeout", 't', "TIME", "of the probe, default 5s"},
    {"burst", 0, NULL, "five attempts from each, summed up"},
    {"greeting", 0, "NAME", "speak, as in ssh, smtp or redis: docs/MONITORS.md has all"},
    {"expect", 0, "WHAT", "open (default), refused, filtered or closed"},
    {0},
};

static const struct plx_option trace_options[] = {
    {"from", 0, "LOCATION", "a region or key=value instead of all; may be repeated"},
    {"flows", 0, "N", "source ports side by side, 1 to 16, default 4"},
    {"hops", 0, "N", "at most so far, 1 to 30, default 30"},
    {"ip", 0, "4|6", "only this address family"},
    {0},
};

static const struct plx_option watch_options[] = {
    {"all", 0, NULL, "also what is up, from the start"},
    {0},
};

static const struct plx_option changes_options[] = {
    {"since", 0, "TIME", "a duration before now or an RFC 3339 time, default all"},
    {"kind", 0, "KIND",
     "only monitor, alerting, agent, enrolment_token, user, token, silence or key"},
    {"object", 0, "NAME", "only this monitor, agent, user, token, or number"},
    {"limit", 0, "N", "at most so many, 1 to 1000, default 100"},
    {"after", 0, "ID", "go on after the one with this number, to older ones"},
    {0},
};

static const struct plx_option events_options[] = {
    {"follow", 'f', NULL, "go on as they happen, until interrupted"},
    {"last", 0, "N", "how many of the past, default 20"},
    {"type", 0, "TYPE", "only verdict, fault, incident, place or agent"},
    {0},
};

static const struct plx_option history_options[] = {
    {"since", 0, "TIME", "how far back, or an RFC 3339 time; default 24h"},
    {0},
};

static const struct plx_option uptime_options[] = {
    {"since", 0, "TIME", "how far back, or an RFC 3339 time; default 24h"},
    {"until", 0, "TIME", "as --since; default now"},
    {"locations", 0, NULL, "how well each location reached it"},
    {0},
};

static const struct plx_option incidents_options[] = {
    {"closed", 0, NULL, "those that are over instead of those that are not"},
    {"all", 'a', NULL, "both"},
    {0},
};

static const struct plx_option silence_options[] = {
    {"for", 0, "TIME", "how long (required)"},
    {"comment", 0, "TEXT", "why"},
    {0},
};

static const struct plx_option results_options[] = {
    {"since", 0, "TIME", "from when on, default 2h ago"},
    {"until", 0, "TIME", "until when, default now"},
    {"monitor", 'm', "MONITOR", "only results of this one; may be repeated"},
    {0},
};

static const struct plx_option replay_options[] = {
    {"since", 0, "TIME", "replay the coordinator's results from then on"},
    {"until", 0, "TIME", "and until then, default now"},
    {"quorum", 0, "RULE", "any, majority, all, N, \"N of distinct(region)\", auto"},
    {"min-coverage", 0, "SHARE", "as in 60%; below it nothing is concluded"},
    {"theta", 0, "N", "nats a fault must win by, default 4.5"},
    {"policy", 0, "KEY=VALUE", "another of the judge's numbers; may be repeated"},
    {"against", 0, "WHAT", "recorded (default, if the recording has it) or default"},
    {"tolerance", 0, "TIME", "how far apart the same page may begin, default 5s"},
    {"monitor", 'm', "MONITOR", "show only pages about this one; may be repeated"},
    {0},
};

static const struct plx_option token_options[] = {
    {"region", 'r', "REGION", "of the agents that enrol with it (required)"},
    {"ttl", 0, "TIME", "how long it is valid, default 1h"},
    {"uses", 0, "N", "how many agents may use it, default 1"},
    {"name", 0, "NAME", "the agent's name; default chosen at enrolment"},
    {"label", 0, "KEY=VALUE", "of the agents; may be repeated"},
    {"quiet", 'q', NULL, "print the token only"},
    {0},
};

static const struct plx_option user_options[] = {
    {"role", 'r', "ROLE", "viewer (default), operator or admin"},
    {0},
};

static const struct plx_option api_token_options[] = {
    {"role", 'r', "ROLE", "viewer (default), operator or admin"},
    {"ttl", 0, "TIME", "how long it is valid, default for ever"},
    {"replace", 0, NULL, "in place of the one of that name, which is no longer valid"},
    {0},
};

static const struct plx_option rotate_options[] = {
    {"force", 0, NULL, "even if some agents then have to be enrolled anew"},
    {0},
};

static const struct plx_option agent_label_options[] = {
    {"label", 0, "KEY=VALUE", "of the agent; may be repeated"},
    {"none", 0, NULL, "take away all it has"},
    {0},
};

const struct plx_option plx_global_options[] = {
    {"output", 'o', "FORMAT", "table (default), json, csv or yaml"},
    {"data-dir", 0, "DIR", "the coordinator's data folder (its admin.yaml is used)"},
    {"admin", 0, "FILE", "an admin file (default $PARALLAX_ADMIN, then usual places)"},
    {"wait", 0, "TIME", "how long to wait for an answer, default 30s"},
    {"no-color", 0, NULL, "no colours (so does NO_COLOR)"},
    {"help", 'h', NULL, "this help"},
    {"version", 0, NULL, "the version"},
    {0},
};

const struct plx_command plx_commands[] = {
    {"status", "[MONITOR…]", "What is up, what is not, and why",
     "Without a name: one line per monitor, worst first. With names: what each location\n"
     "sees, too. Exits 0 if all (named) monitors count as up, 1 if one is down, 3 if "
     "one\n"
     "is inconclusive and none is down.",
     status_options, 0, MANY, plx_cmd_status, NULL},
    {"explain", "MONITOR", "The reasoning behind a verdict",
     "With --at the stored results up to that time are judged anew, with the agents and\n"
     "monitors of today.",
     explain_options, 1, 1, plx_cmd_explain, NULL},
    {"check", "HOST:PORT", "Probe once from every location, now",
     "Exits 0 if every location sees what is expected, 1 if one does not, 3 if none "
     "could\n"
     "tell.",
     check_options, 1, 1, plx_cmd_check, NULL},
    {"trace", "HOST:PORT", "Walk the way from every location, and say where it breaks",
     "SYNs of growing TTL, half-open as a probe. Exits 0 if every flow reaches the "
     "target, 1\n"
     "if one does not, 3 if nobody could trace.",
     trace_options, 1, 1, plx_cmd_trace, NULL},
    {"watch", "", "The fleet live, on the whole screen",
     "q quits, a shows all monitors or only what is not up, arrows scroll.",
     watch_options, 0, 0, plx_cmd_watch, NULL},
    {"events", "", "What happens: verdicts, faults, incidents, agents",
     "A line each; with --output json, one JSON object a line.", events_options, 0, 0,
     plx_cmd_events, NULL},
    {"history", "MONITOR", "Past verdicts of a monitor", NULL, history_options, 1, 1,
     plx_cmd_history, NULL},
    {"uptime", "[MONITOR…]", "Availability, reachability and coverage of a time",
     "Availability is the server's, of the time of which something is known; unknown "
     "time is\n"
     "given apart. Coverage is ours. What results that came late say of a time when "
     "nobody\n"
     "judged counts, and is marked. Exits 1 if an objective's budget is overdrawn.",
     uptime_options, 0, MANY, plx_cmd_uptime, NULL},
    {"incidents list", "", "What is broken now, each cause once", NULL, incidents_options,
     0, 0, plx_cmd_incidents_list, NULL},
    {"incidents show", "ID",
     "One incident: monitors, timeline, who was told, where it broke", NULL, NULL, 1, 1,
     plx_cmd_incidents_show, NULL},
    {"incidents ack", "ID [TEXT]",
     "Take an incident on: no more repetition or escalation", NULL, NULL, 1, 2,
     plx_cmd_incidents_ack, NULL},
    {"incidents note", "ID TEXT", "Write a line into an incident's timeline", NULL, NULL,
     2, 2, plx_cmd_incidents_note, NULL},
    {"silences list", "", "Silences that hold", NULL, NULL, 0, 0, plx_cmd_silences_list,
     NULL},
    {"silences add", "KEY=VALUE…", "Tell nobody of what matches, for a while",
     "KEY is monitor, severity, kind, entity or a label; '*' in VALUE is any text. One "
     "key\n"
     "several times: either value; several keys: all of them.",
     silence_options, 1, MANY, plx_cmd_silences_add, NULL},
    {"silences rm", "ID", "End a silence now", NULL, NULL, 1, 1, plx_cmd_silences_rm,
     NULL},
    {"maintenance list", "", "Maintenance windows and when they are next", NULL, NULL, 0,
     0, plx_cmd_maintenance_list, NULL},
    {"receivers list", "", "Who is told, and how delivery goes", NULL, NULL, 0, 0,
     plx_cmd_receivers_list, NULL},
    {"receivers test", "RECEIVER", "Send a test message",
     "Exits 0 if the first attempt is delivered, 1 if not.", NULL, 1, 1,
     plx_cmd_receivers_test, NULL},
    {"apply", "-f FILE…", "Make monitors, receivers and routes what the files say",
     "Nothing is applied unless every file is good. Errors read FILE:LINE:COLUMN.\n"
     "Monitors that the files do not name stay, unless --prune is given. The keys\n"
     "receivers, routes and maintenance each take the place of what there was. A dry "
     "run\n"
     "says whom a failure of each changed monitor would page.",
     apply_options, 0, MANY, plx_cmd_apply, NULL},
    {"diff", "-f FILE…", "What apply would change",
     "Exits 0 if nothing would change, 1 if something would.", diff_options, 0, MANY,
     plx_cmd_diff, NULL},
    {"monitors list", "", "All monitors", NULL, NULL, 0, 0, plx_cmd_monitors_list, NULL},
    {"monitors show", "MONITOR", "One monitor with every key", NULL, NULL, 1, 1,
     plx_cmd_monitors_show, NULL},
    {"monitors add", "HOST:PORT", "Add one monitor", NULL, add_options, 1, 1,
     plx_cmd_monitors_add, NULL},
    {"monitors edit", "MONITOR", "Change one monitor in $EDITOR", NULL, NULL, 1, 1,
     plx_cmd_monitors_edit, NULL},
    {"monitors rm", "MONITOR…", "Remove monitors", NULL, NULL, 1, MANY,
     plx_cmd_monitors_rm, NULL},
    {"monitors pause", "MONITOR…", "Stop probing for a while", NULL, NULL, 1, MANY,
     plx_cmd_monitors_pause, NULL},
    {"monitors resume", "MONITOR…", "Probe again", NULL, NULL, 1, MANY,
     plx_cmd_monitors_resume, NULL},
    {"monitors export", "", "All monitors as a file for apply",
     "YAML; with --output json, JSON that apply takes as well.", NULL, 0, 0,
     plx_cmd_monitors_export, NULL},
    {"import", "TOOL FILE…", "Another tool's configuration as monitors",
     "TOOL is gatus, uptime-kuma (kuma.db or a JSON backup), blackbox (blackbox.yml, "
     "then\n"
     "prometheus.yml and files of alerting rules) or cloudprober. The monitors go to\n"
     "standard output, as a file for apply; what has no equivalent to standard error.\n"
     "With --output json both are one document. Exits 0, or 1 if an entry is left out.",
     import_options, 2, MANY, plx_cmd_import, NULL},
    {"locations list", "", "What monitors can name as locations, and who serves them",
     "Regions, all, and labels of agents; also what monitors name and nobody serves.",
     NULL, 0, 0, plx_cmd_locations_list, NULL},
    {"providers list", "", "Whose networks the agents stand in, and how many are live",
     "By the label provider, which an agent's token or agents label gives it. The judge\n"
     "takes agents of one provider for eyes that can fail together.",
     NULL, 0, 0, plx_cmd_providers_list, NULL},
    {"changes", "", "Who changed what of the configuration, newest first",
     "Monitors, receivers, routes and maintenance, agents, tokens, users, silences and\n"
     "the coordinator's key, with what was and what is. What may be secret is said to\n"
     "have changed, and not shown.\n"
     "With --output csv a row each changed key. Takes an admin.",
     changes_options, 0, 0, plx_cmd_changes, NULL},
    {"agents list", "", "The vantage points and how they are", NULL, NULL, 0, 0,
     plx_cmd_agents_list, NULL},
    {"agents show", "AGENT", "One agent in full", NULL, NULL, 1, 1, plx_cmd_agents_show,
     NULL},
    {"agents drain", "AGENT", "Take an agent's work away, keep it enrolled", NULL, NULL,
     1, 1, plx_cmd_agents_drain, NULL},
    {"agents undrain", "AGENT", "Give a drained agent work again", NULL, NULL, 1, 1,
     plx_cmd_agents_undrain, NULL},
    {"agents label", "AGENT", "Give an agent labels, instead of those it was given",
     "Labels select the monitors an agent gets (locations: [provider=aws]) and tell the\n"
     "judge which agents stand apart. What an agent says of itself does neither.",
     agent_label_options, 1, 1, plx_cmd_agents_label, NULL},
    {"agents rotate-key", "AGENT", "Let an agent make itself a new key",
     "The old key is valid until the agent has begun a session with the new one.", NULL,
     1, 1, plx_cmd_agents_rotate_key, NULL},
    {"agents revoke", "AGENT", "Shut an agent out for ever, at once", NULL, NULL, 1, 1,
     plx_cmd_agents_revoke, NULL},
    {"agents token create", "", "A token that enrols an agent",
     "The token goes to standard output and is shown this once:\n"
     "  parallax-agent enroll TOKEN",
     token_options, 0, 0, plx_cmd_token_create, NULL},
    {"agents token list", "", "Tokens that are still valid", NULL, NULL, 0, 0,
     plx_cmd_token_list, NULL},
    {"agents token revoke", "ID", "Make a token invalid", NULL, NULL, 1, 1,
     plx_cmd_token_revoke, NULL},
    {"users list", "", "People who may log in to the dashboard", NULL, NULL, 0, 0,
     plx_cmd_users_list, NULL},
    {"users put", "NAME", "Let somebody log in, or give them a new password or role",
     "Reads the password from standard input; on a terminal it asks.", user_options, 1, 1,
     plx_cmd_users_put, NULL},
    {"users rm", "NAME", "Let somebody in no longer; ends their sessions", NULL, NULL, 1,
     1, plx_cmd_users_rm, NULL},
    {"tokens list", "", "Tokens of programs that use the HTTP API", NULL, NULL, 0, 0,
     plx_cmd_tokens_list, NULL},
    {"tokens create", "NAME", "A token for a program, shown this once", NULL,
     api_token_options, 1, 1, plx_cmd_tokens_create, NULL},
    {"tokens revoke", "NAME", "Make a program's token invalid", NULL, NULL, 1, 1,
     plx_cmd_tokens_revoke, NULL},
    {"keys show", "", "The coordinator's public keys, and who does not know the next one",
     NULL, NULL, 0, 0, plx_cmd_keys_show, NULL},
    {"keys rotate", "", "Change the coordinator's key to the next one",
     "Agents hold the old and the next key together; the coordinator starts again with\n"
     "the next, makes another, and the command ends when it serves. After a theft of\n"
     "its data folder rotate twice: the thief has the next key, too. Copies of\n"
     "admin.yaml elsewhere have to be renewed.",
     rotate_options, 0, 0, plx_cmd_keys_rotate, NULL},
    {"health", "", "How the coordinator itself is", NULL, NULL, 0, 0, plx_cmd_health,
     NULL},
    {"backup", "FILE", "Copy the coordinator's database while it runs",
     "Where the coordinator runs, as root or its user. The copy is the database as it "
     "is\n"
     "when copying ends. Keys are not in it: keep the *.key files, too.",
     NULL, 1, 1, plx_cmd_backup, NULL},
    {"restore", "FILE", "Put a backup in the place of a stopped coordinator's database",
     "Into the folder of --data-dir, default /var/lib/parallax. What was there is kept "
     "as\n"
     "parallax.db.before.",
     NULL, 1, 1, plx_cmd_restore, NULL},
    {"doctor", "", "What is wrong on this machine, and what to do about it",
     "Looks at configuration, folders, keys, database, ports, disk, descriptors and "
     "clock\n"
     "of the coordinator and the agent that are here, and whether they are reachable.\n"
     "Exits 1 if something is wrong.",
     doctor_options, 0, 0, plx_cmd_doctor, NULL},
    {"judge", "", "Judge recorded results: JSON lines on standard input to JSON lines",
     NULL, NULL, 0, 0, NULL, plx_cmd_judge},
    {"replay", "[FILE]", "What would have paged under other rules, and what did",
     "FILE is a recording of results export ('-': standard input); with --since the\n"
     "coordinator's own results are taken. Rules given here stand over those of the\n"
     "monitors. Exits 0 if the same pages come of it, 1 if others do, 2 if a line of "
     "the\n"
     "recording is bad.",
     replay_options, 0, 1, plx_cmd_replay, NULL},
    {"results export", "", "A recording of what the agents saw, for judge and replay",
     "JSON lines: agents and monitors as they are now, verdicts given in that time, and\n"
     "the results in the order they came, with heartbeats and a tick each second.",
     results_options, 0, 0, plx_cmd_results_export, NULL},
    {"completion", "bash|zsh|fish", "A completion script for a shell",
     "bash: source <(parallax completion bash)\n"
     "zsh:  source <(parallax completion zsh)\n"
     "fish: parallax completion fish | source",
     NULL, 1, 1, plx_cmd_completion, NULL},
    {"version", "", "The version of this program", NULL, NULL, 0, 0, plx_cmd_version,
     NULL},
};
const size_t plx_n_commands = sizeof plx_commands / sizeof *plx_commands;
