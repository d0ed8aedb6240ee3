#include "agent/usage.h"

#include "sys/complaint.h"

#include <stdio.h>

int plx_usage_refuse(const char *usage, const char *what, const char *text)
{
    if (text)
        plx_complaint("parallax-agent", "%s '%s'", what, text);
    else
        plx_complaint("parallax-agent", "%s", what);
    fputs(usage, stderr);
    return 2;
}

int plx_usage_refuse_option(const char *usage, int c, char *const *argv)
{
    struct plx_why why = {""};
    plx_complaint_option(c, argv, &why);
    return plx_usage_refuse(usage, why.text, NULL);
}
