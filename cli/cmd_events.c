/* What happens, as it happens: the coordinator's events, a line each. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/verdict.h"

#include "base/text.h"

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LAST_MAX  4096 /* events the coordinator keeps */
#define PAGES_MAX 64   /* of 500; more only where they come faster than we ask */
#define WAIT      "5s" /* of one question; it is also how often a reader is looked for */

struct events {
    struct plx_cli *cli;
    json_int_t next, epoch; /* to ask on with */
    bool began;
    int64_t last;     /* of those before, so many are shown */
    json_t *kept;     /* the newest of them, until all have been seen */
    const char *only; /* their type; NULL: any */
};

/* What of an event's keys says it best, by its type. */
static const char *subject(const json_t *event, const char *type)
{
    if (strcmp(type, "verdict") == 0)
        return plx_field(event, "monitor");
    return plx_field(event, strcmp(type, "agent") == 0   ? "agent"
                            : strcmp(type, "place") == 0 ? "fault"
                                                         : "entity");
}

static void print_event(const struct plx_cli *cli, const json_t *event)
{
    const char *type = plx_field(event, "type"), *now = plx_field(event, "now");
    enum plx_style style = PLX_STYLE_NONE;
    if (strcmp(type, "verdict") == 0) {
        style = plx_verdict_look(now)->style;
        plx_say("%s  %-8s  %s: %s", plx_field(event, "at"), type, subject(event, type),
                *plx_field(event, "was") ? plx_field(event, "was") : "new");
        plx_say(" -> ");
        printf("%s", plx_style_on(cli, style));
        plx_say("%s", now);
        printf("%s", plx_style_off(cli, style));
        plx_say("  %s\n", plx_field(event, "sentence"));
        return;
    }
    const char *what = plx_field(event, strcmp(type, "agent") == 0      ? "event"
                                        : strcmp(type, "incident") == 0 ? "what"
                                        : strcmp(type, "place") == 0    ? "kind"
                                                                        : "state");
    const char *more = plx_field(event, strcmp(type, "fault") == 0      ? "why"
                                        : strcmp(type, "incident") == 0 ? "text"
                                        : strcmp(type, "place") == 0    ? "sentence"
                                                                        : "region");
    plx_say("%s  %-8s  %s: %s  %s\n", plx_field(event, "at"), type, subject(event, type),
            what, more);
}

static void show(const struct events *e, const json_t *event)
{
    if (e->cli->format == PLX_FORMAT_TABLE) {
        print_event(e->cli, event);
        return;
    }
    char *line = json_dumps(event, JSON_COMPACT);
    puts(line ? line : "{}");
    free(line);
}

static void keep(struct events *e, json_t *event)
{
    json_array_append(e->kept, event);
    if (json_array_size(e->kept) > (size_t)e->last)
        json_array_remove(e->kept, 0);
}

static void take(struct events *e, const json_t *answer)
{
    size_t i;
    json_t *event;
    if (e->began && json_is_true(json_object_get(answer, "missed")))
        plx_remark("parallax: some events were missed\n");
    json_array_foreach(json_object_get(answer, "events"), i, event)
    {
        if (e->only && strcmp(e->only, plx_field(event, "type")) != 0)
            continue;
        if (e->began)
            show(e, event);
        else
            keep(e, event);
    }
    fflush(stdout);
    e->next = json_integer_value(json_object_get(answer, "next"));
    e->epoch = json_integer_value(json_object_get(answer, "epoch"));
}

/* One question. */
static int ask(struct events *e, const char *wait)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kint(&q.json, "after", e->next);
    if (e->epoch)
        plx_json_kint(&q.json, "epoch", e->epoch);
    plx_json_kstr(&q.json, "wait", wait);
    int code = plx_ask(e->cli, "events", &q, &answer);
    if (code == PLX_EXIT_OK)
        take(e, answer);
    json_decref(answer);
    return code;
}

/* What the coordinator has kept comes in pages, the oldest first. */
static int ask_before(struct events *e)
{
    json_int_t seen = -1;
    int code = PLX_EXIT_OK;
    e->kept = json_array();
    for (int i = 0; i < PAGES_MAX && code == PLX_EXIT_OK && e->next != seen; i++) {
        seen = e->next;
        code = ask(e, "0s");
    }
    for (size_t i = 0; code == PLX_EXIT_OK && i < json_array_size(e->kept); i++)
        show(e, json_array_get(e->kept, i));
    fflush(stdout);
    json_decref(e->kept);
    e->began = true;
    return code;
}

/* Whoever reads what we print went away (`| head`): a pipe says so before it is written
 * to, and it may be long until then. */
static bool nobody_reads(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return ferror(stdout) || (poll(&out, 1, 0) == 1 && (out.revents & POLLERR));
}

/* For ever, also over restarts of the coordinator. */
static int follow(struct events *e)
{
    const struct timespec pause = {.tv_sec = 2};
    for (;;) {
        int code = ask(e, WAIT);
        if (code == PLX_EXIT_UNREACHABLE || code == PLX_EXIT_FAILED)
            nanosleep(&pause, NULL);
        else if (code != PLX_EXIT_OK)
            return code;
        if (nobody_reads())
            return PLX_EXIT_FAILED;
    }
}

static bool is_type(const char *type)
{
    static const char *const types[] = {"verdict", "fault", "incident", "place", "agent"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

int plx_cmd_events(struct plx_cli *cli)
{
    struct events e = {.cli = cli, .only = plx_args_value(&cli->args, "type", NULL)};
    if (cli->format == PLX_FORMAT_CSV || cli->format == PLX_FORMAT_YAML)
        return plx_complain(PLX_EXIT_USAGE, "events are a table or --output json");
    const char *last = plx_args_value(&cli->args, "last", "20");
    if (plx_text_int(last, 0, LAST_MAX, &e.last) < 0)
        return plx_complain(PLX_EXIT_USAGE, "--last must be a number from 0 to %d: '%s'",
                            LAST_MAX, last);
    if (e.only && !is_type(e.only))
        return plx_complain(PLX_EXIT_USAGE,
                            "--type must be verdict, fault, incident, place or agent: "
                            "'%s'",
                            e.only);
    int code = ask_before(&e);
    if (code == PLX_EXIT_OK && plx_args_has(&cli->args, "follow"))
        code = follow(&e);
    return code;
}
