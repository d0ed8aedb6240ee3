/* Included before every file of this project: calls that have no safe use here.
 * Use plx_text_* (base/text.h) for copying and parsing, snprintf for formatting. */
#ifndef PLX_BASE_POISON_H
#define PLX_BASE_POISON_H

/* The headers first, so that their own declarations are not poisoned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atoll gets strncpy

#endif
