/* SPDX-License-Identifier: Apache-2.0 */
#include "who.h"

#include <stdlib.h>

#include "buf.h"

void stss3_who_clear(struct stss3_who *who)
{
    stss3_keys_clear(&who->keys);
    free(who->token_file);
    free(who->token_role_arn);
    free(who->profile);
    free(who->config_file.path);
    free(who->credentials_file.path);
    free(who->container_url);
    plug_text_wipe(who->container_token);
    free(who->container_token_file);
    for (size_t i = 0; who->environment != NULL && who->environment[i] != NULL; i++)
        plug_text_wipe(who->environment[i]);
    free(who->environment);
    *who = (struct stss3_who){0};
}
