/* What headers of a request wish for in an answer: its coding, and whether it is wanted
 * at all. Pure. */
#ifndef PLX_HTTP_WISHES_H
#define PLX_HTTP_WISHES_H

#include <stdbool.h>

/* Accept-Encoding (RFC 9110 12.5.3), NULL: none. Whether gzip will do: named, or under
 * "*", and not with a weight of 0. */
bool plx_wishes_gzip(const char *accept_encoding);

/* If-None-Match (RFC 9110 13.1.2): whether it names the quoted tag of what there is, by
 * itself or in a list, also as a weak one (a proxy that packs makes tags weak), or is
 * "*". */
bool plx_wishes_know(const char *if_none_match, const char *tag);

#endif
