/* command: a program of the coordinator's `commands_dir`, with the message's own JSON on
 * its standard input. No shell takes part. Exit 0 is delivered, 75 (EX_TEMPFAIL of
 * sysexits.h) and whatever it dies of are tried again, the rest is not. */
#include "coordinator/receivers/present.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

#define TRY_AGAIN 75

/* A name in one folder, that no path leads out of. */
static int check_program(const char *value, struct plx_why *why)
{
    if (!plx_text_is_file_name(value))
        return plx_why_set(why, PLX_EINVAL,
                           "must be the name of a program in the coordinator's "
                           "commands_dir");
    return 0;
}

static const struct plx_receiver_key keys[] = {
    {.name = "program", .required = true, .check = check_program},
    {.name = "args"},
};

static void add_word(void *arg, const char *item)
{
    plx_request_word(arg, item);
}

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    const char *args = plx_receiver_option(receiver, "args");
    struct plx_json j;
    (void)now;
    ret->transport = PLX_TRANSPORT_COMMAND;
    plx_request_word(ret, plx_receiver_option(receiver, "program"));
    plx_present_items(args ? args : "", add_word, ret);
    plx_json_init(&j, &ret->body);
    plx_message_write(message, &j);
    plx_buf_char(&ret->body, '\n');
    return plx_present_done(ret, why);
}

static enum plx_fate judge(const struct plx_reply *reply, struct plx_why *why)
{
    char said[PLX_REPLY_LINE_MAX];
    plx_reply_line(reply, said);
    if (reply->trouble[0]) {
        plx_why_set(why, 0, "%s", reply->trouble);
        return PLX_FATE_RETRY;
    }
    if (reply->status == 0) {
        plx_why_set(why, 0, "exit 0");
        return PLX_FATE_DELIVERED;
    }
    plx_why_set(why, 0, "exit %ld%s%s", reply->status, said[0] ? ": " : "", said);
    return reply->status == TRY_AGAIN ? PLX_FATE_RETRY : PLX_FATE_REFUSED;
}

const struct plx_receiver_kind plx_receiver_command = {.name = "command",
                                                       .keys = keys,
                                                       .n_keys =
                                                           sizeof keys / sizeof *keys,
                                                       .build = build,
                                                       .judge = judge};
