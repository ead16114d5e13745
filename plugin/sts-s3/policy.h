/* SPDX-License-Identifier: Apache-2.0 */
/* What the role of section 12.2 needs: its trust policy, and the least permissions. */
#ifndef STSS3_POLICY_H
#define STSS3_POLICY_H

#include "regstore-policy.h"

extern const struct regstore_policy stss3_policy;

#endif
