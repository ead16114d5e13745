/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What abidiff does not see of the headers of host-shim/, which are released with each minor: every
 * number; and every struct once more, in C11 and in C++11.
 *
 * Only append, as in layout.c.
 */
#include "regstore-host.h"
#include "regstore-policy.h"

#include "layout.h"

/* Minor 0. */
NUMBER(REGSTORE_HOST_EVENT_LOG, 0);
NUMBER(sizeof(REGSTORE_POLICY_ID), sizeof("org.regstore.policy/1"));

FROZEN(host_location, 32);
FIELD(host_location, name, 0, const char *);
FIELD(host_location, driver, 8, const char *);
FIELD(host_location, settings, 16, const struct regstore_pair *);
FIELD(host_location, n_settings, 24, size_t);

FROZEN(host_event, 2080);
FIELD(host_event, time_ns, 0, int64_t);
FIELD(host_event, value, 8, double);
FIELD(host_event, kind, 16, int32_t);
FIELD(host_event, level, 20, int32_t);
FIELD(host_event, n_fields, 24, uint32_t);
FIELD(host_event, text_bytes, 28, uint32_t);
FIELD(host_event, text, 32, char[2048]);

GROWS(policy_opts, 48);
FIELD(policy_opts, struct_size, 0, uint64_t);
FIELD(policy_opts, flags, 8, uint64_t);
FIELD(policy_opts, user, 16, const char *);
FIELD(policy_opts, ctx, 24, void *);
FIELD(policy_opts, document, 32, void (*)(void *, const char *, const char *, const char *));
FIELD(policy_opts, action, 40, void (*)(void *, const char *, const char *, const char *));

GROWS(policy, 16);
FIELD(policy, struct_size, 0, uint64_t);
FIELD(policy, explain, 8, regstore_status (*)(struct regstore_store *, const struct regstore_call *,
      const struct regstore_policy_opts *));
