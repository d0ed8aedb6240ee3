/* Files that the service manager hands a service apart from its state folder: systemd's
 * LoadCredential= and LoadCredentialEncrypted= (systemd.exec(5)), which name their folder
 * in $CREDENTIALS_DIRECTORY. That folder can be read by the service only and is gone with
 * it; what is in it cannot be changed by the service. Any thread. */
#ifndef PLX_SYS_CREDENTIAL_H
#define PLX_SYS_CREDENTIAL_H

#include <stdbool.h>

/* The path of the credential of that name (no '/'), on the heap; NULL: there is none. */
char *plx_credential_path(const char *name);

/* Whether a path is in the folder of credentials. */
bool plx_credential_has(const char *path);

#endif
